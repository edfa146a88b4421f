"""The main job, on real sockets: a file goes through a transform into a TCP socket, and its echo comes back.

    python benchmarks/demo.py [--file PATH]

The status is 1 if what comes back differs from what went out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Table

from direct_sockets import PermissionsPolicy, TCPSocket
from whatwg_streams import ReadableStream, TransformStream, WritableStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whatwg_streams import TransformStreamDefaultController, WritableStreamDefaultWriter

SIZE = 64 * 2**20
CHUNK = 2**18
VIEW = 2**18


class HashAndCount:
    """A transformer that passes chunks on, and remembers what they were."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=32)
        self.bytes = 0
        self.chunks = 0

    def add(self, chunk: bytes | memoryview) -> None:
        self.hash.update(chunk)
        self.bytes += len(chunk)
        self.chunks += 1

    def transform(self, chunk: bytes, controller: TransformStreamDefaultController) -> None:
        self.add(chunk)
        controller.enqueue(chunk)


class Gate:
    """A sink in front of a writer, that heeds its backpressure, and counts how often it had to."""

    def __init__(self, writer: WritableStreamDefaultWriter[Any]) -> None:
        self.writer = writer
        self.held = 0

    async def write(self, chunk: bytes) -> None:
        if (self.writer.desired_size or 0) <= 0:
            self.held += 1
        await self.writer.ready
        self.writer.write(chunk).catch(lambda _: None)  # an error shows at `ready` and `close`, too

    async def close(self) -> None:
        await self.writer.close()


def chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


async def run(path: Path, size: int, port: int, console: Console, advance: Callable[[int], None]) -> bool:
    sent, received = HashAndCount(), HashAndCount()
    started = time.perf_counter()
    with PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)"):
        # (A buffer smaller than a chunk or two, so that backpressure shows.)
        socket = TCPSocket("127.0.0.1", port, no_delay=True, send_buffer_size=2**17)
    info = await socket.opened
    console.print(
        f"connected {info.local_address} port {info.local_port} to {info.remote_address} port {info.remote_port}"
    )

    async def read_the_echo() -> None:
        with info.readable.get_reader(mode="byob") as reader:
            view = memoryview(bytearray(VIEW))
            while not (result := await reader.read(view)).done:
                chunk = result.value
                assert chunk is not None
                received.add(chunk)
                advance(len(chunk))
                view = memoryview(chunk.obj)  # the whole buffer, once more

    with info.writable.get_writer() as writer:
        gate = Gate(writer)
        source = ReadableStream.from_(chunks_of(path))
        piped = source.pipe_through(TransformStream(sent)).pipe_to(WritableStream(gate))
        await asyncio.gather(read_the_echo(), piped)
    seconds = time.perf_counter() - started
    # Both directions are closed: ours by the pipe, the peer's in answer to it.
    closed = "settled, gracefully"
    try:
        async with asyncio.timeout(10):
            await socket.closed
    except (TimeoutError, OSError) as error:
        closed = f"not gracefully: {error!r}"
    equal = sent.hash.digest() == received.hash.digest()
    good = equal and sent.bytes == received.bytes == size and closed == "settled, gracefully"

    table = Table("", "sent", "received", box=None)
    table.add_row("bytes", f"{sent.bytes:,}", f"{received.bytes:,}")
    table.add_row("chunks", f"{sent.chunks:,}", f"{received.chunks:,}")
    table.add_row("BLAKE2b", sent.hash.hexdigest()[:16], received.hash.hexdigest()[:16])
    console.print(table)
    console.print(f"hashes equal               {'yes' if equal else 'NO'}")
    console.print(f"each way                   {sent.bytes / 2**20 / seconds:,.0f} MiB/s")
    console.print(f"backpressure held a write  {gate.held:,} times of {sent.chunks:,}")
    console.print(f"closed                     {closed}")
    return good


@contextlib.contextmanager
def file_to_send(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "random")
        with made.open("wb") as file:
            for _ in range(SIZE // 2**20):
                file.write(os.urandom(2**20))
        yield made


@contextlib.contextmanager
def progress_of(total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, and a line for each quarter elsewhere."""
    if console.is_terminal:
        with Progress("echoed", BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console) as progress:
            task = progress.add_task("", total=total)
            yield lambda size: progress.advance(task, size)
        return
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        before, done = done, done + size
        if total and 4 * done // total > 4 * before // total:
            console.print(f"echoed {100 * done // total} %")

    yield advance


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="what to send; 64 MiB of random bytes by default")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    if arguments.file is not None and not arguments.file.is_file():
        parser.error(f"there is no file {arguments.file}")
    with (
        file_to_send(arguments.file) as path,
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("echo_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline())
        size = path.stat().st_size
        console.print(f"echo server in process {server.pid}, sending {size:,} bytes")
        with progress_of(size, console) as advance:
            good = asyncio.run(run(path, size, port, console, advance))
        server.communicate()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
