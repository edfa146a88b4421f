"""Descriptors of this process, and how many it may have."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Bytes that the system may keep of what is sent, where it had better not keep much.
BUFFER: Final = 32 * 1024


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


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
