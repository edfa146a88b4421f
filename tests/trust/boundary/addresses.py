"""Addresses of the private network, however they are written, wrapped, or hidden behind names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from direct_sockets import TCPSocket, UDPSocket

from .world import ALL, ONE, OUTSIDE, PORT, WITH_MULTICAST, Attempt, Socket, World, opens, reaches

#: One of each block that is not global, and edges where they are close to what is.
PRIVATE_IPV4: Final = (
    "0.0.0.0", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1",
    "192.168.255.255", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.251", "239.1.2.3", "240.0.0.1",
    "255.255.255.255",
)  # fmt: skip
PRIVATE_IPV6: Final = (
    "::", "::1", "fc00::1", "fd00::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1", "febf::1", "fec0::1",
    "ff01::1", "ff02::1", "ff02::fb", "ff05::2", "ff08::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1",
    "64:ff9b:1::1", "4000::1", "e000::1",
)  # fmt: skip

#: Other ways to write addresses of the private network that one system or another understands.
SPELLINGS: Final = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1", "017700000001", "0x7f.0.0.0x1",
    "127.0.0.01", "127.000.000.001", "0", "0.0", "00", "0x0", "10.1", "167772161", "0xa000001", "012.1",
    "192.168.1", "0xc0a80001", "3232235521", "169.254.43518", "0xa9fea9fe", "2852039166", "172.1048577",
    "127.0.0.1.", "127.0.0.1 ", " 127.0.0.1", "127.0.0.1\t", "127.0.0.1\n", "127.0.0.1\0", "127.0.0.1\0.example",
    "outside.example\0.10.0.0.1", "127.0.0.1/8", "127.0.0.1:80", "127.0.0.1#outside.example",
    "outside.example@127.0.0.1", "127.0.0.1%lo", "127.0.0.1%0", "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1",
    "127\uff610\uff610\uff611", "\u0661\u0662\u0667.\u0660.\u0660.\u0661", "+127.0.0.1", "-127.0.0.1", "[::1]",
    "[::1]:80", "::1%lo", "::1%1", "::1%0", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0001",
    "::0.0.0.1", "0::1", "::1/128", "::ffff:127.0.0.1%lo", "FE80::1", "fe80::1%1", "fe80::1%lo", "fe80::1%",
    "FD00::1", "fd00::0:1", "::FFFF:10.0.0.1", "::ffff:0a00:0001", "0:0:0:0:0:ffff:10.0.0.1", "::ffff:0x7f.1",
    "\uff1a\uff1a1", "localhost", "LOCALHOST", "localhost.", "LocalHost.",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "localhost\0",
)  # fmt: skip


def _tcp(address: str, **options: Any) -> TCPSocket:
    return TCPSocket(address, PORT, **options)


def _udp(address: str, **options: Any) -> UDPSocket:
    return UDPSocket(remote_address=address, remote_port=PORT, **options)


_EITHER: Final[tuple[Callable[..., Socket], ...]] = (_tcp, _udp)


def to_each(addresses: Sequence[str]) -> list[Attempt]:
    """Attempts to reach the addresses by TCP and UDP, with and without multicast."""
    return [
        Attempt(f"{make.__name__[1:]} to {address!r}", partial(_reach, make, address, policy))
        for address in addresses
        for make in _EITHER
        for policy in (ONE, WITH_MULTICAST)
    ]


async def _reach(make: Callable[..., Socket], address: str, policy: Any, _: World) -> bool:
    with policy:
        return await reaches(partial(make, address)) or await reaches(partial(make, _Text(address)))


class _Text(str):
    """A text whose methods lie."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other in {OUTSIDE[0], "outside.example"}

    def __hash__(self) -> int:
        return hash(OUTSIDE[0])

    def __str__(self) -> str:
        return OUTSIDE[0]


def spellings() -> Sequence[Attempt]:
    return to_each([*PRIVATE_IPV4, *PRIVATE_IPV6, *SPELLINGS])


# IPv4 in IPv6 ------------------------------------------------------------------------------------------

_OUTSIDE = int(IPv4Address(OUTSIDE[0]))


def embedded(address: str) -> Iterator[str]:
    """The address inside of IPv6 addresses, in every way that is known."""
    inside, inverted = int(IPv4Address(address)), ~int(IPv4Address(address)) & 0xFFFFFFFF
    for value in (
        inside,  # IPv4-compatible, RFC 4291
        0xFFFF << 32 | inside,  # IPv4-mapped, RFC 4291
        0xFFFF << 48 | inside,  # IPv4-translated, RFC 2765
        0x64FF9B << 96 | inside,  # NAT64, RFC 6052
        0x64FF9B0001 << 80 | inside,  # NAT64 for local use, RFC 8215, with /96,
        0x64FF9B0001 << 80 | inside >> 16 << 64 | (inside & 0xFFFF) << 40,  # and with /48
        0x2002 << 112 | inside << 80 | 1,  # 6to4, RFC 3056
        0x20010000 << 96 | inside << 64 | _OUTSIDE ^ 0xFFFFFFFF,  # Teredo, RFC 4380: the server
        0x20010000 << 96 | _OUTSIDE << 64 | inverted,  # and the client
        0x26062800 << 96 | 0x5EFE << 32 | inside,  # ISATAP, RFC 5214,
        0x26062800 << 96 | 0x2005EFE << 32 | inside,
        0x2002 << 112 | _OUTSIDE << 80 | 0x5EFE << 32 | inside,  # and inside of 6to4
        0xFE80 << 112 | 0x5EFE << 32 | inside,
    ):
        yield str(IPv6Address(value))
    yield f"::ffff:{address}"
    yield f"64:ff9b::{address}"


def embeddings() -> Sequence[Attempt]:
    return to_each([text for address in PRIVATE_IPV4 for text in embedded(address)])


# Names ---------------------------------------------------------------------------------------------------

_INSIDE = ("10.0.0.1", "127.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "169.254.169.254", "64:ff9b::a00:1")


def names() -> Sequence[Attempt]:
    return [
        Attempt(f"{make.__name__[1:]}, {how.__name__.replace('_', ' ')}: {inside}", partial(how, make, inside))
        for inside in _INSIDE
        for how in (_rebinding, _rebinding_at_once, _among_others, _of_another_version, _granted_while_it_is_looked_up)
        for make in _EITHER
    ]


async def _rebinding(make: Callable[..., Socket], inside: str, world: World) -> bool:
    """The name is outside's when it is asked for first, and somebody else's from then on."""
    world.network.name("rebinding.example", OUTSIDE[0], then=[[inside], [OUTSIDE[0], inside], [inside]])
    with ONE:
        return any([await reaches(partial(make, "rebinding.example")) for _ in range(5)])


async def _rebinding_at_once(make: Callable[..., Socket], inside: str, world: World) -> bool:
    """Two sockets at a time, each of which might take the answer that the other one was judged by."""
    world.network.name("rebinding.example", OUTSIDE[0], then=[[inside]], latency=50)
    with ONE:
        sockets = [make("rebinding.example") for _ in range(3)]
        return any([await opens(socket) for socket in sockets])


async def _among_others(make: Callable[..., Socket], inside: str, world: World) -> bool:
    world.network.name("last.example", *OUTSIDE, inside)
    world.network.name("first.example", inside, *OUTSIDE)
    # Nobody answers at the first one, which is global: the next would be connected to.
    world.network.name("second.example", "93.184.215.15", inside)
    with ONE:
        return any([await reaches(partial(make, f"{name}.example")) for name in ("last", "first", "second")])


async def _of_another_version(make: Callable[..., Socket], inside: str, world: World) -> bool:
    world.network.name("both.example", *OUTSIDE, inside)
    with ONE:
        return any([await reaches(partial(make, "both.example", dns_query_type=kind)) for kind in ("ipv4", "ipv6")])


async def _granted_while_it_is_looked_up(make: Callable[..., Socket], inside: str, world: World) -> bool:
    """Whoever is granted more, it is not the socket that was made before."""
    world.network.name("slow.example", inside, latency=1000)
    with ONE:
        socket = make("slow.example")
    with ALL:
        await world.network.sleep(10)
        return await opens(socket)
