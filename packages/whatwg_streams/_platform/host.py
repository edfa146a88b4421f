"""The seams for a foreign host: a JavaScript engine that drives our objects, or a test that wants control.

None of this costs anything when it is not used, and none of it is public: it may change with any version.
Setters return what was in their place before, where it can be put back.

1.  `set_microtask_enqueuer`, `set_task_queuer`, `set_timer`: whose queues and whose clock.
2.  `register_thenable`: promises of another kind, that ours can be resolved with; `observe`: be told, at
    once, that a promise of ours has settled, in the order of its reactions. "A promise resolved with x" is
    made in one place, `promises.a_promise_resolved_with`, with the hops of `new Promise(r => r(x))`.
3.  Chunks and reasons are opaque everywhere: any object, None included, kept by identity.
4.  Numbers are plain values; the range checks are ours (`webidl`, `_supporting.queue_with_sizes`).
5.  `register_view`, `set_array_buffer_constructor`: buffers and views of another kind;
    `register_clone`: how the structured clone copies objects of another kind. Within those it sees nothing to
    be transferred: a host takes streams and ports out of its objects, and sends them beside.
6.  Below the Pythonic entries: `_readable.ops.streams.readable_stream_from_iterator_record`,
    `_readable.ops.readers.readable_stream_default_reader_read` with its read requests, and
    `_readable.async_iterator.ReadableStreamAsyncIterator` with `next` and `return_`. An object exists before
    its `start` is called: `new(ReadableStream)` makes it, its `__init__` runs the constructor steps.
7.  `set_abort_event`: the step that fires the abort event.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from . import abort, buffers, event_loop, promises, realms, structured_clone
from .fast_paths import fast_paths
from .reactions import Observe, Rejection

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable


def set_microtask_enqueuer(
    enqueue: Callable[[Callable[[Any], object], Any], None] | None,
) -> Callable[[Callable[[Any], object], Any], None] | None:
    """Queue every microtask, a callable and its argument, with this function; None restores our own queue."""
    before = event_loop.scheduling.enqueue_elsewhere
    event_loop.scheduling.enqueue_elsewhere = enqueue
    return before


def set_task_queuer(queue: Callable[[Callable[[], object]], object] | None) -> None:
    """Queue the tasks in which messages are delivered with this function; None restores those of the event loops."""

    def queue_a_task(steps: Callable[[], object], context: contextvars.Context | None) -> bool:
        assert queue is not None
        queue(steps if context is None else partial(context.run, steps))
        return True

    realms.host_realm = None if queue is None else realms.Realm(queue_a_task)


def set_timer(
    run: Callable[[float, Callable[[], object]], event_loop.Timer] | None,
) -> Callable[[float, Callable[[], object]], event_loop.Timer]:
    """Run steps after so many milliseconds with this function; None restores the event loop's timers."""
    before = event_loop.run_steps_after_a_timeout
    event_loop.run_steps_after_a_timeout = run or event_loop._run_after_on_loop
    return before


def register_thenable(
    kind: type, react: Callable[[Any, Callable[[Any], object], Callable[[Any], object]], object]
) -> None:
    """Treat objects of this type as promises: `react(x, on_fulfilled, on_rejected)` is their `then`."""
    promises._foreign_thenables[kind] = react


def observe(promise: promises.Promise[Any], on_settled: Callable[[promises.Promise[Any]], object]) -> None:
    """Call the function when the promise settles, at once and in the order of its reactions."""
    handled = promise._promise_is_handled
    rejection = promise._promise_reactions
    reported = isinstance(rejection, Rejection) and rejection.report
    promise._add_reaction(cast("Any", Observe(on_settled)))
    promise._promise_is_handled = handled
    if isinstance(rejection, Rejection):
        rejection.report = reported


def register_view(kind: type, view_of: Callable[[Any], buffers.ArrayBufferView]) -> None:
    """Take objects of this type for views: the function tells their buffer, extent and constructor."""
    buffers._foreign_views[kind] = view_of


def set_array_buffer_constructor(
    construct: Callable[[int], buffers.ArrayBuffer] | None, uint8_array: buffers.ViewConstructor | None
) -> tuple[Callable[[int], buffers.ArrayBuffer], buffers.ViewConstructor]:
    """Make new buffers, and the byte views onto them, with these; None restores Python's own."""
    before = buffers.construct_array_buffer, buffers.uint8_array
    buffers.construct_array_buffer = construct or buffers.new_array_buffer
    buffers.uint8_array = uint8_array or buffers.UINT8_ARRAY
    fast_paths.own_buffers = buffers.uint8_array is buffers.UINT8_ARRAY
    return before


def register_clone(kind: type, clone: Callable[[Any], object]) -> None:
    """Clone objects of this type with the function; what it raises is the clone's failure."""
    structured_clone._foreign_clones[kind] = clone


def set_abort_event(
    fire: Callable[[abort.AbortSignal], object] | None,
) -> Callable[[abort.AbortSignal], object]:
    """Fire the event "abort" at a signal with this function; None restores our listeners."""
    before = abort.fire_an_abort_event
    abort.fire_an_abort_event = fire or abort._fire_an_abort_event
    return before
