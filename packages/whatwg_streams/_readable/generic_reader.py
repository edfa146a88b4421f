"""§4.3 The ReadableStreamGenericReader mixin: https://streams.spec.whatwg.org/#generic-reader-mixin"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from .._platform.compiled import mypyc_attr
from .._platform.promises import Promise, a_promise_rejected_with
from .ops import readers

if TYPE_CHECKING:
    from types import TracebackType

    from .stream import ReadableStream


@mypyc_attr(allow_interpreted_subclasses=True)
class ReadableStreamGenericReader:
    """What both kinds of readers share: https://streams.spec.whatwg.org/#generic-reader-mixin"""

    __slots__ = ("__weakref__", "_made_closed_promise", "_stream")

    _made_closed_promise: Promise[None] | None  # see `readers.closed_promise_of`
    _stream: ReadableStream[Any] | None

    @property
    def closed(self) -> Promise[None]:
        """A promise that fulfills when the stream is closed.

        It rejects when the stream is errored, or when this reader releases its lock before.
        https://streams.spec.whatwg.org/#generic-reader-closed
        """
        # 1. Return this.[[closedPromise]].
        return readers.closed_promise_of(self)

    @property
    def _closed_promise(self) -> Promise[None]:
        return readers.closed_promise_of(self)

    def cancel(self, reason: object = None) -> Promise[None]:
        """Lose interest in the stream, as `ReadableStream.cancel` does.

        https://streams.spec.whatwg.org/#generic-reader-cancel

        Cancelling a task that awaits the result leaves the stream cancelled.

        Args:
            reason: why; given to the source.

        Returns:
            A promise that fulfills when the source is done with it. It rejects with what the source
            raised, with the stream's error, or with a TypeError when the reader was released.
        """
        # 1. A released reader can not cancel.
        if self._stream is None:
            return a_promise_rejected_with(TypeError("the reader was released"))
        # 2. Cancel the stream.
        return readers.readable_stream_reader_generic_cancel(self, reason)

    # Beyond the standard ---------------------------------------------------------------------------

    def release_lock(self) -> None:
        """Release the lock on the stream."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release_lock()

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>" if self._stream else f"<{type(self).__name__} released>"
