"""What a case leaves behind: tasks, descriptors, objects of the packages, and errors that the loop was told of."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from pathlib import Path

from tests.support import LoopErrors, settle

#: How the names of the modules under test begin.
_PACKAGES = ("whatwg_streams.", "direct_sockets.")
_DESCRIPTORS = Path("/proc/self/fd")


class Before:
    """What there was before a case."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks() if _a_loop_runs() else set[asyncio.Task[object]]()
        self._descriptors = _descriptors()
        self._objects = _objects()

    def left(self) -> list[str]:
        """Collect garbage, and tell what there is now that was not there then. Tasks that are left are cancelled."""
        reports = LoopErrors.current.take()  # which collects
        tasks = asyncio.all_tasks() - self._tasks if _a_loop_runs() else set[asyncio.Task[object]]()
        objects = [f"{number} {name}" for name, number in (_objects() - self._objects).items()]
        found = [*map(repr, tasks), *objects, *(f"reported {one}" for one in reports)]
        if (descriptors := _descriptors() - self._descriptors) > 0:
            found.append(f"{descriptors} descriptors")
        for task in tasks:
            task.cancel()
        return found

    async def left_at_rest(self) -> list[str]:
        """The same, once the loop has nothing left to do."""
        await settle()
        gc.collect()
        await settle(3)
        return self.left()


def _a_loop_runs() -> bool:
    return asyncio._get_running_loop() is not None


def _descriptors() -> int:
    """How many are open, on systems that list them."""
    return sum(1 for _ in _DESCRIPTORS.iterdir()) if _DESCRIPTORS.exists() else 0


def _objects() -> Counter[str]:
    """How many objects of our packages there are, by their type."""
    modules = Counter((str(type(one).__module__), type(one).__qualname__) for one in gc.get_objects())
    return Counter({name: number for (module, name), number in modules.items() if module.startswith(_PACKAGES)})
