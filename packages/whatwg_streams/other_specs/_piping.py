"""§9.5 Piping: https://streams.spec.whatwg.org/#other-specs-piping"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._platform.promises import Promise, mark_as_handled
from .._readable.ops.pipe_to import readable_stream_pipe_to
from ._transform_streams import create_an_identity_transform_stream

if TYPE_CHECKING:
    from .._platform.abort import AbortSignal
    from .._readable.stream import ReadableStream
    from .._transform.stream import TransformStream
    from .._writable.stream import WritableStream

_T = TypeVar("_T")


def pipe_to(
    readable: ReadableStream[_T],
    writable: WritableStream[_T],
    *,
    prevent_close: bool = False,
    prevent_abort: bool = False,
    prevent_cancel: bool = False,
    signal: AbortSignal | None = None,
) -> Promise[None]:
    """https://streams.spec.whatwg.org/#readablestream-pipe"""
    # 1. Assert: the one is not locked,
    assert not readable.locked
    # 2. Assert: nor is the other.
    assert not writable.locked
    # 3. The signal may be undefined.
    # 4. Pipe.
    return readable_stream_pipe_to(readable, writable, prevent_close, prevent_abort, prevent_cancel, signal)


def pipe_through(
    readable: ReadableStream[Any],
    transform: TransformStream[Any, _T],
    *,
    prevent_close: bool = False,
    prevent_abort: bool = False,
    prevent_cancel: bool = False,
    signal: AbortSignal | None = None,
) -> ReadableStream[_T]:
    """https://streams.spec.whatwg.org/#readablestream-pipe-through"""
    # 1. Assert: the one is not locked,
    assert not readable.locked
    # 2. Assert: nor is the writable side of the other.
    assert not transform._writable.locked
    # 3. The signal may be undefined.
    # 4. Pipe;
    promise = readable_stream_pipe_to(
        readable, transform._writable, prevent_close, prevent_abort, prevent_cancel, signal
    )
    # 5. how that ends shows in the transform.
    mark_as_handled(promise)
    # 6. Return the readable side.
    return transform._readable


def write_algorithm_at_the_end_of_the_pipe(readable: ReadableStream[Any]) -> object:
    """Beyond the standard: the write algorithm of the stream that this one is being piped to.

    Returns:
        None if it is not being piped, or to a stream that no other specification has set up.
    """
    pipe: Any = getattr(readable._reader, "_pipe", None)
    return None if pipe is None else getattr(pipe.dest._controller._write_algorithm, "of_one_argument", None)


def create_a_proxy(stream: ReadableStream[_T]) -> ReadableStream[_T]:
    """https://streams.spec.whatwg.org/#readablestream-create-a-proxy

    A new stream with the chunks of this one, which is locked and disturbed at once.
    """
    # 1. An identity transform stream.
    identity_transform = create_an_identity_transform_stream()
    # 2. Pipe through it.
    return pipe_through(stream, identity_transform)
