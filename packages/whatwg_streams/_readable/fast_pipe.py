"""A fast path of ReadableStreamPipeTo: one loop that takes a chunk from the source and gives it to the sink.

See `_platform.fast_paths` for the rules; what is done here stands step by step in `ops.pipe_to` and in the algorithms
that it calls. It moves chunks while both ends are idle, no microtask is queued, and the source and the sink answer at
once. What each of these chunks would have queued (the pull is done, write the chunk, the write is done, read the next)
would run right after, in this order and with nothing in between: so it is done without queueing. The text leaves
open when a pipe reads and writes, which these microtasks are a part of; but for the callbacks of the source and
of the sink nothing of it can be seen, and these are called in the same order.

As soon as a callback queues a microtask, returns a promise, throws, or changes the state of a stream, the loop is left
there: with all that is under way queued as the plain algorithms would have queued it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from .._platform import event_loop
from .._platform.promises import Promise, a_promise_rejected_with, reason_of, upon
from .._platform.webidl import CallbackAlgorithm
from .._strategies import count
from .._supporting.queue_with_sizes import NO_ITEMS
from .._writable import fast_default as fast_writable
from . import default_controller, fast_default
from .ops import default_controllers

if TYPE_CHECKING:
    from .._writable.default_controller import WritableStreamDefaultController
    from .default_controller import ReadableStreamDefaultController
    from .ops.pipe_to import _Pipe

#: How many microtasks a chunk takes otherwise: what it counts for the fairness to the event loop.
MICROTASKS_PER_CHUNK: Final = 4

_NOTHING: Final = object()


@final
class _Catch:
    """A read request that catches the chunk which the source enqueues while it is pulled."""

    __slots__ = ("chunk", "pipe", "place")

    def __init__(self, pipe: _Pipe) -> None:
        self.pipe = pipe
        self.chunk: object = _NOTHING
        self.place = 0  # in the queue of microtasks, when it was caught

    def chunk_steps(self, chunk: object) -> None:
        self.chunk = chunk
        self.place = event_loop.number_of_microtasks()

    def close_steps(self) -> None:
        self.pipe.close_steps()

    def error_steps(self, e: object) -> None:
        self.pipe.error_steps(e)


def move_chunks(pipe: _Pipe) -> bool:
    """Move chunks, when the pipe is about to read the next one.

    Returns:
        Whether all is done and queued that follows; otherwise the pipe has still to read.
    """
    source, dest = pipe.source, pipe.dest
    readable: Any = source._controller
    writable = dest._controller
    pull_algorithm: Any = getattr(readable, "_pull_algorithm", None)
    write_algorithm: Any = writable._write_algorithm
    if (
        event_loop.microtasks_are_pending()
        or readable.__class__ is not default_controller.ReadableStreamDefaultController
        or pull_algorithm.__class__ is not CallbackAlgorithm
        or write_algorithm.__class__ is not CallbackAlgorithm
        or source._state != "readable"
        or dest._state != "writable"
        or source._unread
        or not readable._started
        or not writable._started
        or readable._pulling
        or writable._queue
        or writable._strategy_size_algorithm is not count
        or dest._close_request is not None
        or dest._in_flight_close_request is not None
    ):
        return False
    queue = event_loop._this_thread.queue
    jobs = queue._jobs
    pull, write = pull_algorithm.function, write_algorithm.function
    high_water_mark = readable._strategy_hwm
    requests: deque[Any] | None = None
    write_request: Promise[None] = Promise()
    write_request._promise_is_handled = True
    catch = _Catch(pipe)
    source._disturbed = True
    while queue._spent < event_loop.MICROTASKS_PER_TURN:
        if readable._queue:
            if readable._close_requested:
                if len(readable._queue) == 1:
                    return False
                chunk = fast_default.dequeue(readable)
            else:
                chunk = fast_default.dequeue(readable)
                if readable._queue_total_size < high_water_mark:
                    readable._pulling = True
                    try:
                        result = pull(readable)
                    except (Exception, asyncio.CancelledError) as exception:
                        _pull_goes_on(readable, a_promise_rejected_with(reason_of(exception)))
                        pipe.chunk_steps(chunk)
                        return True
                    if result is not None or jobs or readable._pull_again:
                        _pull_goes_on(readable, None if result is None else pull_algorithm.promise_for(result))
                        pipe.chunk_steps(chunk)
                        return True
                    readable._pulling = False
        elif high_water_mark == 0:
            if requests is None:
                requests = pipe.reader._read_requests = deque()
            requests.append(catch)
            readable._pulling = True
            rejected: Promise[Any] | None = None
            try:
                result = pull(readable)
            except (Exception, asyncio.CancelledError) as exception:
                result, rejected = None, a_promise_rejected_with(reason_of(exception))
            chunk = catch.chunk
            if rejected is not None or result is not None or jobs or readable._pull_again or chunk is _NOTHING:
                if chunk is not _NOTHING:
                    pipe.pending_chunks.append(chunk)
                    jobs.insert(catch.place, (pipe.write, None))
                elif requests and requests[0] is catch:
                    requests[0] = pipe
                _pull_goes_on(readable, rejected if result is None else pull_algorithm.promise_for(result))
                return True
            catch.chunk = _NOTHING
        else:
            return False
        dest._in_flight_write_request = write_request
        try:
            result = write(chunk, writable)
        except (Exception, asyncio.CancelledError) as exception:
            _write_goes_on(pipe, readable, write_request, chunk, a_promise_rejected_with(reason_of(exception)))
            return True
        if result is not None or jobs or dest._state != "writable" or readable._pull_again:
            promise = None if result is None else write_algorithm.promise_for(result)
            _write_goes_on(pipe, readable, write_request, chunk, promise)
            return True
        dest._in_flight_write_request = None
        readable._pulling = False
        queue._spent += MICROTASKS_PER_CHUNK
    event_loop.enqueue_microtask(pipe.read, None)
    return True


def _pull_goes_on(readable: ReadableStreamDefaultController, pull_promise: Promise[Any] | None) -> None:
    """ReadableStreamDefaultControllerCallPullIfNeeded, steps 7 and 8; without a promise it is fulfilled."""
    if pull_promise is None:
        event_loop.enqueue_microtask(fast_default.pulled, readable)
    else:
        upon(
            pull_promise,
            lambda _: fast_default.pulled(readable),
            partial(default_controllers.readable_stream_default_controller_error, readable),
        )


def _write_goes_on(
    pipe: _Pipe,
    readable: ReadableStreamDefaultController,
    write_request: Promise[None],
    chunk: object,
    sink_write_promise: Promise[Any] | None,
) -> None:
    """The chunk is in the sink's hands: put the streams into the state that they have then."""
    dest = pipe.dest
    writable: WritableStreamDefaultController = dest._controller
    if readable._pulling:  # its microtask comes before those of the sink
        event_loop._this_thread.queue._jobs.appendleft((fast_default.pulled, readable))
    if writable._queue is NO_ITEMS:
        writable._queue = deque()
    writable._queue.append(chunk)
    writable._queue_total_size += 1
    if writable._queue_total_size >= writable._strategy_hwm:
        dest._backpressure = True
        if dest._state == "writable":
            pipe.writer._ready_promise = Promise()
    pipe.current_write = write_request
    fast_writable.upon_written(writable, sink_write_promise)
    pipe.step(None)
