"""The sockets of this machine: whatever its resolver understands is refused, too. Only loopback is tried."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from direct_sockets import TCPSocket, UDPSocket
from direct_sockets._operating_system import current_operating_system

from .world import ONE, Attempt, Socket, World, reaches

#: No names but that of this machine, which would have others asked.
_SPELLINGS: Final = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1", "017700000001",
    "127.255.255.254", "0", "0.0.0.0", "0x0", "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:0.0.0.0",
    "::1%lo", "::1%1", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u30020\u30020\u30021", "localhost\0", "127.0.0.1\0.example", "::127.0.0.1", "fe80::1%lo",
)  # fmt: skip


@contextlib.contextmanager
def _listeners() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Listen for TCP and for UDP on everything that is loopback, of either version, at one port."""
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams,
    ):
        for each in (stream, datagrams):
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            each.setblocking(False)
        stream.bind(("::", 0))
        stream.listen()
        datagrams.bind(("::", 0))
        yield stream, datagrams


async def _reach(make: Callable[[str, int, int], Socket], spelling: str, _: World) -> bool:
    token = current_operating_system.set(None)
    try:
        with _listeners() as (stream, datagrams):
            ports = stream.getsockname()[1], datagrams.getsockname()[1]
            with ONE:
                if await reaches(partial(make, spelling, *ports)):
                    return True
            return _something_came(stream.accept) or _something_came(partial(datagrams.recv, 100))
    finally:
        current_operating_system.reset(token)


def _something_came(receive: Callable[[], Any]) -> bool:
    try:
        receive()
    except BlockingIOError:
        return False
    return True


def _tcp(address: str, port: int, _: int) -> TCPSocket:
    return TCPSocket(address, port)


def _udp(address: str, _: int, port: int) -> UDPSocket:
    return UDPSocket(remote_address=address, remote_port=port)


def attempts() -> Sequence[Attempt]:
    return [
        Attempt(f"{make.__name__[1:]} to {spelling!r}", partial(_reach, make, spelling))
        for spelling in _SPELLINGS
        for make in (_tcp, _udp)
    ]
