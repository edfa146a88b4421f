"""Microtasks, awaitables run in tasks, waiters and timers."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from tests.support.logs import appending
from whatwg_streams import Promise, ReadableStream
from whatwg_streams._platform import event_loop, host, tasks
from whatwg_streams._platform.event_loop import MICROTASKS_PER_TURN, enqueue_microtask

# The queue -----------------------------------------------------------------------------------------


async def test_microtasks_run_first_in_first_out() -> None:
    log: list[object] = []
    for number in range(10):
        enqueue_microtask(log.append, number)
    assert log == []
    await settle()
    assert log == list(range(10))


async def test_a_microtask_gets_its_one_argument() -> None:
    given: list[object] = []
    argument = object()
    enqueue_microtask(given.append, argument)
    await settle()
    assert given == [argument]


async def test_microtasks_that_microtasks_queue_run_in_the_same_drain() -> None:
    log: list[object] = []

    def first(_: object) -> None:
        log.append("first")
        enqueue_microtask(appending(log, "third"), None)

    asyncio.get_running_loop().call_soon(log.append, "before")
    enqueue_microtask(first, None)
    enqueue_microtask(appending(log, "second"), None)
    asyncio.get_running_loop().call_soon(log.append, "after")
    await settle()
    assert log == ["before", "first", "second", "third", "after"]


async def test_all_microtasks_run_before_the_loop_does_anything_else() -> None:
    log: list[object] = []
    loop = asyncio.get_running_loop()

    def chain(left: int) -> None:
        log.append("microtask")
        if left:
            enqueue_microtask(chain, left - 1)

    enqueue_microtask(chain, 20)
    loop.call_soon(log.append, "callback")
    await settle()
    assert log == ["microtask"] * 21 + ["callback"]


async def test_the_loop_gets_a_turn_while_microtasks_feed_each_other() -> None:
    stopped = False
    count = 0

    def for_ever(_: object) -> None:
        nonlocal count
        count += 1
        if not stopped:
            enqueue_microtask(for_ever, None)

    def stop() -> None:
        nonlocal stopped
        stopped = True

    enqueue_microtask(for_ever, None)
    asyncio.get_running_loop().call_soon(stop)
    await settle()
    assert stopped
    assert MICROTASKS_PER_TURN <= count <= MICROTASKS_PER_TURN + 1


async def test_a_timer_gets_its_turn_while_microtasks_feed_each_other() -> None:
    fired = asyncio.Event()

    def for_ever(_: object) -> None:
        if not fired.is_set():
            enqueue_microtask(for_ever, None)

    enqueue_microtask(for_ever, None)
    asyncio.get_running_loop().call_later(0, fired.set)
    await fired.wait()


async def test_microtasks_left_for_the_next_turn_keep_their_order() -> None:
    log: list[object] = []
    many = MICROTASKS_PER_TURN * 2 + 10
    for number in range(many):
        enqueue_microtask(log.append, number)
    asyncio.get_running_loop().call_soon(log.append, "the loop's turn")
    await settle()
    assert log.index("the loop's turn") == MICROTASKS_PER_TURN
    log.remove("the loop's turn")
    assert log == list(range(many))


async def test_a_task_that_gives_the_loop_its_turn_is_not_overtaken() -> None:
    log: list[int] = []
    numbers = iter(range(10 * MICROTASKS_PER_TURN))

    async def take() -> None:
        while (number := await Promise.resolve(next(numbers, None))) is not None:
            log.append(number)

    await asyncio.gather(take(), take(), take())
    assert log == sorted(log)


async def test_other_tasks_get_a_turn_while_one_awaits_settled_promises_without_end() -> None:
    ready = Promise.resolve("ready")
    turns = 0

    async def other() -> None:
        nonlocal turns
        turns += 1

    task = asyncio.create_task(other())
    awaited = 0
    while not turns:
        assert await ready == "ready"
        awaited += 1
        assert awaited <= MICROTASKS_PER_TURN + 1
    await task


async def test_a_timer_fires_while_a_task_awaits_settled_promises_without_end() -> None:
    ready = Promise.resolve(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            while True:
                await ready


async def test_tasks_get_a_turn_while_tasks_resume_each_other_by_promises() -> None:
    over = False

    async def play() -> int:
        count = 0
        while not over:
            await Promise.resolve(None).then(None)
            count += 1
        return count

    task = asyncio.create_task(play())
    await asyncio.sleep(0)
    over = True
    assert await task <= MICROTASKS_PER_TURN + 1


async def test_what_a_microtask_raises_is_reported_and_stops_nothing(loop_errors: LoopErrors) -> None:
    log: list[object] = []
    error = ValueError("from a microtask")

    def fail(_: object) -> None:
        raise error

    enqueue_microtask(fail, None)
    enqueue_microtask(log.append, "next")
    await settle()
    assert log == ["next"]
    (context,) = loop_errors.take()
    assert context["exception"] is error
    assert context["message"] == "A microtask raised"


def test_a_keyboard_interrupt_leaves_the_loop_and_the_queue_goes_on(loop_factory: LoopFactory) -> None:
    log: list[object] = []

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        enqueue_microtask(interrupt, None)
        enqueue_microtask(log.append, "after the interrupt")
        await settle()

    loop = loop_factory()
    try:
        task = loop.create_task(main())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(task)
        assert log == ["after the interrupt"]
    finally:
        loop.close()


def test_a_keyboard_interrupt_in_a_resumed_task_leaves_the_loop_and_the_queue_goes_on(
    loop_factory: LoopFactory,
) -> None:
    log: list[object] = []

    async def interrupted(promise: Promise[None]) -> None:
        await promise
        raise KeyboardInterrupt

    async def main() -> None:
        gate = Promise.with_resolvers()
        task = asyncio.create_task(interrupted(gate.promise))
        await asyncio.sleep(0)
        gate.promise.then(lambda _: log.append("after"))
        gate.resolve()
        await settle()
        assert isinstance(task.exception(), KeyboardInterrupt)

    loop = loop_factory()
    try:
        task = loop.create_task(main())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(task)
        assert log == ["after"]
    finally:
        loop.close()


# Without a loop -------------------------------------------------------------------------------------


def test_a_promise_awaited_takes_waiting_microtasks_along(loop_factory: LoopFactory) -> None:
    log: list[object] = []
    enqueue_microtask(log.append, "first")
    promise = Promise.resolve(1).then(lambda value: value + 1)
    assert log == []

    async def main() -> None:
        assert await promise == 2

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert log == ["first"]


def test_a_stream_used_takes_waiting_microtasks_along(loop_factory: LoopFactory) -> None:
    pulled: list[object] = []
    stream: ReadableStream[object] = ReadableStream({"pull": pulled.append})

    async def main() -> None:
        reader = stream.get_reader()
        reader.read()
        await settle()
        assert len(pulled) == 1

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_microtasks_wait_for_the_next_loop_when_theirs_ended_too_early(loop_factory: LoopFactory) -> None:
    log: list[object] = []

    async def queue_one() -> None:
        asyncio.get_running_loop().stop()
        enqueue_microtask(log.append, "job")

    async def main() -> None:
        await Promise.resolve(None)
        await settle()

    first = loop_factory()
    try:
        task = first.create_task(queue_one())
        first.run_forever()
        if not task.done():  # pragma: no cover
            first.run_until_complete(task)
    finally:
        first.close()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert log == ["job"]


async def test_the_microtasks_of_a_callback_of_the_loop_run_right_after_it() -> None:
    loop = asyncio.get_running_loop()
    log: list[str] = []

    def steps() -> None:
        event_loop.enqueue_microtask(lambda _: log.append("microtask"), None)
        log.append("steps")

    loop.call_soon(tasks.run_a_task, steps, loop)
    loop.call_soon(log.append, "next callback")
    await asyncio.sleep(0)
    assert log == ["steps", "microtask", "next callback"]


async def test_so_do_those_of_a_callback_that_raises(loop_errors: LoopErrors) -> None:
    loop = asyncio.get_running_loop()
    log: list[str] = []
    error = ValueError("not now")

    def steps() -> None:
        event_loop.enqueue_microtask(lambda _: log.append("microtask"), None)
        raise error

    loop.call_soon(tasks.run_a_task, steps, loop)
    await asyncio.sleep(0)
    assert log == ["microtask"]
    assert loop_errors.take()[0]["exception"] is error
    event_loop.enqueue_microtask(lambda _: log.append("another"), None)
    await settle()
    assert log == ["microtask", "another"]


async def test_nothing_waits_where_nothing_was_queued() -> None:
    assert not event_loop.microtasks_are_pending()
    event_loop.adopt_waiting_microtasks()
    event_loop.perform_a_microtask_checkpoint()
    assert not event_loop.microtasks_are_pending()


def test_an_exception_without_a_loop_is_reported_to_the_next_one(
    loop_factory: LoopFactory, loop_errors: LoopErrors
) -> None:
    error = ValueError("early")
    event_loop.report_exception(error, "it happened")

    async def main() -> None:
        event_loop.adopt_waiting_microtasks()
        await settle()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    (context,) = loop_errors.take()
    assert (context["message"], context["exception"]) == ("it happened", error)


async def test_steps_can_be_queued_as_a_microtask() -> None:
    log: list[object] = []
    event_loop.queue_a_microtask(log.append, "with an argument")
    event_loop.queue_a_microtask(log.append)
    await settle()
    assert log == ["with an argument", None]


# Threads ------------------------------------------------------------------------------------------


def test_each_thread_has_a_queue_of_its_own(loop_factory: LoopFactory) -> None:
    barrier = threading.Barrier(3, timeout=10)
    results: dict[int, tuple[int, set[int]]] = {}
    makers = [loop_factory() for _ in range(3)]

    def work(number: int) -> None:
        threads = set[int]()

        def note_the_thread(value: int) -> int:
            threads.add(threading.get_ident())
            return value

        async def main() -> int:
            barrier.wait()
            total = 0
            for step in range(200):
                total += await Promise.resolve(step).then(note_the_thread)
            return total

        loop = makers[number]
        try:
            results[number] = (loop.run_until_complete(main()), threads)
        finally:
            loop.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {number: total for number, (total, _) in results.items()} == dict.fromkeys(range(3), sum(range(200)))
    seen = [threads for _, threads in results.values()]
    assert all(len(threads) == 1 for threads in seen)
    assert len(set.union(*seen)) == 3


def test_a_thread_with_the_number_of_one_that_has_ended_has_a_queue_of_its_own() -> None:
    log: list[str] = []
    numbers: list[int] = []

    def leave_a_microtask() -> None:
        numbers.append(threading.get_ident())
        enqueue_microtask(log.append, "of the first")

    async def settle_there() -> None:
        enqueue_microtask(log.append, "of the second")
        await settle()

    def settle_one() -> None:
        numbers.append(threading.get_ident())
        asyncio.run(settle_there())

    for work in (leave_a_microtask, settle_one):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(timeout=10)
    if numbers[0] != numbers[1]:
        pytest.skip("the system did not give the number again")
    assert log == ["of the second"]


async def test_a_promise_settled_in_another_thread_wakes_the_task_in_its_own() -> None:
    gate = Promise.with_resolvers()
    resumed_in: list[int] = []

    async def wait() -> object:
        value = await gate.promise
        resumed_in.append(threading.get_ident())
        return value

    async def resolve_elsewhere() -> None:
        gate.resolve("from afar")
        await settle()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    thread = threading.Thread(target=asyncio.run, args=(resolve_elsewhere(),))
    thread.start()
    assert await task == "from afar"
    thread.join()
    assert resumed_in == [threading.get_ident()]


# Waiters -------------------------------------------------------------------------------------------


async def test_code_after_an_await_runs_at_its_place_among_the_reactions() -> None:
    log: list[str] = []
    gate = Promise.with_resolvers()

    async def wait() -> None:
        await gate.promise
        log.append("task")

    gate.promise.then(lambda _: log.append("before"))
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    gate.promise.then(lambda _: log.append("after"))
    gate.resolve()
    await task
    assert log == ["before", "task", "after"]


async def test_a_task_resumed_by_a_promise_keeps_its_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    gate = Promise.with_resolvers()

    async def wait() -> str:
        variable.set("of the task")
        await gate.promise
        return variable.get()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    variable.set("of somebody else")
    gate.resolve()
    assert await task == "of the task"


async def test_a_waiter_that_was_woken_before_it_had_a_callback_calls_it_soon() -> None:
    gate = Promise.with_resolvers()
    waiter = gate.promise.__await__().send(None)
    waiter.wake()
    called: list[object] = []
    waiter.add_done_callback(called.append)
    assert called == []
    await settle()
    assert called == [waiter]
    assert waiter.result() is None
    assert not waiter.cancel()
    assert "done" in repr(waiter)


async def test_a_waiter_without_a_callback_can_be_cancelled() -> None:
    gate = Promise.with_resolvers()
    waiter = gate.promise.__await__().send(None)
    assert waiter._loop is asyncio.get_running_loop()
    assert waiter.cancel()
    assert not waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        waiter.result()
    called: list[object] = []
    waiter.add_done_callback(called.append, context=contextvars.copy_context())
    waiter.wake()
    await settle()
    assert called == [waiter]


async def test_the_message_of_a_cancellation_reaches_the_task() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> None:
        await gate.promise

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel("the reason why")
    with pytest.raises(asyncio.CancelledError, match="the reason why"):
        await task
    waiter = gate.promise.__await__().send(None)
    waiter.cancel("told")
    with pytest.raises(asyncio.CancelledError, match="told"):
        waiter.result()


async def test_a_waiter_woken_outside_of_a_drain_resumes_its_task_on_the_next_turn() -> None:
    gate = Promise.with_resolvers()

    async def wait() -> object:
        return await gate.promise

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    queued: list[tuple[Callable[[Any], object], Any]] = []
    host.set_microtask_enqueuer(lambda callback, argument: queued.append((callback, argument)))
    try:
        gate.resolve("value")
    finally:
        host.set_microtask_enqueuer(None)
    ((wake, argument),) = queued
    wake(argument)
    assert not task.done()
    assert await task == "value"


# Timers --------------------------------------------------------------------------------------------


async def test_steps_run_after_a_timeout() -> None:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[float] = loop.create_future()
    started = loop.time()
    event_loop.run_steps_after_a_timeout(1, lambda: done.set_result(loop.time()))
    assert await done - started >= 0.0005


async def test_a_timer_can_be_cancelled() -> None:
    log: list[str] = []
    loop = asyncio.get_running_loop()
    timer = event_loop.run_steps_after_a_timeout(0, lambda: log.append("fired"))
    timer.cancel()
    later: asyncio.Future[None] = loop.create_future()
    event_loop.run_steps_after_a_timeout(1, lambda: later.set_result(None))
    await later
    assert log == []
