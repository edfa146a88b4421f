"""The seams for a foreign host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import LoopErrors, settle
from tests.support.bytes_sources import ForeignBuffer, ForeignConstructor
from whatwg_streams import (
    AbortController,
    AbortSignal,
    MessageChannel,
    Promise,
    ReadableStream,
    WritableStream,
    structured_clone,
)
from whatwg_streams._platform import abort, buffers, event_loop, host, promises, structured_clone as clones
from whatwg_streams._platform.promises import a_promise_resolved_with, mark_as_handled, reject, resolve
from whatwg_streams._platform.webidl import new


class _Engine:
    """A queue of jobs that the test runs by hand."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[Any], object], Any]] = []

    def enqueue(self, callback: Callable[[Any], object], argument: object) -> None:
        self.jobs.append((callback, argument))

    def run(self) -> int:
        count = 0
        while self.jobs:
            callback, argument = self.jobs.pop(0)
            callback(argument)
            count += 1
        return count


@pytest.fixture
def engine() -> Iterator[_Engine]:
    engine = _Engine()
    host.set_microtask_enqueuer(engine.enqueue)
    yield engine
    host.set_microtask_enqueuer(None)


def test_every_microtask_goes_through_the_enqueuer(engine: _Engine) -> None:
    log: list[object] = []
    Promise.resolve(1).then(lambda value: value + 1).then(log.append)
    assert log == []
    assert engine.run() == 2
    assert log == [2]


def test_streams_work_on_a_foreign_queue_without_any_loop(engine: _Engine) -> None:
    read: list[object] = []
    stream: ReadableStream[str] = ReadableStream({"pull": lambda controller: controller.enqueue("chunk")})
    stream.get_reader().read().then(read.append)
    engine.run()
    assert read == [("chunk", False)]


def test_the_enqueuer_that_was_there_is_returned() -> None:
    engine = _Engine()
    before = host.set_microtask_enqueuer(engine.enqueue)
    try:
        assert host.set_microtask_enqueuer(engine.enqueue) == engine.enqueue
    finally:
        host.set_microtask_enqueuer(before)
    assert event_loop.scheduling.enqueue_elsewhere is before


async def test_tasks_can_await_while_a_host_has_the_queue(engine: _Engine) -> None:
    async def wait() -> object:
        return await Promise.resolve("value")

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    assert len(engine.jobs) == 1
    engine.run()
    assert await task == "value"


async def test_a_settled_promise_takes_a_hop_as_the_host_might_have_others(engine: _Engine) -> None:
    assert event_loop.microtasks_are_pending()


def test_messages_are_tasks_of_the_host_without_any_loop(engine: _Engine) -> None:
    tasks: list[Callable[[], object]] = []
    host.set_task_queuer(tasks.append)
    try:
        chunks: list[object] = []
        stream = ReadableStream.from_([[1], [2]])
        structured_clone(stream, transfer=[stream]).pipe_to(WritableStream({"write": chunks.append}))
        engine.run()
        assert chunks == []
        while tasks:
            tasks.pop(0)()
            engine.run()
        assert chunks == [[1], [2]]
    finally:
        host.set_task_queuer(None)


def test_ports_of_a_host_without_tasks_wait_for_a_loop(engine: _Engine) -> None:
    channel = MessageChannel()
    channel.port2.start()
    assert engine.run() == 0
    event_loop._this_thread.queue._jobs.clear()


async def test_foreign_chunks_are_cloned_their_own_way_when_they_are_sent() -> None:
    class Foreign:
        def __init__(self, number: int) -> None:
            self.number = number

    host.register_clone(Foreign, lambda foreign: Foreign(foreign.number + 1))
    try:
        stream = ReadableStream.from_([Foreign(1)])
        (arrived,) = [chunk async for chunk in structured_clone(stream, transfer=[stream])]
        assert arrived.number == 2
    finally:
        del clones._foreign_clones[Foreign]


def test_a_timer_can_be_put_in_place_and_taken_away() -> None:
    started: list[float] = []

    class Handle:
        def cancel(self) -> None: ...

    def run_after(milliseconds: float, steps: Callable[[], object]) -> Handle:
        started.append(milliseconds)
        steps()
        return Handle()

    before = host.set_timer(run_after)
    try:
        event_loop.run_steps_after_a_timeout(5, lambda: started.append(-1))
    finally:
        assert host.set_timer(None) is run_after
    assert started == [5, -1]
    assert event_loop.run_steps_after_a_timeout is before


class _ForeignPromise:
    """Calls its functions at once, or keeps them until it is settled."""

    def __init__(self) -> None:
        self.reactions: list[tuple[Callable[[Any], object], Callable[[Any], object]]] = []

    def then(self, on_fulfilled: Callable[[Any], object], on_rejected: Callable[[Any], object]) -> None:
        self.reactions.append((on_fulfilled, on_rejected))


@pytest.fixture
def _foreign_promises() -> Iterator[None]:
    host.register_thenable(_ForeignPromise, _ForeignPromise.then)
    yield
    del promises._foreign_thenables[_ForeignPromise]


@pytest.mark.usefixtures("_foreign_promises")
async def test_our_promises_follow_foreign_ones() -> None:
    foreign = _ForeignPromise()
    promise: Promise[Any] = a_promise_resolved_with(foreign)
    assert foreign.reactions == []
    await settle()
    ((fulfill, _),) = foreign.reactions
    fulfill("foreign value")
    assert await promise == "foreign value"


@pytest.mark.usefixtures("_foreign_promises")
async def test_a_foreign_promise_may_reject_ours() -> None:
    foreign = _ForeignPromise()
    seen: list[object] = []
    Promise.resolve(foreign).catch(seen.append)
    await settle()
    foreign.reactions[0][1]("foreign reason")
    await settle()
    assert seen == ["foreign reason"]


@pytest.mark.usefixtures("_foreign_promises")
async def test_a_foreign_promise_may_fulfill_ours_with_another_promise() -> None:
    foreign = _ForeignPromise()
    promise: Promise[Any] = a_promise_resolved_with(foreign)
    await settle()
    foreign.reactions[0][0](Promise.resolve("inner"))
    assert await promise == "inner"


async def test_an_observer_is_told_at_once_when_a_promise_settles() -> None:
    log: list[str] = []
    gate = Promise.with_resolvers()
    host.observe(gate.promise, lambda promise: log.append(repr(promise)))
    gate.resolve("value")
    assert log == ["<Promise fulfilled 'value'>"]
    host.observe(gate.promise, lambda promise: log.append("settled before"))
    assert log[1:] == ["settled before"]


async def test_observing_does_not_handle_a_rejection(loop_errors: LoopErrors) -> None:
    log: list[str] = []
    promise: Promise[None] = Promise()
    host.observe(promise, lambda promise: log.append(repr(promise)))
    reject(promise, "nobody cares")
    assert log == ["<Promise rejected 'nobody cares'>"]
    del promise
    assert len(loop_errors.take()) == 1


async def test_observing_a_promise_that_was_rejected_does_not_handle_it(loop_errors: LoopErrors) -> None:
    log: list[str] = []
    promise = Promise.reject("nobody cares")
    host.observe(promise, lambda promise: log.append(repr(promise)))
    assert log == ["<Promise rejected 'nobody cares'>"]
    del promise
    assert len(loop_errors.take()) == 1


async def test_observing_leaves_a_handled_rejection_handled(loop_errors: LoopErrors) -> None:
    promise: Promise[None] = Promise()
    mark_as_handled(promise)
    host.observe(promise, lambda _: None)
    reject(promise, "handled")
    del promise
    assert loop_errors.take() == []


async def test_chunks_and_reasons_are_kept_by_identity() -> None:
    chunk = object()
    stream: ReadableStream[object] = ReadableStream({"start": lambda controller: controller.enqueue(chunk)})
    assert (await stream.get_reader().read()).value is chunk
    promise: Promise[object] = Promise()
    resolve(promise, chunk)
    assert await promise is chunk


def test_the_constructor_of_buffers_can_be_replaced_and_restored() -> None:
    constructor = ForeignConstructor(1)
    before = host.set_array_buffer_constructor(ForeignBuffer, constructor)
    try:
        assert buffers.construct_array_buffer is ForeignBuffer
        assert buffers.uint8_array is constructor
    finally:
        replaced: list[object] = list(host.set_array_buffer_constructor(*before))
        assert replaced == [ForeignBuffer, constructor]
    host.set_array_buffer_constructor(None, None)
    restored: list[object] = [buffers.construct_array_buffer, buffers.uint8_array]
    assert restored == [buffers.new_array_buffer, buffers.UINT8_ARRAY]


def test_the_abort_event_can_be_fired_by_a_host() -> None:
    fired: list[AbortSignal] = []
    listened: list[object] = []
    assert host.set_abort_event(fired.append) is abort._fire_an_abort_event
    try:
        controller = AbortController()
        controller.signal.onabort = listened.append
        controller.abort()
    finally:
        host.set_abort_event(None)
    assert fired == [controller.signal]
    assert listened == []
    assert abort.fire_an_abort_event is abort._fire_an_abort_event


async def test_a_stream_exists_before_its_start_is_called() -> None:
    started: list[ReadableStream[Any]] = []
    stream: ReadableStream[Any] = new(ReadableStream)
    ReadableStream.__init__(stream, {"start": lambda controller: started.append(stream)})
    assert started == [stream]
