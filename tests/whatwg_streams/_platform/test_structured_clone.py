"""Structured clones of Python's plain data."""

from __future__ import annotations

import array
import dataclasses
import datetime as dt
import decimal
import fractions
import pickle
import uuid
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.support.bytes_sources import ForeignBuffer, ForeignView, foreign_buffers
from whatwg_streams import (
    AbortError,
    DataCloneError,
    DOMException,
    MessageChannel,
    NetworkError,
    RangeError,
    ReadableStream,
)
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
    list_clone = structured_clone(lists)
    assert list_clone[1] is list_clone
    dictionary: dict[str, Any] = {}
    dictionary["self"] = dictionary
    dictionary_clone = structured_clone(dictionary)
    assert dictionary_clone["self"] is dictionary_clone


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


class _Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class _Message:
    text: str
    parts: list[Any]
    late: Any = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.text += "!"


@dataclasses.dataclass(frozen=True, slots=True)
class _Frozen:
    items: list[int]


@dataclasses.dataclass
class _Special(bytearray):
    number: int


def test_named_tuples_are_cloned() -> None:
    value = _Point([1], 2)
    clone = structured_clone(value)
    assert type(clone) is _Point
    assert clone == value
    assert clone.x is not value.x


def test_data_classes_are_cloned_as_they_are() -> None:
    value = _Message("text", [])
    value.parts.append(value)
    clone = structured_clone(value)
    assert (type(clone), clone.text) == (_Message, "text!")
    assert clone.parts == [clone]
    assert not hasattr(clone, "late")
    frozen = structured_clone(_Frozen([1]))
    assert frozen == _Frozen([1])


def test_a_data_class_that_is_more_than_that_can_not_be_cloned() -> None:
    with pytest.raises(DataCloneError):
        structured_clone(_Special(1))


def test_an_array_is_cloned() -> None:
    value = array.array("i", [1, 2])
    clone = structured_clone(value)
    value[0] = 0
    assert clone == array.array("i", [1, 2])


def test_tuples_in_cycles_stay_the_same_ones() -> None:
    items: list[Any] = []
    value = (items,)
    items.append(value)
    tuple_clone = structured_clone(value)
    assert tuple_clone[0][0] is tuple_clone
    items[0] = error = ValueError([items])
    clone = structured_clone(items)
    assert clone[0].args[0][0] is clone
    assert structured_clone(error).args[0][0][0].args[0][0][0] is not error


def test_what_is_nested_too_deeply_can_not_be_cloned() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(DataCloneError, match="deeply"):
        structured_clone(value)
    while value:  # lest Python's own recursion be too deep when it is dropped
        value = value[0]


def test_an_exception_that_is_made_of_itself_can_not_be_cloned() -> None:
    error = ValueError()
    error.args = (error,)
    with pytest.raises(DataCloneError):
        structured_clone(error)


def test_attributes_and_the_cause_of_an_exception_come_along_if_they_can() -> None:
    shared = [1, [2]]
    error = ValueError("text", shared)
    error.number = 5  # type: ignore[attr-defined]
    error.handle = [shared, print]  # type: ignore[attr-defined]
    error.add_note("a note")
    error.__cause__ = KeyError("cause")
    clone: Any = structured_clone(error)
    assert (clone.number, clone.__notes__) == (5, ["a note"])
    assert not hasattr(clone, "handle")
    assert clone.args == ("text", [1, [2]])
    assert type(clone.__cause__) is KeyError
    assert clone.__cause__ is not error.__cause__
    error.__cause__ = KeyboardInterrupt()
    assert structured_clone(error).__cause__ is None


def test_an_exception_that_can_be_made_only_twice_can_not_be_cloned(monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice(Exception):
        made = 0

        def __init__(self) -> None:
            Twice.made += 1
            if Twice.made > 2:
                raise ValueError("made too often")
            super().__init__()

    with pytest.raises(DataCloneError, match="any more"):
        structured_clone(Twice())


def test_an_operating_system_error_keeps_what_it_tells() -> None:
    clone = structured_clone(FileNotFoundError(2, "no such file", "name"))
    assert (type(clone), clone.errno, clone.strerror, clone.filename) == (FileNotFoundError, 2, "no such file", "name")


def test_a_group_of_exceptions_is_cloned() -> None:
    clone = structured_clone(ExceptionGroup("group", [ValueError("one"), TypeError("two")]))
    assert [(type(one), str(one)) for one in clone.exceptions] == [(ValueError, "one"), (TypeError, "two")]


# Transferring --------------------------------------------------------------------------------------


def test_a_memoryview_that_is_transferred_is_released_and_its_memory_goes_on() -> None:
    memory = bytearray(b"abcd")
    view = memoryview(memory)[1:3]
    clone = structured_clone({"view": view, "again": view}, transfer=[view])
    with pytest.raises(ValueError, match="released"):
        view[0]
    assert clone["view"] is clone["again"]
    assert bytes(clone["view"]) == b"bc"
    memory[1] = 0
    assert bytes(clone["view"]) == b"\0c"


def test_a_memoryview_keeps_its_format_when_it_is_transferred() -> None:
    view = memoryview(array.array("i", [1, 2]))
    clone = structured_clone(view, transfer=[view])
    assert (clone.format, clone.tolist()) == ("i", [1, 2])


def test_of_a_buffer_that_can_not_be_taken_away_a_view_is() -> None:
    memory = bytearray(b"abc")
    clone: list[Any] = structured_clone([memory], transfer=[memory])
    assert type(clone[0]) is memoryview
    memory[0] = 0
    assert bytes(clone[0]) == b"\0bc"


def test_a_buffer_of_the_host_is_transferred_its_own_way() -> None:
    with foreign_buffers():
        buffer = ForeignBuffer(b"abcd")
        view = ForeignView(buffer, 1, 2)
        clone = structured_clone([view], transfer=[view])
        assert buffer.detached
        assert (type(clone[0]), clone[0].content) == (ForeignView, b"bc")
        barred = ForeignView(ForeignBuffer(b"a", transferable=False))
        with pytest.raises(DataCloneError):
            structured_clone(None, transfer=[barred])


def test_a_released_memoryview_can_not_be_transferred() -> None:
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(DataCloneError, match="released"):
        structured_clone(None, transfer=[view])


def test_a_memoryview_that_is_held_can_not_be_transferred() -> None:
    view = memoryview(bytearray(b"abc"))
    export = pickle.PickleBuffer(view)
    with pytest.raises(TypeError, match="can not be detached"):
        structured_clone(None, transfer=[view])
    export.release()


@pytest.mark.parametrize("value", [None, 1, "text", [], object()], ids=repr)
def test_only_some_objects_can_be_transferred(value: object) -> None:
    with pytest.raises(DataCloneError, match="can not be transferred"):
        structured_clone(None, transfer=[value])


def test_nothing_is_transferred_twice() -> None:
    view = memoryview(b"abc")
    with pytest.raises(DataCloneError, match="twice"):
        structured_clone(view, transfer=[view, view])
    assert view[0] == ord("a")


@pytest.mark.parametrize("transfer", [None, 3, "text", b"bytes"])
def test_the_list_has_to_be_a_sequence(transfer: Any) -> None:
    with pytest.raises(TypeError, match="sequence"):
        structured_clone(None, transfer=transfer)


def test_what_can_not_be_cloned_keeps_what_was_to_be_transferred() -> None:
    port = MessageChannel().port1
    with pytest.raises(DataCloneError):
        structured_clone([port, print], transfer=[port])
    assert structured_clone(port, transfer=[port]) is not port


@pytest.mark.parametrize("value", [MessageChannel().port1, ReadableStream()], ids=["port", "stream"])
def test_a_port_or_a_stream_has_to_be_transferred(value: object) -> None:
    with pytest.raises(DataCloneError, match="name it in `transfer`"):
        structured_clone([value])


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
