"""Pipes whose source and sink answer at once: what a source does besides enqueueing one chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from whatwg_streams import CountQueuingStrategy, ReadableStream, WritableStream

#: So many chunks are moved before the source does it.
BEFORE = 20


def pipe_of(
    then: Callable[[Any], None], high_water_mark: int, seen: list[object]
) -> tuple[ReadableStream[Any], WritableStream[Any]]:
    """A source that does something else in the end, and where it is piped to."""
    made = 0

    def pull(controller: Any) -> None:
        nonlocal made
        made += 1
        if made <= BEFORE:
            controller.enqueue(made)
        else:
            then(controller)

    strategy = CountQueuingStrategy(high_water_mark=high_water_mark)
    return ReadableStream({"pull": pull}, strategy), WritableStream({"write": seen.append})


@pytest.mark.parametrize("high_water_mark", [0, 1, 3])
async def test_all_that_one_pull_enqueues_is_written(high_water_mark: int) -> None:
    wanted: list[int] = []
    written: list[object] = []

    def enqueue_some(controller: Any) -> None:
        for number in range(4):
            controller.enqueue(number)
            wanted.append(controller.desired_size)
        controller.close()

    source, dest = pipe_of(enqueue_some, high_water_mark, written)
    await source.pipe_to(dest)
    assert written == [*range(1, BEFORE + 1), 0, 1, 2, 3]
    assert [size - wanted[0] for size in wanted] == [0, -1, -2, -3]


@pytest.mark.parametrize("high_water_mark", [0, 1, 3])
async def test_a_source_that_has_closed_its_stream_can_enqueue_nothing_more(high_water_mark: int) -> None:
    written: list[object] = []

    def close(controller: Any) -> None:
        controller.enqueue("the last")
        controller.close()
        with pytest.raises(TypeError, match="it is clos"):
            controller.enqueue("too late")

    source, dest = pipe_of(close, high_water_mark, written)
    await source.pipe_to(dest)
    assert written == [*range(1, BEFORE + 1), "the last"]


@pytest.mark.parametrize("high_water_mark", [0, 1, 3])
async def test_a_source_that_has_errored_its_stream_can_enqueue_nothing_more(high_water_mark: int) -> None:
    def error(controller: Any) -> None:
        controller.error(KeyError("errored"))
        with pytest.raises(TypeError, match="it is errored"):
            controller.enqueue("too late")

    source, dest = pipe_of(error, high_water_mark, [])
    with pytest.raises(KeyError, match="errored"):
        await source.pipe_to(dest)


@pytest.mark.parametrize("high_water_mark", [0, 1, 3])
async def test_a_source_that_raises_errors_its_stream(high_water_mark: int) -> None:
    controllers: list[Any] = []

    def fail(controller: Any) -> None:
        controllers.append(controller)
        controller.enqueue("lost")
        raise ValueError("raised")

    source, dest = pipe_of(fail, high_water_mark, [])
    with pytest.raises(ValueError, match="raised"):
        await source.pipe_to(dest)
    with pytest.raises(TypeError, match="it is errored"):
        controllers[0].enqueue("too late")


async def test_a_source_that_enqueues_when_it_is_not_pulled_is_pulled_again() -> None:
    """What holds while it is pulled does not hold any longer."""
    controllers: list[Any] = []
    written: list[object] = []
    source, dest = pipe_of(controllers.append, 1, written)
    pipe = source.pipe_to(dest)
    while not controllers:
        await ReadableStream.from_([1]).pipe_to(WritableStream({}))
    for number in range(3):
        controllers[0].enqueue(number)
        pulls = len(controllers)
        while len(controllers) == pulls:
            await ReadableStream.from_([1]).pipe_to(WritableStream({}))
    controllers[0].close()
    await pipe
    assert written == [*range(1, BEFORE + 1), 0, 1, 2]
