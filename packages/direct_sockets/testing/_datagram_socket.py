"""A UDP socket of the virtual network, and the multicast groups it has joined."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from typing_extensions import override

from whatwg_streams import Promise
from whatwg_streams.other_specs import a_promise_rejected_with, reject, resolve

from .._addresses import is_loopback, is_multicast, is_unspecified
from .._operating_system import UDPPacket
from ._packets import LARGEST_DATAGRAM, Datagram, Socket, as_seen_by, is_broadcast, on_the_wire
from ._ports import os_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._addresses import IPAddress
    from .._operating_system import Answer, Destination, Endpoint, ResolvedAddress, UDPSocketParameters
    from ._host import VirtualHost
    from ._packets import PortUnreachable
    from ._ports import Binding

#: In bytes: of either buffer, when the socket has no option for it; the same as on Linux.
DEFAULT_BUFFER_SIZE: Final = 212_992
#: What a datagram takes of the receive buffer beyond its data.
OVERHEAD: Final = 256
#: As many groups may a socket join, and as many sources of one; the same as on Linux.
_MOST_GROUPS: Final = {4: 20, 6: 2**31}
_MOST_SOURCES: Final = {4: 10, 6: 64}


@final
class VirtualDatagramSocket:
    """A UDP socket of a virtual host.

    Tests may look at it and read its options back. (What else it has is the seam's `DatagramSocket`.)

    Attributes:
        parameters: the options it was opened with: `send_buffer_size` and `receive_buffer_size` in bytes,
            `ipv6_only`, `multicast_time_to_live`, `multicast_loopback`, `multicast_allow_address_sharing`; None is
            the default.
        dropped: how many datagrams have been dropped because the receive buffer was full.
    """

    __slots__ = (
        "_binding",
        "_error",
        "_groups",
        "_has_vanished",
        "_host",
        "_is_closed",
        "_leaving",
        "_looking_up",
        "_received",
        "_receiving",
        "_remote",
        "_sending",
        "_targets",
        "_unread",
        "_unsent",
        "_version",
        "_wanted",
        "dropped",
        "parameters",
    )

    parameters: UDPSocketParameters
    dropped: int

    def __init__(self, host: VirtualHost, version: int, remote: Socket | None, parameters: UDPSocketParameters) -> None:
        self._host = host
        self._version = version  # of the socket
        self._remote = remote
        self.parameters = parameters
        self.dropped = 0
        self._binding: Binding
        self._is_closed = False
        self._has_vanished = False
        self._received: deque[tuple[bytes, Socket]] = deque()
        self._unread = 0  # bytes of these, with what they take beyond
        self._receiving: Promise[Sequence[UDPPacket]] | None = None
        self._wanted = 0  # so many packets are waited for
        self._error: int | None = None  # that the next receive is to fail with
        self._sending: Promise[bool] | None = None
        self._unsent = b""
        self._leaving = 0  # bytes that wait for the link
        self._targets: Sequence[Socket] = () if remote is None else (remote,)
        self._looking_up: asyncio.Task[None] | None = None
        # For each group the only sources, or none for all.
        self._groups: dict[IPAddress, set[IPAddress]] = {}

    # What tests may use ------------------------------------------------------------------------------

    @property
    def local(self) -> Endpoint:
        """Where it is bound to: the `address` as text, and the `port`."""
        return as_seen_by(self._version, Socket(self._binding.address, self._binding.port))

    @property
    def remote(self) -> Endpoint | None:
        """Where it is connected to, in connected mode: the `address` as text, and the `port`."""
        return None if self._remote is None else as_seen_by(self._version, self._remote)

    @property
    def unread(self) -> int:
        """How many datagrams have arrived that nobody has received."""
        return len(self._received)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._binding.address} port {self._binding.port}>"

    # Receiving ---------------------------------------------------------------------------------------

    def provide(self, count: int) -> Answer[Sequence[UDPPacket]]:
        """See the seam."""
        assert self._receiving is None
        self._host.network._clock.touch()
        if self._error is not None:
            return a_promise_rejected_with(self._the_error())
        if self._received:
            return self._take(count)
        self._receiving = Promise()
        self._wanted = count
        return self._receiving

    def _take(self, count: int) -> list[UDPPacket]:
        packets: list[UDPPacket] = []
        while self._received and len(packets) < count:
            data, source = self._received.popleft()
            self._unread -= len(data) + OVERHEAD
            packets.append((data, as_seen_by(self._version, source) if self._remote is None else None))
        return packets

    def _arrived(self, datagram: Datagram) -> None:
        """A datagram has come: for the buffer, which has room for one at least."""
        size = len(datagram.data) + OVERHEAD
        capacity = self.parameters.receive_buffer_size or DEFAULT_BUFFER_SIZE
        if self._received and self._unread + size > capacity:
            self.dropped += 1
            return
        self._received.append((datagram.data, datagram.source))
        self._unread += size
        promise = self._receiving
        if promise is not None:
            self._receiving = None
            self._host.network._clock.touch()
            resolve(promise, self._take(self._wanted))

    def _was_refused(self, message: PortUnreachable) -> None:
        """Nobody receives where a datagram was sent to. Only connected sockets are told."""
        if self._remote == message.source:
            self._fail(errno.ECONNREFUSED)

    def _fail(self, number: int) -> None:
        """Fail the receive that waits, or the next one."""
        self._error = number
        promise, self._receiving = self._receiving, None
        if promise is not None:
            self._host.network._clock.touch()
            reject(promise, self._the_error())

    def _the_error(self) -> OSError:
        assert self._error is not None
        error = os_error(self._error)
        if not self._has_vanished:
            self._error = None
        return error

    def _takes(self, datagram: Datagram) -> bool:
        """Whether a datagram that comes to its port is for it."""
        destination = datagram.destination.address
        if self._remote is not None and datagram.source != self._remote:
            return False
        if not self._binding.takes(destination):
            return False
        if not is_multicast(destination):
            return True
        # Groups are joined on the network: what is sent from a loopback address does not come there.
        source = datagram.source.address
        sources = self._groups.get(destination)
        return sources is not None and (not sources or source in sources) and not is_loopback(source)

    def stop_providing(self) -> None:
        """See the seam."""
        self._host.network._clock.touch()
        self._receiving = None

    # Sending -----------------------------------------------------------------------------------------

    def send(self, data: memoryview, to: Destination | None) -> Answer[bool]:
        """See the seam."""
        assert self._sending is None
        self._host.network._clock.touch()
        try:
            if to is not None:
                addresses = self._host.network._names.numeric(to.address, to.dns_query_type)
                if addresses is None:
                    return self._send_after_looking_up(bytes(data), to)
                self._aim_at(addresses, to.port)
            if self._send_now(bytes(data)):
                return True
        except OSError as error:
            return a_promise_rejected_with(error)
        self._unsent = bytes(data)
        self._sending = promise = Promise[bool]()
        return promise

    def _send_after_looking_up(self, data: bytes, to: Destination) -> Promise[bool]:
        self._unsent = data
        self._sending = promise = Promise[bool]()
        self._looking_up = asyncio.get_running_loop().create_task(self._look_up(to))
        return promise

    async def _look_up(self, to: Destination) -> None:
        try:
            addresses = await self._host.network._names.look_up(to.address, to.dns_query_type)
            self._aim_at(addresses, to.port)
        except OSError as error:
            self._looking_up = None
            self._end_the_send(reject, error)
            return
        self._looking_up = None
        self._there_is_room()

    def _aim_at(self, addresses: Sequence[ResolvedAddress], port: int) -> None:
        """Send to those addresses that a socket of this IP version can send to.

        Raises:
            OSError: there are none.
        """
        versions = {4} if self._version == 4 else {6} if self._is_ipv6_only else {4, 6}  # noqa: PLR2004
        self._targets = [Socket(on_the_wire(one.address), port) for one in addresses if one.address.version in versions]
        if not self._targets:
            raise os_error(errno.EAFNOSUPPORT)

    @property
    def _is_ipv6_only(self) -> bool:
        """Whether a socket of IPv6 is for that only, for which it needs to be bound to an address of it."""
        address = self._binding.address
        return address.version == 6 and not (is_unspecified(address) and self._binding.is_dual)  # noqa: PLR2004

    def _send_now(self, data: bytes) -> bool:
        """Send, if there is room, to the first target that is not refused; whether there was.

        Raises:
            OSError: all are refused.
        """
        if self._has_vanished:
            raise os_error(errno.ENETDOWN)
        if self._leaving >= (self.parameters.send_buffer_size or DEFAULT_BUFFER_SIZE):
            return False
        first_error: OSError | None = None
        for target in self._targets:
            try:
                self._send_to(target, data)
                return True
            except OSError as error:
                first_error = first_error or error
        assert first_error is not None
        raise first_error

    def _send_to(self, target: Socket, data: bytes) -> None:
        version = target.address.version
        if target.port == 0 and self._remote is None:
            raise os_error(errno.EINVAL)
        if len(data) > LARGEST_DATAGRAM[version]:
            raise os_error(errno.EMSGSIZE)
        if is_broadcast(target.address):
            raise os_error(errno.EACCES)
        source = self._source_of_what_is_sent_to(target.address)
        datagram = Datagram(Socket(source, self._binding.port), target, data)
        if is_multicast(target.address):
            time_to_live = self.parameters.multicast_time_to_live
            datagram = datagram._replace(time_to_live=1 if time_to_live is None else time_to_live)
            loopback = self.parameters.multicast_loopback is not False
            departure = self._host.network._carry_to_group(self._host, datagram, loopback=loopback)
        else:
            departure = self._host.network._carry(self._host, datagram)
        if departure > self._host.network._clock.now:
            self._leaving += datagram.size
            self._host.network._clock.after(
                departure - self._host.network._clock.now, partial(self._has_left, datagram.size)
            )

    def _has_left(self, size: int) -> None:
        self._leaving -= size
        self._there_is_room()

    def _source_of_what_is_sent_to(self, destination: IPAddress) -> IPAddress:
        source = self._binding.address
        if destination.version == 4 and self._version == 6 and self._is_ipv6_only:  # noqa: PLR2004
            raise os_error(errno.ENETUNREACH)
        if is_unspecified(source) or is_multicast(source):
            return self._host._source_for(destination)
        stays = self._host._has(destination) or is_multicast(destination)
        if source.version == 4 and is_loopback(source) and not stays:  # noqa: PLR2004
            raise os_error(errno.EINVAL)
        return source

    def _there_is_room(self) -> None:
        if self._sending is None or self._looking_up is not None:
            return
        try:
            if self._send_now(self._unsent):
                self._end_the_send(resolve, True)
        except OSError as error:
            self._end_the_send(reject, error)

    def _end_the_send(self, settle: Callable[[Promise[bool], Any], None], how: object) -> None:
        promise, self._sending = self._sending, None
        self._unsent = b""
        if promise is None:
            return
        if self._looking_up is not None:
            self._looking_up.cancel()
            self._looking_up = None
        self._host.network._clock.touch()
        settle(promise, how)

    def stop_sending(self) -> None:
        """See the seam."""
        self._host.network._clock.touch()
        self._end_the_send(resolve, False)

    # Multicast ---------------------------------------------------------------------------------------

    def join_multicast_group(self, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        """See the seam."""
        return self._answered(self._join, group, source)

    def leave_multicast_group(self, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        """See the seam."""
        return self._answered(self._leave, group, source)

    def _answered(
        self, change: Callable[[IPAddress, IPAddress | None], None], group: IPAddress, source: IPAddress | None
    ) -> Answer[None]:
        self._host.network._clock.touch()
        try:
            self._check_version(group)
            change(group, source)
        except OSError as error:
            return a_promise_rejected_with(error)
        return None

    def _check_version(self, group: IPAddress) -> None:
        if group.version == 6 and self._version == 4:  # noqa: PLR2004
            raise os_error(errno.ENOPROTOOPT)
        if group.version == 4 and self._version == 6 and self._is_ipv6_only:  # noqa: PLR2004
            raise os_error(errno.EAFNOSUPPORT)

    def _join(self, group: IPAddress, source: IPAddress | None) -> None:
        self._host._check_network(group.version)
        sources = self._groups.get(group)
        if sources is None:
            if sum(each.version == group.version for each in self._groups) >= _MOST_GROUPS[group.version]:
                raise os_error(errno.ENOBUFS)
            self._groups[group] = set() if source is None else {source}
        elif source is None:
            raise os_error(errno.EADDRINUSE)
        elif source in sources:
            raise os_error(errno.EADDRNOTAVAIL)
        elif len(sources) >= _MOST_SOURCES[group.version]:
            raise os_error(errno.ENOBUFS)
        else:  # also if it was joined for all sources: from now on it is for these
            sources.add(source)

    def _leave(self, group: IPAddress, source: IPAddress | None) -> None:
        sources = self._groups.get(group)
        if sources is None:
            raise os_error(errno.EADDRNOTAVAIL if source is None else errno.EINVAL)
        if source is None:
            del self._groups[group]
            return
        if source not in sources:
            raise os_error(errno.EADDRNOTAVAIL)
        sources.remove(source)
        if not sources:
            del self._groups[group]

    # The end -----------------------------------------------------------------------------------------

    def _vanish(self) -> None:
        """Its host has forgotten it."""
        self._has_vanished = True
        self._groups.clear()
        self._host._udp_ports.release(self._binding, self)
        self._fail(errno.ENETDOWN)

    def close(self) -> Answer[None]:
        """See the seam."""
        self.stop_providing()
        self.stop_sending()
        if not self._is_closed:
            self._is_closed = True
            self._groups.clear()
            if not self._has_vanished:
                self._host._udp_ports.release(self._binding, self)
            self._host._descriptors.give_back()
        return None
