"""§9.1: enqueuing, and pulling from bytes."""

from __future__ import annotations

import array
from typing import Any

import pytest

from tests.support.reads import bytes_of
from tests.support.recording import PENDING, outcome
from tests.support.set_up_streams import set_up_byte_stream, set_up_stream
from tests.support.sources import read_all
from whatwg_streams import (
    RangeError,
)
from whatwg_streams.other_specs import (
    close_readable_stream,
    current_byob_request_view,
    enqueue_into_readable_stream,
    get_a_reader,
    is_readable,
    pull_from_bytes_into_readable_stream,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark as desired_size,
    respond_to_current_byob_request,
    stored_error_of,
)

# Enqueuing -----------------------------------------------------------------------------------------------


async def test_any_object_can_be_enqueued_into_a_default_stream() -> None:
    stream = set_up_stream()
    chunks = [None, object(), b""]
    for chunk in chunks:
        enqueue_into_readable_stream(stream, chunk)
    close_readable_stream(stream)
    assert await read_all(stream) == chunks


async def test_what_a_size_algorithm_raises_errors_the_stream_and_is_raised() -> None:
    error = ValueError("unmeasurable")

    def size(_: object) -> float:
        raise error

    stream = set_up_stream(size_algorithm=size)
    with pytest.raises(ValueError, match="unmeasurable"):
        enqueue_into_readable_stream(stream, 1)
    assert stored_error_of(stream) is error


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
async def test_any_buffer_can_be_enqueued_into_a_byte_stream(kind: Any) -> None:
    stream = set_up_byte_stream()
    enqueue_into_readable_stream(stream, kind(b"abcd"))
    with get_a_reader(stream) as reader:
        assert bytes_of(await reader.read()) == b"abcd"


@pytest.mark.parametrize("chunk", ["text", None, 1, [b"x"]], ids=repr)
async def test_what_is_no_buffer_can_not(chunk: Any) -> None:
    stream = set_up_byte_stream()
    with pytest.raises(TypeError, match="chunk"):
        enqueue_into_readable_stream(stream, chunk)
    assert is_readable(stream)


async def test_the_byob_view_itself_is_a_response() -> None:
    stream = set_up_byte_stream()
    memory = bytearray(4)
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(memory)
        view = current_byob_request_view(stream)
        assert view is not None
        view[:] = b"full"
        enqueue_into_readable_stream(stream, view)
        value = (await read).value
        assert value is not None
        assert value.obj is memory
        assert bytes(value) == b"full"


async def test_the_beginning_of_the_byob_view_is_a_response() -> None:
    stream = set_up_byte_stream()
    memory = bytearray(8)
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(memory)
        view = current_byob_request_view(stream)
        assert view is not None
        view[:3] = b"abc"
        enqueue_into_readable_stream(stream, view[:3])
        value = (await read).value
        assert value is not None
        assert (value.obj is memory, bytes(value)) == (True, b"abc")
    assert memory == b"abc\0\0\0\0\0"


async def test_a_slice_that_starts_elsewhere_is_no_response() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(8))
        view = current_byob_request_view(stream)
        assert view is not None
        with pytest.raises(AssertionError):
            enqueue_into_readable_stream(stream, view[1:3])
        close_readable_stream(stream)
        assert (await read).done


async def test_another_buffer_is_copied_to_the_reader() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(2))
        assert current_byob_request_view(stream) is not None
        enqueue_into_readable_stream(stream, b"abc")
        assert bytes_of(await read) == b"ab"
        assert desired_size(stream) == -1
        assert bytes_of(await reader.read(bytearray(2))) == b"c"


async def test_a_read_with_min_is_answered_bit_by_bit() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(6), min=4)
        for data in (b"ab", b"c", b"de"):
            assert outcome(read) == PENDING
            view = current_byob_request_view(stream)
            assert view is not None
            view[: len(data)] = data
            enqueue_into_readable_stream(stream, view[: len(data)])
        assert bytes_of(await read) == b"abcde"


async def test_the_current_view_is_the_same_until_it_is_responded_to() -> None:
    stream = set_up_byte_stream()
    assert current_byob_request_view(stream) is None
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4))
        view = current_byob_request_view(stream)
        assert view is not None
        assert current_byob_request_view(stream) is view
        respond_to_current_byob_request(stream, 1)
        assert current_byob_request_view(stream) is None
        with pytest.raises(ValueError, match="released"):
            view[0] = 1
        await read


async def test_a_response_has_to_fit() -> None:
    stream = set_up_byte_stream()
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(4))
        with pytest.raises(RangeError):
            respond_to_current_byob_request(stream, 5)
        with pytest.raises(TypeError):
            respond_to_current_byob_request(stream, 0)
        respond_to_current_byob_request(stream, 4)
        assert bytes_of(await read) == bytes(4)


@pytest.mark.parametrize(
    "operation",
    [
        current_byob_request_view,
        lambda stream: pull_from_bytes_into_readable_stream(stream, bytearray(b"x")),
        lambda stream: respond_to_current_byob_request(stream, 1),
    ],
)
async def test_operations_of_byte_streams_are_for_byte_streams(operation: Any) -> None:
    with pytest.raises(AssertionError):
        operation(set_up_stream())


# Pull from bytes -----------------------------------------------------------------------------------------


async def test_without_a_byob_reader_all_bytes_are_pulled() -> None:
    stream = set_up_byte_stream()
    source = bytearray(b"abcdef")
    pull_from_bytes_into_readable_stream(stream, source)
    assert source == b""
    assert desired_size(stream) == -6
    with get_a_reader(stream) as reader:
        assert bytes_of(await reader.read()) == b"abcdef"


@pytest.mark.parametrize(("size", "got", "left"), [(4, b"abcd", b"ef"), (6, b"abcdef", b""), (9, b"abcdef", b"")])
async def test_with_a_byob_reader_so_many_as_fit_are_pulled(size: int, got: bytes, left: bytes) -> None:
    stream = set_up_byte_stream()
    memory = bytearray(size)
    source = bytearray(b"abcdef")
    with stream.get_reader(mode="byob") as reader:
        read = reader.read(memory)
        pull_from_bytes_into_readable_stream(stream, source)
        value = (await read).value
        assert value is not None
        assert (value.obj is memory, bytes(value), bytes(source)) == (True, got, left)
    assert desired_size(stream) == 0


async def test_pulling_for_one_read_after_the_other() -> None:
    stream = set_up_byte_stream()
    source = bytearray(b"abcdefg")
    with stream.get_reader(mode="byob") as reader:
        reads = [reader.read(bytearray(3)) for _ in range(3)]
        while source:
            pull_from_bytes_into_readable_stream(stream, source)
        assert [bytes_of(await read) for read in reads] == [b"abc", b"def", b"g"]


async def test_pulling_into_the_buffer_of_a_reader_that_was_released() -> None:
    stream = set_up_byte_stream()
    reader = stream.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    reader.release_lock()
    source = bytearray(b"abcdef")
    pull_from_bytes_into_readable_stream(stream, source)
    assert source == b"ef"
    pull_from_bytes_into_readable_stream(stream, source)
    close_readable_stream(stream)
    assert b"".join(map(bytes, await read_all(stream))) == b"abcdef"
