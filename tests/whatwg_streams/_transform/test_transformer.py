"""§6.2.3 The transformer API: which callbacks a transformer may have, and how they are called."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, RecordingTransformer, members, outcome, rejected
from whatwg_streams import TransformStream, TransformStreamDefaultController
from whatwg_streams._transform.transformer import TransformerDict, convert_transformer


class Chosen(Exception):
    """An error that only a test raises."""


def test_no_transformer_is_an_empty_dictionary() -> None:
    assert convert_transformer(None) == TransformerDict(None, None, None, None, None, None)


def test_members_that_are_missing_or_none_are_none() -> None:
    assert convert_transformer({}) == TransformerDict()
    assert convert_transformer(object()) == TransformerDict()
    assert convert_transformer(dict.fromkeys(TransformerDict._fields)) == TransformerDict()


@pytest.mark.parametrize("name", ["cancel", "flush", "start", "transform"])
@pytest.mark.parametrize("value", [0, "function", object()], ids=["int", "str", "object"])
def test_a_callback_that_is_not_callable_is_a_type_error(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=rf"transformer\.{name}"):
        TransformStream({name: value})


ALL = ("start", "transform", "flush", "cancel")


@pytest.mark.parametrize(
    "form",
    [
        lambda transformer: transformer,
        lambda transformer: members(transformer, *ALL),
        lambda transformer: UserDict(members(transformer, *ALL)),
    ],
    ids=["object", "dict", "mapping"],
)
async def test_a_transformer_may_be_an_object_or_a_mapping(form: Any) -> None:
    transformer = RecordingTransformer()
    stream: TransformStream[str, str] = TransformStream(form(transformer))
    writer = stream.writable.get_writer()
    writer.write("a")
    writer.close()
    assert [chunk async for chunk in stream.readable] == ["a"]
    assert transformer.events == [("start",), ("transform", "a"), ("flush",)]
    transformer = RecordingTransformer()
    await TransformStream[str, str](form(transformer)).readable.cancel("why")
    assert transformer.events == [("start",), ("cancel", "why")]


async def test_the_callbacks_are_given_the_controller_and_cancel_the_reason() -> None:
    given: list[tuple[object, ...]] = []
    transformer = dict.fromkeys(ALL, lambda *arguments: given.append(arguments))
    stream: TransformStream[str, str] = TransformStream(transformer, None, {"high_water_mark": 1})
    writer = stream.writable.get_writer()
    writer.write("a")
    await writer.close()
    await TransformStream[str, str]({"cancel": transformer["cancel"]}).writable.abort("why")
    [(controller,), (chunk, second), (third,), (reason,)] = given
    assert isinstance(controller, TransformStreamDefaultController)
    assert second is controller
    assert third is controller
    assert (chunk, reason) == ("a", "why")


async def test_functions_may_take_fewer_arguments_than_they_are_given() -> None:
    log: list[str] = []

    class Transformer:
        def start(self) -> None:
            log.append("start")

        def transform(self) -> None:
            log.append("transform")

        def flush(self) -> None:
            log.append("flush")

        def cancel(self) -> None:
            log.append("cancel")

    stream: TransformStream[str, str] = TransformStream(Transformer(), None, {"high_water_mark": 1})
    writer = stream.writable.get_writer()
    writer.write("a")
    await writer.close()
    await TransformStream[str, str](Transformer()).readable.cancel("why")
    assert log == ["start", "transform", "flush", "start", "cancel"]


async def test_coroutine_functions_that_raise_reject() -> None:
    error = Chosen()

    async def fail() -> None:
        await settle(2)
        raise error

    stream: TransformStream[str, str] = TransformStream({"transform": fail}, None, {"high_water_mark": 1})
    writer = stream.writable.get_writer()
    write = writer.write("a")
    close = TransformStream[str, str]({"flush": fail}).writable.close()
    cancel = TransformStream[str, str]({"cancel": fail}).readable.cancel("why")
    abort = TransformStream[str, str]({"cancel": fail}).writable.abort("why")
    await settle(40)
    assert [outcome(promise) for promise in (write, close, cancel, abort)] == [rejected(error)] * 4


async def test_callbacks_that_are_missing_do_nothing() -> None:
    stream: TransformStream[str, str] = TransformStream({"transform": lambda: None}, None, {"high_water_mark": 1})
    writer = stream.writable.get_writer()
    write, close = writer.write("a"), writer.close()
    assert [chunk async for chunk in stream.readable] == []
    await settle()
    assert (outcome(write), outcome(close)) == (FULFILLED, FULFILLED)
    assert await TransformStream[str, str]().readable.cancel("why") is None  # type: ignore[func-returns-value]
    assert await TransformStream[str, str]().writable.abort("why") is None  # type: ignore[func-returns-value]


async def test_what_callbacks_return_is_of_no_interest() -> None:
    transformer = RecordingTransformer(start=1, transform="no chunk", flush=2, cancel=3)
    stream: TransformStream[str, str] = TransformStream(transformer, None, {"high_water_mark": 1})
    writer = stream.writable.get_writer()
    writer.write("a")
    writer.close()
    assert [chunk async for chunk in stream.readable] == []
