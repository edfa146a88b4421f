"""Operations of byte stream controllers: setting up, pulling, closing, enqueueing and draining."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any, NoReturn

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from whatwg_streams import Promise, RangeError, ReadableByteStreamController, ReadableStream, RejectionError
from whatwg_streams._platform.buffers import view_of
from whatwg_streams._readable.ops import byte_controllers


def _text(result: Any) -> bytes:
    assert not result.done
    return bytes(result.value)


# Setting up ---------------------------------------------------------------------------------------------


def test_start_is_called_at_once_with_the_controller() -> None:
    _, source = byte_stream()
    assert source.events == ["start"]
    assert type(source.controller) is ReadableByteStreamController


def test_a_byte_source_may_be_a_mapping() -> None:
    seen: list[object] = []
    ReadableStream({"type": "bytes", "start": seen.append})
    assert type(seen[0]) is ReadableByteStreamController


async def test_a_source_without_functions_gives_a_stream_that_waits() -> None:
    stream: ReadableStream[Any] = ReadableStream({"type": "bytes"}, {"high_water_mark": 5})
    promise = stream.get_reader().read()
    await settle()
    assert "pending" in repr(promise)


async def test_a_source_without_cancel_can_be_cancelled() -> None:
    stream: ReadableStream[Any] = ReadableStream({"type": "bytes"})
    await stream.cancel()


def test_what_start_raises_is_raised_by_the_constructor() -> None:
    def fail(controller: object) -> NoReturn:
        raise ValueError("can not start")

    with pytest.raises(ValueError, match="can not start"):
        byte_stream(ByteSource(on_start=fail))


async def test_a_start_that_is_rejected_errors_the_stream() -> None:
    stream, source = byte_stream(ByteSource(on_start=lambda _: Promise.reject("can not start")))
    with pytest.raises(RejectionError, match="can not start"):
        await stream.get_reader().read()
    assert source.pulls == 0


async def test_nothing_is_pulled_before_start_is_done() -> None:
    gate = Promise.with_resolvers()
    stream, source = byte_stream(ByteSource(on_start=lambda _: gate.promise), high_water_mark=5)
    stream.get_reader().read()
    await settle()
    assert source.pulls == 0
    gate.resolve()
    await settle()
    assert source.pulls == 1


async def test_start_may_be_a_coroutine_function() -> None:
    async def start(controller: ReadableByteStreamController) -> None:
        await asyncio.sleep(0)
        controller.enqueue(b"from start")

    stream, source = byte_stream(ByteSource(on_start=start))
    assert _text(await stream.get_reader().read()) == b"from start"
    assert source.pulls == 0


async def test_start_may_close_or_error() -> None:
    stream, _ = byte_stream(ByteSource(on_start=lambda controller: controller.close()))
    assert (await stream.get_reader().read()).done
    stream, _ = byte_stream(ByteSource(on_start=lambda controller: controller.error("at once")))
    with pytest.raises(RejectionError, match="at once"):
        await stream.get_reader().read()


def test_a_size_function_is_a_range_error() -> None:
    with pytest.raises(RangeError, match="size"):
        ReadableStream({"type": "bytes"}, {"size": lambda chunk: 1})


def test_buffers_of_no_bytes_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="auto_allocate_chunk_size"):
        byte_stream(ByteSource(auto_allocate_chunk_size=0))


@pytest.mark.parametrize("size", [-1, 2**53, "x", float("nan")])
def test_the_size_of_buffers_is_an_integer_in_range(size: Any) -> None:
    with pytest.raises(TypeError, match="auto_allocate_chunk_size"):
        byte_stream(ByteSource(auto_allocate_chunk_size=size))


# Pulling ------------------------------------------------------------------------------------------------


async def test_without_a_high_water_mark_a_source_is_pulled_only_when_read_from() -> None:
    stream: ReadableStream[Any]
    source = ByteSource()
    stream = ReadableStream(source)
    await settle()
    assert source.pulls == 0
    stream.get_reader().read()
    assert source.pulls == 1


async def test_a_source_is_pulled_until_the_queue_is_full() -> None:
    _, source = byte_stream(ByteSource(on_pull=lambda controller: controller.enqueue(b"abc")), high_water_mark=7)
    await settle()
    assert source.pulls == 3
    assert source.controller.desired_size == -2


async def test_only_one_pull_is_under_way_and_one_may_wait() -> None:
    gates = [Promise.with_resolvers() for _ in range(3)]
    pulling = iter(gates)
    stream, source = byte_stream(ByteSource(on_pull=lambda _: next(pulling).promise))
    await settle()
    reader = stream.get_reader()
    reads = [reader.read() for _ in range(3)]
    assert source.pulls == 1
    gates[0].resolve()
    await settle()
    assert source.pulls == 2
    gates[1].resolve()
    await settle()
    assert source.pulls == 2
    source.controller.enqueue(b"a")
    assert source.pulls == 3
    assert _text(await reads[0]) == b"a"


async def test_a_pull_that_waited_is_left_out_when_it_is_not_needed_any_more() -> None:
    gate = Promise.with_resolvers()
    stream, source = byte_stream(ByteSource(on_pull=lambda _: gate.promise))
    await settle()
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    source.controller.enqueue(b"a")
    source.controller.enqueue(b"b")
    gate.resolve()
    await settle()
    assert source.pulls == 1
    assert [_text(await read) for read in reads] == [b"a", b"b"]


async def test_what_pull_raises_errors_the_stream() -> None:
    def fail(controller: object) -> NoReturn:
        raise ValueError("can not pull")

    stream, _ = byte_stream(ByteSource(on_pull=fail))
    with pytest.raises(ValueError, match="can not pull"):
        await stream.get_reader(mode="byob").read(bytearray(1))


async def test_pull_may_be_a_coroutine_function() -> None:
    async def pull(controller: ReadableByteStreamController) -> None:
        await asyncio.sleep(0)
        controller.enqueue(b"pulled")

    stream, source = byte_stream(ByteSource(on_pull=pull))
    reader = stream.get_reader()
    assert [_text(await reader.read()) for _ in range(3)] == [b"pulled"] * 3
    assert source.pulls == 3


async def test_a_read_of_either_reader_pulls_though_the_queue_is_full_enough() -> None:
    stream, source = byte_stream()
    await settle()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4), min=4)
    source.controller.enqueue(b"abc")
    await settle()
    assert source.pulls == 2
    source.controller.enqueue(b"d")
    assert _text(await promise) == b"abcd"


async def test_nothing_is_pulled_while_closing() -> None:
    stream, source = byte_stream(high_water_mark=10)
    await settle()
    source.controller.enqueue(b"a")
    source.controller.enqueue(b"b")
    source.controller.close()
    await settle()
    pulls = source.pulls
    await stream.get_reader().read()
    await settle()
    assert source.pulls == pulls


async def test_pull_may_enqueue_close_and_respond_at_once() -> None:
    def pull(controller: ReadableByteStreamController) -> None:
        request = controller.byob_request
        if request is None:
            controller.enqueue(b"last")
            controller.close()
        else:
            assert request.view is not None
            request.view[:2] = b"ab"
            request.respond(2)

    stream, _ = byte_stream(ByteSource(on_pull=pull))
    with stream.get_reader(mode="byob") as byob:
        assert _text(await byob.read(bytearray(4))) == b"ab"
    reader = stream.get_reader()
    assert _text(await reader.read()) == b"last"
    assert (await reader.read()).done
    await reader.closed


# Closing -------------------------------------------------------------------------------------------------


async def test_closing_an_empty_stream_ends_pending_reads_of_a_default_reader() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader()
    promises = [reader.read(), reader.read()]
    source.controller.close()
    assert [tuple(await promise) for promise in promises] == [(None, True)] * 2
    await reader.closed


async def test_closing_waits_for_the_queue_to_be_read() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"ab")
    source.controller.close()
    reader = stream.get_reader(mode="byob")
    assert _text(await reader.read(bytearray(1))) == b"a"
    await settle()
    assert "pending" in repr(reader.closed)
    assert _text(await reader.read(bytearray(1))) == b"b"
    await reader.closed
    value, done = await reader.read(bytearray(1))
    assert value is not None
    assert (value.nbytes, done) == (0, True)


async def test_closing_does_not_end_pending_reads_of_a_byob_reader_before_a_response() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promises = [reader.read(bytearray(size)) for size in (3, 4)]
    source.controller.close()
    await reader.closed
    assert all("pending" in repr(promise) for promise in promises)
    source.request.respond(0)
    for promise in promises:
        value, done = await promise
        assert value is not None
        assert (value.nbytes, done) == (0, True)
    assert source.controller.byob_request is None


async def test_closing_an_allocated_buffer_ends_the_read_at_once() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    promise = stream.get_reader().read()
    request = source.request
    source.controller.close()
    assert tuple(await promise) == (None, True)
    request.respond(0)
    assert request.view is None


async def test_a_part_of_the_minimum_comes_with_the_end() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(memoryview(bytearray(8)).cast("H"), min=3)
    source.respond(b"abcd")
    source.controller.close()
    source.request.respond(0)
    value, done = await promise
    assert value is not None
    assert (value.tobytes(), value.format, done) == (b"abcd", "H", True)


async def test_closing_within_an_item_errors_the_stream() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(memoryview(bytearray(8)).cast("H"), min=2)
    source.controller.enqueue(b"abc")
    with pytest.raises(TypeError, match="in the middle of an item") as caught:
        source.controller.close()
    for rejected in (promise, reader.closed):
        with pytest.raises(TypeError) as reason:
            await rejected
        assert reason.value is caught.value


async def test_closing_within_an_item_of_a_reader_that_is_gone_errors_the_stream() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(memoryview(bytearray(8)).cast("H")).catch(lambda _: None)
    source.respond(b"a")
    reader.release_lock()
    with pytest.raises(TypeError, match="in the middle of an item"):
        source.controller.close()


async def test_the_operations_ignore_what_comes_after_the_end() -> None:
    stream, source = byte_stream()
    source.controller.close()
    byte_controllers.readable_byte_stream_controller_close(source.controller)
    byte_controllers.readable_byte_stream_controller_enqueue(source.controller, view_of(b"late", "chunk"))
    assert (await stream.get_reader().read()).done


# Enqueueing ----------------------------------------------------------------------------------------------


async def test_chunks_are_queued_without_a_reader() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"a")
    source.controller.enqueue(b"bc")
    assert source.controller.desired_size == -3
    assert _text(await stream.get_reader(mode="byob").read(bytearray(8))) == b"abc"


async def test_chunks_are_queued_for_a_default_reader_that_does_not_wait() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader()
    source.controller.enqueue(b"a")
    assert _text(await reader.read()) == b"a"


async def test_a_chunk_goes_to_the_first_default_read_that_waits() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader()
    promises = [reader.read(), reader.read()]
    memory = bytearray(b"ab")
    source.controller.enqueue(memory)
    source.controller.enqueue(b"c")
    first = await promises[0]
    assert first.value.obj is memory
    assert _text(await promises[1]) == b"c"


async def test_a_chunk_fills_as_many_waiting_buffers_as_it_can() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promises = [reader.read(bytearray(2)), reader.read(bytearray(3)), reader.read(bytearray(4))]
    source.controller.enqueue(b"abcdef")
    assert [_text(await promise) for promise in promises] == [b"ab", b"cde", b"f"]


async def test_a_chunk_that_is_longer_than_all_buffers_leaves_its_rest_queued() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(2))
    source.controller.enqueue(b"abcdef")
    assert _text(await promise) == b"ab"
    assert source.controller.desired_size == -4
    assert _text(await reader.read(bytearray(8))) == b"cdef"


async def test_a_chunk_voids_the_request_whose_view_is_released() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4), min=2)
    request, view = source.request, source.view
    source.controller.enqueue(b"a")
    assert request.view is None
    with pytest.raises(ValueError, match="released"):
        view[0]
    assert source.view.nbytes == 3
    source.respond(b"b")
    assert _text(await promise) == b"ab"


async def test_the_view_of_the_request_can_not_be_enqueued() -> None:
    """Handing over the chunk detaches the buffer that is to be filled, which is an error."""
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(4))
    source.view[:] = b"abcd"
    with pytest.raises(TypeError, match="respond to the request instead"):
        source.controller.enqueue(source.view)
    promise.catch(lambda _: None)


async def test_a_foreign_view_of_the_request_can_not_be_enqueued() -> None:
    stream, source = byte_stream()
    with foreign_buffers():
        view: Any = ForeignView(ForeignBuffer(4))
        promise = stream.get_reader(mode="byob").read(view)
        handed: Any = source.request.view
        with pytest.raises(TypeError, match="respond to the request instead"):
            source.controller.enqueue(handed)
    assert "pending" in repr(promise)


async def test_a_chunk_of_a_detached_buffer_that_still_tells_a_length_is_refused() -> None:
    class Undead(ForeignBuffer):
        @property
        def byte_length(self) -> int:
            return 4

    _, source = byte_stream()
    with foreign_buffers():
        buffer = Undead(4)
        buffer.transfer()
        chunk: Any = ForeignView(buffer, 0, 4)
        with pytest.raises(TypeError, match="the buffer of the chunk is detached"):
            source.controller.enqueue(chunk)


async def test_a_view_of_the_request_that_something_holds_on_to_bars_no_chunk() -> None:
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(4))
    request, view = source.request, source.view
    export = pickle.PickleBuffer(view)
    source.controller.enqueue(b"abcd")
    export.release()
    assert request.view is None
    assert _text(await promise) == b"abcd"


async def test_a_chunk_that_something_holds_on_to_is_refused_and_nothing_is_lost() -> None:
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(4))
    request = source.request
    chunk = memoryview(bytearray(b"abcd"))
    export = pickle.PickleBuffer(chunk)
    with pytest.raises(TypeError, match="can not be detached"):
        source.controller.enqueue(chunk)
    export.release()
    assert source.request is request
    source.controller.enqueue(chunk)
    assert _text(await promise) == b"abcd"


# Readers that are gone -----------------------------------------------------------------------------------


async def test_bytes_of_a_reader_that_is_gone_go_to_the_next() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4), min=3).catch(lambda _: None)
    source.respond(b"ab")
    reader.release_lock()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(8))
    source.controller.enqueue(b"cd")
    assert _text(await promise) == b"abcd"


async def test_bytes_of_a_reader_that_is_gone_go_to_the_queue_when_nobody_reads() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4), min=3).catch(lambda _: None)
    source.respond(b"ab")
    reader.release_lock()
    source.controller.enqueue(b"cd")
    assert source.controller.desired_size == -4
    reader_2 = stream.get_reader()
    assert [_text(await reader_2.read()) for _ in range(2)] == [b"ab", b"cd"]


async def test_an_empty_buffer_of_a_reader_that_is_gone_is_dropped() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4)).catch(lambda _: None)
    request = source.request
    reader.release_lock()
    promise = stream.get_reader().read()
    source.controller.enqueue(b"ab")
    assert request.view is None
    assert _text(await promise) == b"ab"


async def test_bytes_of_a_reader_that_is_gone_serve_the_first_of_several_default_reads() -> None:
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4), min=3).catch(lambda _: None)
    source.respond(b"ab")
    byob.release_lock()
    reader = stream.get_reader()
    promises = [reader.read(), reader.read()]
    source.controller.enqueue(b"cd")
    assert [_text(await promise) for promise in promises] == [b"ab", b"cd"]


async def test_bytes_of_a_reader_that_is_gone_serve_a_default_read_and_the_chunk_is_queued() -> None:
    stream, source = byte_stream()
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4), min=3).catch(lambda _: None)
    source.respond(b"ab")
    byob.release_lock()
    reader = stream.get_reader()
    promise = reader.read()
    source.controller.enqueue(b"cd")
    assert _text(await promise) == b"ab"
    assert _text(await reader.read()) == b"cd"


async def test_bytes_of_a_reader_that_is_gone_and_an_allocated_buffer_lose_nothing() -> None:
    """The text asserts, in ReadableByteStreamControllerEnqueue step 9.2.1, what does not hold here."""
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4), min=3).catch(lambda _: None)
    source.respond(b"ab")
    byob.release_lock()
    reader = stream.get_reader()
    promise = reader.read()
    source.controller.enqueue(b"cd")
    assert _text(await promise) == b"ab"
    assert _text(await reader.read()) == b"cd"
    promise = reader.read()
    source.respond(b"ef")
    assert _text(await promise) == b"ef"
    assert source.controller.byob_request is None


async def test_a_response_for_a_reader_that_is_gone_serves_a_default_read_with_an_allocated_buffer() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    byob = stream.get_reader(mode="byob")
    byob.read(bytearray(4)).catch(lambda _: None)
    byob.release_lock()
    promise = stream.get_reader().read()
    source.respond(b"ab")
    assert _text(await promise) == b"ab"


async def test_when_the_bytes_of_a_reader_that_is_gone_can_not_be_copied_the_stream_is_errored() -> None:
    def fail(size: int) -> NoReturn:
        raise RangeError("no memory")

    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    reader.read(bytearray(4), min=3).catch(lambda _: None)
    source.respond(b"ab")
    reader.release_lock()
    with foreign_buffers(fail), pytest.raises(RangeError, match="no memory"):
        source.controller.enqueue(b"cd")
    with pytest.raises(RangeError, match="no memory"):
        await stream.get_reader().read()


# Draining ------------------------------------------------------------------------------------------------


async def test_reading_makes_room_for_more() -> None:
    stream, source = byte_stream(high_water_mark=2)
    await settle()
    source.controller.enqueue(b"ab")
    await settle()
    pulls = source.pulls
    await stream.get_reader().read()
    assert source.pulls == pulls + 1


async def test_the_last_read_of_a_closing_stream_closes_it_before_it_settles() -> None:
    order: list[str] = []
    stream, source = byte_stream()
    source.controller.enqueue(b"a")
    source.controller.close()
    reader = stream.get_reader()
    reader.closed.then(lambda _: order.append("closed"))
    reader.read().then(lambda _: order.append("read"))
    await settle()
    assert order == ["closed", "read"]


async def test_a_pull_during_a_read_may_enqueue_for_the_next() -> None:
    stream, source = byte_stream(high_water_mark=1)
    await settle()
    source.controller.enqueue(b"a")
    await settle()
    source.on_pull = lambda controller: controller.enqueue(b"b") if source.pulls < 4 else None
    reader = stream.get_reader()
    assert _text(await reader.read()) == b"a"
    assert _text(await reader.read()) == b"b"
