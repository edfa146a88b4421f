"""What goes over the wire: segments of TCP, datagrams of UDP, and the message that a port is unreachable."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from .._addresses import canonical
from .._operating_system import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._addresses import IPAddress

_TCP_HEADER: Final = 20
_UDP_HEADER: Final = 8
_IP_HEADER: Final = {4: 20, 6: 40}
#: How much data a datagram has room for, which IP has a length of 16 bits for; IPv6 does not count its header.
LARGEST_DATAGRAM: Final = {4: 65507, 6: 65527}


class Socket(NamedTuple):
    """One end on the wire: an address, never an IPv4-mapped one, and a port."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" if self.address.version == 4 else f"[{self.address}]:{self.port}"  # noqa: PLR2004


class Segment(NamedTuple):
    """A segment of TCP. Sequence numbers do not wrap around here, and no two connections have the same ones."""

    source: Socket
    destination: Socket
    sequence: int
    acknowledgement: int | None = None
    window: int = 0
    data: bytes = b""
    syn: bool = False
    fin: bool = False
    rst: bool = False
    arrived: Sequence[tuple[int, int]] = ()  # what has arrived beyond the acknowledgement (SACK)
    time: int = 0  # when it was sent,
    echo: int = 0  # and when what it answers was (RFC 7323)

    @property
    def end(self) -> int:
        """The sequence number after it."""
        return self.sequence + len(self.data) + self.syn + self.fin

    @property
    def size(self) -> int:
        """How many bytes it is."""
        return _IP_HEADER[self.source.address.version] + _TCP_HEADER + len(self.data)

    def __str__(self) -> str:
        flags = [name for name in ("syn", "fin", "rst") if getattr(self, name)]
        data = [f"{len(self.data)} bytes"] if self.data else []
        return f"TCP {self.source} > {self.destination} {' '.join([*flags, *data]) or 'ack'}"


class Datagram(NamedTuple):
    """A datagram of UDP."""

    source: Socket
    destination: Socket
    data: bytes
    time_to_live: int = 64

    @property
    def size(self) -> int:
        """How many bytes it is."""
        return _IP_HEADER[self.source.address.version] + _UDP_HEADER + len(self.data)

    def __str__(self) -> str:
        return f"UDP {self.source} > {self.destination} {len(self.data)} bytes"


class PortUnreachable(NamedTuple):
    """The message of ICMP that nobody receives datagrams at a port."""

    source: Socket
    destination: Socket

    @property
    def size(self) -> int:
        """How many bytes it is."""
        return 2 * (_IP_HEADER[self.source.address.version] + _UDP_HEADER)

    def __str__(self) -> str:
        return f"ICMP {self.source} > {self.destination} port unreachable"


Packet = Segment | Datagram | PortUnreachable


# Addresses -------------------------------------------------------------------------------------------


def on_the_wire(address: IPAddress) -> IPAddress:
    """The address that packets have; IPv4-mapped ones are a matter of sockets only."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def as_seen_by(version: int, end: Socket) -> Endpoint:
    """What a socket of this IP version says of an end: one of IPv6 has IPv4 addresses mapped."""
    address = end.address
    if version == 6 and isinstance(address, IPv4Address):  # noqa: PLR2004
        address = IPv6Address(0xFFFF << 32 | int(address)) if int(address) else IPv6Address(0)
    return Endpoint(canonical(address), end.port)


def is_broadcast(address: IPAddress) -> bool:
    """Whether an address is that of everybody on a network of IPv4, to whom nobody may send."""
    return address.version == 4 and int(address) == 0xFFFFFFFF  # noqa: PLR2004


def loopback_of(version: int) -> IPAddress:
    """The loopback address of an IP version."""
    return ip_address("127.0.0.1" if version == 4 else "::1")  # noqa: PLR2004
