"""§8.3 Miscellaneous: https://streams.spec.whatwg.org/#misc-abstract-ops"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypeIs

from .._platform import buffers
from .._platform.buffers import ArrayBuffer, ArrayBufferView
from .._platform.structured_clone import structured_clone as clone_structure


def can_transfer_array_buffer(o: ArrayBuffer) -> bool:
    """https://streams.spec.whatwg.org/#can-transfer-array-buffer"""
    # 1. Assert: it is an object. (Its type says so.)
    # 2. Assert: it is a buffer. (Its type says so.)
    # 3. A detached one can not be transferred,
    if o.detached:
        return False
    # 4. nor one with a detach key.
    # 5. Any other can.
    return o.can_transfer()


def is_non_negative_number(v: object) -> TypeIs[int | float]:
    """https://streams.spec.whatwg.org/#is-non-negative-number"""
    # 1. It has to be a number,
    if not isinstance(v, (int, float)):
        return False
    # 2. not NaN (which is not equal to itself),
    # 3. and not below 0.
    # 4. Then it is one.
    return v >= 0


def transfer_array_buffer(o: ArrayBuffer) -> ArrayBuffer:
    """https://streams.spec.whatwg.org/#transfer-array-buffer"""
    # 1. Assert: it is not detached.
    assert not o.detached
    # 2. Its data
    # 3. and its length
    # 4. are taken away from it, which may throw,
    # 5. and given to a new buffer.
    return o.transfer()


def clone_array_buffer(buffer: ArrayBuffer, byte_offset: int, byte_length: int) -> ArrayBuffer:
    """https://tc39.es/ecma262/#sec-clonearraybuffer"""
    clone = buffers.construct_array_buffer(byte_length)
    clone.data[:] = buffer.data[byte_offset : byte_offset + byte_length]
    return clone


def clone_as_uint8_array(o: ArrayBufferView) -> ArrayBufferView:
    """https://streams.spec.whatwg.org/#abstract-opdef-cloneasuint8array"""
    # 1. Assert: it is an object. (Its type says so.)
    # 2. Assert: it is a view. (Its type says so.)
    # 3. Assert: its buffer is not detached.
    assert not o.buffer.detached
    # 4. Clone the part of the buffer that it is a view of; this may throw.
    buffer = clone_array_buffer(o.buffer, o.byte_offset, o.byte_length)
    # 5. Make a byte view of the clone.
    # 6. Return that.
    return ArrayBufferView(buffer, 0, o.byte_length, buffers.uint8_array)


def structured_clone(v: object) -> Any:
    """https://streams.spec.whatwg.org/#abstract-opdef-structuredclone"""
    # 1. Serialize it, which may throw,
    # 2. and deserialize that: here in one go.
    return clone_structure(v)


def can_copy_data_block_bytes(
    to_buffer: ArrayBuffer, to_index: int, from_buffer: ArrayBuffer, from_index: int, count: int
) -> bool:
    """https://streams.spec.whatwg.org/#abstract-opdef-cancopydatablockbytes"""
    # 1. Assert: the one is an object. (Its type says so.)
    # 2. Assert: it is a buffer. (Its type says so.)
    # 3. Assert: the other is an object. (Its type says so.)
    # 4. Assert: it is a buffer. (Its type says so.)
    # 5. They have to be two,
    if to_buffer is from_buffer:
        return False
    # 6. the one not detached,
    if to_buffer.detached:
        return False
    # 7. nor the other,
    if from_buffer.detached:
        return False
    # 8. with room in the one
    if to_index + count > to_buffer.byte_length:
        return False
    # 9. and as many bytes in the other.
    # 10. Then they can be copied.
    return from_index + count <= from_buffer.byte_length


def copy_data_block_bytes(
    to_buffer: ArrayBuffer, to_index: int, from_buffer: ArrayBuffer, from_index: int, count: int
) -> None:
    """https://tc39.es/ecma262/#sec-copydatablockbytes"""
    to_buffer.data[to_index : to_index + count] = from_buffer.data[from_index : from_index + count]
