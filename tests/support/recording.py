"""Underlying sinks, sources and transformers that write down what is done with them; and what promises do.

Everything of one test can be written into one `EventTrace`, so that its `events` tell the order of it all:

    trace = EventTrace()
    sink = RecordingSink(trace, write=HOLD)
    writer = WritableStream(sink).get_writer()
    trace.watch("write", writer.write("a"))
    await settle()
    sink.resolve("write")
    await settle()
    assert trace.events == [("start",), ("write", "a"), ("write", "fulfilled")]
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from whatwg_streams._platform.promises import Promise, PromiseWithResolvers, mark_as_handled

Event: TypeAlias = tuple[object, ...]
Outcome: TypeAlias = tuple[str, object]

#: What `outcome` tells of a promise that has not settled, or has fulfilled with nothing.
PENDING: Final[Outcome] = ("pending", None)
FULFILLED: Final[Outcome] = ("fulfilled", None)


def rejected(reason: object) -> Outcome:
    """What `outcome` tells of a promise that was rejected with the reason."""
    return ("rejected", reason)


def outcome(promise: Promise[Any]) -> Outcome:
    """Tell what became of the promise, and take its rejection for handled."""
    mark_as_handled(promise)
    return (promise._promise_state, promise._promise_result)


def reason_of(promise: Promise[Any]) -> Any:
    """Return the reason of a promise that has to be rejected."""
    state, reason = outcome(promise)
    assert state == "rejected", f"the promise is {state}"
    return reason


class EventTrace:
    """Which callbacks ran and which promises settled, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def log(self, *event: object) -> None:
        self.events.append(event)

    def watch(self, name: str, promise: Promise[Any]) -> None:
        """Log when a reaction to the promise runs: `(name, "fulfilled")` or `(name, "rejected", reason)`.

        A value that the promise is fulfilled with follows, unless it is None.
        """

        def fulfilled(value: object) -> None:
            self.log(name, "fulfilled", *(() if value is None else (value,)))

        promise.then(fulfilled, lambda reason: self.log(name, "rejected", reason))

    def clock(self, hops: int) -> None:
        """Log `("hop", 1)`, `("hop", 2)`, …: each is a reaction to the one before, one microtask later."""
        promise: Promise[Any] = Promise.resolve()
        for hop in range(1, hops + 1):
            promise = promise.then(self._tick(hop))

    def _tick(self, hop: int) -> Callable[[object], None]:
        return lambda _: self.log("hop", hop)

    def take(self) -> list[Event]:
        """Return the events so far and forget them."""
        taken, self.events = self.events, []
        return taken


class _Hold:
    def __repr__(self) -> str:
        return "HOLD"


#: The answer of a callback that is to return a promise, which the test settles.
HOLD: Final = _Hold()


class _Recorder:
    """Logs each call, and answers as it was told.

    An answer is an exception, which is raised; a function, which is called with the arguments of the
    callback; `HOLD`; or anything else, which is returned.
    """

    def __init__(self, trace: EventTrace | None, answers: Mapping[str, object]) -> None:
        self.trace = EventTrace() if trace is None else trace
        self.answers = dict(answers)
        self.held: dict[str, deque[PromiseWithResolvers[Any]]] = {}

    @property
    def events(self) -> list[Event]:
        return self.trace.events

    def resolve(self, callback: str, value: object = None) -> None:
        """Resolve the oldest promise that the callback returned and that was not settled yet."""
        self.held[callback].popleft().resolve(value)

    def reject(self, callback: str, reason: object = None) -> None:
        """Reject the oldest promise that the callback returned and that was not settled yet."""
        self.held[callback].popleft().reject(reason)

    def _called(self, callback: str, logged: tuple[object, ...], given: tuple[object, ...]) -> Any:
        self.trace.log(callback, *logged)
        answer = self.answers.get(callback)
        if answer is HOLD:
            held = Promise.with_resolvers()
            self.held.setdefault(callback, deque()).append(held)
            return held.promise
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            return answer(*given)
        return answer


class RecordingSink(_Recorder):
    """An underlying sink; `controller` is the one it was started with."""

    controller: Any

    def __init__(
        self,
        trace: EventTrace | None = None,
        *,
        start: object = None,
        write: object = None,
        close: object = None,
        abort: object = None,
    ) -> None:
        super().__init__(trace, {"start": start, "write": write, "close": close, "abort": abort})

    def start(self, controller: object) -> Any:
        self.controller = controller
        return self._called("start", (), (controller,))

    def write(self, chunk: object, controller: object) -> Any:
        assert controller is self.controller
        return self._called("write", (chunk,), (chunk, controller))

    def close(self) -> Any:
        return self._called("close", (), ())

    def abort(self, reason: object) -> Any:
        return self._called("abort", (reason,), (reason,))


class RecordingSource(_Recorder):
    """An underlying source; `controller` is the one it was started with."""

    controller: Any

    def __init__(
        self,
        trace: EventTrace | None = None,
        *,
        start: object = None,
        pull: object = None,
        cancel: object = None,
        type: str | None = None,
        auto_allocate_chunk_size: int | None = None,
    ) -> None:
        super().__init__(trace, {"start": start, "pull": pull, "cancel": cancel})
        self.type = type
        self.auto_allocate_chunk_size = auto_allocate_chunk_size

    def start(self, controller: object) -> Any:
        self.controller = controller
        return self._called("start", (), (controller,))

    def pull(self, controller: object) -> Any:
        assert controller is self.controller
        return self._called("pull", (), (controller,))

    def cancel(self, reason: object) -> Any:
        return self._called("cancel", (reason,), (reason,))


def pass_on(chunk: object, controller: Any) -> None:
    """Transform nothing."""
    controller.enqueue(chunk)


class RecordingTransformer(_Recorder):
    """A transformer, which passes chunks on; `controller` is the one it was started with."""

    controller: Any

    def __init__(
        self,
        trace: EventTrace | None = None,
        *,
        start: object = None,
        transform: object = pass_on,
        flush: object = None,
        cancel: object = None,
    ) -> None:
        super().__init__(trace, {"start": start, "transform": transform, "flush": flush, "cancel": cancel})

    def start(self, controller: object) -> Any:
        self.controller = controller
        return self._called("start", (), (controller,))

    def transform(self, chunk: object, controller: object) -> Any:
        assert controller is self.controller
        return self._called("transform", (chunk,), (chunk, controller))

    def flush(self, controller: object) -> Any:
        assert controller is self.controller
        return self._called("flush", (), (controller,))

    def cancel(self, reason: object) -> Any:
        return self._called("cancel", (reason,), (reason,))


def members(recorder: _Recorder, *names: str) -> dict[str, Callable[..., Any]]:
    """Return some callbacks of a recorder as a mapping, as if it had no others."""
    return {name: getattr(recorder, name) for name in names}
