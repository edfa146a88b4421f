"""Which blocks of addresses are globally reachable: data, and nothing else.

Made by hand from IANA's registries, because the tables of `ipaddress` change from one Python to the next:

* https://www.iana.org/assignments/iana-ipv4-special-registry/
* https://www.iana.org/assignments/iana-ipv6-special-registry/ (both as of October 2025)
* https://www.iana.org/assignments/ipv6-address-space/
* https://www.iana.org/assignments/multicast-addresses/

The smallest block that an address lies in decides. Where a registry says "N/A", the block is

* globally reachable when it carries IPv4 addresses inside: those are judged too, in `_addresses`;
* not globally reachable when it was given up, for nothing out there should answer.

Multicast, of whatever scope, is not globally reachable here: a datagram to a group reaches those of its members
first, and mostly only those, who are on the sender's own network.

What no registry mentions is globally reachable in IPv4. In IPv6 it is not, outside of 2000::/3: the
address space registry reserves all the rest, so that what answers there is somebody's own network.
"""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """A block of addresses, whether it is globally reachable, and what it is for."""

    prefix: str
    globally_reachable: bool
    name: str


IPV4_BLOCKS = (
    Block("0.0.0.0/0", True, "whatever is not below"),
    Block("0.0.0.0/8", False, "this network"),
    Block("0.0.0.0/32", False, "this host on this network"),
    Block("10.0.0.0/8", False, "private use"),
    Block("100.64.0.0/10", False, "shared address space"),
    Block("127.0.0.0/8", False, "loopback"),
    Block("169.254.0.0/16", False, "link local"),
    Block("172.16.0.0/12", False, "private use"),
    Block("192.0.0.0/24", False, "IETF protocol assignments"),
    Block("192.0.0.0/29", False, "IPv4 service continuity"),
    Block("192.0.0.8/32", False, "IPv4 dummy address"),
    Block("192.0.0.9/32", True, "Port Control Protocol anycast"),
    Block("192.0.0.10/32", True, "Traversal Using Relays around NAT anycast"),
    Block("192.0.0.170/32", False, "NAT64 and DNS64 discovery"),
    Block("192.0.0.171/32", False, "NAT64 and DNS64 discovery"),
    Block("192.0.2.0/24", False, "documentation, TEST-NET-1"),
    Block("192.31.196.0/24", True, "AS112"),
    Block("192.52.193.0/24", True, "AMT"),
    Block("192.88.99.0/24", False, "6to4 relay anycast, given up: N/A"),
    Block("192.88.99.2/32", False, "6a44 relay anycast"),
    Block("192.168.0.0/16", False, "private use"),
    Block("192.175.48.0/24", True, "direct delegation AS112 service"),
    Block("198.18.0.0/15", False, "benchmarking"),
    Block("198.51.100.0/24", False, "documentation, TEST-NET-2"),
    Block("203.0.113.0/24", False, "documentation, TEST-NET-3"),
    Block("224.0.0.0/4", False, "multicast"),
    Block("240.0.0.0/4", False, "reserved"),
    Block("255.255.255.255/32", False, "limited broadcast"),
)

IPV6_BLOCKS = (
    Block("::/0", False, "reserved by the IETF: whatever is not below"),
    Block("::/96", False, "IPv4-compatible, given up"),
    Block("::/128", False, "unspecified"),
    Block("::1/128", False, "loopback"),
    Block("::ffff:0:0/96", True, "IPv4-mapped: as the IPv4 address inside"),
    Block("64:ff9b::/96", True, "NAT64: as the IPv4 address inside"),
    Block("64:ff9b:1::/48", False, "NAT64 for local use"),
    Block("100::/64", False, "discard only"),
    Block("100:0:0:1::/64", False, "IPv6 dummy prefix"),
    Block("2000::/3", True, "global unicast: whatever is not below"),
    Block("2001::/23", False, "IETF protocol assignments"),
    Block("2001::/32", True, "Teredo: as the IPv4 addresses inside; N/A"),
    Block("2001:1::1/128", True, "Port Control Protocol anycast"),
    Block("2001:1::2/128", True, "Traversal Using Relays around NAT anycast"),
    Block("2001:1::3/128", True, "DNS-SD Service Registration Protocol anycast"),
    Block("2001:2::/48", False, "benchmarking"),
    Block("2001:3::/32", True, "AMT"),
    Block("2001:4:112::/48", True, "AS112"),
    Block("2001:10::/28", False, "ORCHID, given up: N/A"),
    Block("2001:20::/28", True, "ORCHIDv2"),
    Block("2001:30::/28", True, "drone remote identification entity tags"),
    Block("2001:db8::/32", False, "documentation"),
    Block("2002::/16", True, "6to4: as the IPv4 address inside; N/A"),
    Block("2620:4f:8000::/48", True, "direct delegation AS112 service"),
    Block("3fff::/20", False, "documentation"),
    Block("5f00::/16", False, "segment routing identifiers"),
    Block("fc00::/7", False, "unique local"),
    Block("fe80::/10", False, "link-local unicast"),
    Block("fec0::/10", False, "site-local unicast, given up"),
    Block("ff00::/8", False, "multicast"),
)
