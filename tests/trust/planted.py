"""A condition that is planted for fuzzing to find: at random it takes some four thousand million tries."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from .fuzz import as_test
from .table import Row

#: The name of the target.
PLANTED = "a planted condition"


def _check(numbers: tuple[int, int, int, int]) -> None:
    # One condition after the other, each of which is an edge of its own that coverage knows of.
    one, two, three, four = numbers
    if one != 0x70:
        return
    if two != 0x6C:
        return
    if three != 0x61:
        return
    assert four != 0x6E, "the planted condition was found"


_BYTE = st.integers(0, 255)


def property_of(name: str, row: Row, examples: int) -> Callable[[], None]:
    """The one target of this module: see `fuzz.property_of`."""
    assert name == PLANTED
    return as_test(st.tuples(_BYTE, _BYTE, _BYTE, _BYTE), _check, row, examples)
