"""§4.9.1 Working with readable streams, ReadableStreamPipeTo: https://streams.spec.whatwg.org/#readable-stream-pipe-to"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import byte_stream
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    EventTrace,
    RecordingSink,
    RecordingSource,
    outcome,
    reason_of,
    rejected,
)
from tests.support.sources import errored_stream, source_and_stream, stream_of
from whatwg_streams import AbortController, AbortError, AbortSignal, ReadableStream, WritableStream

ERROR = ValueError("the reason")
ANOTHER = KeyError("another reason")

PREVENT = pytest.mark.parametrize("prevent", [False, True])


class Ends:
    """A source and a sink that record into one trace, and their streams."""

    def __init__(self, *, mark: float = 1, sink: dict[str, Any] | None = None, **source: Any) -> None:
        self.trace = EventTrace()
        self.source = RecordingSource(self.trace, **source)
        self.sink = RecordingSink(self.trace, **(sink or {}))
        self.readable: ReadableStream[Any] = ReadableStream(self.source, {"high_water_mark": 0})
        self.writable: WritableStream[Any] = WritableStream(self.sink, {"high_water_mark": mark})

    def pipe(self, **options: Any) -> Any:
        self.trace.take()
        return self.readable.pipe_to(self.writable, **options)

    @property
    def writes(self) -> list[object]:
        return [event[1] for event in self.trace.events if event[0] == "write"]

    def did(self, name: str) -> bool:
        return any(event[0] == name for event in self.trace.events)


# Chunks and backpressure --------------------------------------------------------------------------


async def test_all_chunks_are_written_in_order_then_the_destination_is_closed() -> None:
    sink = RecordingSink()
    chunks: list[Any] = [1, None, "a", ERROR]
    await stream_of(*chunks).pipe_to(WritableStream(sink))
    assert sink.events == [("start",), *(("write", chunk) for chunk in chunks), ("close",)]


async def test_nothing_is_read_while_the_destination_wants_nothing() -> None:
    ends = Ends(mark=0)
    ends.pipe()
    await settle()
    assert not ends.did("pull")
    assert not ends.did("write")


async def test_nothing_is_read_before_the_sink_is_ready_for_more() -> None:
    ends = Ends(sink={"write": HOLD}, pull=lambda controller: controller.enqueue("x"))
    ends.pipe()
    await settle()
    assert ends.writes == ["x"]
    assert len([one for one in ends.trace.events if one == ("pull",)]) == 1
    ends.sink.resolve("write")
    await settle()
    assert ends.writes == ["x", "x"]


async def test_writes_are_not_waited_for_while_there_is_room() -> None:
    ends = Ends(mark=3, sink={"write": HOLD}, pull=lambda controller: controller.enqueue("x"))
    ends.pipe()
    await settle()
    assert ends.writes == ["x"]  # one write at a time
    assert len([one for one in ends.trace.events if one == ("pull",)]) == 3  # but three chunks were read


async def test_a_byte_stream_is_piped_in_its_chunks() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"ab")
    source.controller.enqueue(b"c")
    source.controller.close()
    written: list[bytes] = []
    await stream.pipe_to(WritableStream({"write": lambda chunk: written.append(bytes(chunk))}))
    assert b"".join(written) == b"abc"


async def test_write_is_not_called_from_within_enqueue() -> None:
    ends = Ends()
    ends.pipe()
    await settle()
    ends.source.controller.enqueue("a")
    assert ends.writes == []
    await settle()
    assert ends.writes == ["a"]


# Errors forward -----------------------------------------------------------------------------------


@PREVENT
async def test_a_source_with_an_error_aborts_the_destination_unless_prevented(prevent: bool) -> None:
    sink = RecordingSink()
    destination: WritableStream[Any] = WritableStream(sink)
    promise = errored_stream(ERROR).pipe_to(destination, prevent_abort=prevent)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert (("abort", ERROR) in sink.events) is not prevent
    assert not destination.locked
    assert outcome(destination.get_writer().closed) == (PENDING if prevent else rejected(ERROR))


@PREVENT
async def test_a_source_that_errors_meanwhile_aborts_the_destination_unless_prevented(prevent: bool) -> None:
    ends = Ends()
    promise = ends.pipe(prevent_abort=prevent)
    await settle()
    ends.source.controller.error(ERROR)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert ends.did("abort") is not prevent


@PREVENT
async def test_an_error_waits_for_what_was_read_to_be_written(prevent: bool) -> None:
    ends = Ends(mark=2, sink={"write": HOLD})
    promise = ends.pipe(prevent_abort=prevent)
    await settle()
    ends.source.controller.enqueue("a")
    ends.source.controller.enqueue("b")
    await settle()
    ends.source.controller.error(ERROR)
    await settle()
    assert not ends.did("abort")
    assert outcome(promise) == PENDING
    ends.sink.resolve("write")
    await settle()
    ends.sink.resolve("write")
    await settle()
    assert ends.writes == ["a", "b"]
    assert ends.did("abort") is not prevent
    assert outcome(promise) == rejected(ERROR)


async def test_what_abort_of_the_sink_fails_with_comes_instead_of_the_error() -> None:
    sink = RecordingSink(abort=ANOTHER)
    promise = errored_stream(ERROR).pipe_to(WritableStream(sink))
    await settle()
    assert outcome(promise) == rejected(ANOTHER)


async def test_the_abort_is_waited_for() -> None:
    ends = Ends(sink={"abort": HOLD})
    promise = ends.pipe()
    await settle()
    ends.source.controller.error(ERROR)
    await settle()
    assert outcome(promise) == PENDING
    assert ends.readable.locked
    ends.sink.resolve("abort")
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert not ends.readable.locked


# Errors backward ----------------------------------------------------------------------------------


@PREVENT
async def test_a_destination_with_an_error_cancels_the_source_unless_prevented(prevent: bool) -> None:
    ends = Ends()
    await settle()
    ends.sink.controller.error(ERROR)
    await settle()
    promise = ends.pipe(prevent_cancel=prevent)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert ends.did("cancel") is not prevent
    assert not ends.readable.locked


@PREVENT
@pytest.mark.parametrize("how", ["the controller", "write raises", "write rejects"])
async def test_a_destination_that_errors_meanwhile_cancels_the_source_unless_prevented(how: str, prevent: bool) -> None:
    ends = Ends(sink={"write": ERROR if how == "write raises" else HOLD})
    promise = ends.pipe(prevent_cancel=prevent)
    await settle()
    if how == "the controller":
        ends.sink.controller.error(ERROR)
    else:
        ends.source.controller.enqueue("a")
    await settle()
    if how == "write rejects":
        ends.sink.reject("write", ERROR)
        await settle()
    assert outcome(promise) == rejected(ERROR)
    assert (("cancel", ERROR) in ends.trace.events) is not prevent
    assert not ends.did("abort")


async def test_what_cancel_of_the_source_fails_with_comes_instead_of_the_error() -> None:
    ends = Ends(cancel=ANOTHER)
    promise = ends.pipe()
    await settle()
    ends.sink.controller.error(ERROR)
    await settle()
    assert outcome(promise) == rejected(ANOTHER)


async def test_an_error_of_the_source_comes_before_one_of_the_destination() -> None:
    ends = Ends()
    await settle()
    ends.sink.controller.error(ANOTHER)
    await settle()
    source = errored_stream(ERROR)
    promise = source.pipe_to(ends.writable)
    await settle()
    assert outcome(promise) == rejected(ERROR)


# Closing forward ----------------------------------------------------------------------------------


@PREVENT
async def test_a_source_that_is_closed_closes_the_destination_unless_prevented(prevent: bool) -> None:
    sink = RecordingSink()
    destination: WritableStream[Any] = WritableStream(sink)
    promise = stream_of().pipe_to(destination, prevent_close=prevent)
    await settle()
    assert outcome(promise) == FULFILLED
    assert (("close",) in sink.events) is not prevent
    writer = destination.get_writer()
    assert writer.desired_size == (1 if prevent else 0)


async def test_closing_waits_for_what_was_read_to_be_written() -> None:
    ends = Ends(mark=2, sink={"write": HOLD})
    promise = ends.pipe()
    await settle()
    ends.source.controller.enqueue("a")
    ends.source.controller.close()
    await settle()
    assert not ends.did("close")
    ends.sink.resolve("write")
    await settle()
    assert ends.did("close")
    assert outcome(promise) == FULFILLED


async def test_without_closing_the_writes_are_still_waited_for() -> None:
    ends = Ends(sink={"write": HOLD})
    promise = ends.pipe(prevent_close=True)
    await settle()
    ends.source.controller.enqueue("a")
    ends.source.controller.close()
    await settle()
    assert outcome(promise) == PENDING
    assert ends.writable.locked
    ends.sink.resolve("write")
    await settle()
    assert outcome(promise) == FULFILLED


async def test_what_close_of_the_sink_fails_with_rejects() -> None:
    promise = stream_of().pipe_to(WritableStream(RecordingSink(close=ERROR)))
    await settle()
    assert outcome(promise) == rejected(ERROR)


async def test_a_write_that_fails_while_the_end_waits_for_it() -> None:
    ends = Ends(sink={"write": HOLD})
    promise = ends.pipe()
    await settle()
    ends.source.controller.enqueue("a")
    ends.source.controller.close()
    await settle()
    ends.sink.reject("write", ERROR)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert not ends.did("close")


async def test_closing_waits_for_the_close_of_the_sink() -> None:
    ends = Ends(sink={"close": HOLD})
    promise = ends.pipe()
    await settle()
    ends.source.controller.close()
    await settle()
    assert outcome(promise) == PENDING
    ends.sink.resolve("close")
    await settle()
    assert outcome(promise) == FULFILLED


# Closing backward ---------------------------------------------------------------------------------


@PREVENT
@pytest.mark.parametrize("state", ["closed", "closing"])
async def test_a_destination_that_closes_cancels_the_source_with_a_type_error(state: str, prevent: bool) -> None:
    ends = Ends(sink={"close": HOLD})
    await settle()
    closing = ends.writable.close()
    await settle()
    if state == "closed":
        ends.sink.resolve("close")
        await closing
    promise = ends.pipe(prevent_cancel=prevent)
    await settle()
    reason = reason_of(promise)
    assert isinstance(reason, TypeError)
    assert (("cancel", reason) in ends.trace.events) is not prevent
    assert not ends.did("pull")
    if state == "closing":
        ends.sink.resolve("close")
    await settle()
    assert outcome(closing) == FULFILLED


async def test_closed_to_closed_is_a_success() -> None:
    destination: WritableStream[Any] = WritableStream()
    await destination.close()
    promise = stream_of().pipe_to(destination)
    await settle()
    assert outcome(promise) == FULFILLED


# The signal ---------------------------------------------------------------------------------------


async def test_a_signal_that_is_aborted_already() -> None:
    ends = Ends()
    await settle()
    promise = ends.pipe(signal=AbortSignal.abort(ERROR))
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert ends.trace.events == [("abort", ERROR), ("cancel", ERROR)]
    assert not ends.readable.locked
    assert not ends.writable.locked


async def test_without_a_reason_it_is_an_abort_error_and_the_same_for_all() -> None:
    ends = Ends()
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal)
    await settle()
    controller.abort()
    await settle()
    reason = reason_of(promise)
    assert isinstance(reason, AbortError)
    assert ("abort", reason) in ends.trace.events
    assert ("cancel", reason) in ends.trace.events


@PREVENT
@pytest.mark.parametrize("option", ["prevent_abort", "prevent_cancel"])
async def test_each_action_of_a_signal_may_be_prevented(option: str, prevent: bool) -> None:
    ends = Ends()
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal, **{option: prevent})
    await settle()
    controller.abort(ERROR)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert ends.did("abort") is not (prevent and option == "prevent_abort")
    assert ends.did("cancel") is not (prevent and option == "prevent_cancel")


async def test_a_signal_waits_for_the_write_that_is_under_way() -> None:
    ends = Ends(sink={"write": HOLD})
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal)
    await settle()
    ends.source.controller.enqueue("a")
    await settle()
    controller.abort(ERROR)
    await settle()
    assert not ends.did("abort")
    assert not ends.did("cancel")
    ends.sink.resolve("write")
    await settle()
    assert ends.did("abort")
    assert ends.did("cancel")
    assert outcome(promise) == rejected(ERROR)


@pytest.mark.parametrize("which", ["abort", "cancel"])
async def test_what_an_action_of_a_signal_fails_with_comes_instead_of_the_reason(which: str) -> None:
    ends = Ends(sink={"abort": ANOTHER}) if which == "abort" else Ends(cancel=ANOTHER)
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal)
    await settle()
    controller.abort(ERROR)
    await settle()
    assert outcome(promise) == rejected(ANOTHER)


async def test_both_actions_of_a_signal_are_waited_for() -> None:
    ends = Ends(sink={"abort": HOLD}, cancel=HOLD)
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal)
    await settle()
    controller.abort(ERROR)
    await settle()
    ends.sink.resolve("abort")
    await settle()
    assert outcome(promise) == PENDING
    ends.source.resolve("cancel")
    await settle()
    assert outcome(promise) == rejected(ERROR)


async def test_a_signal_after_the_end_does_nothing() -> None:
    ends = Ends()
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal)
    ends.source.controller.close()
    await promise
    controller.abort(ERROR)
    await settle()
    assert not ends.did("abort")


async def test_a_signal_during_the_shutdown_does_nothing() -> None:
    ends = Ends(sink={"close": HOLD})
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal)
    ends.source.controller.close()
    await settle()
    controller.abort(ERROR)
    await settle()
    ends.sink.resolve("close")
    await settle()
    assert outcome(promise) == FULFILLED
    assert not ends.did("abort")


async def test_a_signal_leaves_a_source_that_has_ended_alone() -> None:
    source, stream = source_and_stream()
    sink = RecordingSink(close=HOLD)
    await settle()
    source.controller.error(ERROR)
    promise = stream.pipe_to(WritableStream(sink), signal=AbortSignal.abort(ANOTHER))
    await settle()
    assert outcome(promise) == rejected(ANOTHER)
    assert ("cancel", ANOTHER) not in source.events
    assert ("abort", ANOTHER) in sink.events


# The locks and the promise ------------------------------------------------------------------------


async def test_the_streams_are_unlocked_before_the_promise_settles() -> None:
    ends = Ends()
    promise = ends.pipe(prevent_close=True)
    locked: list[bool] = []
    promise.then(lambda _: locked.extend([ends.readable.locked, ends.writable.locked]))
    ends.source.controller.close()
    await settle()
    assert locked == [False, False]


async def test_a_task_that_waits_for_a_pipe_may_be_cancelled_and_the_pipe_goes_on() -> None:
    ends = Ends()
    promise = ends.pipe()
    task = asyncio.ensure_future(_wait_for(promise))
    await settle()
    task.cancel()
    await settle()
    ends.source.controller.enqueue("a")
    ends.source.controller.close()
    await settle()
    assert ends.writes == ["a"]
    assert outcome(promise) == FULFILLED


async def _wait_for(promise: Any) -> None:
    await promise


async def test_a_source_that_is_piped_may_be_piped_on_afterwards() -> None:
    ends = Ends()
    controller = AbortController()
    promise = ends.pipe(signal=controller.signal, prevent_cancel=True, prevent_abort=True)
    await settle()
    controller.abort(ERROR)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    again = ends.readable.pipe_to(ends.writable)
    ends.source.controller.enqueue("a")
    ends.source.controller.close()
    await again
    assert ends.writes == ["a"]
    assert ends.did("close")


async def test_a_signal_leaves_a_destination_that_is_erroring_alone() -> None:
    ends = Ends(start=HOLD, sink={"start": HOLD})
    ends.sink.controller.error(ANOTHER)
    promise = ends.pipe(signal=AbortSignal.abort(ERROR))
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert not ends.did("abort")
    assert ends.did("cancel")
    ends.sink.resolve("start")


async def test_a_destination_that_was_aborted_counts_as_errored_before_its_sink_is_done_with_it() -> None:
    ends = Ends(sink={"start": HOLD, "abort": HOLD})
    aborting = ends.writable.abort(ERROR)
    promise = ends.pipe()
    await settle()
    assert outcome(promise) == PENDING  # it is erroring
    ends.sink.resolve("start")
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert ("cancel", ERROR) in ends.trace.events
    assert outcome(aborting) == PENDING
    ends.sink.resolve("abort")
    await settle()
    assert outcome(aborting) == FULFILLED
