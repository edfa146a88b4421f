"""The contract of the sockets themselves: the same programs, on this machine and on a virtual one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from typing import Any

import pytest

from direct_sockets import (
    MulticastMembership,
    TCPServerSocket,
    TCPServerSocketOpenInfo,
    TCPSocket,
    TCPSocketOpenInfo,
    UDPMessage,
    UDPSocket,
    UDPSocketOpenInfo,
)
from tests.support.machines import Machine, answered, refusing_tcp_port, refusing_udp_port
from tests.support.operating_system import ALL, ONE
from tests.support.sockets import read_everything
from whatwg_streams import AbortError, InvalidStateError, NetworkError, NotAllowedError


def _tcp(machine: Machine, address: str, port: int, **options: Any) -> TCPSocket:
    with machine.installed(), ALL:
        return TCPSocket(address, port, **options)


def _server(machine: Machine, address: str = "127.0.0.1", **options: Any) -> TCPServerSocket:
    with machine.installed(), ALL:
        return TCPServerSocket(address, **options)


def _udp(machine: Machine, **options: Any) -> UDPSocket:
    with machine.installed(), ALL:
        return UDPSocket(**options)


@contextlib.asynccontextmanager
async def _pair(machine: Machine, **options: Any) -> AsyncIterator[tuple[TCPSocket, TCPSocket]]:
    """Both ends of a connection, open."""
    async with _server(machine) as info:
        with info.readable.get_reader() as reader:
            async with _tcp(machine, "127.0.0.1", info.local_port, **options) as _:
                pass
            client = _tcp(machine, "127.0.0.1", info.local_port, **options)
            await client.opened
            first = (await reader.read()).value
            async with first:
                pass
            accepted = (await reader.read()).value
        async with client, accepted:
            yield client, accepted


async def _write(info: TCPSocketOpenInfo, data: bytes) -> None:
    with info.writable.get_writer() as writer:
        await writer.write(data)


async def _read(info: TCPSocketOpenInfo, size: int = 65536) -> bytes:
    with info.readable.get_reader(mode="byob") as reader:
        return bytes((await reader.read(bytearray(size))).value or b"")


# TCP ---------------------------------------------------------------------------------------------------


async def test_a_conversation(machine: Machine) -> None:
    async with _pair(machine, no_delay=True, keep_alive_delay=60_000) as (client, accepted):
        here, there = await client.opened, await accepted.opened
        assert (here.local_port, here.remote_port) == (there.remote_port, there.local_port)
        await _write(here, b"ping")
        assert await _read(there) == b"ping"
        await _write(there, b"pong")
        assert await _read(here) == b"pong"
        await here.writable.close()
        assert await read_everything(there.readable) == b""
        await _write(there, b"good-bye")
        await there.writable.close()
        assert await read_everything(here.readable) == b"good-bye"
        await client.closed
        await accepted.closed


async def test_everything_arrives_as_it_was_sent(machine: Machine) -> None:
    data = bytes(range(256)) * 4096
    async with _pair(machine) as (client, accepted):
        here, there = await client.opened, await accepted.opened

        async def send() -> None:
            with here.writable.get_writer() as writer:
                for start in range(0, len(data), 100_000):
                    await writer.write(data[start : start + 100_000])
                await writer.close()

        sending = asyncio.create_task(send())
        received = await read_everything(there.readable)
        await sending
        assert received == data


async def test_an_echo_by_a_pipe(machine: Machine) -> None:
    data = bytes(range(256)) * 2000
    async with _pair(machine) as (client, accepted):
        here, there = await client.opened, await accepted.opened
        echoing = asyncio.ensure_future(there.readable.pipe_to(there.writable))

        async def send() -> None:
            await _write(here, data)
            await here.writable.close()

        sending = asyncio.create_task(send())
        assert await read_everything(here.readable) == data
        await sending
        await echoing


async def test_backpressure_reaches_the_writer(machine: Machine) -> None:
    async with _pair(machine) as (client, accepted):
        here, there = await client.opened, await accepted.opened
        written = 0

        async def send() -> None:
            nonlocal written
            with here.writable.get_writer() as writer:
                for _ in range(512):
                    await writer.write(bytes(65536))
                    written += 1
                await writer.close()

        sending = asyncio.create_task(send())
        for _ in range(3):
            await machine.rest()
        stopped_at = written
        assert stopped_at < 512
        await machine.rest()
        assert written == stopped_at
        assert len(await read_everything(there.readable)) == 512 * 65536
        await sending


async def test_a_refused_connection(machine: Machine) -> None:
    port = await refusing_tcp_port(machine)
    socket = _tcp(machine, "localhost", port)
    with pytest.raises(NetworkError) as caught:
        await socket.opened
    assert caught.value.errno == errno.ECONNREFUSED
    with pytest.raises(NetworkError):
        await socket.closed


async def test_who_closes_with_something_unread_resets(machine: Machine) -> None:
    async with _pair(machine) as (client, accepted):
        here = await client.opened
        # It is more than the other end's queue takes, so some of it is unread when that closes.
        writing = asyncio.create_task(_write(here, bytes(32 * 2**20)))
        await machine.rest()
        await accepted.close()
        with pytest.raises(NetworkError) as caught:
            await writing
        assert caught.value.errno in {errno.ECONNRESET, errno.EPIPE}
        assert await read_everything(here.readable) == b""  # what closing sends first is a FIN
        with pytest.raises(NetworkError):
            await client.closed


async def test_a_reset_that_the_writer_is_told_of_is_no_end_for_the_reader(machine: Machine) -> None:
    async with _pair(machine) as (client, accepted):
        here = await client.opened
        assert accepted._connection is not None
        await _write(here, bytes(100_000))  # more than its stream takes: closing is going to reset
        await machine.rest()
        await answered(accepted._connection.close())
        with pytest.raises(NetworkError) as caught:
            await _write(here, bytes(32 * 2**20))
        told_first = caught.value.errno
        with pytest.raises(NetworkError) as caught:
            await read_everything(here.readable)
        assert errno.ECONNRESET in {told_first, caught.value.errno}
        with pytest.raises(NetworkError):
            await client.closed


async def test_the_private_network_needs_its_permission(machine: Machine) -> None:
    for address in ("127.0.0.1", "localhost", "127.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"):
        with machine.installed(), ONE:
            socket = TCPSocket(address, 80)
        with pytest.raises(NotAllowedError):
            await socket.opened


async def test_closing_with_a_locked_stream(machine: Machine) -> None:
    async with _pair(machine) as (client, _):
        here = await client.opened
        with here.readable.get_reader(), pytest.raises(InvalidStateError):
            await client.close()
        await client.close()


async def test_aborting_ends_a_write_that_waits(machine: Machine) -> None:
    async with _pair(machine) as (client, accepted):
        here, there = await client.opened, await accepted.opened
        with here.writable.get_writer() as writer:
            writing = writer.write(bytes(32 * 2**20))
            await machine.rest()
            await writer.abort(AbortError("enough"))
            with pytest.raises(AbortError):
                await writing
        received = await read_everything(there.readable)
        assert 0 < len(received) < 32 * 2**20


# Servers -----------------------------------------------------------------------------------------------


async def _serve(info: TCPServerSocketOpenInfo, count: int) -> None:
    """Echo to so many clients at a time."""

    async def echo(connection: TCPSocket) -> None:
        async with connection as streams:
            await streams.readable.pipe_to(streams.writable)

    async with asyncio.TaskGroup() as group:
        with info.readable.get_reader() as reader:
            for _ in range(count):
                group.create_task(echo((await reader.read()).value))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::"])
async def test_many_clients_at_a_time(machine: Machine, address: str) -> None:
    async with _server(machine, address) as info:
        serving = asyncio.create_task(_serve(info, 20))

        async def client(number: int) -> bytes:
            async with _tcp(machine, "::1" if address == "::" else address, info.local_port) as streams:
                await _write(streams, b"%d" % number)
                await streams.writable.close()
                return await read_everything(streams.readable)

        assert await asyncio.gather(*map(client, range(20))) == [b"%d" % number for number in range(20)]
        await serving


async def test_an_address_in_use(machine: Machine) -> None:
    async with _server(machine, local_port=None) as info:
        if info.local_port < 32678:  # which nobody may ask for
            pytest.skip("the system has chosen a low port")
        other = _server(machine, local_port=info.local_port)
        with pytest.raises(NetworkError) as caught:
            await other.opened
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_server_that_is_closed_refuses(machine: Machine) -> None:
    server = _server(machine)
    info = await server.opened
    await server.close()
    client = _tcp(machine, "127.0.0.1", info.local_port)
    with pytest.raises(NetworkError):
        await client.opened


# UDP ---------------------------------------------------------------------------------------------------


async def _send(info: UDPSocketOpenInfo, *messages: UDPMessage) -> None:
    with info.writable.get_writer() as writer:
        for message in messages:
            await writer.write(message)


async def _receive(info: UDPSocketOpenInfo, count: int = 1) -> list[UDPMessage]:
    with info.readable.get_reader() as reader:
        return [(await reader.read()).value for _ in range(count)]


async def test_datagrams_there_and_back(machine: Machine) -> None:
    async with (
        _udp(machine, local_address="127.0.0.1") as there,
        _udp(machine, remote_address="localhost", remote_port=there.local_port, dns_query_type="ipv4") as here,
    ):
        assert (here.remote_address, here.remote_port) == ("127.0.0.1", there.local_port)
        await _send(here, UDPMessage(b"one"), UDPMessage(b""), UDPMessage(b"three"))
        received = await _receive(there, 3)
        assert [bytes(message.data or b"") for message in received] == [b"one", b"", b"three"]
        assert {(message.remote_address, message.remote_port) for message in received} == {
            (here.local_address, here.local_port)
        }
        await _send(there, UDPMessage(b"back", here.local_address, here.local_port))
        assert await _receive(here) == [UDPMessage(b"back")]


async def test_a_burst_beyond_the_high_water_mark_is_not_dropped(machine: Machine) -> None:
    async with _udp(machine, local_address="127.0.0.1") as there, _udp(machine, local_address="127.0.0.1") as here:
        await _send(here, *(UDPMessage(b"%d" % n, "127.0.0.1", there.local_port) for n in range(100)))
        await machine.rest()
        received = await _receive(there, 100)
        assert [bytes(message.data or b"") for message in received] == [b"%d" % n for n in range(100)]


async def test_a_datagram_that_is_too_large(machine: Machine) -> None:
    async with _udp(machine, local_address="127.0.0.1") as here:
        await _send(here, UDPMessage(bytes(65507), "127.0.0.1", here.local_port))
        [message] = await _receive(here)
        assert len(bytes(message.data or b"")) == 65507
        with pytest.raises(NetworkError) as caught:
            await _send(here, UDPMessage(bytes(65508), "127.0.0.1", here.local_port))
        assert caught.value.errno == errno.EMSGSIZE


async def test_a_refused_datagram_errors_the_readable_side(machine: Machine) -> None:  # E48
    port = await refusing_udp_port(machine)
    async with _udp(machine, remote_address="127.0.0.1", remote_port=port) as here:
        await _send(here, UDPMessage(b"x"))
        with pytest.raises(NetworkError) as caught:
            await _receive(here)
        assert caught.value.errno == errno.ECONNREFUSED
        await _send(here, UDPMessage(b"y"))  # the writable side goes on (E35)


# Multicast -----------------------------------------------------------------------------------------------


async def test_groups_are_joined_and_left(machine: Machine) -> None:
    options = {"local_address": "0.0.0.0", "multicast_time_to_live": 0}  # so that nothing leaves the machine
    async with _udp(machine, **options) as there, _udp(machine, **options) as here:
        controller = there.multicast_controller
        assert controller is not None
        await controller.join_group("239.255.4.9")
        await controller.join_group("232.1.1.9", source_address="192.0.2.77")
        assert controller.joined_groups == ("239.255.4.9", MulticastMembership("232.1.1.9", "192.0.2.77"))
        await _send(here, UDPMessage(b"x", "239.255.4.9", there.local_port))
        assert [bytes(message.data or b"") for message in await _receive(there)] == [b"x"]
        await controller.leave_group("239.255.4.9")
        await controller.leave_group("232.1.1.9", source_address="192.0.2.77")
        assert not controller.joined_groups
