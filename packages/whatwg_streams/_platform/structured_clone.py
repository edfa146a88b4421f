"""StructuredSerialize and StructuredDeserialize, for the plain data of Python.

https://html.spec.whatwg.org/multipage/structured-data.html

What JavaScript can clone has its counterpart here: numbers, strings, dates, buffers, lists, mappings, sets
and exceptions, nested and cyclic. Functions, files and instances of other classes are refused with a
DataCloneError, as there.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import uuid
from typing import TYPE_CHECKING, Any, cast

from .dom_exception import DataCloneError, DOMException, rebuild

if TYPE_CHECKING:
    from collections.abc import Callable

_IMMUTABLE = (
    type(None), bool, int, float, complex, str, bytes, range, decimal.Decimal, fractions.Fraction, uuid.UUID,
    dt.date, dt.time, dt.datetime, dt.timedelta, dt.timezone,
)  # fmt: skip

#: How to clone objects of a foreign kind: `host.register_clone`.
_foreign_clones: dict[type, Callable[[Any], object]] = {}


def structured_clone(value: object) -> Any:
    """A copy of the value that shares nothing with it that could be changed.

    Raises:
        DataCloneError: it holds something that can not be cloned.
    """
    return _clone(value, {})


def _clone(value: object, memory: dict[int, Any]) -> Any:
    clone: Any
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if id(value) in memory:
        return memory[id(value)]
    if kind in _foreign_clones:
        clone = _foreign_clones[kind](value)
    elif kind is bytearray:
        clone = bytearray(cast("bytearray", value))
    elif kind is memoryview:
        clone = _clone_memoryview(cast("memoryview", value))
    elif kind is list:
        clone = memory[id(value)] = list[Any]()
        clone.extend(_clone(item, memory) for item in cast("list[object]", value))
    elif kind is dict:
        clone = memory[id(value)] = dict[Any, Any]()
        for key, item in cast("dict[object, object]", value).items():
            clone[_clone(key, memory)] = _clone(item, memory)
    elif kind is set:
        clone = {_clone(item, memory) for item in cast("set[object]", value)}
    elif kind is tuple:
        clone = tuple(_clone(item, memory) for item in cast("tuple[object]", value))
    elif kind is frozenset:
        clone = frozenset(_clone(item, memory) for item in cast("frozenset[object]", value))
    elif isinstance(value, Exception):
        clone = _clone_exception(value, memory)
    else:
        raise DataCloneError(f"an object of the type {kind.__name__} can not be cloned")
    memory[id(value)] = clone
    return clone


def _clone_memoryview(value: memoryview[Any]) -> memoryview[Any]:
    try:
        clone: memoryview[Any] = memoryview(bytearray(value))
    except ValueError as error:
        raise DataCloneError("the memoryview was released") from error
    if value.format == "B" or not value.nbytes:
        return clone
    try:
        return clone.cast(cast("Any", value.format))  # pyright: ignore[reportUnknownVariableType]
    except ValueError as error:
        raise DataCloneError(f"a memoryview of the format {value.format!r} can not be cloned") from error


def _clone_exception(value: Exception, memory: dict[int, Any]) -> Exception:
    if isinstance(value, DOMException):
        number = value.errno if isinstance(value, OSError) else None
        return rebuild(type(value), value.message, value.name, {}, number)
    arguments = [_clone(argument, memory) for argument in value.args]
    try:
        return type(value)(*arguments)
    except Exception as error:
        raise DataCloneError(f"an exception of the type {type(value).__name__} can not be cloned") from error
