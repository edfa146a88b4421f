"""Cases of faults between network namespaces: how they are counted, and how long what they wait for may take."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from tests.support.namespaces import Host, inside
from tests.trust.leaks import Before
from tests.trust.table import Row

from .wire import Fault, Wire

#: What is done to packets, each way.
FAULTS: Final = (
    Fault("delay", delay=20),
    Fault("reordering", delay=1, jitter=20),
    Fault("loss", loss=0.03),
    Fault("duplication", duplication=0.2),
    Fault("corruption", corruption=0.03),
    Fault("all of them", delay=2, jitter=3, loss=0.01, duplication=0.05, corruption=0.01),
)
#: What the link is like that is cut: what is sent takes long enough for that.
SLOW: Final = Fault("slow", delay=20)

#: Seconds within which all has arrived, though the network is bad, or the link was cut for a while;
ARRIVED_WITHIN: Final = 20.0
#: within which everybody is told that the link stays cut, where the system gives up after three retransmissions;
CUT_TOLD_WITHIN: Final = 15.0
#: and within which everybody is told that the peer is dead.
DEATH_TOLD_WITHIN: Final = 5.0

#: Seconds that the link is cut for a while, and until it is cut, or the peer is killed.
CUT: Final = 3.0
BEFORE: Final = 0.1


#: A setting of each namespace, for either version of IP.
_RETRANSMISSIONS: Final = Path("/proc/sys/net/ipv4/tcp_retries2")


class Spoilt(Exception):
    """Something was received that nobody has sent."""


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


async def cut(wire: Wire, *, mend: bool) -> None:
    """Cut the cable in the middle of something, for good or for a while."""
    await later(BEFORE)
    wire.cut = True
    if mend:
        await later(CUT)
        wire.cut = False


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
