"""§5.4 The WritableStreamDefaultController class: https://streams.spec.whatwg.org/#ws-default-controller-class

And §5.5.2 and §5.5.4, what it and the stream do with each other.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, HOLD, PENDING, EventTrace, RecordingSink, outcome, rejected
from whatwg_streams import AbortSignal, WritableStream, WritableStreamDefaultController

ERROR = ValueError("the reason")
ANOTHER = KeyError("another reason")


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        WritableStreamDefaultController()


def test_the_signal() -> None:
    sink = RecordingSink()
    WritableStream(sink)
    assert isinstance(sink.controller.signal, AbortSignal)
    assert not sink.controller.signal.aborted


# error --------------------------------------------------------------------------------------------


async def test_an_error_of_an_idle_stream_takes_effect_at_once() -> None:
    sink = RecordingSink()
    writer = WritableStream[Any](sink).get_writer()
    await settle()
    sink.controller.error(ERROR)
    assert outcome(writer.closed) == rejected(ERROR)
    assert outcome(writer.ready) == rejected(ERROR)
    assert writer.desired_size is None
    assert sink.events == [("start",)]  # neither aborted nor closed


async def test_an_error_before_start_is_done_waits_for_it() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    write = writer.write("a")
    sink.controller.error(ERROR)
    assert outcome(writer.ready) == rejected(ERROR)
    assert [outcome(one) for one in (write, writer.closed)] == [PENDING] * 2
    sink.resolve("start")
    await settle()
    assert [outcome(one) for one in (write, writer.closed)] == [rejected(ERROR)] * 2
    assert sink.events == [("start",)]


async def test_an_error_during_a_write_waits_for_it() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    await settle()
    first, second = writer.write("a"), writer.write("b")
    sink.controller.error(ERROR)
    assert [outcome(one) for one in (first, second, writer.closed)] == [PENDING] * 3
    sink.resolve("write")
    await settle()
    assert outcome(first) == FULFILLED
    assert [outcome(one) for one in (second, writer.closed)] == [rejected(ERROR)] * 2


async def test_an_error_during_a_write_that_then_fails_keeps_the_first_error() -> None:
    sink = RecordingSink(write=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    await settle()
    write = writer.write("a")
    sink.controller.error(ERROR)
    sink.reject("write", ANOTHER)
    await settle()
    assert outcome(write) == rejected(ANOTHER)
    assert outcome(writer.closed) == rejected(ERROR)


async def test_an_error_during_a_close_that_then_succeeds_is_forgotten() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    await settle()
    closing = writer.close()
    sink.controller.error(ERROR)
    sink.resolve("close")
    await settle()
    assert outcome(closing) == FULFILLED
    assert outcome(writer.closed) == FULFILLED
    assert writer.desired_size == 0


async def test_an_error_during_a_close_that_then_fails() -> None:
    sink = RecordingSink(close=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    await settle()
    closing = writer.close()
    sink.controller.error(ERROR)
    sink.reject("close", ANOTHER)
    await settle()
    assert outcome(closing) == rejected(ANOTHER)
    assert outcome(writer.closed) == rejected(ERROR)


@pytest.mark.parametrize("state", ["closed", "errored", "erroring"])
async def test_an_error_of_a_stream_that_is_not_writable_does_nothing(state: str) -> None:
    sink = RecordingSink(start=HOLD)
    stream: WritableStream[Any] = WritableStream(sink)
    if state == "erroring":
        sink.controller.error(ANOTHER)
    sink.resolve("start")
    if state == "closed":
        await stream.close()
    if state == "errored":
        await settle()
        sink.controller.error(ANOTHER)
    sink.controller.error(ERROR)
    await settle()
    assert outcome(stream.get_writer().closed) == (FULFILLED if state == "closed" else rejected(ANOTHER))


async def test_an_error_without_a_reason() -> None:
    sink = RecordingSink()
    stream: WritableStream[Any] = WritableStream(sink)
    await settle()
    sink.controller.error()
    assert outcome(stream.get_writer().closed) == rejected(None)


@pytest.mark.parametrize("callback", ["start", "write", "close"])
async def test_the_callbacks_may_error_the_stream(callback: str) -> None:
    def error(*arguments: Any) -> None:
        sink.controller.error(ERROR)

    answers: dict[str, Any] = {callback: error}
    sink = RecordingSink(**answers)
    writer = WritableStream[Any](sink).get_writer()
    write, closing = writer.write("a"), writer.close()
    await settle()
    if callback == "start":
        assert outcome(write) == rejected(ERROR)
        assert sink.events == [("start",)]
    else:
        assert outcome(write) == FULFILLED
    assert outcome(closing) == (FULFILLED if callback == "close" else rejected(ERROR))


# start, and the pace ------------------------------------------------------------------------------


async def test_what_start_rejects_with_errors_the_stream() -> None:
    sink = RecordingSink(start=HOLD)
    writer = WritableStream[Any](sink).get_writer()
    write, closing = writer.write("a"), writer.close()
    sink.reject("start", ERROR)
    await settle()
    assert [outcome(one) for one in (write, closing, writer.closed)] == [rejected(ERROR)] * 3
    assert sink.events == [("start",)]


async def test_writing_within_write_is_queued() -> None:
    def write(chunk: str, _controller: object) -> None:
        if chunk == "a":
            later.append(writer.write("b"))
            assert sink.events == [("start",), ("write", "a")]

    later: list[Any] = []
    sink = RecordingSink(write=write)
    writer = WritableStream[Any](sink).get_writer()
    await writer.write("a")
    await later[0]
    assert sink.events == [("start",), ("write", "a"), ("write", "b")]


async def test_the_pace_of_writes_that_return_nothing() -> None:
    trace = EventTrace()
    writer = WritableStream[Any](RecordingSink(trace)).get_writer()
    await settle()
    trace.take()
    trace.watch("first", writer.write("a"))
    trace.watch("second", writer.write("b"))
    trace.clock(3)
    await settle()
    assert trace.events == [
        ("write", "a"),
        ("write", "b"),  # in the reaction to the first, which is then fulfilled
        ("hop", 1),
        ("first", "fulfilled"),
        ("hop", 2),
        ("second", "fulfilled"),
        ("hop", 3),
    ]


async def test_the_callbacks_may_be_coroutine_functions() -> None:
    class Sink:
        written: tuple[object, ...] = ()

        async def write(self, chunk: object) -> None:
            self.written += (chunk,)

        async def close(self) -> None:
            self.written += ("closed",)

    sink = Sink()
    writer = WritableStream[Any](sink).get_writer()
    await writer.write("a")
    await writer.close()
    assert sink.written == ("a", "closed")
