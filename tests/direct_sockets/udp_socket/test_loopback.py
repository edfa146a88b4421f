"""UDPSocket with real sockets on loopback."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket as system_socket
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from direct_sockets import (
    UDPMessage,
    UDPSocket,
    UDPSocketOpenInfo,
)
from direct_sockets._udp_socket import READABLE_HIGH_WATER_MARK
from tests.support import settle
from tests.support.operating_system import (
    ALL,
    BOTH,
    handmade_udp_socket,
    linux_udp_socket_of,
    plain_udp_socket,
    receive_from,
    refusing_udp_port,
)
from tests.support.recording import PENDING, EventTrace, outcome
from whatwg_streams import (
    AbortError,
    NetworkError,
)


@asynccontextmanager
async def _bound(address: str = "127.0.0.1", **options: Any) -> AsyncIterator[tuple[UDPSocket, Any]]:
    with ALL:
        socket = UDPSocket(local_address=address, **options)
    async with socket as info:
        yield socket, info


@asynccontextmanager
async def _connected(address: str, port: int, **options: Any) -> AsyncIterator[tuple[UDPSocket, Any]]:
    with ALL:
        socket = UDPSocket(remote_address=address, remote_port=port, **options)
    async with socket as info:
        yield socket, info


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_two_sockets_talk(address: str) -> None:
    async with _bound(address) as (_, server), _connected(address, server.local_port) as (_, client):
        assert (client.remote_address, client.remote_port) == (address, server.local_port)
        assert (server.local_address, client.local_address) == (address, address)
        assert server.remote_address is None
        to_server, from_client = client.writable.get_writer(), server.readable.get_reader()
        to_client, from_server = server.writable.get_writer(), client.readable.get_reader()
        for data in (b"ping", b"", bytes(1000)):
            await to_server.write(UDPMessage(data))
            message = (await from_client.read()).value
            assert message == UDPMessage(data, address, client.local_port)
            await to_client.write(message)
            assert (await from_server.read()).value == UDPMessage(data)


@pytest.mark.parametrize("ipv6_only", [None, False, True])
async def test_dual_stack(ipv6_only: bool | None) -> None:  # E50
    async with _bound("::", ipv6_only=ipv6_only) as (socket, info):
        only = bool(linux_udp_socket_of(socket).getsockopt(system_socket.IPPROTO_IPV6, system_socket.IPV6_V6ONLY))
        assert only is (sys.platform == "win32" if ipv6_only is None else ipv6_only)
        writer, reader = info.writable.get_writer(), info.readable.get_reader()
        with plain_udp_socket("::1") as peer:
            await writer.write(UDPMessage(b"six", "::1", peer.getsockname()[1]))
            data, sender = await receive_from(peer)
            assert (data, sender[:2]) == (b"six", ("::1", info.local_port))
            peer.sendto(b"back", sender)
            message = (await reader.read()).value
            assert message == UDPMessage(b"back", "::1", peer.getsockname()[1])
        with plain_udp_socket() as peer:
            port = peer.getsockname()[1]
            to_ipv4 = UDPMessage(b"four", "127.0.0.1", port)
            if only:
                with pytest.raises(NetworkError) as caught:
                    await writer.write(to_ipv4)
                assert caught.value.errno == errno.EAFNOSUPPORT
                return
            await writer.write(to_ipv4)
            data, sender = await receive_from(peer)
            assert (data, sender) == (b"four", ("127.0.0.1", info.local_port))
            peer.sendto(b"back", sender)
            message = (await reader.read()).value
            assert message == UDPMessage(b"back", "::ffff:127.0.0.1", port)
            await writer.write(message)
            assert await receive_from(peer) == (b"back", ("127.0.0.1", info.local_port))


async def test_an_ipv4_socket_reaches_no_ipv6_address() -> None:
    async with _bound() as (_, info):
        with pytest.raises(NetworkError) as caught:
            await info.writable.get_writer().write(UDPMessage(b"x", "::1", 1024))
        assert caught.value.errno == errno.EAFNOSUPPORT


async def test_a_mapped_address_can_be_bound_to_and_connected_to() -> None:  # E50
    mapped = "::ffff:127.0.0.1"
    async with _bound(mapped) as (_, server), _connected(mapped, server.local_port) as (_, client):
        assert (server.local_address, client.remote_address, client.local_address) == (mapped, mapped, mapped)
        await client.writable.get_writer().write(UDPMessage(b"x"))
        assert (await server.readable.get_reader().read()).value == UDPMessage(b"x", mapped, client.local_port)


@pytest.mark.parametrize("kind", ["ipv4", "ipv6"])
async def test_names_are_looked_up_for_each_message(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: object, *, family: int, **_: object) -> list[tuple[Any, ...]]:
        assert host == "both.example"
        both = [(system_socket.AF_INET6, ("::1", 0, 0, 0)), (system_socket.AF_INET, ("127.0.0.1", 0))]
        return [(each, None, None, "", sockaddr) for each, sockaddr in both if each == family]

    monkeypatch.setattr(system_socket, "getaddrinfo", look_up)
    address = "127.0.0.1" if kind == "ipv4" else "::1"
    async with _bound("::") as (_, info):
        with plain_udp_socket(address) as peer:
            writer = info.writable.get_writer()
            await writer.write(UDPMessage(b"x", "both.example", peer.getsockname()[1], kind))
            await writer.write(UDPMessage(b"y", address, peer.getsockname()[1], kind))
            assert (await receive_from(peer))[0] == b"x"
            assert (await receive_from(peer))[0] == b"y"


@pytest.mark.parametrize(
    ("address", "kind"),
    [("127.0.0.1", "ipv6"), ("::1", "ipv4"), ("", None), ("a\0b", None), ("x" * 64, None)],
    ids=ascii,
)
async def test_a_destination_that_does_not_resolve_ends_the_writing(address: str, kind: Any) -> None:
    async with _bound("::") as (socket, info):
        with pytest.raises(NetworkError, match="sending"):
            await info.writable.get_writer().write(UDPMessage(b"x", address, 1024, kind))
        assert outcome(socket.closed) == PENDING


@pytest.mark.parametrize(("address", "largest"), [("127.0.0.1", 65535 - 20 - 8), ("::1", 65535 - 8)])
async def test_the_largest_datagram_and_one_byte_more(address: str, largest: int) -> None:
    async with (
        _bound(address, receive_buffer_size=2**20) as (_, server),
        _connected(address, server.local_port) as (_, info),
    ):
        writer, reader = info.writable.get_writer(), server.readable.get_reader()
        data = bytes(range(256)) * 256
        await writer.write(UDPMessage(data[:largest]))
        assert (await reader.read()).value.data == data[:largest]
        with pytest.raises(NetworkError, match="sending") as caught:
            await writer.write(UDPMessage(data[: largest + 1]))
        assert caught.value.errno == errno.EMSGSIZE


async def test_a_burst_beyond_the_mark_stays_in_the_systems_buffer() -> None:
    async with _bound(receive_buffer_size=2**20) as (_, info):
        with plain_udp_socket() as peer:
            for number in range(300):
                peer.sendto(b"%d" % number, ("127.0.0.1", info.local_port))
        await settle(50)
        with info.readable.get_reader() as reader:
            received = [(await reader.read()).value.data for _ in range(300)]
        assert received == [b"%d" % number for number in range(300)]


async def test_buffer_sizes_are_set() -> None:
    async with _bound(send_buffer_size=2**14, receive_buffer_size=2**15) as (socket, _):
        sock = linux_udp_socket_of(socket)
        doubled = 2 if sys.platform == "linux" else 1
        assert sock.getsockopt(system_socket.SOL_SOCKET, system_socket.SO_SNDBUF) == doubled * 2**14
        assert sock.getsockopt(system_socket.SOL_SOCKET, system_socket.SO_RCVBUF) == doubled * 2**15


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_refused_datagram_surfaces_at_the_next_receive(address: str) -> None:  # E48
    async with _connected(address, refusing_udp_port(address)) as (socket, info):
        writer, reader = info.writable.get_writer(), info.readable.get_reader()
        for _ in range(3):  # the error of one is not that of the next
            await writer.write(UDPMessage(b"anybody there?"))
        with pytest.raises(NetworkError, match="refused") as caught:
            await reader.read()
        assert caught.value.errno == errno.ECONNREFUSED
        for _ in range(3):
            await writer.write(UDPMessage(b"still here"))
        assert outcome(socket.closed) == PENDING
        await writer.close()
        with pytest.raises(NetworkError):
            await socket.closed


async def test_a_refused_datagram_with_a_full_queue() -> None:  # E48
    with plain_udp_socket() as peer:
        async with _connected("127.0.0.1", peer.getsockname()[1]) as (_, info):
            for number in range(READABLE_HIGH_WATER_MARK):
                peer.sendto(b"%d" % number, (info.local_address, info.local_port))
            reader, writer = info.readable.get_reader(), info.writable.get_writer()
            assert (await reader.read()).value.data == b"0"
            peer.sendto(b"last", (info.local_address, info.local_port))
            await settle()
            peer.close()
            await writer.write(UDPMessage(b"1"))
            await writer.write(UDPMessage(b"2"))
            assert (await reader.read()).value.data == b"1"  # makes room for one more: the next receive
            with pytest.raises(NetworkError, match="refused"):
                for _ in range(READABLE_HIGH_WATER_MARK):
                    await reader.read()


async def test_an_address_in_use_is_a_network_error() -> None:
    async with _bound() as (_, info):
        with pytest.raises(NetworkError, match="in use") as caught:
            async with _bound(local_port=info.local_port):
                pass
        assert caught.value.errno == errno.EADDRINUSE


async def test_an_address_of_another_machine_can_not_be_bound_to() -> None:
    with pytest.raises(NetworkError) as caught:
        async with _bound("198.51.100.1"):
            pass
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_port_0_can_not_be_connected_to() -> None:
    with pytest.raises(NetworkError):
        async with _connected("127.0.0.1", 0):
            pass


async def test_sharing_lets_two_sockets_have_one_port() -> None:  # E34
    async with _bound(multicast_allow_address_sharing=True) as (_, info):
        async with _bound(multicast_allow_address_sharing=True, local_port=info.local_port) as (_, other):
            assert other.local_port == info.local_port
        with pytest.raises(NetworkError):
            async with _bound(local_port=info.local_port):
                pass


async def test_a_socket_can_be_iterated_over_and_piped_from() -> None:
    async with _bound() as (_, server), _connected("127.0.0.1", server.local_port) as (_, client):
        with client.writable.get_writer() as writer:
            for number in range(3):
                await writer.write(UDPMessage(b"%d" % number))
        received = []
        async for message in server.readable.values(prevent_cancel=True):
            received.append(message.data)
            if len(received) == 3:
                break
        assert received == [b"0", b"1", b"2"]


async def test_many_sockets_at_once() -> None:
    async def talk(port: int, number: int) -> None:
        async with UDPSocket(remote_address="127.0.0.1", remote_port=port) as info:
            await info.writable.get_writer().write(UDPMessage(b"%d" % number))
            assert (await info.readable.get_reader().read()).value == UDPMessage(b"%d" % number)

    async def echo(info: UDPSocketOpenInfo) -> None:
        await info.readable.pipe_to(info.writable)

    async with _bound(receive_buffer_size=2**20) as (_, server):
        task = asyncio.create_task(echo(server))
        with BOTH:
            async with asyncio.TaskGroup() as group:
                for number in range(200):
                    group.create_task(talk(server.local_port, number))
    with pytest.raises(AbortError):
        await task


async def test_sockets_that_are_closed_are_garbage() -> None:
    async with _bound() as (socket, info):
        await info.readable.cancel()
        await socket.close()
        remains = [weakref.ref(socket), weakref.ref(info.readable), weakref.ref(info.multicast_controller)]
    del socket, info
    await settle()
    gc.collect()
    assert [one() for one in remains] == [None] * 3


async def test_the_handmade_system_is_like_the_real_one() -> None:
    """What the tests above rely on holds on loopback too."""
    with plain_udp_socket() as peer:
        async with _connected("127.0.0.1", peer.getsockname()[1]) as (socket, info):

            def send(data: bytes) -> None:
                peer.sendto(data, (info.local_address, info.local_port))

            async def receive() -> bytes:
                return (await receive_from(peer))[0]

            trace = await _conversation(socket, info, send, receive)
    socket, info, datagrams = await handmade_udp_socket()

    async def sent() -> bytes:
        return datagrams.sent[-1][0]

    assert await _conversation(socket, info, datagrams.feed, sent) == trace


async def _conversation(
    socket: UDPSocket, info: UDPSocketOpenInfo, send: Any, receive: Any
) -> list[tuple[object, ...]]:
    trace = EventTrace()
    trace.watch("closed", socket.closed)
    reader, writer = info.readable.get_reader(), info.writable.get_writer()
    trace.watch("reader closed", reader.closed)
    trace.watch("writer closed", writer.closed)
    read = reader.read()
    await settle()
    send(b"ping")
    trace.log("read", (await read).value)
    await writer.write({"data": b"pong"})
    trace.log("sent", await receive())
    await writer.close()
    await reader.cancel()
    await socket.closed
    return trace.events
