"""Beyond the standard: reads whose only observer, an asyncio task, was cancelled.

JavaScript has no such thing. In Python `asyncio.timeout` around `await reader.read()` must not lose data, so

- a read that is pending is withdrawn: its request is taken out, and if the source may be filling its
  buffer already, that buffer becomes nobody's, as when a reader is released;
- a read that was fulfilled, but whose task was cancelled before it could see the chunk, gives the chunk
  back: it goes to the request that waits, or else stays in the stream's `_unread`, in the order of the
  reads, until somebody reads.

The algorithms of §4.9.2 and §4.9.3 look at `_unread` first, and know nothing more of all this.

What is given back to a BYOB read that waits, while the source is writing to its buffer, is handed out in
other memory; that is the one case in which the memoryview of a result is not of the buffer that was read
into.
"""

from __future__ import annotations

import bisect
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast

from .._platform import buffers, event_loop
from .._platform.buffers import ArrayBufferView, view_of
from .._supporting.miscellaneous import clone_as_uint8_array, copy_data_block_bytes, transfer_array_buffer
from .._supporting.queue_with_sizes import owned
from . import byob_reader, byte_controller, default_reader
from .records import PullIntoDescriptor, ReadableByteStreamQueueEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._platform.buffers import ArrayBuffer
    from .byob_reader import ReadableStreamBYOBReader
    from .byte_controller import ReadableByteStreamController
    from .records import ReadIntoRequest, ReadRequest
    from .stream import ReadableStream

#: Of a stream that was cancelled: nothing is kept for it any more.
DROPPED: Sequence[Any] = ()


class _Numbered(Protocol):
    serial: int  # of the read among those from its stream, so that chunks that are given back keep their order


# Taking requests back ------------------------------------------------------------------------------


def withdraw_read_request(stream: ReadableStream[Any], request: _Numbered) -> None:
    """The request of a default reader, which is pending, has no observer any more."""
    reader = stream._reader
    if isinstance(reader, default_reader.ReadableStreamDefaultReader):
        _withdraw(stream, cast("deque[_Numbered]", reader._read_requests), request)


def withdraw_read_into_request(stream: ReadableStream[Any], request: _Numbered) -> None:
    """The request of a BYOB reader, which is pending, has no observer any more."""
    reader = stream._reader
    if isinstance(reader, byob_reader.ReadableStreamBYOBReader):
        _withdraw(stream, cast("deque[_Numbered]", reader._read_into_requests), request)
        _serve_those_who_wait(stream)


def _withdraw(stream: ReadableStream[Any], requests: deque[_Numbered], request: _Numbered) -> None:
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
    _keep_what_was_filled(stream, request.serial, pending[index])
    if index == 0 and controller._byob_request is not None:
        pending[0].reader_type = "none"  # the source may be writing to it
    else:
        del pending[index]


def _keep_what_was_filled(stream: ReadableStream[Any], serial: int, descriptor: PullIntoDescriptor) -> None:
    """A read that waits for its minimum may have got some bytes: they are not lost, nor overwritten."""
    if descriptor.bytes_filled == 0:
        return
    if descriptor.buffer.detached:  # the tee algorithm has lent it: they are queued when it is back, or `take_back`
        descriptor.withdrawn_read = serial
        return
    _keep_bytes_of(stream, serial, descriptor, descriptor.buffer)


def _keep_bytes_of(
    stream: ReadableStream[Any], serial: int, descriptor: PullIntoDescriptor, buffer: ArrayBuffer
) -> None:
    filled = descriptor.bytes_filled
    view = ArrayBufferView(buffer, descriptor.byte_offset, filled, buffers.uint8_array)
    _keep(stream, serial, clone_as_uint8_array(view))
    descriptor.byte_offset += filled
    descriptor.byte_length -= filled
    descriptor.bytes_filled = 0
    descriptor.minimum_fill = 1


def take_back(stream: ReadableStream[Any], view: ArrayBufferView) -> None:
    """The view that the tee algorithm had lent is back, and the stream ends.

    A read that was withdrawn meanwhile may have got some bytes: whoever waits is given them, before the end.
    """
    controller = cast("ReadableByteStreamController", stream._controller)
    if not controller._pending_pull_intos:
        return
    descriptor = controller._pending_pull_intos[0]
    if descriptor.withdrawn_read is not None:
        _keep_bytes_of(stream, descriptor.withdrawn_read, descriptor, view.buffer)
        _serve_those_who_wait(stream)


# Giving chunks back --------------------------------------------------------------------------------


def give_back(stream: ReadableStream[Any], serial: int, chunk: object) -> None:
    """The read of this number was fulfilled with the chunk, but has no observer any more."""
    if stream._unread is DROPPED:
        discard(stream, [chunk])
        return
    _keep(stream, serial, chunk)
    event_loop.enqueue_microtask(_serve_those_who_wait, stream)  # others may be given back in the same step


def _keep(stream: ReadableStream[Any], serial: int, chunk: object) -> None:
    if not stream._unread:
        stream._unread = []
    bisect.insort(cast("list[Any]", stream._unread), (serial, chunk), key=lambda entry: entry[0])


def _serve_those_who_wait(stream: ReadableStream[Any]) -> None:
    reader = stream._reader
    if isinstance(reader, default_reader.ReadableStreamDefaultReader):
        while stream._unread and reader._read_requests:
            request = reader._read_requests[0]
            _withdraw(stream, cast("deque[_Numbered]", reader._read_requests), cast("_Numbered", request))
            read(stream, request)
    elif isinstance(reader, byob_reader.ReadableStreamBYOBReader):
        while stream._unread and reader._read_into_requests:
            if not _serve_the_first_that_waits(stream, reader):
                return


def _serve_the_first_that_waits(stream: ReadableStream[Any], reader: ReadableStreamBYOBReader) -> bool:
    """Fulfill the first read-into request with unread bytes, if there are enough of them."""
    controller = cast("ReadableByteStreamController", stream._controller)
    pending = controller._pending_pull_intos
    index = 1 if pending[0].reader_type == "none" else 0
    descriptor = pending[index]
    size = _how_many(stream, descriptor.byte_length, descriptor.element_size)
    if size < descriptor.minimum_fill or descriptor.bytes_filled > 0:
        return False
    if index == 0 and controller._byob_request is not None:
        descriptor.reader_type = "none"  # the source may be writing to it
        buffer, byte_offset = buffers.construct_array_buffer(size), 0
    else:
        buffer, byte_offset = transfer_array_buffer(descriptor.buffer), descriptor.byte_offset
        del pending[index]
    request = reader._read_into_requests.popleft()
    _take(stream, buffer, byte_offset, size)
    request.chunk_steps(ArrayBufferView(buffer, byte_offset, size, descriptor.view_constructor))
    return True


# Letting go of them ----------------------------------------------------------------------------------


def drop(stream: ReadableStream[Any]) -> None:
    """The stream is cancelled: nobody wants what is unread."""
    left = stream._unread
    stream._unread = DROPPED
    if left:
        discard(stream, [chunk for _, chunk in left])


def discard(stream: ReadableStream[Any], chunks: Iterable[Any]) -> None:
    """Nobody will ever get what was in the queue.

    Where chunks hold something that has to be given back, as sockets do, whoever set up the stream has given
    an algorithm for it.
    """
    discard_algorithm = getattr(stream, "_discard_algorithm", None)
    if discard_algorithm is not None:
        for chunk in chunks:
            discard_algorithm(chunk)


# Reading them ----------------------------------------------------------------------------------------


def read(stream: ReadableStream[Any], read_request: ReadRequest) -> None:
    """Give the first unread chunk to the request."""
    assert stream._unread
    _, chunk = cast("list[Any]", stream._unread).pop(0)
    if isinstance(chunk, ArrayBufferView):
        chunk = ArrayBufferView(chunk.buffer, chunk.byte_offset, chunk.byte_length, buffers.uint8_array).object
    read_request.chunk_steps(chunk)


def read_into(
    stream: ReadableStream[Any], view: ArrayBufferView, min_: int, read_into_request: ReadIntoRequest
) -> bool:
    """Fill the view with unread bytes; if there are not enough, let the read go on where they end.

    Returns:
        Whether the request was seen to.
    """
    controller = cast("ReadableByteStreamController", stream._controller)
    element_size = view.constructor.element_size
    size = _how_many(stream, view.byte_length, element_size)
    enough = size >= min_ * element_size
    if not enough and stream._state == "readable" and not controller._pending_pull_intos:
        _put_back_into_the_queue(stream, controller)
        return False
    if not enough and stream._state != "readable" and size == 0:
        return False
    try:
        buffer = transfer_array_buffer(view.buffer)
    except TypeError as error:
        read_into_request.error_steps(error)
        return True
    if not enough and stream._state == "readable":
        size = min(_available(stream), view.byte_length)
        _take(stream, buffer, view.byte_offset, size)
        _wait_behind_others(stream, controller, buffer, view, min_, size, read_into_request)
        return True
    _take(stream, buffer, view.byte_offset, size)
    read_into_request.chunk_steps(ArrayBufferView(buffer, view.byte_offset, size, view.constructor))
    return True


def _put_back_into_the_queue(stream: ReadableStream[Any], controller: ReadableByteStreamController) -> None:
    controller._queue = owned(controller._queue)
    for _, chunk in reversed(stream._unread or ()):
        view = _as_view(chunk)
        controller._queue.appendleft(ReadableByteStreamQueueEntry(view.buffer, view.byte_offset, view.byte_length))
        controller._queue_total_size += view.byte_length
    stream._unread = None


def _wait_behind_others(
    stream: ReadableStream[Any],
    controller: ReadableByteStreamController,
    buffer: ArrayBuffer,
    view: ArrayBufferView,
    min_: int,
    filled: int,
    read_into_request: ReadIntoRequest,
) -> None:
    """Steps 13 and 14 of ReadableByteStreamControllerPullInto, for a buffer that holds some bytes already."""
    element_size = view.constructor.element_size
    controller._pending_pull_intos = owned(controller._pending_pull_intos)
    controller._pending_pull_intos.append(
        PullIntoDescriptor(
            buffer=buffer,
            buffer_byte_length=buffer.byte_length,
            byte_offset=view.byte_offset,
            byte_length=view.byte_length,
            bytes_filled=filled,
            minimum_fill=min_ * element_size,
            element_size=element_size,
            view_constructor=view.constructor,
            reader_type="byob",
        )
    )
    reader = cast("ReadableStreamBYOBReader", stream._reader)
    reader._read_into_requests = owned(reader._read_into_requests)
    reader._read_into_requests.append(read_into_request)


def before(stream: ReadableStream[Any], chunk: ArrayBufferView, *, done: bool) -> tuple[ArrayBufferView, bool]:
    """A read-into request is fulfilled, though bytes from before it are unread: it gets those first.

    Returns:
        What it is fulfilled with instead.
    """
    if not done:
        stream._reads += 1
        _keep(stream, stream._reads, clone_as_uint8_array(chunk))
        _take(stream, chunk.buffer, chunk.byte_offset, chunk.byte_length)
        return chunk, False
    room = chunk.buffer.byte_length - chunk.byte_offset
    size = _how_many(stream, room, chunk.constructor.element_size)
    if size == 0:
        return chunk, True
    _take(stream, chunk.buffer, chunk.byte_offset, size)
    return ArrayBufferView(chunk.buffer, chunk.byte_offset, size, chunk.constructor), False


def _available(stream: ReadableStream[Any]) -> int:
    return sum(_as_view(chunk).byte_length for _, chunk in stream._unread or ())


def _how_many(stream: ReadableStream[Any], room: int, element_size: int) -> int:
    """How many unread bytes there are and fit, in whole items."""
    size = min(_available(stream), room)
    return size - size % element_size


def _take(stream: ReadableStream[Any], buffer: ArrayBuffer, byte_offset: int, size: int) -> None:
    """Move so many unread bytes to the buffer."""
    left = deque((serial, _as_view(chunk)) for serial, chunk in stream._unread or ())
    end = byte_offset + size
    while byte_offset < end:
        serial, head = left.popleft()
        count = min(end - byte_offset, head.byte_length)
        copy_data_block_bytes(buffer, byte_offset, head.buffer, head.byte_offset, count)
        byte_offset += count
        if count < head.byte_length:
            rest = ArrayBufferView(head.buffer, head.byte_offset + count, head.byte_length - count, head.constructor)
            left.appendleft((serial, rest))
    stream._unread = list(left) or None


def _as_view(chunk: object) -> ArrayBufferView:
    return chunk if isinstance(chunk, ArrayBufferView) else view_of(chunk, "chunk")
