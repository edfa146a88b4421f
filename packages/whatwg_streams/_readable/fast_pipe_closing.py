"""A fast path of ReadableStreamPipeTo: how a pipe ends whose source has closed.

See `_platform.fast_paths` for the rules. That the source has closed, that all has been written, that the sink has
closed, and that the promise of its close has settled: each of these takes a microtask or two. Where nothing else is
queued, or nothing but steps of other pipes, they are taken at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._platform import event_loop
from .._platform.promises import Promise, a_promise_rejected_with, upon
from .._platform.reasons import reason_of
from .._supporting.algorithms import perform_close
from .._writable.ops import default_controllers as writable_controllers
from . import fast_default, fast_pipe
from .ops import controller_interface, default_controllers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ops.pipe_to import _Pipe

#: What the end of a pipe counts for the fairness to the event loop, beyond the microtask in which it is known.
MICROTASKS_TO_CLOSE: Final = 4


def close(pipe: _Pipe) -> bool:
    """Propagate that the source has closed, in a microtask, where nothing else is under way.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    dest = pipe.dest
    writable = dest._controller
    if (
        pipe.shutting_down
        or pipe.source._unread
        or pipe.pending_chunks
        or dest._state != "writable"
        or not writable._started
        or writable._queue
        or event_loop.scheduling.enqueue_elsewhere is not None
        or not _nothing_else_is_queued(pipe)
    ):
        return False
    _close_the_destination(pipe, fast_pipe.new_write_request())
    return True


def _nothing_else_is_queued(pipe: _Pipe) -> bool:
    """Whether no microtask is, but perhaps that in which the last pull is known to be done, which is of no interest."""
    jobs = event_loop._this_thread.queue._jobs
    if len(jobs) == 1 and jobs[0] == (fast_default.PULLED, pipe.source._controller):
        jobs.clear()
    return not jobs


def only_closes(pipe: _Pipe, pending: int) -> bool:
    """Whether the pull has closed the source, and done nothing else that queues more than so many microtasks.

    That in which the pipe would find out is taken out of the queue then.
    """
    queue = event_loop._this_thread.queue
    if pipe.source._state != "closed" or len(queue._jobs) != pending + 1 or pipe.chain is not None:
        return False
    queue._jobs.pop()
    queue._steps = pending
    return True


def close_the_source(pipe: _Pipe) -> None:
    """[[PullSteps]], steps 2.2.1 and 2.2.2: the last chunk has been taken out of the queue."""
    controller: Any = pipe.source._controller
    queue = event_loop._this_thread.queue
    default_controllers.readable_stream_default_controller_clear_algorithms(controller)
    controller_interface.readable_stream_close(pipe.source)
    queue._jobs.pop()
    queue._steps = len(queue._jobs)
    pipe.shutting_down = True


def move_the_last_chunk(
    pipe: _Pipe,
    write: Callable[[Any, Any], object],
    write_it: Callable[[Any], object] | None,
    chunk: object,
    write_request: Promise[None],
) -> None:
    """Write it, and close the destination.

    Args:
        pipe: that between the source, which has closed, and the sink; it may be shutting down already, for this reason.
        write: what the chunk is given to.
        write_it: the same, if it takes no controller.
        chunk: the last one.
        write_request: what stands for that of the chunk.
    """
    dest = pipe.dest
    writable = dest._controller
    write_algorithm: Any = writable._write_algorithm  # which is gone when a callback has errored the stream
    is_shutting_down = pipe.shutting_down
    jobs = event_loop._this_thread.queue._jobs
    pending = len(jobs)
    failed: Promise[Any] | None = None
    dest._in_flight_write_request = write_request
    try:
        result = write(chunk, writable) if write_it is None else write_it(chunk)
    except BaseException as exception:
        result = failed = a_promise_rejected_with(reason_of(exception))
    if result is None and len(jobs) == pending and dest._state == "writable":
        dest._in_flight_write_request = None
        _close_the_destination(pipe, write_request)
        return
    fast_pipe.write_goes_on(pipe, write_request, chunk, fast_pipe.promise_for(write_algorithm, result, failed))
    if not is_shutting_down:
        pipe.propagate_close_forward(None)
    elif pipe.prevent_close:
        pipe.after_the_writes(lambda _: pipe.finalize())
    else:
        pipe.after_the_writes(lambda _: pipe.act(pipe.close_dest))


def _close_the_destination(pipe: _Pipe, close_request: Promise[None]) -> None:
    """Shutdown with the action of closing it, if that is not prevented, when all has been written.

    Args:
        pipe: of which nothing is under way.
        close_request: what stands for that of the destination.
    """
    pipe.shutting_down = True
    event_loop.count_microtasks(MICROTASKS_TO_CLOSE)
    if pipe.prevent_close:
        _finalize(pipe)
        return
    dest = pipe.dest
    writable = dest._controller
    jobs = event_loop._this_thread.queue._jobs
    pending = len(jobs)
    dest._in_flight_close_request = close_request
    writable._write_at_once = None
    sink_close_promise = perform_close(writable._close_algorithm)
    writable_controllers.writable_stream_default_controller_clear_algorithms(writable)
    if sink_close_promise._promise_state == "fulfilled" and len(jobs) == pending and dest._state == "writable":
        dest._in_flight_close_request = None
        dest._state = "closed"
        _finalize(pipe)
    else:
        upon(close_request, lambda _: pipe.finalize(), pipe.finalize)
        writable_controllers._react_to_the_close(dest, sink_close_promise)


def _finalize(pipe: _Pipe) -> None:
    """Finalize. That others are told of it is a step of the pipe, too, which other pipes need not wait for."""
    pipe.finalize()
    queue = event_loop._this_thread.queue
    queue._steps = len(queue._jobs)
