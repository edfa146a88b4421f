"""§4.2.5 Asynchronous iteration: https://streams.spec.whatwg.org/#rs-asynciterator

The two algorithms are those of the standard; `next` and `return_` are those of Web IDL's default
asynchronous iterator objects, and give promises; `__anext__` and `aclose` are what Python calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, final

from typing_extensions import TypeVar, override

from .._platform.async_sequence import END_OF_ITERATION
from .._platform.compiled import mypyc_attr
from .._platform.fast_paths import fast_paths
from .._platform.promises import AbandonablePromise, Promise, a_promise_resolved_with_undefined, react, reject, resolve
from .._platform.reasons import Throw
from . import fast_read, unread
from .later import Later
from .ops import left_readers, readers, streams
from .records import ReadResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from .default_reader import ReadableStreamDefaultReader
    from .stream import ReadableStream

R = TypeVar("R", default=Any)


@final
class _IterationPromise(AbandonablePromise[Any]):
    """The promise and the read request of `get_the_next_iteration_result`, in one object."""

    __slots__ = ("chunk", "reader", "serial", "stream")

    def __init__(self, stream: ReadableStream[Any], reader: ReadableStreamDefaultReader[Any]) -> None:
        self._promise_state = "pending"
        self._promise_result = None
        self._promise_reactions = None
        self._promise_is_handled = False
        self._already_resolved = False
        self._observers = 0
        self.stream = stream
        self.reader = reader
        self.serial = stream._reads = stream._reads + 1
        self.chunk: tuple[object] | tuple[()] = ()

    def chunk_steps(self, chunk: object) -> None:
        self.chunk = (chunk,)
        # 4.chunk.1. Resolve with the chunk.
        resolve(self, chunk)

    def close_steps(self) -> None:
        # 4.close.1. Release the reader.
        _release(self.reader)
        # 4.close.2. Resolve with the end.
        resolve(self, END_OF_ITERATION)

    def error_steps(self, e: object) -> None:
        # 4.error.1. Release the reader.
        _release(self.reader)
        # 4.error.2. Reject.
        reject(self, e)

    @override
    def _abandoned(self) -> None:
        if self.chunk:
            unread.give_back(self.stream, self.serial, self.chunk[0])
            self._withdraw()
        elif self._promise_state == "pending":
            unread.withdraw_read_request(self.stream, self)
            self._withdraw()


@mypyc_attr(allow_interpreted_subclasses=True)
@final
class ReadableStreamAsyncIterator(Generic[R]):
    """Iterates over the chunks of a stream, which it locks until it is done.

    https://streams.spec.whatwg.org/#rs-asynciterator

    Get one from `async for chunk in stream`, or from `stream.values()`. Leaving the loop early cancels
    the stream, unless `prevent_cancel` was given, as soon as the iterator is dropped, and releases it: it
    can be used again at once. To wait for the source, use `async with contextlib.aclosing(stream.values()) as chunks`.

    Cancelling a task that waits for the next chunk leaves the iterator usable: the next one to wait gets
    the chunk.
    """

    __slots__ = (
        "_gate",
        "_is_finished",
        "_ongoing_promise",
        "_prevent_cancel",
        "_promise",
        "_reader",
        "_stream",
        "_waiting",
    )

    _reader: ReadableStreamDefaultReader[R]
    _prevent_cancel: bool
    _ongoing_promise: Promise[Any] | None
    _promise: _IterationPromise | None  # that nobody has seen, see `fast_read`

    def __init__(self, stream: ReadableStream[R], *, prevent_cancel: bool) -> None:
        self._is_finished = True  # until there is something to finish
        self._ongoing_promise = None
        self._promise = None
        self._waiting = False  # whether `__anext__` waits for a chunk,
        self._gate: Promise[None] | None = None  # and what waits for that
        self._stream = stream
        asynchronous_iterator_initialization(stream, self, prevent_cancel=prevent_cancel)
        self._is_finished = False

    # https://webidl.spec.whatwg.org/#js-asynchronous-iterator-prototype-object

    def next(self) -> Promise[ReadResult[R]]:
        """Ask for the next chunk; asking again before it is there is fine.

        Cancelling a task that awaits the result does not take the chunk back.
        """
        self._ongoing_promise = self._after_the_ongoing(self._next_steps)
        return self._ongoing_promise

    def _next_steps(self, _: object) -> Promise[ReadResult[R]]:
        if self._is_finished:
            return Promise(lambda resolve, _: resolve(ReadResult(None, True)))

        def fulfilled(value: Any) -> ReadResult[Any]:
            self._ongoing_promise = None
            if value is END_OF_ITERATION:
                self._is_finished = True
                return ReadResult(None, True)
            return ReadResult(value, False)

        def rejected(reason: object) -> NoReturn:
            self._ongoing_promise = None
            self._is_finished = True
            raise Throw(reason)

        return react(get_the_next_iteration_result(self._stream, self), fulfilled, rejected)

    def return_(self, value: object = None) -> Promise[ReadResult[Any]]:
        """Stop: cancel the stream with the value as the reason, unless that is prevented, and release it."""

        def return_steps(_: object) -> Promise[Any]:
            if self._is_finished:
                return Promise(lambda resolve, _: resolve(ReadResult(value, True)))
            self._is_finished = True
            return asynchronous_iterator_return(self._stream, self, value)

        self._ongoing_promise = self._after_the_ongoing(return_steps)
        return react(self._ongoing_promise, lambda _: ReadResult(value, True))

    def _after_the_ongoing(self, steps: Callable[[Any], Promise[Any]]) -> Promise[Any]:
        if self._waiting and self._ongoing_promise is None:
            self._ongoing_promise = self._gate = Promise()
        if self._ongoing_promise is None:
            return steps(None)
        return react(self._ongoing_promise, steps, steps)

    # What Python calls

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        while not self._is_finished and (self._waiting or self._ongoing_promise is not None):
            if self._ongoing_promise is None:
                self._ongoing_promise = self._gate = Promise()
            await react(self._ongoing_promise, _ignore, _ignore)
        if self._is_finished:
            raise StopAsyncIteration
        self._waiting = True
        try:
            value = fast_read.next_chunk(self) if fast_paths.enabled else fast_read.PLAINLY
            if value is fast_read.PLAINLY:
                value = await get_the_next_iteration_result(self._stream, self)
            elif type(value) is Later:
                value = await value
        except BaseException as exception:
            self._is_finished = isinstance(exception, Exception) or self._reader._stream is None
            raise
        finally:
            self._waiting = False
            if self._gate is not None:
                if self._ongoing_promise is self._gate:
                    self._ongoing_promise = None
                resolve(self._gate)
                self._gate = None
        if value is END_OF_ITERATION:
            self._is_finished = True
            raise StopAsyncIteration
        return value  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """Stop: cancel the stream, unless that is prevented, and release it.

        Raises:
            Exception: what cancelling the stream raised.
        """
        await self.return_()

    def __del__(self) -> None:
        reader = getattr(self, "_reader", None)  # there is none, if the stream was locked
        if reader is not None and reader._stream is not None:
            left_readers.leave(reader, prevent_cancel=self._prevent_cancel)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'finished' if self._is_finished else f'of {self._stream!r}'}>"


def new_iteration_promise(iterator: ReadableStreamAsyncIterator[Any]) -> _IterationPromise:
    """The promise for the next chunk, and its read request."""
    return _IterationPromise(iterator._stream, iterator._reader)


def _ignore(_: object) -> None:
    return None


def _release(reader: ReadableStreamDefaultReader[Any]) -> None:
    """Release the reader, once.

    NOTE(spec): S12 Web IDL lets `next` read at once when its ongoing promise is cleared, while a read that was queued
    before is under way: the stream's end is the end of both.
    """
    if reader._stream is not None:
        readers.readable_stream_default_reader_release(reader)


def asynchronous_iterator_initialization(
    stream: ReadableStream[Any], iterator: ReadableStreamAsyncIterator[Any], *, prevent_cancel: bool
) -> None:
    """https://streams.spec.whatwg.org/#rs-get-iterator"""
    # 1. The reader; this may throw.
    reader = streams.acquire_readable_stream_default_reader(stream)
    # 2. It is the iterator's.
    iterator._reader = reader
    # 3. Whether not to cancel
    # 4. is the iterator's, too.
    iterator._prevent_cancel = prevent_cancel


def get_the_next_iteration_result(
    stream: ReadableStream[Any], iterator: ReadableStreamAsyncIterator[Any]
) -> Promise[Any]:
    """https://streams.spec.whatwg.org/#rs-asynciterator-prototype-next"""
    # 1. The reader.
    reader = iterator._reader
    # 2. Assert: it has a stream.
    # NOTE(spec): S12 another read that was under way may have released it; then this is the end, too.
    if reader._stream is None:
        return Promise.resolve(END_OF_ITERATION)
    # 3. A promise, which is also
    # 4. the read request. (Its steps are those of _IterationPromise.)
    promise = _IterationPromise(stream, reader)
    # 5. Read.
    readers.readable_stream_default_reader_read(reader, promise)
    # 6. Return the promise.
    return promise


def asynchronous_iterator_return(
    stream: ReadableStream[Any], iterator: ReadableStreamAsyncIterator[Any], arg: object
) -> Promise[None]:
    """https://streams.spec.whatwg.org/#rs-asynciterator-prototype-return"""
    del stream
    # 1. The reader.
    reader = iterator._reader
    # 2. Assert: it has a stream,
    # NOTE(spec): S12 unless another read that was under way has released it.
    if reader._stream is None:
        return a_promise_resolved_with_undefined()
    # 3. Assert: and nothing waits for it.
    # NOTE(spec): S12 a read that is under way is rejected by the release.
    # 4. Unless it is prevented,
    if not iterator._prevent_cancel:
        # 4.1. cancel the stream,
        result = readers.readable_stream_reader_generic_cancel(reader, arg)
        # 4.2. release the reader,
        _release(reader)
        # 4.3. and that is it.
        return result
    # 5. Otherwise just release the reader.
    _release(reader)
    # 6. That is all.
    return a_promise_resolved_with_undefined()
