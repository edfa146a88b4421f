"""Faults of real networks, between network namespaces of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from random import Random
from typing import Final

from direct_sockets import TCPServerSocket, TCPSocket
from tests.support.namespaces import Network, inside
from tests.support.operating_system import BOTH
from tests.trust.table import Row

from .conversation import End, converse
from .wire import ADDRESSES, Fault, Wire, plugged_in

#: What is done to packets, each way.
FAULTS: Final = (
    Fault("delay", delay=20),
    Fault("reordering", delay=1, jitter=20),
    Fault("loss", loss=0.03),
    Fault("duplication", duplication=0.2),
    Fault("corruption", corruption=0.03),
    Fault("all of them", delay=2, jitter=3, loss=0.01, duplication=0.05, corruption=0.01),
)
#: Seconds within which all is over.
PATIENCE: Final = 20.0
_SIZE: Final = 300_000  # bytes, each way
_CUT: Final = 1.5  # seconds
_BEFORE_IT_IS_KILLED: Final = 0.2  # seconds


async def try_namespaces(network: Network, faults: Iterable[Fault] = FAULTS) -> Row:
    """Have two hosts converse under each of the faults; while the link is cut; and with a peer that is killed."""
    row = Row("real")
    for fault in faults:
        _count(row, fault.name, await _over_a_wire(network, fault))
    _count(row, "the link is cut", await _over_a_wire(network, Fault("none"), cut=True))
    _count(row, "the peer is killed", await _killed(network))
    return row


def _count(row: Row, fault: str, complaint: str) -> None:
    row.tried += 1
    if complaint:
        row.lost += 1
        row.notes.append(f"{fault}: {complaint}")


async def _over_a_wire(network: Network, fault: Fault, *, cut: bool = False) -> str:
    with plugged_in(network.sender, network.receiver, fault) as wire:
        complaint = await _conversation(network, wire, cut=cut)
        if fault.corruption and not wire.corrupted:
            return "nothing was corrupted"
        return complaint


async def _conversation(network: Network, wire: Wire, *, cut: bool) -> str:
    random = Random(1)
    ends = End(random.randbytes(_SIZE)), End(random.randbytes(_SIZE))
    with BOTH:
        server = TCPServerSocket(ADDRESSES[1])
        with inside(network.receiver):
            listening = await server.opened
        socket = TCPSocket(ADDRESSES[1], listening.local_port)
        with inside(network.sender):
            await socket.opened
    async with server, socket:
        with listening.readable.get_reader() as reader:
            accepted = (await reader.read()).value
        assert accepted is not None
        async with accepted:
            try:
                async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
                    if cut:
                        tasks.create_task(_cut(wire))
                    tasks.create_task(converse(socket, ends[0], Random(1)))
                    tasks.create_task(converse(accepted, ends[1], Random(2)))
            except TimeoutError:
                return f"it was not over after {PATIENCE} seconds"
    for end, other in (ends, ends[::-1]):
        if complaint := end.complaint(other):
            return complaint
        if not end.finished:
            return f"there was an error: {end.read_error}"
    return ""


async def _cut(wire: Wire) -> None:
    """Cut the cable for a while."""
    wire.cut = True
    mended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(_CUT, mended.set_result, None)
    await mended
    wire.cut = False


_PEER = """
import socket, sys
with socket.create_server((sys.argv[1], 0)) as server:
    print(server.getsockname()[1], flush=True)
    connection, _ = server.accept()
    while True:
        connection.sendall(b"x" * 1000)
        connection.recv(1000)
"""


async def _killed(network: Network) -> str:
    """Converse with another process, which is killed in the middle of it."""
    with inside(network.receiver):
        peer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PEER, network.receiver.ipv4, stdout=PIPE, stdin=PIPE
        )
    try:
        assert peer.stdout is not None
        port = int(await peer.stdout.readline())
        end = End(bytes(50_000_000))
        with BOTH:
            socket = TCPSocket(network.receiver.ipv4, port)
            with inside(network.sender):
                await socket.opened
        async with socket:
            talking = asyncio.create_task(converse(socket, end, Random(1)))
            time_has_come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(_BEFORE_IT_IS_KILLED, time_has_come.set_result, None)
            await time_has_come
            peer.kill()
            await asyncio.wait([talking], timeout=PATIENCE)
            if not talking.done():
                talking.cancel()
                await asyncio.wait([talking])
                return f"the reader was not told within {PATIENCE} seconds"
            await talking
    finally:
        if peer.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                peer.kill()
        assert peer.stdout is not None
        await peer.stdout.read()
        await peer.wait()
    told = [end.read_error is not None, end.write_error is not None, end.closed_error is not None]
    return "" if told == [True, True, True] else f"reader, writer and closed were told: {told}"
