"""ReadableByteStreamController: its methods, and its internal methods for pulling, cancelling and releasing."""

from __future__ import annotations

import array
import gc
import weakref
from typing import Any, NoReturn

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from whatwg_streams import RangeError, ReadableByteStreamController, ReadableStream, RejectionError


def test_a_controller_is_not_made_by_its_class() -> None:
    with pytest.raises(TypeError, match="made by its stream"):
        ReadableByteStreamController()


def test_the_representation_shows_the_stream() -> None:
    _, source = byte_stream()
    assert repr(source.controller) == "<ReadableByteStreamController of <ReadableStream readable>>"


# enqueue ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [b"", bytearray(), memoryview(b""), memoryview(b"abc")[1:1]], ids=repr)
def test_an_empty_chunk_is_a_type_error(chunk: Any) -> None:
    _, source = byte_stream()
    with pytest.raises(TypeError, match="empty"):
        source.controller.enqueue(chunk)


@pytest.mark.parametrize("chunk", ["text", 1, None, [1], memoryview(b"abcd")[::2]], ids=repr)
def test_a_chunk_that_is_no_contiguous_buffer_is_a_type_error(chunk: Any) -> None:
    _, source = byte_stream()
    with pytest.raises(TypeError, match="chunk"):
        source.controller.enqueue(chunk)


def test_a_chunk_that_was_handed_over_before_is_a_type_error() -> None:
    _, source = byte_stream()
    chunk = memoryview(b"abc")
    source.controller.enqueue(chunk)
    with pytest.raises(TypeError, match="released"):
        source.controller.enqueue(chunk)
    assert source.controller.desired_size == -3


def test_a_chunk_of_a_buffer_without_bytes_is_a_type_error() -> None:
    _, source = byte_stream()
    with foreign_buffers():
        buffer = ForeignBuffer(4)
        view = ForeignView(buffer, 0, 4)
        buffer.transfer()
        with pytest.raises(TypeError, match="detached"):
            source.controller.enqueue(view)  # type: ignore[arg-type]


def test_a_chunk_that_can_not_be_transferred_is_refused() -> None:
    _, source = byte_stream()
    with foreign_buffers():
        view = ForeignView(ForeignBuffer(4, transferable=False))
        with pytest.raises(TypeError, match="can not be transferred"):
            source.controller.enqueue(view)  # type: ignore[arg-type]
    assert source.controller.desired_size == 0


@pytest.mark.parametrize("end", ["close", "error"])
async def test_nothing_can_be_enqueued_after_the_end(end: str) -> None:
    _, source = byte_stream()
    getattr(source.controller, end)()
    chunk = memoryview(b"abc")
    with pytest.raises(TypeError, match="takes no more bytes"):
        source.controller.enqueue(chunk)
    assert bytes(chunk) == b"abc"


async def test_nothing_can_be_enqueued_while_closing() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    source.controller.close()
    with pytest.raises(TypeError, match="closing"):
        source.controller.enqueue(b"def")
    reader = stream.get_reader()
    assert bytes((await reader.read()).value) == b"abc"
    assert (await reader.read()).done


async def test_an_empty_chunk_is_an_error_even_after_the_end() -> None:
    _, source = byte_stream()
    source.controller.close()
    with pytest.raises(TypeError, match="empty"):
        source.controller.enqueue(b"")


async def test_a_chunk_of_any_items_is_read_as_bytes() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(memoryview(array.array("H", [1, 2])))
    value, done = await stream.get_reader().read()
    assert type(value) is memoryview
    assert (value.format, value.nbytes, done) == ("B", 4, False)
    assert value == array.array("H", [1, 2]).tobytes()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_a_default_reader_gets_memoryviews_of_the_chunks_own_memory(kind: Any) -> None:
    stream, source = byte_stream()
    memory = bytearray(b"abc")
    source.controller.enqueue(memory if kind is bytearray else kind(memory))
    source.controller.enqueue(kind(memory))
    reader = stream.get_reader()
    first, second = (await reader.read()).value, (await reader.read()).value
    assert type(first) is type(second) is memoryview
    assert (bytes(first), bytes(second)) == (b"abc", b"abc")
    if kind is not bytes:
        assert first.obj is memory


# close --------------------------------------------------------------------------------------------------


async def test_closing_twice_is_a_type_error() -> None:
    _, source = byte_stream()
    source.controller.close()
    with pytest.raises(TypeError, match="it is closed"):
        source.controller.close()


async def test_closing_while_closing_is_a_type_error() -> None:
    _, source = byte_stream()
    source.controller.enqueue(b"a")
    source.controller.close()
    with pytest.raises(TypeError, match="closing already"):
        source.controller.close()


async def test_closing_after_an_error_is_a_type_error() -> None:
    _, source = byte_stream()
    source.controller.error("why")
    with pytest.raises(TypeError, match="it is errored"):
        source.controller.close()


# error --------------------------------------------------------------------------------------------------


async def test_an_error_fails_reads_and_discards_the_queue() -> None:
    stream, source = byte_stream()
    error = ValueError("broken")
    source.controller.enqueue(b"abc")
    source.controller.error(error)
    reader = stream.get_reader()
    with pytest.raises(ValueError, match="broken"):
        await reader.read()
    with pytest.raises(ValueError, match="broken"):
        await reader.closed
    assert source.controller.desired_size is None


async def test_only_the_first_error_counts() -> None:
    stream, source = byte_stream()
    source.controller.error()
    source.controller.error("second")
    with pytest.raises(RejectionError) as caught:
        await stream.get_reader().read()
    assert caught.value.reason is None


async def test_an_error_after_the_end_is_ignored() -> None:
    stream, source = byte_stream()
    source.controller.close()
    source.controller.error("late")
    assert (await stream.get_reader().read()).done


# desired_size -------------------------------------------------------------------------------------------


async def test_the_desired_size_counts_bytes() -> None:
    stream, source = byte_stream(high_water_mark=10)
    assert source.controller.desired_size == 10
    source.controller.enqueue(b"abcd")
    assert source.controller.desired_size == 6
    source.controller.enqueue(bytes(8))
    assert source.controller.desired_size == -2
    await stream.get_reader().read()
    assert source.controller.desired_size == 2
    source.controller.close()
    assert source.controller.desired_size == 2


async def test_the_desired_size_is_zero_once_closed_and_none_once_errored() -> None:
    _, source = byte_stream(high_water_mark=10)
    source.controller.close()
    assert source.controller.desired_size == 0
    _, source = byte_stream(high_water_mark=10)
    source.controller.error()
    assert source.controller.desired_size is None


# byob_request -------------------------------------------------------------------------------------------


async def test_there_is_no_request_without_a_buffer_to_fill() -> None:
    stream, source = byte_stream()
    assert source.controller.byob_request is None
    stream.get_reader().read()
    assert source.controller.byob_request is None


async def test_the_request_stays_the_same_until_it_is_responded_to() -> None:
    stream, source = byte_stream()
    promise = stream.get_reader(mode="byob").read(bytearray(4))
    request = source.request
    assert source.request is request
    view = source.view
    assert source.view is view
    source.respond(b"ab")
    assert request.view is None
    assert source.controller.byob_request is None
    assert bytes((await promise).value or b"") == b"ab"


async def test_the_request_is_for_the_first_buffer() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promises = [reader.read(bytearray(size)) for size in (1, 2, 3)]
    sizes = []
    for _ in promises:
        sizes.append(source.view.nbytes)
        source.respond(b"x" * source.view.nbytes)
    assert sizes == [1, 2, 3]
    assert [bytes((await promise).value or b"") for promise in promises] == [b"x", b"xx", b"xxx"]


# Pull steps ---------------------------------------------------------------------------------------------


async def test_a_read_is_served_from_the_queue_entry_by_entry() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    source.controller.enqueue(b"de")
    reader = stream.get_reader()
    assert [bytes((await reader.read()).value) for _ in range(2)] == [b"abc", b"de"]


async def test_a_read_of_an_empty_stream_waits_for_a_chunk() -> None:
    stream, source = byte_stream()
    await settle()
    assert source.pulls == 0
    promise = stream.get_reader().read()
    assert source.pulls == 1
    source.controller.enqueue(b"abc")
    assert bytes((await promise).value) == b"abc"


async def test_a_buffer_is_allocated_for_a_default_reader() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    await settle()
    promise = stream.get_reader().read()
    view = source.view
    assert (view.nbytes, view.format, bytes(view)) == (8, "B", bytes(8))
    source.respond(b"abc")
    value, done = await promise
    assert (type(value), bytes(value), value.format, done) == (memoryview, b"abc", "B", False)


async def test_no_buffer_is_allocated_while_there_are_bytes() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    source.controller.enqueue(b"abc")
    assert bytes((await stream.get_reader().read()).value) == b"abc"
    assert source.controller.byob_request is None


async def test_an_allocated_buffer_is_dropped_when_a_chunk_comes_instead() -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    reader = stream.get_reader()
    first, second = reader.read(), reader.read()
    request = source.request
    source.controller.enqueue(b"abc")
    assert bytes((await first).value) == b"abc"
    assert request.view is None
    source.respond(b"de")
    assert bytes((await second).value) == b"de"


@pytest.mark.parametrize("size", [2**53 - 1, 2**48])
async def test_a_buffer_that_is_too_large_fails_the_read_only(size: int) -> None:
    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=size))
    reader = stream.get_reader()
    with pytest.raises(RangeError):
        await reader.read()
    assert source.controller.byob_request is None
    source.controller.enqueue(b"still works")
    assert bytes((await reader.read()).value) == b"still works"


async def test_whatever_allocation_raises_fails_the_read_only() -> None:
    error = ValueError("the foreign allocator is out of order")

    def fail(size: int) -> NoReturn:
        raise error

    stream, source = byte_stream(ByteSource(auto_allocate_chunk_size=8))
    reader = stream.get_reader()
    with foreign_buffers(fail):
        promise = reader.read()
    with pytest.raises(ValueError, match="out of order"):
        await promise
    source.controller.enqueue(b"still works")
    assert bytes((await reader.read()).value) == b"still works"


# Cancel steps -------------------------------------------------------------------------------------------


async def test_cancelling_empties_the_queue_and_tells_the_source() -> None:
    stream, source = byte_stream()
    source.controller.enqueue(b"abc")
    await stream.cancel("enough")
    assert source.events == ["start", ("cancel", "enough")]
    assert source.controller.desired_size == 0
    assert (await stream.get_reader().read()).done


async def test_cancelling_voids_the_request() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    request = source.request
    await reader.cancel("enough")
    assert request.view is None
    assert source.controller.byob_request is None
    with pytest.raises(TypeError, match="responded to before"):
        request.respond(1)
    assert await promise == (None, True)


async def test_what_the_sources_cancel_raises_rejects() -> None:
    def fail(reason: object) -> NoReturn:
        raise ValueError(f"can not cancel: {reason}")

    stream, _ = byte_stream(ByteSource(on_cancel=fail))
    with pytest.raises(ValueError, match="can not cancel: enough"):
        await stream.cancel("enough")


async def test_cancelling_waits_for_the_source() -> None:
    order: list[str] = []

    async def cancel(reason: object) -> None:
        await settle(2)
        order.append("source")

    stream, _ = byte_stream(ByteSource(on_cancel=cancel))
    await stream.cancel()
    order.append("cancelled")
    assert order == ["source", "cancelled"]


# Release steps ------------------------------------------------------------------------------------------


async def test_only_the_first_buffer_outlives_its_reader() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    promises = [reader.read(bytearray(size)) for size in (3, 4)]
    request = source.request
    reader.release_lock()
    for promise in promises:
        with pytest.raises(TypeError, match="released"):
            await promise
    assert source.request is request
    source.respond(b"abc")
    assert source.controller.byob_request is None
    assert bytes((await stream.get_reader().read()).value) == b"abc"


async def test_releasing_without_a_buffer_to_fill_changes_nothing() -> None:
    stream, source = byte_stream()
    stream.get_reader().release_lock()
    stream.get_reader(mode="byob").release_lock()
    assert source.controller.byob_request is None


# Memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["close", "error"])
async def test_the_source_is_let_go_at_the_end(end: str) -> None:
    source = ByteSource()
    stream: ReadableStream[Any] = ReadableStream(source)
    controller = source.controller
    reference = weakref.ref(source)
    await settle()
    getattr(controller, end)()
    await settle()
    del source
    gc.collect()
    assert reference() is None
    assert stream.locked is False
