"""A thread for calls that block, such as those that read from a terminal.

Event loops watch pipes and terminals, and refuse files; a pipe that is ready for writing may still block; and
to switch a descriptor to not blocking would switch it for all programs that share it, the shell among them. In a
thread all kinds of descriptors are alike. It is a daemon, since a call that never returns must not keep the
process from ending.
"""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, final

from whatwg_streams import Promise
from whatwg_streams.other_specs import perform_a_microtask_checkpoint, reject, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


@final
class Worker:
    """Makes calls in a thread of its own, one after the other.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[asyncio.AbstractEventLoop, Promise[Any], Callable[[], Any]] | None]
        self._calls = SimpleQueue()
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.thread.start()

    def call(self, function: Callable[..., _T], *arguments: Any) -> Promise[_T]:
        """Call the function when those before have returned.

        Returns:
            A promise for what it returns; it rejects with the OSError that it raises.
        """
        promise: Promise[_T] = Promise()
        self._calls.put((asyncio.get_running_loop(), promise, partial(function, *arguments)))
        return promise

    def stop(self) -> None:
        """End the thread, when the calls so far have returned."""
        self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            loop, promise, call = item
            try:
                settle = partial(resolve, promise, call())
            except OSError as error:
                settle = partial(reject, promise, error)
            try:
                loop.call_soon_threadsafe(_perform, settle)
            except RuntimeError:  # the loop is closed: nobody waits for it any more
                return


def _perform(settle: Callable[[], None]) -> None:
    settle()
    perform_a_microtask_checkpoint()
