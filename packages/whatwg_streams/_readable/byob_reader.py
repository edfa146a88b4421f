"""§4.5 The ReadableStreamBYOBReader class: https://streams.spec.whatwg.org/#byob-reader-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from typing_extensions import override

from .._platform.buffers import view_of
from .._platform.compiled import Unchecked, mypyc_attr
from .._platform.dom_exception import RangeError
from .._platform.event_loop import Waiter
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, a_promise_rejected_with, take_result_of
from .._platform.reasons import MYPY
from .._platform.webidl import convert_interface, convert_unsigned_long_long
from . import fast_read_into, stream as stream_module, unread
from .generic_reader import ReadableStreamGenericReader
from .ops import readers
from .read_promise import ReadPromise
from .records import READ_RESULT, ReadResult, tuple_new

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Generator

    from typing_extensions import Buffer

    from .._platform.buffers import ArrayBufferView
    from .records import ReadIntoRequest
    from .stream import ReadableStream


@final
class _ReadIntoPromise(ReadPromise):
    """The promise and the read-into request of `ReadableStreamBYOBReader.read`, in one object."""

    __slots__ = ()

    def chunk_steps(self, chunk: ArrayBufferView) -> None:
        # 9.chunk.1. Resolve with the chunk.
        self._fulfill(tuple_new(READ_RESULT, (chunk.object, False)))

    def close_steps(self, chunk: ArrayBufferView | None) -> None:
        # 9.close.1. Resolve with the end, and the view.
        self._fulfill(ReadResult(None if chunk is None else chunk.object, True))

    def error_steps(self, e: object) -> None:
        # 9.error.1. Reject.
        self._reject(e)

    @override
    def __await__(self) -> Generator[Any, None, Any]:
        if self._promise_state == "pending" and fast_paths.enabled and (waits_for := fast_read_into.wait(self)):
            if isinstance(waits_for, tuple):
                return waits_for
            if isinstance(waits_for, Waiter):
                yield waits_for
            settled = [self]
            del waits_for
            if not MYPY:
                del self  # see Promise.__await__
            return take_result_of(settled)
        return (yield from super().__await__())

    @override
    def _abandoned(self) -> None:
        if self._promise_state == "pending":
            unread.withdraw_read_into_request(self.stream, self)
            self._withdraw()
            return
        value = self._promise_result.value
        if value is None:  # the stream was cancelled
            return
        chunk = view_of(value, "value")
        if chunk.byte_length > 0:  # at the end they are fewer than its minimum, but not to be lost
            unread.give_back(self.stream, self.serial, chunk)
            self._withdraw()


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class ReadableStreamBYOBReader(ReadableStreamGenericReader):
    """Reads bytes from a byte stream into buffers of your own; it locks the stream until it releases it.

    https://streams.spec.whatwg.org/#byob-reader-class

    As a context manager it releases the lock in the end: `with stream.get_reader(mode="byob") as reader: …`

    Args:
        stream: the byte stream to read from.

    Raises:
        TypeError: the stream has a reader already, or is no byte stream.
    """

    __slots__ = ("_read_into_requests",)

    _read_into_requests: deque[ReadIntoRequest]

    def __init__(self, stream: ReadableStream[Any] | Unchecked) -> None:
        # 1. Set this up for the stream.
        readers.set_up_readable_stream_byob_reader(
            self, convert_interface(stream, "stream", stream_module.ReadableStream)
        )

    def read(self, view: Buffer, *, min: int | Unchecked | None = 1) -> Promise[ReadResult[memoryview | None]]:
        """Read bytes into a buffer, without copying: https://streams.spec.whatwg.org/#byob-reader-read

        If the only task that awaits the result is cancelled, the read is withdrawn and the promise
        rejected with an AbortError: the next read gets the bytes. What the buffer of the withdrawn read
        holds by then is undefined, and so is for how long it is still written to.

        Args:
            view: a writable, contiguous buffer. It belongs to the stream until the promise settles: a
                memoryview is released; of any other object, do not touch the memory meanwhile.
            min: how many items to wait for, at least; items of the view's format, so bytes for a
                bytearray. Fewer come only when the stream is closed before.

        Returns:
            A promise for the pair of a memoryview and False: it views the memory that was filled, in the
            format of `view`. Once the stream is closed, it is an empty memoryview and True; or None and
            True, if the stream was cancelled. It rejects with the stream's error; with a TypeError when
            the buffer is empty, released, read-only, not contiguous or no buffer, when `min` is 0, or
            when the reader was released; with a RangeError when `min` is more than the buffer holds.
        """
        if (
            fast_paths.enabled
            and type(min) is int
            and (fast_promise := fast_read_into.read(self, view, min)) is not None
        ):
            return fast_promise
        try:
            view_ = view_of(view, "view", writable=True)
            min_ = 1 if min is None or (type(min) is int and min == 1) else convert_unsigned_long_long(min, "min")
        except Exception as error:  # a TypeError, or what an argument's __index__ raises
            return a_promise_rejected_with(error)
        # 1. There has to be something to read into:
        if view_.byte_length == 0:
            return a_promise_rejected_with(TypeError("view: the buffer is empty, there is nothing to read into"))
        # 2. the buffer, too, must not be empty,
        if view_.buffer.byte_length == 0:
            return a_promise_rejected_with(TypeError("view: its buffer is empty"))
        # 3. nor detached.
        if view_.buffer.detached:
            return a_promise_rejected_with(TypeError("view: its buffer is detached"))
        # 4. And something has to be wanted,
        if min_ == 0:
            return a_promise_rejected_with(TypeError("min: 0 is not allowed, as every read waits for something"))
        # 5. not more items of a typed array than it has,
        # 5.1. or it is a RangeError;
        # 6. nor more bytes of a DataView,
        # 6.1. or it is one too.
        if min_ != 1 and min_ > view_.array_length:  # a view that is not empty has one item, at least
            return a_promise_rejected_with(
                RangeError(f"min: the view has {view_.array_length} items, {min_} do not fit")
            )
        # 7. A released reader can not read.
        if self._stream is None:
            return a_promise_rejected_with(TypeError("the reader was released"))
        # 8. A promise, which is also
        # 9. the read-into request. (Its steps are those of _ReadIntoPromise.)
        promise = _ReadIntoPromise(self._stream)
        # 10. Read.
        readers.readable_stream_byob_reader_read(self, view_, min_, promise)
        # 11. Return the promise.
        return promise

    @override
    def release_lock(self) -> None:
        """Release the lock on the stream, so that another reader can be had.

        Reads that are pending are rejected with a TypeError; bytes that are queued stay for the next
        reader. Does nothing the second time. https://streams.spec.whatwg.org/#byob-reader-release-lock
        """
        # 1. A released reader has no stream.
        if self._stream is None:
            return
        # 2. Release it.
        readers.readable_stream_byob_reader_release(self)
