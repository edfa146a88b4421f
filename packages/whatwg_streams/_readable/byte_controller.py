"""§4.7 The ReadableByteStreamController class: https://streams.spec.whatwg.org/#rbs-controller-class"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, final

from typing_extensions import override

from .._platform import buffers
from .._platform.buffers import view_of
from .._platform.compiled import mypyc_attr
from .._platform.fast_paths import fast_paths
from .._platform.reasons import because_of
from .._platform.webidl import maker_of
from .._supporting.queue_with_sizes import owned, reset_queue
from . import fast_bytes, fast_read_into
from .ops import byte_controllers, controller_interface, pull_into
from .records import PullIntoDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from .._platform.promises import Promise
    from .byob_request import ReadableStreamBYOBRequest
    from .fast_read_into import SinglePullInto
    from .records import ReadableByteStreamQueueEntry, ReadRequest
    from .stream import ReadableStream


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class ReadableByteStreamController:
    """What an underlying byte source controls its stream with.

    https://streams.spec.whatwg.org/#rbs-controller-class
    """

    __slots__ = (
        "_auto_allocate_chunk_size",
        "_byob_request",
        "_cancel_algorithm",
        "_close_requested",
        "_pending_pull_intos",
        "_pull_again",
        "_pull_algorithm",
        "_pulling",
        "_queue",
        "_queue_total_size",
        "_spare_pull_into",
        "_started",
        "_strategy_hwm",
        "_stream",
    )

    _auto_allocate_chunk_size: int | None
    _byob_request: ReadableStreamBYOBRequest | None
    _cancel_algorithm: Callable[[Any], Promise[Any]] | None
    _close_requested: bool
    _pull_again: bool
    _pull_algorithm: Callable[[], Promise[Any]] | None
    _pulling: bool
    _pending_pull_intos: deque[PullIntoDescriptor]
    _queue: deque[ReadableByteStreamQueueEntry]
    _queue_total_size: int | float
    _spare_pull_into: SinglePullInto | None  # of fast paths
    _started: bool
    _strategy_hwm: int | float
    _stream: ReadableStream[Any]

    def __init__(self) -> None:
        raise TypeError("a controller is made by its stream")

    @property
    def byob_request(self) -> ReadableStreamBYOBRequest | None:
        """The buffer that a reader waits to have filled, or None.

        https://streams.spec.whatwg.org/#rbs-controller-byob-request
        """
        if fast_paths.enabled and (request := fast_read_into.get_byob_request(self)) is not None:
            return request
        # 1. Get it.
        return pull_into.readable_byte_stream_controller_get_byob_request(self)

    @property
    def desired_size(self) -> int | float | None:
        """How many more bytes the stream wants.

        Zero or less when its queue is full; zero once it is closed; None when it is errored.
        https://streams.spec.whatwg.org/#rbs-controller-desired-size
        """
        # 1. Ask the stream.
        return byte_controllers.readable_byte_stream_controller_get_desired_size(self)

    def close(self) -> None:
        """Close the stream, after all bytes that are queued were read.

        A read that waits for its buffer to be filled is not told before `byob_request.respond(0)`.
        https://streams.spec.whatwg.org/#rbs-controller-close

        Raises:
            TypeError: the stream is closing, closed or errored; or a read has got a part of an item, and
                errors now.
        """
        # 1. It can not be closed twice,
        if self._close_requested:
            raise TypeError("the stream is closing already")
        # 2. nor when it is closed or errored.
        if self._stream._state != "readable":
            refusal = TypeError(f"the stream can not be closed, it is {self._stream._state}")
            raise because_of(refusal, self._stream._stored_error)
        # 3. Close it; this may throw.
        byte_controllers.readable_byte_stream_controller_close(self)

    def enqueue(self, chunk: Buffer) -> None:
        """Put bytes into the stream: https://streams.spec.whatwg.org/#rbs-controller-enqueue

        Args:
            chunk: a contiguous buffer. It belongs to the stream from now on: a memoryview is released;
                of any other object, do not change the memory any more. `bytes` are best.

        Raises:
            TypeError: the buffer is empty, released, not contiguous or no buffer; or the stream is
                closing, closed or errored.
        """
        if fast_paths.enabled and fast_bytes.enqueue(self, chunk):
            return
        pending = self._pending_pull_intos
        view = view_of(chunk, "chunk", part_of=pending[0].buffer if pending else None)
        # 1. There have to be bytes in it,
        if view.byte_length == 0:
            raise TypeError("chunk: the buffer is empty")
        # 2. and in its buffer.
        if view.buffer.byte_length == 0:
            raise TypeError("chunk: its buffer is empty or detached")
        # 3. Nothing can be put into a stream that is closing,
        if self._close_requested:
            raise TypeError("the stream takes no more bytes, it is closing")
        # 4. closed or errored.
        if self._stream._state != "readable":
            refusal = TypeError(f"the stream takes no more bytes, it is {self._stream._state}")
            raise because_of(refusal, self._stream._stored_error)
        # 5. Put them in; this may throw.
        byte_controllers.readable_byte_stream_controller_enqueue(self, view)

    def error(self, e: object = None) -> None:
        """Error the stream: https://streams.spec.whatwg.org/#rbs-controller-error

        Bytes that are queued are discarded. Does nothing unless the stream is readable.

        Args:
            e: why; all who use the stream from now on fail with it.
        """
        # 1. Error it.
        byte_controllers.readable_byte_stream_controller_error(self, e)

    # §4.7.4 Internal methods -------------------------------------------------------------------------

    def _cancel_steps(self, reason: object) -> Promise[Any]:
        """https://streams.spec.whatwg.org/#rbs-controller-private-cancel"""
        # 1. No buffer is to be filled any more.
        pull_into.readable_byte_stream_controller_clear_pending_pull_intos(self)
        # 2. Empty the queue.
        reset_queue(self)
        # 3. Perform the cancel algorithm.
        assert self._cancel_algorithm is not None
        result = self._cancel_algorithm(reason)
        # 4. No algorithm is needed any more.
        byte_controllers.readable_byte_stream_controller_clear_algorithms(self)
        # 5. Return the result.
        return result

    def _pull_steps(self, read_request: ReadRequest) -> None:
        """https://streams.spec.whatwg.org/#rbs-controller-private-pull"""
        # 1. The stream.
        stream = self._stream
        # 2. Assert: it has a default reader.
        assert controller_interface.readable_stream_has_default_reader(stream)
        # 3. If there are bytes in the queue,
        if self._queue_total_size > 0:
            # 3.1. Assert: nobody else waits for them.
            assert controller_interface.readable_stream_get_num_read_requests(stream) == 0
            # 3.2. Give them to the reader,
            byte_controllers.readable_byte_stream_controller_fill_read_request_from_queue(self, read_request)
            # 3.3. and that is all.
            return
        # 4. Are buffers to be allocated?
        auto_allocate_chunk_size = self._auto_allocate_chunk_size
        # 5. If they are,
        if auto_allocate_chunk_size is not None:
            # 5.1. allocate one.
            try:
                buffer = buffers.construct_array_buffer(auto_allocate_chunk_size)
            # 5.2. If that throws,
            except Exception as exception:
                # 5.2.1. the read fails,
                read_request.error_steps(exception)
                # 5.2.2. and that is all.
                return
            # 5.3. A descriptor for it
            pull_into_descriptor = PullIntoDescriptor(
                buffer=buffer,
                buffer_byte_length=auto_allocate_chunk_size,
                byte_offset=0,
                byte_length=auto_allocate_chunk_size,
                bytes_filled=0,
                minimum_fill=1,
                element_size=1,
                view_constructor=buffers.uint8_array,
                reader_type="default",
            )
            # 5.4. is pending.
            self._pending_pull_intos = owned(self._pending_pull_intos)
            self._pending_pull_intos.append(pull_into_descriptor)
        # 6. The request has to wait,
        controller_interface.readable_stream_add_read_request(stream, read_request)
        # 7. and more is needed.
        byte_controllers.readable_byte_stream_controller_call_pull_if_needed(self)

    def _release_steps(self) -> None:
        """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontroller-releasesteps"""
        # 1. If a buffer is to be filled,
        if self._pending_pull_intos:
            # 1.1. the first of them
            first_pending_pull_into = self._pending_pull_intos[0]
            # 1.2. is nobody's from now on,
            first_pending_pull_into.reader_type = "none"
            # 1.3. and the only one, as the source may be filling it.
            self._pending_pull_intos = deque([first_pending_pull_into])

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"


#: Makes a new controller, as its constructor raises.
new_controller: Final = maker_of(ReadableByteStreamController)
