"""Thousands of connections at a time, for minutes: a part of `make soak`.

Each says something, waits until all of it has come back, and so on. Some read slowly; some are closed and opened anew
all the time; and for a while there are no descriptors left. Afterwards everything has to be as it was; and so again
after the next such cycle.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import resource
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import uvloop

from direct_sockets import PermissionsPolicy, TCPSocket
from tests.support import ROOT

from .leaks import Before
from .load_limits import BUFFER, allow_descriptors, open_descriptors
from .memory import Memory, allocated, gives_back_pages, resident, resident_at_rest
from .table import Row

_BOTH: Final = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")
_SMALL: Final = 1024  # bytes that most say at a time,
_LARGE: Final = 128 * 1024  # and the slow ones, which is more than is taken at once: they wait until they have read
_SPARE: Final = 200  # descriptors that are not those of connections
_AT_A_TIME: Final = 200  # connections that are opened
_SLOW: Final = 100  # one in so many reads slowly,
_FLEETING: Final = 20  # and one in so many is closed after each answer
_PAUSE: Final = 0.01  # seconds that these wait after each piece,
_REFUSED: Final = 20  # connections that are tried without descriptors
_PATIENCE: Final = 30  # seconds that the peer may take to say something
_FOR_GOOD: Final = 5000  # blocks of memory that what is made once may take
_LOOK_AGAIN: Final = 0.5  # seconds, to see whether the peer has less memory in use
_MEMORY: Final = 2.0  # MiB of memory that what is made once may take,
_MEMORY_EACH: Final = 256  # and bytes for each connection: the tables of tasks and of descriptors do not shrink
_BESIDES: Final = 60  # seconds that all may take besides those that were asked for,
_BESIDES_EACH: Final = 0.02  # and seconds for each connection


@dataclass
class _Figures:
    answers: list[int]
    unhandled: list[Any]
    bytes: int = 0
    held_up: int = 0
    opened: int = 0
    refused_for_want_of_descriptors: int = 0
    wrong: list[str] = field(default_factory=list)
    let_in: int = 0


class _FailedError(Exception):
    """What ends the load before its time."""


class _Peer(NamedTuple):
    """What the peer says of itself."""

    descriptors: int
    unhandled: int
    memory: float


def load(connections: int, minutes: float, cycles: int = 1) -> Row:
    """Use so many connections at a time, for so long in so many cycles, and tell what came of it.

    The first one that fails ends it, and so does a time limit.
    """
    allowed = allow_descriptors(connections + _SPARE)
    if allowed < connections + _SPARE:
        connections = allowed - _SPARE
        sys.stdout.write(f"ONLY {connections} CONNECTIONS: no more than {allowed} descriptors are allowed here\n")
    command = [sys.executable, "-m", "tests.trust.load_peer", str(allowed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as peer:
        try:
            port = int(_line(peer))
            return uvloop.run(_load(connections, minutes * 60, cycles, port, peer))
        finally:
            assert peer.stdin is not None
            peer.stdin.close()
            try:
                peer.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                peer.kill()


async def _load(connections: int, seconds: float, cycles: int, port: int, peer: subprocess.Popen[str]) -> Row:
    row = Row(f"load: {connections} connections, {seconds:.0f} s")
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    limit = seconds + cycles * (_BESIDES + connections * _BESIDES_EACH)
    try:
        async with asyncio.timeout(limit):
            # One connection first: what is made once is not counted.
            async with _connect(port) as info:
                await _exchange(info, b"warm up")
            bound = _MEMORY + _MEMORY_EACH * connections / 2**20
            memories = (
                Memory("this process", await resident_at_rest(), bound),
                Memory("its peer", await _memory_of(peer), bound),
            )
            for _ in range(cycles):
                await _cycle(connections, seconds / cycles, port, peer, row, unhandled)
                memories[0].after.append(await resident_at_rest())
                memories[1].after.append(await _memory_of(peer))
    except* TimeoutError:
        row.lost += 1
        row.notes.insert(0, f"not done within {limit:.0f} s: {row.tried} answers")
    except* _FailedError as failed:
        row.lost += len(failed.exceptions)
        row.notes += map(str, failed.exceptions)
    else:
        if gives_back_pages():
            _look_at_memory(memories, row)
    row.lost += len(unhandled)
    row.notes += [str(each) for each in unhandled[:3]]
    return row


async def _cycle(
    connections: int, seconds: float, port: int, peer: subprocess.Popen[str], row: Row, unhandled: list[Any]
) -> None:
    """Have all connections once, and count what came of it, though it may not come to its end."""
    figures = _Figures([0] * connections, unhandled)
    try:
        await _measure(connections, seconds, port, peer, figures, row)
    except asyncio.CancelledError:
        row.notes.append(f"{figures.opened} connections were opened in the cycle that was not done")
        raise
    finally:
        row.tried += sum(figures.answers)
        row.let_in += figures.let_in
        row.lost += len(figures.wrong)
        row.notes += figures.wrong[:3]


async def _memory_of(peer: subprocess.Popen[str]) -> float:
    """The memory of the peer, once it is behind with nothing any more."""
    memory = _ask(peer).memory
    while True:
        await asyncio.sleep(_LOOK_AGAIN)
        again = _ask(peer).memory
        if again > memory * 0.999:
            return again
        memory = again


def _look_at_memory(memories: Iterable[Memory], row: Row) -> None:
    for memory in memories:
        sys.stdout.write(f"{memory}\n")
        complaints = memory.complaints()
        row.leaked += len(complaints)
        row.notes += complaints


async def _measure(
    connections: int, seconds: float, port: int, peer: subprocess.Popen[str], figures: _Figures, row: Row
) -> None:
    peer_before = _ask(peer)
    objects_before = Before()
    before, memory_before, blocks_before = open_descriptors(), await resident_at_rest(), allocated()
    stop = asyncio.Event()
    gate = asyncio.Semaphore(_AT_A_TIME)
    all_open = asyncio.Barrier(connections + 1)
    started = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(connections):
            tasks.create_task(_use(number, port, figures, gate, all_open, stop))
        await all_open.wait()
        opened = time.monotonic() - started
        memory_open, descriptors_open, blocks_open = resident(), open_descriptors(), allocated()
        await asyncio.sleep(seconds / 2)
        await _without_descriptors(port, figures)
        await asyncio.sleep(seconds / 2)
        rounds = list(figures.answers)
        stop.set()
    used = time.monotonic() - started - opened
    gc.collect()
    peer_after = _ask(peer)
    waited = time.monotonic()
    # The peer may be behind with its closing; what it never closes is leaked.
    while peer_after.descriptors > peer_before.descriptors and time.monotonic() - waited < _PATIENCE:
        await asyncio.sleep(0.1)
        peer_after = _ask(peer)
    after, memory_after, blocks_after = open_descriptors(), await resident_at_rest(), allocated()
    steady = [each for number, each in enumerate(rounds) if number % _SLOW and number % _FLEETING]
    row.lost += peer_after.unhandled - peer_before.unhandled
    left = await objects_before.left_at_rest()
    if blocks_after - blocks_before > _FOR_GOOD + connections / 10:
        left.append(f"{blocks_after - blocks_before} blocks of memory")
    row.leaked += max(0, after - before) + max(0, peer_after.descriptors - peer_before.descriptors) + len(left)
    row.notes += left
    sys.stdout.write(
        f"{figures.opened} connections were opened, the first {connections} in {opened:.1f} s;"
        f" in {used:.0f} s {sum(figures.answers)} answers, {figures.bytes / 2**20:.0f} MiB each way\n"
        f"answers to a connection: slowest {min(steady)}, median {statistics.median(steady):.0f}, most {max(steady)}:"
        f" slowest / median {min(steady) / max(1, statistics.median(steady)):.2f}\n"
        f"slow readers: {min(rounds[::_SLOW])} to {max(rounds[::_SLOW])} answers of {_LARGE} bytes each;"
        f" {figures.held_up} times a write had to wait until they read\n"
        f"descriptors {before}, {descriptors_open} in use, {after} afterwards;"
        f" of the peer {peer_before.descriptors}, {peer_after.descriptors} afterwards\n"
        f"memory {memory_before:.0f} MiB, {memory_open:.0f} in use"
        f" ({(memory_open - memory_before) * 1024 / connections:.1f} KiB a connection), {memory_after:.0f} afterwards;"
        f" blocks of Python's allocator {blocks_before}, {blocks_open} in use, {blocks_after} afterwards\n"
        f"without descriptors: {figures.refused_for_want_of_descriptors} were refused, all others went on\n"
        f"unhandled errors: {len(figures.unhandled)} here, {peer_after.unhandled} in the peer\n"
    )


def _line(peer: subprocess.Popen[str]) -> str:
    """What the peer says next; it does not keep us waiting."""
    assert peer.stdout is not None
    if not select.select([peer.stdout], [], [], _PATIENCE)[0]:
        raise _FailedError(f"the peer has said nothing for {_PATIENCE} s")
    return peer.stdout.readline()


def _ask(peer: subprocess.Popen[str]) -> _Peer:
    assert peer.stdin is not None
    peer.stdin.write("\n")
    peer.stdin.flush()
    descriptors, unhandled, memory = _line(peer).split()
    return _Peer(int(descriptors), int(unhandled), float(memory))


def _connect(port: int, **options: Any) -> TCPSocket:
    with _BOTH:
        return TCPSocket("127.0.0.1", port, **options)


async def _use(
    number: int,
    port: int,
    figures: _Figures,
    gate: asyncio.Semaphore,
    all_open: asyncio.Barrier,
    stop: asyncio.Event,
) -> None:
    """Use one connection after the other, once all have one, until it is time to stop."""
    is_first = True
    is_slow, is_fleeting = number % _SLOW == 0, number % _FLEETING == 0
    options = {"send_buffer_size": BUFFER} if is_slow else {}
    words = number.to_bytes(4, "big") * ((_LARGE if is_slow else _SMALL) // 4)
    while not stop.is_set():
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with gate:
                    info = await stack.enter_async_context(_connect(port, **options))
                figures.opened += 1
                if is_first:
                    is_first = False
                    await all_open.wait()
                while not stop.is_set():
                    if await _exchange(info, words, figures if is_slow else None) != words:
                        raise _FailedError(f"connection {number} got other bytes than it sent")
                    figures.answers[number] += 1
                    figures.bytes += len(words)
                    if is_fleeting and not is_slow:
                        break
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise _FailedError(f"connection {number}, of {figures.opened} that were opened: {error!r}") from error
            figures.refused_for_want_of_descriptors += 1
            await asyncio.sleep(0.1)


async def _exchange(info: Any, words: bytes, slow: _Figures | None = None) -> bytes:
    """Say something, and return what comes back; a slow reader pauses after each piece of it."""
    received = bytearray()
    with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
        writing = writer.write(words)
        while len(received) < len(words):
            result = await reader.read()
            if result.done:
                break
            if slow is not None:
                slow.held_up += not received and "pending" in repr(writing)
                await asyncio.sleep(_PAUSE)
            received += result.value
        await writing
    return bytes(received)


async def _without_descriptors(port: int, figures: _Figures) -> None:
    """Allow no more descriptors than there are, for a while."""

    async def be_refused() -> None:
        try:
            async with _connect(port):
                figures.let_in += 1
        except OSError as error:
            if error.errno == errno.EMFILE:
                figures.refused_for_want_of_descriptors += 1
            else:
                figures.wrong.append(f"without descriptors: {error!r}")

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, allowed[1]))
    try:
        # All at once: each of them waits until the loop has been round for all connections.
        await asyncio.gather(*(be_refused() for _ in range(_REFUSED)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
