"""§4.9.1 ReadableStreamPipeTo."""

from __future__ import annotations

import asyncio
import gc
import math
from typing import Any

import pytest

from tests.support import LoopErrors, settle
from tests.support.pipes import counting, ends, started
from tests.support.recording import (
    HOLD,
    PENDING,
    EventTrace,
    RecordingSink,
    outcome,
    rejected,
)
from tests.support.sources import errored_stream, read_all, stream_of
from whatwg_streams import (
    AbortController,
    Promise,
    ReadableStream,
    TransformStream,
    WritableStream,
)

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
