"""Reads whose source does something else, while it is pulled for them, than to enqueue a chunk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from whatwg_streams import ReadableStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from whatwg_streams import ReadableStreamDefaultReader


pytestmark = [pytest.mark.usefixtures("both_ways"), pytest.mark.parametrize("starts_first", [True, False])]


class _Source:
    """Enqueues numbers; at the third pull it does something else, before or after."""

    def __init__(self) -> None:
        self.pulled = 0
        self.log: list[object] = []
        self.before: Callable[[Any], object] = lambda _: None
        self.after: Callable[[Any], object] = lambda _: None
        self.cancelled: Callable[[], object] = lambda: None

    def start(self, controller: Any) -> None:
        self.controller = controller

    def pull(self, controller: Any) -> None:
        self.pulled += 1
        number = self.pulled
        if number == 3:
            self.before(controller)
        try:
            controller.enqueue(number)
        except TypeError:
            self.log.append(f"{number} was refused")
        if number == 3:
            self.after(controller)

    def cancel(self, _: object) -> None:
        self.cancelled()


async def _reader_of(source: _Source, *, starts_first: bool) -> ReadableStreamDefaultReader[Any]:
    """A reader whose reads find a chunk in the queue, if the source starts first, or else are waited for."""
    reader = ReadableStream(source).get_reader()
    if starts_first:
        await settle()
    return reader


async def _read(reader: ReadableStreamDefaultReader[Any]) -> Any:
    try:
        return (await reader.read()).value
    except TypeError as error:
        return f"TypeError: {error}"


async def test_it_reads_itself(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)
    reads: list[Any] = []

    def read(_: object) -> None:
        reads.append(reader.read())

    source.before = read
    values = [await _read(reader) for _ in range(4)]
    values.append((await reads[0]).value)
    assert sorted(values) == [1, 2, 3, 4, 5]


async def test_it_reads_what_it_enqueues(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)
    reads: list[Any] = []

    def drain(controller: Any) -> None:
        while controller.desired_size < 1:
            reads.append(reader.read())
        reads.append(reader.read())

    source.before = source.after = drain
    values = [await _read(reader) for _ in range(3)]
    values += [(await read).value for read in reads]
    assert sorted(values) == list(range(1, 1 + len(values)))


async def test_it_enqueues_more_than_one(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)
    source.after = lambda controller: controller.enqueue("more")
    assert [await _read(reader) for _ in range(5)] == [1, 2, 3, "more", 4]


async def test_it_releases_the_reader(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)
    stream: Any = source.controller._stream
    source.before = lambda _: reader.release_lock()
    values = [await _read(reader) for _ in range(3)]
    assert values[:2] == [1, 2]
    assert "TypeError" in str(values[2])
    with stream.get_reader() as another:
        assert await _read(another) == 3


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_closes(when: str, starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)
    setattr(source, when, lambda controller: controller.close())
    expected = [1, 2, None, None] if when == "before" else [1, 2, 3, None]
    assert [await _read(reader) for _ in range(4)] == expected
    assert source.log == (["3 was refused"] if when == "before" else [])


async def test_it_fails(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)

    def fail(_: object) -> None:
        raise RuntimeError("the source fails")

    source.after = fail
    values: list[object] = []
    with pytest.raises(RuntimeError, match="the source fails"):
        values.extend([value async for value, _ in _results(reader)])
    await settle()
    with pytest.raises(RuntimeError, match="the source fails"):
        await reader.closed


async def _results(reader: ReadableStreamDefaultReader[Any]) -> Any:
    while True:
        yield await reader.read()


async def test_its_stream_is_cancelled_and_the_cancelling_enqueues(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)

    def enqueue() -> None:
        with pytest.raises(TypeError, match="takes no more chunks"):
            source.controller.enqueue("late")
        source.log.append("refused when it was cancelled")

    source.before = lambda _: reader.cancel()
    source.cancelled = enqueue
    assert [await _read(reader) for _ in range(4)] in ([1, 2, None, None], [1, None, None, None])
    assert source.log == ["refused when it was cancelled", "3 was refused"]


async def test_others_react_to_the_read_that_waits(starts_first: bool) -> None:
    source = _Source()
    reader = await _reader_of(source, starts_first=starts_first)
    log: list[object] = []
    read = reader.read()
    source.before = source.after = lambda _: read.then(lambda result: log.append(result.value))
    for _ in range(4):
        log.append(("task", (await read).value))
        read = reader.read()
    await settle()
    seen = [entry for entry in log if not isinstance(entry, tuple)]
    assert [entry[1] for entry in log if isinstance(entry, tuple)] == [1, 2, 3, 4]
    assert len(seen) == 2


async def test_a_cancelled_iteration_leaves_its_chunk_after_others_were_served_at_once(starts_first: bool) -> None:
    controllers: list[Any] = []
    last = 6

    def pull(controller: Any) -> None:
        controllers.append(controller)
        if len(controllers) <= last:
            controller.enqueue(len(controllers))

    stream: ReadableStream[Any] = ReadableStream({"pull": pull})
    if starts_first:
        await settle()
    chunks = stream.values()
    values: list[object] = []

    async def iterate() -> None:
        async for chunk in chunks:
            values.insert(len(values), chunk)

    task = asyncio.create_task(iterate())
    await settle()
    controllers[0].enqueue("taken back")  # and the task is cancelled before it goes on
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    controllers[0].enqueue("later")
    assert values == [1, 2, 3, 4, 5, 6]
    assert [await anext(chunks), await anext(chunks)] == ["taken back", "later"]
