"""Every special-purpose block at its edges; addresses inside addresses; which texts are addresses.

What is expected is written out here, not computed: no table of the library or of `ipaddress` is asked.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from direct_sockets import _addresses as addresses
from direct_sockets._special_purpose_addresses import IPV4_BLOCKS, IPV6_BLOCKS

PRIVATE, GLOBAL = True, False

# A block; what its first and last address are; what the ones before and after it are (None: there is none).
BLOCKS: list[tuple[str, bool, bool | None, bool | None]] = [
    # https://www.iana.org/assignments/iana-ipv4-special-registry/
    ("0.0.0.0/8", PRIVATE, None, GLOBAL),
    ("0.0.0.0/32", PRIVATE, None, PRIVATE),
    ("10.0.0.0/8", PRIVATE, GLOBAL, GLOBAL),
    ("100.64.0.0/10", PRIVATE, GLOBAL, GLOBAL),
    ("127.0.0.0/8", PRIVATE, GLOBAL, GLOBAL),
    ("169.254.0.0/16", PRIVATE, GLOBAL, GLOBAL),
    ("172.16.0.0/12", PRIVATE, GLOBAL, GLOBAL),
    ("192.0.0.0/24", PRIVATE, GLOBAL, GLOBAL),
    ("192.0.0.0/29", PRIVATE, GLOBAL, PRIVATE),
    ("192.0.0.8/32", PRIVATE, PRIVATE, GLOBAL),
    ("192.0.0.9/32", GLOBAL, PRIVATE, GLOBAL),
    ("192.0.0.10/32", GLOBAL, GLOBAL, PRIVATE),
    ("192.0.0.170/32", PRIVATE, PRIVATE, PRIVATE),
    ("192.0.0.171/32", PRIVATE, PRIVATE, PRIVATE),
    ("192.0.2.0/24", PRIVATE, GLOBAL, GLOBAL),
    ("192.31.196.0/24", GLOBAL, GLOBAL, GLOBAL),
    ("192.52.193.0/24", GLOBAL, GLOBAL, GLOBAL),
    ("192.88.99.0/24", PRIVATE, GLOBAL, GLOBAL),
    ("192.88.99.2/32", PRIVATE, PRIVATE, PRIVATE),
    ("192.168.0.0/16", PRIVATE, GLOBAL, GLOBAL),
    ("192.175.48.0/24", GLOBAL, GLOBAL, GLOBAL),
    ("198.18.0.0/15", PRIVATE, GLOBAL, GLOBAL),
    ("198.51.100.0/24", PRIVATE, GLOBAL, GLOBAL),
    ("203.0.113.0/24", PRIVATE, GLOBAL, GLOBAL),
    ("240.0.0.0/4", PRIVATE, PRIVATE, None),
    ("255.255.255.255/32", PRIVATE, PRIVATE, None),
    # https://www.iana.org/assignments/multicast-addresses/
    ("224.0.0.0/4", PRIVATE, GLOBAL, PRIVATE),
    ("224.0.0.0/24", PRIVATE, GLOBAL, PRIVATE),
    ("232.0.0.0/8", PRIVATE, PRIVATE, PRIVATE),
    ("233.252.0.0/24", PRIVATE, PRIVATE, PRIVATE),
    ("239.0.0.0/8", PRIVATE, PRIVATE, PRIVATE),
    # https://www.iana.org/assignments/iana-ipv6-special-registry/
    ("::/128", PRIVATE, None, PRIVATE),
    ("::1/128", PRIVATE, PRIVATE, PRIVATE),
    ("::/96", PRIVATE, None, PRIVATE),
    ("::ffff:0:0/96", PRIVATE, PRIVATE, PRIVATE),
    ("64:ff9b::/96", PRIVATE, PRIVATE, PRIVATE),
    ("64:ff9b:1::/48", PRIVATE, PRIVATE, PRIVATE),
    ("100::/64", PRIVATE, PRIVATE, PRIVATE),
    ("100:0:0:1::/64", PRIVATE, PRIVATE, PRIVATE),
    ("2001:1::/32", PRIVATE, PRIVATE, PRIVATE),
    ("2001:1::1/128", GLOBAL, PRIVATE, GLOBAL),
    ("2001:1::2/128", GLOBAL, GLOBAL, GLOBAL),
    ("2001:1::3/128", GLOBAL, GLOBAL, PRIVATE),
    ("2001:2::/48", PRIVATE, PRIVATE, PRIVATE),
    ("2001:3::/32", GLOBAL, PRIVATE, PRIVATE),
    ("2001:4:112::/48", GLOBAL, PRIVATE, PRIVATE),
    ("2001:10::/28", PRIVATE, PRIVATE, GLOBAL),
    ("2001:20::/28", GLOBAL, PRIVATE, GLOBAL),
    ("2001:30::/28", GLOBAL, GLOBAL, PRIVATE),
    ("2001:100::/24", PRIVATE, PRIVATE, GLOBAL),  # the second half of 2001::/23
    ("2001:db8::/32", PRIVATE, GLOBAL, GLOBAL),
    ("2620:4f:8000::/48", GLOBAL, GLOBAL, GLOBAL),
    ("3fff::/20", PRIVATE, GLOBAL, GLOBAL),
    ("5f00::/16", PRIVATE, PRIVATE, PRIVATE),
    ("fc00::/7", PRIVATE, PRIVATE, PRIVATE),
    ("fe80::/10", PRIVATE, PRIVATE, PRIVATE),
    # https://www.iana.org/assignments/ipv6-address-space/
    ("2000::/3", GLOBAL, PRIVATE, PRIVATE),
    ("fec0::/10", PRIVATE, PRIVATE, PRIVATE),
    # https://www.iana.org/assignments/ipv6-multicast-addresses/
    ("ff00::/8", PRIVATE, PRIVATE, None),
    ("ff02::/16", PRIVATE, PRIVATE, PRIVATE),
    ("ff0e::/16", PRIVATE, PRIVATE, PRIVATE),
    ("ff3e::/16", PRIVATE, PRIVATE, PRIVATE),
]

# Blocks whose addresses have others inside: what the first and last one, before and after are depends.
JUDGED_BY_WHAT_IS_INSIDE = {"2001::/32", "2002::/16"}

# Rows that are no block of a registry, but say what all the rest is.
REST = {"0.0.0.0/0", "::/0", "2001::/23"}


def _edges() -> list[tuple[str, bool]]:
    edges: list[tuple[str, bool]] = []
    for text, inside, before, after in BLOCKS:
        block = ip_network(text)
        edges += [(str(block[0]), inside), (str(block[-1]), inside)]
        if before is not None:
            edges.append((str(block[0] - 1), before))
        if after is not None:
            edges.append((str(block[-1] + 1), after))
    return edges


@pytest.mark.parametrize(("address", "private"), _edges())
def test_edges_of_every_block(address: str, private: bool) -> None:
    assert addresses.is_private_network_address(address) is private
    assert addresses.is_private_network_address(ip_address(address)) is private


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[0])
def test_blocks_without_a_neighbour_are_at_the_end(block: tuple[str, bool, bool | None, bool | None]) -> None:
    text, _, before, after = block
    network = ip_network(text)
    assert (before is None) == (int(network[0]) == 0)
    assert (after is None) == (int(network[-1]) == 2**network.max_prefixlen - 1)


def test_no_block_of_the_table_is_forgotten_here() -> None:
    in_the_table = {block.prefix for block in (*IPV4_BLOCKS, *IPV6_BLOCKS)}
    assert in_the_table - {text for text, *_ in BLOCKS} - JUDGED_BY_WHAT_IS_INSIDE - REST == set()
    assert len(in_the_table) == len(IPV4_BLOCKS) + len(IPV6_BLOCKS)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450::1",
        "3ffe::1",
    ],
)
def test_addresses_of_the_internet_are_not_private(address: str) -> None:
    assert not addresses.is_private_network_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "192.168.1.1",
        "172.31.255.255",
        "169.254.169.254",
        "239.255.255.250",
        "224.0.0.251",
        "224.0.1.1",  # of global scope, and members may be next door
        "ff3e:40:2001:4860::1",
        "::",
        "::1",
        "fd00:ec2::254",
        "fe80::1%lo",
        "fe80::1%2",
        "ff02::fb",
        "ff05::c",
        "4000::1",
        "2001:2:0:1234::1",
    ],
)
def test_addresses_of_private_networks_are(address: str) -> None:
    assert addresses.is_private_network_address(address)


# What every form of embedding has to refuse, and to let through.
INSIDE = [
    ("0.0.0.0", PRIVATE),
    ("10.0.0.0", PRIVATE),
    ("10.255.255.255", PRIVATE),
    ("9.255.255.255", GLOBAL),
    ("11.0.0.0", GLOBAL),
    ("100.64.0.1", PRIVATE),
    ("127.0.0.1", PRIVATE),
    ("169.254.169.254", PRIVATE),
    ("172.16.0.1", PRIVATE),
    ("192.168.255.255", PRIVATE),
    ("192.169.0.0", GLOBAL),
    ("192.0.0.9", GLOBAL),
    ("224.0.0.1", PRIVATE),
    ("239.1.2.3", PRIVATE),
    ("255.255.255.255", PRIVATE),
    ("8.8.8.8", GLOBAL),
]


def _hex(address: str, *, inverted: bool = False) -> str:
    value = int(IPv4Address(address)) ^ (0xFFFFFFFF if inverted else 0)
    return f"{value >> 16:x}:{value & 0xFFFF:x}"


@pytest.mark.parametrize(("inside", "private"), INSIDE)
@pytest.mark.parametrize(
    "form",
    [
        "::ffff:{}",
        "::FFFF:{}",
        "0:0:0:0:0:ffff:{}",
        "64:ff9b::{}",
        "2002:{}::",
        "2002:{}:ffff:ffff:ffff:ffff:ffff",
        "2002:{}::1%3",
        "2600::5efe:{}",
        "2600::200:5efe:{}",
        "2002:808:808::5efe:{}",
    ],
)
def test_address_is_as_private_as_the_one_inside(form: str, inside: str, private: bool) -> None:
    assert addresses.is_private_network_address(form.format(_hex(inside))) is private


@pytest.mark.parametrize(("inside", "private"), INSIDE)
def test_teredo_address_is_private_by_its_server_and_by_its_client(inside: str, private: bool) -> None:
    known = "65.54.227.120"
    by_server = f"2001:0:{_hex(inside)}:8000:63bf:{_hex(known, inverted=True)}"
    by_client = f"2001:0:{_hex(known)}:8000:63bf:{_hex(inside, inverted=True)}"
    assert addresses.is_private_network_address(by_server) is private
    assert addresses.is_private_network_address(by_client) is private


def test_client_of_a_teredo_address_is_read_inverted() -> None:
    # 8.8.8.8 as it stands there is 247.247.247.247, reserved; and the other way round.
    assert addresses.is_private_network_address("2001:0:4136:e378::808:808")
    assert not addresses.is_private_network_address("2001:0:4136:e378::f7f7:f7f7")


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("2001::", PRIVATE),  # the edges of Teredo and 6to4, and their neighbours
        ("2001:0:ffff:ffff:ffff:ffff:ffff:ffff", PRIVATE),
        ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GLOBAL),
        ("2001:1::", PRIVATE),
        ("2002::", PRIVATE),
        ("2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PRIVATE),
        ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GLOBAL),
        ("2003::", GLOBAL),
        ("::8.8.8.8", PRIVATE),  # IPv4-compatible, given up, and IPv4-translated: whatever is inside
        ("::ffff:0:8.8.8.8", PRIVATE),
        ("64:ff9b:1::8.8.8.8", PRIVATE),  # the translator of somebody's own network
        ("fd00::5efe:808:808", PRIVATE),
        ("2600::5eff:a00:1", GLOBAL),  # not ISATAP
        ("2600::100:5efe:a00:1", GLOBAL),
        ("64:ff9b::5efe:a00:1", PRIVATE),
    ],
)
def test_what_is_inside_is_looked_for_in_the_right_place(address: str, private: bool) -> None:
    assert addresses.is_private_network_address(address) is private


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "[::1]", "10.0.0.0/8", "0x7f000001"])
def test_private_network_check_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        addresses.is_private_network_address(text)


@pytest.mark.parametrize("value", [2130706433, b"\x7f\0\0\1", None])
def test_private_network_check_refuses_numbers_and_bytes(value: object) -> None:
    with pytest.raises(TypeError, match="not an IP address"):
        addresses.is_private_network_address(value)  # type: ignore[arg-type]


VALID = ["0.0.0.0", "255.255.255.255", "::", "::1", "FE80::A", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8", "::1.2.3.4"]
INVALID = [
    "",
    " ::1",
    "::1 ",
    "::1\n",
    "[::1]",
    "::1%lo",
    "fe80::1%1",
    "127.0.0.1%lo",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "01.2.3.4",
    "1.2.3.4.",
    "256.0.0.1",
    "1.2.3.4/32",
    "1.2.3.4:80",
    "\u0661.1.1.1",
    "1\u30022\u30023\u30024",
    "12345::",
    "1::2::3",
    ":::",
    "localhost",
    "\0",
    "\udcff",
]


@pytest.mark.parametrize("text", VALID)
def test_valid_ip_address(text: str) -> None:
    assert addresses.is_valid_ip_address(text)
    assert addresses.parse_ip_address(text) == ip_address(text)


@pytest.mark.parametrize("text", INVALID)
def test_invalid_ip_address(text: str) -> None:
    assert not addresses.is_valid_ip_address(text)
    with pytest.raises(TypeError, match=r"^local_address is not a valid IP address: "):
        addresses.parse_ip_address(text, "local_address")


@pytest.mark.parametrize("value", [1, b"\x7f\0\0\1", None])
def test_only_texts_are_valid_ip_addresses(value: object) -> None:
    assert not addresses.is_valid_ip_address(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::", "::"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::FFFF:C000:201", "::ffff:192.0.2.1"),
        ("::ffff:0:0", "::ffff:0.0.0.0"),
        ("::192.0.2.1", "::c000:201"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
        ("FE80::1%eth0", "fe80::1%eth0"),
        ("::ffff:c000:201%2", "::ffff:192.0.2.1%2"),
    ],
)
def test_canonical_text(address: str, text: str) -> None:
    assert addresses.canonical(address) == text
    assert addresses.canonical(ip_address(address)) == text
    assert addresses.canonical(text) == text


def test_canonical_text_of_what_is_no_address() -> None:
    with pytest.raises(ValueError):
        addresses.canonical("localhost")
    with pytest.raises(TypeError):
        addresses.canonical(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "multicast"),
    [
        ("223.255.255.255", False),
        ("224.0.0.0", True),
        ("239.255.255.255", True),
        ("240.0.0.0", False),
        ("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", False),
        ("ff00::", True),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", True),
        ("::ffff:224.0.0.1", False),
    ],
)
def test_multicast(address: str, multicast: bool) -> None:
    assert addresses.is_multicast(ip_address(address)) is multicast


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("126.255.255.255", False),
        ("127.0.0.0", True),
        ("127.255.255.255", True),
        ("128.0.0.0", False),
        ("::", False),
        ("::1", True),
        ("::2", False),
        ("0.0.0.1", False),
        ("::ffff:127.0.0.1", True),
        ("::ffff:0.0.0.1", False),
    ],
)
def test_loopback(address: str, loopback: bool) -> None:
    assert addresses.is_loopback(ip_address(address)) is loopback


@pytest.mark.parametrize(
    ("address", "unspecified"),
    [("0.0.0.0", True), ("0.0.0.1", False), ("::", True), ("::1", False), ("::ffff:0.0.0.0", True)],
)
def test_unspecified(address: str, unspecified: bool) -> None:
    assert addresses.is_unspecified(ip_address(address)) is unspecified


@pytest.mark.parametrize(
    ("address", "unicast"),
    [
        ("192.0.2.100", True),
        ("10.0.0.1", True),
        ("2001:db8::1", True),
        ("fe80::1", True),
        ("::ffff:192.0.2.100", True),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("::ffff:224.0.0.1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_sources_of_multicast(address: str, unicast: bool) -> None:
    assert addresses.is_unicast_source(ip_address(address)) is unicast


def test_texts_are_compared_with_the_unspecified_address_parsed() -> None:
    assert addresses.parse_ip_address("0:0::0") == addresses.IPV6_UNSPECIFIED == IPv6Address(0)
    assert addresses.parse_ip_address("0.0.0.0") != addresses.IPV6_UNSPECIFIED
    assert addresses.parse_ip_address("::ffff:0.0.0.0") != addresses.IPV6_UNSPECIFIED
