"""The mistakes that newcomers make: each is refused, and the message says what to do instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import reason_of
from tests.support.sources import errored_stream, stream_of
from whatwg_streams import (
    AbortController,
    ByteLengthQueuingStrategy,
    Promise,
    RangeError,
    ReadableStream,
    TransformStream,
    WritableStream,
)

pytestmark = pytest.mark.usefixtures("both_ways")


class InCamelCase:
    def __init__(self, **members: object) -> None:
        self.__dict__.update(members)


@pytest.mark.parametrize("form", [dict, InCamelCase])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda form: ReadableStream({}, form(highWaterMark=3)), r"^strategy\.highWaterMark: .* high_water_mark"),
        (lambda form: WritableStream({}, form(highWaterMark=3)), r"^strategy\.highWaterMark: .* high_water_mark"),
        (
            lambda form: TransformStream({}, None, form(highWaterMark=3)),
            r"^readable_strategy\.highWaterMark: .* high_water_mark",
        ),
        (
            lambda form: ReadableStream(form(type="bytes", autoAllocateChunkSize=3)),
            r"^underlying_source\.autoAllocateChunkSize: .* auto_allocate_chunk_size",
        ),
    ],
)
def test_members_in_camel_case(make: Callable[[Any], object], form: Callable[..., object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make(form)


def test_a_member_in_both_spellings_is_the_one_that_python_uses() -> None:
    class OfBothWorlds:
        high_water_mark = 2
        highWaterMark = 2  # noqa: N815 - the other spelling

    writer = WritableStream({}, OfBothWorlds()).get_writer()
    assert writer.desired_size == 2


async def _yields(_: object) -> AsyncIterator[int]:
    yield 1


def _yields_at_once(_: object) -> Generator[int]:
    yield 1


@pytest.mark.parametrize("function", [_yields, _yields_at_once])
async def test_callbacks_that_yield_their_chunks(function: Callable[[Any], object]) -> None:
    for stream in (
        ReadableStream({"pull": function}),
        ReadableStream({"type": "bytes", "pull": function}),
        stream_of("a").pipe_through(TransformStream({"transform": function})),
        stream_of("a").pipe_through(TransformStream({"flush": function})),
    ):
        with pytest.raises(TypeError, match=r"yield.*enqueue.*ReadableStream\.from_"):
            async for _ in stream:
                pass


@pytest.mark.parametrize("function", [_yields, _yields_at_once])
def test_a_generator_in_place_of_a_source(function: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"^underlying_source: a generator .* ReadableStream\.from_"):
        ReadableStream(function(None))


@pytest.mark.parametrize("function", [_yields, _yields_at_once])
async def test_a_start_or_a_write_that_yields(function: Callable[[Any], object]) -> None:
    for writing in (
        WritableStream({"write": function}).get_writer().write("a"),
        stream_of("a").pipe_to(WritableStream({"write": function})),
        ReadableStream({"start": function}).get_reader().read(),
    ):
        with pytest.raises(TypeError, match="yield"):
            await writing


async def test_a_str_has_no_length_in_bytes() -> None:
    strategy = ByteLengthQueuingStrategy(high_water_mark=10)
    with pytest.raises(RangeError, match="of the type str"):
        await WritableStream({}, strategy).get_writer().write("text")


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (1024, r"^view: expected a bytearray, .*, not int"),
        ("text", r"^view: expected a bytearray, .*, not str"),
        (b"text", r"^view: the buffer is read-only; .* bytearray"),
    ],
)
async def test_views_that_can_not_be_read_into(view: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        await ReadableStream({"type": "bytes"}).get_reader(mode="byob").read(view)


async def test_a_controller_is_no_signal() -> None:
    signal: Any = AbortController()
    with pytest.raises(TypeError, match=r"^signal: expected an AbortSignal, not AbortController$"):
        await ReadableStream().pipe_to(WritableStream(), signal=signal)


def test_a_controller_shows_its_signal() -> None:
    controller = AbortController()
    assert repr(controller) == "<AbortController of <AbortSignal not aborted>>"


# What has failed is the cause of what is refused afterwards


async def test_closing_after_a_write_that_nobody_awaited_tells_why_it_failed() -> None:
    full = ValueError("the disk is full")

    def write(_: object) -> None:
        raise full

    writer = WritableStream({"write": write}).get_writer()
    unheeded = writer.write("a")
    await settle()
    with pytest.raises(TypeError, match="is errored") as caught:
        await writer.close()
    assert caught.value.__cause__ is full
    assert reason_of(unheeded) is full


@pytest.mark.parametrize("type_", [None, "bytes"])
def test_enqueuing_into_an_errored_stream_tells_why(type_: str | None) -> None:
    started: list[Any] = []
    ReadableStream({"type": type_, "start": started.append})
    controller: Any = started[0]
    failed = ValueError("broken")
    controller.error(failed)
    for use in (controller.close, lambda: controller.enqueue(b"a")):
        with pytest.raises(TypeError, match="is errored") as caught:
            use()
        assert caught.value.__cause__ is failed


async def test_enqueuing_into_an_errored_transform_stream_tells_why() -> None:
    started: list[Any] = []
    TransformStream({"start": started.append})
    controller: Any = started[0]
    failed = ValueError("broken")
    controller.error(failed)
    with pytest.raises(TypeError, match="errored") as caught:
        controller.enqueue("a")
    assert caught.value.__cause__ is failed


async def test_a_reason_that_is_no_exception_is_no_cause() -> None:
    writer = WritableStream().get_writer()
    await writer.abort("enough")
    with pytest.raises(TypeError, match="is errored") as caught:
        await writer.close()
    assert caught.value.__cause__ is None


async def test_tracebacks_name_exceptions_by_where_they_are_imported_from() -> None:
    promise: Promise[Any] = errored_stream("reason").get_reader().read()
    with pytest.raises(Exception, match="reason") as caught:
        await promise
    assert f"{type(caught.value).__module__}.{type(caught.value).__qualname__}" == "whatwg_streams.RejectionError"
