"""The contract of `TCPServer`, and of the rules of binding: on this machine and on a virtual one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from ipaddress import ip_address

import pytest

from direct_sockets._operating_system import Endpoint, ResolvedAddress, TCPServerParameters, UDPSocketParameters
from tests.support import settle
from tests.support.machines import (
    ANY,
    ANY_6,
    LOOPBACK,
    LOOPBACK_6,
    TCP,
    Machine,
    answered,
    bound,
    connected,
    error_of,
    is_pending,
    listening,
)

# Listening ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6, ANY, ANY_6], ids=str)
async def test_a_server_knows_where_it_is_bound(machine: Machine, address: ResolvedAddress) -> None:
    async with listening(machine, address) as server:
        assert server.local.address == str(address.address)
        assert server.local.port >= 1024


async def test_only_addresses_of_this_machine_can_be_bound(machine: Machine) -> None:
    for address in ("8.8.8.8", "2001:db8::1"):
        with pytest.raises(OSError, match=r".") as caught:
            await machine.system.open_a_tcp_server_socket(ip_address(address), TCPServerParameters())
        assert caught.value.errno == errno.EADDRNOTAVAIL


async def _reaches(machine: Machine, address: ResolvedAddress, port: int) -> bool:
    try:
        client = await machine.system.open_a_tcp_socket([address], port, TCP)
    except ConnectionRefusedError:
        return False
    client.close()
    return True


@pytest.mark.parametrize(
    ("address", "ipv6_only", "ipv4", "ipv6"),
    [
        (ANY, None, True, False),
        (ANY_6, None, True, True),
        (ANY_6, False, True, True),
        (ANY_6, True, False, True),
        (LOOPBACK, None, True, False),
        (LOOPBACK_6, None, False, True),
    ],
    ids=str,
)
async def test_who_reaches_a_server(
    machine: Machine, address: ResolvedAddress, ipv6_only: bool | None, ipv4: bool, ipv6: bool
) -> None:
    async with listening(machine, address, TCPServerParameters(ipv6_only=ipv6_only)) as server:
        assert await _reaches(machine, LOOPBACK, server.local.port) == ipv4
        assert await _reaches(machine, LOOPBACK_6, server.local.port) == ipv6


async def test_clients_of_ipv4_are_mapped_where_both_versions_are(machine: Machine) -> None:
    async with listening(machine, ANY_6) as server:
        client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        [accepted] = await answered(server.accept(1))
        assert accepted.remote == Endpoint("::ffff:127.0.0.1", client.local.port)
        assert accepted.local == Endpoint("::ffff:127.0.0.1", server.local.port)
        client.close()
        accepted.close()


# Binding -----------------------------------------------------------------------------------------------

_KINDS: dict[str, tuple[str, bool | None]] = {
    "0.0.0.0": ("0.0.0.0", None),
    "127.0.0.1": ("127.0.0.1", None),
    "127.0.0.2": ("127.0.0.2", None),
    "::": ("::", None),
    ":: only": ("::", True),
    ":: both": ("::", False),
    "::1": ("::1", None),
    "mapped": ("::ffff:127.0.0.1", None),
}
_DUAL = {"::", ":: both"}
_OF_IPV4 = {"0.0.0.0", "127.0.0.1", "127.0.0.2", "mapped"}


def _may_be_bound_together(first: str, second: str) -> bool:
    if _DUAL & {first, second}:
        return False
    if (first in _OF_IPV4) != (second in _OF_IPV4):
        return True
    return {first, second} in ({"127.0.0.1", "127.0.0.2"}, {"127.0.0.2", "mapped"})


@pytest.mark.parametrize("first", _KINDS)
async def test_who_may_have_one_port(machine: Machine, first: str) -> None:
    address, only = _KINDS[first]
    for second, (other_address, other_only) in _KINDS.items():
        expected = None if _may_be_bound_together(first, second) else errno.EADDRINUSE
        # Of a port that another process has at the second address nothing can be learnt: then it is tried again.
        errors = [await _error_of_a_second_server(machine, address, only, other_address, other_only) for _ in range(3)]
        assert _most_telling(errors) == expected, second
        for may_share in (False, True):
            parameters = UDPSocketParameters(ipv6_only=only, multicast_allow_address_sharing=may_share)
            other = parameters._replace(ipv6_only=other_only)
            errors = [
                await _error_of_a_second_binding(machine, address, parameters, other_address, other) for _ in range(3)
            ]
            assert _most_telling(errors) == (None if may_share else expected), second


def _most_telling(errors: list[int | None]) -> int | None:
    return None if None in errors else errors[0]


async def _error_of_a_second_server(
    machine: Machine, address: str, ipv6_only: bool | None, other_address: str, other_ipv6_only: bool | None
) -> int | None:
    parameters = TCPServerParameters(None, 9, ipv6_only)
    async with listening(machine, ResolvedAddress(ip_address(address)), parameters) as one:
        return await _error_of_listening(machine, other_address, one.local.port, other_ipv6_only)


async def _error_of_a_second_binding(
    machine: Machine, address: str, parameters: UDPSocketParameters, other_address: str, other: UDPSocketParameters
) -> int | None:
    async with bound(machine, ResolvedAddress(ip_address(address)), parameters) as one:
        return await _error_of_binding(machine, other_address, one.local.port, other)


async def _error_of_listening(machine: Machine, address: str, port: int, ipv6_only: bool | None) -> int | None:
    try:
        server = await machine.system.open_a_tcp_server_socket(
            ip_address(address), TCPServerParameters(port, ipv6_only=ipv6_only)
        )
    except OSError as error:
        return error.errno
    server.close()
    return None


async def _error_of_binding(machine: Machine, address: str, port: int, parameters: UDPSocketParameters) -> int | None:
    try:
        datagrams = await machine.system.open_a_udp_socket(
            "bound", [ResolvedAddress(ip_address(address))], port, parameters
        )
    except OSError as error:
        return error.errno
    datagrams.close()
    return None


async def test_one_that_does_not_share_keeps_those_out_that_would(machine: Machine) -> None:
    sharing = UDPSocketParameters(multicast_allow_address_sharing=True)
    for first, second in ((sharing, UDPSocketParameters()), (UDPSocketParameters(), sharing)):
        datagrams = await machine.system.open_a_udp_socket("bound", [LOOPBACK], 0, first)
        assert await _error_of_binding(machine, "127.0.0.1", datagrams.local.port, second) == errno.EADDRINUSE
        datagrams.close()


async def test_the_port_is_free_again_at_once(machine: Machine) -> None:
    async with listening(machine) as server:
        port = server.local.port
        client = await machine.system.open_a_tcp_socket([LOOPBACK], port, TCP)
        [accepted] = await answered(server.accept(1))
    async with listening(machine, parameters=TCPServerParameters(port)):  # though a connection is there
        accepted.close()
        await machine.rest()
        client.close()
        await machine.rest()
    async with listening(machine, parameters=TCPServerParameters(port)):  # or was, a moment ago
        pass


async def test_the_port_of_a_client_is_taken(machine: Machine) -> None:
    async with connected(machine) as (client, _):
        assert await _error_of_listening(machine, "127.0.0.1", client.local.port, None) == errno.EADDRINUSE


# Accepting ---------------------------------------------------------------------------------------------


async def test_connections_are_accepted_in_their_order_as_many_as_are_wanted(machine: Machine) -> None:
    async with listening(machine) as server, contextlib.AsyncExitStack() as stack:
        clients = []
        for _ in range(5):
            clients.append(await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP))
            stack.callback(clients[-1].close)
        await machine.rest()
        accepted = [*(await answered(server.accept(2))), *(await answered(server.accept(100)))]
        for connection in accepted:
            stack.callback(connection.close)
        assert [each.remote for each in accepted] == [each.local for each in clients]


async def test_an_accept_waits_for_a_connection(machine: Machine) -> None:
    async with listening(machine) as server:
        answer = server.accept(2)
        await machine.rest()
        assert is_pending(answer)
        client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        [accepted] = await answered(answer)
        assert accepted.remote == client.local
        client.close()
        accepted.close()


async def test_an_accept_that_was_stopped_takes_no_connection(machine: Machine) -> None:
    async with listening(machine) as server:
        stopped = server.accept(1)
        server.stop_accepting()
        client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        await machine.rest()
        assert is_pending(stopped)
        [accepted] = await answered(server.accept(1))
        client.close()
        accepted.close()


async def test_bytes_that_come_before_the_accept_are_kept(machine: Machine) -> None:
    async with listening(machine) as server:
        client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        client.write(memoryview(b"early"))
        client.close()
        await machine.rest()
        [accepted] = await answered(server.accept(1))
        assert await answered(accepted.read(10)) == b"early"
        assert await answered(accepted.read(10)) == b""
        accepted.close()


async def test_beyond_the_backlog_connections_wait(machine: Machine) -> None:
    async with (
        listening(machine, parameters=TCPServerParameters(backlog=1)) as server,
        contextlib.AsyncExitStack() as s,
    ):
        for _ in range(2):  # one more than that, as the system counts
            s.callback((await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)).close)
        last = asyncio.create_task(machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP))
        await settle()
        assert not last.done()
        for connection in await answered(server.accept(2)):
            s.callback(connection.close)
        s.callback((await last).close)  # it tries again after a second


async def test_a_connection_that_was_reset_while_it_waited_is_accepted_and_says_so(machine: Machine) -> None:
    async with listening(machine, parameters=TCPServerParameters(backlog=5)) as server:
        other = await machine.system.open_a_tcp_server_socket(ip_address("127.0.0.1"), TCPServerParameters())
        client = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        client.write(memoryview(b"early"))
        await machine.rest()
        # A peer that closes with something unread: nobody could have sent it anything but the server.
        [accepted] = await answered(server.accept(1))
        accepted.write(memoryview(b"unread"))
        await machine.rest()
        client.close()
        await machine.rest()
        assert await answered(accepted.read(10)) == b"early"
        assert await error_of(accepted.read(10)) == errno.ECONNRESET
        accepted.close()
        other.close()


# The end -----------------------------------------------------------------------------------------------


async def test_closing_refuses_those_in_the_queue_and_leaves_those_accepted(machine: Machine) -> None:
    async with listening(machine) as server:
        first = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        [accepted] = await answered(server.accept(1))
        second = await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        await machine.rest()
        server.close()
        assert await error_of(second.read(1)) == errno.ECONNRESET
        with pytest.raises(ConnectionRefusedError):
            await machine.system.open_a_tcp_socket([LOOPBACK], server.local.port, TCP)
        accepted.write(memoryview(b"still here"))
        assert await answered(first.read(100)) == b"still here"
        for connection in (first, accepted, second):
            connection.close()


async def test_closing_leaves_an_accept_pending(machine: Machine) -> None:
    async with listening(machine) as server:
        answer = server.accept(1)
        assert server.close() is None
        await machine.rest()
        assert is_pending(answer)
