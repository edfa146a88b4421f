"""§9.3: setting up transform streams, and wrapping them into classes of one's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import PENDING, outcome, reason_of, rejected
from tests.support.sources import read_all, read_on, stream_of
from whatwg_streams import Promise, ReadableStream, TransformStream
from whatwg_streams.other_specs import (
    GenericTransformStream,
    a_promise_rejected_with,
    create_an_identity_transform_stream,
    enqueue_into_transform_stream,
    error_transform_stream,
    get_a_reader,
    get_a_writer,
    new,
    set_up_transform_stream,
    terminate_transform_stream,
)


def _doubling(**algorithms: Any) -> TransformStream[Any, Any]:
    stream: TransformStream[Any, Any] = new(TransformStream)

    def transform(chunk: Any) -> None:
        enqueue_into_transform_stream(stream, chunk)
        enqueue_into_transform_stream(stream, chunk)

    set_up_transform_stream(stream, **{"transform_algorithm": transform, **algorithms})
    return stream


async def test_chunks_are_transformed() -> None:
    assert await read_all(stream_of(1, 2).pipe_through(_doubling())) == [1, 1, 2, 2]


async def test_the_marks() -> None:
    stream = _doubling()
    writer = get_a_writer(stream.writable)
    await writer.ready
    assert writer.desired_size == 1
    assert stream.readable._controller.desired_size == 0
    write = writer.write("a")
    await settle()
    assert outcome(write) == PENDING  # there is no room on the readable side
    await stream.readable.cancel("enough")
    assert outcome(write) == rejected("enough")


async def test_flush_comes_after_the_last_chunk() -> None:
    def flush() -> None:
        enqueue_into_transform_stream(stream, "end")

    stream = _doubling(flush_algorithm=flush)
    assert await read_all(stream_of("a").pipe_through(stream)) == ["a", "a", "end"]


async def test_algorithms_may_be_coroutines() -> None:
    async def transform(chunk: Any) -> None:
        await asyncio.sleep(0)
        enqueue_into_transform_stream(stream, -chunk)

    async def flush() -> None:
        await asyncio.sleep(0)
        enqueue_into_transform_stream(stream, 0)

    stream = _doubling(transform_algorithm=transform, flush_algorithm=flush)
    assert await read_all(stream_of(1, 2).pipe_through(stream)) == [-1, -2, 0]


@pytest.mark.parametrize("how", ["raises", "rejects"])
@pytest.mark.parametrize("algorithm", ["transform_algorithm", "flush_algorithm"])
async def test_an_algorithm_that_fails_errors_both_sides(how: str, algorithm: str) -> None:
    error = ValueError("no")

    def fail(*_: object) -> Any:
        if how == "raises":
            raise error
        return a_promise_rejected_with(error)

    stream = _doubling(**{algorithm: fail})
    with pytest.raises(ValueError, match="no"):
        await read_all(stream_of("a").pipe_through(stream))
    await settle()
    assert reason_of(stream.writable.get_writer().closed) is error


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_a_cancel_algorithm_is_told_of_either_side(side: str) -> None:
    reasons: list[object] = []
    stream = _doubling(cancel_algorithm=reasons.append)
    if side == "readable":
        await stream.readable.cancel("enough")
    else:
        await stream.writable.abort("enough")
    assert reasons == ["enough"]


async def test_a_cancel_algorithm_that_raises_rejects() -> None:
    def cancel(_: object) -> None:
        raise ValueError("not now")

    stream = _doubling(cancel_algorithm=cancel)
    with pytest.raises(ValueError, match="not now"):
        await stream.readable.cancel("enough")


async def test_without_a_cancel_algorithm_cancelling_errors_the_writing() -> None:
    stream = _doubling()
    writer = get_a_writer(stream.writable)
    await stream.readable.cancel("enough")
    assert outcome(writer.closed) == rejected("enough")


async def test_terminating_ends_the_reading_and_errors_the_writing() -> None:
    stream: TransformStream[Any, Any] = new(TransformStream)

    def transform(chunk: object) -> None:
        if chunk == "stop":
            terminate_transform_stream(stream)
        else:
            enqueue_into_transform_stream(stream, chunk)

    set_up_transform_stream(stream, transform_algorithm=transform)
    writer = get_a_writer(stream.writable)
    writes = [writer.write(chunk) for chunk in ("a", "stop", "b")]
    assert await read_all(stream.readable) == ["a"]
    await settle()
    assert isinstance(reason_of(writer.closed), TypeError)
    assert isinstance(reason_of(writes[2]), TypeError)


async def test_an_error_goes_to_both_sides() -> None:
    stream = _doubling()
    reader, writer = get_a_reader(stream.readable), get_a_writer(stream.writable)
    error_transform_stream(stream, "broken")
    assert outcome(reader.closed) == rejected("broken")
    await settle()
    assert outcome(writer.closed) == rejected("broken")


async def test_an_identity_transform_stream_passes_chunks_on_as_they_are() -> None:
    chunks = [object(), None, [1]]
    got = await read_all(stream_of(*chunks).pipe_through(create_an_identity_transform_stream()))
    assert [id(chunk) for chunk in got] == [id(chunk) for chunk in chunks]


async def test_an_identity_transform_stream_has_backpressure() -> None:
    stream = create_an_identity_transform_stream()
    writer, reader = get_a_writer(stream.writable), get_a_reader(stream.readable)
    write = writer.write("a")
    await settle()
    assert outcome(write) == PENDING
    assert (await reader.read()).value == "a"
    await write


async def test_a_subclass_sets_itself_up_in_its_constructor() -> None:
    class Upper(TransformStream[str, str]):
        def __init__(self, suffix: str) -> None:
            self.suffix = suffix
            set_up_transform_stream(self, transform_algorithm=self._transform)

        def _transform(self, chunk: str) -> None:
            enqueue_into_transform_stream(self, chunk.upper() + self.suffix)

    assert await read_all(stream_of("a", "b").pipe_through(Upper("!"))) == ["A!", "B!"]


# GenericTransformStream ----------------------------------------------------------------------------------


class Lines(GenericTransformStream):
    """Cuts text into lines: a class of its own, that is no TransformStream."""

    __slots__ = ("_rest", "encoding")

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._rest = ""
        self._transform = new(TransformStream)
        set_up_transform_stream(self._transform, transform_algorithm=self._cut, flush_algorithm=self._flush)

    def _cut(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk.decode(self.encoding)).split("\n")
        for line in lines:
            enqueue_into_transform_stream(self._transform, line)

    def _flush(self) -> None:
        if self._rest:
            enqueue_into_transform_stream(self._transform, self._rest)


async def test_a_class_of_its_own_can_be_piped_through() -> None:
    lines = Lines("ascii")
    assert lines.encoding == "ascii"
    readable: ReadableStream[Any] = stream_of(b"one\nt", b"wo\nthree")
    assert await read_all(readable.pipe_through(lines)) == ["one", "two", "three"]


async def test_its_sides_are_those_of_its_transform() -> None:
    lines = Lines("ascii")
    assert lines.readable is lines.readable is lines._transform.readable
    assert lines.writable is lines._transform.writable
    with pytest.raises(AttributeError):
        lines.readable = None  # type: ignore[misc,assignment]
    writer = get_a_writer(lines.writable)
    write, close = writer.write(b"one\n"), writer.close()
    reader = get_a_reader(lines.readable)
    assert await read_on(reader) == ["one"]
    for promise in (write, close):
        await promise


async def test_a_promise_of_the_transform_algorithm_is_waited_for() -> None:
    promise = Promise[None]()
    stream = _doubling(transform_algorithm=lambda _: promise)
    writer, reader = get_a_writer(stream.writable), get_a_reader(stream.readable)
    read, write = reader.read(), writer.write("a")
    await settle()
    assert outcome(write) == PENDING
    promise._fulfill(None)
    await write
    assert outcome(read) == PENDING
    terminate_transform_stream(stream)
    assert (await read).done
