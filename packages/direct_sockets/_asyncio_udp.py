"""The seam over real UDP sockets and multicast groups; the rest of it is `_asyncio_os`.

It needs an event loop that watches descriptors (`add_reader`): asyncio's selector loops and uvloop do. (Not the
loop's `sock_recvfrom`, which uvloop has not got, nor its datagram transports, which take every datagram
off the system's buffer, wanted or not.)

A system call is tried at once, and only when it would block the descriptor is watched. As many datagrams are
taken as are wanted; what comes beyond that stays with the system.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import struct
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from whatwg_streams import Promise
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    fast_paths_are_enabled,
    fulfill,
    reject,
    run_a_task,
)

from ._addresses import is_multicast, is_unspecified, parse_ip_address
from ._asyncio_common import WOULD_BLOCK, OwnedSocket, WatchedSocket, endpoint, family_of, set_buffer_sizes
from ._asyncio_recvmmsg import receive_many_from
from ._operating_system import ResolvedAddress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ._addresses import IPAddress
    from ._asyncio_recvmmsg import ReceiveMany
    from ._operating_system import (
        Answer,
        Destination,
        Endpoint,
        SocketDnsQueryType,
        UDPMode,
        UDPPacket,
        UDPSocketParameters,
    )

    _SockAddr: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
    _Resolve: TypeAlias = Callable[[str, SocketDnsQueryType | None], Awaitable[Sequence[ResolvedAddress]]]

_LARGEST_DATAGRAM: Final = 65536
#: How often a packet is sent again, when the answer was that one before it has been refused.
_ATTEMPTS: Final = 8


# Opening ---------------------------------------------------------------------------------------------


def open_a_udp_socket(
    mode: UDPMode,
    addresses: Sequence[ResolvedAddress],
    port: int,
    parameters: UDPSocketParameters,
    resolve_name: _Resolve,
    loop: asyncio.AbstractEventLoop,
) -> AsyncioDatagramSocket:
    """See `OperatingSystem.open_a_udp_socket`.

    Args:
        mode: as there.
        addresses: as there.
        port: as there.
        parameters: as there.
        resolve_name: `OperatingSystem.resolve`, for the destinations of messages.
        loop: the running one.
    """
    errors: list[OSError] = []
    for address in addresses:
        try:
            return _open(mode, address, port, parameters, resolve_name, loop)
        except OSError as error:
            errors.append(error)
    raise errors[0]


def _open(
    mode: UDPMode,
    address: ResolvedAddress,
    port: int,
    parameters: UDPSocketParameters,
    resolve_name: _Resolve,
    loop: asyncio.AbstractEventLoop,
) -> AsyncioDatagramSocket:
    family = family_of(address.address)
    sock = OwnedSocket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        _apply(sock, mode, parameters)
        sockaddr = _sockaddr(address, port, family)
        if mode == "connected":
            sock.connect(sockaddr)
        else:
            sock.bind(sockaddr)
        receive_many = receive_many_from(sock, connected=mode == "connected") if fast_paths_are_enabled() else None
        return AsyncioDatagramSocket(sock, mode, loop, resolve_name, receive_many)
    except BaseException:
        sock.close()
        raise


def _apply(sock: OwnedSocket, mode: UDPMode, parameters: UDPSocketParameters) -> None:
    """Set the options of section 2.1.1."""
    set_buffer_sizes(sock, parameters.send_buffer_size, parameters.receive_buffer_size)
    if parameters.ipv6_only is not None:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, parameters.ipv6_only)
    if parameters.multicast_allow_address_sharing:
        sock.setsockopt(socket.SOL_SOCKET, sharing_option(sys.platform), 1)
    if parameters.multicast_time_to_live is not None:
        _set_for_both_versions(
            sock, socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS, parameters.multicast_time_to_live
        )
    if parameters.multicast_loopback is not None:
        _set_for_both_versions(
            sock, socket.IP_MULTICAST_LOOP, socket.IPV6_MULTICAST_LOOP, int(parameters.multicast_loopback)
        )
    if mode == "bound" and sys.platform == "linux":
        # NOTE(spec): E66 this socket must not get what other sockets have joined groups for.
        IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29  # noqa: N806 - the system's names; Python has none
        with contextlib.suppress(OSError):  # the second one is younger than some kernels
            _set_for_both_versions(sock, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 0)


def sharing_option(platform: str) -> int:
    """NOTE(spec): E34 what lets others bind to the same address and port.

    On BSD and macOS it is SO_REUSEPORT. On Linux that would deal datagrams out among the sockets, where
    SO_REUSEADDR gives those of a group to all of them.
    """
    return socket.SO_REUSEPORT if platform == "darwin" or "bsd" in platform else socket.SO_REUSEADDR


def _set_for_both_versions(sock: OwnedSocket, ipv4_option: int, ipv6_option: int, value: int) -> None:
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, ipv4_option, value)
        return
    sock.setsockopt(socket.IPPROTO_IPV6, ipv6_option, value)
    with contextlib.suppress(OSError):  # not all systems let a socket for both have them
        sock.setsockopt(socket.IPPROTO_IP, ipv4_option, value)


# Addresses -------------------------------------------------------------------------------------------


def _sockaddr(to: ResolvedAddress, port: int, family: int) -> _SockAddr:
    """An address of the family of the socket; by its canonical text the system does not have to look it up."""
    if family == socket.AF_INET:
        return str(to.address), port
    text = f"::ffff:{to.address}" if to.address.version == 4 else str(to.address).partition("%")[0]  # noqa: PLR2004
    return text, port, 0, to.scope_id


@lru_cache(maxsize=1024)
def _numeric(text: str) -> IPAddress | None:
    """The address, if the text is one in itself."""
    try:
        return parse_ip_address(text)
    except TypeError:
        return None


# Sockets ---------------------------------------------------------------------------------------------


@final
class AsyncioDatagramSocket(WatchedSocket):
    """An open UDP socket: see `DatagramSocket`."""

    __slots__ = (
        "_drained",
        "_is_ipv6_only",
        "_looking_up",
        "_receive_many",
        "_received",
        "_receiving",
        "_refused",
        "_resolve_name",
        "_sending",
        "_source",
        "_targets",
        "_targets_are_of",
        "_unsent",
        "_wanted",
        "local",
        "remote",
    )

    def __init__(
        self,
        sock: socket.SocketType,
        mode: UDPMode,
        loop: asyncio.AbstractEventLoop,
        resolve_name: _Resolve,
        receive_many: ReceiveMany | None = None,
    ) -> None:
        super().__init__(sock, loop)
        self._receive_many = receive_many
        self._received: list[UDPPacket] = []  # that nobody has asked for yet
        self._resolve_name = resolve_name
        self._drained = False  # whether nothing was left when the loop last called
        self._source = lru_cache(maxsize=1024)(endpoint)  # the same few peers send datagram after datagram
        self._receiving: Promise[Sequence[UDPPacket]] | None = None
        self._wanted = 0  # so many packets are waited for
        self._refused: OSError | None = None  # what the next receive is to fail with
        self._sending: Promise[bool] | None = None
        self._unsent = b""
        self._targets: Sequence[_SockAddr] = ()  # in bound mode, where to send to
        self._targets_are_of: Destination | None = None
        self._looking_up: asyncio.Task[None] | None = None
        self._is_ipv6_only = sock.family == socket.AF_INET6 and bool(
            sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        )
        self.remote: Endpoint | None = endpoint(sock.getpeername()) if mode == "connected" else None
        self.local = endpoint(sock.getsockname())

    # Receiving -----------------------------------------------------------------------------------

    def provide(self, count: int) -> Answer[Sequence[UDPPacket]]:
        """See `DatagramSocket.provide`."""
        assert self._receiving is None
        if self._refused is not None or not (self._drained and self._watching):
            try:
                if packets := self._receive(count):
                    return packets
            except OSError as error:
                return a_promise_rejected_with(error)
        promise: Promise[Sequence[UDPPacket]] = Promise()
        self._receiving = promise
        self._wanted = count
        self._watch(self._readable)
        return promise

    def _receive(self, count: int) -> list[UDPPacket]:
        """Receive up to so many packets, without waiting.

        Raises:
            OSError: there was an error before the first of them; one that comes later is kept until then.
        """
        refused, self._refused = self._refused, None
        if refused is not None:
            raise refused
        packets: list[UDPPacket] = []
        append, source = packets.append, self._source
        try:
            if self._receive_many is not None:
                return self._receive_by_many(self._receive_many, count)
            if self.remote is not None:
                receive = self._sock.recv
                for _ in range(count):
                    append((receive(_LARGEST_DATAGRAM), None))
            else:
                receive_from = self._sock.recvfrom
                for _ in range(count):
                    data, sockaddr = receive_from(_LARGEST_DATAGRAM)
                    append((data, source(sockaddr)))
        except WOULD_BLOCK:
            self._drained = True
        except OSError as error:
            self._loop.call_soon(self._watch_anew)
            if not packets:
                raise
            self._refused = error
        return packets

    def _receive_by_many(self, receive_many: ReceiveMany, count: int) -> list[UDPPacket]:
        packets = self._received or receive_many(count)
        self._received = packets[count:]
        if self._received:
            return packets[:count]
        self._drained = receive_many.drained
        return packets

    def _readable(self) -> None:
        self._drained = False
        promise = self._receiving
        if promise is None:
            self._watch_no_more()
            return
        try:
            packets = self._receive(self._wanted)
        except OSError as error:
            self._receiving = None
            reject(promise, error)
        else:
            if not packets:
                return
            self._receiving = None
            fulfill(promise, packets)

    def stop_providing(self) -> None:
        """See `DatagramSocket.stop_providing`."""
        self._receiving = None

    def _datagram_was_refused(self, error: OSError) -> None:
        """An ICMP message came for a datagram that was sent before.

        NOTE(spec): E48 the system tells whoever asks first; here it is for who receives, not who sends.
        """
        self._refused = error
        promise = self._receiving
        if promise is not None:
            self._receiving = self._refused = None
            reject(promise, error)

    def _watch_anew(self) -> None:
        """The system has told of an error of the socket, to whichever call came first.

        uvloop tells of one once, and then watches no more, neither for reading nor for writing: also where the error
        is gone by then, and there is nothing to receive and no room to send.
        """
        self._watch_no_more()
        if self._receiving is not None:
            self._watch(self._readable)
        if self._sending is not None and self._looking_up is None:
            self._watch_no_more_for_writing()
            self._watch_for_writing()

    # Sending -------------------------------------------------------------------------------------

    def send(self, data: memoryview, to: Destination | None) -> Answer[bool]:
        """See `DatagramSocket.send`."""
        assert self._sending is None
        if to is not None and to != self._targets_are_of:
            address = _numeric(to.address)
            if address is None or to.dns_query_type not in {None, f"ipv{address.version}"}:
                return self._send_after_looking_up(data, to)
            try:
                self._targets = self._reachable([ResolvedAddress(address)], to.port)
            except OSError as error:
                return a_promise_rejected_with(error)
            self._targets_are_of = to
        try:
            if to is None:
                self._send_where_connected(data)
            else:
                self._send_to_targets(data)
        except WOULD_BLOCK:
            self._unsent = bytes(data)
            promise: Promise[bool] = Promise()
            self._sending = promise
            self._watch_for_writing()
            return promise
        except OSError as error:
            return a_promise_rejected_with(error)
        return True

    def _reachable(self, addresses: Sequence[ResolvedAddress], port: int) -> list[_SockAddr]:
        """Those that a socket of this family can send to.

        Raises:
            OSError: there are none.
        """
        family = self._sock.family
        versions = {6} if self._is_ipv6_only else {4} if family == socket.AF_INET else {4, 6}
        targets = [_sockaddr(one, port, family) for one in addresses if one.address.version in versions]
        if not targets:
            raise OSError(errno.EAFNOSUPPORT, "the socket is of the other IP version")
        return targets

    def _send_to_targets(self, data: memoryview | bytes) -> None:
        """Send without waiting, to the first target that the system does not refuse.

        NOTE(spec): E71 which of a name's addresses a message goes to is not said.
        """
        first_error: OSError | None = None
        for target in self._targets:
            try:
                self._sock.sendto(data, target)
                return
            except WOULD_BLOCK:
                raise
            except OSError as error:
                first_error = first_error or error
        assert first_error is not None
        raise first_error

    def _send_where_connected(self, data: memoryview | bytes) -> None:
        attempts = _ATTEMPTS
        while True:
            try:
                self._sock.send(data)
                return
            except WOULD_BLOCK:
                raise
            except OSError as error:
                self._loop.call_soon(self._watch_anew)
                attempts -= 1
                if error.errno != errno.ECONNREFUSED or attempts == 0:
                    raise
                # Not this packet, which has not been sent.
                self._datagram_was_refused(error)

    def _watch_for_writing(self) -> None:
        self._loop.add_writer(self._fd, run_a_task, self._writable, self._loop)

    def _writable(self) -> None:
        try:
            if self._targets:
                self._send_to_targets(self._unsent)
            else:
                self._send_where_connected(self._unsent)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._stop_sending(reject, error)
        else:
            self._stop_sending(fulfill, True)

    def _send_after_looking_up(self, data: memoryview, to: Destination) -> Promise[bool]:
        self._unsent = bytes(data)
        self._targets_are_of = None
        promise: Promise[bool] = Promise()
        self._sending = promise
        self._looking_up = self._loop.create_task(self._look_up(to))
        return promise

    async def _look_up(self, to: Destination) -> None:
        try:
            addresses = await self._resolve_name(to.address, to.dns_query_type)
            self._targets = self._reachable(addresses, to.port)
        except Exception as error:  # of whatever kind: the promise must not stay pending
            self._looking_up = None
            self._stop_sending(reject, error)
            return
        self._looking_up = None
        self._watch_for_writing()

    def _stop_sending(self, settle: Callable[[Promise[bool], Any], None], how: object) -> None:
        promise = self._sending
        self._sending = None
        self._unsent = b""
        if promise is None:
            return
        if self._looking_up is not None:
            self._looking_up.cancel()
            self._looking_up = None
        self._watch_no_more_for_writing()
        settle(promise, how)

    def stop_sending(self) -> None:
        """See `DatagramSocket.stop_sending`."""
        self._stop_sending(fulfill, False)

    # Multicast -----------------------------------------------------------------------------------

    def join_multicast_group(self, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        """See `DatagramSocket.join_multicast_group`."""
        return self._change_membership("join", group, source)

    def leave_multicast_group(self, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        """See `DatagramSocket.leave_multicast_group`."""
        return self._change_membership("leave", group, source)

    def _change_membership(self, change: str, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        try:
            if group.version == 4 and self._is_ipv6_only:  # noqa: PLR2004
                # Linux would join, and nothing would ever come.
                raise OSError(errno.EAFNOSUPPORT, "the socket is for IPv6 only")
            option = membership_option(change, group, source, self._interface(), sys.platform)
            self._sock.setsockopt(*option)
        except OSError as error:
            return a_promise_rejected_with(error)
        return None

    def _interface(self) -> ipaddress.IPv4Address:
        """Where to join a group of IPv4: on the interface that the socket is bound to, if it is to one."""
        local = ipaddress.ip_address(self.local.address)
        if isinstance(local, ipaddress.IPv4Address) and not is_multicast(local) and not is_unspecified(local):
            return local
        return ipaddress.IPv4Address(0)

    # The end -------------------------------------------------------------------------------------

    def close(self) -> Answer[None]:
        """See `DatagramSocket.close`."""
        self.stop_providing()
        self.stop_sending()
        return self._close_the_socket()


# How systems are told of groups ------------------------------------------------------------------------

#: Linux: IP_ADD_SOURCE_MEMBERSHIP and its like, of which Python 3.11 has no names.
_IPV4_SOURCE_OPTIONS = {
    "linux": {"join": 39, "leave": 40},
    "darwin": {"join": 70, "leave": 71},
}
#: MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP.
_SOURCE_GROUP_OPTIONS = {
    "linux": {"join": 46, "leave": 47},
    "darwin": {"join": 82, "leave": 83},
}


def membership_option(
    change: str, group: IPAddress, source: IPAddress | None, interface: ipaddress.IPv4Address, platform: str
) -> tuple[int, int, bytes]:
    """The arguments of `setsockopt` that join or leave a group.

    Args:
        change: "join" or "leave".
        group: the address of the group.
        source: the address of the only source, of the same version; or None, for any.
        interface: the address of the interface, for IPv4; unspecified, the system chooses one.
        platform: of which system, as in `sys.platform`.

    Raises:
        OSError: how to tell that system of sources is not known here.
    """
    if source is None:
        if group.version == 4:  # noqa: PLR2004
            option = socket.IP_ADD_MEMBERSHIP if change == "join" else socket.IP_DROP_MEMBERSHIP
            return socket.IPPROTO_IP, option, group.packed + interface.packed
        option = socket.IPV6_JOIN_GROUP if change == "join" else socket.IPV6_LEAVE_GROUP
        return socket.IPPROTO_IPV6, option, group.packed + struct.pack("@I", 0)
    if platform not in _IPV4_SOURCE_OPTIONS:
        raise OSError(errno.ENOPROTOOPT, f"source-specific multicast is not implemented on {platform}")
    if group.version == 4:  # noqa: PLR2004
        # struct ip_mreq_source, whose members are not in the same order everywhere.
        rest = interface.packed + source.packed if platform == "linux" else source.packed + interface.packed
        return socket.IPPROTO_IP, _IPV4_SOURCE_OPTIONS[platform][change], group.packed + rest
    # struct group_source_req: the interface, and two of struct sockaddr_storage, aligned to words on Linux only.
    padding = struct.calcsize("@P") - 4 if platform == "linux" else 0
    data = struct.pack("@I", 0) + bytes(padding) + _storage(group, platform) + _storage(source, platform)
    return socket.IPPROTO_IPV6, _SOURCE_GROUP_OPTIONS[platform][change], data


def _storage(address: IPAddress, platform: str) -> bytes:
    """A struct sockaddr_in6, as long as a struct sockaddr_storage."""
    if platform == "linux":
        start = struct.pack("@H", socket.AF_INET6)
    else:
        AF_INET6 = 30  # noqa: N806 - the system's name, and its number there
        start = bytes([28, AF_INET6])  # after the length of the structure
    return (start + bytes(2 + 4) + address.packed).ljust(128, b"\0")
