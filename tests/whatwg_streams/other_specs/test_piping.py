"""§9.5 and §9.4: piping and proxies, duplex streams and endpoint pairs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import RecordingSink, outcome, reason_of
from tests.support.sources import errored_stream, read_all, stream_of
from whatwg_streams import AbortController, AbortError, ReadableStream, TransformStream, WritableStream
from whatwg_streams.other_specs import (
    DuplexStream,
    EndpointPair,
    create_a_proxy,
    create_an_identity_transform_stream,
    is_closed,
    is_disturbed,
    is_errored,
    is_locked,
    is_readable,
    mark_as_handled,
    new,
    pipe_through,
    pipe_to,
    set_up_writable_stream,
    write_algorithm_at_the_end_of_the_pipe,
)


async def test_a_pipe_moves_chunks_and_closes() -> None:
    sink = RecordingSink()
    await pipe_to(stream_of("a", "b"), WritableStream(sink))
    assert sink.events == [("start",), ("write", "a"), ("write", "b"), ("close",)]


async def test_who_writes_at_the_end_of_a_pipe_is_told_of_streams_that_a_specification_has_set_up() -> None:
    written: list[str] = []
    destination: WritableStream[str] = new(WritableStream)
    set_up_writable_stream(destination, write_algorithm=written.append)
    source: ReadableStream[str] = ReadableStream()
    assert write_algorithm_at_the_end_of_the_pipe(source) is None
    reader = source.get_reader()
    assert write_algorithm_at_the_end_of_the_pipe(source) is None
    reader.release_lock()
    controller = AbortController()
    piped = pipe_to(source, destination, prevent_cancel=True, signal=controller.signal)
    assert write_algorithm_at_the_end_of_the_pipe(source) == written.append
    controller.abort()
    with pytest.raises(AbortError):
        await piped
    assert write_algorithm_at_the_end_of_the_pipe(source) is None
    piped = pipe_to(source, WritableStream())
    mark_as_handled(piped)
    assert write_algorithm_at_the_end_of_the_pipe(source) is None


async def test_a_pipe_that_is_not_to_close() -> None:
    sink = RecordingSink()
    await pipe_to(stream_of("a"), WritableStream(sink), prevent_close=True)
    assert sink.events == [("start",), ("write", "a")]


async def test_a_pipe_that_is_not_to_abort() -> None:
    sink = RecordingSink()
    with pytest.raises(ValueError, match="broken"):
        await pipe_to(errored_stream(ValueError("broken")), WritableStream(sink), prevent_abort=True)
    assert sink.events == [("start",)]


async def test_a_pipe_that_is_not_to_cancel() -> None:
    source: ReadableStream[Any] = ReadableStream()
    sink = RecordingSink(write=ValueError("broken"))
    sink.answers["start"] = ValueError("at the start")
    with pytest.raises(ValueError, match="at the start"):
        WritableStream(sink)
    destination: WritableStream[Any] = WritableStream({"start": lambda controller: controller.error("broken")})
    piped = pipe_to(source, destination, prevent_cancel=True)
    await settle()
    assert reason_of(piped) == "broken"
    assert is_readable(source)
    assert not is_locked(source)


async def test_a_pipe_can_be_aborted() -> None:
    controller = AbortController()
    source: ReadableStream[Any] = ReadableStream()
    sink = RecordingSink()
    piped = pipe_to(source, WritableStream(sink), signal=controller.signal)
    controller.abort()
    with pytest.raises(AbortError):
        await piped
    assert sink.events[-1][0] == "abort"
    assert is_closed(source)


async def test_locked_streams_are_not_piped() -> None:
    locked: ReadableStream[Any] = ReadableStream()
    locked.get_reader()
    taken: WritableStream[Any] = WritableStream()
    taken.get_writer()
    transform: TransformStream[Any, Any] = TransformStream()
    transform.writable.get_writer()
    for attempt in (
        lambda: pipe_to(locked, WritableStream()),
        lambda: pipe_to(ReadableStream(), taken),
        lambda: pipe_through(locked, TransformStream()),
        lambda: pipe_through(ReadableStream(), transform),
    ):
        with pytest.raises(AssertionError):
            attempt()


async def test_piping_through_gives_the_readable_side() -> None:
    transform = create_an_identity_transform_stream()
    readable = pipe_through(stream_of(1, 2), transform)
    assert readable is transform.readable
    assert await read_all(readable) == [1, 2]


async def test_how_piping_through_ends_is_handled() -> None:
    # A rejection that nobody handled would fail this test.
    readable = pipe_through(errored_stream(ValueError("broken")), create_an_identity_transform_stream())
    with pytest.raises(ValueError, match="broken"):
        await read_all(readable)


async def test_piping_through_takes_the_options() -> None:
    controller = AbortController()
    source: ReadableStream[Any] = ReadableStream()
    transform = create_an_identity_transform_stream()
    readable = pipe_through(
        source,
        transform,
        prevent_close=True,
        prevent_abort=True,
        prevent_cancel=True,
        signal=controller.signal,
    )
    controller.abort()
    await settle()
    assert is_readable(source)
    assert not is_locked(source)
    assert is_readable(readable)
    assert not is_errored(transform.writable)


async def test_a_proxy_has_the_chunks_and_locks_the_stream() -> None:
    stream = stream_of("a", "b")
    proxy = create_a_proxy(stream)
    assert is_locked(stream)
    assert is_disturbed(stream)
    assert not is_locked(proxy)
    assert await read_all(proxy) == ["a", "b"]


async def test_cancelling_a_proxy_cancels_the_stream() -> None:
    reasons: list[object] = []
    stream: ReadableStream[Any] = ReadableStream({"cancel": reasons.append})
    proxy = create_a_proxy(stream)
    await proxy.cancel("enough")
    await settle()
    assert reasons == ["enough"]


async def test_an_error_comes_through_a_proxy() -> None:
    with pytest.raises(ValueError, match="broken"):
        await read_all(create_a_proxy(errored_stream(ValueError("broken"))))


class _Pair:
    def __init__(self, readable: ReadableStream[Any], writable: WritableStream[Any]) -> None:
        self.readable = readable
        self.writable = writable


async def test_a_duplex_stream_is_whatever_has_two_sides() -> None:
    sink = RecordingSink()
    duplex: DuplexStream = _Pair(stream_of("in"), WritableStream(sink))
    assert await read_all(duplex.readable) == ["in"]
    await duplex.writable.close()
    assert sink.events[-1] == ("close",)


async def test_an_endpoint_pair_has_the_ends_of_a_pipeline() -> None:
    sink = RecordingSink()
    pair: EndpointPair = _Pair(stream_of(1, 2), WritableStream(sink))
    negative: TransformStream[int, int] = TransformStream(
        {"transform": lambda chunk, controller: controller.enqueue(-chunk)}
    )
    piped = pair.readable.pipe_through(negative).pipe_to(pair.writable)
    await piped
    assert outcome(piped)[0] == "fulfilled"
    assert sink.events[1:] == [("write", -1), ("write", -2), ("close",)]
