"""What an iteration awaits where the fast path has not got its chunk at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from .._platform.promises import take_result_of
from .._platform.reasons import MYPY

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._platform.event_loop import Waiter
    from .async_iterator import _IterationPromise


@final
class Later:
    """To be awaited for a chunk that is not there at once.

    Args:
        promise: for the chunk.
        waiter: that of the task, if it is to be yielded; or the promise, if it is to be awaited; None if it has
            settled, and the task may go on.
    """

    __slots__ = ("promise", "waits_for")

    def __init__(self, promise: _IterationPromise, waits_for: Waiter | _IterationPromise | None) -> None:
        self.promise = promise
        self.waits_for = waits_for

    def __await__(self) -> Generator[Any, None, Any]:
        if self.waits_for is self.promise:
            return (yield from self.promise.__await__())
        if self.waits_for is not None:
            yield self.waits_for
        settled = [self.promise]
        if not MYPY:
            del self  # see Promise.__await__
        return take_result_of(settled)
