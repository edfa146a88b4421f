"""Tasks that write one chunk after the other: what the sink, other tasks and cancellation see of it, either way."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of, rejected
from whatwg_streams import AbortError, Promise, WritableStream
from whatwg_streams._platform import event_loop, fast_paths, host
from whatwg_streams.other_specs import abort_idle_writable_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import LoopFactory
    from whatwg_streams import WritableStreamDefaultWriter


pytestmark = pytest.mark.usefixtures("both_ways")


class Sink:
    """Takes numbers, and does something else beside at some of them."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.beside: dict[object, Callable[[], object]] = {}

    def write(self, chunk: object) -> Any:
        self.taken.append(chunk)
        beside = self.beside.get(chunk)
        return None if beside is None else beside()


async def writer_to(sink: object, high_water_mark: float = 1) -> WritableStreamDefaultWriter[int]:
    """A writer whose stream has written some chunks already, one at a time."""
    writer = WritableStream[int](sink, {"high_water_mark": high_water_mark}).get_writer()
    for number in range(3):
        await writer.ready
        await writer.write(number)
    return writer


def fail(error: BaseException) -> Callable[[], object]:
    def raise_it() -> None:
        raise error

    return raise_it


# What the sink does ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason"), [(ValueError("full"), ValueError), (asyncio.CancelledError("full"), AbortError)]
)
async def test_a_write_that_the_sink_fails_fails_whoever_waits(
    error: BaseException, reason: type[BaseException]
) -> None:
    sink = Sink()
    sink.beside[3] = fail(error)
    writer = await writer_to(sink)
    await writer.ready
    promise = writer.write(3)
    assert outcome(promise) == PENDING
    ready = writer.ready
    with pytest.raises(reason):
        await ready
    assert isinstance(reason_of(promise), reason)
    with pytest.raises(reason):
        await writer.write(4)
    assert sink.taken == [0, 1, 2, 3]


async def test_a_sink_that_fails_later_fails_whoever_waits() -> None:
    sink = Sink()
    error = ValueError("full")
    sink.beside[3] = lambda: Promise.reject(error)
    writer = await writer_to(sink)
    with pytest.raises(ValueError, match="full"):
        await writer.write(3)
    assert outcome(writer.ready) == rejected(error)


async def test_chunks_that_the_sink_writes_itself_come_after_the_one_in_its_hands() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    inside: list[Promise[None]] = []
    sink.beside[3] = lambda: inside.append(writer.write(4))
    await writer.write(3)
    assert outcome(writer.ready) == PENDING
    await writer.ready
    assert [outcome(one) for one in inside] == [FULFILLED]
    assert sink.taken == [0, 1, 2, 3, 4]


async def test_a_sink_that_closes_its_stream_has_the_chunk_written_before() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    sink.beside[3] = lambda: void(writer.close())
    promise = writer.write(3)
    assert outcome(writer.ready) == FULFILLED  # nothing will be wanted any more
    await promise
    await writer.closed
    with pytest.raises(TypeError):
        await writer.write(4)


async def test_a_sink_that_aborts_its_stream_has_the_chunk_written_before() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    error = ValueError("enough")
    sink.beside[3] = lambda: void(writer.abort(error))
    promise = writer.write(3)
    assert outcome(writer.ready) == rejected(error)
    await promise
    with pytest.raises(ValueError, match="enough"):
        await writer.write(4)
    assert sink.taken == [0, 1, 2, 3]


async def test_a_sink_that_releases_the_lock_lets_the_write_go_on() -> None:
    sink = Sink()
    stream: WritableStream[int] = WritableStream(sink)
    writer = stream.get_writer()
    await writer.write(0)
    await writer.write(1)
    sink.beside[2] = writer.release_lock
    promise = writer.write(2)
    with pytest.raises(TypeError, match="released"):
        await writer.ready
    await promise
    another = stream.get_writer()
    assert outcome(another.ready) == FULFILLED
    await another.write(3)
    assert sink.taken == [0, 1, 2, 3]


async def test_microtasks_that_the_sink_queues_run_before_the_task_goes_on() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    sink.beside[3] = lambda: void(Promise.resolve().then(lambda _: sink.taken.append("microtask")))
    await writer.write(3)
    sink.taken.append("after it")
    assert sink.taken == [0, 1, 2, 3, "microtask", "after it"]


async def test_a_stream_that_was_aborted_while_idle_takes_no_more() -> None:
    sink = Sink()
    stream: WritableStream[int] = WritableStream(sink)
    with stream.get_writer() as writer:
        await writer.write(0)
        await writer.write(1)
    if not abort_idle_writable_stream(stream, ValueError("enough")):
        await stream.abort(ValueError("enough"))
    with pytest.raises(ValueError, match="enough"):
        await stream.get_writer().write(2)
    assert sink.taken == [0, 1]


def void(_: object) -> None:
    """What a function returns that is called for what it does."""


# Reactions and other tasks ---------------------------------------------------------------------------------


async def test_a_reaction_comes_before_the_task_that_waits_for_the_same_afterwards() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    for _ in range(3):
        ready = writer.ready
        ready.then(lambda _: sink.taken.append("ready"))
        await ready
        promise = writer.write(7)
        promise.then(lambda _: sink.taken.append("written"))
        await promise
    assert sink.taken[3:] == ["ready", 7, "written"] * 3


async def test_two_tasks_that_wait_for_the_same_take_turns() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    log: list[str] = []

    async def write(name: str) -> None:
        for _ in range(3):
            await writer.ready
            log.append(name)
            writer.write(7)
            await writer.ready

    await asyncio.gather(write("a"), write("b"))
    assert sorted(log) == ["a"] * 3 + ["b"] * 3
    assert sink.taken == [0, 1, 2] + [7] * 6


async def test_a_promise_of_another_stream_is_waited_for_in_vain() -> None:
    hold = Promise.with_resolvers()
    slow = Sink()
    slow.beside[3] = lambda: hold.promise
    held, writer = await writer_to(slow), await writer_to(Sink())
    waits_for = held.write(3)
    promise = writer.write(3)
    task = asyncio.ensure_future(until(waits_for))
    await settle()
    assert outcome(promise) == FULFILLED
    assert not task.done()
    hold.resolve()
    await task


async def until(promise: Promise[None]) -> None:
    await promise


async def test_a_task_that_is_cancelled_leaves_the_chunk_with_the_sink() -> None:
    hold = Promise.with_resolvers()
    sink = Sink()
    sink.beside[3] = lambda: hold.promise
    writer = await writer_to(sink)
    tasks = [asyncio.ensure_future(until(one)) for one in (writer.write(3), writer.ready)]
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    hold.resolve()
    await writer.ready
    await writer.write(4)
    assert sink.taken == [0, 1, 2, 3, 4]


async def test_a_task_that_swallows_its_cancellation_goes_on_to_write() -> None:
    sink = Sink()
    writer = await writer_to(sink)

    async def write() -> None:
        for number in range(3, 6):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                sink.taken.append("cancelled")
            await writer.ready
            writer.write(number)

    task = asyncio.ensure_future(write())
    await asyncio.sleep(0)
    task.cancel()
    await task
    await writer.ready
    assert sink.taken == [0, 1, 2, "cancelled", 3, 4, 5]


# Ready ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("high_water_mark", [0.5, 1, 2, float("inf")])
async def test_ready_is_the_same_promise_until_backpressure_sets_in(high_water_mark: float) -> None:
    writer = WritableStream[int](Sink(), {"high_water_mark": high_water_mark}).get_writer()
    await settle()
    for _ in range(3):
        ready = writer.ready
        assert writer.ready is ready
        assert outcome(ready) == FULFILLED
        promise = writer.write(7)
        assert (writer.ready is ready) is (high_water_mark > 1)
        assert outcome(writer.ready) == (PENDING if high_water_mark <= 1 else FULFILLED)
        next_one = writer.ready
        await promise
        assert writer.ready is next_one


async def test_a_stream_that_wants_nothing_is_never_ready() -> None:
    writer = WritableStream[int](Sink(), {"high_water_mark": 0}).get_writer()
    for number in range(3):
        await writer.write(number)
        assert outcome(writer.ready) == PENDING


async def test_ready_that_nobody_asked_for_is_right_once_somebody_does() -> None:
    stream: WritableStream[int] = WritableStream(Sink())
    writer = stream.get_writer()
    for number in range(3):
        await writer.write(number)
    assert outcome(writer.ready) == FULFILLED
    writer.release_lock()
    writer = stream.get_writer()
    await writer.write(7)
    writer.write(8)
    assert outcome(writer.ready) == PENDING
    await writer.ready
    assert writer.desired_size == 1


# The loop ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits_for", ["ready", "write"])
async def test_the_loop_gets_its_turn(waits_for: str) -> None:
    sink = Sink()
    writer = await writer_to(sink)
    turns: list[int] = []

    async def take_turns() -> None:
        while True:
            turns.append(len(sink.taken))
            await asyncio.sleep(0)

    task = asyncio.ensure_future(take_turns())
    await asyncio.sleep(0)
    for number in range(3 * event_loop.MICROTASKS_PER_TURN):
        if waits_for == "ready":
            await writer.ready
            writer.write(number)
        else:
            await writer.write(number)
    task.cancel()
    assert len(turns) > 2
    assert max(later - sooner for sooner, later in pairwise(turns)) <= event_loop.MICROTASKS_PER_TURN + 1


async def test_a_host_that_has_the_queue_runs_each_microtask() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    loop = asyncio.get_running_loop()
    steps: list[object] = []

    def enqueue(callback: Callable[[Any], object], argument: object) -> None:
        steps.append(callback)
        loop.call_soon(callback, argument)

    before = host.set_microtask_enqueuer(enqueue)
    try:
        for number in range(3, 6):
            await writer.ready
            await writer.write(number)
    finally:
        host.set_microtask_enqueuer(before)
    assert sink.taken == [0, 1, 2, 3, 4, 5]
    assert len(steps) >= 6  # a write that ends, and a task that goes on, for each


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
@pytest.mark.parametrize("waits_for", ["ready", "write"])
async def test_no_write_is_done_in_the_first_step_of_an_eager_task(waits_for: str) -> None:
    make: Any = asyncio.Task
    sink = Sink()
    outer, inner = await writer_to(sink), await writer_to(Sink())

    async def write() -> None:
        promise = inner.write(3)
        await (inner.ready if waits_for == "ready" else promise)

    def begin() -> None:
        tasks.append(make(write(), loop=asyncio.get_running_loop(), eager_start=True))
        sink.taken.append(outcome(inner.ready))

    tasks: list[asyncio.Task[None]] = []
    sink.beside[3] = begin
    await outer.write(3)
    await tasks[0]
    assert sink.taken == [0, 1, 2, 3, PENDING]


def test_an_interrupt_in_a_write_leaves_the_queue_usable(loop_factory: LoopFactory) -> None:
    sink = Sink()
    sink.beside[3] = fail(KeyboardInterrupt())

    async def write() -> None:
        writer = await writer_to(sink)
        await writer.write(3)

    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(write())
    del sink.beside[3]
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(write())
    assert sink.taken == [0, 1, 2, 3] * 2


def test_each_thread_writes_to_streams_of_its_own(loop_factory: LoopFactory) -> None:
    sinks = [Sink() for _ in range(3)]

    async def write(sink: Sink) -> None:
        writer = await writer_to(sink)
        for number in range(3, 1000):
            await writer.ready
            writer.write(number)
        await writer.close()

    def run(sink: Sink) -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(write(sink))

    threads = [threading.Thread(target=run, args=[sink]) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sink.taken for sink in sinks] == [list(range(1000))] * 3


async def test_a_sink_is_let_go_once_its_stream_is_closed() -> None:
    sink = Sink()
    writer = await writer_to(sink)
    reference = weakref.ref(sink)
    del sink
    await writer.close()
    gc.collect()
    assert reference() is None


async def test_a_coroutine_that_is_driven_by_hand_is_not_suspended_for_a_write_that_is_done() -> None:
    writer = await writer_to(Sink())

    async def write() -> str:
        await writer.write(3)
        return "written"

    coroutine = write()
    if fast_paths.are_enabled():
        with pytest.raises(StopIteration, match="written"):
            coroutine.send(None)
    else:
        coroutine.send(None)
        coroutine.close()
