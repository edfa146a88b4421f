"""Transferred streams, within one loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from tests.support import LoopFactory, settle
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSink, RecordingSource, outcome, reason_of
from whatwg_streams import (
    DataCloneError,
    MessageChannel,
    NetworkError,
    ReadableStream,
    TransformStream,
    WritableStream,
    structured_clone,
)


def transferred_readable(source: Any, high_water_mark: float = 1) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = ReadableStream(source, {"high_water_mark": high_water_mark})
    return structured_clone(stream, transfer=[stream])


def transferred_writable(sink: Any, high_water_mark: float = 1) -> WritableStream[Any]:
    stream: WritableStream[Any] = WritableStream(sink, {"high_water_mark": high_water_mark})
    return structured_clone(stream, transfer=[stream])


# The clone, and what is left ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ReadableStream, WritableStream, TransformStream])
async def test_a_stream_is_transferred_once(kind: type[Any]) -> None:
    stream = kind()
    clone = structured_clone(stream, transfer=[stream])
    assert type(clone) is kind
    assert clone is not stream
    assert stream._detached
    assert not getattr(clone, "_detached", False)
    with pytest.raises(DataCloneError, match="already"):
        structured_clone(stream, transfer=[stream])
    again = structured_clone(clone, transfer=[clone])
    assert again is not clone


async def test_a_stream_that_was_transferred_is_locked_and_the_clone_is_not() -> None:
    readable: ReadableStream[Any] = ReadableStream()
    writable: WritableStream[Any] = WritableStream()
    transform: TransformStream[Any, Any] = TransformStream()
    clones = structured_clone((readable, writable, transform), transfer=[readable, writable, transform])
    assert readable.locked
    assert writable.locked
    assert transform.readable.locked
    assert transform.writable.locked
    assert not clones[0].locked
    assert not clones[1].locked
    assert not clones[2].readable.locked
    assert not clones[2].writable.locked
    assert "TransformStream" in repr(clones[2])


async def test_the_clone_of_a_subclass_is_a_plain_stream() -> None:
    class Special(ReadableStream[Any]):
        pass

    stream = Special()
    assert type(structured_clone(stream, transfer=[stream])) is ReadableStream


async def test_a_locked_stream_is_not_transferred() -> None:
    readable: ReadableStream[Any] = ReadableStream()
    writable: WritableStream[Any] = WritableStream()
    reader, writer = readable.get_reader(), writable.get_writer()
    for stream in (readable, writable):
        with pytest.raises(DataCloneError, match="can not be transferred"):
            structured_clone(stream, transfer=[stream])
    reader.release_lock()
    writer.release_lock()
    structured_clone(readable, transfer=[readable])
    structured_clone(writable, transfer=[writable])


async def test_a_transform_stream_with_a_locked_side_is_not_transferred() -> None:
    transform: TransformStream[Any, Any] = TransformStream()
    reader = transform.readable.get_reader()
    with pytest.raises(DataCloneError, match="readable side"):
        structured_clone(transform, transfer=[transform])
    reader.release_lock()
    writer = transform.writable.get_writer()
    with pytest.raises(DataCloneError, match="writable side"):
        structured_clone(transform, transfer=[transform])
    assert not transform.readable.locked
    writer.release_lock()
    structured_clone(transform, transfer=[transform])


async def test_a_stream_that_never_arrives_is_cancelled() -> None:
    source, sink = RecordingSource(), RecordingSink()
    readable: ReadableStream[Any] = ReadableStream(source)
    writable: WritableStream[Any] = WritableStream(sink)
    channel = MessageChannel()
    channel.port2.close()
    channel.port1.post_message(None, transfer=[readable, writable])
    await settle()
    (_, cancelled), (_, aborted) = source.events[-1], sink.events[-1]
    assert isinstance(cancelled, NetworkError)
    assert isinstance(aborted, NetworkError)


async def test_when_one_can_not_be_transferred_those_before_it_are_lost() -> None:
    source = RecordingSource()
    first: ReadableStream[Any] = ReadableStream(source)
    second: ReadableStream[Any] = ReadableStream()
    reader = second.get_reader()
    with pytest.raises(DataCloneError):
        structured_clone(None, transfer=[first, second])
    await settle()
    assert source.events[-1][0] == "cancel"
    assert outcome(reader.closed) == PENDING


# Readable streams ----------------------------------------------------------------------------------


async def test_all_chunks_arrive_as_clones_and_then_the_end() -> None:
    chunks = [[1], {"key": "value"}, None, b"bytes", bytearray(b"buffer")]
    stream = ReadableStream.from_(chunks)
    clone = structured_clone(stream, transfer=[stream])
    arrived = [chunk async for chunk in clone]
    assert arrived == chunks
    assert arrived[0] is not chunks[0]
    assert arrived[4] is not chunks[4]


async def test_chunks_that_were_queued_arrive() -> None:
    source = RecordingSource()
    stream: ReadableStream[Any] = ReadableStream(source)
    for chunk in "abc":
        source.controller.enqueue(chunk)
    source.controller.close()
    clone = structured_clone(stream, transfer=[stream])
    assert [chunk async for chunk in clone] == ["a", "b", "c"]


@pytest.mark.parametrize("end", ["closed", "errored"])
async def test_a_stream_that_has_ended_can_be_transferred(end: str) -> None:
    source = RecordingSource()
    stream: ReadableStream[Any] = ReadableStream(source)
    if end == "closed":
        source.controller.close()
    else:
        source.controller.error("reason")
    reader = structured_clone(stream, transfer=[stream]).get_reader()
    await settle()
    assert outcome(reader.closed) == (FULFILLED if end == "closed" else ("rejected", "reason"))


async def test_backpressure_reaches_the_source() -> None:
    pulled: list[int] = []

    def pull(controller: Any) -> None:
        pulled.append(len(pulled))
        controller.enqueue(len(pulled))

    reader = transferred_readable({"pull": pull}, 0).get_reader()
    await settle()
    ahead = len(pulled)
    assert ahead <= 2  # one chunk waits in the writable side
    for number in range(1, 6):
        assert (await reader.read()).value == number
        await settle()
        assert len(pulled) == ahead + number


async def test_an_error_of_the_source_arrives_with_its_reason() -> None:
    source = RecordingSource()
    reader = transferred_readable(source).get_reader()
    source.controller.error({"reason": [1]})
    await settle()
    assert outcome(reader.closed) == ("rejected", {"reason": [1]})


async def test_an_exception_of_the_source_arrives_as_a_clone() -> None:
    source = RecordingSource()
    reader = transferred_readable(source).get_reader()
    fault = ValueError("fault")
    source.controller.error(fault)
    with pytest.raises(ValueError, match="fault") as raised:
        await reader.closed
    assert raised.value is not fault


async def test_an_error_that_can_not_be_cloned_arrives_as_a_data_clone_error() -> None:
    source = RecordingSource()
    reader = transferred_readable(source).get_reader()
    source.controller.error(print)
    with pytest.raises(DataCloneError):
        await reader.closed


async def test_an_error_arrives_after_the_chunks_before_it() -> None:
    source = RecordingSource()
    reader = transferred_readable(source).get_reader()
    source.controller.enqueue("chunk")
    await settle()
    source.controller.error("reason")
    assert (await reader.read()).value == "chunk"
    await settle()
    assert outcome(reader.closed) == ("rejected", "reason")


async def test_cancelling_the_clone_cancels_the_source() -> None:
    source = RecordingSource()
    await transferred_readable(source).cancel(["reason"])
    await settle()
    assert source.events[-1] == ("cancel", ["reason"])


async def test_cancelling_with_what_can_not_be_cloned_cancels_with_that_error() -> None:
    source = RecordingSource()
    with pytest.raises(DataCloneError):
        await transferred_readable(source).cancel(print)
    await settle()
    assert source.events[-1][0] == "cancel"
    assert isinstance(source.events[-1][1], DataCloneError)


async def test_a_chunk_that_can_not_be_cloned_errors_the_clone_and_cancels_the_source() -> None:
    source = RecordingSource()
    reader = transferred_readable(source).get_reader()
    source.controller.enqueue("fine")
    source.controller.enqueue(print)
    assert (await reader.read()).value == "fine"
    with pytest.raises(DataCloneError):
        await reader.read()
    await settle()
    assert source.events[-1][0] == "cancel"
    assert isinstance(source.events[-1][1], DataCloneError)


async def test_leaving_a_loop_early_cancels_the_source() -> None:
    source = RecordingSource()
    clone = transferred_readable(source)
    source.controller.enqueue(1)
    async for _ in clone:
        break
    await settle()
    assert source.events[-1] == ("cancel", None)


async def test_a_byte_stream_arrives_as_a_stream_of_its_chunks() -> None:
    class Source:
        type = "bytes"

        def start(self, controller: Any) -> None:
            controller.enqueue(b"bytes")
            controller.close()

    clone = transferred_readable(Source(), 0)
    assert [bytes(chunk) async for chunk in clone] == [b"bytes"]
    stream = transferred_readable(Source(), 0)
    with pytest.raises(TypeError):
        stream.get_reader(mode="byob")


async def test_a_clone_can_be_teed_and_transferred_again() -> None:
    stream = ReadableStream.from_([1, 2, 3])
    for _ in range(3):
        stream = structured_clone(stream, transfer=[stream])
    first, second = stream.tee()
    assert [chunk async for chunk in first] == [1, 2, 3]
    assert [chunk async for chunk in second] == [1, 2, 3]


async def test_a_read_that_is_cancelled_loses_no_chunk() -> None:
    source = RecordingSource()
    reader = transferred_readable(source).get_reader()

    async def read() -> object:
        return await reader.read()

    task = asyncio.create_task(read())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    source.controller.enqueue("chunk")
    assert (await reader.read()).value == "chunk"


async def test_what_nobody_reads_or_feeds_is_collected() -> None:
    stream: ReadableStream[Any] = ReadableStream()
    clone = structured_clone(stream, transfer=[stream])
    await settle()
    references = weakref.ref(stream), weakref.ref(clone)
    del stream, clone
    gc.collect()
    assert [reference() for reference in references] == [None, None]


# Writable streams ----------------------------------------------------------------------------------


async def test_what_is_written_to_the_clone_is_written_to_the_sink() -> None:
    sink = RecordingSink()
    writer = transferred_writable(sink).get_writer()
    chunk = [1]
    await writer.write(chunk)
    await writer.write("b")
    await writer.close()
    await settle()
    assert sink.events == [("start",), ("write", [1]), ("write", "b"), ("close",)]
    assert sink.events[1][1] is not chunk


async def test_backpressure_of_the_sink_reaches_the_writer() -> None:
    sink = RecordingSink(write=HOLD)
    writer = transferred_writable(sink).get_writer()
    writes = [writer.write(number) for number in range(5)]
    await settle()
    done = [outcome(write) for write in writes].count(FULFILLED)
    assert done < 5
    assert sink.events == [("start",), ("write", 0)]
    sink.resolve("write")
    await settle()
    assert [outcome(write) for write in writes].count(FULFILLED) == done + 1
    for _ in range(4):
        sink.resolve("write")
        await settle()
    assert [outcome(write) for write in writes] == [FULFILLED] * 5


async def test_aborting_the_clone_aborts_the_sink() -> None:
    sink = RecordingSink()
    await transferred_writable(sink).abort(["reason"])
    await settle()
    assert sink.events[-1] == ("abort", ["reason"])


async def test_an_error_of_the_sink_reaches_the_writer() -> None:
    sink = RecordingSink(write=ValueError("fault"))
    writer = transferred_writable(sink).get_writer()
    await writer.write(1)
    with pytest.raises(ValueError, match="fault"):
        await writer.closed
    assert isinstance(reason_of(writer.write(2)), ValueError)


async def test_a_chunk_that_can_not_be_cloned_rejects_and_aborts_the_sink() -> None:
    sink = RecordingSink()
    writer = transferred_writable(sink).get_writer()
    with pytest.raises(DataCloneError):
        await writer.write(print)
    assert isinstance(reason_of(writer.closed), DataCloneError)
    await settle()
    assert sink.events[-1][0] == "abort"
    assert isinstance(sink.events[-1][1], DataCloneError)


async def test_a_closed_or_errored_stream_can_be_transferred() -> None:
    closed: WritableStream[Any] = WritableStream()
    await closed.close()
    errored: WritableStream[Any] = WritableStream()
    await errored.abort("reason")
    writer = structured_clone(closed, transfer=[closed]).get_writer()
    await settle()
    assert isinstance(reason_of(writer.closed), TypeError)  # as of piping to a closed stream
    writer = structured_clone(errored, transfer=[errored]).get_writer()
    await settle()
    assert outcome(writer.closed) == ("rejected", "reason")


# Transform streams ---------------------------------------------------------------------------------


async def test_a_transform_stream_works_where_it_came_from() -> None:
    transform: TransformStream[Any, Any] = TransformStream(
        {"transform": lambda chunk, controller: controller.enqueue(chunk * 2)}
    )
    clone = structured_clone(transform, transfer=[transform])
    assert [chunk async for chunk in ReadableStream.from_([1, 2]).pipe_through(clone)] == [2, 4]


async def test_an_error_of_a_transformer_reaches_both_sides() -> None:
    def fails(_: object) -> None:
        raise ValueError("fault")

    transform: TransformStream[Any, Any] = TransformStream({"transform": fails})
    clone = structured_clone(transform, transfer=[transform])
    reader, writer = clone.readable.get_reader(), clone.writable.get_writer()
    read = reader.read()
    await writer.write(1)
    await settle()
    assert isinstance(reason_of(read), ValueError)
    assert isinstance(reason_of(reader.closed), ValueError)
    assert isinstance(reason_of(writer.closed), ValueError)


async def test_one_side_alone_can_be_transferred() -> None:
    transform: TransformStream[Any, Any] = TransformStream()
    readable = structured_clone(transform.readable, transfer=[transform.readable])
    writer = transform.writable.get_writer()
    read = readable.get_reader().read()
    await writer.write("chunk")
    assert (await read).value == "chunk"
    with pytest.raises(DataCloneError, match="readable side"):
        structured_clone(transform, transfer=[transform])


# Without a loop ------------------------------------------------------------------------------------


def test_a_stream_may_be_transferred_where_no_loop_runs(loop_factory: LoopFactory) -> None:
    stream = ReadableStream.from_([1, 2])
    clone = structured_clone(stream, transfer=[stream])

    async def read() -> list[int]:
        return [chunk async for chunk in clone]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(read()) == [1, 2]
