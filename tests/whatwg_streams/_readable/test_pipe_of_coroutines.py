"""Pipes whose callbacks are coroutine functions, or whose source is an asynchronous iterator."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support import LoopFactory, settle
from whatwg_streams import AbortController, AbortError, Promise, ReadableStream, WritableStream

COUNT = 40

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Source:
    """Of so many numbers; it does something before each."""

    def __init__(self, count: int = COUNT) -> None:
        self.left = count

    def before(self) -> None: ...

    async def pull(self, controller: Any) -> None:
        self.before()
        self.left -= 1
        controller.enqueue(self.left)
        if not self.left:
            controller.close()


class Sink:
    """Keeps what it is given; it does something before each."""

    def __init__(self) -> None:
        self.chunks: list[object] = []

    def before(self) -> None: ...

    async def write(self, chunk: object) -> None:
        self.before()
        self.chunks.append(chunk)


async def numbers(count: int = COUNT) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def sometimes() -> Callable[[], bool]:
    """Whether it is one of those times: every seventh."""
    times = 0

    def is_it() -> bool:
        nonlocal times
        times += 1
        return times % 7 == 0

    return is_it


@pytest.mark.parametrize("high_water_mark", [0, 1, 5])
async def test_chunks_arrive_in_order_when_coroutines_are_now_and_then_suspended(high_water_mark: int) -> None:
    now_and_then = sometimes()

    class SlowSource(Source):
        async def pull(self, controller: Any) -> None:
            if now_and_then():
                await asyncio.sleep(0)
            await super().pull(controller)
            if now_and_then():
                await asyncio.sleep(0)

    class SlowSink(Sink):
        async def write(self, chunk: object) -> None:
            if now_and_then():
                await asyncio.sleep(0)
            await super().write(chunk)
            if now_and_then():
                await asyncio.sleep(0)

    sink = SlowSink()
    source = ReadableStream[Any](SlowSource(), {"high_water_mark": high_water_mark})
    await source.pipe_to(WritableStream(sink))
    assert sink.chunks == list(reversed(range(COUNT)))


async def test_a_variable_that_the_source_sets_stays_with_the_source() -> None:
    seen_by_the_source: set[str] = set()
    seen_by_the_sink: set[str] = set()

    class Setting(Source):
        def before(self) -> None:
            seen_by_the_source.add(variable.get())
            if self.left == COUNT // 2:
                variable.set("by the source")

    class Looking(Sink):
        def before(self) -> None:
            seen_by_the_sink.add(variable.get())

    await ReadableStream[Any](Setting()).pipe_to(WritableStream(Looking()))
    assert seen_by_the_source == {"unset", "by the source"}
    assert seen_by_the_sink == {"unset"}


@pytest.mark.parametrize("make", [lambda: ReadableStream[Any](Source()), lambda: ReadableStream.from_(numbers())])
async def test_a_variable_that_the_sink_sets_stays_with_the_sink(make: Callable[[], ReadableStream[Any]]) -> None:
    seen: list[str] = []

    class Setting(Sink):
        def before(self) -> None:
            seen.append(variable.get())
            if len(self.chunks) == COUNT // 2:
                variable.set("by the sink")

    await make().pipe_to(WritableStream(Setting()))
    half = COUNT // 2 + 1
    assert seen == ["unset"] * half + ["by the sink"] * (COUNT - half)
    assert variable.get() == "unset"


async def test_source_and_sink_have_the_contexts_they_were_made_in() -> None:
    seen: set[tuple[str, str]] = set()

    class Looking(Source):
        def before(self) -> None:
            seen.add(("source", variable.get()))

    class LookingToo(Sink):
        def before(self) -> None:
            seen.add(("sink", variable.get()))

    variable.set("when the source was made")
    source = ReadableStream[Any](Looking())
    variable.set("when the sink was made")
    sink = WritableStream[Any](LookingToo())
    variable.set("later")
    await source.pipe_to(sink)
    assert seen == {("source", "when the source was made"), ("sink", "when the sink was made")}


async def test_an_iterator_keeps_its_context_between_chunks() -> None:
    seen: list[str] = []

    async def setting() -> AsyncIterator[int]:
        for number in range(COUNT):
            seen.append(variable.get())
            variable.set(str(number))
            yield number

    sink = Sink()
    await ReadableStream.from_(setting()).pipe_to(WritableStream(sink))
    assert sink.chunks == list(range(COUNT))
    assert seen == ["unset", *(str(number) for number in range(COUNT - 1))]


async def test_an_iterator_that_waits_while_the_pipe_is_aborted_is_closed_when_it_goes_on() -> None:
    """As in JavaScript, where `return` waits for the `next` that is under way."""
    events: list[str] = []
    go_on = asyncio.Event()
    waiting = asyncio.Event()

    async def slow() -> AsyncIterator[int]:
        try:
            async for number in numbers():
                yield number
            waiting.set()
            await go_on.wait()
            yield COUNT
            events.append("asked again")
        finally:
            events.append("closed")

    controller = AbortController()
    sink = Sink()
    piping = ReadableStream.from_(slow()).pipe_to(WritableStream(sink), signal=controller.signal)
    await waiting.wait()
    controller.abort(KeyError("enough"))
    await settle()
    assert events == []
    assert "pending" in repr(piping)
    go_on.set()
    with pytest.raises(KeyError, match="enough"):
        await piping
    assert events == ["closed"]
    assert sink.chunks == list(range(COUNT))


async def test_what_an_iterator_raises_aborts_the_sink() -> None:
    async def failing() -> AsyncIterator[int]:
        async for number in numbers():
            yield number
        raise KeyError("failed")

    reasons: list[object] = []
    sink = {"write": lambda _chunk: None, "abort": reasons.append}
    with pytest.raises(KeyError, match="failed"):
        await ReadableStream.from_(failing()).pipe_to(WritableStream(sink))
    assert [repr(reason) for reason in reasons] == ["KeyError('failed')"]


async def test_an_iterator_may_abort_the_pipe_itself() -> None:
    controller = AbortController()
    closed = asyncio.Event()

    async def aborting() -> AsyncIterator[int]:
        try:
            async for number in numbers():
                yield number
            controller.abort("by the source")
            yield COUNT
        finally:
            closed.set()

    sink = Sink()
    piping = ReadableStream.from_(aborting()).pipe_to(WritableStream(sink), signal=controller.signal)
    with pytest.raises(Exception, match="by the source"):
        await piping
    await closed.wait()
    assert sink.chunks == list(range(COUNT))


async def test_a_sink_that_fails_closes_the_iterator() -> None:
    events: list[str] = []

    async def careful() -> AsyncIterator[int]:
        try:
            async for number in numbers():
                yield number
        finally:
            events.append("closed")

    def write(chunk: int) -> None:
        events.append(f"wrote {chunk}")
        if chunk == 20:
            raise IndexError("full")

    with pytest.raises(IndexError, match="full"):
        await ReadableStream.from_(careful()).pipe_to(WritableStream({"write": write}))
    assert events[-1] == "closed"
    assert events[-2] == "wrote 20"


async def test_a_sink_that_answers_with_a_promise_is_waited_for() -> None:
    events: list[object] = []

    async def telling() -> AsyncIterator[int]:
        async for number in numbers(3):
            events.append(f"gives {number}")
            yield number

    def write(chunk: int) -> Promise[None]:
        events.append(f"writes {chunk}")
        return Promise.resolve().then(lambda _: events.append(f"wrote {chunk}"))

    await ReadableStream.from_(telling()).pipe_to(WritableStream({"write": write}))
    writes = [event for event in events if not str(event).startswith("gives")]
    assert writes == ["writes 0", "wrote 0", "writes 1", "wrote 1", "writes 2", "wrote 2"]


async def test_the_end_of_all_tasks_errors_the_stream() -> None:
    """As at the end of `asyncio.run`, which cancels whatever is under way."""
    waiting = asyncio.Event()

    async def stuck() -> AsyncIterator[int]:
        async for number in numbers():
            yield number
        waiting.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    piping = ReadableStream.from_(stuck()).pipe_to(WritableStream(Sink()))
    await waiting.wait()
    for task in asyncio.all_tasks() - before:
        task.cancel()
    with pytest.raises(AbortError, match="was cancelled"):
        await piping


def endless(kind: str) -> tuple[ReadableStream[Any], WritableStream[Any]]:
    """A source without an end that waits now and then, and a sink; one of them has coroutine functions."""

    async def wait(number: int) -> None:
        if number % 50 == 0:
            await asyncio.sleep(0)

    async def all_numbers() -> AsyncIterator[int]:
        for number in itertools.count():
            await wait(number)
            yield number

    def pull(controller: Any) -> None:
        controller.enqueue(0)

    stream = ReadableStream({"pull": pull}) if kind == "coroutine sink" else ReadableStream.from_(all_numbers())
    sink = {"write": wait} if kind == "coroutine sink" else {"write": lambda _: None}
    return stream, WritableStream(sink)


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("kind", ["iterator", "coroutine sink"])
async def test_a_pipe_whose_task_is_cancelled_between_callbacks_is_rejected(kind: str, turns: int) -> None:
    before = asyncio.all_tasks()
    stream, destination = endless(kind)
    pipe = stream.pipe_to(destination)
    async with asyncio.timeout(5):
        for turn in itertools.count():  # there may be no task when the pipe begins
            tasks = asyncio.all_tasks() - before
            if turn >= turns and tasks:
                break
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        with pytest.raises(AbortError, match="was cancelled"):
            await pipe
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("kind", ["iterator", "coroutine sink"])
def test_a_pipe_that_is_left_when_the_loop_ends_leaves_nothing_behind(
    kind: str, turns: int, loop_factory: LoopFactory
) -> None:
    states: list[str] = []

    async def pipe_for_so_many_turns() -> None:
        stream, destination = endless(kind)
        stream.pipe_to(destination).catch(lambda error: states.append(str(error)))
        for _ in range(turns):
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(pipe_for_so_many_turns())
    gc.collect()
    assert states == [] or "was cancelled" in states[0]


async def test_an_iterator_without_coroutines_of_its_own() -> None:
    class Futures:
        """Its `__anext__` gives futures, which asyncio's users do."""

        def __init__(self) -> None:
            self.number = 0

        def __aiter__(self) -> Futures:
            return self

        def __anext__(self) -> asyncio.Future[int]:
            self.number += 1
            future = asyncio.get_running_loop().create_future()
            if self.number > COUNT:
                future.set_exception(StopAsyncIteration)
            elif self.number % 3:
                future.set_result(self.number)
            else:
                asyncio.get_running_loop().call_soon(future.set_result, self.number)
            return future

    sink = Sink()
    await ReadableStream.from_(Futures()).pipe_to(WritableStream(sink))
    assert sink.chunks == list(range(1, COUNT + 1))


async def test_promises_that_an_iterator_gives_are_awaited() -> None:
    async def promises() -> AsyncIterator[Any]:
        async for number in numbers():
            yield number
        yield Promise.resolve("a")
        yield settle(1)
        yield Promise.reject(KeyError("failed"))

    sink = Sink()
    with pytest.raises(KeyError, match="failed"):
        await ReadableStream.from_(promises()).pipe_to(WritableStream(sink))
    assert sink.chunks == [*range(COUNT), "a", None]


class FirstChunkThen:
    """A source whose first pull enqueues a chunk, and does something else, perhaps after a turn of the event loop."""

    def __init__(self, suspended: bool, then: Callable[[Any], None]) -> None:
        self.suspended = suspended
        self.then = then

    async def pull(self, controller: Any) -> None:
        controller.enqueue("first")
        if self.suspended:
            await asyncio.sleep(0)
        self.then(controller)


def fails(_: object) -> None:
    raise ValueError("of the source")


def closes(controller: Any) -> None:
    controller.close()


@pytest.fixture(params=[False, True], ids=["at once", "suspended"])
def suspended(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[0, 1, 2, 3, 4], ids=lambda turns: f"after {turns} turns")
def turns_before(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("high_water_mark", [1, 3])
async def test_what_the_first_pull_enqueues_arrives_though_it_fails(suspended: bool, high_water_mark: int) -> None:
    sink = Sink()
    source = ReadableStream[Any](FirstChunkThen(suspended, fails), {"high_water_mark": high_water_mark})
    with pytest.raises(ValueError, match="of the source"):
        await source.pipe_to(WritableStream(sink))
    assert sink.chunks == ["first"]


async def test_what_is_queued_when_a_pipe_begins_arrives_though_the_pull_fails() -> None:
    sink = Sink()
    goes_on = asyncio.Event()

    class FailsWhenTold:
        async def pull(self, controller: Any) -> None:
            controller.enqueue("first")
            await goes_on.wait()
            fails(controller)

    source = ReadableStream[Any](FailsWhenTold())
    await settle()
    goes_on.set()
    with pytest.raises(ValueError, match="of the source"):
        await source.pipe_to(WritableStream(sink))
    assert sink.chunks == ["first"]


async def test_what_the_first_pull_enqueues_arrives_when_it_closes(suspended: bool, turns_before: int) -> None:
    sink = Sink()
    source = ReadableStream[Any](FirstChunkThen(suspended, closes))
    for _ in range(turns_before):
        await asyncio.sleep(0)
    await source.pipe_to(WritableStream(sink))
    assert sink.chunks == ["first"]


async def test_no_chunk_is_lost_when_a_pipe_is_aborted_at_its_beginning(suspended: bool, turns_before: int) -> None:
    sink = Sink()
    source = ReadableStream[Any](FirstChunkThen(suspended, lambda controller: None))
    controller = AbortController()
    piped = source.pipe_to(WritableStream(sink), prevent_cancel=True, prevent_abort=True, signal=controller.signal)
    for _ in range(turns_before):
        await asyncio.sleep(0)
    controller.abort()
    with pytest.raises(AbortError):
        await piped
    written = len(sink.chunks)
    if not written:
        with source.get_reader() as reader:
            assert (await reader.read()).value == "first"
    assert sink.chunks == ["first"] * written


async def test_a_pull_that_takes_long_is_waited_for_in_the_plain_way(turns_before: int) -> None:
    sink = Sink()
    goes_on = asyncio.Event()

    class Slow(Source):
        async def pull(self, controller: Any) -> None:
            await super().pull(controller)
            await goes_on.wait()

    source = ReadableStream[Any](Slow(3))
    for _ in range(turns_before):
        await asyncio.sleep(0)
    piped = source.pipe_to(WritableStream(sink))
    await settle()
    assert sink.chunks == [2]  # though the pull is not done
    goes_on.set()
    await piped
    assert sink.chunks == [2, 1, 0]


@pytest.mark.parametrize("turns", [1, 2, 3, 4])
async def test_what_is_enqueued_from_elsewhere_arrives_though_the_source_closes_at_once(turns: int) -> None:
    controllers: list[Any] = []
    sink = Sink()
    source = ReadableStream[Any]({"start": controllers.append, "pull": lambda controller: None})
    piped = source.pipe_to(WritableStream(sink))
    for _ in range(turns):
        await asyncio.sleep(0)
    controllers[0].enqueue("first")
    controllers[0].close()
    await piped
    assert sink.chunks == ["first"]


@pytest.mark.parametrize("turns", [1, 2, 3, 4])
async def test_what_is_enqueued_from_elsewhere_arrives_though_the_source_fails_at_once(turns: int) -> None:
    controllers: list[Any] = []
    sink = Sink()
    source = ReadableStream[Any]({"start": controllers.append, "pull": lambda controller: None})
    piped = source.pipe_to(WritableStream(sink))
    for _ in range(turns):
        await asyncio.sleep(0)
    controllers[0].enqueue("first")
    controllers[0].error(ValueError("of the source"))
    with pytest.raises(ValueError, match="of the source"):
        await piped
    assert sink.chunks == ["first"]


async def test_a_chunk_that_is_read_before_the_loop_begins_does_not_count_for_ever() -> None:
    sizes: list[object] = []

    class Looks(Source):
        async def pull(self, controller: Any) -> None:
            sizes.append(controller.desired_size)
            await super().pull(controller)

    await ReadableStream[Any](Looks()).pipe_to(WritableStream(Sink()))
    assert sizes == [1] * COUNT
