"""Waiting for a promise to settle, however it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from . import event_loop
from .promises import mark_as_handled

if TYPE_CHECKING:
    from collections.abc import Generator

    from .promises import Promise


@final
class UntilSettled:
    """To be awaited until a promise has settled; that counts as handling it, if it is rejected.

    It takes no promise of its own, as `then` does. Cancelling a task that awaits it leaves the promise as it is.

    Args:
        promise: the promise.
    """

    __slots__ = ("_promise",)

    def __init__(self, promise: Promise[Any]) -> None:
        self._promise = promise

    def __await__(self) -> Generator[Any, None, None]:
        promise = self._promise
        if promise._promise_state != "pending":
            mark_as_handled(promise)
            return
        event_loop.adopt_waiting_microtasks()
        waiter = event_loop.Waiter(promise)
        promise._add_reaction(waiter)
        yield waiter
