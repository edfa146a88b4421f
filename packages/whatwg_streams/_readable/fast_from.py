"""What a pipe may go round: the pull algorithm of ReadableStreamFromIterable, for an asynchronous iterator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable

    from .._platform.async_sequence import AsyncIteratorRecord
    from .._platform.promises import Promise


@final
class PullOfAnIterator:
    """The plain steps, and the iterator that they ask: see `fast_pipe_in_a_task`."""

    __slots__ = ("iterator", "steps")

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
        return self.steps()
