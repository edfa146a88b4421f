"""Many loops in many threads, each with sockets of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from tests.support import LOOP_FACTORIES, LoopFactory
from tests.trust.table import Row

from .counting import count
from .forgotten import POLICY

_THREADS: Final = 8
_LOOPS: Final = 4  # one after the other, in each thread
_EXCHANGES: Final = 3  # in each loop


def in_many_threads() -> Row:
    """Have conversations in all of them at a time, each of which is a case."""
    row = Row("threads")
    for name, loop_factory in LOOP_FACTORIES.items():
        count(row, name, lambda: _in_threads(loop_factory))  # noqa: B023
    row.tried *= _THREADS * _LOOPS * _EXCHANGES
    return row


def _in_threads(loop_factory: LoopFactory) -> str:
    heard: list[bytes] = []
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for loop_number in range(_LOOPS):
                with asyncio.Runner(loop_factory=loop_factory) as runner:
                    heard.extend(runner.run(_converse(f"{number} {loop_number}")))
        except BaseException as error:  # what ends a thread ends the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [
        f"{number} {loop_number} {exchange}".encode()
        for number in range(_THREADS)
        for loop_number in range(_LOOPS)
        for exchange in range(_EXCHANGES)
        for _ in range(2)
    ]
    if errors:
        return repr(errors)
    return "" if sorted(heard) == sorted(expected) else f"something else was heard: {heard}"


async def _converse(who: str) -> list[bytes]:
    """Say something in each exchange, by TCP and by UDP; returns what was heard."""
    heard: list[bytes] = []
    with POLICY:
        server, receiver = TCPServerSocket("127.0.0.1"), UDPSocket(local_address="127.0.0.1")
    async with asyncio.timeout(30), server as info, receiver as receiving:
        for exchange in range(_EXCHANGES):
            words = f"{who} {exchange}".encode()
            with POLICY:
                socket = TCPSocket("127.0.0.1", info.local_port)
                sender = UDPSocket(remote_address="127.0.0.1", remote_port=receiving.local_port)
            async with socket as client, sender as sending:
                with info.readable.get_reader() as reader:
                    accepted = (await reader.read()).value
                assert accepted is not None
                async with accepted as peer:
                    with client.writable.get_writer() as writer, peer.readable.get_reader() as reader_of_peer:
                        await writer.write(words)
                        heard.append(bytes((await reader_of_peer.read()).value or b""))
                with sending.writable.get_writer() as sends, receiving.readable.get_reader() as receives:
                    await sends.write({"data": words})
                    heard.append(bytes((await receives.read()).value.data))
    return heard
