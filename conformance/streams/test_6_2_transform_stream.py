"""§6.2 The TransformStream class: https://streams.spec.whatwg.org/#ts-class

And §6.4.1, §6.4.3 and §6.4.4: its two sides.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    EventTrace,
    RecordingTransformer,
    members,
    outcome,
    rejected,
)
from tests.support.sources import read_all, stream_of
from whatwg_streams import (
    RangeError,
    ReadableStream,
    TransformStream,
    TransformStreamDefaultController,
    WritableStream,
)

ERROR = ValueError("the reason")
ANOTHER = KeyError("another reason")


class Ends:
    """A transformer, its stream, and a writer and a reader of it."""

    def __init__(self, *, readable_mark: float = 0, writable_mark: float = 1, **answers: Any) -> None:
        self.trace = EventTrace()
        self.transformer = RecordingTransformer(self.trace, **answers)
        self.stream: TransformStream[Any, Any] = TransformStream(
            self.transformer, {"high_water_mark": writable_mark}, {"high_water_mark": readable_mark}
        )
        self.writer = self.stream.writable.get_writer()
        self.reader = self.stream.readable.get_reader()

    @property
    def controller(self) -> Any:
        return self.transformer.controller

    def called(self, name: str) -> int:
        return sum(event[0] == name for event in self.trace.events)


# The constructor ----------------------------------------------------------------------------------


async def test_without_a_transformer_chunks_pass_unchanged() -> None:
    stream: TransformStream[Any, Any] = TransformStream()
    assert type(stream.readable) is ReadableStream
    assert type(stream.writable) is WritableStream
    assert stream.readable is stream.readable
    assert stream.writable is stream.writable
    chunk = object()
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    write, read = writer.write(chunk), reader.read()
    assert (await read).value is chunk
    await write
    closing = writer.close()
    assert (await reader.read()).done
    await closing


@pytest.mark.parametrize("transformer", ["text", 3, True])
def test_a_transformer_that_is_no_object_is_a_type_error(transformer: Any) -> None:
    with pytest.raises(TypeError):
        TransformStream(transformer)


@pytest.mark.parametrize("member", ["start", "transform", "flush", "cancel"])
def test_a_callback_has_to_be_callable(member: str) -> None:
    with pytest.raises(TypeError):
        TransformStream({member: 1})


@pytest.mark.parametrize("member", ["readable_type", "writable_type"])
@pytest.mark.parametrize("value", ["bytes", "", 0, False])
def test_types_are_reserved(member: str, value: object) -> None:
    transformer = RecordingTransformer()
    with pytest.raises(RangeError):
        TransformStream({member: value, **members(transformer, "start")})
    assert transformer.events == []


@pytest.mark.parametrize("mark", [-1, math.nan])
@pytest.mark.parametrize("side", [0, 1])
def test_a_high_water_mark_below_zero_or_nan_is_a_range_error(side: int, mark: float) -> None:
    strategies: list[Any] = [None, None]
    strategies[side] = {"high_water_mark": mark}
    transformer = RecordingTransformer()
    with pytest.raises(RangeError):
        TransformStream(transformer, *strategies)
    assert transformer.events == []


def test_the_marks_by_default_are_one_and_nothing() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[Any, Any] = TransformStream(transformer)
    assert stream.writable.get_writer().desired_size == 1
    assert transformer.controller.desired_size == 0


async def test_strategies_are_of_the_writable_and_of_the_readable_in_this_order() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[Any, Any] = TransformStream(
        transformer, {"high_water_mark": 5, "size": len}, {"high_water_mark": 9, "size": lambda _chunk: 2}
    )
    writer = stream.writable.get_writer()
    assert writer.desired_size == 5
    assert transformer.controller.desired_size == 9
    write = writer.write("abc")
    assert writer.desired_size == 2
    await write
    assert transformer.controller.desired_size == 7


# start --------------------------------------------------------------------------------------------


def test_start_gets_the_controller_during_construction() -> None:
    ends = Ends()
    assert type(ends.controller) is TransformStreamDefaultController
    assert ends.trace.events == [("start",)]


def test_what_start_raises_the_constructor_raises() -> None:
    with pytest.raises(ValueError, match="the reason") as caught:
        Ends(start=ERROR)
    assert caught.value is ERROR


async def test_start_may_enqueue_and_what_it_enqueues_comes_first() -> None:
    stream: TransformStream[Any, Any] = TransformStream({"start": lambda controller: controller.enqueue("first")})
    write = stream.writable.get_writer().write("second")
    reader = stream.readable.get_reader()
    assert [(await reader.read()).value for _ in range(2)] == ["first", "second"]
    await write


async def test_both_sides_wait_for_start() -> None:
    ends = Ends(start=HOLD)
    write, read = ends.writer.write("a"), ends.reader.read()
    closing = ends.writer.close()
    await settle()
    assert ends.trace.events == [("start",)]
    ends.transformer.resolve("start")
    await settle()
    assert ends.trace.events == [("start",), ("transform", "a"), ("flush",)]
    assert outcome(read) == ("fulfilled", ("a", False))
    assert [outcome(one) for one in (write, closing)] == [FULFILLED] * 2
    assert (await ends.reader.read()).done


async def test_what_start_rejects_with_errors_both_sides() -> None:
    ends = Ends(start=HOLD)
    write = ends.writer.write("a")
    ends.transformer.reject("start", ERROR)
    await settle()
    assert [outcome(one) for one in (write, ends.writer.closed, ends.reader.closed)] == [rejected(ERROR)] * 3
    assert ends.trace.events == [("start",)]


# Backpressure -------------------------------------------------------------------------------------


async def test_nothing_is_transformed_before_somebody_reads() -> None:
    ends = Ends()
    write = ends.writer.write("a")
    await settle()
    assert ends.called("transform") == 0
    assert outcome(ends.writer.ready) == PENDING
    assert (await ends.reader.read()).value == "a"
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(ends.writer.ready) == FULFILLED


async def test_room_in_the_readable_side_lets_chunks_through() -> None:
    ends = Ends(readable_mark=2, writable_mark=9)
    writes = [ends.writer.write(chunk) for chunk in "abc"]
    await settle()
    assert ends.called("transform") == 2
    assert [outcome(one) for one in writes] == [FULFILLED, FULFILLED, PENDING]
    assert (await ends.reader.read()).value == "a"
    await settle()
    assert ends.called("transform") == 3
    assert outcome(writes[2]) == FULFILLED


async def test_a_chunk_that_becomes_nothing_lets_the_next_one_through() -> None:
    ends = Ends(transform=lambda _chunk, _controller: None)
    read = ends.reader.read()
    await ends.writer.write("a")
    await ends.writer.write("b")
    assert ends.called("transform") == 2
    assert outcome(read) == PENDING


async def test_a_chunk_may_become_several_and_then_backpressure_is_back() -> None:
    def twice(chunk: str, controller: Any) -> None:
        controller.enqueue(chunk)
        controller.enqueue(chunk.upper())

    ends = Ends(transform=twice, writable_mark=2)
    read = ends.reader.read()
    writes = [ends.writer.write("a"), ends.writer.write("b")]
    await settle()
    assert outcome(read) == ("fulfilled", ("a", False))
    assert ends.controller.desired_size == -1
    assert ends.called("transform") == 1
    assert (await ends.reader.read()).value == "A"
    read = ends.reader.read()
    await settle()
    assert outcome(read) == ("fulfilled", ("b", False))
    assert [outcome(one) for one in writes] == [FULFILLED] * 2


async def test_transforms_come_one_after_the_other() -> None:
    ends = Ends(transform=HOLD, readable_mark=9, writable_mark=9)
    writes = [ends.writer.write(chunk) for chunk in "ab"]
    await settle()
    assert ends.called("transform") == 1
    ends.transformer.resolve("transform")
    await settle()
    assert ends.called("transform") == 2
    ends.transformer.resolve("transform")
    await settle()
    assert [outcome(one) for one in writes] == [FULFILLED] * 2


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_transform_fails_with_errors_both_sides(how: str) -> None:
    ends = Ends(transform=ERROR if how == "raises" else HOLD, readable_mark=1)
    write, closing = ends.writer.write("a"), ends.writer.close()
    await settle()
    if how == "rejects":
        ends.transformer.reject("transform", ERROR)
        await settle()
    promises = [write, closing, ends.writer.closed, ends.reader.closed]
    assert [outcome(one) for one in promises] == [rejected(ERROR)] * 4
    assert ends.called("flush") == ends.called("cancel") == 0


# Closing ------------------------------------------------------------------------------------------


async def test_closing_flushes_and_then_closes_the_readable_side() -> None:
    ends = Ends(flush=HOLD)
    closing = ends.writer.close()
    await settle()
    assert ends.trace.events == [("start",), ("flush",)]
    assert outcome(closing) == PENDING
    assert outcome(ends.reader.closed) == PENDING
    ends.transformer.resolve("flush")
    await settle()
    assert outcome(closing) == FULFILLED
    assert outcome(ends.reader.closed) == FULFILLED


async def test_flush_may_enqueue() -> None:
    stream: TransformStream[Any, Any] = TransformStream({"flush": lambda controller: controller.enqueue("last")})
    closing = stream.writable.close()
    assert await read_all(stream.readable) == ["last"]
    await closing


async def test_flush_comes_after_all_transforms() -> None:
    ends = Ends(transform=HOLD, readable_mark=9, writable_mark=9)
    outcome(ends.writer.write("a"))
    outcome(ends.writer.close())
    await settle()
    assert ends.called("flush") == 0
    ends.transformer.resolve("transform")
    await settle()
    assert [event[0] for event in ends.trace.events] == ["start", "transform", "flush"]


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_flush_fails_with_errors_both_sides(how: str) -> None:
    ends = Ends(flush=ERROR if how == "raises" else HOLD)
    closing = ends.writer.close()
    await settle()
    if how == "rejects":
        ends.transformer.reject("flush", ERROR)
        await settle()
    assert [outcome(one) for one in (closing, ends.writer.closed, ends.reader.closed)] == [rejected(ERROR)] * 3


async def test_a_flush_during_which_the_stream_is_errored() -> None:
    ends = Ends(flush=HOLD)
    closing = ends.writer.close()
    await settle()
    ends.controller.error(ERROR)
    ends.transformer.resolve("flush")
    await settle()
    assert outcome(closing) == rejected(ERROR)
    assert outcome(ends.reader.closed) == rejected(ERROR)
    assert outcome(ends.writer.closed) == rejected(ERROR)


# Aborting the writable side -----------------------------------------------------------------------


async def test_aborting_calls_cancel_and_errors_the_readable_side() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    promise = ends.writer.abort(ERROR)
    assert ends.trace.events == [("start",), ("cancel", ERROR)]
    await settle()
    assert outcome(promise) == PENDING
    assert outcome(ends.reader.closed) == PENDING
    ends.transformer.resolve("cancel")
    await settle()
    assert outcome(promise) == FULFILLED
    assert outcome(ends.reader.closed) == rejected(ERROR)
    assert outcome(ends.writer.closed) == rejected(ERROR)


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_cancel_fails_with_when_aborting(how: str) -> None:
    ends = Ends(cancel=ANOTHER if how == "raises" else HOLD)
    await settle()
    promise = ends.writer.abort(ERROR)
    if how == "rejects":
        ends.transformer.reject("cancel", ANOTHER)
    await settle()
    assert outcome(promise) == rejected(ANOTHER)
    assert outcome(ends.reader.closed) == rejected(ANOTHER)
    assert outcome(ends.writer.closed) == rejected(ERROR)


async def test_an_error_of_the_readable_side_while_aborting() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    promise = ends.writer.abort(ERROR)
    ends.controller.error(ANOTHER)
    ends.transformer.resolve("cancel")
    await settle()
    assert outcome(promise) == rejected(ANOTHER)
    assert outcome(ends.reader.closed) == rejected(ANOTHER)


# Cancelling the readable side ---------------------------------------------------------------------


async def test_cancelling_calls_cancel_and_errors_the_writable_side() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    promise = ends.reader.cancel(ERROR)
    assert ends.trace.events == [("start",), ("cancel", ERROR)]
    await settle()
    assert [outcome(one) for one in (promise, ends.writer.closed)] == [PENDING] * 2
    ends.transformer.resolve("cancel")
    await settle()
    assert outcome(promise) == FULFILLED
    assert outcome(ends.writer.closed) == rejected(ERROR)
    assert ends.called("flush") == 0


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_cancel_fails_with_when_cancelling(how: str) -> None:
    ends = Ends(cancel=ANOTHER if how == "raises" else HOLD)
    await settle()
    promise = ends.reader.cancel(ERROR)
    if how == "rejects":
        ends.transformer.reject("cancel", ANOTHER)
    await settle()
    assert outcome(promise) == rejected(ANOTHER)
    assert outcome(ends.writer.closed) == rejected(ANOTHER)


async def test_an_error_of_the_writable_side_while_cancelling() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    promise = ends.reader.cancel(ERROR)
    ends.controller.error(ANOTHER)
    ends.transformer.resolve("cancel")
    await settle()
    assert outcome(promise) == rejected(ANOTHER)
    assert outcome(ends.writer.closed) == rejected(ANOTHER)


@pytest.mark.parametrize("reason", [None, ANOTHER])
async def test_cancelling_lets_go_of_a_write_that_waits_for_a_reader(reason: Any) -> None:
    ends = Ends(cancel=reason)
    write = ends.writer.write("a")
    await settle()
    assert outcome(write) == PENDING
    promise = ends.reader.cancel(ERROR)
    await settle()
    assert outcome(promise) == (FULFILLED if reason is None else rejected(ANOTHER))
    assert outcome(write) == rejected(ERROR if reason is None else ANOTHER)
    assert ends.called("transform") == 0


# One end only -------------------------------------------------------------------------------------


async def test_an_abort_during_a_cancellation_ends_with_it() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    cancelling, aborting = ends.reader.cancel(ERROR), ends.writer.abort(ANOTHER)
    await settle()
    assert ends.trace.events == [("start",), ("cancel", ERROR)]
    ends.transformer.resolve("cancel")
    await settle()
    # The writable side has its error by then, which is what both end with.
    assert [outcome(one) for one in (cancelling, aborting, ends.writer.closed)] == [rejected(ANOTHER)] * 3


async def test_a_cancellation_during_an_abort_ends_with_it() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    aborting, cancelling = ends.writer.abort(ERROR), ends.reader.cancel(ANOTHER)
    await settle()
    assert ends.trace.events == [("start",), ("cancel", ERROR)]
    ends.transformer.resolve("cancel")
    await settle()
    assert [outcome(one) for one in (aborting, cancelling)] == [FULFILLED] * 2


async def test_a_close_during_a_cancellation_ends_with_it() -> None:
    ends = Ends(cancel=HOLD)
    await settle()
    cancelling, closing = ends.reader.cancel(ERROR), ends.writer.close()
    await settle()
    assert ends.trace.events == [("start",), ("cancel", ERROR)]
    ends.transformer.resolve("cancel")
    await settle()
    assert outcome(cancelling) == FULFILLED
    assert outcome(closing) == FULFILLED


async def test_a_cancellation_during_a_flush_ends_with_it() -> None:
    ends = Ends(flush=HOLD)
    await settle()
    closing, cancelling = ends.writer.close(), ends.reader.cancel(ERROR)
    await settle()
    assert ends.trace.events == [("start",), ("flush",)]
    ends.transformer.resolve("flush")
    await settle()
    assert [outcome(one) for one in (closing, cancelling)] == [FULFILLED] * 2


async def test_aborting_during_a_transform_waits_for_it() -> None:
    ends = Ends(transform=HOLD, readable_mark=1)
    await settle()
    write, aborting = ends.writer.write("a"), ends.writer.abort(ERROR)
    await settle()
    assert ends.called("cancel") == 0
    ends.transformer.resolve("transform")
    await settle()
    assert ends.trace.events == [("start",), ("transform", "a"), ("cancel", ERROR)]
    assert [outcome(one) for one in (write, aborting)] == [FULFILLED] * 2


async def test_aborting_with_a_write_that_waits_for_a_reader_waits_too() -> None:
    ends = Ends()
    write = ends.writer.write("a")
    await settle()
    aborting = ends.writer.abort(ERROR)
    await settle()
    assert [outcome(one) for one in (write, aborting)] == [PENDING] * 2
    read = ends.reader.read()  # which lets the write see that it is too late
    await settle()
    assert outcome(write) == rejected(ERROR)
    assert outcome(aborting) == FULFILLED
    assert outcome(read) == rejected(ERROR)
    assert ends.called("transform") == 0


# In a pipe ----------------------------------------------------------------------------------------


async def test_a_pipe_through_two_transforms() -> None:
    upper: TransformStream[str, str] = TransformStream(
        {"transform": lambda chunk, controller: controller.enqueue(chunk.upper())}
    )
    doubled: TransformStream[str, str] = TransformStream(
        {"transform": lambda chunk, controller: [controller.enqueue(chunk) for _ in range(2)] and None}
    )
    assert await read_all(stream_of("a", "b").pipe_through(upper).pipe_through(doubled)) == ["A", "A", "B", "B"]


async def test_what_a_transform_in_a_pipe_fails_with_reaches_both_ends() -> None:
    cancelled: list[object] = []
    source: ReadableStream[str] = ReadableStream(
        {"pull": lambda controller: controller.enqueue("a"), "cancel": cancelled.append}
    )
    failing = RecordingTransformer(transform=ERROR)
    reader = source.pipe_through(TransformStream(failing)).get_reader()
    read = reader.read()
    await settle()
    assert outcome(read) == rejected(ERROR)
    assert cancelled == [ERROR]


async def test_the_callbacks_may_be_coroutine_functions() -> None:
    class Transformer:
        async def transform(self, chunk: int, controller: Any) -> None:
            controller.enqueue(chunk + 1)

        async def flush(self, controller: Any) -> None:
            controller.enqueue("end")

    assert await read_all(stream_of(1, 2).pipe_through(TransformStream(Transformer()))) == [2, 3, "end"]


async def test_a_transform_that_is_left_alone_settles_nothing() -> None:
    ends = Ends()
    promises = [ends.reader.closed, ends.writer.closed, ends.reader.read()]
    await settle()
    assert [outcome(one) for one in promises] == [PENDING] * 3
    assert outcome(ends.writer.ready) == FULFILLED
