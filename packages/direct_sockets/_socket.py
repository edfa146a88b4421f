"""What the sockets of this package have in common: their two promises, opening, and `async with`.

Each interface has its algorithms in a section, and a module, of its own; those that two of them have in common
word for word are in `_socket_of_two_streams`.
"""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, NoReturn, Protocol, TypeVar

from typing_extensions import override

from whatwg_streams import AbortError, Promise
from whatwg_streams.other_specs import UntilSettled, fast_paths_are_enabled, fulfill, mark_as_handled, reject, resolve

from . import _asyncio_os
from ._steps import InParallel

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import CodeType, FrameType, TracebackType
    from typing import Any

    from ._operating_system import Answer, OperatingSystem

OpenInfo = TypeVar("OpenInfo")


class _Closable(Protocol):
    """What the operating system has opened."""

    def close(self) -> Answer[None]: ...


class Socket(ABC, Generic[OpenInfo]):
    """A socket that opens at once, and says so with two promises."""

    __slots__ = (
        "__weakref__",
        "_closed_gracefully",
        "_closed_promise",
        "_is_forgotten",
        "_is_left",
        "_open_info",
        "_opened_at",
        "_opened_promise",
        "_opening",
    )

    _opened_promise: Promise[OpenInfo] | None  # made when somebody looks at it, and so is the other
    _closed_promise: Promise[None] | None
    _open_info: OpenInfo | None  # what the one is fulfilled with
    _closed_gracefully: bool  # whether the other is fulfilled
    _is_left: bool  # by `async with`, or by all; whoever closes it then waits for nothing else
    _opening: InParallel | None
    _opened_at: tuple[CodeType, int] | None  # the line that made it, or its server, for the ResourceWarning
    _is_forgotten: bool  # whether there was one

    def _initialize(self) -> None:
        """The initial values of the internal slots."""
        self._opened_promise = None
        self._closed_promise = None
        self._open_info = None
        self._closed_gracefully = False
        self._is_left = False
        self._opening = None
        self._opened_at = None
        self._is_forgotten = False

    def _the_opened_promise(self) -> Promise[OpenInfo]:
        """The promise `opened`."""
        promise = self._opened_promise
        if promise is None:
            promise = self._opened_promise = Promise()
            if self._open_info is not None:
                fulfill(promise, self._open_info)
        return promise

    def _the_closed_promise(self) -> Promise[None]:
        """[[closedPromise]]"""
        promise = self._closed_promise
        if promise is None:
            promise = self._closed_promise = Promise()
            # NOTE(spec): E43 nobody needs to look at `closed`; the errors it carries are those of the streams.
            mark_as_handled(promise)
            if self._closed_gracefully:
                fulfill(promise, None)
        return promise

    def _resolve_opened(self, open_info: OpenInfo) -> None:
        self._open_info = open_info
        if self._opened_promise is not None:
            fulfill(self._opened_promise, open_info)

    def _resolve_closed(self) -> None:
        if self._closed_promise is None:
            self._closed_gracefully = True
        else:
            resolve(self._closed_promise)

    @property
    def closed(self) -> Promise[None]:
        """A promise that fulfills when the socket is closed gracefully, and rejects when it is not.

        It is closed when its streams are. Cancelling a task that awaits it leaves the socket open.

        https://wicg.github.io/direct-sockets/#dom-tcpsocket-closed
        https://wicg.github.io/direct-sockets/#dom-udpsocket-closed
        https://wicg.github.io/direct-sockets/#dom-tcpserversocket-closed
        """
        self._begin_to_open()
        return self._the_closed_promise()

    # Opening -------------------------------------------------------------------------------------------

    def _open_in_parallel(
        self, operating_system: OperatingSystem, steps: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run the steps of the constructor that are to run in parallel."""

        async def opening() -> None:
            try:
                await steps()
            finally:
                self._opening = None

        # (It is cancelled by `_give_up`; or because the loop is shut down.)
        await_promises = operating_system is not _asyncio_os.REAL
        self._opening = InParallel(opening, self._was_given_up, await_promises=await_promises)
        self._opened_at = _line_of_the_caller(sys._getframe(1))

    def _begin_to_open(self) -> None:
        """Whoever looks at a promise of a socket that was made where no loop runs has it open in his loop."""
        if self._opening is not None:
            self._opening.begin()

    def _reject_both_promises(self, error: Exception) -> None:
        """The two steps that each refusal and each failure have.

        NOTE(spec): E22 a refusal is a NotAllowedError, as written; other implementations have other errors.
        """
        # .1. Reject opened,
        reject(self._the_opened_promise(), error)
        # .2. and closed.
        reject(self._the_closed_promise(), error)

    def _was_given_up(self) -> None:
        mark_as_handled(self._the_opened_promise())
        self._reject_both_promises(AbortError("the socket was given up while it was opening"))

    # Beyond the standard ---------------------------------------------------------------------------------

    async def __aenter__(self) -> OpenInfo:
        self._begin_to_open()
        if self._opened_promise is None and self._open_info is not None:
            return self._open_info
        try:
            return await self._the_opened_promise()
        except BaseException:
            # NOTE(spec): E42 whoever is cancelled here has nothing to close the socket with later.
            self._give_up()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the socket, whatever state its streams are in; how it ended, `closed` tells."""
        self._give_up()
        if not self._closed_gracefully:
            await UntilSettled(self._the_closed_promise())

    def _give_up(self) -> None:
        """Close the socket, even if it is not open yet, or a stream of it is locked."""
        self._is_left = fast_paths_are_enabled()
        if self._opening is None:
            self._close_even_if_locked()
            return
        self._opening.cancel()
        self._opening = None
        self._was_given_up()

    @abstractmethod
    def _close_even_if_locked(self) -> None:
        """Close the socket; one that is closed, or that could not be opened, stays what it is."""

    @override
    def __reduce_ex__(self, _: object) -> NoReturn:
        # Two objects with one socket would close it under each other.
        raise TypeError(f"a {type(self).__name__} can be neither copied nor pickled")

    # Being forgotten -------------------------------------------------------------------------------------

    @abstractmethod
    def _still_open(self) -> _Closable | None:
        """What the operating system has not been told to close."""

    def __del__(self) -> None:
        """Nobody can close the socket any more."""
        if hasattr(self, "_opened_at"):  # the constructor has not raised
            self._close_what_was_forgotten()

    def _close_what_was_forgotten(self) -> None:
        """Say that nobody has closed the socket, and close it."""
        still_open = None if self._is_forgotten else self._still_open()
        if still_open is None:
            return
        self._is_forgotten = True
        try:
            where = ""
            if self._opened_at is not None:
                code, line = self._opened_at
                where = f", opened at {code.co_filename}:{line}"
            warnings.warn(f"unclosed {self!r}{where}", ResourceWarning, stacklevel=2, source=self)
        finally:
            answer = still_open.close()
            if isinstance(answer, Promise):
                mark_as_handled(answer)


def _line_of_the_caller(frame: FrameType | None) -> tuple[CodeType, int] | None:
    """The line outside of this package that has called into it."""
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(f"{__package__}."):
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lineno)
