"""The fast paths of making streams: what they set up is what the plain constructors do."""

from __future__ import annotations

from types import GetSetDescriptorType
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from whatwg_streams import ReadableStream, TransformStream, WritableStream
from whatwg_streams._platform import event_loop, fast_paths
from whatwg_streams._platform.promises import Promise
from whatwg_streams._platform.webidl import CallbackAlgorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = ("start", "pull", "cancel", "write", "close", "abort", "transform", "flush")
FUNCTIONS: dict[str, Callable[..., Any]] = {name: lambda *_: None for name in NAMES}


def some(*names: str, **others: Any) -> dict[str, Any]:
    return {name: FUNCTIONS[name] for name in names} | others


class Source:
    pull = FUNCTIONS["pull"]


#: Fast paths make these when they are needed.
MADE_LATE = ("_backpressure_change_promise",)

MADE: list[tuple[Callable[..., object], tuple[Any, ...]]] = [
    (ReadableStream, ()),
    (ReadableStream, ({},)),
    (ReadableStream, (Source(),)),
    (ReadableStream, (some("pull"),)),
    (ReadableStream, (some("cancel"), {"high_water_mark": 0})),
    (ReadableStream, (some("pull", "cancel"), {"size": lambda _: 2})),
    (ReadableStream, (some("start", "pull"),)),
    (ReadableStream, (some(type="bytes"),)),
    (ReadableStream, (some("pull", type="bytes"), {"high_water_mark": 7})),
    (ReadableStream, (some("cancel", type="bytes", auto_allocate_chunk_size=3),)),
    (ReadableStream, (some("start", type="bytes"),)),
    (WritableStream, ()),
    (WritableStream, (some("write"),)),
    (WritableStream, (some("close", "abort"), {"high_water_mark": 0})),
    (WritableStream, (some("write", "close", "abort"), {"size": lambda _: 2})),
    (WritableStream, (some("start", "write"),)),
    (TransformStream, ()),
    (TransformStream, (some("transform"),)),
    (TransformStream, (some("flush"), {"high_water_mark": 0}, {"high_water_mark": 3})),
    (TransformStream, (some("cancel"), {"size": lambda _: 2}, {"size": lambda _: 3})),
    (TransformStream, (some("start", "transform", "flush", "cancel"),)),
]

REFUSED: list[tuple[Callable[..., object], tuple[Any, ...]]] = [
    (ReadableStream, (3,)),
    (ReadableStream, ({"pull": 3},)),
    (ReadableStream, ({"type": "chunks"},)),
    (ReadableStream, (None, {"high_water_mark": -1})),
    (ReadableStream, (some(type="bytes"), {"size": lambda _: 1})),
    (ReadableStream, (some(type="bytes", auto_allocate_chunk_size=0),)),
    (WritableStream, (3,)),
    (WritableStream, ({"type": "bytes"},)),
    (WritableStream, (None, {"high_water_mark": "many"})),
    (TransformStream, (3,)),
    (TransformStream, ({"readable_type": "bytes"},)),
    (TransformStream, (None, {"high_water_mark": -1}, {"high_water_mark": -2})),
]


@pytest.fixture(autouse=True)
def the_switch() -> Iterator[None]:
    before = fast_paths.are_enabled()
    yield
    fast_paths.set_enabled(before)


def slots_of(kind: type) -> list[str]:
    """Those of a class; in a compiled one they are descriptors as properties are, whose names begin otherwise."""
    of_interpreted_ones = {slot for base in kind.__mro__ for slot in getattr(base, "__slots__", ())}
    of_compiled_ones = {
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, GetSetDescriptorType) and name.startswith("_")
    }
    return sorted(name for name in of_interpreted_ones | of_compiled_ones if not name.startswith("__"))


async def made(make: Callable[..., object], arguments: tuple[Any, ...], *, fast: bool, settled: bool) -> list[str]:
    """All that is in the slots of what was made, in the order in which it is found."""
    fast_paths.set_enabled(fast)
    stream = make(*arguments)
    if settled:
        await settle()
    found: list[str] = []
    seen: list[object] = []

    def look(name: str, value: Any) -> None:
        if any(value is one for one in seen):
            found.append(f"{name} is number {[value is one for one in seen].index(True)}")
            return
        if isinstance(value, TransformStream):
            value._the_controller()
        if isinstance(value, CallbackAlgorithm):
            seen.append(value)
            found.append(f"{name} calls {value.function!r}")
            look(f"{name}.controller", value.controller)
        elif type(value).__module__.startswith("whatwg_streams.") and not isinstance(value, Promise):
            seen.append(value)
            found.append(f"{name} is a new {type(value).__name__}")
            for slot in slots_of(type(value)):
                if hasattr(value, slot) and slot not in MADE_LATE:
                    look(f"{name}.{slot}", getattr(value, slot))
        elif callable(value) and value.__qualname__.endswith(".size_algorithm"):
            found.append(f"{name} gives {value('a chunk')}")
        else:
            found.append(f"{name} = {type(value).__name__ if isinstance(value, Promise) else repr(value)}")

    look("stream", stream)
    return found


@pytest.mark.parametrize(("make", "arguments"), MADE)
async def test_what_is_set_up_is_the_same(make: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    plain = await made(make, arguments, fast=False, settled=True)
    fast = await made(make, arguments, fast=True, settled=True)
    assert fast == plain
    assert any("_started = True" in line for line in fast)


@pytest.mark.parametrize(("make", "arguments"), REFUSED)
def test_what_is_refused_is_refused_for_the_same_reason(
    make: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    reasons: list[str] = []
    for fast in (False, True):
        fast_paths.set_enabled(fast)
        with pytest.raises((TypeError, ValueError)) as raised:
            make(*arguments)
        reasons.append(repr(raised.value))
    assert reasons[0] == reasons[1]


async def test_a_source_that_is_not_pulled_has_nothing_to_start() -> None:
    fast_paths.set_enabled(True)
    await settle()
    kept = [ReadableStream(), ReadableStream({"type": "bytes"})]
    assert not event_loop.microtasks_are_pending()
    assert all(stream._controller._started for stream in kept)


async def test_a_sink_is_not_written_to_before_it_has_started() -> None:
    fast_paths.set_enabled(True)
    written: list[object] = []
    writer = WritableStream({"write": written.append}).get_writer()
    writer.write("a").then(None)
    assert not written
    await settle()
    assert written == ["a"]


async def test_the_controller_of_a_transform_stream_is_made_when_it_is_needed() -> None:
    fast_paths.set_enabled(True)
    stream: TransformStream[Any, Any] = TransformStream()
    assert stream._controller is None
    writer, reader = stream.writable.get_writer(), stream.readable.get_reader()
    read = reader.read()
    writer.write("a").then(None)
    assert (await read).value == "a"
    assert stream._the_controller() is stream._the_controller()
    writer.abort("enough").then(None)
    with pytest.raises(Exception, match="enough"):
        await reader.read()


async def test_the_controller_of_a_transform_stream_is_that_which_its_callbacks_get() -> None:
    fast_paths.set_enabled(True)
    given: list[object] = []

    def transform(_: object, controller: Any) -> None:
        given.append(controller)

    def flush(controller: Any) -> None:
        given.append(controller)

    stream: TransformStream[Any, Any] = TransformStream({"transform": transform, "flush": flush})
    writer = stream.writable.get_writer()
    reading = stream.readable.get_reader().read()
    writer.write("a").then(None)
    writer.close().then(None)
    assert (await reading).done
    assert given == [stream._the_controller()] * 2
