"""A fast path of ReadableStreamPipeTo: one loop that takes a chunk from the source and gives it to the sink.

See `_platform.fast_paths` for the rules; what is done here stands step by step in `ops.pipe_to` and in the algorithms
that it calls. It moves chunks while both ends are idle, no microtask is queued but the steps of other pipes, and the
source and the sink answer at once. What each of these chunks would have queued (the pull is done, write the chunk, the
write is done, read the next) would run right after, in this order and with nothing in between: so it is done without
queueing. But for the callbacks of the source and of the sink nothing of it can be seen, and these are called in the
same order.

The text leaves open when a pipe reads and writes, which these microtasks are a part of. Between pipes this is made use
of: one that is to read moves some chunks, though others have still to take their steps (`event_loop.enqueue_a_step`).
So the callbacks of different pipes may be called in another order than by the plain algorithms; those of one are not.

While a source is pulled that fills its queue with one chunk, its controller is told that all there is to do with a
chunk is to append it (`_only_appends`): it has room for no more then, and nobody waits. As long as each pull does fill
it, and nothing else happens, that stays so from chunk to chunk: `_move_steadily` is the loop for this.

As soon as a callback queues a microtask, returns a promise, throws, or changes the state of a stream, the loop is left
there: with all that is under way queued as the plain algorithms would have queued it.
"""

from __future__ import annotations

import enum
import inspect
from collections import deque
from typing import TYPE_CHECKING, Any, Final, final

from .._platform import callback_functions, event_loop
from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm
from .._strategies import count
from .._supporting.algorithms import PairAlgorithms
from .._supporting.queue_with_sizes import NO_ITEMS
from .._writable import fast_default as fast_writable
from . import default_controller, fast_default, fast_pipe_closing, fast_pipe_in_a_task
from .fast_from import PullOfAnIterator

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._writable.default_controller import WritableStreamDefaultController
    from .._writable.default_writer import WritableStreamDefaultWriter
    from .._writable.stream import WritableStream
    from .default_controller import ReadableStreamDefaultController
    from .ops.pipe_to import _Pipe
    from .stream import ReadableStream

#: What a write returns that has left the loop, with all that is under way queued.
LEFT: Final[Any] = object()

#: What a chunk counts for the fairness to the event loop: two callbacks. It would take four microtasks.
MICROTASKS_PER_CHUNK: Final = 2

#: How many chunks a pipe moves while other pipes wait for their turn.
CHUNKS_BEFORE_OTHERS: Final = 32


@final
class Catch:
    """A read request that catches the chunk which the source enqueues while it is pulled, for the pipe to write."""

    __slots__ = ("has_chunk", "pipe", "place", "queue")

    def __init__(self, pipe: _Pipe) -> None:
        self.pipe = pipe
        self.queue = event_loop._this_thread.queue
        self.has_chunk = False
        self.place = 0  # in the queue of microtasks, when it was caught

    def wait(self) -> None:
        """Be the request that waits."""
        reader = self.pipe.reader
        if reader._read_requests is NO_ITEMS:
            reader._read_requests = deque()
        reader._read_requests.append(self)

    def leave(self) -> None:
        """The pipe writes what was caught, in a microtask, or waits itself."""
        if self.has_chunk:
            self.queue._jobs.insert(self.place, (self.pipe.write, None))
            self.queue.schedule_unless_draining()
            return
        requests = self.pipe.reader._read_requests
        if requests and requests[0] is self:
            requests[0] = self.pipe

    def chunk_steps(self, chunk: object) -> None:
        self.has_chunk = True
        self.pipe.pending_chunks.append(chunk)
        self.place = len(self.queue._jobs)

    def take(self) -> Any:
        """The chunk, which need not wait for a microtask."""
        self.has_chunk = False
        return self.pipe.pending_chunks.pop()

    def close_steps(self) -> None:
        self.pipe.close_steps()

    def error_steps(self, e: object) -> None:
        self.pipe.error_steps(e)


def move_chunks(pipe: _Pipe) -> bool:
    """Move chunks, when the pipe is about to read the next one.

    Returns:
        Whether all is done and queued that follows; otherwise the pipe has still to read.
    """
    into: Any = pipe.dest._controller._write_algorithm
    if type(into) is not CallbackAlgorithm:
        return isinstance(into, PairAlgorithms) and into._move_chunks(pipe)
    if _is_asynchronous(pipe):
        return fast_pipe_in_a_task.move_chunks(pipe)
    return (
        may_move_chunks(pipe, even_if_pulling=True)
        and event_loop.only_steps_are_pending()
        and the_pull_is_done(pipe)
        and move_chunks_by(pipe, into.function)
    )


def move_chunks_by(
    pipe: _Pipe,
    write: Callable[[Any, Any], object],
    more_microtasks: int = 0,
    move_steadily: Callable[..., Left | None] | None = None,
) -> bool:
    """The same, when it has been found out that all is idle, and how a chunk is written.

    Args:
        pipe: that between the source and what is written to.
        write: what the chunk is given to; it returns LEFT if it has queued all that follows.
        more_microtasks: those that the chunk would take beyond those of a sink.
        move_steadily: a loop of its own, for `_move_steadily`.
    """
    left = _move_chunks(pipe, write, MICROTASKS_PER_CHUNK + more_microtasks, move_steadily or _move_steadily)
    if left is Left.FOR_OTHERS:
        event_loop.enqueue_a_step(pipe.read, None)
    return left is not Left.TO_READ


def may_move_chunks(
    pipe: _Pipe, *, by: type[CallbackAlgorithm | PullOfAnIterator] = CallbackAlgorithm, even_if_pulling: bool = False
) -> bool:
    """Whether all is idle, and the loop was made for these ends."""
    return (
        source_may_be_moved(pipe.source, by=by, even_if_pulling=even_if_pulling)
        and isinstance(pipe.dest._controller._write_algorithm, CallbackAlgorithm)
        and dest_may_be_moved(pipe.dest)
        and not pipe.dest._controller._queue
    )


def source_may_be_moved(
    source: ReadableStream[Any],
    *,
    by: type[CallbackAlgorithm | PullOfAnIterator] = CallbackAlgorithm,
    even_if_pulling: bool = False,
) -> bool:
    """Whether the loop was made for such a source, which is pulled by such an algorithm."""
    controller: Any = source._controller
    return (
        type(controller) is default_controller.ReadableStreamDefaultController
        and isinstance(controller._pull_algorithm, by)
        and source._state == "readable"
        and not source._unread
        and controller._started
        and (even_if_pulling or not controller._pulling)
    )


def the_pull_is_done(pipe: _Pipe) -> bool:
    """Whether none is under way, or that is what the next microtask is for: this is taken out of the queue then."""
    controller: Any = pipe.source._controller
    if not controller._pulling:
        return True
    queue = event_loop._this_thread.queue
    if (
        controller._pull_again
        or not controller._queue
        or not queue._jobs
        or queue._jobs[0] != (fast_default.PULLED, controller)
        or queue._spent >= event_loop.scheduling.microtasks_per_turn
    ):
        return False
    queue._jobs.popleft()
    return True


def dest_may_be_moved(dest: WritableStream[Any]) -> bool:
    """Whether the loop was made for such a destination."""
    controller = dest._controller
    return (
        dest._state == "writable"
        and controller._started
        and controller._strategy_hwm > 0
        and controller._strategy_size_algorithm is count
        and dest._close_request is None
        and dest._in_flight_close_request is None
    )


def _is_asynchronous(pipe: _Pipe) -> bool:
    """Whether a callback is a coroutine function, or the source an asynchronous iterator."""
    return is_pulled_in_a_task(pipe.source) or is_a_coroutine_function(pipe.dest._controller._write_algorithm)


def is_pulled_in_a_task(source: ReadableStream[Any]) -> bool:
    """Whether its pull is a coroutine function, or the source an asynchronous iterator."""
    pull_algorithm: Any = source._controller._pull_algorithm
    return pull_algorithm.__class__ is PullOfAnIterator or is_a_coroutine_function(pull_algorithm)


def is_a_coroutine_function(algorithm: Any) -> bool:
    """Whether the function of the algorithm is one, if it has any."""
    code = getattr(getattr(algorithm, "function", None), "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_COROUTINE)


class Left(enum.Enum):
    """How the loop was left."""

    TO_READ = enum.auto()  # the pipe has to read, plainly
    FOR_OTHERS = enum.auto()  # it is the turn of other pipes, or of the event loop; then the pipe has to read
    UNDER_WAY = enum.auto()  # all that follows is queued


def _move_chunks(
    pipe: _Pipe, write: Callable[[Any, Any], object], microtasks: int, move_steadily: Callable[..., Left | None]
) -> Left:
    source, dest = pipe.source, pipe.dest
    its_controller: Any = source._controller
    readable: ReadableStreamDefaultController = its_controller
    writable = dest._controller
    its_pull_algorithm: Any = readable._pull_algorithm
    pull_algorithm: CallbackAlgorithm = its_pull_algorithm
    write_algorithm: Any = writable._write_algorithm
    pull = pull_algorithm.function
    write_it = callback_functions.of_one_argument(write)
    high_water_mark = readable._strategy_hwm
    counts = readable._strategy_size_algorithm is count
    queue = event_loop._this_thread.queue
    jobs = queue._jobs
    pending = len(jobs)  # what comes after this is queued by callbacks
    until = event_loop.scheduling.microtasks_per_turn
    if pending:
        until = min(until, queue._spent + CHUNKS_BEFORE_OTHERS * microtasks)
    before = spent = queue._spent
    write_request = new_write_request()
    catch: Catch | None = None
    failed: Promise[Any] | None = None
    source._disturbed = True
    overlaps = readable._pulling  # the next pull comes after the chunk has been read, and before its write is queued
    readable._pulling = False
    may_be_steady = counts and high_water_mark > 0
    left: Left | None
    try:
        while spent < until:
            if may_be_steady and not overlaps and not readable._close_requested and is_full(readable):
                left = move_steadily(pipe, write, write_it, write_request, microtasks, until)
                before = spent = queue._spent
                if left is not None:
                    return left
            items = readable._queue
            if items:
                if readable._close_requested and len(items) == 1:
                    if pipe.chain is not None:
                        return Left.TO_READ
                    spent += microtasks
                    chunk = fast_default.dequeue(readable)
                    fast_pipe_closing.close_the_source(pipe)
                    fast_pipe_closing.move_the_last_chunk(pipe, write, write_it, chunk, write_request)
                    return Left.UNDER_WAY
                if counts:
                    chunk = items.popleft()
                    size = readable._queue_total_size = readable._queue_total_size - 1
                else:
                    chunk = fast_default.dequeue(readable)
                    size = readable._queue_total_size
                if size < high_water_mark and not readable._close_requested:
                    readable._pulling = True
                    readable._only_appends = counts and size + 1 >= high_water_mark
                    if overlaps:
                        pipe.pending_chunks.append(chunk)
                    try:
                        result = pull(readable)
                    except BaseException as exception:
                        result = failed = a_promise_rejected_with(reason_of(exception))
                    readable._only_appends = False
                    if result is not None or (jobs and len(jobs) > pending) or readable._pull_again:
                        if result is None and fast_pipe_closing.only_closes(pipe, pending):
                            spent += microtasks
                            if overlaps:
                                pipe.pending_chunks.clear()
                            pipe.shutting_down = not overlaps
                            fast_pipe_closing.move_the_last_chunk(pipe, write, write_it, chunk, write_request)
                            return Left.UNDER_WAY
                        pull_promise = promise_for(pull_algorithm, result, failed)
                        if not overlaps:
                            return pull_ahead_goes_on(pipe, pull_promise, chunk)
                        jobs.insert(pending, (pipe.write, None))
                        pull_goes_on(readable, pull_promise)
                        return Left.UNDER_WAY
                    if overlaps:
                        pipe.pending_chunks.clear()
                    readable._pulling = overlaps
            elif high_water_mark == 0:
                if catch is None:
                    catch = Catch(pipe)
                catch.wait()
                readable._pulling = True
                try:
                    result = pull(readable)
                except BaseException as exception:
                    result = failed = a_promise_rejected_with(reason_of(exception))
                alone = result is None and len(jobs) == pending
                if not alone or readable._pull_again or not catch.has_chunk or pipe.shutting_down:
                    if result is None and catch.has_chunk and fast_pipe_closing.only_closes(pipe, pending):
                        spent += microtasks
                        fast_pipe_closing.move_the_last_chunk(pipe, write, write_it, catch.take(), write_request)
                        return Left.UNDER_WAY
                    catch.leave()
                    pull_goes_on(readable, promise_for(pull_algorithm, result, failed))
                    return Left.UNDER_WAY
                chunk = catch.take()
            else:
                return Left.TO_READ
            dest._in_flight_write_request = write_request
            try:
                result = write(chunk, writable) if write_it is None else write_it(chunk)
            except BaseException as exception:
                result = failed = a_promise_rejected_with(reason_of(exception))
            alone = result is None and (not jobs or len(jobs) == pending)
            pulls_ahead = high_water_mark != 0 and readable._pulling and not overlaps  # as the callback has made room
            if not alone or dest._state != "writable" or readable._pull_again or pulls_ahead:
                if result is not LEFT:
                    if not pulls_ahead:
                        queue_the_late_pull(readable, pending)
                    write_goes_on(pipe, write_request, chunk, promise_for(write_algorithm, result, failed))
                return Left.UNDER_WAY
            dest._in_flight_write_request = None
            readable._pulling = overlaps = False
            spent += microtasks
        return Left.FOR_OTHERS
    finally:
        queue._spent += spent - before
        readable._only_appends = False


def is_full(readable: ReadableStreamDefaultController) -> bool:
    """Whether the queue has room for no chunk, but would have for one if there was one less."""
    return readable._queue_total_size - 1 < readable._strategy_hwm <= readable._queue_total_size


def _move_steadily(
    pipe: _Pipe,
    write: Callable[[Any, Any], object],
    write_it: Callable[[Any], object] | None,
    write_request: Promise[None],
    microtasks: int,
    until: int,
) -> Left | None:
    """Move chunks, one by one, whose source has filled its queue, and fills it again when it is pulled for the next.

    Args:
        pipe: that between the source and what is written to.
        write: what the chunk is given to, as for `move_chunks_by`.
        write_it: the same, if it takes no controller.
        write_request: what stands for that of each chunk.
        microtasks: what a chunk counts.
        until: so many may have been spent in the end.

    Returns:
        How the loop was left; None if the source has not filled its queue exactly, or closes.
    """
    dest = pipe.dest
    its_controller: Any = pipe.source._controller
    readable: ReadableStreamDefaultController = its_controller
    writable = dest._controller
    its_pull_algorithm: Any = readable._pull_algorithm
    pull = its_pull_algorithm.function
    write_algorithm: Any = writable._write_algorithm  # which is gone when a callback has errored the stream
    queue = event_loop._this_thread.queue
    jobs = queue._jobs
    pending = len(jobs)
    before = spent = queue._spent
    full = readable._queue_total_size
    room_for_one = full - 1
    take = readable._queue.popleft
    failed: Promise[Any] | None = None
    readable._only_appends = True  # until it closes or errors
    try:
        while spent < until:
            chunk = take()
            readable._queue_total_size = room_for_one
            try:
                result = pull(readable)
            except BaseException as exception:
                result = failed = a_promise_rejected_with(reason_of(exception))
            if result is not None or (jobs and len(jobs) != pending):
                if result is None and fast_pipe_closing.only_closes(pipe, pending):
                    spent += microtasks
                    pipe.shutting_down = True
                    fast_pipe_closing.move_the_last_chunk(pipe, write, write_it, chunk, write_request)
                    return Left.UNDER_WAY
                readable._pulling = True
                readable._only_appends = False
                return pull_ahead_goes_on(pipe, promise_for(its_pull_algorithm, result, failed), chunk)
            if readable._queue_total_size < full:
                readable._only_appends = False
            dest._in_flight_write_request = write_request
            try:
                result = write(chunk, writable) if write_it is None else write_it(chunk)
            except BaseException as exception:
                result = failed = a_promise_rejected_with(reason_of(exception))
            if result is not None or (jobs and len(jobs) != pending) or dest._state != "writable" or readable._pulling:
                if result is not LEFT:
                    write_goes_on(pipe, write_request, chunk, promise_for(write_algorithm, result, failed))
                return Left.UNDER_WAY
            dest._in_flight_write_request = None
            spent += microtasks
            if readable._queue_total_size != full or not readable._only_appends:
                return None
        return Left.FOR_OTHERS
    finally:
        queue._spent += spent - before
        readable._only_appends = False


def is_ready(writer: WritableStreamDefaultWriter[Any]) -> bool:
    """Whether the promise for that, which nobody has asked for yet, would be fulfilled."""
    stream = writer._stream
    return writer._made_ready_promise is None and stream is not None and not stream._backpressure


def release(pipe: _Pipe) -> None:
    """Finalize, steps 1 to 3: nobody else has the reader and the writer of a pipe, or waits for promises of theirs."""
    source, reader, writer = pipe.source, pipe.reader, pipe.writer
    if source._state == "readable":
        event_loop.count_microtasks(1)  # in which the pipe would see that it is shutting down
    pipe.dest._writer = None
    writer._stream = None
    source._controller._release_steps()
    source._reader = None
    reader._stream = None
    reader._read_requests = NO_ITEMS


def promise_for(algorithm: CallbackAlgorithm, result: object, failed: Promise[Any] | None) -> Promise[Any] | None:
    """The promise for what a callback has returned; None for one that is fulfilled."""
    if failed is not None:
        return failed
    return None if result is None else algorithm.promise_for(result)


def pull_ahead_goes_on(pipe: _Pipe, pull_promise: Promise[Any] | None, chunk: object) -> Left:
    """The pull is under way, and the chunk that it made room for is to be written."""
    readable: Any = pipe.source._controller
    if pipe.chain is not None:
        pipe.chain.leave()
    pull_goes_on(readable, pull_promise)
    pipe.chunk_steps(chunk)
    return Left.UNDER_WAY


def pull_goes_on(readable: ReadableStreamDefaultController, pull_promise: Promise[Any] | None) -> None:
    """ReadableStreamDefaultControllerCallPullIfNeeded, steps 7 and 8; without a promise it is fulfilled."""
    if pull_promise is None:
        event_loop.enqueue_a_step(fast_default.PULLED, readable)
    else:
        fast_default.upon_pulled(readable, pull_promise)


def queue_the_late_pull(readable: ReadableStreamDefaultController, place: int) -> None:
    """If it is not known yet that the pull is done, the microtask for that comes before those of the sink."""
    if readable._pulling:
        queue = event_loop._this_thread.queue
        queue._jobs.insert(place, (fast_default.PULLED, readable))
        queue.schedule_unless_draining()


def new_write_request() -> Promise[None]:
    """What stands for the promise of a pipe's write, which nobody sees."""
    write_request: Promise[None] = Promise()
    write_request._promise_is_handled = True
    return write_request


def write_goes_on(
    pipe: _Pipe, write_request: Promise[None], chunk: object, sink_write_promise: Promise[Any] | None
) -> None:
    """The chunk is in the sink's hands: put the destination into the state that it has then."""
    count_the_chunk(pipe, chunk)
    pipe.current_write = write_request
    fast_writable.upon_written(pipe.dest._controller, sink_write_promise)
    pipe.step(None)


def count_the_chunk(pipe: _Pipe, chunk: object) -> None:
    """The chunk is in the queue of the destination until it has been written; this may make backpressure."""
    dest = pipe.dest
    writable: WritableStreamDefaultController = dest._controller
    if writable._queue is NO_ITEMS:
        writable._queue = deque()
    writable._queue.append(chunk)
    writable._queue_total_size += 1
    if writable._queue_total_size >= writable._strategy_hwm:
        dest._backpressure = True
        if dest._state == "writable":
            pipe.writer._ready_promise = Promise()
