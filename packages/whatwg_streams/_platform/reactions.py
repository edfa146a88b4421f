"""What is done once a promise has settled: the reactions that a promise keeps.

Those of `then`, which settle another promise, are in `promises`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

from . import event_loop
from .reasons import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .promises import Promise


class Reaction(Protocol):
    def on_settled(self, promise: Promise[Any]) -> object: ...


@final
class Several:
    """More than one reaction, in the order in which they were added."""

    __slots__ = ("reactions",)

    def __init__(self, reactions: list[Reaction]) -> None:
        self.reactions = reactions

    def on_settled(self, promise: Promise[Any]) -> None:
        for reaction in self.reactions:
            reaction.on_settled(promise)


@final
class Upon:
    """Call a function in a microtask; its result is of no interest."""

    __slots__ = ("on_fulfilled", "on_rejected")

    def __init__(
        self, on_fulfilled: Callable[[Any], object] | None, on_rejected: Callable[[Any], object] | None
    ) -> None:
        self.on_fulfilled = on_fulfilled
        self.on_rejected = on_rejected

    def on_settled(self, promise: Promise[Any]) -> None:
        steps = self.on_fulfilled if promise._promise_state == "fulfilled" else self.on_rejected
        if steps is not None:
            event_loop.enqueue_microtask(steps, promise._promise_result)


@final
class Step:
    """Take a step of a pipe, when the promise is fulfilled: see `event_loop.enqueue_a_step`."""

    __slots__ = ("steps",)

    def __init__(self, steps: Callable[[Any], object]) -> None:
        self.steps = steps

    def on_settled(self, promise: Promise[Any]) -> None:
        if promise._promise_state == "fulfilled":
            event_loop.enqueue_a_step(self.steps, promise._promise_result)


@final
class Observe:
    """Call a function at once when the promise settles: in the order of the reactions, but in no microtask."""

    __slots__ = ("on_settled",)

    def __init__(self, on_settled: Callable[[Promise[Any]], object]) -> None:
        self.on_settled = on_settled


@final
class Rejection:
    """What a rejected promise keeps: where its reason was raised, and whether anybody reacted.

    Its collection is that of the promise; only promises that are rejected pay for a finalizer.
    """

    __slots__ = ("loop", "reason", "report", "traceback")

    def __init__(self, reason: object, *, report: bool) -> None:
        self.reason = reason
        self.report = report
        self.traceback: TracebackType | None = reason.__traceback__ if isinstance(reason, BaseException) else None
        self.loop = event_loop.get_running_loop_or_none() if report else None

    def on_settled(self, promise: Promise[Any]) -> None:
        """A promise settles once."""

    def __del__(self) -> None:
        if self.report:
            reason = self.reason
            exception = reason if isinstance(reason, BaseException) else wrapped(reason)
            event_loop.report_exception(exception, "A promise was rejected, and nobody handled it", self.loop)
