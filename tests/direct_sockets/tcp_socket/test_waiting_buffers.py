"""Reads into buffers that have to wait for the peer, with the fast paths and without."""

from __future__ import annotations

import array
import asyncio

import pytest

from tests.support import settle
from tests.support.operating_system import connection

pytestmark = pytest.mark.usefixtures("both_ways")


async def test_a_read_that_waits_gets_what_comes() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            for text in (b"one", b"two", b"three"):
                read = reader.read(bytearray(8))
                await settle()
                await peer.send(text)
                value, done = await read
                assert (bytes(value or b""), done) == (text, False)


async def test_a_read_waits_for_its_minimum() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(bytearray(8), min=6)
            for text in (b"ab", b"cd", b"efg"):
                await settle()
                await peer.send(text)
            rest = bytes((await read).value or b"")
            assert rest.startswith(b"abcdef")
            if len(rest) == 6:
                rest += bytes((await reader.read(bytearray(1))).value or b"")
            assert rest == b"abcdefg"


async def test_two_reads_that_wait_are_answered_in_their_order() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            first, second = reader.read(bytearray(2)), reader.read(bytearray(8))
            await settle()
            await peer.send(b"abcdef")
            assert bytes((await first).value or b"") == b"ab"
            assert bytes((await second).value or b"") == b"cdef"


async def test_a_read_that_is_cancelled_while_it_waits_takes_nothing() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            task = asyncio.ensure_future(_value_of(reader.read(bytearray(8))))
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await peer.send(b"hello")
            assert bytes((await reader.read(bytearray(8))).value or b"") == b"hello"


async def test_what_comes_after_the_reader_was_released_goes_to_the_next_one() -> None:
    async with connection() as (_, info, peer):
        reader = info.readable.get_reader(mode="byob")
        read = reader.read(bytearray(8))
        await settle()
        reader.release_lock()
        with pytest.raises(TypeError):
            await read
        await peer.send(b"hello")
        with info.readable.get_reader() as other:
            assert bytes((await other.read()).value) == b"hello"


async def test_items_of_several_bytes_are_waited_for() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(array.array("I", [0, 0]))
            for text in (b"\1\0", b"\0\0"):
                await settle()
                await peer.send(text)
            value = (await read).value
            assert value is not None
            assert value.tolist() == [1]


async def test_the_end_comes_to_a_read_that_waits() -> None:
    async with connection() as (socket, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(bytearray(8))
            await settle()
            peer.finish()
            value, done = await read
            assert (value is not None and len(value), done) == (0, True)
        await socket.close()


async def test_a_reset_comes_to_a_read_that_waits() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(bytearray(8))
            await settle()
            peer.reset()
            with pytest.raises(OSError, match="reset"):
                await read


async def test_a_stream_that_is_cancelled_while_a_read_waits_reads_no_more() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(bytearray(8))
            await settle()
            await reader.cancel()
            value, done = await read
            assert (value, done) == (None, True)
            await peer.send(b"late")
            await settle()
            assert (await reader.read(bytearray(8))).done


async def _value_of(read: object) -> object:
    return await read  # type: ignore[misc]
