"""Attempts to get by the permissions policy: see conformance/threat_model.md, whose numbers they have.

world         a virtual network, on which nothing may reach anybody but one host
addresses     odd spellings, IPv4 inside IPv6, names
datagrams     messages that are sent elsewhere, bound mode, multicast
changes       options, messages and policies that are not the same when they are looked at again
contexts      blocks in blocks, tasks, threads, executors
real          the same spellings on the sockets of this machine
"""

from __future__ import annotations

from collections.abc import Sequence

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
    """Make the attempts, and count those that got through."""
    row = Row(what)
    for name, attempt in ATTEMPTS[what]:
        world = World()
        with nothing_granted(), world.machine.installed():
            got_through = await attempt(world)
        row.tried += 1
        if got_through or world.forbidden:
            row.let_in += 1
            row.notes.append(f"{name}: {'; '.join(world.forbidden) or 'was allowed'}")
    return row
