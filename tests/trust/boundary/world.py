"""A virtual network in which a machine may reach one host, outside, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple, TypeAlias

from direct_sockets import (
    PermissionsPolicy,
    TCPServerSocket,
    TCPSocket,
    UDPMessage,
    UDPSocket,
    _permissions as permissions,
    set_default_permissions_policy,
)
from direct_sockets.testing import VirtualNetwork
from whatwg_streams import NetworkError, NotAllowedError

#: Addresses of the host outside, which are the only ones that may be reached.
OUTSIDE: Final = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
#: Where somebody listens, outside, and would inside.
PORT: Final = 40000

ONE: Final = PermissionsPolicy("direct-sockets=(self)")
BOTH: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")
WITH_MULTICAST: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-multicast=(self)")
ALL: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)")


class World:
    """What an attempt is made in.

    Attributes:
        network: the network.
        machine: the one that the attempt runs on.
        forbidden: the packets that it sent to anybody but the host outside.
    """

    def __init__(self) -> None:
        self.forbidden = list[str]()
        self.network = VirtualNetwork(seed=1, trace=self._sent)
        self.machine = self.network.host("machine", "8.8.8.8", "2001:4860:4860::8888")
        self.network.host("outside.example", *OUTSIDE)

    def _sent(self, line: str) -> None:
        packet = re.fullmatch(r"\S+ (?:sent|nobody) machine > \S+ (\w+ \S+ > \[?(.+?)\]?:\d+ .*)", line)
        if packet and packet[2] not in OUTSIDE:
            self.forbidden.append(packet[1])


class Attempt(NamedTuple):
    """An attempt, which tells whether it was allowed what it must not be."""

    name: str
    make: Callable[[World], Awaitable[bool]]


Socket: TypeAlias = "TCPSocket | UDPSocket | TCPServerSocket"


async def reaches(make: Callable[[], Socket]) -> bool:
    """Make a socket, open it, say something, and tell whether it is anywhere but outside."""
    with suppress(TypeError, NotAllowedError):
        return await opens(make())
    return False


async def opens(socket: Socket) -> bool:
    """Open it, say something, and tell whether it is anywhere but outside."""
    try:
        info: Any = await socket.opened
    except (TypeError, NotAllowedError, NetworkError):
        return False
    remote = getattr(info, "remote_address", None)
    if isinstance(socket, TCPSocket):
        await say(info, b"hello")
    elif remote is not None:
        await say(info, UDPMessage(b"hello"))
    await socket.close()
    return remote not in OUTSIDE


async def say(info: Any, chunk: object) -> None:
    """Write a chunk, whatever comes of it."""
    with info.writable.get_writer() as writer, suppress(Exception):
        await writer.write(chunk)


@contextmanager
def nothing_granted() -> Iterator[None]:
    """Take away what this process was started with."""
    environment, permissions._environment = permissions._environment, PermissionsPolicy("")
    default = set_default_permissions_policy(None)
    try:
        yield
    finally:
        permissions._environment = environment
        set_default_permissions_policy(default)
