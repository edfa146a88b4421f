"""What sockets do, on real ones of this machine: `make demo`.

    python -m benchmarks.demo [--file PATH]

A row each: a TCP client and a TCP server, UDP in both modes, and multicast. The other ends are plain sockets in
processes of their own. The status is 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Table

from direct_sockets import PermissionsPolicy

from . import datagrams, tcp
from .scene import POLICY, TIME_LIMIT, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

SIZE = 64 * 2**20


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


async def run_one(scene: Coroutine[None, None, Row], name: str, console: Console) -> Row:
    """Run a scene; what goes wrong is a row, too."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(TIME_LIMIT):
            row = await scene
    except TimeoutError:
        row = Row(name, f"it has taken more than {TIME_LIMIT} s")
    except Exception as error:
        row = Row(name, f"{type(error).__name__}: {error}")
    console.print(f"{row.scene}: {row.state}, {time.perf_counter() - started:.1f} s")
    return row


async def run(path: Path, size: int, console: Console) -> list[Row]:
    console.print(f"sending {size:,} bytes")
    with PermissionsPolicy(POLICY):
        with progress_of(size, console) as advance:
            rows = [await run_one(tcp.client(path, size, advance), "TCP client", console)]
        rows.append(await run_one(tcp.server(), "TCP server", console))
        rows.append(await run_one(datagrams.connected(), "UDP, connected", console))
        rows.append(await run_one(datagrams.bound(), "UDP, bound", console))
        for group in datagrams.GROUPS:
            rows.append(await run_one(datagrams.multicast(group), f"Multicast to {group}", console))  # noqa: PERF401
        rows.append(await run_one(datagrams.source_specific(), "Multicast, one source", console))
    return rows


def table_of(rows: list[Row]) -> Table:
    table = Table("", "what was done", "how much", "how fast", "hashes", "backpressure", "", pad_edge=False)
    for row in rows:
        table.add_row(
            row.scene,
            row.done,
            row.amount,
            row.rate,
            "" if row.skipped else "agree" if row.hashes_agree else "[bold red]DO NOT AGREE[/]",
            row.backpressure + ("" if row.held or row.skipped else " [bold red]IT DID NOT HOLD[/]"),
            row.state if row.state == "ok" else f"[bold red]{row.state}[/]",
        )
        table.add_section()
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, help="what the TCP client sends; 64 MiB of random bytes by default")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    if arguments.file is not None and not arguments.file.is_file():
        parser.error(f"there is no file {arguments.file}")
    with file_to_send(arguments.file) as path:
        rows = asyncio.run(run(path, path.stat().st_size, console))
    return report(rows, console)


def report(rows: list[Row], console: Console) -> int:
    """Print the table, and what is wrong; the value is the exit status."""
    if not console.is_terminal:  # in a file, lines are as long as they are
        console.width = 160
    console.print(table_of(rows))
    for row in rows:
        if row.skipped:
            console.print(f"[bold red]NOT SHOWN HERE: {row.scene}: {row.skipped}[/]")
    wrong = [row.scene for row in rows if row.state == "WRONG"]
    console.print(f"[bold red]WRONG: {', '.join(wrong)}[/]" if wrong else "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
