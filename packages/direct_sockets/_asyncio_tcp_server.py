"""The seam over real sockets, those that listen: a part of `_asyncio_os`, and bound by the same rules.

A socket that listens is watched like one that is read, and accepts once for each connection that is asked
for. What can go wrong with an accept is of three kinds:

- of the connection that was to be accepted, which is gone: the next one is waited for;
- of the process or the machine, which is out of descriptors or memory: the connection stays in the queue
  and would wake the loop again and again, so it is not watched for a while, which grows from
  FIRST_DELAY to LONGEST_DELAY as long as it does not help;
- of the socket itself: the accept fails.
"""

from __future__ import annotations

import errno
import socket
import sys
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, cast, final

from whatwg_streams import Promise
from whatwg_streams.other_specs import a_promise_rejected_with, fulfill, reject, run_a_task

from ._addresses import is_unspecified
from ._asyncio_common import LARGEST_INT, WOULD_BLOCK, OwnedSocket, WatchedSocket, endpoint, family_of
from ._asyncio_tcp import AsyncioTCPConnection

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from ._operating_system import Answer, IPAddress, TCPServerParameters

#: In seconds: how long to wait when the system is out of descriptors or memory, at first
FIRST_DELAY: Final = 0.01
#: and at most.
LONGEST_DELAY: Final = 1.0

#: Errors of a connection that is gone before it was accepted; Linux reports those of its network as well.
_OF_THE_CONNECTION: Final = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENONET",
        "ENOPROTOOPT", "EPROTO", "ETIMEDOUT",
    )
    if hasattr(errno, name)
)  # fmt: skip
#: Errors that pass when others give something back, or, of a firewall, allow it.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EPERM})


def listen(
    local_address: IPAddress, parameters: TCPServerParameters, loop: asyncio.AbstractEventLoop
) -> AsyncioTCPServer:
    """Open a TCP server socket: see `OperatingSystem.open_a_tcp_server_socket`."""
    sock = OwnedSocket(family_of(local_address), socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        prepare(sock, parameters, sys.platform)
        sock.bind((str(local_address), parameters.local_port or 0))
        backlog = socket.SOMAXCONN if parameters.backlog is None else parameters.backlog
        sock.listen(min(backlog, LARGEST_INT))
        return AsyncioTCPServer(sock, loop)
    except BaseException:
        sock.close()
        raise


def prepare(sock: Any, parameters: TCPServerParameters, platform: str) -> None:
    """Set the options of section 4.1.1, and what servers have set."""
    # The port can be bound to again at once after a server is gone, in spite of connections that linger; on
    # Windows it always can, and this option would let others take the port.
    if platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if parameters.ipv6_only is not None and sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(parameters.ipv6_only))


@final
class AsyncioTCPServer(WatchedSocket):
    """An open TCP server socket: see `TCPServer`."""

    __slots__ = ("_delay", "_limit", "_local_of_connections", "_timer", "_waiting", "local")

    def __init__(self, sock: OwnedSocket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock, loop)
        self._waiting: Promise[Sequence[AsyncioTCPConnection]] | None = None
        self._limit = 0  # how many connections that waits for
        self._timer: asyncio.TimerHandle | None = None  # while the system is out of something
        self._delay = FIRST_DELAY
        self.local = endpoint(sock.getsockname())
        # That of each connection; unless the server listens on all addresses.
        listens_on_all = is_unspecified(ip_address(self.local.address))
        self._local_of_connections = None if listens_on_all else self.local

    def accept(self, limit: int) -> Answer[Sequence[AsyncioTCPConnection]]:
        """See `TCPServer.accept`."""
        assert self._waiting is None
        try:
            connections = self._accept(limit)
        except OSError as error:
            return a_promise_rejected_with(error)
        if connections:
            return connections
        self._waiting = Promise()
        self._limit = limit
        self._wait()
        return self._waiting

    def _accept(self, limit: int) -> list[AsyncioTCPConnection]:
        """Accept what there is; nothing, if that has to be waited for."""
        connections: list[AsyncioTCPConnection] = []
        while len(connections) < limit:
            try:
                sock, sockaddr = cast("OwnedSocket", self._sock).accept()
            except OSError as error:
                # NOTE(spec): E49 what passes does not end the server; the text makes no difference. (What
                # comes after a connection that is there comes again, or was of another that is gone.)
                if connections or isinstance(error, WOULD_BLOCK) or error.errno in _OF_THE_CONNECTION:
                    break
                if error.errno not in _EXHAUSTED:
                    raise
                self._rest()
                return []
            try:
                sock.setblocking(False)
                # (Some systems do not say whose connection it was, once it is gone.)
                remote = endpoint(sockaddr) if sockaddr else None
                connections.append(AsyncioTCPConnection(sock, self._loop, remote, self._local_of_connections))
            except OSError:  # it is gone; and is closed
                continue
        self._delay = FIRST_DELAY
        return connections

    def _wait(self) -> None:
        if self._timer is None:
            self._watch(self._acceptable)

    def _rest(self) -> None:
        self._watch_no_more()
        self._timer = self._loop.call_later(self._delay, run_a_task, self._rested, self._loop)
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _rested(self) -> None:
        self._timer = None
        self._acceptable()

    def _acceptable(self) -> None:
        promise = self._waiting
        if promise is None:
            self._watch_no_more()
            return
        try:
            connections = self._accept(self._limit)
        except OSError as error:
            self._waiting = None
            self._watch_no_more()
            reject(promise, error)
        else:
            if not connections:
                self._wait()
                return
            self._waiting = None
            fulfill(promise, connections)

    def stop_accepting(self) -> None:
        """See `TCPServer.stop_accepting`."""
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> Answer[None]:
        """See `TCPServer.close`."""
        self.stop_accepting()
        return self._close_the_socket()
