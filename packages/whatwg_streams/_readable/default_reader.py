"""§4.4 The ReadableStreamDefaultReader class: https://streams.spec.whatwg.org/#default-reader-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, final

from typing_extensions import TypeVar, override

from .._platform.compiled import Unchecked, mypyc_attr
from .._platform.event_loop import MicrotaskQueue
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.webidl import convert_interface
from . import fast_default, stream as stream_module, unread
from .generic_reader import ReadableStreamGenericReader
from .ops import readers
from .read_promise import ReadPromise
from .records import READ_RESULT, ReadResult, tuple_new

if TYPE_CHECKING:
    from collections import deque

    from .ops.pipe_to import _Pipe
    from .records import ReadRequest
    from .stream import ReadableStream

R = TypeVar("R", default=Any)


@final
class _ReadPromise(ReadPromise):
    """The promise and the read request of `ReadableStreamDefaultReader.read`, in one object."""

    __slots__ = ()

    def chunk_steps(self, chunk: object) -> None:
        # 3.chunk.1. Resolve with the chunk.
        reactions = self._promise_reactions
        self._promise_result = tuple_new(READ_RESULT, (chunk, False))
        self._promise_state = "fulfilled"
        if reactions is not None and (type(reactions) is not MicrotaskQueue or reactions._jobs):
            self._promise_reactions = None
            reactions.on_settled(self)

    def close_steps(self) -> None:
        # 3.close.1. Resolve with the end.
        self._fulfill(ReadResult(None, True))

    def error_steps(self, e: object) -> None:
        # 3.error.1. Reject.
        self._reject(e)

    @override
    def _abandoned(self) -> None:
        if self._promise_state == "pending":
            unread.withdraw_read_request(self.stream, self)
            self._withdraw()
        elif not self._promise_result.done:
            unread.give_back(self.stream, self.serial, self._promise_result.value)
            self._withdraw()


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class ReadableStreamDefaultReader(ReadableStreamGenericReader, Generic[R]):
    """Reads chunks from a stream, which it locks until it releases it.

    https://streams.spec.whatwg.org/#default-reader-class

    As a context manager it releases the lock in the end: `with stream.get_reader() as reader: …`

    Args:
        stream: the stream to read from.

    Raises:
        TypeError: the stream has a reader already.
    """

    __slots__ = ("_pipe", "_read_requests")

    _pipe: _Pipe | None  # that it belongs to, if it does
    _read_requests: deque[ReadRequest]

    def __init__(self, stream: ReadableStream[R] | Unchecked) -> None:
        # 1. Set this up for the stream.
        readers.set_up_readable_stream_default_reader(
            self, convert_interface(stream, "stream", stream_module.ReadableStream)
        )

    def read(self) -> Promise[ReadResult[R]]:
        """Read the next chunk: https://streams.spec.whatwg.org/#default-reader-read

        If the only task that awaits the result is cancelled, the read is withdrawn and the promise
        rejected with an AbortError: the next read gets the chunk.

        Returns:
            A promise for the pair of the chunk and False; or of None and True, once the stream is closed.
            A chunk of a byte stream is a memoryview of bytes. It rejects with the stream's error, or with
            a TypeError when the reader was released.
        """
        # 1. A released reader can not read.
        if self._stream is None:
            return a_promise_rejected_with(TypeError("the reader was released"))
        if fast_paths.enabled and (promise := fast_default.read(self, self._stream)) is not None:
            return promise
        # 2. A promise, which is also
        # 3. the read request. (Its steps are those of _ReadPromise.)
        promise = _ReadPromise(self._stream)
        # 4. Read.
        readers.readable_stream_default_reader_read(self, promise)
        # 5. Return the promise.
        return promise

    @override
    def release_lock(self) -> None:
        """Release the lock on the stream, so that another reader can be had.

        Reads that are pending are rejected with a TypeError; chunks that are queued stay for the next
        reader. Does nothing the second time. https://streams.spec.whatwg.org/#default-reader-release-lock
        """
        # 1. A released reader has no stream.
        if self._stream is None:
            return
        # 2. Release it.
        readers.readable_stream_default_reader_release(self)
