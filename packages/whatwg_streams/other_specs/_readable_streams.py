"""§9.1 Readable streams: https://streams.spec.whatwg.org/#other-specs-rs"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from .._platform import buffers
from .._platform.buffers import ArrayBufferView, view_of
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise
from .._platform.webidl import new
from .._readable import byob_reader, byte_controller, default_controller, fast_bytes, fast_creation, fast_default
from .._readable.ops import (
    byte_controllers,
    controller_interface,
    default_controllers,
    pull_into,
    readers,
    streams,
    tee,
)
from .._strategies import count
from ._wrappers import of_the_controller, pull_wrapper, start_algorithm, wrapper

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Sequence

    from .._platform.webidl import CallbackAlgorithm
    from .._readable.byte_controller import ReadableByteStreamController
    from .._readable.default_reader import ReadableStreamDefaultReader
    from .._readable.records import ReadRequest
    from .._readable.stream import ReadableStream
    from .._writable.stream import WritableStream

_T = TypeVar("_T")


# §9.1.1 Creation and manipulation


def set_up_readable_stream(
    stream: ReadableStream[Any],
    *,
    pull_algorithm: Callable[[], object] | None = None,
    cancel_algorithm: Callable[[Any], object] | None = None,
    high_water_mark: float = 1,
    size_algorithm: Callable[[Any], float] = count,
    discard_algorithm: Callable[[Any], object] | None = None,
    enough: int | float = inf,
) -> None:
    """Set up a new ReadableStream: https://streams.spec.whatwg.org/#readablestream-set-up

    Args:
        stream: made with `new(ReadableStream)`, or a subclass's `self` in its constructor.
        pull_algorithm: called when more chunks are wanted; may return a promise.
        cancel_algorithm: called with the reason; may return a promise.
        high_water_mark: how much may be queued, in the unit of the sizes; not negative, not NaN.
        size_algorithm: the size of a chunk; 1 by default.
        discard_algorithm: beyond the standard, called with each chunk that was enqueued and that nobody will
            get, as the stream was cancelled or errored: for chunks that have to be closed. It must not throw.
        enough: beyond the standard, while so much is queued, the pull algorithm is not called, even if there is
            room for more; by default, it always is.
    """
    # 1. Start does nothing.
    # 2. Pull: 2.1. to 2.3. are those of `_wrapped`. (See below.)
    # 3. Cancel: 3.1. to 3.3. are those of `_wrapped`.
    cancel_algorithm_wrapper = wrapper(cancel_algorithm)
    # 4. Without a size algorithm, every chunk counts 1.
    # 5. Initialize the stream.
    streams.initialize_readable_stream(stream)
    # 6. A new controller,
    controller = new(default_controller.ReadableStreamDefaultController)
    # 7. set up with all of these.
    default_controllers.set_up_readable_stream_default_controller(
        stream,
        controller,
        start_algorithm,
        pull_wrapper(pull_algorithm, controller, enough),
        cancel_algorithm_wrapper,
        high_water_mark,
        size_algorithm,
    )
    controller._pull_below = min(high_water_mark, enough)
    stream._discard_algorithm = discard_algorithm


def set_up_readable_stream_with_byte_reading_support(
    stream: ReadableStream[Any],
    *,
    pull_algorithm: Callable[[], object] | None = None,
    cancel_algorithm: Callable[[Any], object] | None = None,
    high_water_mark: float = 0,
    fill_algorithm: Callable[[memoryview], int] | None = None,
    wait_algorithm: Callable[[Callable[[], object]], bool] = lambda _: False,
    has_started: bool = False,
) -> None:
    """Set up a new ReadableStream as a byte stream.

    https://streams.spec.whatwg.org/#readablestream-set-up-with-byte-reading-support

    Args:
        stream: made with `new(ReadableStream)`, or a subclass's `self` in its constructor.
        pull_algorithm: called when more bytes are wanted; may return a promise, or IT_WILL_TELL: see `end_the_pull`.
        cancel_algorithm: called with the reason; may return a promise.
        high_water_mark: how many bytes may be queued; not negative, not NaN.
        fill_algorithm: beyond the standard, for sources that read nothing ahead of a reader with buffers of its
            own: writes bytes to such a buffer, and returns how many; or 0, if that can not be done at once or
            did not work. Then the pull algorithm is called, as it always is without this.
        wait_algorithm: beyond the standard, called with steps after the fill algorithm has returned 0: to call
            them, once, when there may be bytes, if the stream is not cancelled before. Returns whether it will;
            the pull algorithm is called otherwise.
        has_started: beyond the standard, whether it has been longer than starting takes since the stream should have
            been set up; that it pulls for its queue is up to `pull_if_needed`.
    """
    # 1. Start does nothing.
    # 2. Pull: 2.1. to 2.3. are those of `_wrapped`. (See below.)
    # 3. Cancel: 3.1. to 3.3. are those of `_wrapped`.
    # NOTE(spec): S8 the text runs this one without the reason; it is given all the same.
    cancel_algorithm_wrapper = wrapper(cancel_algorithm)
    if has_started and fast_paths.enabled:
        controller = fast_creation.set_up_bytes(stream, cancel_algorithm_wrapper, high_water_mark, None)
        controller._pull_algorithm = _pull_wrapper(pull_algorithm, fill_algorithm, wait_algorithm, controller)
        controller._started = True
        return
    # 4. Initialize the stream.
    streams.initialize_readable_stream(stream)
    # 5. A new controller,
    controller = new(byte_controller.ReadableByteStreamController)
    # 6. set up with all of these.
    byte_controllers.set_up_readable_byte_stream_controller(
        stream,
        controller,
        start_algorithm,
        _pull_wrapper(pull_algorithm, fill_algorithm, wait_algorithm, controller),
        cancel_algorithm_wrapper,
        high_water_mark,
        None,
    )


def _pull_wrapper(
    pull_algorithm: Callable[[], object] | None,
    fill_algorithm: Callable[[memoryview], int] | None,
    wait_algorithm: Callable[[Callable[[], object]], bool],
    controller: ReadableByteStreamController,
) -> CallbackAlgorithm:
    if pull_algorithm is None or fill_algorithm is None:
        return pull_wrapper(pull_algorithm, controller)
    pull = of_the_controller(pull_algorithm)
    return fast_bytes.FillingAlgorithm(pull, controller, fill_algorithm, wait_algorithm)


def create_a_readable_stream_from_an_async_sequence(
    sequence: AsyncIterable[_T] | Iterable[_T],
) -> ReadableStream[_T]:
    """https://streams.spec.whatwg.org/#readablestream-create-from-async-sequence

    Raises:
        TypeError: it is not iterable.
    """
    # 1. Make one; this may throw.
    return streams.readable_stream_from_iterable(sequence)


def readable_stream_desired_size_to_fill_up_to_the_high_water_mark(stream: ReadableStream[Any]) -> float:
    """https://streams.spec.whatwg.org/#readablestream-desired-size-to-fill-up-to-the-high-water-mark"""
    # 1. A stream that is not readable wants nothing.
    if stream._state != "readable":
        return 0
    # 2. Of a byte stream it is in bytes;
    # 3. of any other in the unit of its strategy. (Both controllers have it the same way, while they are readable.)
    return stream._controller._strategy_hwm - stream._controller._queue_total_size


def readable_stream_needs_more_data(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readablestream-need-more-data"""
    return readable_stream_desired_size_to_fill_up_to_the_high_water_mark(stream) > 0


def close_readable_stream(stream: ReadableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#readablestream-close

    Raises:
        TypeError: a read into items of several bytes has got a part of one, and errors now.
    """
    controller = stream._controller
    # 1. A byte stream
    if isinstance(controller, byte_controller.ReadableByteStreamController):
        # 1.1. is closed,
        byte_controllers.readable_byte_stream_controller_close(controller)
        # 1.2. and the buffers that it was to fill go back.
        # NOTE(spec): S7 while bytes are queued the stream is only closing, and can not be responded to with
        # nothing; the text assumes that a buffer is not pending then, but one that a released reader has
        # left may be. It waits for the queue to be read.
        if controller._pending_pull_intos and stream._state == "closed":
            pull_into.readable_byte_stream_controller_respond(controller, 0)
    # 2. Any other is closed.
    else:
        default_controllers.readable_stream_default_controller_close(controller)


def error_readable_stream(stream: ReadableStream[Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#readablestream-error"""
    controller = stream._controller
    # 1. A byte stream is errored,
    if isinstance(controller, byte_controller.ReadableByteStreamController):
        byte_controllers.readable_byte_stream_controller_error(controller, e)
    # 2. and so is any other.
    else:
        default_controllers.readable_stream_default_controller_error(controller, e)


def enqueue_into_readable_stream(stream: ReadableStream[Any], chunk: Any) -> None:
    """https://streams.spec.whatwg.org/#readablestream-enqueue

    Args:
        stream: the stream.
        chunk: for a byte stream, a buffer; the current BYOB request view, or a part of it from its
            start, once bytes were written to it.

    Raises:
        TypeError: the chunk of a byte stream can not be enqueued.
    """
    controller = stream._controller
    # 1. Into any stream but a byte stream,
    if isinstance(controller, default_controller.ReadableStreamDefaultController):
        # 1.1. it is enqueued.
        default_controllers.readable_stream_default_controller_enqueue(controller, chunk)
        return
    if fast_paths.enabled and fast_bytes.enqueue(controller, chunk):
        return
    # 2. Otherwise,
    # 2.1. Assert: it is a byte stream. (Its type says so.)
    # 2.2. the chunk has to be a view.
    byob_request = pull_into.readable_byte_stream_controller_get_byob_request(controller)
    # 2.3. The current BYOB request view.
    byob_view = None if byob_request is None else byob_request._view
    view = view_of(chunk, "chunk", part_of=None if byob_view is None else byob_view.buffer)
    # 2.4. If the chunk is in its buffer,
    if byob_view is not None and view.buffer is byob_view.buffer:
        # 2.4.1. Assert: they start at the same place,
        assert view.byte_offset == byob_view.byte_offset
        # 2.4.2. Assert: and the chunk is not longer.
        assert view.byte_length <= byob_view.byte_length
        # 2.4.3. Respond with it; this may throw.
        pull_into.readable_byte_stream_controller_respond(controller, view.byte_length)
    # 2.5. Otherwise it is enqueued; this may throw.
    else:
        byte_controllers.readable_byte_stream_controller_enqueue(controller, view)


def enqueue_all_into_readable_stream(stream: ReadableStream[Any], chunks: Sequence[Any]) -> None:
    """Beyond the standard: enqueue each of the chunks, as long as the stream is readable; not into a byte stream."""
    controller = stream._controller
    assert isinstance(controller, default_controller.ReadableStreamDefaultController)
    for index, chunk in enumerate(chunks):
        if not is_readable(stream):
            return
        if fast_paths.enabled and fast_default.enqueue_all(controller, chunks[index:]):
            return
        default_controllers.readable_stream_default_controller_enqueue(controller, chunk)


def current_byob_request_view(stream: ReadableStream[Any]) -> memoryview | None:
    """https://streams.spec.whatwg.org/#readablestream-current-byob-request-view

    Where a reader waits to have bytes written to, or None. Write to it, then enqueue what was written.
    """
    # 1. Assert: it is a byte stream.
    controller = stream._controller
    assert isinstance(controller, byte_controller.ReadableByteStreamController)
    # (Most of the time there is none.)
    if not controller._pending_pull_intos:
        return None
    # 2. The BYOB request.
    byob_request = pull_into.readable_byte_stream_controller_get_byob_request(controller)
    # 3. Without one there is no view;
    if byob_request is None:
        return None
    # 4. otherwise it is that of the request.
    view = byob_request._view
    assert view is not None
    return view.object  # type: ignore[no-any-return]


def respond_to_current_byob_request(stream: ReadableStream[Any], bytes_written: int) -> None:
    """Tell how many bytes were written to the current BYOB request view.

    That is what `enqueue_into_readable_stream` does with the first bytes of the view; this saves making a
    view of them.
    """
    pull_into.readable_byte_stream_controller_respond(_byte_controller(stream), bytes_written)


def pull_from_bytes_into_readable_stream(stream: ReadableStream[Any], bytes_: bytearray) -> None:
    """https://streams.spec.whatwg.org/#readablestream-pull-from-bytes

    Args:
        stream: a byte stream.
        bytes_: what there is; what the stream takes is removed from its start. It takes all, unless a
            reader waits with a buffer that is smaller.
    """
    # 1. Assert: it is a byte stream.
    controller = _byte_controller(stream)
    # 2. So many bytes are there.
    available = len(bytes_)
    # 3. All of them are wanted,
    desired_size = available
    # 4. unless a reader waits with a buffer.
    view = current_byob_request_view(stream)
    if view is not None:
        desired_size = view.nbytes
    # 5. So many are pulled:
    pull_size = min(available, desired_size)
    # 6. the first of them,
    with memoryview(bytes_) as all_bytes:
        pulled = bytes(all_bytes[:pull_size])
    # 7. which are there no longer.
    del bytes_[:pull_size]
    # 8. If a reader waits with a buffer,
    if view is not None:
        # 8.1. write them to it,
        view[:pull_size] = pulled
        # 8.2. and respond; this may throw.
        pull_into.readable_byte_stream_controller_respond(controller, pull_size)
    # 9. Otherwise,
    else:
        # 9.1. a view of them
        pulled_view = ArrayBufferView(_buffer_of(pulled), 0, pull_size, buffers.uint8_array)
        # 9.2. is enqueued; this may throw.
        byte_controllers.readable_byte_stream_controller_enqueue(controller, pulled_view)


def end_the_pull(stream: ReadableStream[Any]) -> None:
    """Beyond the standard: a pull has ended whose algorithm has returned IT_WILL_TELL; the next may be needed.

    That is for byte streams with a fill algorithm, and only while fast paths are on.
    """
    if stream._state == "readable":
        fast_bytes.end_the_pull(_byte_controller(stream))


def pull_if_needed(stream: ReadableStream[Any]) -> None:
    """Beyond the standard: have a byte stream pull for its queue, if it does not already."""
    controller = _byte_controller(stream)
    if not controller._pulling:
        byte_controllers.readable_byte_stream_controller_call_pull_if_needed(controller)


def _buffer_of(data: bytes) -> buffers.ArrayBuffer:
    return view_of(data, "data").buffer


def _byte_controller(stream: ReadableStream[Any]) -> ReadableByteStreamController:
    assert isinstance(stream._controller, byte_controller.ReadableByteStreamController)
    return stream._controller


# §9.1.2 Reading


def get_a_reader(stream: ReadableStream[_T]) -> ReadableStreamDefaultReader[_T]:
    """https://streams.spec.whatwg.org/#readablestream-get-a-reader

    Raises:
        TypeError: the stream has a reader already.
    """
    return streams.acquire_readable_stream_default_reader(stream)


def set_up_reader(reader: ReadableStreamDefaultReader[_T], stream: ReadableStream[_T]) -> None:
    """https://streams.spec.whatwg.org/#readablestreamdefaultreader-set-up

    Raises:
        TypeError: the stream has a reader already.
    """
    readers.set_up_readable_stream_default_reader(reader, stream)


def read_a_chunk(reader: ReadableStreamDefaultReader[Any], read_request: ReadRequest) -> None:
    """https://streams.spec.whatwg.org/#readablestreamdefaultreader-read-a-chunk"""
    readers.readable_stream_default_reader_read(reader, read_request)


def read_all_bytes(
    reader: ReadableStreamDefaultReader[Any],
    success_steps: Callable[[bytes], object],
    failure_steps: Callable[[Any], object],
) -> None:
    """https://streams.spec.whatwg.org/#readablestreamdefaultreader-read-all-bytes

    Args:
        reader: whose stream is read to its end.
        success_steps: called with all bytes.
        failure_steps: called with the stream's error; or with a TypeError, for a chunk that is no buffer
            of bytes.
    """
    _ReadLoop(reader, success_steps, failure_steps).run()


class _ReadLoop:
    """Read-loop: https://streams.spec.whatwg.org/#read-loop; as a read request, its own."""

    __slots__ = ("again", "bytes", "failure_steps", "reader", "running", "success_steps")

    def __init__(
        self,
        reader: ReadableStreamDefaultReader[Any],
        success_steps: Callable[[bytes], object],
        failure_steps: Callable[[Any], object],
    ) -> None:
        self.reader = reader
        self.bytes = bytearray()
        self.success_steps = success_steps
        self.failure_steps = failure_steps
        self.running = False
        self.again = False

    def run(self) -> None:
        # (A loop instead of the text's recursion: a chunk that is there already comes before `read` returns.)
        self.running = True
        self.again = True
        while self.again:
            self.again = False
            # 1. The read request is this object.
            # 2. Read.
            readers.readable_stream_default_reader_read(self.reader, self)
        self.running = False

    def chunk_steps(self, chunk: object) -> None:
        # 1.chunk.1. It has to be bytes.
        try:
            view = view_of(chunk, "chunk")
        except TypeError as error:
            self.failure_steps(error)
            return
        if view.constructor is not buffers.uint8_array:
            self.failure_steps(TypeError("chunk: expected bytes, not items of another format"))
            return
        # 1.chunk.2. Append them.
        self.bytes += view.buffer.data[view.byte_offset : view.byte_offset + view.byte_length]
        # 1.chunk.3. Read on.
        self.again = True
        if not self.running:
            self.run()

    def close_steps(self) -> None:
        # 1.close.1. That is all.
        self.success_steps(bytes(self.bytes))

    def error_steps(self, e: object) -> None:
        # 1.error.1. It failed.
        self.failure_steps(e)


def release_reader(reader: ReadableStreamDefaultReader[Any]) -> None:
    """https://streams.spec.whatwg.org/#readablestreamdefaultreader-release"""
    readers.readable_stream_default_reader_release(reader)


def cancel_reader(reader: ReadableStreamDefaultReader[Any], reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#readablestreamdefaultreader-cancel"""
    return readers.readable_stream_reader_generic_cancel(reader, reason)


def cancel_readable_stream(stream: ReadableStream[Any], reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#readablestream-cancel"""
    return controller_interface.readable_stream_cancel(stream, reason)


def tee_readable_stream(stream: ReadableStream[_T]) -> tuple[ReadableStream[_T], ReadableStream[_T]]:
    """https://streams.spec.whatwg.org/#readablestream-tee

    Unlike those of `ReadableStream.tee`, chunks of the second branch are clones of those of the first.

    Raises:
        TypeError: the stream has a reader already.
    """
    return tee.readable_stream_tee(stream, clone_for_branch_2=True)


# §9.1.3 Introspection


def is_readable(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readablestream-readable"""
    return stream._state == "readable"


def is_closed(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readablestream-closed"""
    return stream._state == "closed"


def is_errored(stream: ReadableStream[Any] | WritableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readablestream-errored

    Beyond the standard, of a WritableStream too: Direct Sockets asks for it.
    """
    return stream._state == "errored"


def stored_error_of(stream: ReadableStream[Any] | WritableStream[Any]) -> Any:
    """Beyond the standard, the [[storedError]] of a stream that is errored: Direct Sockets asks for it."""
    return stream._stored_error


def is_locked(stream: ReadableStream[Any] | WritableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#readablestream-locked"""
    return stream.locked


def has_byob_reader(stream: ReadableStream[Any]) -> bool:
    """Beyond the standard: whether the stream is locked to a reader that brings its own buffers."""
    return stream._reader.__class__ is byob_reader.ReadableStreamBYOBReader


def room_without_a_byob_reader(stream: ReadableStream[Any]) -> int:
    """Beyond the standard: how many bytes there is room for in the queue of a byte stream.

    Returns:
        0, too, where a reader with buffers of its own has the stream, or one has left a buffer.
    """
    its_controller: Any = stream._controller
    controller: ReadableByteStreamController = its_controller
    if controller._pending_pull_intos or stream._state != "readable" or has_byob_reader(stream):
        return 0
    return int(controller._strategy_hwm - controller._queue_total_size)


def is_disturbed(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#is-readable-stream-disturbed"""
    return stream._disturbed
