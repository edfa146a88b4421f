"""§4.9.4 Default controllers: how often the source is asked, sizes, and when all of it happens."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import HOLD, PENDING, EventTrace, outcome, rejected
from tests.support.sources import read_all, source_and_stream
from whatwg_streams import Promise, ReadableStream
from whatwg_streams._readable.ops import default_controllers


def pulls(trace: EventTrace) -> int:
    return trace.events.count(("pull",))


# Starting


async def test_a_source_that_starts_at_once_is_asked_one_microtask_later() -> None:
    trace = EventTrace()
    source_and_stream(trace)
    trace.clock(2)
    await settle()
    assert trace.events == [("start",), ("pull",), ("hop", 1), ("hop", 2)]


async def test_a_source_whose_start_returns_a_promise_is_asked_two_microtasks_after_that() -> None:
    # The job that asks the promise what it is; its reaction, which fulfills ours; our reaction.
    trace = EventTrace()
    source_and_stream(trace, start=lambda _: Promise.resolve())
    trace.clock(4)
    await settle()
    assert trace.events == [("start",), ("hop", 1), ("hop", 2), ("pull",), ("hop", 3), ("hop", 4)]


async def test_nothing_is_asked_before_the_source_has_started() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, start=HOLD)
    reader = stream.get_reader()
    read = reader.read()
    await settle()
    assert trace.take() == [("start",)]
    source.resolve("start")
    await settle()
    assert trace.take() == [("pull",)]
    assert outcome(read) == PENDING


async def test_a_source_that_never_starts_can_still_give_chunks_and_end() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, start=HOLD)
    reader = stream.get_reader()
    read = reader.read()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    assert await read == ("a", False)
    assert await reader.read() == ("b", False)
    source.controller.close()
    await reader.closed
    await settle()
    assert trace.events == [("start",)]


async def test_a_source_that_never_starts_can_be_cancelled() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(trace, start=HOLD)
    await stream.cancel("enough")
    assert trace.events == [("start",), ("cancel", "enough")]


@pytest.mark.parametrize("reason", [OSError("does not start"), "does not start", None])
async def test_a_start_that_rejects_errors_the_stream(reason: object) -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, start=HOLD)
    source.controller.enqueue("a")
    source.reject("start", reason)
    await settle()
    assert outcome(stream.get_reader().closed) == rejected(reason)
    assert trace.events == [("start",)]


async def test_a_start_that_rejects_after_the_stream_ended_changes_nothing() -> None:
    source, stream = source_and_stream(start=HOLD)
    source.controller.close()
    source.reject("start", "late")
    await settle()
    assert repr(stream) == "<ReadableStream closed>"


async def test_a_start_that_is_a_coroutine_function_is_waited_for() -> None:
    trace = EventTrace()
    opened = Promise.with_resolvers()

    async def start(controller: Any) -> None:
        await opened.promise
        controller.enqueue("a")

    _, stream = source_and_stream(trace, start=start)
    await settle()
    assert trace.events == [("start",)]
    opened.resolve()
    await settle()
    assert outcome(stream.get_reader().read()) == ("fulfilled", ("a", False))


async def test_what_start_has_queued_counts_for_the_first_pull() -> None:
    trace = EventTrace()
    source_and_stream(trace, start=lambda controller: controller.enqueue("a"))
    await settle()
    assert pulls(trace) == 0


# How often pull is called


async def test_a_pull_that_gives_nothing_is_called_once() -> None:
    trace = EventTrace()
    source_and_stream(trace, strategy={"high_water_mark": 9})
    await settle()
    assert pulls(trace) == 1


@pytest.mark.parametrize("high_water_mark", [0, 1, 3, 16])
async def test_pull_is_called_until_the_queue_is_full(high_water_mark: int) -> None:
    trace = EventTrace()
    source, _ = source_and_stream(
        trace, pull=lambda controller: controller.enqueue("a"), strategy={"high_water_mark": high_water_mark}
    )
    await settle(100)
    assert pulls(trace) == high_water_mark
    assert source.controller.desired_size == 0


async def test_a_pull_that_overfills_the_queue_is_not_called_again() -> None:
    trace = EventTrace()

    def pull(controller: Any) -> None:
        for chunk in range(5):
            controller.enqueue(chunk)

    source_and_stream(trace, pull=pull, strategy={"high_water_mark": 2})
    await settle()
    assert pulls(trace) == 1


async def test_with_an_infinite_mark_pull_is_called_until_the_source_closes() -> None:
    trace = EventTrace()

    def pull(controller: Any) -> None:
        controller.enqueue(pulls(trace))
        if pulls(trace) == 20:
            controller.close()

    _, stream = source_and_stream(trace, pull=pull, strategy={"high_water_mark": math.inf})
    await settle(100)
    assert pulls(trace) == 20
    assert await read_all(stream) == list(range(1, 21))


async def test_each_read_that_has_to_wait_asks_once() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"high_water_mark": 0})
    await settle()
    assert pulls(trace) == 0
    reader = stream.get_reader()
    reads = []
    for count in (1, 2, 3):
        reads.append(reader.read())
        await settle()
        assert pulls(trace) == count
    source.controller.enqueue("a")
    await settle()
    assert pulls(trace) == 4  # two are still waiting
    source.controller.enqueue("b")
    source.controller.enqueue("c")
    await settle()
    # The second chunk leaves one waiting, so it asks; the third leaves none.
    assert pulls(trace) == 5
    assert [outcome(read)[1] for read in reads] == [("a", False), ("b", False), ("c", False)]


async def test_reads_in_one_step_ask_once_and_once_more_after_that() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"high_water_mark": 0})
    await settle()
    reader = stream.get_reader()
    reads = [reader.read(), reader.read(), reader.read()]
    assert pulls(trace) == 1
    await settle()
    assert pulls(trace) == 2
    reader.release_lock()
    assert [outcome(read)[0] for read in reads] == ["rejected"] * 3
    assert source.controller.desired_size == 0


async def test_pull_is_not_called_while_its_promise_is_pending_and_then_once() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, pull=HOLD)
    await settle()
    reader = stream.get_reader()
    source.controller.enqueue("a")
    for _ in range(3):
        reader.read()
        await settle()
    assert pulls(trace) == 1
    source.resolve("pull")
    await settle()
    assert pulls(trace) == 2


async def test_what_was_wanted_while_a_pull_was_pending_is_looked_at_again() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, pull=HOLD, strategy={"high_water_mark": 0})
    await settle()
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    source.resolve("pull")
    await settle()
    assert pulls(trace) == 1
    assert [outcome(read)[0] for read in reads] == ["fulfilled"] * 2


async def test_pull_that_returns_a_promise_is_called_again_after_its_hops() -> None:
    # Of the promise that pull returned: the job that asks it, its reaction, and our reaction.
    trace = EventTrace()

    def pull(controller: Any) -> Promise[None] | None:
        controller.enqueue("a")
        return Promise.resolve() if pulls(trace) == 1 else None

    source_and_stream(trace, pull=pull, strategy={"high_water_mark": 3})
    trace.clock(5)
    await settle()
    assert trace.events == [
        ("start",),
        ("pull",),
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),
        ("pull",),
        ("hop", 4),
        ("pull",),
        ("hop", 5),
    ]


async def test_pull_is_not_called_once_the_source_has_closed() -> None:
    trace = EventTrace()

    def pull(controller: Any) -> None:
        controller.enqueue("a")
        controller.close()

    _, stream = source_and_stream(trace, pull=pull, strategy={"high_water_mark": 5})
    await settle()
    assert await read_all(stream) == ["a"]
    await settle()
    assert pulls(trace) == 1


async def test_pull_is_not_called_after_cancel() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, pull=HOLD, strategy={"high_water_mark": 5})
    await settle()
    source.controller.enqueue("a")
    await stream.cancel()
    source.resolve("pull")
    await settle()
    assert trace.events == [("start",), ("pull",), ("cancel", None)]


async def test_a_read_from_within_pull_asks_again_after_it() -> None:
    trace = EventTrace()
    reads: list[Promise[Any]] = []

    def pull(controller: Any) -> None:
        if pulls(trace) == 1:
            reads.append(reader.read())
        else:
            controller.enqueue("a")

    _, stream = source_and_stream(trace, pull=pull)
    reader = stream.get_reader()
    await settle()
    # The second one serves the read; as it does, nothing is queued yet: a third one fills the queue.
    assert outcome(reads[0]) == ("fulfilled", ("a", False))
    assert pulls(trace) == 3


async def test_a_chunk_from_within_pull_for_a_read_that_waits_is_not_queued() -> None:
    source, stream = source_and_stream(pull=lambda controller: controller.enqueue("a"), strategy={"high_water_mark": 0})
    await settle()
    assert outcome(stream.get_reader().read()) == ("fulfilled", ("a", False))
    assert source.controller.desired_size == 0


# Pull that fails


@pytest.mark.parametrize("reason", [OSError("broken"), "broken", None])
async def test_a_pull_that_rejects_errors_the_stream_and_is_not_called_again(reason: object) -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, pull=HOLD)
    reader = stream.get_reader()
    reads = [reader.read(), reader.read()]
    await settle()
    source.reject("pull", reason)
    await settle()
    assert [outcome(promise) for promise in [*reads, reader.closed]] == [rejected(reason)] * 3
    assert pulls(trace) == 1


async def test_a_pull_that_raises_errors_the_stream_one_microtask_later() -> None:
    trace = EventTrace()
    error = OSError("broken")
    _, stream = source_and_stream(trace, pull=error)
    trace.watch("closed", stream.get_reader().closed)
    trace.clock(3)
    await settle()
    assert trace.events == [
        ("start",),
        ("pull",),
        ("hop", 1),
        ("hop", 2),
        ("closed", "rejected", error),
        ("hop", 3),
    ]


@pytest.mark.parametrize("end", ["close", "cancel", "error"])
async def test_a_pull_that_fails_after_the_end_changes_nothing_and_is_not_reported(end: str) -> None:
    source, stream = source_and_stream(pull=HOLD)
    await settle()
    if end == "cancel":
        await stream.cancel()
    else:
        getattr(source.controller, end)()
    before = repr(stream)
    source.reject("pull", OSError("late"))
    await settle()
    assert repr(stream) == before


async def test_a_pull_that_closes_and_raises_leaves_the_stream_closed() -> None:
    def pull(controller: Any) -> None:
        controller.close()
        raise OSError("late")

    _, stream = source_and_stream(pull=pull)
    assert await read_all(stream) == []
    await settle()
    assert repr(stream) == "<ReadableStream closed>"


# The operations that no class method reaches in this state


async def test_closing_twice_and_enqueuing_late_do_nothing_for_other_standards() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    default_controllers.readable_stream_default_controller_close(source.controller)
    default_controllers.readable_stream_default_controller_enqueue(source.controller, "b")
    assert await read_all(stream) == ["a"]
    default_controllers.readable_stream_default_controller_close(source.controller)
    default_controllers.readable_stream_default_controller_enqueue(source.controller, "b")
    assert repr(stream) == "<ReadableStream closed>"


async def test_there_is_backpressure_until_the_source_may_be_asked() -> None:
    source, stream = source_and_stream(start=HOLD, pull=HOLD)

    def has_backpressure() -> bool:
        return default_controllers.readable_stream_default_controller_has_backpressure(source.controller)

    assert has_backpressure()
    source.resolve("start")
    await settle()
    assert not has_backpressure()
    source.controller.enqueue("a")
    assert has_backpressure()
    reader = stream.get_reader()
    await reader.read()
    assert not has_backpressure()
    source.controller.enqueue("b")
    reads = [reader.read(), reader.read()]
    assert not has_backpressure()
    source.controller.enqueue("c")
    source.controller.enqueue("d")
    source.controller.close()
    assert has_backpressure()
    assert [outcome(read)[1] for read in reads] == [("b", False), ("c", False)]


# Whole traces


async def test_the_order_of_closing_with_reads_that_wait() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    trace.watch("read 1", reader.read())
    trace.watch("read 2", reader.read())
    trace.watch("closed", reader.closed)
    await settle()
    trace.take()
    source.controller.close()
    assert trace.events == []
    trace.watch("read 3", reader.read())
    await settle()
    # closed is resolved before the requests are told.
    assert trace.events == [
        ("closed", "fulfilled"),
        ("read 1", "fulfilled", (None, True)),
        ("read 2", "fulfilled", (None, True)),
        ("read 3", "fulfilled", (None, True)),
    ]


async def test_the_order_of_erroring_with_reads_that_wait() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    trace.watch("read 1", reader.read())
    trace.watch("read 2", reader.read())
    trace.watch("closed", reader.closed)
    await settle()
    trace.take()
    source.controller.error("broken")
    trace.watch("cancel()", reader.cancel())
    await settle()
    assert trace.events == [
        ("closed", "rejected", "broken"),
        ("read 1", "rejected", "broken"),
        ("read 2", "rejected", "broken"),
        ("cancel()", "rejected", "broken"),
    ]


async def test_the_order_of_reading_the_last_chunk() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace)
    reader = stream.get_reader()
    source.controller.enqueue("a")
    source.controller.close()
    trace.watch("closed", reader.closed)
    await settle()
    assert trace.take() == [("start",)]
    trace.watch("read", reader.read())
    await settle()
    assert trace.events == [("closed", "fulfilled"), ("read", "fulfilled", ("a", False))]


async def test_the_order_of_cancelling_with_reads_that_wait() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(trace)
    reader = stream.get_reader()
    trace.watch("read 1", reader.read())
    trace.watch("read 2", reader.read())
    trace.watch("closed", reader.closed)
    await settle()
    trace.take()
    trace.watch("cancel()", reader.cancel("enough"))
    assert trace.events == [("cancel", "enough")]
    trace.clock(3)
    await settle()
    # The source is done at once; a microtask forgets what it returned, and the next tells the result.
    assert trace.events == [
        ("cancel", "enough"),
        ("closed", "fulfilled"),
        ("read 1", "fulfilled", (None, True)),
        ("read 2", "fulfilled", (None, True)),
        ("hop", 1),
        ("cancel()", "fulfilled"),
        ("hop", 2),
        ("hop", 3),
    ]


async def test_the_order_of_cancelling_when_the_source_returns_a_promise() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(trace, cancel=lambda _: Promise.resolve("done"), strategy={"high_water_mark": 0})
    trace.watch("cancel()", stream.cancel())
    trace.clock(5)
    await settle()
    assert trace.events == [
        ("start",),
        ("cancel", None),
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),
        ("cancel()", "fulfilled"),
        ("hop", 4),
        ("hop", 5),
    ]


async def test_the_order_of_a_pulled_read() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(
        trace, pull=lambda controller: controller.enqueue("a"), strategy={"high_water_mark": 0}
    )
    await settle()
    trace.take()
    reader = stream.get_reader()
    trace.watch("read 1", reader.read())
    trace.watch("read 2", reader.read())
    trace.clock(2)
    assert trace.events == [("pull",)]
    await settle()
    # The second read came while the first pull was under way: it is pulled for when that is done.
    assert trace.events == [
        ("pull",),
        ("pull",),
        ("read 1", "fulfilled", ("a", False)),
        ("hop", 1),
        ("read 2", "fulfilled", ("a", False)),
        ("hop", 2),
    ]


async def test_a_source_without_callbacks_is_pulled_and_cancelled_all_the_same() -> None:
    stream = ReadableStream[Any](None, {"high_water_mark": 2})
    read = stream.get_reader().read()
    await settle()
    assert outcome(read) == PENDING
    other = ReadableStream[Any]({}, {"high_water_mark": 2})
    assert await other.cancel("enough") is None  # type: ignore[func-returns-value]
