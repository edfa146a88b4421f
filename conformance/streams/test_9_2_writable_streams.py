"""§9.2 Writable streams, for other specifications: https://streams.spec.whatwg.org/#other-specs-ws"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, RecordingSink, outcome, reason_of, rejected
from whatwg_streams import Promise, WritableStream, WritableStreamDefaultWriter
from whatwg_streams.other_specs import (
    abort_writable_stream,
    close_writable_stream,
    error_writable_stream,
    get_a_writer,
    new,
    release_writer,
    set_up_writable_stream,
    set_up_writer,
    signal_of_writable_stream,
    write_a_chunk,
)

ERROR = ValueError("the reason")


def set_up(**arguments: Any) -> WritableStream[Any]:
    stream: WritableStream[Any] = new(WritableStream)
    set_up_writable_stream(stream, **{"write_algorithm": lambda _chunk: Promise.resolve(), **arguments})
    return stream


# §9.2.1 Creation and manipulation -----------------------------------------------------------------


async def test_only_the_write_algorithm_is_needed() -> None:
    written: list[object] = []

    def write(chunk: object) -> Promise[None]:
        written.append(chunk)
        return Promise.resolve()

    writer = set_up(write_algorithm=write).get_writer()
    assert writer.desired_size == 1
    await writer.write("a")
    await writer.close()
    assert written == ["a"]
    await set_up().abort("why")


async def test_what_the_write_algorithm_rejects_with_errors_the_stream() -> None:
    writer = set_up(write_algorithm=lambda _chunk: Promise.reject(ERROR)).get_writer()
    write = writer.write("a")
    await settle()
    assert outcome(write) == rejected(ERROR)
    assert outcome(writer.closed) == rejected(ERROR)


@pytest.mark.parametrize("name", ["close", "abort"])
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
        promise = getattr(set_up(**{f"{name}_algorithm": algorithm}), name)()
        await settle()
        assert outcome(promise) == expected


async def test_the_abort_algorithm_gets_the_reason() -> None:
    reasons: list[object] = []
    await set_up(abort_algorithm=reasons.append).abort("why")
    assert reasons == ["why"]


async def test_the_mark_and_the_size_algorithm() -> None:
    writer = set_up(high_water_mark=5, size_algorithm=len).get_writer()
    write = writer.write("abc")
    assert writer.desired_size == 2
    await write


async def test_errors() -> None:
    stream = set_up()
    await settle()
    error_writable_stream(stream, ERROR)
    error_writable_stream(stream, "another")
    assert outcome(stream.get_writer().closed) == rejected(ERROR)
    closed = set_up()
    await closed.close()
    error_writable_stream(closed, ERROR)
    assert outcome(closed.get_writer().closed) == FULFILLED


async def test_the_signal_is_aborted_with_the_stream() -> None:
    stream = set_up()
    await settle()
    signal = signal_of_writable_stream(stream)
    assert signal_of_writable_stream(stream) is signal
    assert not signal.aborted
    await stream.abort(ERROR)
    assert signal.reason is ERROR


# §9.2.2 Writing -----------------------------------------------------------------------------------


def test_a_writer_is_got_or_set_up_for_an_unlocked_stream() -> None:
    stream: WritableStream[Any] = WritableStream()
    writer = get_a_writer(stream)
    assert type(writer) is WritableStreamDefaultWriter
    with pytest.raises(TypeError):
        get_a_writer(stream)
    release_writer(writer)
    another: WritableStreamDefaultWriter[Any] = new(WritableStreamDefaultWriter)
    set_up_writer(another, stream)
    assert stream.locked
    with pytest.raises(TypeError):
        set_up_writer(new(WritableStreamDefaultWriter), stream)
    release_writer(another)
    assert isinstance(reason_of(another.closed), TypeError)


async def test_writing_closing_and_aborting_whoever_has_the_lock() -> None:
    sink = RecordingSink()
    stream: WritableStream[Any] = WritableStream(sink)
    await write_a_chunk(get_a_writer(stream), "a")
    await close_writable_stream(stream)
    assert sink.events == [("start",), ("write", "a"), ("close",)]
    sink = RecordingSink()
    stream = WritableStream(sink)
    get_a_writer(stream)
    await settle()
    await abort_writable_stream(stream, "why")
    assert sink.events == [("start",), ("abort", "why")]
    assert isinstance(reason_of(close_writable_stream(stream)), TypeError)
