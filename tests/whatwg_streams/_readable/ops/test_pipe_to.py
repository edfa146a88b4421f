"""§4.9.1 ReadableStreamPipeTo."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.support import LoopErrors, settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    Event,
    EventTrace,
    RecordingSink,
    RecordingSource,
    outcome,
    reason_of,
    rejected,
)
from tests.support.sources import errored_stream, read_all, stream_of
from whatwg_streams import (
    AbortController,
    AbortError,
    AbortSignal,
    Promise,
    ReadableStream,
    TransformStream,
    WritableStream,
)

PREVENT = pytest.mark.parametrize("prevent", [False, True])


class Ends(NamedTuple):
    """A source and a sink, and their streams, that write into one trace."""

    trace: EventTrace
    source: RecordingSource
    stream: ReadableStream[Any]
    sink: RecordingSink
    destination: WritableStream[Any]

    def pipe(self, **options: Any) -> Promise[None]:
        promise = self.stream.pipe_to(self.destination, **options)
        self.trace.watch("pipe", promise)
        return promise

    def unlocked(self) -> bool:
        return not self.stream.locked and not self.destination.locked

    def writes(self) -> list[object]:
        return [event[1] for event in self.trace.events if event[0] == "write" and len(event) == 2]

    def pulls(self) -> int:
        return self.trace.events.count(("pull",))

    def without_pulls(self) -> list[Event]:
        """Return the events, for where a read is begun is the pipe's own business."""
        return [event for event in self.trace.events if event != ("pull",)]

    def last(self) -> Event:
        return self.trace.events[-1]


def ends(*, strategy: object = None, sink_strategy: object = None, **answers: object) -> Ends:
    """Return new ones; answers are named `pull`, `cancel`, `write`, `close`, `abort` or `start_sink`.

    The trace is without the two starts.
    """
    trace = EventTrace()
    source = RecordingSource(trace, pull=answers.pop("pull", None), cancel=answers.pop("cancel", None))
    stream = ReadableStream[Any](source, {"high_water_mark": 0} if strategy is None else strategy)
    sink = RecordingSink(trace, start=answers.pop("start_sink", None), **answers)
    destination = WritableStream[Any](sink, sink_strategy)
    trace.take()
    return Ends(trace, source, stream, sink, destination)


async def started(**options: Any) -> Ends:
    """Return new ones whose source and sink have started."""
    made = ends(**options)
    await settle()
    made.trace.take()
    return made


def counting(last: int) -> Callable[[Any], None]:
    """Return a pull that gives 1, 2, …, last, and then closes."""
    count = 0

    def pull(controller: Any) -> None:
        nonlocal count
        count += 1
        if count > last:
            controller.close()
        else:
            controller.enqueue(count)

    return pull


# Chunks


async def test_all_chunks_are_written_and_the_destination_is_closed() -> None:
    made = await started(pull=counting(3))
    await made.pipe()
    assert made.trace.events == [
        ("pull",),
        ("write", 1),
        ("pull",),
        ("write", 2),
        ("pull",),
        ("write", 3),
        ("pull",),
        ("close",),
        ("pipe", "fulfilled"),
    ]
    assert made.unlocked()
    assert "closed" in repr(made.destination)


async def test_both_streams_are_locked_and_disturbed_at_once() -> None:
    made = ends()
    made.pipe()
    assert made.stream.locked
    assert made.destination.locked
    assert made.stream._disturbed
    made.source.controller.close()
    await settle()
    assert made.unlocked()


async def test_chunks_are_passed_on_as_they_are() -> None:
    chunks: list[object] = [object(), None, [], Promise.resolve("a"), ValueError("a chunk")]
    made = ends()
    for chunk in chunks:
        made.source.controller.enqueue(chunk)
    made.source.controller.close()
    await made.pipe()
    assert all(written is chunk for written, chunk in zip(made.writes(), chunks, strict=True))


async def test_queued_chunks_are_written_in_order_before_the_close() -> None:
    trace = EventTrace()
    await stream_of(*range(20)).pipe_to(WritableStream(RecordingSink(trace)))
    assert trace.events == [("start",), *(("write", chunk) for chunk in range(20)), ("close",)]


async def test_enqueue_never_calls_the_sink() -> None:
    made = await started(sink_strategy={"high_water_mark": 5})
    made.pipe()
    await settle()
    made.trace.take()
    for chunk in "abc":
        made.source.controller.enqueue(chunk)
        assert made.writes() == []
    made.source.controller.close()
    assert made.writes() == []
    await settle()
    assert made.writes() == ["a", "b", "c"]
    assert made.trace.events[-2:] == [("close",), ("pipe", "fulfilled")]


async def test_enqueue_never_calls_the_size_function_of_the_destination() -> None:
    sizes = []

    def size(chunk: object) -> int:
        sizes.append(chunk)
        return 1

    made = await started(sink_strategy={"high_water_mark": 5, "size": size})
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    assert sizes == []
    await settle()
    assert sizes == ["a"]
    made.source.controller.close()


async def test_a_byte_stream_can_be_piped() -> None:
    def start(controller: Any) -> None:
        for chunk in (b"ab", b"c"):
            controller.enqueue(chunk)
        controller.close()

    made = ends()
    await ReadableStream[Any]({"type": "bytes", "start": start}).pipe_to(made.destination)
    assert b"".join(bytes(chunk) for chunk in made.writes()) == b"abc"  # type: ignore[call-overload]


# Backpressure


@pytest.mark.parametrize("high_water_mark", [0, 1, 2, 16])
async def test_no_more_is_read_than_the_destination_has_room_for(high_water_mark: int) -> None:
    made = await started(pull=counting(40), write=HOLD, sink_strategy={"high_water_mark": high_water_mark})
    made.pipe()
    await settle(200)
    assert made.pulls() == high_water_mark
    assert made.writes() == ([1] if high_water_mark else [])
    if high_water_mark:
        made.sink.resolve("write")
        await settle(50)
        assert made.pulls() == high_water_mark + 1


async def test_a_destination_without_a_limit_takes_everything_before_the_first_write_is_done() -> None:
    made = await started(pull=counting(40), write=HOLD, sink_strategy={"high_water_mark": math.inf})
    made.pipe()
    await settle(300)
    assert made.pulls() == 41
    assert made.writes() == [1]
    assert outcome(made.destination._writer._closed_promise) == PENDING  # type: ignore[union-attr]
    for _ in range(40):
        made.sink.resolve("write")
        await settle(5)
    assert made.writes() == list(range(1, 41))
    assert made.last() == ("pipe", "fulfilled")


async def test_sizes_decide_when_reading_stops() -> None:
    made = await started(
        pull=counting(9), write=HOLD, sink_strategy={"high_water_mark": 5, "size": lambda chunk: chunk}
    )
    made.pipe()
    await settle()
    assert made.pulls() == 3  # 1, 2 and 3 make 6, which is too much
    made.sink.resolve("write")
    await settle()
    assert made.pulls() == 3  # 2 and 3 make 5, which is no room either
    made.sink.resolve("write")
    await settle()
    assert made.pulls() == 4


async def test_nothing_is_read_before_there_is_room_however_much_is_queued() -> None:
    made = await started(write=HOLD, strategy={"high_water_mark": 10})
    for chunk in range(5):
        made.source.controller.enqueue(chunk)
    made.pipe()
    await settle()
    assert made.source.controller.desired_size == 6  # one was read
    made.sink.resolve("write")
    await settle()
    assert made.source.controller.desired_size == 7


@pytest.mark.parametrize("high_water_mark", [0, 1, 16])
async def test_the_queue_of_the_source_does_not_change_what_is_written(high_water_mark: int) -> None:
    made = await started(pull=counting(30), strategy={"high_water_mark": high_water_mark})
    await made.pipe()
    assert made.writes() == list(range(1, 31))


async def test_a_sink_that_has_not_started_gets_nothing_but_its_queue_is_filled() -> None:
    made = await started(pull=counting(9), start_sink=HOLD, sink_strategy={"high_water_mark": 3})
    made.pipe()
    await settle()
    assert made.pulls() == 3
    assert made.writes() == []
    made.sink.resolve("start")
    await settle()
    assert made.writes() == list(range(1, 10))


# Errors are propagated forward

REASONS = pytest.mark.parametrize("reason", [ValueError("broken"), "broken", None, 0, KeyboardInterrupt()])


@REASONS
async def test_an_error_of_the_source_aborts_the_destination(reason: object) -> None:
    for before in (True, False):
        made = await started()
        if before:
            made.source.controller.error(reason)
        made.pipe()
        made.source.controller.error(reason)
        await settle()
        assert made.without_pulls() == [("abort", reason), ("pipe", "rejected", reason)]
        assert made.unlocked()
        assert "errored" in repr(made.destination)


@pytest.mark.parametrize("before", [False, True])
async def test_an_error_of_the_source_leaves_the_destination_alone_with_prevent_abort(before: bool) -> None:
    made = await started()
    if before:
        made.source.controller.error("broken")
    made.pipe(prevent_abort=True)
    made.source.controller.error("broken")
    await settle()
    assert made.last() == ("pipe", "rejected", "broken")
    assert made.unlocked()
    assert "writable" in repr(made.destination)
    await made.destination.close()


async def test_the_pipe_rejects_with_what_aborting_raises() -> None:
    error = OSError("can not be aborted")
    made = await started(abort=error)
    made.pipe()
    made.source.controller.error("broken")
    await settle()
    assert made.without_pulls() == [("abort", "broken"), ("pipe", "rejected", error)]


async def test_the_pipe_waits_for_the_abort() -> None:
    made = await started(abort=HOLD)
    pipe = made.pipe()
    made.source.controller.error("broken")
    await settle()
    assert outcome(pipe) == PENDING
    assert made.stream.locked
    made.sink.resolve("abort")
    await settle()
    assert outcome(pipe) == rejected("broken")


@PREVENT
async def test_writes_are_finished_before_an_error_of_the_source_is_passed_on(prevent: bool) -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5})
    pipe = made.pipe(prevent_abort=prevent)
    await settle()
    made.trace.take()
    for chunk in "abc":
        made.source.controller.enqueue(chunk)
        await settle()
    made.trace.take()
    made.source.controller.error("broken")
    for chunk in "bc":
        await settle()
        assert made.trace.take() == []
        made.sink.resolve("write")
        await settle()
        assert made.trace.take() == [("write", chunk)]
    assert outcome(pipe) == PENDING
    made.sink.resolve("write")
    await settle()
    assert made.trace.take() == ([] if prevent else [("abort", "broken")]) + [("pipe", "rejected", "broken")]


async def test_a_chunk_that_was_read_just_before_the_error_is_written() -> None:
    made = await started()
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    made.source.controller.error("broken")
    await settle()
    assert made.trace.events[-3:] == [("write", "a"), ("abort", "broken"), ("pipe", "rejected", "broken")]


async def test_a_write_that_fails_while_the_shutdown_waits_fails_the_abort_no_more() -> None:
    made = await started(write=HOLD)
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    await settle()
    made.source.controller.error("broken")
    made.sink.reject("write", "full")
    await settle()
    # The destination is errored by then: there is nothing to abort, and the first error counts.
    assert made.last() == ("pipe", "rejected", "broken")
    assert ("abort", "broken") not in made.trace.events


async def test_an_errored_source_and_an_errored_destination_reject_with_the_source_s_error() -> None:
    made = await started()
    made.source.controller.error("broken")
    made.sink.controller.error("full")
    await settle()
    made.pipe()
    await settle()
    assert made.trace.events == [("pipe", "rejected", "broken")]


async def test_an_errored_source_and_a_closed_destination_reject_with_the_source_s_error() -> None:
    made = await started()
    made.source.controller.error("broken")
    await made.destination.close()
    made.pipe()
    await settle()
    assert made.trace.events == [("close",), ("pipe", "rejected", "broken")]


# Errors are propagated backward


@REASONS
async def test_an_error_of_the_destination_cancels_the_source(reason: object) -> None:
    for before in (True, False):
        made = await started()
        if before:
            made.sink.controller.error(reason)
            await settle()
        made.pipe()
        made.sink.controller.error(reason)
        await settle()
        assert made.without_pulls() == [
            ("cancel", reason),
            ("pipe", "rejected", reason),
        ]
        assert made.unlocked()
        assert "closed" in repr(made.stream)


@pytest.mark.parametrize("before", [False, True])
async def test_an_error_of_the_destination_leaves_the_source_alone_with_prevent_cancel(before: bool) -> None:
    made = await started()
    made.source.controller.enqueue("a")
    if before:
        made.sink.controller.error("full")
        await settle()
    made.pipe(prevent_cancel=True)
    made.sink.controller.error("full")
    await settle()
    assert made.last() == ("pipe", "rejected", "full")
    assert made.unlocked()
    made.source.controller.enqueue("b")
    made.source.controller.close()
    assert await read_all(made.stream) == ["a", "b"]


async def test_a_write_that_fails_cancels_the_source_and_what_was_read_is_lost() -> None:
    made = await started(pull=counting(9), write=HOLD, sink_strategy={"high_water_mark": 3})
    made.pipe()
    await settle()
    made.trace.take()
    made.sink.reject("write", "full")
    await settle()
    assert made.trace.events == [("cancel", "full"), ("pipe", "rejected", "full")]
    assert made.unlocked()


async def test_a_write_that_raises_cancels_the_source() -> None:
    error = OSError("full")
    made = await started(pull=counting(9), write=error)
    made.pipe()
    await settle()
    assert made.trace.events == [
        ("pull",),
        ("write", 1),
        ("cancel", error),
        ("pipe", "rejected", error),
    ]


async def test_the_pipe_rejects_with_what_cancelling_raises() -> None:
    error = OSError("can not be cancelled")
    made = await started(cancel=error)
    made.pipe()
    made.sink.controller.error("full")
    await settle()
    assert made.last() == ("pipe", "rejected", error)
    assert made.unlocked()


async def test_the_pipe_waits_for_cancelling() -> None:
    made = await started(cancel=HOLD)
    pipe = made.pipe()
    made.sink.controller.error("full")
    await settle()
    assert outcome(pipe) == PENDING
    made.source.resolve("cancel")
    await settle()
    assert outcome(pipe) == rejected("full")


async def test_an_errored_destination_and_a_closed_source_reject_with_the_error() -> None:
    made = await started()
    made.source.controller.close()
    made.sink.controller.error("full")
    await settle()
    made.pipe()
    await settle()
    assert made.trace.events == [("pipe", "rejected", "full")]


async def test_a_sink_that_does_not_start_cancels_the_source() -> None:
    made = await started(start_sink=HOLD)
    made.pipe()
    await settle()
    made.sink.reject("start", "no sink")
    await settle()
    assert made.trace.events[-2:] == [("cancel", "no sink"), ("pipe", "rejected", "no sink")]


async def test_a_destination_that_is_erroring_is_waited_for() -> None:
    made = await started(start_sink=HOLD)
    made.sink.controller.error("full")
    made.pipe()
    await settle()
    assert made.trace.events == []
    assert made.stream.locked
    made.sink.resolve("start")
    await settle()
    assert made.trace.events == [("cancel", "full"), ("pipe", "rejected", "full")]


async def test_nothing_is_read_while_the_destination_is_erroring() -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5}, pull=HOLD)
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    await settle()
    made.trace.take()
    made.sink.controller.error("full")
    made.source.resolve("pull")
    await settle()
    made.source.controller.enqueue("b")
    made.source.controller.enqueue("c")
    await settle()
    # The read that was pending got "b"; "c" is still there.
    assert made.source.controller.desired_size == -1
    made.sink.resolve("write")
    await settle()
    assert made.trace.events[-2:] == [("cancel", "full"), ("pipe", "rejected", "full")]
    assert made.writes() == []


async def test_a_destination_that_was_aborted_before_cancels_the_source() -> None:
    made = await started()
    abort = made.destination.abort("enough")
    made.pipe()
    await settle()
    assert outcome(abort) == FULFILLED
    assert made.trace.events == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]


async def test_a_destination_that_becomes_errored_while_it_is_being_aborted_cancels_the_source_at_once() -> None:
    made = await started(start_sink=HOLD, abort=HOLD)
    abort = made.destination.abort("enough")
    made.pipe()
    await settle()
    assert made.trace.take() == []
    made.sink.resolve("start")
    await settle()
    # The stream is errored from here on, though aborting the sink is not done.
    assert outcome(abort) == PENDING
    assert "errored" in repr(made.destination)
    assert made.trace.take() == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]


# Closing is propagated forward


@pytest.mark.parametrize("before", [False, True])
async def test_the_end_of_the_source_closes_the_destination(before: bool) -> None:
    made = await started()
    if before:
        made.source.controller.close()
    pipe = made.pipe()
    if not before:
        await settle()
        made.source.controller.close()
    await pipe
    assert made.without_pulls() == [("close",), ("pipe", "fulfilled")]
    assert made.unlocked()


@pytest.mark.parametrize("before", [False, True])
async def test_the_end_of_the_source_leaves_the_destination_open_with_prevent_close(before: bool) -> None:
    made = await started()
    if before:
        made.source.controller.close()
    pipe = made.pipe(prevent_close=True)
    if not before:
        await settle()
        made.source.controller.close()
    await pipe
    assert ("close",) not in made.trace.events
    assert made.unlocked()
    await stream_of("more").pipe_to(made.destination)
    assert made.trace.events[-2:] == [("write", "more"), ("close",)]


@PREVENT
async def test_writes_are_finished_before_the_pipe_is(prevent: bool) -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5})
    made.source.controller.enqueue("a")
    made.source.controller.enqueue("b")
    made.source.controller.close()
    pipe = made.pipe(prevent_close=prevent)
    await settle()
    assert made.writes() == ["a"]
    made.sink.resolve("write")
    await settle()
    assert made.writes() == ["a", "b"]
    assert outcome(pipe) == PENDING
    assert ("close",) not in made.trace.events
    made.sink.resolve("write")
    await settle()
    assert outcome(pipe) == FULFILLED
    assert (("close",) in made.trace.events) is not prevent


async def test_the_pipe_waits_for_the_close() -> None:
    made = await started(close=HOLD)
    made.source.controller.close()
    pipe = made.pipe()
    await settle()
    assert outcome(pipe) == PENDING
    assert made.destination.locked
    made.sink.resolve("close")
    await settle()
    assert outcome(pipe) == FULFILLED


async def test_the_pipe_rejects_with_what_closing_raises() -> None:
    error = OSError("can not be closed")
    made = await started(close=error)
    made.source.controller.close()
    made.pipe()
    await settle()
    assert made.trace.events == [("close",), ("pipe", "rejected", error)]


async def test_the_pipe_rejects_when_the_last_write_fails() -> None:
    made = await started(write=HOLD)
    made.source.controller.enqueue("a")
    made.source.controller.close()
    made.pipe()
    await settle()
    made.sink.reject("write", "full")
    await settle()
    assert made.trace.events == [("write", "a"), ("pipe", "rejected", "full")]


async def test_the_last_write_fails_with_prevent_close_and_the_source_was_closed() -> None:
    # The shutdown has no error, and was under way: the text has the pipe fulfilled.
    made = await started(write=HOLD)
    made.source.controller.enqueue("a")
    made.source.controller.close()
    pipe = made.pipe(prevent_close=True)
    await settle()
    made.sink.reject("write", "full")
    await settle()
    assert outcome(pipe) == FULFILLED
    assert "errored" in repr(made.destination)


async def test_a_source_that_is_cancelled_by_its_own_source_closes_the_destination() -> None:
    made = await started(pull=lambda controller: controller.close())
    made.pipe()
    await settle()
    assert made.trace.events == [("pull",), ("close",), ("pipe", "fulfilled")]


# Closing is propagated backward


@PREVENT
@pytest.mark.parametrize("closed", [False, True])
async def test_piping_to_what_is_closing_or_closed_cancels_the_source(closed: bool, prevent: bool) -> None:
    made = await started(close=None if closed else HOLD)
    made.source.controller.enqueue("a")
    close = made.destination.close()
    await settle()
    pipe = made.pipe(prevent_cancel=prevent)
    await settle()
    error = reason_of(pipe)
    assert isinstance(error, TypeError)
    assert made.unlocked()
    assert made.writes() == []
    if prevent:
        assert made.trace.events == [("close",), ("pipe", "rejected", error)]
        assert repr(made.stream) == "<ReadableStream readable>"
    else:
        assert made.trace.events == [("close",), ("cancel", error), ("pipe", "rejected", error)]
    if not closed:
        made.sink.resolve("close")
    await close


async def test_piping_to_a_close_that_waits_for_a_write_cancels_the_source_at_once() -> None:
    made = await started(write=HOLD)
    with made.destination.get_writer() as writer:
        write = writer.write("before")
        close = writer.close()
        close.catch(lambda _: None)
        writer.closed.catch(lambda _: None)
    pipe = made.pipe()
    await settle()
    assert isinstance(reason_of(pipe), TypeError)
    made.sink.resolve("write")
    await write
    await settle()
    assert made.last() == ("close",)


async def test_piping_to_what_is_closed_rejects_with_what_cancelling_raises() -> None:
    error = OSError("can not be cancelled")
    made = await started(cancel=error)
    await made.destination.close()
    made.pipe()
    await settle()
    assert made.last() == ("pipe", "rejected", error)


async def test_a_closed_source_and_a_closed_destination_are_fine() -> None:
    made = await started()
    made.source.controller.close()
    await made.destination.close()
    await made.pipe()
    assert made.trace.events == [("close",), ("pipe", "fulfilled")]


# Signals


@REASONS
async def test_a_signal_aborts_the_destination_and_cancels_the_source(reason: Any) -> None:
    for before in (True, False):
        made = await started()
        controller = AbortController()
        if before:
            controller.abort(reason)
        made.pipe(signal=controller.signal)
        if not before:
            await settle()
            controller.abort(reason)
        reason = controller.signal.reason
        await settle()
        assert made.without_pulls() == [
            ("abort", reason),
            ("cancel", reason),
            ("pipe", "rejected", reason),
        ]
        assert made.unlocked()


async def test_a_signal_without_a_reason_rejects_with_an_abort_error() -> None:
    made = await started()
    pipe = made.pipe(signal=AbortSignal.abort())
    await settle()
    assert isinstance(reason_of(pipe), AbortError)


async def test_nothing_is_read_where_the_signal_is_aborted_already() -> None:
    made = await started(pull=counting(3))
    made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    assert made.pulls() == 0


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("prevent_abort", "prevent_cancel"), [(True, False), (False, True), (True, True)])
async def test_what_the_options_prevent_a_signal_does_not_do(
    prevent_abort: bool, prevent_cancel: bool, before: bool
) -> None:
    made = await started()
    controller = AbortController()
    if before:
        controller.abort("enough")
    made.pipe(signal=controller.signal, prevent_abort=prevent_abort, prevent_cancel=prevent_cancel)
    if not before:
        await settle()
        controller.abort("enough")
    await settle()
    assert made.without_pulls() == [
        *([] if prevent_abort else [("abort", "enough")]),
        *([] if prevent_cancel else [("cancel", "enough")]),
        ("pipe", "rejected", "enough"),
    ]
    assert made.unlocked()
    assert ("writable" in repr(made.destination)) is prevent_abort
    assert ("readable" in repr(made.stream)) is prevent_cancel


async def test_writes_are_finished_before_a_signal_takes_effect() -> None:
    made = await started(write=HOLD, sink_strategy={"high_water_mark": 5})
    controller = AbortController()
    pipe = made.pipe(signal=controller.signal)
    await settle()
    made.source.controller.enqueue("a")
    made.source.controller.enqueue("b")
    await settle()
    made.trace.take()
    controller.abort("enough")
    await settle()
    assert made.trace.take() == []
    made.sink.resolve("write")
    await settle()
    assert made.trace.take() == [("write", "b")]
    made.sink.resolve("write")
    await settle()
    assert made.trace.take() == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]
    assert outcome(pipe) == rejected("enough")


async def test_the_pipe_waits_for_both_and_rejects_with_the_reason() -> None:
    made = await started(abort=HOLD, cancel=HOLD)
    pipe = made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    made.source.resolve("cancel")
    await settle()
    assert outcome(pipe) == PENDING
    made.sink.resolve("abort")
    await settle()
    assert outcome(pipe) == rejected("enough")


@pytest.mark.parametrize("failing", ["abort", "cancel"])
async def test_the_pipe_rejects_with_the_first_failure_and_does_not_wait_for_the_other(failing: str) -> None:
    made = await started(abort=HOLD, cancel=HOLD)
    pipe = made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    if failing == "abort":
        made.sink.reject("abort", "failed")
    else:
        made.source.reject("cancel", "failed")
    await settle()
    assert outcome(pipe) == rejected("failed")
    if failing == "abort":
        made.source.resolve("cancel")
    else:
        made.sink.resolve("abort")
    await settle()


async def test_a_signal_does_not_abort_a_destination_that_is_not_writable() -> None:
    made = await started()
    await made.destination.close()
    made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    assert made.trace.events == [("close",), ("cancel", "enough"), ("pipe", "rejected", "enough")]


async def test_a_signal_does_not_cancel_a_source_that_is_not_readable() -> None:
    made = await started()
    made.source.controller.error("broken")
    made.pipe(signal=AbortSignal.abort("enough"))
    await settle()
    assert made.trace.events == [("abort", "enough"), ("pipe", "rejected", "enough")]


async def test_a_signal_has_no_effect_once_the_pipe_shuts_down_or_is_done() -> None:
    made = await started(close=HOLD)
    controller = AbortController()
    made.source.controller.close()
    pipe = made.pipe(signal=controller.signal)
    await settle()
    controller.abort("enough")
    await settle()
    made.sink.resolve("close")
    await pipe
    assert made.trace.events == [("close",), ("pipe", "fulfilled")]


@pytest.mark.parametrize("end", ["close", "error"])
async def test_a_pipe_that_is_done_listens_to_its_signal_no_longer(end: str) -> None:
    controller = AbortController()
    made = await started()
    made.pipe(signal=controller.signal)
    getattr(made.source.controller, end)()
    await settle()
    assert controller.signal._abort_algorithms == {}


async def test_one_signal_stops_many_pipes() -> None:
    controller = AbortController()
    pipes = [(await started()).pipe(signal=controller.signal) for _ in range(3)]
    controller.abort("enough")
    await settle()
    assert [outcome(pipe) for pipe in pipes] == [rejected("enough")] * 3


async def test_a_chunk_read_by_the_pull_that_aborts_the_signal_is_written_before_anything_else_happens() -> None:
    controller = AbortController()

    def pull(stream_controller: Any) -> None:
        controller.abort("enough")
        stream_controller.enqueue("a")

    made = await started(pull=pull, write=HOLD)
    made.pipe(signal=controller.signal)
    await settle()
    assert made.trace.events == [("pull",), ("write", "a")]
    made.sink.resolve("write")
    await settle()
    assert made.trace.events[-3:] == [("abort", "enough"), ("cancel", "enough"), ("pipe", "rejected", "enough")]


async def test_a_signal_aborted_within_write_stops_the_pipe_after_that_write() -> None:
    controller = AbortController()
    made = await started(pull=counting(9), write=lambda *_: controller.abort("enough"))
    made.pipe(signal=controller.signal)
    await settle()
    assert made.trace.events == [
        ("pull",),
        ("write", 1),
        ("abort", "enough"),
        ("cancel", "enough"),
        ("pipe", "rejected", "enough"),
    ]


async def test_a_destination_can_be_switched() -> None:
    made = await started()
    other = ends()
    controller = AbortController()
    first = made.pipe(signal=controller.signal, prevent_cancel=True)
    await settle()
    made.source.controller.enqueue("a")
    await settle()
    controller.abort("switch")
    await settle()
    assert outcome(first) == rejected("switch")
    second = made.stream.pipe_to(other.destination)
    made.source.controller.enqueue("b")
    made.source.controller.close()
    await second
    assert made.writes() == ["a"]
    assert other.writes() == ["b"]


# A read that was pending when the pipe began to shut down


@pytest.mark.parametrize("hops", range(12))
async def test_a_chunk_that_comes_while_the_pipe_shuts_down_is_written_or_left(
    hops: int, loop_errors: LoopErrors
) -> None:
    # The source gives its chunk so many microtasks after the signal.
    made = await started(pull=HOLD)
    controller = AbortController()
    pipe = made.pipe(signal=controller.signal, prevent_abort=True, prevent_cancel=True)
    await settle()
    late: Promise[Any] = Promise.resolve()
    for _ in range(hops):
        late = late.then(lambda _: None)
    controller.abort("enough")
    late.then(lambda _: made.source.controller.enqueue("a"))
    await settle()
    assert outcome(pipe) == rejected("enough")
    assert loop_errors.take() == []
    made.source.controller.close()
    assert made.writes() + await read_all(made.stream) == ["a"]


@pytest.mark.parametrize("hops", range(8))
async def test_a_chunk_that_comes_while_the_destination_fails_is_no_trouble(hops: int) -> None:
    made = await started(pull=HOLD)
    pipe = made.pipe(prevent_cancel=True)
    await settle()
    late: Promise[Any] = Promise.resolve()
    for _ in range(hops):
        late = late.then(lambda _: None)
    made.sink.controller.error("full")
    late.then(lambda _: made.source.controller.enqueue("a"))
    await settle()
    assert outcome(pipe) == rejected("full")
    assert made.unlocked()


async def test_shutting_down_begins_no_further_reads() -> None:
    made = await started(pull=counting(9), write=HOLD, sink_strategy={"high_water_mark": 2})
    controller = AbortController()
    made.pipe(signal=controller.signal, prevent_cancel=True, prevent_abort=True)
    await settle()
    assert made.pulls() == 2
    controller.abort("enough")
    made.sink.resolve("write")
    await settle()
    made.sink.resolve("write")
    await settle()
    assert made.pulls() == 2
    assert made.writes() == [1, 2]
    assert made.last() == ("pipe", "rejected", "enough")


# Re-entrance and handledness


async def test_a_source_that_errors_while_it_is_read_is_propagated() -> None:
    made = await started(pull=lambda controller: controller.error("broken"))
    made.pipe()
    await settle()
    assert made.trace.events == [("pull",), ("abort", "broken"), ("pipe", "rejected", "broken")]


async def test_a_size_function_that_fails_errors_the_destination_and_cancels_the_source() -> None:
    error = LookupError("no size")

    def size(chunk: object) -> int:
        raise error

    made = await started(pull=counting(9), sink_strategy={"size": size})
    made.pipe()
    await settle()
    assert made.trace.events == [("pull",), ("cancel", error), ("pipe", "rejected", error)]


async def test_a_size_function_that_aborts_the_signal_still_has_its_chunk_written() -> None:
    controller = AbortController()

    def size(chunk: object) -> int:
        controller.abort("enough")
        return 1

    made = await started(pull=counting(9), sink_strategy={"size": size})
    made.pipe(signal=controller.signal)
    await settle()
    assert made.writes() == [1]
    assert made.last() == ("pipe", "rejected", "enough")


async def test_promises_that_only_the_pipe_knows_are_not_reported() -> None:
    # Writes, closed and ready of the writer, closed of the reader: only the pipe itself is ours to handle.
    error = ValueError("full")
    for options in ({}, {"prevent_cancel": True}, {"prevent_abort": True}):
        made = await started(pull=counting(9), write=error, sink_strategy={"high_water_mark": 3})
        pipe = made.pipe(**options)
        await settle()
        assert outcome(pipe) == rejected(error)
        made = await started(write=HOLD)
        pipe = made.pipe(**options)
        await settle()
        made.source.controller.enqueue("a")
        made.source.controller.error(error)
        await settle()
        made.sink.resolve("write")
        await settle()
        assert outcome(pipe) == rejected(error)
    gc.collect()


async def test_the_promise_of_a_pipe_that_fails_is_reported(loop_errors: LoopErrors) -> None:
    errored_stream(ValueError("broken")).pipe_to(WritableStream(), prevent_abort=True)
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], ValueError)


async def test_cancelling_the_task_that_awaits_a_pipe_leaves_it_running() -> None:
    made = await started()
    pipe = made.pipe()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await pipe
    made.source.controller.enqueue("a")
    made.source.controller.close()
    await pipe
    assert made.writes() == ["a"]


# Chains


async def test_a_chain_of_pipes_passes_everything_on_and_closes_in_order() -> None:
    trace = EventTrace()

    def stage(name: str) -> TransformStream[str, str]:
        return TransformStream(
            {
                "transform": lambda chunk, controller: controller.enqueue(chunk + name),
                "flush": lambda: trace.log("flush", name),
            }
        )

    await (
        stream_of("a", "b")
        .pipe_through(stage("1"))
        .pipe_through(stage("2"))
        .pipe_to(WritableStream(RecordingSink(trace)))
    )
    assert [event for event in trace.events if event[0] == "write"] == [("write", "a12"), ("write", "b12")]
    assert [event for event in trace.events if event[0] != "write"] == [
        ("start",),
        ("flush", "1"),
        ("flush", "2"),
        ("close",),
    ]


async def test_an_error_at_the_end_of_a_chain_cancels_its_beginning() -> None:
    made = await started(pull=counting(9))
    error = OSError("full")
    sink = WritableStream({"write": lambda: Promise.reject(error)})
    pipe = made.stream.pipe_through(TransformStream()).pipe_through(TransformStream()).pipe_to(sink)
    await settle()
    assert outcome(pipe) == rejected(error)
    assert made.last() == ("cancel", error)


async def test_an_error_at_the_beginning_of_a_chain_aborts_its_end() -> None:
    made = await started()
    pipe = made.stream.pipe_through(TransformStream()).pipe_through(TransformStream()).pipe_to(made.destination)
    await settle()
    made.source.controller.error("broken")
    await settle()
    assert outcome(pipe) == rejected("broken")
    assert made.last() == ("abort", "broken")


async def test_a_pipe_that_is_left_alone_leaves_nothing_behind() -> None:
    made = await started()
    made.pipe()
    del made
    gc.collect()
    await settle()


# Whole traces, with the microtasks that the text prescribes counted


async def test_the_order_of_shutting_down_with_an_idle_destination() -> None:
    made = await started(cancel=lambda _: None)
    made.trace.watch("source closed", made.stream.get_reader().closed)
    made.stream._reader.release_lock()  # type: ignore[union-attr]
    await settle()
    made.trace.take()
    made.pipe()
    await settle()
    made.trace.take()
    made.sink.controller.error("full")
    await settle()
    assert made.trace.events == [("cancel", "full"), ("pipe", "rejected", "full")]


async def test_the_order_of_events_of_a_pipe_with_a_slow_sink_and_an_error() -> None:
    made = await started(pull=HOLD, write=HOLD, abort=HOLD, sink_strategy={"high_water_mark": 2})
    made.pipe()
    await settle()
    made.source.controller.enqueue("a")
    made.source.resolve("pull")
    await settle()
    made.source.controller.enqueue("b")
    made.source.resolve("pull")
    await settle()
    made.trace.log("error")
    made.source.controller.error("broken")
    await settle()
    made.trace.log("first write done")
    made.sink.resolve("write")
    await settle()
    made.trace.log("second write done")
    made.sink.resolve("write")
    await settle()
    made.trace.log("abort done")
    made.sink.resolve("abort")
    await settle()
    assert made.trace.events == [
        ("pull",),
        ("write", "a"),
        ("pull",),
        ("error",),
        ("first write done",),
        ("write", "b"),
        ("second write done",),
        ("abort", "broken"),
        ("abort done",),
        ("pipe", "rejected", "broken"),
    ]


async def test_the_order_of_events_of_a_pipe_with_a_slow_sink_and_a_close() -> None:
    made = await started(pull=counting(2), write=HOLD, close=HOLD)
    made.pipe()
    await settle()
    made.trace.log("first write done")
    made.sink.resolve("write")
    await settle()
    made.trace.log("second write done")
    made.sink.resolve("write")
    await settle()
    made.trace.log("close done")
    made.sink.resolve("close")
    await settle()
    assert made.trace.events == [
        ("pull",),
        ("write", 1),
        ("first write done",),
        ("pull",),
        ("write", 2),
        ("second write done",),
        ("pull",),
        ("close",),
        ("close done",),
        ("pipe", "fulfilled"),
    ]
