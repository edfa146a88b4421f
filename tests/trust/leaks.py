"""What a case leaves behind: tasks, descriptors, objects of the packages, and errors that the loop was told of."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from pathlib import Path

from tests.support import LoopErrors, settle

#: How the names of the modules under test begin.
_PACKAGES = ("whatwg_streams.", "direct_sockets.")
#: What a thread has for as long as it lives.
_OF_THREADS = {"MicrotaskQueue"}
_DESCRIPTORS = Path("/proc/self/fd")
#: How often it is looked again whether something is still there, and the seconds in between.
_LOOKS = 5
_PAUSE = 0.02


class Before:
    """What there was before a case."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks() if _a_loop_runs() else set[asyncio.Task[object]]()
        self._descriptors = _descriptors()
        self._objects = _objects()

    def left(self) -> list[str]:
        """Collect garbage, and tell what there is now that was not there then. Tasks that are left are cancelled."""
        return [*self._unfinished(), *self._kept()]

    async def left_at_rest(self) -> list[str]:
        """The same, once the loop has nothing left to do, and other threads have let go of what they had for it."""
        await settle()
        gc.collect()
        await settle(3)
        unfinished, kept = self._unfinished(), self._kept()
        for _ in range(_LOOKS):
            if not kept:
                break
            await asyncio.sleep(_PAUSE)
            gc.collect()
            kept = self._kept()
        return [*unfinished, *kept]

    def _unfinished(self) -> list[str]:
        reports = LoopErrors.current.take()  # which collects
        tasks = asyncio.all_tasks() - self._tasks if _a_loop_runs() else set[asyncio.Task[object]]()
        for task in tasks:
            task.cancel()
        return [*map(repr, tasks), *(f"reported {one}" for one in reports)]

    def _kept(self) -> list[str]:
        kept = [f"{number} {kind.__qualname__}" for kind, number in (_objects() - self._objects).items()]
        if (descriptors := _descriptors() - self._descriptors) > 0:
            kept.append(f"{descriptors} descriptors")
        return kept


def _a_loop_runs() -> bool:
    return asyncio._get_running_loop() is not None


def _descriptors() -> int:
    """How many are open, on systems that list them."""
    return sum(1 for _ in _DESCRIPTORS.iterdir()) if _DESCRIPTORS.exists() else 0


def _objects() -> Counter[type]:
    """How many objects of our packages there are, by their type."""
    kinds = Counter(map(type, gc.get_objects()))
    return Counter({kind: number for kind, number in kinds.items() if _is_ours(kind)})


def _is_ours(kind: type) -> bool:
    return str(kind.__module__).startswith(_PACKAGES) and kind.__qualname__ not in _OF_THREADS
