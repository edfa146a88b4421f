"""§9.1.1: a source whose chunks come together, and who does not want to be asked for each of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support import settle
from whatwg_streams import Promise, ReadableStream, ReadableStreamDefaultReader
from whatwg_streams._platform import fast_paths
from whatwg_streams.other_specs import (
    cancel_readable_stream,
    close_readable_stream,
    enqueue_all_into_readable_stream,
    new,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark as readable_stream_desired_size,
    resolve,
    set_up_readable_stream,
)

pytestmark = pytest.mark.usefixtures("both_ways")


def _stream(**arguments: Any) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(stream, **arguments)
    return stream


async def test_all_are_read_in_their_order() -> None:
    stream = _stream(high_water_mark=4)
    reader = stream.get_reader()
    reads = [reader.read() for _ in range(2)]
    enqueue_all_into_readable_stream(stream, [1, 2, 3, 4])
    enqueue_all_into_readable_stream(stream, [])
    enqueue_all_into_readable_stream(stream, [5])
    reads += [reader.read() for _ in range(4)]
    enqueue_all_into_readable_stream(stream, [6])
    assert [(await read).value for read in reads] == [1, 2, 3, 4, 5, 6]


async def test_a_stream_that_is_not_readable_takes_none() -> None:
    closed, cancelled = _stream(), _stream()
    close_readable_stream(closed)
    await cancel_readable_stream(cancelled, None)
    for stream in (closed, cancelled):
        enqueue_all_into_readable_stream(stream, [1, 2])
        assert (await stream.get_reader().read()).done


async def test_those_that_come_after_the_end_are_not_taken() -> None:
    stream = _stream(high_water_mark=4)
    enqueue_all_into_readable_stream(stream, [1])
    close_readable_stream(stream)
    enqueue_all_into_readable_stream(stream, [2])
    assert [chunk async for chunk in stream] == [1]


async def test_each_has_its_size() -> None:
    pulls: list[int] = []
    stream = _stream(pull_algorithm=lambda: pulls.append(1), high_water_mark=10, size_algorithm=float)
    await settle()
    pulls.clear()
    enqueue_all_into_readable_stream(stream, [6, 3])
    await settle()
    assert pulls
    pulls.clear()
    enqueue_all_into_readable_stream(stream, [1])
    await settle()
    assert pulls == []


async def test_nothing_is_pulled_while_there_is_enough() -> None:
    pulls: list[int] = []

    def pull() -> None:
        pulls.append(1)
        enqueue_all_into_readable_stream(stream, [1, 2, 3])

    stream = _stream(pull_algorithm=pull, high_water_mark=4, enough=2)
    reader = stream.get_reader()
    await settle()
    for expected in ([1], [1, 1], [1, 1], [1, 1], [1, 1, 1]):
        await reader.read()
        await settle()
        assert pulls == expected


async def _log_of(seed: int) -> list[str]:
    chance = random.Random(seed)
    log: list[str] = []
    pulls: list[Promise[None]] = []

    def pull() -> Promise[None]:
        pulls.append(Promise())  # (A pull that is left out, as there is enough, may end a microtask earlier.)
        return pulls[-1]

    high_water_mark, enough = chance.choice([0, 1, 4, 8]), chance.choice([1, 3, 100])
    stream = _stream(pull_algorithm=pull, high_water_mark=high_water_mark, enough=enough)
    reader: ReadableStreamDefaultReader[Any] = stream.get_reader()
    next_chunk = 0
    for _ in range(chance.randrange(40)):
        match chance.choice(["read", "read", "enqueue", "pulled", "settle", "end"]):
            case "read":
                reader.read().then(lambda result: log.append(f"read {result}"))
            case "enqueue":
                count = chance.randrange(6)
                enqueue_all_into_readable_stream(stream, range(next_chunk, next_chunk + count))
                next_chunk += count
            case "pulled" if pulls:
                resolve(pulls[-1])
            case "settle":
                await settle()
                log.append(f"settled: {readable_stream_desired_size(stream)} wanted")
            case "end" if chance.random() < 0.2:
                close_readable_stream(stream)
            case _:
                pass
    await settle()
    return log


@pytest.mark.parametrize("seed", range(100))
async def test_random_programs_have_the_same_log_on_either_path(seed: int) -> None:
    log = await _log_of(seed)
    before = fast_paths.set_enabled(not fast_paths.are_enabled())
    try:
        assert await _log_of(seed) == log
    finally:
        fast_paths.set_enabled(before)
