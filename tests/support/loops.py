"""The event loops that tests run on, and what those loops were told of errors nobody handled."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from typing_extensions import override

from whatwg_streams._platform import event_loop

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]


class LoopErrors:
    """The contexts that loops passed to their exception handler during one test."""

    current: ClassVar[LoopErrors]
    """Those of the test that is running."""

    def __init__(self) -> None:
        self.contexts: list[dict[str, Any]] = []

    def record(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.contexts.append(context)

    def take(self) -> list[dict[str, Any]]:
        """Return the contexts recorded so far and forget them.

        Garbage is collected first, so that what can no longer be handled has been reported.
        """
        gc.collect()
        taken, self.contexts = self.contexts, []
        return taken


class _DebugLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop in debug mode, whatever whoever runs it would like."""

    @override
    def set_debug(self, enabled: bool) -> None:
        super().set_debug(True)


def _recording(new_loop: LoopFactory) -> LoopFactory:
    def factory() -> asyncio.AbstractEventLoop:
        loop = new_loop()
        loop.set_exception_handler(LoopErrors.current.record)
        return loop

    return factory


def _debug_loop() -> asyncio.AbstractEventLoop:
    loop = _DebugLoop()
    loop.set_debug(True)
    return loop


LOOP_FACTORIES: dict[str, LoopFactory] = {"asyncio": _recording(_debug_loop)}

if sys.platform != "win32":
    import uvloop

    LOOP_FACTORIES["uvloop"] = _recording(uvloop.new_event_loop)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().run_until_complete(asyncio.sleep(0))  # libuv opens a pipe of its own, once, and keeps it


#: The same without debug mode, in which scheduling takes several times as long.
QUICK_LOOP_FACTORIES: dict[str, LoopFactory] = {**LOOP_FACTORIES, "asyncio": _recording(asyncio.SelectorEventLoop)}


async def settle(turns: int = 20) -> None:
    """Give the loop its turn often enough for whatever is ready, and whatever follows, to run."""
    for _ in range(turns):
        await asyncio.sleep(0)


def run_what_waits_for_a_loop() -> None:
    """Run the jobs of objects that were built, and left, where no loop ran."""

    async def run() -> None:
        event_loop.adopt_waiting_microtasks()
        await settle()

    if event_loop.microtasks_are_pending():
        with asyncio.Runner(loop_factory=LOOP_FACTORIES["asyncio"]) as runner:
            runner.run(run())
