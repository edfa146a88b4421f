"""The dictionaries of the standard, and their conversions: options, open infos and messages.

Options are keyword arguments; members are converted in the order of their names, as Web IDL has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from whatwg_streams.other_specs import (
    convert_boolean,
    convert_enumeration,
    convert_object,
    convert_string,
    convert_unsigned_integer,
    get_member,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whatwg_streams import ReadableStream, WritableStream

    from ._multicast_controller import MulticastController
    from ._operating_system import SocketDnsQueryType, UDPPacket
    from ._tcp_socket import TCPSocket


def convert_remote_address(value: object, what: str) -> str:
    """The IDL type DOMString."""
    return convert_string(value, what)


def convert_port(value: object, what: str) -> int:
    """The IDL type unsigned short.

    NOTE(spec): E30 it wraps modulo 65536, and every check is made on the converted value.
    """
    return convert_unsigned_integer(value, what, 16, enforce_range=False)


def convert_unsigned_long(value: object, what: str) -> int | None:
    """The IDL type [EnforceRange] unsigned long, of an optional member."""
    return None if value is None else convert_unsigned_integer(value, what, 32, enforce_range=True)


def convert_dns_query_type(value: object, what: str) -> SocketDnsQueryType | None:
    """The enumeration SocketDnsQueryType, of an optional member."""
    if value is None:
        return None
    return cast("SocketDnsQueryType", convert_enumeration(value, what, ("ipv4", "ipv6")))


class TCPSocketOptions(NamedTuple):
    """https://wicg.github.io/direct-sockets/#dom-tcpsocketoptions"""

    dns_query_type: SocketDnsQueryType | None
    keep_alive_delay: int | None  # milliseconds
    no_delay: bool
    receive_buffer_size: int | None  # bytes
    send_buffer_size: int | None  # bytes


_NO_TCP_SOCKET_OPTIONS = TCPSocketOptions(None, None, False, None, None)


def convert_tcp_socket_options(
    *,
    dns_query_type: object,
    keep_alive_delay: object,
    no_delay: object,
    receive_buffer_size: object,
    send_buffer_size: object,
) -> TCPSocketOptions:
    """Convert the members of the dictionary TCPSocketOptions; None is a missing one.

    Raises:
        TypeError: a member is of another type, or out of range.
    """
    if no_delay is False and dns_query_type is keep_alive_delay is receive_buffer_size is send_buffer_size is None:
        return _NO_TCP_SOCKET_OPTIONS
    return TCPSocketOptions(
        convert_dns_query_type(dns_query_type, "dns_query_type"),
        convert_unsigned_long(keep_alive_delay, "keep_alive_delay"),
        convert_boolean(no_delay),
        convert_unsigned_long(receive_buffer_size, "receive_buffer_size"),
        convert_unsigned_long(send_buffer_size, "send_buffer_size"),
    )


@dataclass(frozen=True, slots=True)
class TCPSocketOpenInfo:
    """What `TCPSocket.opened` gives: https://wicg.github.io/direct-sockets/#dom-tcpsocketopeninfo

    Attributes:
        readable: the bytes that the peer sends, as a byte stream.
        writable: where to write bytes for the peer; chunks are buffers of any kind. Closing it sends a FIN,
            after all that was written; reading goes on.
        remote_address: the IP address that the socket is connected to, in canonical text.
        remote_port: the port that it is connected to.
        local_address: the IP address that the socket is bound to, in canonical text.
        local_port: the port that it is bound to.
    """

    readable: ReadableStream[memoryview]
    writable: WritableStream[Any]
    remote_address: str
    remote_port: int
    local_address: str
    local_port: int


# §2 UDPSocket ----------------------------------------------------------------------------------------


class UDPSocketOptions(NamedTuple):
    """https://wicg.github.io/direct-sockets/#dom-udpsocketoptions; None is a member that is not specified."""

    dns_query_type: SocketDnsQueryType | None
    ipv6_only: bool | None
    local_address: str | None
    local_port: int | None
    multicast_allow_address_sharing: bool | None
    multicast_loopback: bool | None
    multicast_time_to_live: int | None
    receive_buffer_size: int | None  # bytes
    remote_address: str | None
    remote_port: int | None
    send_buffer_size: int | None  # bytes


def convert_udp_socket_options(
    *,
    dns_query_type: object,
    ipv6_only: object,
    local_address: object,
    local_port: object,
    multicast_allow_address_sharing: object,
    multicast_loopback: object,
    multicast_time_to_live: object,
    receive_buffer_size: object,
    remote_address: object,
    remote_port: object,
    send_buffer_size: object,
) -> UDPSocketOptions:
    """Convert the members of the dictionary UDPSocketOptions; None is a missing one.

    Raises:
        TypeError: a member is of another type, or out of range.
    """
    # NOTE(spec): E30 the ports of this dictionary are [EnforceRange], unlike all others: they do not wrap.
    return UDPSocketOptions(
        convert_dns_query_type(dns_query_type, "dns_query_type"),
        _convert_optional_boolean(ipv6_only),
        convert_optional_string(local_address, "local_address"),
        _convert_in_range(local_port, "local_port", 16),
        _convert_optional_boolean(multicast_allow_address_sharing),
        _convert_optional_boolean(multicast_loopback),
        _convert_in_range(multicast_time_to_live, "multicast_time_to_live", 8),
        convert_unsigned_long(receive_buffer_size, "receive_buffer_size"),
        convert_optional_string(remote_address, "remote_address"),
        _convert_in_range(remote_port, "remote_port", 16),
        convert_unsigned_long(send_buffer_size, "send_buffer_size"),
    )


def convert_optional_string(value: object, what: str) -> str | None:
    """The IDL type DOMString, of an optional member."""
    return None if value is None else convert_string(value, what)


# §4 TCPServerSocket ----------------------------------------------------------------------------------


class TCPServerSocketOptions(NamedTuple):
    """https://wicg.github.io/direct-sockets/#dom-tcpserversocketoptions; None is a missing member."""

    backlog: int | None  # connections
    ipv6_only: bool | None
    local_port: int | None


def convert_tcp_server_socket_options(
    *, backlog: object, ipv6_only: object, local_port: object
) -> TCPServerSocketOptions:
    """Convert the members of the dictionary TCPServerSocketOptions; None is a missing one.

    Raises:
        TypeError: a member is of another type, or out of range.
    """
    # NOTE(spec): E30 the port of this dictionary is [EnforceRange]: it does not wrap.
    return TCPServerSocketOptions(
        convert_unsigned_long(backlog, "backlog"),
        _convert_optional_boolean(ipv6_only),
        _convert_in_range(local_port, "local_port", 16),
    )


def _convert_optional_boolean(value: object) -> bool | None:
    """The IDL type boolean, of an optional member."""
    return None if value is None else convert_boolean(value)


def _convert_in_range(value: object, what: str, bits: int) -> int | None:
    """The IDL types [EnforceRange] unsigned short and the like, of an optional member."""
    return None if value is None else convert_unsigned_integer(value, what, bits, enforce_range=True)


@dataclass(frozen=True, slots=True)
class UDPMessage:
    """A datagram that was received or is to be sent: https://wicg.github.io/direct-sockets/#dom-udpmessage

    To be sent, it may as well be a mapping with these members.

    Attributes:
        data: the payload: bytes, when it was received; to be sent, a buffer of any kind.
        remote_address: in bound mode, the IP address that it came from, in canonical text; or the name or
            address of the host to send it to. In connected mode there is none.
        remote_port: in bound mode, the port that it came from, or to send it to.
        dns_query_type: to send in bound mode, "ipv4" or "ipv6", to look up addresses of one kind only.
    """

    data: Any = None
    remote_address: str | None = None
    remote_port: int | None = None
    dns_query_type: SocketDnsQueryType | None = None


class _NewMessage:
    """What a UDPMessage is until its members are set: they can be."""

    __slots__ = ("data", "dns_query_type", "remote_address", "remote_port")


def messages_of(packets: Iterable[UDPPacket]) -> list[UDPMessage]:
    """The messages for packets that were received."""
    messages: list[UDPMessage] = []
    for data, source in packets:
        message: Any = _NewMessage()
        message.data = data
        message.remote_address, message.remote_port = (None, None) if source is None else source
        message.dns_query_type = None
        message.__class__ = UDPMessage
        messages.append(message)
    return messages


#: What is easily written as it is.
_WHAT_A_MESSAGE_IS_MADE_OF: Final = frozenset({bytes, bytearray, memoryview, str})


def convert_udp_message(value: object) -> UDPMessage:
    """Convert to the dictionary UDPMessage.

    Raises:
        TypeError: it is neither an object nor a mapping, or a member is of another type.
    """
    if type(value) is UDPMessage and is_plain(value):
        return value
    if type(value) in _WHAT_A_MESSAGE_IS_MADE_OF:
        kind = type(value).__name__
        raise TypeError(f"chunk: expected a UDPMessage, or another object or mapping with its members, not {kind}")
    convert_object(value, "chunk")
    data = get_member(value, "data")
    if data is not None:
        data = convert_buffer_source(data, "data")
    dns_query_type = convert_dns_query_type(get_member(value, "dns_query_type"), "dns_query_type")
    remote_address = convert_optional_string(get_member(value, "remote_address"), "remote_address")
    remote_port = get_member(value, "remote_port")
    if remote_port is not None:
        remote_port = convert_port(remote_port, "remote_port")
    return UDPMessage(data, remote_address, remote_port, dns_query_type)


def is_plain(message: UDPMessage) -> bool:
    """Whether it is bytes, for a socket that is connected, so that there is nothing to convert."""
    return (
        message.data.__class__ is bytes
        and message.remote_address is None
        and message.remote_port is None
        and message.dns_query_type is None
    )


def convert_buffer_source(value: object, what: str) -> memoryview:
    """The IDL type BufferSource, as its bytes.

    Raises:
        TypeError: it is no buffer, is released or not contiguous.
    """
    if type(value) is bytes:
        return memoryview(value)
    try:
        view = memoryview(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}: expected bytes, a memoryview or another buffer, not {value!r:.80}") from error
    if not view.c_contiguous:
        raise TypeError(f"{what}: the buffer is not contiguous")
    if view.format == "B" and view.ndim == 1:
        return view
    return view.cast("B") if view.nbytes else memoryview(b"")  # one without items can not always be cast


@dataclass(frozen=True, slots=True)
class UDPSocketOpenInfo:
    """What `UDPSocket.opened` gives: https://wicg.github.io/direct-sockets/#dom-udpsocketopeninfo

    Attributes:
        readable: the datagrams that come, each a `UDPMessage`.
        writable: where to write datagrams; chunks are `UDPMessage`s, or mappings with the same members.
        local_address: the IP address that the socket is bound to, in canonical text.
        local_port: the port that it is bound to.
        remote_address: in connected mode, the IP address that it is connected to, in canonical text.
        remote_port: in connected mode, the port that it is connected to.
        multicast_controller: in bound mode, when the feature "direct-sockets-multicast" is granted.
    """

    readable: ReadableStream[UDPMessage]
    writable: WritableStream[Any]
    local_address: str
    local_port: int
    remote_address: str | None = None
    remote_port: int | None = None
    multicast_controller: MulticastController | None = None


# §3 MulticastController ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MulticastMembership:
    """https://wicg.github.io/direct-sockets/#dom-multicastmembership

    Attributes:
        group_address: the multicast group, in canonical text.
        source_address: the only source to receive from, in canonical text; or None, for any.
    """

    group_address: str
    source_address: str | None = None


@dataclass(frozen=True, slots=True)
class TCPServerSocketOpenInfo:
    """What `TCPServerSocket.opened` gives: https://wicg.github.io/direct-sockets/#dom-tcpserversocketopeninfo

    Attributes:
        readable: the connections that come in, each a `TCPSocket` that is open already.
        local_address: the IP address that the socket is bound to, in canonical text.
        local_port: the port that it is bound to.
    """

    readable: ReadableStream[TCPSocket]
    local_address: str
    local_port: int
