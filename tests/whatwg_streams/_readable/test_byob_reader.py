"""ReadableStreamBYOBReader: the arguments of `read`, what it gives, and releasing."""

from __future__ import annotations

import array
import math
import mmap
import pickle
from typing import Any

import numpy as np
import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from whatwg_streams import RangeError, ReadableStream, ReadableStreamBYOBReader, RejectionError


def _reader(data: bytes = b"") -> tuple[ReadableStreamBYOBReader, ByteSource]:
    stream, source = byte_stream()
    if data:
        source.controller.enqueue(data)
    return stream.get_reader(mode="byob"), source


# Getting one ------------------------------------------------------------------------------------------


def test_a_reader_locks_its_stream() -> None:
    stream, _ = byte_stream()
    reader = ReadableStreamBYOBReader(stream)
    assert stream.locked
    with pytest.raises(TypeError, match="has a reader already"):
        ReadableStreamBYOBReader(stream)
    with pytest.raises(TypeError, match="has a reader already"):
        stream.get_reader()
    reader.release_lock()
    assert not stream.locked


def test_only_a_byte_stream_has_one() -> None:
    stream: ReadableStream[Any] = ReadableStream()
    with pytest.raises(TypeError, match="byte stream"):
        stream.get_reader(mode="byob")
    assert not stream.locked
    with pytest.raises(TypeError, match="expected a ReadableStream"):
        ReadableStreamBYOBReader(object())  # type: ignore[arg-type]


def test_the_representation_tells_whether_it_was_released() -> None:
    reader, _ = _reader()
    assert repr(reader) == "<ReadableStreamBYOBReader of <ReadableStream readable, locked>>"
    reader.release_lock()
    assert repr(reader) == "<ReadableStreamBYOBReader released>"


# What is read into ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "view",
    [
        b"",
        bytearray(),
        memoryview(bytearray(3))[1:1],
        b"read-only",
        memoryview(b"read-only"),
        memoryview(bytearray(4))[::2],
        "text",
        None,
        4,
        [0] * 4,
    ],
    ids=repr,
)
async def test_what_can_not_be_read_into_is_a_rejection_with_a_type_error(view: Any) -> None:
    reader, source = _reader(b"abc")
    with pytest.raises(TypeError, match="view"):
        await reader.read(view)
    assert source.controller.desired_size == -3


async def test_a_released_memoryview_can_not_be_read_into() -> None:
    reader, _ = _reader(b"abc")
    view = memoryview(bytearray(4))
    view.release()
    with pytest.raises(TypeError, match="released"):
        await reader.read(view)


async def test_a_memoryview_belongs_to_the_stream_at_once() -> None:
    reader, _ = _reader()
    view = memoryview(bytearray(4))
    reader.read(view)
    with pytest.raises(ValueError, match="released"):
        view[0]
    with pytest.raises(TypeError, match="released"):
        await reader.read(view)


async def test_a_memoryview_that_something_holds_on_to_can_not_be_read_into() -> None:
    reader, source = _reader(b"abcd")
    view = memoryview(bytearray(4))
    export = pickle.PickleBuffer(view)
    with pytest.raises(TypeError, match="can not be detached"):
        await reader.read(view)
    export.release()
    assert bytes(view) == bytes(4)
    assert source.controller.byob_request is None
    assert bytes((await reader.read(view)).value or b"") == b"abcd"


async def test_a_view_of_a_foreign_kind_is_read_into() -> None:
    reader, _ = _reader(b"abcdef")
    with foreign_buffers():
        view: Any = ForeignView(ForeignBuffer(8), 2, 2, 2)
        value: Any = (await reader.read(view)).value
    assert (type(value), value.content, value.size, value.byte_offset) == (ForeignView, b"abcd", 2, 2)
    assert view.buffer.detached
    with foreign_buffers():
        with pytest.raises(TypeError, match="its buffer is empty"):
            await reader.read(view)
        view = ForeignView(ForeignBuffer(4, transferable=False))
        with pytest.raises(TypeError, match="can not be transferred"):
            await reader.read(view)


async def test_a_detached_view_that_still_tells_a_length_is_refused() -> None:
    class Undead(ForeignBuffer):
        @property
        def byte_length(self) -> int:
            return 4

    reader, _ = _reader(b"abc")
    with foreign_buffers():
        buffer = Undead(4)
        buffer.transfer()
        view: Any = ForeignView(buffer, 0, 4)
        with pytest.raises(TypeError, match="its buffer is detached"):
            await reader.read(view)


# What is given ----------------------------------------------------------------------------------------


async def test_bytes_land_in_the_memory_that_was_brought() -> None:
    reader, _ = _reader(b"abc")
    memory = bytearray(5)
    value, done = await reader.read(memory)
    assert type(value) is memoryview
    assert value.obj is memory
    assert (bytes(value), done, bytes(memory)) == (b"abc", False, b"abc\0\0")
    value[0] = ord("z")
    assert memory[0] == ord("z")


async def test_bytes_land_in_the_part_of_the_memory_that_was_brought() -> None:
    reader, _ = _reader(b"abc")
    memory = bytearray(b"........")
    value, _ = await reader.read(memoryview(memory)[2:6])
    assert memory == b"..abc..."
    assert value is not None
    assert value.obj is memory


@pytest.mark.parametrize("item_format", ["b", "H", "i", "q", "f", "d", "c"])
async def test_the_result_has_the_items_that_were_brought(item_format: str) -> None:
    reader, source = _reader()
    promise = reader.read(memoryview(bytearray(32)).cast(item_format))  # type: ignore[call-overload]
    source.controller.enqueue(bytes(range(16)))
    value, _ = await promise
    assert value is not None
    assert (value.format, value.nbytes, value.tobytes()) == (item_format, 16, bytes(range(16)))


@pytest.mark.parametrize(
    ("memory", "item_format", "length"),
    [(array.array("i", [0] * 4), "i", 2), (np.zeros(4, dtype="f4"), "f", 2), (mmap.mmap(-1, 16), "B", 8)],
    ids=["array", "numpy", "mmap"],
)
async def test_arrays_and_maps_are_read_into(memory: Any, item_format: str, length: int) -> None:
    reader, _ = _reader(bytes(range(8)))
    value, _ = await reader.read(memory)
    assert value is not None
    assert (value.format, len(value)) == (item_format, length)
    assert bytes(memory)[:8] == bytes(range(8))


async def test_two_dimensions_are_read_into_as_one() -> None:
    reader, _ = _reader(b"abcdef")
    value, _ = await reader.read(memoryview(bytearray(8)).cast("B", (2, 4)))
    assert value is not None
    assert (value.ndim, bytes(value)) == (1, b"abcdef")


async def test_the_result_can_be_read_into_again() -> None:
    reader, source = _reader(b"abcd")
    first, _ = await reader.read(bytearray(4))
    assert first is not None
    source.controller.enqueue(b"ef")
    second, _ = await reader.read(first)
    assert second is not None
    assert bytes(second) == b"ef"
    with pytest.raises(ValueError, match="released"):
        first[0]


async def test_a_closed_stream_gives_the_buffer_back_empty() -> None:
    reader, source = _reader()
    source.controller.close()
    memory = bytearray(8)
    value, done = await reader.read(memoryview(memory).cast("i"))
    assert done
    assert value is not None
    assert (value.nbytes, value.format, value.obj) == (0, "i", memory)


async def test_a_cancelled_stream_gives_nothing_back_to_pending_reads() -> None:
    reader, _ = _reader()
    promises = [reader.read(bytearray(4)) for _ in range(2)]
    await reader.cancel()
    assert [await promise for promise in promises] == [(None, True)] * 2
    value, done = await reader.read(bytearray(4))
    assert (value is not None and value.nbytes, done) == (0, True)


async def test_an_errored_stream_rejects_reads() -> None:
    reader, source = _reader()
    pending = reader.read(bytearray(4))
    source.controller.error("broken")
    for promise in (pending, reader.read(bytearray(4)), reader.closed):
        with pytest.raises(RejectionError, match="broken"):
            await promise


async def test_an_errored_stream_leaves_the_view_alone() -> None:
    reader, source = _reader()
    source.controller.error("broken")
    view = memoryview(bytearray(4))
    with pytest.raises(RejectionError, match="broken"):
        await reader.read(view)
    assert view.nbytes == 4


# min ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("min_", [-1, math.nan, math.inf, 2**53, "x", object(), 1j])
async def test_a_minimum_that_is_no_integer_in_range_is_a_type_error(min_: Any) -> None:
    reader, _ = _reader(b"abc")
    with pytest.raises(TypeError, match="min"):
        await reader.read(bytearray(4), min=min_)


async def test_what_converting_the_minimum_raises_rejects_the_read() -> None:
    class Odd:
        def __index__(self) -> int:
            raise ZeroDivisionError

    reader, _ = _reader()
    min_: Any = Odd()
    promise = reader.read(bytearray(4), min=min_)
    with pytest.raises(ZeroDivisionError):
        await promise


async def test_a_minimum_of_zero_is_a_type_error() -> None:
    reader, _ = _reader(b"abc")
    view = memoryview(bytearray(4))
    for min_ in (0, 0.5, "", False):
        with pytest.raises(TypeError, match="min"):
            await reader.read(view, min=min_)  # type: ignore[arg-type]
    assert view.nbytes == 4


async def test_a_minimum_beyond_the_view_is_a_range_error() -> None:
    reader, _ = _reader(b"abc")
    with pytest.raises(RangeError, match="has 4 items, 5 do not fit"):
        await reader.read(bytearray(4), min=5)
    with pytest.raises(RangeError, match="has 2 items, 3 do not fit"):
        await reader.read(memoryview(bytearray(8)).cast("i"), min=3)


async def test_errors_of_the_view_come_before_those_of_the_minimum_and_of_the_reader() -> None:
    reader, _ = _reader()
    reader.release_lock()
    with pytest.raises(TypeError, match="buffer is empty"):
        await reader.read(bytearray(), min=0)
    with pytest.raises(TypeError, match="min"):
        await reader.read(bytearray(1), min=0)
    with pytest.raises(RangeError):
        await reader.read(bytearray(1), min=2)
    with pytest.raises(TypeError, match="the reader was released"):
        await reader.read(bytearray(1))


async def test_a_read_waits_for_its_minimum() -> None:
    reader, source = _reader()
    promise = reader.read(bytearray(8), min=5)
    pulls = []
    for part in (b"ab", b"c"):
        source.controller.enqueue(part)
        await settle()
        assert "pending" in repr(promise)
        pulls.append(source.view.nbytes)
    assert pulls == [6, 5]
    source.controller.enqueue(b"defgh")
    assert bytes((await promise).value or b"") == b"abcdefgh"


async def test_the_minimum_counts_items() -> None:
    reader, source = _reader()
    promise = reader.read(memoryview(bytearray(16)).cast("i"), min=2)
    source.controller.enqueue(b"abcdefg")
    await settle()
    assert "pending" in repr(promise)
    source.controller.enqueue(b"hij")
    value, _ = await promise
    assert value is not None
    assert (value.format, value.tobytes()) == ("i", b"abcdefgh")
    assert bytes((await reader.read(bytearray(4))).value or b"") == b"ij"


@pytest.mark.parametrize("min_", [1, True, 1.9, "1", np.int64(1)])
async def test_a_minimum_of_one_is_any_number_that_is_one(min_: Any) -> None:
    reader, _ = _reader(b"a")
    assert bytes((await reader.read(bytearray(4), min=min_)).value or b"") == b"a"


# Releasing ---------------------------------------------------------------------------------------------


async def test_releasing_rejects_pending_reads_and_closed() -> None:
    reader, _ = _reader()
    closed = reader.closed
    promises = [reader.read(bytearray(4)) for _ in range(2)]
    reader.release_lock()
    reader.release_lock()
    for promise in (*promises, closed, reader.closed, reader.cancel()):
        with pytest.raises(TypeError, match="released"):
            await promise


async def test_releasing_after_the_end_replaces_closed() -> None:
    reader, source = _reader()
    source.controller.close()
    closed = reader.closed
    reader.release_lock()
    await closed
    with pytest.raises(TypeError, match="released"):
        await reader.closed


async def test_a_context_manager_releases_in_the_end() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    with stream.get_reader(mode="byob") as reader:
        assert bytes((await reader.read(bytearray(2))).value or b"") == b"ab"
    assert not stream.locked
    assert bytes((await stream.get_reader().read()).value) == b"c"
