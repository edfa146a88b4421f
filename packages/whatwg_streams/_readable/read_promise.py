"""What the two kinds of readers return: a promise that is a read request, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from .._platform import event_loop
from .._platform.event_loop import _this_thread, eager_tasks, scheduling
from .._platform.fast_paths import fast_paths
from .._platform.promises import AbandonablePromise, take_result_of
from .._platform.reasons import MYPY
from . import fast_read
from .records import ReadResult

if TYPE_CHECKING:
    from collections.abc import Generator

    from .stream import ReadableStream


class ReadPromise(AbandonablePromise[ReadResult[Any]]):
    """The promise and the request of a read, in one object.

    Args:
        stream: what is read from.
    """

    __slots__ = ("serial", "stream")

    def __init__(self, stream: ReadableStream[Any]) -> None:
        self._promise_state = "pending"
        self._promise_result = None
        self._promise_reactions = None
        self._promise_is_handled = False
        self._already_resolved = True  # nobody else has its resolving functions
        self._observers = 0
        self.stream = stream
        self.serial = stream._reads = stream._reads + 1

    @override
    def __await__(self) -> Generator[Any, None, Any]:
        if self._promise_state == "pending" and fast_paths.enabled:
            served = fast_read.pull_for(self, self.stream)
            if served:
                return self._promise_result
            waits_for = fast_read.wait(self) if served is None else _this_thread.queue.go_on(self)
            if waits_for is not None or served is not None:
                if isinstance(waits_for, event_loop.Waiter):
                    yield waits_for
                settled = [self]
                del waits_for
                if not MYPY:
                    del self  # see Promise.__await__
                return take_result_of(settled)
        if self._promise_state == "fulfilled":
            queue = _this_thread.queue
            jobs = queue._jobs
            if (
                not jobs
                and queue._spent < scheduling.microtasks_per_turn
                and scheduling.enqueue_elsewhere is None
                and not eager_tasks
            ):
                queue._spent += 1
                return self._promise_result
            hop = fast_read.hop(self, queue) if len(jobs) == 1 else event_loop.hop(self, queue)
            if hop is None:
                return self._promise_result
            if hop is not event_loop.PLAINLY:
                self._observers += 1
                yield hop
                return self._promise_result
        return (yield from super().__await__())
