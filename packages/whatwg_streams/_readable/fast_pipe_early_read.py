"""A fast path of ReadableStreamPipeTo: what a pipe reads while its loop waits for its turn, see `fast_pipe_in_a_task`.

The loop there takes chunks out of the queue, and so the pipe does not read while the loop waits. If the source fails
meanwhile, what it has enqueued would be lost with its queue, though the pipe could have read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from .._platform import event_loop
from .._platform.webidl import CallbackAlgorithm
from .._strategies import count
from .._supporting.queue_with_sizes import owned
from . import fast_default

if TYPE_CHECKING:
    from .ops.pipe_to import _Pipe


@final
class EarlyRead:
    """The read of such a pipe, of one chunk: it counts as queued still, but is written whatever becomes of the source.

    Args:
        pipe: which is about to read.
    """

    __slots__ = ("has_chunk", "is_waiting", "pipe")

    def __init__(self, pipe: _Pipe) -> None:
        self.pipe = pipe
        self.has_chunk = False  # among those that the pipe has still to write
        self.is_waiting = False  # as the read request of the reader

    def begin(self) -> None:
        """Take the chunk that is queued, or wait for one."""
        source = self.pipe.source
        readable: Any = source._controller
        if (
            source._state != "readable"
            or readable._close_requested
            or readable._strategy_size_algorithm is not count
            or not isinstance(readable._pull_algorithm, CallbackAlgorithm)
        ):
            return
        if readable._queue:
            self.has_chunk = True
            self.pipe.pending_chunks.append(readable._queue.popleft())
            return
        self.is_waiting = True
        reader = self.pipe.reader
        reader._read_requests = owned(reader._read_requests)
        reader._read_requests.append(self)

    def undo(self) -> None:
        """All is idle: the chunk goes back into the queue, to be the first one that the loop takes."""
        self._stop_waiting()
        if self.has_chunk:
            self.has_chunk = False
            readable: Any = self.pipe.source._controller
            readable._queue = owned(readable._queue)
            readable._queue.appendleft(self.pipe.pending_chunks.pop())

    def go_on(self) -> bool:
        """The pipe goes on in the plain way.

        Returns:
            Whether it has read by this, and writes; otherwise it has still to read.
        """
        self._stop_waiting()
        if not self.has_chunk:
            return False
        readable: Any = self.pipe.source._controller
        if self.pipe.source._state == "readable":
            readable._queue_total_size -= 1
            fast_default.call_pull_if_needed(readable)
        event_loop.enqueue_a_step(self.pipe.write, None)
        return True

    def _stop_waiting(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            self.pipe.reader._read_requests.popleft()  # no other request is there

    # The read request --------------------------------------------------------------------------------

    def chunk_steps(self, chunk: object) -> None:
        self.is_waiting = False
        self.has_chunk = True
        self.pipe.pending_chunks.append(chunk)
        readable: Any = self.pipe.source._controller
        readable._queue_total_size += 1

    def close_steps(self) -> None:
        self.is_waiting = False
        self.pipe.close_steps()

    def error_steps(self, e: object) -> None:
        self.is_waiting = False
        self.pipe.error_steps(e)
