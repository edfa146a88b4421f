"""What the scenes of the demo have in common: a row each, other ends in other processes, and hashes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from whatwg_streams import TransformStreamDefaultController, WritableStreamDefaultWriter

#: How long a scene may take, in seconds.
TIME_LIMIT = 40

POLICY = "direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)"


@dataclass(frozen=True)
class Row:
    """What a scene has shown.

    Attributes:
        scene: its name.
        done: what was done.
        amount: how much of it.
        rate: how fast.
        hashes_agree: whether what has arrived is what was sent.
        backpressure: how it was seen to hold.
        held: whether it held.
        skipped: why this machine could not show it.
    """

    scene: str
    done: str
    amount: str = ""
    rate: str = ""
    hashes_agree: bool = False
    backpressure: str = ""
    held: bool = False
    skipped: str = ""

    @property
    def state(self) -> Literal["ok", "WRONG", "SKIPPED"]:
        if self.skipped:
            return "SKIPPED"
        return "ok" if self.hashes_agree and self.held else "WRONG"


class HashAndCount:
    """A transformer that passes chunks on, and remembers what they were."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b()
        self.bytes = 0
        self.chunks = 0

    def add(self, chunk: bytes | memoryview) -> None:
        self.hash.update(chunk)
        self.bytes += len(chunk)
        self.chunks += 1

    def transform(self, chunk: bytes, controller: TransformStreamDefaultController) -> None:
        self.add(chunk)
        controller.enqueue(chunk)

    def agrees_with(self, other: HashAndCount) -> bool:
        return self.bytes == other.bytes and self.hash.digest() == other.hash.digest()


class Gate:
    """A sink in front of a writer, that heeds its backpressure, and counts how often it had to."""

    def __init__(self, writer: WritableStreamDefaultWriter[Any]) -> None:
        self.writer = writer
        self.held = 0

    async def write(self, chunk: object) -> None:
        if (self.writer.desired_size or 0) <= 0:
            self.held += 1
        await self.writer.ready
        self.writer.write(chunk).catch(lambda _: None)  # an error shows at `ready` and `close`, too

    async def close(self) -> None:
        await self.writer.close()


class Peer:
    """A program of `peers`, which runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def port(self) -> int:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise OSError("the other end could not be started; it says why above")
        return int(line)

    async def results(self) -> list[dict[str, Any]]:
        assert self._process.stdout is not None
        results: list[dict[str, Any]] = json.loads(await self._process.stdout.read())
        return results


@contextlib.asynccontextmanager
async def peer(*arguments: object) -> AsyncIterator[Peer]:
    """Run a program of `peers`; its input is closed in the end, and it is waited for."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("peers.py")),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Peer(process)
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def mebibytes(size: float) -> str:
    return f"{size / 2**20:,.1f} MiB"


def per_second(size: int, seconds: float) -> str:
    return f"{size / 2**20 / seconds:,.0f} MiB/s"
