"""§4.6 The ReadableStreamDefaultController class: https://streams.spec.whatwg.org/#rs-default-controller-class

And §4.9.4, its abstract operations.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import HOLD, EventTrace, outcome, reason_of, rejected
from tests.support.sources import read_all, source_and_stream
from whatwg_streams import RangeError, ReadableStream, ReadableStreamDefaultController

ERROR = ValueError("the reason")


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        ReadableStreamDefaultController()


# desiredSize --------------------------------------------------------------------------------------


async def test_desired_size_is_the_mark_less_what_is_queued() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 5, "size": len})
    controller = source.controller
    assert controller.desired_size == 5
    controller.enqueue("abc")
    assert controller.desired_size == 2
    controller.enqueue("abcd")
    assert controller.desired_size == -2
    await stream.get_reader().read()
    assert controller.desired_size == 1


@pytest.mark.parametrize(("mark", "desired"), [(0, 0), (math.inf, math.inf), (2.5, 2.5)])
def test_any_mark_that_is_not_negative_will_do(mark: float, desired: float) -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": mark})
    assert source.controller.desired_size == desired


async def test_desired_size_in_the_end() -> None:
    closing, stream = source_and_stream()
    closing.controller.enqueue("a")
    closing.controller.close()
    assert closing.controller.desired_size == 0  # 1 - 1: it is still readable
    await read_all(stream)
    assert closing.controller.desired_size == 0
    failing, _ = source_and_stream(strategy={"high_water_mark": 7})
    failing.controller.error(ERROR)
    assert failing.controller.desired_size is None


# close --------------------------------------------------------------------------------------------


async def test_closing_waits_until_the_queue_is_read() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    reader = stream.get_reader()
    assert outcome(reader.closed)[0] == "pending"
    assert (await reader.read()).value == "a"
    assert outcome(reader.closed)[0] == "fulfilled"


async def test_closing_twice_is_a_type_error_and_so_is_enqueueing_after_it() -> None:
    source, _ = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    with pytest.raises(TypeError):
        source.controller.close()
    with pytest.raises(TypeError):
        source.controller.enqueue("b")


@pytest.mark.parametrize("end", ["closed", "cancelled", "errored"])
async def test_a_stream_that_has_ended_takes_nothing(end: str) -> None:
    source, stream = source_and_stream()
    if end == "closed":
        source.controller.close()
    elif end == "cancelled":
        await stream.cancel()
    else:
        source.controller.error(ERROR)
    with pytest.raises(TypeError):
        source.controller.enqueue("a")
    with pytest.raises(TypeError):
        source.controller.close()
    source.controller.error("nobody hears of it")
    assert source.controller.desired_size == (None if end == "errored" else 0)


# error --------------------------------------------------------------------------------------------


async def test_only_the_first_error_counts() -> None:
    source, stream = source_and_stream()
    source.controller.error(ERROR)
    source.controller.error("another")
    assert outcome(stream.get_reader().read()) == rejected(ERROR)


async def test_error_without_a_reason() -> None:
    source, stream = source_and_stream()
    source.controller.error()
    assert outcome(stream.get_reader().closed) == rejected(None)


async def test_an_error_after_a_close_that_waits_for_the_queue() -> None:
    source, stream = source_and_stream()
    source.controller.enqueue("a")
    source.controller.close()
    source.controller.error(ERROR)
    assert outcome(stream.get_reader().read()) == rejected(ERROR)


# enqueue and the strategy -------------------------------------------------------------------------


async def test_a_chunk_for_a_waiting_reader_is_not_measured() -> None:
    sizes: list[Any] = []

    def size(chunk: object) -> float:
        sizes.append(chunk)
        return 1

    source, stream = source_and_stream(strategy={"size": size})
    reader = stream.get_reader()
    read = reader.read()
    source.controller.enqueue("a")
    source.controller.enqueue("b")
    assert sizes == ["b"]
    assert (await read).value == "a"


async def test_what_the_size_function_raises_is_raised_and_errors_the_stream() -> None:
    def size(_chunk: object) -> float:
        raise ERROR

    source, stream = source_and_stream(strategy={"size": size})
    with pytest.raises(ValueError, match="the reason"):
        source.controller.enqueue("a")
    assert outcome(stream.get_reader().closed) == rejected(ERROR)


@pytest.mark.parametrize("size", [-1, math.nan, math.inf, -math.inf])
async def test_a_size_that_is_no_finite_number_from_zero_is_a_range_error(size: float) -> None:
    source, stream = source_and_stream(strategy={"size": lambda _chunk: size})
    with pytest.raises(RangeError) as caught:
        source.controller.enqueue("a")
    assert reason_of(stream.get_reader().closed) is caught.value


async def test_a_size_function_that_errors_the_stream_itself() -> None:
    def size(_chunk: object) -> float:
        source.controller.error(ERROR)
        return -1

    source, stream = source_and_stream(strategy={"size": size})
    with pytest.raises(RangeError):
        source.controller.enqueue("a")
    assert reason_of(stream.get_reader().closed) is ERROR


async def test_the_size_function_may_enqueue() -> None:
    def size(chunk: str) -> float:
        if chunk == "outer":
            source.controller.enqueue("inner")
        return 1

    source, stream = source_and_stream(strategy={"size": size})
    source.controller.enqueue("outer")
    source.controller.close()
    assert await read_all(stream) == ["inner", "outer"]


async def test_chunks_of_size_zero_are_queued() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 1, "size": lambda _chunk: 0})
    for chunk in "abc":
        source.controller.enqueue(chunk)
    assert source.controller.desired_size == 1
    source.controller.close()
    assert await read_all(stream) == ["a", "b", "c"]


# When pull is called ------------------------------------------------------------------------------


async def test_pull_is_called_when_start_is_done_and_not_before() -> None:
    source, _ = source_and_stream(start=HOLD)
    await settle()
    assert source.events == [("start",)]
    source.resolve("start")
    assert source.events == [("start",)]
    await settle()
    assert source.events == [("start",), ("pull",)]


async def test_a_read_before_start_is_done_does_not_pull() -> None:
    source, stream = source_and_stream(start=HOLD)
    read = stream.get_reader().read()
    await settle()
    assert source.events == [("start",)]
    source.controller.enqueue("a")
    assert outcome(read) == ("fulfilled", ("a", False))
    source.resolve("start")
    await settle()
    assert source.events == [("start",), ("pull",)]


async def test_without_room_pull_waits_for_a_read() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 0})
    await settle()
    assert source.events == [("start",)]
    reader = stream.get_reader()
    read = reader.read()
    assert source.events == [("start",), ("pull",)]  # at once
    source.controller.enqueue("a")
    await read
    await settle()
    assert source.events == [("start",), ("pull",)]


async def test_pull_is_called_until_the_queue_is_full() -> None:
    source, _ = source_and_stream(pull=lambda controller: controller.enqueue("x"), strategy={"high_water_mark": 3})
    await settle()
    assert source.events.count(("pull",)) == 3
    assert source.controller.desired_size == 0


async def test_pull_that_enqueues_nothing_is_not_called_again_by_itself() -> None:
    source, _ = source_and_stream(strategy={"high_water_mark": 3})
    await settle()
    assert source.events.count(("pull",)) == 1


async def test_one_pull_at_a_time_and_one_more_when_it_was_wanted_meanwhile() -> None:
    source, stream = source_and_stream(pull=HOLD, strategy={"high_water_mark": 0})
    reader = stream.get_reader()
    await settle()
    reads = [reader.read(), reader.read(), reader.read()]
    await settle()
    assert source.events.count(("pull",)) == 1
    source.controller.enqueue("a")
    source.resolve("pull")
    await settle()
    assert source.events.count(("pull",)) == 2
    source.controller.enqueue("b")
    source.controller.enqueue("c")
    source.resolve("pull")
    await settle()
    assert source.events.count(("pull",)) == 2
    assert [outcome(one)[1] for one in reads] == [("a", False), ("b", False), ("c", False)]


@pytest.mark.parametrize("end", ["close", "error", "cancel"])
async def test_a_stream_that_ends_during_pull_is_not_pulled_again(end: str) -> None:
    source, stream = source_and_stream(pull=HOLD, strategy={"high_water_mark": 2})
    await settle()
    source.controller.enqueue("a")  # wants one more pull
    if end == "cancel":
        await stream.cancel()
    else:
        getattr(source.controller, end)()
    source.resolve("pull")
    await settle()
    assert source.events.count(("pull",)) == 1


@pytest.mark.parametrize("how", ["raises", "rejects"])
async def test_what_pull_fails_with_errors_the_stream(how: str) -> None:
    source, stream = source_and_stream(pull=ERROR if how == "raises" else HOLD)
    reader = stream.get_reader()
    await settle()
    if how == "rejects":
        source.reject("pull", ERROR)
        await settle()
    assert outcome(reader.closed) == rejected(ERROR)


async def test_pull_that_closes_and_then_fails_leaves_the_stream_closed() -> None:
    def pull(controller: Any) -> None:
        controller.close()
        raise ERROR

    _, stream = source_and_stream(pull=pull)
    await settle()
    assert await read_all(stream) == []


async def test_what_start_rejects_with_errors_the_stream() -> None:
    source, stream = source_and_stream(start=HOLD)
    reader = stream.get_reader()
    read = reader.read()
    source.reject("start", ERROR)
    await settle()
    assert outcome(read) == rejected(ERROR)
    assert source.events == [("start",)]


async def test_start_may_close_or_error_before_it_is_done() -> None:
    closed: ReadableStream[Any] = ReadableStream({"start": lambda controller: controller.close()})
    assert await read_all(closed) == []
    errored: ReadableStream[Any] = ReadableStream({"start": lambda controller: controller.error(ERROR)})
    assert outcome(errored.get_reader().closed) == rejected(ERROR)


async def test_the_callbacks_may_be_coroutine_functions() -> None:
    class Source:
        async def start(self, controller: Any) -> None:
            controller.enqueue("started")

        async def pull(self, controller: Any) -> None:
            controller.enqueue("pulled")
            controller.close()

    stream: ReadableStream[Any] = ReadableStream(Source(), {"high_water_mark": 2})
    assert await read_all(stream) == ["started", "pulled"]


async def test_pull_is_called_one_microtask_after_construction() -> None:
    trace = EventTrace()
    trace.clock(3)
    source_and_stream(trace)
    trace.log("constructed")
    await settle()
    assert trace.events.index(("pull",)) < trace.events.index(("hop", 2))
    assert trace.events[:2] == [("start",), ("constructed",)]


async def test_the_second_pull_comes_two_microtasks_after_the_first_was_answered() -> None:
    trace = EventTrace()
    source, _ = source_and_stream(trace, pull=HOLD, strategy={"high_water_mark": 2})
    await settle()
    source.controller.enqueue("a")
    trace.take()
    source.resolve("pull")
    trace.clock(2)
    await settle()
    # The first for the promise that Web IDL makes of the one that `pull` returned.
    assert trace.events == [("hop", 1), ("pull",), ("hop", 2)]


async def test_the_source_is_let_go_of_when_the_stream_has_ended() -> None:
    source, stream = source_and_stream()
    source.controller.error(ERROR)
    await settle()
    assert outcome(stream.cancel("why")) == rejected(ERROR)
    assert source.events == [("start",)]
