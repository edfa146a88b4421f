"""§5.5.2 Interfacing with controllers: how a stream gets from writable, over erroring, to errored or closed."""

from __future__ import annotations

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSink, outcome, reason_of, rejected
from whatwg_streams import Promise, WritableStream, WritableStreamDefaultWriter
from whatwg_streams._writable.ops import controller_interface


class Chosen(Exception):
    """An error that only a test raises."""


# A write fails -----------------------------------------------------------------------------------


async def test_a_failed_write_errors_the_stream_and_discards_what_is_queued() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    first, second, close = writer.write("a"), writer.write("b"), writer.close()
    await settle()
    error = Chosen()
    sink.reject("write", error)
    await settle()
    for promise in (first, second, close, writer.ready, writer.closed):
        assert outcome(promise) == rejected(error)
    assert sink.events == [("start",), ("write", "a")]
    assert repr(stream) == "<WritableStream errored, locked>"


async def test_a_write_that_fails_while_an_abort_is_pending_lets_the_abort_go_on() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    abort = writer.abort("why")
    assert outcome(abort) == PENDING
    sink.reject("write", "boom")
    await settle()
    assert outcome(first) == rejected("boom")
    assert (outcome(second), outcome(writer.closed)) == (rejected("why"), rejected("why"))
    assert outcome(abort) == FULFILLED
    assert sink.events == [("start",), ("write", "a"), ("abort", "why")]


async def test_a_write_that_fails_after_an_error_and_an_abort_fails_the_abort_with_the_error() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    await settle()
    sink.controller.error("first")
    abort = writer.abort("why")
    sink.reject("write", "second")
    await settle()
    assert outcome(write) == rejected("second")
    assert (outcome(abort), outcome(writer.closed)) == (rejected("first"), rejected("first"))
    assert sink.events == [("start",), ("write", "a")]


async def test_a_write_that_fails_on_a_stream_without_a_writer_errors_it() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    with stream.get_writer() as writer:
        write = writer.write("a")
    await settle()
    sink.reject("write", "boom")
    await settle()
    assert outcome(write) == rejected("boom")
    assert outcome(stream.get_writer().closed) == rejected("boom")


# A close fails, or succeeds ------------------------------------------------------------------------


async def test_a_failed_close_errors_the_stream() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    await settle()
    error = Chosen()
    sink.reject("close", error)
    await settle()
    for promise in (close, writer.ready, writer.closed, writer.write("a")):
        assert outcome(promise) == rejected(error)
    assert sink.events == [("start",), ("close",)]


async def test_a_failed_close_of_a_stream_without_a_writer_errors_it() -> None:
    stream: WritableStream[str] = WritableStream(RecordingSink(close=Chosen()))
    close = stream.close()
    await settle()
    assert isinstance(reason_of(close), Chosen)
    assert outcome(stream.get_writer().closed) == rejected(reason_of(close))


async def test_an_abort_while_the_close_is_in_flight_is_done_when_the_close_is() -> None:
    sink = RecordingSink(close=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    close = writer.close()
    await settle()
    abort = writer.abort("why")
    assert repr(stream) == "<WritableStream erroring, locked>"
    assert outcome(writer.ready) == rejected("why")
    sink.resolve("close")
    await settle()
    assert (outcome(close), outcome(abort), outcome(writer.closed)) == (FULFILLED, FULFILLED, FULFILLED)
    assert repr(stream) == "<WritableStream closed, locked>"
    assert outcome(writer.ready) == rejected("why")
    assert sink.events == [("start",), ("close",)]
    writer.release_lock()
    again = stream.get_writer()
    assert (outcome(again.ready), outcome(again.closed)) == (FULFILLED, FULFILLED)


async def test_an_abort_while_a_close_is_in_flight_fails_when_the_close_does() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    await settle()
    abort = writer.abort("why")
    sink.reject("close", "boom")
    await settle()
    assert (outcome(close), outcome(abort)) == (rejected("boom"), rejected("boom"))
    assert outcome(writer.closed) == rejected("why")
    assert sink.events == [("start",), ("close",)]


async def test_an_error_while_a_close_is_in_flight_stays_when_the_close_fails() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    await settle()
    sink.controller.error("first")
    sink.reject("close", "second")
    await settle()
    assert outcome(close) == rejected("second")
    assert outcome(writer.closed) == rejected("first")


async def test_an_error_and_then_an_abort_while_a_close_is_in_flight_come_too_late() -> None:
    sink = RecordingSink(close=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    close = stream.close()
    await settle()
    sink.controller.error("boom")
    abort = stream.abort("why")
    sink.resolve("close")
    await settle()
    assert (outcome(close), outcome(abort)) == (FULFILLED, FULFILLED)
    assert repr(stream) == "<WritableStream closed>"


async def test_an_abort_before_the_close_is_in_flight_fails_the_close_after_the_sink_was_aborted() -> None:
    sink = RecordingSink(write=HOLD, abort=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write, close = writer.write("a"), writer.close()
    await settle()
    abort = writer.abort("why")
    sink.resolve("write")
    await settle()
    assert sink.events == [("start",), ("write", "a"), ("abort", "why")]
    assert outcome(write) == FULFILLED
    assert (outcome(close), outcome(abort), outcome(writer.closed)) == (PENDING, PENDING, PENDING)
    sink.resolve("abort")
    await settle()
    assert (outcome(close), outcome(abort), outcome(writer.closed)) == (rejected("why"), FULFILLED, rejected("why"))


async def test_an_abort_after_a_close_of_a_stream_that_has_not_started_fails_the_close() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close, abort = writer.close(), writer.abort("why")
    sink.resolve("start")
    await settle()
    assert (outcome(close), outcome(abort)) == (rejected("why"), FULFILLED)
    assert sink.events == [("start",), ("abort", "why")]


# An abort ----------------------------------------------------------------------------------------


async def test_queued_writes_fail_before_the_sink_is_aborted_and_closed_after() -> None:
    sink = RecordingSink(start=HOLD, abort=HOLD)
    writer = WritableStream[str](sink).get_writer()
    writes = [writer.write("a"), writer.write("b")]
    abort = writer.abort("why")
    sink.resolve("start")
    await settle()
    assert [outcome(write) for write in writes] == [rejected("why"), rejected("why")]
    assert (outcome(abort), outcome(writer.closed)) == (PENDING, PENDING)
    sink.resolve("abort")
    await settle()
    assert (outcome(abort), outcome(writer.closed)) == (FULFILLED, rejected("why"))


async def test_an_abort_that_the_sink_fails_rejects_but_closed_keeps_the_reason() -> None:
    error = Chosen()
    for started in (False, True):
        sink = RecordingSink(abort=error)
        writer = WritableStream[str](sink).get_writer()
        if started:
            await settle()
        close, abort = (None if started else writer.close()), writer.abort("why")
        await settle()
        assert outcome(abort) == rejected(error)
        assert outcome(writer.closed) == rejected("why")
        assert close is None or outcome(close) == rejected("why")


async def test_a_sink_whose_abort_never_settles_keeps_closed_waiting() -> None:
    sink = RecordingSink(abort=HOLD)
    writer = WritableStream[str](sink).get_writer()
    abort = writer.abort("why")
    await settle()
    assert (outcome(abort), outcome(writer.closed)) == (PENDING, PENDING)
    assert outcome(writer.ready) == rejected("why")


async def test_a_writer_taken_while_the_sink_is_aborted_is_errored_already() -> None:
    sink = RecordingSink(abort=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    first = stream.get_writer()
    await settle()
    abort = first.abort("why")
    first.release_lock()
    second = stream.get_writer()
    closed = second.closed
    assert outcome(closed) == rejected("why")
    sink.resolve("abort")
    await abort
    assert second.closed is closed
    assert isinstance(reason_of(first.closed), TypeError)


async def test_a_stream_released_while_its_sink_is_aborted_has_nobody_to_tell() -> None:
    sink = RecordingSink(abort=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    await settle()
    abort = writer.abort("why")
    writer.release_lock()
    sink.resolve("abort")
    await abort
    assert isinstance(reason_of(writer.closed), TypeError)


async def test_a_sink_whose_abort_re_enters_finds_the_stream_errored() -> None:
    within: dict[str, Promise[None]] = {}

    def abort(_: object) -> None:
        within["abort"] = writer.abort("again")
        within["close"] = writer.close()
        within["write"] = writer.write("a")
        sink.controller.error("late")

    sink = RecordingSink(abort=abort)
    writer = WritableStream[str](sink).get_writer()
    await writer.abort("why")
    assert outcome(within["abort"]) == FULFILLED
    assert isinstance(reason_of(within["close"]), TypeError)
    assert outcome(within["write"]) == rejected("why")
    assert outcome(writer.closed) == rejected("why")
    assert sink.events == [("start",), ("abort", "why")]


async def test_a_sink_whose_close_aborts_the_stream_still_closes_it() -> None:
    within: list[Promise[None]] = []
    sink = RecordingSink(close=lambda: within.append(writer.abort("why")))
    writer: WritableStreamDefaultWriter[str] = WritableStream(sink).get_writer()
    close = writer.close()
    await settle()
    assert (outcome(close), outcome(writer.closed), outcome(within[0])) == (FULFILLED, FULFILLED, FULFILLED)
    assert sink.events == [("start",), ("close",)]


async def test_a_sink_whose_write_aborts_the_stream_is_aborted_after_the_write() -> None:
    within: list[Promise[None]] = []
    sink = RecordingSink(write=lambda *_: within.append(writer.abort("why")))
    writer: WritableStreamDefaultWriter[str] = WritableStream(sink).get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    assert (outcome(first), outcome(second), outcome(within[0])) == (FULFILLED, rejected("why"), FULFILLED)
    assert sink.events == [("start",), ("write", "a"), ("abort", "why")]


# Backpressure ------------------------------------------------------------------------------------


async def test_backpressure_is_remembered_for_the_next_writer() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    with stream.get_writer() as writer:
        writer.write("a")
    await settle()
    second = stream.get_writer()
    assert outcome(second.ready) == PENDING
    sink.resolve("write")
    await settle()
    assert outcome(second.ready) == FULFILLED


async def test_backpressure_ends_while_nobody_has_the_stream() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    with stream.get_writer() as writer:
        writer.write("a")
    await settle()
    sink.resolve("write")
    await settle()
    assert outcome(stream.get_writer().ready) == FULFILLED


async def test_backpressure_that_stays_leaves_ready_as_it_is() -> None:
    stream: WritableStream[str] = WritableStream()
    writer = stream.get_writer()
    ready = writer.ready
    controller_interface.writable_stream_update_backpressure(stream, False)
    assert writer.ready is ready
    controller_interface.writable_stream_update_backpressure(stream, True)
    assert writer.ready is not ready


# Assertions --------------------------------------------------------------------------------------


async def test_write_requests_are_for_a_stream_that_has_a_writer_and_is_writable() -> None:
    stream: WritableStream[str] = WritableStream()
    with pytest.raises(AssertionError):
        controller_interface.writable_stream_add_write_request(stream)
    writer = stream.get_writer()
    await writer.close()
    with pytest.raises(AssertionError):
        controller_interface.writable_stream_add_write_request(stream)


async def test_a_stream_counts_as_closing_from_the_request_to_the_end_of_the_close() -> None:
    sink = RecordingSink(close=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    seen = [controller_interface.writable_stream_close_queued_or_in_flight(stream)]
    close = stream.close()
    seen.append(controller_interface.writable_stream_close_queued_or_in_flight(stream))
    await settle()
    seen.append(controller_interface.writable_stream_close_queued_or_in_flight(stream))
    assert controller_interface.writable_stream_has_operation_marked_in_flight(stream)
    sink.resolve("close")
    await close
    seen.append(controller_interface.writable_stream_close_queued_or_in_flight(stream))
    assert seen == [False, True, True, False]
    assert not controller_interface.writable_stream_has_operation_marked_in_flight(stream)
