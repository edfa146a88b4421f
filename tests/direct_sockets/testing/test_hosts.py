"""Hosts of the virtual network: descriptors and ports that run out, crashes, and what tests may read back."""

from __future__ import annotations

import asyncio
import errno
from ipaddress import ip_address

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from direct_sockets._operating_system import (
    Destination,
    TCPConnectionParameters,
    TCPServerParameters,
    UDPSocketParameters,
)
from direct_sockets.testing import VirtualNetwork
from tests.support.machines import answered, error_of, is_pending
from tests.support.operating_system import ALL
from tests.support.virtual import Two, bind, connect_datagrams
from whatwg_streams import NetworkError

# Making them -------------------------------------------------------------------------------------------


def test_a_host_has_its_name_and_addresses() -> None:
    network = VirtualNetwork()
    host = network.host("a", "10.0.0.1", "fd00:0::1")
    assert network.hosts == (host,)
    assert host.addresses == ("10.0.0.1", "fd00::1")
    assert repr(host) == "<VirtualHost a: 10.0.0.1, fd00::1>"
    assert repr(network.host("b")) == "<VirtualHost b: loopback only>"
    assert repr(network) == "<VirtualNetwork at 0.0 ms: a, b>"


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("a", "10.0.0.2", "there is a host a already"),
        ("b", "10.0.0.1", r"10\.0\.0\.1 is taken"),
        ("b", "127.0.0.1", r"127\.0\.0\.1 is taken"),
        ("b", "::1", "::1 is taken"),
        ("b", "nowhere", "nowhere"),
    ],
)
def test_names_and_addresses_are_of_one_host(name: str, address: str, message: str) -> None:
    network = VirtualNetwork()
    network.host("a", "10.0.0.1")
    with pytest.raises(ValueError, match=message):
        network.host(name, address)


async def test_two_hosts_have_a_loopback_each() -> None:
    two = Two()
    with two.b.installed(), ALL:
        server = TCPServerSocket("127.0.0.1", local_port=40000)
    async with server:
        with two.a.installed(), ALL:
            socket = TCPSocket("127.0.0.1", 40000)
        with pytest.raises(NetworkError) as caught:
            await socket.opened
        assert caught.value.errno == errno.ECONNREFUSED
        with two.b.installed(), ALL:
            socket = TCPSocket("localhost", 40000)
        async with socket as info:
            assert info.remote_address == "127.0.0.1"


async def test_a_host_without_a_version_has_no_way_there() -> None:
    network = VirtualNetwork()
    host = network.host("a", "10.0.0.1")
    for address in ("fd00::1", "ff05::1"):
        with host.installed(), ALL:
            udp = UDPSocket(remote_address=address, remote_port=9)
        with pytest.raises(NetworkError) as caught:
            await udp.opened
        assert caught.value.errno == errno.ENETUNREACH
    member = await bind(host, "::")
    with pytest.raises(OSError, match=r".") as no_device:
        await answered(member.join_multicast_group(ip_address("ff05::1"), None))
    assert no_device.value.errno == errno.ENODEV
    member.close()


# Descriptors -------------------------------------------------------------------------------------------


async def test_without_a_descriptor_nothing_is_opened() -> None:
    two = Two()
    two.b.descriptor_limit = 1
    assert two.b.descriptor_limit == 1
    server = await two.listen()
    assert two.b.open_descriptors == 1
    for opening in (two.listen(), bind(two.b, "10.0.0.2"), connect_datagrams(two.b, "10.0.0.1", 9)):
        with pytest.raises(OSError, match=r".") as caught:
            await opening
        assert caught.value.errno == errno.EMFILE
    two.a.descriptor_limit = 0
    with pytest.raises(OSError, match=r".") as of_connecting:
        await two.connect(server.local.port)
    assert of_connecting.value.errno == errno.EMFILE
    server.close()
    assert (two.a.open_descriptors, two.b.open_descriptors) == (0, 0)


async def test_a_server_without_a_descriptor_waits_for_one() -> None:
    two = Two()
    server = await two.listen()
    two.b.descriptor_limit = 2
    other = await bind(two.b, "10.0.0.2")
    clients = [await two.connect(server.local.port) for _ in range(3)]
    accepting = server.accept(3)
    await two.network.run_for(60_000)
    assert is_pending(accepting)
    other.close()
    [first] = await answered(accepting)
    accepting = server.accept(3)
    await two.network.run_for(60_000)
    assert is_pending(accepting)
    two.b.descriptor_limit = None
    accepted = [first, *await answered(accepting)]
    assert len(accepted) == 3
    for connection in (*clients, *accepted):
        connection.close()
    server.close()


async def test_what_fails_to_open_gives_its_descriptor_back() -> None:
    two = Two()
    with pytest.raises(OSError, match=r"."):
        await two.connect(80)
    with pytest.raises(OSError, match=r"."):
        await bind(two.a, "10.0.0.9")
    server = await two.listen(TCPServerParameters(40000))
    with pytest.raises(OSError, match=r".") as caught:
        await two.listen(TCPServerParameters(40000))
    assert caught.value.errno == errno.EADDRINUSE
    assert (two.a.open_descriptors, two.b.open_descriptors) == (0, 1)
    server.close()
    server.close()  # once is enough
    assert two.b.open_descriptors == 0


# Ports -------------------------------------------------------------------------------------------------


async def test_ports_run_out() -> None:
    two = Two()
    assert two.a.ephemeral_ports == range(32768, 61000)
    two.a.ephemeral_ports = two.b.ephemeral_ports = range(50000, 50002)
    servers = [await two.listen(), await two.listen()]
    clients = [await two.connect(servers[0].local.port) for _ in range(2)]
    datagrams = [await bind(two.a, "0.0.0.0"), await connect_datagrams(two.a, "10.0.0.2", 9)]
    for opening, number in (
        (two.listen(), errno.EADDRINUSE),
        (two.connect(servers[1].local.port), errno.EADDRNOTAVAIL),
        (bind(two.a, "0.0.0.0"), errno.EADDRINUSE),
        (connect_datagrams(two.a, "10.0.0.2", 9), errno.EAGAIN),
    ):
        with pytest.raises(OSError, match=r".") as caught:
            await opening
        assert caught.value.errno == number
    assert {client.local.port for client in clients} == {each.local.port for each in datagrams} == {50000, 50001}
    for connection in clients:
        connection.close()
    for each in datagrams:
        each.close()
    for server in servers:
        server.close()


async def test_ports_can_not_be_chosen_where_there_are_none() -> None:
    two = Two()
    two.a.ephemeral_ports = range(0)
    with two.a.installed(), ALL:
        socket = TCPSocket("b", 80)
    with pytest.raises(NetworkError) as caught:
        await socket.opened
    assert caught.value.errno == errno.EADDRNOTAVAIL


# Crashes -----------------------------------------------------------------------------------------------


async def test_a_host_that_crashes_forgets_everything_and_tells_nobody() -> None:
    two = Two()
    server = await two.listen()
    client = await two.connect(server.local.port)
    [accepted] = await answered(server.accept(1))
    waiting = await two.connect(server.local.port)
    await two.network.run_for(10)
    datagrams = await bind(two.b, "10.0.0.2", 5000)
    accepting, reading, receiving = server.accept(2), accepted.read(1), datagrams.provide(1)
    [queued] = await answered(accepting)
    accepting = server.accept(1)
    two.b.crash()
    assert await error_of(accepting) == await error_of(server.accept(1)) == errno.ENETDOWN
    assert await error_of(reading) == errno.ECONNRESET
    assert await error_of(receiving) == await error_of(datagrams.provide(1)) == errno.ENETDOWN
    there = client.read(1)
    await two.network.run_for(3600_000)
    assert is_pending(there)
    assert (two.b.connections, two.b.servers, two.b.datagram_sockets) == ((), (), ())
    # It is up again: the port is free, and what comes for what was before is refused.
    again = await two.listen(TCPServerParameters(server.local.port))
    client.write(memoryview(b"x"))
    assert await error_of(there) == errno.ECONNRESET
    for connection in (client, accepted, waiting, queued):
        connection.close()
    for each in (server, again):
        each.close()
    datagrams.close()
    await two.network.run_for(10)
    assert (two.a.open_descriptors, two.b.open_descriptors) == (0, 0)


async def test_sockets_of_a_host_that_crashed_send_nothing() -> None:
    two = Two()
    here, there = await bind(two.a, "10.0.0.1"), await bind(two.b, "10.0.0.2", 5000)
    two.a.crash()
    assert await error_of(here.send(memoryview(b"x"), Destination("10.0.0.2", 5000))) == errno.ENETDOWN
    here.close()
    there.close()


# Reading back --------------------------------------------------------------------------------------------


async def test_sockets_and_their_options_can_be_looked_at() -> None:
    two = Two()
    with ALL:
        with two.b.installed():
            server = TCPServerSocket("::", local_port=40000, backlog=7, ipv6_only=False)
            udp = UDPSocket(local_address="::", local_port=5000, ipv6_only=True, multicast_time_to_live=9)
        await server.opened
        await udp.opened
        with two.a.installed():
            client = TCPSocket("b", 40000, no_delay=True, keep_alive_delay=5000, send_buffer_size=9)
    await client.opened
    await two.network.run_for(10)
    [listening] = two.b.servers
    assert listening.parameters == TCPServerParameters(40000, 7, False)
    assert listening.local == ("::", 40000)
    assert repr(listening) == "<VirtualTCPServer :: port 40000>"
    [datagrams] = two.b.datagram_sockets
    assert datagrams.parameters == UDPSocketParameters(None, None, True, 9)
    assert repr(datagrams) == "<VirtualDatagramSocket :: port 5000>"
    [connection] = two.a.connections
    assert connection.parameters == TCPConnectionParameters(9, None, True, 5000)
    [other_end] = two.b.connections
    assert other_end.remote == ("::ffff:10.0.0.1", connection.local.port)
    await asyncio.gather(client.close(), server.close(), udp.close())
    await two.network.run_for(10)
    assert (two.a.connections, two.b.connections, two.b.servers, two.b.datagram_sockets) == ((), (), (), ())
