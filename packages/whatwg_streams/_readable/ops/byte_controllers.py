"""§4.9.5 Byte stream controllers: https://streams.spec.whatwg.org/#rbs-controller-abstract-ops

Of that section, what deals with pull-into descriptors is in `pull_into`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ..._platform import buffers, starts
from ..._platform.buffers import ArrayBuffer, ArrayBufferView
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import Promise, upon
from ..._platform.webidl import DO_NOTHING, CallbackAlgorithm, a_promise_for_what_was_returned, new, return_undefined
from ..._supporting.miscellaneous import clone_array_buffer, transfer_array_buffer
from ..._supporting.queue_with_sizes import NO_ITEMS, owned, reset_queue
from .. import byob_reader, byte_controller, default_reader, fast_bytes
from ..records import ReadableByteStreamQueueEntry
from . import controller_interface, pull_into, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..byte_controller import ReadableByteStreamController
    from ..default_reader import ReadableStreamDefaultReader
    from ..records import PullIntoDescriptor, ReadRequest
    from ..stream import ReadableStream
    from ..underlying_source import UnderlyingSourceDict


def readable_byte_stream_controller_call_pull_if_needed(controller: ReadableByteStreamController) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-call-pull-if-needed"""
    if fast_paths.enabled:
        fast_bytes.call_pull_if_needed(controller)
        return
    # 1. Is more needed?
    should_pull = readable_byte_stream_controller_should_call_pull(controller)
    # 2. If not, that is all.
    if not should_pull:
        return
    # 3. While a pull is under way,
    if controller._pulling:
        # 3.1. the next has to wait,
        controller._pull_again = True
        # 3.2. and that is all.
        return
    # 4. Assert: none is waiting.
    assert not controller._pull_again
    # 5. One is under way now.
    controller._pulling = True
    # 6. Pull.
    assert controller._pull_algorithm is not None
    pull_promise = controller._pull_algorithm()

    # 7. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 7.1. none is under way,
        controller._pulling = False
        # 7.2. and if one is waiting,
        if controller._pull_again:
            # 7.2.1. it waits no longer:
            controller._pull_again = False
            # 7.2.2. it may be needed.
            readable_byte_stream_controller_call_pull_if_needed(controller)

    # 8. Upon rejection,
    def rejected(e: object) -> None:
        # 8.1. error the stream.
        readable_byte_stream_controller_error(controller, e)

    upon(pull_promise, fulfilled, rejected)


def readable_byte_stream_controller_clear_algorithms(controller: ReadableByteStreamController) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-clear-algorithms"""
    # 1. No pull algorithm,
    controller._pull_algorithm = None
    # 2. and no cancel algorithm any more.
    controller._cancel_algorithm = None


def readable_byte_stream_controller_close(controller: ReadableByteStreamController) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-close"""
    # 1. The stream.
    stream = controller._stream
    # 2. It can not be closed twice.
    if controller._close_requested or stream._state != "readable":
        return
    # 3. If bytes are left to be read,
    if controller._queue_total_size > 0:
        # 3.1. it is closing,
        controller._close_requested = True
        # 3.2. and that is all.
        return
    # 4. If a buffer is to be filled,
    if controller._pending_pull_intos:
        # 4.1. the first of them
        first_pending_pull_into = controller._pending_pull_intos[0]
        # 4.2. may have got a part of an item:
        if first_pending_pull_into.bytes_filled % first_pending_pull_into.element_size != 0:
            # 4.2.1. that is an error,
            e = TypeError("the stream was closed in the middle of an item of the view that is read into")
            # 4.2.2. of the stream,
            readable_byte_stream_controller_error(controller, e)
            # 4.2.3. and of this.
            raise e
    # 5. No algorithm is needed any more,
    readable_byte_stream_controller_clear_algorithms(controller)
    # 6. and it is closed.
    controller_interface.readable_stream_close(stream)


def readable_byte_stream_controller_enqueue(controller: ReadableByteStreamController, chunk: ArrayBufferView) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-enqueue"""
    # 1. The stream.
    stream = controller._stream
    # 2. Nothing can be put into a stream that is closing.
    if controller._close_requested or stream._state != "readable":
        return
    # 3. The buffer of the chunk,
    buffer = chunk.buffer
    # 4. where it starts,
    byte_offset = chunk.byte_offset
    # 5. and how long it is.
    byte_length = chunk.byte_length
    # 6. It must not be detached,
    if buffer.detached:
        raise TypeError("the buffer of the chunk is detached")
    # 7. and is taken away; this may throw.
    transferred_buffer = transfer_array_buffer(buffer)
    # 8. If a buffer is to be filled,
    if controller._pending_pull_intos:
        # 8.1. the first of them
        first_pending_pull_into = controller._pending_pull_intos[0]
        # 8.2. must not be detached,
        if first_pending_pull_into.buffer.detached:
            raise TypeError("the buffer of the BYOB request is detached; respond to the request instead")
        # 8.3. and is not for the source to fill any more:
        pull_into.readable_byte_stream_controller_invalidate_byob_request(controller)
        # 8.4. it is taken away.
        first_pending_pull_into.buffer = transfer_array_buffer(first_pending_pull_into.buffer)
        # 8.5. If its reader is gone, what it holds comes first.
        if first_pending_pull_into.reader_type == "none":
            readable_byte_stream_controller_enqueue_detached_pull_into_to_queue(controller, first_pending_pull_into)
    # 9. If there is a default reader,
    if controller_interface.readable_stream_has_default_reader(stream):
        # 9.1. give it what is queued.
        readable_byte_stream_controller_process_read_requests_using_queue(controller)
        # NOTE(spec): S5 a request that is served here, with what the buffer of a reader that is gone held, may
        # have had a buffer allocated for it, which the text leaves pending and then asserts not to be there.
        while len(controller._pending_pull_intos) > controller_interface.readable_stream_get_num_read_requests(stream):
            pull_into.readable_byte_stream_controller_shift_pending_pull_into(controller)
        # 9.2. If it waits for nothing more,
        if controller_interface.readable_stream_get_num_read_requests(stream) == 0:
            # 9.2.1. Assert: no buffer is to be filled.
            assert not controller._pending_pull_intos
            # 9.2.2. Queue the chunk.
            readable_byte_stream_controller_enqueue_chunk_to_queue(
                controller, transferred_buffer, byte_offset, byte_length
            )
        # 9.3. Otherwise,
        else:
            # 9.3.1. Assert: nothing is queued.
            assert not controller._queue
            # 9.3.2. If a buffer is to be filled,
            if controller._pending_pull_intos:
                # 9.3.2.1. Assert: it was allocated for the reader.
                assert controller._pending_pull_intos[0].reader_type == "default"
                # 9.3.2.2. It is not needed.
                pull_into.readable_byte_stream_controller_shift_pending_pull_into(controller)
            # 9.3.3. A view of the chunk's bytes
            transferred_view = ArrayBufferView(transferred_buffer, byte_offset, byte_length, buffers.uint8_array)
            # 9.3.4. goes to the reader.
            controller_interface.readable_stream_fulfill_read_request(stream, transferred_view.object, done=False)
    # 10. If there is a BYOB reader,
    elif controller_interface.readable_stream_has_byob_reader(stream):
        # 10.1. queue the chunk,
        readable_byte_stream_controller_enqueue_chunk_to_queue(controller, transferred_buffer, byte_offset, byte_length)
        # 10.2. fill the buffers that wait,
        filled_pull_intos = pull_into.readable_byte_stream_controller_process_pull_into_descriptors_using_queue(
            controller
        )
        # 10.3. and each of those that are full
        for filled_pull_into in filled_pull_intos:
            # 10.3.1. goes to the reader.
            pull_into.readable_byte_stream_controller_commit_pull_into_descriptor(stream, filled_pull_into)
    # 11. Otherwise,
    else:
        # 11.1. Assert: there is no reader.
        assert not streams.is_readable_stream_locked(stream)
        # 11.2. Queue the chunk.
        readable_byte_stream_controller_enqueue_chunk_to_queue(controller, transferred_buffer, byte_offset, byte_length)
    # 12. There may be room for more.
    readable_byte_stream_controller_call_pull_if_needed(controller)


def readable_byte_stream_controller_enqueue_chunk_to_queue(
    controller: ReadableByteStreamController, buffer: ArrayBuffer, byte_offset: int, byte_length: int
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-enqueue-chunk-to-queue"""
    # 1. Append an entry to the queue.
    controller._queue = owned(controller._queue)
    controller._queue.append(ReadableByteStreamQueueEntry(buffer, byte_offset, byte_length))
    # 2. Add its bytes to the total.
    controller._queue_total_size += byte_length


def readable_byte_stream_controller_enqueue_cloned_chunk_to_queue(
    controller: ReadableByteStreamController, buffer: ArrayBuffer, byte_offset: int, byte_length: int
) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerenqueueclonedchunktoqueue"""
    # 1. Clone that part of the buffer.
    try:
        clone_result = clone_array_buffer(buffer, byte_offset, byte_length)
    # 2. If that throws,
    except Exception as exception:
        # 2.1. the stream is errored,
        readable_byte_stream_controller_error(controller, exception)
        # 2.2. and so is this.
        raise
    # 3. Queue the clone.
    readable_byte_stream_controller_enqueue_chunk_to_queue(controller, clone_result, 0, byte_length)


def readable_byte_stream_controller_enqueue_detached_pull_into_to_queue(
    controller: ReadableByteStreamController, pull_into_descriptor: PullIntoDescriptor
) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerenqueuedetachedpullintotoqueue"""
    # 1. Assert: its reader is gone.
    assert pull_into_descriptor.reader_type == "none"
    # 2. What it holds is queued; this may throw.
    if pull_into_descriptor.bytes_filled > 0:
        readable_byte_stream_controller_enqueue_cloned_chunk_to_queue(
            controller,
            pull_into_descriptor.buffer,
            pull_into_descriptor.byte_offset,
            pull_into_descriptor.bytes_filled,
        )
    # 3. It is pending no longer.
    pull_into.readable_byte_stream_controller_shift_pending_pull_into(controller)


def readable_byte_stream_controller_error(controller: ReadableByteStreamController, e: object) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-error"""
    # 1. The stream.
    stream = controller._stream
    # 2. Only a readable one can be errored.
    if stream._state != "readable":
        return
    # 3. No buffer is to be filled any more.
    pull_into.readable_byte_stream_controller_clear_pending_pull_intos(controller)
    # 4. Empty the queue.
    reset_queue(controller)
    # 5. No algorithm is needed any more.
    readable_byte_stream_controller_clear_algorithms(controller)
    # 6. It is errored.
    controller_interface.readable_stream_error(stream, e)


def readable_byte_stream_controller_fill_read_request_from_queue(
    controller: ReadableByteStreamController, read_request: ReadRequest
) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerfillreadrequestfromqueue"""
    # 1. Assert: there are bytes in the queue.
    assert controller._queue_total_size > 0
    # 2. The first entry
    # 3. is taken out,
    entry = controller._queue.popleft()
    # 4. and off the total.
    controller._queue_total_size -= entry.byte_length
    # 5. It may have been the last.
    readable_byte_stream_controller_handle_queue_drain(controller)
    # 6. A view of its bytes
    view = ArrayBufferView(entry.buffer, entry.byte_offset, entry.byte_length, buffers.uint8_array)
    # 7. goes to the reader.
    read_request.chunk_steps(view.object)


def readable_byte_stream_controller_get_desired_size(controller: ReadableByteStreamController) -> int | float | None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-get-desired-size"""
    # 1. The state of the stream.
    state = controller._stream._state
    # 2. If it is errored, it wants nothing ever again.
    if state == "errored":
        return None
    # 3. If it is closed, it wants nothing.
    if state == "closed":
        return 0
    # 4. What is free below the high water mark.
    return controller._strategy_hwm - controller._queue_total_size


def readable_byte_stream_controller_handle_queue_drain(controller: ReadableByteStreamController) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-handle-queue-drain"""
    # 1. Assert: the stream is readable.
    assert controller._stream._state == "readable"
    # 2. If nothing is left before the end,
    if controller._queue_total_size == 0 and controller._close_requested:
        # 2.1. no algorithm is needed any more,
        readable_byte_stream_controller_clear_algorithms(controller)
        # 2.2. and it is closed.
        controller_interface.readable_stream_close(controller._stream)
    # 3. Otherwise,
    else:
        # 3.1. there is room for more.
        readable_byte_stream_controller_call_pull_if_needed(controller)


def readable_byte_stream_controller_process_read_requests_using_queue(
    controller: ReadableByteStreamController,
) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerprocessreadrequestsusingqueue"""
    # 1. The reader.
    # 2. Assert: it is a default reader.
    reader = cast("ReadableStreamDefaultReader[Any]", controller._stream._reader)
    # 3. While it waits for bytes,
    while reader._read_requests:
        # 3.1. and there are some,
        if controller._queue_total_size == 0:
            return
        # 3.2. its first request
        # 3.3. is taken out,
        read_request = reader._read_requests.popleft()
        # 3.4. and gets them.
        readable_byte_stream_controller_fill_read_request_from_queue(controller, read_request)


def readable_byte_stream_controller_should_call_pull(controller: ReadableByteStreamController) -> bool:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-should-call-pull"""
    # 1. The stream.
    stream = controller._stream
    # 2. Nothing can be put into a stream that is closed or errored,
    if stream._state != "readable":
        return False
    # 3. nor one that is closing,
    if controller._close_requested:
        return False
    # 4. nor before the source has started.
    if not controller._started:
        return False
    reader = stream._reader
    # 5. Somebody may be waiting for bytes,
    if isinstance(reader, default_reader.ReadableStreamDefaultReader) and reader._read_requests:
        return True
    # 6. with either kind of reader.
    if isinstance(reader, byob_reader.ReadableStreamBYOBReader) and reader._read_into_requests:
        return True
    # 7. How much more it wants.
    desired_size = readable_byte_stream_controller_get_desired_size(controller)
    # 8. Assert: it is not errored.
    assert desired_size is not None
    # 9. More than nothing is needed;
    # 10. otherwise it is not.
    return desired_size > 0


def set_up_readable_byte_stream_controller(
    stream: ReadableStream[Any],
    controller: ReadableByteStreamController,
    start_algorithm: Callable[[], Any],
    pull_algorithm: Callable[[], Promise[Any]],
    cancel_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    auto_allocate_chunk_size: int | None,
) -> None:
    """https://streams.spec.whatwg.org/#set-up-readable-byte-stream-controller"""
    # 1. Assert: the stream has no controller yet.
    assert getattr(stream, "_controller", None) is None
    # 2. If buffers are to be allocated,
    if auto_allocate_chunk_size is not None:
        # 2.1. Assert: their size is an integer, (Its type says so.)
        # 2.2. Assert: and positive.
        assert auto_allocate_chunk_size > 0
    # 3. The controller's stream.
    controller._stream = stream
    # 4. Nothing of this has happened.
    controller._pull_again = False
    controller._pulling = False
    # 5. There is no BYOB request.
    controller._byob_request = None
    # 6. An empty queue.
    reset_queue(controller)
    # 7. Nor has this happened.
    controller._close_requested = False
    controller._started = False
    # 8. The high water mark,
    controller._strategy_hwm = high_water_mark
    # 9. the pull algorithm,
    controller._pull_algorithm = pull_algorithm
    # 10. the cancel algorithm,
    controller._cancel_algorithm = cancel_algorithm
    # 11. and the size of buffers to allocate.
    controller._auto_allocate_chunk_size = auto_allocate_chunk_size
    # 12. No buffer is to be filled.
    controller._pending_pull_intos = NO_ITEMS
    controller._spare_pull_into = None
    # 13. The stream's controller.
    stream._controller = controller
    # 14. Start; this may throw.
    start_result = start_algorithm()
    if start_result is None and fast_paths.enabled:
        starts.enqueue_a_start(fast_bytes.started, controller)
    else:
        _react_to_the_start(controller, start_result)


def _react_to_the_start(controller: ReadableByteStreamController, start_result: object) -> None:
    """Steps 15 to 17 of it."""
    # 15. A promise for it.
    start_promise: Promise[Any] = a_promise_for_what_was_returned(start_result)

    # 16. Upon fulfillment,
    def fulfilled(_: object) -> None:
        # 16.1. the source has started.
        controller._started = True
        # 16.2. Assert: no pull is under way,
        assert not controller._pulling
        # 16.3. Assert: and none is waiting.
        assert not controller._pull_again
        # 16.4. One may be needed.
        readable_byte_stream_controller_call_pull_if_needed(controller)

    # 17. Upon rejection,
    def rejected(r: object) -> None:
        # 17.1. error the stream.
        readable_byte_stream_controller_error(controller, r)

    upon(start_promise, fulfilled, rejected)


def set_up_readable_byte_stream_controller_from_underlying_source(
    stream: ReadableStream[Any],
    underlying_source: object,
    underlying_source_dict: UnderlyingSourceDict,
    high_water_mark: int | float,
) -> None:
    """https://streams.spec.whatwg.org/#set-up-readable-byte-stream-controller-from-underlying-source"""
    del underlying_source  # the callback this value: Python's functions are bound to it already
    # 1. A new controller.
    controller = new(byte_controller.ReadableByteStreamController)

    # 2. By default, start does nothing,
    start_algorithm: Callable[[], Any] = return_undefined
    # 3. and so do pull
    pull_algorithm = DO_NOTHING
    # 4. and cancel.
    cancel_algorithm = DO_NOTHING
    # 5. If the source has a start, it is called with the controller.
    if underlying_source_dict.start is not None:
        start_algorithm = partial(underlying_source_dict.start, controller)
    # 6. If the source has a pull, it is called with the controller.
    if underlying_source_dict.pull is not None:
        pull_algorithm = CallbackAlgorithm(underlying_source_dict.pull, controller)
    # 7. If the source has a cancel, it is called with the reason.
    if underlying_source_dict.cancel is not None:
        cancel_algorithm = CallbackAlgorithm(underlying_source_dict.cancel)
    # 8. The size of buffers to allocate, if they are to be,
    auto_allocate_chunk_size = underlying_source_dict.auto_allocate_chunk_size
    # 9. must not be 0.
    if auto_allocate_chunk_size == 0:
        raise TypeError("underlying_source.auto_allocate_chunk_size: 0 bytes are no buffer")
    # 10. Set up the controller with these; this may throw.
    set_up_readable_byte_stream_controller(
        stream,
        controller,
        start_algorithm,
        pull_algorithm,
        cancel_algorithm,
        high_water_mark,
        auto_allocate_chunk_size,
    )
