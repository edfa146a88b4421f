"""§5.4 The WritableStreamDefaultController class."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSink, outcome, rejected
from whatwg_streams import AbortError, AbortSignal, WritableStream, WritableStreamDefaultController
from whatwg_streams._writable.default_controller import CLOSE_SENTINEL


class Chosen(Exception):
    """An error that only a test raises."""


def test_a_controller_can_not_be_constructed() -> None:
    with pytest.raises(TypeError):
        WritableStreamDefaultController()


async def test_repr_tells_the_stream() -> None:
    sink = RecordingSink()
    WritableStream(sink)
    assert repr(sink.controller) == "<WritableStreamDefaultController of <WritableStream writable>>"
    assert repr(CLOSE_SENTINEL) == "close sentinel"


# signal ------------------------------------------------------------------------------------------


async def test_the_signal_is_always_the_same_one_and_not_aborted_at_first() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    signal = sink.controller.signal
    assert isinstance(signal, AbortSignal)
    assert sink.controller.signal is signal
    await stream.close()
    assert not signal.aborted


async def test_aborting_signals_before_the_stream_is_erroring() -> None:
    sink = RecordingSink(write=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    writer.write("a")
    await settle()
    seen: list[tuple[Any, ...]] = []
    signal = sink.controller.signal
    signal.add_event_listener("abort", lambda event: seen.append((event.target, signal.reason, repr(stream))))
    abort = writer.abort("why")
    assert seen == [(signal, "why", "<WritableStream writable, locked>")]
    assert outcome(abort) == PENDING
    sink.resolve("write")
    await abort


async def test_aborting_without_a_reason_signals_an_abort_error_but_the_stream_keeps_the_reason() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    await stream.abort()
    assert isinstance(sink.controller.signal.reason, AbortError)
    assert sink.events[-1] == ("abort", None)
    assert outcome(stream.get_writer().closed) == rejected(None)


async def test_erroring_does_not_signal() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    sink.controller.error(Chosen())
    await settle()
    assert outcome(writer.closed)[0] == "rejected"
    assert not sink.controller.signal.aborted


async def test_a_rejected_write_does_not_signal() -> None:
    sink = RecordingSink(write=Chosen())
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    await settle()
    assert outcome(write)[0] == "rejected"
    assert not sink.controller.signal.aborted


async def test_aborting_a_stream_that_is_closed_or_errored_does_not_signal() -> None:
    sink = RecordingSink()
    stream: WritableStream[str] = WritableStream(sink)
    await stream.close()
    await stream.abort("why")
    assert not sink.controller.signal.aborted
    sink = RecordingSink()
    stream = WritableStream(sink)
    await settle()
    sink.controller.error("boom")
    await stream.abort("why")
    assert not sink.controller.signal.aborted


async def test_aborting_a_stream_that_is_erroring_signals() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    sink.controller.error("boom")
    abort = stream.abort("why")
    assert sink.controller.signal.reason == "why"
    sink.resolve("start")
    await settle()
    assert outcome(abort) == rejected("boom")


async def test_a_sink_can_heed_the_signal_to_end_a_write_early() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    await settle()
    signal = sink.controller.signal
    signal.add_event_listener("abort", lambda _: sink.reject("write", signal.reason))
    error = Chosen()
    abort = writer.abort(error)
    await settle()
    assert outcome(write) == rejected(error)
    assert outcome(abort) == FULFILLED
    assert sink.events == [("start",), ("write", "a"), ("abort", error)]


# error -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, "why", Chosen(), 0], ids=repr)
async def test_error_errors_a_writable_stream_with_whatever_it_is_given(reason: object) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await settle()
    sink.controller.error(reason)
    assert outcome(writer.ready) == rejected(reason)
    assert outcome(writer.closed) == rejected(reason)
    assert sink.events == [("start",)]


async def test_the_reason_of_an_error_may_be_missing() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await settle()
    sink.controller.error()
    assert outcome(writer.closed) == rejected(None)


async def test_a_second_error_does_nothing() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[str](sink).get_writer()
    sink.controller.error("first")
    sink.controller.error("second")  # erroring
    sink.resolve("start")
    await settle()
    sink.controller.error("third")  # errored
    assert outcome(writer.closed) == rejected("first")


async def test_an_error_after_the_close_does_nothing() -> None:
    sink = RecordingSink()
    writer = WritableStream[str](sink).get_writer()
    await writer.close()
    sink.controller.error("late")
    assert outcome(writer.closed) == FULFILLED
    assert writer.desired_size == 0


async def test_an_error_during_the_close_comes_too_late_if_the_close_succeeds() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[str](sink).get_writer()
    close = writer.close()
    await settle()
    sink.controller.error("late")
    assert writer.desired_size is None
    assert outcome(writer.ready) == rejected("late")
    sink.resolve("close")
    await settle()
    assert (outcome(close), outcome(writer.closed)) == (FULFILLED, FULFILLED)
    assert writer.desired_size == 0


async def test_an_error_before_the_close_is_in_flight_fails_the_close() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[str](sink).get_writer()
    write, close = writer.write("a"), writer.close()
    await settle()
    sink.controller.error("boom")
    assert outcome(close) == PENDING  # until the write is done
    sink.resolve("write")
    await settle()
    assert outcome(write) == FULFILLED
    assert (outcome(close), outcome(writer.closed)) == (rejected("boom"), rejected("boom"))
    assert sink.events == [("start",), ("write", "a")]


async def test_an_error_within_start_is_finished_once_the_sink_has_started() -> None:
    sink = RecordingSink(start=lambda controller: controller.error("boom"))
    writer = WritableStream[str](sink).get_writer()
    assert outcome(writer.ready) == rejected("boom")
    assert outcome(writer.closed) == PENDING
    await settle()
    assert outcome(writer.closed) == rejected("boom")


async def test_an_error_within_write_is_finished_once_the_write_is_done() -> None:
    sink = RecordingSink(write=lambda _, controller: controller.error("boom"))
    writer = WritableStream[str](sink).get_writer()
    first, second = writer.write("a"), writer.write("b")
    await settle()
    assert outcome(first) == FULFILLED
    assert outcome(second) == rejected("boom")
    assert sink.events == [("start",), ("write", "a")]


async def test_a_write_that_errors_the_stream_and_then_raises_keeps_the_first_error() -> None:
    error = Chosen()

    def write(_chunk: object, controller: WritableStreamDefaultController) -> None:
        controller.error("boom")
        raise error

    writer = WritableStream[str](RecordingSink(write=write)).get_writer()
    promise = writer.write("a")
    await settle()
    assert outcome(promise) == rejected(error)
    assert outcome(writer.closed) == rejected("boom")


# The internal methods ----------------------------------------------------------------------------


async def test_the_abort_steps_leave_no_algorithm() -> None:
    sink = RecordingSink(abort=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    await settle()
    abort = stream.abort("why")
    controller = sink.controller
    assert controller._abort_algorithm is None
    assert controller._close_algorithm is None
    assert controller._write_algorithm is None
    assert controller._strategy_size_algorithm is None
    sink.resolve("abort")
    await abort


async def test_the_error_steps_empty_the_queue() -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[str] = WritableStream(sink)
    writer = stream.get_writer()
    write = writer.write("a")
    controller = sink.controller
    assert controller._queue_total_size == 1
    controller._error_steps()
    assert not controller._queue
    assert controller._queue_total_size == 0
    assert outcome(write) == PENDING
