"""Listeners for events."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from tests.support import LoopErrors
from whatwg_streams._platform.event_target import EventTarget


class Bell(NamedTuple):
    type: str


class Door(EventTarget[Bell]):
    _event_types: ClassVar[tuple[str, ...]] = ("ring", "knock")

    def __init__(self) -> None:
        self._initialize_event_target()
        self.heard: list[str] = []

    def hears(self, event: Bell) -> None:
        self.heard.append(event.type)

    def hears_well(self, event: Bell) -> None:
        self.heard.append(event.type.upper())


def test_listeners_are_called_in_their_order_for_events_of_their_type() -> None:
    door = Door()
    door.add_event_listener("ring", door.hears)
    door.add_event_listener("knock", door.hears)
    door.add_event_listener("ring", door.hears_well)
    door._dispatch(Bell("ring"))
    assert door.heard == ["ring", "RING"]


def test_a_listener_is_added_once_for_each_type() -> None:
    door = Door()
    for type in ("ring", "ring", "knock"):
        door.add_event_listener(type, door.hears)
    door._dispatch(Bell("ring"))
    door._dispatch(Bell("knock"))
    assert door.heard == ["ring", "knock"]


def test_a_listener_may_be_called_once_only() -> None:
    door = Door()
    door.add_event_listener("ring", door.hears, once=True)
    door._dispatch(Bell("ring"))
    door._dispatch(Bell("ring"))
    assert door.heard == ["ring"]


def test_a_listener_that_is_removed_is_not_called_even_when_that_happens_meanwhile() -> None:
    door = Door()
    door.add_event_listener("ring", lambda _: door.remove_event_listener("ring", door.hears))
    door.add_event_listener("ring", door.hears)
    door._dispatch(Bell("ring"))
    assert door.heard == []
    door.remove_event_listener("ring", door.hears)
    door.remove_event_listener("knock", None)


def test_events_that_there_are_not_and_listeners_that_are_none_are_ignored() -> None:
    door = Door()
    door.add_event_listener("open", door.hears)
    door.add_event_listener("ring", None)
    door._dispatch(Bell("open"))
    door._dispatch(Bell("ring"))
    assert door.heard == []


def test_a_handler_keeps_its_place_when_it_is_replaced() -> None:
    door = Door()
    assert door._get_event_handler("ring") is None
    door._set_event_handler("ring", door.hears)
    door.add_event_listener("ring", door.hears_well)
    door._set_event_handler("ring", lambda _: door.heard.append("replaced"))
    door._dispatch(Bell("ring"))
    assert door.heard == ["replaced", "RING"]
    door._set_event_handler("ring", None)
    door._set_event_handler("ring", None)
    door._dispatch(Bell("ring"))
    assert door.heard == ["replaced", "RING", "RING"]


def test_a_handler_and_a_listener_may_be_the_same_function() -> None:
    door = Door()
    door._set_event_handler("ring", door.hears)
    door.add_event_listener("ring", door.hears)
    door._dispatch(Bell("ring"))
    door.remove_event_listener("ring", door.hears)
    door._dispatch(Bell("ring"))
    assert door.heard == ["ring", "ring", "ring"]


async def test_what_a_listener_raises_is_reported_and_stops_nobody_else(loop_errors: LoopErrors) -> None:
    door = Door()
    fault = ValueError("fault")

    def fails(_: Bell) -> None:
        raise fault

    door.add_event_listener("ring", fails)
    door.add_event_listener("ring", door.hears)
    door._dispatch(Bell("ring"))
    assert door.heard == ["ring"]
    assert [context["exception"] for context in loop_errors.take()] == [fault]
