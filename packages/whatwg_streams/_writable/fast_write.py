"""Fast paths of tasks that write: `await writer.ready` and `await writer.write(chunk)`, one chunk after the other.

See `_platform.fast_paths` for the rules. A chunk that is given to a stream which has nothing else to do is in the
sink's hands at once; and what the task waits for next is, most of the time, one microtask: the steps upon the end of
that write, `WRITTEN`. Where these steps queue nothing, they are taken inside of the task, which is not suspended.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast, final

from typing_extensions import override

from .._platform import callback_functions, event_loop
from .._platform.event_loop import eager_tasks, scheduling
from .._platform.promises import Promise, a_promise_rejected_with, mark_as_handled
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm, WriteWrapper
from .._strategies import count
from .._supporting.queue_with_sizes import NO_ITEMS
from . import fast_default
from .ops import writers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .._platform.event_loop import Job
    from .default_controller import WritableStreamDefaultController
    from .default_writer import WritableStreamDefaultWriter
    from .stream import WritableStream

#: To be awaited in place of what is done already: quicker than a generator that ends at once. It gives None.
_NOTHING: Final[Generator[Any, None, None]] = cast("Any", iter(()))
next(_NOTHING, None)


def _written(controller: WritableStreamDefaultController) -> None:
    """The steps upon fulfillment of the sink's write promise, of a chunk that was written at once."""
    if controller._write_at_once is not None:
        controller._write_at_once.leave()
    fast_default.written(controller)


#: The same as a microtask, which is known by its identity: each chunk of its stream counts 1, and one may be queued.
WRITTEN: Final[Callable[[WritableStreamDefaultController], None]] = _written


@final
class AtOnce:
    """What is needed to write chunks at once, which a controller has from the first one on, while its stream is open.

    Args:
        controller: that of a stream whose chunks count 1 each.
        algorithm: that of its sink.
        function: the same without the controller, if it can be.
    """

    __slots__ = ("algorithm", "function", "makes_backpressure", "queue", "written")

    queue: deque[Any]  # what that of the controller is while a chunk alone is in the sink's hands
    written: Job

    def __init__(
        self,
        controller: WritableStreamDefaultController,
        algorithm: CallbackAlgorithm,
        function: Callable[[Any], Any] | None,
    ) -> None:
        self.algorithm = algorithm
        self.function = function
        self.makes_backpressure = controller._strategy_hwm <= 1  # a chunk alone
        self.written = (WRITTEN, controller)
        self.leave()

    def leave(self) -> None:
        """The controller needs its queue for itself, as the chunk in the sink's hands is not done with at once."""
        self.queue = deque((None,))


@final
class WriterPromise(Promise[None]):
    """A promise that a chunk was written, or that the writer is ready, of which a task takes WRITTEN inside of it.

    What comes by another way stays a plain promise: the methods of those are quickest where they see one type only.
    """

    __slots__ = ()

    def __init__(self) -> None:
        self._promise_state = "pending"
        self._promise_result = None
        self._promise_reactions = None
        self._promise_is_handled = False
        self._already_resolved = False

    @override
    def __await__(self) -> Generator[Any, None, None]:
        queue = event_loop._this_thread.queue
        jobs = queue._jobs
        if (
            jobs
            and queue._spent < scheduling.microtasks_per_turn
            and scheduling.enqueue_elsewhere is None
            and not eager_tasks
        ):
            job = jobs.popleft()
            steps, its_controller = job
            if steps is WRITTEN and not jobs:
                controller: WritableStreamDefaultController = its_controller
                stream = controller._stream
                write_request = stream._in_flight_write_request
                writer = stream._writer
                if (
                    writer is not None
                    and controller._write_at_once is not None
                    and write_request is not None
                    and write_request._promise_reactions is None
                    and ((ready := writer._made_ready_promise) is None or ready._promise_reactions is None)
                    and len(controller._queue) == 1
                ):
                    # WRITTEN queues nothing, and calls nobody: the write is done, and there is no backpressure.
                    queue._spent += 1
                    write_request._already_resolved = True
                    write_request._promise_state = "fulfilled"
                    stream._in_flight_write_request = None
                    controller._queue = NO_ITEMS
                    controller._queue_total_size = 0
                    if stream._backpressure:
                        stream._backpressure = False
                        if ready is not None:
                            ready._already_resolved = True
                            ready._promise_state = "fulfilled"
                    return _NOTHING if self._promise_state == "fulfilled" else super().__await__()
            jobs.appendleft(job)
        elif self._promise_state == "fulfilled" and not jobs and event_loop.hop(self, queue) is None:
            return _NOTHING
        return super().__await__()


def make_the_ready_promise(writer: WritableStreamDefaultWriter[Any], promise: Promise[None]) -> Promise[None]:
    """Put a new promise into the slot, which was left empty while the stream was writable.

    It is pending while there is backpressure, and rejected once the writer was released: what makes it anything else
    asks for it first.
    """
    stream = writer._stream
    if stream is None:
        promise._reject(writers.error_of_the_release(writer))
        mark_as_handled(promise)
    elif not stream._backpressure:
        promise._fulfill(None)
    writer._made_ready_promise = promise
    return promise


def write(writer: WritableStreamDefaultWriter[Any], stream: WritableStream[Any], chunk: object) -> Promise[None] | None:
    """WritableStreamDefaultWriterWrite, to a stream that is writable and not closing.

    At once, while nothing is in the sink's hands: then nothing is queued, either, and there is no backpressure.

    Returns:
        The promise of the write; None if the plain algorithm is needed.
    """
    controller = stream._controller
    at_once = controller._write_at_once
    if at_once is None or stream._in_flight_write_request is not None:
        if at_once is None and controller._started:
            write_at_once_from_now_on(controller)
        return _write_plainly(writer, stream, chunk)
    promise = WriterPromise()
    controller._queue = at_once.queue
    controller._queue_total_size = 1
    if at_once.makes_backpressure:
        stream._backpressure = True
        if writer._made_ready_promise is not None:
            writer._made_ready_promise = WriterPromise()
    stream._in_flight_write_request = promise
    function = at_once.function
    try:
        result = at_once.algorithm.function(chunk, controller) if function is None else function(chunk)
    except BaseException as exception:
        fast_default.upon_written(controller, a_promise_rejected_with(reason_of(exception)))
        return promise
    if result is None and scheduling.enqueue_elsewhere is None:
        queue = event_loop._this_thread.queue
        queue._jobs.append(at_once.written)
        queue._steps += 1
        if not queue._draining:
            queue.schedule()
    else:
        at_once.leave()
        fast_default.upon_written(controller, None if result is None else at_once.algorithm.promise_for(result))
    return promise


def write_of_a_pipe(
    writer: WritableStreamDefaultWriter[Any], stream: WritableStream[Any], chunk: object
) -> Promise[None] | None:
    """The same for a pipe, which writes too few chunks itself to find out first whether they may be written at once."""
    if stream._controller._write_at_once is None:
        return _write_plainly(writer, stream, chunk)
    return write(writer, stream, chunk)


def _write_plainly(
    writer: WritableStreamDefaultWriter[Any], stream: WritableStream[Any], chunk: object
) -> Promise[None] | None:
    """The same for all other streams: in step with the plain algorithms."""
    controller = stream._controller
    if (
        stream._state != "writable"
        or controller._strategy_size_algorithm is not count
        or stream._close_request is not None
        or stream._in_flight_close_request is not None
    ):
        return None
    promise: Promise[None] = Promise()
    if controller._queue is NO_ITEMS:
        controller._queue = deque()
    controller._queue.append(chunk)
    controller._queue_total_size += 1
    if not stream._backpressure and controller._queue_total_size >= controller._strategy_hwm:
        stream._backpressure = True
        if writer._made_ready_promise is not None:
            writer._made_ready_promise = Promise()
    if stream._in_flight_write_request is None and controller._started and not stream._write_requests:
        stream._in_flight_write_request = promise
        fast_default.process_write(controller, chunk)
    else:
        if stream._write_requests is NO_ITEMS:
            stream._write_requests = deque()
        stream._write_requests.append(promise)
    return promise


def write_at_once_from_now_on(controller: WritableStreamDefaultController) -> None:
    """Until the stream closes or errors, if chunks count 1, and the sink is a user's or another specification's."""
    stream = controller._stream
    if (
        stream._state != "writable"
        or controller._strategy_size_algorithm is not count
        or controller._strategy_hwm <= 0
        or stream._close_request is not None
        or stream._in_flight_close_request is not None
    ):
        return
    write_algorithm: Any = controller._write_algorithm
    if type(write_algorithm) is CallbackAlgorithm:
        function = callback_functions.of_one_argument(write_algorithm.function)
    elif type(write_algorithm) is WriteWrapper:
        function = write_algorithm.of_one_argument
    else:
        return
    controller._write_at_once = AtOnce(controller, write_algorithm, function)
