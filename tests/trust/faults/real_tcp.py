"""TCP of this machine's kernel, between two network namespaces, of either version of IP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final

from direct_sockets import TCPServerSocket, TCPSocket
from tests.support.namespaces import Network, inside
from tests.support.operating_system import BOTH
from tests.trust.table import Row

from .conversation import End, converse
from .places import (
    ARRIVED_WITHIN,
    BEFORE,
    CUT_TOLD_WITHIN,
    DEATH_TOLD_WITHIN,
    FAULTS,
    SLOW,
    Spoilt,
    count,
    cut,
    giving_up_early,
    later,
    peer_process,
    rehearse,
)
from .wire import ADDRESSES, Fault, Wire, plugged_in

_SIZE: Final = 300_000  # bytes, each way
_MORE_THAN_IS_TAKEN: Final = 8_000_000  # by the system, before the link is cut
_TOO_MUCH: Final = 50_000_000  # more than is sent before the peer is killed


async def try_tcp(network: Network, version: str, faults: Sequence[Fault] = FAULTS) -> Row:
    """Have two hosts converse under each of the faults; while the link is cut; and with a peer that is killed."""
    row = Row(f"TCP of the kernel, {version}")
    await rehearse(_under(network, version, SLOW))
    for fault in faults:
        await count(row, fault.name, lambda: _under(network, version, fault))  # noqa: B023
    await count(row, "the link is cut for a while", lambda: _cut_for_a_while(network, version))
    await count(row, "the link is cut for good", lambda: _cut_for_good(network, version))
    await count(row, "the peer is killed", lambda: _killed(network, version))
    return row


async def _under(network: Network, version: str, fault: Fault) -> str:
    with plugged_in(network.sender, network.receiver, fault, version) as wire:
        ends = await _conversation(network, version, wire)
        if fault.corruption and not wire.corrupted:
            return "nothing was corrupted"
        if fault.loss and not wire.lost:
            return "nothing was lost"
    return _has_arrived(ends)


async def _cut_for_a_while(network: Network, version: str) -> str:
    with plugged_in(network.sender, network.receiver, SLOW, version) as wire:
        ends = await _conversation(network, version, wire, mend=True)
        if not wire.lost:
            return "the link was not cut in the middle of anything"
    return _has_arrived(ends)


async def _cut_for_good(network: Network, version: str) -> str:
    with (
        giving_up_early(network.sender, network.receiver),
        plugged_in(network.sender, network.receiver, SLOW, version) as wire,
    ):
        ends = await _conversation(network, version, wire, mend=False)
    return ends if isinstance(ends, str) else _are_told(*ends)


async def _conversation(
    network: Network, version: str, wire: Wire, *, mend: bool | None = None
) -> tuple[End, End] | str:
    """Converse over the cable, which is cut in the middle, if one tells whether it will be mended."""
    random = Random(1)
    size = _MORE_THAN_IS_TAKEN if mend is False else _SIZE  # so that writers have something left to be told of
    ends = End(random.randbytes(size)), End(random.randbytes(size))
    address = ADDRESSES[version][1]
    with BOTH:
        server = TCPServerSocket(address)
        with inside(network.receiver):
            listening = await server.opened
        socket = TCPSocket(address, listening.local_port)
        with inside(network.sender):
            await socket.opened
    limit = CUT_TOLD_WITHIN if mend is False else ARRIVED_WITHIN
    async with server, socket:
        with listening.readable.get_reader() as reader:
            accepted = (await reader.read()).value
        assert accepted is not None
        async with accepted:
            try:
                async with asyncio.timeout(limit), asyncio.TaskGroup() as tasks:
                    tasks.create_task(converse(socket, ends[0], Random(1)))
                    tasks.create_task(converse(accepted, ends[1], Random(2)))
                    if mend is not None:
                        tasks.create_task(cut(wire, mend=mend))
            except TimeoutError:
                return f"it was not over after {limit} seconds"
    for end, other in (ends, ends[::-1]):
        if end.is_spoilt_by(other):
            raise Spoilt(end.complaint(other))
    return ends


def _has_arrived(ends: tuple[End, End] | str) -> str:
    if isinstance(ends, str):
        return ends
    for end, other in (ends, ends[::-1]):
        if complaint := end.complaint(other):
            return complaint
        if not end.finished:
            return f"there was an error: {end.read_error}"
    return ""


def _are_told(*ends: End, may_finish: bool = False) -> str:
    """Whether the reader, the writer and `closed` of each end were told of an error; or the reader of the end."""
    for end in ends:
        errors: tuple[BaseException | None, ...] = (end.read_error, end.write_error, end.closed_error)
        if may_finish and end.finished:
            errors = errors[1:]
        if not all(isinstance(error, OSError) for error in errors):
            return f"reader, writer and closed were told: {errors}"
    return ""


_PEER: Final = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 0), family=family) as server:
    print(server.getsockname()[1], flush=True)
    connection, _ = server.accept()
    while True:
        connection.sendall(b"x" * 1000)
        connection.recv(1000)
"""


async def _killed(network: Network, version: str) -> str:
    """Converse with another process, which is killed in the middle of it."""
    address = network.receiver.address(version.lower())
    end = End(bytes(_TOO_MUCH))
    with peer_process(network.receiver, _PEER, address) as (peer, port):
        with BOTH:
            socket = TCPSocket(address, port)
            with inside(network.sender):
                await socket.opened
        async with socket:
            talking = asyncio.create_task(converse(socket, end, Random(1)))
            await later(BEFORE)
            if talking.done():
                return "it was over before"
            peer.kill()
            await asyncio.wait([talking], timeout=DEATH_TOLD_WITHIN)
            if not talking.done():
                talking.cancel()
                await asyncio.wait([talking])
                return f"nobody was told within {DEATH_TOLD_WITHIN} seconds"
            await talking
    # The system ends the connection of a dead process whose data has all been read as any other; or it resets it.
    return _are_told(end, may_finish=True)
