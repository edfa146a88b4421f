"""§4.2 The ReadableStream class: https://streams.spec.whatwg.org/#rs-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, cast, overload

from typing_extensions import TypeVar, override

from .._platform.abort import AbortSignal
from .._platform.callback_functions import is_generator
from .._platform.compiled import Unchecked, mypyc_attr
from .._platform.dom_exception import RangeError
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, a_promise_rejected_with, mark_as_handled
from .._platform.webidl import convert_boolean, convert_enumeration, convert_interface, convert_object, get_member
from .._strategies import NO_STRATEGY, convert_queuing_strategy, extract_high_water_mark, extract_size_algorithm
from .._writable.ops.streams import is_writable_stream_locked
from .._writable.stream import WritableStream
from . import async_iterator, fast_creation
from .ops import byte_controllers, controller_interface, default_controllers, pipe_to, streams, tee
from .underlying_source import NO_MEMBERS, UnderlyingSourceDict, convert_members

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from .._strategies import QueuingStrategy
    from .async_iterator import ReadableStreamAsyncIterator
    from .byob_reader import ReadableStreamBYOBReader
    from .byte_controller import ReadableByteStreamController
    from .default_controller import ReadableStreamDefaultController
    from .default_reader import ReadableStreamDefaultReader
    from .underlying_source import UnderlyingSource

    ReadableStreamReader: TypeAlias = "ReadableStreamDefaultReader[Any] | ReadableStreamBYOBReader"
    ReadableStreamController: TypeAlias = "ReadableStreamDefaultController | ReadableByteStreamController"

R = TypeVar("R", default=Any)
O = TypeVar("O", default=Any)
R_co = TypeVar("R_co", covariant=True)
W_co = TypeVar("W_co", covariant=True)


class ReadableWritablePair(Protocol[R_co, W_co]):
    """What `pipe_through` goes through: https://streams.spec.whatwg.org/#dictdef-readablewritablepair

    A `TransformStream` is one, and so is any object, or mapping, with these two members.
    """

    @property
    def readable(self) -> R_co:
        """Where the transformed chunks come out."""
        ...

    @property
    def writable(self) -> W_co:
        """Where the chunks go in."""
        ...


def _convert_stream_pipe_options(
    prevent_close: object, prevent_abort: object, prevent_cancel: object, signal: object
) -> tuple[bool, bool, bool, AbortSignal | None]:
    """https://streams.spec.whatwg.org/#dictdef-streampipeoptions"""
    return (
        convert_boolean(prevent_close),
        convert_boolean(prevent_abort),
        convert_boolean(prevent_cancel),
        None if signal is None else convert_interface(signal, "signal", AbortSignal),
    )


@mypyc_attr(allow_interpreted_subclasses=True)
class ReadableStream(Generic[R]):
    """A source of chunks, one after the other, with backpressure.

    https://streams.spec.whatwg.org/#rs-class

    Iterate over it, `async for chunk in stream`; get a reader; or pipe it to a writable stream. To make
    one of an iterable, or of an asynchronous generator, use `from_`.

    Args:
        underlying_source: where the chunks come from: an object or a mapping with any of the members
            `start(controller)`, `pull(controller)` and `cancel(reason)`. Each may be a coroutine
            function, which then runs in a task with a copy of the context of this call. A function may
            take fewer arguments than these; what it returns is no chunk: `controller.enqueue(chunk)` gives
            one, and `controller.close()` ends the stream. With `type="bytes"` it is a byte stream, whose
            chunks are bytes and which can be read into buffers of the reader's own; its member
            `auto_allocate_chunk_size` (bytes) has a buffer made for readers that bring none.
        strategy: how much may be queued: an object or a mapping with `high_water_mark` (1 by default; 0
            by default for a byte stream, in bytes) and `size` (a function of a chunk; every chunk counts
            1 by default; not for byte streams).

    Raises:
        TypeError: an argument is not of this form.
        RangeError: the high water mark is negative or NaN; or there is a size function for a byte stream.
        Exception: what `start` raises.
    """

    __slots__ = (
        "__weakref__",
        "_controller",
        "_detached",
        "_discard_algorithm",
        "_disturbed",
        "_reader",
        "_reads",
        "_state",
        "_stored_error",
        "_unread",
    )

    _controller: ReadableStreamController
    _detached: bool  # not set, nor is [[controller]] at first: which is slow to ask for, but seldom done
    _discard_algorithm: Callable[[Any], object] | None  # beyond the standard; mostly not set: see `unread.discard`
    _disturbed: bool
    _reader: ReadableStreamReader | None
    _reads: int  # beyond the standard: how many there were, see `unread`
    _state: str  # "readable", "closed" or "errored"
    _stored_error: Any
    _unread: Sequence[Any] | None  # beyond the standard, see `unread`

    def __init__(
        self, underlying_source: UnderlyingSource | None = None, strategy: QueuingStrategy | None = None
    ) -> None:
        if underlying_source is not None and underlying_source.__class__ is not dict:
            convert_object(underlying_source, "underlying_source")
            if is_generator(underlying_source):
                raise TypeError("underlying_source: a generator has no members; call ReadableStream.from_ with it")
        strategy_dict = NO_STRATEGY if strategy is None else convert_queuing_strategy(strategy, "strategy")
        # 1. A missing source is null.
        # 2. Convert the source to the dictionary.
        members = NO_MEMBERS if underlying_source is None else convert_members(underlying_source)
        if fast_paths.enabled and fast_creation.construct(self, members, strategy_dict):
            return
        underlying_source_dict = UnderlyingSourceDict(*members)
        # 3. Initialize this.
        streams.initialize_readable_stream(self)
        # 4. If it is a byte source,
        if underlying_source_dict.type == "bytes":
            # 4.1. bytes are measured in bytes.
            if strategy_dict.size is not None:
                raise RangeError("strategy.size: a byte stream can not have a size function")
            # 4.2. The high water mark.
            high_water_mark = extract_high_water_mark(strategy_dict, 0)
            # 4.3. Set up the controller from the source.
            byte_controllers.set_up_readable_byte_stream_controller_from_underlying_source(
                self, underlying_source, underlying_source_dict, high_water_mark
            )
        # 5. Otherwise,
        else:
            # 5.1. Assert: there is no type.
            assert underlying_source_dict.type is None
            # 5.2. The size algorithm, and
            size_algorithm = extract_size_algorithm(strategy_dict)
            # 5.3. the high water mark.
            high_water_mark = extract_high_water_mark(strategy_dict, 1)
            # 5.4. Set up the controller from the source.
            default_controllers.set_up_readable_stream_default_controller_from_underlying_source(
                self, underlying_source, underlying_source_dict, high_water_mark, size_algorithm
            )

    @staticmethod
    def from_(async_iterable: AsyncIterable[O] | Iterable[O]) -> ReadableStream[O]:
        """A stream of what an iterable or an asynchronous iterable gives.

        https://streams.spec.whatwg.org/#rs-from

        Nothing is asked of it before somebody reads. Cancelling the stream closes the iterator.

        Raises:
            TypeError: it is not iterable.
        """
        # 1. Make one.
        return streams.readable_stream_from_iterable(async_iterable)

    @property
    def locked(self) -> bool:
        """Whether the stream has a reader: https://streams.spec.whatwg.org/#rs-locked"""
        # 1. Return whether it is locked.
        return streams.is_readable_stream_locked(self)

    def cancel(self, reason: object = None) -> Promise[None]:
        """Lose interest: chunks that are queued are discarded, and the source's `cancel` is called.

        https://streams.spec.whatwg.org/#rs-cancel

        Cancelling a task that awaits the result leaves the stream cancelled.

        Args:
            reason: why; given to the source.

        Returns:
            A promise that fulfills when the source is done with it. It rejects with what the source
            raised, with the stream's error, or with a TypeError when the stream is locked.
        """
        # 1. A locked stream can not be cancelled.
        if streams.is_readable_stream_locked(self):
            return a_promise_rejected_with(
                TypeError("a stream that has a reader can not be cancelled; cancel the reader")
            )
        # 2. Cancel it.
        return controller_interface.readable_stream_cancel(self, reason)

    @overload
    def get_reader(self) -> ReadableStreamDefaultReader[R]: ...
    @overload
    def get_reader(self, *, mode: None) -> ReadableStreamDefaultReader[R]: ...
    @overload
    def get_reader(self, *, mode: Literal["byob"]) -> ReadableStreamBYOBReader: ...
    def get_reader(
        self, *, mode: Literal["byob"] | Unchecked | None = None
    ) -> ReadableStreamDefaultReader[R] | ReadableStreamBYOBReader:
        """A reader for this stream, which is locked until the reader releases it.

        https://streams.spec.whatwg.org/#rs-get-reader

        Args:
            mode: "byob" for a reader that reads into buffers of yours; only a byte stream has one.

        Raises:
            TypeError: the stream has a reader already, or is no byte stream though the mode is "byob".
        """
        # 1. Without a mode, it is a default reader.
        if mode is None:
            return streams.acquire_readable_stream_default_reader(self)
        # 2. Assert: otherwise the mode is "byob".
        convert_enumeration(mode, "mode", ("byob",))
        # 3. It is a BYOB reader.
        return streams.acquire_readable_stream_byob_reader(self)

    def pipe_through(
        self,
        transform: ReadableWritablePair[ReadableStream[O], WritableStream[R]] | Mapping[str, Any],
        *,
        prevent_close: bool | Unchecked = False,
        prevent_abort: bool | Unchecked = False,
        prevent_cancel: bool | Unchecked = False,
        signal: AbortSignal | None = None,
    ) -> ReadableStream[O]:
        """Pipe this stream into a transform, and get what comes out of it.

        https://streams.spec.whatwg.org/#rs-pipe-through

        Args:
            transform: an object or a mapping with the members `readable` and `writable`.
            prevent_close: as for `pipe_to`.
            prevent_abort: as for `pipe_to`.
            prevent_cancel: as for `pipe_to`.
            signal: as for `pipe_to`.

        Raises:
            TypeError: this stream or the transform's writable is locked, or an argument is not of this form.
        """
        convert_object(transform, "transform")
        readable = cast(
            "ReadableStream[O]",
            convert_interface(get_member(transform, "readable"), "transform.readable", ReadableStream),
        )
        writable = convert_interface(get_member(transform, "writable"), "transform.writable", WritableStream)
        options = _convert_stream_pipe_options(prevent_close, prevent_abort, prevent_cancel, signal)
        # 1. This must not be locked,
        if streams.is_readable_stream_locked(self):
            raise TypeError("the stream has a reader, it can not be piped")
        # 2. nor the writable side of the transform.
        if is_writable_stream_locked(writable):
            raise TypeError("the writable side of the transform has a writer, it can not be piped to")
        # 3. The signal may be undefined.
        # 4. Pipe;
        promise = pipe_to.readable_stream_pipe_to(self, writable, *options)
        # 5. how that ends shows in the transform.
        mark_as_handled(promise)
        # 6. Return the readable side.
        return readable

    def pipe_to(
        self,
        destination: WritableStream[R] | Unchecked,
        *,
        prevent_close: bool | Unchecked = False,
        prevent_abort: bool | Unchecked = False,
        prevent_cancel: bool | Unchecked = False,
        signal: AbortSignal | None = None,
    ) -> Promise[None]:
        """Read all chunks of this stream and write them to another: https://streams.spec.whatwg.org/#rs-pipe-to

        Both streams are locked meanwhile. Cancelling a task that awaits the result leaves the pipe
        running; abort the signal to stop it.

        Args:
            destination: the stream to write to.
            prevent_close: do not close the destination when this stream is closed.
            prevent_abort: do not abort the destination when this stream is errored.
            prevent_cancel: do not cancel this stream when the destination is errored or closed.
            signal: stops the pipe when it is aborted; the destination is then aborted and this stream
                cancelled, unless the options above prevent it.

        Returns:
            A promise that fulfills when all is written and the destination closed. It rejects with the
            error of either stream, the reason of the signal, or a TypeError when a stream is locked or
            an argument is not of this form.
        """
        try:
            dest = convert_interface(destination, "destination", WritableStream)
            options = _convert_stream_pipe_options(prevent_close, prevent_abort, prevent_cancel, signal)
        except Exception as error:  # a TypeError, or what an argument's __bool__ raises
            return a_promise_rejected_with(error)
        # 1. This must not be locked,
        if streams.is_readable_stream_locked(self):
            return a_promise_rejected_with(TypeError("the stream has a reader, it can not be piped"))
        # 2. nor the destination.
        if is_writable_stream_locked(dest):
            return a_promise_rejected_with(TypeError("the destination has a writer, it can not be piped to"))
        # 3. The signal may be undefined.
        # 4. Pipe.
        return pipe_to.readable_stream_pipe_to(self, dest, *options)

    def tee(self) -> tuple[ReadableStream[R], ReadableStream[R]]:
        """Two streams that both get all chunks of this one: https://streams.spec.whatwg.org/#rs-tee

        This stream is locked. It is read as fast as the faster branch is; what the slower one has not
        read yet is queued there without bound. A chunk is the same object in both branches, except that
        each branch of a byte stream gets bytes of its own.

        Raises:
            TypeError: the stream has a reader already.
        """
        # 1. Tee it.
        return tee.readable_stream_tee(self, clone_for_branch_2=False)

    def values(self, *, prevent_cancel: bool | Unchecked = False) -> ReadableStreamAsyncIterator[R]:
        """An asynchronous iterator over the chunks; it locks the stream.

        https://streams.spec.whatwg.org/#rs-asynciterator

        Args:
            prevent_cancel: whether to leave the stream as it is, and only release it, when the loop is left.

        Raises:
            TypeError: the stream has a reader already.
        """
        return async_iterator.ReadableStreamAsyncIterator(self, prevent_cancel=convert_boolean(prevent_cancel))

    def __aiter__(self) -> ReadableStreamAsyncIterator[R]:
        return self.values()

    @override
    def __repr__(self) -> str:
        locked = ", locked" if self._reader is not None else ""
        return f"<{type(self).__name__} {self._state}{locked}>"
