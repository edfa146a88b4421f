"""Faults of networks: the streams arrive intact, or the error is told."""

from __future__ import annotations

import pytest

from tests.support.namespaces import NoNamespacesError, network_of_hosts

from .faults import FAULTS, End, try_datagrams, try_namespaces, try_streams


async def test_streams_over_bad_networks() -> None:
    row = await try_streams(range(25))
    assert row.tried == 25
    assert row.is_clean, row.describe()


async def test_datagrams_over_bad_networks() -> None:
    row = await try_datagrams(range(10))
    assert row.is_clean, row.describe()


@pytest.mark.timeout(60)
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_real_networks() -> None:
    try:
        with network_of_hosts() as network:
            row = await try_namespaces(network, FAULTS[-1:])
    except NoNamespacesError as error:
        pytest.skip(f"FAULTS OF REAL NETWORKS ARE NOT PROVED HERE: {error}")
    assert row.tried == 3
    assert row.is_clean, row.describe()


@pytest.mark.parametrize(
    ("end", "complaint"),
    [
        (End(b"", bytearray(b"ab"), finished=True), "after 2 of 3 bytes"),
        (End(b"", bytearray(b"acb"), finished=True), "another order"),
        (End(b"", bytearray(b"ab")), "neither of the end nor of an error"),
        (End(b"", bytearray(b"ab"), read_error=OSError()), "closed fulfilled"),
        (End(b"", read_error=ValueError(), closed_error=ValueError()), "not those of a network"),
        (End(b"", bytearray(b"ab"), read_error=OSError(), closed_error=OSError()), ""),
        (End(b"", bytearray(b"abc"), finished=True), ""),
    ],
)
def test_what_is_wrong_is_noticed(end: End, complaint: str) -> None:
    assert complaint in end.complaint(End(b"abc"))
    assert bool(complaint) == bool(end.complaint(End(b"abc")))
