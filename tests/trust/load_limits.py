"""Descriptors and memory of this process, and how many of the former it may have."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Bytes that the system may keep of what is sent, where it had better not keep much.
BUFFER: Final = 32 * 1024


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def resident() -> float:
    """The memory of this process, in MiB, without what it could give back at once."""
    with contextlib.suppress(AttributeError):  # the C library has no such function
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def allocated() -> int:
    """How many blocks of memory Python has in use; what it keeps of the system's for later is not among them."""
    gc.collect()
    return sys.getallocatedblocks()


@contextmanager
def limit_put_back() -> Iterator[None]:
    """Allow as many descriptors afterwards as before."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def allow_descriptors(count: int) -> int:
    """Have as many as that allowed, or as the hard limit lets; returns how many are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
