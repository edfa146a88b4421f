"""Processes that are forked.

A process that is forked has copies of the sockets: what becomes of those is none of its parent's concern.
"""

from __future__ import annotations

import asyncio
import os
import signal
import warnings
from collections.abc import Callable
from typing import Any, Final

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from tests.support import LOOP_FACTORIES
from tests.trust.table import Row
from whatwg_streams import Promise

from .counting import count_in
from .forgotten import POLICY

#: Seconds that a child may live, and that the parent may have to wait for what is sent to it.
PATIENCE: Final = 10
_DATA: Final = bytes(20_000_000)  # more than the system takes


def _nothing(sockets: list[Any]) -> None:
    """It only ends."""
    del sockets


def _close_all(sockets: list[Any]) -> None:
    for one in sockets:
        one._give_up()


def _forget_all(sockets: list[Any]) -> None:
    for one in sockets:
        one._close_what_was_forgotten()


def _use_others(sockets: list[Any]) -> None:
    del sockets

    async def use() -> None:
        with POLICY:
            async with TCPServerSocket("127.0.0.1") as info, TCPSocket("127.0.0.1", info.local_port):
                pass

    asyncio.events._set_running_loop(None)
    asyncio.run(use())


_IN_THE_CHILD: tuple[Callable[[list[Any]], None], ...] = (_nothing, _close_all, _forget_all, _use_others)


def forked() -> Row:
    """Fork where sockets are open, and idle or not; whatever the child does with its copies, the parent's go on."""
    row = Row("forks")
    for name, loop_factory in LOOP_FACTORIES.items():
        for run in _IN_THE_CHILD:
            for waits in (True, False):
                title = f"{run.__name__[1:]}, {'reads wait' if waits else 'nobody waits'}, {name}"
                count_in(loop_factory, row, title, lambda: _goes_on(run, waits=waits))  # noqa: B023
    return row


def _in_a_child(run: Callable[[list[Any]], None], sockets: list[Any]) -> int:
    """Fork, and tell how the child ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, and of sockets that the child forgets
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(PATIENCE)
                run(sockets)
                status = 0
            finally:
                os._exit(status)
    return os.waitpid(child, 0)[1]


async def _goes_on(run: Callable[[list[Any]], None], *, waits: bool) -> str:
    async with asyncio.timeout(PATIENCE):
        with POLICY:
            server, receiver = TCPServerSocket("127.0.0.1"), UDPSocket(local_address="127.0.0.1")
        async with server as listening, receiver as receiving:
            with POLICY:
                client = TCPSocket("127.0.0.1", listening.local_port)
                sender = UDPSocket(remote_address="127.0.0.1", remote_port=receiving.local_port)
            async with client as client_info, sender as sending:
                accepting = listening.readable.get_reader()
                peer = (await accepting.read()).value
                assert peer is not None
                async with peer as peer_info:
                    reader, writer = client_info.readable.get_reader(), peer_info.writable.get_writer()
                    filling = client_info.writable.get_writer().write(_DATA)
                    datagrams = receiving.readable.get_reader()
                    read = reader.read() if waits else None
                    datagram = datagrams.read() if waits else None
                    await asyncio.sleep(0)
                    if status := _in_a_child(run, [server, client, peer, receiver, sender]):
                        return f"the child ended with {status}"
                    await writer.write(b"hello")
                    assert await _bytes(read or reader.read()) == b"hello"
                    await sending.writable.get_writer().write({"data": b"hello"})
                    message = (await (datagram or datagrams.read())).value
                    assert bytes(message.data) == b"hello"
                    received = 0
                    async for chunk in peer_info.readable.values(prevent_cancel=True):
                        received += len(chunk)
                        if received == len(_DATA):
                            break
                    await filling
                with POLICY:
                    other = TCPSocket("127.0.0.1", listening.local_port)
                async with other:
                    accepted = (await accepting.read()).value
                    assert accepted is not None
                    async with accepted:
                        return ""


async def _bytes(promise: Promise[Any]) -> bytes:
    return bytes((await promise).value)
