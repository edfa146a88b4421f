"""§1, §2 and §4 together, over a network in memory: what one socket does is what another one sees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPMessage, UDPSocket
from direct_sockets.testing import VirtualHost, VirtualNetwork
from tests.support.operating_system import ALL
from tests.support.sockets import read_everything, reason_once_settled
from whatwg_streams import NetworkError


class Two:
    """Two hosts, the second of which listens when it is asked to."""

    def __init__(self) -> None:
        self.network = VirtualNetwork(seed=1)
        self.a = self.network.host("a.example", "10.0.0.1")
        self.b = self.network.host("b.example", "10.0.0.2")

    async def connected(self) -> tuple[TCPSocket, TCPSocket]:
        """A socket of each, which are connected."""
        with self.b.installed(), ALL:
            server = TCPServerSocket("0.0.0.0", local_port=40000)
        async with server as info:
            with self.a.installed(), ALL:
                client = TCPSocket("b.example", 40000)
            with info.readable.get_reader() as reader:
                accepted = (await reader.read()).value
            await client.opened
        return client, accepted


async def test_both_ends_name_each_other() -> None:
    client, accepted = await Two().connected()
    here, there = await client.opened, await accepted.opened
    assert (here.remote_address, here.remote_port) == ("10.0.0.2", 40000)
    assert (there.remote_address, there.remote_port) == (here.local_address, here.local_port)
    await asyncio.gather(client.close(), accepted.close())


async def test_each_direction_is_closed_by_itself() -> None:
    client, accepted = await Two().connected()
    here, there = await client.opened, await accepted.opened
    with here.writable.get_writer() as writer:
        await writer.write(b"a question")
        await writer.close()
    assert await read_everything(there.readable) == b"a question"
    with there.writable.get_writer() as writer:
        await writer.write(b"an answer")
        await writer.close()
    assert await read_everything(here.readable) == b"an answer"
    await asyncio.gather(client.closed, accepted.closed)


@pytest.mark.parametrize("size", [1, 1000, 300_000])
async def test_everything_arrives_in_order_whatever_the_size(size: int) -> None:
    client, accepted = await Two().connected()
    here, there = await client.opened, await accepted.opened
    data = bytes(number % 251 for number in range(size))
    writer = here.writable.get_writer()
    writer.write(data).catch(lambda _: None)
    closing = writer.close()
    assert await read_everything(there.readable) == data
    await closing
    writer.release_lock()
    await asyncio.gather(client.close(), accepted.close())


async def test_nobody_listens() -> None:
    two = Two()
    with two.a.installed(), ALL:
        socket = TCPSocket("b.example", 40000)
    assert isinstance(await reason_once_settled(socket.opened), NetworkError)
    assert isinstance(await reason_once_settled(socket.closed), NetworkError)


async def test_a_name_that_nobody_has() -> None:
    with Two().a.installed(), ALL:
        socket = TCPSocket("c.example", 40000)
    assert isinstance(await reason_once_settled(socket.opened), NetworkError)


def udp(host: VirtualHost, **options: Any) -> UDPSocket:
    with host.installed(), ALL:
        return UDPSocket(**options)


async def test_datagrams_between_a_bound_and_a_connected_socket() -> None:
    two = Two()
    bound = udp(two.b, local_address="10.0.0.2", local_port=5000)
    async with bound as there, udp(two.a, remote_address="b.example", remote_port=5000) as here:
        with here.writable.get_writer() as writer, there.readable.get_reader() as reader:
            await writer.write(UDPMessage(b"ping"))
            message = (await reader.read()).value
        assert bytes(message.data) == b"ping"
        assert (message.remote_address, message.remote_port) == (here.local_address, here.local_port)
        with there.writable.get_writer() as writer, here.readable.get_reader() as reader:
            await writer.write(UDPMessage(b"pong", message.remote_address, message.remote_port))
            answer = (await reader.read()).value
        assert bytes(answer.data) == b"pong"
        assert answer.remote_address is None


async def test_a_pipe_makes_an_echo() -> None:
    client, accepted = await Two().connected()
    here, there = await client.opened, await accepted.opened
    echo = there.readable.pipe_to(there.writable)
    with here.writable.get_writer() as writer:
        await writer.write(b"hello")
        await writer.close()
    assert await read_everything(here.readable) == b"hello"
    await echo
    await asyncio.gather(client.closed, accepted.closed)
