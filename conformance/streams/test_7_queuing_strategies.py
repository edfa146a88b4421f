"""§7 Queuing strategies: https://streams.spec.whatwg.org/#qs"""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from tests.support.recording import RecordingSource
from whatwg_streams import (
    ByteLengthQueuingStrategy,
    CountQueuingStrategy,
    RangeError,
    ReadableStream,
    TransformStream,
    WritableStream,
)

STRATEGIES = pytest.mark.parametrize("kind", [ByteLengthQueuingStrategy, CountQueuingStrategy])


# §7.2, §7.3 The two strategies --------------------------------------------------------------------


@STRATEGIES
@pytest.mark.parametrize("mark", [0, 1, 2.5, -1, math.inf, -math.inf])
def test_the_mark_is_kept_as_it_was_given_whatever_it_is(kind: Any, mark: float) -> None:
    assert kind(high_water_mark=mark).high_water_mark == mark
    assert math.isnan(kind(high_water_mark=math.nan).high_water_mark)


@STRATEGIES
def test_the_mark_is_required_and_a_number(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        kind(high_water_mark=[])


@STRATEGIES
def test_the_members_are_read_only(kind: Any) -> None:
    strategy = kind(high_water_mark=1)
    with pytest.raises(AttributeError):
        strategy.high_water_mark = 2
    with pytest.raises(AttributeError):
        strategy.size = len


@STRATEGIES
def test_the_size_is_one_function_for_all_of_a_kind_and_needs_no_self(kind: Any) -> None:
    size = kind(high_water_mark=1).size
    assert kind(high_water_mark=2).size is size


@pytest.mark.parametrize("chunk", ["text", None, 3, b"abc", object()])
def test_a_count_is_one_whatever_the_chunk_is(chunk: object) -> None:
    assert CountQueuingStrategy(high_water_mark=1).size(chunk) == 1
    assert CountQueuingStrategy(high_water_mark=1).size() == 1


@pytest.mark.parametrize(("chunk", "length"), [
    (b"", 0), (b"abc", 3), (bytearray(5), 5), (array("H", [1, 2]), 4), (memoryview(array("d", [1])), 8),
])  # fmt: skip
def test_a_length_is_in_bytes(chunk: Any, length: int) -> None:
    assert ByteLengthQueuingStrategy(high_water_mark=1).size(chunk) == length


def test_a_chunk_without_a_length_in_bytes_is_no_chunk_for_such_a_stream() -> None:
    source = RecordingSource()
    ReadableStream(source, ByteLengthQueuingStrategy(high_water_mark=4))
    with pytest.raises((TypeError, RangeError)):
        source.controller.enqueue("text")
    assert source.controller.desired_size is None


async def test_the_strategies_in_use() -> None:
    source = RecordingSource()
    ReadableStream(source, ByteLengthQueuingStrategy(high_water_mark=10))
    source.controller.enqueue(b"abc")
    assert source.controller.desired_size == 7
    source = RecordingSource()
    ReadableStream(source, CountQueuingStrategy(high_water_mark=10))
    source.controller.enqueue(b"abc")
    assert source.controller.desired_size == 9


# §7.1, §7.4 Any object ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ReadableStream, WritableStream, lambda _, strategy: TransformStream(None, strategy)])
def test_a_strategy_is_an_object_with_a_number_and_a_function(kind: Any) -> None:
    for no_object in ("text", 1):
        with pytest.raises(TypeError):
            kind(None, no_object)
    wrong: list[dict[str, Any]] = [{"size": 1}, {"size": "len"}, {"high_water_mark": []}]
    for strategy in wrong:
        with pytest.raises(TypeError):
            kind(None, strategy)
    for mark in (-1, math.nan, -math.inf, "many"):  # which is NaN, too
        with pytest.raises(RangeError):
            kind(None, {"high_water_mark": mark})


@pytest.mark.parametrize("kind", [ReadableStream, WritableStream])
@pytest.mark.parametrize("strategy", [None, {}, {"high_water_mark": math.inf}, {"size": len}, object()])
def test_every_member_may_be_missing(kind: Any, strategy: Any) -> None:
    kind(None, strategy)


def test_numbers_stand_for_numbers() -> None:
    class Three:
        def __float__(self) -> float:
            return 3.0

    for mark, desired in ((True, 1), (2.5, 2.5), (Three(), 3)):
        source = RecordingSource()
        ReadableStream(source, {"high_water_mark": mark})
        assert source.controller.desired_size == desired


@pytest.mark.parametrize(("size", "error"), [("three", RangeError), (None, RangeError), ([], TypeError)])
def test_a_size_that_is_no_number_errors_the_stream(size: Any, error: Any) -> None:
    source = RecordingSource()
    ReadableStream(source, {"size": lambda _chunk: size})
    with pytest.raises(error):
        source.controller.enqueue("a")
    assert source.controller.desired_size is None


def test_sizes_may_be_fractions() -> None:
    source = RecordingSource()
    ReadableStream(source, {"high_water_mark": 1, "size": lambda _chunk: 0.25})
    source.controller.enqueue("a")
    assert source.controller.desired_size == 0.75
