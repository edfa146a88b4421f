"""Listeners of abort signals, and `onabort`."""

from __future__ import annotations

import asyncio
import functools
from typing import Any, NoReturn

from tests.support import LoopErrors, LoopFactory
from tests.support.abort_events import AbortLog
from whatwg_streams import AbortController, AbortEvent, AbortSignal, Promise


def _note(log: list[Any], what: object, _: AbortEvent) -> None:
    log.append(what)


# Listeners ---------------------------------------------------------------------------------------------


def test_a_listener_gets_the_event_with_its_target() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.add_event_listener("abort", log)
    controller.abort()
    ((kind, target),) = log
    assert (kind, target) == ("abort", controller.signal)
    assert (log[0].type, log[0].target) == ("abort", controller.signal)


def test_listeners_are_called_at_once_in_the_order_they_were_added() -> None:
    controller = AbortController()
    order: list[int] = []
    for number in range(4):
        controller.signal.add_event_listener("abort", functools.partial(_note, order, number))
    controller.abort()
    assert order == [0, 1, 2, 3]


def test_the_signal_is_aborted_when_its_listeners_are_called() -> None:
    controller = AbortController()
    seen: list[tuple[bool, object]] = []
    controller.signal.add_event_listener(
        "abort", lambda event: seen.append((event.target.aborted, event.target.reason))
    )
    controller.abort("why")
    assert seen == [(True, "why")]


def test_adding_a_listener_twice_has_no_effect() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.add_event_listener("abort", log)
    controller.signal.add_event_listener("abort", log, once=True)
    controller.abort()
    assert len(log) == 1


def test_the_same_method_of_the_same_object_is_the_same_listener() -> None:
    class Listener:
        calls = 0

        def called(self, event: AbortEvent) -> None:
            self.calls += 1

    controller = AbortController()
    listener = Listener()
    controller.signal.add_event_listener("abort", listener.called)
    controller.signal.add_event_listener("abort", listener.called)
    controller.abort()
    assert listener.calls == 1


def test_a_removed_listener_is_not_called() -> None:
    controller = AbortController()
    log, other = AbortLog(), AbortLog()
    controller.signal.add_event_listener("abort", log)
    controller.signal.add_event_listener("abort", other)
    controller.signal.remove_event_listener("abort", log)
    controller.signal.remove_event_listener("abort", log)
    controller.abort()
    assert (len(log), len(other)) == (0, 1)


def test_other_events_and_missing_listeners_are_ignored() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.add_event_listener("click", log)
    controller.signal.add_event_listener("abort", None)
    controller.signal.add_event_listener("abort", log)
    controller.signal.remove_event_listener("click", log)
    controller.signal.remove_event_listener("abort", None)
    controller.abort()
    assert len(log) == 1


def test_a_listener_added_after_the_abort_is_not_called() -> None:
    log = AbortLog()
    AbortSignal.abort().add_event_listener("abort", log)
    assert len(log) == 0


def test_a_listener_removed_while_the_event_fires_is_not_called() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.add_event_listener("abort", lambda _: controller.signal.remove_event_listener("abort", log))
    controller.signal.add_event_listener("abort", log)
    controller.abort()
    assert len(log) == 0


def test_a_listener_added_while_the_event_fires_is_not_called() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.add_event_listener("abort", lambda _: controller.signal.add_event_listener("abort", log))
    controller.abort()
    assert len(log) == 0


def test_a_listener_for_once_is_gone_before_it_is_called() -> None:
    controller = AbortController()
    left: list[int] = []

    def listener(event: AbortEvent) -> None:
        left.append(len(controller.signal._event_listeners))

    controller.signal.add_event_listener("abort", listener, once=True)
    controller.abort()
    assert left == [0]


async def test_what_a_listener_raises_is_reported_and_stops_nobody(loop_errors: LoopErrors) -> None:
    def fail(event: AbortEvent) -> NoReturn:
        raise error

    error = ValueError("in the listener")
    controller = AbortController()
    log = AbortLog()
    controller.signal.onabort = fail
    controller.signal.add_event_listener("abort", log)
    controller.abort()
    assert len(log) == 1
    (context,) = loop_errors.take()
    assert context["exception"] is error


def test_what_a_listener_raises_without_a_loop_is_reported_to_the_next_one(
    loop_factory: LoopFactory, loop_errors: LoopErrors
) -> None:
    error = ValueError("in the listener")

    def fail(event: AbortEvent) -> NoReturn:
        raise error

    controller = AbortController()
    controller.signal.add_event_listener("abort", fail)
    controller.abort()

    async def main() -> None:
        await Promise.resolve(None)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    (context,) = loop_errors.take()
    assert context["exception"] is error


# onabort ------------------------------------------------------------------------------------------------


def test_onabort_is_one_listener() -> None:
    controller = AbortController()
    first, second = AbortLog(), AbortLog()
    assert controller.signal.onabort is None
    controller.signal.onabort = first
    controller.signal.onabort = second
    assert controller.signal.onabort is second
    controller.abort()
    assert (len(first), len(second)) == (0, 1)


def test_onabort_keeps_the_place_where_it_was_first_set() -> None:
    controller = AbortController()
    order: list[str] = []
    controller.signal.onabort = lambda _: order.append("replaced")
    controller.signal.add_event_listener("abort", lambda _: order.append("added"))
    controller.signal.onabort = lambda _: order.append("onabort")
    controller.abort()
    assert order == ["onabort", "added"]


def test_onabort_set_anew_after_it_was_removed_comes_last() -> None:
    controller = AbortController()
    order: list[str] = []
    controller.signal.onabort = lambda _: order.append("removed")
    controller.signal.add_event_listener("abort", lambda _: order.append("added"))
    controller.signal.onabort = None
    controller.signal.onabort = lambda _: order.append("onabort")
    controller.abort()
    assert order == ["added", "onabort"]


def test_setting_onabort_to_what_can_not_be_called_removes_it() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.onabort = log
    controller.signal.onabort = "no function"  # type: ignore[assignment]
    assert controller.signal.onabort is None
    controller.signal.onabort = None
    controller.abort()
    assert len(log) == 0


def test_onabort_and_a_listener_of_the_same_function_are_two() -> None:
    controller = AbortController()
    log = AbortLog()
    controller.signal.onabort = log
    controller.signal.add_event_listener("abort", log)
    controller.signal.remove_event_listener("abort", log)
    controller.signal.add_event_listener("abort", log)
    controller.abort()
    assert len(log) == 2
