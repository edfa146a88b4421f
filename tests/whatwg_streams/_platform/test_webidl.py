"""Conversions of Web IDL, with Python's values standing for JavaScript's."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType, MethodType, SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

from tests.support import settle
from whatwg_streams import AbortError, Promise, ReadableStream, RejectionError
from whatwg_streams._platform.reasons import reason_of
from whatwg_streams._platform.webidl import (
    CallbackAlgorithm,
    convert_boolean,
    convert_callback,
    convert_enumeration,
    convert_interface,
    convert_object,
    convert_string,
    convert_unrestricted_double,
    convert_unsigned_integer,
    convert_unsigned_long_long,
    get_member,
    new,
)

LARGEST = 2**53 - 1


class _Indexed:
    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class _Bool:
    """As the bools of NumPy 1, which do not like to be an index."""

    def __init__(self, value: bool) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        warnings.warn("In future, it will be an error", DeprecationWarning, stacklevel=2)
        return int(self.value)


class _Floating:
    def __init__(self, number: float) -> None:
        self.number = number

    def __float__(self) -> float:
        return self.number


class _Int(int):
    pass


class _Float(float):
    pass


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


# Numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (7, 7),
        (-7, -7),
        (1.5, 1.5),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (math.nan, math.nan),
        (True, 1),
        (False, 0),
        (None, math.nan),
        (_Int(3), 3),
        (_Float(2.5), 2.5),
        (_Indexed(9), 9),
        (_Floating(0.25), 0.25),
        (Decimal("2.5"), 2.5),
        (Decimal("Infinity"), math.inf),
        (Decimal("sNaN"), math.nan),
        (Fraction(1, 4), 0.25),
        (np.int64(5), 5),
        (np.uint8(200), 200),
        (np.float32(1.5), 1.5),
        (np.float64(2.5), 2.5),
        (np.bool_(True), 1),
        (_Bool(True), 1),
        (_Bool(False), 0),
        (LARGEST, LARGEST),
        (2**53, 2.0**53),
        (2**53 + 1, 2.0**53),
        (-(2**60), -(2.0**60)),
        (10**400, math.inf),
        (-(10**400), -math.inf),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_numbers_become_doubles(value: object, number: float) -> None:
    assert _same(convert_unrestricted_double(value, "value"), number)


def test_an_integer_that_a_double_holds_stays_an_integer() -> None:
    assert type(convert_unrestricted_double(LARGEST, "value")) is int
    assert type(convert_unrestricted_double(True, "value")) is int
    assert type(convert_unrestricted_double(2**53, "value")) is float


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("   ", 0),
        ("\t\n\r\v\f\u00a0\u2028\u2029\u3000", 0),
        ("12", 12),
        ("  12\n", 12),
        ("\ufeff12", 12),
        ("\x1c12", math.nan),
        ("+12", 12),
        ("-12", -12),
        ("007", 7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("-1E-2", -0.01),
        ("0x1f", 31),
        ("0X1F", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("Infinity", math.inf),
        ("+Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("1e400", math.inf),
        ("9" * 5000, math.inf),
        ("infinity", math.nan),
        ("inf", math.nan),
        ("nan", math.nan),
        ("NaN", math.nan),
        ("-nan", math.nan),
        ("1_000", math.nan),
        ("0x_1", math.nan),
        ("0x", math.nan),
        ("0xg", math.nan),
        ("-0x10", math.nan),
        ("0b2", math.nan),
        ("1 2", math.nan),
        ("1px", math.nan),
        ("-", math.nan),
        ("+-1", math.nan),
        (".", math.nan),
        ("e5", math.nan),
        ("five", math.nan),
        ("²", math.nan),
        ("\u0661", math.nan),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_strings_become_numbers_as_javascript_reads_them(text: str, number: float) -> None:
    assert _same(convert_unrestricted_double(text, "value"), number)


@pytest.mark.parametrize("value", [b"1", 1j, [], {}, object(), len, int, np.array([1, 2])], ids=repr)
def test_what_is_no_number_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        convert_unrestricted_double(value, "high_water_mark")


def test_the_message_names_what_was_converted() -> None:
    with pytest.raises(TypeError, match=r"^high_water_mark: .*object"):
        convert_unrestricted_double(object(), "high_water_mark")
    with pytest.raises(TypeError, match=r"^min: .*-1"):
        convert_unsigned_long_long(-1, "min")
    with pytest.raises(TypeError, match=r"^min: .*inf"):
        convert_unsigned_long_long(math.inf, "min")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (-0.0, 0),
        (-0.9, 0),
        (1.9, 1),
        ("3.7", 3),
        ("", 0),
        (True, 1),
        (LARGEST, LARGEST),
        (float(LARGEST), LARGEST),
        (Decimal("7.9"), 7),
        (Fraction(7, 2), 3),
        (np.int32(4), 4),
        (_Indexed(11), 11),
    ],
    ids=repr,
)
def test_unsigned_long_long_in_range_is_truncated(value: object, number: int) -> None:
    converted = convert_unsigned_long_long(value, "value")
    assert converted == number
    assert type(converted) is int


@pytest.mark.parametrize(
    "value",
    [
        -1,
        -1.0,
        LARGEST + 1,
        2.0**53,
        2**64,
        10**400,
        -(10**400),
        math.nan,
        math.inf,
        -math.inf,
        None,
        "x",
        "-1",
        "Infinity",
        Decimal("1e30"),
        Decimal("NaN"),
        Fraction(10**400),
        _Float("nan"),
        object(),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_unsigned_long_long_out_of_range_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        convert_unsigned_long_long(value, "value")


@pytest.mark.parametrize(
    ("value", "bits", "number"),
    [
        (0, 16, 0),
        (65535, 16, 65535),
        (65536, 16, 0),
        (65537.9, 16, 1),
        (-1, 16, 65535),
        (-1.9, 16, 65535),
        (-65537, 16, 65535),
        ("70000", 16, 4464),
        (math.nan, 16, 0),
        (math.inf, 16, 0),
        (-math.inf, 16, 0),
        (None, 16, 0),
        ("port", 16, 0),
        (True, 16, 1),
        (256, 8, 0),
        (-1, 8, 255),
        (2**32, 32, 0),
        (2**32 + 5, 32, 5),
        (-1, 64, 2**64 - 1),
        (1e20, 32, int(1e20) % 2**32),
    ],
    ids=repr,
)
def test_without_enforcing_the_range_numbers_wrap_around(value: object, bits: int, number: int) -> None:
    assert convert_unsigned_integer(value, "value", bits, enforce_range=False) == number


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_the_limits_of_smaller_integers_are_enforced(bits: int) -> None:
    assert convert_unsigned_integer(2**bits - 1, "value", bits, enforce_range=True) == 2**bits - 1
    with pytest.raises(TypeError):
        convert_unsigned_integer(2**bits, "value", bits, enforce_range=True)
    with pytest.raises(TypeError):
        convert_unsigned_integer(-1, "value", bits, enforce_range=True)


# Other simple types --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "boolean"),
    [
        (True, True),
        (False, False),
        (None, False),
        (0, False),
        (-0.0, False),
        (1, True),
        (math.nan, False),
        (math.inf, True),
        ("", False),
        ("false", True),
        (object(), True),
    ],
    ids=repr,
)
def test_booleans_are_what_is_truthy_but_nan(value: object, boolean: bool) -> None:
    assert convert_boolean(value) is boolean


def test_only_a_str_is_a_string() -> None:
    assert convert_string("text", "value") == "text"
    for value in (b"bytes", 1, None, object()):
        with pytest.raises(TypeError, match=r"^value: expected a str"):
            convert_string(value, "value")


def test_an_enumeration_takes_its_values_only() -> None:
    assert convert_enumeration("byob", "mode", ("byob",)) == "byob"
    for value in ("BYOB", "", 1, None, ["byob"]):
        with pytest.raises(TypeError, match=r"^mode: expected 'byob' or 'other', not "):
            convert_enumeration(value, "mode", ("byob", "other"))


def test_what_is_equal_to_a_value_of_an_enumeration_is_none_of_it_unless_it_is_a_string() -> None:
    class EqualToAll:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = object.__hash__

    with pytest.raises(TypeError, match=r"^mode: expected 'byob', not "):
        convert_enumeration(EqualToAll(), "mode", ("byob",))


def test_an_interface_takes_its_instances_only() -> None:
    stream: ReadableStream[Any] = ReadableStream()
    assert convert_interface(stream, "stream", ReadableStream) is stream
    for value in (object(), None, ReadableStream):
        with pytest.raises(TypeError, match=r"^stream: expected a ReadableStream"):
            convert_interface(value, "stream", ReadableStream)


def test_a_new_object_has_run_no_constructor() -> None:
    class Interface:
        def __init__(self) -> None:
            raise AssertionError  # pragma: no cover

    assert type(new(Interface)) is Interface


# Dictionaries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, {}, [], object(), len, SimpleNamespace(), ReadableStream], ids=repr)
def test_objects_are_taken_as_they_are(value: object) -> None:
    assert convert_object(value, "source") is value


@pytest.mark.parametrize("value", [True, 1, 1.5, 1j, "text", b"bytes", _Int(1)], ids=repr)
def test_primitives_are_no_objects(value: object) -> None:
    with pytest.raises(TypeError, match=r"^source: "):
        convert_object(value, "source")


@pytest.mark.parametrize("mapping", [{"size": 3}, MappingProxyType({"size": 3})])
def test_members_of_mappings_are_their_items(mapping: Mapping[str, Any]) -> None:
    assert get_member(mapping, "size") == 3
    assert get_member(mapping, "keys") is None
    assert get_member(mapping, "missing") is None


def test_members_of_objects_are_their_attributes() -> None:
    assert get_member(SimpleNamespace(size=3), "size") == 3
    assert get_member(SimpleNamespace(), "size") is None


def test_what_a_member_raises_is_raised() -> None:
    class Strange:
        @property
        def size(self) -> NoReturn:
            raise ValueError("strange")

    with pytest.raises(ValueError, match="strange"):
        get_member(Strange(), "size")


# Callbacks ------------------------------------------------------------------------------------------------


def _callback(function: object, arguments: int) -> Callable[..., Any]:
    found = convert_callback(function, "source.pull", arguments)
    assert found is not None
    return found


def test_a_missing_callback_is_none() -> None:
    assert convert_callback(None, "source.pull", 1) is None


@pytest.mark.parametrize("value", [1, "text", {}, object()], ids=repr)
def test_what_can_not_be_called_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"^source\.pull: expected a function"):
        _callback(value, 1)


class _Methods:
    def none(self) -> tuple[object, ...]:
        return ()

    def one(self, first: object) -> tuple[object, ...]:
        return (first,)

    def any(self, *all_of_them: object) -> tuple[object, ...]:
        return all_of_them

    @classmethod
    def of_class(cls, first: object) -> tuple[object, ...]:
        return (first,)

    @staticmethod
    def static(first: object) -> tuple[object, ...]:
        return (first,)

    def __call__(self, first: object) -> tuple[object, ...]:
        return (first,)


class _Built:
    def __init__(self, first: object) -> None:
        self.given = (first,)

    def __eq__(self, other: object) -> bool:
        return self.given == other

    __hash__ = None  # type: ignore[assignment]


def _two(first: object, second: object) -> tuple[object, ...]:
    return (first, second)


def _optional(first: object, second: object = "default") -> tuple[object, ...]:
    return (first, second)


def _positional_only(first: object, /) -> tuple[object, ...]:
    return (first,)


def _keyword_only(first: object, *, option: object = None) -> tuple[object, ...]:
    return (first,)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        pytest.param(lambda: (), (), id="lambda of none"),
        pytest.param(lambda first: (first,), ("a",), id="lambda of one"),
        pytest.param(lambda *those: those, ("a", "b"), id="lambda of any"),
        pytest.param(_two, ("a", "b"), id="function of as many"),
        pytest.param(_optional, ("a", "b"), id="function with an optional one"),
        pytest.param(_positional_only, ("a",), id="function of positional ones"),
        pytest.param(_keyword_only, ("a",), id="function with a keyword"),
        pytest.param(_Methods().none, (), id="method of none"),
        pytest.param(_Methods().one, ("a",), id="method of one"),
        pytest.param(_Methods().any, ("a", "b"), id="method of any"),
        pytest.param(_Methods.of_class, ("a",), id="class method"),
        pytest.param(_Methods.static, ("a",), id="static method"),
        pytest.param(_Methods(), ("a",), id="callable object"),
        pytest.param(MethodType(_Methods(), "bound"), ("bound",), id="method of a callable object"),
        pytest.param(_Built, ("a",), id="class"),
        pytest.param(functools.partial(_two, "bound"), ("bound", "a"), id="partial"),
        pytest.param(functools.partial(_two, second="bound"), ("a", "bound"), id="partial with a keyword"),
        pytest.param(functools.partial(lambda *those: those), ("a", "b"), id="partial of any"),
    ],
)
def test_a_function_may_take_fewer_arguments_than_it_is_called_with(
    function: Callable[..., Any], given: tuple[object, ...]
) -> None:
    assert _callback(function, 2)("a", "b") == given


def test_a_builtin_gets_as_many_arguments_as_it_takes() -> None:
    kept: list[object] = []
    _callback(kept.append, 2)("a", "b")
    assert kept == ["a"]


def test_a_builtin_that_does_not_tell_gets_all_arguments() -> None:
    # Neither of them has a signature that could be inspected.
    assert _callback(dict, 1)([("key", "value")]) == {"key": "value"}
    assert _callback(max, 2)(1, 2) == 2


def test_a_function_that_takes_as_many_arguments_is_called_directly() -> None:
    assert _callback(_two, 2) is _two
    assert _callback(_optional, 1) is _optional


def test_a_function_that_wants_more_fails_when_it_is_called() -> None:
    callback = _callback(_two, 1)
    with pytest.raises(TypeError):
        callback("a")


async def test_what_a_callback_returns_becomes_a_promise() -> None:
    assert await CallbackAlgorithm(lambda value: value + 1)(1) == 2
    assert await CallbackAlgorithm(lambda: Promise.resolve("promise"))() == "promise"

    async def work(value: int) -> int:
        await asyncio.sleep(0)
        return value * 2

    assert await CallbackAlgorithm(work)(4) == 8


async def test_what_a_callback_raises_becomes_a_rejection() -> None:
    def fail() -> NoReturn:
        raise ValueError("in the callback")

    async def fail_later() -> NoReturn:
        raise ValueError("in the coroutine")

    with pytest.raises(ValueError, match="in the callback"):
        await CallbackAlgorithm(fail)()
    with pytest.raises(ValueError, match="in the coroutine"):
        await CallbackAlgorithm(fail_later)()
    with pytest.raises(RejectionError, match="no exception"):
        await CallbackAlgorithm(lambda: Promise.reject("no exception"))()


async def test_a_callback_that_was_cancelled_rejects_with_an_abort_error() -> None:
    def cancelled() -> NoReturn:
        raise asyncio.CancelledError

    async def cancelled_later() -> NoReturn:
        raise asyncio.CancelledError

    with pytest.raises(AbortError):
        await CallbackAlgorithm(cancelled)()
    with pytest.raises(AbortError):
        await CallbackAlgorithm(cancelled_later)()


def test_an_interrupt_in_a_callback_is_no_rejection() -> None:
    for kind in (KeyboardInterrupt, SystemExit):
        with pytest.raises(kind):
            CallbackAlgorithm(lambda kind=kind: (_ for _ in ()).throw(kind))()


async def test_a_callback_runs_in_the_context_in_which_it_was_converted() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("converted")

    async def work() -> str:
        return variable.get()

    callback = CallbackAlgorithm(work)
    variable.set("called")
    assert await callback() == "converted"


async def test_the_tasks_of_one_callback_share_their_context() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    async def count() -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    callback = CallbackAlgorithm(count)
    assert [await callback(), await callback()] == [1, 2]
    assert variable.get() == 0
    await settle()


def test_the_reason_of_an_exception_is_itself_unless_it_is_a_cancellation() -> None:
    error = ValueError()
    assert reason_of(error) is error
    assert type(reason_of(asyncio.CancelledError())) is AbortError
    reason = object()
    assert reason_of(RejectionError(reason)) is reason
    assert sys.maxsize > LARGEST
