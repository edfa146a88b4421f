"""§5.2.3 The underlying sink API: which callbacks a sink may have, and how they are called."""

from __future__ import annotations

import asyncio
import contextvars
from collections import UserDict
from functools import partial
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, RecordingSink, members, outcome, reason_of, rejected
from whatwg_streams import AbortError, Promise, WritableStream, WritableStreamDefaultController
from whatwg_streams._writable.underlying_sink import UnderlyingSinkDict, convert_underlying_sink


class Chosen(Exception):
    """An error that only a test raises."""


# Conversion --------------------------------------------------------------------------------------


def test_no_sink_is_an_empty_dictionary() -> None:
    assert convert_underlying_sink(None) == UnderlyingSinkDict(None, None, None, None, None)


def test_members_that_are_missing_or_none_are_none() -> None:
    assert convert_underlying_sink({}) == UnderlyingSinkDict()
    assert convert_underlying_sink(object()) == UnderlyingSinkDict()
    assert convert_underlying_sink(dict.fromkeys(UnderlyingSinkDict._fields)) == UnderlyingSinkDict()


@pytest.mark.parametrize("name", ["abort", "close", "start", "write"])
@pytest.mark.parametrize("value", [0, "function", object()], ids=["int", "str", "object"])
def test_a_callback_that_is_not_callable_is_a_type_error(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"underlying_sink.{name}"):
        WritableStream({name: value})


def test_what_a_member_raises_when_asked_for_is_raised() -> None:
    class Sink:
        @property
        def write(self) -> object:
            raise Chosen

    with pytest.raises(Chosen):
        WritableStream(Sink())


# Objects and mappings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda sink: sink,
        lambda sink: members(sink, "start", "write", "close", "abort"),
        lambda sink: UserDict(members(sink, "start", "write", "close", "abort")),
    ],
    ids=["object", "dict", "mapping"],
)
async def test_a_sink_may_be_an_object_or_a_mapping(form: Any) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](form(sink)).get_writer()
    writer.write("a")
    await writer.close()
    assert sink.events == [("start",), ("write", "a"), ("close",)]
    sink = RecordingSink()
    await WritableStream[str](form(sink)).abort("why")
    assert sink.events == [("start",), ("abort", "why")]


async def test_the_members_of_a_mapping_are_not_looked_for_among_its_attributes() -> None:
    class Mapping(dict[str, Any]):
        def write(self) -> None:
            raise Chosen

    await WritableStream[str](Mapping()).get_writer().write("a")


async def test_a_sink_may_be_a_class_with_static_methods() -> None:
    log: list[object] = []

    class Sink:
        @staticmethod
        def write(chunk: str) -> None:
            log.append(chunk)

    await WritableStream[str](Sink).get_writer().write("a")
    assert log == ["a"]


@pytest.mark.parametrize("present", ["write", "close", "abort"])
async def test_callbacks_that_are_missing_do_nothing(present: str) -> None:
    sink = RecordingSink()
    writer = WritableStream[str](members(sink, "start", present)).get_writer()
    await writer.write("a")
    await writer.close()
    await WritableStream[str](members(sink, "start", present)).abort("why")
    called: dict[str, tuple[object, ...]] = {"write": ("write", "a"), "close": ("close",), "abort": ("abort", "why")}
    assert [event for event in sink.events if event != ("start",)] == [called[present]]


async def test_a_callback_replaced_after_the_construction_is_not_called() -> None:
    sink = RecordingSink()
    sink_members = members(sink, "start", "write")
    stream: WritableStream[str] = WritableStream(sink_members)
    sink_members["write"] = pytest.fail
    await stream.get_writer().write("a")
    assert sink.events == [("start",), ("write", "a")]


# Arguments ---------------------------------------------------------------------------------------


async def test_start_and_write_are_given_the_controller() -> None:
    given: list[tuple[object, ...]] = []
    sink = {"start": lambda *a: given.append(a), "write": lambda *a: given.append(a)}
    await WritableStream[str](sink).get_writer().write("a")
    [(controller,), (chunk, same)] = given
    assert isinstance(controller, WritableStreamDefaultController)
    assert chunk == "a"
    assert same is controller


async def test_close_is_given_nothing_and_abort_the_reason() -> None:
    given: list[tuple[object, ...]] = []
    sink = {"close": lambda *a: given.append(a), "abort": lambda *a: given.append(a)}
    await WritableStream[str](sink).close()
    await WritableStream[str](sink).abort("why")
    assert given == [(), ("why",)]


async def test_functions_may_take_fewer_arguments_than_they_are_given() -> None:
    log: list[object] = []

    class Sink:
        def start(self) -> None:
            log.append("start")

        def write(self) -> None:
            log.append("write")

        def close(self) -> None:
            log.append("close")

        def abort(self) -> None:
            log.append("abort")

    writer = WritableStream[str](Sink()).get_writer()
    await writer.write("a")
    await writer.close()
    await WritableStream[str](Sink()).abort("why")
    assert log == ["start", "write", "close", "start", "abort"]


async def test_a_write_function_may_take_the_chunk_only() -> None:
    log: list[object] = []
    for write in (log.append, lambda chunk: log.append((chunk,)), partial(lambda one, two: log.append((one, two)), 1)):
        await WritableStream[str]({"write": write}).get_writer().write("a")
    assert log == ["a", ("a",), (1, "a")]


async def test_a_function_that_wants_more_arguments_than_it_is_given_rejects() -> None:
    def write(_chunk: object, _controller: object, _more: object) -> None:
        raise AssertionError

    writer = WritableStream[str]({"write": write}).get_writer()
    write_promise = writer.write("a")
    await settle()
    assert isinstance(reason_of(write_promise), TypeError)
    assert outcome(writer.closed) == rejected(reason_of(write_promise))


# Coroutine functions and promises --------------------------------------------------------------------


async def test_callbacks_may_be_coroutine_functions_and_are_waited_for() -> None:
    log: list[str] = []

    class Sink:
        async def start(self, _controller: object) -> None:
            log.append("start")
            await settle(3)
            log.append("started")

        async def write(self, chunk: str) -> None:
            log.append(f"write {chunk}")
            await settle(3)
            log.append(f"written {chunk}")

        async def close(self) -> None:
            log.append("close")
            await settle(3)
            log.append("closed")

    writer = WritableStream[str](Sink()).get_writer()
    writer.write("a")
    writer.write("b")
    await writer.close()
    assert log == ["start", "started", "write a", "written a", "write b", "written b", "close", "closed"]


async def test_an_abort_that_is_a_coroutine_function_is_waited_for() -> None:
    log: list[object] = []

    async def abort(reason: object) -> None:
        await settle(3)
        log.append(reason)

    await WritableStream[str]({"abort": abort}).abort("why")
    assert log == ["why"]


async def test_a_write_may_return_a_future() -> None:
    future = asyncio.get_running_loop().create_future()
    write = WritableStream[str]({"write": lambda: future}).get_writer().write("a")
    await settle()
    assert outcome(write) == ("pending", None)
    future.set_result("ignored")
    await settle()
    assert outcome(write) == FULFILLED


@pytest.mark.parametrize("callback", ["write", "close", "abort"])
async def test_what_a_coroutine_function_raises_is_the_rejection(callback: str) -> None:
    error = Chosen()

    async def fail() -> None:
        await settle(2)
        raise error

    writer = WritableStream[str]({callback: fail}).get_writer()
    await settle()
    call = {"write": writer.write, "close": writer.close, "abort": writer.abort}[callback]
    promise = call()
    await settle()
    assert outcome(promise) == rejected(error)


async def test_a_callback_cancelled_from_without_rejects_with_an_abort_error() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def write() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.get_running_loop().create_future()

    write_promise = WritableStream[str]({"write": write}).get_writer().write("a")
    await settle()
    [task] = tasks
    assert task is not None
    task.cancel()
    await settle()
    assert isinstance(reason_of(write_promise), AbortError)


async def test_a_callback_that_raises_cancelled_error_rejects_with_an_abort_error() -> None:
    sink = RecordingSink(write=asyncio.CancelledError())
    write = WritableStream[str](sink).get_writer().write("a")
    await settle()
    assert isinstance(reason_of(write), AbortError)


async def test_coroutine_functions_run_in_the_context_of_the_construction() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []

    async def write() -> None:
        seen.append(variable.get())

    def build() -> WritableStream[str]:
        variable.set("inside")
        return WritableStream({"write": write})

    stream = contextvars.copy_context().run(build)
    await stream.get_writer().write("a")
    assert seen == ["inside"]


async def test_what_callbacks_return_is_of_no_interest() -> None:
    sink = RecordingSink(start="ignored", write="ignored", close=Promise.resolve("ignored"))
    writer = WritableStream[str](sink).get_writer()
    write = writer.write("a")
    close = writer.close()
    await settle()
    assert (outcome(write), outcome(close), outcome(writer.closed)) == (FULFILLED, FULFILLED, FULFILLED)
    aborting = RecordingSink(abort="ignored")
    assert await WritableStream[str](aborting).abort() is None  # type: ignore[func-returns-value]
