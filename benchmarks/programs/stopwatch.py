"""Times the work of a program, and says so as one line of JSON."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

from .other_end import processor_time

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@contextlib.contextmanager
def stopwatch(count: float, peer: subprocess.Popen[str] | None = None) -> Iterator[None]:
    """Print how long so many operations took.

    By the clock; on a processor in this thread; and there or in the process of the peer.
    """
    peers_cpu = processor_time(peer) if peer is not None else 0.0
    wall, cpu = time.perf_counter(), time.thread_time()
    yield
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    peers_cpu = processor_time(peer) - peers_cpu if peer is not None else 0.0
    print(json.dumps({"count": count, "wall": wall, "cpu": cpu, "both": cpu + peers_cpu}))
