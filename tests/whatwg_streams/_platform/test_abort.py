"""AbortController and AbortSignal."""

from __future__ import annotations

import asyncio
import gc
import math
import traceback
import weakref
from collections.abc import Callable, Iterator

import pytest

import whatwg_streams
from tests.support import LoopFactory, settle
from tests.support.abort_events import AbortLog
from whatwg_streams import AbortController, AbortError, AbortSignal, Promise, RejectionError
from whatwg_streams._platform import abort, host
from whatwg_streams._platform.abort import add_algorithm, remove_algorithm


class VirtualTimer:
    """Time that passes only when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pending: list[tuple[float, _Handle]] = []

    def run_after(self, milliseconds: float, steps: Callable[[], object]) -> _Handle:
        handle = _Handle(self, steps)
        self.pending.append((self.now + milliseconds, handle))
        return handle

    def advance(self, milliseconds: float) -> None:
        self.now += milliseconds
        due = sorted((entry for entry in self.pending if entry[0] <= self.now), key=lambda entry: entry[0])
        self.pending = [entry for entry in self.pending if entry[0] > self.now]
        for _, handle in due:
            handle.steps()


class _Handle:
    def __init__(self, timer: VirtualTimer, steps: Callable[[], object]) -> None:
        self.timer = timer
        self.steps = steps

    def cancel(self) -> None:
        self.timer.pending = [entry for entry in self.timer.pending if entry[1] is not self]


@pytest.fixture
def timer() -> Iterator[VirtualTimer]:
    timer = VirtualTimer()
    host.set_timer(timer.run_after)
    yield timer
    host.set_timer(None)


# The controller ----------------------------------------------------------------------------------------


def test_a_new_signal_is_not_aborted() -> None:
    signal = AbortController().signal
    assert not signal.aborted
    assert signal.reason is None
    signal.throw_if_aborted()
    assert repr(signal) == "<AbortSignal not aborted>"


def test_a_controller_always_has_the_same_signal() -> None:
    controller = AbortController()
    assert controller.signal is controller.signal


def test_a_signal_is_not_made_by_its_class() -> None:
    with pytest.raises(TypeError, match="AbortController"):
        AbortSignal()


def test_aborting_without_a_reason_gives_an_abort_error() -> None:
    controller = AbortController()
    controller.abort()
    assert controller.signal.aborted
    assert type(controller.signal.reason) is AbortError
    with pytest.raises(AbortError):
        controller.signal.throw_if_aborted()


@pytest.mark.parametrize("reason", ["text", 0, object(), ValueError("why"), False], ids=repr)
def test_aborting_with_a_reason_keeps_it(reason: object) -> None:
    controller = AbortController()
    controller.abort(reason)
    assert controller.signal.reason is reason
    assert repr(reason) in repr(controller.signal)


def test_throwing_raises_the_reason() -> None:
    error = ValueError("why")
    with pytest.raises(ValueError, match="why") as caught:
        AbortSignal.abort(error).throw_if_aborted()
    assert caught.value is error


def test_throwing_a_reason_that_is_no_exception_wraps_it() -> None:
    with pytest.raises(RejectionError) as caught:
        AbortSignal.abort("text").throw_if_aborted()
    assert caught.value.reason == "text"


def test_throwing_several_times_does_not_make_the_traceback_grow() -> None:
    signal = AbortSignal.abort(ValueError("again and again"))
    depths = set[int]()
    for _ in range(4):
        try:
            signal.throw_if_aborted()
        except ValueError as error:
            depths.add(len(traceback.extract_tb(error.__traceback__)))
    assert len(depths) == 1


def test_only_the_first_abort_counts() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.add_event_listener("abort", log)
    controller.abort("first")
    controller.abort("second")
    assert controller.signal.reason == "first"
    assert len(log) == 1


# Algorithms ----------------------------------------------------------------------------------------------


def test_algorithms_run_before_listeners_and_only_once() -> None:
    controller = AbortController()
    order: list[str] = []
    add_algorithm(controller.signal, lambda: order.append("algorithm"))
    controller.signal.add_event_listener("abort", lambda _: order.append("listener"))
    controller.abort()
    abort.run_the_abort_steps(controller.signal)
    assert order == ["algorithm", "listener", "listener"]


def test_a_removed_algorithm_does_not_run() -> None:
    controller = AbortController()
    order: list[str] = []

    def algorithm() -> None:
        order.append("removed")  # pragma: no cover

    add_algorithm(controller.signal, algorithm)
    remove_algorithm(controller.signal, algorithm)
    remove_algorithm(controller.signal, algorithm)
    controller.abort()
    assert order == []


def test_an_aborted_signal_takes_no_algorithms() -> None:
    signal = AbortSignal.abort()
    add_algorithm(signal, lambda: None)
    assert not signal._abort_algorithms


# timeout --------------------------------------------------------------------------------------------------


async def test_a_timeout_aborts_with_a_timeout_error(timer: VirtualTimer) -> None:
    signal = AbortSignal.timeout(1000)
    log = AbortLog()
    signal.add_event_listener("abort", log)
    timer.advance(999)
    assert not signal.aborted
    timer.advance(1)
    assert signal.aborted
    assert type(signal.reason) is whatwg_streams.TimeoutError
    assert len(log) == 1


async def test_a_timeout_runs_on_the_timers_of_the_loop() -> None:
    aborted = asyncio.Event()
    signal = AbortSignal.timeout(1)
    signal.onabort = lambda _: aborted.set()
    await aborted.wait()
    assert signal.aborted
    with pytest.raises(TimeoutError):
        signal.throw_if_aborted()


@pytest.mark.parametrize("milliseconds", [-1, math.nan, math.inf, 2**53, "soon", None, object()], ids=repr)
def test_a_timeout_is_an_integer_in_range(milliseconds: float) -> None:
    with pytest.raises(TypeError, match="milliseconds"):
        AbortSignal.timeout(milliseconds)


def test_a_timeout_without_a_loop_starts_with_the_loop(loop_factory: LoopFactory, timer: VirtualTimer) -> None:
    signal = AbortSignal.timeout(10)
    forgotten = AbortSignal.timeout(20)
    del forgotten
    assert timer.pending == []

    async def main() -> None:
        await Promise.resolve(None)
        assert len(timer.pending) == 1
        timer.advance(10)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert signal.aborted


def test_a_timeout_without_a_loop_that_is_listened_to_stays_alive(
    loop_factory: LoopFactory, timer: VirtualTimer
) -> None:
    log = AbortLog()
    AbortSignal.timeout(10).add_event_listener("abort", log)

    async def main() -> None:
        await Promise.resolve(None)
        gc.collect()
        timer.advance(10)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(log) == 1


async def test_a_forgotten_timeout_stops_its_timer(timer: VirtualTimer) -> None:
    signal = AbortSignal.timeout(10)
    reference = weakref.ref(signal)
    assert len(timer.pending) == 1
    del signal
    gc.collect()
    assert reference() is None
    assert timer.pending == []


async def test_a_timeout_that_somebody_listens_to_stays_alive_until_it_fires(timer: VirtualTimer) -> None:
    log = AbortLog()
    signal = AbortSignal.timeout(10)
    signal.add_event_listener("abort", log)
    reference = weakref.ref(signal)
    del signal
    gc.collect()
    timer.advance(10)
    assert len(log) == 1
    log.clear()
    gc.collect()
    assert reference() is None


async def test_a_timeout_that_nobody_listens_to_any_more_is_forgotten(timer: VirtualTimer) -> None:
    signal = AbortSignal.timeout(10)
    log = AbortLog()
    signal.add_event_listener("abort", log)
    signal.remove_event_listener("abort", log)
    reference = weakref.ref(signal)
    del signal
    gc.collect()
    assert reference() is None


async def test_a_timer_that_fires_after_its_signal_is_gone_does_nothing() -> None:
    late: list[Callable[[], object]] = []

    class Uncancellable:
        def cancel(self) -> None: ...

    def run_after(milliseconds: float, steps: Callable[[], object]) -> Uncancellable:
        late.append(steps)
        return Uncancellable()

    host.set_timer(run_after)
    try:
        AbortSignal.timeout(5)
        gc.collect()
        late[0]()
    finally:
        host.set_timer(None)


# any -------------------------------------------------------------------------------------------------------


def test_any_aborts_with_the_first_of_its_signals() -> None:
    one, two = AbortController(), AbortController()
    signal = AbortSignal.any([one.signal, two.signal])
    assert not signal.aborted
    two.abort("two")
    one.abort("one")
    assert signal.aborted
    assert signal.reason == "two"


def test_any_of_none_never_aborts() -> None:
    assert not AbortSignal.any([]).aborted


def test_any_of_an_aborted_signal_is_aborted_with_the_first_reason() -> None:
    log = AbortLog()
    signal = AbortSignal.any([AbortController().signal, AbortSignal.abort("first"), AbortSignal.abort("second")])
    signal.add_event_listener("abort", log)
    assert signal.aborted
    assert signal.reason == "first"
    assert len(log) == 0


def test_any_takes_signals_only() -> None:
    with pytest.raises(TypeError, match=r"^signals: expected an AbortSignal"):
        AbortSignal.any([AbortController()])  # type: ignore[list-item]


def test_any_takes_an_iterator() -> None:
    controller = AbortController()
    signal = AbortSignal.any(one for one in [controller.signal])
    controller.abort("why")
    assert signal.reason == "why"


def test_dependents_are_aborted_before_any_listener_runs_and_called_after_their_source() -> None:
    controller = AbortController()
    order: list[str] = []
    first = AbortSignal.any([controller.signal])
    second = AbortSignal.any([controller.signal])
    second.add_event_listener("abort", lambda _: order.append("second"))
    first.add_event_listener("abort", lambda _: order.append("first"))
    controller.signal.add_event_listener(
        "abort", lambda _: order.append(f"source, dependents aborted: {first.aborted and second.aborted}")
    )
    controller.abort()
    assert order == ["source, dependents aborted: True", "first", "second"]


def test_a_dependent_of_a_dependent_depends_on_the_sources() -> None:
    controller, other = AbortController(), AbortController()
    order: list[str] = []
    middle = AbortSignal.any([controller.signal])
    last = AbortSignal.any([middle, other.signal])
    last.add_event_listener("abort", lambda _: order.append("last"))
    middle.add_event_listener("abort", lambda _: order.append("middle"))
    controller.abort("why")
    assert order == ["middle", "last"]
    assert last.reason == "why"
    assert list(last._source_signals) == [controller.signal, other.signal]


def test_a_dependent_of_a_dependent_outlives_the_middle_one() -> None:
    controller = AbortController()
    last = AbortSignal.any([AbortSignal.any([controller.signal])])
    gc.collect()
    controller.abort("why")
    assert last.reason == "why"


def test_the_same_signal_twice_is_one_source() -> None:
    controller = AbortController()
    log = AbortLog()
    signal = AbortSignal.any([controller.signal, controller.signal])
    signal.add_event_listener("abort", log)
    controller.abort()
    assert len(log) == 1


def test_a_dependent_whose_sources_are_gone_can_still_be_depended_on() -> None:
    middle = AbortSignal.any([AbortController().signal])
    gc.collect()
    assert not AbortSignal.any([middle]).aborted


def test_aborting_inside_of_a_listener_leaves_the_other_reason() -> None:
    one, two = AbortController(), AbortController()
    signal = AbortSignal.any([one.signal, two.signal])
    log = AbortLog()
    signal.add_event_listener("abort", log)
    one.signal.add_event_listener("abort", lambda _: two.abort("two"))
    one.abort("one")
    assert signal.reason == "one"
    assert len(log) == 1


async def test_any_with_a_timeout_aborts_when_that_fires(timer: VirtualTimer) -> None:
    """The usual way to combine them: nobody else holds on to the signal with the timeout."""
    controller = AbortController()
    signal = AbortSignal.any([controller.signal, AbortSignal.timeout(10)])
    log = AbortLog()
    signal.add_event_listener("abort", log)
    gc.collect()
    timer.advance(10)
    assert signal.aborted
    assert type(signal.reason) is whatwg_streams.TimeoutError
    assert len(log) == 1


async def test_any_with_a_timeout_aborts_though_nobody_listens(timer: VirtualTimer) -> None:
    signal = AbortSignal.any([AbortSignal.timeout(10)])
    gc.collect()
    timer.advance(10)
    assert signal.aborted


# Memory ------------------------------------------------------------------------------------------------------


def test_a_source_does_not_keep_unobserved_dependents_alive() -> None:
    controller = AbortController()
    references = [weakref.ref(AbortSignal.any([controller.signal])) for _ in range(10)]
    gc.collect()
    assert [reference() for reference in references] == [None] * 10
    assert not controller.signal._dependent_signals
    controller.abort()


def test_a_dependent_that_is_listened_to_stays_alive_until_it_is_aborted() -> None:
    controller = AbortController()
    log = AbortLog()
    signal = AbortSignal.any([controller.signal])
    signal.add_event_listener("abort", log)
    reference = weakref.ref(signal)
    del signal
    gc.collect()
    controller.abort("why")
    assert len(log) == 1
    assert log[0].target.reason == "why"
    log.clear()
    gc.collect()
    assert reference() is None


def test_a_dependent_with_an_algorithm_stays_alive_until_that_is_removed() -> None:
    controller = AbortController()
    signal = AbortSignal.any([controller.signal])

    def algorithm() -> None: ...

    add_algorithm(signal, algorithm)
    reference = weakref.ref(signal)
    del signal
    gc.collect()
    kept = reference()
    assert kept is not None
    remove_algorithm(kept, algorithm)
    del kept
    gc.collect()
    assert reference() is None


def test_listeners_of_a_dependent_whose_source_is_gone_do_not_keep_it_alive() -> None:
    controller = AbortController()
    signal = AbortSignal.any([controller.signal])
    del controller
    gc.collect()
    signal.add_event_listener("abort", AbortLog())
    reference = weakref.ref(signal)
    del signal
    gc.collect()
    assert reference() is None


def test_dependents_collected_together_with_their_source_leave_nothing_behind() -> None:
    controller = AbortController()
    signal = AbortSignal.any([controller.signal])
    forget = next(iter(controller.signal._dependent_signals))
    reference = weakref.ref(signal)
    del controller
    gc.collect()
    del signal
    gc.collect()
    assert reference() is None
    assert forget() is None


async def test_many_short_lived_dependents_of_a_long_lived_signal_do_not_pile_up() -> None:
    controller = AbortController()
    for _ in range(100):
        signal = AbortSignal.any([controller.signal])
        log = AbortLog()
        signal.add_event_listener("abort", log)
        signal.remove_event_listener("abort", log)
    del signal
    gc.collect()
    await settle()
    assert len(controller.signal._dependent_signals) == 0
    assert len(controller.signal._kept_alive) == 0
