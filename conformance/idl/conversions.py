"""What Web IDL makes of a value: https://webidl.spec.whatwg.org/#js-type-mapping

Written from its rules, with Python's values in the place of JavaScript's, and without a look at what the packages do.
An int is the number that it is, however large; an object is a number if it says so with __index__ or __float__.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .model import python_name, split_type

if TYPE_CHECKING:
    from .model import Definitions, Member, Place

#: What stands for a value that is not there.
MISSING: Final = type("Missing", (), {"__repr__": lambda _: "missing"})()

_BITS: Final[dict[str, int]] = {"octet": 8, "unsigned short": 16, "unsigned long": 32, "unsigned long long": 64}
_LARGEST_SAFE_INTEGER: Final = 2**53 - 1

#: The numbers of JavaScript: exactly, or one of those that are none.
Number: TypeAlias = "Fraction | float"


class RefusedError(Exception):
    """The value is refused; the error has to be of this kind."""

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind


class Conversions:
    """The conversions to the types of some definitions; `interfaces` are the classes that implement interfaces."""

    def __init__(self, definitions: Definitions, interfaces: Mapping[str, type]) -> None:
        self.definitions = definitions
        self.interfaces = interfaces

    def convert(self, value: Any, type_: str) -> Any:
        """The value as one of the type; None is undefined.

        Raises:
            RefusedError: it can not be one.
            Exception: what a method of the value raises.
        """
        name, extended = split_type(type_)
        if name in {"any", "EventHandler"}:
            return value
        if name == "boolean":
            return to_boolean(value)
        if name in _BITS:
            return to_integer(value, _BITS[name], enforce_range="EnforceRange" in extended)
        if name == "unrestricted double":
            return to_unrestricted_double(value)
        if name == "DOMString":
            return _checked(value, isinstance(value, str))
        if name == "object":
            return _checked(value, _is_object(value))
        if name in {"ArrayBufferView", "BufferSource"}:
            return to_buffer(value)
        if match := re.fullmatch(r"sequence<(.+)>", name):
            return [self.convert(one, match[1]) for one in _checked(value, isinstance(value, Iterable))]
        if name == "async_sequence<any>":
            return _checked(value, isinstance(value, AsyncIterable | Iterable) and not isinstance(value, str))
        definition = self.definitions.by_name[name]
        if definition.kind == "interface":
            return _checked(value, isinstance(value, self.interfaces[name]))
        if definition.kind == "enumeration":
            return _checked(value, isinstance(value, str) and value in definition.values)
        if definition.kind == "callback":
            return _checked(value, callable(value))
        assert definition.kind == "dictionary"
        _checked(value, value is None or _is_object(value))
        return {one.name: self._member(value, one) for one in definition.members}

    def _member(self, dictionary: Any, member: Member) -> Any:
        name = python_name(member.name)
        value = dictionary.get(name) if isinstance(dictionary, Mapping) else getattr(dictionary, name, None)
        return self._optional(value, member.type, required=member.required, default=member.default)

    def at(self, place: Place, value: Any) -> Any:
        """What a value comes to at a place where it may be missing.

        An optional argument, or any member of a dictionary, that is undefined is missing.
        """
        undefined_is_missing = place.member is not None or not place.required
        if value is None and not undefined_is_missing:
            return self.convert(value, place.type)
        return self._optional(value, place.type, required=place.required, default=place.default)

    def _optional(self, value: Any, type_: str, *, required: bool, default: str) -> Any:
        if value is not MISSING and (value is not None or type_ == "any"):
            return self.convert(value, type_)
        if required:
            raise RefusedError(TypeError)
        return literal(default)


def literal(default: str) -> Any:
    """The value that a default in Web IDL means; without one, undefined."""
    known = {"": None, "{}": None, "true": True, "false": False}
    if default in known:
        return known[default]
    return default.strip('"') if default.startswith('"') else int(default)


def _checked(value: Any, fits: bool) -> Any:
    if not fits:
        raise RefusedError(TypeError)
    return value


def _is_object(value: object) -> bool:
    """Neither a number nor a bool nor a string, of which there are two kinds in Python."""
    return not isinstance(value, bool | int | float | complex | str | bytes | None)


def to_boolean(value: Any) -> bool:
    """https://webidl.spec.whatwg.org/#js-boolean: of other objects, what Python says."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


# Numbers ------------------------------------------------------------------------------------------


def to_number(value: Any) -> Number:
    """https://tc39.es/ecma262/#sec-tonumber"""
    if value is None:
        return math.nan
    if isinstance(value, int):
        return Fraction(int(value))
    if isinstance(value, float):
        return Fraction(value) if math.isfinite(value) else float(value)
    if isinstance(value, str):
        return string_to_number(value)
    if hasattr(value, "__index__"):
        return Fraction(value.__index__())
    if isinstance(value, Decimal | Fraction):  # which have an exact value that `float` may not hold
        return Fraction(float(value)) if math.isfinite(value) else float(value)
    if hasattr(value, "__float__") and not isinstance(value, type):
        converted = float(value)
        return Fraction(converted) if math.isfinite(converted) else converted
    raise RefusedError(TypeError)


_WHITE_SPACE: Final = "\t\n\v\f\r \u00a0\u1680\u202f\u205f\u3000\ufeff\u2028\u2029" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_RADIXES: Final = {"0x": 16, "0o": 8, "0b": 2}


def string_to_number(text: str) -> Number:
    """https://tc39.es/ecma262/#sec-stringtonumber"""
    text = text.strip(_WHITE_SPACE)
    if text == "":
        return Fraction(0)
    if match := re.fullmatch(r"([+-]?)Infinity", text):
        return -math.inf if match[1] == "-" else math.inf
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return Fraction(int(text[2:], _RADIXES[text[:2].lower()]))
    if re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", text):
        value = float(text)
        return Fraction(value) if math.isfinite(value) else value
    return math.nan


def to_integer(value: Any, bits: int, *, enforce_range: bool) -> int:
    """https://webidl.spec.whatwg.org/#abstract-opdef-converttoint"""
    number = to_number(value)
    if not isinstance(number, Fraction):
        if enforce_range:
            raise RefusedError(TypeError)
        return 0
    whole: int = math.trunc(number)
    if enforce_range:
        if not 0 <= whole <= min(2**bits - 1, _LARGEST_SAFE_INTEGER):
            raise RefusedError(TypeError)
        return whole
    largest: int = 2**bits
    return whole - largest * (whole // largest)


def to_unrestricted_double(value: Any) -> float:
    """https://webidl.spec.whatwg.org/#js-unrestricted-double: the nearest one."""
    number = to_number(value)
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


# Buffers ------------------------------------------------------------------------------------------


def to_buffer(value: Any) -> memoryview:
    """https://webidl.spec.whatwg.org/#js-buffer-source-types: anything of the buffer protocol, in one piece."""
    try:
        view = memoryview(value)
    except (TypeError, ValueError) as error:  # it is no buffer; it was released
        raise RefusedError(TypeError) from error
    return _checked(view, view.c_contiguous)  # type: ignore[no-any-return]
