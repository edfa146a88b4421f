"""Cases of faults between network namespaces: how they are counted, and how long what they wait for may take."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.namespaces import Host, Network, inside
from tests.trust.leaks import Before
from tests.trust.table import Row

from .links import ADDRESSES, FAULTS, FOR_GOOD, Fault, Link, Means

#: Seconds within which all has arrived, though the network is bad, or the link was cut for a while;
ARRIVED_WITHIN: Final = 20.0
#: within which everybody is told that the link stays cut, where the system gives up after three retransmissions;
CUT_TOLD_WITHIN: Final = 15.0
#: and within which everybody is told that the peer is dead.
DEATH_TOLD_WITHIN: Final = 5.0

#: Seconds until the link is cut, or the peer is killed.
BEFORE: Final = 0.1

#: What the link is like of a conversation that is not counted.
SLOW: Final = Fault("slow", delay=20)
#: A setting of each namespace, for either version of IP.
_RETRANSMISSIONS: Final = Path("/proc/sys/net/ipv4/tcp_retries2")


class Spoilt(Exception):
    """Something was received that nobody has sent."""


class Place(NamedTuple):
    """Where two hosts converse.

    Attributes:
        network: the hosts are its sender and its receiver.
        version: of IP.
        means: what is between them.
    """

    network: Network
    version: str
    means: Means

    @property
    def address(self) -> str:
        """Of the receiver."""
        return ADDRESSES[self.version][1]

    def link_with(self, fault: Fault) -> AbstractContextManager[Link]:
        """Join the hosts by a link with the fault."""
        return self.means(self.network.sender, self.network.receiver, fault, self.version)


async def try_each(
    attempt: Callable[[Place, Fault], Awaitable[str]], place: Place, faults: Sequence[Fault] = FAULTS
) -> Row:
    """Try one case for each of the faults."""
    row = Row(f"{place.version}")
    await attempt(place, SLOW)  # what is made once for a loop, or for the process, is made now
    for fault in faults:
        await count(row, fault.name, partial(attempt, place, fault))
    return row


async def count(row: Row, name: str, complain: Callable[[], Awaitable[str]]) -> None:
    """Try one case, which tells what is wrong."""
    before = Before()
    row.tried += 1
    try:
        complaint = await complain()
    except Spoilt as spoilt:
        complaint = str(spoilt)
        row.let_in += 1
    if complaint:
        row.lost += 1
        row.notes.append(f"{name}: {complaint}")
    if left := await before.left_at_rest():
        row.leaked += 1
        row.notes.append(f"{name}: left {left}")


async def rehearse(case: Awaitable[str]) -> None:
    """Have made what is made once for a loop, or for the process."""
    await case


async def later(seconds: float) -> None:
    """Let time pass."""
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, passed.set_result, None)
    await passed


async def cut(link: Link, fault: Fault) -> None:
    """Cut the link in the middle of something, as the fault has it."""
    await later(BEFORE)
    link.cut()
    if fault.cut != FOR_GOOD:
        await later(fault.cut)
        link.mend()


def what_did_not_happen(fault: Fault, link: Link) -> str:
    """Whether the link did what it was to do."""
    if fault.corruption and not link.corrupted:
        return "nothing was corrupted"
    if (fault.loss or fault.cut) and not link.lost:
        return "nothing was lost"
    return ""


@contextlib.contextmanager
def peer_process(host: Host, script: str, address: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a script on the host, with its address; it prints the port where it is found. It is killed in the end."""
    with inside(host):
        peer = subprocess.Popen([sys.executable, "-c", script, address], stdout=subprocess.PIPE, text=True)
    with peer:
        assert peer.stdout is not None
        try:
            yield peer, int(peer.stdout.readline())
        finally:
            peer.kill()


@contextlib.contextmanager
def giving_up_early(*hosts: Host) -> Iterator[None]:
    """Have the hosts' systems give up a connection after three retransmissions, not after a quarter of an hour."""
    before: list[str] = []
    for host in hosts:
        with inside(host):
            before.append(_RETRANSMISSIONS.read_text(encoding="ascii"))
            _RETRANSMISSIONS.write_text("3", encoding="ascii")
    try:
        yield
    finally:
        for host, number in zip(hosts, before, strict=True):
            with inside(host):
                _RETRANSMISSIONS.write_text(number, encoding="ascii")
