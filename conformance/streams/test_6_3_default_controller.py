"""§6.3 The TransformStreamDefaultController class: https://streams.spec.whatwg.org/#ts-default-controller-class

And §6.4.2, its abstract operations.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, RecordingTransformer, outcome, reason_of, rejected
from whatwg_streams import (
    RangeError,
    TransformStream,
    TransformStreamDefaultController,
)

ERROR = ValueError("the reason")
ANOTHER = KeyError("another reason")


def transformer_and_stream(
    strategy: Any = None, **answers: Any
) -> tuple[RecordingTransformer, TransformStream[Any, Any]]:
    transformer = RecordingTransformer(**answers)
    return transformer, TransformStream(transformer, None, strategy)


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        TransformStreamDefaultController()


# desiredSize --------------------------------------------------------------------------------------


async def test_desired_size_is_that_of_the_readable_side() -> None:
    transformer, stream = transformer_and_stream({"high_water_mark": 3})
    controller = transformer.controller
    assert controller.desired_size == 3
    controller.enqueue("a")
    assert controller.desired_size == 2
    reader = stream.readable.get_reader()
    await reader.read()
    assert controller.desired_size == 3
    await reader.cancel()
    assert controller.desired_size == 0


async def test_desired_size_after_an_error_and_after_the_end() -> None:
    transformer, _ = transformer_and_stream()
    transformer.controller.error(ERROR)
    assert transformer.controller.desired_size is None
    transformer, _ = transformer_and_stream({"high_water_mark": 3})
    transformer.controller.terminate()
    assert transformer.controller.desired_size == 0


# enqueue ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["terminate", "error", "cancel", "close"])
async def test_nothing_is_enqueued_once_the_readable_side_has_ended(end: str) -> None:
    transformer, stream = transformer_and_stream()
    if end == "cancel":
        await stream.readable.cancel()
    elif end == "close":
        await stream.writable.close()
    else:
        getattr(transformer.controller, end)()
    with pytest.raises(TypeError):
        transformer.controller.enqueue("a")


async def test_what_the_size_function_raises_is_raised_and_errors_both_sides() -> None:
    def size(_chunk: object) -> float:
        raise ERROR

    transformer, stream = transformer_and_stream({"high_water_mark": 1, "size": size})
    with pytest.raises(ValueError, match="the reason") as caught:
        transformer.controller.enqueue("a")
    assert caught.value is ERROR
    await settle()
    assert outcome(stream.readable.get_reader().closed) == rejected(ERROR)
    assert outcome(stream.writable.get_writer().closed) == rejected(ERROR)


@pytest.mark.parametrize("size", [-1, math.nan, math.inf])
async def test_a_size_that_is_no_finite_number_from_zero_errors_both_sides(size: float) -> None:
    transformer, stream = transformer_and_stream({"high_water_mark": 1, "size": lambda _chunk: size})
    with pytest.raises(RangeError) as caught:
        transformer.controller.enqueue("a")
    await settle()
    assert reason_of(stream.readable.get_reader().closed) is caught.value
    assert reason_of(stream.writable.get_writer().closed) is caught.value


async def test_a_size_function_that_errors_the_stream_decides_what_is_raised() -> None:
    def size(_chunk: object) -> float:
        transformer.controller.error(ANOTHER)
        raise ERROR

    transformer, _ = transformer_and_stream({"high_water_mark": 1, "size": size})
    with pytest.raises(KeyError) as caught:
        transformer.controller.enqueue("a")
    assert caught.value is ANOTHER


async def test_without_a_transform_what_enqueueing_raises_rejects_the_write() -> None:
    def size(_chunk: object) -> float:
        raise ERROR

    stream: TransformStream[Any, Any] = TransformStream(None, None, {"high_water_mark": 1, "size": size})
    write = stream.writable.get_writer().write("a")
    await settle()
    assert outcome(write) == rejected(ERROR)


async def test_chunks_may_be_enqueued_at_any_time() -> None:
    transformer, stream = transformer_and_stream()
    await settle()
    transformer.controller.enqueue("out of nothing")
    assert (await stream.readable.get_reader().read()).value == "out of nothing"


async def test_enqueueing_more_than_is_wanted_holds_the_writable_side() -> None:
    transformer, stream = transformer_and_stream({"high_water_mark": 1})
    await settle()
    transformer.controller.enqueue("a")
    write = stream.writable.get_writer().write("b")
    await settle()
    assert transformer.events == [("start",)]
    reader = stream.readable.get_reader()
    assert [(await reader.read()).value for _ in range(2)] == ["a", "b"]
    await settle()
    assert outcome(write) == FULFILLED


# error --------------------------------------------------------------------------------------------


async def test_an_error_reaches_both_sides_and_discards_what_is_queued() -> None:
    transformer, stream = transformer_and_stream({"high_water_mark": 3})
    await settle()
    transformer.controller.enqueue("a")
    transformer.controller.error(ERROR)
    reader, writer = stream.readable.get_reader(), stream.writable.get_writer()
    assert outcome(reader.read()) == rejected(ERROR)
    assert outcome(writer.closed) == rejected(ERROR)
    assert outcome(writer.write("b")) == rejected(ERROR)
    assert transformer.events == [("start",)]  # neither flushed nor cancelled


async def test_only_the_first_error_counts() -> None:
    transformer, stream = transformer_and_stream()
    await settle()
    transformer.controller.error(ERROR)
    transformer.controller.error(ANOTHER)
    assert outcome(stream.readable.get_reader().closed) == rejected(ERROR)
    assert outcome(stream.writable.get_writer().closed) == rejected(ERROR)


async def test_an_error_lets_go_of_a_write_that_waits_for_a_reader() -> None:
    transformer, stream = transformer_and_stream()
    write = stream.writable.get_writer().write("a")
    await settle()
    transformer.controller.error(ERROR)
    await settle()
    assert outcome(write) == rejected(ERROR)
    assert transformer.events == [("start",)]


async def test_an_error_within_start() -> None:
    stream: TransformStream[Any, Any] = TransformStream({"start": lambda controller: controller.error(ERROR)})
    await settle()
    assert outcome(stream.readable.get_reader().closed) == rejected(ERROR)
    assert outcome(stream.writable.get_writer().closed) == rejected(ERROR)


async def test_an_error_within_transform_lets_that_write_succeed() -> None:
    transformer, stream = transformer_and_stream(
        {"high_water_mark": 1}, transform=lambda _chunk, controller: controller.error(ERROR)
    )
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(writer.closed) == rejected(ERROR)
    assert transformer.events == [("start",), ("transform", "a")]


async def test_an_error_after_the_readable_side_was_cancelled() -> None:
    transformer, stream = transformer_and_stream(cancel=HOLD)
    await settle()
    outcome(stream.readable.cancel("why"))
    transformer.controller.error(ERROR)
    assert outcome(stream.writable.get_writer().closed) == rejected(ERROR)
    transformer.resolve("cancel")


# terminate ----------------------------------------------------------------------------------------


async def test_terminating_closes_the_readable_side_and_errors_the_writable_side() -> None:
    transformer, stream = transformer_and_stream({"high_water_mark": 2})
    await settle()
    transformer.controller.enqueue("a")
    transformer.controller.terminate()
    reader, writer = stream.readable.get_reader(), stream.writable.get_writer()
    assert (await reader.read()).value == "a"
    assert (await reader.read()).done
    reason = reason_of(writer.closed)
    assert isinstance(reason, TypeError)
    assert reason_of(writer.write("b")) is reason
    assert transformer.events == [("start",)]


async def test_terminating_within_transform() -> None:
    def once(chunk: object, controller: Any) -> None:
        controller.enqueue(chunk)
        controller.terminate()

    transformer, stream = transformer_and_stream({"high_water_mark": 2}, transform=once)
    writer = stream.writable.get_writer()
    writes = [writer.write("a"), writer.write("b")]
    await settle()
    assert outcome(writes[0]) == FULFILLED
    assert isinstance(reason_of(writes[1]), TypeError)
    assert [event[0] for event in transformer.events] == ["start", "transform"]
    assert [chunk async for chunk in stream.readable] == ["a"]


async def test_terminating_within_flush() -> None:
    _, stream = transformer_and_stream(flush=lambda controller: controller.terminate())
    closing = stream.writable.close()
    await settle()
    assert outcome(closing) == FULFILLED
    assert [chunk async for chunk in stream.readable] == []


async def test_terminating_twice_or_after_an_error_does_nothing_more() -> None:
    transformer, stream = transformer_and_stream()
    await settle()
    transformer.controller.error(ERROR)
    transformer.controller.terminate()
    assert outcome(stream.readable.get_reader().closed) == rejected(ERROR)
    transformer, stream = transformer_and_stream()
    await settle()
    transformer.controller.terminate()
    writer = stream.writable.get_writer()
    reason = reason_of(writer.closed)
    transformer.controller.terminate()
    transformer.controller.error(ERROR)
    assert reason_of(writer.closed) is reason
    assert outcome(stream.readable.get_reader().closed) == FULFILLED


async def test_terminating_lets_go_of_a_write_that_waits_for_a_reader() -> None:
    transformer, stream = transformer_and_stream()
    write = stream.writable.get_writer().write("a")
    await settle()
    transformer.controller.terminate()
    await settle()
    assert isinstance(reason_of(write), TypeError)


async def test_an_error_with_chunks_left_after_terminating_discards_them() -> None:
    transformer, stream = transformer_and_stream({"high_water_mark": 2})
    await settle()
    transformer.controller.enqueue("a")
    transformer.controller.terminate()
    transformer.controller.error(ERROR)
    assert outcome(stream.readable.get_reader().read()) == rejected(ERROR)
