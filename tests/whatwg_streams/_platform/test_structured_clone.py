"""Structured clones of Python's plain data."""

from __future__ import annotations

import array
import datetime as dt
import decimal
import fractions
import uuid
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from whatwg_streams import AbortError, DataCloneError, DOMException, NetworkError, RangeError
from whatwg_streams._platform import host, structured_clone as module
from whatwg_streams._platform.structured_clone import structured_clone


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        1.5,
        2j,
        "text",
        b"bytes",
        range(3),
        decimal.Decimal("1.5"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        dt.date(2026, 1, 2),
        dt.time(3, 4),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.timedelta(seconds=5),
        dt.UTC,
    ],
    ids=repr,
)
def test_what_can_not_change_is_its_own_clone(value: object) -> None:
    assert structured_clone(value) is value


@pytest.mark.parametrize(
    "value",
    [[1, [2]], {"key": [1]}, {1, 2}, bytearray(b"bytes"), (1, [2]), frozenset({1}), [], {}, set(), ()],
    ids=repr,
)
def test_containers_are_copied(value: Any) -> None:
    clone = structured_clone(value)
    assert clone == value
    assert type(clone) is type(value)


def test_nothing_is_shared_with_the_clone() -> None:
    value: dict[str, Any] = {"list": [1], "bytes": bytearray(b"a"), "tuple": ([1],)}
    clone = structured_clone(value)
    value["list"].append(2)
    value["bytes"][0] = 0
    value["tuple"][0].append(2)
    assert clone == {"list": [1], "bytes": bytearray(b"a"), "tuple": ([1],)}


def test_what_occurs_twice_occurs_twice_in_the_clone() -> None:
    shared = [1]
    memory = bytearray(b"a")
    clone = structured_clone([shared, shared, memory, memory])
    assert clone[0] is clone[1]
    assert clone[0] is not shared
    assert clone[2] is clone[3]


def test_cycles_are_cloned() -> None:
    lists: list[Any] = [1]
    lists.append(lists)
    clone = structured_clone(lists)
    assert clone[1] is clone
    dictionary: dict[str, Any] = {}
    dictionary["self"] = dictionary
    clone = structured_clone(dictionary)
    assert clone["self"] is clone


def test_keys_are_cloned_too() -> None:
    clone = structured_clone({(1, "a"): frozenset({2})})
    assert clone == {(1, "a"): frozenset({2})}


def test_a_memoryview_is_cloned_with_its_memory_and_format() -> None:
    memory = bytearray(b"abcd")
    clone = structured_clone(memoryview(memory)[1:3])
    memory[1] = 0
    assert type(clone) is memoryview
    assert bytes(clone) == b"bc"
    numbers = structured_clone(memoryview(array.array("i", [1, 2])))
    assert (numbers.format, numbers.tolist()) == ("i", [1, 2])
    assert structured_clone(memoryview(b"")).nbytes == 0
    assert structured_clone(memoryview(array.array("i"))).nbytes == 0


def test_a_memoryview_that_is_not_contiguous_is_cloned_as_its_items() -> None:
    assert bytes(structured_clone(memoryview(b"abcdef")[::2])) == b"ace"


def test_a_memoryview_of_a_foreign_byte_order_is_cloned_or_refused() -> None:
    swapped: Any = np.array([1, 2], dtype=">i4")
    try:
        clone = structured_clone(memoryview(swapped))
    except DataCloneError:
        return
    assert bytes(clone) == swapped.tobytes()


def test_a_released_memoryview_can_not_be_cloned() -> None:
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(DataCloneError):
        structured_clone([view])


@pytest.mark.parametrize(
    "value",
    [ValueError("text", [1]), RangeError("range"), AbortError("stop"), KeyError(), DOMException("plain")],
    ids=repr,
)
def test_exceptions_are_cloned_with_their_arguments(value: Exception) -> None:
    clone = structured_clone(value)
    assert type(clone) is type(value)
    assert clone is not value
    assert clone.args == value.args
    assert str(clone) == str(value)


def test_the_name_of_a_dom_exception_is_cloned() -> None:
    clone = structured_clone(DOMException("text", "SyntaxError"))
    assert (clone.name, clone.message, clone.code) == ("SyntaxError", "text", 12)


def test_the_number_of_a_network_error_is_cloned() -> None:
    assert structured_clone(NetworkError("text", errno=32)).errno == 32


def test_the_arguments_of_an_exception_share_nothing_with_the_clone() -> None:
    arguments = [1]
    clone = structured_clone(ValueError(arguments))
    arguments.append(2)
    assert clone.args == ([1],)


class _Picky(Exception):
    def __init__(self, *, keyword: str) -> None:
        super().__init__("made from a keyword", keyword)


class _Pickier(Exception):
    def __init__(self, text: str) -> None:
        if text != "asked for":
            raise ValueError(text)
        super().__init__("something else")


@pytest.mark.parametrize("value", [_Picky(keyword="a"), _Pickier("asked for")], ids=["keyword", "value"])
def test_an_exception_that_can_not_be_made_anew_can_not_be_cloned(value: Exception) -> None:
    with pytest.raises(DataCloneError):
        structured_clone(value)


@pytest.mark.parametrize(
    "value",
    [len, lambda: None, object(), SimpleNamespace(), int, iter(()), KeyboardInterrupt(), module],
    ids=lambda value: type(value).__name__,
)
def test_everything_else_can_not_be_cloned(value: object) -> None:
    with pytest.raises(DataCloneError, match=type(value).__name__):
        structured_clone({"nested": [value]})


def test_subclasses_of_plain_data_can_not_be_cloned() -> None:
    class Special(list[int]):
        pass

    with pytest.raises(DataCloneError):
        structured_clone(Special())


def test_a_host_may_clone_what_we_do_not_know() -> None:
    class Foreign:
        def __init__(self, number: int) -> None:
            self.number = number

    host.register_clone(Foreign, lambda foreign: Foreign(foreign.number))
    try:
        foreign = Foreign(4)
        first, second = structured_clone([foreign, foreign])
        assert first is second
        assert first is not foreign
        assert first.number == 4
    finally:
        del module._foreign_clones[Foreign]
