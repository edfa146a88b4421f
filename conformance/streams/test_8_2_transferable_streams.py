"""§8.2 Transferable streams: https://streams.spec.whatwg.org/#transferrable-streams

And §4.2.6, §5.2.5 and §6.2.5, what is done when a stream is transferred.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    RecordingSink,
    RecordingSource,
    RecordingTransformer,
    outcome,
    reason_of,
    rejected,
)
from tests.support.sources import errored_stream, read_all, stream_of
from whatwg_streams import (
    DataCloneError,
    MessageChannel,
    MessagePort,
    ReadableStream,
    TransformStream,
    WritableStream,
    structured_clone,
)
from whatwg_streams._transferable.cross_realm_transforms import (
    set_up_cross_realm_transform_readable,
    set_up_cross_realm_transform_writable,
)
from whatwg_streams.other_specs import new


def transferred(stream: Any) -> Any:
    return structured_clone(stream, transfer=[stream])


# Transfer steps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ReadableStream, WritableStream, TransformStream])
async def test_what_arrives_is_a_new_stream_of_the_same_kind(kind: Any) -> None:
    stream = kind()
    clone = transferred(stream)
    assert type(clone) is kind
    assert clone is not stream


@pytest.mark.parametrize("kind", [ReadableStream, WritableStream, TransformStream])
async def test_a_stream_is_transferred_not_cloned_and_once(kind: Any) -> None:
    stream = kind()
    with pytest.raises(DataCloneError):
        structured_clone(stream)
    transferred(stream)
    with pytest.raises(DataCloneError):
        transferred(stream)


async def test_a_locked_stream_is_not_transferred() -> None:
    readable, writable = stream_of("a"), WritableStream[Any]()
    with readable.get_reader() as reader:
        with pytest.raises(DataCloneError):
            transferred(readable)
        assert (await reader.read()).value == "a"
    with writable.get_writer() as writer:
        with pytest.raises(DataCloneError):
            transferred(writable)
        await writer.write("a")


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_a_transform_stream_with_a_locked_side_is_not_transferred(side: str) -> None:
    stream: TransformStream[Any, Any] = TransformStream()
    lock: Any = stream.readable.get_reader() if side == "readable" else stream.writable.get_writer()
    with pytest.raises(DataCloneError):
        transferred(stream)
    lock.release_lock()


async def test_what_was_transferred_is_locked_behind_it() -> None:
    readable, writable, transform = ReadableStream[Any](), WritableStream[Any](), TransformStream[Any, Any]()
    structured_clone([readable, writable, transform], transfer=[readable, writable, transform])
    assert readable.locked
    assert writable.locked
    assert transform.readable.locked
    assert transform.writable.locked


# A readable stream there --------------------------------------------------------------------------


async def test_chunks_arrive_as_clones_in_order_and_then_the_end() -> None:
    chunk = {"key": [1, 2]}
    received = await read_all(transferred(stream_of(chunk, "b", None)))
    assert received == [chunk, "b", None]
    assert received[0] is not chunk


async def test_an_error_arrives_as_a_clone() -> None:
    reader = transferred(errored_stream(ValueError("the reason"))).get_reader()
    read = reader.read()
    await settle()
    reason = reason_of(read)
    assert isinstance(reason, ValueError)
    assert str(reason) == "the reason"


async def test_cancelling_there_cancels_the_source_here() -> None:
    source = RecordingSource()
    stream = transferred(ReadableStream[Any](source))
    promise = stream.cancel("why")
    await settle()
    assert outcome(promise) == FULFILLED
    assert ("cancel", "why") in source.events


async def test_a_reason_that_can_not_be_cloned_rejects_the_cancellation_and_is_not_sent() -> None:
    source = RecordingSource()
    stream = transferred(ReadableStream[Any](source))
    promise = stream.cancel(lambda: None)
    await settle()
    assert isinstance(reason_of(promise), DataCloneError)
    [reason] = [event[1] for event in source.events if event[0] == "cancel"]
    assert isinstance(reason, DataCloneError)


async def test_a_chunk_that_can_not_be_cloned_errors_both_ends() -> None:
    source = RecordingSource(pull=lambda controller: controller.enqueue(lambda: None))
    reader = transferred(ReadableStream[Any](source)).get_reader()
    read = reader.read()
    await settle()
    assert isinstance(reason_of(read), DataCloneError)
    [reason] = [event[1] for event in source.events if event[0] == "cancel"]
    assert isinstance(reason, DataCloneError)


async def test_the_backpressure_of_the_reader_holds_the_source() -> None:
    source = RecordingSource(pull=lambda controller: controller.enqueue("x"))
    stream = transferred(ReadableStream[Any](source, {"high_water_mark": 0}))
    await settle()
    pulls = source.events.count(("pull",))
    await settle()
    assert source.events.count(("pull",)) == pulls <= 2
    reader = stream.get_reader()
    for _ in range(5):
        await reader.read()
    await settle()
    assert pulls < source.events.count(("pull",)) <= pulls + 5


# A writable stream there --------------------------------------------------------------------------


async def test_writes_there_reach_the_sink_here() -> None:
    sink = RecordingSink()
    writer = transferred(WritableStream[Any](sink)).get_writer()
    await writer.write({"key": 1})
    await writer.write("b")
    await writer.close()
    await settle()
    assert sink.events == [("start",), ("write", {"key": 1}), ("write", "b"), ("close",)]


async def test_aborting_there_aborts_the_sink_here() -> None:
    sink = RecordingSink()
    stream = transferred(WritableStream[Any](sink))
    await stream.abort("why")
    await settle()
    assert sink.events == [("start",), ("abort", "why")]


async def test_an_error_here_arrives_there() -> None:
    sink = RecordingSink()
    writer = transferred(WritableStream[Any](sink)).get_writer()
    await settle()
    sink.controller.error("the reason")
    await settle()
    assert outcome(writer.closed) == rejected("the reason")


async def test_what_write_fails_with_here_arrives_there() -> None:
    sink = RecordingSink(write=ValueError("the reason"))
    writer = transferred(WritableStream[Any](sink)).get_writer()
    outcome(writer.write("a"))
    await settle()
    assert isinstance(reason_of(writer.closed), ValueError)


async def test_a_chunk_that_can_not_be_cloned_rejects_the_write_and_aborts_the_sink() -> None:
    sink = RecordingSink()
    writer = transferred(WritableStream[Any](sink)).get_writer()
    write = writer.write(lambda: None)
    await settle()
    assert isinstance(reason_of(write), DataCloneError)
    assert reason_of(writer.closed) is reason_of(write)
    assert isinstance(sink.events[-1][1], DataCloneError)


async def test_the_backpressure_of_the_sink_holds_the_writer() -> None:
    sink = RecordingSink(write=HOLD)
    writer = transferred(WritableStream[Any](sink, {"high_water_mark": 1})).get_writer()
    writes = [writer.write(number) for number in range(5)]
    await settle()
    assert [event for event in sink.events if event[0] == "write"] == [("write", 0)]
    assert outcome(writes[-1]) == PENDING
    for _ in range(5):
        sink.resolve("write")
        await settle()
    assert [outcome(write) for write in writes] == [FULFILLED] * 5


# A transform stream there -------------------------------------------------------------------------


async def test_a_transform_here_with_both_sides_there() -> None:
    transformer = RecordingTransformer(transform=lambda chunk, controller: controller.enqueue(chunk * 2))
    stream = transferred(TransformStream[Any, Any](transformer))
    assert await read_all(stream_of(1, 2).pipe_through(stream)) == [2, 4]
    assert transformer.events == [("start",), ("transform", 1), ("transform", 2), ("flush",)]


async def test_a_stream_may_be_sent_on() -> None:
    assert await read_all(transferred(transferred(stream_of("a", "b")))) == ["a", "b"]


# The messages -------------------------------------------------------------------------------------


class OtherSide:
    """The test is the other realm: what was sent to it, and a way to send."""

    def __init__(self) -> None:
        channel = MessageChannel()
        self.near: MessagePort = channel.port1
        self._far = channel.port2
        self.received: list[tuple[str, object]] = []
        self._far.onmessage = lambda event: self.received.append((event.data["type"], event.data["value"]))

    def send(self, type_: str, value: object = None) -> None:
        self._far.post_message({"type": type_, "value": value})

    def readable(self) -> ReadableStream[Any]:
        stream: ReadableStream[Any] = new(ReadableStream)
        set_up_cross_realm_transform_readable(stream, self.near)
        return stream

    def writable(self) -> WritableStream[Any]:
        stream: WritableStream[Any] = new(WritableStream)
        set_up_cross_realm_transform_writable(stream, self.near)
        return stream


async def test_a_readable_side_asks_for_each_chunk_when_it_is_read() -> None:
    other = OtherSide()
    reader = other.readable().get_reader()
    await settle()
    assert other.received == []
    read = reader.read()
    await settle()
    assert other.received == [("pull", None)]
    other.send("chunk", "a")
    assert (await read).value == "a"
    other.send("close")
    assert (await reader.read()).done


async def test_a_readable_side_takes_an_error_and_says_why_it_is_cancelled() -> None:
    other = OtherSide()
    reader = other.readable().get_reader()
    other.send("error", "the reason")
    await settle()
    assert outcome(reader.closed) == rejected("the reason")
    other = OtherSide()
    await other.readable().cancel("why")
    await settle()
    assert other.received == [("error", "why")]


async def test_a_writable_side_waits_for_a_pull_before_each_chunk() -> None:
    other = OtherSide()
    writer = other.writable().get_writer()
    writes = [writer.write("a"), writer.write("b")]
    await settle()
    assert other.received == []
    other.send("pull")
    await settle()
    assert other.received == [("chunk", "a")]
    assert [outcome(write) for write in writes] == [FULFILLED, PENDING]
    other.send("pull")
    await settle()
    assert other.received == [("chunk", "a"), ("chunk", "b")]
    await writer.close()
    await settle()
    assert other.received[2:] == [("close", None)]


async def test_two_pulls_before_a_chunk_count_once() -> None:
    other = OtherSide()
    writer = other.writable().get_writer()
    other.send("pull")
    other.send("pull")
    await settle()
    writes = [writer.write("a"), writer.write("b")]
    await settle()
    assert [outcome(write) for write in writes] == [FULFILLED, PENDING]
    other.send("pull")
    await settle()
    assert outcome(writes[1]) == FULFILLED


async def test_a_writable_side_takes_an_error_and_lets_go_of_a_write_that_waits() -> None:
    other = OtherSide()
    writer = other.writable().get_writer()
    write = writer.write("a")
    await settle()
    other.send("error", "the reason")
    await settle()
    assert outcome(writer.closed) == rejected("the reason")
    assert outcome(write)[0] != "pending"


async def test_a_writable_side_says_why_it_is_aborted() -> None:
    other = OtherSide()
    stream = other.writable()
    await settle()
    await stream.abort("why")
    await settle()
    assert other.received == [("error", "why")]


async def test_a_writable_side_sends_the_error_of_a_chunk_that_can_not_be_cloned() -> None:
    other = OtherSide()
    writer = other.writable().get_writer()
    other.send("pull")
    write = writer.write(lambda: None)
    await settle()
    assert isinstance(reason_of(write), DataCloneError)
    [(type_, value)] = other.received
    assert type_ == "error"
    assert isinstance(value, DataCloneError)


async def test_messages_of_no_known_type_are_ignored() -> None:
    other = OtherSide()
    reader = other.readable().get_reader()
    other.send("pull")
    await settle()
    assert outcome(reader.closed) == PENDING


class FailsToArrive(Exception):
    """Can be made when it is raised and when it is sent, and not a third time."""

    times_made = 0

    def __init__(self) -> None:
        FailsToArrive.times_made += 1
        if FailsToArrive.times_made > 2:
            raise ValueError("made too often")


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_a_message_that_can_not_be_read_errors_both_sides(side: str) -> None:
    FailsToArrive.times_made = 0
    other = OtherSide()
    closed = other.readable().get_reader().closed if side == "readable" else other.writable().get_writer().closed
    await settle()
    other.send("error", FailsToArrive())
    await settle()
    assert isinstance(reason_of(closed), DataCloneError)
    [(type_, value)] = other.received
    assert type_ == "error"
    assert isinstance(value, DataCloneError)


async def test_a_reason_for_an_abort_that_can_not_be_cloned() -> None:
    other = OtherSide()
    stream = other.writable()
    await settle()
    promise = stream.abort(lambda: None)
    await settle()
    assert isinstance(reason_of(promise), DataCloneError)
    [(type_, value)] = other.received
    assert type_ == "error"
    assert isinstance(value, DataCloneError)
