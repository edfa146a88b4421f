"""A fast path of ReadableStreamFromIterable, for an asynchronous iterator: its pull algorithm.

A pipe may go round it: see `fast_pipe_in_a_task`. Otherwise, as it is open when the task of an iterator tells of a
value, no promise for it has to be followed by another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from .._platform import event_loop
from .._platform.async_sequence import END_OF_ITERATION
from .._platform.fast_paths import fast_paths
from .._platform.promises import IT_WILL_TELL, Promise, a_promise_resolved_with, is_thenable, upon
from . import fast_default, fast_read
from .ops import default_controllers

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable

    from .._platform.async_sequence import AsyncIteratorRecord
    from .default_controller import ReadableStreamDefaultController


def is_to_be_awaited(value: object) -> bool:
    """Whether the value of the iterator is a promise, or another awaitable, for one."""
    return value.__class__ not in fast_read.PLAIN_TYPES and is_thenable(value)


@final
class PullOfAnIterator:
    """The plain steps, and the iterator that they ask."""

    __slots__ = ("controller", "iterator", "steps")

    controller: ReadableStreamDefaultController

    def __init__(self, steps: Callable[[], Promise[Any]], iterator: AsyncIteratorRecord) -> None:
        self.steps = steps
        self.iterator = iterator

    @property
    def context(self) -> contextvars.Context:
        """What the iterator runs in."""
        return self.iterator.context

    @context.setter
    def context(self, context: contextvars.Context) -> None:
        self.iterator.context = context

    def __call__(self) -> Promise[Any]:
        """Ask for the next value, and enqueue it.

        Returns:
            The promise for that; IT_WILL_TELL, from the fast path, as the microtask for the end of it will be queued.
        """
        if not fast_paths.enabled:
            return self.steps()
        self.iterator.ask(self)
        return IT_WILL_TELL

    def ended(self, value: object) -> None:
        """The iterator has given a value, or is at its end."""
        if is_to_be_awaited(value):
            upon(a_promise_resolved_with(value, self.context), self.ended, self.failed)
            return
        self.iterator.has_answered()
        if value is END_OF_ITERATION:
            default_controllers.readable_stream_default_controller_close(self.controller)
        else:
            default_controllers.readable_stream_default_controller_enqueue(self.controller, value)
        event_loop.enqueue_microtask(fast_default.PULLED, self.controller)

    def failed(self, reason: object) -> None:
        """The iterator has raised something."""
        self.iterator.has_answered()
        default_controllers.readable_stream_default_controller_error(self.controller, reason)
        event_loop.enqueue_microtask(fast_default.PULLED, self.controller)
