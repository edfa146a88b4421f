"""[[closedPromise]] and [[readyPromise]] of writers, whenever they are asked for, with the fast paths and without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from whatwg_streams import Promise, WritableStream

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.mark.parametrize("asked_before", [True, False])
async def test_closed_tells_of_the_end(asked_before: bool) -> None:
    writer = WritableStream[Any]({}).get_writer()
    before = writer.closed if asked_before else None
    assert before is None or outcome(before) == PENDING
    await writer.close()
    assert outcome(writer.closed) == FULFILLED
    assert writer.closed is writer.closed
    assert before is None or writer.closed is before


@pytest.mark.parametrize("asked_before", [True, False])
async def test_closed_tells_of_an_error_once_the_sink_is_done_with_the_abort(asked_before: bool) -> None:
    done = Promise[None]()
    writer = WritableStream[Any]({"abort": lambda _: done}).get_writer()
    await settle()
    before = writer.closed if asked_before else None
    error = KeyError("which")
    aborted = writer.abort(error)
    if asked_before:
        assert outcome(writer.closed) == PENDING
    done._fulfill(None)
    await aborted
    await settle()
    assert reason_of(writer.closed) is error
    assert before is None or writer.closed is before


async def test_closed_that_is_asked_for_while_the_sink_aborts_is_pending() -> None:
    done = Promise[None]()
    writer = WritableStream[Any]({"abort": lambda _: done}).get_writer()
    await settle()
    error = KeyError("which")
    writer.abort(error)
    await settle()
    assert outcome(writer.closed) == PENDING
    done._fulfill(None)
    await settle()
    assert reason_of(writer.closed) is error


@pytest.mark.parametrize("how", ["", "close", "abort"])
@pytest.mark.parametrize("asked_before", [(), ("closed",), ("ready",), ("closed", "ready")])
async def test_both_tell_of_the_release_with_one_error(how: str, asked_before: tuple[str, ...]) -> None:
    writer = WritableStream[Any]({}).get_writer()
    before = [getattr(writer, name) for name in asked_before]
    if how:
        await getattr(writer, how)()
    writer.release_lock()
    for promise in (writer.closed, writer.ready):
        assert str(reason_of(promise)) == "the writer was released"
    assert reason_of(writer.closed) is reason_of(writer.ready)
    if "closed" in asked_before:
        assert (writer.closed in before) == (how == "")


async def test_a_writer_that_comes_later_has_promises_of_its_own() -> None:
    stream = WritableStream[Any]({})
    first = stream.get_writer()
    first.release_lock()
    with stream.get_writer() as second:
        assert outcome(second.closed) == PENDING
        assert outcome(second.ready) == FULFILLED
        assert str(reason_of(first.closed)) == "the writer was released"
        assert str(reason_of(first.ready)) == "the writer was released"
