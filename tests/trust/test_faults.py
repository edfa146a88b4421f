"""Faults of networks: the streams arrive intact, or the error is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.namespaces import Network, NoNamespacesError, network_of_hosts
from whatwg_streams import ReadableStream

from .faults import FAULTS, End, places, real_udp, try_datagrams, try_streams, try_tcp, try_udp
from .table import Row


async def test_streams_over_bad_networks() -> None:
    row = await try_streams(range(25))
    assert row.tried == 25
    assert row.is_clean, row.describe()


async def test_datagrams_over_bad_networks() -> None:
    row = await try_datagrams(range(10))
    assert row.is_clean, row.describe()


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
async def test_conversations_over_real_networks(network: Network, version: str) -> None:
    row = await try_tcp(network, version, FAULTS[-1:])
    assert row.tried == 4
    assert row.is_clean, row.describe()


@pytest.mark.timeout(60)
@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("version", ["IPv4", "IPv6"])
async def test_datagrams_over_real_networks(network: Network, version: str) -> None:
    row = await try_udp(network, version, FAULTS[-1:])
    assert row.tried == 3
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
async def test_datagrams_that_are_not_received_are_noticed(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive_one(info: object, chunks: list[bytes]) -> None:
        return None

    monkeypatch.setattr(real_udp, "_receive", receive_one)
    assert "0 were received" in await real_udp._under(network, "IPv6", places.SLOW)
