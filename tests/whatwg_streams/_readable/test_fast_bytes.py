"""The fast paths of byte streams, and every way out of them: memory is handed over, detached and let go as without."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pickle import PickleBuffer
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, ForeignBuffer, ForeignView, byte_stream, foreign_buffers
from whatwg_streams import ReadableStream
from whatwg_streams._platform import fast_paths

pytestmark = pytest.mark.usefixtures("both_ways")


async def _waiting(memory: Any, **options: Any) -> tuple[ReadableStream[memoryview], ByteSource, Any, Any]:
    stream, source = byte_stream()
    await settle()
    reader = stream.get_reader(mode="byob")
    promise = reader.read(memory, **options)
    await settle()
    return stream, source, reader, promise


def _can_be_resized(memory: bytearray) -> bool:
    """Whether nobody views it any more."""
    try:
        memory.append(0)
    except BufferError:
        return False
    return True


async def _read_again_and_again(respond: Callable[[ByteSource], object], expected: bytes) -> None:
    memory = bytearray(4)
    stream, source = byte_stream()
    reader: Any = stream.get_reader(mode="byob")
    view = memoryview(memory)
    for _ in range(3):
        promise = reader.read(view)
        with pytest.raises(ValueError, match="released"):
            view.tobytes()
        await settle()
        respond(source)
        result = (await promise).value
        assert (result.obj, result.tobytes()) == (memory, expected)
        view = memoryview(memory)
        result.release()
    view.release()
    del promise, result
    assert _can_be_resized(memory)


@pytest.mark.parametrize("count", [1, 4])
async def test_memory_is_let_go_after_a_response(count: int) -> None:
    await _read_again_and_again(lambda source: source.respond(b"abcd"[:count]), b"abcd"[:count])


async def test_memory_is_let_go_after_a_response_that_nobody_looked_at() -> None:
    await _read_again_and_again(lambda source: source.request.respond(4), bytes(4))


async def test_memory_is_let_go_after_bytes_were_enqueued() -> None:
    await _read_again_and_again(lambda source: source.controller.enqueue(b"abc"), b"abc")


async def test_a_request_is_of_no_use_after_the_response() -> None:
    _, source, reader, promise = await _waiting(bytearray(4))
    request, view = source.request, source.view
    assert source.request is request
    assert source.view is view
    request.respond(2)
    assert source.controller.byob_request is None
    assert request.view is None
    with pytest.raises(ValueError, match="released"):
        view.tobytes()
    with pytest.raises(TypeError, match="responded to before"):
        request.respond(1)
    await promise
    again = reader.read(bytearray(3))
    await settle()
    assert source.request is not request
    assert request.view is None
    assert source.view.nbytes == 3
    source.respond(b"abc")
    assert (await again).value == b"abc"


async def test_the_next_read_does_not_touch_what_was_read_before() -> None:
    _, source, reader, promise = await _waiting(bytearray(4))
    source.respond(b"abcd")
    first = (await promise).value
    promise = reader.read(bytearray(4))
    await settle()
    source.respond(b"wxyz")
    assert ((await promise).value, first) == (b"wxyz", b"abcd")


async def test_a_view_that_is_held_on_to_keeps_seeing_the_memory() -> None:
    _, source, _, promise = await _waiting(bytearray(4))
    view = source.view
    hold = PickleBuffer(view)
    source.respond(b"abcd")
    assert (await promise).value == b"abcd"
    assert view.tobytes() == b"abcd"
    hold.release()


async def test_a_view_that_can_not_be_detached_is_refused_and_nothing_waits() -> None:
    stream, source = byte_stream()
    reader = stream.get_reader(mode="byob")
    view = memoryview(bytearray(4))
    hold = PickleBuffer(view)
    with pytest.raises(TypeError, match="can not be detached"):
        await reader.read(view)
    hold.release()
    assert source.controller.byob_request is None
    assert view.nbytes == 4


@pytest.mark.parametrize("written", [0, 5, -1, "text", None, 2**70])
async def test_a_wrong_response_changes_nothing(written: Any) -> None:
    _, source, _, promise = await _waiting(bytearray(4))
    request, view = source.request, source.view
    with pytest.raises((TypeError, ValueError)):
        request.respond(written)
    assert source.request is request
    view[:2] = b"ab"
    request.respond(2)
    assert (await promise).value == b"ab"


@pytest.mark.parametrize("written", [2.0, 2.9, True], ids=repr)
async def test_a_response_of_another_number_is_converted(written: Any) -> None:
    _, source, _, promise = await _waiting(bytearray(4))
    source.request.respond(written)
    assert (await promise).value.nbytes == int(written)


@pytest.mark.parametrize("item_format", ["b", "H", "i"])
async def test_a_view_of_items_keeps_its_format(item_format: Any) -> None:
    _, source, _, promise = await _waiting(memoryview(bytearray(4)).cast(item_format))
    source.respond(b"abcd")
    assert (await promise).value.format == item_format


async def test_reads_that_wait_behind_one_another() -> None:
    _, source, reader, first = await _waiting(bytearray(2))
    second = reader.read(bytearray(4))
    source.respond(b"ab")
    source.respond(b"cd")
    assert (await first).value == b"ab"
    assert (await second).value == b"cd"


async def test_more_is_enqueued_than_the_view_has_room_for() -> None:
    _, source, reader, promise = await _waiting(bytearray(2))
    source.controller.enqueue(b"abc")
    assert (await promise).value == b"ab"
    assert (await reader.read(bytearray(2))).value == b"c"


async def test_a_part_of_the_view_can_not_be_enqueued() -> None:
    _, source, _, _ = await _waiting(bytearray(b"abcd"))
    with pytest.raises(TypeError, match="respond to the request instead"):
        source.controller.enqueue(source.view[:2])
    with pytest.raises(TypeError, match="detached"):
        source.request.respond(2)


async def test_another_buffer_is_responded_with() -> None:
    _, source, reader, promise = await _waiting(bytearray(4))
    source.request.respond_with_new_view(bytearray(b"abcd"))
    assert (await promise).value == b"abcd"
    promise = reader.read(bytearray(2))
    await settle()
    source.respond(b"xy")
    assert (await promise).value == b"xy"


async def test_a_response_after_the_reader_was_released_is_for_the_next() -> None:
    stream, source, reader, promise = await _waiting(bytearray(4))
    request = source.request
    reader.release_lock()
    with pytest.raises(TypeError, match="released"):
        await promise
    with contextlib.suppress(TypeError):
        request.respond(2)
    next_reader: Any = stream.get_reader(mode="byob")
    assert (await next_reader.read(bytearray(4))).value == bytes(2)


async def test_the_switch_may_be_turned_while_a_read_waits() -> None:
    _, source, reader, promise = await _waiting(bytearray(4))
    for data in (b"ab", b"cd", b"ef"):
        request, view = source.request, source.view
        fast_paths.set_enabled(not fast_paths.are_enabled())
        view[:2] = data
        request.respond(2)
        assert (await promise).value == data
        promise = reader.read(bytearray(4))
        await settle()
    source.controller.close()
    source.request.respond(0)
    assert (await promise).done


async def test_foreign_and_own_views_take_turns() -> None:
    _, source, reader, promise = await _waiting(bytearray(4))
    source.respond(b"ab")
    assert (await promise).value == b"ab"
    with foreign_buffers():
        promise = reader.read(ForeignView(ForeignBuffer(4)))
        await settle()
        view: Any = source.request.view
        view.write(b"cd")
        source.request.respond(2)
        assert (await promise).value.content == b"cd"
        source.controller.enqueue(b"ef")
        result = await reader.read(bytearray(4))
        assert result.value == b"ef"


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=["bytes", "bytearray", "memoryview"])
@pytest.mark.parametrize("queued", [True, False], ids=["queued", "waited for"])
async def test_a_default_reader_gets_the_very_memory(make: Callable[[bytes], Any], queued: bool) -> None:
    stream, source = byte_stream()
    await settle()
    reader = stream.get_reader()
    chunk = make(b"abc")
    memory = chunk.obj if make is memoryview else chunk
    promise = None if queued else reader.read()
    source.controller.enqueue(chunk)
    value: Any = (await (promise or reader.read())).value
    assert (type(value), value.format, value.tobytes(), value.obj is memory) == (memoryview, "B", b"abc", True)
    assert value.readonly is (make is not bytearray)
    if make is memoryview:
        with pytest.raises(ValueError, match="released"):
            chunk.tobytes()
    value.release()
    if make is bytearray:
        assert _can_be_resized(chunk)


async def test_bytes_that_a_byob_reader_left_go_to_a_default_reader_and_back() -> None:
    source = ByteSource()
    stream: Any = ReadableStream(source)
    await settle()
    source.controller.enqueue(b"abcdef")
    with stream.get_reader(mode="byob") as reader:
        assert (await reader.read(bytearray(2))).value == b"ab"
    with stream.get_reader() as default:
        assert (await default.read()).value == b"cdef"
    source.controller.enqueue(b"x")
    source.controller.close()
    with stream.get_reader() as default:
        assert (await default.read()).value == b"x"
        assert (await default.read()).done
