"""The contract of `DatagramSocket`: on this machine and on a virtual one."""

from __future__ import annotations

import errno
from ipaddress import ip_address

import pytest

from direct_sockets._operating_system import Destination, Endpoint, ResolvedAddress, UDPSocketParameters
from tests.support.machines import (
    ANY,
    ANY_6,
    LOOPBACK,
    LOOPBACK_6,
    UDP,
    Machine,
    answered,
    bound,
    connected_to,
    error_of,
    is_pending,
    refusing_udp_port,
)

MAPPED = ResolvedAddress(ip_address("::ffff:127.0.0.1"))
BROADCAST = ResolvedAddress(ip_address("255.255.255.255"))
#: The most that a datagram of either version has room for.
LARGEST = {LOOPBACK: 65507, LOOPBACK_6: 65527}


def _to(endpoint: Endpoint, address: str = "127.0.0.1") -> Destination:
    return Destination(address, endpoint.port)


# Opening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6, ANY, ANY_6, MAPPED], ids=str)
async def test_a_bound_socket_knows_its_end(machine: Machine, address: ResolvedAddress) -> None:
    async with bound(machine, address) as datagrams:
        expected = "::ffff:127.0.0.1" if address is MAPPED else str(address.address)
        assert datagrams.local == Endpoint(expected, datagrams.local.port)
        assert datagrams.local.port >= 1024
        assert datagrams.remote is None


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6, MAPPED], ids=str)
async def test_a_connected_socket_knows_both_ends(machine: Machine, address: ResolvedAddress) -> None:
    async with connected_to(machine, [address], 1024) as datagrams:
        expected = "::ffff:127.0.0.1" if address is MAPPED else str(address.address)
        assert datagrams.remote == Endpoint(expected, 1024)
        assert datagrams.local == Endpoint(expected, datagrams.local.port)


async def test_addresses_are_tried_in_their_order(machine: Machine) -> None:
    async with connected_to(machine, [BROADCAST, LOOPBACK_6, LOOPBACK], 1024) as datagrams:
        assert datagrams.remote == Endpoint("::1", 1024)
    with pytest.raises(PermissionError):
        await machine.system.open_a_udp_socket("connected", [BROADCAST, BROADCAST], 1024, UDP)


async def test_only_addresses_of_this_machine_can_be_bound(machine: Machine) -> None:
    for address in ("8.8.8.8", "2001:db8::1"):
        with pytest.raises(OSError, match=r".") as caught:
            await machine.system.open_a_udp_socket("bound", [ResolvedAddress(ip_address(address))], 0, UDP)
        assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_options_are_taken(machine: Machine) -> None:
    parameters = UDPSocketParameters(2**32 - 1, 2**32 - 1, None, 7, False, True)
    for address in (LOOPBACK, LOOPBACK_6):
        async with (
            bound(machine, address, parameters) as one,
            connected_to(
                machine, [address], one.local.port, parameters._replace(multicast_allow_address_sharing=False)
            ) as other,
        ):
            other.send(memoryview(b"x"), None)
            assert await answered(one.provide(1)) == [(b"x", other.local)]


# There and back ----------------------------------------------------------------------------------------


async def test_datagrams_come_one_by_one_with_their_source(machine: Machine) -> None:
    async with bound(machine) as one, bound(machine) as other:
        for data in (b"one", b"", b"three"):
            assert other.send(memoryview(data), _to(one.local)) is True
        await machine.rest()
        assert await answered(one.provide(2)) == [(b"one", other.local), (b"", other.local)]
        assert await answered(one.provide(9)) == [(b"three", other.local)]


async def test_a_receive_waits_for_a_datagram(machine: Machine) -> None:
    async with bound(machine) as one, bound(machine) as other:
        answer = one.provide(5)
        await machine.rest()
        assert is_pending(answer)
        other.send(memoryview(b"x"), _to(one.local))
        assert await answered(answer) == [(b"x", other.local)]


async def test_what_was_stopped_takes_nothing_off_the_socket(machine: Machine) -> None:
    async with bound(machine) as one, bound(machine) as other:
        stopped = one.provide(1)
        one.stop_providing()
        other.send(memoryview(b"x"), _to(one.local))
        await machine.rest()
        assert is_pending(stopped)
        assert await answered(one.provide(1)) == [(b"x", other.local)]


async def test_a_connected_socket_hears_its_peer_alone(machine: Machine) -> None:
    async with (
        bound(machine) as peer,
        bound(machine) as stranger,
        connected_to(machine, [LOOPBACK], peer.local.port) as datagrams,
    ):
        stranger.send(memoryview(b"?"), _to(datagrams.local))
        peer.send(memoryview(b"x"), _to(datagrams.local))
        assert await answered(datagrams.provide(9)) == [(b"x", None)]
        datagrams.send(memoryview(b"y"), None)
        assert await answered(peer.provide(9)) == [(b"y", datagrams.local)]


async def test_memory_is_free_after_the_send(machine: Machine) -> None:
    async with bound(machine) as one, bound(machine) as other:
        data = bytearray(b"before")
        answer = other.send(memoryview(data), Destination("localhost", one.local.port, "ipv4"))
        data[:] = b"after!"
        assert await answered(answer) is True
        assert [data for data, _ in await answered(one.provide(1))] == [b"before"]


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6], ids=str)
async def test_the_largest_datagram_and_one_byte_more(machine: Machine, address: ResolvedAddress) -> None:
    async with bound(machine, address) as one:
        to = Destination(str(address.address), one.local.port)
        assert await answered(one.send(memoryview(bytes(LARGEST[address])), to)) is True
        [(data, _)] = await answered(one.provide(1))
        assert len(data) == LARGEST[address]
        assert await error_of(one.send(memoryview(bytes(LARGEST[address] + 1)), to)) == errno.EMSGSIZE


async def test_when_the_buffer_is_full_datagrams_are_dropped(machine: Machine) -> None:
    async with bound(machine, parameters=UDPSocketParameters(receive_buffer_size=8192)) as one, bound(machine) as other:
        for number in range(1000):
            other.send(memoryview(b"%d" % number), _to(one.local))
        await machine.rest()
        received = [data for data, _ in await answered(one.provide(1000))]
        assert received == [b"%d" % number for number in range(len(received))]
        assert 1 < len(received) < 1000
        other.send(memoryview(bytes(60_000)), _to(one.local))  # one there is room for always
        assert [len(data) for data, _ in await answered(one.provide(9))] == [60_000]


# Versions ----------------------------------------------------------------------------------------------


async def test_a_socket_for_both_versions(machine: Machine) -> None:
    async with bound(machine, ANY_6) as dual, bound(machine) as ipv4, bound(machine, LOOPBACK_6) as ipv6:
        dual.send(memoryview(b"4"), _to(ipv4.local))
        assert [data for data, _ in await answered(ipv4.provide(1))] == [b"4"]
        dual.send(memoryview(b"mapped"), _to(ipv4.local, "::ffff:127.0.0.1"))
        assert [data for data, _ in await answered(ipv4.provide(1))] == [b"mapped"]
        dual.send(memoryview(b"6"), _to(ipv6.local, "::1"))
        assert [data for data, _ in await answered(ipv6.provide(1))] == [b"6"]
        ipv4.send(memoryview(b"x"), _to(dual.local))
        assert await answered(dual.provide(1)) == [(b"x", Endpoint("::ffff:127.0.0.1", ipv4.local.port))]
        ipv6.send(memoryview(b"y"), _to(dual.local, "::1"))
        assert await answered(dual.provide(1)) == [(b"y", ipv6.local)]


async def test_a_socket_for_ipv6_only(machine: Machine) -> None:
    async with bound(machine, ANY_6, UDPSocketParameters(ipv6_only=True)) as only, bound(machine) as ipv4:
        assert await error_of(only.send(memoryview(b"x"), _to(ipv4.local))) == errno.EAFNOSUPPORT
        assert await error_of(only.send(memoryview(b"x"), _to(ipv4.local, "::ffff:127.0.0.1"))) == errno.ENETUNREACH
        ipv4.send(memoryview(b"x"), _to(only.local))
        answer = only.provide(1)
        await machine.rest()
        assert is_pending(answer)
        only.stop_providing()


async def test_a_socket_of_the_other_version(machine: Machine) -> None:
    async with bound(machine) as ipv4, bound(machine, LOOPBACK_6) as ipv6:
        assert await error_of(ipv4.send(memoryview(b"x"), _to(ipv6.local, "::1"))) == errno.EAFNOSUPPORT
        assert await error_of(ipv6.send(memoryview(b"x"), _to(ipv4.local))) == errno.EAFNOSUPPORT


# What can not be sent ------------------------------------------------------------------------------------


async def test_where_nothing_can_be_sent_to(machine: Machine) -> None:
    async with bound(machine) as datagrams:
        for address, port, number in (
            ("127.0.0.1", 0, errno.EINVAL),
            ("255.255.255.255", 9, errno.EACCES),
            ("8.8.8.8", 9, errno.EINVAL),  # from loopback
        ):
            assert await error_of(datagrams.send(memoryview(b"x"), Destination(address, port))) == number
        assert await error_of(datagrams.send(memoryview(b"x"), Destination("x" * 64, 9))) is not None
        assert await error_of(datagrams.send(memoryview(b"x"), Destination("127.0.0.1", 9, "ipv6"))) is not None
        assert await answered(datagrams.send(memoryview(b"x"), _to(datagrams.local))) is True


async def test_a_name_is_sent_to_the_address_that_the_socket_can_send_to(machine: Machine) -> None:
    async with bound(machine) as one, bound(machine) as other:
        answer = other.send(memoryview(b"x"), Destination("localhost", one.local.port))
        assert is_pending(answer)
        assert await answered(answer) is True
        assert await answered(one.provide(1)) == [(b"x", other.local)]


async def test_a_send_that_looks_a_name_up_can_be_stopped(machine: Machine) -> None:
    async with bound(machine) as one, bound(machine) as other:
        answer = other.send(memoryview(b"x"), Destination("localhost", one.local.port))
        other.stop_sending()
        assert await answered(answer) is False
        other.stop_sending()  # there is none any more
        received = one.provide(1)
        await machine.rest()
        assert is_pending(received)
        one.stop_providing()


# Refusals, which ICMP tells of ---------------------------------------------------------------------------


async def test_a_refusal_is_an_error_of_the_receive_that_waits(machine: Machine) -> None:  # E48
    port = await refusing_udp_port(machine)
    async with connected_to(machine, [LOOPBACK], port) as datagrams:
        answer = datagrams.provide(1)
        assert datagrams.send(memoryview(b"x"), None) is True
        assert await error_of(answer) == errno.ECONNREFUSED
        answer = datagrams.provide(1)
        await machine.rest()
        assert is_pending(answer)
        async with bound(machine, LOOPBACK, port=port) as peer:  # now somebody receives there
            assert peer.send(memoryview(b"hello"), _to(datagrams.local)) is True
            assert await answered(answer) == [(b"hello", None)]


async def test_a_refusal_is_an_error_of_the_next_receive_not_of_the_next_send(machine: Machine) -> None:  # E48
    async with connected_to(machine, [LOOPBACK_6], await refusing_udp_port(machine, LOOPBACK_6)) as datagrams:
        assert datagrams.send(memoryview(b"x"), None) is True
        await machine.rest()
        assert datagrams.send(memoryview(b"x"), None) is True
        await machine.rest()
        assert await error_of(datagrams.provide(1)) == errno.ECONNREFUSED


async def test_a_bound_socket_is_not_told_of_refusals(machine: Machine) -> None:
    async with bound(machine) as datagrams:
        assert datagrams.send(memoryview(b"x"), Destination("127.0.0.1", await refusing_udp_port(machine))) is True
        answer = datagrams.provide(1)
        await machine.rest()
        assert is_pending(answer)
        datagrams.stop_providing()


# Sharing -----------------------------------------------------------------------------------------------


async def test_who_gets_a_datagram_of_those_that_share_an_address(machine: Machine) -> None:
    sharing = UDPSocketParameters(multicast_allow_address_sharing=True)
    async with bound(machine) as sender, bound(machine, LOOPBACK, sharing) as first:
        port = first.local.port
        async with (
            bound(machine, LOOPBACK, sharing, port) as second,
            bound(machine, ANY, sharing, port) as ipv4,
            bound(machine, ANY_6, sharing, port) as dual,
        ):
            # The one with the address, and of these the last one; then the one of the version.
            for expected in (second, first, ipv4, dual):
                sender.send(memoryview(b"x"), Destination("127.0.0.1", port))
                await machine.rest()
                assert [data for data, _ in await answered(expected.provide(9))] == [b"x"]
                expected.close()


# The end -----------------------------------------------------------------------------------------------


async def test_closing_ends_what_is_under_way(machine: Machine) -> None:
    async with bound(machine) as datagrams:
        received = datagrams.provide(1)
        sent = datagrams.send(memoryview(b"x"), Destination("localhost", 9))
        assert datagrams.close() is None
        assert await answered(sent) is False
        assert is_pending(received)
