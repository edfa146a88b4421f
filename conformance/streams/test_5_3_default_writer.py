"""§5.3 The WritableStreamDefaultWriter class: https://streams.spec.whatwg.org/#default-writer-class

And §5.5.3, its abstract operations.
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
    RecordingSink,
    outcome,
    reason_of,
    rejected,
)
from whatwg_streams import RangeError, WritableStream, WritableStreamDefaultWriter

ERROR = ValueError("the reason")


def writer_of(
    mark: float = 1, size: Any = None, trace: EventTrace | None = None, **answers: Any
) -> tuple[RecordingSink, WritableStreamDefaultWriter[Any]]:
    sink = RecordingSink(trace, **answers)
    strategy = {"high_water_mark": mark} | ({} if size is None else {"size": size})
    return sink, WritableStream[Any](sink, strategy).get_writer()


# The constructor, in every state ------------------------------------------------------------------


@pytest.mark.parametrize("stream", [None, "stream", {}])
def test_the_constructor_wants_a_stream(stream: Any) -> None:
    with pytest.raises(TypeError):
        WritableStreamDefaultWriter(stream)


def test_the_constructor_locks_the_stream() -> None:
    stream: WritableStream[Any] = WritableStream()
    writer = WritableStreamDefaultWriter(stream)
    assert stream.locked
    with pytest.raises(TypeError):
        WritableStreamDefaultWriter(stream)
    writer.release_lock()


@pytest.mark.parametrize(("mark", "ready"), [(0, PENDING), (1, FULFILLED), (math.inf, FULFILLED)])
def test_ready_of_a_new_writer_says_whether_there_is_room(mark: float, ready: Any) -> None:
    _, writer = writer_of(mark)
    assert outcome(writer.ready) == ready
    assert outcome(writer.closed) == PENDING
    assert writer.desired_size == mark


async def test_a_writer_of_a_stream_that_is_closing_is_ready() -> None:
    stream: WritableStream[Any] = WritableStream({"start": RecordingSink(start=HOLD).start}, {"high_water_mark": 0})
    outcome(stream.close())
    writer = stream.get_writer()
    assert outcome(writer.ready) == FULFILLED
    assert outcome(writer.closed) == PENDING
    assert isinstance(reason_of(writer.close()), TypeError)
    assert isinstance(reason_of(writer.write("a")), TypeError)


async def test_a_writer_of_a_stream_that_is_erroring() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[Any] = WritableStream(sink)
    sink.controller.error(ERROR)
    writer = stream.get_writer()
    assert outcome(writer.ready) == rejected(ERROR)
    assert outcome(writer.closed) == PENDING
    assert writer.desired_size is None
    assert outcome(writer.write("a")) == rejected(ERROR)
    sink.resolve("start")
    await settle()
    assert outcome(writer.closed) == rejected(ERROR)


async def test_a_writer_of_a_closed_stream() -> None:
    stream: WritableStream[Any] = WritableStream()
    await stream.close()
    writer = stream.get_writer()
    assert outcome(writer.ready) == FULFILLED
    assert outcome(writer.closed) == FULFILLED
    assert writer.desired_size == 0
    assert isinstance(reason_of(writer.write("a")), TypeError)
    assert isinstance(reason_of(writer.close()), TypeError)
    assert outcome(writer.abort("why")) == FULFILLED


async def test_a_writer_of_a_stream_with_an_error_which_needs_no_handler() -> None:
    sink = RecordingSink()
    stream: WritableStream[Any] = WritableStream(sink)
    await settle()
    sink.controller.error(ERROR)
    writer = stream.get_writer()
    await settle()
    assert outcome(writer.ready) == rejected(ERROR)
    assert outcome(writer.closed) == rejected(ERROR)
    assert writer.desired_size is None
    assert outcome(writer.write("a")) == rejected(ERROR)
    assert isinstance(reason_of(writer.close()), TypeError)
    assert outcome(writer.abort("why")) == FULFILLED


# write --------------------------------------------------------------------------------------------


async def test_chunks_are_written_one_at_a_time_in_order() -> None:
    sink, writer = writer_of(write=HOLD)
    writes = [writer.write(chunk) for chunk in "ab"]
    await settle()
    assert sink.events == [("start",), ("write", "a")]
    assert [outcome(one) for one in writes] == [PENDING] * 2
    sink.resolve("write", "something")
    await settle()
    assert sink.events == [("start",), ("write", "a"), ("write", "b")]
    assert [outcome(one) for one in writes] == [FULFILLED, PENDING]
    sink.resolve("write")
    await settle()
    assert outcome(writes[1]) == FULFILLED


async def test_nothing_is_written_before_start_is_done() -> None:
    sink, writer = writer_of(start=HOLD)
    write = writer.write("a")
    await settle()
    assert sink.events == [("start",)]
    assert outcome(write) == PENDING
    sink.resolve("start")
    await settle()
    assert sink.events == [("start",), ("write", "a")]
    assert outcome(write) == FULFILLED


async def test_once_started_a_write_reaches_the_sink_at_once() -> None:
    sink, writer = writer_of()
    await settle()
    write = writer.write("a")
    assert sink.events == [("start",), ("write", "a")]
    assert outcome(write) == PENDING
    await write


async def test_chunks_may_be_anything() -> None:
    sink, writer = writer_of()
    chunks = [None, False, ERROR, writer]
    for chunk in chunks:
        await writer.write(chunk)
    assert [event[1] for event in sink.events[1:]] == chunks


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_write_of_the_sink_fails_with_errors_the_stream(how: str) -> None:
    sink, writer = writer_of(write=ERROR if how == "raises" else HOLD)
    await settle()
    first, second, closing = writer.write("a"), writer.write("b"), writer.close()
    if how == "rejects":
        sink.reject("write", ERROR)
    await settle()
    assert [outcome(one) for one in (first, second, closing)] == [rejected(ERROR)] * 3
    assert outcome(writer.closed) == rejected(ERROR)
    assert outcome(writer.ready) == rejected(ERROR)
    assert [event[0] for event in sink.events] == ["start", "write"]


# Backpressure -------------------------------------------------------------------------------------


async def test_ready_follows_the_backpressure() -> None:
    sink, writer = writer_of(mark=2, write=HOLD)
    await settle()
    before = writer.ready
    writes = [writer.write("a")]
    assert writer.desired_size == 1
    assert writer.ready is before
    writes.append(writer.write("b"))
    assert writer.desired_size == 0
    full = writer.ready
    assert full is not before
    assert outcome(full) == PENDING
    writes.append(writer.write("c"))
    assert writer.desired_size == -1
    assert writer.ready is full
    sink.resolve("write")
    await settle()
    assert writer.desired_size == 0
    assert outcome(full) == PENDING
    sink.resolve("write")
    await settle()
    assert writer.desired_size == 1
    assert writer.ready is full
    assert outcome(full) == FULFILLED
    sink.resolve("write")
    await settle()
    assert [outcome(one) for one in writes] == [FULFILLED] * 3


async def test_a_close_makes_a_writer_ready() -> None:
    sink, writer = writer_of(mark=1, write=HOLD)
    await settle()
    write = writer.write("a")
    assert outcome(writer.ready) == PENDING
    closing = writer.close()
    assert outcome(writer.ready) == FULFILLED
    sink.resolve("write")
    await settle()
    assert outcome(write) == FULFILLED
    assert outcome(closing) == FULFILLED
    assert outcome(writer.closed) == FULFILLED


async def test_backpressure_is_kept_from_one_writer_to_the_next() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[Any] = WritableStream(sink)
    await settle()
    with stream.get_writer() as first:
        write = first.write("a")
    writer = stream.get_writer()
    assert outcome(writer.ready) == PENDING
    sink.resolve("write")
    await settle()
    assert outcome(writer.ready) == FULFILLED
    assert outcome(write) == FULFILLED


async def test_chunks_count_by_the_size_function() -> None:
    _, writer = writer_of(mark=5, size=len, write=HOLD)
    await settle()
    writer.write("abc")
    assert writer.desired_size == 2
    writer.write("")
    assert writer.desired_size == 2
    writer.write("defgh")
    assert writer.desired_size == -3


async def test_what_the_size_function_raises_rejects_the_write_and_errors_the_stream() -> None:
    def size(_chunk: object) -> float:
        raise ERROR

    sink, writer = writer_of(size=size)
    await settle()
    assert outcome(writer.write("a")) == rejected(ERROR)
    assert outcome(writer.closed) == rejected(ERROR)
    assert sink.events == [("start",)]


@pytest.mark.parametrize("size", [-1, math.nan, math.inf])
async def test_a_size_that_is_no_finite_number_from_zero_is_a_range_error(size: float) -> None:
    sink, writer = writer_of(size=lambda _chunk: size)
    await settle()
    write = writer.write("a")
    await settle()
    assert isinstance(reason_of(write), RangeError)
    assert reason_of(writer.closed) is reason_of(write)
    assert sink.events == [("start",)]


@pytest.mark.parametrize("act", ["release", "close", "abort", "error"])
async def test_the_size_function_may_change_the_state(act: str) -> None:
    def size(_chunk: object) -> float:
        if act == "release":
            writer.release_lock()
        elif act == "error":
            sink.controller.error(ERROR)
        else:
            outcome(getattr(writer, act)(*([ERROR] if act == "abort" else [])))
        return 1

    sink, writer = writer_of(size=size)
    await settle()
    write = writer.write("a")
    await settle()
    if act in {"release", "close"}:
        assert isinstance(reason_of(write), TypeError)
    else:
        assert outcome(write) == rejected(ERROR)
    assert ("write", "a") not in sink.events


async def test_the_size_function_is_not_asked_once_the_stream_has_an_error() -> None:
    sizes: list[object] = []

    def size(chunk: object) -> float:
        sizes.append(chunk)
        return 1

    sink, writer = writer_of(size=size)
    await settle()
    sink.controller.error(ERROR)
    assert outcome(writer.write("a")) == rejected(ERROR)
    assert sizes == []


# close, abort -------------------------------------------------------------------------------------


async def test_close_comes_after_the_writes() -> None:
    sink, writer = writer_of(write=HOLD)
    write, closing = writer.write("a"), writer.close()
    assert isinstance(reason_of(writer.write("b")), TypeError)
    assert isinstance(reason_of(writer.close()), TypeError)
    await settle()
    assert [event[0] for event in sink.events] == ["start", "write"]
    sink.resolve("write")
    await settle()
    assert [event[0] for event in sink.events] == ["start", "write", "close"]
    assert [outcome(one) for one in (write, closing, writer.closed)] == [FULFILLED] * 3


async def test_the_order_of_a_close() -> None:
    trace = EventTrace()
    _, writer = writer_of(trace=trace)
    await settle()
    trace.watch("closed", writer.closed)
    trace.watch("write", writer.write("a"))
    trace.watch("close", writer.close())
    await settle()
    assert trace.events == [
        ("start",),
        ("write", "a"),
        ("close",),
        ("write", "fulfilled"),
        ("close", "fulfilled"),
        ("closed", "fulfilled"),
    ]


# releaseLock --------------------------------------------------------------------------------------


async def test_releasing_rejects_both_promises_and_they_need_no_handler() -> None:
    sink, writer = writer_of(mark=0)
    ready, closed = writer.ready, writer.closed
    writer.release_lock()
    writer.release_lock()
    await settle()
    assert writer.ready is ready
    assert writer.closed is closed
    assert isinstance(reason_of(ready), TypeError)
    assert reason_of(ready) is reason_of(closed)
    assert sink.events == [("start",)]


async def test_releasing_replaces_promises_that_were_settled() -> None:
    _, writer = writer_of()
    ready = writer.ready
    await writer.close()
    closed = writer.closed
    writer.release_lock()
    assert outcome(ready) == FULFILLED
    assert outcome(closed) == FULFILLED
    assert isinstance(reason_of(writer.ready), TypeError)
    assert isinstance(reason_of(writer.closed), TypeError)


async def test_a_released_writer_does_nothing() -> None:
    sink, writer = writer_of()
    writer.release_lock()
    for promise in (writer.write("a"), writer.close(), writer.abort("why")):
        assert isinstance(reason_of(promise), TypeError)
    with pytest.raises(TypeError):
        _ = writer.desired_size
    await settle()
    assert sink.events == [("start",)]


async def test_writes_go_on_after_the_release() -> None:
    sink, writer = writer_of(write=HOLD)
    writes = [writer.write("a"), writer.write("b")]
    writer.release_lock()
    await settle()
    sink.resolve("write")
    await settle()
    sink.resolve("write")
    await settle()
    assert [outcome(one) for one in writes] == [FULFILLED] * 2


async def test_a_close_goes_on_after_the_release() -> None:
    sink, writer = writer_of()
    closing = writer.close()
    writer.release_lock()
    await closing
    assert sink.events == [("start",), ("close",)]
    assert isinstance(reason_of(writer.closed), TypeError)
