"""Beyond the standard: reads whose only observer, an asyncio task, was cancelled.

JavaScript has no such thing. In Python `asyncio.timeout` around `await reader.read()` must not lose data, so

- a read that is pending is withdrawn: its request is taken out, and if the source may be filling its
  buffer already, that buffer becomes nobody's, as when a reader is released;
- a read that was fulfilled, but whose task was cancelled before it could see the chunk, gives the chunk
  back: to the next request that waits, or else it stays in the stream's `_unread`, in the order of the
  reads, until somebody reads.

The algorithms of §4.9.3 look at `_unread` first, and know nothing more of all this.
"""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from .._platform import buffers
from .._platform.buffers import ArrayBufferView, view_of
from .._supporting.miscellaneous import clone_as_uint8_array, copy_data_block_bytes, transfer_array_buffer
from . import byob_reader, byte_controller, default_reader
from .records import ReadableByteStreamQueueEntry

if TYPE_CHECKING:
    from .._platform.buffers import ArrayBuffer
    from .._platform.promises import AbandonablePromise
    from .byte_controller import ReadableByteStreamController
    from .records import PullIntoDescriptor, ReadIntoRequest, ReadRequest
    from .stream import ReadableStream

#: Reads are numbered, so that chunks that are given back keep their order.
serials = itertools.count()


def withdraw_read_request(stream: ReadableStream[Any], request: object, promise: AbandonablePromise[Any]) -> None:
    """The request of a default reader, which is pending, has no observer any more."""
    reader = stream._reader
    if isinstance(reader, default_reader.ReadableStreamDefaultReader):
        _withdraw(stream, cast("deque[object]", reader._read_requests), request)
    promise._withdraw()


def withdraw_read_into_request(stream: ReadableStream[Any], request: object, promise: AbandonablePromise[Any]) -> None:
    """The request of a BYOB reader, which is pending, has no observer any more."""
    reader = stream._reader
    if isinstance(reader, byob_reader.ReadableStreamBYOBReader):
        _withdraw(stream, cast("deque[object]", reader._read_into_requests), request)
    promise._withdraw()


def _withdraw(stream: ReadableStream[Any], requests: deque[object], request: object) -> None:
    """Take the request out, and with it the buffer that was to be filled for it."""
    if request not in requests:
        return
    index = requests.index(request)
    del requests[index]
    controller = stream._controller
    if not isinstance(controller, byte_controller.ReadableByteStreamController):
        return
    pending = controller._pending_pull_intos
    if pending and pending[0].reader_type == "none":
        index += 1  # that one is nobody's already, and has no request
    if index >= len(pending):
        return  # a default reader without buffers of its own
    if index > 0:
        del pending[index]
        return
    _keep_what_was_filled(stream, pending[0])
    pending[0].reader_type = "none"


def _keep_what_was_filled(stream: ReadableStream[Any], descriptor: PullIntoDescriptor) -> None:
    """A read that waits for its minimum may have got some bytes: the next read gets them at once."""
    filled = descriptor.bytes_filled
    if filled == 0:
        return
    view = ArrayBufferView(descriptor.buffer, descriptor.byte_offset, filled, buffers.uint8_array)
    _keep(stream, -1, clone_as_uint8_array(view))
    descriptor.byte_offset += filled
    descriptor.byte_length -= filled
    descriptor.bytes_filled = 0
    descriptor.minimum_fill = 1


# Giving chunks back --------------------------------------------------------------------------------


def give_back(stream: ReadableStream[Any], serial: int, chunk: object) -> None:
    """The read of this number was fulfilled with the chunk, but has no observer any more."""
    reader = stream._reader
    _keep(stream, serial, chunk)
    if isinstance(reader, default_reader.ReadableStreamDefaultReader) and reader._read_requests:
        request = reader._read_requests[0]
        _withdraw(stream, cast("deque[object]", reader._read_requests), request)
        read(stream, request)


def _keep(stream: ReadableStream[Any], serial: int, chunk: object) -> None:
    if stream._unread is None:
        stream._unread = []
    bisect.insort(stream._unread, (serial, chunk), key=lambda entry: entry[0])


def exchange(stream: ReadableStream[Any], serial: int, chunk: ArrayBufferView) -> ArrayBufferView:
    """A read-into request, made before a chunk was given back, is fulfilled after that: keep the order."""
    assert stream._unread
    _keep(stream, serial, clone_as_uint8_array(chunk))
    stream._unread = _take(stream._unread, chunk.buffer, chunk.byte_offset, chunk.byte_length)
    return chunk


# Reading them ----------------------------------------------------------------------------------------


def read(stream: ReadableStream[Any], read_request: ReadRequest) -> None:
    """Give the first unread chunk to the request."""
    assert stream._unread
    _, chunk = stream._unread.pop(0)
    read_request.chunk_steps(chunk.object if isinstance(chunk, ArrayBufferView) else chunk)


def read_into(
    stream: ReadableStream[Any], view: ArrayBufferView, min_: int, read_into_request: ReadIntoRequest
) -> bool:
    """Fill the view with unread bytes; if there are not enough, put them back into the queue instead.

    Returns:
        Whether the request was served.
    """
    assert stream._unread
    controller = cast("ReadableByteStreamController", stream._controller)
    unread = [_as_view(chunk) for _, chunk in stream._unread]
    element_size = view.constructor.element_size
    available = sum(one.byte_length for one in unread)
    size = min(available, view.byte_length)
    size -= size % element_size
    if size < min_ * element_size and stream._state == "readable":
        for one in reversed(unread):
            controller._queue.appendleft(ReadableByteStreamQueueEntry(one.buffer, one.byte_offset, one.byte_length))
            controller._queue_total_size += one.byte_length
        stream._unread = None
        return False
    if size == 0:
        return False
    buffer = transfer_array_buffer(view.buffer)
    stream._unread = _take(stream._unread, buffer, view.byte_offset, size)
    read_into_request.chunk_steps(ArrayBufferView(buffer, view.byte_offset, size, view.constructor))
    return True


def _take(
    unread: list[tuple[int, Any]], buffer: ArrayBuffer, byte_offset: int, size: int
) -> list[tuple[int, Any]] | None:
    """Copy so many unread bytes to the buffer, and return what is left."""
    left = deque((serial, _as_view(chunk)) for serial, chunk in unread)
    end = byte_offset + size
    while byte_offset < end:
        serial, head = left.popleft()
        count = min(end - byte_offset, head.byte_length)
        copy_data_block_bytes(buffer, byte_offset, head.buffer, head.byte_offset, count)
        byte_offset += count
        if count < head.byte_length:
            rest = ArrayBufferView(head.buffer, head.byte_offset + count, head.byte_length - count, head.constructor)
            left.appendleft((serial, rest))
    return list(left) or None


def _as_view(chunk: object) -> ArrayBufferView:
    return chunk if isinstance(chunk, ArrayBufferView) else view_of(chunk, "chunk")
