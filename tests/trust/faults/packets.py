"""Packets of IP, as they arrive at a host: whether its kernel will take them, and the datagrams in them."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_IPV4: Final = 4
_IPV6: Final = 6
_TCP: Final = 6
_UDP: Final = 17
_UDP_HEADER: Final = 8
_ALL_ONES: Final = 0xFFFF  # what comes to this, its own checksum included, is as it was sent


class _Parts(NamedTuple):
    header: bytes
    protocol: int
    addresses: bytes
    payload: bytes
    is_whole: bool


def is_intact(packet: bytes) -> bool:
    """Whether the checksums of the packet are right, as far as it has any that we know."""
    parts = _parts(packet)
    if not parts.is_whole or (packet[0] >> 4 == _IPV4 and _checksum(parts.header) != _ALL_ONES):
        return False
    if parts.protocol not in (_TCP, _UDP):
        return True
    pseudo_header = parts.addresses + struct.pack("!II", len(parts.payload), parts.protocol)
    return _checksum(pseudo_header + parts.payload) == _ALL_ONES


def datagram(packet: bytes) -> bytes | None:
    """What an intact packet of UDP carries."""
    parts = _parts(packet)
    return parts.payload[_UDP_HEADER:] if parts.protocol == _UDP else None


def _parts(packet: bytes) -> _Parts:
    version = packet[0] >> 4
    if version == _IPV4:
        header = 4 * (packet[0] & 0x0F)
        end, protocol, addresses = int.from_bytes(packet[2:4], "big"), packet[9], packet[12:20]
    else:
        header = 40
        end, protocol, addresses = header + int.from_bytes(packet[4:6], "big"), packet[6], packet[8:40]
    is_whole = version in (_IPV4, _IPV6) and header <= end <= len(packet)
    return _Parts(packet[:header], protocol, addresses, packet[header:end], is_whole)


def _checksum(data: bytes) -> int:
    """The sum of the data, taken as numbers of 16 bits, in the arithmetic of ones' complement."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 16)
    return total
