"""The machines that the contract of the operating system seam holds on: this one, and a virtual one.

Both have loopback, and an address of a network besides: what a test needs of that is only that it is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, Final, Protocol, TypeVar

from typing_extensions import override

from direct_sockets._asyncio_os import REAL
from direct_sockets._operating_system import (
    Answer,
    DatagramSocket,
    OperatingSystem,
    ResolvedAddress,
    TCPConnection,
    TCPConnectionParameters,
    TCPServer,
    TCPServerParameters,
    UDPSocketParameters,
    current_operating_system,
)
from direct_sockets.testing import VirtualNetwork
from tests.support import settle
from whatwg_streams import Promise

T = TypeVar("T")

LOOPBACK: Final = ResolvedAddress(ip_address("127.0.0.1"))
LOOPBACK_6: Final = ResolvedAddress(ip_address("::1"))
ANY: Final = ResolvedAddress(ip_address("0.0.0.0"))
ANY_6: Final = ResolvedAddress(ip_address("::"))

TCP: Final = TCPConnectionParameters()
UDP: Final = UDPSocketParameters()
SERVER: Final = TCPServerParameters()


class Machine(Protocol):
    """What the contract needs of either machine."""

    @property
    def system(self) -> OperatingSystem: ...

    def installed(self) -> contextlib.AbstractContextManager[None]:
        """Be the machine that the block runs on."""
        ...

    async def rest(self) -> None:
        """Let what is under way arrive, and whatever follows."""
        ...


class RealMachine:
    """This one. On loopback, what is sent has arrived when the call returns; the loop has to be told only."""

    def __init__(self) -> None:
        self.system: OperatingSystem = REAL

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        yield

    async def rest(self) -> None:
        await settle(30)

    @override
    def __repr__(self) -> str:
        return "real"


class VirtualMachine:
    """A host of a virtual network."""

    def __init__(self) -> None:
        self.network = VirtualNetwork(seed=1)
        self.host = self.network.host("machine", "192.0.2.2", "fd00::2")
        with self.host.installed():
            system = current_operating_system.get()
        assert system is not None
        self.system: OperatingSystem = system

    def installed(self) -> contextlib.AbstractContextManager[None]:
        return self.host.installed()

    async def rest(self) -> None:
        await self.network.run_for(1000)

    @override
    def __repr__(self) -> str:
        return "virtual"


MACHINES: Final[dict[str, Callable[[], Machine]]] = {"real": RealMachine, "virtual": VirtualMachine}


# The seam ----------------------------------------------------------------------------------------------


async def answered(answer: Answer[T]) -> T:
    """The answer of the system, as soon as there is one."""
    return await answer if isinstance(answer, Promise) else answer


def is_pending(answer: Answer[Any]) -> bool:
    return isinstance(answer, Promise) and "pending" in repr(answer)


@contextlib.asynccontextmanager
async def listening(
    machine: Machine, address: ResolvedAddress = LOOPBACK, parameters: TCPServerParameters = SERVER
) -> AsyncIterator[TCPServer]:
    server = await machine.system.open_a_tcp_server_socket(address.address, parameters)
    try:
        yield server
    finally:
        await answered(server.close())


@contextlib.asynccontextmanager
async def connected(
    machine: Machine, parameters: TCPConnectionParameters = TCP, address: ResolvedAddress = LOOPBACK
) -> AsyncIterator[tuple[TCPConnection, TCPConnection]]:
    """Both ends of a connection: that which was opened, and that which was accepted."""
    async with listening(machine, address) as server:
        client = await machine.system.open_a_tcp_socket([address], server.local.port, parameters)
        [accepted] = await answered(server.accept(1))
    try:
        yield client, accepted
    finally:
        await answered(client.close())
        await answered(accepted.close())


async def receive_all(connection: TCPConnection) -> bytes:
    """Read until the FIN."""
    data = bytearray()
    while received := await answered(connection.read(65536)):
        data += received
    return bytes(data)


@contextlib.asynccontextmanager
async def bound(
    machine: Machine, address: ResolvedAddress = LOOPBACK, parameters: UDPSocketParameters = UDP, port: int = 0
) -> AsyncIterator[DatagramSocket]:
    datagrams = await machine.system.open_a_udp_socket("bound", [address], port, parameters)
    try:
        yield datagrams
    finally:
        await answered(datagrams.close())


@contextlib.asynccontextmanager
async def connected_to(
    machine: Machine, addresses: Sequence[ResolvedAddress], port: int, parameters: UDPSocketParameters = UDP
) -> AsyncIterator[DatagramSocket]:
    datagrams = await machine.system.open_a_udp_socket("connected", addresses, port, parameters)
    try:
        yield datagrams
    finally:
        await answered(datagrams.close())


async def refusing_tcp_port(machine: Machine, address: ResolvedAddress = LOOPBACK) -> int:
    """A port that nobody listens on: one that was free a moment ago."""
    async with listening(machine, address) as server:
        return server.local.port


async def refusing_udp_port(machine: Machine, address: ResolvedAddress = LOOPBACK) -> int:
    """A port that nobody receives on: one that was free a moment ago."""
    async with bound(machine, address) as datagrams:
        return datagrams.local.port


async def error_of(answer: Answer[Any]) -> int | None:
    """The number of the error that the system answers with."""
    try:
        await answered(answer)
    except OSError as error:
        return error.errno
    return None
