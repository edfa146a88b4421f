"""The seam: what the standard invokes the operating system to do, one method a sentence, in the text's order.

Rule 1: what fails, fails with an OSError: the promise that a method answers with, or the coroutine that it is.
Rule 2: what can be done at once is done at once, and answered with the result itself instead of a promise.
Rule 3: at most one read and one write of a connection or a datagram socket, and one accept of a server, are under
way at a time.

`_asyncio_os` does it with real sockets, `testing` in memory; one suite of tests holds for both.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from whatwg_streams import Promise

    IPAddress: TypeAlias = "IPv4Address | IPv6Address"

_T = TypeVar("_T")

#: See rule 2.
Answer: TypeAlias = "_T | Promise[_T]"

SocketDnsQueryType = Literal["ipv4", "ipv6"]

#: The modes that section 2.1 infers.
UDPMode = Literal["connected", "bound"]


class ResolvedAddress(NamedTuple):
    """An IP address to connect to, and the zone it is in, for those that need one."""

    address: IPAddress
    scope_id: int = 0


class Endpoint(NamedTuple):
    """An address, in canonical text, and a port."""

    address: str
    port: int


class TCPConnectionParameters(NamedTuple):
    """The connection parameters of section 1.1.1; None is the system's default."""

    send_buffer_size: int | None = None  # bytes
    receive_buffer_size: int | None = None  # bytes
    no_delay: bool = False
    keep_alive_delay: int | None = None  # milliseconds


class TCPConnection(Protocol):
    """An open TCP socket."""

    @property
    def remote(self) -> Endpoint:
        """Where it is connected to."""
        ...

    @property
    def local(self) -> Endpoint:
        """Where it is bound to."""
        ...

    def read(self, size: int) -> Answer[bytes]:
        """Read up to so many bytes from the socket; none of them means that the peer has sent its FIN."""
        ...

    def read_into(self, view: memoryview) -> Answer[int]:
        """Read as many bytes as the view has room for, or fewer; 0 means that the peer has sent its FIN."""
        ...

    def read_into_at_once(self, view: memoryview) -> int:
        """Read as many bytes as there are already and the view has room for, while no read is under way.

        Returns:
            How many; 0, if there are none, or `read_into` has something else to say.
        """
        ...

    def read_at_once(self, size: int) -> bytes | None:
        """Read as many bytes as there are already, but not more than so many, while no read is under way.

        Returns:
            The bytes, none if the peer has finished; or None, if there are none yet, or `read` has something else to
            say.
        """
        ...

    def call_when_readable(self, steps: Callable[[], object]) -> bool:
        """Call the steps, once, when a read may not have to wait any more; they count as a read that is under way.

        Returns:
            Whether they will be called: not if the next read has something to say already, or if this
            connection can not tell. Ask `read_into` then.
        """
        ...

    def stop_reading(self) -> None:
        """Forget the read that is under way: nothing is taken off the socket any more, its promise stays pending."""
        ...

    def write(self, data: bytes | memoryview) -> Answer[bool]:
        """Write the bytes to the socket; False means that `stop_writing` came before the last of them.

        Of the memory of `data` nothing is needed after this has returned.
        """
        ...

    def stop_writing(self) -> None:
        """Let the write that is under way return as soon as possible, no matter how much has been written."""
        ...

    def shut_down_for_writing(self) -> Answer[None]:
        """Shut down the socket for writing: the peer gets a FIN after what was written."""
        ...

    def close(self) -> Answer[None]:
        """Close the socket."""
        ...


class UDPSocketParameters(NamedTuple):
    """The parameters of section 2.1.1; None is the system's default."""

    send_buffer_size: int | None = None  # bytes
    receive_buffer_size: int | None = None  # bytes
    ipv6_only: bool | None = None  # in bound mode only
    multicast_time_to_live: int | None = None
    multicast_loopback: bool | None = None
    multicast_allow_address_sharing: bool = False  # in bound mode only


#: What was received: the payload, and in bound mode where it came from.
UDPPacket: TypeAlias = tuple[bytes, Endpoint | None]


class Destination(NamedTuple):
    """Where a datagram goes to: a name, or an address in any spelling, and a port."""

    address: str
    port: int
    dns_query_type: SocketDnsQueryType | None = None


class DatagramSocket(Protocol):
    """An open UDP socket."""

    @property
    def remote(self) -> Endpoint | None:
        """Where it is connected to, in connected mode."""
        ...

    @property
    def local(self) -> Endpoint:
        """Where it is bound to."""
        ...

    def provide(self, count: int) -> Answer[Sequence[UDPPacket]]:
        """Provide up to so many UDP packets from the socket, and at least one."""
        ...

    def stop_providing(self) -> None:
        """Forget the packets asked for: none is taken off the socket any more, the promise stays pending."""
        ...

    def send(self, data: memoryview, to: Destination | None) -> Answer[bool]:
        """Send the bytes as one packet, in bound mode to the destination; False means that it was stopped.

        A name that has several addresses has it sent to the first one that this socket can send to. Of the
        memory of `data` nothing is needed after this has returned.
        """
        ...

    def stop_sending(self) -> None:
        """Let the sending that is under way return as soon as possible."""
        ...

    def join_multicast_group(self, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        """Join the multicast group: from one source only, or from any."""
        ...

    def leave_multicast_group(self, group: IPAddress, source: IPAddress | None) -> Answer[None]:
        """Leave the multicast group that was joined with the same arguments."""
        ...

    def close(self) -> Answer[None]:
        """Close the socket; the system leaves its groups."""
        ...


class TCPServerParameters(NamedTuple):
    """The connection parameters of section 4.1.1; None is the system's default."""

    local_port: int | None = None
    backlog: int | None = None  # connections
    ipv6_only: bool | None = None


class TCPServer(Protocol):
    """An open TCP server socket."""

    @property
    def local(self) -> Endpoint:
        """Where it is bound to."""
        ...

    def accept(self, limit: int) -> Answer[Sequence[TCPConnection]]:
        """Accept up to so many incoming connections, as soon as there is one.

        None of them means that the socket was closed gracefully by the system. What passes is no failure: a
        connection that was aborted while it waited, or a want of descriptors or memory. It waits, and goes on.
        """
        ...

    def stop_accepting(self) -> None:
        """Forget the accept that is under way: no connection is taken any more, its promise stays pending."""
        ...

    def close(self) -> Answer[None]:
        """Close the socket: those in its queue are refused; connections that were accepted stay open."""
        ...


class OperatingSystem(Protocol):
    """What can be asked of the operating system."""

    async def resolve(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        """The IP addresses of a name, or of an address in any spelling: at least one, in the order to try.

        Raises:
            OSError: it has none.
        """
        ...

    async def open_a_tcp_socket(
        self, addresses: Sequence[ResolvedAddress], remote_port: int, parameters: TCPConnectionParameters
    ) -> TCPConnection:
        """Open a TCP socket to the first of the addresses that answers, and to no other address.

        Raises:
            OSError: none did.
        """
        ...

    async def open_a_udp_socket(
        self,
        mode: UDPMode,
        addresses: Sequence[ResolvedAddress],
        port: int,
        parameters: UDPSocketParameters,
    ) -> DatagramSocket:
        """Open a UDP socket.

        Args:
            mode: "connected" to the first of the addresses that it can be connected to, and to no other
                address; or "bound" to the one address there is.
            addresses: those.
            port: the port to connect to, or to bind to; 0 has the system choose one to bind to.
            parameters: the options.

        Raises:
            OSError: it can not be opened.
        """
        ...

    async def open_a_tcp_server_socket(self, local_address: IPAddress, parameters: TCPServerParameters) -> TCPServer:
        """Open a TCP server socket, which listens from now on.

        Raises:
            OSError: it can not be bound to the address.
        """
        ...


#: The operating system of the code that runs in this context; None is the real one.
current_operating_system: contextvars.ContextVar[OperatingSystem | None] = contextvars.ContextVar(
    "direct_sockets.operating_system", default=None
)
