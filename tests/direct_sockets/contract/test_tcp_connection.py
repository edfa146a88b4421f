"""The contract of `TCPConnection`, and of opening one: on this machine and on a virtual one."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from direct_sockets._operating_system import (
    Endpoint,
    ResolvedAddress,
    TCPConnection,
    TCPConnectionParameters,
    TCPServerParameters,
)
from tests.support import settle
from tests.support.machines import (
    ANY,
    ANY_6,
    LOOPBACK,
    LOOPBACK_6,
    TCP,
    Machine,
    answered,
    connected,
    error_of,
    is_pending,
    listening,
    receive_all,
    refusing_tcp_port,
)
from whatwg_streams import Promise

MAPPED = ResolvedAddress(ip_address("::ffff:127.0.0.1"))
GROUP = ResolvedAddress(ip_address("224.0.0.1"))
#: More than the buffers of both ends take.
MUCH = 32 * 2**20


# Opening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6], ids=["ipv4", "ipv6"])
async def test_both_ends_know_both_ends(machine: Machine, address: ResolvedAddress) -> None:
    async with connected(machine, TCP, address) as (client, accepted):
        assert client.remote.address == client.local.address == str(address.address)
        assert client.remote == accepted.local
        assert client.local == accepted.remote
        assert client.local.port != client.remote.port


async def test_a_mapped_address_is_reported_as_such(machine: Machine) -> None:
    async with listening(machine) as server:
        client = await machine.system.open_a_tcp_socket([MAPPED], server.local.port, TCP)
        assert client.remote == Endpoint("::ffff:127.0.0.1", server.local.port)
        assert client.local.address == "::ffff:127.0.0.1"
        [accepted] = await answered(server.accept(1))
        assert accepted.remote == Endpoint("127.0.0.1", client.local.port)
        client.close()
        accepted.close()


async def test_addresses_are_tried_in_their_order_until_one_answers(machine: Machine) -> None:
    async with listening(machine) as server:
        other = ResolvedAddress(ip_address("127.0.0.2"))
        client = await machine.system.open_a_tcp_socket([LOOPBACK_6, LOOPBACK, other], server.local.port, TCP)
        assert client.remote == server.local
        client.close()


async def test_if_none_answers_the_first_error_is_the_one(machine: Machine) -> None:
    port = await refusing_tcp_port(machine)
    for addresses, number in (([GROUP, LOOPBACK], errno.ENETUNREACH), ([LOOPBACK, GROUP], errno.ECONNREFUSED)):
        with pytest.raises(OSError, match=r".") as caught:
            await machine.system.open_a_tcp_socket(addresses, port, TCP)
        assert caught.value.errno == number


@pytest.mark.parametrize("address", ["255.255.255.255", "::ffff:255.255.255.255", "ff02::1"])
async def test_nobody_can_be_connected_to_everybody(machine: Machine, address: str) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        await machine.system.open_a_tcp_socket([ResolvedAddress(ip_address(address))], 80, TCP)
    assert caught.value.errno == errno.ENETUNREACH


@pytest.mark.parametrize("address", [ANY, ANY_6], ids=["ipv4", "ipv6"])
async def test_the_unspecified_address_is_that_of_this_machine(machine: Machine, address: ResolvedAddress) -> None:
    loopback = LOOPBACK if address is ANY else LOOPBACK_6
    async with listening(machine, loopback) as server:
        client = await machine.system.open_a_tcp_socket([address], server.local.port, TCP)
        assert client.remote == server.local
        client.close()


async def test_port_0_refuses(machine: Machine) -> None:
    with pytest.raises(ConnectionRefusedError):
        await machine.system.open_a_tcp_socket([LOOPBACK], 0, TCP)


async def test_a_connect_that_is_cancelled_leaves_nothing(machine: Machine) -> None:
    async with listening(machine, parameters=TCPServerParameters(backlog=1)) as server:
        queued = [await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP) for _ in range(2)]
        task = asyncio.create_task(machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP))
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for connection in queued:
            connection.close()
    # That no descriptor is left open is checked after each test.


async def test_options_are_taken(machine: Machine) -> None:
    huge = 2**32 - 1
    for parameters in (
        TCPConnectionParameters(no_delay=True, keep_alive_delay=1000),
        TCPConnectionParameters(send_buffer_size=4096, receive_buffer_size=4096),
        TCPConnectionParameters(send_buffer_size=huge, receive_buffer_size=huge, keep_alive_delay=huge),
    ):
        async with connected(machine, parameters) as (client, accepted):
            assert await answered(client.write(memoryview(b"hello"))) is True
            assert await answered(accepted.read(10)) == b"hello"


# Reading -----------------------------------------------------------------------------------------------


async def test_what_is_there_is_read_at_once(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        first = client.read(100)
        assert is_pending(first)
        accepted.write(memoryview(b"hello"))
        assert await answered(first) == b"hello"
        accepted.write(memoryview(b"once more"))
        await machine.rest()
        assert client.read(4) == b"once"
        assert client.read(100) == b" more"
        accepted.shut_down_for_writing()
        await machine.rest()
        assert client.read(100) == b""
        assert client.read(100) == b""


async def test_bytes_are_read_into_memory(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        memory = bytearray(8)
        answer = client.read_into(memoryview(memory)[2:6])
        accepted.write(memoryview(b"abcdef"))
        assert await answered(answer) == 4
        assert memory == b"\0\0abcd\0\0"
        assert await answered(client.read_into(memoryview(memory))) == 2
        accepted.shut_down_for_writing()
        assert await answered(client.read_into(memoryview(memory))) == 0


async def test_what_is_there_already_is_read_into_memory_at_once(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        memory = bytearray(4)
        assert client.read_into_at_once(memoryview(memory)) == 0
        answer = client.read_into(memoryview(memory))
        accepted.write(memoryview(b"abcdefgh"))
        assert await answered(answer) == 4
        assert client.read_into_at_once(memoryview(memory)) == 4
        assert memory == b"efgh"
        accepted.shut_down_for_writing()
        await machine.rest()
        assert client.read_into_at_once(memoryview(memory)) == 0
        assert await answered(client.read_into(memoryview(memory))) == 0


async def test_what_there_is_already_is_read_at_once(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        assert client.read_at_once(4) is None
        answer = client.read(4)
        accepted.write(memoryview(b"abcdefgh"))
        assert await answered(answer) == b"abcd"
        assert client.read_at_once(3) == b"efg"
        assert client.read_at_once(3) == b"h"
        accepted.shut_down_for_writing()
        await machine.rest()
        assert client.read_at_once(3) in {None, b""}
        assert await answered(client.read(3)) == b""


@pytest.mark.parametrize("into", [True, False], ids=["into", ""])
async def test_a_reset_is_told_by_the_read_after_one_at_once(machine: Machine, into: bool) -> None:
    async with connected(machine) as (client, accepted):
        await _reset(accepted, client, machine)
        await machine.rest()
        memory = memoryview(bytearray(4))
        if into:
            assert client.read_into_at_once(memory) == 0
        else:
            assert client.read_at_once(4) is None
        assert await error_of(client.read_into(memory) if into else client.read(4)) == errno.ECONNRESET
        assert await answered(client.read(4)) == b""


async def test_a_read_that_was_stopped_takes_nothing_off_the_socket(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        stopped = client.read(100)
        client.stop_reading()
        accepted.write(memoryview(b"hello"))
        await machine.rest()
        assert is_pending(stopped)
        assert await answered(client.read(100)) == b"hello"


@pytest.mark.parametrize("kind", [bytes, memoryview, lambda data: memoryview(bytearray(data))])
async def test_bytes_are_written_from_any_memory_whether_there_is_room_or_not(
    machine: Machine, kind: Callable[[bytes], bytes | memoryview]
) -> None:
    async with connected(machine) as (client, accepted):
        assert accepted.write(kind(b"hello")) is True
        assert await answered(client.read(100)) == b"hello"
        much = bytes(range(256)) * 2**16
        written = accepted.write(kind(much))
        received = bytearray()
        while len(received) < len(much):
            received += await answered(client.read(2**20))
        assert received == much
        assert await answered(written) is True


async def test_writes_are_one_stream_of_bytes(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        for letter in b"abc":
            accepted.write(memoryview(bytes([letter])))
        await machine.rest()
        assert client.read(2) == b"ab"
        assert client.read(2) == b"c"


# Writing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"hello"], ids=repr)
async def test_what_there_is_room_for_is_written_at_once(machine: Machine, data: bytes) -> None:
    async with connected(machine) as (client, accepted):
        assert client.write(memoryview(data)) is True
        assert client.shut_down_for_writing() is None
        assert await receive_all(accepted) == data


async def test_a_write_waits_for_the_reader_and_needs_nothing_of_its_memory(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        data = bytearray(range(256)) * (MUCH // 256)
        expected = bytes(data)
        answer = client.write(memoryview(data))
        assert isinstance(answer, Promise)
        data[:] = bytes(len(data))
        await machine.rest()
        assert is_pending(answer)
        reading = asyncio.create_task(receive_all(accepted))
        assert await answer is True
        client.shut_down_for_writing()
        assert await reading == expected


async def test_items_of_any_size_are_bytes(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        numbers = array.array("I", range(100_000))
        answer = client.write(memoryview(numbers).cast("B"))
        reading = asyncio.create_task(receive_all(accepted))
        assert await answered(answer) is True
        client.shut_down_for_writing()
        assert await reading == numbers.tobytes()


async def test_a_write_that_is_stopped_has_written_some(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        answer = client.write(memoryview(bytes(MUCH)))
        assert isinstance(answer, Promise)
        client.stop_writing()
        assert await answer is False
        client.stop_writing()  # there is none any more
        client.shut_down_for_writing()
        assert 0 < len(await receive_all(accepted)) < MUCH


# One side after the other --------------------------------------------------------------------------------


async def test_each_side_finishes_by_itself(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        client.shut_down_for_writing()
        assert await answered(accepted.read(10)) == b""
        assert accepted.write(memoryview(b"still")) is True
        assert await answered(client.read(10)) == b"still"
        accepted.shut_down_for_writing()
        assert await answered(client.read(10)) == b""


async def test_after_the_shutdown_nothing_is_written(machine: Machine) -> None:
    async with connected(machine) as (client, _):
        client.shut_down_for_writing()
        assert await error_of(client.write(memoryview(b"x"))) == errno.EPIPE
        assert client.shut_down_for_writing() is None  # as often as one likes
    async with connected(machine) as (client, accepted):
        client.shut_down_for_writing()
        accepted.shut_down_for_writing()
        await machine.rest()
        assert await error_of(client.shut_down_for_writing()) == errno.ENOTCONN  # until both have


# Resets ------------------------------------------------------------------------------------------------


async def _reset(connection: TCPConnection, other: TCPConnection, machine: Machine) -> None:
    """Reset from the side of `connection`, by closing it with something unread."""
    other.write(memoryview(b"unread"))
    await machine.rest()
    connection.close()


async def test_closing_with_something_unread_resets(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        answer = client.read(10)
        await _reset(accepted, client, machine)
        assert await error_of(answer) == errno.ECONNRESET
        assert await answered(client.read(10)) == b""  # the error is told once
        assert await error_of(client.write(memoryview(b"x"))) == errno.EPIPE
        assert await error_of(client.shut_down_for_writing()) == errno.ENOTCONN


async def test_what_came_before_a_reset_is_read_before_it(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        accepted.write(memoryview(b"hello"))
        await _reset(accepted, client, machine)
        await machine.rest()
        assert await answered(client.read(2)) == b"he"
        assert await answered(client.read(10)) == b"llo"
        assert await error_of(client.read_into(memoryview(bytearray(1)))) == errno.ECONNRESET
        assert await answered(client.read(10)) == b""


async def test_a_write_is_told_of_a_reset_if_it_comes_first(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        await _reset(accepted, client, machine)
        await machine.rest()
        assert await error_of(client.write(memoryview(b"x"))) == errno.ECONNRESET
        assert await answered(client.read(10)) == b""


async def test_a_reset_ends_a_write_that_waits_and_is_told_once(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        answer = client.write(memoryview(bytes(MUCH)))
        await machine.rest()
        accepted.close()
        assert await error_of(answer) == errno.ECONNRESET
        assert await answered(client.read(10)) == b""  # the error is told once
    async with connected(machine) as (client, accepted):
        answer, reading = client.write(memoryview(bytes(MUCH))), client.read(10)
        await machine.rest()
        accepted.close()
        assert await error_of(reading) == errno.ECONNRESET
        assert await error_of(answer) == errno.EPIPE


async def test_bytes_for_whom_has_closed_are_answered_by_a_reset(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        accepted.close()
        await machine.rest()
        assert await answered(client.read(10)) == b""
        assert client.write(memoryview(b"x")) is True
        await machine.rest()
        assert await error_of(client.write(memoryview(b"x"))) == errno.EPIPE
        assert await answered(client.read(10)) == b""


# The end -----------------------------------------------------------------------------------------------


async def test_closing_ends_what_is_under_way(machine: Machine) -> None:
    async with connected(machine) as (client, _):
        read = client.read(1)
        write = client.write(memoryview(bytes(MUCH)))
        await answered(client.close())
        assert await answered(write) is False
        assert is_pending(read)


async def test_closing_sends_what_was_written(machine: Machine) -> None:
    async with connected(machine) as (client, accepted):
        client.write(memoryview(b"the last words"))
        client.close()
        assert await receive_all(accepted) == b"the last words"


async def test_ports_of_those_that_are_closed_are_not_used_again_at_once(machine: Machine) -> None:
    async with listening(machine) as server:
        ports = set()
        for _ in range(10):
            client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
            ports.add(client.local.port)
            [accepted] = await answered(server.accept(1))
            client.close()
            assert await receive_all(accepted) == b""
            accepted.close()
    assert len(ports) == 10


async def test_many_connections_at_a_time(machine: Machine) -> None:
    async with listening(machine) as server, contextlib.AsyncExitStack() as stack:
        for number in range(50):
            client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
            [accepted] = await answered(server.accept(1))
            stack.callback(client.close)
            stack.callback(accepted.close)
            assert client.local == accepted.remote
            client.write(memoryview(b"%d" % number))
            assert await answered(accepted.read(10)) == b"%d" % number
