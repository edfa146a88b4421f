"""A fast path of pipes through transform streams: one loop that takes a chunk from the source to the last sink.

See `_platform.fast_paths` for the rules, and `_readable.fast_pipe` for the loop, which this is a part of: where a pipe
to a sink writes, a pipe to a transform stream has the chunk transformed, and that to the next, and writes in the end.

In the steady state everybody waits for the source. Stage 0 is the first transform, and so on; the last is the sink.
When the pipe into a stage writes, its callback is called, and enqueues one chunk. That queues that the next pipe
writes, that the pull of this readable side is done, and that the chunk was transformed; this queues that it was
written, and that has the pipe into this stage read. So with up to three transforms the sink is given a chunk before
the source is pulled again, and it is known which microtasks are queued when a callback is called: those of the stages
before (`_Chain.leave`), and those of the chunk before (`_Chain.late`). None of them does anything that could be seen.

Where a callback is a coroutine function, or the source an asynchronous iterator, the loop is that of
`_readable.fast_pipe_in_a_task`, which may be suspended in any stage. So it is for longer chains, and where transforms
turn out to make several chunks of one, or none. There a chunk, with all that is made of it, is moved to the sink before
the source is asked for the next: asyncio leaves open when a task has its turn, and the text when a pipe reads.

While chunks move, only the callbacks, and what they call, can look at the streams. What they do beyond enqueueing one
chunk finds all in the state in which the plain algorithms have it then: the loop is left first.
"""

from __future__ import annotations

import asyncio
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, final

from .._platform import callback_functions, event_loop
from .._platform.promises import Promise, a_promise_rejected_with
from .._platform.reasons import reason_of
from .._platform.webidl import CallbackAlgorithm
from .._readable import fast_coroutines, fast_default as fast_readable, fast_pipe, fast_pipe_in_a_task
from .._strategies import count
from .._supporting.algorithms import PairAlgorithms
from .._supporting.queue_with_sizes import owned
from .._writable import fast_default as fast_writable
from .._writable.fast_write import WRITTEN
from . import fast_default
from .ops import default_controllers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._readable.default_controller import ReadableStreamDefaultController
    from .._readable.ops.pipe_to import _Pipe
    from .default_controller import TransformStreamDefaultController
    from .stream import TransformStream

#: With more transforms the source would be pulled again before the sink has the chunk.
MOST_TRANSFORMS: Final = 3

#: What a chunk counts for each transform, for the fairness to the event loop: a callback. It would take six microtasks.
MICROTASKS_PER_TRANSFORM: Final = 1

#: When so many chunks in a row could not be moved, it is tried only once in so many.
MISSES: Final = 16

#: After so many chunks that a transform has not made exactly one of, they are moved in a task.
IRREGULAR: Final = 64

_NOTHING: Final = object()

#: In place of a chunk: one that is in the queue of the transform.
_FROM_THE_QUEUE: Final = object()


def move_chunks(pipe: _Pipe) -> bool:
    """Move chunks, when the pipe into the first transform is about to read the next one.

    Returns:
        Whether all is done and queued that follows; otherwise the pipe has still to read.
    """
    its_algorithm: Any = pipe.dest._controller._write_algorithm
    transform: TransformStream[Any, Any] = its_algorithm
    transform._misses += 1  # unless a chunk moves
    if transform._misses > MISSES and transform._misses % MISSES:
        return False
    source = pipe.source
    if event_loop.scheduling.enqueue_elsewhere is not None or fast_pipe.is_pulled_in_a_task(source):
        return event_loop.scheduling.enqueue_elsewhere is None and fast_pipe_in_a_task.move_chunks(pipe, _enter_chain)
    if not fast_pipe.source_may_be_moved(source, even_if_pulling=True):
        return False
    chain = _chain_from(pipe)
    if chain is None:
        return False
    if chain.waits or len(chain.transforms) > MOST_TRANSFORMS or chain.is_irregular():
        return fast_pipe_in_a_task.move_chunks(pipe, _enter_chain)
    if source._controller._strategy_hwm == 0 or source._controller._pulling or not chain.is_idle():
        return False
    chain.behind, transform._behind = transform._behind, False
    if not chain.finish() or not chain.is_steady():
        return False
    chain.enter()
    try:
        done = fast_pipe.move_chunks_by(
            pipe,
            chain.get_write(),
            MICROTASKS_PER_TRANSFORM * len(chain.steps),
            None if chain.steps else chain.pass_on_steadily,
        )
    except BaseException:
        chain.exit()
        raise
    if chain.has_moved:
        transform._misses = 0
    if chain.left:
        return True
    if done:  # it is the event loop's turn
        chain.exit()
        chain.pipes[-1].dest._in_flight_write_request = None
        transform._behind = chain.behind or chain.has_moved
    else:
        chain.leave()
    return done


def _enter_chain(pipe: _Pipe) -> _Chain | None:
    """The chain that begins with this pipe, for a task: when that has its turn, nothing else is under way."""
    chain = _chain_from(pipe)
    if chain is None or chain.jobs or not chain.is_idle() or not chain.is_steady():
        return None
    chain.transforms[0]._misses = 0
    chain.is_in_a_task = True
    chain.task = asyncio.current_task()
    chain.overlaps = False
    chain.enter()
    chain.waits = chain.waits or bool(chain.steps)
    return chain


def _chain_from(first: _Pipe) -> _Chain | None:
    """The chain that begins with this pipe, if it is one that the loop was made for."""
    pipe = first
    pipes = [first]
    transforms: list[TransformStream[Any, Any]] = []
    while True:
        if pipe.shutting_down or not fast_pipe.dest_may_be_moved(pipe.dest):
            return None
        algorithm: Any = pipe.dest._controller._write_algorithm
        if type(algorithm) is CallbackAlgorithm:
            return _Chain(pipes, transforms)
        if not isinstance(algorithm, PairAlgorithms):
            return None
        its_transform: Any = algorithm
        transform: TransformStream[Any, Any] = its_transform
        if not _may_be_moved(transform):
            return None
        reader: Any = transform._readable._reader
        if reader is None or reader._pipe is None:
            return None
        pipe = reader._pipe
        transforms.append(transform)
        pipes.append(pipe)


def _may_be_moved(transform: TransformStream[Any, Any]) -> bool:
    readable = transform._readable
    controller: Any = readable._controller
    algorithm: Any = transform._the_controller()._transform_algorithm
    return (
        transform._writable._controller._strategy_hwm <= 1  # one chunk makes backpressure
        and type(algorithm) is CallbackAlgorithm
        and readable._state == "readable"
        and not readable._unread
        and controller._started
        and controller._strategy_hwm == 0
        and not controller._close_requested
    )


def _in_plain_steps(jobs: Iterable[event_loop.Job]) -> list[event_loop.Job]:
    """The same microtasks, where some are known by another name."""
    return [(fast_writable.written if steps is WRITTEN else steps, argument) for steps, argument in jobs]


@final
class _Chain:
    """Pipes and the transform streams between them, while the loop moves chunks through them."""

    __slots__ = (
        "behind",
        "chunk",
        "dest",
        "has_moved",
        "has_suspended",
        "is_in_a_task",
        "jobs",
        "last_stage",
        "left",
        "moving",
        "overlaps",
        "pipes",
        "queue",
        "sink",
        "stage",
        "steps",
        "task",
        "transforms",
        "waits",
        "write_algorithm",
        "write_it",
        "write_request",
        "write_to_the_sink",
    )

    def __init__(self, pipes: list[_Pipe], transforms: list[TransformStream[Any, Any]]) -> None:
        self.pipes = pipes
        self.transforms = transforms
        self.queue = event_loop._this_thread.queue
        self.jobs = self.queue._jobs
        self.stage = -1  # whose callback is running; -1 while it is that of the source
        self.chunk: object = _NOTHING  # that it has enqueued
        self.behind = False  # whether the last chunk came just before, so that something of it is late
        self.has_moved = False  # a chunk, to the sink
        self.left = False
        self.steps: list[tuple[int, CallbackAlgorithm, TransformStreamDefaultController]] = []
        self.dest = pipes[-1].dest
        self.sink = self.dest._controller
        its_write_algorithm: Any = self.sink._write_algorithm
        self.write_algorithm: CallbackAlgorithm = its_write_algorithm
        self.write_to_the_sink = self.write_algorithm.function
        self.write_it = callback_functions.of_one_argument(self.write_to_the_sink)
        self.last_stage = len(transforms)
        self.overlaps = len(transforms) == MOST_TRANSFORMS  # the source is pulled before the write is done
        self.write_request = fast_pipe.new_write_request()
        self.is_in_a_task = False  # then nothing of the last chunk is late
        self.task: Any = None  # that one, which callbacks may cancel
        self.moving: object = _NOTHING  # the chunk that a coroutine is called with
        self.has_suspended = False  # that coroutine has suspended the task
        functions: list[Any] = [transform._the_controller()._transform_algorithm for transform in transforms]
        self.waits = any(fast_pipe.is_a_coroutine_function(one) for one in (*functions, self.write_algorithm))

    # Entering and leaving --------------------------------------------------------------------------------

    def late(self) -> list[event_loop.Job]:
        """What the last chunk has still to do in the source's turn, or in that of the first transform."""
        transforms = len(self.transforms)
        sink = self.pipes[-1].dest._controller
        reads: list[event_loop.Job] = [(pipe.read, None) for pipe in self.pipes]
        has_read = sink._strategy_hwm > 1  # it need not have waited until the last chunk was written
        if (transforms, self.stage) in {(2, -1), (3, 0)}:
            return reads[-2:-1] if has_read else [reads[-1], reads[-2]]
        if (transforms, self.stage) != (3, -1):
            return []
        last: Any = self.transforms[-1]._writable._controller
        written: list[event_loop.Job] = [(fast_writable.written, sink), (fast_writable.written, last)]
        return [written[0], *(reads[-1:] if has_read else []), written[1], reads[1]]

    def finish(self) -> bool:
        """Let the last chunk do what it has still to do, if there is nothing else: nothing can tell.

        Returns:
            Whether all is done.
        """
        more_wait = any(len(pipe.dest._controller._queue) > 1 for pipe in self.pipes)  # than what is in flight
        if self.jobs and not more_wait and _in_plain_steps(self.jobs) == self.late():
            self.behind = True
            while self.jobs:
                callback, argument = self.jobs.popleft()
                callback(argument)
        return not self.jobs

    def is_irregular(self) -> bool:
        """Whether a transform now and then makes more chunks of one, or none."""
        return any(transform._irregular > IRREGULAR for transform in self.transforms)

    def is_idle(self) -> bool:
        """Whether no pipe has a chunk at hand, and no transform stream one in its queue."""
        controllers: list[Any] = [transform._readable._controller for transform in self.transforms]
        return not any(pipe.pending_chunks for pipe in self.pipes) and not any(
            controller._queue or controller._pull_again for controller in controllers
        )

    def is_steady(self) -> bool:
        """Whether everybody waits for the source."""
        if any(pipe.dest._controller._queue or pipe.dest._in_flight_write_request is not None for pipe in self.pipes):
            return False
        for transform, pipe in zip(self.transforms, self.pipes[1:], strict=True):
            requests = pipe.reader._read_requests
            if (
                transform._backpressure
                or transform._backpressure_change_promise is not fast_default.A_PULL_WAITS
                or len(requests) != 1
                or requests[0] is not pipe
            ):
                return False
        return True

    def enter(self) -> None:
        for transform in self.transforms:
            transform._chain = self
        for pipe in self.pipes:
            pipe.chain = self
        for stage, transform in enumerate(self.transforms):
            algorithm: Any = transform._the_controller()._transform_algorithm
            if algorithm.function is not default_controllers._enqueue_as_it_is:  # nothing can be seen of that
                self.steps.append((stage, algorithm, transform._the_controller()))
        if self.behind and self.overlaps:
            self.pipes[-1].dest._in_flight_write_request = self.write_request

    def exit(self) -> None:
        for transform in self.transforms:
            transform._chain = None
        for pipe in self.pipes:
            pipe.chain = None

    def leave(self) -> None:
        """Leave the loop, in a callback or before the next: with all as the plain algorithms have it at this moment."""
        self.left = True
        self.exit()
        since = list(self.jobs)  # what the callback itself has queued comes after the rest
        self.jobs.clear()
        if self.behind or self.has_moved:
            self._be_late()
        stage = self.stage
        if stage >= MOST_TRANSFORMS:
            self.pipes[0].dest._in_flight_write_request = None  # this write is done
        for ago, number in enumerate(range(stage - 1, -1, -1), 1):
            transform = self.transforms[number]
            self._has_a_chunk(number)
            if ago == 1:
                transform._readable._controller._pulling = True
                self.jobs.append((fast_readable.PULLED, transform._readable._controller))
                self.jobs.append((fast_default.transformed, transform))
                self._is_in_flight(number)
            elif ago == 2:  # noqa: PLR2004  # the microtask before
                self.jobs.append((fast_writable.written, transform._writable._controller))
                self._is_in_flight(number)
            else:
                self.jobs.append((self.pipes[number].read, None))
        if 0 <= stage < len(self.transforms):
            self.pipes[stage].dest._in_flight_write_request = fast_pipe.new_write_request()
            fast_pipe.count_the_chunk(self.pipes[stage], _NOTHING)
        if self.chunk is not _NOTHING:
            fast_default.enqueue(self.transforms[stage]._the_controller(), self.chunk)
        self.jobs.extend(since)
        self.queue.schedule_unless_draining()

    def _be_late(self) -> None:
        """The last chunk has still something to do."""
        late = self.late()
        self.jobs.extend(late)
        for number, pipe in enumerate(self.pipes[1:]):
            if (self.stage < 0 and self.overlaps) or (pipe.read, None) in late:
                self._has_a_chunk(number)
        for number, pipe in enumerate(self.pipes):
            if (fast_writable.written, pipe.dest._controller) in late:
                self._is_in_flight(number)

    def _has_a_chunk(self, number: int) -> None:
        """The next pipe has read a chunk of this transform stream, and no other yet."""
        transform = self.transforms[number]
        self.pipes[number + 1].reader._read_requests.popleft()
        transform._backpressure = True
        transform._backpressure_change_promise = None
        transform._readable._controller._pulling = False

    def _is_in_flight(self, number: int) -> None:
        """The write of this pipe is in flight."""
        pipe = self.pipes[number]
        pipe.current_write = pipe.dest._in_flight_write_request = fast_pipe.new_write_request()
        fast_pipe.count_the_chunk(pipe, _NOTHING)
        if pipe.dest._backpressure:
            pipe.step(None)

    # Moving ----------------------------------------------------------------------------------------------

    def get_write(self) -> Callable[[object, object], Any]:
        """What a chunk is written by."""
        if self.waits:
            return self.write_in_a_task
        return self.write if self.steps else self.pass_on

    def write(self, chunk: object, _: object) -> object:
        """Move the chunk from the source through the transforms into the sink.

        Returns:
            None; or LEFT, when the loop was left and all that is under way is queued.
        """
        if self.left or self.dest._state != "writable":
            return self._write_plainly(chunk)
        self.dest._in_flight_write_request = None
        algorithm: Any
        failed: Promise[Any] | None = None
        for stage, algorithm, controller in self.steps:
            self.stage = stage
            try:
                result = algorithm.function(chunk, controller)
            except BaseException as exception:
                failed, result = a_promise_rejected_with(reason_of(exception)), None
            if self.chunk is _NOTHING:
                self.transforms[stage]._irregular += 1
            if result is not None or failed is not None or self.jobs or self.chunk is _NOTHING or self.left:
                self._transform_goes_on(failed if result is None else algorithm.promise_for(result))
                return fast_pipe.LEFT
            chunk = self.chunk
            self.chunk = _NOTHING
        return self.pass_on(chunk, _)

    def pass_on(self, chunk: object, _: object) -> object:
        """The same, when no transform has anything to do with the chunk, or nothing more."""
        dest = self.dest
        if self.left or dest._state != "writable":
            return self._write_plainly(chunk)
        self.stage = self.last_stage
        dest._in_flight_write_request = self.write_request
        write_it = self.write_it
        try:
            result = self.write_to_the_sink(chunk, self.sink) if write_it is None else write_it(chunk)
        except BaseException as exception:
            return self._sink_goes_on(chunk, a_promise_rejected_with(reason_of(exception)))
        if result is not None or self.jobs or dest._state != "writable" or self.left:
            return self._sink_goes_on(chunk, None if result is None else self.write_algorithm.promise_for(result))
        if not self.overlaps:
            dest._in_flight_write_request = None
        self.stage = -1
        self.has_moved = not self.is_in_a_task
        return None

    def pass_on_steadily(
        self, pipe: _Pipe, _write: object, _write_it: object, _request: object, microtasks: int, until: int
    ) -> fast_pipe.Left | None:
        """The same for one chunk after the other: the loop of `fast_pipe._move_steadily`, with the sink at its end."""
        dest, sink, write, write_it = self.dest, self.sink, self.write_to_the_sink, self.write_it
        write_request, overlaps, last_stage = self.write_request, self.overlaps, self.last_stage
        its_controller: Any = pipe.source._controller
        readable: ReadableStreamDefaultController = its_controller
        its_pull_algorithm: Any = readable._pull_algorithm
        pull = its_pull_algorithm.function
        queue, jobs = self.queue, self.jobs
        now = self  # as the callbacks have left it
        before = spent = queue._spent
        full = readable._queue_total_size
        room_for_one = full - 1
        take = readable._queue.popleft
        failed: Promise[Any] | None = None
        readable._only_appends = True
        try:
            while spent < until:
                chunk = take()
                readable._queue_total_size = room_for_one
                try:
                    result = pull(readable)
                except BaseException as exception:
                    result = failed = a_promise_rejected_with(reason_of(exception))
                if result is not None or jobs:
                    readable._pulling = True
                    readable._only_appends = False
                    pull_promise = fast_pipe.promise_for(its_pull_algorithm, result, failed)
                    return fast_pipe.pull_ahead_goes_on(pipe, pull_promise, chunk)
                if readable._queue_total_size < full:
                    readable._only_appends = False
                if self.left or dest._state != "writable":
                    self._write_plainly(chunk)
                    return fast_pipe.Left.UNDER_WAY
                self.stage = last_stage
                dest._in_flight_write_request = write_request
                try:
                    result = write(chunk, sink) if write_it is None else write_it(chunk)
                except BaseException as exception:
                    result = failed = a_promise_rejected_with(reason_of(exception))
                if result is not None or jobs or dest._state != "writable" or now.left or readable._pulling:
                    self._sink_goes_on(chunk, fast_pipe.promise_for(self.write_algorithm, result, failed))
                    return fast_pipe.Left.UNDER_WAY
                if not overlaps:
                    dest._in_flight_write_request = None
                self.stage = -1
                self.has_moved = True
                spent += microtasks
                if readable._queue_total_size != full or not readable._only_appends:
                    return None
            return fast_pipe.Left.FOR_OTHERS
        finally:
            queue._spent += spent - before
            readable._only_appends = False

    def _sink_goes_on(self, chunk: object, write_promise: Promise[Any] | None) -> object:
        """The sink has answered; without a promise that is fulfilled."""
        if not self.left:
            self.leave()
        fast_pipe.write_goes_on(self.pipes[-1], self.write_request, chunk, write_promise)
        return fast_pipe.LEFT

    async def write_in_a_task(self, chunk: object, _: object) -> object:
        """The same, where callbacks are coroutine functions.

        Returns:
            What the coroutine has returned, if the task was suspended meanwhile.
        """
        dest = self.dest
        if self.left or dest._state != "writable":
            return self._write_plainly(chunk)
        algorithm: Any
        steps = [*self.steps, (self.last_stage, self.write_algorithm, self.sink)]
        to_do: list[tuple[int, object]] = [(0, chunk)]  # what goes into which of these steps; the last is the next
        while to_do:
            number, chunk = to_do.pop()
            if chunk is _FROM_THE_QUEUE:
                if self.queue._spent >= event_loop.scheduling.microtasks_per_turn:
                    self._leave_what_is_queued(steps[number - 1][0])
                    return fast_pipe.LEFT
                self.queue._spent += 1
                items: Any = self.transforms[steps[number - 1][0]]._readable._controller
                chunk = fast_readable.dequeue(items)
                if items._queue:
                    to_do.append((number, _FROM_THE_QUEUE))
            stage, algorithm, controller = steps[number]
            self.stage = stage
            self.moving = chunk
            failed: Promise[Any] | None = None
            is_a_coroutine = False
            if stage == self.last_stage:
                dest._in_flight_write_request = self.write_request
            try:
                result = algorithm.function(chunk, controller)
                is_a_coroutine = result.__class__ is CoroutineType
                if is_a_coroutine:
                    result = await fast_coroutines.in_context(algorithm.context, result)
                    if self.task._must_cancel:
                        raise asyncio.CancelledError
            except BaseException as exception:
                if self.has_suspended:
                    raise
                result = failed = fast_coroutines.failure(exception, of_a_coroutine=is_a_coroutine)
            if self.has_suspended:
                return result
            if result is not None or self.jobs or dest._state != "writable" or self.left:
                self._goes_on(fast_pipe.promise_for(algorithm, result, failed))
                return fast_pipe.LEFT
            if stage == self.last_stage:
                dest._in_flight_write_request = None
            elif self.chunk is not _NOTHING:
                if self.transforms[stage]._readable._controller._queue:
                    to_do.append((number + 1, _FROM_THE_QUEUE))
                to_do.append((number + 1, self.chunk))
                self.chunk = _NOTHING
        self.stage = -1
        return None

    def _leave_what_is_queued(self, stage: int) -> None:
        """Leave the loop between two of the chunks that this transform has made: all pipes up to it may read."""
        self.left = True
        self.exit()
        for number in range(stage, -1, -1):
            self._has_a_chunk(number)
            self.jobs.append((self.pipes[number + 1].read, None))
        self.jobs.append((self.pipes[0].read, None))
        self.queue.schedule_unless_draining()

    def suspended(self, promise: Promise[Any]) -> None:
        """The task is suspended, before the event loop knows; the promise is for what the coroutine returns."""
        self.has_suspended = True
        self._goes_on(promise)

    def _goes_on(self, promise: Promise[Any] | None) -> None:
        """The callback has returned; without a promise it is fulfilled."""
        if self.stage < self.last_stage:
            self._transform_goes_on(promise)
        else:
            self._sink_goes_on(self.moving, promise)

    def _write_plainly(self, chunk: object) -> object:
        """The loop was left, or has to be, because of the pull."""
        if not self.left:
            self.leave()
        self.pipes[0].dest._in_flight_write_request = None
        self.pipes[0].chunk_steps(chunk)
        return fast_pipe.LEFT

    def catches(self, stream: TransformStream[Any, Any], chunk: object) -> bool:
        """Whether the chunk, that is enqueued, goes on in the loop; otherwise the loop was left."""
        if 0 <= self.stage < len(self.transforms) and self.transforms[self.stage] is stream and not self.jobs:
            if self.chunk is _NOTHING:
                self.chunk = chunk
                return True
            self.transforms[self.stage]._irregular += 1
            controller: Any = stream._readable._controller
            if self.waits and self.is_in_a_task and controller._strategy_size_algorithm is count:
                controller._queue = owned(controller._queue)
                controller._queue.append(chunk)
                controller._queue_total_size += 1
                return True
        self.leave()
        return False

    def _transform_goes_on(self, transform_promise: Promise[Any] | None) -> None:
        """The callback of a transform has returned; without a promise it is fulfilled."""
        if not self.left:
            self.leave()
        pipe, transform = self.pipes[self.stage], self.transforms[self.stage]
        write_request = pipe.dest._in_flight_write_request
        assert write_request is not None
        if transform_promise is None:
            event_loop.enqueue_microtask(fast_default.transformed, transform)
        else:
            promise = default_controllers._react_to_the_transform(transform._the_controller(), transform_promise)
            fast_writable.upon_written(transform._writable._controller, promise)
        pipe.current_write = write_request
        pipe.step(None)
