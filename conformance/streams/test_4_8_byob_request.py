"""§4.8 The ReadableStreamBYOBRequest class: https://streams.spec.whatwg.org/#rs-byob-request-class"""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from tests.support.recording import PENDING, outcome, reason_of
from whatwg_streams import Promise, RangeError, ReadableStreamBYOBReader, ReadableStreamBYOBRequest


def reading(size: int = 4, min_: int = 1) -> tuple[ByteSource, ReadableStreamBYOBReader, Promise[Any]]:
    """A read that waits, and the source that has a request for it."""
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    return source, reader, reader.read(bytearray(size), min=min_)


def bytes_of(read: Promise[Any]) -> bytes:
    state, result = outcome(read)
    assert state == "fulfilled"
    return bytes(result.value)  # type: ignore[attr-defined]


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        ReadableStreamBYOBRequest()


async def test_the_view_is_of_bytes_and_of_what_is_left_to_fill() -> None:
    stream, source = byte_stream()
    read = stream.get_reader(mode="byob").read(array("H", [0, 0, 0]), min=2)
    assert (source.view.format, len(source.view)) == ("B", 6)
    source.respond(b"ab")
    assert len(source.view) == 4
    source.respond(b"cd")
    assert bytes_of(read) == b"abcd"


# respond ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [-1, "two", None, 2**60, float("nan"), float("inf")])
async def test_the_count_of_bytes_is_converted(count: Any) -> None:
    source, _, read = reading()
    with pytest.raises((TypeError, RangeError)):
        source.request.respond(count)
    assert outcome(read) == PENDING


async def test_nothing_is_no_response_while_the_stream_is_readable() -> None:
    source, _, read = reading()
    with pytest.raises(TypeError):
        source.request.respond(0)
    source.respond(b"a")
    assert bytes_of(read) == b"a"


async def test_something_is_no_response_once_the_stream_is_closed() -> None:
    source, _, read = reading()
    source.controller.close()
    with pytest.raises(TypeError):
        source.request.respond(1)
    with pytest.raises(TypeError):
        source.request.respond_with_new_view(source.view)
    source.request.respond(0)
    assert (await read).done


@pytest.mark.parametrize("filled", [0, 2])
async def test_more_than_is_left_is_a_range_error(filled: int) -> None:
    source, _, read = reading(4, min_=4)
    if filled:
        source.respond(bytes(filled))
    with pytest.raises(RangeError):
        source.request.respond(5 - filled)
    source.respond(bytes(4 - filled))
    assert bytes_of(read) == bytes(4)


async def test_a_request_is_responded_to_once() -> None:
    source, _, _ = reading()
    request = source.request
    request.respond(1)
    assert request.view is None
    with pytest.raises(TypeError):
        request.respond(1)
    with pytest.raises(TypeError):
        request.respond_with_new_view(bytearray(4))


async def test_a_response_detaches_the_view() -> None:
    source, _, _ = reading()
    view = source.view
    source.request.respond(2)
    with pytest.raises(ValueError, match="released"):
        view[0]


async def test_a_view_that_its_holder_detached_is_no_response() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        given: Any = ForeignView(ForeignBuffer(4))
        read = stream.get_reader(mode="byob").read(given)
        request = source.request
        view: Any = request.view
        view.buffer.transfer()
        with pytest.raises(TypeError):
            request.respond(1)
        with pytest.raises(TypeError):
            request.respond_with_new_view(view)
        with pytest.raises(TypeError):
            source.controller.enqueue(b"a")
    assert outcome(read) == PENDING


async def test_what_is_over_a_whole_item_waits_in_the_queue() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    read = reader.read(array("H", [0, 0]))
    source.respond(b"abc")
    assert bytes_of(read) == b"ab"
    assert source.controller.desired_size == -1
    assert bytes_of(reader.read(bytearray(4))) == b"c"


async def test_what_is_over_a_whole_item_goes_into_the_next_read() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reads = [reader.read(array("H", [0, 0])), reader.read(bytearray(4))]
    source.respond(b"abc")
    assert [bytes_of(one) for one in reads] == [b"ab", b"c"]


async def test_less_than_an_item_is_waited_with() -> None:
    stream, source = byte_stream()
    read = stream.get_reader(mode="byob").read(array("I", [0]))
    source.respond(b"abc")
    assert outcome(read) == PENDING
    assert len(source.view) == 1
    source.respond(b"d")
    assert bytes_of(read) == b"abcd"


async def test_a_response_pulls_for_the_next_read() -> None:
    stream, source = byte_stream()
    await settle()
    reader = stream.get_reader(mode="byob")
    reads = [reader.read(bytearray(1)), reader.read(bytearray(1))]
    await settle()
    assert source.pulls == 1
    source.respond(b"a")
    assert source.pulls == 2
    source.respond(b"b")
    await settle()
    assert source.pulls == 2
    assert [bytes_of(one) for one in reads] == [b"a", b"b"]


async def test_a_response_within_pull() -> None:
    def pull(controller: Any) -> None:
        controller.byob_request.view[0] = 65
        controller.byob_request.respond(1)

    stream, source = byte_stream(ByteSource(on_pull=pull))
    await settle()
    reader = stream.get_reader(mode="byob")
    for _ in range(3):
        assert bytes_of(reader.read(bytearray(2))) == b"A"
        await settle()
    assert source.pulls == 3


# respondWithNewView -------------------------------------------------------------------------------


async def test_the_view_or_the_start_of_it_is_a_response() -> None:
    source, reader, read = reading()
    source.view[:] = b"abcd"
    view = source.view
    source.request.respond_with_new_view(view)
    assert bytes_of(read) == b"abcd"
    with pytest.raises(ValueError, match="released"):
        view[0]
    read = reader.read(bytearray(4))
    source.view[:] = b"efgh"
    source.request.respond_with_new_view(source.view[:3])
    assert bytes_of(read) == b"efg"


async def test_another_buffer_of_the_same_length_takes_its_place() -> None:
    source, _, read = reading()
    other = bytearray(b"wxyz")
    source.request.respond_with_new_view(other)
    assert bytes_of(read) == b"wxyz"
    assert (await read).value.obj is other


@pytest.mark.parametrize("view", ["text", None, 3], ids=repr)
async def test_a_response_has_to_be_a_buffer(view: Any) -> None:
    source, _, _ = reading()
    with pytest.raises(TypeError):
        source.request.respond_with_new_view(view)


async def test_an_empty_view_is_no_response_while_the_stream_is_readable() -> None:
    source, _, read = reading()
    with pytest.raises(TypeError):
        source.request.respond_with_new_view(source.view[:0])
    assert outcome(read) == PENDING


async def test_an_empty_view_is_the_response_once_the_stream_is_closed() -> None:
    source, _, read = reading()
    source.controller.close()
    source.request.respond_with_new_view(source.view[:0])
    result = await read
    assert result.done
    assert len(result.value) == 0


async def test_a_view_that_starts_elsewhere_is_a_range_error() -> None:
    source, _, read = reading()
    with pytest.raises(RangeError):
        source.request.respond_with_new_view(source.view[1:])
    assert outcome(read) == PENDING


@pytest.mark.parametrize("size", [2, 8])
async def test_a_buffer_of_another_length_is_a_range_error(size: int) -> None:
    source, _, read = reading()
    with pytest.raises(RangeError):
        source.request.respond_with_new_view(bytearray(size))
    assert outcome(read) == PENDING


async def test_a_view_that_is_longer_than_what_is_left_is_a_range_error() -> None:
    stream, source = byte_stream()
    memory = bytearray(8)
    read = stream.get_reader(mode="byob").read(memoryview(memory)[:4])
    other = memoryview(bytearray(8))
    with pytest.raises(RangeError):
        source.request.respond_with_new_view(other)
    assert outcome(read) == PENDING


async def test_a_view_that_can_not_be_transferred_is_no_response() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        given: Any = ForeignView(ForeignBuffer(4))
        read = stream.get_reader(mode="byob").read(given)
        other: Any = ForeignView(ForeignBuffer(4, transferable=False))
        with pytest.raises(TypeError):
            source.request.respond_with_new_view(other)
    assert outcome(read) == PENDING


# With the reader gone -----------------------------------------------------------------------------


async def test_a_response_to_a_read_that_was_released_goes_to_a_default_reader_that_waits() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    read = stream.get_reader().read()
    source.respond(b"abc")
    assert bytes_of(read) == b"abc"


@pytest.mark.parametrize("how", ["respond", "enqueue"])
async def test_bytes_of_a_read_that_was_released_that_can_not_be_copied_error_the_stream(how: str) -> None:
    def no_memory(_size: int) -> Any:
        raise MemoryError

    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(6), min=4))
    source.respond(b"ab")
    reader.release_lock()
    request = source.request
    with foreign_buffers(no_memory), pytest.raises(MemoryError):
        if how == "respond":
            request.respond(1)
        else:
            source.controller.enqueue(b"c")
    assert isinstance(reason_of(stream.get_reader().closed), MemoryError)
