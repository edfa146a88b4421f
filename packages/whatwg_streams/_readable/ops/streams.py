"""§4.9.1 Working with readable streams: https://streams.spec.whatwg.org/#rs-abstract-ops

Of that section, ReadableStreamPipeTo is in `pipe_to` and the tee algorithms are in `tee`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..._platform.async_sequence import (
    END_OF_ITERATION,
    AsyncIteratorRecord,
    close_an_async_iterator,
    get_the_next_value,
    open_an_async_sequence,
)
from ..._platform.promises import Promise, react
from ..._platform.webidl import new
from ..._strategies import count
from ..._supporting.miscellaneous import is_non_negative_number
from .. import byob_reader, byte_controller, default_controller, default_reader, fast_from, stream as stream_module
from . import byte_controllers, default_controllers, left_readers, readers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._platform.async_sequence import IteratorRecord
    from ..byob_reader import ReadableStreamBYOBReader
    from ..default_controller import ReadableStreamDefaultController
    from ..default_reader import ReadableStreamDefaultReader
    from ..stream import ReadableStream


def acquire_readable_stream_byob_reader(stream: ReadableStream[Any]) -> ReadableStreamBYOBReader:
    """https://streams.spec.whatwg.org/#acquire-readable-stream-byob-reader"""
    # 1. A new reader.
    reader = new(byob_reader.ReadableStreamBYOBReader)
    # 2. Set it up; this may throw.
    readers.set_up_readable_stream_byob_reader(reader, stream)
    # 3. Return it.
    return reader


def acquire_readable_stream_default_reader(stream: ReadableStream[Any]) -> ReadableStreamDefaultReader[Any]:
    """https://streams.spec.whatwg.org/#acquire-readable-stream-reader"""
    # 1. A new reader.
    reader: ReadableStreamDefaultReader[Any] = new(default_reader.ReadableStreamDefaultReader)
    # 2. Set it up; this may throw.
    readers.set_up_readable_stream_default_reader(reader, stream)
    # 3. Return it.
    return reader


def create_readable_stream(
    start_algorithm: Callable[[], Any],
    pull_algorithm: Callable[[], Promise[Any]],
    cancel_algorithm: Callable[[Any], Promise[Any]],
    # 1. Without a high water mark, it is 1.
    high_water_mark: int | float = 1,
    # 2. Without a size algorithm, every chunk counts 1.
    size_algorithm: Callable[[Any], int | float] = count,
) -> ReadableStream[Any]:
    """https://streams.spec.whatwg.org/#create-readable-stream"""
    # 3. Assert: the high water mark is a non-negative number.
    assert is_non_negative_number(high_water_mark)
    # 4. A new stream,
    stream: ReadableStream[Any] = new(stream_module.ReadableStream)
    # 5. initialized.
    initialize_readable_stream(stream)
    # 6. A new controller,
    controller = new(default_controller.ReadableStreamDefaultController)
    # 7. set up with all of these; this may throw.
    default_controllers.set_up_readable_stream_default_controller(
        stream, controller, start_algorithm, pull_algorithm, cancel_algorithm, high_water_mark, size_algorithm
    )
    # 8. Return the stream.
    return stream


def create_readable_byte_stream(
    start_algorithm: Callable[[], Any],
    pull_algorithm: Callable[[], Promise[Any]],
    cancel_algorithm: Callable[[Any], Promise[Any]],
) -> ReadableStream[Any]:
    """https://streams.spec.whatwg.org/#abstract-opdef-createreadablebytestream"""
    # 1. A new stream,
    stream: ReadableStream[Any] = new(stream_module.ReadableStream)
    # 2. initialized.
    initialize_readable_stream(stream)
    # 3. A new controller,
    controller = new(byte_controller.ReadableByteStreamController)
    # 4. set up with all of these; this may throw.
    byte_controllers.set_up_readable_byte_stream_controller(
        stream, controller, start_algorithm, pull_algorithm, cancel_algorithm, 0, None
    )
    # 5. Return the stream.
    return stream


def initialize_readable_stream(stream: ReadableStream[Any]) -> None:
    """https://streams.spec.whatwg.org/#initialize-readable-stream"""
    # 1. It is readable.
    stream._state = "readable"
    # 2. These are undefined.
    stream._reader = None
    stream._stored_error = None
    # 3. Nobody has read from it.
    stream._disturbed = False
    # (And no read of it was taken back.)
    stream._unread = None
    stream._reads = 0


def is_readable_stream_locked(stream: ReadableStream[Any]) -> bool:
    """https://streams.spec.whatwg.org/#is-readable-stream-locked"""
    # (Nor is it with one that is about to be released.)
    if stream._reader is not None:
        left_readers.release_the_reader_that_was_left(stream)
    # 1. Without a reader it is not;
    # 2. otherwise it is.
    return stream._reader is not None


def readable_stream_from_iterable(async_iterable: object) -> ReadableStream[Any]:
    """https://streams.spec.whatwg.org/#readable-stream-from-iterable"""
    # (Steps 1 and 3 to 7 are those of readable_stream_from_iterator_record.)
    # 2. Open the async sequence.
    iterator = open_an_async_sequence(async_iterable, "async_iterable")
    return readable_stream_from_iterator_record(iterator)


def readable_stream_from_iterator_record(iterator: IteratorRecord) -> ReadableStream[Any]:
    """ReadableStreamFromIterable, of an iterator that is open: for hosts with iterators of their own.

    https://streams.spec.whatwg.org/#readable-stream-from-iterable
    """
    # 1. The stream is made below.
    stream: ReadableStream[Any]
    # (Step 2 is that of readable_stream_from_iterable.)

    # 3. Start does nothing.
    def start_algorithm() -> None:
        return None

    # 4. Pull takes these steps:
    def pull_algorithm() -> Promise[Any]:
        # 4.1. Get the next value.
        next_promise = get_the_next_value(iterator)
        controller = cast("ReadableStreamDefaultController", stream._controller)

        # 4.2. React to it:
        # 4.2.fulfilled. With a value,
        def fulfilled(v: object) -> None:
            # 4.2.fulfilled.1. which may be the end of the iteration, close;
            if v is END_OF_ITERATION:
                default_controllers.readable_stream_default_controller_close(controller)
            # 4.2.fulfilled.2. or else enqueue it.
            else:
                default_controllers.readable_stream_default_controller_enqueue(controller, v)

        # 4.2.rejected. With a reason, error the stream.
        def rejected(r: object) -> None:
            default_controllers.readable_stream_default_controller_error(controller, r)

        return react(next_promise, fulfilled, rejected)

    # 5. Cancel takes these steps:
    def cancel_algorithm(reason: object) -> Promise[Any]:
        # 5.1. Close the iterator.
        return close_an_async_iterator(iterator, reason)

    # 6. Create the stream, with the high water mark 0.
    if type(iterator) is AsyncIteratorRecord:
        fast_pull_algorithm = fast_from.PullOfAnIterator(pull_algorithm, iterator)
        stream = create_readable_stream(start_algorithm, fast_pull_algorithm, cancel_algorithm, 0)
        fast_pull_algorithm.controller = cast("ReadableStreamDefaultController", stream._controller)
    else:
        stream = create_readable_stream(start_algorithm, pull_algorithm, cancel_algorithm, 0)
    # 7. Return it.
    return stream
