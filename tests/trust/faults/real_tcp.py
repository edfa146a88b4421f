"""TCP of this machine's kernel, between two network namespaces, of either version of IP."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from random import Random
from typing import Final

from direct_sockets import TCPServerSocket, TCPSocket
from tests.support.namespaces import inside
from tests.support.operating_system import BOTH

from .conversation import End, converse
from .links import FOR_GOOD, Fault, Link
from .places import (
    ARRIVED_WITHIN,
    BEFORE,
    CUT_TOLD_WITHIN,
    DEATH_TOLD_WITHIN,
    Place,
    Spoilt,
    cut,
    giving_up_early,
    later,
    peer_process,
    what_did_not_happen,
)

_SIZE: Final = 300_000  # bytes, each way
_MORE_THAN_IS_TAKEN: Final = 8_000_000  # by the system, before the link is cut
_TOO_MUCH: Final = 50_000_000  # more than is sent before the peer is killed


async def converse_under(place: Place, fault: Fault) -> str:
    """Have two hosts converse, and tell what is wrong with what became of it."""
    if fault.peer_is_killed:
        return await _killed(place, fault)
    hosts = (place.network.sender, place.network.receiver)
    is_lost = fault.cut == FOR_GOOD
    with giving_up_early(*hosts) if is_lost else nullcontext(), place.link_with(fault) as link:
        ends = await _conversation(place, fault, link)
        if missing := what_did_not_happen(fault, link):
            return missing
    if isinstance(ends, str):
        return ends
    return _are_told(*ends) if is_lost else _has_arrived(ends)


async def _conversation(place: Place, fault: Fault, link: Link) -> tuple[End, End] | str:
    """Converse over the link, which is cut in the middle, if that is its fault."""
    random = Random(1)
    # Where nobody will mend it, writers have something left to be told of.
    size, limit = (
        (_MORE_THAN_IS_TAKEN, CUT_TOLD_WITHIN) if fault.cut == FOR_GOOD else (_SIZE, ARRIVED_WITHIN + fault.cut)
    )
    ends = End(random.randbytes(size)), End(random.randbytes(size))
    with BOTH:
        server = TCPServerSocket(place.address)
        with inside(place.network.receiver):
            listening = await server.opened
        socket = TCPSocket(place.address, listening.local_port)
        with inside(place.network.sender):
            await socket.opened
    async with server, socket:
        with listening.readable.get_reader() as reader:
            accepted = (await reader.read()).value
        assert accepted is not None
        async with accepted:
            try:
                async with asyncio.timeout(limit), asyncio.TaskGroup() as tasks:
                    tasks.create_task(converse(socket, ends[0], Random(1)))
                    tasks.create_task(converse(accepted, ends[1], Random(2)))
                    if fault.cut:
                        tasks.create_task(cut(link, fault))
            except TimeoutError:
                return f"it was not over after {limit} seconds"
    for end, other in (ends, ends[::-1]):
        if end.is_spoilt_by(other):
            raise Spoilt(end.complaint(other))
    return ends


def _has_arrived(ends: tuple[End, End]) -> str:
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


async def _killed(place: Place, fault: Fault) -> str:
    """Converse with another process, which is killed in the middle of it."""
    end = End(bytes(_TOO_MUCH))
    with place.link_with(fault), peer_process(place.network.receiver, _PEER, place.address) as (peer, port):
        with BOTH:
            socket = TCPSocket(place.address, port)
            with inside(place.network.sender):
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
