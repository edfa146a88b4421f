"""Reads without buffers that have to wait for the peer, with the fast paths and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support import settle
from tests.support.operating_system import connection
from whatwg_streams import ReadableStream
from whatwg_streams._platform import fast_paths

pytestmark = pytest.mark.usefixtures("both_ways")


async def test_reads_that_wait_get_what_comes() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            for text in (b"one", b"two", b"three"):
                read = reader.read()
                await settle()
                await peer.send(text)
                value, done = await read
                assert (bytes(value), done) == (text, False)


async def test_what_comes_while_nobody_reads_is_read_ahead_and_the_end_comes_after_it() -> None:
    async with connection() as (socket, info, peer):
        with info.readable.get_reader() as reader:
            await peer.send(b"one")
            assert bytes((await reader.read()).value) == b"one"
            await settle()
            await peer.send(b"two")
            peer.finish()
            await settle()
            assert bytes((await reader.read()).value) == b"two"
            assert (await reader.read()).done
        await socket.close()


async def test_two_reads_that_wait_are_answered_in_their_order() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            first, second = reader.read(), reader.read()
            await settle()
            await peer.send(b"one")
            assert bytes((await first).value) == b"one"
            await peer.send(b"two")
            assert bytes((await second).value) == b"two"


async def test_a_read_that_is_cancelled_while_it_waits_takes_nothing() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            task = asyncio.ensure_future(_value_of(reader.read()))
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await peer.send(b"hello")
            assert bytes((await reader.read()).value) == b"hello"


async def test_what_comes_after_the_reader_was_released_goes_to_one_with_buffers() -> None:
    async with connection() as (_, info, peer):
        reader = info.readable.get_reader()
        read = reader.read()
        await settle()
        reader.release_lock()
        with pytest.raises(TypeError):
            await read
        with info.readable.get_reader(mode="byob") as other:
            waits = other.read(bytearray(3))
            await settle()
            await peer.send(b"hello")
            assert bytes((await waits).value or b"") == b"hel"
            assert bytes((await other.read(bytearray(8))).value or b"") == b"lo"


async def test_an_end_comes_to_a_read_that_waits() -> None:
    async with connection() as (socket, info, peer):
        with info.readable.get_reader() as reader:
            read = reader.read()
            await settle()
            peer.finish()
            assert (await read).done
        await socket.close()


@pytest.mark.parametrize("first", [b"", b"first"])
async def test_a_reset_comes_to_a_read_that_waits(first: bytes) -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            if first:
                await peer.send(first)
                assert bytes((await reader.read()).value) == first
            read = reader.read()
            await settle()
            peer.reset()
            with pytest.raises(OSError, match="reset"):
                await read


@pytest.mark.parametrize("brings_buffers", [False, True])
async def test_a_reset_comes_to_a_read_after_bytes_that_came_with_it(brings_buffers: bool) -> None:
    """Some loops tell of an error once, and watch no more: that a read was short does not mean that nothing is left."""
    async with connection() as (_, info, peer):
        chunks = _views_of(info.readable) if brings_buffers else info.readable.values(prevent_cancel=True)
        first = asyncio.ensure_future(anext(chunks))
        await settle()  # it waits, and the loop watches
        peer.sock.send(b"first")
        peer.reset()
        assert bytes(await first) == b"first"
        with pytest.raises(OSError, match="reset"):
            await anext(chunks)


async def _views_of(readable: ReadableStream[memoryview]) -> AsyncIterator[memoryview]:
    with readable.get_reader(mode="byob") as reader:
        while not (result := await reader.read(bytearray(100))).done:
            assert result.value is not None
            yield result.value


async def test_a_stream_that_is_cancelled_while_a_read_waits_reads_no_more() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            read = reader.read()
            await settle()
            await reader.cancel()
            assert (await read).done
            await peer.send(b"late")
            await settle()
            assert (await reader.read()).done


@pytest.mark.parametrize("switched_to", [True, False])
async def test_a_read_that_waits_is_answered_where_fast_paths_are_switched_meanwhile(switched_to: bool) -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            read = reader.read()
            await settle()
            fast_paths.set_enabled(switched_to)
            for text in (b"one", b"two"):
                await peer.send(text)
                assert bytes((await read).value) == text
                read = reader.read()
                await settle()
            peer.finish()
            assert (await read).done


async def _value_of(read: object) -> object:
    return await read  # type: ignore[misc]
