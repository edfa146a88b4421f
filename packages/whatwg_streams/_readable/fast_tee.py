"""A fast path of §4.9.1: the two branches of a stream with a default controller.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `ops.tee`.

Both branches are fed by one object, which is the read request, too: only one read is under way at a time. A chunk that
was queued in the stream is given to the branches in a microtask; the next in the queue always is the one upon
fulfillment of the pull promise of the branch that wanted it. So both are one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from .._platform import event_loop
from .._platform.event_loop import _this_thread
from .._platform.fast_paths import fast_paths
from .._platform.promises import IT_WILL_TELL, Promise, a_promise_resolved_with_undefined, resolve, upon
from .._platform.webidl import DO_NOTHING, return_undefined
from . import fast_default
from .ops import controller_interface, default_controllers, readers, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from .default_controller import ReadableStreamDefaultController
    from .stream import ReadableStream


def default_tee(stream: ReadableStream[Any]) -> tuple[ReadableStream[Any], ReadableStream[Any]]:
    """ReadableStreamDefaultTee, without cloning; this may throw."""
    tee = _Tee(stream)
    branch_1 = streams.create_readable_stream(return_undefined, DO_NOTHING, tee.cancel_1)
    branch_2 = streams.create_readable_stream(return_undefined, DO_NOTHING, tee.cancel_2)
    tee.controller_1, tee.controller_2 = branch_1._controller, branch_2._controller
    for controller in (tee.controller_1, tee.controller_2):
        controller._pull_algorithm = partial(tee.pull, controller)  # which is not called before they have started
    upon(tee.reader._closed_promise, None, tee.closed_rejected)
    return branch_1, branch_2


@final
class _Tee:
    """The variables of the algorithm; and the read request, while a read is under way."""

    __slots__ = (
        "cancel_promise",
        "canceled_1",
        "canceled_2",
        "chunk",
        "controller_1",
        "controller_2",
        "pulling",
        "read_again",
        "reader",
        "reading",
        "reason_1",
        "reason_2",
        "stream",
    )

    controller_1: Any
    controller_2: Any
    chunk: Any  # on its way to the branches
    pulling: ReadableStreamDefaultController | None  # of the branch that is pulled, if that has to be told then

    def __init__(self, stream: ReadableStream[Any]) -> None:
        self.stream = stream
        self.reader = streams.acquire_readable_stream_default_reader(stream)
        self.reading = False
        self.read_again = False
        self.canceled_1 = False
        self.canceled_2 = False
        self.reason_1: object = None
        self.reason_2: object = None
        self.cancel_promise: Promise[Any] = Promise()
        self.pulling = None

    # The pull algorithms -----------------------------------------------------------------------------

    def pull(self, branch: ReadableStreamDefaultController) -> Any:
        """The pull algorithm of this branch."""
        if not fast_paths.enabled:
            self.pull_again()
            return a_promise_resolved_with_undefined()
        if self.reading:
            self.read_again = True
        else:
            stream = self.stream
            its_controller: Any = stream._controller
            controller: ReadableStreamDefaultController = its_controller
            queue = controller._queue
            self.reading = True
            if (
                queue
                and stream._state == "readable"
                and not stream._unread
                and (len(queue) > 1 or not controller._close_requested)
            ):
                self.chunk = fast_default.take_from_the_queue(controller)
                self.pulling = branch
                event_loop.enqueue_microtask(FEED, self)
                return IT_WILL_TELL
            readers.readable_stream_default_reader_read(self.reader, self)
        event_loop.enqueue_microtask(fast_default.PULLED, branch)
        return IT_WILL_TELL

    def pull_again(self) -> None:
        """The same, where nobody waits for the promise."""
        if self.reading:
            self.read_again = True
        else:
            self.reading = True
            readers.readable_stream_default_reader_read(self.reader, self)

    # The read request --------------------------------------------------------------------------------

    def chunk_steps(self, chunk: object) -> None:
        self.chunk = chunk
        event_loop.enqueue_microtask(FEED, self)

    def feed(self) -> None:
        """Both branches get the chunk; and the one that was pulled for it is told so."""
        chunk = self.chunk
        self.chunk = None
        self.read_again = False
        if not self.canceled_1:
            fast_default.enqueue(self.controller_1, chunk)
        if not self.canceled_2:
            fast_default.enqueue(self.controller_2, chunk)
        self.reading = False
        if self.read_again:
            self.pull_again()
        branch = self.pulling
        if branch is not None:
            self.pulling = None
            _this_thread.queue._spent += 1
            branch._pulling = False
            if branch._pull_again:
                fast_default.pulled(branch)

    def close_steps(self) -> None:
        self.reading = False
        if not self.canceled_1:
            default_controllers.readable_stream_default_controller_close(self.controller_1)
        if not self.canceled_2:
            default_controllers.readable_stream_default_controller_close(self.controller_2)
        if not self.canceled_1 or not self.canceled_2:
            resolve(self.cancel_promise)

    def error_steps(self, _: object) -> None:
        self.reading = False

    # The cancel algorithms, and errors ---------------------------------------------------------------

    def cancel_1(self, reason: object) -> Promise[Any]:
        self.canceled_1 = True
        self.reason_1 = reason
        return self.cancel_if_both_are()

    def cancel_2(self, reason: object) -> Promise[Any]:
        self.canceled_2 = True
        self.reason_2 = reason
        return self.cancel_if_both_are()

    def cancel_if_both_are(self) -> Promise[Any]:
        if self.canceled_1 and self.canceled_2:
            reasons = [self.reason_1, self.reason_2]
            resolve(self.cancel_promise, controller_interface.readable_stream_cancel(self.stream, reasons))
        return self.cancel_promise

    def closed_rejected(self, reason: object) -> None:
        default_controllers.readable_stream_default_controller_error(self.controller_1, reason)
        default_controllers.readable_stream_default_controller_error(self.controller_2, reason)
        if not self.canceled_1 or not self.canceled_2:
            resolve(self.cancel_promise)


#: The microtask that feeds the branches. (A compiled module finds it quickest here.)
FEED: Final[Callable[[_Tee], None]] = _Tee.feed
