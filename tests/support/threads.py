"""A second event loop, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from .loops import LoopFactory

T = TypeVar("T")


class OtherThread:
    """`async with OtherThread(loop_factory) as other`: a thread that runs a loop until it is told to end."""

    def __init__(self, loop_factory: LoopFactory) -> None:
        self._loop_factory = loop_factory
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(self._until_the_end())

    async def _until_the_end(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._started.set()
        await self._end.wait()

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine there, and return its result here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    async def end(self) -> None:
        """Close the loop and join the thread; the tasks there are cancelled."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            await asyncio.to_thread(self._thread.join)

    async def __aenter__(self) -> Self:
        self._thread.start()
        await asyncio.to_thread(self._started.wait)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end()
