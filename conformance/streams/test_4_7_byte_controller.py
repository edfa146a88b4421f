"""§4.7 The ReadableByteStreamController class: https://streams.spec.whatwg.org/#rbs-controller-class

And §4.9.5, its abstract operations, as far as no BYOB request is responded to (§4.8).
"""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from tests.support.recording import HOLD, PENDING, RecordingSource, outcome, reason_of, rejected
from whatwg_streams import ReadableByteStreamController, ReadableStream

ERROR = ValueError("the reason")


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        ReadableByteStreamController()


# enqueue ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [b"", bytearray(), "text", None, 3, memoryview(b"abcd")[::2]], ids=repr)
def test_chunks_are_buffers_with_something_in_them(chunk: Any) -> None:
    _, source = byte_stream()
    with pytest.raises(TypeError):
        source.controller.enqueue(chunk)
    assert source.controller.desired_size == 0


def test_a_chunk_is_transferred() -> None:
    _, source = byte_stream()
    chunk = memoryview(bytearray(b"abc"))
    source.controller.enqueue(chunk)
    with pytest.raises(ValueError, match="released"):
        chunk[0]
    with pytest.raises(TypeError):
        source.controller.enqueue(chunk)


@pytest.mark.parametrize("detached", [True, False])
def test_a_chunk_whose_buffer_can_not_be_transferred(detached: bool) -> None:
    _, source = byte_stream()
    with foreign_buffers():
        buffer = ForeignBuffer(4, transferable=detached)
        view: Any = ForeignView(buffer, 0, 4)
        if detached:
            buffer.transfer()
        with pytest.raises(TypeError):
            source.controller.enqueue(view)
    assert source.controller.desired_size == 0


async def test_a_chunk_of_other_items_is_read_as_bytes() -> None:
    stream, source = byte_stream()
    chunk = array("H", [1, 2, 3])
    source.controller.enqueue(memoryview(chunk)[1:])
    assert bytes((await stream.get_reader().read()).value) == chunk.tobytes()[2:]


async def test_desired_size_counts_bytes() -> None:
    stream, source = byte_stream(high_water_mark=4)
    source.controller.enqueue(b"abc")
    assert source.controller.desired_size == 1
    source.controller.enqueue(b"defg")
    assert source.controller.desired_size == -3
    reader = stream.get_reader(mode="byob")
    await reader.read(bytearray(5))
    assert source.controller.desired_size == 2
    source.controller.close()
    assert source.controller.desired_size == 2
    await reader.read(bytearray(5))
    assert source.controller.desired_size == 0


async def test_a_default_reader_gets_the_chunks_as_they_were_enqueued() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"ab")
    source.controller.enqueue(b"c")
    source.controller.close()
    assert [bytes(chunk) async for chunk in stream] == [b"ab", b"c"]


async def test_a_default_read_that_waits_gets_the_chunk_at_once() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    source.controller.enqueue(b"ab")
    assert bytes(outcome(reads[0])[1].value) == b"ab"  # type: ignore[attr-defined]
    assert outcome(reads[1]) == PENDING
    assert source.controller.desired_size == 0
    source.controller.close()
    assert outcome(reads[1]) == ("fulfilled", (None, True))


# close, error -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["close", "error", "cancel", "close with bytes queued"])
async def test_a_stream_that_is_ending_takes_nothing(end: str) -> None:
    stream, source = byte_stream()
    if end == "cancel":
        await stream.cancel()
    elif end == "close with bytes queued":
        source.controller.enqueue(b"abc")
        source.controller.close()
    else:
        getattr(source.controller, end)()
    with pytest.raises(TypeError):
        source.controller.enqueue(b"abc")
    with pytest.raises(TypeError):
        source.controller.close()


async def test_errors_after_the_end_are_not_heard_of() -> None:
    stream, source = byte_stream()
    source.controller.close()
    source.controller.error(ERROR)
    assert outcome(stream.get_reader().closed)[0] == "fulfilled"
    assert source.controller.desired_size == 0


async def test_an_error_discards_bytes_and_pending_reads_and_the_request() -> None:
    stream, source = byte_stream()
    read = stream.get_reader(mode="byob").read(bytearray(4))
    request = source.request
    source.controller.error(ERROR)
    assert outcome(read) == rejected(ERROR)
    assert source.controller.byob_request is None
    assert request.view is None
    assert source.controller.desired_size is None


async def test_closing_waits_for_the_queue() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    source.controller.close()
    reader = stream.get_reader(mode="byob")
    assert outcome(reader.closed) == PENDING
    await reader.read(bytearray(2))
    assert outcome(reader.closed) == PENDING
    await reader.read(bytearray(2))
    assert outcome(reader.closed)[0] == "fulfilled"


async def test_closing_in_the_middle_of_an_item_raises_and_errors() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    read = reader.read(array("H", [0, 0]))
    source.respond(b"a")
    with pytest.raises(TypeError) as caught:
        source.controller.close()
    assert reason_of(read) is caught.value
    assert reason_of(reader.closed) is caught.value


async def test_closing_at_the_end_of_an_item_below_min_closes() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    read = reader.read(array("H", [0, 0]), min=2)
    source.respond(b"ab")
    source.controller.close()
    source.request.respond(0)
    result = await read
    assert result.done
    assert bytes(result.value or b"") == b"ab"


# pull ---------------------------------------------------------------------------------------------


async def test_pull_is_called_after_start_when_there_is_room() -> None:
    _, source = byte_stream(high_water_mark=1)
    assert source.events == ["start"]
    await settle()
    assert source.events == ["start", "pull"]
    _, source = byte_stream()
    await settle()
    assert source.events == ["start"]


@pytest.mark.parametrize("mode", [None, "byob"])
async def test_a_read_pulls_whatever_the_mark(mode: Any) -> None:
    stream, source = byte_stream()
    await settle()
    reader: Any = stream.get_reader(mode=mode)
    read = reader.read() if mode is None else reader.read(bytearray(4))
    assert source.events == ["start", "pull"]
    source.controller.enqueue(b"a")
    await read
    await settle()
    assert source.pulls == 1


async def test_reads_before_start_is_done_pull_once_it_is() -> None:
    source = RecordingSource(type="bytes", start=HOLD)
    stream: ReadableStream[Any] = ReadableStream(source)
    read = stream.get_reader(mode="byob").read(bytearray(4))
    await settle()
    assert source.events == [("start",)]
    source.resolve("start")
    await settle()
    assert source.events == [("start",), ("pull",)]
    source.controller.enqueue(b"a")
    await read


async def test_one_pull_at_a_time_and_one_more_when_wanted() -> None:
    source = RecordingSource(type="bytes", pull=HOLD)
    stream: ReadableStream[Any] = ReadableStream(source)
    await settle()
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    await settle()
    assert source.events.count(("pull",)) == 1
    source.resolve("pull")
    await settle()
    assert source.events.count(("pull",)) == 2
    source.controller.enqueue(b"a")
    source.controller.enqueue(b"b")
    source.resolve("pull")
    await settle()
    assert source.events.count(("pull",)) == 2
    assert [bytes((await one).value) for one in reads] == [b"a", b"b"]


@pytest.mark.parametrize("how", ["raises", "rejects"])
@pytest.mark.parametrize("callback", ["start", "pull"])
async def test_what_the_source_fails_with_errors_the_stream(callback: str, how: str) -> None:
    if callback == "start" and how == "raises":
        with pytest.raises(ValueError, match="the reason"):
            ReadableStream({"type": "bytes", "start": RecordingSource(start=ERROR).start})
        return
    source = RecordingSource(type="bytes", **{callback: ERROR if how == "raises" else HOLD})  # type: ignore[arg-type]
    reader = ReadableStream[Any](source).get_reader()
    read = reader.read()
    await settle()
    if how == "rejects":
        source.reject(callback, ERROR)
        await settle()
    assert outcome(read) == rejected(ERROR)
    assert outcome(reader.closed) == rejected(ERROR)


async def test_cancel_clears_the_queue_and_is_told_the_reason() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    await stream.cancel("why")
    assert source.events == ["start", ("cancel", "why")]
    assert (await stream.get_reader().read()).done


async def test_cancel_voids_the_request() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    request = source.request
    await reader.cancel()
    assert request.view is None
    with pytest.raises(TypeError):
        request.respond(1)
    with pytest.raises(TypeError):
        request.respond_with_new_view(bytearray(4))


# autoAllocateChunkSize ----------------------------------------------------------------------------


async def test_a_default_reader_gets_a_request_with_a_buffer_of_that_size() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    reader = stream.get_reader()
    read = reader.read()
    assert len(source.view) == 8
    source.respond(b"abc")
    result = await read
    assert (bytes(result.value), result.done) == (b"abc", False)


async def test_every_read_has_a_buffer_of_its_own() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=2))
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    source.respond(b"ab")
    source.respond(b"c")
    assert [bytes((await one).value) for one in reads] == [b"ab", b"c"]


async def test_enqueueing_while_a_buffer_was_allocated_gives_the_chunk() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    read = stream.get_reader().read()
    request = source.request
    source.controller.enqueue(b"abcdefghij")
    assert bytes((await read).value) == b"abcdefghij"
    assert request.view is None
    assert source.controller.byob_request is None


async def test_queued_bytes_come_before_anything_is_allocated() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    source.controller.enqueue(b"ab")
    assert bytes((await stream.get_reader().read()).value) == b"ab"
    assert source.controller.byob_request is None


async def test_a_buffer_that_can_not_be_made_rejects_the_read_alone() -> None:
    def refuse(_size: int) -> Any:
        raise ERROR

    with foreign_buffers(refuse):
        stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
        reader = stream.get_reader()
        assert outcome(reader.read()) == rejected(ERROR)
        assert outcome(reader.closed) == PENDING
        assert source.controller.byob_request is None


async def test_releasing_a_default_reader_keeps_the_allocated_buffer_for_the_next() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=4))
    reader = stream.get_reader()
    assert isinstance(reason_after_release(reader), TypeError)
    read = stream.get_reader(mode="byob").read(bytearray(8))
    source.respond(b"abc")
    assert bytes((await read).value or b"") == b"abc"


def reason_after_release(reader: Any) -> object:
    read = reader.read()
    reader.release_lock()
    return reason_of(read)


async def test_a_read_that_closes_the_stream_with_an_allocated_buffer() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=4))
    read = stream.get_reader().read()
    request = source.request
    source.controller.close()
    assert outcome(read) == ("fulfilled", (None, True))
    request.respond(0)


# The request --------------------------------------------------------------------------------------


async def test_there_is_no_request_without_a_reader_that_brings_a_buffer() -> None:
    stream, source = byte_stream()
    assert source.controller.byob_request is None
    read = stream.get_reader().read()
    assert source.controller.byob_request is None
    source.controller.enqueue(b"a")
    await read


async def test_the_request_is_the_same_until_it_was_responded_to() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reads = [reader.read(bytearray(4)), reader.read(bytearray(2))]
    request = source.request
    assert source.request is request
    source.respond(b"abcd")
    assert source.request is not request
    assert len(source.view) == 2
    source.respond(b"e")
    assert source.controller.byob_request is None
    assert [bytes((await one).value or b"") for one in reads] == [b"abcd", b"e"]


async def test_enqueueing_serves_a_byob_reader_and_voids_the_request() -> None:
    stream, source = byte_stream()
    read = stream.get_reader(mode="byob").read(bytearray(4))
    request = source.request
    view = request.view
    source.controller.enqueue(b"abcdef")
    assert bytes((await read).value or b"") == b"abcd"
    assert request.view is None
    assert view is not None
    with pytest.raises(ValueError, match="released"):
        view[0]
    assert source.controller.desired_size == -2
