"""The dictionaries of the standard, and their conversions: options, open infos and messages.

Options are keyword arguments; members are converted in the order of their names, as Web IDL has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from whatwg_streams.other_specs import (
    convert_boolean,
    convert_enumeration,
    convert_string,
    convert_unsigned_integer,
)

if TYPE_CHECKING:
    from whatwg_streams import ReadableStream, WritableStream

    from ._operating_system import SocketDnsQueryType
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
        writable: where to write bytes for the peer; chunks are buffers of any kind.
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
