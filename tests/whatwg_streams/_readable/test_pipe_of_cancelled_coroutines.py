"""Pipes whose callbacks are cancelled, or raise what is no Exception: they share a task, and can not tell."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from whatwg_streams import AbortError, ReadableStream, TransformStream, WritableStream

COUNT = 40

#: What a callback does before its chunk.
Before: TypeAlias = Callable[[int], Awaitable[None]]

WHERE = pytest.mark.parametrize("where", ["source", "iterator", "transform", "sink"])
WAITS = pytest.mark.parametrize("waits", [True, False])


class Stop(BaseException):
    pass


def current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def source_of(before: Before) -> ReadableStream[int]:
    made = 0

    async def pull(controller: Any) -> None:
        nonlocal made
        await before(made)
        controller.enqueue(made)
        made += 1
        if made == COUNT:
            controller.close()

    return ReadableStream({"pull": pull})


async def numbers(before: Before) -> AsyncIterator[int]:
    for number in range(COUNT):
        await before(number)
        yield number


def transform_of(before: Before) -> TransformStream[int, int]:
    async def transform(chunk: int, controller: Any) -> None:
        await before(chunk)
        controller.enqueue(chunk)

    return TransformStream({"transform": transform})


async def nothing(_: int) -> None: ...


async def pipe_where(where: str, before: Before) -> list[int]:
    """Pipe numbers, of which something is done before each, in that place, and then in the sink.

    Returns:
        What was written.
    """
    written: list[int] = []

    async def write(chunk: int) -> None:
        if where == "sink":
            await before(chunk)
        written.append(chunk)

    here: dict[str, Before] = {where: before}
    stream = ReadableStream.from_(numbers(before)) if where == "iterator" else source_of(here.get("source", nothing))
    if where == "transform":
        stream = stream.pipe_through(transform_of(before))
    async with asyncio.timeout(5):
        await stream.pipe_to(WritableStream({"write": write}))
    return written


@WHERE
@WAITS
async def test_one_that_cancels_itself_and_ends_errors_the_pipe(where: str, waits: bool) -> None:
    async def cancel(number: int) -> None:
        if number == COUNT // 2:
            if waits:
                await asyncio.sleep(0)
            current_task().cancel()

    with pytest.raises(AbortError, match="the task of an asynchronous callback was cancelled"):
        await pipe_where(where, cancel)


@WHERE
async def test_one_that_cancels_itself_and_waits_errors_the_pipe(where: str) -> None:
    async def cancel(number: int) -> None:
        if number == COUNT // 2:
            current_task().cancel()
            await asyncio.sleep(0)

    with pytest.raises(AbortError, match="the task of an asynchronous callback was cancelled"):
        await pipe_where(where, cancel)


@WHERE
async def test_none_is_told_that_one_before_it_was_cancelled(where: str) -> None:
    requests: list[int] = []

    async def ignore_it(number: int) -> None:
        task = current_task()
        requests.append(task.cancelling())
        if number % 10 == 5:
            asyncio.get_running_loop().call_soon(task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    assert await pipe_where(where, ignore_it) == list(range(COUNT))
    assert set(requests) == {0}


@WHERE
@WAITS
async def test_what_asyncio_would_keep_in_the_task_errors_the_pipe(where: str, waits: bool) -> None:
    async def stop(number: int) -> None:
        if number == COUNT // 2:
            if waits:
                await asyncio.sleep(0)
            raise Stop

    with pytest.raises(Stop):
        await pipe_where(where, stop)
