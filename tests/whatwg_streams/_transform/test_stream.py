"""§6.2 The TransformStream class."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from tests.support import LoopErrors, LoopFactory, settle
from tests.support.recording import (
    FULFILLED,
    HOLD,
    PENDING,
    RecordingTransformer,
    outcome,
    rejected,
)
from whatwg_streams import RangeError, ReadableStream, TransformStream, WritableStream


class Chosen(Exception):
    """An error that only a test raises."""


class Logger:
    """An argument that writes down in which order its members are asked for."""

    def __init__(self, log: list[str], name: str, **values: Any) -> None:
        self._log = log
        self._name = name
        self._values = values

    def __getattr__(self, member: str) -> Any:
        self._log.append(f"{self._name}.{member}")
        return self._values.get(member)


# The constructor ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, "transformer", b"", True, 1.5, 1j], ids=repr)
def test_an_argument_that_is_no_object_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="transformer"):
        TransformStream(value)
    with pytest.raises(TypeError, match="writable_strategy"):
        TransformStream(None, value)
    with pytest.raises(TypeError, match="readable_strategy"):
        TransformStream(None, None, value)


@pytest.mark.parametrize("name", ["readable_type", "writable_type"])
@pytest.mark.parametrize("value", ["bytes", "", 0, object()], ids=["bytes", "empty", "zero", "object"])
def test_a_transformer_with_a_type_is_a_range_error(name: str, value: object) -> None:
    with pytest.raises(RangeError, match=name):
        TransformStream({name: value})


def test_types_that_are_none_are_missing_ones() -> None:
    TransformStream({"readable_type": None, "writable_type": None})


@pytest.mark.parametrize("high_water_mark", [-1, math.nan, "many"])
def test_a_high_water_mark_that_is_negative_or_nan_is_a_range_error(high_water_mark: object) -> None:
    with pytest.raises(RangeError):
        TransformStream(None, {"high_water_mark": high_water_mark})
    with pytest.raises(RangeError):
        TransformStream(None, None, {"high_water_mark": high_water_mark})


def test_a_size_that_is_no_function_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"writable_strategy\.size"):
        TransformStream(None, {"size": 1})
    with pytest.raises(TypeError, match=r"readable_strategy\.size"):
        TransformStream(None, None, {"size": 1})


def test_the_arguments_are_read_in_order_and_the_types_refused_before_the_high_water_marks() -> None:
    log: list[str] = []
    impossible = {"high_water_mark": -1}
    with pytest.raises(RangeError, match="writable_type"):
        TransformStream(
            Logger(log, "transformer", writable_type="x"),
            Logger(log, "writable", **impossible),
            Logger(log, "readable", **impossible),
        )
    assert log == [
        "writable.high_water_mark",
        "writable.size",
        "readable.high_water_mark",
        "readable.size",
        "transformer.cancel",
        "transformer.flush",
        "transformer.readable_type",
        "transformer.start",
        "transformer.transform",
        "transformer.writable_type",
    ]


def test_start_is_not_called_when_an_argument_is_refused() -> None:
    transformer = RecordingTransformer()
    for strategies in [({"high_water_mark": -1}, None), (None, {"high_water_mark": -1})]:
        with pytest.raises(RangeError):
            TransformStream(transformer, *strategies)
    assert transformer.events == []


async def test_by_default_the_writable_side_takes_one_chunk_and_the_readable_side_none() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(transformer)
    assert stream.writable.get_writer().desired_size == 1
    assert transformer.controller.desired_size == 0


async def test_each_strategy_is_that_of_its_side() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[int, int] = TransformStream(
        transformer,
        {"high_water_mark": 10, "size": lambda chunk: chunk},
        {"high_water_mark": 20, "size": lambda chunk: chunk * 2},
    )
    writer = stream.writable.get_writer()
    assert (writer.desired_size, transformer.controller.desired_size) == (10, 20)
    write = writer.write(3)
    assert (writer.desired_size, transformer.controller.desired_size) == (7, 20)
    await write
    assert (writer.desired_size, transformer.controller.desired_size) == (10, 14)


async def test_arguments_may_be_named() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(
        transformer=transformer, writable_strategy={"high_water_mark": 4}, readable_strategy={"high_water_mark": 5}
    )
    assert (stream.writable.get_writer().desired_size, transformer.controller.desired_size) == (4, 5)


# The sides ---------------------------------------------------------------------------------------


async def test_the_sides_are_a_readable_and_a_writable_stream_and_always_the_same() -> None:
    stream: TransformStream[str, str] = TransformStream()
    assert type(stream.readable) is ReadableStream
    assert type(stream.writable) is WritableStream
    assert stream.readable is stream.readable
    assert stream.writable is stream.writable
    for name in ("readable", "writable"):
        with pytest.raises(AttributeError):
            setattr(stream, name, None)


async def test_repr_shows_both_sides() -> None:
    stream: TransformStream[str, str] = TransformStream()
    stream.writable.get_writer()
    assert repr(stream) == "<TransformStream from <WritableStream writable, locked> to <ReadableStream readable>>"


# The identity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transformer", [None, {}, object()], ids=["none", "mapping", "object"])
async def test_without_a_transform_chunks_come_out_as_they_went_in(transformer: object) -> None:
    stream: TransformStream[object, object] = TransformStream(transformer)
    chunks = [None, 1, "a", object(), Chosen(), []]
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    for chunk in chunks:
        writer.write(chunk)
    close = writer.close()
    for chunk in chunks:
        value, done = await reader.read()
        assert value is chunk
        assert not done
    assert (await reader.read()).done
    await close
    assert (outcome(writer.closed), outcome(reader.closed)) == (FULFILLED, FULFILLED)


async def test_a_transform_may_give_no_chunk_or_several() -> None:
    def transform(chunk: int, controller: Any) -> None:
        for _ in range(chunk):
            controller.enqueue(chunk)

    stream: TransformStream[int, int] = TransformStream({"transform": transform})
    writer = stream.writable.get_writer()
    for chunk in (0, 3, 1):
        writer.write(chunk)
    writer.close()
    assert [chunk async for chunk in stream.readable] == [3, 3, 3, 1]


async def test_a_generator_of_bytes_goes_through_a_pipe() -> None:
    stream: TransformStream[bytes, str] = TransformStream(
        {"transform": lambda chunk, controller: controller.enqueue(chunk.decode())}
    )
    source = ReadableStream[bytes].from_([b"a", b"b"])
    assert [chunk async for chunk in source.pipe_through(stream)] == ["a", "b"]


# Start -------------------------------------------------------------------------------------------


async def test_start_finds_both_sides_and_may_enqueue() -> None:
    transformer = RecordingTransformer(start=lambda controller: controller.enqueue("first"))
    stream: TransformStream[str, str] = TransformStream(transformer, None, {"high_water_mark": 1})
    assert transformer.controller.desired_size == 0
    assert (await stream.readable.get_reader().read()).value == "first"


async def test_nothing_is_transformed_before_start_is_done() -> None:
    transformer = RecordingTransformer(start=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer)
    write, read = stream.writable.get_writer().write("a"), stream.readable.get_reader().read()
    await settle()
    assert transformer.events == [("start",)]
    transformer.resolve("start")
    assert (await read).value == "a"
    await write
    assert transformer.events == [("start",), ("transform", "a")]


async def test_a_start_may_be_a_coroutine_function() -> None:
    log: list[str] = []

    class Transformer:
        async def start(self, controller: Any) -> None:
            await settle(3)
            controller.enqueue("started")
            log.append("started")

        async def transform(self, chunk: str, controller: Any) -> None:
            log.append(chunk)
            await settle(3)
            controller.enqueue(chunk)

        async def flush(self, controller: Any) -> None:
            await settle(3)
            controller.enqueue("flushed")

    stream: TransformStream[str, str] = TransformStream(Transformer())
    writer = stream.writable.get_writer()
    writer.write("a")
    writer.close()
    assert [chunk async for chunk in stream.readable] == ["started", "a", "flushed"]
    assert log == ["started", "a"]


async def test_the_constructor_raises_what_start_raises() -> None:
    error = Chosen()
    with pytest.raises(Chosen) as raised:
        TransformStream(RecordingTransformer(start=error))
    assert raised.value is error


async def test_a_start_that_rejects_errors_both_sides_and_is_not_reported() -> None:
    error = Chosen()
    transformer = RecordingTransformer(start=HOLD)
    stream: TransformStream[str, str] = TransformStream(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    transformer.reject("start", error)
    await settle()
    assert (outcome(writer.closed), outcome(reader.closed)) == (rejected(error), rejected(error))
    assert transformer.events == [("start",)]


async def test_a_start_that_errors_and_raises_raises() -> None:
    def start(controller: Any) -> None:
        controller.error("boom")
        raise Chosen

    with pytest.raises(Chosen):
        TransformStream(RecordingTransformer(start=start))


# Failures nobody looks at ------------------------------------------------------------------------


async def test_a_failed_transform_is_reported_once_as_the_failure_of_the_write(loop_errors: LoopErrors) -> None:
    stream: TransformStream[str, str] = TransformStream(RecordingTransformer(transform=Chosen()))
    reader = stream.readable.get_reader()
    reader.read().catch(lambda _: None)
    stream.writable.get_writer().write("a")
    await settle()
    del stream, reader
    assert [type(context["exception"]) for context in loop_errors.take()] == [Chosen]


async def test_a_failed_cancel_is_reported_once(loop_errors: LoopErrors) -> None:
    TransformStream[str, str](RecordingTransformer(cancel=Chosen())).readable.cancel("why")
    await settle()
    assert [type(context["exception"]) for context in loop_errors.take()] == [Chosen]


async def test_a_failed_flush_is_reported_once_as_the_failure_of_the_close(loop_errors: LoopErrors) -> None:
    TransformStream[str, str](RecordingTransformer(flush=Chosen())).writable.close()
    await settle()
    assert [type(context["exception"]) for context in loop_errors.take()] == [Chosen]


async def test_an_errored_stream_that_nobody_uses_is_not_reported() -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(transformer)
    stream.writable.get_writer()
    stream.readable.get_reader()
    transformer.controller.error(Chosen())
    await settle()


# No loop -----------------------------------------------------------------------------------------


def test_a_stream_built_and_used_where_no_loop_runs_starts_when_one_does(loop_factory: LoopFactory) -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(transformer)
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    write, close, read = writer.write("a"), writer.close(), reader.read()
    assert outcome(write) == PENDING

    async def main() -> None:
        assert (await read).value == "a"
        await close

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert transformer.events == [("start",), ("transform", "a"), ("flush",)]
