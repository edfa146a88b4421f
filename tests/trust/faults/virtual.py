"""Faults of a virtual network: each seed has its own links, and its own mishap."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import Final

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPMessage, UDPSocket
from direct_sockets.testing import VirtualHost, VirtualNetwork
from tests.trust.table import Row
from whatwg_streams import NetworkError

from .conversation import End, converse
from .places import Spoilt, count, rehearse

#: Virtual milliseconds after which everybody has been told: the kernels of today give up sending after 15 minutes.
PATIENCE: Final = 30 * 60 * 1000

_BOTH: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")
#: The addresses of the hosts.
_A: Final = ("10.0.0.1", "fd00::1")
_B: Final = ("10.0.0.2", "fd00::2")
#: How often the link is cut while datagrams are sent.
_CUT: Final = 0.3
_MISHAPS: Final = ("none", "none", "the link is cut for a while", "the link is cut for good", "the peer dies")


def _network(random: Random, trace: list[str]) -> tuple[VirtualNetwork, VirtualHost, VirtualHost]:
    network = VirtualNetwork(seed=random.randrange(2**32), trace=trace.append)
    a, b = network.host("a", *_A), network.host("b", *_B)
    for one, other in ((a, b), (b, a)):
        network.link(
            one,
            other,
            one_way=True,
            latency=random.choice((0, 1, 20, 300)),
            jitter=random.choice((0, 5, 100)),
            bandwidth=random.choice((None, 100_000, 10_000_000)),
            loss=random.choice((0, 0.01, 0.1, 0.3)),
            reordering=random.choice((0, 0.1, 0.5)),
            reordering_delay=random.choice((1, 50)),
            duplication=random.choice((0, 0.1, 0.5)),
            mtu=random.choice((576, 1500, 9000)),
        )
    return network, a, b


async def try_streams(seeds: Iterable[int]) -> Row:
    """Have two hosts converse over a bad network, once for each seed: by IPv4, or by IPv6."""
    row = Row("TCP")
    await rehearse(_conversation(0))
    for seed in seeds:
        await count(row, f"seed {seed}", lambda: _conversation(seed))  # noqa: B023
    return row


async def _conversation(seed: int) -> str:
    random, version = Random(seed), seed % 2
    network, a, b = _network(random, [])
    mishap = random.choice(_MISHAPS)
    with _BOTH:
        with b.installed():
            server = TCPServerSocket(_B[version], local_port=40000)
        listening = await server.opened
        with a.installed():
            socket = TCPSocket(_B[version], 40000, keep_alive_delay=10_000)
    ends = End(random.randbytes(random.randrange(200_000))), End(random.randbytes(random.randrange(200_000)))
    async with server, socket:
        with listening.readable.get_reader() as reader:
            accepting = reader.read()
            try:
                await socket.opened
            except NetworkError:  # so many packets are lost that nobody can connect: that is told, too
                await reader.cancel()
                return ""
            accepted = (await accepting).value
        assert accepted is not None
        with suppress(TimeoutError):
            async with accepted, network.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
                talking = [
                    tasks.create_task(converse(socket, ends[0], Random(1))),
                    tasks.create_task(converse(accepted, ends[1], Random(2))),
                ]
                await network.sleep(random.choice((0, 10, 500, 5000)))
                if mishap == "the peer dies":
                    b.crash()
                elif mishap != "none":
                    network.partition(b)
                    if mishap == "the link is cut for a while":
                        await network.sleep(random.choice((100, 3000, 20_000)))
                        network.heal()
                    else:
                        # (The other end does not keep alive: with nothing to send it is told nothing.)
                        await talking[0]
                        b.crash()
        if not talking[0].done() or talking[0].cancelled():
            return f"{mishap}: it was not over after {PATIENCE // 60_000} minutes"
    complaint = _complaint(ends[0], ends[1])
    if mishap in {"none", "the link is cut for a while"}:
        complaint = complaint or _complaint(ends[1], ends[0])
        if not complaint and not (ends[0].finished and ends[1].finished):
            # A network that loses a third of all packets may make the system give up: told it is, as is checked above.
            complaint = "" if any(end.read_error for end in ends) else "it did not end"
    return complaint and f"{mishap}: {complaint}"


def _complaint(end: End, other: End) -> str:
    if end.is_spoilt_by(other):
        raise Spoilt(end.complaint(other))
    return end.complaint(other)


# Datagrams ---------------------------------------------------------------------------------------------


async def try_datagrams(seeds: Iterable[int]) -> Row:
    """Send datagrams over a bad network: whatever arrives at the host is received, once, as it was sent."""
    row = Row("UDP")
    await rehearse(_datagrams(0))
    for seed in seeds:
        await count(row, f"seed {seed}", lambda: _datagrams(seed))  # noqa: B023
    return row


async def _datagrams(seed: int) -> str:
    random, version = Random(seed), seed % 2
    trace = list[str]()
    network, a, b = _network(random, trace)
    is_cut = random.random() < _CUT
    sent = [number.to_bytes(4, "big") + random.randbytes(random.randrange(2000)) for number in range(100)]
    received = Counter[bytes]()
    with _BOTH:
        with b.installed():
            receiver = UDPSocket(local_address=_B[version], local_port=40000)
        with a.installed():
            sender = UDPSocket(local_address=_A[version])
    async with receiver as incoming, sender as outgoing:

        async def receive() -> None:
            async for message in incoming.readable:
                received[bytes(message.data)] += 1

        receiving = asyncio.create_task(receive())
        with outgoing.writable.get_writer() as writer:
            for number, data in enumerate(sent):
                if is_cut and number == len(sent) // 3:
                    network.partition(b)
                if is_cut and number == 2 * len(sent) // 3:
                    network.heal()
                await writer.write(UDPMessage(data, _B[version], 40000))
                await network.sleep(random.choice((0, 1)))
        await network.run_for(60_000)
        receiving.cancel()
        await asyncio.wait([receiving])
    if set(received) - set(sent):
        raise Spoilt("what was received had not been sent")
    arrived = sum(1 for line in trace if re.search(r" arrived a > b UDP ", line))
    if received.total() != arrived:
        return f"{arrived} datagrams arrived at the host, {received.total()} were received"
    return ""
