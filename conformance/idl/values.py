"""The values that are tried: of all kinds for every type, and those around each limit for numbers."""

from __future__ import annotations

import array
import enum
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias

from whatwg_streams import AbortController, CountQueuingStrategy, ReadableStream, WritableStream

from .conversions import MISSING
from .model import split_type

#: A name, and what makes the value: some can be used only once.
Sample: TypeAlias = tuple[str, Callable[[], Any]]


class Index:
    """Can be used as an integer, as numpy's can."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Float:
    """Can be converted to a float."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


class OddError(Exception):
    """What odd objects raise."""


class OddIndex:
    def __index__(self) -> int:
        raise OddError


class OddFloat:
    def __float__(self) -> float:
        raise OddError


class OddBool:
    def __bool__(self) -> bool:
        raise OddError


class OddMember:
    """Every attribute raises."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OddError


class Anything:
    """A class that can be called with whatever there is."""

    def __init__(self, *_: object) -> None:
        pass


class EqualToAll:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Text(str):
    """A string of one's own."""

    __slots__ = ()


class Mode(enum.StrEnum):
    BYOB = "byob"
    BYTES = "bytes"
    IPV4 = "ipv4"


def _released() -> memoryview:
    view = memoryview(bytearray(4))
    view.release()
    return view


_PLAIN: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 3, 80, 1000, 40000),
    *(0.5, 1.5, 2.9, -0.0, -0.5, -1.5, math.nan, math.inf, -math.inf),
    *(1e300, -1e300, 2**53 - 1, 2**53, 2**53 + 1, 2**64, -(2**64), 10**400, -(10**400)),
    *("", " ", "0", "1", " 2 ", "-1", "+3", "1.5", ".5", "1e3", "0x10", "0X1f", "0b101", "0o17", "-0x10", "1_000"),
    *("Infinity", "-Infinity", "infinity", "inf", "nan", "NaN", "1e999", "\u00a04\ufeff", "\u0661", "4\u200b", "12px"),
    *("byob", "BYOB", "bytes", "ipv4", "ipv6", "IPv4", "example.com", "10.0.0.1", "224.0.0.1", "::", "a\0b", "\ud800"),
    *(b"", b"ab", 2j, (), (1,), frozenset()),
)

_MADE: Final[tuple[Sample, ...]] = (
    ("Text('byob')", lambda: Text("byob")),
    ("Text('ipv4')", lambda: Text("ipv4")),
    *((f"Mode.{one.name}", lambda one=one: one) for one in Mode),
    ("Index(2)", lambda: Index(2)),
    ("Index(2**70)", lambda: Index(2**70)),
    ("Index(-1)", lambda: Index(-1)),
    ("Float(2.5)", lambda: Float(2.5)),
    ("Float(nan)", lambda: Float(math.nan)),
    ("Decimal('3.7')", lambda: Decimal("3.7")),
    ("Decimal('Infinity')", lambda: Decimal("Infinity")),
    ("Fraction(7, 2)", lambda: Fraction(7, 2)),
    ("OddIndex()", OddIndex),
    ("OddFloat()", OddFloat),
    ("OddBool()", OddBool),
    ("EqualToAll()", EqualToAll),
    ("[]", list),
    ("[1]", lambda: [1]),
    ("{}", dict),
    ("{'a': 1}", lambda: {"a": 1}),
    ("object()", object),
    ("a class", lambda: Anything),
    ("a function", lambda: lambda *_: None),
    ("a built-in function", lambda: [].append),
    ("an exception", lambda: ValueError("a reason")),
    ("bytearray(4)", lambda: bytearray(b"abcd")),
    ("bytearray(0)", bytearray),
    ("a memoryview", lambda: memoryview(bytearray(b"abcd"))),
    ("a memoryview of a part", lambda: memoryview(bytearray(b"abcdef"))[1:5]),
    ("a read-only memoryview", lambda: memoryview(b"abcd")),
    ("a released memoryview", _released),
    ("a memoryview with gaps", lambda: memoryview(bytearray(b"abcdefgh"))[::2]),
    ("array of H", lambda: array.array("H", [1, 2])),
    ("array of d", lambda: array.array("d", [1.5])),
    ("a ReadableStream", ReadableStream),
    ("a byte ReadableStream", lambda: ReadableStream({"type": "bytes"})),
    ("a WritableStream", WritableStream),
    ("a CountQueuingStrategy", lambda: CountQueuingStrategy(high_water_mark=3)),
    ("an AbortSignal", lambda: AbortController().signal),
    ("[an AbortSignal]", lambda: [AbortController().signal, AbortController().signal]),
    ("(an AbortSignal, 1)", lambda: (AbortController().signal, 1)),
)

#: Of objects whose attributes would be taken for members, where they are taken for dictionaries.
_ODD_MEMBER: Final[Sample] = ("OddMember()", OddMember)

_LARGEST: Final = {
    "octet": 2**8 - 1,
    "unsigned short": 2**16 - 1,
    "unsigned long": 2**32 - 1,
    "unsigned long long": 2**53 - 1,
}


def samples(type_: str) -> Iterator[Sample]:
    """What to try where a value of the type is expected."""
    yield "missing", lambda: MISSING
    for value in _PLAIN:
        yield _shown(value), lambda value=value: value  # type: ignore[misc]
    # (Python 3.11 fails in its own way when it is to iterate over a memoryview that was released.)
    yield from (one for one in _MADE if type_ != "async_sequence<any>" or one[0] != "a released memoryview")
    if type_ not in {"any", "object"}:
        yield _ODD_MEMBER
    name, _ = split_type(type_)
    if name in _LARGEST:
        yield from _around(_LARGEST[name])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 30 else f"{'-' if text.startswith('-') else ''}10**{len(text.lstrip('-')) - 1}"


def _around(largest: int) -> Iterator[Sample]:
    """Numbers at, below and above a limit, in each of the forms of a number."""
    for value in (largest - 1, largest, largest + 1, 2 * (largest + 1), 2 * largest + 3, -largest, -largest - 2):
        yield f"{value}", lambda value=value: value  # type: ignore[misc]
        yield f"'{value}'", lambda value=value: str(value)  # type: ignore[misc]
        yield f"Index({value})", lambda value=value: Index(value)  # type: ignore[misc]
        yield f"{float(value)}", lambda value=value: float(value)  # type: ignore[misc]
    if largest < 2**52:
        for part in (largest + 0.5, largest + 0.999, largest + 1.5):
            yield f"{part}", lambda part=part: part  # type: ignore[misc]
