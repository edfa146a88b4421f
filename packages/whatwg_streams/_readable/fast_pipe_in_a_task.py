"""A fast path of ReadableStreamPipeTo, where callbacks are coroutine functions: the loop of `fast_pipe`, in a task.

The coroutines run inside of this one task, instead of one task for each; and so does the asynchronous iterator of
ReadableStreamFromIterable. One that is not suspended costs no more than an `await`. When one is suspended, all that is
under way is put into the state that it has in the plain algorithms then, before the event loop has its turn
(`_Mover.suspended`); from then on the task is that of this coroutine.

The text leaves open when a pipe reads and writes, and asyncio in which order tasks take their turns. So what a source
has enqueued in the very pull that then fails may be discarded with its queue, as it is where callbacks are functions;
in a task of its own, it would have been read before. While the loop waits for its turn, the pipe does read
(`fast_pipe_early_read`).
"""

from __future__ import annotations

import asyncio
import contextvars
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, final

from .._platform import callback_functions, event_loop, tasks
from .._platform.async_sequence import END_OF_ITERATION
from .._platform.promises import Promise, mark_as_handled, reject, resolve
from .._platform.reasons import RAISED_BY_TASKS, cancellation, reason_of_a_task
from .._platform.webidl import CallbackAlgorithm, return_undefined
from .._strategies import count
from .._supporting.queue_with_sizes import owned
from .._writable.ops import default_controllers as writable_controllers
from . import fast_default, fast_pipe
from .fast_coroutines import driven, failure, in_context
from .fast_from import PullOfAnIterator, is_to_be_awaited
from .fast_pipe_early_read import EarlyRead
from .fast_read import PLAIN_TYPES
from .ops import default_controllers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from .._platform.async_sequence import AsyncIteratorRecord
    from .ops.pipe_to import _Pipe

#: After so many chunks without a coroutine having been suspended, a task is worth it.
QUICK: Final = 8

#: A coroutine that is not suspended is done so many turns of the loop after its task was made.
TURNS_OF_A_TASK: Final = 2


class Chain(Protocol):
    """What moves chunks on through transform streams: see `_transform.fast_chain`."""

    left: bool
    waits: bool  # for coroutines

    def get_write(self) -> Callable[[object, object], Any]: ...

    def suspended(self, promise: Promise[Any]) -> None: ...

    def exit(self) -> None: ...


def move_chunks(pipe: _Pipe, enter_chain: Callable[[_Pipe], Chain | None] | None = None) -> bool:
    """Move chunks, when the pipe is about to read the next one.

    Where a coroutine is soon suspended, it is not tried again: the plain way, in which each is a task of its own, is
    faster then; but for an iterator, whose plain way is no faster.

    Args:
        pipe: that between the source and what is written to.
        enter_chain: of a pipe to a transform stream, how to get what moves a chunk from there to the last sink.

    Returns:
        Whether a task does all that follows; otherwise the pipe has still to read.
    """
    pull_algorithm: Any = pipe.source._controller._pull_algorithm
    by = PullOfAnIterator if pull_algorithm.__class__ is PullOfAnIterator else CallbackAlgorithm
    if not pipe.callbacks_are_quick:
        return False
    if enter_chain is not None:
        if not fast_pipe.source_may_be_moved(pipe.source, by=by, even_if_pulling=True):
            return False
    elif not fast_pipe.may_move_chunks(pipe, by=by, even_if_pulling=True):
        return False
    mover = _Mover(pipe, by, enter_chain)
    mover.early_read.begin()
    coroutine = mover.move()
    task = tasks.run_in_a_task(driven(coroutine, _call, mover.suspended, mover.closed), mover.context)
    task.add_done_callback(partial(mover.ended, coroutine))
    return True


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


# What may be suspended; _NOTHING also if it is known already that it is.
_NOTHING: Final = 0
_NEXT: Final = 1  # the next chunk of an iterator
_PULL: Final = 2  # a pull, for a chunk that is waited for
_PULL_AHEAD: Final = 3  # a pull, while there is a chunk to be written
_WRITE: Final = 4


@final
class _Mover:
    """What moves the chunks of a pipe, in a task.

    The task runs in the context of the source, or of the sink, if only that has coroutine functions. If both have, and
    both contexts are empty, they share it as long as it is empty.
    """

    __slots__ = (
        "by",
        "catch",
        "chain",
        "chunk",
        "context",
        "early_read",
        "enter_chain",
        "has_begun",
        "is_closed",
        "may_be_suspended",
        "phase",
        "pipe",
        "promise",
        "pull_algorithm",
        "pull_context",
        "pulls",
        "shared",
        "task",
        "write_algorithm",
        "write_context",
        "write_request",
    )

    def __init__(
        self,
        pipe: _Pipe,
        by: type[CallbackAlgorithm | PullOfAnIterator],
        enter_chain: Callable[[_Pipe], Chain | None] | None,
    ) -> None:
        self.pipe = pipe
        self.by = by
        self.enter_chain = enter_chain
        self.chain: Chain | None = None
        self.early_read = EarlyRead(pipe)
        self.has_begun = False
        self.is_closed = False  # while it was suspended, by who gives up the task: the event loop is gone
        self.pull_algorithm = cast("Any", pipe.source._controller._pull_algorithm)
        self.write_algorithm = cast("Any", pipe.dest._controller._write_algorithm)
        self.task: Any = None  # which callbacks may cancel
        self.phase = _NOTHING
        self.promise: Promise[Any] | None = None  # for the result of a coroutine that was suspended
        self.chunk: object = None  # what is to be written
        self.catch = fast_pipe.Catch(pipe)
        self.write_request = fast_pipe.new_write_request()
        self.shared = False
        self.pull_context: contextvars.Context | None = None  # where it is not that of the task
        self.write_context: contextvars.Context | None = None
        self.pulls = by is PullOfAnIterator or fast_pipe.is_a_coroutine_function(self.pull_algorithm)
        self.may_be_suspended = self.pulls or enter_chain is None
        self.context: contextvars.Context
        if self.pulls:
            self.context = self.pull_algorithm.context
        else:
            self.context = self.write_algorithm.context if enter_chain is None else contextvars.Context()
        if self.pulls and fast_pipe.is_a_coroutine_function(self.write_algorithm):
            self.shared = not self.context and not self.write_algorithm.has_variables
            if not self.shared:
                self.write_context = self.write_algorithm.context

    def part_from(self, algorithm: Any) -> None:
        """A coroutine of the algorithm has set a context variable: the context is its own from now on."""
        self.shared = False
        if algorithm is self.write_algorithm:
            self.pull_algorithm.context = self.pull_context = contextvars.Context()
            self.write_algorithm.context = self.context
        else:
            self.write_context = self.write_algorithm.context

    async def move(self) -> None:
        """Move chunks, until something else has to be done."""
        self.has_begun = True
        pipe = self.pipe
        self.task = asyncio.current_task()
        pipe.callbacks_are_quick = self.by is PullOfAnIterator or not self.may_be_suspended
        turns = TURNS_OF_A_TASK  # a pull that is under way, in a task of its own, may be done after these
        while not pipe.shutting_down:
            if not event_loop.microtasks_are_pending() and self.may_move():
                self.early_read.undo()
                try:
                    left = await self.move_some()
                finally:
                    self.leave_the_chain()
            elif turns:
                turns -= 1
                left = fast_pipe.Left.FOR_OTHERS
            elif self.early_read.go_on():
                left = fast_pipe.Left.UNDER_WAY
            else:
                left = fast_pipe.Left.TO_READ
            if left is not fast_pipe.Left.FOR_OTHERS:
                if left is fast_pipe.Left.TO_READ:
                    pipe.read_a_chunk()
                return
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.was_cancelled()
                raise

    def ended(self, coroutine: Coroutine[Any, Any, Any], task: asyncio.Task[None]) -> None:
        """The task, which was to await the coroutine, is done: one that was cancelled may have done nothing."""
        if task.cancelled() and not self.has_begun:
            coroutine.close()
            self.was_cancelled()
            event_loop.perform_a_microtask_checkpoint()

    def was_cancelled(self) -> None:
        """The task was cancelled between two callbacks: for the pipe it is as if that was in one of them."""
        error = cancellation()
        if self.pulls:
            readable: Any = self.pipe.source._controller
            default_controllers.readable_stream_default_controller_error(readable, error)
        else:
            writable = self.pipe.dest._controller
            writable_controllers.writable_stream_default_controller_error_if_needed(writable, error)

    def may_move(self) -> bool:
        """Whether all is idle."""
        if self.enter_chain is None:
            return fast_pipe.may_move_chunks(self.pipe, by=self.by)
        if not fast_pipe.source_may_be_moved(self.pipe.source, by=self.by):
            return False
        self.chain = self.enter_chain(self.pipe)
        if self.chain is None:
            return False
        self.may_be_suspended = self.may_be_suspended or self.chain.waits
        return True

    def leave_the_chain(self) -> None:
        """What comes next is not a part of moving chunks."""
        if self.chain is not None and not self.chain.left:
            self.chain.exit()
        self.chain = None

    def get_write(self) -> Callable[[Any, Any], Any]:
        """What a chunk is written by."""
        if self.chain is None:
            return self.write_algorithm.function  # type: ignore[no-any-return]
        return self.chain.get_write()

    async def move_some(self) -> fast_pipe.Left:
        """Move chunks, for a turn of the event loop."""
        pipe = self.pipe
        dest = pipe.dest
        readable: Any = pipe.source._controller
        writable = dest._controller
        iterator: AsyncIterator[Any] | None = None
        pull: Callable[[Any], Any] = return_undefined
        if self.by is PullOfAnIterator:
            iterator = self.pull_algorithm.iterator.iterator
        else:
            pull = self.pull_algorithm.function
        write, write_request = self.get_write(), self.write_request
        write_it = callback_functions.of_one_argument(write)
        task = self.task
        high_water_mark = readable._strategy_hwm
        counts = readable._strategy_size_algorithm is count
        catch = self.catch
        queue = event_loop._this_thread.queue
        jobs = queue._jobs
        pipe.source._disturbed = True
        failed: Promise[Any] | None = None
        moved = 0
        may_be_steady = iterator is None and self.enter_chain is None and counts and high_water_mark > 0
        while queue._spent < event_loop.scheduling.microtasks_per_turn:
            if may_be_steady and pipe.callbacks_are_quick and self.is_steady():
                left = await self.move_steadily(pull, write, write_it)
                if left is not None:
                    return left
                continue
            if iterator is not None:
                if readable._queue:
                    return fast_pipe.Left.TO_READ
                readable._pulling = True
                self.phase = _NEXT
                chunk: Any = END_OF_ITERATION
                threw: BaseException | None = None
                try:
                    awaitable = anext(iterator)
                    context = self.pull_context
                    chunk = await (awaitable if context is None else in_context(context, tasks.wait_for(awaitable)))
                except StopAsyncIteration:
                    pass
                except RAISED_BY_TASKS:
                    raise
                except BaseException as exception:
                    if self.is_closed:
                        raise
                    threw = exception
                if threw is None and task._must_cancel:
                    chunk, threw = END_OF_ITERATION, asyncio.CancelledError()
                self.phase = _NOTHING
                if self.shared and self.context:
                    self.part_from(self.pull_algorithm)
                if (
                    chunk is END_OF_ITERATION
                    or jobs
                    or (chunk.__class__ not in PLAIN_TYPES and is_to_be_awaited(chunk))
                    or pipe.shutting_down
                    or readable._pull_again
                    or dest._state != "writable"
                ):
                    await self.leave_the_iterator(chunk, threw)
                    return fast_pipe.Left.UNDER_WAY
                if self.promise is not None:
                    if task.cancelling() or (self.enter_chain is not None and not self.may_go_on()):
                        await self.leave_the_iterator(chunk, threw)
                        return fast_pipe.Left.UNDER_WAY
                    write = self.get_write()
                    self.next_has_come()
            else:
                items = readable._queue
                if items:
                    if readable._close_requested and len(items) == 1:
                        return fast_pipe.Left.TO_READ
                    if counts:
                        chunk = items.popleft()
                        size = readable._queue_total_size = readable._queue_total_size - 1
                    else:
                        chunk = fast_default.dequeue(readable)
                        size = readable._queue_total_size
                    self.chunk = chunk
                    phase = _NOTHING if size >= high_water_mark or readable._close_requested else _PULL_AHEAD
                    readable._only_appends = phase == _PULL_AHEAD and counts and size + 1 >= high_water_mark
                elif high_water_mark == 0:
                    catch.wait()
                    chunk = None
                    phase = _PULL
                else:
                    return fast_pipe.Left.TO_READ
                if phase != _NOTHING:
                    readable._pulling = True
                    try:
                        result = pull(readable)
                        if result is not None and result.__class__ is CoroutineType:
                            self.phase = phase
                            result = await (
                                result if self.pull_context is None else in_context(self.pull_context, result)
                            )
                            if task._must_cancel:
                                raise asyncio.CancelledError
                    except BaseException as exception:
                        if self.is_closed:
                            raise
                        result = failed = failure(exception, of_a_coroutine=self.a_coroutine_runs())
                    self.phase = _NOTHING
                    readable._only_appends = False
                    if self.shared and self.context:
                        self.part_from(self.pull_algorithm)
                    if self.promise is not None:
                        return self.settle(failed, result)
                    caught = phase != _PULL or (catch.has_chunk and not pipe.shutting_down)
                    if result is not None or jobs or readable._pull_again or not caught:
                        self.leave(phase, fast_pipe.promise_for(self.pull_algorithm, result, failed))
                        return fast_pipe.Left.UNDER_WAY
                    if phase == _PULL:
                        chunk = catch.take()
                    else:
                        readable._pulling = False
            if self.enter_chain is None:
                dest._in_flight_write_request = write_request
            else:
                readable._pulling = False
            try:
                result = write(chunk, writable) if write_it is None else write_it(chunk)
                if result is not None and (
                    result.__class__ is CoroutineType or (self.chain is not None and self.chain.waits)
                ):
                    self.chunk = chunk
                    self.phase = _WRITE
                    result = await (result if self.write_context is None else in_context(self.write_context, result))
                    if task._must_cancel and result is not fast_pipe.LEFT:
                        raise asyncio.CancelledError
            except BaseException as exception:
                if self.is_closed:
                    raise
                result = failed = failure(exception, of_a_coroutine=self.a_coroutine_runs())
            self.phase = _NOTHING
            if self.shared and self.context:
                self.part_from(self.write_algorithm)
            if self.promise is not None:
                return self.settle(failed, result)
            if result is not None or jobs or dest._state != "writable" or readable._pull_again:
                if self.enter_chain is not None:
                    return fast_pipe.Left.TO_READ if result is None else fast_pipe.Left.UNDER_WAY
                self.chunk = chunk
                self.leave(_WRITE, fast_pipe.promise_for(self.write_algorithm, result, failed))
                return fast_pipe.Left.UNDER_WAY
            dest._in_flight_write_request = None
            readable._pulling = False
            queue._spent += fast_pipe.MICROTASKS_PER_CHUNK
            moved += 1
            if moved == QUICK:
                pipe.callbacks_are_quick = True
        queue._spent = 0  # a turn of the loop is what comes next
        return fast_pipe.Left.FOR_OTHERS

    def is_steady(self) -> bool:
        """Whether the source has filled its queue, and no callback needs a context of its own."""
        readable: Any = self.pipe.source._controller
        return (
            fast_pipe.is_full(readable)
            and not readable._close_requested
            and self.pull_context is None
            and self.write_context is None
        )

    async def move_steadily(
        self, pull: Callable[[Any], Any], write: Callable[[Any, Any], Any], write_it: Callable[[Any], Any] | None
    ) -> fast_pipe.Left | None:
        """`fast_pipe._move_steadily`, of coroutines.

        Returns:
            How the loop was left; None if all is idle, but not steady any more.
        """
        mover: Any = self  # by another name, as a compiled module takes `self.promise` for what it was before an await
        pipe, task, write_request = self.pipe, self.task, self.write_request
        dest = pipe.dest
        readable: Any = pipe.source._controller
        writable = dest._controller
        set_variables = self.context if self.shared else contextvars.Context()
        queue = event_loop._this_thread.queue
        jobs = queue._jobs
        until = event_loop.scheduling.microtasks_per_turn
        full = readable._queue_total_size
        room_for_one = full - 1
        take = readable._queue.popleft
        failed: Promise[Any] | None = None
        readable._only_appends = True  # until it closes or errors, or a coroutine is suspended
        try:
            while queue._spent < until:
                self.chunk = chunk = take()
                readable._queue_total_size = room_for_one
                try:
                    result = pull(readable)
                    if result.__class__ is CoroutineType:
                        self.phase = _PULL_AHEAD
                        result = await result
                        if task._must_cancel:
                            raise asyncio.CancelledError
                except BaseException as exception:
                    if self.is_closed:
                        raise
                    result = failed = failure(exception, of_a_coroutine=self.a_coroutine_runs())
                self.phase = _NOTHING
                if result is not None or jobs or set_variables or self.promise is not None:
                    readable._only_appends = False
                    if set_variables:
                        self.part_from(self.pull_algorithm)
                    if self.promise is not None:
                        return self.settle(failed, result)
                    if result is not None or jobs:
                        readable._pulling = True
                        self.leave(_PULL_AHEAD, fast_pipe.promise_for(self.pull_algorithm, result, failed))
                        return fast_pipe.Left.UNDER_WAY
                    readable._queue.appendleft(chunk)  # to be written in another context
                    readable._queue_total_size += 1
                    return None
                if readable._queue_total_size < full:
                    readable._only_appends = False
                dest._in_flight_write_request = write_request
                try:
                    result = write(chunk, writable) if write_it is None else write_it(chunk)
                    if result.__class__ is CoroutineType:
                        self.phase = _WRITE
                        result = await result
                        if task._must_cancel:
                            raise asyncio.CancelledError
                except BaseException as exception:
                    if self.is_closed:
                        raise
                    result = failed = failure(exception, of_a_coroutine=self.a_coroutine_runs())
                self.phase = _NOTHING
                if set_variables:
                    self.part_from(self.write_algorithm)
                if mover.promise is not None:
                    return self.settle(failed, result)
                if result is not None or jobs or dest._state != "writable" or readable._pulling:
                    self.leave(_WRITE, fast_pipe.promise_for(self.write_algorithm, result, failed))
                    return fast_pipe.Left.UNDER_WAY
                dest._in_flight_write_request = None
                queue._spent += fast_pipe.MICROTASKS_PER_CHUNK
                if set_variables or readable._queue_total_size != full or not readable._only_appends:
                    return None
            return None
        finally:
            readable._only_appends = False

    # The iterator ----------------------------------------------------------------------------------------

    def next_is_under_way(self) -> Promise[Any]:
        """The pipe waits for the chunk; what closes the iterator has to wait until this promise is settled."""
        reader = self.pipe.reader
        reader._read_requests = owned(reader._read_requests)
        reader._read_requests.append(self.pipe)
        iterator: AsyncIteratorRecord = self.pull_algorithm.iterator
        iterator.ongoing = Promise()
        return iterator.ongoing

    def next_has_come(self) -> None:
        """It is there, after the task was suspended."""
        assert self.promise is not None
        resolve(self.promise)
        self.promise = None
        self.pipe.reader._read_requests.popleft()

    def may_go_on(self) -> bool:
        """Whether all is still idle, when it is there."""
        assert self.enter_chain is not None
        self.chain = self.enter_chain(self.pipe)
        return self.chain is not None

    async def leave_the_iterator(self, chunk: Any, threw: BaseException | None) -> None:
        """It has given a chunk, or has come to its end, or has thrown: that ends the pull."""
        self.leave_the_chain()
        if self.promise is None:
            self.next_is_under_way()
        try:
            if event_loop.microtasks_are_pending():
                await asyncio.sleep(0)  # a task of its own would have told of it a turn later, too
        finally:
            if threw is None:
                self.pull_algorithm.ended(chunk)
            else:
                self.pull_algorithm.failed(reason_of_a_task(threw))

    def a_coroutine_runs(self) -> bool:
        """Whether the callback that is called has returned a coroutine."""
        return self.phase != _NOTHING or self.promise is not None

    # Suspension ------------------------------------------------------------------------------------------

    def closed(self) -> None:
        """What the coroutines raise now is for nobody."""
        self.is_closed = True

    def suspended(self) -> None:
        """The task is suspended, before the event loop knows."""
        phase, self.phase = self.phase, _NOTHING
        if phase == _NOTHING:
            return
        if phase == _WRITE and self.chain is not None:
            self.promise = Promise()
            self.chain.suspended(self.promise)
            return
        self.leave_the_chain()
        if phase == _NEXT:
            self.promise = self.next_is_under_way()
            return
        readable: Any = self.pipe.source._controller
        readable._only_appends = False
        if phase != _WRITE:
            readable._pulling = True
        self.promise = Promise()
        self.leave(phase, self.promise)

    def leave(self, phase: int, promise: Promise[Any] | None) -> None:
        """The promise is that of the pull or the write which is under way; without one it is fulfilled."""
        pipe = self.pipe
        readable: Any = pipe.source._controller
        if phase == _WRITE:
            fast_pipe.queue_the_late_pull(readable, 0)
            fast_pipe.write_goes_on(pipe, self.write_request, self.chunk, promise)
            return
        if phase == _PULL:
            self.catch.leave()
        fast_pipe.pull_goes_on(readable, promise)
        if phase == _PULL_AHEAD:
            pipe.chunk_steps(self.chunk)

    def settle(self, failed: Promise[Any] | None, result: object) -> fast_pipe.Left:
        """A coroutine that was suspended has ended: with the result, unless it has failed."""
        assert self.promise is not None
        if failed is None:
            resolve(self.promise, result)
        else:
            mark_as_handled(failed)
            reject(self.promise, failed._promise_result)
        return fast_pipe.Left.UNDER_WAY
