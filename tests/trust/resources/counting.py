"""Counting cases: what they complain of, and what they leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.support import LoopFactory, run_what_waits_for_a_loop
from tests.trust.leaks import Before
from tests.trust.table import Row


def count(row: Row, name: str, complain: Callable[[], str]) -> None:
    """Try one case, where no loop runs; it tells what is wrong."""
    before = Before()
    row.tried += 1
    if complaint := complain():
        row.lost += 1
        row.notes.append(f"{name}: {complaint}")
    run_what_waits_for_a_loop()
    if left := before.left():
        row.leaked += 1
        row.notes.append(f"{name}: left {left}")


def count_in(loop_factory: LoopFactory, row: Row, name: str, complain: Callable[[], Awaitable[str]]) -> None:
    """Try one case in a loop of its own; a complaint is also what it raises."""

    async def run() -> str:
        try:
            return await complain()
        except (AssertionError, OSError, TimeoutError) as error:
            return repr(error)

    def in_a_loop() -> str:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(run())

    count(row, name, in_a_loop)
