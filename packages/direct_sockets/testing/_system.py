"""The seam over a virtual host: what `_asyncio_os` is over a real one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, final

from .._addresses import is_multicast, is_unspecified
from ._datagram_socket import VirtualDatagramSocket
from ._packets import Socket, is_broadcast, loopback_of, on_the_wire
from ._ports import Binding, os_error
from ._tcp_connection import VirtualTCPConnection
from ._tcp_server import VirtualTCPServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._addresses import IPAddress
    from .._operating_system import (
        ResolvedAddress,
        SocketDnsQueryType,
        TCPConnectionParameters,
        TCPServerParameters,
        UDPMode,
        UDPSocketParameters,
    )
    from ._host import VirtualHost


@final
class VirtualOperatingSystem:
    """The operating system of a virtual host: see `OperatingSystem`."""

    __slots__ = ("_host",)

    def __init__(self, host: VirtualHost) -> None:
        self._host = host

    async def resolve(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        """See `OperatingSystem.resolve`."""
        return await self._host.network._names.look_up(name, dns_query_type)

    # TCP -----------------------------------------------------------------------------------------------

    async def open_a_tcp_socket(
        self, addresses: Sequence[ResolvedAddress], remote_port: int, parameters: TCPConnectionParameters
    ) -> VirtualTCPConnection:
        """See `OperatingSystem.open_a_tcp_socket`."""
        errors: list[OSError] = []
        for address in addresses:
            try:
                return await self._connect(address.address, remote_port, parameters)
            except OSError as error:
                errors.append(error)
        raise errors[0]

    async def _connect(
        self, address: IPAddress, port: int, parameters: TCPConnectionParameters
    ) -> VirtualTCPConnection:
        host = self._host
        host.network._clock.touch()
        host._descriptors.take()
        try:
            destination = _destination(address)
            if is_multicast(destination) or is_broadcast(destination):
                raise os_error(errno.ENETUNREACH)
            connection = host._open_connection(address.version, Socket(destination, port), parameters)
        except BaseException:
            host._descriptors.give_back()
            raise
        try:
            await connection._open()
        except BaseException:
            connection.close()
            raise
        return connection

    async def open_a_tcp_server_socket(
        self, local_address: IPAddress, parameters: TCPServerParameters
    ) -> VirtualTCPServer:
        """See `OperatingSystem.open_a_tcp_server_socket`."""
        host = self._host
        host.network._clock.touch()
        host._descriptors.take()
        try:
            address = on_the_wire(local_address)
            host._check_bindable(address)
            host._forget_the_old()
            server = VirtualTCPServer(host, local_address.version, parameters)
            binding = Binding(
                address,
                parameters.local_port or 0,
                is_dual=_is_dual(address, parameters.ipv6_only),
                may_share=False,
            )
            server._binding = host._tcp_ports.bind(binding, server, exhausted=errno.EADDRINUSE)
        except BaseException:
            host._descriptors.give_back()
            raise
        return server

    # UDP -----------------------------------------------------------------------------------------------

    async def open_a_udp_socket(
        self,
        mode: UDPMode,
        addresses: Sequence[ResolvedAddress],
        port: int,
        parameters: UDPSocketParameters,
    ) -> VirtualDatagramSocket:
        """See `OperatingSystem.open_a_udp_socket`."""
        errors: list[OSError] = []
        for address in addresses:
            try:
                return self._open_datagram_socket(mode, address.address, port, parameters)
            except OSError as error:
                errors.append(error)
        raise errors[0]

    def _open_datagram_socket(
        self, mode: UDPMode, address: IPAddress, port: int, parameters: UDPSocketParameters
    ) -> VirtualDatagramSocket:
        host = self._host
        host.network._clock.touch()
        host._descriptors.take()
        try:
            if mode == "bound":
                return self._bind(address, port, parameters)
            remote = Socket(_destination(address), port)
            if is_broadcast(remote.address):
                raise os_error(errno.EACCES)
            datagrams = VirtualDatagramSocket(host, address.version, remote, parameters)
            datagrams._binding = host._bind_to_connect(
                host._udp_ports, datagrams, remote.address, exhausted=errno.EAGAIN
            )
        except BaseException:
            host._descriptors.give_back()
            raise
        return datagrams

    def _bind(self, local_address: IPAddress, port: int, parameters: UDPSocketParameters) -> VirtualDatagramSocket:
        host = self._host
        address = on_the_wire(local_address)
        if not is_multicast(address):
            host._check_bindable(address)
        datagrams = VirtualDatagramSocket(host, local_address.version, None, parameters)
        binding = Binding(
            address,
            port,
            is_dual=_is_dual(address, parameters.ipv6_only),
            may_share=parameters.multicast_allow_address_sharing,
        )
        datagrams._binding = host._udp_ports.bind(binding, datagrams, exhausted=errno.EADDRINUSE)
        return datagrams


def _destination(address: IPAddress) -> IPAddress:
    """Where packets to an address go: those to the unspecified one stay on the host."""
    address = on_the_wire(address)
    return loopback_of(address.version) if is_unspecified(address) else address


def _is_dual(address: IPAddress, ipv6_only: bool | None) -> bool:
    return address.version == 6 and is_unspecified(address) and not ipv6_only  # noqa: PLR2004
