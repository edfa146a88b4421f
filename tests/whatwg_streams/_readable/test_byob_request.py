"""ReadableStreamBYOBRequest: its view, and the two ways to respond."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from whatwg_streams import Promise, RangeError, ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadResult

Read = Promise[ReadResult[memoryview | None]]


def _read(size: int = 4, **options: int) -> tuple[ByteSource, Read, bytearray, ReadableStreamBYOBReader]:
    """Start a read into a buffer of so many bytes."""
    stream, source = byte_stream()
    memory = bytearray(size)
    reader = stream.get_reader(mode="byob")
    return source, reader.read(memory, **options), memory, reader


async def _bytes(promise: Read) -> bytes:
    value, done = await promise
    assert value is not None
    assert not done
    return bytes(value)


def test_a_request_is_not_made_by_its_class() -> None:
    with pytest.raises(TypeError, match="made by its controller"):
        ReadableStreamBYOBRequest()


def test_the_representation_tells_how_much_there_is_to_fill() -> None:
    source, _, _, _ = _read(7)
    request = source.request
    assert repr(request) == "<ReadableStreamBYOBRequest of 7 bytes>"
    source.respond(b"a")
    assert repr(request) == "<ReadableStreamBYOBRequest done>"


# The view ---------------------------------------------------------------------------------------------


def test_the_view_is_of_the_readers_memory() -> None:
    source, _, memory, _ = _read()
    assert source.view.obj is memory
    assert (source.view.format, source.view.nbytes, source.view.readonly) == ("B", 4, False)


def test_the_view_is_of_bytes_whatever_is_read_into() -> None:
    stream, source = byte_stream()
    stream.get_reader(mode="byob").read(memoryview(bytearray(16)).cast("d"))
    assert (source.view.format, source.view.nbytes) == ("B", 16)


async def test_the_view_is_of_what_is_not_filled_yet() -> None:
    source, promise, memory, _ = _read(6, min=4)
    source.respond(b"ab")
    assert source.view.nbytes == 4
    source.respond(b"cd")
    assert await _bytes(promise) == b"abcd"
    assert memory == b"abcd\0\0"


def test_the_view_is_none_once_it_was_responded_to() -> None:
    source, _, _, _ = _read()
    request, view = source.request, source.view
    source.respond(b"a")
    assert request.view is None
    with pytest.raises(ValueError, match="released"):
        view[0]


# respond ----------------------------------------------------------------------------------------------


async def test_responding_gives_what_was_written() -> None:
    source, promise, memory, _ = _read()
    source.view[:3] = b"abc"
    source.request.respond(3)
    value, _ = await promise
    assert value is not None
    assert value.obj is memory
    assert bytes(value) == b"abc"


@pytest.mark.parametrize("written", [-1, 2**53, math.nan, math.inf, None, "x", object(), 1j], ids=repr)
async def test_what_is_no_integer_in_range_can_not_be_responded_with(written: Any) -> None:
    source, promise, _, _ = _read()
    request = source.request
    with pytest.raises(TypeError, match="bytes_written"):
        request.respond(written)
    assert source.request is request
    request.respond(2)
    assert len(await _bytes(promise)) == 2


@pytest.mark.parametrize("written", [2, 2.9, "2", np.uint8(2)], ids=repr)
async def test_what_stands_for_an_integer_can_be_responded_with(written: Any) -> None:
    source, promise, _, _ = _read()
    source.request.respond(written)
    assert len(await _bytes(promise)) == 2


async def test_responding_with_nothing_is_a_type_error_while_readable() -> None:
    source, promise, _, _ = _read()
    with pytest.raises(TypeError, match="0 bytes"):
        source.request.respond(0)
    source.respond(b"a")
    assert await _bytes(promise) == b"a"


async def test_responding_with_too_much_is_a_range_error() -> None:
    source, promise, _, _ = _read(4, min=3)
    with pytest.raises(RangeError):
        source.request.respond(5)
    source.respond(b"ab")
    with pytest.raises(RangeError):
        source.request.respond(3)
    source.respond(b"cd")
    assert await _bytes(promise) == b"abcd"


async def test_responding_with_something_is_a_type_error_once_closed() -> None:
    source, promise, memory, _ = _read()
    request = source.request
    source.controller.close()
    with pytest.raises(TypeError, match="closed"):
        request.respond(1)
    request.respond(0)
    value, done = await promise
    assert value is not None
    assert (value.nbytes, value.obj, done) == (0, memory, True)


def test_responding_twice_is_a_type_error() -> None:
    source, _, _, _ = _read()
    request = source.request
    request.respond(1)
    with pytest.raises(TypeError, match="responded to before"):
        request.respond(1)
    with pytest.raises(TypeError, match="responded to before"):
        request.respond_with_new_view(bytearray(4))


def test_the_argument_is_converted_before_anything_is_checked() -> None:
    source, _, _, _ = _read()
    request = source.request
    request.respond(1)
    with pytest.raises(TypeError, match="bytes_written"):
        request.respond(-1)


@pytest.mark.parametrize("end", ["error", "cancel", "enqueue"])
async def test_a_request_that_is_void_can_not_be_responded_to(end: str) -> None:
    source, promise, _, reader = _read()
    request = source.request
    if end == "error":
        source.controller.error("broken")
    elif end == "cancel":
        reader.cancel()
    else:
        source.controller.enqueue(b"abc")
    with pytest.raises(TypeError, match="responded to before"):
        request.respond(1)
    promise.catch(lambda _: None)


async def test_responding_while_something_holds_on_to_the_view_leaves_it_readable() -> None:
    source, promise, _, _ = _read()
    request, view = source.request, source.view
    view[:2] = b"ab"
    export = pickle.PickleBuffer(view)
    request.respond(2)
    assert bytes(view[:2]) == b"ab"
    export.release()
    assert request.view is None
    assert await _bytes(promise) == b"ab"


async def test_responding_with_a_part_that_something_holds_on_to_releases_the_rest() -> None:
    source, promise, _, _ = _read()
    request, view = source.request, source.view
    view[:2] = b"ab"
    part = view[:2]
    export = pickle.PickleBuffer(part)
    request.respond_with_new_view(part)
    export.release()
    with pytest.raises(ValueError, match="released"):
        bytes(view)
    assert await _bytes(promise) == b"ab"


async def test_a_request_with_a_buffer_that_its_owner_detached_can_not_be_responded_to() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        view: Any = ForeignView(ForeignBuffer(4))
        promise = stream.get_reader(mode="byob").read(view)
        handed: Any = source.request.view
        handed.buffer.transfer()
        with pytest.raises(TypeError, match="detached"):
            source.request.respond(1)
        with pytest.raises(TypeError, match="detached"):
            source.request.respond_with_new_view(handed)
        with pytest.raises(TypeError, match="respond to the request instead"):
            source.controller.enqueue(b"abc")
    assert "pending" in repr(promise)


# respond_with_new_view --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 4])
async def test_a_slice_from_the_start_of_the_view_is_a_response(size: int) -> None:
    source, promise, memory, _ = _read()
    source.view[:] = b"abcd"
    source.request.respond_with_new_view(source.view[:size])
    value, _ = await promise
    assert value is not None
    assert value.obj is memory
    assert bytes(value) == b"abcd"[:size]


async def test_the_view_itself_is_a_response() -> None:
    source, promise, _, _ = _read()
    view = source.view
    view[:] = b"abcd"
    source.request.respond_with_new_view(view)
    assert await _bytes(promise) == b"abcd"
    with pytest.raises(ValueError, match="released"):
        view[0]


async def test_a_slice_in_other_items_is_a_response() -> None:
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(8))
    source.view[:4] = b"abcd"
    source.request.respond_with_new_view(source.view[:4].cast("i"))
    assert await _bytes(promise) == b"abcd"


async def test_after_a_part_was_filled_the_slice_starts_where_that_ends() -> None:
    source, promise, _, _ = _read(6, min=4)
    source.respond(b"ab")
    source.view[:3] = b"cde"
    with pytest.raises(RangeError, match="start"):
        source.request.respond_with_new_view(source.view[1:3])
    source.request.respond_with_new_view(source.view[:3])
    assert await _bytes(promise) == b"abcde"


async def test_another_buffer_of_the_same_length_is_a_response() -> None:
    source, promise, memory, _ = _read()
    other = bytearray(b"abcd")
    source.request.respond_with_new_view(other)
    value, _ = await promise
    assert value is not None
    assert value.obj is other
    assert bytes(value) == b"abcd"
    assert memory == bytes(4)


async def test_another_buffer_is_given_in_the_items_of_the_read() -> None:
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(memoryview(bytearray(8)).cast("i"))
    given = memoryview(bytearray(b"abcdefgh"))
    source.request.respond_with_new_view(given)
    value, _ = await promise
    assert value is not None
    assert (value.format, value.tobytes()) == ("i", b"abcdefgh")
    with pytest.raises(ValueError, match="released"):
        given[0]


@pytest.mark.parametrize("part", [slice(1, 3), slice(3, 4), slice(1, 4)], ids=repr)
async def test_a_slice_that_starts_elsewhere_is_a_range_error(part: slice) -> None:
    source, promise, _, _ = _read()
    with pytest.raises(RangeError, match="start"):
        source.request.respond_with_new_view(source.view[part])
    source.respond(b"a")
    assert await _bytes(promise) == b"a"


@pytest.mark.parametrize("size", [1, 3, 5, 8])
async def test_another_buffer_of_another_length_is_a_range_error(size: int) -> None:
    source, promise, _, _ = _read()
    with pytest.raises(RangeError, match="as long"):
        source.request.respond_with_new_view(bytearray(size))
    source.respond(b"a")
    assert await _bytes(promise) == b"a"


async def test_a_view_that_is_longer_than_the_rest_is_a_range_error() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        view: Any = ForeignView(ForeignBuffer(8), 2, 4)
        promise: Any = stream.get_reader(mode="byob").read(view)
        handed: Any = source.request.view
        too_long: Any = ForeignView(handed.buffer, 2, 5)
        with pytest.raises(RangeError, match="longer"):
            source.request.respond_with_new_view(too_long)
        handed.write(b"abc")
        right: Any = ForeignView(handed.buffer, 2, 3)
        source.request.respond_with_new_view(right)
        value: Any = (await promise).value
    assert (value.content, value.byte_offset, value.buffer.byte_length) == (b"abc", 2, 8)


async def test_a_view_that_can_not_be_transferred_is_refused() -> None:
    source, promise, _, _ = _read()
    request = source.request
    barred: Any = ForeignView(ForeignBuffer(4, transferable=False))
    with foreign_buffers(), pytest.raises(TypeError, match="can not be transferred"):
        request.respond_with_new_view(barred)
    source.respond(b"ab")
    assert await _bytes(promise) == b"ab"


async def test_an_empty_view_is_a_type_error_while_readable() -> None:
    source, promise, _, _ = _read()
    with pytest.raises(TypeError, match="empty"):
        source.request.respond_with_new_view(source.view[:0])
    source.respond(b"a")
    assert await _bytes(promise) == b"a"


async def test_only_an_empty_view_is_a_response_once_closed() -> None:
    source, promise, memory, _ = _read()
    request = source.request
    view = source.view
    source.controller.close()
    with pytest.raises(TypeError, match="closed"):
        request.respond_with_new_view(view[:1])
    with pytest.raises(RangeError, match="start"):
        request.respond_with_new_view(view[1:1])
    request.respond_with_new_view(view[:0])
    value, done = await promise
    assert value is not None
    assert (value.nbytes, value.obj, done) == (0, memory, True)


@pytest.mark.parametrize(
    "view", ["text", None, 4, b"read", memoryview(b"read"), memoryview(bytearray(8))[::2]], ids=repr
)
async def test_what_is_no_writable_buffer_is_a_type_error(view: Any) -> None:
    source, promise, _, _ = _read()
    with pytest.raises(TypeError, match="view"):
        source.request.respond_with_new_view(view)
    source.respond(b"a")
    assert await _bytes(promise) == b"a"


async def test_a_released_view_is_a_type_error() -> None:
    source, promise, _, _ = _read()
    view = memoryview(bytearray(4))
    view.release()
    with pytest.raises(TypeError, match="released"):
        source.request.respond_with_new_view(view)
    source.respond(b"a")
    assert await _bytes(promise) == b"a"
