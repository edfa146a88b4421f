"""§6.3 The TransformStreamDefaultController class."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingTransformer, outcome, reason_of, rejected
from whatwg_streams import RangeError, RejectionError, TransformStream, TransformStreamDefaultController


class Chosen(Exception):
    """An error that only a test raises."""


def build(
    high_water_mark: float = 0, transformer: RecordingTransformer | None = None, **strategy: Any
) -> tuple[TransformStream[Any, Any], Any]:
    transformer = transformer or RecordingTransformer()
    stream: TransformStream[Any, Any] = TransformStream(
        transformer, None, {"high_water_mark": high_water_mark, **strategy}
    )
    return stream, transformer.controller


def test_a_controller_can_not_be_constructed() -> None:
    with pytest.raises(TypeError):
        TransformStreamDefaultController()


def test_repr_tells_the_stream() -> None:
    stream, controller = build()
    assert repr(controller) == f"<TransformStreamDefaultController of {stream!r}>"


# desired_size ------------------------------------------------------------------------------------


async def test_desired_size_is_that_of_the_readable_side() -> None:
    stream, controller = build(3)
    assert controller.desired_size == 3
    for size in (2, 1, 0, -1):
        controller.enqueue("a")
        assert controller.desired_size == size
    reader = stream.readable.get_reader()
    await reader.read()
    assert controller.desired_size == 0


async def test_desired_size_after_terminating_is_zero_once_the_queue_is_read() -> None:
    stream, controller = build(3)
    controller.enqueue("a")
    controller.terminate()
    assert controller.desired_size == 2
    await stream.readable.get_reader().read()
    assert controller.desired_size == 0


async def test_desired_size_after_an_error_is_none() -> None:
    _, controller = build(3)
    controller.error("boom")
    assert controller.desired_size is None


async def test_desired_size_after_a_cancel_is_zero() -> None:
    stream, controller = build(3)
    await stream.readable.cancel()
    assert controller.desired_size == 0


# enqueue -----------------------------------------------------------------------------------------


async def test_chunks_can_be_enqueued_at_any_time_and_whatever_they_are() -> None:
    stream, controller = build()
    reader = stream.readable.get_reader()
    await settle()
    chunks = [None, 0, Chosen(), object()]
    for chunk in chunks:
        controller.enqueue(chunk)
    controller.enqueue()
    for chunk in [*chunks, None]:
        assert (await reader.read()).value is chunk


async def test_a_chunk_goes_straight_to_a_reader_that_waits_and_its_size_is_not_asked_for() -> None:
    stream, controller = build(size=lambda: -1)
    read = stream.readable.get_reader().read()
    await settle()
    controller.enqueue("a")
    assert (await read).value == "a"


async def test_nothing_can_be_enqueued_once_the_readable_side_is_closing_closed_or_errored() -> None:
    stream, controller = build()
    controller.enqueue("a")
    controller.terminate()
    with pytest.raises(TypeError):
        controller.enqueue("b")  # closing
    assert [chunk async for chunk in stream.readable] == ["a"]
    with pytest.raises(TypeError):
        controller.enqueue("b")  # closed
    stream, controller = build()
    controller.error(Chosen())
    with pytest.raises(TypeError):
        controller.enqueue("b")  # errored
    stream, controller = build()
    await stream.readable.cancel()
    with pytest.raises(TypeError):
        controller.enqueue("b")  # cancelled


async def test_a_refused_chunk_does_not_error_the_writable_side() -> None:
    stream, controller = build()
    writer = stream.writable.get_writer()
    stream.readable._controller._close_requested = True
    with pytest.raises(TypeError):
        controller.enqueue("a")
    assert outcome(writer.closed) == PENDING
    assert writer.desired_size == 1


async def test_a_size_function_that_raises_errors_both_sides_and_is_raised() -> None:
    error = Chosen()

    def size() -> int:
        raise error

    stream, controller = build(size=size)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    with pytest.raises(Chosen) as raised:
        controller.enqueue("a")
    assert raised.value is error
    assert (outcome(reader.closed), outcome(writer.closed)) == (rejected(error), rejected(error))


@pytest.mark.parametrize("size", [-1, None, float("inf"), "many"])
async def test_an_impossible_size_errors_both_sides_with_a_range_error_which_is_raised(size: object) -> None:
    stream, controller = build(size=lambda: size)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    with pytest.raises(RangeError) as raised:
        controller.enqueue("a")
    assert (outcome(reader.closed), outcome(writer.closed)) == (rejected(raised.value), rejected(raised.value))


@pytest.mark.parametrize("fails_with", ["raising", "impossible"])
async def test_a_size_function_that_errors_the_stream_and_fails_raises_the_first_error(fails_with: str) -> None:
    error = Chosen()
    controllers: list[Any] = []

    def size() -> int:
        controllers[0].error(error)
        if fails_with == "raising":
            raise ValueError
        return -1

    stream, controller = build(size=size)
    controllers.append(controller)
    with pytest.raises(Chosen) as raised:
        controller.enqueue("a")
    assert raised.value is error
    assert outcome(stream.readable.get_reader().closed) == rejected(error)


async def test_a_stored_error_that_can_not_be_raised_is_wrapped() -> None:
    controllers: list[Any] = []

    def size() -> int:
        controllers[0].error("boom")
        return -1

    _, controller = build(size=size)
    controllers.append(controller)
    with pytest.raises(RejectionError) as raised:
        controller.enqueue("a")
    assert raised.value.reason == "boom"


async def test_an_enqueue_that_fails_within_the_identity_rejects_with_the_stored_error_itself() -> None:
    streams: list[TransformStream[str, str]] = []

    def size() -> int:
        streams[0]._the_controller().error("boom")
        return -1

    streams.append(TransformStream(None, None, {"size": size, "high_water_mark": 1}))
    write = streams[0].writable.get_writer().write("a")
    await settle()
    assert outcome(write) == rejected("boom")


async def test_a_size_function_that_raises_within_the_identity_rejects_the_write() -> None:
    error = Chosen()

    def size() -> int:
        raise error

    stream: TransformStream[str, str] = TransformStream(None, None, {"size": size, "high_water_mark": 1})
    writer = stream.writable.get_writer()
    write = writer.write("a")
    await settle()
    assert outcome(write) == rejected(error)
    assert (outcome(writer.closed), outcome(stream.readable.get_reader().closed)) == (rejected(error),) * 2


# error -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, 0, "boom", Chosen()], ids=repr)
async def test_error_errors_both_sides_and_discards_what_is_queued(reason: object) -> None:
    stream, controller = build(5)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    controller.enqueue("a")
    controller.error(reason=reason)
    assert (outcome(writer.closed), outcome(reader.closed)) == (rejected(reason), rejected(reason))
    assert outcome(reader.read()) == rejected(reason)
    assert outcome(writer.write("b")) == rejected(reason)


async def test_the_reason_of_an_error_may_be_missing_and_a_second_error_does_nothing() -> None:
    stream, controller = build()
    controller.error()
    controller.error("second")
    await settle()
    assert outcome(stream.readable.get_reader().closed) == rejected(None)
    assert outcome(stream.writable.get_writer().closed) == rejected(None)


async def test_an_error_lets_a_write_fail_that_waits_for_backpressure() -> None:
    stream, controller = build()
    writer = stream.writable.get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    assert outcome(first) == PENDING
    controller.error("boom")
    await settle()
    assert (outcome(first), outcome(second), outcome(writer.closed)) == (rejected("boom"),) * 3


async def test_an_error_after_the_readable_side_was_cancelled_errors_the_writable_side() -> None:
    transformer = RecordingTransformer(cancel=HOLD)
    stream, controller = build(transformer=transformer)
    cancel = stream.readable.cancel("why")
    await settle()
    controller.error("boom")
    writer = stream.writable.get_writer()
    assert outcome(writer.closed) == rejected("boom")
    transformer.resolve("cancel")
    await settle()
    assert outcome(cancel) == rejected("boom")


async def test_an_error_after_both_sides_are_closed_does_nothing() -> None:
    stream, controller = build()
    reader = stream.readable.get_reader()
    writer = stream.writable.get_writer()
    await writer.close()
    controller.error("late")
    assert (outcome(writer.closed), outcome(reader.closed)) == (FULFILLED, FULFILLED)


# terminate ---------------------------------------------------------------------------------------


async def test_terminating_closes_the_readable_side_and_errors_the_writable_side() -> None:
    stream, controller = build()
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    await settle()
    controller.terminate()
    assert outcome(reader.closed) == FULFILLED
    error = reason_of(writer.closed)
    assert isinstance(error, TypeError)
    assert outcome(writer.write("a")) == rejected(error)


async def test_terminating_leaves_what_is_queued_to_be_read() -> None:
    stream, controller = build(5)
    controller.enqueue("a")
    controller.enqueue("b")
    controller.terminate()
    assert [chunk async for chunk in stream.readable] == ["a", "b"]


async def test_terminating_within_a_transform_fulfills_that_write_and_fails_the_next() -> None:
    def transform(chunk: str, controller: Any) -> None:
        controller.enqueue(chunk)
        controller.terminate()

    transformer = RecordingTransformer(transform=transform)
    stream, _ = build(transformer=transformer)
    writer = stream.writable.get_writer()
    first, second, close = writer.write("a"), writer.write("b"), writer.close()
    assert [chunk async for chunk in stream.readable] == ["a"]
    await settle()
    assert outcome(first) == FULFILLED
    error = reason_of(second)
    assert isinstance(error, TypeError)
    assert (outcome(close), outcome(writer.closed)) == (rejected(error), rejected(error))
    assert transformer.events == [("start",), ("transform", "a")]


async def test_terminating_twice_or_after_an_error_does_nothing_more() -> None:
    stream, controller = build()
    controller.terminate()
    controller.terminate()
    await settle()
    error = reason_of(stream.writable.get_writer().closed)
    assert isinstance(error, TypeError)
    stream, controller = build()
    controller.error("boom")
    controller.terminate()
    await settle()
    assert outcome(stream.writable.get_writer().closed) == rejected("boom")
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")


async def test_terminating_lets_a_write_fail_that_waits_for_backpressure() -> None:
    stream, controller = build()
    write = stream.writable.get_writer().write("a")
    await settle()
    controller.terminate()
    await settle()
    assert isinstance(reason_of(write), TypeError)


async def test_an_error_after_terminating_errors_a_readable_side_with_chunks_left() -> None:
    stream, controller = build(5)
    controller.enqueue("a")
    controller.terminate()
    controller.error("boom")
    assert outcome(stream.readable.get_reader().closed) == rejected("boom")
    await settle()
    assert isinstance(reason_of(stream.writable.get_writer().closed), TypeError)


async def test_terminating_within_start() -> None:
    transformer = RecordingTransformer(start=lambda controller: controller.terminate())
    stream, _ = build(transformer=transformer)
    writer = stream.writable.get_writer()
    assert isinstance(reason_of(writer.ready), TypeError)
    assert outcome(stream.readable.get_reader().closed) == FULFILLED
    await settle()
    assert isinstance(reason_of(writer.closed), TypeError)
