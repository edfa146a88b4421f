"""What is not closed by its user is closed all the same, and told; what is queued stays within its bounds."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import subprocess
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPSocket
from tests.support import ROOT, LoopFactory
from whatwg_streams import ReadableStream

POLICY = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that accepts in its queue only."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


# Collected without being closed


async def _open(listener: socket.socket) -> list[Any]:
    with POLICY:
        sockets: list[Any] = [
            TCPSocket(*listener.getsockname()),
            UDPSocket(local_address="127.0.0.1"),
            TCPServerSocket("127.0.0.1"),
        ]
    for one in sockets:
        await one.opened
    return sockets


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted there")
def test_a_socket_that_is_collected_is_closed_and_says_where_it_was_opened(
    listener: socket.socket, loop_factory: LoopFactory
) -> None:
    before = _descriptors()
    loop = loop_factory()
    sockets = loop.run_until_complete(_open(listener))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sockets.clear()
        loop.close()  # without its asynchronous generators, one of which would have closed them
        del loop
        gc.collect()
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 3
    first = _open.__code__.co_firstlineno + 3
    for index, name in enumerate(("TCPSocket", "UDPSocket", "TCPServerSocket")):
        pattern = rf"unclosed <{name} open, .* port \d+>, opened at {re.escape(__file__)}:{first + index}"
        assert any(re.fullmatch(pattern, message) for message in messages), messages
    assert all(warning.category is ResourceWarning for warning in caught)
    assert _descriptors() <= before


def test_a_socket_that_was_closed_or_refused_is_collected_in_silence(
    listener: socket.socket, loop_factory: LoopFactory
) -> None:
    async def close() -> None:
        for one in await _open(listener):
            await one.close()
        with POLICY, pytest.raises(TypeError):
            TCPServerSocket("127.0.0.1", local_port=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(close())
        gc.collect()


# The end of the interpreter, and other processes and threads

_SCRIPT = """
import asyncio, os, sys
from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPSocket

async def main():
    with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
        server = TCPServerSocket("127.0.0.1")
        info = await server.opened
        client = TCPSocket("127.0.0.1", info.local_port)
        datagrams = UDPSocket(local_address="127.0.0.1")
    await client.opened
    await datagrams.opened
    kept.extend([server, client, datagrams])
    async for accepted in info.readable.values(prevent_cancel=True):
        kept.append(accepted)
        break

kept = []
"""
_ENDS = {
    "asyncio.run": "asyncio.run(main())",
    "in the middle": "asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main()); sys.exit(0)",
    "an error": "asyncio.run(main()); raise SystemExit(0)",
    "a forked child": (
        "asyncio.run(main())\nchild = os.fork()\n"
        "kept.clear()\nasyncio.run(main())\n"
        "if child: assert os.waitpid(child, 0)[1] == 0"
    ),
}


@pytest.mark.parametrize("end", _ENDS)
def test_the_interpreter_ends_quietly_with_sockets_open(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT + _ENDS[end]],
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages"), "PYTHONWARNINGS": "default", "PYTHONASYNCIODEBUG": ""},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line and not line.startswith(" ")]
    assert all("ResourceWarning" in line or "DeprecationWarning" in line for line in told), done.stderr


def test_many_loops_in_many_threads(loop_factory: LoopFactory) -> None:
    async def echo() -> bytes:
        with POLICY:
            server = TCPServerSocket("127.0.0.1")
            async with server as info, TCPSocket("127.0.0.1", info.local_port) as client:
                with info.readable.get_reader() as reader:
                    accepted = (await reader.read()).value
                async with accepted as peer:
                    with client.writable.get_writer() as writer:
                        await writer.write(b"hello")
                    with peer.readable.get_reader() as reader:
                        return bytes((await reader.read()).value)

    heard: list[bytes] = []

    def run() -> None:
        for _ in range(3):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                heard.append(runner.run(echo()))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [b"hello"] * 18


# Memory

_CHUNK = 1024
_CHUNKS = 1000


class _Chunks:
    """Gives chunks of memory of their own; counts those that were asked for."""

    def __init__(self) -> None:
        self.given = 0

    def pull(self, controller: Any) -> None:
        self.given += 1
        controller.enqueue(bytearray(_CHUNK))


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_the_slow_branch_of_a_tee_keeps_what_the_fast_one_has_read_and_no_more() -> None:
    source = _Chunks()
    fast, slow = ReadableStream(source, {"high_water_mark": 0}).tee()
    tracemalloc.start()
    try:
        with fast.get_reader() as reader:
            for _ in range(_CHUNKS):
                await reader.read()
        kept = tracemalloc.get_traced_memory()[0]
        assert _CHUNKS * _CHUNK < kept < 1.5 * _CHUNKS * _CHUNK
        assert source.given <= _CHUNKS + 2
        with slow.get_reader() as reader:
            for _ in range(_CHUNKS):
                await reader.read()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 0.2 * _CHUNKS * _CHUNK
    finally:
        tracemalloc.stop()
    await asyncio.gather(fast.cancel(), slow.cancel())


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_socket_that_nobody_reads_takes_no_more_than_its_high_water_mark(listener: socket.socket) -> None:
    with POLICY:
        client = TCPSocket(*listener.getsockname())
    async with client as info:
        controller: Any = info.readable._controller  # it reads ahead from when it is asked for
        with closing(listener.accept()[0]) as peer:
            peer.setblocking(False)
            sent = 0
            while True:  # until the system's buffers are full, and the client takes no more
                try:
                    sent += peer.send(bytes(65536))
                except BlockingIOError:
                    waiting = sent
                    for _ in range(20):
                        await asyncio.sleep(0)
                    try:
                        sent += peer.send(bytes(65536))
                    except BlockingIOError:
                        if sent == waiting:
                            break
            assert 0 < controller._queue_total_size <= 65536
            assert sent > 65536
