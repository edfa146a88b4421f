"""Two hosts of a virtual network, and connections between them at the level of the seam."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any, Final

from direct_sockets._operating_system import (
    OperatingSystem,
    ResolvedAddress,
    TCPConnectionParameters,
    TCPServerParameters,
    UDPSocketParameters,
    current_operating_system,
)
from direct_sockets.testing import (
    Link,
    VirtualDatagramSocket,
    VirtualHost,
    VirtualNetwork,
    VirtualTCPConnection,
    VirtualTCPServer,
)
from tests.support.machines import SERVER, TCP, UDP, answered

A: Final = ResolvedAddress(ip_address("10.0.0.1"))
B: Final = ResolvedAddress(ip_address("10.0.0.2"))
NOBODY: Final = ResolvedAddress(ip_address("10.0.0.99"))


class Two:
    """Two hosts, a and b, and the link between them."""

    def __init__(self, *, seed: int = 1, flows: bool = True, **link: Any) -> None:
        self.trace: list[str] = []
        self.network = VirtualNetwork(seed=seed, flows=flows, trace=self.trace.append)
        self.a = self.network.host("a", "10.0.0.1", "fd00::1")
        self.b = self.network.host("b", "10.0.0.2", "fd00::2")
        self.link: Link = self.network.link(self.a, self.b, **link)

    async def listen(self, parameters: TCPServerParameters = SERVER) -> VirtualTCPServer:
        """Have b listen."""
        server = await system_of(self.b).open_a_tcp_server_socket(B.address, parameters)
        assert isinstance(server, VirtualTCPServer)
        return server

    async def connect(
        self, port: int, parameters: TCPConnectionParameters = TCP, to: ResolvedAddress = B
    ) -> VirtualTCPConnection:
        """Connect from a."""
        connection = await system_of(self.a).open_a_tcp_socket([to], port, parameters)
        assert isinstance(connection, VirtualTCPConnection)
        return connection

    @contextlib.asynccontextmanager
    async def connected(
        self, parameters: TCPConnectionParameters = TCP
    ) -> AsyncIterator[tuple[VirtualTCPConnection, VirtualTCPConnection]]:
        """Connect from a to b; both ends are closed in the end, and so is the network then."""
        server = await self.listen()
        client = await self.connect(server.local.port, parameters)
        [accepted] = await answered(server.accept(1))
        server.close()
        try:
            yield client, accepted
        finally:
            client.close()
            accepted.close()


def system_of(host: VirtualHost) -> OperatingSystem:
    with host.installed():
        system = current_operating_system.get()
    assert system is not None
    return system


async def bind(
    host: VirtualHost, address: str, port: int = 0, parameters: UDPSocketParameters = UDP
) -> VirtualDatagramSocket:
    datagrams = await system_of(host).open_a_udp_socket(
        "bound", [ResolvedAddress(ip_address(address))], port, parameters
    )
    assert isinstance(datagrams, VirtualDatagramSocket)
    return datagrams


async def connect_datagrams(
    host: VirtualHost, address: str, port: int, parameters: UDPSocketParameters = UDP
) -> VirtualDatagramSocket:
    to = [ResolvedAddress(ip_address(address))]
    datagrams = await system_of(host).open_a_udp_socket("connected", to, port, parameters)
    assert isinstance(datagrams, VirtualDatagramSocket)
    return datagrams
