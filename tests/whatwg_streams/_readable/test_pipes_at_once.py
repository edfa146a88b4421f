"""Many pipes at a time: they share the event loop fairly, and each keeps its order."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

import pytest

from whatwg_streams import Promise, ReadableStream, WritableStream
from whatwg_streams._platform import fast_paths
from whatwg_streams._readable.fast_pipe import CHUNKS_BEFORE_OTHERS
from whatwg_streams.other_specs import queue_a_microtask

PIPES = 7
CHUNKS = 300


def source(name: int, chunks: int = CHUNKS) -> ReadableStream[tuple[int, int]]:
    made = 0

    def pull(controller: Any) -> None:
        nonlocal made
        made += 1
        controller.enqueue((name, made))
        if made == chunks:
            controller.close()

    return ReadableStream({"pull": pull})


@pytest.mark.parametrize("high_water_mark", [1, 4])
async def test_no_pipe_gets_far_ahead_of_the_others(high_water_mark: int) -> None:
    written = [0] * PIPES

    def write(chunk: tuple[int, int]) -> None:
        name, number = chunk
        assert number == written[name] + 1
        written[name] = number
        assert max(written) - min(written) <= 2 * CHUNKS_BEFORE_OTHERS

    strategy = {"high_water_mark": high_water_mark}
    await Promise.all([source(name).pipe_to(WritableStream({"write": write}, strategy)) for name in range(PIPES)])
    assert written == [CHUNKS] * PIPES


async def test_those_that_end_do_not_hold_up_the_others() -> None:
    """Each goes on with many chunks at a time, though tasks are to be resumed that have waited for an end."""
    written: list[int] = []
    sink = {"write": lambda chunk: written.append(chunk[0])}
    before = fast_paths.set_enabled(True)
    try:
        pipes = [source(name, 40 + 20 * name).pipe_to(WritableStream(sink)) for name in range(PIPES)]
        await asyncio.gather(*pipes)
    finally:
        fast_paths.set_enabled(before)
    turns = len(list(groupby(written)))
    assert turns < 2 * len(written) / CHUNKS_BEFORE_OTHERS


async def test_microtasks_of_others_come_between_chunks() -> None:
    """A pipe goes ahead of steps of pipes, but of nothing else."""
    written = 0
    behind: list[int] = []

    def write(_: object) -> None:
        nonlocal written
        written += 1
        if written % 50 == 0:
            queue_a_microtask(behind.append, written)
            queue_a_microtask(lambda _: behind.append(written))

    await Promise.all([source(0).pipe_to(WritableStream({"write": write})), source(1).pipe_to(WritableStream({}))])
    assert behind == [written for count in range(50, CHUNKS + 1, 50) for written in (count, count)]


async def test_a_pipe_whose_sink_is_slow_does_not_hold_up_the_others() -> None:
    held: Promise[None] = Promise()
    slow: list[object] = []

    def write(chunk: object) -> Promise[None]:
        slow.append(chunk)
        return held

    waiting = source(0).pipe_to(WritableStream({"write": write}))
    await Promise.all([source(name).pipe_to(WritableStream({})) for name in range(1, PIPES)])
    assert slow == [(0, 1)]
    held._fulfill(None)
    await waiting
    assert len(slow) == CHUNKS
