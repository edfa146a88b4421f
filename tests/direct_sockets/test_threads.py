"""Sockets that are made in one thread, where no loop runs, and used in another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from tests.support import LoopFactory
from tests.support.operating_system import ALL, listening
from whatwg_streams import Promise


def _made_elsewhere(make: Callable[[], Any]) -> Any:
    """What is made in a thread that ends then."""
    made: list[Any] = []

    def run() -> None:
        with ALL:
            made.append(make())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return made[0]


_KINDS: dict[str, Callable[[int], Any]] = {
    "TCPSocket": lambda port: TCPSocket("127.0.0.1", port),
    "TCPServerSocket": lambda _: TCPServerSocket("127.0.0.1"),
    "UDPSocket": lambda port: UDPSocket(remote_address="127.0.0.1", remote_port=port),
}


@pytest.mark.parametrize("kind", _KINDS)
async def test_a_socket_is_opened_in_the_loop_that_waits_for_it(kind: str) -> None:
    with listening() as (_, port):
        looks: list[Callable[[Any], Any]] = [lambda socket: socket.opened, lambda socket: socket.closed]
        for look in looks:
            socket = _made_elsewhere(lambda: _KINDS[kind](port))
            looked_at = look(socket)
            async with asyncio.timeout(5):
                await socket.opened
                await socket.close()
                await looked_at


@pytest.mark.parametrize("kind", _KINDS)
async def test_so_is_one_in_whose_block_it_is(kind: str) -> None:
    with listening() as (_, port):
        socket = _made_elsewhere(lambda: _KINDS[kind](port))
        async with asyncio.timeout(5), socket as info:
            assert info.local_port > 0


def test_it_is_opened_once_though_its_own_thread_runs_a_loop_later(loop_factory: LoopFactory) -> None:
    async def use() -> list[Any]:
        async with asyncio.timeout(5):
            info = await socket.opened
            await socket.close()
            return [info, await socket.opened]

    async def wait() -> None:
        await Promise.resolve()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            infos.extend(runner.run(use()))

    infos: list[Any] = []
    with listening() as (listener, port):
        with ALL:
            socket = TCPSocket("127.0.0.1", port)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(wait())
        listener.setblocking(False)
        listener.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert infos[0] is infos[1]


async def test_one_that_was_given_up_before_is_not_opened() -> None:
    with listening() as (_, port):
        socket = _made_elsewhere(lambda: TCPSocket("127.0.0.1", port))
        socket._give_up()
        with pytest.raises(Exception, match="given up"):
            await socket.opened
