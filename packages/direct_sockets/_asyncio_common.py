"""What all real sockets of the seam have in common: options, addresses, and being watched by the loop.

A socket is watched for reading from the first time that it has to be waited for, so that one that is read
steadily is watched once; the watch ends when it fires with nobody waiting.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakSet

from whatwg_streams.other_specs import a_promise_rejected_with, run_a_task

from ._addresses import canonical
from ._operating_system import Endpoint

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from ._operating_system import Answer, IPAddress

#: What a system call says that can not be done now.
WOULD_BLOCK: Final = (BlockingIOError, InterruptedError)
#: The largest value that options of the system take, which are signed.
LARGEST_INT: Final = 2**31 - 1


def family_of(address: IPAddress) -> socket.AddressFamily:
    """The family of sockets for an address."""
    return socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004


def set_buffer_sizes(sock: OwnedSocket, send: int | None, receive: int | None) -> None:
    """Request buffers of so many bytes.

    NOTE(spec): E67 what to do with a size that the system does not have is not said. It is a request: the system
    gives what it has, at most.
    """
    if send is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(send, LARGEST_INT))
    if receive is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(receive, LARGEST_INT))


#: The same few hosts connect again and again.
_canonical = lru_cache(maxsize=1024)(canonical)


def endpoint(sockaddr: Any) -> Endpoint:
    """NOTE(spec): E50 addresses in canonical text, without brackets; IPv4-mapped ones stay so.

    The zone of a link-local address is a part of it: without it, nobody could connect or send anything there.
    """
    address = sockaddr[0]
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in address:  # noqa: PLR2004
        address = f"{address}%{_zone(sockaddr[3])}"
    return Endpoint(_canonical(address), sockaddr[1])


def _zone(scope_id: int) -> str:
    """The name of an interface, or its number, if it is gone."""
    try:
        return socket.if_indextoname(scope_id)
    except OSError:
        return str(scope_id)


class _Fork:
    """What a process that was forked has to know."""

    #: Loops of the one that it was forked from. What they watch, they share with it: it goes on watching.
    loops_of_the_parent: WeakSet[asyncio.AbstractEventLoop] | None = None


def inherit_loops(loops: Iterable[asyncio.AbstractEventLoop]) -> None:
    """Have sockets that these loops watch be closed in this process, which was forked just now, and in no other."""
    _Fork.loops_of_the_parent = known = _Fork.loops_of_the_parent or WeakSet()
    known.update(loops)


class OwnedSocket(socket.SocketType):
    """A socket whose owner warns when nobody has closed it: not both of them do.

    It is made often: so it is what `socket.socket` is built on, which has nothing more that is needed here.
    """

    __slots__ = ()

    def accept(self) -> tuple[OwnedSocket, Any]:
        fd, sockaddr = cast("Any", self)._accept()
        return OwnedSocket(self.family, self.type, self.proto, fd), sockaddr

    def __del__(self) -> None:
        if self.fileno() != -1:  # as it is where the constructor has raised, too
            self.close()


class WatchedSocket:
    """A real socket, and whether the loop watches it for reading."""

    __slots__ = ("_fd", "_loop", "_sock", "_watching")

    def __init__(self, sock: socket.SocketType, loop: asyncio.AbstractEventLoop) -> None:
        self._sock = sock
        self._loop = loop
        self._fd = sock.fileno()
        self._watching = False

    def _watch(self, when_readable: Callable[[], object]) -> None:
        if not self._watching:
            self._loop.add_reader(self._fd, run_a_task, when_readable, self._loop)
            self._watching = True

    def _watch_no_more(self) -> None:
        if self._watching:
            self._watching = False
            if not self._is_of_the_parent():
                self._loop.remove_reader(self._fd)

    def _watch_no_more_for_writing(self) -> None:
        if not self._is_of_the_parent():
            self._loop.remove_writer(self._fd)

    def _is_of_the_parent(self) -> bool:
        return _Fork.loops_of_the_parent is not None and self._loop in _Fork.loops_of_the_parent

    def _close_the_socket(self) -> Answer[None]:
        self._watch_no_more()
        try:
            self._sock.close()
        except OSError as error:  # such as a reset that nobody has been told of yet; closed it is all the same
            return a_promise_rejected_with(error)
        return None
