"""Reads of a branch of a byte stream's tee, whose tasks are cancelled while the tee has lent their buffers."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, byte_stream
from whatwg_streams import Promise, ReadableStream


async def _wait_for(promise: Promise[Any]) -> Any:
    return await promise


def _close(source: ByteSource) -> None:
    controller: Any = source.controller
    controller.close()
    controller.byob_request.respond(0)


class Branches:
    """Of the one a read that wants more has got three bytes, and the tee has lent what is left of its buffer."""

    reader: Any
    other: ReadableStream[memoryview]
    source: ByteSource
    task: asyncio.Task[Any]

    async def prepare(self, view: Any, least: int) -> None:
        stream, self.source = byte_stream()
        one, self.other = stream.tee()
        self.reader = one.get_reader(mode="byob")
        self.task = asyncio.create_task(_wait_for(self.reader.read(view, min=least)))
        await settle()
        self.source.controller.enqueue(b"xyz")
        await settle()
        self.task.cancel()
        await settle()
        assert self.task.cancelled()

    def read(self, mode: str) -> Promise[Any]:
        if mode == "byob":
            return self.reader.read(bytearray(8))  # type: ignore[no-any-return]
        stream = self.reader._stream
        self.reader.release_lock()
        self.reader = stream.get_reader()
        return self.reader.read()  # type: ignore[no-any-return]

    def end(self) -> None:
        _close(self.source)


_VIEWS: dict[str, tuple[Callable[[], Any], int]] = {
    "bytes": (lambda: bytearray(8), 4),
    "items": (lambda: memoryview(array("H", [0] * 4)), 2),
}


@pytest.mark.parametrize("view", _VIEWS)
@pytest.mark.parametrize("waits", [True, False], ids=["waits for it", "comes later"])
@pytest.mark.parametrize("mode", ["byob", "default"])
async def test_the_bytes_are_read_though_the_stream_ends(view: str, waits: bool, mode: str) -> None:
    branches = Branches()
    make, least = _VIEWS[view]
    await branches.prepare(make(), least)
    reading = branches.read(mode) if waits else None
    await settle()
    branches.end()
    await settle()
    result = await (reading or branches.read(mode))
    assert (bytes(result.value), result.done) == (b"xyz", False)
    assert (await branches.read(mode)).done
    assert [bytes(chunk) async for chunk in branches.other] == [b"xyz"]


async def test_the_bytes_come_before_those_that_follow() -> None:
    branches = Branches()
    await branches.prepare(bytearray(8), 4)
    branches.source.controller.enqueue(b"123")
    assert bytes((await branches.read("byob")).value) == b"xyz123"


async def test_of_a_reader_that_is_released_the_standard_drops_them() -> None:
    stream, source = byte_stream()
    one, _ = stream.tee()
    with one.get_reader(mode="byob") as reader:
        read = reader.read(bytearray(8), min=4)
        await settle()
        source.controller.enqueue(b"xyz")
        await settle()
    with pytest.raises(TypeError, match="released"):
        await read
    _close(source)
    assert [chunk async for chunk in one] == []
