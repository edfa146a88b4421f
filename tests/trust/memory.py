"""Memory of this process, and whether it returns to where it was.

What is free need not be given back: it is free only for this process. Python's own allocator gives back an arena, a
MiB, once nothing in it is in use; the C library, with `PYTHONMALLOC=malloc`, each page. And a few objects are kept for
later by those who made them, however much there once was: uvloop keeps 250 handles and as many timers, asyncio 255
iterators of futures, CPython 4,096 names whose attributes were looked up. They lie where there happened to be room at
the height of the load, a page or an arena with each of them. So these are exchanged for new ones, which lie together,
and pages are given back: what is then still there is in use, or was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_KEPT_FOR_LATER: Final = 256  # objects of a kind, at most
_HOUR: Final = 3600.0
#: The share by which there may be more in use after any load than after the first: some 300 bytes for each of ten
#: thousand connections. The loop's tables of descriptors do not shrink, and may become larger with any of them, once.
_GROWTH: Final = 0.1


def gives_back_pages() -> bool:
    """Whether the C library's allocator is used, not Python's: then the memory of this process tells what is in use."""
    return sys.getallocatedblocks() == 0


def allocated() -> int:
    """How many blocks of memory Python's allocator has in use; what it keeps of the system's is not among them."""
    gc.collect()
    return sys.getallocatedblocks()


def resident() -> float:
    """The memory of this process, in MiB, without what it could give back at once."""
    with contextlib.suppress(AttributeError):  # the C library has no such function
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


async def resident_at_rest() -> float:
    """The same, without garbage, and with what is kept for later in one place."""
    gc.collect()
    await _exchange_what_is_kept()
    return resident()


async def _exchange_what_is_kept() -> None:
    """Take out what is kept, and as many new ones; put in the new ones first: there is no room for the others."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    taken: list[object] = []
    for _ in range(2 * _KEPT_FOR_LATER):
        handle, timer = loop.call_soon(lambda: None), loop.call_later(_HOUR, lambda: None)
        handle.cancel()
        timer.cancel()
        taken += [handle, timer, iter(future)]
    await asyncio.sleep(0)  # the loop lets go of them
    await asyncio.sleep(0)
    while taken:
        taken.pop()
    getattr(sys, "_clear_internal_caches", sys._clear_type_cache)()


@dataclass
class Memory:
    """What a process had in use, in MiB.

    Attributes:
        whose: the process.
        before: before the first load.
        after: after each.
        bound: how much more there may be after the first.
    """

    whose: str
    before: float
    bound: float
    after: list[float] = field(default_factory=list)

    def complaints(self) -> list[str]:
        """Whether it did not return to where it was, or grew with each load."""
        first = self.after[0]
        most = max(self.after)
        found: list[str] = []
        if first > self.before + self.bound:
            found.append(f"{self.whose} had {self.before:.1f} MiB in use, {first:.1f} after the first load")
        if most > first * (1 + _GROWTH):
            found.append(f"{self.whose} had {first:.1f} MiB in use after the first load, {most:.1f} after another")
        return found

    def __str__(self) -> str:
        return (
            f"{self.whose} {self.before:.1f} MiB before, {', '.join(f'{each:.1f}' for each in self.after)} after each"
        )
