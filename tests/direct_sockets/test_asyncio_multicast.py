"""The operating system seam over real sockets: how systems are told of multicast groups."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from direct_sockets._asyncio_udp import membership_option
from tests.support.datagrams import Scripted, answered, bound

NO_INTERFACE = IPv4Address("0.0.0.0")

G4, S4, I4 = ip_address("232.1.1.1"), ip_address("192.0.2.1"), IPv4Address("192.0.2.9")
G6, S6 = ip_address("ff3e::1"), ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("change", "option"), [("join", socket.IP_ADD_MEMBERSHIP), ("leave", socket.IP_DROP_MEMBERSHIP)]
)
def test_any_source_groups_of_ipv4(change: str, option: int) -> None:
    expected = (socket.IPPROTO_IP, option, socket.inet_aton("232.1.1.1") + socket.inet_aton("192.0.2.9"))
    assert membership_option(change, G4, None, I4, "linux") == expected


@pytest.mark.parametrize(("change", "option"), [("join", socket.IPV6_JOIN_GROUP), ("leave", socket.IPV6_LEAVE_GROUP)])
def test_any_source_groups_of_ipv6(change: str, option: int) -> None:
    expected = (socket.IPPROTO_IPV6, option, socket.inet_pton(socket.AF_INET6, "ff3e::1") + bytes(4))
    assert membership_option(change, G6, None, I4, "win32") == expected


@pytest.mark.parametrize(("change", "linux", "darwin"), [("join", 39, 70), ("leave", 40, 71)])
def test_source_specific_groups_of_ipv4(change: str, linux: int, darwin: int) -> None:
    group, source, interface = (address.packed for address in (G4, S4, I4))
    assert membership_option(change, G4, S4, I4, "linux") == (0, linux, group + interface + source)
    assert membership_option(change, G4, S4, I4, "darwin") == (0, darwin, group + source + interface)


@pytest.mark.parametrize(("change", "linux", "darwin"), [("join", 46, 82), ("leave", 47, 83)])
def test_source_specific_groups_of_ipv6(change: str, linux: int, darwin: int) -> None:
    level, option, data = membership_option(change, G6, S6, NO_INTERFACE, "linux")
    word = struct.calcsize("@P")
    assert (level, option, len(data)) == (socket.IPPROTO_IPV6, linux, word + 256)
    for start, address in ((word, G6), (word + 128, S6)):
        assert struct.unpack_from("@H", data, start) == (socket.AF_INET6,)
        assert data[start + 8 : start + 24] == address.packed
    level, option, data = membership_option(change, G6, S6, NO_INTERFACE, "darwin")
    assert (level, option, len(data)) == (socket.IPPROTO_IPV6, darwin, 4 + 256)
    assert data[4:6] == bytes([28, 30])
    assert data[12:28] == G6.packed
    assert data[140:156] == S6.packed


@pytest.mark.parametrize(("group", "source"), [(G4, S4), (G6, S6)], ids=["ipv4", "ipv6"])
def test_sources_on_systems_that_are_not_known(group: Any, source: Any) -> None:
    with pytest.raises(OSError, match="plan9") as caught:
        membership_option("join", group, source, NO_INTERFACE, "plan9")
    assert caught.value.errno == errno.ENOPROTOOPT


@contextmanager
def _recording_of_options(address: str, *, ipv6_only: bool = False) -> Iterator[tuple[Any, list[Any]]]:
    """A socket bound to the address that only takes down what it is told of groups."""
    told: list[Any] = []

    class Recording(Scripted):
        def getsockname(self) -> tuple[str, int]:
            return (address, 40000)

        def getsockopt(self, level: int, option: int) -> int:
            return int(ipv6_only)

        def setsockopt(self, *option: object) -> None:
            told.append(option)

    with ExitStack() as stack:
        scripted = Recording(socket.AF_INET6 if ":" in address else socket.AF_INET)
        datagrams = scripted.wrapped()
        stack.callback(datagrams.close)
        yield datagrams, told


@pytest.mark.parametrize(
    ("local", "interface"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("192.0.2.9", "192.0.2.9"),
        ("239.0.0.1", "0.0.0.0"),
        ("::", "0.0.0.0"),
        ("::1", "0.0.0.0"),
    ],
)
async def test_a_group_of_ipv4_is_joined_where_the_socket_is_bound(local: str, interface: str) -> None:
    with _recording_of_options(local) as (datagrams, told):
        assert datagrams.join_multicast_group(G4, None) is None
        assert datagrams.leave_multicast_group(G4, None) is None
        request = G4.packed + socket.inet_aton(interface)
        assert told == [
            (socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request),
            (socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, request),
        ]


async def test_an_ipv6_only_socket_joins_no_group_of_ipv4() -> None:
    with _recording_of_options("::", ipv6_only=True) as (datagrams, told):
        with pytest.raises(OSError, match="IPv6 only") as caught:
            await answered(datagrams.join_multicast_group(G4, None))
        assert caught.value.errno == errno.EAFNOSUPPORT
        assert datagrams.join_multicast_group(G6, None) is None
        assert len(told) == 1


async def test_a_group_of_the_other_version_is_the_systems_error() -> None:
    async with bound() as datagrams:
        with pytest.raises(OSError, match=r"."):
            await answered(datagrams.join_multicast_group(G6, None))
        with pytest.raises(OSError, match=r"."):
            await answered(datagrams.leave_multicast_group(G4, None))
