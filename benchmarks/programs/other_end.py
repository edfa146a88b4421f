"""Starts `peer.c`, which is at the other end of the sockets; BENCH_PEER says where it is built."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def other_end(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [os.environ["BENCH_PEER"], *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[str]) -> int:
    """The port of one that serves."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def processor_time(process: subprocess.Popen[str]) -> float:
    """How many seconds it has been on a processor."""
    return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9


def resident_memory() -> int:
    """Of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
