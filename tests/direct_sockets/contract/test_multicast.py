"""The contract of a `DatagramSocket`'s multicast groups: on this machine and on a virtual one.

Nothing that is sent has a time to live with which it would leave the machine.
"""

from __future__ import annotations

import errno
from ipaddress import ip_address
from typing import Any

import pytest

from direct_sockets._operating_system import Destination, ResolvedAddress, UDPSocketParameters
from tests.support.machines import (
    ANY,
    ANY_6,
    LOOPBACK,
    Machine,
    answered,
    bound,
    error_of,
    is_pending,
)

GROUP = ip_address("239.255.4.1")
OTHER_GROUP = ip_address("239.255.4.2")
GROUP_6 = ip_address("ff12::4:1")
SOURCE_GROUP = ip_address("232.1.1.4")
SOURCE_GROUP_6 = ip_address("ff32::8000:4")
HERE = UDPSocketParameters(multicast_time_to_live=0)
SHARING = HERE._replace(multicast_allow_address_sharing=True)
#: Of no machine.
SOURCE, OTHER_SOURCE = ip_address("192.0.2.77"), ip_address("192.0.2.78")
SOURCE_6, OTHER_SOURCE_6 = ip_address("2001:db8::77"), ip_address("2001:db8::78")
VERSIONS = pytest.mark.parametrize(
    ("address", "group"), [(ANY, GROUP), (ANY_6, GROUP_6), (ANY_6, GROUP)], ids=["ipv4", "ipv6", "both"]
)


@VERSIONS
async def test_members_receive_until_they_leave(machine: Machine, address: ResolvedAddress, group: Any) -> None:
    async with bound(machine, address) as member, bound(machine, address, HERE) as sender:
        to = Destination(str(group), member.local.port)
        received = member.provide(9)
        sender.send(memoryview(b"before"), to)
        await machine.rest()
        assert is_pending(received)
        await answered(member.join_multicast_group(group, None))
        sender.send(memoryview(b"joined"), to)
        assert [data for data, _ in await answered(received)] == [b"joined"]
        await answered(member.leave_multicast_group(group, None))
        received = member.provide(9)
        sender.send(memoryview(b"after"), to)
        await machine.rest()
        assert is_pending(received)
        member.stop_providing()


@VERSIONS
async def test_each_of_those_that_share_an_address_receives(
    machine: Machine, address: ResolvedAddress, group: Any
) -> None:
    async with bound(machine, address, SHARING) as one:
        port = one.local.port
        async with bound(machine, address, SHARING, port) as other, bound(machine, address, SHARING, port) as third:
            for member in (one, other):
                await answered(member.join_multicast_group(group, None))
            third.send(memoryview(b"x"), Destination(str(group), port))
            for member in (one, other):
                assert [data for data, _ in await answered(member.provide(9))] == [b"x"]
            received = third.provide(9)  # what others have joined is no business of it (E66)
            await machine.rest()
            assert is_pending(received)
            third.stop_providing()


@VERSIONS
async def test_without_loopback_this_machine_does_not_receive(
    machine: Machine, address: ResolvedAddress, group: Any
) -> None:
    silent = HERE._replace(multicast_loopback=False)
    async with bound(machine, address) as member, bound(machine, address, silent) as sender:
        await answered(member.join_multicast_group(group, None))
        received = member.provide(1)
        assert await answered(sender.send(memoryview(b"x"), Destination(str(group), member.local.port))) is True
        await machine.rest()
        assert is_pending(received)
        member.stop_providing()


async def test_a_socket_that_is_bound_to_one_address_does_not_receive(machine: Machine) -> None:
    async with bound(machine, LOOPBACK) as member, bound(machine, ANY, HERE) as sender:
        await answered(member.join_multicast_group(GROUP, None))
        received = member.provide(1)
        sender.send(memoryview(b"x"), Destination(str(GROUP), member.local.port))
        await machine.rest()
        assert is_pending(received)
        member.stop_providing()


async def test_a_socket_that_is_bound_to_a_group_receives(machine: Machine) -> None:
    async with bound(machine, ResolvedAddress(GROUP)) as member, bound(machine, ANY, HERE) as sender:
        assert member.local.address == str(GROUP)
        await answered(member.join_multicast_group(GROUP, None))
        sender.send(memoryview(b"x"), Destination(str(GROUP), member.local.port))
        assert [data for data, _ in await answered(member.provide(1))] == [b"x"]


async def test_datagrams_of_other_sources_are_not_received(machine: Machine) -> None:
    for address, group, source in ((ANY, SOURCE_GROUP, SOURCE), (ANY_6, SOURCE_GROUP_6, SOURCE_6)):
        async with bound(machine, address) as member, bound(machine, address, HERE) as sender:
            await answered(member.join_multicast_group(group, source))
            received = member.provide(1)
            sender.send(memoryview(b"x"), Destination(str(group), member.local.port))
            await machine.rest()
            assert is_pending(received)
            member.stop_providing()


async def test_datagrams_of_the_source_are_received(machine: Machine) -> None:
    async with bound(machine, ANY) as member, bound(machine, ANY, HERE) as sender:
        # The source is this machine, whose address is learnt from a datagram.
        await answered(member.join_multicast_group(GROUP, None))
        sender.send(memoryview(b"x"), Destination(str(GROUP), member.local.port))
        [(_, source)] = await answered(member.provide(1))
        assert source is not None
        await answered(member.leave_multicast_group(GROUP, None))
        await answered(member.join_multicast_group(SOURCE_GROUP, ip_address(source.address)))
        sender.send(memoryview(b"y"), Destination(str(SOURCE_GROUP), member.local.port))
        [other] = await answered(member.provide(1))
        assert other == (b"y", source)


# Errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "group", "source_group", "source", "other_source"),
    [
        (ANY, GROUP, SOURCE_GROUP, SOURCE, OTHER_SOURCE),
        (ANY_6, GROUP_6, SOURCE_GROUP_6, SOURCE_6, OTHER_SOURCE_6),
    ],
    ids=["ipv4", "ipv6"],
)
async def test_what_can_not_be_joined_or_left(
    machine: Machine,
    address: ResolvedAddress,
    group: Any,
    source_group: Any,
    source: Any,
    other_source: Any,
) -> None:
    async with bound(machine, address) as member:
        join, leave = member.join_multicast_group, member.leave_multicast_group
        assert await error_of(leave(group, None)) == errno.EADDRNOTAVAIL
        assert await error_of(leave(source_group, source)) == errno.EINVAL
        assert await error_of(join(group, None)) is None
        assert await error_of(join(group, None)) == errno.EADDRINUSE
        assert await error_of(join(source_group, source)) is None
        assert await error_of(join(source_group, source)) == errno.EADDRNOTAVAIL
        assert await error_of(join(source_group, None)) == errno.EADDRINUSE
        assert await error_of(join(source_group, other_source)) is None
        assert await error_of(leave(source_group, other_source)) is None
        assert await error_of(leave(source_group, other_source)) == errno.EADDRNOTAVAIL
        assert await error_of(join(group, source)) is None  # from now on, from there only (E61)
        assert await error_of(leave(group, source)) is None
        assert await error_of(leave(group, None)) == errno.EADDRNOTAVAIL
        assert await error_of(leave(source_group, None)) is None  # all of its sources


async def test_groups_of_the_other_version(machine: Machine) -> None:
    async with bound(machine, ANY) as ipv4, bound(machine, ANY_6, UDPSocketParameters(ipv6_only=True)) as ipv6:
        assert await error_of(ipv4.join_multicast_group(GROUP_6, None)) == errno.ENOPROTOOPT
        assert await error_of(ipv6.join_multicast_group(GROUP, None)) == errno.EAFNOSUPPORT


async def test_there_are_as_many_groups_as_the_system_has_room_for(machine: Machine) -> None:
    async with bound(machine, ANY) as member:
        errors = [await error_of(member.join_multicast_group(GROUP + number, None)) for number in range(21)]
        assert errors == [None] * 20 + [errno.ENOBUFS]
    async with bound(machine, ANY) as member:
        errors = [await error_of(member.join_multicast_group(SOURCE_GROUP, SOURCE + number)) for number in range(11)]
        assert errors == [None] * 10 + [errno.ENOBUFS]
