"""Reads of byte streams whose task was cancelled lose no bytes."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, byte_stream
from tests.support.reads import bytes_of, cancel, task_of
from whatwg_streams import AbortError, Promise, ReadableStream

# Pending reads are withdrawn ------------------------------------------------------------------------------


async def test_a_cancelled_read_gives_its_bytes_to_the_next() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    await cancel(await task_of(reader.read(bytearray(4))))
    promise = reader.read(bytearray(8))
    source.controller.enqueue(b"abc")
    assert bytes_of(await promise) == b"abc"


async def test_a_cancelled_read_rejects_its_promise_and_nothing_is_reported() -> None:
    stream, _ = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(4))
    await cancel(await task_of(promise))
    with pytest.raises(AbortError):
        await promise


async def test_bytes_below_the_minimum_at_the_end_of_the_stream_are_given_back() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=8))
    source.respond(b"abc")
    source.controller.close()
    source.request.respond(0)
    await cancel(task)
    assert bytes_of(await reader.read(bytearray(8))) == b"abc"
    assert (await reader.read(bytearray(8))).done


async def test_a_timeout_around_reads_loses_nothing() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await reader.read(bytearray(4))
    source.controller.enqueue(b"abcdef")
    assert bytes_of(await reader.read(bytearray(4))) == b"abcd"
    assert bytes_of(await reader.read(bytearray(4))) == b"ef"


async def test_bytes_written_for_a_cancelled_read_go_to_the_next() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    request, view = source.request, source.view
    await cancel(await task_of(promise))
    assert request.view is view
    view[:3] = b"abc"
    request.respond(3)
    assert bytes_of(await reader.read(bytearray(8))) == b"abc"


async def test_bytes_written_for_a_cancelled_read_go_to_one_that_waits() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    request = source.request
    await cancel(await task_of(promise))
    second = reader.read(bytearray(2))
    third = reader.read(bytearray(2))
    request.respond_with_new_view(bytearray(b"abcd"))
    assert [bytes_of(await second), bytes_of(await third)] == [b"ab", b"cd"]


async def test_a_cancelled_read_in_the_middle_leaves_the_others_in_order() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    first, second, third = (reader.read(bytearray(size)) for size in (2, 3, 4))
    await cancel(await task_of(second))
    source.controller.enqueue(b"abcdef")
    assert bytes_of(await first) == b"ab"
    assert bytes_of(await third) == b"cdef"


async def test_the_first_and_then_the_second_of_three_reads_are_cancelled() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    first, second, third = (reader.read(bytearray(size)) for size in (2, 3, 4))
    request = source.request
    await cancel(await task_of(first))
    await cancel(await task_of(second))
    assert source.request is request
    source.respond(b"ab")
    assert bytes_of(await third) == b"ab"
    assert source.controller.byob_request is None


async def test_a_read_that_several_await_is_withdrawn_with_the_last() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    tasks = [await task_of(promise) for _ in range(3)]
    await cancel(*tasks[:2])
    source.controller.enqueue(b"abc")
    assert bytes_of(await tasks[2]) == b"abc"


async def test_a_read_that_somebody_reacts_to_is_not_withdrawn() -> None:
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(4))
    seen: list[bytes] = []
    promise.then(lambda result: seen.append(bytes_of(result)))
    await cancel(await task_of(promise))
    source.controller.enqueue(b"abc")
    await settle()
    assert seen == [b"abc"]


async def test_a_default_read_of_a_byte_stream_is_withdrawn() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader()
    first, second = reader.read(), reader.read()
    await cancel(await task_of(first))
    source.controller.enqueue(b"abc")
    assert bytes_of(await second) == b"abc"


async def test_a_read_of_a_stream_of_chunks_is_withdrawn() -> None:
    controllers: list[Any] = []
    stream: ReadableStream[str] = ReadableStream({"start": controllers.append})
    reader = stream.get_reader()
    await cancel(await task_of(reader.read()))
    controllers[0].enqueue("chunk")
    assert await reader.read() == ("chunk", False)


async def test_a_default_read_with_an_allocated_buffer_is_withdrawn() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    reader = stream.get_reader()
    first, second, third = (reader.read() for _ in range(3))
    request = source.request
    await cancel(await task_of(first))
    await cancel(await task_of(second))
    assert source.request is request
    source.respond(b"abc")
    assert bytes_of(await third) == b"abc"


async def test_a_read_cancelled_after_the_end_is_withdrawn() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    first, second = reader.read(bytearray(4)), reader.read(bytearray(4))
    request = source.request
    task = await task_of(first)
    source.controller.close()
    await cancel(task)
    request.respond(0)
    assert (await second).done


async def test_a_read_cancelled_after_its_reader_was_released_is_gone_already() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise: Promise[Any] = reader.read(bytearray(4))
    default = ReadableStream[Any]()
    default_reader = default.get_reader()
    default_promise = default_reader.read()
    tasks = [await task_of(promise), await task_of(default_promise)]
    reader.release_lock()
    default_reader.release_lock()
    await cancel(*tasks)
    source.respond(b"abc")
    assert bytes_of(await stream.get_reader().read()) == b"abc"


# Fulfilled reads give their bytes back ------------------------------------------------------------------------


async def test_bytes_nobody_saw_go_to_the_next_read() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.enqueue(b"abc")
    await cancel(task)
    assert bytes_of(await reader.read(bytearray(2))) == b"ab"
    assert bytes_of(await reader.read(bytearray(4))) == b"c"


async def test_bytes_nobody_saw_come_before_those_in_the_queue() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(2)))
    source.controller.enqueue(b"abcdef")
    await cancel(task)
    assert bytes_of(await reader.read(bytearray(4), min=4)) == b"abcd"
    assert bytes_of(await reader.read(bytearray(4))) == b"ef"


async def test_bytes_of_several_reads_come_back_in_order() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    tasks = [await task_of(reader.read(bytearray(2))) for _ in range(3)]
    source.controller.enqueue(b"abcdefgh")
    for task in reversed(tasks):
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert bytes_of(await reader.read(bytearray(5))) == b"abcde"
    assert bytes_of(await reader.read(bytearray(5))) == b"f"
    assert bytes_of(await reader.read(bytearray(5))) == b"gh"


async def test_bytes_nobody_saw_go_to_a_default_reader_as_bytes() -> None:
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    task = await task_of(byob.read(memoryview(bytearray(8)).cast("i")))
    source.controller.enqueue(b"abcdefgh")
    await cancel(task)
    byob.release_lock()
    value, done = await stream.get_reader().read()
    assert (type(value), value.format, value.tobytes(), done) == (memoryview, "B", b"abcdefgh", False)


async def test_a_chunk_of_a_default_reader_nobody_saw_goes_to_a_byob_reader() -> None:
    stream, source = byte_stream()
    default = stream.get_reader()
    tasks = [await task_of(default.read()) for _ in range(2)]
    source.controller.enqueue(b"abc")
    source.controller.enqueue(b"de")
    await cancel(*tasks)
    default.release_lock()
    reader = stream.get_reader(mode="byob")
    assert bytes_of(await reader.read(bytearray(4))) == b"abcd"
    assert bytes_of(await reader.read(bytearray(4))) == b"e"


async def test_a_chunk_of_a_default_reader_nobody_saw_goes_to_the_next_that_waits() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    reader = stream.get_reader()
    task = await task_of(reader.read())
    waiting = [reader.read(), reader.read()]
    source.respond(b"abc")
    await cancel(task)
    assert bytes_of(await waiting[0]) == b"abc"
    source.respond(b"de")
    assert bytes_of(await reader.read() if "fulfilled" not in repr(waiting[1]) else await waiting[1]) == b"de"


async def test_bytes_nobody_saw_go_to_a_read_that_waits() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    waiting = reader.read(bytearray(4))
    source.respond(b"abc")
    await cancel(task)
    await settle()
    assert "fulfilled" in repr(waiting)
    assert bytes_of(await waiting) == b"abc"


async def test_bytes_nobody_saw_come_before_the_end_for_a_read_that_waits() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    waiting = reader.read(bytearray(4))
    source.respond(b"abc")
    await cancel(task)
    source.controller.close()
    request = source.controller.byob_request
    if request is not None:
        request.respond(0)
    assert bytes_of(await waiting) == b"abc"
    assert (await reader.read(bytearray(4))).done


async def test_a_read_that_waits_and_later_bytes_keep_the_order() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    waiting = reader.read(bytearray(2))
    source.respond(b"abc")
    await cancel(task)
    source.controller.enqueue(b"de")
    got = bytes_of(await waiting)
    while len(got) < 5:
        got += bytes_of(await reader.read(bytearray(2)))
    assert got == b"abcde"


@pytest.mark.parametrize("end", ["close", "error"])
async def test_bytes_nobody_saw_are_there_after_the_end(end: str) -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.enqueue(b"abc")
    await cancel(task)
    getattr(source.controller, end)()
    assert bytes_of(await reader.read(bytearray(2), min=2)) == b"ab"
    assert bytes_of(await reader.read(bytearray(4), min=4)) == b"c"
    reader.read(bytearray(4)).catch(lambda _: None)


async def test_a_part_of_an_item_that_nobody_saw_is_there_after_the_end() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(1)))
    source.controller.enqueue(b"a")
    await cancel(task)
    source.controller.close()
    promise: Promise[Any] = reader.read(memoryview(bytearray(4)).cast("H"))
    promise.catch(lambda _: None)
    await settle()
    assert "pending" not in repr(promise)
    assert bytes_of(await reader.read(bytearray(4))) == b"a"


async def test_cancelling_the_stream_drops_bytes_nobody_saw() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.enqueue(b"abc")
    await cancel(task)
    await reader.cancel()
    assert (await reader.read(bytearray(4))).done


async def test_bytes_given_back_after_the_stream_was_cancelled_are_dropped() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.enqueue(b"abc")
    cancelled = reader.cancel()
    await cancel(task)
    await cancelled
    assert (await reader.read(bytearray(4))).done


async def test_the_end_that_nobody_saw_is_still_the_end() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.close()
    source.request.respond(0)
    await cancel(task)
    assert (await reader.read(bytearray(4))).done


async def test_bytes_that_somebody_else_saw_do_not_come_again() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    seen: list[bytes] = []
    promise.then(lambda result: seen.append(bytes_of(result)))
    task = await task_of(promise)
    source.controller.enqueue(b"abc")
    await cancel(task)
    assert seen == [b"abc"]
    source.controller.enqueue(b"de")
    assert bytes_of(await reader.read(bytearray(4))) == b"de"


async def test_unread_bytes_and_a_buffer_that_can_not_be_detached_are_a_rejection() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.enqueue(b"abc")
    await cancel(task)
    view = memoryview(bytearray(4))
    export = pickle.PickleBuffer(view)
    try:
        promise = reader.read(view)
    finally:
        export.release()
    with pytest.raises(TypeError, match="can not be detached"):
        await promise
    assert bytes_of(await reader.read(view)) == b"abc"


async def test_unread_bytes_reach_both_branches_of_a_tee() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(4)))
    source.controller.enqueue(b"abc")
    await cancel(task)
    reader.release_lock()
    one, two = stream.tee()
    assert bytes_of(await one.get_reader().read()) == b"abc"
    assert bytes_of(await two.get_reader(mode="byob").read(bytearray(4))) == b"abc"


async def test_bytes_below_the_minimum_in_a_buffer_that_a_tee_has_lent_are_not_lost() -> None:
    stream, source = byte_stream()
    one, _ = stream.tee()
    reader = one.get_reader(mode="byob")
    task = await task_of(reader.read(bytearray(8), min=4))
    await settle()
    source.respond(b"ab")
    await settle()
    await cancel(task)
    promise = reader.read(bytearray(8))
    await settle()
    source.respond(b"cd")
    assert bytes_of(await promise) == b"abcd"


# Reads that need not wait ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["default", "byob"])
async def test_a_timeout_in_a_loop_of_reads_that_need_not_wait_loses_nothing(mode: str) -> None:
    total = 3000
    stream, source = byte_stream()
    await settle()
    for number in range(total):
        source.controller.enqueue(number.to_bytes(2, "big"))
    source.controller.close()
    reader: Any = stream.get_reader(mode="byob") if mode == "byob" else stream.get_reader()
    numbers: list[int] = []

    async def read_one() -> bool:
        value, done = await (reader.read(bytearray(2)) if mode == "byob" else reader.read())
        if not done:
            numbers.append(int.from_bytes(bytes(value), "big"))
        return bool(done)

    done = False
    while not done:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                while not done:
                    done = await read_one()
    assert numbers == list(range(total))


async def test_every_interleaving_of_cancelled_and_other_reads_keeps_the_bytes_in_order() -> None:
    data = bytes(range(256)) * 2
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    got = b""
    sent = 0
    for step in range(200):
        task = await task_of(reader.read(bytearray(1 + step % 3), min=1 + step % 2 if step % 3 else 1))
        if step % 4 != 3 and sent < len(data):
            size = 1 + step % 5
            source.controller.enqueue(data[sent : sent + size])
            sent += len(data[sent : sent + size])
        if step % 3 == 0:
            task.cancel()
        elif step % 7 == 0:
            await settle(2)
            task.cancel()
        else:
            await settle(2)
            if not task.done():
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            got += bytes_of(await task)
    source.controller.close()
    while not (result := await reader.read(bytearray(7))).done:
        got += bytes_of(result)
    assert got == data[:sent]
