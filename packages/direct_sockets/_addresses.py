"""IP addresses: which texts are one, how they are written, and which belong to a private network.

The same on every Python, whatever its `ipaddress` says of kinds of addresses; that module is used for
reading and writing them only. Nothing here resolves names: a check is made on the address that is
going to be connected to.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from ._special_purpose_addresses import IPV4_BLOCKS, IPV6_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from ._special_purpose_addresses import Block

IPAddress: TypeAlias = "IPv4Address | IPv6Address"

#: What options are compared with where the text says "the IPv6 unspecified address (::)".
IPV6_UNSPECIFIED = IPv6Address("::")

_32_BITS = 0xFFFFFFFF


# Text ----------------------------------------------------------------------------------------------


def is_valid_ip_address(text: str) -> bool:
    """Tell whether a text is a valid IP address: of either version, with neither zone nor brackets."""
    try:
        parse_ip_address(text)
    except TypeError:
        return False
    return True


def parse_ip_address(text: str, what: str = "the address") -> IPAddress:
    """Read an IP address of either version.

    Args:
        text: what to read.
        what: how to call it in the error, such as "local_address".

    Raises:
        TypeError: it is no valid IP address, as the steps of all constructors and methods say it.
    """
    # NOTE(spec): E28 "a valid IP address" is not defined. It is what `ipaddress` reads, which knows
    # nothing of brackets, abbreviations (127.1) and other bases; zones, which it would read, are
    # refused. (Numbers and bytes, which it would take as well, do not get past the search for one.)
    if "%" not in text:
        try:
            return ipaddress.ip_address(text)
        except ValueError:
            pass
    raise TypeError(f"{what} is not a valid IP address: {text!r}")


def canonical(address: str | IPAddress) -> str:
    """Write an address in its canonical text: RFC 5952, https://www.rfc-editor.org/rfc/rfc5952

    An IPv4-mapped address stays one, in mixed notation (::ffff:192.0.2.1) as the operating system
    writes it. A zone, which the operating system reports of link-local addresses, is kept.

    Raises:
        TypeError: it is neither text nor an address.
        ValueError: the text is not an address.
    """
    # NOTE(spec): E50 how addresses are written is not said. Before 3.13 `ipaddress` has no mixed notation.
    address = _address(address)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        zone = f"%{address.scope_id}" if address.scope_id else ""
        return f"::ffff:{address.ipv4_mapped}{zone}"
    return str(address)


def _address(address: object) -> IPAddress:
    """Read an address as the operating system gives it, with a zone perhaps."""
    if isinstance(address, IPv4Address | IPv6Address):
        return address
    if isinstance(address, str):
        return ipaddress.ip_address(address)
    raise TypeError(f"not an IP address: {address!r}")


# Kinds ---------------------------------------------------------------------------------------------


def is_multicast(address: IPAddress) -> bool:
    """Tell whether an address is a multicast address, as the text has it: in 224.0.0.0/4 or ff00::/8.

    An IPv4-mapped address is not: no group can be joined by that name.
    """
    if address.version == 4:  # noqa: PLR2004
        return int(address) >> 28 == 0xE  # noqa: PLR2004
    return int(address) >> 120 == 0xFF  # noqa: PLR2004


def is_loopback(address: IPAddress) -> bool:
    """Tell whether an address is a loopback address: in 127.0.0.0/8, also IPv4-mapped, or ::1."""
    address = _without_mapping(address)
    if address.version == 4:  # noqa: PLR2004
        return int(address) >> 24 == 127  # noqa: PLR2004
    return int(address) == 1


def is_unspecified(address: IPAddress) -> bool:
    """Tell whether an address is an unspecified one: 0.0.0.0, also IPv4-mapped, or ::."""
    return int(_without_mapping(address)) == 0


def is_unicast_source(address: IPAddress) -> bool:
    """Tell whether an address may be a source of multicast: is not multicast, loopback or unspecified.

    IPv4-mapped addresses are judged as what they stand for.
    """
    return not (is_multicast(_without_mapping(address)) or is_loopback(address) or is_unspecified(address))


def _without_mapping(address: IPAddress) -> IPAddress:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


# Private network address space ---------------------------------------------------------------------


def is_private_network_address(address: str | IPAddress) -> bool:
    """Tell whether an address belongs to the private network address space: is not globally reachable.

    What is globally reachable is said, block by block, in `_special_purpose_addresses`. An address
    with an IPv4 address inside (IPv4-mapped, NAT64, 6to4, Teredo, ISATAP) is private when that one
    is, and a Teredo address when either its server or its client is. Multicast is private: it begins on
    the sender's own network. Translators that an operator put under a prefix of its own (RFC 6052, 6rd)
    cannot be recognised.

    Args:
        address: an address, or its text, with a zone or without.

    Raises:
        TypeError: it is neither text nor an address.
        ValueError: the text is not an address.
    """
    # NOTE(spec): E20 "private network address space" is not defined. Loopback counts as well.
    address = _address(address)
    value = int(address)
    if isinstance(address, IPv4Address):
        return not _is_globally_reachable(value, _IPV4_TABLE)
    return not (
        _is_globally_reachable(value, _IPV6_TABLE)
        and all(_is_globally_reachable(inside, _IPV4_TABLE) for inside in _ipv4_addresses_inside(value))
    )


def _ipv4_addresses_inside(value: int) -> Iterator[int]:
    """Give the IPv4 addresses that an IPv6 address carries; both are numbers here."""
    # RFC 4291, ::ffff:0:0/96, and RFC 6052, 64:ff9b::/96: the last 32 bits.
    if value >> 32 in (0xFFFF, 0x64FF9B << 64):
        yield value & _32_BITS
    # RFC 4380, 2001::/32: the server after the prefix; the client at the end, its bits inverted.
    elif value >> 96 == 0x20010000:  # noqa: PLR2004
        yield value >> 64 & _32_BITS
        yield ~value & _32_BITS
    else:
        # RFC 3056, 2002::/16: the router, after the prefix.
        if value >> 112 == 0x2002:  # noqa: PLR2004
            yield value >> 80 & _32_BITS
        # RFC 5214: the host, after an interface identifier's 0:5efe or 200:5efe, under any prefix.
        if value >> 32 & _32_BITS in (0x5EFE, 0x200_5EFE):
            yield value & _32_BITS


#: How many bits follow the prefix, the prefix, and whether it is globally reachable; smallest blocks first.
_Table: TypeAlias = "tuple[tuple[int, int, bool], ...]"


def _table(blocks: Iterable[Block], bits: int) -> _Table:
    rows = list[tuple[int, int, bool]]()
    for block in blocks:
        network = ipaddress.ip_network(block.prefix)
        host_bits = bits - network.prefixlen
        rows.append((host_bits, int(network.network_address) >> host_bits, block.globally_reachable))
    return tuple(sorted(rows))


_IPV4_TABLE = _table(IPV4_BLOCKS, 32)
_IPV6_TABLE = _table(IPV6_BLOCKS, 128)


def _is_globally_reachable(value: int, table: _Table) -> bool:
    """Judge by the smallest block that there is; the last one of a table holds every address."""
    return next(reachable for host_bits, prefix, reachable in table if value >> host_bits == prefix)
