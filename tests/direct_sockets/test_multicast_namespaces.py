"""Multicast with real packets, between hosts that are network namespaces of this machine.

See `tests.support.namespaces`; where they can not be made, the tests are skipped, and say so loudly.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from direct_sockets import MulticastController, MulticastMembership, UDPMessage, UDPSocket
from tests.support.namespaces import Host, Network, inside, ip
from tests.support.operating_system import ALL, linux_udp_socket_of
from tests.support.recording import reason_of
from whatwg_streams import InvalidStateError, NetworkError

PORT = 5353


class Opened(NamedTuple):
    socket: UDPSocket
    writer: Any
    reader: Any
    controller: MulticastController
    port: int

    async def send(self, data: bytes, address: str, port: int = PORT) -> None:
        await self.writer.write(UDPMessage(data, address, port))

    async def receive(self) -> UDPMessage:
        message: UDPMessage = (await self.reader.read()).value
        return message


@asynccontextmanager
async def _at(host: Host, address: str, port: int | None = PORT, **options: Any) -> AsyncIterator[Opened]:
    with ALL:
        udp_socket = UDPSocket(local_address=address, local_port=port, **options)
    with inside(host):
        info = await udp_socket.opened
    assert info.multicast_controller is not None
    async with udp_socket:
        yield Opened(
            udp_socket,
            info.writable.get_writer(),
            info.readable.get_reader(),
            info.multicast_controller,
            info.local_port,
        )


async def _marker(sender: Opened, receiver: Opened, host: Host, version: str) -> list[bytes]:
    """What the receiver has got before a last datagram, which is to itself alone."""
    await sender.send(b"marker", host.address(version))
    received: list[bytes] = []
    while (message := await receiver.receive()).data != b"marker":
        received.append(message.data)
    return received


EVERYWHERE = {"ipv4": "0.0.0.0", "ipv6": "::"}
GROUP = {"ipv4": "239.1.2.3", "ipv6": "ff15::1:2:3"}
OTHER_GROUP = {"ipv4": "239.1.2.4", "ipv6": "ff15::1:2:4"}
SSM_GROUP = {"ipv4": "232.1.2.3", "ipv6": "ff35::1:2:3"}

both_versions = pytest.mark.parametrize("version", ["ipv4", "ipv6"])


@both_versions
async def test_any_source(network: Network, version: str) -> None:
    async with (
        _at(network.receiver, EVERYWHERE[version]) as receiver,
        _at(network.sender, EVERYWHERE[version]) as sender,
        _at(network.stranger, EVERYWHERE[version]) as stranger,
    ):
        group = GROUP[version]
        await sender.send(b"before", group)
        assert await _marker(sender, receiver, network.receiver, version) == []
        await receiver.controller.join_group(group)
        assert receiver.controller.joined_groups == (group,)
        await sender.send(b"joined", group)
        assert await receiver.receive() == UDPMessage(b"joined", network.sender.address(version), PORT)
        await stranger.send(b"joined", group)
        assert await receiver.receive() == UDPMessage(b"joined", network.stranger.address(version), PORT)
        await sender.send(b"another group", OTHER_GROUP[version])
        assert await _marker(sender, receiver, network.receiver, version) == []
        await receiver.controller.leave_group(group)
        await sender.send(b"after", group)
        assert await _marker(sender, receiver, network.receiver, version) == []


@both_versions
async def test_source_specific(network: Network, version: str) -> None:
    async with (
        _at(network.receiver, EVERYWHERE[version]) as receiver,
        _at(network.sender, EVERYWHERE[version]) as sender,
        _at(network.stranger, EVERYWHERE[version]) as stranger,
    ):
        group, source = SSM_GROUP[version], network.sender.address(version)
        await receiver.controller.join_group(group, source_address=source)
        assert receiver.controller.joined_groups == (MulticastMembership(group, source),)
        await stranger.send(b"of a stranger", group)
        assert await _marker(stranger, receiver, network.receiver, version) == []
        await sender.send(b"of the source", group)
        assert await receiver.receive() == UDPMessage(b"of the source", source, PORT)

        # A second source of the same group
        other = network.stranger.address(version)
        await receiver.controller.join_group(group, source_address=other)
        await stranger.send(b"of the other", group)
        assert await receiver.receive() == UDPMessage(b"of the other", other, PORT)

        await receiver.controller.leave_group(group, source_address=source)
        await sender.send(b"after", group)
        assert await _marker(sender, receiver, network.receiver, version) == []
        await stranger.send(b"still", group)
        assert (await receiver.receive()).data == b"still"
        assert receiver.controller.joined_groups == (MulticastMembership(group, other),)


@both_versions
async def test_two_receivers_share_an_address(network: Network, version: str) -> None:  # E34 E66
    async with (
        _at(network.receiver, EVERYWHERE[version], multicast_allow_address_sharing=True) as first,
        _at(network.receiver, EVERYWHERE[version], multicast_allow_address_sharing=True) as second,
        _at(network.sender, EVERYWHERE[version]) as sender,
    ):
        await first.controller.join_group(GROUP[version])
        await second.controller.join_group(GROUP[version])
        await sender.send(b"to both", GROUP[version])
        assert (await first.receive()).data == b"to both"
        assert (await second.receive()).data == b"to both"

        # What one has joined is not the other's, though both are on one port and one host.
        await first.controller.join_group(OTHER_GROUP[version])
        await sender.send(b"to the first", OTHER_GROUP[version])
        await sender.send(b"to both again", GROUP[version])
        assert (await first.receive()).data == b"to the first"
        assert (await first.receive()).data == b"to both again"
        assert (await second.receive()).data == b"to both again"


@both_versions
async def test_receivers_of_different_sources_share_an_address(network: Network, version: str) -> None:
    async with (
        _at(network.receiver, EVERYWHERE[version], multicast_allow_address_sharing=True) as first,
        _at(network.receiver, EVERYWHERE[version], multicast_allow_address_sharing=True) as second,
        _at(network.sender, EVERYWHERE[version]) as sender,
        _at(network.stranger, EVERYWHERE[version]) as stranger,
    ):
        group = SSM_GROUP[version]
        await first.controller.join_group(group, source_address=network.sender.address(version))
        await second.controller.join_group(group, source_address=network.stranger.address(version))
        await sender.send(b"1", group)
        await stranger.send(b"2", group)
        await sender.send(b"3", group)
        assert [(await first.receive()).data for _ in range(2)] == [b"1", b"3"]
        assert (await second.receive()).data == b"2"


@both_versions
async def test_without_sharing_an_address_is_in_use(network: Network, version: str) -> None:  # E34
    async with _at(network.receiver, EVERYWHERE[version], multicast_allow_address_sharing=True):
        with pytest.raises(NetworkError) as caught:
            async with _at(network.receiver, EVERYWHERE[version]):
                pass
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_dual_stack_socket_joins_groups_of_both_versions(network: Network) -> None:  # E50
    async with (
        _at(network.receiver, "::", ipv6_only=False) as receiver,
        _at(network.sender, "::", ipv6_only=False) as sender,
    ):
        for version, source in (
            ("ipv4", f"::ffff:{network.sender.ipv4}"),
            ("ipv6", network.sender.ipv6),
        ):
            await receiver.controller.join_group(GROUP[version])
            await sender.send(b"hello", GROUP[version])
            assert await receiver.receive() == UDPMessage(b"hello", source, PORT)
            await receiver.controller.join_group(SSM_GROUP[version], source_address=network.sender.address(version))
            await sender.send(b"again", SSM_GROUP[version])
            assert await receiver.receive() == UDPMessage(b"again", source, PORT)
        assert len(receiver.controller.joined_groups) == 4


@pytest.mark.parametrize(("version", "only"), [("ipv4", None), ("ipv6", True)])
async def test_a_group_of_the_other_version_is_a_network_error(
    network: Network, version: str, only: bool | None
) -> None:
    other = "ipv6" if version == "ipv4" else "ipv4"
    async with _at(network.receiver, EVERYWHERE[version], ipv6_only=only) as receiver:
        with pytest.raises(NetworkError, match="joining"):
            await receiver.controller.join_group(GROUP[other])
        with pytest.raises(NetworkError, match="joining"):
            await receiver.controller.join_group(SSM_GROUP[other], source_address=network.sender.address(other))
        assert receiver.controller.joined_groups == ()


@both_versions
async def test_bound_to_the_group_itself(network: Network, version: str) -> None:
    async with (
        _at(network.receiver, GROUP[version]) as receiver,
        _at(network.sender, EVERYWHERE[version]) as sender,
    ):
        await receiver.controller.join_group(GROUP[version])
        await sender.send(b"to the host", network.receiver.address(version))
        await sender.send(b"to the group", GROUP[version])
        assert (await receiver.receive()).data == b"to the group"


@both_versions
@pytest.mark.parametrize("loopback", [None, True, False])
async def test_what_a_host_sends_comes_back_to_it_unless_it_does_not_want_that(
    network: Network, version: str, loopback: bool | None
) -> None:
    async with _at(network.receiver, EVERYWHERE[version], multicast_loopback=loopback) as host:
        await host.controller.join_group(GROUP[version])
        await host.send(b"echo", GROUP[version])
        received = await _marker(host, host, network.receiver, version)
        assert received == ([] if loopback is False else [b"echo"])


@both_versions
async def test_a_time_to_live_of_0_does_not_leave_the_host(network: Network, version: str) -> None:
    async with (
        _at(network.sender, EVERYWHERE[version], multicast_time_to_live=0) as sender,
        _at(network.receiver, EVERYWHERE[version]) as receiver,
    ):
        for each in (sender, receiver):
            await each.controller.join_group(GROUP[version])
        await sender.send(b"stays", GROUP[version])
        assert (await sender.receive()).data == b"stays"
        assert await _marker(sender, receiver, network.receiver, version) == []


@both_versions
async def test_the_time_to_live_is_in_the_packets(network: Network, version: str) -> None:
    ip_recvttl = 12  # the number on Linux; Python has no name for it
    level, wanted, kind = (
        (socket.IPPROTO_IP, ip_recvttl, socket.IP_TTL)
        if version == "ipv4"
        else (socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, socket.IPV6_HOPLIMIT)
    )
    for time_to_live, expected in ((None, 1), (42, 42), (255, 255)):
        async with (
            _at(network.sender, EVERYWHERE[version], multicast_time_to_live=time_to_live) as sender,
            _at(network.receiver, EVERYWHERE[version]) as receiver,
        ):
            await receiver.controller.join_group(GROUP[version])
            sock = linux_udp_socket_of(receiver.socket)
            sock.setsockopt(level, wanted, 1)
            await receiver.reader.cancel()  # it is read by hand here: the veth has delivered it when the send returns
            await sender.send(b"x", GROUP[version])
            sock.setblocking(True)
            sock.settimeout(5)
            _, ancillary, _, _ = sock.recvmsg(100, 100)
            [value] = [data for each_level, each_kind, data in ancillary if (each_level, each_kind) == (level, kind)]
            assert int.from_bytes(value, sys.byteorder) == expected


@both_versions
async def test_closing_leaves_the_groups(network: Network, version: str) -> None:
    group, family = GROUP[version], socket.AF_INET if version == "ipv4" else socket.AF_INET6
    async with _at(network.receiver, EVERYWHERE[version]) as receiver:
        await receiver.controller.join_group(group)
        assert _is_joined(network.receiver, group, family)
        receiver.reader.release_lock()
        receiver.writer.release_lock()
        await receiver.socket.close()
        assert not _is_joined(network.receiver, group, family)
        assert isinstance(reason_of(receiver.controller.leave_group(group)), InvalidStateError)
        assert receiver.controller.joined_groups == (group,)


def _is_joined(host: Host, group: str, family: int) -> bool:
    shown = ip("-n", host.namespace, "maddress", "show", "dev", "eth0")
    name = "inet6" if family == socket.AF_INET6 else "inet "
    return any(line.strip().startswith(name) and group in line.split() for line in shown.splitlines())


@both_versions
async def test_a_connected_socket_sends_to_a_group(network: Network, version: str) -> None:  # E33
    async with _at(network.receiver, EVERYWHERE[version]) as receiver:
        await receiver.controller.join_group(GROUP[version])
        with ALL:
            sender = UDPSocket(remote_address=GROUP[version], remote_port=PORT, multicast_time_to_live=3)
        with inside(network.sender):
            info = await sender.opened
        async with sender:
            assert info.multicast_controller is None
            assert info.local_address == network.sender.address(version)
            await info.writable.get_writer().write({"data": b"hello"})
            assert await receiver.receive() == UDPMessage(b"hello", info.local_address, info.local_port)


@both_versions
async def test_a_source_after_any_source_is_the_systems_to_decide(network: Network, version: str) -> None:  # E61
    """Linux makes a source-specific membership of the one that there is."""
    async with (
        _at(network.receiver, EVERYWHERE[version]) as receiver,
        _at(network.sender, EVERYWHERE[version]) as sender,
        _at(network.stranger, EVERYWHERE[version]) as stranger,
    ):
        group, source = GROUP[version], network.sender.address(version)
        await receiver.controller.join_group(group)
        await receiver.controller.join_group(group, source_address=source)
        assert receiver.controller.joined_groups == (group, MulticastMembership(group, source))
        await stranger.send(b"of a stranger", group)
        assert await _marker(stranger, receiver, network.receiver, version) == []
        await sender.send(b"of the source", group)
        assert (await receiver.receive()).data == b"of the source"
        await receiver.controller.leave_group(group)
        await sender.send(b"after", group)
        assert await _marker(sender, receiver, network.receiver, version) == []
        with pytest.raises(NetworkError, match="leaving"):
            await receiver.controller.leave_group(group, source_address=source)


@both_versions
async def test_any_source_after_a_source_is_the_systems_to_decide(network: Network, version: str) -> None:  # E61
    """Linux refuses."""
    async with _at(network.receiver, EVERYWHERE[version]) as receiver:
        group, source = GROUP[version], network.sender.address(version)
        await receiver.controller.join_group(group, source_address=source)
        with pytest.raises(NetworkError, match="joining") as caught:
            await receiver.controller.join_group(group)
        assert caught.value.errno == errno.EADDRINUSE
        assert receiver.controller.joined_groups == (MulticastMembership(group, source),)


async def test_more_groups_than_the_system_allows(network: Network) -> None:
    async with _at(network.receiver, "0.0.0.0") as receiver:
        with pytest.raises(NetworkError, match="joining") as caught:
            for number in range(1, 1000):
                await receiver.controller.join_group(f"239.9.{number // 256}.{number % 256}")
        assert caught.value.errno == errno.ENOBUFS
        joined = receiver.controller.joined_groups
        assert len(joined) > 1
        await receiver.controller.leave_group(str(joined[0]))
        await receiver.controller.join_group(str(joined[0]))
        assert receiver.controller.joined_groups == (*joined[1:], joined[0])
