"""Times the work of a program, and says so as one line of JSON."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def stopwatch(count: float) -> Iterator[None]:
    """Print how long so many operations took: by the clock, and on the processor in this thread."""
    wall, cpu = time.perf_counter(), time.thread_time()
    yield
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"count": count, "wall": wall, "cpu": cpu}))
