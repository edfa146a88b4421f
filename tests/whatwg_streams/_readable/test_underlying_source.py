"""§4.2.3 The underlying source API: what a source may look like, and how its callbacks are called."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import EventTrace, RecordingSource, members, outcome, reason_of, rejected
from tests.support.sources import read_all
from whatwg_streams import AbortError, Promise, ReadableStream
from whatwg_streams._readable.underlying_source import UnderlyingSourceDict, convert_underlying_source

# Conversion


def test_no_source_is_an_empty_dictionary() -> None:
    assert convert_underlying_source(None) == UnderlyingSourceDict(None, None, None, None, None)
    assert convert_underlying_source({}) == convert_underlying_source(object()) == convert_underlying_source(None)


def test_members_that_are_none_are_missing() -> None:
    names = ("auto_allocate_chunk_size", "cancel", "pull", "start", "type")
    assert convert_underlying_source(dict.fromkeys(names)) == UnderlyingSourceDict()


@pytest.mark.parametrize("as_mapping", [False, True])
@pytest.mark.parametrize("name", ["start", "pull", "cancel"])
@pytest.mark.parametrize("value", [0, False, "pull", [], {}, object()])
def test_a_callback_has_to_be_a_function(name: str, value: object, as_mapping: bool) -> None:
    source = {name: value} if as_mapping else SimpleNamespace(**{name: value})
    with pytest.raises(TypeError, match=name):
        ReadableStream(source)


@pytest.mark.parametrize("type_", ["", "byte", "BYTES", b"bytes", 0, True, bytes])
def test_a_source_has_no_other_type_than_bytes(type_: object) -> None:
    with pytest.raises(TypeError, match="type"):
        ReadableStream({"type": type_})


@pytest.mark.parametrize("size", [-1, float("nan"), float("inf"), 2**53, "many", object()])
def test_the_auto_allocate_chunk_size_is_converted_for_any_source(size: object) -> None:
    with pytest.raises(TypeError, match="auto_allocate_chunk_size"):
        ReadableStream({"auto_allocate_chunk_size": size})


@pytest.mark.parametrize(("size", "converted"), [(0, 0), (16, 16), ("16", 16), (1.9, 1), (2**53 - 1, 2**53 - 1)])
def test_the_auto_allocate_chunk_size_is_an_integer(size: object, converted: int) -> None:
    assert convert_underlying_source({"auto_allocate_chunk_size": size}).auto_allocate_chunk_size == converted


MEMBERS_IN_ORDER = ["auto_allocate_chunk_size", "cancel", "pull", "start", "type"]


class _Lookups(Mapping[str, Any]):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Attributes:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        raise AttributeError(name)


@pytest.mark.parametrize("kind", [_Lookups, _Attributes])
async def test_each_member_is_looked_up_once_in_the_order_of_their_names(
    kind: type[_Lookups | _Attributes],
) -> None:
    source = kind()
    stream = ReadableStream[Any](source)
    assert source.asked == MEMBERS_IN_ORDER
    await settle()
    await stream.cancel()
    assert source.asked == MEMBERS_IN_ORDER


def test_an_error_of_a_lookup_comes_through() -> None:
    class Source:
        @property
        def pull(self) -> None:
            raise LookupError("no pull today")

    with pytest.raises(LookupError, match="today"):
        ReadableStream(Source())


async def test_a_mapping_and_an_object_do_the_same() -> None:
    traces = []
    for as_mapping in (False, True):
        trace = EventTrace()
        source = RecordingSource(trace)
        stream = ReadableStream[Any](members(source, "start", "pull", "cancel") if as_mapping else source)
        await settle()
        source.controller.enqueue("a")
        await stream.get_reader().cancel("enough")
        traces.append(trace.events)
    assert traces[0] == traces[1] == [("start",), ("pull",), ("cancel", "enough")]


async def test_a_class_with_static_methods_can_be_a_source() -> None:
    class Source:
        @staticmethod
        def pull(controller: Any) -> None:
            controller.enqueue("a")
            controller.close()

    assert await read_all(ReadableStream[Any](Source)) == ["a"]


# Arguments


class _Callable:
    def __init__(self, calls: list[tuple[object, ...]]) -> None:
        self.calls = calls

    def __call__(self, argument: object) -> None:
        self.calls.append((argument,))


class _Methods:
    def __init__(self, calls: list[tuple[object, ...]]) -> None:
        self.calls = calls

    def none(self) -> None:
        self.calls.append(())

    def one(self, argument: object) -> None:
        self.calls.append((argument,))

    def more(self, argument: object, other: object = "default") -> None:
        self.calls.append((argument, other))


def _forms(calls: list[tuple[object, ...]]) -> dict[str, tuple[Callable[..., Any], tuple[object, ...]]]:
    """Return callbacks of many forms, and what each is to get where `reason` is given."""

    def record(*arguments: object) -> None:
        calls.append(arguments)

    def nothing() -> None:
        calls.append(())

    def one(reason: object) -> None:
        calls.append((reason,))

    def keyword(argument: object, *, other: object = "default") -> None:
        calls.append((argument, other))

    return {
        "no parameters": (nothing, ()),
        "one parameter": (one, ("reason",)),
        "an optional one": (lambda reason=None: record(reason), ("reason",)),
        "any number": (record, ("reason",)),
        "a keyword": (keyword, ("reason", "default")),
        "a method": (_Methods(calls).one, ("reason",)),
        "a method without": (_Methods(calls).none, ()),
        "a method with more": (_Methods(calls).more, ("reason", "default")),
        "a partial": (functools.partial(record, "first"), ("first", "reason")),
        "a partial of all": (functools.partial(_Methods(calls).one, "first"), ("first",)),
        "a callable object": (_Callable(calls), ("reason",)),
    }


@pytest.mark.parametrize("form", list(_forms([])))
async def test_a_callback_may_take_fewer_arguments(form: str) -> None:
    calls: list[tuple[object, ...]] = []
    callback, expected = _forms(calls)[form]
    await ReadableStream({"cancel": callback}).cancel("reason")
    assert calls == [expected]


async def test_a_built_in_can_be_a_callback() -> None:
    calls: list[object] = []
    await ReadableStream({"cancel": calls.append}).cancel("reason")
    assert calls == ["reason"]


async def test_start_and_pull_get_the_controller() -> None:
    given: list[object] = []
    stream = ReadableStream[Any]({"start": given.append, "pull": given.append})
    await settle()
    assert given == [stream._controller] * 2


async def test_start_and_pull_may_take_nothing() -> None:
    calls: list[str] = []
    ReadableStream({"start": lambda: calls.append("start"), "pull": lambda: calls.append("pull")})
    await settle()
    assert calls == ["start", "pull"]


async def test_a_callback_that_takes_more_arguments_fails_as_python_says() -> None:
    def cancel(reason: object, controller: object) -> None:
        raise AssertionError

    promise = ReadableStream({"cancel": cancel}).cancel()
    await settle()
    assert isinstance(reason_of(promise), TypeError)


# Coroutine functions and awaitables


async def test_callbacks_may_be_coroutine_functions() -> None:
    calls: list[object] = []

    class Source:
        async def start(self, controller: Any) -> None:
            await asyncio.sleep(0)
            calls.append("start")

        async def pull(self, controller: Any) -> None:
            await asyncio.sleep(0)
            calls.append("pull")
            controller.enqueue("a")

        async def cancel(self, reason: object) -> None:
            await asyncio.sleep(0)
            calls.append(reason)

    stream = ReadableStream[Any](Source())
    reader = stream.get_reader()
    assert await reader.read() == ("a", False)
    await reader.cancel("enough")
    assert calls[:2] == ["start", "pull"]
    assert calls[-1] == "enough"


async def test_a_pull_that_is_a_coroutine_is_not_called_while_it_runs() -> None:
    running = 0
    calls = 0

    async def pull(controller: Any) -> None:
        nonlocal running, calls
        running += 1
        calls += 1
        assert running == 1
        controller.enqueue(calls)
        await asyncio.sleep(0)
        if calls == 5:
            controller.close()
        running -= 1

    assert await read_all(ReadableStream[Any]({"pull": pull}, {"high_water_mark": 2})) == [1, 2, 3, 4, 5]


async def test_what_a_coroutine_raises_errors_the_stream() -> None:
    error = OSError("broken")

    async def pull(controller: Any) -> None:
        await asyncio.sleep(0)
        raise error

    reader = ReadableStream[Any]({"pull": pull}).get_reader()
    with pytest.raises(OSError, match="broken") as caught:
        await reader.read()
    assert caught.value is error


async def test_a_callback_may_return_a_future() -> None:
    future = asyncio.get_running_loop().create_future()
    stream = ReadableStream[Any]({"cancel": lambda _: future})
    promise = stream.cancel()
    await settle()
    assert outcome(promise)[0] == "pending"
    future.set_exception(OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        await promise


async def test_a_callback_whose_task_is_cancelled_fails_with_an_abort_error() -> None:
    async def pull(controller: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    closed = ReadableStream[Any]({"pull": pull}).get_reader().closed
    await settle()
    assert isinstance(reason_of(closed), AbortError)


async def test_a_callback_that_raises_a_cancellation_fails_with_an_abort_error() -> None:
    def pull(controller: Any) -> None:
        raise asyncio.CancelledError

    closed = ReadableStream[Any]({"pull": pull}).get_reader().closed
    await settle()
    assert isinstance(reason_of(closed), AbortError)


async def test_a_callback_may_return_a_promise_of_anything() -> None:
    stream = ReadableStream[Any]({"pull": lambda: Promise.reject("broken")})
    await settle()
    assert outcome(stream.get_reader().closed) == rejected("broken")


# Context variables


async def test_coroutine_callbacks_run_in_the_context_of_the_constructor() -> None:
    variable = contextvars.ContextVar("variable", default="nowhere")
    seen: dict[str, str] = {}

    class Source:
        async def start(self) -> None:
            seen["start"] = variable.get()

        async def pull(self) -> None:
            seen["pull"] = variable.get()

        async def cancel(self) -> None:
            seen["cancel"] = variable.get()

    variable.set("constructor")
    stream = ReadableStream[Any](Source())
    variable.set("later")
    await settle()
    await stream.cancel()
    assert seen == {"start": "constructor", "pull": "constructor", "cancel": "constructor"}
