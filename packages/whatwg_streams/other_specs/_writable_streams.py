"""§9.2 Writable streams: https://streams.spec.whatwg.org/#other-specs-ws"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._platform.buffers import view_of
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise
from .._platform.webidl import DO_NOTHING, WriteWrapper, new
from .._strategies import count
from .._writable import default_controller, fast_creation, fast_default, fast_write
from .._writable.ops import default_controllers, streams, writers
from ._wrappers import start_algorithm, wrapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from .._platform.abort import AbortSignal
    from .._writable.default_writer import WritableStreamDefaultWriter
    from .._writable.stream import WritableStream

_T = TypeVar("_T")


# §9.2.1 Creation and manipulation


def set_up_writable_stream(
    stream: WritableStream[Any],
    *,
    write_algorithm: Callable[[Any], object],
    close_algorithm: Callable[[], object] | None = None,
    abort_algorithm: Callable[[Any], object] | None = None,
    high_water_mark: float = 1,
    size_algorithm: Callable[[Any], float] = count,
    has_started: bool = False,
) -> None:
    """Set up a new WritableStream: https://streams.spec.whatwg.org/#writablestream-set-up

    Args:
        stream: made with `new(WritableStream)`, or a subclass's `self` in its constructor.
        write_algorithm: called with a chunk; may return a promise.
        close_algorithm: called after the last chunk; may return a promise.
        abort_algorithm: called with the reason; may return a promise.
        high_water_mark: how much may be queued, in the unit of the sizes; not negative, not NaN.
        size_algorithm: the size of a chunk; 1 by default.
        has_started: beyond the standard, whether it has been longer than starting takes since the stream should have
            been set up.
    """
    # 1. Start does nothing.
    # 2. Close: 2.1. to 2.3. are those of `_wrapped`.
    close_algorithm_wrapper = wrapper(close_algorithm)
    # 3. Abort: 3.1. to 3.3. are those of `_wrapped`.
    abort_algorithm_wrapper = wrapper(abort_algorithm)
    if has_started and fast_paths.enabled:
        controller = fast_creation.set_up(
            stream, DO_NOTHING, close_algorithm_wrapper, abort_algorithm_wrapper, high_water_mark, size_algorithm
        )
        controller._write_algorithm = WriteWrapper(write_algorithm, controller)
        controller._started = True
        fast_write.write_at_once_from_now_on(controller)
        return
    # 4. Without a size algorithm, every chunk counts 1.
    # 5. Initialize the stream.
    streams.initialize_writable_stream(stream)
    # 6. A new controller,
    controller = new(default_controller.WritableStreamDefaultController)
    # 7. set up with all of these.
    default_controllers.set_up_writable_stream_default_controller(
        stream,
        controller,
        start_algorithm,
        # (In Python the write algorithm, too, may have nothing to wait for.)
        WriteWrapper(write_algorithm, controller),
        close_algorithm_wrapper,
        abort_algorithm_wrapper,
        high_water_mark,
        size_algorithm,
    )


def error_writable_stream(stream: WritableStream[Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#writablestream-error"""
    default_controllers.writable_stream_default_controller_error_if_needed(stream._controller, e)


def signal_of_writable_stream(stream: WritableStream[Any]) -> AbortSignal:
    """https://streams.spec.whatwg.org/#writablestream-signal"""
    return stream._controller._the_abort_controller().signal


def get_a_copy_of_the_buffer_source(source: Buffer) -> bytes:
    """https://webidl.spec.whatwg.org/#dfn-get-buffer-source-copy

    Raises:
        TypeError: it is no buffer, is released or not contiguous.
    """
    if type(source) is bytes:
        return source
    view = view_of(source, "chunk")
    return bytes(view.buffer.data[view.byte_offset : view.byte_offset + view.byte_length])


# §9.2.2 Writing


def get_a_writer(stream: WritableStream[_T]) -> WritableStreamDefaultWriter[_T]:
    """https://streams.spec.whatwg.org/#writablestream-get-a-writer

    Raises:
        TypeError: the stream has a writer already.
    """
    return streams.acquire_writable_stream_default_writer(stream)


def set_up_writer(writer: WritableStreamDefaultWriter[_T], stream: WritableStream[_T]) -> None:
    """https://streams.spec.whatwg.org/#writablestreamdefaultwriter-set-up

    Raises:
        TypeError: the stream has a writer already.
    """
    streams.set_up_writable_stream_default_writer(writer, stream)


def write_a_chunk(writer: WritableStreamDefaultWriter[_T], chunk: _T) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writablestreamdefaultwriter-write-a-chunk"""
    return writers.writable_stream_default_writer_write(writer, chunk)


def release_writer(writer: WritableStreamDefaultWriter[Any]) -> None:
    """https://streams.spec.whatwg.org/#writablestreamdefaultwriter-release"""
    writers.writable_stream_default_writer_release(writer)


def close_writable_stream(stream: WritableStream[Any]) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writablestream-close"""
    return streams.writable_stream_close(stream)


def abort_writable_stream(stream: WritableStream[Any], reason: object) -> Promise[None]:
    """https://streams.spec.whatwg.org/#writablestream-abort"""
    return streams.writable_stream_abort(stream, reason)


def abort_idle_writable_stream(stream: WritableStream[Any], reason: object) -> bool:
    """Beyond the standard, a fast path of `abort_writable_stream`, where nobody waits for its promise.

    Nor may anybody ask for the signal of the stream afterwards, who has not done so before.

    Returns:
        Whether it was done: the stream is writable, has no writer, and nothing is written to it or queued; and
        nobody has asked for its signal.
    """
    return fast_paths.enabled and fast_default.abort_idle(stream, reason)


def error_idle_writable_stream(stream: WritableStream[Any], reason: object) -> bool:
    """Beyond the standard: the same, but what the abort algorithm does is done by whoever calls this."""
    return fast_paths.enabled and fast_default.error_idle(stream, reason)
