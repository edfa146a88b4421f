"""Memory returns to where it was; where it does not, that is noticed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support import ROOT

from .memory import Memory


@pytest.mark.parametrize(
    ("after", "complaint"),
    [
        ([32.0, 32.1, 31.9], ""),
        ([36.0, 36.0], "36.0 after the first load"),
        ([32.0, 34.0, 36.0], "36.0 after another"),
    ],
)
def test_what_does_not_return_or_grows_is_noticed(after: list[float], complaint: str) -> None:
    complaints = Memory("somebody", before=30.0, after=after, bound=5.0).complaints()
    assert (len(complaints) == 1 and complaint in complaints[0]) if complaint else complaints == []


#: Has 20,000 tasks wait, each of which sleeps and so has its own handle and timer; and may keep what is in a list.
LOAD = """
import asyncio, sys
import uvloop
from tests.trust.memory import gives_back_pages, resident, resident_at_rest

async def wait(data):
    await asyncio.sleep(0.2)
    return data if len(sys.argv) > 1 else None

async def main():
    assert gives_back_pages()
    kept = []
    for cycle in range(3):
        tasks = [asyncio.create_task(wait(bytes(100))) for _ in range(20_000)]
        await asyncio.sleep(0.1)
        height = resident()
        kept += [task.result() for task in tasks if await task is not None]
        del tasks
        print(height, await resident_at_rest(), flush=True)

uvloop.run(main())
"""


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="this system does not tell the memory of a process")
@pytest.mark.parametrize("keeps", [False, True])
def test_the_memory_at_rest_tells_what_is_in_use(keeps: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *(["keeps"] if keeps else [])],
        cwd=ROOT,
        env={**os.environ, "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        check=True,
    )
    (height, first), *_, (_, last) = ([float(word) for word in line.split()] for line in done.stdout.splitlines())
    assert height > first + 10
    assert (last > first + 3) is keeps, done.stdout
