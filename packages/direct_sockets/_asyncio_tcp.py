"""The seam over real sockets of TCP: a part of `_asyncio_os`, and bound by the same rules."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, cast, final

from whatwg_streams import Promise
from whatwg_streams.other_specs import a_promise_rejected_with, fulfill, reject, run_a_task

from ._asyncio_common import WOULD_BLOCK, OwnedSocket, WatchedSocket, endpoint, family_of, set_buffer_sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operating_system import Answer, Endpoint, ResolvedAddress, TCPConnectionParameters

UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK, errno.EINTR})
NOTHING: Final = memoryview(b"")

#: The longest that Linux takes for keep-alive, in seconds.
LONGEST_KEEP_ALIVE: Final = 32767


async def connect(
    loop: asyncio.AbstractEventLoop, to: ResolvedAddress, port: int, parameters: TCPConnectionParameters
) -> AsyncioTCPConnection:
    """Open a TCP socket to one address.

    Raises:
        OSError: it can not be connected.
    """
    family = family_of(to.address)
    sock = OwnedSocket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        _apply(sock, parameters)
        text = str(to.address)
        address: Any = (text, port) if family == socket.AF_INET else (text, port, 0, to.scope_id)
        remote = _connect_at_once(sock, address)
        if remote is None:
            await loop.sock_connect(cast("Any", sock), address)
    except BaseException:
        sock.close()
        raise
    return AsyncioTCPConnection(sock, loop, remote)


def _connect_at_once(sock: OwnedSocket, address: Any) -> Endpoint | None:
    """Connect, and tell to what; None if that is still under way, or has failed meanwhile.

    To this machine, it is done by the time that the system call returns, though it says that it is under way.

    Raises:
        OSError: it can not be connected.
    """
    number = sock.connect_ex(address)
    if number and number not in UNDER_WAY:
        raise OSError(number, os.strerror(number))
    try:
        return endpoint(sock.getpeername())
    except OSError:
        return None


def _apply(sock: OwnedSocket, parameters: TCPConnectionParameters) -> None:
    """Set the options of section 1.1.1."""
    set_buffer_sizes(sock, parameters.send_buffer_size, parameters.receive_buffer_size)
    if parameters.no_delay:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parameters.keep_alive_delay is not None:
        keep_alive(sock, parameters.keep_alive_delay, sys.platform)


def keep_alive(sock: Any, milliseconds: int, platform: str) -> None:
    """Enable keep-alive after so many milliseconds, in the way of the platform.

    NOTE(spec): E31 the delay is in milliseconds and the systems want whole seconds, except Windows; it is
    rounded down, but never below one.
    NOTE(spec): E67 nor is one beyond what the system takes an error, as with sizes of buffers.
    """
    seconds = min(max(1, milliseconds // 1000), LONGEST_KEEP_ALIVE)
    if platform == "win32":
        SIO_KEEPALIVE_VALS = 0x98000004  # noqa: N806 - the system's name
        sock.ioctl(SIO_KEEPALIVE_VALS, (1, milliseconds, milliseconds))
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if platform == "darwin":
        TCP_KEEPALIVE = 0x10  # noqa: N806 - the system's name
        sock.setsockopt(socket.IPPROTO_TCP, TCP_KEEPALIVE, seconds)
    else:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, seconds)


@final
class AsyncioTCPConnection(WatchedSocket):
    """An open TCP socket: see `TCPConnection`."""

    __slots__ = (
        "_drained",
        "_error",
        "_may_look_again",
        "_receive",
        "_receive_what",
        "_sending",
        "_steps",
        "_unsent",
        "_waiting_reader",
        "local",
        "remote",
    )

    def __init__(
        self,
        sock: socket.SocketType,
        loop: asyncio.AbstractEventLoop,
        remote: Endpoint | None = None,
        local: Endpoint | None = None,
    ) -> None:
        super().__init__(sock, loop)
        self._waiting_reader: Promise[Any] | None = None
        self._receive: Callable[[Any], object] | None = None  # the system call that this waits for,
        self._receive_what: Any = None  # and its argument
        self._drained = False  # whether nothing was left when the socket was last read
        self._error: OSError | None = None  # what the next read is to fail with
        self._may_look_again = True  # on the loop's next turn, before it watches
        self._steps: Callable[[], object] | None = None  # what to call instead, when it is readable
        self._sending: Promise[bool] | None = None
        self._unsent = NOTHING
        try:
            # (One that is accepted may be reset already, and its peer can not be asked for any more.)
            self.remote = endpoint(sock.getpeername()) if remote is None else remote
            self.local = endpoint(sock.getsockname()) if local is None else local
        except BaseException:
            sock.close()
            raise

    # Reading -------------------------------------------------------------------------------------

    def read(self, size: int) -> Answer[bytes]:
        """See `TCPConnection.read`."""
        if self._error is not None:
            return self._fail()
        try:
            return self._sock.recv(size)
        except WOULD_BLOCK:
            return self._wait_to_receive(self._sock.recv, size)
        except OSError as error:
            return a_promise_rejected_with(error)

    def read_into(self, view: memoryview) -> Answer[int]:
        """See `TCPConnection.read_into`."""
        if self._error is not None:
            return self._fail()
        if not self._drained:
            try:
                received = self._sock.recv_into(view)
            except WOULD_BLOCK:
                pass
            except OSError as error:
                return a_promise_rejected_with(error)
            else:
                self._drained = 0 < received < len(view) and self._a_short_read_tells()
                return received
        return self._wait_to_receive(self._sock.recv_into, view)

    def read_at_once(self, size: int) -> bytes | None:
        """See `TCPConnection.read_at_once`."""
        if self._drained or self._error is not None:
            return None
        try:
            bytes_ = self._sock.recv(size)
        except WOULD_BLOCK:
            self._drained = True
            return None
        except OSError as error:  # the system says it once
            self._error = error
            return None
        self._may_look_again = True
        self._drained = 0 < len(bytes_) < size and self._a_short_read_tells()
        return bytes_

    def read_into_at_once(self, view: memoryview) -> int:
        """See `TCPConnection.read_into_at_once`."""
        if self._drained:
            return 0
        try:
            received = self._sock.recv_into(view)
        except WOULD_BLOCK:
            self._drained = True
            return 0
        except OSError as error:  # the system says it once
            self._error = error
            return 0
        self._drained = 0 < received < len(view) and self._a_short_read_tells()
        return received

    def call_when_readable(self, steps: Callable[[], object]) -> bool:
        """See `TCPConnection.call_when_readable`."""
        if self._error is not None or not self._drained:
            return False
        assert self._waiting_reader is None
        self._steps = steps
        if not self._watching:
            self._wait()
        return True

    def _a_short_read_tells(self) -> bool:
        """Whether a read that was short tells that nothing is left, so that the next one may wait for the loop at once.

        An error, a reset perhaps, may have come after the bytes. uvloop tells of one once, and then watches no more.
        """
        return not self._watching or isinstance(self._loop, asyncio.SelectorEventLoop)

    def _fail(self) -> Promise[Any]:
        error, self._error = self._error, None
        return a_promise_rejected_with(error)

    def _wait_to_receive(self, receive: Callable[[Any], Any], argument: Any) -> Promise[Any]:
        assert self._waiting_reader is None
        promise: Promise[Any] = Promise()
        self._waiting_reader = promise
        self._receive = receive
        self._receive_what = argument
        if not self._watching:
            self._wait()
        return promise

    def _wait(self) -> None:
        """Have `_readable` called on the loop's next turn; and if that was too early, when the loop says so.

        What comes soon needs no watch then, as on short connections.
        """
        if self._may_look_again:
            self._may_look_again = False
            self._loop.call_soon(run_a_task, self._look_again, self._loop)
        else:
            self._watch(self._readable)

    def _look_again(self) -> None:
        if not self._watching:
            self._readable()

    def _readable(self) -> None:
        self._drained = False
        steps = self._steps
        if steps is not None:
            self._steps = None
            steps()
            return
        promise = self._waiting_reader
        if promise is None:
            self._watch_no_more()
            return
        assert self._receive is not None
        try:
            result = self._receive(self._receive_what)
        except WOULD_BLOCK:
            self._watch(self._readable)
            return
        except OSError as error:
            self.stop_reading()
            reject(promise, error)
        else:
            self.stop_reading()
            self._may_look_again = True
            fulfill(promise, result)

    def stop_reading(self) -> None:
        """See `TCPConnection.stop_reading`."""
        self._waiting_reader = self._receive = self._receive_what = self._steps = None

    # Writing -------------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> Answer[bool]:
        """See `TCPConnection.write`."""
        assert self._sending is None
        try:
            sent = self._sock.send(data)
        except WOULD_BLOCK:
            sent = 0
        except OSError as error:
            return a_promise_rejected_with(error)
        if sent == len(data):
            return True
        unsent = memoryview(data)[sent:]
        self._unsent = unsent if isinstance(unsent.obj, bytes) else memoryview(bytes(unsent))
        self._sending = Promise()
        self._loop.add_writer(self._fd, run_a_task, self._writable, self._loop)
        return self._sending

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._stop_sending(reject, error)
        else:
            self._unsent = self._unsent[sent:]
            if self._unsent:
                return
            self._stop_sending(fulfill, True)

    def _stop_sending(self, settle: Callable[[Promise[bool], Any], None], how: object) -> None:
        promise = self._sending
        self._sending = None
        self._unsent = NOTHING
        if promise is not None:
            self._watch_no_more_for_writing()
            settle(promise, how)

    def stop_writing(self) -> None:
        """See `TCPConnection.stop_writing`."""
        self._stop_sending(fulfill, False)

    # The end -------------------------------------------------------------------------------------

    def shut_down_for_writing(self) -> Answer[None]:
        """See `TCPConnection.shut_down_for_writing`."""
        if self._is_of_the_parent():  # it is not ours to end
            return None
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            return a_promise_rejected_with(error)
        return None

    def close(self) -> Answer[None]:
        """See `TCPConnection.close`."""
        self.stop_reading()
        if self._sending is not None:
            self.stop_writing()
        return self._close_the_socket()
