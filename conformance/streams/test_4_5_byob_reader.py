"""§4.5 The ReadableStreamBYOBReader class: https://streams.spec.whatwg.org/#byob-reader-class"""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from tests.support.recording import PENDING, EventTrace, outcome, reason_of, rejected
from tests.support.sources import stream_of
from whatwg_streams import RangeError, ReadableStream, ReadableStreamBYOBReader

ERROR = ValueError("the reason")


def value_of(read: Any) -> bytes:
    """The bytes that a read was fulfilled with."""
    state, result = outcome(read)
    assert state == "fulfilled"
    return bytes(result.value)  # type: ignore[attr-defined]


def test_the_constructor_wants_an_unlocked_byte_stream() -> None:
    with pytest.raises(TypeError):
        ReadableStreamBYOBReader(stream_of("a"))
    stream, _ = byte_stream()
    reader = ReadableStreamBYOBReader(stream)
    assert stream.locked
    with pytest.raises(TypeError):
        ReadableStreamBYOBReader(stream)
    reader.release_lock()


# The arguments of read ----------------------------------------------------------------------------


@pytest.mark.parametrize("view", [bytearray(), b"read-only", "text", None, 4, memoryview(bytearray(8))[::2]], ids=repr)
def test_what_can_not_be_read_into(view: Any) -> None:
    stream, _ = byte_stream()
    assert isinstance(reason_of(stream.get_reader(mode="byob").read(view)), TypeError)


def test_a_view_that_was_handed_over_can_not_be_read_into() -> None:
    stream, _ = byte_stream()
    reader = stream.get_reader(mode="byob")
    view = memoryview(bytearray(4))
    assert outcome(reader.read(view)) == PENDING
    with pytest.raises(ValueError, match="released"):
        view[0]
    assert isinstance(reason_of(reader.read(view)), TypeError)


def test_a_view_of_a_detached_buffer_can_not_be_read_into() -> None:
    stream, _ = byte_stream()
    with foreign_buffers():
        buffer = ForeignBuffer(4)
        view: Any = ForeignView(buffer, 0, 4)
        buffer.transfer()
        assert isinstance(reason_of(stream.get_reader(mode="byob").read(view)), TypeError)


def test_a_buffer_that_can_not_be_transferred_rejects_the_read_alone() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        view: Any = ForeignView(ForeignBuffer(4, transferable=False))
        reader = stream.get_reader(mode="byob")
        assert isinstance(reason_of(reader.read(view)), TypeError)
        assert outcome(reader.closed) == PENDING
        assert source.controller.byob_request is None


@pytest.mark.parametrize("min_", [0])
def test_nothing_can_not_be_waited_for(min_: int) -> None:
    stream, _ = byte_stream()
    assert isinstance(reason_of(stream.get_reader(mode="byob").read(bytearray(4), min=min_)), TypeError)


@pytest.mark.parametrize(("view", "items"), [(bytearray(4), 4), (array("H", [0, 0]), 2), (array("d", [0]), 1)])
def test_min_counts_items_and_has_to_fit(view: Any, items: int) -> None:
    stream, _ = byte_stream()
    reader = stream.get_reader(mode="byob")
    assert isinstance(reason_of(reader.read(view, min=items + 1)), RangeError)
    assert outcome(reader.read(view, min=items)) == PENDING


def test_the_order_of_the_checks() -> None:
    stream, _ = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.release_lock()
    assert isinstance(reason_of(reader.read(bytearray(), min=9)), TypeError)  # empty before too much
    assert isinstance(reason_of(reader.read(bytearray(4), min=9)), RangeError)  # too much before released
    assert isinstance(reason_of(reader.read(bytearray(4))), TypeError)


def test_a_view_of_a_read_that_is_refused_keeps_its_memory() -> None:
    stream, _ = byte_stream()
    view = memoryview(bytearray(b"abcd"))
    outcome(stream.get_reader(mode="byob").read(view, min=5))
    assert bytes(view) == b"abcd"


# Results ------------------------------------------------------------------------------------------


async def test_bytes_land_in_the_memory_of_the_reader() -> None:
    stream, source = byte_stream()
    memory = bytearray(b"......")
    read = stream.get_reader(mode="byob").read(memoryview(memory)[1:5])
    source.respond(b"abc")
    result = await read
    assert not result.done
    assert bytes(result.value or b"") == b"abc"
    assert memory == b".abc.."


@pytest.mark.parametrize("code", ["B", "b", "H", "i", "q", "f", "d"])
async def test_the_result_has_the_items_of_the_view(code: str) -> None:
    stream, source = byte_stream()
    expected = array(code, [1, 2])
    read = stream.get_reader(mode="byob").read(array(code, [0, 0, 0]))
    source.respond(expected.tobytes())
    value = (await read).value
    assert value is not None
    assert (value.format, value.tolist()) == (code, expected.tolist())


async def test_queued_bytes_are_read_at_once_and_across_chunks() -> None:
    stream, source = byte_stream()
    for chunk in (b"ab", b"cd", b"ef"):
        source.controller.enqueue(chunk)
    reader = stream.get_reader(mode="byob")
    assert value_of(reader.read(bytearray(3))) == b"abc"
    assert value_of(reader.read(bytearray(2))) == b"de"
    assert value_of(reader.read(bytearray(9))) == b"f"
    assert outcome(reader.read(bytearray(9))) == PENDING


async def test_queued_bytes_that_make_no_whole_item_wait_for_the_rest() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"\x01")
    reader = stream.get_reader(mode="byob")
    read = reader.read(array("H", [0, 0]))
    assert outcome(read) == PENDING
    source.controller.enqueue(b"\x00\x02")
    value = (await read).value
    assert value is not None
    assert value.tolist() == [1]
    assert value_of(reader.read(bytearray(4))) == b"\x02"


@pytest.mark.parametrize("queued", [b"", b"a", b"ab"])
async def test_min_is_waited_for(queued: bytes) -> None:
    stream, source = byte_stream()
    if queued:
        source.controller.enqueue(queued)
    read = stream.get_reader(mode="byob").read(bytearray(8), min=3)
    assert outcome(read) == PENDING
    source.controller.enqueue(b"cde"[: 3 - len(queued)])
    assert value_of(read) == queued + b"cde"[: 3 - len(queued)]


async def test_more_than_min_is_given_when_it_is_there() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abcdef")
    assert value_of(stream.get_reader(mode="byob").read(bytearray(4), min=2)) == b"abcd"


async def test_responses_fill_up_to_min() -> None:
    stream, source = byte_stream()
    read = stream.get_reader(mode="byob").read(bytearray(6), min=4)
    source.respond(b"ab")
    assert len(source.view) == 4
    source.respond(b"c")
    assert outcome(read) == PENDING
    source.respond(b"de")
    assert value_of(read) == b"abcde"


async def test_pending_reads_are_served_in_order() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reads = [reader.read(bytearray(2)) for _ in range(3)]
    source.controller.enqueue(b"abcde")
    assert [value_of(one) for one in reads] == [b"ab", b"cd", b"e"]


async def test_at_the_end_the_memory_is_given_back_empty() -> None:
    stream, source = byte_stream()
    source.controller.close()
    memory = bytearray(4)
    result = await stream.get_reader(mode="byob").read(memory)
    assert result.done
    assert result.value is not None
    assert result.value.obj is memory
    assert len(result.value) == 0


async def test_pending_reads_of_a_stream_that_closes_wait_for_a_response_of_nothing() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reads = [reader.read(bytearray(2)), reader.read(array("H", [0]))]
    request = source.request
    source.controller.close()
    assert outcome(reads[0]) == PENDING
    assert outcome(reader.closed)[0] == "fulfilled"
    request.respond(0)
    results = [await one for one in reads]
    assert [one.done for one in results] == [True, True]
    assert [one.value.format for one in results if one.value is not None] == ["B", "H"]


async def test_what_was_filled_before_the_end_is_given_with_done() -> None:
    stream, source = byte_stream()
    read = stream.get_reader(mode="byob").read(bytearray(6), min=4)
    source.respond(b"ab")
    source.controller.close()
    source.request.respond(0)
    result = await read
    assert (bytes(result.value or b""), result.done) == (b"ab", True)


async def test_after_a_cancellation_the_memory_is_not_given_back() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    read = reader.read(bytearray(4))
    await reader.cancel("why")
    assert outcome(read) == ("fulfilled", (None, True))
    assert source.controller.byob_request is None
    late = await reader.read(bytearray(4))
    assert late.done
    assert late.value is not None


async def test_an_error_rejects_pending_reads_and_those_to_come() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    pending = [reader.read(bytearray(4)), reader.read(bytearray(4))]
    source.controller.error(ERROR)
    assert [outcome(one) for one in [*pending, reader.read(bytearray(4))]] == [rejected(ERROR)] * 3


async def test_half_an_item_in_the_queue_when_the_stream_is_closing_is_an_error() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    source.controller.close()
    reader = stream.get_reader(mode="byob")
    assert len((await reader.read(array("H", [0]))).value or b"") == 1
    read = reader.read(array("H", [0]))
    assert isinstance(reason_of(read), TypeError)
    assert reason_of(reader.closed) is reason_of(read)


# Releasing ----------------------------------------------------------------------------------------


async def test_releasing_rejects_pending_reads_with_one_type_error() -> None:
    stream, _ = byte_stream()
    reader = stream.get_reader(mode="byob")
    reads = [reader.read(bytearray(4)), reader.read(bytearray(4))]
    reader.release_lock()
    reader.release_lock()
    reasons = [reason_of(one) for one in reads]
    assert isinstance(reasons[0], TypeError)
    assert reasons[0] is reasons[1]
    assert not stream.locked


async def test_a_response_to_a_read_that_was_released_goes_to_the_next_reader() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    assert len(source.view) == 4
    other = stream.get_reader(mode="byob")
    read = other.read(bytearray(2))
    source.respond(b"abc")
    assert value_of(read) == b"ab"
    assert value_of(other.read(bytearray(2))) == b"c"


async def test_what_is_enqueued_after_a_release_follows_what_was_filled_before() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(6), min=4))
    source.respond(b"ab")
    reader.release_lock()
    source.controller.enqueue(b"cd")
    source.controller.close()
    assert [bytes(chunk) async for chunk in stream] == [b"ab", b"cd"]


async def test_a_response_with_nobody_reading_is_queued() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    source.respond(b"abc")
    assert source.controller.desired_size == -3
    assert bytes((await stream.get_reader().read()).value) == b"abc"


async def test_closing_after_a_release_and_responding_with_nothing() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    source.controller.close()
    source.request.respond(0)
    assert source.controller.byob_request is None
    assert (await stream.get_reader(mode="byob").read(bytearray(1))).done


# Order --------------------------------------------------------------------------------------------


async def test_a_read_pulls_at_once_and_settlements_follow_in_order() -> None:
    trace = EventTrace()
    source = ByteSource(on_pull=lambda _controller: trace.log("pull"))
    stream, _ = byte_stream(source)
    await settle()
    reader = stream.get_reader(mode="byob")
    trace.watch("first", reader.read(bytearray(1)).then(lambda result: bytes(result.value or b"")))
    trace.log("read")
    trace.watch("closed", reader.closed)
    source.respond(b"a")
    source.controller.close()
    await settle()
    assert trace.events == [("pull",), ("read",), ("closed", "fulfilled"), ("first", "fulfilled", b"a")]


def test_a_byte_stream_may_be_read_by_both_kinds_in_turn() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abcd")
    with stream.get_reader(mode="byob") as byob:
        assert value_of(byob.read(bytearray(2))) == b"ab"
    with stream.get_reader() as default:
        assert value_of(default.read()) == b"cd"


def test_a_byob_reader_wants_a_stream() -> None:
    with pytest.raises(TypeError):
        ReadableStreamBYOBReader(ReadableStream)  # type: ignore[arg-type]
