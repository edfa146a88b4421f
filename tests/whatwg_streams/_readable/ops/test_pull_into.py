"""Operations on pull-into descriptors: filling, responding in every state, and committing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from whatwg_streams import Promise, RangeError, ReadableStreamBYOBReader, ReadResult
from whatwg_streams._platform import buffers
from whatwg_streams._readable.ops import pull_into

Read = Promise[ReadResult[memoryview | None]]


def _bytes(result: ReadResult[memoryview | None]) -> bytes:
    value, done = result
    assert value is not None
    assert not done
    return value.tobytes()


def _of(item_format: str, size: int) -> memoryview:
    return memoryview(bytearray(size)).cast(item_format)  # type: ignore[call-overload,no-any-return]


def _start(view: Any, **options: int) -> tuple[ByteSource, Read, ReadableStreamBYOBReader]:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    return source, reader.read(view, **options), reader


@contextmanager
def _no_memory() -> Iterator[None]:
    def fail(size: int) -> NoReturn:
        raise RangeError("no memory")

    with foreign_buffers(fail):
        yield


# Reading from the queue -----------------------------------------------------------------------------------


async def test_a_read_takes_from_as_many_chunks_as_it_needs() -> None:
    stream, source = byte_stream()
    for chunk in (b"ab", b"cde", b"f", b"ghi"):
        source.controller.enqueue(chunk)
    reader = stream.get_reader(mode="byob")
    assert _bytes(await reader.read(bytearray(4))) == b"abcd"
    assert _bytes(await reader.read(bytearray(1))) == b"e"
    assert source.controller.desired_size == -4
    assert _bytes(await reader.read(bytearray(9))) == b"fghi"


async def test_a_read_takes_whole_items_and_leaves_the_rest() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abcde")
    reader = stream.get_reader(mode="byob")
    assert _bytes(await reader.read(_of("H", 8))) == b"abcd"
    assert source.controller.desired_size == -1
    assert _bytes(await reader.read(bytearray(8))) == b"e"


async def test_a_read_of_less_than_an_item_waits_for_the_rest() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    reader = stream.get_reader(mode="byob")
    promise = reader.read(_of("i", 8))
    assert source.view.nbytes == 5
    source.respond(b"def")
    assert _bytes(await promise) == b"abcd"
    assert _bytes(await reader.read(bytearray(8))) == b"ef"


async def test_less_than_an_item_at_the_end_errors_the_stream() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    source.controller.close()
    reader = stream.get_reader(mode="byob")
    with pytest.raises(TypeError, match="in the middle of an item") as caught:
        await reader.read(_of("i", 8))
    with pytest.raises(TypeError) as again:
        await reader.read(bytearray(1))
    assert again.value is caught.value


async def test_less_than_the_minimum_at_the_end_errors_the_stream() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    source.controller.close()
    with pytest.raises(TypeError):
        await stream.get_reader(mode="byob").read(bytearray(8), min=5)


async def test_what_was_left_of_a_larger_read_is_enough_at_the_end() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abcde")
    source.controller.close()
    reader = stream.get_reader(mode="byob")
    assert _bytes(await reader.read(_of("H", 8), min=2)) == b"abcd"
    assert _bytes(await reader.read(bytearray(8))) == b"e"
    assert (await reader.read(bytearray(8))).done


async def test_the_last_read_of_a_closing_stream_closes_it_before_it_settles() -> None:
    order: list[str] = []
    stream, source = byte_stream()
    source.controller.enqueue(b"a")
    source.controller.close()
    reader = stream.get_reader(mode="byob")
    reader.closed.then(lambda _: order.append("closed"))
    reader.read(bytearray(4)).then(lambda _: order.append("read"))
    await settle()
    assert order == ["closed", "read"]


async def test_a_read_of_a_closed_stream_behind_buffers_that_wait_waits_with_them() -> None:
    source, first, reader = _start(bytearray(3))
    source.controller.close()
    second = reader.read(bytearray(4))
    await settle()
    assert "pending" in repr(second)
    source.request.respond(0)
    for promise in (first, second):
        value, done = await promise
        assert value is not None
        assert (value.nbytes, done) == (0, True)


async def test_a_buffer_that_waits_behind_others_does_not_pull() -> None:
    gate = Promise.with_resolvers()
    stream, source = byte_stream(ByteSource(on_pull=lambda _: gate.promise))
    await settle()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(1))
    reader.read(bytearray(1))
    gate.resolve()
    await settle()
    assert source.pulls == 1


# Responding while readable ---------------------------------------------------------------------------------


async def test_a_response_below_the_minimum_leaves_the_buffer_to_be_filled_on() -> None:
    source, promise, _ = _start(bytearray(8), min=6)
    for part in (b"ab", b"c", b"de"):
        source.respond(part)
        await settle()
        assert "pending" in repr(promise)
    assert source.view.nbytes == 3
    source.respond(b"fg")
    assert _bytes(await promise) == b"abcdefg"


async def test_a_response_asks_for_more_while_a_read_waits() -> None:
    gate = Promise.with_resolvers()
    stream, source = byte_stream(ByteSource(on_pull=lambda _: gate.promise if source.pulls == 1 else None))
    await settle()
    stream.get_reader(mode="byob").read(bytearray(4), min=2)
    source.respond(b"a")
    gate.resolve()
    await settle()
    assert source.pulls == 2


async def test_a_response_ending_within_an_item_queues_the_part() -> None:
    source, promise, reader = _start(_of("i", 16))
    source.respond(b"abcdefg")
    assert _bytes(await promise) == b"abcd"
    assert source.controller.desired_size == -3
    second = reader.read(_of("i", 8))
    source.respond(b"hi")
    assert _bytes(await second) == b"efgh"
    assert _bytes(await reader.read(bytearray(4))) == b"i"


async def test_a_response_of_less_than_an_item_waits_for_the_rest() -> None:
    source, promise, _ = _start(_of("H", 8))
    source.respond(b"a")
    await settle()
    assert "pending" in repr(promise)
    source.respond(b"bc")
    assert _bytes(await promise) == b"ab"
    assert source.controller.desired_size == -1


async def test_the_part_of_an_item_goes_to_the_next_buffer_that_waits() -> None:
    source, first, reader = _start(_of("H", 8))
    second, third = reader.read(bytearray(1)), reader.read(bytearray(2))
    source.respond(b"abc")
    assert _bytes(await first) == b"ab"
    assert _bytes(await second) == b"c"
    assert source.view.nbytes == 2
    source.respond(b"d")
    assert _bytes(await third) == b"d"


async def test_the_buffer_responded_to_settles_before_those_that_wait() -> None:
    order: list[int] = []
    source, first, reader = _start(_of("H", 8))
    reader.read(bytearray(1)).then(lambda _: order.append(2))
    first.then(lambda _: order.append(1))
    source.respond(b"abc")
    await settle()
    assert order == [1, 2]


async def test_a_part_of_an_item_that_can_not_be_copied_errors_the_stream() -> None:
    source, promise, reader = _start(_of("H", 8))
    waiting = reader.read(bytearray(4))
    with _no_memory(), pytest.raises(RangeError, match="no memory"):
        source.request.respond(3)
    for rejected in (promise, waiting, reader.closed):
        with pytest.raises(RangeError, match="no memory"):
            await rejected
    assert source.controller.desired_size is None


async def test_several_buffers_are_responded_to_one_after_the_other() -> None:
    source, first, reader = _start(bytearray(2))
    others = [reader.read(bytearray(2)) for _ in range(3)]
    for data in (b"ab", b"c", b"de", b"f"):
        source.respond(data)
    assert [_bytes(await promise) for promise in (first, *others)] == [b"ab", b"c", b"de", b"f"]
    assert source.controller.byob_request is None


# Responding for a reader that is gone ----------------------------------------------------------------------


async def test_a_response_after_the_release_is_queued() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4)).catch(lambda _: None)
    request, view = source.request, source.view
    reader.release_lock()
    view[:3] = b"abc"
    request.respond(3)
    assert source.controller.desired_size == -3
    assert source.controller.byob_request is None
    assert bytes((await stream.get_reader().read()).value) == b"abc"


async def test_a_response_after_the_release_does_not_lend_the_readers_memory_on() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    memory = bytearray(4)
    reader.read(memory).catch(lambda _: None)
    reader.release_lock()
    source.respond(b"abc")
    value, _ = await stream.get_reader().read()
    assert value.obj is not memory


async def test_a_response_after_the_release_fills_the_buffers_of_the_next_reader() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(8), min=3).catch(lambda _: None)
    source.respond(b"ab")
    request = source.request
    reader.release_lock()
    reader = stream.get_reader(mode="byob")
    promises = [reader.read(bytearray(size)) for size in (1, 2, 3)]
    view = request.view
    assert view is not None
    view[:2] = b"cd"
    request.respond(2)
    assert [_bytes(await promise) for promise in promises[:2]] == [b"a", b"bc"]
    assert _bytes(await promises[2]) == b"d"


async def test_a_response_with_a_new_view_after_the_release_is_queued() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(_of("H", 4)).catch(lambda _: None)
    request = source.request
    reader.release_lock()
    request.respond_with_new_view(bytearray(b"abcd"))
    assert bytes((await stream.get_reader().read()).value) == b"abcd"


async def test_a_response_of_a_part_of_an_item_after_the_release_is_queued() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(_of("i", 8)).catch(lambda _: None)
    request = source.request
    reader.release_lock()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(_of("i", 8))
    request.respond(3)
    await settle()
    assert "pending" in repr(promise)
    source.respond(b"xyz")
    assert _bytes(await promise) == b"\0\0\0x"


async def test_a_response_after_the_release_serves_a_default_read_that_waits() -> None:
    """The text leaves it waiting: ReadableByteStreamControllerRespondInReadableState, step 3, has no read requests."""
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    byob.release_lock()
    promise = stream.get_reader().read()
    request.respond(3)
    await settle()
    assert "pending" not in repr(promise)
    assert bytes((await promise).value) == bytes(3)


async def test_a_response_after_the_release_and_the_end_serve_a_default_read_that_waits() -> None:
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    byob.release_lock()
    reader = stream.get_reader()
    promise = reader.read()
    request.respond(3)
    source.controller.close()
    await settle()
    assert "pending" not in repr(promise)
    assert bytes((await promise).value) == bytes(3)
    assert (await reader.read()).done


async def test_a_response_after_the_release_and_another_default_read_keep_the_order() -> None:
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    byob.release_lock()
    reader = stream.get_reader()
    first = reader.read()
    request.respond(3)
    second = reader.read()
    source.controller.enqueue(b"ab")
    assert bytes((await first).value) == bytes(3)
    assert bytes((await second).value) == b"ab"


async def test_a_response_after_the_release_that_can_not_be_copied_errors_the_stream() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    reader.release_lock()
    with _no_memory(), pytest.raises(RangeError, match="no memory"):
        request.respond(3)
    with pytest.raises(RangeError, match="no memory"):
        await stream.get_reader().read()


# Responding once closed -------------------------------------------------------------------------------------


async def test_a_response_once_closed_gives_every_buffer_back() -> None:
    source, first, reader = _start(_of("H", 4))
    second = reader.read(_of("d", 8))
    source.controller.close()
    source.request.respond(0)
    formats = []
    for promise in (first, second):
        value, done = await promise
        assert value is not None
        assert (value.nbytes, done) == (0, True)
        formats.append(value.format)
    assert formats == ["H", "d"]


async def test_a_response_once_closed_and_released_drops_the_buffer() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    reader.release_lock()
    source.controller.close()
    request.respond(0)
    assert source.controller.byob_request is None
    value, done = await stream.get_reader(mode="byob").read(bytearray(4))
    assert value is not None
    assert (value.nbytes, done) == (0, True)


async def test_a_response_once_closed_ends_the_reads_of_the_next_reader_too() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    reader.release_lock()
    reader = stream.get_reader(mode="byob")
    promises = [reader.read(bytearray(2)) for _ in range(2)]
    source.controller.close()
    await settle()
    assert all("pending" in repr(promise) for promise in promises)
    request.respond(0)
    for promise in promises:
        assert (await promise).done
    assert source.controller.byob_request is None


async def test_a_response_once_closed_with_a_default_reader_drops_the_buffer_of_the_one_before() -> None:
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    byob.release_lock()
    promise = stream.get_reader().read()
    source.controller.close()
    assert tuple(await promise) == (None, True)
    request.respond(0)
    assert source.controller.byob_request is None


# What does not happen -----------------------------------------------------------------------------------------


async def test_a_buffer_of_a_foreign_kind_is_filled_at_its_offset() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        view: Any = ForeignView(ForeignBuffer(b"........"), 2, 4)
        promise: Any = stream.get_reader(mode="byob").read(view, min=3)
        source.controller.enqueue(b"ab")
        handed: Any = source.request.view
        assert (handed.byte_offset, handed.length, handed.content) == (4, 2, b"..")
        handed.write(b"c")
        source.request.respond(1)
        value: Any = (await promise).value
    assert value.content == b"abc"
    assert bytes(value.buffer.data) == b"..abc..."
    assert view.buffer.detached


async def test_errors_of_the_stream_fail_every_buffer_that_waits() -> None:
    source, first, reader = _start(bytearray(2))
    second = reader.read(bytearray(2))
    error = ValueError("broken")
    source.controller.error(error)
    for promise in (first, second):
        with pytest.raises(ValueError, match="broken"):
            await promise
    assert source.controller.byob_request is None


def test_voiding_no_request_does_nothing() -> None:
    _, source = byte_stream()
    pull_into.readable_byte_stream_controller_invalidate_byob_request(source.controller)
    assert source.controller.byob_request is None
    assert buffers.uint8_array is buffers.UINT8_ARRAY
