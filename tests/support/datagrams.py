"""Real UDP sockets of the seam, and scripted ones."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

from direct_sockets._asyncio_os import REAL
from direct_sockets._asyncio_udp import AsyncioDatagramSocket
from direct_sockets._operating_system import Answer, ResolvedAddress, UDPSocketParameters
from whatwg_streams import Promise

DEFAULTS = UDPSocketParameters()
LOOPBACK = ResolvedAddress(ip_address("127.0.0.1"))


@asynccontextmanager
async def bound(
    address: ResolvedAddress = LOOPBACK, parameters: UDPSocketParameters = DEFAULTS
) -> AsyncIterator[AsyncioDatagramSocket]:
    datagrams = await REAL.open_a_udp_socket("bound", [address], 0, parameters)
    try:
        yield datagrams
    finally:
        assert datagrams.close() is None


async def answered(answer: Answer[Any]) -> Any:
    return await answer if isinstance(answer, Promise) else answer


class Scripted:
    """A socket that answers calls as it is told; of a connected pair, so that a loop can watch it."""

    def __init__(self, family: int = socket.AF_INET) -> None:
        self.sock, self.other = socket.socketpair()
        self.sock.setblocking(False)
        self.family = family
        self.incoming: list[Any] = []
        self.outgoing: list[Any] = []
        self.sent: list[bytes] = []
        self.error_of_closing: OSError | None = None

    def wrapped(self, mode: Any = "bound") -> AsyncioDatagramSocket:
        sock: Any = self
        return AsyncioDatagramSocket(sock, mode, asyncio.get_running_loop(), REAL.resolve)

    def fileno(self) -> int:
        return self.sock.fileno()

    def getsockopt(self, level: int, option: int) -> int:
        return 0

    def getpeername(self) -> tuple[str, int]:
        return ("8.8.8.8", 53)

    def getsockname(self) -> tuple[str, int]:
        return ("9.9.9.9", 40000)

    def recv(self, size: int) -> Any:
        return _next(self.incoming)

    def recvfrom(self, size: int) -> Any:
        return _next(self.incoming)

    def send(self, data: bytes) -> Any:
        self.sent.append(bytes(data))
        return _next(self.outgoing)

    def sendto(self, data: bytes, target: object) -> Any:
        return self.send(data)

    def close(self) -> None:
        self.sock.close()
        self.other.close()
        if self.error_of_closing is not None:
            raise self.error_of_closing


def _next(answers: list[Any]) -> Any:
    answer = answers.pop(0) if answers else BlockingIOError()
    if isinstance(answer, BaseException):
        raise answer
    return answer
