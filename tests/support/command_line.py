"""Runs of the command line: in this process over any operating system, and in one of its own over real sockets."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import pytest
from typing_extensions import override

from direct_sockets import PermissionsPolicy
from direct_sockets._command_line.main import StandardDescriptors, main
from tests.support import ROOT, LoopFactory
from tests.support.operating_system import BOTH, HandmadeSystem

ALL_FEATURES = "direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)"

on_each_loop = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


class Result(NamedTuple):
    status: int
    output: bytes
    error: str


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    @override
    def isatty(self) -> bool:
        return True


def run_here(
    *arguments: str,
    input: bytes = b"",
    system: HandmadeSystem | None = None,
    policy: PermissionsPolicy = BOTH,
    loop_factory: LoopFactory | None = None,
    error: io.StringIO | None = None,
    input_is_a_terminal: bool = False,
    output_is_a_terminal: bool = False,
) -> Result:
    """Run a command in this process; the input, and what comes out, has to fit into a pipe."""
    error = io.StringIO() if error is None else error
    with _pipe(input) as (reading_end, _), _pipe() as (output, writing_end):
        standard = StandardDescriptors(reading_end, writing_end, error, input_is_a_terminal, output_is_a_terminal)
        with (system or HandmadeSystem()).installed(policy):
            status = main(arguments, standard, loop_factory)
        for thread in threading.enumerate():
            if thread.name in {"standard input", "standard output"}:
                thread.join()  # lest it reads from whatever has the number of the pipe next
        os.set_blocking(output, False)
        written = b""
        with contextlib.suppress(BlockingIOError):
            written = os.read(output, 65536)
    return Result(status, written, error.getvalue())


@contextlib.contextmanager
def _pipe(data: bytes | None = None) -> Iterator[tuple[int, int]]:
    """A pipe; with data, these are in it, and its other end is closed."""
    reading_end, writing_end = os.pipe()
    try:
        if data is not None:
            os.write(writing_end, data)
            os.close(writing_end)
        yield reading_end, writing_end
    finally:
        os.close(reading_end)
        if data is None:
            os.close(writing_end)


class Process:
    """A command in a process of its own; it is ended, and waited for, with the block."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @property
    def input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def error(self) -> IO[bytes]:
        assert self.process.stderr is not None
        return self.process.stderr

    def end_input(self, data: bytes = b"") -> None:
        """Write the last of its input, and close it."""
        self.input.write(data)
        self.input.close()
        self.process.stdin = None

    def type(self, data: bytes) -> None:
        self.input.write(data)
        self.input.flush()

    def port(self) -> int:
        """The port that it tells of on standard error."""
        line = self.error.readline()
        return int(line.rpartition(b" ")[2])

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def result(self, input: bytes | None = None) -> Result:
        """Close its input, and wait for its end."""
        output, error = self.process.communicate(input)
        return Result(self.process.returncode, output or b"", (error or b"").decode())


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "direct_sockets", *arguments]


def environment(policy: str | None = ALL_FEATURES) -> dict[str, str]:
    """The environment, with this policy, and without the debug mode: that has something to say of slow calls."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONASYNCIODEBUG", _POLICY}}
    kept["PYTHONPATH"] = str(ROOT / "packages")
    return kept if policy is None else {**kept, _POLICY: policy}


_POLICY = "DIRECT_SOCKETS_PERMISSIONS_POLICY"


@contextlib.contextmanager
def process(*arguments: str, policy: str | None = ALL_FEATURES, closing: str = "", **streams: Any) -> Iterator[Process]:
    """Run a command in a process of its own; without those descriptors that are closed in the words of a shell."""
    started_by_a_shell = ["sh", "-c", f'exec "$@" {closing}', "sh"] if closing else []
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    started = subprocess.Popen(started_by_a_shell + command(*arguments), env=environment(policy), **streams)
    with started as running:
        try:
            yield Process(running)
        finally:
            running.kill()
