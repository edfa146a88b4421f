"""§4.2.5 Asynchronous iteration, with the queueing of Web IDL's asynchronous iterators."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from tests.support import LoopErrors, settle
from tests.support.recording import HOLD, EventTrace, RecordingSource, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_all, source_and_stream, stream_of
from whatwg_streams import Promise, ReadableStream, RejectionError, WritableStream

END = ("fulfilled", (None, True))


class Interrupt(BaseException):
    """Neither an Exception nor one that Python itself gives a meaning."""


# Loops


async def test_a_loop_gives_all_chunks_and_releases_the_stream() -> None:
    stream = stream_of("a", None, "b")
    assert [chunk async for chunk in stream] == ["a", None, "b"]
    assert not stream.locked


async def test_a_loop_over_a_closed_stream_has_no_turns() -> None:
    stream = stream_of()
    assert [chunk async for chunk in stream] == []
    assert not stream.locked


async def test_a_loop_waits_for_chunks() -> None:
    source, stream = source_and_stream(pull=HOLD)

    async def collect() -> list[object]:
        return [chunk async for chunk in stream]

    task = asyncio.create_task(collect())
    await settle()
    source.controller.enqueue("a")
    await settle()
    source.controller.enqueue("b")
    source.controller.close()
    assert await task == ["a", "b"]


async def test_a_loop_raises_the_error_of_the_stream_after_the_chunks_it_got() -> None:
    source, stream = source_and_stream(pull=HOLD)
    source.controller.enqueue("a")
    got = []
    with pytest.raises(ValueError, match="broken"):
        async for chunk in stream:
            got.append(chunk)
            source.controller.error(ValueError("broken"))
    assert got == ["a"]
    assert not stream.locked


async def test_a_loop_raises_a_reason_that_is_no_exception_wrapped() -> None:
    with pytest.raises(RejectionError) as caught:
        _ = [chunk async for chunk in errored_stream("broken")]
    assert caught.value.reason == "broken"


async def test_a_loop_takes_no_more_than_it_needs() -> None:
    trace = EventTrace()
    _, stream = source_and_stream(
        trace,
        pull=lambda controller: controller.enqueue(trace.events.count(("pull",))),
        strategy={"high_water_mark": 0},
    )
    async for chunk in stream:
        if chunk == 3:
            break
    assert trace.events.count(("pull",)) == 3


# Leaving a loop


async def test_a_break_cancels_the_stream_without_a_reason_and_releases_it() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    async for _ in stream:
        break
    await settle()
    assert source.events[-1] == ("cancel", None)
    assert not stream.locked


async def test_an_exception_in_a_loop_cancels_the_stream() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    with pytest.raises(LookupError):
        async for _ in stream:
            raise LookupError
    await settle()
    assert source.events[-1] == ("cancel", None)
    assert not stream.locked


async def test_a_break_with_prevent_cancel_only_releases_the_stream() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    source.controller.close()
    async for _ in stream.values(prevent_cancel=True):
        break
    await settle()
    assert ("cancel", None) not in source.events
    assert await read_all(stream) == ["b"]


async def test_an_iterator_that_is_dropped_unused_cancels_the_stream() -> None:
    source, stream = source_and_stream()
    stream.values()
    await settle()
    assert source.events[-1] == ("cancel", None)
    assert not stream.locked


async def test_an_iterator_that_came_to_the_end_cancels_nothing_when_it_is_dropped() -> None:
    source, stream = source_and_stream()
    source.controller.close()
    iterator = stream.values()
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)
    with stream.get_reader():
        del iterator
        await settle()
        assert stream.locked
    assert ("cancel", None) not in source.events


async def test_a_dropped_iterator_whose_stream_was_released_by_an_end_it_did_not_see_changes_nothing() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    pending = iterator.next()
    del iterator
    source.controller.close()
    await settle()
    assert outcome(pending) == END
    assert not stream.locked
    assert ("cancel", None) not in source.events


async def test_what_cancelling_raises_after_a_break_is_reported(loop_errors: LoopErrors) -> None:
    def cancel(_: object) -> None:
        raise OSError("can not be stopped")

    source, stream = source_and_stream(cancel=cancel)
    source.controller.enqueue("a")
    async for _ in stream:
        break
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], OSError)


async def test_what_cancelling_raises_after_a_break_is_reported_even_if_the_source_keeps_it(
    loop_errors: LoopErrors,
) -> None:
    source, stream = source_and_stream(cancel=OSError("can not be stopped"))
    source.controller.enqueue("a")
    async for _ in stream:
        break
    await settle()
    (context,) = loop_errors.take()
    assert isinstance(context["exception"], OSError)


async def test_an_iterator_that_is_collected_while_a_read_is_pending_cancels_the_stream() -> None:
    trace = EventTrace()
    ReadableStream[Any](RecordingSource(trace)).values().next()
    await settle()
    gc.collect()
    await settle()
    assert trace.events[-1] == ("cancel", None)


# aclose


async def test_aclose_cancels_the_stream_and_waits_for_it() -> None:
    source, stream = source_and_stream(cancel=HOLD)
    source.controller.enqueue("a")
    async with contextlib.aclosing(stream.values()) as chunks:
        async for _ in chunks:
            break
        closing = asyncio.create_task(chunks.aclose())
        await settle()
        assert source.events[-1] == ("cancel", None)
        assert not stream.locked
        assert not closing.done()
        source.resolve("cancel")
        await closing
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


async def test_aclose_raises_what_cancelling_raises() -> None:
    _, stream = source_and_stream(cancel=OSError("can not be stopped"))
    iterator = stream.values()
    with pytest.raises(OSError, match="stopped"):
        await iterator.aclose()
    await iterator.aclose()


async def test_aclose_of_an_errored_stream_raises_its_error_once() -> None:
    stream = errored_stream(ValueError("broken"))
    iterator = stream.values()
    with pytest.raises(ValueError, match="broken"):
        await iterator.aclose()
    await iterator.aclose()
    assert not stream.locked


async def test_aclose_with_prevent_cancel_leaves_the_stream_as_it_is() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    await stream.values(prevent_cancel=True).aclose()
    assert await read_all(stream) == ["a"]


async def test_aclose_after_the_end_is_nothing() -> None:
    stream = stream_of("a")
    iterator = stream.values()
    assert [chunk async for chunk in iterator] == ["a"]
    with stream.get_reader():
        await iterator.aclose()
        await iterator.aclose()
        assert stream.locked


async def test_aclose_waits_for_a_chunk_that_is_being_waited_for() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    waiting = asyncio.create_task(anext(iterator))
    await settle()
    closing = asyncio.create_task(iterator.aclose())
    await settle()
    assert ("cancel", None) not in source.events
    source.controller.enqueue("a")
    assert await waiting == "a"
    await closing
    assert source.events[-1] == ("cancel", None)


# next and return_, as Web IDL has them


async def test_next_gives_results_and_then_the_end_again_and_again() -> None:
    iterator = stream_of("a").values()
    assert await iterator.next() == ("a", False)
    assert await iterator.next() == (None, True)
    assert await iterator.next() == (None, True)


async def test_calls_of_next_are_served_one_after_the_other() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"high_water_mark": 0})
    await settle()
    iterator = stream.values()
    results = [iterator.next() for _ in range(3)]
    await settle()
    assert trace.take() == [("start",), ("pull",)]  # only one read is made
    source.controller.enqueue("a")
    await settle()
    assert trace.take() == [("pull",)]
    source.controller.enqueue("b")
    await settle()
    assert trace.take() == [("pull",)]
    source.controller.close()
    assert [await result for result in results] == [("a", False), ("b", False), (None, True)]


async def test_a_next_that_fails_ends_the_iteration() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    results = [iterator.next(), iterator.next()]
    source.controller.error("broken")
    await settle()
    assert [outcome(result) for result in results] == [rejected("broken"), END]
    assert outcome(iterator.next()) == END
    assert not stream.locked


async def test_return_cancels_with_its_value_and_gives_it_back() -> None:
    source, stream = source_and_stream(cancel=lambda _: "forgotten")
    iterator = stream.values()
    assert await iterator.return_("enough") == ("enough", True)
    assert source.events[-1] == ("cancel", "enough")
    assert not stream.locked
    assert await iterator.return_("again") == ("again", True)
    assert await iterator.next() == (None, True)
    assert source.events[-1] == ("cancel", "enough")


async def test_return_with_prevent_cancel_releases_the_stream() -> None:
    source, stream = source_and_stream()
    iterator = stream.values(prevent_cancel=True)
    result = iterator.return_("enough")
    assert not stream.locked
    assert await result == ("enough", True)
    assert ("cancel", "enough") not in source.events


async def test_return_rejects_with_what_cancelling_raises() -> None:
    error = OSError("can not be stopped")
    _, stream = source_and_stream(cancel=error)
    iterator = stream.values()
    result = iterator.return_()
    await settle()
    assert outcome(result) == rejected(error)
    assert await iterator.next() == (None, True)


async def test_return_waits_for_the_calls_of_next_before_it() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    results = [iterator.next(), iterator.next(), iterator.return_("enough"), iterator.next()]
    await settle()
    assert ("cancel", "enough") not in source.events
    source.controller.enqueue("a")
    await settle()
    assert ("cancel", "enough") not in source.events
    source.controller.enqueue("b")
    assert [await result for result in results] == [("a", False), ("b", False), ("enough", True), (None, True)]
    assert source.events[-1] == ("cancel", "enough")


async def test_return_after_a_next_that_ends_the_iteration_cancels_nothing() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    results = [iterator.next(), iterator.return_("enough")]
    source.controller.close()
    assert [await result for result in results] == [(None, True), ("enough", True)]
    assert ("cancel", "enough") not in source.events


async def test_return_after_a_next_that_fails_cancels_nothing() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    results = [iterator.next(), iterator.return_("enough")]
    source.controller.error("broken")
    await settle()
    assert [outcome(result) for result in results] == [rejected("broken"), ("fulfilled", ("enough", True))]


async def test_the_order_of_next_return_and_next() -> None:
    trace = EventTrace()
    source, stream = source_and_stream(trace, strategy={"high_water_mark": 0})
    await settle()
    iterator = stream.values()
    trace.watch("next 1", iterator.next())
    trace.watch("return", iterator.return_("enough"))
    trace.watch("next 2", iterator.next())
    await settle()
    assert trace.take() == [("start",), ("pull",)]
    source.controller.enqueue("a")
    await settle()
    # The reactions to the first next, in the order in which they were made: this trace, and the steps of
    # return. Those of return, when the source is done: its result, and the steps of the second next.
    assert trace.events == [
        ("next 1", "fulfilled", ("a", False)),
        ("cancel", "enough"),
        ("return", "fulfilled", ("enough", True)),
        ("next 2", "fulfilled", (None, True)),
    ]


async def test_a_chunk_that_is_a_promise_is_waited_for() -> None:
    iterator = stream_of(Promise.resolve("a"), Promise.reject("broken"), "c").values()
    assert await iterator.next() == ("a", False)
    failed = iterator.next()
    await settle()
    assert outcome(failed) == rejected("broken")
    assert await iterator.next() == (None, True)
    await iterator.aclose()


# Many at once


async def test_tasks_that_wait_at_the_same_time_are_served_in_order() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    tasks = [asyncio.create_task(anext(iterator, "end")) for _ in range(4)]
    await settle()
    for chunk in "abc":
        source.controller.enqueue(chunk)
    source.controller.close()
    assert await asyncio.gather(*tasks) == ["a", "b", "c", "end"]
    assert await anext(iterator, "end") == "end"


async def test_next_waits_for_a_task_that_waits() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    task = asyncio.create_task(anext(iterator))
    await settle()
    results = [iterator.next(), iterator.next()]
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    source.controller.enqueue("c")
    assert await task == "a"
    assert [await result for result in results] == [("b", False), ("c", False)]


async def test_a_task_waits_for_the_calls_of_next_before_it() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    result = iterator.next()
    task = asyncio.create_task(anext(iterator))
    await settle()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    assert await task == "b"
    assert await result == ("a", False)


async def test_an_error_reaches_the_first_task_and_ends_the_others() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    tasks = [asyncio.create_task(anext(iterator, "end")) for _ in range(3)]
    await settle()
    source.controller.error(ValueError("broken"))
    first, *others = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, ValueError)
    assert others == ["end", "end"]


async def test_an_error_that_is_no_exception_class_ends_the_iteration_too() -> None:
    source, stream = source_and_stream()
    iterator = stream.values()
    source.controller.error(Interrupt())
    with pytest.raises(Interrupt):
        await anext(iterator)
    assert await anext(iterator, "end") == "end"


# What else Python wants


def test_an_iterator_is_its_own_iterator() -> None:
    iterator = stream_of().values()
    assert aiter(iterator) is iterator


async def test_repr_tells_the_stream_or_that_it_is_finished() -> None:
    iterator = stream_of("a").values()
    assert repr(iterator) == "<ReadableStreamAsyncIterator of <ReadableStream readable, locked>>"
    assert await anext(iterator) == "a"
    assert await anext(iterator, None) is None
    assert repr(iterator) == "<ReadableStreamAsyncIterator finished>"


async def test_iterating_over_a_stream_that_is_locked_raises_and_cancels_nothing() -> None:
    source, stream = source_and_stream()
    with stream.get_reader():
        with pytest.raises(TypeError):
            async for _ in stream:
                pass
        await settle()
    assert ("cancel", None) not in source.events


async def test_a_second_loop_goes_on_where_a_first_one_was_left() -> None:
    stream = stream_of("a", "b", "c")
    first = []
    async for chunk in stream.values(prevent_cancel=True):
        first.append(chunk)
        if chunk == "a":
            break
    await settle()
    assert first + [chunk async for chunk in stream] == ["a", "b", "c"]


async def test_a_stream_can_be_used_at_once_when_a_loop_was_left() -> None:
    stream = stream_of("a", "b", "c")
    async for _ in stream.values(prevent_cancel=True):
        break
    assert not stream.locked
    with stream.get_reader() as reader:
        assert (await reader.read()).value == "b"
    async for _ in stream.values(prevent_cancel=True):
        break
    with pytest.raises(StopAsyncIteration):
        await anext(stream.values())


async def test_a_stream_that_a_loop_was_left_of_is_cancelled_before_it_is_used_again() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    async for _ in stream:
        break
    assert ("cancel", None) not in source.events
    reader = stream.get_reader()
    assert source.events[-1] == ("cancel", None)
    assert (await reader.read()).done
    await settle()
    assert source.events.count(("cancel", None)) == 1
    assert stream.locked  # by the new reader, not by the iterator


@pytest.mark.parametrize("prevent_cancel", [True, False])
async def test_a_stream_that_a_loop_was_left_of_can_be_cancelled_piped_and_split(*, prevent_cancel: bool) -> None:
    for use in (ReadableStream.cancel, ReadableStream.tee, ReadableStream.values, _pipe):
        source, stream = source_and_stream()
        source.controller.enqueue("a")
        async for _ in stream.values(prevent_cancel=prevent_cancel):
            break
        result = use(stream)
        if isinstance(result, Promise) and use is ReadableStream.cancel:
            await result
        assert stream.locked is (use is not ReadableStream.cancel)
        await settle()


def _pipe(stream: ReadableStream[Any]) -> Promise[None]:
    return stream.pipe_to(WritableStream())


async def test_a_chunk_is_queued_while_an_iterator_that_was_dropped_still_holds_the_stream() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    async for _ in stream.values(prevent_cancel=True):
        break
    source.controller.enqueue("b")
    source.controller.close()
    assert await read_all(stream) == ["b"]


async def test_reasons_come_through_as_they_are() -> None:
    reason: Any = object()
    stream: ReadableStream[Any] = errored_stream(reason)
    result = stream.values().next()
    await settle()
    assert reason_of(result) is reason


# Reads that overlap: a `next` that is called once the ongoing promise is cleared starts beside one that was queued


async def overlapping(source: RecordingSource) -> tuple[Any, list[Promise[Any]]]:
    """An iterator with two reads under way at the same time, the first chunk having come."""
    iterator = ReadableStream(source).values()
    promises = [iterator.next(), iterator.next()]
    await settle()
    source.controller.enqueue("a")
    await settle()
    return iterator, [*promises, iterator.next()]


async def test_the_end_of_the_stream_ends_all_reads_that_overlap() -> None:
    source = RecordingSource(pull=HOLD)
    _, promises = await overlapping(source)
    await settle()
    source.controller.close()
    await settle()
    assert [outcome(promise) for promise in promises] == [("fulfilled", ("a", False)), END, END]


async def test_an_error_rejects_a_read_and_ends_those_beside_it() -> None:
    source = RecordingSource(pull=HOLD)
    _, promises = await overlapping(source)
    await settle()
    source.controller.error("broken")
    await settle()
    assert outcome(promises[1]) == ("rejected", "broken")
    assert outcome(promises[2])[0] in {"fulfilled", "rejected"}


async def test_returning_while_reads_overlap_cancels_the_stream() -> None:
    source = RecordingSource(pull=HOLD)
    iterator, promises = await overlapping(source)
    returned = iterator.return_("why")
    await settle()
    source.controller.close()
    await settle()
    assert outcome(returned) == ("fulfilled", ("why", True))
    assert [outcome(promise)[0] for promise in promises] == ["fulfilled"] * 3
