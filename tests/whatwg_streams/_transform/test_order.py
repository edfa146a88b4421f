"""The order in which promises settle and callbacks run, derived by hand from §6.

A hop is one turn of the microtask queue: a reaction runs one hop after its promise has settled. The
result of reacting, where a reaction returns a promise, follows it two hops later.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.support import settle
from tests.support.recording import HOLD, EventTrace, RecordingTransformer
from whatwg_streams import (
    Promise,
    ReadableStreamDefaultReader,
    TransformStream,
    TransformStreamDefaultController,
    WritableStreamDefaultWriter,
)


class Setup(NamedTuple):
    trace: EventTrace
    transformer: RecordingTransformer
    writer: WritableStreamDefaultWriter[str]
    reader: ReadableStreamDefaultReader[str]


async def started(**answers: Any) -> Setup:
    """Return both ends of a transform that has started, with their closed promises watched."""
    trace = EventTrace()
    transformer = RecordingTransformer(trace, **answers)
    stream: TransformStream[str, str] = TransformStream(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    trace.watch("writable closed", writer.closed)
    trace.watch("readable closed", reader.closed)
    await settle()
    trace.take()
    return Setup(trace, transformer, writer, reader)


def read_into(trace: EventTrace, reader: ReadableStreamDefaultReader[str]) -> None:
    reader.read().then(
        lambda result: trace.log("read", "done" if result.done else result.value),
        lambda reason: trace.log("read", "rejected", reason),
    )


async def test_the_identity_from_the_construction_on() -> None:
    trace = EventTrace()
    stream: TransformStream[str, str] = TransformStream()
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    trace.clock(8)
    trace.watch("write", writer.write("a"))
    trace.watch("ready", writer.ready)
    read_into(trace, reader)
    await settle()
    assert trace.events == [
        ("hop", 1),  # before it, each side had called then of the start promise
        ("hop", 2),
        ("hop", 3),  # before it, both have started: the write waits, and the pull ends backpressure
        ("hop", 4),
        ("read", "a"),  # in the hop before, the write went on
        ("hop", 5),
        ("hop", 6),
        ("hop", 7),  # before it, the promise that the reaction returned was followed
        ("write", "fulfilled"),
        ("ready", "fulfilled"),
        ("hop", 8),
    ]


async def test_a_transform_without_backpressure() -> None:
    trace, _, writer, reader = await started()
    read_into(trace, reader)
    trace.clock(4)
    trace.watch("write", writer.write("a"))
    trace.watch("ready", writer.ready)
    trace.log("calls done")
    await settle()
    assert trace.events == [
        ("transform", "a"),
        ("calls done",),
        ("hop", 1),
        ("read", "a"),
        ("hop", 2),  # the result of reacting to the transform fulfills here,
        ("hop", 3),  # and the write ends here
        ("write", "fulfilled"),
        ("ready", "fulfilled"),
        ("hop", 4),
    ]


async def test_a_close() -> None:
    trace, _, writer, _ = await started()
    trace.clock(4)
    trace.watch("close", writer.close())
    await settle()
    assert trace.events == [
        ("flush",),
        ("hop", 1),
        ("hop", 2),
        ("readable closed", "fulfilled"),
        ("hop", 3),
        ("close", "fulfilled"),
        ("writable closed", "fulfilled"),
        ("hop", 4),
    ]


async def test_a_close_with_a_flush_that_enqueues_for_a_reader_that_waits() -> None:
    trace, _, writer, reader = await started(flush=lambda controller: controller.enqueue("last"))
    read_into(trace, reader)
    read_into(trace, reader)
    trace.clock(4)
    trace.watch("close", writer.close())
    await settle()
    assert trace.events == [
        ("flush",),
        ("hop", 1),
        ("read", "last"),
        ("hop", 2),
        ("readable closed", "fulfilled"),
        ("read", "done"),
        ("hop", 3),
        ("close", "fulfilled"),
        ("writable closed", "fulfilled"),
        ("hop", 4),
    ]


async def test_an_abort() -> None:
    trace, transformer, writer, reader = await started()
    read_into(trace, reader)
    transformer.answers["cancel"] = lambda reason: trace.watch("ready", writer.ready)
    trace.clock(4)
    trace.watch("abort", writer.abort("why"))
    await settle()
    assert trace.events == [
        ("cancel", "why"),
        ("hop", 1),
        ("ready", "rejected", "why"),
        ("hop", 2),
        ("readable closed", "rejected", "why"),
        ("read", "rejected", "why"),
        ("hop", 3),
        ("abort", "fulfilled"),
        ("writable closed", "rejected", "why"),
        ("hop", 4),
    ]


async def test_an_abort_whose_cancel_rejects() -> None:
    trace, _, writer, _ = await started(cancel=Promise.reject("boom"))
    trace.clock(6)
    trace.watch("abort", writer.abort("why"))
    await settle()
    assert trace.events == [
        ("cancel", "why"),
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),
        ("hop", 4),
        ("readable closed", "rejected", "boom"),
        ("hop", 5),
        ("abort", "rejected", "boom"),
        ("writable closed", "rejected", "why"),
        ("hop", 6),
    ]


async def test_a_cancel() -> None:
    trace, _, _, reader = await started()
    trace.clock(4)
    read_into(trace, reader)
    trace.watch("cancel", reader.cancel("why"))
    await settle()
    assert trace.events == [
        ("cancel", "why"),
        ("hop", 1),
        ("readable closed", "fulfilled"),
        ("read", "done"),
        ("hop", 2),
        ("writable closed", "rejected", "why"),
        ("hop", 3),
        ("cancel", "fulfilled"),
        ("hop", 4),
    ]


async def test_a_cancel_while_a_write_waits_for_backpressure() -> None:
    trace, _, writer, reader = await started()
    trace.watch("write", writer.write("a"))
    trace.watch("ready", writer.ready)
    await settle()
    trace.clock(4)
    trace.watch("cancel", reader.cancel("why"))
    await settle()
    assert trace.events == [
        ("cancel", "why"),
        ("hop", 1),
        ("readable closed", "fulfilled"),
        ("hop", 2),
        ("ready", "rejected", "why"),
        # (Here the reaction to the change of backpressure throws.)
        ("hop", 3),
        ("cancel", "fulfilled"),
        ("hop", 4),
        ("write", "rejected", "why"),
        ("writable closed", "rejected", "why"),
    ]


async def test_a_transform_that_raises() -> None:
    error = ValueError()
    trace, _, writer, reader = await started(transform=error)
    read_into(trace, reader)
    await settle()
    trace.clock(4)
    trace.watch("write", writer.write("a"))
    trace.watch("ready", writer.ready)
    await settle()
    assert trace.events == [
        ("transform", "a"),
        ("hop", 1),
        ("hop", 2),
        ("readable closed", "rejected", error),
        ("read", "rejected", error),
        ("ready", "rejected", error),
        ("hop", 3),
        ("write", "rejected", error),
        ("writable closed", "rejected", error),
        ("hop", 4),
    ]


async def test_a_transform_that_terminates_with_another_write_to_come() -> None:
    def terminate(_: str, controller: TransformStreamDefaultController) -> None:
        controller.terminate()

    trace, _, writer, reader = await started(transform=terminate)
    read_into(trace, reader)
    await settle()
    trace.clock(4)
    trace.watch("a", writer.write("a"))
    trace.watch("ready", writer.ready)
    trace.watch("b", writer.write("b"))
    await settle()
    assert [event[:2] for event in trace.events] == [
        ("transform", "a"),
        ("hop", 1),
        ("readable closed", "fulfilled"),
        ("read", "done"),
        ("ready", "rejected"),
        ("b", "rejected"),
        ("hop", 2),
        ("hop", 3),
        ("a", "fulfilled"),
        ("writable closed", "rejected"),
        ("hop", 4),
    ]


async def test_a_close_while_a_cancel_is_under_way() -> None:
    trace, transformer, writer, reader = await started(cancel=HOLD)
    trace.watch("cancel", reader.cancel("why"))
    trace.watch("close", writer.close())
    await settle()
    trace.take()
    trace.clock(5)
    transformer.resolve("cancel")
    await settle()
    assert trace.events == [
        ("hop", 1),
        ("hop", 2),
        ("hop", 3),  # before it, the end under way ended: the cancel reacts to that, and so does the close
        ("hop", 4),
        ("cancel", "fulfilled"),
        ("close", "fulfilled"),
        ("writable closed", "fulfilled"),
        ("hop", 5),
    ]
