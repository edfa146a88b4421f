"""A process that is forked has copies of the sockets: what becomes of those is none of its parent's concern."""

from __future__ import annotations

import asyncio
import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from tests.support.operating_system import ALL
from whatwg_streams import Promise

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

#: Seconds that a child may live.
_PATIENCE = 10


def _close_all(sockets: list[Any]) -> None:
    for one in sockets:
        one._give_up()


def _forget_all(sockets: list[Any]) -> None:
    for one in sockets:
        one._close_what_was_forgotten()


def _use_others(sockets: list[Any]) -> None:
    del sockets

    async def use() -> None:
        with ALL:
            async with TCPServerSocket("127.0.0.1") as info, TCPSocket("127.0.0.1", info.local_port):
                pass

    asyncio.events._set_running_loop(None)
    asyncio.run(use())


_IN_THE_CHILD: list[Callable[[list[Any]], None]] = [_close_all, _forget_all, _use_others]


def _in_a_child(run: Callable[[list[Any]], None], sockets: list[Any]) -> int:
    """Fork, and tell how the child ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, and of sockets that the child forgets
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(_PATIENCE)
                run(sockets)
                status = 0
            finally:
                os._exit(status)
    return os.waitpid(child, 0)[1]


async def _read(promise: Promise[Any]) -> bytes:
    async with asyncio.timeout(5):
        return bytes((await promise).value)


@pytest.mark.parametrize("waits", [True, False], ids=["reads wait", "nobody waits"])
@pytest.mark.parametrize("run", _IN_THE_CHILD)
async def test_the_sockets_of_the_parent_go_on(run: Callable[[list[Any]], None], waits: bool) -> None:
    with ALL:
        server = TCPServerSocket("127.0.0.1")
        listening = await server.opened
        client = TCPSocket("127.0.0.1", listening.local_port)
        receiver = UDPSocket(local_address="127.0.0.1")
        sender = UDPSocket(remote_address="127.0.0.1", remote_port=(await receiver.opened).local_port)
    accepting = listening.readable.get_reader()
    peer = (await accepting.read()).value
    assert peer is not None
    reader, writer = (await client.opened).readable.get_reader(), (await peer.opened).writable.get_writer()
    full = (await client.opened).writable.get_writer()
    receiving, sending = (await receiver.opened).readable.get_reader(), (await sender.opened).writable.get_writer()
    first = reader.read()
    await writer.write(b"warm up")
    assert await _read(first) == b"warm up"
    filling = full.write(bytes(20_000_000))  # more than the system takes
    await asyncio.sleep(0)
    read = reader.read() if waits else None
    datagram = receiving.read() if waits else None
    await asyncio.sleep(0)
    assert _in_a_child(run, [server, client, peer, receiver, sender]) == 0
    await writer.write(b"hello")
    assert await _read(read or reader.read()) == b"hello"
    await sending.write({"data": b"hello"})
    async with asyncio.timeout(5):
        assert bytes((await (datagram or receiving.read())).value.data) == b"hello"
        with ALL:
            other = TCPSocket("127.0.0.1", listening.local_port)
        await other.opened
        accepted = (await accepting.read()).value
        assert accepted is not None
        received = 0
        async for chunk in (await peer.opened).readable.values(prevent_cancel=True):
            received += len(chunk)
            if received == 20_000_000:
                break
        await filling
    for one in (server, client, peer, receiver, sender, other, accepted):
        one._give_up()
        await one.closed.then(None, lambda _: None)
