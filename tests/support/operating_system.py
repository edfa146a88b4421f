"""An operating system whose answers the test gives by hand, and peers at the other end of real sockets.

    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    info = await socket.opened
    system.connection.feed(b"what the peer sends", FIN)

Unless the test says otherwise, everything succeeds at once; what is held is answered by `answer` or `fail`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, Literal

from direct_sockets import (
    PermissionsPolicy,
    TCPServerSocket,
    TCPServerSocketOpenInfo,
    TCPSocket,
    TCPSocketOpenInfo,
    UDPSocket,
    UDPSocketOpenInfo,
)
from direct_sockets._operating_system import (
    Answer,
    Destination,
    Endpoint,
    ResolvedAddress,
    SocketDnsQueryType,
    TCPConnectionParameters,
    TCPServerParameters,
    UDPMode,
    UDPPacket,
    UDPSocketParameters,
    current_operating_system,
)
from whatwg_streams import Promise
from whatwg_streams.other_specs import a_promise_rejected_with, mark_as_handled, reject, resolve

ONE: Final = PermissionsPolicy("direct-sockets=(self)")
BOTH: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")

#: What `feed` takes for the end of what the peer sends.
FIN: Final = b""

#: All three features.
ALL: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)")

Call = Literal[
    "resolve",
    "open",
    "open_server",
    "read",
    "write",
    "shut_down",
    "accept",
    "close",
    "provide",
    "send",
    "join",
    "leave",
]


class _Answers:
    """Logs calls, and answers those that are not held at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.held: set[Call] = set()
        self.failures: dict[Call, OSError] = {}
        self.pending: dict[Call, Promise[Any]] = {}

    def hold(self, *calls: Call) -> None:
        """From now on these wait for `answer` or `fail`."""
        self.held.update(calls)

    def answer(self, call: Call, value: object = None) -> None:
        resolve(self.pending.pop(call), value)

    def fail(self, call: Call, error: BaseException) -> None:
        reject(self.pending.pop(call), error)

    def take(self) -> list[tuple[object, ...]]:
        """Return the calls so far and forget them."""
        taken, self.calls = self.calls, []
        return taken

    def done(self, call: str) -> int:
        """How often this was called."""
        return sum(one[0] == call for one in self.calls)

    def _called(self, call: Call, *arguments: object, result: Any = None) -> Any:
        self.calls.append((call, *arguments))
        assert call not in self.pending, f"two of {call} at a time"
        if call in self.failures:
            return a_promise_rejected_with(self.failures[call])
        if call in self.held:
            self.pending[call] = promise = Promise[Any]()
            mark_as_handled(promise)
            return promise
        return result


class HandmadeConnection(_Answers):
    """A TCPConnection."""

    def __init__(self, remote: Endpoint = Endpoint("8.8.8.8", 80)) -> None:  # noqa: B008 - immutable
        super().__init__()
        self.remote = remote
        self.local = Endpoint("9.9.9.9", 40000)
        self.written = bytearray()
        self._incoming: deque[bytes | OSError] = deque()
        self._view: memoryview | None = None
        self._size = 0

    # Reading -------------------------------------------------------------------------------------

    def feed(self, *events: bytes | OSError) -> None:
        """Let bytes, the peer's FIN, or an error come, for the read that waits and for those to come."""
        self._incoming.extend(events)
        if "read" in self.pending:
            promise = self.pending.pop("read")
            resolve(promise, self._next())

    def read(self, size: int) -> Answer[bytes]:
        assert size > 0
        return self._read("read", size, size, None)  # type: ignore[no-any-return]

    def read_into(self, view: memoryview) -> Answer[int]:
        assert view.nbytes > 0
        return self._read("read_into", view.nbytes, view.nbytes, view)  # type: ignore[no-any-return]

    def read_into_at_once(self, view: memoryview) -> int:
        if not self._incoming or not self._incoming[0] or isinstance(self._incoming[0], OSError):
            return 0
        return self._read("read_into", view.nbytes, view.nbytes, view)  # type: ignore[no-any-return]

    def read_at_once(self, size: int) -> bytes | None:
        if not self._incoming or not self._incoming[0] or isinstance(self._incoming[0], OSError):
            return None
        return self._read("read", size, size, None)  # type: ignore[no-any-return]

    def call_when_readable(self, steps: Callable[[], object]) -> bool:
        return False

    def _read(self, name: str, logged: int, size: int, view: memoryview | None) -> Any:
        self.calls.append((name, logged))
        assert "read" not in self.pending, "two reads at a time"
        self._size, self._view = size, view
        if self._incoming:
            return self._next()
        self.pending["read"] = promise = Promise[Any]()
        return promise

    def _next(self) -> Any:
        event = self._incoming.popleft()
        if isinstance(event, OSError):
            return a_promise_rejected_with(event)
        data = event[: self._size]
        if len(event) > self._size:
            self._incoming.appendleft(event[self._size :])
        view, self._view = self._view, None
        if view is None:
            return data
        view[: len(data)] = data
        return len(data)

    def stop_reading(self) -> None:
        self.calls.append(("stop_reading",))
        self.pending.pop("read", None)
        self._view = None

    # Writing -------------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> Answer[bool]:
        self.written += data
        return self._called("write", bytes(data), result=True)  # type: ignore[no-any-return]

    def stop_writing(self) -> None:
        self.calls.append(("stop_writing",))
        if "write" in self.pending:
            self.answer("write", False)

    def shut_down_for_writing(self) -> Answer[None]:
        return self._called("shut_down")  # type: ignore[no-any-return]

    def close(self) -> Answer[None]:
        return self._called("close")  # type: ignore[no-any-return]


class HandmadeDatagramSocket(_Answers):
    """A DatagramSocket; connected unless `remote` is None."""

    def __init__(self) -> None:
        super().__init__()
        self.remote: Endpoint | None = Endpoint("8.8.8.8", 53)
        self.local = Endpoint("9.9.9.9", 40000)
        self.sent: list[tuple[bytes, Destination | None]] = []
        self._incoming: deque[UDPPacket | OSError] = deque()
        self._count = 0

    def feed(self, *events: UDPPacket | bytes | OSError) -> None:
        """Let packets or an error come, for the receive that waits and for those to come."""
        self._incoming.extend((event, None) if isinstance(event, bytes) else event for event in events)
        if "provide" in self.pending:
            resolve(self.pending.pop("provide"), self._next())

    def provide(self, count: int) -> Answer[Sequence[UDPPacket]]:
        assert count > 0
        self.calls.append(("provide", count))
        assert "provide" not in self.pending, "two receives at a time"
        self._count = count
        if self._incoming:
            return self._next()  # type: ignore[no-any-return]
        self.pending["provide"] = promise = Promise[Any]()
        return promise

    def _next(self) -> Any:
        if isinstance(self._incoming[0], OSError):
            return a_promise_rejected_with(self._incoming.popleft())
        packets: list[UDPPacket] = []
        while self._incoming and len(packets) < self._count:
            event = self._incoming[0]
            if isinstance(event, OSError):
                break
            packets.append(event)
            self._incoming.popleft()
        return packets

    def stop_providing(self) -> None:
        self.calls.append(("stop_providing",))
        self.pending.pop("provide", None)

    def send(self, data: memoryview, to: Destination | None) -> Answer[bool]:
        self.sent.append((bytes(data), to))
        return self._called("send", bytes(data), to, result=True)  # type: ignore[no-any-return]

    def stop_sending(self) -> None:
        self.calls.append(("stop_sending",))
        if "send" in self.pending:
            self.answer("send", False)

    def join_multicast_group(self, group: object, source: object) -> Answer[None]:
        return self._called("join", str(group), None if source is None else str(source))  # type: ignore[no-any-return]

    def leave_multicast_group(self, group: object, source: object) -> Answer[None]:
        return self._called("leave", str(group), None if source is None else str(source))  # type: ignore[no-any-return]

    def close(self) -> Answer[None]:
        return self._called("close")  # type: ignore[no-any-return]

    def done(self, call: str) -> int:
        """How often this was called."""
        return sum(one[0] == call for one in self.calls)


class HandmadeServer(_Answers):
    """A TCPServer."""

    def __init__(self) -> None:
        super().__init__()
        self.local = Endpoint("9.9.9.9", 40000)
        self._incoming: deque[HandmadeConnection | OSError | None] = deque()
        self._limit = 0

    def come(self, *events: HandmadeConnection | OSError | None) -> None:
        """Let connections come, an error, or the end; for the accept that waits and for those to come."""
        self._incoming.extend(events)
        if "accept" in self.pending:
            promise = self.pending.pop("accept")
            resolve(promise, self._next())

    def accept(self, limit: int) -> Answer[Sequence[HandmadeConnection]]:
        assert limit > 0
        self.calls.append(("accept", limit))
        assert "accept" not in self.pending, "two accepts at a time"
        self._limit = limit
        if self._incoming:
            return self._next()  # type: ignore[no-any-return]
        self.pending["accept"] = promise = Promise[Any]()
        return promise

    def _next(self) -> Any:
        if isinstance(self._incoming[0], OSError):
            return a_promise_rejected_with(self._incoming.popleft())
        connections: list[HandmadeConnection] = []
        while self._incoming and isinstance(self._incoming[0], HandmadeConnection) and len(connections) < self._limit:
            connections.append(self._incoming[0])
            self._incoming.popleft()
        return connections

    def stop_accepting(self) -> None:
        self.calls.append(("stop_accepting",))
        self.pending.pop("accept", None)

    def close(self) -> Answer[None]:
        return self._called("close")  # type: ignore[no-any-return]


class HandmadeSystem(_Answers):
    """An OperatingSystem, with one connection, one datagram socket and one server to give."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self.addresses = [ResolvedAddress(ip_address(one)) for one in addresses or ("8.8.8.8",)]
        self.connection = HandmadeConnection()
        self.datagrams = HandmadeDatagramSocket()
        self.server = HandmadeServer()

    @contextlib.contextmanager
    def installed(self, policy: PermissionsPolicy = ONE) -> Iterator[None]:
        """Be the operating system of the block, in which the policy holds."""
        token = current_operating_system.set(self)
        try:
            with policy:
                yield
        finally:
            current_operating_system.reset(token)

    async def resolve(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        return await self._answered("resolve", name, dns_query_type, result=self.addresses)  # type: ignore[no-any-return]

    async def open_a_tcp_socket(
        self, addresses: Sequence[ResolvedAddress], remote_port: int, parameters: TCPConnectionParameters
    ) -> HandmadeConnection:
        texts = tuple(str(one.address) for one in addresses)
        return await self._answered("open", texts, remote_port, parameters, result=self.connection)  # type: ignore[no-any-return]

    async def open_a_udp_socket(
        self, mode: UDPMode, addresses: Sequence[ResolvedAddress], port: int, parameters: UDPSocketParameters
    ) -> HandmadeDatagramSocket:
        texts = tuple(str(one.address) for one in addresses)
        if mode == "bound":
            self.datagrams.remote = None
        return await self._answered("open", mode, texts, port, parameters, result=self.datagrams)  # type: ignore[no-any-return]

    async def open_a_tcp_server_socket(
        self, local_address: IPv4Address | IPv6Address, parameters: TCPServerParameters
    ) -> HandmadeServer:
        return await self._answered("open_server", str(local_address), parameters, result=self.server)  # type: ignore[no-any-return]

    async def _answered(self, call: Call, *arguments: object, result: object) -> Any:
        answer = self._called(call, *arguments, result=result)
        if not isinstance(answer, Promise):
            return answer
        try:
            return await answer
        except asyncio.CancelledError:
            self.calls.append((f"{call} cancelled",))
            raise


async def handmade_socket(
    system: HandmadeSystem | None = None,
) -> tuple[TCPSocket, TCPSocketOpenInfo, HandmadeConnection]:
    """Return an open socket of an operating system, with its streams and its connection."""
    system = system or HandmadeSystem()
    with system.installed():
        tcp_socket = TCPSocket("example.com", 80)
    info = await tcp_socket.opened
    assert info.readable is not None  # the streams are made when they are asked for
    return tcp_socket, info, system.connection


async def handmade_udp_socket(
    system: HandmadeSystem | None = None, *, bound: bool = False
) -> tuple[UDPSocket, UDPSocketOpenInfo, HandmadeDatagramSocket]:
    """Return an open socket of an operating system, with its streams and the system's side of it."""
    system = system or HandmadeSystem()
    with system.installed(ALL):
        if bound:
            udp_socket = UDPSocket(local_address="9.9.9.9")
        else:
            udp_socket = UDPSocket(remote_address="example.com", remote_port=53)
    return udp_socket, await udp_socket.opened, system.datagrams


async def handmade_server(
    system: HandmadeSystem | None = None,
) -> tuple[TCPServerSocket, TCPServerSocketOpenInfo, HandmadeServer]:
    """Return an open server socket of an operating system, with its stream and its server."""
    system = system or HandmadeSystem()
    with system.installed():
        server_socket = TCPServerSocket("9.9.9.9")
    return server_socket, await server_socket.opened, system.server


# Real peers -------------------------------------------------------------------------------------------


class Peer:
    """The other end of a real connection: a plain socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.sock, data)

    async def receive(self, size: int = 65536) -> bytes:
        """Receive what there is; nothing is a FIN."""
        return await self._loop.sock_recv(self.sock, size)

    async def receive_exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            received = await self.receive(size - len(data))
            assert received, "a FIN came too early"
            data += received
        return bytes(data)

    async def receive_all(self) -> bytes:
        """Receive until the FIN."""
        data = bytearray()
        while received := await self.receive():
            data += received
        return bytes(data)

    def finish(self) -> None:
        """Send a FIN."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


@contextlib.contextmanager
def listening(address: str = "127.0.0.1", *, receive_buffer: int | None = None) -> Iterator[tuple[socket.socket, int]]:
    """Listen; the value is the socket, and its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if receive_buffer is not None:  # those of accepted sockets are as large
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind((address, 0))
        listener.listen(256)
        listener.setblocking(False)
        yield listener, listener.getsockname()[1]


async def accept(listener: socket.socket) -> Peer:
    sock, _ = await asyncio.get_running_loop().sock_accept(listener)
    return Peer(sock)


@contextlib.asynccontextmanager
async def connection(
    *, receive_buffer: int | None = None, **options: Any
) -> AsyncIterator[tuple[TCPSocket, TCPSocketOpenInfo, Peer]]:
    """Connect a socket with a peer on loopback; both are closed in the end, whatever state they are in."""
    with listening(receive_buffer=receive_buffer) as (listener, port):
        with BOTH:
            tcp_socket = TCPSocket("127.0.0.1", port, **options)
        async with tcp_socket as info:
            with contextlib.closing(await accept(listener)) as peer:
                yield tcp_socket, info, peer


def refusing_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def linux_socket_of(tcp_socket: TCPSocket) -> socket.socket:
    """The system's socket below, to read its options."""
    sock: socket.socket = tcp_socket._connection._sock  # type: ignore[union-attr]
    return sock


@contextlib.contextmanager
def plain_udp_socket(address: str = "127.0.0.1", port: int = 0) -> Iterator[socket.socket]:
    """Bind a plain UDP socket; its calls do not block."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        sock.setblocking(False)
        yield sock


async def receive_from(sock: socket.socket) -> tuple[bytes, Any]:
    """Receive one datagram with a plain socket."""
    loop = asyncio.get_running_loop()
    while True:
        with contextlib.suppress(BlockingIOError):
            return sock.recvfrom(65536)
        ready = loop.create_future()
        loop.add_reader(sock, ready.set_result, None)
        try:
            await ready
        finally:
            loop.remove_reader(sock)


def refusing_udp_port(address: str = "127.0.0.1") -> int:
    """A port of loopback that no UDP socket is bound to."""
    with plain_udp_socket(address) as sock:
        port: int = sock.getsockname()[1]
        return port


def linux_udp_socket_of(udp_socket: UDPSocket) -> socket.socket:
    """The system's socket below, to read its options."""
    sock: socket.socket = udp_socket._socket._sock  # type: ignore[union-attr]
    return sock
