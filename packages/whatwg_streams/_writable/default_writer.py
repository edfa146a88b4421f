"""§5.3 The WritableStreamDefaultWriter class: https://streams.spec.whatwg.org/#default-writer-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, final

from typing_extensions import TypeVar, override

from .._platform.compiled import Unchecked, mypyc_attr
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.webidl import convert_interface
from . import fast_write, stream as stream_module
from .ops import controller_interface, streams, writers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .stream import WritableStream

W = TypeVar("W", default=Any)


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class WritableStreamDefaultWriter(Generic[W]):
    """Writes chunks to a stream, which it locks until it releases it.

    https://streams.spec.whatwg.org/#default-writer-class

    As a context manager it releases the lock in the end: `with stream.get_writer() as writer: …`

    Args:
        stream: the stream to write to.

    Raises:
        TypeError: the stream has a writer already.
    """

    __slots__ = ("__weakref__", "_errored_steps", "_made_closed_promise", "_made_ready_promise", "_stream")

    _made_closed_promise: Promise[None] | None  # None until it is asked for, while it is pending or by the release
    _made_ready_promise: Promise[None] | None  # None until somebody asks, if a fast path left it so
    _stream: WritableStream[W] | None
    _errored_steps: Callable[[Any], object] | None  # of a pipe: what to do when the stream becomes errored

    def __init__(self, stream: WritableStream[W] | Unchecked) -> None:
        # 1. Set this up for the stream.
        streams.set_up_writable_stream_default_writer(
            self, convert_interface(stream, "stream", stream_module.WritableStream)
        )

    @property
    def closed(self) -> Promise[None]:
        """A promise that fulfills when the stream is closed.

        It rejects when the stream is errored, or when this writer releases its lock before.
        https://streams.spec.whatwg.org/#default-writer-closed
        """
        # 1. Return this.[[closedPromise]].
        return self._closed_promise

    @property
    def _closed_promise(self) -> Promise[None]:
        """[[closedPromise]]"""
        return self._made_closed_promise or writers.make_the_closed_promise(self)

    @_closed_promise.setter
    def _closed_promise(self, promise: Promise[None]) -> None:
        self._made_closed_promise = promise

    @property
    def desired_size(self) -> int | float | None:
        """How much more the stream wants, in the unit of its strategy.

        Zero or less means backpressure; zero once the stream is closed; None when it is errored or about
        to be. https://streams.spec.whatwg.org/#default-writer-desired-size

        Raises:
            TypeError: the writer was released.
        """
        # 1. A released writer has none.
        if self._stream is None:
            raise TypeError("the writer was released")
        # 2. Ask the stream.
        return writers.writable_stream_default_writer_get_desired_size(self)

    @property
    def ready(self) -> Promise[None]:
        """A promise that fulfills when the stream wants more chunks.

        It is replaced by a new one each time that backpressure sets in. It rejects when the stream is
        errored, or when this writer releases its lock. https://streams.spec.whatwg.org/#default-writer-ready
        """
        # 1. Return this.[[readyPromise]].
        return self._made_ready_promise or fast_write.make_the_ready_promise(self, fast_write.WriterPromise())

    @property
    def _ready_promise(self) -> Promise[None]:
        """[[readyPromise]]"""
        return self._made_ready_promise or fast_write.make_the_ready_promise(self, Promise())

    @_ready_promise.setter
    def _ready_promise(self, promise: Promise[None]) -> None:
        self._made_ready_promise = promise

    def abort(self, reason: object = None) -> Promise[None]:
        """Give up, as `WritableStream.abort` does: https://streams.spec.whatwg.org/#default-writer-abort

        Cancelling a task that awaits the result leaves the abort on its way.

        Args:
            reason: why; given to the sink, and to all who use the stream from now on.

        Returns:
            A promise that fulfills when the sink is done with aborting. It rejects with what the sink
            raised, or with a TypeError when the writer was released.
        """
        # 1. A released writer can not abort.
        if self._stream is None:
            return a_promise_rejected_with(TypeError("the writer was released"))
        # 2. Abort the stream.
        return writers.writable_stream_default_writer_abort(self, reason)

    def close(self) -> Promise[None]:
        """Close the stream, after all chunks that are queued were written.

        https://streams.spec.whatwg.org/#default-writer-close

        Cancelling a task that awaits the result leaves the close on its way.

        Returns:
            A promise that fulfills when the sink is closed. It rejects with the error that occurred
            before, or with a TypeError when the stream is closing or closed, or the writer was released.
        """
        # 1. The stream.
        stream = self._stream
        # 2. A released writer has none.
        if stream is None:
            return a_promise_rejected_with(TypeError("the writer was released"))
        # 3. A stream that is closing can not be closed again.
        if controller_interface.writable_stream_close_queued_or_in_flight(stream):
            return a_promise_rejected_with(TypeError("the stream is closing or closed already"))
        # 4. Close it.
        return writers.writable_stream_default_writer_close(self)

    def release_lock(self) -> None:
        """Release the lock on the stream, so that another writer can be had.

        What was written before still goes to the sink. Does nothing the second time.
        https://streams.spec.whatwg.org/#default-writer-release-lock
        """
        # 1. The stream.
        stream = self._stream
        # 2. A released writer has none.
        if stream is None:
            return
        # 3. Assert: it has a writer.
        assert stream._writer is not None
        # 4. Release it.
        writers.writable_stream_default_writer_release(self)

    def write(self, chunk: W = None) -> Promise[None]:  # type: ignore[assignment]
        """Write a chunk: https://streams.spec.whatwg.org/#default-writer-write

        The chunk is queued at once, whether there is backpressure or not; await `ready` first to heed it.
        Cancelling a task that awaits the result leaves the chunk queued.

        Args:
            chunk: what to write. It belongs to the stream from now on; do not change it before the
                promise has settled.

        Returns:
            A promise that fulfills when the sink has taken the chunk. It rejects when the stream is
            errored before, or with a TypeError when it is closing or closed, or the writer was released.
        """
        # 1. A released writer can not write.
        if self._stream is None:
            return a_promise_rejected_with(TypeError("the writer was released"))
        if fast_paths.enabled and (promise := fast_write.write(self, self._stream, chunk)) is not None:
            return promise
        # 2. Write to the stream.
        return writers.writable_stream_default_writer_write(self, chunk)

    # Beyond the standard ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release_lock()

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>" if self._stream else f"<{type(self).__name__} released>"
