"""UDP of this machine's kernel, between two network namespaces: what the network delivers is received, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

from direct_sockets import UDPMessage, UDPSocket
from tests.support.namespaces import Network, inside
from tests.support.operating_system import BOTH
from tests.trust.table import Row

from .places import (
    BEFORE,
    DEATH_TOLD_WITHIN,
    FAULTS,
    SLOW,
    Spoilt,
    count,
    cut,
    later,
    peer_process,
    rehearse,
)
from .wire import ADDRESSES, Fault, Wire, plugged_in

_DATAGRAMS: Final = 200  # each way
_LARGEST: Final = 1200  # bytes, which are sent in one packet
_AT_A_TIME: Final = 10
_PAUSE: Final = 0.005  # seconds
#: Seconds after which nothing is on its way any more.
_QUIET: Final = 0.2


async def try_udp(network: Network, version: str, faults: Sequence[Fault] = FAULTS) -> Row:
    """Send datagrams both ways under each of the faults; while the link is cut; and to a peer that is killed."""
    row = Row(f"UDP of the kernel, {version}")
    await rehearse(_under(network, version, SLOW))
    for fault in faults:
        await count(row, fault.name, lambda: _under(network, version, fault))  # noqa: B023
    await count(row, "the link is cut for a while", lambda: _cut_for_a_while(network, version))
    await count(row, "the peer is killed", lambda: _killed(network, version))
    return row


async def _under(network: Network, version: str, fault: Fault) -> str:
    with plugged_in(network.sender, network.receiver, fault, version) as wire:
        complaint = await _exchange(network, version, wire, _DATAGRAMS)
        if fault.corruption and not wire.corrupted:
            return "nothing was corrupted"
        if fault.loss and not wire.lost:
            return "nothing was lost"
        return complaint


async def _cut_for_a_while(network: Network, version: str) -> str:
    with plugged_in(network.sender, network.receiver, SLOW, version) as wire:
        cutting = asyncio.create_task(cut(wire, mend=True))
        # Some before, some while it is cut, and some afterwards.
        complaint = await _exchange(network, version, wire, _DATAGRAMS)
        await cutting
        lost, delivered = wire.lost, len(wire.delivered[1])
        complaint = complaint or await _exchange(network, version, wire, _DATAGRAMS)
        if not lost or not delivered:
            return "the link was not cut in the middle of anything"
        return complaint


async def _exchange(network: Network, version: str, wire: Wire, number: int) -> str:
    """Send datagrams both ways, between a socket that is bound and one that is connected to it."""
    addresses = ADDRESSES[version]
    with BOTH:
        bound = UDPSocket(local_address=addresses[1])
        with inside(network.receiver):
            bound_info = await bound.opened
        connected = UDPSocket(remote_address=addresses[1], remote_port=bound_info.local_port)
        with inside(network.sender):
            connected_info = await connected.opened
    already = [len(delivered) for delivered in wire.delivered]
    back = UDPMessage(None, connected_info.local_address, connected_info.local_port)
    async with bound, connected:
        received: tuple[list[bytes], list[bytes]] = ([], [])
        receiving = [
            asyncio.create_task(_receive(info, chunks))
            for info, chunks in zip((connected_info, bound_info), received, strict=True)
        ]
        sent = await asyncio.gather(
            _send(connected_info, UDPMessage(None), number, Random(1)), _send(bound_info, back, number, Random(2))
        )
        await later(_QUIET)
        for task in receiving:
            task.cancel()
        await asyncio.wait(receiving)
    for chunks, delivered, first, others in zip(received, wire.delivered, already, sent[::-1], strict=True):
        if set(chunks) - set(others):
            raise Spoilt("what was received had not been sent")
        if chunks != delivered[first:]:
            arrived = len(delivered) - first
            return f"{arrived} datagrams arrived at the host; {len(chunks)} were received, or in another order"
    return ""


async def _send(info: Any, to: UDPMessage, number: int, random: Random) -> list[bytes]:
    sent: list[bytes] = []
    with info.writable.get_writer() as writer:
        for index in range(number):
            sent.append(index.to_bytes(4, "big") + random.randbytes(random.randrange(_LARGEST)))
            await writer.write(UDPMessage(sent[-1], to.remote_address, to.remote_port))
            if index % _AT_A_TIME == 0:
                await later(_PAUSE)
    return sent


async def _receive(info: Any, chunks: list[bytes]) -> None:
    with info.readable.get_reader() as reader:
        while not (result := await reader.read()).done:
            chunks.append(bytes(result.value.data))


_PEER: Final = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as peer:
    peer.bind((sys.argv[1], 0))
    print(peer.getsockname()[1], flush=True)
    while True:
        data, address = peer.recvfrom(2000)
        peer.sendto(data, address)
"""


async def _killed(network: Network, version: str) -> str:
    """Have datagrams echoed by another process, which is killed; the system refuses what is sent then."""
    address = network.receiver.address(version.lower())
    with peer_process(network.receiver, _PEER, address) as (peer, port):
        with BOTH:
            socket = UDPSocket(remote_address=address, remote_port=port)
            with inside(network.sender):
                info = await socket.opened
        async with socket:
            with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
                await writer.write(UDPMessage(b"hello"))
                assert bytes((await reader.read()).value.data) == b"hello"
                await later(BEFORE)
                peer.kill()
                peer.wait()
                try:
                    async with asyncio.timeout(DEATH_TOLD_WITHIN):
                        with suppress(OSError):
                            await writer.write(UDPMessage(b"is anybody there?"))
                        await reader.read()
                except TimeoutError:
                    return f"the reader was not told within {DEATH_TOLD_WITHIN} seconds"
                except OSError:
                    pass
                else:
                    return "a datagram came from somebody who is dead"
                with suppress(OSError):
                    await writer.close()
            try:
                async with asyncio.timeout(DEATH_TOLD_WITHIN):
                    await socket.closed
            except TimeoutError:
                return "closed was not told"
            except OSError:
                return ""
            return "closed fulfilled, though there was an error"
