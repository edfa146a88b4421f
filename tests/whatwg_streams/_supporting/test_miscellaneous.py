"""§8.3 Miscellaneous."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from whatwg_streams import DataCloneError, RangeError
from whatwg_streams._platform.buffers import ArrayBufferView, MemoryBuffer, view_of
from whatwg_streams._supporting.miscellaneous import (
    can_copy_data_block_bytes,
    can_transfer_array_buffer,
    clone_array_buffer,
    clone_as_uint8_array,
    copy_data_block_bytes,
    is_non_negative_number,
    structured_clone,
    transfer_array_buffer,
)


def buffer_of(data: bytes) -> MemoryBuffer:
    return MemoryBuffer(memoryview(bytearray(data)))


def detached() -> MemoryBuffer:
    buffer = buffer_of(b"1234")
    buffer.transfer()
    return buffer


class Held:
    """A buffer that is not detached and yet can not be: it has a detach key."""

    byte_length = 0
    detached = False
    data = memoryview(b"")

    def can_transfer(self) -> bool:
        return False

    def transfer(self) -> Held:
        raise TypeError


# Numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 1, 0.0, -0.0, 2.5, math.inf, 10**400, True, False])
def test_a_non_negative_number(value: object) -> None:
    assert is_non_negative_number(value)


@pytest.mark.parametrize("value", [-1, -0.1, -math.inf, math.nan, "1", None, 1j, Fraction(1), object()], ids=repr)
def test_anything_else_is_no_non_negative_number(value: object) -> None:
    assert not is_non_negative_number(value)


# Transfer ----------------------------------------------------------------------------------------


def test_a_buffer_can_be_transferred_unless_it_is_detached_or_held() -> None:
    assert can_transfer_array_buffer(buffer_of(b"1234"))
    assert can_transfer_array_buffer(buffer_of(b""))
    assert not can_transfer_array_buffer(detached())
    assert not can_transfer_array_buffer(Held())


def test_transferring_moves_the_memory_and_detaches() -> None:
    buffer = buffer_of(b"1234")
    memory = buffer.data.obj
    moved = transfer_array_buffer(buffer)
    assert buffer.detached
    assert buffer.byte_length == 0
    assert moved.byte_length == 4
    assert moved.data.obj is memory


def test_a_detached_buffer_is_not_transferred() -> None:
    with pytest.raises(AssertionError):
        transfer_array_buffer(detached())


def test_a_buffer_that_is_held_raises_when_transferred() -> None:
    with pytest.raises(TypeError):
        transfer_array_buffer(Held())


# Clones ------------------------------------------------------------------------------------------


def test_cloning_a_part_of_a_buffer_copies_it() -> None:
    buffer = buffer_of(b"123456")
    clone = clone_array_buffer(buffer, 1, 3)
    buffer.data[:] = b"......"
    assert bytes(clone.data) == b"234"
    assert not buffer.detached


def test_a_clone_that_there_is_no_memory_for_is_a_range_error() -> None:
    with pytest.raises(RangeError):
        clone_array_buffer(buffer_of(b""), 0, 2**63)


def test_cloning_a_view_gives_bytes_of_their_own_buffer() -> None:
    data = bytearray(8)
    view = view_of(memoryview(data).cast("I"), "view")
    clone = clone_as_uint8_array(view)
    data[:] = b"........"
    assert isinstance(clone, ArrayBufferView)
    assert (clone.byte_offset, clone.byte_length, clone.buffer.byte_length) == (0, 8, 8)
    assert clone.object.format == "B"
    assert bytes(clone.object) == bytes(8)


def test_cloning_a_view_of_a_part_clones_that_part_only() -> None:
    buffer = buffer_of(b"123456")
    whole = view_of(b"", "view")
    view = ArrayBufferView(buffer, 2, 3, whole.constructor)
    clone = clone_as_uint8_array(view)
    assert bytes(clone.object) == b"345"
    assert clone.buffer.byte_length == 3


def test_a_view_of_a_detached_buffer_is_not_cloned() -> None:
    view = ArrayBufferView(detached(), 0, 0, view_of(b"", "view").constructor)
    with pytest.raises(AssertionError):
        clone_as_uint8_array(view)


def test_structured_clones_share_nothing() -> None:
    value = {"list": [1, bytearray(b"12")]}
    clone = structured_clone(value)
    assert clone == value
    assert clone["list"] is not value["list"]
    assert clone["list"][1] is not value["list"][1]


def test_what_can_not_be_cloned_is_a_data_clone_error() -> None:
    with pytest.raises(DataCloneError):
        structured_clone([lambda: None])


# Copying -----------------------------------------------------------------------------------------


def test_bytes_can_be_copied_where_there_is_room_and_there_are_as_many() -> None:
    to, source = buffer_of(b"...."), buffer_of(b"123456")
    assert can_copy_data_block_bytes(to, 0, source, 0, 4)
    assert can_copy_data_block_bytes(to, 1, source, 3, 3)
    assert can_copy_data_block_bytes(to, 4, source, 6, 0)
    assert not can_copy_data_block_bytes(to, 0, source, 0, 5)
    assert not can_copy_data_block_bytes(to, 2, source, 0, 3)
    assert not can_copy_data_block_bytes(to, 0, source, 4, 3)


def test_bytes_can_not_be_copied_within_a_buffer_nor_from_or_to_a_detached_one() -> None:
    buffer = buffer_of(b"1234")
    assert not can_copy_data_block_bytes(buffer, 0, buffer, 2, 2)
    assert not can_copy_data_block_bytes(detached(), 0, buffer, 0, 0)
    assert not can_copy_data_block_bytes(buffer, 0, detached(), 0, 0)


def test_copying_changes_just_those_bytes() -> None:
    to, source = buffer_of(b"......"), buffer_of(b"123456")
    copy_data_block_bytes(to, 1, source, 2, 3)
    assert bytes(to.data) == b".345.."
    copy_data_block_bytes(to, 0, source, 0, 0)
    assert bytes(to.data) == b".345.."
    assert bytes(source.data) == b"123456"
