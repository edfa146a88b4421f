"""A fast path of the microtasks that start streams: of many that are made one after the other they are one job.

See `fast_paths` for the rules. A job for each would be one more object per stream that the garbage collector has to
look at, again and again, while the streams are made.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, final

from . import event_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from .event_loop import MicrotaskQueue


@final
class Hop:
    """A microtask that does nothing but enqueue another one."""

    __slots__ = ("then",)

    def __init__(self, then: Callable[[Any], object]) -> None:
        self.then = then

    def __call__(self, argument: object) -> None:
        event_loop.enqueue_microtask(self.then, argument)


@final
class _Several:
    """Microtasks of one callback, next to each other in the queue."""

    __slots__ = ("arguments", "callback", "job", "queue")

    def __init__(self, queue: MicrotaskQueue, callback: Callable[[Any], object], arguments: deque[Any]) -> None:
        self.queue = queue
        self.callback = callback
        self.arguments = arguments
        self.job: event_loop.Job = (_RUN_THE_FIRST, self)

    def run_the_first(self) -> None:
        """Run the first of them; the others stay first in the queue. Hops make all of them at once."""
        callback, jobs = self.callback, self.queue._jobs
        if isinstance(callback, Hop):
            jobs.append(_Several(self.queue, callback.then, self.arguments).job)
            self.queue._steps = 0
            return
        argument = self.arguments.popleft()
        if self.arguments:
            jobs.appendleft(self.job)
        callback(argument)


#: The same as a microtask, which is known by its identity.
_RUN_THE_FIRST: Final[Callable[[_Several], None]] = _Several.run_the_first


def enqueue_a_start(callback: Callable[[Any], object], argument: object) -> None:
    """Enqueue a microtask that starts a stream, with a function that is the same for all streams of a kind."""
    queue = event_loop._this_thread.queue
    jobs = queue._jobs
    # While microtasks run, somebody may wait for the one that is the last now: nothing may be added to it.
    if jobs and not queue._draining and event_loop.scheduling.enqueue_elsewhere is None:
        last_callback, last_argument = jobs[-1]
        if last_callback is _RUN_THE_FIRST and last_argument.callback is callback:
            last_argument.arguments.append(argument)
            if queue._scheduled_on is None or not queue._scheduled_on.is_running():
                queue.schedule()
            return
        if last_callback is callback:
            jobs[-1] = _Several(queue, callback, deque((last_argument, argument))).job
            queue.schedule()
            return
    event_loop.enqueue_microtask(callback, argument)
