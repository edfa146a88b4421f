"""Attempts to get by the permissions policy: see conformance/threat_model.md, whose numbers they have.

world         a virtual network, on which nothing may reach anybody but one host
addresses     odd spellings, IPv4 inside IPv6, names
datagrams     messages that are sent elsewhere, bound mode, multicast
changes       options, messages and policies that are not the same when they are looked at again
contexts      blocks in blocks, tasks, threads, executors
real          the same spellings on the sockets of this machine
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tests.trust.leaks import Before
from tests.trust.table import Row

from . import addresses, changes, contexts, datagrams, real
from .world import Attempt, World, nothing_granted

#: All attempts, by what they try.
ATTEMPTS: dict[str, Sequence[Attempt]] = {
    "odd spellings of private addresses": addresses.spellings(),
    "IPv4 inside IPv6": addresses.embeddings(),
    "names that change, or have several addresses": addresses.names(),
    "datagrams to elsewhere, bound sockets, multicast": datagrams.attempts(),
    "options, messages and policies that change": changes.attempts(),
    "blocks, tasks, threads, executors": contexts.attempts(),
    "loopback on real sockets": real.attempts(),
}


async def try_all(what: str) -> Row:
    """Make the attempts, and count those that got through, and those that ended in no way that is meant."""
    row = Row(what)
    for name, attempt in ATTEMPTS[what]:
        await _try(Row("a rehearsal, for what is made once for the loop"), name, attempt)
    for name, attempt in ATTEMPTS[what]:
        before = Before()
        await _try(row, name, attempt)
        if left := await before.left_at_rest():
            row.leaked += 1
            row.notes.append(f"{name}: left {left}")
    return row


async def _try(row: Row, name: str, attempt: Callable[[World], Awaitable[bool]]) -> None:
    row.tried += 1
    world = World()
    try:
        with nothing_granted(), world.machine.installed():
            got_through = await attempt(world)
    except Exception as error:
        row.lost += 1
        row.notes.append(f"{name}: {error!r}")
        return
    if got_through or world.forbidden:
        row.let_in += 1
        row.notes.append(f"{name}: {'; '.join(world.forbidden) or 'was allowed'}")
