"""§9.3 Transform streams, for other specifications: https://streams.spec.whatwg.org/#other-specs-ts

And §9.4, other stream pairs, and §9.5, piping.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, RecordingSink, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_all, source_and_stream, stream_of
from whatwg_streams import AbortController, Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams.other_specs import (
    DuplexStream,
    EndpointPair,
    GenericTransformStream,
    create_a_proxy,
    create_an_identity_transform_stream,
    enqueue_into_transform_stream,
    error_transform_stream,
    is_disturbed,
    new,
    pipe_through,
    pipe_to,
    set_up_transform_stream,
    terminate_transform_stream,
)

ERROR = ValueError("the reason")


def set_up(**arguments: Any) -> TransformStream[Any, Any]:
    stream: TransformStream[Any, Any] = new(TransformStream)
    set_up_transform_stream(stream, **{"transform_algorithm": lambda _chunk: None, **arguments})
    return stream


# §9.3.1 Creation and manipulation -----------------------------------------------------------------


async def test_the_marks_are_one_and_nothing() -> None:
    stream = set_up()
    writer = stream.writable.get_writer()
    assert writer.desired_size == 1
    assert outcome(writer.ready) == FULFILLED
    write = writer.write("a")
    await settle()
    assert outcome(write) == PENDING  # nobody reads


async def test_the_transform_algorithm_enqueues() -> None:
    stream: TransformStream[Any, Any] = set_up(
        transform_algorithm=lambda chunk: enqueue_into_transform_stream(stream, chunk * 2)
    )
    assert await read_all(stream_of(1, 2).pipe_through(stream)) == [2, 4]


@pytest.mark.parametrize("raises", [True, False])
async def test_what_the_transform_algorithm_fails_with_errors_both_sides(raises: bool) -> None:
    def fail(_chunk: object) -> Promise[None]:
        if raises:
            raise ERROR
        return Promise.reject(ERROR)

    stream = set_up(transform_algorithm=fail)
    read, write = stream.readable.get_reader().read(), stream.writable.get_writer().write("a")
    await settle()
    assert [outcome(one) for one in (read, write)] == [rejected(ERROR)] * 2


@pytest.mark.parametrize("name", ["flush", "cancel"])
async def test_the_other_algorithms_may_return_a_promise_or_anything_else_or_raise(name: str) -> None:
    def raising(*_arguments: object) -> None:
        raise ERROR

    for algorithm, expected in (
        (lambda *_: "something", FULFILLED),
        (lambda *_: Promise.resolve("something"), FULFILLED),
        (lambda *_: Promise[None](), PENDING),
        (raising, rejected(ERROR)),
        (lambda *_: Promise.reject(ERROR), rejected(ERROR)),
    ):
        stream = set_up(**{f"{name}_algorithm": algorithm})
        promise = stream.writable.close() if name == "flush" else stream.readable.cancel()
        await settle()
        assert outcome(promise) == expected


async def test_a_flush_may_enqueue() -> None:
    stream: TransformStream[Any, Any] = set_up(flush_algorithm=lambda: enqueue_into_transform_stream(stream, "last"))
    closing = stream.writable.close()
    assert await read_all(stream.readable) == ["last"]
    await closing


async def test_terminating_and_errors() -> None:
    stream = set_up()
    await settle()
    terminate_transform_stream(stream)
    assert await read_all(stream.readable) == []
    assert isinstance(reason_of(stream.writable.get_writer().closed), TypeError)
    with pytest.raises(TypeError):
        enqueue_into_transform_stream(stream, "a")
    stream = set_up()
    await settle()
    error_transform_stream(stream, ERROR)
    assert outcome(stream.readable.get_reader().closed) == rejected(ERROR)
    assert outcome(stream.writable.get_writer().closed) == rejected(ERROR)


async def test_an_identity_transform() -> None:
    chunk = object()
    assert await read_all(stream_of(chunk, "b").pipe_through(create_an_identity_transform_stream())) == [chunk, "b"]


# §9.3.2 Wrapping into a custom class, §9.4 Other stream pairs -------------------------------------


async def test_a_class_of_its_own_has_the_sides_of_its_transform() -> None:
    class Upper(GenericTransformStream):
        def __init__(self) -> None:
            self._transform = new(TransformStream)
            set_up_transform_stream(
                self._transform,
                transform_algorithm=lambda chunk: enqueue_into_transform_stream(self._transform, chunk.upper()),
            )

    upper = Upper()
    assert upper.readable is upper._transform.readable
    assert upper.writable is upper._transform.writable
    with pytest.raises(AttributeError):
        upper.readable = stream_of()  # type: ignore[misc]
    assert await read_all(stream_of("a").pipe_through(upper)) == ["A"]


async def test_any_pair_will_do_for_pipe_through() -> None:
    class Pair:
        def __init__(self) -> None:
            self.readable: ReadableStream[Any] = stream_of("from the other side")
            self.writable: WritableStream[Any] = WritableStream()

    duplex: DuplexStream = Pair()
    endpoints: EndpointPair = Pair()
    assert await read_all(stream_of("a").pipe_through(duplex)) == ["from the other side"]
    await endpoints.readable.pipe_through(TransformStream()).pipe_to(endpoints.writable)


# §9.5 Piping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prevent", [False, True])
async def test_pipe_to_and_its_options(prevent: bool) -> None:
    sink = RecordingSink()
    await pipe_to(stream_of("a"), WritableStream(sink), prevent_close=prevent)
    assert (("close",) in sink.events) is not prevent
    sink = RecordingSink()
    promise = pipe_to(errored_stream(ERROR), WritableStream(sink), prevent_abort=prevent)
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert (("abort", ERROR) in sink.events) is not prevent
    source, stream = source_and_stream()
    promise = pipe_to(stream, WritableStream(RecordingSink(write=ERROR)), prevent_cancel=prevent)
    source.controller.enqueue("a")
    await settle()
    assert outcome(promise) == rejected(ERROR)
    assert (("cancel", ERROR) in source.events) is not prevent


async def test_pipe_to_with_a_signal() -> None:
    controller = AbortController()
    promise = pipe_to(source_and_stream()[1], WritableStream(), signal=controller.signal)
    controller.abort(ERROR)
    await settle()
    assert outcome(promise) == rejected(ERROR)


async def test_pipe_through_gives_the_readable_side_and_its_failure_needs_no_handler() -> None:
    transform = create_an_identity_transform_stream()
    readable = pipe_through(errored_stream(ERROR), transform)
    assert readable is transform.readable
    await settle()
    assert outcome(readable.get_reader().closed) == rejected(ERROR)


async def test_a_proxy_takes_over_from_its_stream() -> None:
    stream = stream_of("a", "b")
    proxy = create_a_proxy(stream)
    assert stream.locked
    assert is_disturbed(stream)
    assert not proxy.locked
    assert not is_disturbed(proxy)
    assert await read_all(proxy) == ["a", "b"]


async def test_cancelling_a_proxy_cancels_its_stream() -> None:
    source, stream = source_and_stream()
    await create_a_proxy(stream).cancel("why")
    await settle()
    assert ("cancel", "why") in source.events
