"""Connections whose other end is gone without a word, between hosts that are network namespaces."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, TCPSocketOpenInfo
from tests.support.namespaces import Host, Network, inside, ip
from tests.support.operating_system import BOTH
from tests.support.recording import PENDING, outcome
from whatwg_streams import NetworkError


@asynccontextmanager
async def _connection(network: Network) -> AsyncIterator[tuple[TCPSocket, TCPSocketOpenInfo, TCPSocket]]:
    """A socket of the sender that keeps alive, and the receiver's end of it."""
    with BOTH:
        server = TCPServerSocket(network.receiver.ipv4)
        with inside(network.receiver):
            server_info = await server.opened
    async with server:
        with BOTH, inside(network.sender):
            client = TCPSocket(network.receiver.ipv4, server_info.local_port, keep_alive_delay=1000)
            info = await client.opened
        async with client:
            with server_info.readable.get_reader() as reader:
                accepted = (await reader.read()).value
            assert accepted is not None
            async with accepted:
                yield client, info, accepted


@contextmanager
def _silence(host: Host, towards: Host) -> Iterator[None]:
    """Let nothing out of a host that goes to the other one."""
    ip("-n", host.namespace, "route", "add", "blackhole", f"{towards.ipv4}/32")
    try:
        yield
    finally:
        ip("-n", host.namespace, "route", "delete", "blackhole", f"{towards.ipv4}/32")


@pytest.fixture
def one_probe(network: Network) -> None:
    """Let the sender give up after one probe that is not answered: two seconds after the last word."""
    with inside(network.sender):
        Path("/proc/sys/net/ipv4/tcp_keepalive_probes").write_text("1", encoding="ascii")


@pytest.mark.usefixtures("one_probe")
async def test_keep_alive_finds_that_the_other_end_is_gone(network: Network) -> None:  # E31
    async with _connection(network) as (client, info, accepted):
        with (
            info.readable.get_reader() as reader,
            _silence(network.receiver, network.sender),
            pytest.raises(NetworkError, match="timed out") as caught,
        ):
            await reader.read()
        assert caught.value.errno == errno.ETIMEDOUT
        assert outcome(client.closed) == PENDING  # the writing is still open
        assert outcome(accepted.closed) == PENDING  # the other end has not heard anything
        await info.writable.abort()
        with pytest.raises(NetworkError):
            await client.closed


async def test_half_open_sockets_can_be_closed(network: Network) -> None:
    async with _connection(network) as (client, info, accepted):
        with _silence(network.receiver, network.sender), _silence(network.sender, network.receiver):
            with info.writable.get_writer() as writer:
                await writer.write(b"nobody hears this")
            for each in (client, accepted):
                await each.close()
                await each.closed
