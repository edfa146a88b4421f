"""§5.3 The WritableStreamDefaultWriter class."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.support import LoopErrors, settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSink, outcome, reason_of, rejected
from whatwg_streams import RangeError, RejectionError, WritableStream, WritableStreamDefaultWriter


class Chosen(Exception):
    """An error that only a test raises."""


# The constructor ---------------------------------------------------------------------------------


def test_a_writer_is_of_a_writable_stream() -> None:
    with pytest.raises(TypeError, match="stream"):
        WritableStreamDefaultWriter(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="stream"):
        WritableStreamDefaultWriter(RecordingSink())  # type: ignore[arg-type]


async def test_a_writer_can_be_constructed_of_a_stream_that_is_not_locked() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    writer = WritableStreamDefaultWriter(stream)
    assert stream.locked
    with pytest.raises(TypeError):
        WritableStreamDefaultWriter(stream)
    await writer.write("a")
    assert sink.events == [("start",), ("write", "a")]


# desired_size ------------------------------------------------------------------------------------


async def test_desired_size_is_the_high_water_mark_less_what_is_queued() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[int](sink, {"high_water_mark": 10, "size": lambda chunk: chunk}).get_writer()
    await settle()
    sizes = [writer.desired_size]
    for size in (3, 0, 2.5, 6):
        writer.write(size)  # type: ignore[arg-type]
        sizes.append(writer.desired_size)
    assert sizes == [10, 7, 7, 4.5, -1.5]
    for size in (1.5, 1.5, 4, 10):  # what is in flight counts until it is done
        sink.resolve("write")
        await settle()
        assert writer.desired_size == size


async def test_desired_size_of_a_stream_that_is_closing_still_counts_what_is_queued() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink, {"high_water_mark": 3}).get_writer()
    writer.write("a")
    writer.close()
    assert writer.desired_size == 2
    await settle()
    sink.resolve("write")
    await settle()
    assert writer.desired_size == 0  # closed


async def test_desired_size_of_a_stream_that_is_erroring_or_errored_is_none() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    sink.controller.error("why")
    assert writer.desired_size is None
    sink.resolve("start")
    await settle()
    assert writer.desired_size is None


async def test_desired_size_with_an_infinite_high_water_mark_stays_infinite() -> None:
    writer = WritableStream[str](RecordingSink(write=HOLD), {"high_water_mark": math.inf}).get_writer()
    writer.write("a")
    assert writer.desired_size == math.inf
    assert outcome(writer.ready) == FULFILLED


# ready -------------------------------------------------------------------------------------------


async def test_ready_is_replaced_when_backpressure_sets_in_and_fulfilled_when_it_ends() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink, {"high_water_mark": 2}).get_writer()
    await settle()
    first = writer.ready
    assert outcome(first) == FULFILLED
    writer.write("a")
    assert writer.ready is first
    writer.write("b")
    second = writer.ready
    assert second is not first
    assert outcome(second) == PENDING
    writer.write("c")
    assert writer.ready is second
    sink.resolve("write")
    await settle()
    assert outcome(second) == PENDING  # two are queued, one of them in flight
    sink.resolve("write")
    await settle()
    assert writer.ready is second
    assert outcome(second) == FULFILLED
    writer.write("d")
    assert outcome(writer.ready) == PENDING


async def test_a_high_water_mark_of_zero_is_backpressure_for_ever() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink, {"high_water_mark": 0}).get_writer()
    ready = writer.ready
    assert outcome(ready) == PENDING
    await writer.write("a")
    assert writer.ready is ready
    assert outcome(ready) == PENDING
    await writer.close()
    assert outcome(ready) == FULFILLED


async def test_chunks_of_size_zero_cause_no_backpressure() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink, {"size": lambda: 0}).get_writer()
    for _ in range(5):
        writer.write("a")
    assert writer.desired_size == 1
    assert outcome(writer.ready) == FULFILLED


async def test_closing_fulfills_a_ready_that_waited_for_backpressure_to_end() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    writer.write("a")
    ready = writer.ready
    assert outcome(ready) == PENDING
    writer.close()
    assert writer.ready is ready
    assert outcome(ready) == FULFILLED


# After release -----------------------------------------------------------------------------------


async def test_a_released_writer_has_no_use() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    writer.release_lock()
    with pytest.raises(TypeError):
        _ = writer.desired_size
    for promise in (writer.write("a"), writer.close(), writer.abort("why"), writer.closed, writer.ready):
        assert isinstance(reason_of(promise), TypeError)
    await settle()
    assert sink.events == [("start",)]
    assert not stream.locked


async def test_releasing_rejects_ready_and_closed_with_the_same_error_and_that_counts_as_handled() -> None:
    stream: WritableStream[str] = WritableStream(None, {"high_water_mark": 0})
    writer = stream.get_writer()
    ready, closed = writer.ready, writer.closed
    writer.release_lock()
    assert writer.ready is ready  # they were pending
    assert writer.closed is closed
    assert reason_of(ready) is reason_of(closed)


async def test_releasing_replaces_a_ready_and_a_closed_that_had_settled() -> None:
    stream: WritableStream[str] = WritableStream()
    writer = stream.get_writer()
    await writer.close()
    ready, closed = writer.ready, writer.closed
    writer.release_lock()
    assert (outcome(ready), outcome(closed)) == (FULFILLED, FULFILLED)
    assert isinstance(reason_of(writer.ready), TypeError)
    assert isinstance(reason_of(writer.closed), TypeError)
    assert writer.ready is not ready
    assert writer.closed is not closed


async def test_releasing_the_writer_of_an_errored_stream_replaces_its_errors() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    await settle()
    error = Chosen()
    sink.controller.error(error)
    assert (outcome(writer.ready), outcome(writer.closed)) == (rejected(error), rejected(error))
    writer.release_lock()
    assert isinstance(reason_of(writer.ready), TypeError)
    assert isinstance(reason_of(writer.closed), TypeError)


async def test_releasing_twice_does_nothing_the_second_time() -> None:
    stream: WritableStream[str] = WritableStream()
    first = stream.get_writer()
    first.release_lock()
    ready, closed = first.ready, first.closed
    second = stream.get_writer()
    first.release_lock()
    assert (first.ready, first.closed) == (ready, closed)
    assert stream.locked
    await second.write("a")


async def test_a_released_writer_hears_no_more_of_the_stream() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    first = stream.get_writer()
    write = first.write("a")
    first.release_lock()
    ready, closed = first.ready, first.closed
    second = stream.get_writer()
    assert outcome(second.ready) == PENDING
    await settle()
    sink.resolve("write")
    close = second.close()
    await settle()
    assert (outcome(write), outcome(close), outcome(second.closed)) == (FULFILLED, FULFILLED, FULFILLED)
    assert (first.ready, first.closed) == (ready, closed)
    assert isinstance(reason_of(closed), TypeError)


# write and close after the end ------------------------------------------------------------------------


async def test_writing_to_a_stream_that_is_closing_or_closed_is_a_type_error_and_does_not_error_it() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    assert isinstance(reason_of(writer.write("a")), TypeError)  # requested
    await settle()
    assert isinstance(reason_of(writer.write("a")), TypeError)  # in flight
    sink.resolve("close")
    await settle()
    assert isinstance(reason_of(writer.write("a")), TypeError)  # closed
    assert (outcome(close), outcome(writer.closed), outcome(writer.ready)) == (FULFILLED, FULFILLED, FULFILLED)
    assert sink.events == [("start",), ("close",)]


async def test_a_writer_can_close_only_once() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    assert isinstance(reason_of(writer.close()), TypeError)
    await settle()
    assert isinstance(reason_of(writer.close()), TypeError)
    sink.resolve("close")
    await settle()
    assert isinstance(reason_of(writer.close()), TypeError)
    assert outcome(close) == FULFILLED


async def test_closing_an_errored_stream_is_a_type_error_but_writing_to_it_fails_with_its_error() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await settle()
    error = Chosen()
    sink.controller.error(error)
    assert outcome(writer.write("a")) == rejected(error)
    assert isinstance(reason_of(writer.close()), TypeError)


async def test_closing_an_erroring_stream_waits_and_then_fails_with_its_error() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    error = Chosen()
    sink.controller.error(error)
    assert outcome(writer.write("a")) == rejected(error)
    close = writer.close()
    assert outcome(close) == PENDING
    assert isinstance(reason_of(writer.write("a")), TypeError)  # closing comes before erroring
    assert isinstance(reason_of(writer.close()), TypeError)
    sink.resolve("start")
    await settle()
    assert outcome(close) == rejected(error)
    assert sink.events == [("start",)]


async def test_a_chunk_may_be_anything_and_is_kept_by_identity() -> None:
    sink = RecordingSink()
    chunks = [None, 0, "", Chosen(), object(), RecordingSink, [], float("nan")]
    writer = WritableStream[object](sink).get_writer()
    for chunk in chunks:
        await writer.write(chunk)
    await writer.write()
    written = [event[1] for event in sink.events[1:]]
    assert len(written) == len(chunks) + 1
    assert all(one is other for one, other in zip(written, [*chunks, None], strict=True))


async def test_a_promise_as_a_chunk_is_not_waited_for() -> None:
    sink = RecordingSink()
    chunk = asyncio.get_running_loop().create_future()
    await WritableStream[object](sink).get_writer().write(chunk)
    assert sink.events == [("start",), ("write", chunk)]


# Reasons -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason",
    [None, 0, "why", Chosen(), object(), StopIteration(), StopAsyncIteration(), asyncio.CancelledError(), Chosen, ()],
    ids=lambda reason: type(reason).__name__,
)
async def test_a_reason_may_be_anything_and_is_kept_by_identity(reason: object) -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    abort = writer.abort(reason)
    sink.resolve("write")
    await settle()
    assert outcome(first) == FULFILLED
    assert outcome(abort) == FULFILLED
    assert sink.events[-1] == ("abort", reason)
    for promise in (second, writer.ready, writer.closed, writer.write("c")):
        assert reason_of(promise) is reason


async def test_awaiting_raises_the_reason_or_wraps_what_can_not_be_raised() -> None:
    error = Chosen()
    stream: WritableStream[str] = WritableStream()
    await stream.abort(error)
    with pytest.raises(Chosen) as raised:
        await stream.get_writer().closed
    assert raised.value is error
    stream = WritableStream()
    await stream.abort("why")
    with pytest.raises(RejectionError) as wrapped:
        await stream.get_writer().closed
    assert wrapped.value.reason == "why"


# Handled or not ------------------------------------------------------------------------------------


async def test_ready_and_closed_count_as_handled_but_a_failed_write_is_reported(loop_errors: LoopErrors) -> None:
    error = Chosen()
    WritableStream[str](RecordingSink(write=error)).get_writer().write("a")
    await settle()
    assert [context["exception"] for context in loop_errors.take()] == [error]


async def test_a_failed_close_is_reported(loop_errors: LoopErrors) -> None:
    error = Chosen()
    WritableStream[str](RecordingSink(close=error)).get_writer().close()
    await settle()
    assert [context["exception"] for context in loop_errors.take()] == [error]


async def test_a_failed_abort_is_reported(loop_errors: LoopErrors) -> None:
    # (Its traceback holds the frame that called the sink, and that the promise: let nobody hold the error.)
    WritableStream[str](RecordingSink(abort=Chosen())).get_writer().abort("why")
    await settle()
    assert [type(context["exception"]) for context in loop_errors.take()] == [Chosen]


async def test_each_write_that_an_error_discards_is_reported(loop_errors: LoopErrors) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    writer.write("a")
    writer.write("b")
    error = Chosen()
    sink.controller.error(error)
    await settle()
    assert [context["exception"] for context in loop_errors.take()] == [error, error]


async def test_a_use_of_a_released_writer_that_nobody_looks_at_is_reported(loop_errors: LoopErrors) -> None:
    writer = WritableStream[str]().get_writer()
    writer.release_lock()
    writer.write("a")
    assert [type(context["exception"]) for context in loop_errors.take()] == [TypeError]


async def test_a_start_that_rejects_is_not_reported() -> None:
    writer = WritableStream[str](RecordingSink(start=HOLD)).get_writer()
    rejecting = RecordingSink(start=HOLD)
    other = WritableStream[str](rejecting).get_writer()
    rejecting.reject("start", Chosen())
    await settle()
    assert isinstance(reason_of(other.closed), Chosen)
    assert outcome(writer.closed) == PENDING


# Beyond the standard -----------------------------------------------------------------------------


async def test_as_a_context_manager_a_writer_releases_its_lock() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    with stream.get_writer() as writer:
        assert stream.locked
        write = writer.write("a")
    assert not stream.locked
    await write
    assert sink.events == [("start",), ("write", "a")]


async def test_as_a_context_manager_a_writer_releases_its_lock_after_an_error_and_passes_it_on() -> None:
    stream: WritableStream[str] = WritableStream()
    error = Chosen()
    with pytest.raises(Chosen) as raised, stream.get_writer():
        raise error
    assert raised.value is error
    assert not stream.locked


async def test_a_lock_released_within_the_context_is_no_error() -> None:
    stream: WritableStream[str] = WritableStream()
    with stream.get_writer() as writer:
        writer.release_lock()
        other = stream.get_writer()
    assert stream.locked
    await other.close()


async def test_repr_tells_the_stream_or_that_the_writer_was_released() -> None:
    writer = WritableStream[str]().get_writer()
    assert repr(writer) == "<WritableStreamDefaultWriter of <WritableStream writable, locked>>"
    writer.release_lock()
    assert repr(writer) == "<WritableStreamDefaultWriter released>"


async def test_the_size_of_a_chunk_that_is_impossible_errors_the_stream_with_a_range_error() -> None:
    writer = WritableStream[int](None, {"size": lambda chunk: -chunk}).get_writer()
    write = writer.write(1)
    assert isinstance(reason_of(writer.ready), RangeError)
    await settle()
    assert outcome(write) == rejected(reason_of(writer.closed))
