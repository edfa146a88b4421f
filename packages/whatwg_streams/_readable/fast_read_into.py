"""Fast paths of §4.5, §4.7 and §4.8: reading into a buffer, while it is the only one that waits to be filled.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.pull_into`, `ops.readers`,
`ops.byte_controllers` and the classes.

The buffer of such a read has a descriptor that is used again for the next one, with its buffer and the view of its BYOB
request: `SinglePullInto`. Users never see these three, only memoryviews; so nobody can tell. It is used again only
where `respond` has taken it out of the pending ones: then nobody else refers to it.

What a task that awaits such a read waits for is, most of the time, one microtask: the pull before is done, so that the
source is pulled again, and responds. It runs inside of the task, which need not be suspended then.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, final

from .._platform import buffers
from .._platform.buffers import MEMORYVIEW, NO_DATA, UINT8_ARRAY, ArrayBufferView, MemoryBuffer
from .._platform.event_loop import MicrotaskQueue, _this_thread, eager_tasks, scheduling
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm
from .._supporting.queue_with_sizes import NO_ITEMS
from . import byob_reader, byob_request, fast_bytes
from .ops import pull_into as byte_pull_into
from .records import READ_RESULT, PullIntoDescriptor, ReadResult, tuple_new

if TYPE_CHECKING:
    from .._platform.event_loop import Waiter
    from .byob_reader import ReadableStreamBYOBReader
    from .byob_request import ReadableStreamBYOBRequest
    from .byte_controller import ReadableByteStreamController
    from .read_promise import ReadPromise
    from .stream import ReadableStream


@final
class SinglePullInto(PullIntoDescriptor):
    """The descriptor of a buffer of bytes, with nothing else pending or queued when it came."""

    __slots__ = ("memory", "request_view")

    def __init__(self) -> None:
        self.memory = MemoryBuffer(NO_DATA)
        self.request_view = ArrayBufferView(self.memory, 0, 0, UINT8_ARRAY)
        super().__init__(self.memory, 0, 0, 0, 0, 1, 1, UINT8_ARRAY, "byob")


# The read ----------------------------------------------------------------------------------------


def read(reader: ReadableStreamBYOBReader, view: Any, min_: int) -> Promise[ReadResult[Any]] | None:
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
    filling = not controller._pulling and type(pull_algorithm) is fast_bytes.FillingAlgorithm and controller._started
    if min_ != 1 and not (filling and _fits(view, min_)):
        return None
    data = MEMORYVIEW(view) if type(view) is bytearray and view else buffers.take_bytes(view, writable=True)
    if data is None:
        return None
    stream._disturbed = True
    size = len(data)
    filled = 0
    if filling:
        filled = pull_algorithm.fill(data)
        if filled >= min_:
            return _fulfilled(stream, data if filled == size else data[:filled])
    promise = byob_reader._ReadIntoPromise(stream)
    descriptor: PullIntoDescriptor
    if filled:
        descriptor = PullIntoDescriptor(MemoryBuffer(data), size, 0, size, filled, min_, 1, UINT8_ARRAY, "byob")
    else:
        descriptor = single = controller._spare_pull_into or SinglePullInto()
        controller._spare_pull_into = None
        memory = single.memory
        memory.data = data
        if memory.byte_length != size:
            single.byte_length = single.buffer_byte_length = size
            memory.byte_length = single.request_view.byte_length = size
        single.minimum_fill = min_
    if pending is NO_ITEMS:
        controller._pending_pull_intos = deque([descriptor])
    else:
        pending.append(descriptor)
    if reader._read_into_requests is NO_ITEMS:
        reader._read_into_requests = deque()
    reader._read_into_requests.append(promise)
    if controller._pulling:
        controller._pull_again = True
    elif filling and pull_algorithm.wait(partial(_fill_the_first, controller)):
        controller._pulling = True
    else:
        fast_bytes.call_pull_if_needed(controller)
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
    promise._promise_result = tuple_new(READ_RESULT, (data, False))
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
    fast_bytes.call_pull_if_needed(controller)


def wait(promise: ReadPromise) -> ReadResult[Any] | ReadPromise | Waiter | None:
    """Wait for a read that is pending, where the only microtask that is queued is the pull of its source.

    Returns:
        The result, or the promise when it has settled, if the task may go on at once; or the waiter that the task has
        to yield. None if the plain algorithm is needed.
    """
    queue = _this_thread.queue
    jobs = queue._jobs
    if (
        len(jobs) != 1
        or promise._promise_reactions is not None
        or queue._spent >= scheduling.microtasks_per_turn
        or scheduling.enqueue_elsewhere is not None
        or eager_tasks
    ):
        return None
    job = jobs[0]
    steps, its_controller = job
    if steps is not fast_bytes.PULLED:
        return None
    controller: ReadableByteStreamController = its_controller
    its_algorithm: Any = controller._pull_algorithm  # None, if the stream is not readable
    if (
        controller is not promise.stream._controller
        or not controller._pull_again
        or controller._close_requested
        or type(its_algorithm) is not CallbackAlgorithm
    ):
        return None
    pull_algorithm: CallbackAlgorithm = its_algorithm
    here: Any = queue  # or a compiled module would expect to find it there afterwards
    promise._promise_reactions = here
    promise._promise_is_handled = True
    promise._observers = 1
    # ReadableByteStreamControllerCallPullIfNeeded: it is, for the promise is pending.
    jobs.popleft()
    queue._spent += 1
    draining = queue._draining
    queue._draining = True
    controller._pull_again = False
    try:
        result = pull_algorithm.function(controller)
    except BaseException as exception:
        fast_bytes.upon_pulled(controller, a_promise_rejected_with(reason_of(exception)))
    else:
        if result is None:
            append = queue._append
            append(job)
            queue._steps = 0
        else:
            fast_bytes.upon_pulled(controller, pull_algorithm.promise_for(result))
    finally:
        if not draining:
            queue.microtasks_have_run(draining)
    served: Any = promise._promise_result  # or why it was rejected
    if served is not None and promise._promise_reactions is here:
        read_result: ReadResult[Any] = served
        return read_result
    return queue.go_on(promise) or promise


# The BYOB request --------------------------------------------------------------------------------


def get_byob_request(controller: ReadableByteStreamController) -> ReadableStreamBYOBRequest | None:
    """ReadableByteStreamControllerGetBYOBRequest, of a `SinglePullInto`.

    Returns:
        The request; None if the plain algorithm is needed.
    """
    request = controller._byob_request
    if request is not None:
        return request
    pending = controller._pending_pull_intos
    if not pending or not fast_paths.own_buffers:
        return None
    descriptor = pending[0]
    if type(descriptor) is not SinglePullInto:
        return None
    memory = descriptor.memory
    if descriptor.buffer is not memory:
        return None
    view: ArrayBufferView = descriptor.request_view
    view._object = memory.view = memory.data[:]  # nearly everybody asks for it next
    controller._byob_request = request = byob_request.new_request()
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
        or descriptor.reader_type != "byob"
        or memory.detached
        or type(bytes_written) is not int
    ):
        return False
    data = memory.data
    if bytes_written != descriptor.byte_length:
        if not descriptor.minimum_fill <= bytes_written < descriptor.byte_length:
            return False
        data = data[:bytes_written]
    if written is not None:
        data[:] = written
    request = controller._byob_request
    if request is not None:
        request._controller = request._view = controller._byob_request = None
        view = memory.view
        if view is not None:
            memory.view = None
            try:
                view.release()
            except BufferError:  # another object holds on to it, and keeps on seeing the memory
                descriptor.request_view._object = None
        if memory._views:
            memory.let_go_of_views()
    pending.popleft()
    memory.data = NO_DATA
    controller._spare_pull_into = descriptor
    its_reader: Any = stream._reader
    reader: ReadableStreamBYOBReader = its_reader
    its_request: Any = reader._read_into_requests.popleft()
    promise: ReadPromise = its_request  # no other request has such a descriptor
    reaction = promise._promise_reactions
    promise._promise_result = tuple_new(READ_RESULT, (data, False))
    promise._promise_state = "fulfilled"
    if reaction is not None and (type(reaction) is not MicrotaskQueue or reaction._jobs):
        promise._promise_reactions = None
        reaction.on_settled(promise)
    if (
        reader._read_into_requests
        or stream._reader is not reader
        or (controller._strategy_hwm and type(controller._pull_algorithm) is not fast_bytes.FillingAlgorithm)
    ):
        fast_bytes.call_pull_if_needed(controller)
    return True
