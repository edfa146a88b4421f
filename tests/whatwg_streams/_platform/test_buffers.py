"""Buffers and views: what is taken for one, transfer and detach, and recognising a part of a buffer."""

from __future__ import annotations

import array
import ctypes
import mmap
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.bytes_sources import ForeignBuffer, ForeignView, foreign_buffers
from whatwg_streams import RangeError
from whatwg_streams._platform import buffers
from whatwg_streams._platform.buffers import UINT8_ARRAY, ArrayBufferView, MemoryBuffer, new_array_buffer, view_of


def _map() -> mmap.mmap:
    memory = mmap.mmap(-1, 8)
    memory[:] = b"abcdefgh"
    return memory


def _of_numpy(value: Any) -> memoryview:
    return memoryview(value)


KINDS: list[tuple[str, Callable[[], Any], str, int]] = [
    ("bytes", lambda: b"abcdefgh", "B", 1),
    ("bytearray", lambda: bytearray(b"abcdefgh"), "B", 1),
    ("memoryview", lambda: memoryview(bytearray(b"abcdefgh")), "B", 1),
    ("memoryview of ints", lambda: memoryview(bytearray(b"abcdefgh")).cast("i"), "i", 4),
    ("memoryview of doubles", lambda: memoryview(bytearray(b"abcdefgh")).cast("d"), "d", 8),
    ("memoryview of chars", lambda: memoryview(bytearray(b"abcdefgh")).cast("c"), "c", 1),
    ("memoryview with a prefix", lambda: memoryview(bytearray(b"abcdefgh")).cast("@H"), "H", 2),
    ("memoryview of two dimensions", lambda: memoryview(bytearray(b"abcdefgh")).cast("B", (2, 4)), "B", 1),
    ("memoryview of ints, two dimensions", lambda: memoryview(bytearray(b"abcdefgh")).cast("H", (2, 2)), "H", 2),
    ("ctypes by memoryview", lambda: memoryview((ctypes.c_int32 * 2).from_buffer_copy(b"abcdefgh")), "B", 1),
    ("numpy by memoryview", lambda: _of_numpy(np.frombuffer(b"abcdefgh", dtype="i4").copy()), "i", 4),
    ("numpy of two dimensions by memoryview", lambda: _of_numpy(np.zeros((2, 2), dtype="u2")), "H", 2),
    ("numpy of a foreign byte order by memoryview", lambda: _of_numpy(np.zeros(2, dtype=">i4")), "B", 1),
    ("array", lambda: array.array("H", [1, 2, 3, 4]), "H", 2),
    ("mmap", _map, "B", 1),
    ("numpy", lambda: np.arange(8, dtype="u1"), "B", 1),
    ("numpy of doubles", lambda: np.zeros(1), "d", 8),
    ("numpy of a foreign byte order", lambda: np.zeros(2, dtype=">i4"), "B", 1),
    ("ctypes", ctypes.c_uint8 * 8, "B", 1),
]


def _view(value: object, **options: Any) -> ArrayBufferView:
    return view_of(value, "view", **options)


def _bytes_of(view: ArrayBufferView) -> bytes:
    return bytes(view.buffer.data[view.byte_offset : view.byte_offset + view.byte_length])


# What is a buffer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "item_format", "size"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_every_object_of_the_buffer_protocol_is_a_view(make: Callable[[], Any], item_format: str, size: int) -> None:
    value = make()
    view = _view(value)
    assert (view.byte_offset, view.byte_length, view.buffer.byte_length) == (0, 8, 8)
    assert view.constructor.element_size == size
    assert view.array_length == 8 // size
    assert view.object is value
    assert view.buffer.data.format == "B"
    assert view.buffer.data.ndim == 1
    assert not view.buffer.detached
    handed_out = ArrayBufferView(view.buffer.transfer(), 0, 8, view.constructor).object
    assert type(handed_out) is memoryview
    assert (handed_out.format, handed_out.itemsize, handed_out.nbytes) == (item_format, size, 8)


@pytest.mark.parametrize("value", ["text", 1, None, [1, 2], object(), bytes, {"buffer": b""}], ids=repr)
def test_what_has_no_buffer_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"^view: expected bytes"):
        _view(value)


def test_looking_at_a_buffer_detaches_nothing() -> None:
    memory = memoryview(bytearray(b"abc"))
    _view(memory)
    assert bytes(memory) == b"abc"


def test_a_view_shares_the_memory_of_what_it_is_a_view_of() -> None:
    memory = bytearray(b"abc")
    view = _view(memory)
    view.buffer.data[0] = ord("z")
    assert memory == b"zbc"


def test_a_released_memoryview_is_a_type_error() -> None:
    memory = memoryview(b"abc")
    memory.release()
    with pytest.raises(TypeError, match="released"):
        _view(memory)


@pytest.mark.parametrize(
    "value",
    [
        memoryview(b"abcdef")[::2],
        memoryview(b"abcdef")[::-1],
        _of_numpy(np.zeros((4, 4))[:, 1]),
        _of_numpy(np.zeros((2, 3)).T),
    ],
    ids=["steps", "backwards", "column", "transposed"],
)
def test_a_buffer_that_is_not_contiguous_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="not contiguous"):
        _view(value)


@pytest.mark.parametrize("value", [b"abc", memoryview(b"abc"), memoryview(bytearray(b"abc")).toreadonly()])
def test_a_read_only_buffer_is_a_type_error_where_it_is_to_be_written_to(value: object) -> None:
    assert _bytes_of(_view(value)) == b"abc"
    with pytest.raises(TypeError, match="read-only"):
        _view(value, writable=True)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytearray(),
        memoryview(b""),
        memoryview(b"abc")[1:1],
        memoryview(bytearray()).cast("i"),
        memoryview(array.array("d")),
    ],
    ids=["bytes", "bytearray", "memoryview", "slice", "ints", "doubles"],
)
def test_an_empty_buffer_is_an_empty_view(value: object) -> None:
    view = _view(value)
    assert (view.byte_length, view.buffer.byte_length, view.array_length) == (0, 0, 0)


def test_a_buffer_of_no_dimensions_is_a_view_of_its_one_item() -> None:
    number = ctypes.c_int32.from_buffer_copy(b"abcd")
    view = _view(memoryview(number))
    assert _bytes_of(view) == b"abcd"


# Transfer and detach --------------------------------------------------------------------------------------


def test_transferring_a_memoryview_releases_it() -> None:
    memory = bytearray(b"abc")
    given = memoryview(memory)
    before = _view(given)
    after = before.buffer.transfer()
    assert before.buffer.detached
    assert before.buffer.byte_length == 0
    assert not before.buffer.can_transfer()
    with pytest.raises(ValueError, match="released"):
        given[0]
    assert after.can_transfer()
    assert bytes(after.data) == b"abc"
    after.data[0] = ord("z")
    assert memory == b"zbc"


def test_transferring_releases_a_memoryview_of_other_items_too() -> None:
    given = memoryview(bytearray(8)).cast("i")
    _view(given).buffer.transfer()
    with pytest.raises(ValueError, match="released"):
        given.tolist()


def test_what_is_no_memoryview_stays_with_its_owner() -> None:
    memory = bytearray(b"abc")
    _view(memory).buffer.transfer()
    assert memory == b"abc"


def test_transferring_releases_every_view_that_was_handed_out() -> None:
    buffer = new_array_buffer(4)
    views = [ArrayBufferView(buffer, offset, 2, UINT8_ARRAY).object for offset in (0, 2)]
    views[0][0] = 7
    after = buffer.transfer()
    for view in views:
        with pytest.raises(ValueError, match="released"):
            view[0]
    assert bytes(after.data) == b"\x07\0\0\0"


def test_a_view_hands_out_the_same_object_every_time() -> None:
    view = ArrayBufferView(new_array_buffer(4), 1, 2, UINT8_ARRAY)
    assert view.object is view.object
    assert view.object.nbytes == 2


def test_a_buffer_that_another_object_holds_on_to_can_not_be_transferred() -> None:
    given = memoryview(bytearray(b"abc"))
    view = _view(given)
    export = pickle.PickleBuffer(given)
    with pytest.raises(TypeError, match="can not be detached"):
        view.buffer.transfer()
    assert not view.buffer.detached
    assert bytes(given) == b"abc"
    export.release()
    assert bytes(view.buffer.transfer().data) == b"abc"
    assert view.buffer.detached


def test_a_transfer_releases_what_was_handed_out_but_for_what_something_holds_on_to() -> None:
    buffer = new_array_buffer(4)
    first = ArrayBufferView(buffer, 0, 2, UINT8_ARRAY).object
    second = ArrayBufferView(buffer, 2, 2, UINT8_ARRAY).object
    export = pickle.PickleBuffer(second)
    after = buffer.transfer()
    assert buffer.detached
    with pytest.raises(ValueError, match="released"):
        first[0] = 1
    second[0] = 1
    export.release()
    assert bytes(after.data) == b"\0\0\1\0"


def test_a_numpy_array_of_the_memory_does_not_bar_a_transfer() -> None:
    given = memoryview(bytearray(b"abc"))
    array_of_it = np.frombuffer(given, dtype="u1")
    after = _view(given).buffer.transfer()
    assert bytes(after.data) == b"abc"
    with pytest.raises(ValueError, match="released"):
        given[0]
    assert array_of_it[0] == ord("a")


# New buffers ----------------------------------------------------------------------------------------------


def test_a_new_buffer_is_all_zeros() -> None:
    buffer = new_array_buffer(3)
    assert (buffer.byte_length, bytes(buffer.data), buffer.detached) == (3, b"\0\0\0", False)


@pytest.mark.parametrize("size", [2**53 - 1, 2**62, 2**64])
def test_a_buffer_larger_than_any_memory_is_a_range_error(size: int) -> None:
    with pytest.raises(RangeError, match=str(size)):
        new_array_buffer(size)


# Parts of a buffer --------------------------------------------------------------------------------------


def _buffer_of(memory: Any) -> MemoryBuffer:
    buffer = _view(memory).buffer
    assert isinstance(buffer, MemoryBuffer)
    return buffer


def test_a_slice_is_recognised_as_a_part_of_its_buffer() -> None:
    memory = bytearray(b"abcdefgh")
    buffer = _buffer_of(memory)
    for start, stop in ((0, 8), (0, 3), (2, 5), (7, 8)):
        part = _view(memoryview(memory)[start:stop], writable=True, part_of=buffer)
        assert part.buffer is buffer
        assert (part.byte_offset, part.byte_length) == (start, stop - start)
    whole = _view(memory, writable=True, part_of=buffer)
    assert whole.buffer is buffer
    assert (whole.byte_offset, whole.byte_length) == (0, 8)


def test_an_empty_slice_is_recognised_as_a_part_of_its_buffer() -> None:
    memory = bytearray(b"abcdefgh")
    buffer = _buffer_of(memory)
    part = _view(memoryview(memory)[3:3], writable=True, part_of=buffer)
    assert part.buffer is buffer
    assert (part.byte_offset, part.byte_length) == (3, 0)


def test_a_part_in_other_items_is_recognised() -> None:
    memory = bytearray(16)
    buffer = _buffer_of(memory)
    part = _view(memoryview(memory)[4:12].cast("i"), writable=True, part_of=buffer)
    assert part.buffer is buffer
    assert (part.byte_offset, part.byte_length) == (4, 8)


def test_offsets_are_from_the_start_of_the_view_that_came_in() -> None:
    memory = bytearray(b"abcdefgh")
    buffer = _buffer_of(memoryview(memory)[2:6])
    part = _view(memoryview(memory)[3:5], writable=True, part_of=buffer)
    assert part.buffer is buffer
    assert (part.byte_offset, part.byte_length) == (1, 2)


@pytest.mark.parametrize("part", [slice(0, 4), slice(4, 8), slice(0, 8)], ids=repr)
def test_memory_beyond_the_buffer_is_no_part_of_it(part: slice) -> None:
    memory = bytearray(b"abcdefgh")
    buffer = _buffer_of(memoryview(memory)[2:6])
    view = _view(memoryview(memory)[part], writable=True, part_of=buffer)
    assert view.buffer is not buffer
    assert view.byte_offset == 0


def test_other_memory_is_no_part_of_a_buffer() -> None:
    buffer = _buffer_of(bytearray(8))
    other = bytearray(8)
    view = _view(other, writable=True, part_of=buffer)
    assert view.buffer is not buffer
    assert (view.byte_offset, view.byte_length) == (0, 8)


def test_a_read_only_view_is_no_part_of_a_buffer() -> None:
    memory = bytearray(8)
    buffer = _buffer_of(memory)
    assert _view(memoryview(memory).toreadonly(), part_of=buffer).buffer is not buffer


def test_nothing_is_a_part_of_a_detached_buffer() -> None:
    memory = bytearray(8)
    buffer = _buffer_of(memory)
    buffer.transfer()
    assert _view(memory, part_of=buffer).buffer is not buffer


def test_a_recognised_part_is_released_with_its_buffer() -> None:
    memory = bytearray(8)
    buffer = _buffer_of(memory)
    part = memoryview(memory)[:2]
    _view(part, writable=True, part_of=buffer)
    buffer.transfer()
    with pytest.raises(ValueError, match="released"):
        part[0]


# Foreign kinds --------------------------------------------------------------------------------------------


def test_foreign_views_are_looked_at_by_their_own_function() -> None:
    with pytest.raises(TypeError):
        _view(ForeignView(ForeignBuffer(b"abcdef"), 2, 2, 2))
    with foreign_buffers():
        given = ForeignView(ForeignBuffer(b"abcdef"), 2, 2, 2)
        view = _view(given, writable=True, part_of=new_array_buffer(1))
        assert (view.byte_offset, view.byte_length, view.array_length) == (2, 4, 2)
        assert view.object is given
        assert view.buffer is given.buffer


def test_memory_is_no_part_of_a_foreign_buffer() -> None:
    memory = bytearray(4)
    foreign = ForeignBuffer(memory)
    assert _view(memory, part_of=foreign).buffer is not foreign


def test_new_buffers_can_be_of_a_foreign_kind() -> None:
    with foreign_buffers():
        buffer = buffers.construct_array_buffer(3)
        assert type(buffer) is ForeignBuffer
        assert type(ArrayBufferView(buffer, 0, 3, buffers.uint8_array).object) is ForeignView
    assert type(buffers.construct_array_buffer(3)) is MemoryBuffer
    assert buffers.uint8_array is UINT8_ARRAY
