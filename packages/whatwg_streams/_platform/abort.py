"""AbortController and AbortSignal: https://dom.spec.whatwg.org/#aborting-ongoing-activities

Rule: a signal does not keep the signals that depend on it alive; but a dependent signal, or one with a
timeout, that somebody listens to stays alive until it can no longer be aborted.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar, cast

from typing_extensions import override

from . import event_loop
from .dom_exception import AbortError, TimeoutError
from .event_target import EventTarget
from .reasons import raise_reason
from .webidl import convert_interface, convert_unsigned_long_long, new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    Listener = Callable[["AbortEvent"], object]


_Signal = TypeVar("_Signal", bound="AbortSignal")


class AbortEvent(NamedTuple):
    """What a listener for "abort" is called with: https://dom.spec.whatwg.org/#interface-event"""

    type: str
    target: AbortSignal


class AbortSignal(EventTarget[AbortEvent]):
    """Tells an operation that it should stop, and why: https://dom.spec.whatwg.org/#interface-AbortSignal

    Get one from an `AbortController`, or from `AbortSignal.abort`, `timeout` or `any`.
    """

    __slots__ = (
        "__weakref__",
        "_abort_algorithms",
        "_abort_reason",
        "_aborted",
        "_dependent",
        "_dependent_signals",
        "_kept_alive",
        "_source_signals",
        "_timer",
        "_traceback",
        "_with_timeout",
    )

    _event_types: ClassVar[tuple[str, ...]] = ("abort",)

    _aborted: bool
    _abort_reason: Any
    _abort_algorithms: dict[Callable[[], object], None]  # an ordered set
    _dependent: bool
    _source_signals: dict[AbortSignal, None]  # an ordered set; they live as long as we may be aborted by them
    _dependent_signals: dict[weakref.ref[AbortSignal], None]  # an ordered set of weak references
    _kept_alive: set[AbortSignal]  # those of our dependents that are listened to
    _timer: event_loop.Timer | None
    _with_timeout: bool
    _traceback: TracebackType | None  # of the reason, as it was when the signal was aborted

    def __new__(cls) -> Self:
        signal = super().__new__(cls)
        signal._aborted = False
        signal._abort_reason = None
        signal._abort_algorithms = {}
        signal._dependent = False
        signal._source_signals = {}
        signal._dependent_signals = {}
        signal._initialize_event_target()
        signal._kept_alive = set()
        signal._timer = None
        signal._with_timeout = False
        signal._traceback = None
        return signal

    def __init__(self) -> None:
        raise TypeError("an AbortSignal is made by an AbortController, or by AbortSignal.abort, timeout or any")

    # Static methods ------------------------------------------------------------------------------

    @classmethod
    def abort(cls, reason: object = None) -> Self:
        """A signal that is aborted already: https://dom.spec.whatwg.org/#dom-abortsignal-abort

        Args:
            reason: why; without one, an AbortError.
        """
        # 1. A new signal.
        signal = new(cls)
        # 2. The reason is the one given, or else a new AbortError.
        _set_abort_reason(signal, _reason_or_abort_error(reason))
        # 3. That signal.
        return signal

    @classmethod
    def timeout(cls, milliseconds: float) -> Self:
        """A signal that aborts by itself: https://dom.spec.whatwg.org/#dom-abortsignal-timeout

        Where no event loop runs yet, the time starts to run when one does.

        Args:
            milliseconds: after how long; the reason will be a TimeoutError.

        Raises:
            TypeError: it is no finite number, or is negative.
        """
        milliseconds = convert_unsigned_long_long(milliseconds, "milliseconds")
        # 1. A new signal.
        signal = new(cls)
        signal._with_timeout = True
        # 2. (There is one global object.)
        # 3. After the timeout, a task signals abort with a new TimeoutError.
        reference = weakref.ref(signal)

        def time_out() -> None:
            signal = reference()
            _observed_timeouts.discard(signal)
            if signal is not None:
                signal_abort(signal, TimeoutError(f"the operation timed out after {milliseconds} ms"))

        def start(_: object) -> None:
            signal = reference()
            if signal is not None:
                signal._timer = event_loop.run_steps_after_a_timeout(milliseconds, time_out)

        if event_loop.get_running_loop_or_none() is None:
            event_loop.enqueue_microtask(start, None)
        else:
            start(None)
        # 4. That signal.
        return signal

    @classmethod
    def any(cls, signals: Iterable[AbortSignal]) -> Self:
        """A signal that aborts as soon as one of the others does, with its reason.

        https://dom.spec.whatwg.org/#dom-abortsignal-any
        """
        signals = [convert_interface(signal, "signals", AbortSignal) for signal in signals]
        # 1. A dependent signal of the signals.
        return create_a_dependent_abort_signal(signals, cls)

    # Attributes and methods ------------------------------------------------------------------------

    @property
    def aborted(self) -> bool:
        """Whether the operation should stop: https://dom.spec.whatwg.org/#dom-abortsignal-aborted"""
        return self._aborted

    @property
    def reason(self) -> Any:
        """Why: any object, usually an exception; None while not aborted."""
        return self._abort_reason

    def throw_if_aborted(self) -> None:
        """Raise the reason, if aborted: https://dom.spec.whatwg.org/#dom-abortsignal-throwifaborted

        Raises:
            RejectionError: the reason is no exception; `reason` has it.
        """
        if self._aborted:
            reason = self._abort_reason
            if isinstance(reason, BaseException):
                reason = reason.with_traceback(self._traceback)
            raise_reason(reason)

    @property
    def onabort(self) -> Listener | None:
        """One listener that can be set and replaced: https://dom.spec.whatwg.org/#dom-abortsignal-onabort"""
        return self._get_event_handler("abort")

    @onabort.setter
    def onabort(self, callback: Listener | None) -> None:
        self._set_event_handler("abort", callback)

    @override
    def __repr__(self) -> str:
        state = f"aborted: {self._abort_reason!r}" if self._aborted else "not aborted"
        return f"<{type(self).__name__} {state}>"

    # Beyond the standard's text ---------------------------------------------------------------------

    @override
    def _listeners_changed(self) -> None:
        self._keep_alive_while_observed()

    def _keep_alive_while_observed(self) -> None:
        """https://dom.spec.whatwg.org/#abort-signal-garbage-collection"""
        observed = not self._aborted and bool(self._event_listeners or self._abort_algorithms)
        if self._with_timeout:
            (_observed_timeouts.add if observed else _observed_timeouts.discard)(self)
        for source in self._source_signals:
            (source._kept_alive.add if observed else source._kept_alive.discard)(self)

    def __del__(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


_observed_timeouts: set[AbortSignal | None] = set()


class AbortController:
    """Makes a signal, and aborts it: https://dom.spec.whatwg.org/#interface-abortcontroller"""

    __slots__ = ("__weakref__", "_signal")

    def __init__(self) -> None:
        # 1. A new signal.
        # 2. Set this's signal to it.
        self._signal = new(AbortSignal)

    @property
    def signal(self) -> AbortSignal:
        """The signal: https://dom.spec.whatwg.org/#dom-abortcontroller-signal"""
        return self._signal

    def abort(self, reason: object = None) -> None:
        """Tell the operation to stop: https://dom.spec.whatwg.org/#dom-abortcontroller-abort

        Args:
            reason: why; without one, an AbortError.
        """
        signal_abort(self._signal, reason)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._signal!r}>"


# Algorithms for other standards ------------------------------------------------------------------


def _reason_or_abort_error(reason: object) -> object:
    return AbortError("the operation was aborted") if reason is None else reason


def _set_abort_reason(signal: AbortSignal, reason: object) -> None:
    signal._aborted = True
    signal._abort_reason = reason
    signal._traceback = reason.__traceback__ if isinstance(reason, BaseException) else None


def add_algorithm(signal: AbortSignal, algorithm: Callable[[], object]) -> None:
    """https://dom.spec.whatwg.org/#abortsignal-add"""
    # 1. An aborted signal takes none.
    if signal._aborted:
        return
    # 2. Append it to the signal's abort algorithms.
    signal._abort_algorithms[algorithm] = None
    signal._keep_alive_while_observed()


def remove_algorithm(signal: AbortSignal, algorithm: Callable[[], object]) -> None:
    """https://dom.spec.whatwg.org/#abortsignal-remove"""
    signal._abort_algorithms.pop(algorithm, None)
    signal._keep_alive_while_observed()


def signal_abort(signal: AbortSignal, reason: object = None) -> None:
    """https://dom.spec.whatwg.org/#abortsignal-signal-abort"""
    # 1. It may be aborted already.
    if signal._aborted:
        return
    # 2. The reason is the one given, or else a new AbortError.
    _set_abort_reason(signal, _reason_or_abort_error(reason))
    # 3. Those that depend on it and are to be aborted too.
    dependent_signals_to_abort: list[AbortSignal] = []
    # 4. For each dependent signal,
    for reference in signal._dependent_signals:
        dependent_signal = reference()
        # 4.1. that is not aborted: it gets the same reason, and is one of those.
        if dependent_signal is not None and not dependent_signal._aborted:
            _set_abort_reason(dependent_signal, signal._abort_reason)
            dependent_signals_to_abort.append(dependent_signal)
    # 5. The signal's own abort steps come first,
    run_the_abort_steps(signal)
    # 6. then those of the dependent ones.
    for dependent_signal in dependent_signals_to_abort:
        run_the_abort_steps(dependent_signal)
    signal._kept_alive.clear()


def run_the_abort_steps(signal: AbortSignal) -> None:
    """https://dom.spec.whatwg.org/#run-the-abort-steps"""
    # 1. Run each of the abort algorithms.
    algorithms = list(signal._abort_algorithms)
    for algorithm in algorithms:
        algorithm()
    # 2. Empty them.
    signal._abort_algorithms.clear()
    # 3. Fire "abort".
    fire_an_abort_event(signal)
    signal._keep_alive_while_observed()


def _fire_an_abort_event(signal: AbortSignal) -> None:
    """https://dom.spec.whatwg.org/#concept-event-fire"""
    signal._dispatch(AbortEvent("abort", signal))


#: Replaced by `host.set_abort_event`.
fire_an_abort_event: Callable[[AbortSignal], object] = _fire_an_abort_event


def create_a_dependent_abort_signal(signals: Iterable[AbortSignal], interface: type[_Signal]) -> _Signal:
    """https://dom.spec.whatwg.org/#create-a-dependent-abort-signal"""
    # 1. A new signal.
    result_signal = new(interface)
    signals = list(signals)
    # 2. If one of the signals is aborted, so is this, with its reason.
    for signal in signals:
        if signal._aborted:
            _set_abort_reason(result_signal, signal._abort_reason)
            return result_signal
    # 3. It depends on others.
    result_signal._dependent = True
    # 4. For each signal:
    for signal in signals:
        # 4.1. One that depends on nothing is a source of it.
        # 4.2. Of one that does, its sources are.
        for source_signal in list(signal._source_signals) if signal._dependent else [signal]:
            assert not source_signal._aborted
            assert not source_signal._dependent
            result_signal._source_signals[source_signal] = None
            dependents = source_signal._dependent_signals
            result_reference: Any = weakref.ref(result_signal, cast("Any", _Forget(weakref.ref(source_signal))))
            dependents[result_reference] = None
    # 5. That signal.
    return result_signal


class _Forget:
    """Takes a collected signal out of its source's dependent signals."""

    __slots__ = ("source",)

    def __init__(self, source: weakref.ref[AbortSignal]) -> None:
        self.source = source

    def __call__(self, reference: weakref.ref[AbortSignal]) -> None:
        source = self.source()
        if source is not None:
            source._dependent_signals.pop(reference, None)
