"""§4.9.5 Byte stream controllers: https://streams.spec.whatwg.org/#rbs-controller-abstract-ops

Of that section, what deals with pull-into descriptors: buffers that readers, or the stream on their
behalf, brought to be filled. Only the first of them is ever filled, and only it has a BYOB request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._platform import buffers
from ..._platform.buffers import ArrayBufferView
from ..._platform.dom_exception import RangeError
from ..._platform.fast_paths import fast_paths
from ..._platform.webidl import new
from ..._supporting.miscellaneous import (
    can_copy_data_block_bytes,
    can_transfer_array_buffer,
    copy_data_block_bytes,
    transfer_array_buffer,
)
from ..._supporting.queue_with_sizes import NO_ITEMS, owned
from .. import byob_request as byob_request_module, fast_read_into
from ..records import PullIntoDescriptor
from . import byte_controllers, controller_interface

if TYPE_CHECKING:
    from ..byob_request import ReadableStreamBYOBRequest
    from ..byte_controller import ReadableByteStreamController
    from ..records import ReadIntoRequest
    from ..stream import ReadableStream


def readable_byte_stream_controller_clear_pending_pull_intos(controller: ReadableByteStreamController) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-clear-pending-pull-intos"""
    # 1. The BYOB request is void,
    readable_byte_stream_controller_invalidate_byob_request(controller)
    # 2. and no buffer is to be filled any more.
    controller._pending_pull_intos = NO_ITEMS


def readable_byte_stream_controller_commit_pull_into_descriptor(
    stream: ReadableStream[Any], pull_into_descriptor: PullIntoDescriptor
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-commit-pull-into-descriptor"""
    # 1. Assert: the stream is not errored,
    assert stream._state != "errored"
    # 2. Assert: and its reader is there.
    assert pull_into_descriptor.reader_type != "none"
    # 3. Is this the end?
    done = False
    # 4. If the stream is closed,
    if stream._state == "closed":
        # 4.1. Assert: the buffer holds no part of an item.
        assert pull_into_descriptor.bytes_filled % pull_into_descriptor.element_size == 0
        # 4.2. It is.
        done = True
    # 5. What was filled
    filled_view = readable_byte_stream_controller_convert_pull_into_descriptor(pull_into_descriptor)
    # 6. If it was allocated for a default reader,
    if pull_into_descriptor.reader_type == "default":
        # 6.1. goes to that.
        controller_interface.readable_stream_fulfill_read_request(stream, filled_view.object, done=done)
    # 7. Otherwise,
    else:
        # 7.1. Assert: it is of a BYOB reader.
        assert pull_into_descriptor.reader_type == "byob"
        # 7.2. It goes to that.
        controller_interface.readable_stream_fulfill_read_into_request(stream, filled_view, done=done)


def readable_byte_stream_controller_convert_pull_into_descriptor(
    pull_into_descriptor: PullIntoDescriptor,
) -> ArrayBufferView:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-convert-pull-into-descriptor"""
    # 1. How many bytes it got,
    bytes_filled = pull_into_descriptor.bytes_filled
    # 2. and how many make an item.
    element_size = pull_into_descriptor.element_size
    # 3. Assert: they fit,
    assert bytes_filled <= pull_into_descriptor.byte_length
    # 4. Assert: and are whole items.
    assert bytes_filled % element_size == 0
    # 5. The buffer is taken away.
    buffer = transfer_array_buffer(pull_into_descriptor.buffer)
    # 6. A view of those items.
    return ArrayBufferView(
        buffer, pull_into_descriptor.byte_offset, bytes_filled, pull_into_descriptor.view_constructor
    )


def readable_byte_stream_controller_fill_head_pull_into_descriptor(
    controller: ReadableByteStreamController, size: int, pull_into_descriptor: PullIntoDescriptor
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-fill-head-pull-into-descriptor"""
    # 1. Assert: it is the first, if any is pending.
    assert not controller._pending_pull_intos or controller._pending_pull_intos[0] is pull_into_descriptor
    # 2. Assert: nobody else is filling it.
    assert controller._byob_request is None
    # 3. It has got so many bytes more.
    pull_into_descriptor.bytes_filled += size


def readable_byte_stream_controller_fill_pull_into_descriptor_from_queue(
    controller: ReadableByteStreamController, pull_into_descriptor: PullIntoDescriptor
) -> bool:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-fill-pull-into-descriptor-from-queue"""
    # 1. So many bytes are there, and fit,
    max_bytes_to_copy = min(
        int(controller._queue_total_size), pull_into_descriptor.byte_length - pull_into_descriptor.bytes_filled
    )
    # 2. so that it would have so many in all,
    max_bytes_filled = pull_into_descriptor.bytes_filled + max_bytes_to_copy
    # 3. after so many are copied.
    total_bytes_to_copy_remaining = max_bytes_to_copy
    # 4. Is it ready then?
    ready = False
    # 5. Assert: the buffer is not detached,
    assert not pull_into_descriptor.buffer.detached
    # 6. Assert: and does not hold the minimum yet.
    assert pull_into_descriptor.bytes_filled < pull_into_descriptor.minimum_fill
    # 7. So many would be a part of an item;
    remainder_bytes = max_bytes_filled % pull_into_descriptor.element_size
    # 8. without them it is so many.
    max_aligned_bytes = max_bytes_filled - remainder_bytes
    # 9. If they are the minimum, or more,
    if max_aligned_bytes >= pull_into_descriptor.minimum_fill:
        # 9.1. copy just these.
        total_bytes_to_copy_remaining = max_aligned_bytes - pull_into_descriptor.bytes_filled
        # 9.2. It is.
        ready = True
    # 10. The queue.
    queue = controller._queue
    # 11. While there is something to copy,
    while total_bytes_to_copy_remaining > 0:
        # 11.1. from the first in the queue
        head_of_queue = queue[0]
        # 11.2. copy so many bytes
        bytes_to_copy = min(total_bytes_to_copy_remaining, head_of_queue.byte_length)
        # 11.3. to this place
        dest_start = pull_into_descriptor.byte_offset + pull_into_descriptor.bytes_filled
        # 11.4. of the one buffer,
        descriptor_buffer = pull_into_descriptor.buffer
        # 11.5. from the other,
        queue_buffer = head_of_queue.buffer
        # 11.6. and that place.
        queue_byte_offset = head_of_queue.byte_offset
        # 11.7. Assert: they can be copied.
        assert can_copy_data_block_bytes(descriptor_buffer, dest_start, queue_buffer, queue_byte_offset, bytes_to_copy)
        # 11.8. Copy them.
        copy_data_block_bytes(descriptor_buffer, dest_start, queue_buffer, queue_byte_offset, bytes_to_copy)
        # 11.9. If that was all of it,
        if head_of_queue.byte_length == bytes_to_copy:
            # 11.9.1. it leaves the queue;
            queue.popleft()
        # 11.10. otherwise,
        else:
            # 11.10.1. it starts later,
            head_of_queue.byte_offset += bytes_to_copy
            # 11.10.2. and is shorter.
            head_of_queue.byte_length -= bytes_to_copy
        # 11.11. Take them off the total,
        controller._queue_total_size -= bytes_to_copy
        # 11.12. add them to what was filled,
        readable_byte_stream_controller_fill_head_pull_into_descriptor(controller, bytes_to_copy, pull_into_descriptor)
        # 11.13. and off what is to be copied.
        total_bytes_to_copy_remaining -= bytes_to_copy
    # 12. If it is not ready,
    if not ready:
        # 12.1. Assert: nothing is left,
        assert controller._queue_total_size == 0
        # 12.2. Assert: it has got something,
        assert pull_into_descriptor.bytes_filled > 0
        # 12.3. Assert: but not enough.
        assert pull_into_descriptor.bytes_filled < pull_into_descriptor.minimum_fill
    # 13. Return whether it is.
    return ready


def readable_byte_stream_controller_get_byob_request(
    controller: ReadableByteStreamController,
) -> ReadableStreamBYOBRequest | None:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollergetbyobrequest"""
    if fast_paths.enabled and (fast_request := fast_read_into.get_byob_request(controller)) is not None:
        return fast_request
    # 1. If there is none yet, but a buffer is to be filled,
    if controller._byob_request is None and controller._pending_pull_intos:
        # 1.1. of the first of them,
        first_descriptor = controller._pending_pull_intos[0]
        # 1.2. view what is not filled yet.
        view = ArrayBufferView(
            first_descriptor.buffer,
            first_descriptor.byte_offset + first_descriptor.bytes_filled,
            first_descriptor.byte_length - first_descriptor.bytes_filled,
            buffers.uint8_array,
        )
        # 1.3. A new request,
        byob_request = new(byob_request_module.ReadableStreamBYOBRequest)
        # 1.4. of this controller,
        byob_request._controller = controller
        # 1.5. for that view,
        byob_request._view = view
        # 1.6. is its request now.
        controller._byob_request = byob_request
    # 2. Return it.
    return controller._byob_request


def readable_byte_stream_controller_invalidate_byob_request(controller: ReadableByteStreamController) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-invalidate-byob-request"""
    # 1. There may be none.
    if controller._byob_request is None:
        return
    # 2. It has no controller,
    controller._byob_request._controller = None
    # 3. and no view any more,
    controller._byob_request._view = None
    # 4. and is the controller's no longer.
    controller._byob_request = None


def readable_byte_stream_controller_process_pull_into_descriptors_using_queue(
    controller: ReadableByteStreamController,
) -> list[PullIntoDescriptor]:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-process-pull-into-descriptors-using-queue"""
    # 1. Assert: it is not closing.
    assert not controller._close_requested
    # 2. Those that are full:
    filled_pull_intos: list[PullIntoDescriptor] = []
    # 3. while a buffer is to be filled,
    while controller._pending_pull_intos:
        # 3.1. and there are bytes,
        if controller._queue_total_size == 0:
            break
        # 3.2. the first of them,
        pull_into_descriptor = controller._pending_pull_intos[0]
        # 3.3. if it is full now,
        if readable_byte_stream_controller_fill_pull_into_descriptor_from_queue(controller, pull_into_descriptor):
            # 3.3.1. is pending no longer,
            readable_byte_stream_controller_shift_pending_pull_into(controller)
            # 3.3.2. but full.
            filled_pull_intos.append(pull_into_descriptor)
    # 4. Return those.
    return filled_pull_intos


def readable_byte_stream_controller_pull_into(
    controller: ReadableByteStreamController,
    view: ArrayBufferView,
    min_: int,
    read_into_request: ReadIntoRequest,
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-pull-into"""
    # 1. The stream.
    stream = controller._stream
    # 2. Of a DataView, an item is a byte,
    # 3. and it is made by %DataView%.
    # 4. Of a typed array,
    # 4.1. it is as large as its type says,
    element_size = view.constructor.element_size
    # 4.2. and it is made by that.
    ctor = view.constructor
    # 5. How many bytes are wanted at least.
    minimum_fill = min_ * element_size
    # 6. Assert: they fit,
    assert 0 <= minimum_fill <= view.byte_length
    # 7. Assert: and are whole items.
    assert minimum_fill % element_size == 0
    # 8. Where the view starts,
    byte_offset = view.byte_offset
    # 9. and how long it is.
    byte_length = view.byte_length
    # 10. Its buffer is taken away.
    try:
        buffer = transfer_array_buffer(view.buffer)
    # 11. If that throws,
    except Exception as exception:
        # 11.1. the request fails,
        read_into_request.error_steps(exception)
        # 11.2. and that is all.
        return
    # 12. It is ours now.
    # 13. A descriptor for it.
    pull_into_descriptor = PullIntoDescriptor(
        buffer,
        buffer.byte_length,  # its buffer byte length
        byte_offset,
        byte_length,
        0,  # its bytes filled
        minimum_fill,
        element_size,
        ctor,
        "byob",
    )
    # 14. If others are to be filled before,
    if controller._pending_pull_intos:
        # 14.1. it has to wait,
        controller._pending_pull_intos.append(pull_into_descriptor)
        # 14.2. as has the request,
        controller_interface.readable_stream_add_read_into_request(stream, read_into_request)
        # 14.3. and that is all.
        return
    # 15. If the stream is closed,
    if stream._state == "closed":
        # 15.1. an empty view
        empty_view = ArrayBufferView(
            pull_into_descriptor.buffer, pull_into_descriptor.byte_offset, 0, pull_into_descriptor.view_constructor
        )
        # 15.2. gives the buffer back,
        read_into_request.close_steps(empty_view)
        # 15.3. and that is all.
        return
    # 16. If there are bytes in the queue,
    if controller._queue_total_size > 0:
        # 16.1. and they are enough,
        if readable_byte_stream_controller_fill_pull_into_descriptor_from_queue(controller, pull_into_descriptor):
            # 16.1.1. what was filled,
            filled_view = readable_byte_stream_controller_convert_pull_into_descriptor(pull_into_descriptor)
            # 16.1.2. which may have been the last,
            byte_controllers.readable_byte_stream_controller_handle_queue_drain(controller)
            # 16.1.3. goes to the request,
            read_into_request.chunk_steps(filled_view)
            # 16.1.4. and that is all.
            return
        # 16.2. If more will not come,
        if controller._close_requested:
            # 16.2.1. that is an error,
            e = TypeError("the stream was closed in the middle of an item of the view that is read into")
            # 16.2.2. of the stream,
            byte_controllers.readable_byte_stream_controller_error(controller, e)
            # 16.2.3. and of the request,
            read_into_request.error_steps(e)
            # 16.2.4. and that is all.
            return
    # 17. It has to wait,
    controller._pending_pull_intos = owned(controller._pending_pull_intos)
    controller._pending_pull_intos.append(pull_into_descriptor)
    # 18. as has the request,
    controller_interface.readable_stream_add_read_into_request(stream, read_into_request)
    # 19. and more is needed.
    byte_controllers.readable_byte_stream_controller_call_pull_if_needed(controller)


def readable_byte_stream_controller_respond(controller: ReadableByteStreamController, bytes_written: int) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond"""
    if fast_paths.enabled and fast_read_into.respond(controller, bytes_written):
        return
    # 1. Assert: a buffer is to be filled.
    assert controller._pending_pull_intos
    # 2. The first of them.
    first_descriptor = controller._pending_pull_intos[0]
    # 3. The state of the stream.
    state = controller._stream._state
    # 4. If it is closed,
    if state == "closed":
        # 4.1. nothing can have been written.
        if bytes_written != 0:
            raise TypeError("bytes_written: the stream is closed, only 0 bytes can be responded with")
    # 5. Otherwise,
    else:
        # 5.1. Assert: it is readable.
        assert state == "readable"
        # 5.2. Something has to have been written,
        if bytes_written == 0:
            raise TypeError("bytes_written: 0 bytes are a response only once the stream is closed")
        # 5.3. no more than fits.
        if first_descriptor.bytes_filled + bytes_written > first_descriptor.byte_length:
            raise RangeError(f"bytes_written: {bytes_written} are more bytes than the view has room for")
    # 6. The buffer is taken away.
    first_descriptor.buffer = transfer_array_buffer(first_descriptor.buffer)
    # 7. Go on; this may throw.
    readable_byte_stream_controller_respond_internal(controller, bytes_written)


def readable_byte_stream_controller_respond_in_closed_state(
    controller: ReadableByteStreamController, first_descriptor: PullIntoDescriptor
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-in-closed-state"""
    # 1. Assert: the buffer holds no part of an item.
    assert first_descriptor.bytes_filled % first_descriptor.element_size == 0
    # 2. If its reader is gone, it is pending no longer.
    if first_descriptor.reader_type == "none":
        readable_byte_stream_controller_shift_pending_pull_into(controller)
    # 3. The stream.
    stream = controller._stream
    # 4. If it has a BYOB reader,
    if controller_interface.readable_stream_has_byob_reader(stream):
        # 4.1. all of
        filled_pull_intos: list[PullIntoDescriptor] = []
        # 4.2. its requests
        while len(filled_pull_intos) < controller_interface.readable_stream_get_num_read_into_requests(stream):
            # 4.2.1. are pending no longer:
            pull_into_descriptor = readable_byte_stream_controller_shift_pending_pull_into(controller)
            # 4.2.2. their buffers,
            filled_pull_intos.append(pull_into_descriptor)
        # 4.3. each of them,
        for filled_pull_into in filled_pull_intos:
            # 4.3.1. go back to the reader.
            readable_byte_stream_controller_commit_pull_into_descriptor(stream, filled_pull_into)


def readable_byte_stream_controller_respond_in_readable_state(
    controller: ReadableByteStreamController, bytes_written: int, pull_into_descriptor: PullIntoDescriptor
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-in-readable-state"""
    # 1. Assert: what was written fits.
    assert pull_into_descriptor.bytes_filled + bytes_written <= pull_into_descriptor.byte_length
    # 2. It has got so many bytes more.
    readable_byte_stream_controller_fill_head_pull_into_descriptor(controller, bytes_written, pull_into_descriptor)
    # 3. If its reader is gone,
    if pull_into_descriptor.reader_type == "none":
        # 3.1. queue them; this may throw.
        byte_controllers.readable_byte_stream_controller_enqueue_detached_pull_into_to_queue(
            controller, pull_into_descriptor
        )
        # 3.2. Fill the buffers that wait,
        filled_pull_intos = readable_byte_stream_controller_process_pull_into_descriptors_using_queue(controller)
        # 3.3. and each of those that are full
        for filled_pull_into in filled_pull_intos:
            # 3.3.1. goes to the reader.
            readable_byte_stream_controller_commit_pull_into_descriptor(controller._stream, filled_pull_into)
        # NOTE(spec): S6 a default reader that brought no buffer gets nothing by the text, and waits for ever.
        if controller_interface.readable_stream_has_default_reader(controller._stream):
            byte_controllers.readable_byte_stream_controller_process_read_requests_using_queue(controller)
        # 3.4. That is all.
        return
    # 4. The minimum may not be reached yet.
    if pull_into_descriptor.bytes_filled < pull_into_descriptor.minimum_fill:
        return
    # 5. It is pending no longer.
    readable_byte_stream_controller_shift_pending_pull_into(controller)
    # 6. If the last item is not whole,
    remainder_size = pull_into_descriptor.bytes_filled % pull_into_descriptor.element_size
    # 7. then
    if remainder_size > 0:
        # 7.1. from where it ends,
        end = pull_into_descriptor.byte_offset + pull_into_descriptor.bytes_filled
        # 7.2. its part is queued; this may throw.
        byte_controllers.readable_byte_stream_controller_enqueue_cloned_chunk_to_queue(
            controller, pull_into_descriptor.buffer, end - remainder_size, remainder_size
        )
    # 8. It does not count as filled.
    pull_into_descriptor.bytes_filled -= remainder_size
    # 9. Fill the buffers that wait.
    filled_pull_intos = readable_byte_stream_controller_process_pull_into_descriptors_using_queue(controller)
    # 10. This goes to the reader,
    readable_byte_stream_controller_commit_pull_into_descriptor(controller._stream, pull_into_descriptor)
    # 11. and so does each of those that are full.
    for filled_pull_into in filled_pull_intos:
        # 11.1. It goes to the reader.
        readable_byte_stream_controller_commit_pull_into_descriptor(controller._stream, filled_pull_into)


def readable_byte_stream_controller_respond_internal(
    controller: ReadableByteStreamController, bytes_written: int
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-internal"""
    # 1. The first of the buffers to be filled.
    first_descriptor = controller._pending_pull_intos[0]
    # 2. Assert: it can be transferred.
    assert can_transfer_array_buffer(first_descriptor.buffer)
    # 3. The BYOB request is void.
    readable_byte_stream_controller_invalidate_byob_request(controller)
    # 4. The state of the stream.
    state = controller._stream._state
    # 5. If it is closed,
    if state == "closed":
        # 5.1. Assert: nothing was written.
        assert bytes_written == 0
        # 5.2. The buffers go back.
        readable_byte_stream_controller_respond_in_closed_state(controller, first_descriptor)
    # 6. Otherwise,
    else:
        # 6.1. Assert: it is readable,
        assert state == "readable"
        # 6.2. Assert: and something was written.
        assert bytes_written > 0
        # 6.3. It goes to whom it belongs; this may throw.
        readable_byte_stream_controller_respond_in_readable_state(controller, bytes_written, first_descriptor)
    # 7. There may be room for more.
    byte_controllers.readable_byte_stream_controller_call_pull_if_needed(controller)


def readable_byte_stream_controller_respond_with_new_view(
    controller: ReadableByteStreamController, view: ArrayBufferView
) -> None:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-with-new-view"""
    # 1. Assert: a buffer is to be filled.
    assert controller._pending_pull_intos
    # 2. Assert: that of the view is not detached.
    assert not view.buffer.detached
    # 3. The first of those to be filled.
    first_descriptor = controller._pending_pull_intos[0]
    # 4. The state of the stream.
    state = controller._stream._state
    # 5. If it is closed,
    if state == "closed":
        # 5.1. nothing can have been written.
        if view.byte_length != 0:
            raise TypeError("view: the stream is closed, only an empty view can be responded with")
    # 6. Otherwise,
    else:
        # 6.1. Assert: it is readable.
        assert state == "readable"
        # 6.2. Something has to have been written.
        if view.byte_length == 0:
            raise TypeError("view: an empty view is a response only once the stream is closed")
    # 7. It has to start where the request does,
    if first_descriptor.byte_offset + first_descriptor.bytes_filled != view.byte_offset:
        raise RangeError("view: it has to start where the view of the request does")
    # 8. in a buffer as long,
    if first_descriptor.buffer_byte_length != view.buffer.byte_length:
        raise RangeError("view: its buffer has to be as long as that of the request")
    # 9. and be no longer.
    if first_descriptor.bytes_filled + view.byte_length > first_descriptor.byte_length:
        raise RangeError("view: it is longer than that of the request")
    # 10. How long it is.
    view_byte_length = view.byte_length
    # 11. Its buffer is taken away; this may throw.
    first_descriptor.buffer = transfer_array_buffer(view.buffer)
    # 12. Go on; this may throw.
    readable_byte_stream_controller_respond_internal(controller, view_byte_length)


def readable_byte_stream_controller_shift_pending_pull_into(
    controller: ReadableByteStreamController,
) -> PullIntoDescriptor:
    """https://streams.spec.whatwg.org/#readable-byte-stream-controller-shift-pending-pull-into"""
    # 1. Assert: nobody else is filling it.
    assert controller._byob_request is None
    # 2. The first of them
    # 3. is pending no longer.
    # 4. Return it.
    return controller._pending_pull_intos.popleft()
