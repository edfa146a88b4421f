"""Faults of networks: the streams arrive intact, or the error is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.namespaces import Network, NoNamespacesError, network_of_hosts
from whatwg_streams import ReadableStream

from .faults import (
    FAULTS,
    End,
    Fault,
    Means,
    Place,
    converse_under,
    exchange_under,
    has_netem,
    netem,
    places,
    real_udp,
    try_datagrams,
    try_each,
    try_streams,
    wire,
)
from .faults.packets import datagram, is_intact
from .table import Row

#: All that is done to packets at once, and what is done in the middle of a conversation.
SHORTLY = FAULTS[-4:]


async def test_streams_over_bad_networks() -> None:
    row = await try_streams(range(25))
    assert row.tried == 25
    assert row.is_clean, row.describe()


async def test_datagrams_over_bad_networks() -> None:
    row = await try_datagrams(range(10))
    assert row.is_clean, row.describe()


@pytest.fixture
def means() -> Means:
    """By the kernel, if it can."""
    return netem.plugged_in if has_netem() else wire.plugged_in


@pytest.fixture
def network() -> Iterator[Network]:
    try:
        with network_of_hosts() as network:
            yield network
    except NoNamespacesError as error:
        pytest.skip(f"FAULTS OF REAL NETWORKS ARE NOT PROVED HERE: {error}")


@pytest.mark.timeout(90)
@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("version", ["IPv4", "IPv6"])
async def test_conversations_over_real_networks(network: Network, version: str, means: Means) -> None:
    row = await try_each(converse_under, Place(network, version, means), SHORTLY)
    assert row.tried == 4
    assert row.is_clean, row.describe()


@pytest.mark.timeout(60)
@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("version", ["IPv4", "IPv6"])
async def test_datagrams_over_real_networks(network: Network, version: str, means: Means) -> None:
    row = await try_each(exchange_under, Place(network, version, means), SHORTLY)
    assert row.tried == 4
    assert row.is_clean, row.describe()


# What notices


@pytest.mark.parametrize(
    ("end", "complaint"),
    [
        (End(b"", bytearray(b"ab"), True, True), "after 2 of 3 bytes"),
        (End(b"", bytearray(b"acb"), True, True), "another order"),
        (End(b"", bytearray(b"ab"), True), "neither of the end nor of an error"),
        (End(b"", bytearray(b"abc"), False, True), "neither that all was taken nor of an error"),
        (End(b"", bytearray(b"ab"), True, read_error=OSError()), "closed fulfilled"),
        (End(b"", sent=True, read_error=ValueError(), closed_error=ValueError()), "not those of a network"),
        (End(b"", bytearray(b"ab"), True, read_error=OSError(), closed_error=OSError()), ""),
        (End(b"", bytearray(b"abc"), True, True), ""),
    ],
)
def test_what_is_wrong_is_noticed(end: End, complaint: str) -> None:
    assert complaint in end.complaint(End(b"abc"))
    assert bool(complaint) == bool(end.complaint(End(b"abc")))


async def test_what_is_lost_let_in_or_left_is_counted() -> None:
    kept: list[object] = []

    async def lose() -> str:
        return "a datagram is missing"

    async def let_in() -> str:
        raise places.Spoilt("nobody has sent this")

    async def leave() -> str:
        kept.append(ReadableStream({}))
        return ""

    row = Row("a row")
    for case in (lose, let_in, leave):
        await places.count(row, case.__name__, case)
    assert (row.tried, row.lost, row.leaked, row.let_in) == (3, 2, 1, 1)


@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_datagrams_that_are_not_received_are_noticed(
    network: Network, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def receive_one(info: object, chunks: list[bytes]) -> None:
        return None

    monkeypatch.setattr(real_udp, "_receive", receive_one)
    assert "0 were received" in await exchange_under(Place(network, "IPv6", means), places.SLOW)


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault("corruption", corruption=1e-9), "nothing was corrupted"),
        (Fault("loss", loss=1e-9), "nothing was lost"),
        (Fault("duplication", duplication=1e-9), "nothing came twice"),
        (Fault("reordering", reordering=1e-9), "nothing overtook anything"),
        (Fault("cut at once", loss=1), "nothing was delivered"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
async def test_what_did_not_happen_to_datagrams_is_noticed(network: Network, fault: Fault, complaint: str) -> None:
    assert await exchange_under(Place(network, "IPv4", wire.plugged_in), fault) == complaint


# Packets

HELLO = [
    bytes.fromhex("45000021e76440004011c73fc6120001c61200029cec1388000d7f6568656c6c6f"),
    bytes.fromhex(
        "6003d19d000d114020010db800010000000000000000000120010db8000100000000000000000002bd591388000d8fa968656c6c6f"
    ),
]
CONNECT = [
    bytes.fromhex(
        "4500003c0acc40004006a3c8c6120001c6120002dc240050dbc5bf4b00000000a002faf0e0e90000020405b40402080ae9a17ed2"
        "000000000103030a"
    ),
    bytes.fromhex(
        "600d2d760028064020010db800010000000000000000000120010db8000100000000000000000002be1e0050fbadd5fb00000000"
        "a002fd2004cc0000020405a00402080a6435f65f000000000103030a"
    ),
]
#: Bytes of a header of IPv6 that no checksum is over, and of its next header, which tells what it is over.
NOT_SUMMED = {*range(4), 6, 7}


@pytest.mark.parametrize("packet", HELLO)
def test_the_datagram_of_a_packet(packet: bytes) -> None:
    assert is_intact(packet)
    assert datagram(packet) == b"hello"


@pytest.mark.parametrize("packet", CONNECT)
def test_a_packet_of_tcp_has_none(packet: bytes) -> None:
    assert is_intact(packet)
    assert datagram(packet) is None


@pytest.mark.parametrize("packet", HELLO + CONNECT)
def test_a_packet_with_one_bit_changed_is_not_intact(packet: bytes) -> None:
    for position in range(len(packet)):
        if packet[0] >> 4 == 6 and position in NOT_SUMMED:
            continue
        for bit in range(8):
            changed = bytearray(packet)
            changed[position] ^= 1 << bit
            assert not is_intact(bytes(changed)), (position, bit)


@pytest.mark.parametrize("packet", HELLO + CONNECT)
def test_a_packet_of_another_version_or_cut_off_is_not_intact(packet: bytes) -> None:
    assert not is_intact(bytes([0x50 | packet[0] & 0x0F]) + packet[1:])
    assert not is_intact(packet[:-1])
