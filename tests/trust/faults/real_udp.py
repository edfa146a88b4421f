"""UDP of this machine's kernel, between two network namespaces: what the network delivers is received, and no more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any, Final

from direct_sockets import UDPMessage, UDPSocket
from tests.support.namespaces import inside
from tests.support.operating_system import BOTH

from .links import Fault, Link
from .places import BEFORE, DEATH_TOLD_WITHIN, Place, Spoilt, cut, later, peer_process, what_did_not_happen

_DATAGRAMS: Final = 200  # each way
_LARGEST: Final = 1200  # bytes, which are sent in one packet
_AT_A_TIME: Final = 10
_PAUSE: Final = 0.005  # seconds
#: Seconds after which nothing is on its way any more.
_QUIET: Final = 0.2


async def exchange_under(place: Place, fault: Fault) -> str:
    """Send datagrams both ways, and tell what is wrong with what became of them."""
    if fault.peer_is_killed:
        return await _killed(place, fault)
    with place.link_with(fault) as link:
        # Some are sent before it is cut, if it is, some in the middle, and some afterwards.
        cutting = asyncio.create_task(cut(link, fault)) if fault.cut else None
        complaint = await _exchange(place, link)
        if cutting is not None:
            await cutting
            complaint = complaint or await _exchange(place, link)
        return complaint or what_did_not_happen(fault, link) or _what_did_not_happen(fault, link)


def _what_did_not_happen(fault: Fault, link: Link) -> str:
    """Whether the link did what shows only in datagrams, which are numbered."""
    for delivered in link.delivered:
        if not delivered:
            return "nothing was delivered"
        if fault.duplication and len(set(delivered)) == len(delivered):
            return "nothing came twice"
        if fault.reordering and delivered == sorted(delivered):
            return "nothing overtook anything"
    return ""


async def _exchange(place: Place, link: Link) -> str:
    """Send datagrams both ways, between a socket that is bound and one that is connected to it."""
    with BOTH:
        bound = UDPSocket(local_address=place.address)
        with inside(place.network.receiver):
            bound_info = await bound.opened
        connected = UDPSocket(remote_address=place.address, remote_port=bound_info.local_port)
        with inside(place.network.sender):
            connected_info = await connected.opened
    already = [len(delivered) for delivered in link.delivered]
    back = UDPMessage(None, connected_info.local_address, connected_info.local_port)
    async with bound, connected:
        received: tuple[list[bytes], list[bytes]] = ([], [])
        receiving = [
            asyncio.create_task(_receive(info, chunks))
            for info, chunks in zip((connected_info, bound_info), received, strict=True)
        ]
        sent = await asyncio.gather(
            _send(connected_info, UDPMessage(None), Random(1)), _send(bound_info, back, Random(2))
        )
        await later(_QUIET)
        for task in receiving:
            task.cancel()
        await asyncio.wait(receiving)
    for chunks, delivered, first, others in zip(received, link.delivered, already, sent[::-1], strict=True):
        if set(chunks) - set(others):
            raise Spoilt("what was received had not been sent")
        if chunks != delivered[first:]:
            arrived = len(delivered) - first
            return f"{arrived} datagrams arrived at the host; {len(chunks)} were received, or in another order"
    return ""


async def _send(info: Any, to: UDPMessage, random: Random) -> list[bytes]:
    sent: list[bytes] = []
    with info.writable.get_writer() as writer:
        for index in range(_DATAGRAMS):
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


async def _killed(place: Place, fault: Fault) -> str:
    """Have datagrams echoed by another process, which is killed; the system refuses what is sent then."""
    with place.link_with(fault), peer_process(place.network.receiver, _PEER, place.address) as (peer, port):
        with BOTH:
            socket = UDPSocket(remote_address=place.address, remote_port=port)
            with inside(place.network.sender):
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
