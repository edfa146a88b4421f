"""The virtual network as its users see it: hosts, names, links, partitions, time; and it is the same every time."""

from __future__ import annotations

import asyncio
import errno
from ipaddress import ip_address

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPMessage, UDPSocket
from direct_sockets.testing import Link, VirtualHost, VirtualNetwork
from tests.support import LoopFactory
from tests.support.operating_system import ALL, ONE
from whatwg_streams import NetworkError, NotAllowedError


async def _echo(host: VirtualHost, port: int = 40000) -> None:
    """Echo whatever comes, to one client after the other, until cancelled."""
    with host.installed(), ALL:
        server = TCPServerSocket("::", local_port=port)
    async with server as info:
        async for connection in info.readable:
            async with connection as streams:
                await streams.readable.pipe_to(streams.writable)


async def _conversation(network: VirtualNetwork, client: VirtualHost, name: str) -> bytes:
    with client.installed(), ALL:
        socket = TCPSocket(name, 40000)
    received = bytearray()
    async with socket as info:
        with info.writable.get_writer() as writer:
            for number in range(30):
                await writer.write(bytes([number]) * 2000)
            await writer.close()
        async for chunk in info.readable:
            received += bytes(chunk)
    return bytes(received)


EXPECTED = b"".join(bytes([number]) * 2000 for number in range(30))


async def _run(network: VirtualNetwork) -> tuple[bytes, float]:
    client = network.host("client", "10.0.0.1", "fd00::1")
    server = network.host("server.example", "10.0.0.2", "fd00::2")
    serving = asyncio.create_task(_echo(server))
    await network.run_for(0)
    received = await _conversation(network, client, "server.example")
    now = network.now
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    return received, now


# The same every time -----------------------------------------------------------------------------------

ROUGH = Link(latency=20, jitter=10, bandwidth=1_000_000, loss=0.1, reordering=0.1, duplication=0.1)


def _traced(loop_factory: LoopFactory, seed: int) -> list[str]:
    trace: list[str] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        received, _ = runner.run(_run(VirtualNetwork(seed=seed, default_link=ROUGH, trace=trace.append)))
    assert received == EXPECTED
    return trace


_traces: dict[int, list[str]] = {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_has_the_same_things_happen_on_every_loop(loop_factory: LoopFactory, seed: int) -> None:
    trace = _traced(loop_factory, seed)
    assert trace == _traces.setdefault(seed, trace)
    assert sum(" lost " in line for line in trace) > 2


def test_another_seed_has_other_things_happen(loop_factory: LoopFactory) -> None:
    assert _traced(loop_factory, 1) != _traced(loop_factory, 2)


# Links -------------------------------------------------------------------------------------------------


async def test_bytes_arrive_whole_whatever_the_link_does_to_packets() -> None:
    for seed in range(5):
        network = VirtualNetwork(
            seed=seed, default_link=Link(latency=5, jitter=20, loss=0.3, reordering=0.5, duplication=0.3)
        )
        received, _ = await _run(network)
        assert received == EXPECTED


async def test_a_connection_takes_a_round_trip_and_what_comes_back_another() -> None:
    network = VirtualNetwork()
    client, server = network.host("client", "10.0.0.1"), network.host("server", "10.0.0.2")
    network.link(client, server, latency=50)
    serving = asyncio.create_task(_echo(server))
    await network.run_for(0)
    with client.installed(), ALL:
        socket = TCPSocket("server", 40000)
    async with socket as info:
        assert network.now == 100
        with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
            await writer.write(b"ping")
            assert network.now == 100
            assert bytes((await reader.read()).value) == b"ping"
            assert network.now == 200
    serving.cancel()
    await asyncio.wait([serving])


async def test_bandwidth_limits_how_much_goes_through() -> None:
    network = VirtualNetwork(default_link=Link(latency=0, bandwidth=60_000))
    received, now = await _run(network)
    assert received == EXPECTED
    assert 1000 < now < 1200  # each way at a time


# Names and the policy ------------------------------------------------------------------------------------


async def test_the_private_network_needs_its_permission_as_with_real_sockets() -> None:
    network = VirtualNetwork()
    client = network.host("client", "10.0.0.1")
    network.host("server", "10.0.0.2")
    with client.installed(), ONE:
        socket = TCPSocket("server", 80)
    with pytest.raises(NotAllowedError, match="direct-sockets-private"):
        await socket.opened


async def test_a_name_that_answers_differently_the_second_time_is_asked_once() -> None:
    network = VirtualNetwork()
    client = network.host("client", "198.41.0.1")
    network.host("inside", "10.0.0.2")
    public = network.host("public", "198.41.0.4")
    network.name("rebind.example", "198.41.0.4", then=[["10.0.0.2"]])
    serving = asyncio.create_task(_echo(public))
    await network.run_for(0)
    with client.installed(), ONE:
        first, second = TCPSocket("rebind.example", 40000), TCPSocket("rebind.example", 40000)
    async with first as info:
        assert info.remote_address == "198.41.0.4"
    with pytest.raises(NotAllowedError):
        await second.opened
    serving.cancel()
    await asyncio.wait([serving])


async def test_a_name_that_nobody_has_does_not_resolve() -> None:
    network = VirtualNetwork()
    with network.host("client", "10.0.0.1").installed(), ALL:
        socket = TCPSocket("nobody.example", 80)
    with pytest.raises(NetworkError, match="Name or service not known"):
        await socket.opened


# Who is not there --------------------------------------------------------------------------------------


async def test_a_closed_port_refuses() -> None:
    network = VirtualNetwork()
    client = network.host("client", "10.0.0.1")
    network.host("server", "10.0.0.2")
    with client.installed(), ALL:
        socket = TCPSocket("server", 80)
    with pytest.raises(NetworkError) as caught:
        await socket.opened
    assert caught.value.errno == errno.ECONNREFUSED
    assert network.now == 2
    assert client.open_descriptors == 0


@pytest.mark.parametrize("how", ["nobody", "silent", "parted"])
async def test_who_does_not_answer_is_given_up_after_two_minutes(how: str) -> None:
    network = VirtualNetwork()
    client = network.host("client", "10.0.0.1")
    address = ip_address("10.0.0.2")
    if how != "nobody":
        server = network.host("server", str(address))
        if how == "silent":
            server.answers = False
        else:
            network.partition(server)
    with client.installed(), ALL:
        socket = TCPSocket(str(address), 80)
    with pytest.raises(NetworkError) as caught:
        await socket.opened
    assert caught.value.errno == errno.ETIMEDOUT
    assert network.now == 127_000
    assert client.open_descriptors == 0


# Datagrams -----------------------------------------------------------------------------------------------


async def test_datagrams_go_there_and_back() -> None:
    network = VirtualNetwork()
    client, server = network.host("client", "fd00::1"), network.host("server", "fd00::2")
    with ALL:
        with server.installed():
            bound = UDPSocket(local_address="::", local_port=5000)
        with client.installed():
            connected = UDPSocket(remote_address="server", remote_port=5000)
    async with bound as there, connected as here:
        with here.writable.get_writer() as writer, there.readable.get_reader() as reader:
            await writer.write(UDPMessage(b"ping"))
            message = (await reader.read()).value
        assert message == UDPMessage(b"ping", "fd00::1", here.local_port)
        assert network.now == 1
        with there.writable.get_writer() as writer, here.readable.get_reader() as reader:
            await writer.write(UDPMessage(b"pong", message.remote_address, message.remote_port))
            assert (await reader.read()).value == UDPMessage(b"pong")
        assert network.now == 2
