"""What tests of several sections of Direct Sockets share: errors of the system, options, and small steps."""

from __future__ import annotations

import errno
from typing import Any, Final

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from direct_sockets._operating_system import Endpoint
from tests.support.operating_system import HandmadeConnection
from tests.support.recording import reason_of
from whatwg_streams import Promise, ReadableStream

RESET: Final = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
REFUSED: Final = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
UNREACHABLE: Final = OSError(errno.ENETUNREACH, "Network is unreachable")
EBADF: Final = OSError(errno.EBADF, "Bad file descriptor")

#: Options of a UDPSocket in either mode.
CONNECTED: Final[dict[str, Any]] = {"remote_address": "example.com", "remote_port": 53}
BOUND: Final[dict[str, Any]] = {"local_address": "9.9.9.9"}
PACKET: Final = (b"hello", Endpoint("8.8.4.4", 1234))


async def read_everything(stream: ReadableStream[memoryview]) -> bytes:
    data = bytearray()
    async for chunk in stream:
        data += chunk
    return bytes(data)


async def reason_once_settled(promise: Promise[Any]) -> Any:
    """Wait for a promise, which has to reject, and return its reason."""
    await promise.then(None, lambda _: None)
    return reason_of(promise)


async def enter(socket: TCPSocket | UDPSocket | TCPServerSocket) -> None:
    """A block around the socket that has nothing to do."""
    async with socket:
        pass


def handmade_connections(count: int) -> list[HandmadeConnection]:
    return [HandmadeConnection(Endpoint("8.8.8.8", 50000 + number)) for number in range(count)]


async def remote_port_of(socket: TCPSocket) -> int:
    return (await socket.opened).remote_port
