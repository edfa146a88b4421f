"""The order in which promises settle and callbacks run, derived by hand from §5.

A hop is one turn of the microtask queue: a reaction runs one hop after its promise has settled. What a
callback returns becomes "a promise resolved with" it: at once for a plain value, two hops later for a
promise that is fulfilled.
"""

from __future__ import annotations

from typing import Any

from tests.support import settle
from tests.support.recording import HOLD, EventTrace, RecordingSink
from whatwg_streams import Promise, WritableStream, WritableStreamDefaultWriter


async def started(trace: EventTrace, **answers: Any) -> tuple[RecordingSink, WritableStreamDefaultWriter[str]]:
    """Return a sink that has started and its writer; the trace is empty."""
    sink = RecordingSink(trace, **answers)
    writer = WritableStream[str](sink).get_writer()
    await settle()
    trace.take()
    return sink, writer


async def test_two_writes_and_a_close_before_the_start() -> None:
    trace = EventTrace()
    writer = WritableStream[str](RecordingSink(trace)).get_writer()
    trace.clock(5)
    trace.watch("ready", writer.ready)
    trace.watch("closed", writer.closed)
    trace.watch("a", writer.write("a"))
    trace.watch("ready again", writer.ready)
    trace.watch("b", writer.write("b"))
    trace.watch("close", writer.close())
    trace.log("calls done")
    await settle()
    assert trace.events == [
        ("start",),
        ("calls done",),
        # The reaction to the start was queued first of all.
        ("write", "a"),
        ("hop", 1),
        ("ready", "fulfilled"),
        ("ready again", "fulfilled"),  # by close(), which does not wait for backpressure
        ("write", "b"),
        ("hop", 2),
        ("a", "fulfilled"),
        ("close",),
        ("hop", 3),
        ("b", "fulfilled"),
        ("hop", 4),
        ("close", "fulfilled"),
        ("closed", "fulfilled"),
        ("hop", 5),
    ]


async def test_ready_is_fulfilled_after_the_write_that_ended_backpressure() -> None:
    trace = EventTrace()
    _, writer = await started(trace)
    trace.clock(4)
    trace.watch("a", writer.write("a"))
    trace.watch("ready for b", writer.ready)
    trace.watch("b", writer.write("b"))
    trace.log("calls done")
    await settle()
    assert trace.events == [
        ("write", "a"),
        ("calls done",),
        ("hop", 1),
        ("write", "b"),
        ("hop", 2),
        ("a", "fulfilled"),
        ("hop", 3),
        ("b", "fulfilled"),
        ("ready for b", "fulfilled"),
        ("hop", 4),
    ]


async def test_a_write_that_returns_a_promise_takes_two_hops_more() -> None:
    trace = EventTrace()
    _, writer = await started(trace, write=lambda *_: Promise.resolve())
    trace.clock(5)
    trace.watch("a", writer.write("a"))
    await settle()
    assert trace.events == [
        ("write", "a"),
        ("hop", 1),  # and here the promise's then is called
        ("hop", 2),  # here its reaction settles the promise of the callback,
        ("hop", 3),  # here the write ends,
        ("hop", 4),
        ("a", "fulfilled"),  # and here we hear of it
        ("hop", 5),
    ]


async def test_a_start_that_returns_a_promise_takes_two_hops_more() -> None:
    trace = EventTrace()
    writer = WritableStream[str](RecordingSink(trace, start=Promise.resolve())).get_writer()
    trace.clock(4)
    writer.write("a")
    await settle()
    assert trace.events == [("start",), ("hop", 1), ("hop", 2), ("write", "a"), ("hop", 3), ("hop", 4)]


async def test_an_abort_while_a_write_is_in_flight_and_another_queued() -> None:
    trace = EventTrace()
    sink, writer = await started(trace, write=HOLD)
    trace.watch("a", writer.write("a"))
    trace.watch("b", writer.write("b"))
    await settle()
    sink.controller.signal.add_event_listener("abort", lambda event: trace.log("signal", event.target.reason))
    trace.watch("ready", writer.ready)
    trace.watch("closed", writer.closed)
    trace.take()

    trace.clock(5)
    trace.watch("abort", writer.abort("why"))
    sink.resolve("write")
    trace.log("calls done")
    await settle()
    assert trace.events == [
        ("signal", "why"),
        ("calls done",),
        ("hop", 1),
        ("ready", "rejected", "why"),
        ("hop", 2),
        ("abort", "why"),
        ("hop", 3),
        ("a", "fulfilled"),
        ("b", "rejected", "why"),
        ("hop", 4),
        ("abort", "fulfilled"),
        ("closed", "rejected", "why"),
        ("hop", 5),
    ]


async def test_an_abort_that_the_sink_fails() -> None:
    trace = EventTrace()
    _, writer = await started(trace, abort=Promise.reject("boom"))
    trace.watch("closed", writer.closed)
    trace.watch("ready", writer.ready)
    await settle()
    trace.take()

    trace.clock(5)
    trace.watch("abort", writer.abort("why"))
    trace.watch("ready now", writer.ready)
    await settle()
    assert trace.events == [
        ("abort", "why"),
        ("hop", 1),
        ("ready now", "rejected", "why"),
        ("hop", 2),
        ("hop", 3),
        ("hop", 4),
        ("abort", "rejected", "boom"),
        ("closed", "rejected", "why"),
        ("hop", 5),
    ]


async def test_an_abort_before_the_start() -> None:
    trace = EventTrace()
    writer = WritableStream[str](RecordingSink(trace)).get_writer()
    trace.clock(3)
    trace.watch("a", writer.write("a"))
    trace.watch("close", writer.close())
    trace.watch("closed", writer.closed)
    trace.watch("ready", writer.ready)
    trace.watch("abort", writer.abort("why"))
    trace.watch("ready now", writer.ready)
    await settle()
    assert trace.events == [
        ("start",),
        ("abort", "why"),
        ("hop", 1),
        ("ready", "fulfilled"),
        ("ready now", "rejected", "why"),
        ("a", "rejected", "why"),
        ("hop", 2),
        ("abort", "fulfilled"),
        ("close", "rejected", "why"),
        ("closed", "rejected", "why"),
        ("hop", 3),
    ]


async def test_an_abort_while_a_close_is_in_flight_that_succeeds() -> None:
    trace = EventTrace()
    sink, writer = await started(trace, close=HOLD)
    trace.watch("closed", writer.closed)
    trace.watch("close", writer.close())
    await settle()
    trace.take()

    trace.clock(4)
    trace.watch("abort", writer.abort("why"))
    trace.watch("ready", writer.ready)
    sink.resolve("close")
    await settle()
    assert trace.events == [
        ("hop", 1),
        ("ready", "rejected", "why"),
        ("hop", 2),
        ("hop", 3),
        ("close", "fulfilled"),
        ("abort", "fulfilled"),
        ("closed", "fulfilled"),
        ("hop", 4),
    ]


async def test_an_abort_while_a_close_is_in_flight_that_fails() -> None:
    trace = EventTrace()
    sink, writer = await started(trace, close=HOLD)
    trace.watch("closed", writer.closed)
    trace.watch("close", writer.close())
    await settle()
    trace.take()

    trace.clock(4)
    trace.watch("abort", writer.abort("why"))
    sink.reject("close", "boom")
    await settle()
    assert trace.events == [
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),
        ("close", "rejected", "boom"),
        ("abort", "rejected", "boom"),
        ("closed", "rejected", "why"),
        ("hop", 4),
    ]


async def test_a_write_that_fails_with_another_and_a_close_queued() -> None:
    trace = EventTrace()
    sink, writer = await started(trace, write=HOLD)
    trace.watch("closed", writer.closed)
    trace.watch("a", writer.write("a"))
    trace.watch("ready", writer.ready)
    trace.watch("b", writer.write("b"))
    await settle()
    trace.take()

    trace.clock(4)
    sink.reject("write", "boom")
    await settle()
    assert trace.events == [
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),
        ("a", "rejected", "boom"),
        ("ready", "rejected", "boom"),
        ("b", "rejected", "boom"),
        ("closed", "rejected", "boom"),
        ("hop", 4),
    ]


async def test_a_write_that_raises_with_a_close_queued() -> None:
    trace = EventTrace()
    error = ValueError()
    _, writer = await started(trace, write=error)
    trace.clock(3)
    trace.watch("closed", writer.closed)
    trace.watch("a", writer.write("a"))
    trace.watch("ready", writer.ready)
    trace.watch("b", writer.write("b"))
    trace.watch("close", writer.close())
    await settle()
    assert trace.events == [
        ("write", "a"),
        ("hop", 1),
        # (Here the write has ended; ready was fulfilled by close(), and was replaced.)
        ("ready", "fulfilled"),
        ("hop", 2),
        ("a", "rejected", error),
        ("b", "rejected", error),
        ("close", "rejected", error),
        ("closed", "rejected", error),
        ("hop", 3),
    ]


async def test_an_error_while_a_write_is_in_flight() -> None:
    trace = EventTrace()
    sink, writer = await started(trace, write=HOLD)
    trace.watch("closed", writer.closed)
    trace.watch("a", writer.write("a"))
    trace.watch("b", writer.write("b"))
    trace.watch("close", writer.close())
    await settle()
    trace.take()

    trace.clock(4)
    sink.controller.error("boom")
    trace.watch("ready", writer.ready)
    trace.watch("abort", writer.abort("why"))
    sink.resolve("write")
    await settle()
    assert trace.events == [
        ("hop", 1),
        ("ready", "rejected", "boom"),
        ("hop", 2),
        ("hop", 3),
        ("a", "fulfilled"),
        ("b", "rejected", "boom"),
        ("abort", "rejected", "boom"),
        ("close", "rejected", "boom"),
        ("closed", "rejected", "boom"),
        ("hop", 4),
    ]


async def test_releasing_rejects_ready_before_closed() -> None:
    trace = EventTrace()
    writer = WritableStream[str](None, {"high_water_mark": 0}).get_writer()
    trace.watch("closed", writer.closed)
    trace.watch("ready", writer.ready)
    writer.release_lock()
    await settle()
    assert [event[:2] for event in trace.events] == [("ready", "rejected"), ("closed", "rejected")]
