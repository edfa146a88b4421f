"""A host of a virtual network: its addresses and ports, what it does with packets, and what can be wrong with it."""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from typing import TYPE_CHECKING, TypeVar, final

from typing_extensions import override

from .._addresses import is_loopback, is_multicast, is_unspecified
from .._operating_system import current_operating_system
from ._descriptors import Descriptors
from ._packets import Datagram, PortUnreachable, Segment, Socket, loopback_of
from ._ports import Binding, Ports, os_error
from ._system import VirtualOperatingSystem
from ._tcp_connection import VirtualTCPConnection
from ._tcp_server import VirtualTCPServer

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from .._addresses import IPAddress
    from .._operating_system import TCPConnectionParameters
    from ._datagram_socket import VirtualDatagramSocket
    from ._links import Link
    from ._network import VirtualNetwork
    from ._packets import Packet

T = TypeVar("T")


@final
class VirtualHost:
    """A host of a `VirtualNetwork`, which makes it: `network.host("a", "10.0.0.1", "fd00::1")`.

    It has the loopback addresses besides its own. The code of a block runs on it, with the tasks that are
    started there:

        with host.installed():
            socket = TCPSocket("b.example", 80)

    Attributes:
        name: its name, which resolves to its addresses.
        network: the network that it is in.
        answers: whether it takes packets at all; False makes it as silent as one that is switched off.
        refuses_when_full: whether a TCP server whose queue is full refuses connections, instead of having
            them tried again.
    """

    __slots__ = (
        "_addresses",
        "_connections",
        "_descriptors",
        "_operating_system",
        "_tcp_ports",
        "_time_wait",
        "_udp_ports",
        "answers",
        "name",
        "network",
        "refuses_when_full",
    )

    name: str
    network: VirtualNetwork
    answers: bool
    refuses_when_full: bool

    def __init__(self, network: VirtualNetwork, name: str, addresses: Sequence[IPAddress]) -> None:
        self.network = network
        self.name = name
        self.answers = True
        self.refuses_when_full = False
        self._addresses = tuple(addresses)
        self._operating_system = VirtualOperatingSystem(self)
        self._descriptors = Descriptors(self._descriptors_are_left)
        self._connections: dict[tuple[Socket, Socket], VirtualTCPConnection] = {}
        self._time_wait: deque[tuple[int, VirtualTCPConnection]] = deque()
        self._tcp_ports: Ports[VirtualTCPConnection | VirtualTCPServer] = Ports()
        self._udp_ports: Ports[VirtualDatagramSocket] = Ports()

    # For tests -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def installed(self) -> Generator[None]:
        """Be the machine that the block runs on: sockets that are made there are those of this host.

        What sockets are allowed, the `PermissionsPolicy` says, as on a real machine.
        """
        token = current_operating_system.set(self._operating_system)
        try:
            yield
        finally:
            current_operating_system.reset(token)

    def crash(self) -> None:
        """Forget every socket and tell nobody, as a machine does that is switched off and on again.

        Peers are left with half-open connections. What code still has of the sockets here fails, with ECONNRESET
        or ENETDOWN. (Set `answers` for the time that the machine is off.)
        """
        for connection in list(self._connections.values()):
            connection.vanish()
        for server in self.servers:
            server._vanish()
        for datagrams in self.datagram_sockets:
            datagrams._vanish()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, without those of loopback."""
        return tuple(map(str, self._addresses))

    @property
    def connections(self) -> tuple[VirtualTCPConnection, ...]:
        """The TCP connections that have a socket, in the order in which they were opened."""
        return tuple(each for each in self._connections.values() if each._has_socket)

    @property
    def servers(self) -> tuple[VirtualTCPServer, ...]:
        """The TCP sockets that listen."""
        return tuple(each for each in self._tcp_ports if isinstance(each, VirtualTCPServer))

    @property
    def datagram_sockets(self) -> tuple[VirtualDatagramSocket, ...]:
        """The UDP sockets."""
        return tuple(self._udp_ports)

    @property
    def open_descriptors(self) -> int:
        """How many descriptors sockets have: one for each that is not closed."""
        return self._descriptors.taken

    @property
    def descriptor_limit(self) -> int | None:
        """How many descriptors there may be at a time; None is no limit.

        Beyond it no socket is opened (EMFILE), and connections wait to be accepted.
        """
        return self._descriptors.limit

    @descriptor_limit.setter
    def descriptor_limit(self, limit: int | None) -> None:
        self._descriptors.set_limit(limit)

    @property
    def ephemeral_ports(self) -> range:
        """The ports that it chooses from, for TCP and for UDP, when a socket asks for none in particular."""
        return self._tcp_ports.choice

    @ephemeral_ports.setter
    def ephemeral_ports(self, ports: range) -> None:
        self._tcp_ports.choice = self._udp_ports.choice = ports

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(self.addresses) or 'loopback only'}>"

    # Addresses -----------------------------------------------------------------------------------------

    def _has(self, address: IPAddress) -> bool:
        return is_loopback(address) or address in self._addresses

    def _source_for(self, destination: IPAddress) -> IPAddress:
        """The address that packets to a destination come from.

        Raises:
            OSError: there is no way there.
        """
        if is_loopback(destination):
            return loopback_of(destination.version)
        if destination in self._addresses:
            return destination
        source = next((each for each in self._addresses if each.version == destination.version), None)
        if source is None:
            raise os_error(errno.ENETUNREACH)
        return source

    def _check_network(self, version: int) -> None:
        """Check that there is a network of this IP version to join groups on.

        Raises:
            OSError: there is only loopback.
        """
        if not any(each.version == version for each in self._addresses):
            raise os_error(errno.ENODEV)

    def _link_to(self, destination: IPAddress) -> Link:
        receiver = self.network._host_at(self, destination)
        return self.network.default_link if receiver is None else self.network._direction(self, receiver).link

    def _check_bindable(self, address: IPAddress) -> None:
        if not (is_unspecified(address) or self._has(address)):
            raise os_error(errno.EADDRNOTAVAIL)

    # Packets that leave --------------------------------------------------------------------------------

    def _send(self, packet: Packet) -> None:
        self.network._carry(self, packet)

    def _refuse(self, segment: Segment) -> None:
        """Answer a segment that is for nobody with a RST."""
        if segment.rst:
            return
        sequence = segment.acknowledgement or 0
        self._send(Segment(segment.destination, segment.source, sequence, segment.end, rst=True))

    # Packets that arrive -------------------------------------------------------------------------------

    def _arrived(self, packet: Packet) -> None:
        if isinstance(packet, Segment):
            self._segment_arrived(packet)
        elif isinstance(packet, Datagram):
            self._datagram_arrived(packet)
        else:
            for binding, each in self._udp_ports.at(packet.destination):
                if binding.takes(packet.destination.address):
                    each._was_refused(packet)

    def _segment_arrived(self, segment: Segment) -> None:
        self._forget_the_old()
        connection = self._connections.get((segment.destination, segment.source))
        if connection is not None:
            connection._arrived(segment)
            return
        for _, each in self._tcp_ports.at(segment.destination):
            if isinstance(each, VirtualTCPServer):
                each._arrived(segment)
                return
        self._refuse(segment)

    def _datagram_arrived(self, datagram: Datagram) -> None:
        takers = [each for _, each in self._udp_ports.at(datagram.destination) if each._takes(datagram)]
        if is_multicast(datagram.destination.address):
            for each in takers:
                each._arrived(datagram)
        elif takers:
            # One that is connected comes first; then the order is that of the ports.
            min(takers, key=lambda each: each.remote is None)._arrived(datagram)
        else:
            self._send(PortUnreachable(datagram.destination, datagram.source))

    # Sockets -------------------------------------------------------------------------------------------

    def _remember(self, connection: VirtualTCPConnection) -> None:
        self._connections[connection._end, connection._other_end] = connection

    def _bury(self, connection: VirtualTCPConnection, until: int) -> None:
        """Remember a connection that is over until then."""
        self._time_wait.append((until, connection))

    def _forget_the_old(self) -> None:
        while self._time_wait and self._time_wait[0][0] <= self.network._clock.now:
            self._time_wait.popleft()[1]._forget()

    def _forget(self, connection: VirtualTCPConnection) -> None:
        key = connection._end, connection._other_end
        if self._connections.get(key) is connection:
            del self._connections[key]
        binding, connection._binding = connection._binding, None
        if binding is not None:
            self._tcp_ports.release(binding, connection)

    def _bind_to_connect(self, ports: Ports[T], owner: T, destination: IPAddress, *, exhausted: int) -> Binding:
        """Bind a socket that is going to be connected: to an address that fits, and a port that is free.

        Raises:
            OSError: there is no way there, or no port.
        """
        self._forget_the_old()
        return ports.bind(
            Binding(self._source_for(destination), 0, is_dual=False, may_share=False), owner, exhausted=exhausted
        )

    def _open_connection(
        self, version: int, remote: Socket, parameters: TCPConnectionParameters
    ) -> VirtualTCPConnection:
        """A connection that is going to be opened.

        Raises:
            OSError: there is no way there, or no port.
        """
        connection = VirtualTCPConnection(self, version, remote, parameters)
        binding = self._bind_to_connect(self._tcp_ports, connection, remote.address, exhausted=errno.EADDRNOTAVAIL)
        connection._is_bound(binding)
        self._remember(connection)
        return connection

    def _descriptors_are_left(self) -> None:
        for server in self.servers:
            server._try_again()
