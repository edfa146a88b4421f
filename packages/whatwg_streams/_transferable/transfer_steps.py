"""§4.2.6, §5.2.5, §6.2.5 Transfer: https://streams.spec.whatwg.org/#rs-transfer

What is left where the stream was is one side of a cross-realm transform, which the stream is piped to or
from; what arrives is its other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._platform.dom_exception import DataCloneError
from .._platform.message_ports import MessagePort, entangle
from .._platform.promises import mark_as_handled
from .._platform.structured_clone import (
    register_transferable,
    structured_deserialize_with_transfer,
    structured_serialize_with_transfer,
)
from .._platform.webidl import new
from .._readable.ops.pipe_to import readable_stream_pipe_to
from .._readable.ops.streams import is_readable_stream_locked
from .._readable.stream import ReadableStream
from .._transform.stream import TransformStream
from .._writable.ops.streams import is_writable_stream_locked
from .._writable.stream import WritableStream
from .cross_realm_transforms import set_up_cross_realm_transform_readable, set_up_cross_realm_transform_writable

if TYPE_CHECKING:
    DataHolder = dict[str, Any]


def readable_stream_transfer_steps(value: ReadableStream[Any], data_holder: DataHolder) -> None:
    """https://streams.spec.whatwg.org/#rs-transfer"""
    # 1. A locked stream can not be transferred.
    if is_readable_stream_locked(value):
        raise DataCloneError("a stream that has a reader can not be transferred; release the reader first")
    # 2. A new port,
    port1 = new(MessagePort)
    # 3. and another one,
    port2 = new(MessagePort)
    # 4. entangled.
    entangle(port1, port2)
    # 5. A new stream,
    writable: WritableStream[Any] = new(WritableStream)
    # 6. whose chunks go through the port.
    set_up_cross_realm_transform_writable(writable, port1)
    # 7. Pipe;
    promise = readable_stream_pipe_to(value, writable, False, False, False)
    # 8. how that ends shows on the other side.
    mark_as_handled(promise)
    # 9. The other port goes there.
    data_holder["port"] = structured_serialize_with_transfer(port2, [port2])


def readable_stream_transfer_receiving_steps(data_holder: DataHolder, value: ReadableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#rs-transfer"""
    # 1. Deserialize
    deserialized_record = structured_deserialize_with_transfer(data_holder["port"])
    # 2. the port.
    port = deserialized_record.deserialized
    # 3. The stream's chunks come through it.
    set_up_cross_realm_transform_readable(value, port)


def writable_stream_transfer_steps(value: WritableStream[Any], data_holder: DataHolder) -> None:
    """https://streams.spec.whatwg.org/#ws-transfer"""
    # 1. A locked stream can not be transferred.
    if is_writable_stream_locked(value):
        raise DataCloneError("a stream that has a writer can not be transferred; release the writer first")
    # 2. A new port,
    port1 = new(MessagePort)
    # 3. and another one,
    port2 = new(MessagePort)
    # 4. entangled.
    entangle(port1, port2)
    # 5. A new stream,
    readable: ReadableStream[Any] = new(ReadableStream)
    # 6. whose chunks come through the port.
    set_up_cross_realm_transform_readable(readable, port1)
    # 7. Pipe;
    promise = readable_stream_pipe_to(readable, value, False, False, False)
    # 8. how that ends shows on the other side.
    mark_as_handled(promise)
    # 9. The other port goes there.
    data_holder["port"] = structured_serialize_with_transfer(port2, [port2])


def writable_stream_transfer_receiving_steps(data_holder: DataHolder, value: WritableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#ws-transfer"""
    # 1. Deserialize
    deserialized_record = structured_deserialize_with_transfer(data_holder["port"])
    # 2. the port.
    port = deserialized_record.deserialized
    # 3. The stream's chunks go through it.
    set_up_cross_realm_transform_writable(value, port)


def transform_stream_transfer_steps(value: TransformStream[Any, Any], data_holder: DataHolder) -> None:
    """https://streams.spec.whatwg.org/#ts-transfer"""
    # 1. The one side,
    readable = value._readable
    # 2. and the other.
    writable = value._writable
    # 3. With a reader it can not be transferred,
    if is_readable_stream_locked(readable):
        raise DataCloneError("a transform stream whose readable side has a reader can not be transferred")
    # 4. nor with a writer.
    if is_writable_stream_locked(writable):
        raise DataCloneError("a transform stream whose writable side has a writer can not be transferred")
    # 5. Transfer the one,
    data_holder["readable"] = structured_serialize_with_transfer(readable, [readable])
    # 6. and the other.
    data_holder["writable"] = structured_serialize_with_transfer(writable, [writable])


def transform_stream_transfer_receiving_steps(data_holder: DataHolder, value: TransformStream[Any, Any]) -> None:
    """https://streams.spec.whatwg.org/#ts-transfer"""
    # 1. Deserialize the one,
    readable_record = structured_deserialize_with_transfer(data_holder["readable"])
    # 2. and the other.
    writable_record = structured_deserialize_with_transfer(data_holder["writable"])
    # 3. They are the sides
    value._readable = readable_record.deserialized
    # 4. of the stream.
    value._writable = writable_record.deserialized
    # 5. The rest has no use here.
    value._backpressure = None
    value._chain = None
    value._backpressure_change_promise = None
    value._behind = False
    value._irregular = 0
    value._misses = 0
    # (And it has no controller: the slot is not set.)


register_transferable(ReadableStream, readable_stream_transfer_steps, readable_stream_transfer_receiving_steps)
register_transferable(WritableStream, writable_stream_transfer_steps, writable_stream_transfer_receiving_steps)
register_transferable(TransformStream, transform_stream_transfer_steps, transform_stream_transfer_receiving_steps)
