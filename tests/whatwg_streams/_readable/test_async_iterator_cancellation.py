"""§4.2.5 Asynchronous iteration: tasks that are cancelled while they wait."""

from __future__ import annotations

import asyncio

import pytest

from tests.support import settle
from tests.support.sources import source_and_stream, stream_of
from whatwg_streams import Promise

# Cancellation of tasks


async def test_a_cancelled_wait_leaves_the_iterator_usable_and_loses_nothing() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(iterator)
    source.controller.enqueue("a")
    source.controller.close()
    assert [chunk async for chunk in iterator] == ["a"]


async def test_a_chunk_that_came_just_before_the_cancellation_is_the_next_one() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    task = asyncio.create_task(anext(iterator))
    await settle()
    source.controller.enqueue("a")
    task.cancel()
    source.controller.enqueue("b")
    source.controller.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [chunk async for chunk in iterator] == ["a", "b"]


async def test_an_end_that_came_just_before_the_cancellation_is_an_end() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    task = asyncio.create_task(anext(iterator))
    await settle()
    source.controller.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not stream.locked
    assert await anext(iterator, "end") == "end"


async def test_an_error_that_came_just_before_the_cancellation_ends_the_iteration() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    task = asyncio.create_task(anext(iterator))
    await settle()
    source.controller.error(ValueError("broken"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not stream.locked
    assert await anext(iterator, "end") == "end"


async def test_an_iterator_that_is_dropped_after_an_end_that_nobody_saw_changes_nothing() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    task = asyncio.create_task(anext(iterator))
    await settle()
    source.controller.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del iterator, task
    with stream.get_reader():
        await settle()
        assert stream.locked
    assert ("cancel", None) not in source.events


async def test_others_go_on_when_the_first_task_that_waits_is_cancelled() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    first, second, third = [asyncio.create_task(anext(iterator, "end")) for _ in range(3)]
    await settle()
    first.cancel()
    await settle()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    assert [await second, await third] == ["a", "b"]
    assert first.cancelled()


async def test_a_chunk_is_not_lost_when_a_task_that_waits_behind_another_is_cancelled() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    first, second, third = [asyncio.create_task(anext(iterator, "end")) for _ in range(3)]
    await settle()
    second.cancel()
    await settle()
    source.controller.enqueue("a")
    await settle()
    source.controller.enqueue("b")
    await settle()
    source.controller.close()
    assert [await first, await third] == ["a", "b"]
    assert second.cancelled()


async def test_a_chunk_that_is_a_pending_promise_is_not_lost_with_the_task_that_waits_for_it() -> None:
    chunk = Promise.with_resolvers()
    iterator = stream_of(chunk.promise, "b").values()
    task = asyncio.create_task(anext(iterator))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    chunk.resolve("a")
    assert [one async for one in iterator] == ["a", "b"]


async def test_aclose_after_a_cancelled_wait_cancels_the_stream() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(iterator)
    await iterator.aclose()
    assert source.events[-1] == ("cancel", None)
    assert not stream.locked


async def test_a_cancelled_loop_cancels_the_stream() -> None:
    source, stream = source_and_stream()

    async def loop() -> None:
        async for _ in stream:
            raise AssertionError

    task = asyncio.create_task(loop())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await settle()
    assert source.events[-1] == ("cancel", None)
    assert not stream.locked


async def test_cancelling_a_task_that_awaits_next_does_not_withdraw_the_read() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    result = iterator.next()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await result
    source.controller.enqueue("a")
    assert await result == ("a", False)
