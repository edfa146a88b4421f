"""Fast paths of §4.7 and §4.9.5: pulling, and filling the queue of, a stream with a byte controller.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.byte_controllers`,
`ops.readers` and the classes. What has to do with buffers that readers bring is in `fast_read_into`.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from .._platform import buffers, event_loop
from .._platform.buffers import UINT8_ARRAY, ArrayBufferView, MemoryBuffer
from .._platform.fast_paths import fast_paths
from .._platform.promises import IT_WILL_TELL, Promise, a_promise_rejected_with, upon
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm, WrapperAlgorithm
from .._supporting.queue_with_sizes import NO_ITEMS
from . import byob_reader, default_reader, fast_read_into
from .ops import byte_controllers
from .records import READ_RESULT, ReadableByteStreamQueueEntry, ReadResult, tuple_new

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._platform.event_loop import MicrotaskQueue
    from .byte_controller import ReadableByteStreamController
    from .default_reader import ReadableStreamDefaultReader
    from .records import ReadRequest
    from .stream import ReadableStream


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
        except BaseException as exception:
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
    upon_pulled(controller, pull_promise)


def upon_pulled(controller: ReadableByteStreamController, pull_promise: Promise[Any]) -> None:
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


def end_the_pull(controller: ReadableByteStreamController) -> None:
    """A pull has ended, for which there was no promise; the next may be needed."""
    controller._pulling = False
    controller._pull_again = False
    call_pull_if_needed(controller)


#: `pulled` as a microtask, which is known by its identity.
PULLED: Final[Callable[[ReadableByteStreamController], None]] = pulled


def started(controller: ReadableByteStreamController) -> None:
    """The steps upon fulfillment of the start promise."""
    controller._started = True
    assert not controller._pulling
    call_pull_if_needed(controller)


# The queue, and a default reader -----------------------------------------------------------------


def enqueue(controller: ReadableByteStreamController, chunk: Any) -> bool:
    """ReadableByteStreamController.enqueue, of plain bytes.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    stream = controller._stream
    if controller._close_requested or stream._state != "readable" or not fast_paths.own_buffers:
        return False
    if controller._pending_pull_intos:
        return type(chunk) is bytes and fast_read_into.respond(controller, len(chunk), chunk)
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
    if stream._state != "readable" or stream._unread or not fast_paths.own_buffers:
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
        promise._promise_result = tuple_new(READ_RESULT, (_all_of(entry), False))
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
        or not fast_paths.own_buffers
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
