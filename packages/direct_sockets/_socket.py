"""What the sockets of this package have in common, beyond the text.

Each interface has its algorithms in a section, and a module, of its own. Here are the slots that all of them
have, what `async with` does, and the repairs of closing that those with two streams share.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from typing_extensions import override

from whatwg_streams import AbortError, Promise, ReadableStream, WritableStream
from whatwg_streams.other_specs import (
    is_errored,
    mark_as_handled,
    queue_a_microtask,
    queue_a_task,
    reject,
    stored_error_of,
)

from ._steps import queue_a_global_task_upon

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ._operating_system import Answer
    from ._steps import InParallel

OpenInfo = TypeVar("OpenInfo")


class Socket(Generic[OpenInfo]):
    """A socket that opens at once, and says so with two promises."""

    __slots__ = ("__weakref__", "_closed_promise", "_opened_promise", "_opening")

    _opened_promise: Promise[OpenInfo]
    _closed_promise: Promise[None]
    _opening: InParallel | None

    def _initialize(self) -> None:
        """The initial values of the internal slots."""
        self._opened_promise = Promise()
        self._closed_promise = Promise()
        # NOTE(spec): E43 nobody needs to look at `closed`; the errors it carries are those of the streams.
        mark_as_handled(self._closed_promise)
        self._opening = None

    async def __aenter__(self) -> OpenInfo:
        try:
            return await self._opened_promise
        except BaseException:
            # NOTE(spec): E42 whoever is cancelled here has nothing to close the socket with later.
            self._give_up()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the socket, whatever state its streams are in; how it ended, `closed` tells."""
        self._give_up()
        await self._closed_promise.then(None, lambda _: None)

    def _give_up(self) -> None:
        """Close the socket, even if it is not open yet, or a stream of it is locked."""
        if self._opening is None:
            self._close_even_if_locked()
            return
        self._opening.cancel()
        self._opening = None
        error = AbortError("the socket was given up while it was opening")
        mark_as_handled(self._opened_promise)
        reject(self._opened_promise, error)
        reject(self._closed_promise, error)

    @abstractmethod
    def _close_even_if_locked(self) -> None:
        """Close the socket; one that is closed, or that could not be opened, stays what it is."""


class SocketOfTwoStreams(Socket[OpenInfo]):
    """A socket that is closed when both of its streams are."""

    __slots__ = ("_close_error", "_readable", "_readable_is_active", "_writable", "_writable_is_active")

    _readable: ReadableStream[Any]
    _writable: WritableStream[Any]
    _readable_is_active: bool
    _writable_is_active: bool
    _close_error: AbortError | None  # E1: what `close` aborts the writable stream with

    @override
    def _initialize(self) -> None:
        super()._initialize()
        self._readable_is_active = False
        self._writable_is_active = False
        self._close_error = None

    def _closed_is_settled(self) -> bool:
        return not (self._readable_is_active or self._writable_is_active)

    def _writable_is_errored(self) -> bool:
        """NOTE(spec): E1 the abort that `close` itself makes is no error."""
        return is_errored(self._writable) and (
            self._close_error is None or stored_error_of(self._writable) is not self._close_error
        )

    def _close_the_socket(self, closed: Callable[[], object]) -> None:
        """Have the operating system close it, then queue a task for these steps."""

        # Really a task, and after the microtasks: a write or a close that is just being rejected errors the
        # stream in one of them.
        def queue(_: object) -> None:
            queue_a_microtask(lambda _: queue_a_task(closed))

        queue_a_global_task_upon(self._told_to_close(), queue, queue)

    @abstractmethod
    def _told_to_close(self) -> Answer[None]:
        """The answer of the operating system, when it is told to close the socket."""


def error_of(stream: ReadableStream[Any] | WritableStream[Any]) -> Any:
    """NOTE(spec): E44 an abort without a reason leaves None, which nobody could raise."""
    error = stored_error_of(stream)
    return AbortError("the stream was aborted without a reason") if error is None else error
