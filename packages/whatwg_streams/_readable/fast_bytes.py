"""Fast paths of §4.5, §4.7 and §4.9.5: reading from, and filling, a stream with a byte controller.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.byte_controllers`,
`ops.pull_into`, `ops.readers` and the classes.

The buffer of a read, while no other is to be filled, has a descriptor that is used again for the next such read,
with its buffer and the view of its BYOB request: `SinglePullInto`. Users never see these three, only memoryviews;
so nobody can tell. It is used again only where a fast path has taken it out of the pending ones: then nobody else
refers to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from .._platform import buffers, event_loop
from .._platform.buffers import UINT8_ARRAY, ArrayBufferView, MemoryBuffer
from .._platform.promises import IT_WILL_TELL, Promise, a_promise_rejected_with, upon
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm, WrapperAlgorithm
from .._supporting.queue_with_sizes import NO_ITEMS
from . import byob_reader, byob_request, default_reader
from .ops import byte_controllers, pull_into as byte_pull_into
from .records import PullIntoDescriptor, ReadableByteStreamQueueEntry, ReadResult, tuple_new

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._platform.event_loop import MicrotaskQueue
    from .byob_reader import ReadableStreamBYOBReader
    from .byob_request import ReadableStreamBYOBRequest
    from .byte_controller import ReadableByteStreamController
    from .default_reader import ReadableStreamDefaultReader
    from .read_promise import ReadPromise
    from .records import ReadRequest
    from .stream import ReadableStream


@final
class SinglePullInto(PullIntoDescriptor):
    """The descriptor of a buffer of bytes, of which one is enough, with nothing else pending or queued."""

    __slots__ = ("memory", "request_view")

    def __init__(self) -> None:
        self.memory = MemoryBuffer(memoryview(b""))
        self.request_view = ArrayBufferView(self.memory, 0, 0, UINT8_ARRAY)
        super().__init__(self.memory, 0, 0, 0, 0, 1, 1, UINT8_ARRAY, "byob")


@final
class FillingAlgorithm(WrapperAlgorithm):
    """The pull algorithm of a source that can write to a reader's buffer at once, and reads nothing ahead of it.

    Args:
        pull: as there; called with the controller.
        controller: the controller.
        fill: writes bytes to a memoryview, and returns how many; 0, if that can not be done at once.
        wait: has steps called when `fill` may do it, and returns whether it will; otherwise it is the pull
            algorithm's turn, as always.
    """

    __slots__ = ("fill", "wait")

    def __init__(
        self,
        pull: Callable[..., Any],
        controller: ReadableByteStreamController,
        fill: Callable[[memoryview], int],
        wait: Callable[[Callable[[], object]], bool],
    ) -> None:
        super().__init__(pull, controller)
        self.fill = fill
        self.wait = wait


# Pulling -----------------------------------------------------------------------------------------


def call_pull_if_needed(controller: ReadableByteStreamController, queue: MicrotaskQueue | None = None) -> None:
    """ReadableByteStreamControllerCallPullIfNeeded, with ShouldCallPull inside.

    Args:
        controller: the controller.
        queue: that of the microtasks, if it is known to be used, and to be drained.
    """
    stream = controller._stream
    if controller._close_requested or not controller._started or stream._state != "readable":
        return
    if controller._queue_total_size >= controller._strategy_hwm:
        reader: Any = stream._reader
        if reader is None:
            return
        if type(reader) is byob_reader.ReadableStreamBYOBReader:
            if not reader._read_into_requests:
                return
        elif not reader._read_requests:
            return
    if controller._pulling:
        controller._pull_again = True
        return
    assert not controller._pull_again
    controller._pulling = True
    pull_algorithm: Any = controller._pull_algorithm
    if pull_algorithm.__class__ is CallbackAlgorithm or isinstance(pull_algorithm, CallbackAlgorithm):
        try:
            result = pull_algorithm.function(controller)
        except (Exception, asyncio.CancelledError) as exception:
            pull_promise: Promise[Any] = a_promise_rejected_with(reason_of(exception))
        else:
            if result is None:
                if type(pull_algorithm) is FillingAlgorithm:
                    pulled(controller)  # no code of users has run that could tell it from a microtask
                elif queue is None:
                    event_loop.enqueue_microtask(PULLED, controller)
                else:
                    queue._jobs.append((PULLED, controller))
                    queue._steps = 0
                return
            if result is IT_WILL_TELL:
                return
            pull_promise = pull_algorithm.promise_for(result)
    else:
        pull_promise = pull_algorithm()
    _upon_pulled(controller, pull_promise)


def _upon_pulled(controller: ReadableByteStreamController, pull_promise: Promise[Any]) -> None:
    upon(
        pull_promise,
        lambda _: pulled(controller),
        partial(byte_controllers.readable_byte_stream_controller_error, controller),
    )


def pulled(controller: ReadableByteStreamController) -> None:
    """The steps upon fulfillment of the pull promise."""
    controller._pulling = False
    if controller._pull_again:
        controller._pull_again = False
        call_pull_if_needed(controller)


#: The same as a microtask, which is known by its identity.
PULLED: Final[Callable[[ReadableByteStreamController], None]] = pulled


def started(controller: ReadableByteStreamController) -> None:
    """The steps upon fulfillment of the start promise."""
    controller._started = True
    assert not controller._pulling
    call_pull_if_needed(controller)


# A BYOB reader -----------------------------------------------------------------------------------


def read_into(reader: ReadableStreamBYOBReader, view: Any, min_: Any) -> Promise[ReadResult[Any]] | None:
    """ReadableStreamBYOBReader.read, where it has to wait and is the only one that waits.

    A source that can write to the buffer at once does so; only with such a source may it be for more than one byte.

    Returns:
        The promise; None if the plain algorithm is needed.
    """
    stream = reader._stream
    if stream is None or stream._state != "readable" or stream._unread:
        return None
    its_controller: Any = stream._controller
    controller: ReadableByteStreamController = its_controller
    pending = controller._pending_pull_intos
    if pending or controller._queue_total_size:
        return None
    pull_algorithm: Any = controller._pull_algorithm
    filling = type(pull_algorithm) is FillingAlgorithm and controller._started and not controller._pulling
    if min_ != 1 and not (filling and _fits(view, min_)):
        return None
    data = memoryview(view) if view.__class__ is bytearray and view else buffers.take_bytes(view, writable=True)
    if data is None:
        return None
    stream._disturbed = True
    filled = 0
    if filling:
        filled = pull_algorithm.fill(data)
        if filled >= min_:
            return _fulfilled(stream, data if filled == len(data) else data[:filled])
    promise = byob_reader._ReadIntoPromise(stream)
    descriptor: PullIntoDescriptor
    if filled:
        size = len(data)
        descriptor = PullIntoDescriptor(MemoryBuffer(data), size, 0, size, filled, min_, 1, UINT8_ARRAY, "byob")
    else:
        descriptor = single = controller._spare_pull_into or SinglePullInto()
        controller._spare_pull_into = None
        memory = single.memory
        memory.data = data
        memory.detached = False
        memory.byte_length = descriptor.byte_length = descriptor.buffer_byte_length = data.nbytes
        descriptor.minimum_fill = min_
    if pending is NO_ITEMS:
        controller._pending_pull_intos = pending = deque([descriptor])
    else:
        pending.append(descriptor)
    if reader._read_into_requests is NO_ITEMS:
        reader._read_into_requests = deque()
    reader._read_into_requests.append(promise)
    if filling and pull_algorithm.wait(partial(_fill_the_first, controller)):
        controller._pulling = True
    elif not controller._pulling:
        call_pull_if_needed(controller)
    elif not controller._close_requested:
        controller._pull_again = True
    return promise


def _fits(view: Any, min_: int) -> bool:
    """Whether it is a buffer with room for so many bytes."""
    try:
        return (type(view) is bytearray or type(view) is memoryview) and 0 < min_ <= len(view)
    except ValueError:  # it was released
        return False


def _fulfilled(stream: ReadableStream[Any], data: memoryview) -> Promise[ReadResult[Any]]:
    promise = byob_reader._ReadIntoPromise(stream)
    promise._promise_state = "fulfilled"
    promise._promise_result = tuple_new(ReadResult, (data, False))
    promise._already_resolved = True
    return promise


def _fill_the_first(controller: ReadableByteStreamController) -> None:
    """The source may fill a buffer now: the first that waits, if there still is one."""
    if controller._stream._state != "readable":
        return
    controller._pulling = False
    controller._pull_again = False
    pull_algorithm: Any = controller._pull_algorithm
    if controller._pending_pull_intos:
        first = controller._pending_pull_intos[0]
        start, end = first.byte_offset + first.bytes_filled, first.byte_offset + first.byte_length
        filled = pull_algorithm.fill(first.buffer.data[start:end])
        if filled > 0:
            byte_pull_into.readable_byte_stream_controller_respond(controller, filled)
            return
    call_pull_if_needed(controller)


def end_the_pull(controller: ReadableByteStreamController) -> None:
    """A pull has ended, for which there was no promise; the next may be needed."""
    controller._pulling = False
    controller._pull_again = False
    call_pull_if_needed(controller)


def get_byob_request(controller: ReadableByteStreamController) -> ReadableStreamBYOBRequest | None:
    """ReadableByteStreamControllerGetBYOBRequest, of a `SinglePullInto`.

    Returns:
        The request; None if the plain algorithm is needed.
    """
    if controller._byob_request is not None:
        return controller._byob_request
    pending = controller._pending_pull_intos
    if not pending:
        return None
    descriptor = pending[0]
    if type(descriptor) is not SinglePullInto or descriptor.buffer is not descriptor.memory:
        return None
    view: ArrayBufferView = descriptor.request_view
    view.byte_length = descriptor.byte_length
    view.constructor = constructor = buffers.uint8_array
    if constructor is UINT8_ARRAY:  # nearly everybody asks for it next
        memory = descriptor.memory
        view._object = memory.data[:]
        memory._views = (view._object,) if not memory._views else (*memory._views, view._object)
    interface = byob_request.ReadableStreamBYOBRequest
    controller._byob_request = request = interface.__new__(interface)
    request._controller = controller
    request._view = view
    return request


def respond(controller: ReadableByteStreamController, bytes_written: object, written: bytes | None = None) -> bool:
    """ReadableByteStreamControllerRespond, to a `SinglePullInto` with no other behind it.

    Args:
        controller: the controller.
        bytes_written: how many bytes were written.
        written: bytes that are to be written first.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    pending = controller._pending_pull_intos
    stream = controller._stream
    if len(pending) != 1 or stream._state != "readable" or stream._unread:
        return False
    descriptor = pending[0]
    if type(descriptor) is not SinglePullInto:
        return False
    memory = descriptor.memory
    if (
        descriptor.buffer is not memory
        or memory.detached
        or descriptor.reader_type != "byob"
        or type(bytes_written) is not int
        or not descriptor.minimum_fill <= bytes_written <= descriptor.byte_length
    ):
        return False
    if written is not None:
        memory.data[:bytes_written] = written
    request = controller._byob_request
    if request is not None:
        request._controller = request._view = controller._byob_request = None
        descriptor.request_view._object = None
    pending.popleft()
    filled = memory.hand_over(bytes_written)
    controller._spare_pull_into = descriptor
    reader: Any = stream._reader
    pull_algorithm: Any = controller._pull_algorithm
    promise: ReadPromise = reader._read_into_requests.popleft()  # no other request has such a descriptor
    reaction = promise._promise_reactions
    promise._already_resolved = True
    promise._promise_result = tuple_new(ReadResult, (filled, False))
    promise._promise_state = "fulfilled"
    if reaction is not None:
        promise._promise_reactions = None
        reaction.on_settled(promise)
    if (
        reader._read_into_requests
        or stream._reader is not reader
        or (controller._strategy_hwm and pull_algorithm.__class__ is not FillingAlgorithm)
    ):
        call_pull_if_needed(controller)
    return True


# The queue, and a default reader -----------------------------------------------------------------


def enqueue(controller: ReadableByteStreamController, chunk: Any) -> bool:
    """ReadableByteStreamController.enqueue, of plain bytes.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    stream = controller._stream
    if controller._close_requested or stream._state != "readable" or buffers.uint8_array is not UINT8_ARRAY:
        return False
    if controller._pending_pull_intos:
        return type(chunk) is bytes and respond(controller, len(chunk), chunk)
    data = buffers.take_bytes(chunk, writable=False)
    if data is None:
        return False
    reader: Any = stream._reader
    if type(reader) is default_reader.ReadableStreamDefaultReader and reader._read_requests:
        assert not controller._queue
        reader._read_requests.popleft().chunk_steps(data)
    else:
        if controller._queue is NO_ITEMS:
            controller._queue = deque()
        size = data.nbytes
        controller._queue.append(ReadableByteStreamQueueEntry(MemoryBuffer(data), 0, size))
        controller._queue_total_size += size
    if not controller._pulling or not controller._pull_again:
        call_pull_if_needed(controller)
    return True


def read(reader: ReadableStreamDefaultReader[Any], stream: ReadableStream[Any]) -> Promise[ReadResult[Any]] | None:
    """ReadableStreamDefaultReader.read, steps 2 to 5, of a byte stream that allocates no buffers.

    Returns:
        The promise; None if the plain algorithm is needed.
    """
    its_controller: Any = stream._controller
    controller: ReadableByteStreamController = its_controller
    if stream._state != "readable" or stream._unread or buffers.uint8_array is not UINT8_ARRAY:
        return None
    queue = controller._queue
    if queue:
        if controller._close_requested and len(queue) == 1:
            return None
        stream._disturbed = True
        promise = default_reader._ReadPromise(stream)
        entry = queue.popleft()
        controller._queue_total_size -= entry.byte_length
        if not controller._pulling or not controller._pull_again:
            call_pull_if_needed(controller)
        promise._already_resolved = True
        promise._promise_result = tuple_new(ReadResult, (_all_of(entry), False))
        promise._promise_state = "fulfilled"
        return promise
    if controller._auto_allocate_chunk_size is not None:
        return None
    stream._disturbed = True
    promise = default_reader._ReadPromise(stream)
    if reader._read_requests is NO_ITEMS:
        reader._read_requests = deque()
    reader._read_requests.append(promise)
    if not controller._pulling or not controller._pull_again:
        call_pull_if_needed(controller)
    return promise


def read_for(stream: ReadableStream[Any], read_request: ReadRequest) -> bool:
    """ReadableStreamDefaultReaderRead, while bytes are queued.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    its_controller: Any = stream._controller
    controller: ReadableByteStreamController = its_controller
    queue = controller._queue
    if (
        not queue
        or stream._state != "readable"
        or stream._unread
        or buffers.uint8_array is not UINT8_ARRAY
        or (controller._close_requested and len(queue) == 1)
    ):
        return False
    stream._disturbed = True
    entry = queue.popleft()
    controller._queue_total_size -= entry.byte_length
    if not controller._pulling or not controller._pull_again:
        call_pull_if_needed(controller)
    read_request.chunk_steps(_all_of(entry))
    return True


def _all_of(entry: ReadableByteStreamQueueEntry) -> Any:
    """What a reader is handed of an entry that has left the queue."""
    buffer = entry.buffer
    if entry.byte_length == buffer.byte_length and type(buffer) is MemoryBuffer:
        return buffer.data
    return ArrayBufferView(buffer, entry.byte_offset, entry.byte_length, UINT8_ARRAY).object
