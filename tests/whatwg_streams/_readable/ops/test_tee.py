"""§4.9.1 ReadableStreamTee, of streams of anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import LoopErrors, settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    EventTrace,
    RecordingSink,
    RecordingSource,
    outcome,
    reason_of,
    rejected,
)
from tests.support.sources import errored_stream, read_all, read_on, source_and_stream, stream_of
from whatwg_streams import DataCloneError, Promise, ReadableStream, WritableStream
from whatwg_streams._readable.ops.tee import readable_stream_tee


class Teed:
    """A stream that was teed, and what is needed to watch it."""

    def __init__(self, *, clone: bool = False, **answers: Any) -> None:
        self.trace = EventTrace()
        self.source = RecordingSource(self.trace, **answers)
        self.stream = ReadableStream[Any](self.source, {"high_water_mark": 0})
        self.branches = readable_stream_tee(self.stream, clone_for_branch_2=clone)
        self.trace.take()

    @property
    def controller(self) -> Any:
        return self.source.controller

    def pulls(self) -> int:
        return self.trace.events.count(("pull",))


# Chunks


async def test_both_branches_get_all_chunks() -> None:
    first, second = stream_of("a", "b", "c").tee()
    assert await read_all(first) == ["a", "b", "c"]
    assert await read_all(second) == ["a", "b", "c"]


async def test_both_branches_get_the_same_objects() -> None:
    chunk: list[object] = []
    first, second = stream_of(chunk).tee()
    assert (await read_all(first))[0] is chunk
    assert (await read_all(second))[0] is chunk


async def test_the_stream_is_locked_and_the_branches_are_not() -> None:
    stream = stream_of("a")
    first, second = stream.tee()
    assert stream.locked
    assert not first.locked
    assert not second.locked


def test_a_locked_stream_can_not_be_teed() -> None:
    stream = stream_of("a")
    with stream.get_reader(), pytest.raises(TypeError):
        stream.tee()
    assert not stream.locked


async def test_branches_of_a_closed_stream_are_closed_after_a_read_of_their_own() -> None:
    first, second = stream_of().tee()
    assert await read_all(first) == []
    assert await read_all(second) == []


async def test_branches_of_an_errored_stream_are_errored() -> None:
    first, second = errored_stream("broken").tee()
    await settle()
    assert outcome(first.get_reader().read()) == outcome(second.get_reader().closed) == rejected("broken")


async def test_branches_can_be_teed_again() -> None:
    first, second = stream_of("a", "b").tee()
    third, fourth = second.tee()
    assert [await read_all(branch) for branch in (fourth, first, third)] == [["a", "b"]] * 3


async def test_branches_can_be_piped() -> None:
    traces = [EventTrace(), EventTrace()]
    pipes: list[Promise[Any]] = [
        branch.pipe_to(WritableStream(RecordingSink(trace)))
        for branch, trace in zip(stream_of("a", "b").tee(), traces, strict=True)
    ]
    await Promise.all(pipes)
    assert traces[0].events == traces[1].events == [("start",), ("write", "a"), ("write", "b"), ("close",)]


# How much is read


async def test_the_branches_ask_for_one_chunk_by_themselves_and_then_as_they_are_read() -> None:
    teed: Teed = Teed(pull=lambda controller: controller.enqueue(teed.pulls()))
    await settle()
    assert teed.pulls() == 1
    readers = [branch.get_reader() for branch in teed.branches]
    assert await readers[0].read() == (1, False)
    await settle()
    assert teed.pulls() == 2
    assert await readers[1].read() == (1, False)  # the second one has another by now
    await settle()
    assert teed.pulls() == 2
    assert await readers[1].read() == (2, False)
    await settle()
    assert teed.pulls() == 3


async def test_the_faster_branch_decides_and_the_slower_one_queues() -> None:
    teed: Teed = Teed(pull=lambda controller: controller.enqueue(teed.pulls()))
    fast, slow = (branch.get_reader() for branch in teed.branches)
    for expected in range(1, 21):
        assert await fast.read() == (expected, False)
    await settle()
    assert teed.pulls() == 21
    assert [(await slow.read()).value for _ in range(21)] == list(range(1, 22))


async def test_two_reads_in_one_step_are_one_read_of_the_stream_after_the_other() -> None:
    teed = Teed(pull=HOLD)
    await settle()
    assert teed.pulls() == 1
    readers = [branch.get_reader() for branch in teed.branches]
    reads = [reader.read() for reader in readers]
    await settle()
    assert teed.pulls() == 1
    teed.controller.enqueue("a")
    teed.source.resolve("pull")
    await settle()
    assert [outcome(read) for read in reads] == [("fulfilled", ("a", False))] * 2
    # Their queues are empty again: the one of them asks for the next, for both.
    assert teed.pulls() == 2
    assert len(teed.stream._reader._read_requests) == 1  # type: ignore[union-attr]


async def test_a_branch_that_is_cancelled_is_not_read_for() -> None:
    teed: Teed = Teed(pull=lambda controller: controller.enqueue("a"))
    await settle()
    teed.branches[0].cancel()
    reader = teed.branches[1].get_reader()
    await reader.read()
    await settle()
    assert teed.pulls() == 2


async def test_nothing_is_read_once_both_branches_are_full() -> None:
    teed = Teed()
    await settle()
    for chunk in "abc":
        teed.controller.enqueue(chunk)
    await settle()
    assert teed.controller.desired_size == -2  # one was read, two are queued


# The end


async def test_closing_the_stream_closes_both_branches_after_their_chunks() -> None:
    teed = Teed()
    teed.controller.enqueue("a")
    await settle()
    teed.controller.close()
    await settle()
    for branch in teed.branches:
        reader = branch.get_reader()
        assert outcome(reader.closed) == PENDING
        assert await read_on(reader) == ["a"]
        await reader.closed


async def test_an_error_reaches_both_branches_at_once_and_discards_their_chunks() -> None:
    teed = Teed()
    teed.controller.enqueue("a")
    await settle()
    error = ValueError("broken")
    teed.controller.error(error)
    await settle()
    readers = [branch.get_reader() for branch in teed.branches]
    assert [outcome(reader.read()) for reader in readers] == [rejected(error)] * 2


async def test_a_pull_that_fails_errors_both_branches() -> None:
    teed = Teed(pull=OSError("broken"))
    await settle()
    for branch in teed.branches:
        assert isinstance(reason_of(branch.get_reader().closed), OSError)


async def test_an_error_comes_before_a_chunk_that_was_read_in_the_same_step() -> None:
    # The chunk waits for a microtask, and the branches hear of the error within one.
    teed = Teed()
    await settle()
    reader = teed.branches[0].get_reader()
    read = reader.read()
    teed.trace.watch("read", read)
    teed.controller.enqueue("a")
    teed.controller.error("broken")
    await settle()
    # The chunk's microtask was queued first: its read still gets it.
    assert teed.trace.events[-1] == ("read", "fulfilled", ("a", False))
    assert outcome(reader.read()) == rejected("broken")
    assert outcome(teed.branches[1].get_reader().read()) == rejected("broken")


# Cancelling


async def test_cancelling_one_branch_does_not_cancel_the_stream_and_waits() -> None:
    teed = Teed()
    cancel = teed.branches[0].cancel("first")
    await settle()
    assert outcome(cancel) == PENDING
    assert ("cancel", "first") not in teed.trace.events
    reader = teed.branches[1].get_reader()
    teed.controller.enqueue("a")
    assert await reader.read() == ("a", False)
    assert await read_all(teed.branches[0]) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_cancelling_both_branches_cancels_the_stream_with_both_reasons(order: tuple[int, int]) -> None:
    teed = Teed()
    reasons = [object(), object()]
    cancels = [teed.branches[index].cancel(reasons[index]) for index in order]
    await settle()
    assert [event for event in teed.trace.events if event[0] == "cancel"] == [("cancel", reasons)]
    assert [outcome(cancel) for cancel in cancels] == [FULFILLED] * 2


async def test_both_cancels_wait_for_the_source_and_fail_with_it() -> None:
    teed = Teed(cancel=HOLD)
    cancels = [branch.cancel() for branch in teed.branches]
    await settle()
    assert [outcome(cancel) for cancel in cancels] == [PENDING] * 2
    assert ("cancel", [None, None]) in teed.trace.events
    teed.source.reject("cancel", "failed")
    await settle()
    assert [outcome(cancel) for cancel in cancels] == [rejected("failed")] * 2


async def test_cancelling_one_branch_is_done_when_the_stream_closes() -> None:
    teed = Teed()
    cancel = teed.branches[0].cancel()
    await settle()
    teed.controller.close()
    await settle()
    assert outcome(cancel) == FULFILLED
    assert await read_all(teed.branches[1]) == []


async def test_cancelling_one_branch_is_done_when_the_stream_is_errored() -> None:
    teed = Teed()
    cancel = teed.branches[1].cancel()
    await settle()
    teed.controller.error("broken")
    await settle()
    assert outcome(cancel) == FULFILLED
    assert outcome(teed.branches[0].get_reader().closed) == rejected("broken")


async def test_cancelling_a_branch_of_an_errored_stream_rejects_with_the_error() -> None:
    teed = Teed()
    teed.controller.error("broken")
    await settle()
    assert [outcome(branch.cancel()) for branch in teed.branches] == [rejected("broken")] * 2


async def test_an_error_after_both_were_cancelled_changes_nothing() -> None:
    teed = Teed(cancel=HOLD)
    cancels = [branch.cancel() for branch in teed.branches]
    teed.controller.error("late")
    teed.source.resolve("cancel")
    await settle()
    assert [outcome(cancel) for cancel in cancels] == [FULFILLED] * 2


async def test_a_branch_cancelled_while_a_chunk_is_on_its_way_does_not_get_it() -> None:
    teed = Teed()
    await settle()
    teed.controller.enqueue("a")
    teed.branches[0].cancel()
    await settle()
    assert teed.branches[0]._controller._queue_total_size == 0
    reader = teed.branches[1].get_reader()
    assert await reader.read() == ("a", False)


async def test_both_cancelled_while_a_chunk_is_on_its_way() -> None:
    teed = Teed()
    await settle()
    teed.controller.enqueue("a")
    cancels = [branch.cancel("enough") for branch in teed.branches]
    await settle()
    assert teed.trace.events[-1] == ("cancel", ["enough", "enough"])
    assert [outcome(cancel) for cancel in cancels] == [FULFILLED] * 2


async def test_branches_whose_cancel_is_never_asked_for_leave_nothing_unhandled() -> None:
    for end in ("close", "error"):
        teed = Teed()
        getattr(teed.controller, end)()
        await settle()
        del teed


async def test_each_failed_cancel_is_its_caller_s_to_handle(loop_errors: LoopErrors) -> None:
    def fail(_: object) -> None:
        raise OSError("failed")

    teed = Teed(cancel=fail)
    for branch in teed.branches:
        branch.cancel()
    await settle()
    assert [type(context["exception"]) for context in loop_errors.take()] == [OSError, OSError]


# Clones for the second branch


async def test_the_second_branch_gets_a_clone_where_it_is_wanted() -> None:
    chunk = {"a": [1, 2]}
    first, second = readable_stream_tee(stream_of(chunk), clone_for_branch_2=True)
    assert (await read_all(first))[0] is chunk
    (clone,) = await read_all(second)
    assert clone == chunk
    assert clone is not chunk
    assert clone["a"] is not chunk["a"]


async def test_a_chunk_that_can_not_be_cloned_errors_both_branches_and_cancels_the_stream() -> None:
    teed = Teed(clone=True)
    await settle()
    readers = [branch.get_reader() for branch in teed.branches]
    reads = [reader.read() for reader in readers]
    teed.controller.enqueue(object())
    await settle()
    error = reason_of(reads[0])
    assert isinstance(error, DataCloneError)
    assert reason_of(reads[1]) is error
    assert teed.trace.events[-1] == ("cancel", error)
    assert [outcome(reader.cancel()) for reader in readers] == [rejected(error)] * 2


async def test_a_failed_clone_ends_the_cancel_of_the_first_branch_as_the_source_does() -> None:
    teed = Teed(clone=True, cancel=HOLD)
    cancel = teed.branches[0].cancel()
    await settle()
    teed.controller.enqueue(object())
    await settle()
    assert outcome(cancel) == PENDING
    teed.source.reject("cancel", "failed")
    await settle()
    assert outcome(cancel) == rejected("failed")
    assert isinstance(reason_of(teed.branches[1].get_reader().closed), DataCloneError)


async def test_a_source_that_fails_to_be_cancelled_after_a_failed_clone_is_reported(loop_errors: LoopErrors) -> None:
    # The text resolves its cancelPromise with that failure, and does not mark it handled.
    def fail(_: object) -> None:
        raise OSError("failed")

    teed = Teed(clone=True, cancel=fail)
    await settle()
    teed.controller.enqueue(object())
    await settle()
    del teed
    await settle()
    assert [type(context["exception"]) for context in loop_errors.take()] == [OSError]


async def test_nothing_is_cloned_for_a_second_branch_that_is_cancelled() -> None:
    teed = Teed(clone=True)
    teed.branches[1].cancel()
    await settle()
    chunk = object()
    teed.controller.enqueue(chunk)
    assert (await teed.branches[0].get_reader().read()).value is chunk


async def test_a_byte_stream_is_teed_with_bytes_of_its_own_for_each_branch() -> None:
    source, stream = source_and_stream(type="bytes")
    source.controller.enqueue(b"abc")
    source.controller.close()
    first, second = readable_stream_tee(stream, clone_for_branch_2=False)
    ours, theirs = (await read_all(first))[0], (await read_all(second))[0]
    assert bytes(ours) == bytes(theirs) == b"abc"
    assert ours is not theirs


# Whole traces


async def test_the_order_of_a_chunk_for_two_reads_and_the_end() -> None:
    teed = Teed()
    await settle()
    assert teed.trace.take() == [("pull",)]
    readers = [branch.get_reader() for branch in teed.branches]
    for number, reader in enumerate(readers, 1):
        teed.trace.watch(f"closed {number}", reader.closed)
        teed.trace.watch(f"read {number}", reader.read())
    teed.controller.enqueue("a")
    teed.trace.clock(3)
    await settle()
    # The chunk is given to both in the first microtask. The second branch's own pull is wanted again then, which
    # reads once more. The reactions come in the microtasks after that.
    assert teed.trace.take() == [
        ("pull",),
        ("hop", 1),
        ("read 1", "fulfilled", ("a", False)),
        ("read 2", "fulfilled", ("a", False)),
        ("hop", 2),
        ("hop", 3),
    ]
    for number, reader in enumerate(readers, 1):
        teed.trace.watch(f"last {number}", reader.read())
    teed.controller.close()
    teed.trace.clock(2)
    await settle()
    assert teed.trace.take() == [
        ("closed 1", "fulfilled"),
        ("last 1", "fulfilled", (None, True)),
        ("closed 2", "fulfilled"),
        ("last 2", "fulfilled", (None, True)),
        ("hop", 1),
        ("hop", 2),
    ]


async def test_the_order_of_an_error() -> None:
    teed = Teed()
    await settle()
    teed.trace.take()
    readers = [branch.get_reader() for branch in teed.branches]
    for number, reader in enumerate(readers, 1):
        teed.trace.watch(f"read {number}", reader.read())
        teed.trace.watch(f"closed {number}", reader.closed)
    teed.controller.error("broken")
    teed.trace.clock(3)
    await settle()
    # The reader's closed promise is rejected; its reaction, a microtask later, errors the branches.
    assert teed.trace.take() == [
        ("hop", 1),
        ("closed 1", "rejected", "broken"),
        ("read 1", "rejected", "broken"),
        ("closed 2", "rejected", "broken"),
        ("read 2", "rejected", "broken"),
        ("hop", 2),
        ("hop", 3),
    ]


async def test_the_order_of_cancelling_both() -> None:
    teed = Teed()
    await settle()
    teed.trace.take()
    teed.trace.watch("first", teed.branches[0].cancel(1))
    teed.trace.watch("second", teed.branches[1].cancel(2))
    teed.trace.clock(6)
    await settle()
    # Cancelling the stream is done after a hop (1); meanwhile the branches' promise has been made to follow that
    # (1), and is fulfilled a hop later (2); each branch forgets the value (3) and its result is seen (4).
    assert teed.trace.events == [
        ("cancel", [1, 2]),
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),
        ("first", "fulfilled"),
        ("second", "fulfilled"),
        ("hop", 4),
        ("hop", 5),
        ("hop", 6),
    ]
