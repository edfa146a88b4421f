"""A callback may raise whatever Python can raise: all but what ends the program is why a promise is rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import pytest

from tests.support import LoopErrors
from tests.support.sources import stream_of
from whatwg_streams import (
    AbortController,
    Promise,
    ReadableStream,
    RejectionError,
    TransformStream,
    WritableStream,
)
from whatwg_streams.other_specs import new, queue_a_microtask, set_up_writable_stream

pytestmark = pytest.mark.usefixtures("both_ways")


class Stop(BaseException):
    """As the outcomes of pytest are, it is no Exception."""


def numbers(count: int = 40) -> ReadableStream[int]:
    made = 0

    def pull(controller: Any) -> None:
        nonlocal made
        made += 1
        controller.enqueue(made)
        if made == count:
            controller.close()

    return ReadableStream({"pull": pull})


class Iterator:
    def __init__(self, fail: Callable[..., Any]) -> None:
        self.fail = fail

    def __aiter__(self) -> Iterator:
        return self

    def __anext__(self) -> Any:
        return self.fail()


#: What is to be awaited, for a callback that fails.
PLACES: dict[str, Callable[[Callable[..., Any]], Awaitable[Any]]] = {
    "a sink that is piped to": lambda fail: numbers().pipe_to(WritableStream({"write": fail})),
    "a sink that is piped one chunk": lambda fail: numbers(1).pipe_to(WritableStream({"write": fail})),
    "a sink that is written to": lambda fail: WritableStream({"write": fail}).get_writer().write(1),
    "a sink that is closed": lambda fail: numbers().pipe_to(WritableStream({"close": fail})),
    "a sink that is aborted": lambda fail: WritableStream({"abort": fail}).abort(),
    "a source that is read": lambda fail: ReadableStream({"pull": fail}).get_reader().read(),
    "a source that is iterated": lambda fail: anext(aiter(ReadableStream({"pull": fail}))),
    "a source that is piped": lambda fail: ReadableStream({"pull": fail}).pipe_to(WritableStream()),
    "a source of bytes": lambda fail: (
        ReadableStream({"type": "bytes", "pull": fail}).get_reader(mode="byob").read(bytearray(1))
    ),
    "a source that is cancelled": lambda fail: ReadableStream({"cancel": fail}).cancel(),
    "a transformer": lambda fail: (
        numbers().pipe_through(TransformStream({"transform": fail})).pipe_to(WritableStream())
    ),
    "a transformer that is flushed": lambda fail: (
        numbers().pipe_through(TransformStream({"flush": fail})).pipe_to(WritableStream())
    ),
    "the second transformer": lambda fail: (
        numbers()
        .pipe_through(TransformStream())
        .pipe_through(TransformStream({"transform": fail}))
        .pipe_to(WritableStream())
    ),
    "an iterator": lambda fail: ReadableStream.from_(Iterator(fail)).get_reader().read(),
    "an iterator that is piped": lambda fail: ReadableStream.from_(Iterator(fail)).pipe_to(WritableStream()),
    "a reaction": lambda fail: Promise.resolve(1).then(fail),
}


def of_a_function(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


def of_a_coroutine(error: BaseException) -> Callable[..., Any]:
    async def fail(*_: object) -> NoReturn:
        raise error

    return fail


def of_a_coroutine_that_waits(error: BaseException) -> Callable[..., Any]:
    async def fail(*_: object) -> NoReturn:
        await asyncio.sleep(0)
        raise error

    return fail


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [of_a_function, of_a_coroutine, of_a_coroutine_that_waits])
async def test_what_is_no_exception_rejects(place: str, kind: Callable[[BaseException], Callable[..., Any]]) -> None:
    stop = Stop()
    with pytest.raises(Stop) as raised:
        await asyncio.wait_for(PLACES[place](kind(stop)), 5)
    assert raised.value is stop


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [of_a_function, of_a_coroutine, of_a_coroutine_that_waits])
async def test_the_end_of_a_generator_rejects(place: str, kind: Callable[[BaseException], Callable[..., Any]]) -> None:
    end = GeneratorExit()
    with pytest.raises(RejectionError) as raised:
        await asyncio.wait_for(PLACES[place](kind(end)), 5)
    assert raised.value.reason is end


async def test_a_size_that_raises_errors_the_stream() -> None:
    stop = Stop()
    size = of_a_function(stop)
    with pytest.raises(Stop):
        await WritableStream({}, {"size": size}).get_writer().write(1)
    enqueued: list[type[BaseException]] = []

    def start(controller: Any) -> None:
        try:
            controller.enqueue(1)
        except Stop as error:
            enqueued.append(type(error))

    stream: ReadableStream[int] = ReadableStream({"start": start}, {"size": size, "high_water_mark": 1})
    with pytest.raises(Stop):
        await stream.get_reader().read()
    assert enqueued == [Stop]
    transform: TransformStream[int, int] = TransformStream({}, None, {"size": size, "high_water_mark": 1})
    with pytest.raises(Stop):
        await stream_of(1).pipe_to(transform.writable)


async def test_the_sink_of_another_specification() -> None:
    stream: WritableStream[int] = new(WritableStream)
    set_up_writable_stream(stream, write_algorithm=of_a_function(Stop()))
    with pytest.raises(Stop):
        await numbers().pipe_to(stream)


async def test_listeners_and_microtasks_are_reported(loop_errors: LoopErrors) -> None:
    queue_a_microtask(of_a_function(Stop()))
    controller = AbortController()
    controller.signal.add_event_listener("abort", of_a_function(Stop()))
    controller.abort()
    await asyncio.sleep(0)
    assert [type(context["exception"]) for context in loop_errors.take()] == [Stop, Stop]
