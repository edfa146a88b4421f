"""§7 Queuing strategies."""

from __future__ import annotations

import array
import math
from collections import UserDict
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import outcome, reason_of, rejected
from whatwg_streams import ByteLengthQueuingStrategy, CountQueuingStrategy, RangeError, ReadableStream, WritableStream
from whatwg_streams._strategies import (
    QueuingStrategyDict,
    convert_queuing_strategy,
    extract_high_water_mark,
    extract_size_algorithm,
)


class Chosen(Exception):
    """An error that only a test raises."""


Strategy = type[ByteLengthQueuingStrategy] | type[CountQueuingStrategy]
BOTH = pytest.mark.parametrize("strategy", [ByteLengthQueuingStrategy, CountQueuingStrategy])


# Both classes ------------------------------------------------------------------------------------


@BOTH
def test_the_high_water_mark_is_a_keyword_that_must_be_given(strategy: Any) -> None:
    with pytest.raises(TypeError):
        strategy()
    with pytest.raises(TypeError):
        strategy(4)
    with pytest.raises(TypeError, match="high_water_mark: it is missing"):
        strategy(high_water_mark=None)
    assert strategy(high_water_mark=4).high_water_mark == 4


@BOTH
@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 0), (-1, -1), (2.5, 2.5), (math.inf, math.inf), (-math.inf, -math.inf), ("7", 7), (True, 1), ("", 0)],
)
def test_the_high_water_mark_is_converted_to_a_number_and_not_validated(
    strategy: Strategy, given: Any, kept: float
) -> None:
    assert strategy(high_water_mark=given).high_water_mark == kept


@BOTH
@pytest.mark.parametrize("given", ["many", math.nan])
def test_what_makes_no_number_is_nan(strategy: Strategy, given: Any) -> None:
    assert math.isnan(strategy(high_water_mark=given).high_water_mark)


@BOTH
@pytest.mark.parametrize("given", [object(), [], {}], ids=repr)
def test_a_high_water_mark_of_a_type_that_is_no_number_is_a_type_error(strategy: Strategy, given: Any) -> None:
    with pytest.raises(TypeError, match="high_water_mark"):
        strategy(high_water_mark=given)


@BOTH
def test_the_attributes_are_read_only(strategy: Any) -> None:
    one = strategy(high_water_mark=1)
    for name in ("high_water_mark", "size", "other"):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)


@BOTH
def test_size_is_the_same_function_for_all(strategy: Strategy) -> None:
    assert strategy(high_water_mark=1).size is strategy(high_water_mark=2).size


@BOTH
def test_a_subclass_may_bring_its_own_members(strategy: Any) -> None:
    class Own(strategy):  # type: ignore[misc]
        @property
        def high_water_mark(self) -> float:
            return 9

        def size(self, chunk: int) -> int:
            return chunk

    writer = WritableStream[int](None, Own(high_water_mark=1)).get_writer()
    writer.write(2)
    assert writer.desired_size == 7


def test_repr_shows_the_high_water_mark() -> None:
    assert repr(ByteLengthQueuingStrategy(high_water_mark=4)) == "ByteLengthQueuingStrategy(high_water_mark=4)"
    assert repr(CountQueuingStrategy(high_water_mark=math.inf)) == "CountQueuingStrategy(high_water_mark=inf)"


@BOTH
@pytest.mark.parametrize("high_water_mark", [-1, math.nan])
def test_a_stream_refuses_a_high_water_mark_that_the_strategy_took(strategy: Strategy, high_water_mark: float) -> None:
    with pytest.raises(RangeError):
        WritableStream(None, strategy(high_water_mark=high_water_mark))
    with pytest.raises(RangeError):
        ReadableStream(None, strategy(high_water_mark=high_water_mark))


# Count -------------------------------------------------------------------------------------------


def test_every_chunk_counts_one() -> None:
    size = CountQueuingStrategy(high_water_mark=1).size
    assert [size(), size(None), size("chunk"), size(b"12345")] == [1, 1, 1, 1]


async def test_a_stream_with_a_count_strategy_counts_chunks() -> None:
    writer = WritableStream[bytes](None, CountQueuingStrategy(high_water_mark=3)).get_writer()
    writer.write(b"12345")
    writer.write(b"")
    assert writer.desired_size == 1


# Byte length -------------------------------------------------------------------------------------


class Sized:
    byte_length = 7


@pytest.mark.parametrize(
    ("chunk", "size"),
    [
        (b"12345", 5),
        (bytearray(3), 3),
        (memoryview(b"123456")[::2], 3),
        (array.array("d", [1, 2]), 16),
        (memoryview(bytearray(8)).cast("I"), 8),
        (Sized(), 7),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_chunk_counts_its_bytes(chunk: object, size: int) -> None:
    assert ByteLengthQueuingStrategy(high_water_mark=1).size(chunk) == size
    writer = WritableStream[object](None, ByteLengthQueuingStrategy(high_water_mark=100)).get_writer()
    writer.write(chunk)
    assert writer.desired_size == 100 - size


def test_a_memoryview_that_was_released_has_no_bytes_as_a_view_of_a_detached_buffer() -> None:
    chunk = memoryview(b"12345")
    chunk.release()
    assert ByteLengthQueuingStrategy(high_water_mark=1).size(chunk) == 0


async def test_what_a_byte_length_raises_errors_the_stream() -> None:
    error = Chosen()

    class Raising:
        @property
        def byte_length(self) -> int:
            raise error

    writer = WritableStream[object](None, ByteLengthQueuingStrategy(high_water_mark=1)).get_writer()
    assert outcome(writer.write(Raising())) == rejected(error)
    assert outcome(writer.ready) == rejected(error)


async def test_a_byte_length_that_is_no_possible_size_errors_the_stream() -> None:
    chunk = Sized()
    chunk.byte_length = -1
    writer = WritableStream[object](None, ByteLengthQueuingStrategy(high_water_mark=1)).get_writer()
    await settle()
    assert isinstance(reason_of(writer.write(chunk)), RangeError)


async def test_an_object_without_a_byte_length_has_an_undefined_size_which_is_a_range_error() -> None:
    # GetV gives undefined, which converts to NaN, which can not be enqueued.
    for chunk in (object(), "text", 5):
        writer = WritableStream[object](None, ByteLengthQueuingStrategy(high_water_mark=1)).get_writer()
        await settle()
        assert isinstance(reason_of(writer.write(chunk)), RangeError), chunk


async def test_no_chunk_at_all_has_no_byte_length_which_is_a_type_error() -> None:
    # GetV of undefined throws.
    writer = WritableStream[object](None, ByteLengthQueuingStrategy(high_water_mark=1)).get_writer()
    await settle()
    assert isinstance(reason_of(writer.write(None)), TypeError)


# The dictionary ----------------------------------------------------------------------------------


class Members:
    high_water_mark = "2.5"

    @staticmethod
    def size(chunk: int) -> int:
        return chunk


@pytest.mark.parametrize("strategy", [None, {}, object(), {"high_water_mark": None, "size": None}], ids=repr)
def test_a_strategy_without_members_is_an_empty_dictionary(strategy: object) -> None:
    assert convert_queuing_strategy(strategy, "strategy") == QueuingStrategyDict(None, None)


@pytest.mark.parametrize(
    "strategy",
    [Members(), vars(Members), UserDict({"high_water_mark": 2.5, "size": Members.size})],
    ids=["object", "mapping", "dict"],
)
def test_a_strategy_may_be_an_object_or_a_mapping(strategy: object) -> None:
    converted = convert_queuing_strategy(strategy, "strategy")
    assert converted.high_water_mark == 2.5
    assert converted.size is not None


@pytest.mark.parametrize("strategy", [1, "strategy", True, b"", 1.5])
def test_a_strategy_that_is_no_object_is_a_type_error(strategy: object) -> None:
    with pytest.raises(TypeError, match="the name"):
        convert_queuing_strategy(strategy, "the name")


def test_a_size_that_is_not_callable_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"the name\.size"):
        convert_queuing_strategy({"size": 4}, "the name")


def test_the_high_water_mark_is_converted_before_the_size_is_looked_at() -> None:
    with pytest.raises(TypeError, match="high_water_mark"):
        convert_queuing_strategy({"size": 4, "high_water_mark": object()}, "strategy")


# The operations ----------------------------------------------------------------------------------


def test_extracting_a_high_water_mark() -> None:
    assert extract_high_water_mark(QueuingStrategyDict(None, None), 5) == 5
    assert extract_high_water_mark(QueuingStrategyDict(0, None), 5) == 0
    assert extract_high_water_mark(QueuingStrategyDict(math.inf, None), 5) == math.inf
    for impossible in (math.nan, -1, -0.1, -math.inf):
        with pytest.raises(RangeError):
            extract_high_water_mark(QueuingStrategyDict(impossible, None), 5)


@pytest.mark.parametrize("strategy", [None, {}, CountQueuingStrategy(high_water_mark=1)], ids=repr)
def test_without_a_size_function_every_chunk_counts_one(strategy: object) -> None:
    algorithm = extract_size_algorithm(convert_queuing_strategy(strategy, "strategy"))
    assert [algorithm(chunk) for chunk in (None, 5, b"123")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(lambda chunk: chunk, 5), (lambda: 3, 3), (lambda *chunks: len(chunks), 1), (str, 5), (lambda _: True, 1)],
)
def test_a_size_function_is_called_with_the_chunk_and_what_it_returns_is_converted(
    size: Callable[..., Any], expected: float
) -> None:
    algorithm = extract_size_algorithm(convert_queuing_strategy({"size": size}, "strategy"))
    assert algorithm(5) == expected


def test_a_size_that_is_not_converted_to_a_number_raises() -> None:
    algorithm = extract_size_algorithm(convert_queuing_strategy({"size": object}, "strategy"))
    with pytest.raises(TypeError, match="size of a chunk"):
        algorithm(5)


def test_what_a_size_function_raises_is_raised() -> None:
    error = Chosen()

    def size() -> int:
        raise error

    algorithm = extract_size_algorithm(convert_queuing_strategy({"size": size}, "strategy"))
    with pytest.raises(Chosen) as raised:
        algorithm(5)
    assert raised.value is error


def test_the_members_are_read_once() -> None:
    reads: list[str] = []

    class Strategy:
        @property
        def high_water_mark(self) -> int:
            reads.append("high_water_mark")
            return 1

        @property
        def size(self) -> Callable[[Any], int]:
            reads.append("size")
            return lambda chunk: chunk

    writer = WritableStream[int](None, Strategy()).get_writer()
    writer.write(1)
    writer.write(2)
    assert reads == ["high_water_mark", "size"]
