"""§4.9.4: the sizes of chunks, and size functions that come back to the stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import PENDING, EventTrace, outcome, rejected
from tests.support.sources import read_all, read_on, source_and_stream
from whatwg_streams import Promise, RangeError

# Sizes


def _raise(error: Exception) -> Callable[[object], Any]:
    def size(chunk: object) -> Any:
        raise error

    return size


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        (math.nan, RangeError),
        (-1, RangeError),
        (-0.001, RangeError),
        (math.inf, RangeError),
        (-math.inf, RangeError),
        ("large", RangeError),
        (None, RangeError),
        (10**400, RangeError),
        ([], TypeError),
        (object(), TypeError),
    ],
)
async def test_a_size_that_is_no_finite_number_fails_enqueue_and_errors_the_stream(
    size: object, kind: type[Exception]
) -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"size": lambda _: size, "high_water_mark": 0})
    await settle()
    with pytest.raises(kind) as caught:
        source.controller.enqueue("a")
    assert source.controller.desired_size is None
    assert outcome(stream.get_reader().read()) == rejected(caught.value)
    await settle()
    assert trace.events == [("start",)]


@pytest.mark.parametrize(("size", "left"), [(0, 5), (-0.0, 5), ("2", 3), (True, 4), (2.5, 2.5), ("", 5)])
async def test_a_size_is_converted_to_a_number(size: object, left: float) -> None:
    source, _ = source_and_stream(strategy={"size": lambda _: size, "high_water_mark": 5})
    source.controller.enqueue("a")
    assert source.controller.desired_size == left


async def test_enqueue_raises_what_the_size_function_raises_and_the_stream_is_errored_with_it() -> None:
    error = LookupError("no size")
    source, stream = source_and_stream(strategy={"size": _raise(error)})
    with pytest.raises(LookupError) as caught:
        source.controller.enqueue("a")
    assert caught.value is error
    assert outcome(stream.get_reader().closed) == rejected(error)


async def test_a_size_function_that_fails_within_start_fails_the_constructor() -> None:
    error = LookupError("no size")
    with pytest.raises(LookupError) as caught:
        source_and_stream(start=lambda controller: controller.enqueue("a"), strategy={"size": _raise(error)})
    assert caught.value is error


async def test_a_size_function_that_fails_within_pull_errors_the_stream_once() -> None:
    error = LookupError("no size")
    _, stream = source_and_stream(pull=lambda controller: controller.enqueue("a"), strategy={"size": _raise(error)})
    await settle()
    assert outcome(stream.get_reader().closed) == rejected(error)


async def test_a_size_function_gets_the_chunk_alone_and_may_take_nothing() -> None:
    got: list[tuple[object, ...]] = []

    def size(*arguments: object) -> int:
        got.append(arguments)
        return 1

    source, _ = source_and_stream(strategy={"size": size})
    chunk = object()
    source.controller.enqueue(chunk)
    assert got == [(chunk,)]
    source, _ = source_and_stream(strategy={"size": lambda: 7, "high_water_mark": 10})
    source.controller.enqueue(chunk)
    assert source.controller.desired_size == 3


async def test_fractional_sizes_do_not_leave_less_than_nothing_queued() -> None:
    assert 0.2 + 0.5 - 0.2 - 0.5 < 0
    source, stream = source_and_stream(strategy={"size": lambda chunk: chunk, "high_water_mark": 0})
    source.controller.enqueue(0.2)
    source.controller.enqueue(0.5)
    reader = stream.get_reader()
    await reader.read()
    await reader.read()
    assert source.controller.desired_size == 0


# Size functions that come back to the stream


async def test_a_chunk_that_the_size_function_enqueues_comes_first() -> None:
    def size(chunk: str) -> int:
        if chunk == "a":
            source.controller.enqueue("b")
        return 1

    source, stream = source_and_stream(strategy={"size": size, "high_water_mark": 5})
    source.controller.enqueue("a")
    source.controller.close()
    assert await read_all(stream) == ["b", "a"]


async def test_a_size_function_that_closes_an_empty_stream_loses_its_chunk() -> None:
    def size(chunk: object) -> int:
        source.controller.close()
        return 1

    source, stream = source_and_stream(strategy={"size": size})
    source.controller.enqueue("a")
    assert source.controller.desired_size == 0
    assert await read_all(stream) == []


async def test_a_size_function_that_closes_a_stream_with_a_queue_adds_its_chunk() -> None:
    def size(chunk: str) -> int:
        if chunk == "b":
            source.controller.close()
        return 1

    source, stream = source_and_stream(strategy={"size": size, "high_water_mark": 5})
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    assert await read_all(stream) == ["a", "b"]


async def test_a_size_function_that_errors_the_stream_does_not_fail_enqueue() -> None:
    def size(chunk: object) -> int:
        source.controller.error("broken")
        return 1

    source, stream = source_and_stream(strategy={"size": size})
    source.controller.enqueue("a")
    assert outcome(stream.get_reader().read()) == rejected("broken")


async def test_a_size_function_that_errors_the_stream_and_raises_fails_enqueue_with_what_it_raises() -> None:
    error = LookupError("no size")

    def size(chunk: object) -> int:
        source.controller.error("broken")
        raise error

    source, stream = source_and_stream(strategy={"size": size})
    with pytest.raises(LookupError) as caught:
        source.controller.enqueue("a")
    assert caught.value is error
    assert outcome(stream.get_reader().closed) == rejected("broken")


async def test_a_size_function_that_cancels_the_stream_loses_its_chunk() -> None:
    trace = EventTrace()

    def size(chunk: object) -> int:
        stream.cancel("enough")
        return 1

    source, stream = source_and_stream(trace, strategy={"size": size, "high_water_mark": 0})
    source.controller.enqueue("a")
    await settle()
    assert trace.events == [("start",), ("cancel", "enough")]
    assert await read_all(stream) == []


async def test_a_read_from_within_the_size_function_is_served_by_the_next_chunk() -> None:
    # The text looks for requests before it asks for the size, and not again afterwards.
    reads: list[Promise[Any]] = []

    def size(chunk: object) -> int:
        reads.append(reader.read())
        return 1

    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"size": size, "high_water_mark": 0})
    await settle()
    reader = stream.get_reader()
    source.controller.enqueue("a")
    assert outcome(reads[0]) == PENDING
    source.controller.enqueue("b")
    assert outcome(reads[0]) == ("fulfilled", ("b", False))
    source.controller.close()
    assert await read_on(reader) == ["a"]
