"""The seam over real sockets of TCP; `_asyncio_tcp_server` has those that listen, `_asyncio_udp` those of UDP.

No other module imports `socket`.

It needs an event loop that watches descriptors (`add_reader`): asyncio's selector loops and uvloop do.

A system call is tried at once, and only when it would block the descriptor is watched; a watch for reading
stays, so that a socket that is read steadily is watched once, and ends when it fires with nobody reading.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from whatwg_streams import Promise
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    perform_a_microtask_checkpoint,
    reject,
    resolve,
)

from . import _asyncio_tcp_server, _asyncio_udp
from ._addresses import canonical
from ._operating_system import Endpoint, ResolvedAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._asyncio_tcp_server import AsyncioTCPServer
    from ._asyncio_udp import AsyncioDatagramSocket
    from ._operating_system import (
        Answer,
        IPAddress,
        SocketDnsQueryType,
        TCPConnectionParameters,
        TCPServerParameters,
        UDPMode,
        UDPSocketParameters,
    )

_FAMILY = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, None: socket.AF_UNSPEC}
_LARGEST_INT = 2**31 - 1
_WOULD_BLOCK = (BlockingIOError, InterruptedError)


@final
class AsyncioOperatingSystem:
    """The real one."""

    async def resolve(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        """See `OperatingSystem.resolve`."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return await _look_up(name, _FAMILY[dns_query_type])
        if _FAMILY[dns_query_type] not in {socket.AF_UNSPEC, _family_of(address)} or getattr(address, "scope_id", None):
            return await _look_up(name, _FAMILY[dns_query_type])
        return [ResolvedAddress(address)]

    async def open_a_tcp_socket(
        self, addresses: Sequence[ResolvedAddress], remote_port: int, parameters: TCPConnectionParameters
    ) -> AsyncioTCPConnection:
        """See `OperatingSystem.open_a_tcp_socket`."""
        loop = asyncio.get_running_loop()
        errors: list[OSError] = []
        for address in addresses:
            try:
                return AsyncioTCPConnection(await _connect(loop, address, remote_port, parameters), loop)
            except OSError as error:
                errors.append(error)
        raise errors[0]

    async def open_a_udp_socket(
        self,
        mode: UDPMode,
        addresses: Sequence[ResolvedAddress],
        port: int,
        parameters: UDPSocketParameters,
    ) -> AsyncioDatagramSocket:
        """See `OperatingSystem.open_a_udp_socket`."""
        return _asyncio_udp.open_a_udp_socket(mode, addresses, port, parameters, self.resolve)

    async def open_a_tcp_server_socket(
        self, local_address: IPAddress, parameters: TCPServerParameters
    ) -> AsyncioTCPServer:
        """See `OperatingSystem.open_a_tcp_server_socket`."""
        return _asyncio_tcp_server.listen(local_address, parameters, asyncio.get_running_loop())


REAL: Final = AsyncioOperatingSystem()


def _family_of(address: IPAddress) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004


async def _look_up(name: str, family: socket.AddressFamily) -> list[ResolvedAddress]:
    # In a thread, as `asyncio.loop.getaddrinfo` does; uvloop's own would drop the zone of an address.
    look_up = partial(socket.getaddrinfo, name, None, family=family, type=socket.SOCK_STREAM)
    try:
        if "\0" in name:  # the system would see only what is before it
            raise ValueError("embedded null character")
        found = await asyncio.get_running_loop().run_in_executor(None, look_up)
    except (UnicodeError, ValueError) as error:  # not a name at all
        raise OSError(errno.EINVAL, f"{name!r} is not a host name") from error
    addresses: dict[ResolvedAddress, None] = {}
    for _, _, _, _, sockaddr in found:
        text = str(sockaddr[0]).partition("%")[0]
        scope_id = int(sockaddr[3]) if len(sockaddr) == 4 else 0  # noqa: PLR2004
        addresses[ResolvedAddress(ipaddress.ip_address(text), scope_id)] = None
    return list(addresses)


async def _connect(
    loop: asyncio.AbstractEventLoop, to: ResolvedAddress, port: int, parameters: TCPConnectionParameters
) -> socket.socket:
    family = _family_of(to.address)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        _apply(sock, parameters)
        if family == socket.AF_INET6:
            await loop.sock_connect(sock, (str(to.address), port, 0, to.scope_id))
        else:
            await loop.sock_connect(sock, (str(to.address), port))
    except BaseException:
        sock.close()
        raise
    return sock


def _apply(sock: socket.socket, parameters: TCPConnectionParameters) -> None:
    """Set the options of section 1.1.1."""
    if parameters.send_buffer_size is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(parameters.send_buffer_size, _LARGEST_INT))
    if parameters.receive_buffer_size is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(parameters.receive_buffer_size, _LARGEST_INT))
    if parameters.no_delay:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parameters.keep_alive_delay is not None:
        keep_alive(sock, parameters.keep_alive_delay, sys.platform)


def keep_alive(sock: Any, milliseconds: int, platform: str) -> None:
    """Enable keep-alive after so many milliseconds, in the way of the platform.

    NOTE(spec): E31 the delay is in milliseconds and the systems want whole seconds, except Windows; it is
    rounded down, but never below one.
    """
    seconds = max(1, milliseconds // 1000)
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


def _endpoint(sockaddr: Any) -> Endpoint:
    """NOTE(spec): E50 addresses in canonical text, without brackets; IPv4-mapped ones stay so."""
    address, port = sockaddr[:2]
    return Endpoint(canonical(str(address).partition("%")[0]), port)


@final
class AsyncioTCPConnection:
    """An open TCP socket: see `TCPConnection`."""

    __slots__ = (
        "_fd",
        "_loop",
        "_receive",
        "_sending",
        "_sock",
        "_unsent",
        "_waiting_reader",
        "_watching",
        "local",
        "remote",
    )

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, remote: Endpoint | None = None) -> None:
        self._sock = sock
        self._loop = loop
        self._fd = sock.fileno()
        self._watching = False  # whether the loop watches it for reading
        self._waiting_reader: Promise[Any] | None = None
        self._receive: Callable[[], object] | None = None  # the system call that this waits for
        self._sending: Promise[bool] | None = None
        self._unsent = memoryview(b"")
        try:
            # (One that is accepted may be reset already, and its peer can not be asked for any more.)
            self.remote = _endpoint(sock.getpeername()) if remote is None else remote
            self.local = _endpoint(sock.getsockname())
        except BaseException:
            sock.close()
            raise

    # Reading -------------------------------------------------------------------------------------

    def read(self, size: int) -> Answer[bytes]:
        """See `TCPConnection.read`."""
        try:
            return self._sock.recv(size)
        except _WOULD_BLOCK:
            return self._wait_to_receive(self._sock.recv, size)
        except OSError as error:
            return a_promise_rejected_with(error)

    def read_into(self, view: memoryview) -> Answer[int]:
        """See `TCPConnection.read_into`."""
        try:
            return self._sock.recv_into(view)
        except _WOULD_BLOCK:
            return self._wait_to_receive(self._sock.recv_into, view)
        except OSError as error:
            return a_promise_rejected_with(error)

    def _wait_to_receive(self, receive: Callable[[Any], Any], argument: object) -> Promise[Any]:
        assert self._waiting_reader is None
        self._waiting_reader = Promise()
        self._receive = lambda: receive(argument)
        if not self._watching:
            self._watching = True
            self._loop.add_reader(self._fd, self._readable)
        return self._waiting_reader

    def _readable(self) -> None:
        promise, receive = self._waiting_reader, self._receive
        if promise is None or receive is None:
            self._watch_no_more()
            return
        try:
            result = receive()
        except _WOULD_BLOCK:
            return
        except OSError as error:
            self._waiting_reader = self._receive = None
            reject(promise, error)
        else:
            self._waiting_reader = self._receive = None
            resolve(promise, result)
        perform_a_microtask_checkpoint()

    def stop_reading(self) -> None:
        """See `TCPConnection.stop_reading`."""
        self._waiting_reader = self._receive = None

    def _watch_no_more(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self._fd)

    # Writing -------------------------------------------------------------------------------------

    def write(self, data: memoryview) -> Answer[bool]:
        """See `TCPConnection.write`."""
        assert self._sending is None
        try:
            sent = self._sock.send(data)
        except _WOULD_BLOCK:
            sent = 0
        except OSError as error:
            return a_promise_rejected_with(error)
        if sent == len(data):
            return True
        unsent = data[sent:]
        self._unsent = unsent if isinstance(data.obj, bytes) else memoryview(bytes(unsent))
        self._sending = Promise()
        self._loop.add_writer(self._fd, self._writable)
        return self._sending

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except _WOULD_BLOCK:
            return
        except OSError as error:
            self._stop_sending(reject, error)
        else:
            self._unsent = self._unsent[sent:]
            if self._unsent:
                return
            self._stop_sending(resolve, True)
        perform_a_microtask_checkpoint()

    def _stop_sending(self, settle: Callable[[Promise[bool], Any], None], how: object) -> None:
        promise = self._sending
        self._sending = None
        self._unsent = memoryview(b"")
        if promise is not None:
            self._loop.remove_writer(self._fd)
            settle(promise, how)

    def stop_writing(self) -> None:
        """See `TCPConnection.stop_writing`."""
        self._stop_sending(resolve, False)

    # The end -------------------------------------------------------------------------------------

    def shut_down_for_writing(self) -> Answer[None]:
        """See `TCPConnection.shut_down_for_writing`."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            return a_promise_rejected_with(error)
        return None

    def close(self) -> Answer[None]:
        """See `TCPConnection.close`."""
        self.stop_reading()
        self.stop_writing()
        self._watch_no_more()
        try:
            self._sock.close()
        except OSError as error:  # such as a reset that nobody has been told of yet; closed it is all the same
            return a_promise_rejected_with(error)
        return None
