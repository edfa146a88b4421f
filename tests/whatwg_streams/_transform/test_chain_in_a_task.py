"""Pipes through transform streams, with callbacks that are coroutine functions or a source that is an iterator."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from whatwg_streams import AbortController, AbortError, Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams.other_specs import queue_a_microtask

COUNT = 40

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

Before = Callable[[str, int], Awaitable[None]]


async def nothing(_: str, __: int) -> None: ...


def iterated(before: Before) -> ReadableStream[int]:
    async def numbers() -> AsyncIterator[int]:
        for number in range(COUNT):
            await before("source", number)
            yield number

    return ReadableStream.from_(numbers())


def pulled(before: Before, high_water_mark: int = 1) -> ReadableStream[int]:
    made = 0

    async def pull(controller: Any) -> None:
        nonlocal made
        await before("source", made)
        controller.enqueue(made)
        made += 1
        if made == COUNT:
            controller.close()

    return ReadableStream({"pull": pull}, {"high_water_mark": high_water_mark})


def pulled_when_needed(before: Before) -> ReadableStream[int]:
    return pulled(before, 0)


def plain(_: Before) -> ReadableStream[int]:
    made = 0

    def pull(controller: Any) -> None:
        nonlocal made
        controller.enqueue(made)
        made += 1
        if made == COUNT:
            controller.close()

    return ReadableStream({"pull": pull})


SOURCES = [iterated, pulled, pulled_when_needed, plain]


def transform_of(before: Before, name: str) -> TransformStream[int, int]:
    async def transform(chunk: int, controller: Any) -> None:
        await before(name, chunk)
        controller.enqueue(chunk)

    return TransformStream({"transform": transform})


def enqueue(chunk: int, controller: Any) -> None:
    controller.enqueue(chunk)


class Sink:
    def __init__(self, before: Before) -> None:
        self.before = before
        self.chunks: list[int] = []
        self.ended: list[object] = []

    async def write(self, chunk: int) -> None:
        await self.before("sink", chunk)
        self.chunks.append(chunk)

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self, reason: object) -> None:
        self.ended.append(reason)


class Chain:
    """A source, transforms that are the identity, synchronous and coroutine functions in turn, and a sink."""

    def __init__(self, make: Callable[[Before], ReadableStream[int]], transforms: int, before: Before) -> None:
        self.sink = Sink(before)
        self.aborting = AbortController()
        stream = make(before)
        for number in range(transforms):
            transform = transform_of(before, f"transform {number}")
            if number % 3 == 1:
                transform = TransformStream({"transform": enqueue})
            elif number % 3 == 2:
                transform = TransformStream()
            stream = stream.pipe_through(transform, signal=self.aborting.signal)
        self.done = stream.pipe_to(WritableStream(self.sink))


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("transforms", [1, 2, 3, 4, 7])
async def test_chunks_arrive_in_order(make: Callable[[Before], ReadableStream[int]], transforms: int) -> None:
    chain = Chain(make, transforms, nothing)
    await chain.done
    assert chain.sink.chunks == list(range(COUNT))
    assert chain.sink.ended == ["closed"]


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("transforms", [1, 3, 4, 7])
@pytest.mark.parametrize("where", ["source", "transform 0", "transform 3", "sink", "everywhere"])
async def test_chunks_arrive_in_order_when_a_callback_is_suspended_now_and_then(
    make: Callable[[Before], ReadableStream[int]], transforms: int, where: str
) -> None:
    async def wait(name: str, number: int) -> None:
        if where in {name, "everywhere"} and number % 13 == 12:
            await asyncio.sleep(0)
        elif where in {name, "everywhere"} and number % 13 == 5:
            await Promise.resolve()

    chain = Chain(make, transforms, wait)
    await chain.done
    assert chain.sink.chunks == list(range(COUNT))
    assert chain.sink.ended == ["closed"]


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("where", ["source", "transform 0", "transform 3", "sink"])
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("aborts", [False, True])
async def test_an_end_in_the_middle(
    make: Callable[[Before], ReadableStream[int]], where: str, waits: bool, aborts: bool
) -> None:
    """Something is raised, or a signal aborted, perhaps after the task was suspended."""

    async def end(name: str, number: int) -> None:
        if name == where and number == COUNT // 2:
            if waits:
                await asyncio.sleep(0)
            if not aborts:
                raise KeyError("the end")
            chain.aborting.abort(KeyError("the end"))

    chain = Chain(make, 5, end)
    if make is plain and where == "source":
        await chain.done
        return
    with pytest.raises(KeyError, match="the end"):
        await chain.done
    assert chain.sink.chunks == list(range(len(chain.sink.chunks)))
    assert len(chain.sink.chunks) < COUNT - 10
    if where != "sink" or aborts:
        assert [repr(end) for end in chain.sink.ended] == ["KeyError('the end')"]


@pytest.mark.parametrize("make", SOURCES)
async def test_a_transform_may_give_several_chunks_or_none(make: Callable[[Before], ReadableStream[int]]) -> None:
    async def transform(chunk: int, controller: Any) -> None:
        for _ in range(chunk % 4):
            controller.enqueue(chunk)
            if chunk % 8 == 7:
                await asyncio.sleep(0)

    sink = Sink(nothing)
    stream = make(nothing).pipe_through(TransformStream[int, int]({"transform": transform}))
    await stream.pipe_through(TransformStream[int, int]()).pipe_to(WritableStream(sink))
    assert sink.chunks == [number for number in range(COUNT) for _ in range(number % 4)]


@pytest.mark.parametrize("make", SOURCES)
async def test_a_transform_may_terminate_the_stream(make: Callable[[Before], ReadableStream[int]]) -> None:
    async def transform(chunk: int, controller: Any) -> None:
        controller.enqueue(chunk)
        if chunk == COUNT // 2:
            controller.terminate()

    sink = Sink(nothing)
    await make(nothing).pipe_through(TransformStream[int, int]({"transform": transform})).pipe_to(WritableStream(sink))
    assert sink.chunks == list(range(COUNT // 2 + 1))
    assert sink.ended == ["closed"]


async def test_an_iterator_that_is_suspended_finds_the_chain_as_it_was_left() -> None:
    """Meanwhile somebody else puts a chunk into it."""
    controllers: list[Any] = []
    waiting = asyncio.Event()
    go_on = asyncio.Event()

    async def wait(_: str, number: int) -> None:
        if number == COUNT // 2:
            waiting.set()
            await go_on.wait()

    sink = Sink(nothing)
    transform = TransformStream[int, Any]({"start": controllers.append})
    done = iterated(wait).pipe_through(transform).pipe_to(WritableStream(sink))
    await waiting.wait()
    controllers[0].enqueue("another")
    go_on.set()
    await done
    assert sink.chunks == [*range(COUNT // 2), "another", *range(COUNT // 2, COUNT)]


async def test_an_iterator_that_is_suspended_is_closed_when_the_pipe_was_aborted() -> None:
    waiting = asyncio.Event()
    go_on = asyncio.Event()
    closed = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(COUNT):
                if number == COUNT // 2:
                    waiting.set()
                    await go_on.wait()
                yield number
        finally:
            closed.set()

    chain = Chain(lambda _: ReadableStream.from_(numbers()), 2, nothing)
    await waiting.wait()
    chain.aborting.abort(KeyError("enough"))
    go_on.set()
    with pytest.raises(KeyError, match="enough"):
        await chain.done
    await closed.wait()


@pytest.mark.parametrize("make", [iterated, pulled])
async def test_each_callback_has_a_context_of_its_own(make: Callable[[Before], ReadableStream[int]]) -> None:
    seen: dict[str, list[str]] = {}

    async def set_it(name: str, number: int) -> None:
        seen.setdefault(name, []).append(variable.get())
        variable.set(f"{name} {number}")

    chain = Chain(make, 4, set_it)
    await chain.done
    for name, values in seen.items():
        assert values == ["unset", *(f"{name} {number}" for number in range(COUNT - 1))]
    assert len(seen) == 4
    assert variable.get() == "unset"


@pytest.mark.parametrize("where", ["source", "transform 0", "sink"])
async def test_the_end_of_all_tasks_errors_the_streams(where: str) -> None:
    waiting = asyncio.Event()

    async def wait_for_ever(name: str, number: int) -> None:
        if name == where and number == COUNT // 2:
            waiting.set()
            await asyncio.Event().wait()

    before = asyncio.all_tasks()
    chain = Chain(iterated, 2, wait_for_ever)
    await waiting.wait()
    for task in asyncio.all_tasks() - before:
        task.cancel()
    with pytest.raises(AbortError, match="was cancelled"):
        await chain.done


class LongChain:
    """Of transforms that are no coroutine functions; each makes so many chunks of one."""

    def __init__(self, transforms: int, made_of_one: Callable[[int], int], count: int) -> None:
        self.written: list[int] = []
        self.wanted: set[int | float | None] = set()
        self.aborting = AbortController()
        self.at: dict[tuple[str, int], Callable[[Any], object]] = {}
        self.left = count
        stream = ReadableStream[int]({"pull": self.pull})
        for number in range(transforms):
            stream = stream.pipe_through(self.transform(f"transform {number}", made_of_one))
        self.done = stream.pipe_to(WritableStream({"write": self.write}), signal=self.aborting.signal)

    def called(self, name: str, chunk: int, controller: Any) -> None:
        event = self.at.get((name, chunk))
        if event is not None:
            event(controller)

    def pull(self, controller: Any) -> None:
        self.called("source", self.left, controller)
        self.left -= 1
        controller.enqueue(self.left)
        if not self.left:
            controller.close()

    def transform(self, name: str, made_of_one: Callable[[int], int]) -> TransformStream[int, int]:
        def transform(chunk: int, controller: Any) -> None:
            self.called(name, chunk, controller)
            for _ in range(made_of_one(chunk)):
                controller.enqueue(chunk)
                self.wanted.add(controller.desired_size)

        return TransformStream({"transform": transform})

    def write(self, chunk: int, controller: Any) -> None:
        self.called("sink", chunk, controller)
        self.written.append(chunk)


def one(_: int) -> int:
    return 1


def several(chunk: int) -> int:
    return chunk % 3


@pytest.mark.parametrize(("transforms", "made_of_one"), [(4, one), (8, one), (1, several), (2, several), (5, several)])
async def test_long_chains_and_transforms_that_make_several_chunks_of_one(
    transforms: int, made_of_one: Callable[[int], int]
) -> None:
    chain = LongChain(transforms, made_of_one, 400)
    await chain.done
    expected = [chunk for chunk in range(399, -1, -1) for _ in range(made_of_one(chunk) ** transforms)]
    assert chain.written == expected
    assert chain.wanted == ({0} if made_of_one is one else {0, -1})


async def test_a_transform_that_makes_very_many_chunks_of_one_leaves_the_event_loop_its_turns() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    chain = LongChain(1, lambda chunk: 3000 if chunk == 5 else 2, 300)
    await chain.done
    counting.cancel()
    assert len(chain.written) == 299 * 2 + 3000
    assert turns > 10


@pytest.mark.parametrize("where", ["source", "transform 0", "transform 3", "sink"])
@pytest.mark.parametrize("made_of_one", [one, several])
@pytest.mark.parametrize("what", ["raise", "abort", "error", "microtask"])
async def test_something_happens_in_a_long_chain(where: str, made_of_one: Callable[[int], int], what: str) -> None:
    chain = LongChain(5, made_of_one, 400)
    reason = KeyError(what)
    microtasks: list[int] = []

    def event(controller: Any) -> None:
        if what == "raise":
            raise reason
        if what == "abort":
            chain.aborting.abort(reason)
        elif what == "error":
            controller.error(reason)
        else:
            queue_a_microtask(microtasks.append, 1)

    chain.at[where, 200] = event
    expected = [chunk for chunk in range(399, -1, -1) for _ in range(made_of_one(chunk) ** 5)]
    if what == "microtask":
        await chain.done
        assert chain.written == expected
        assert set(microtasks) == {1}
        return
    with pytest.raises(KeyError, match=what):
        await chain.done
    assert chain.written == expected[: len(chain.written)]
