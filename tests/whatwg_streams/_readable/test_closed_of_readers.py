"""[[closedPromise]] of readers, whenever it is asked for, with the fast paths and without."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from whatwg_streams import ReadableStream

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.fixture(params=["default", "byob"])
def made(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A reader of a stream, and the stream's controller."""
    controllers: list[Any] = []
    stream: ReadableStream[Any] = ReadableStream({"type": "bytes", "start": controllers.append})
    mode: Literal["byob"] | None = "byob" if request.param == "byob" else None
    return stream.get_reader(mode=mode), controllers[0]


@pytest.mark.parametrize("asked_before", [True, False])
async def test_it_tells_of_the_end(made: tuple[Any, Any], asked_before: bool) -> None:
    reader, controller = made
    before = reader.closed if asked_before else None
    assert before is None or outcome(before) == PENDING
    controller.close()
    assert outcome(reader.closed) == FULFILLED
    assert reader.closed is reader.closed
    assert before is None or reader.closed is before


@pytest.mark.parametrize("asked_before", [True, False])
async def test_it_tells_of_an_error_which_counts_as_handled(made: tuple[Any, Any], asked_before: bool) -> None:
    reader, controller = made
    before = reader.closed if asked_before else None
    error = KeyError("which")
    controller.error(error)
    assert reason_of(reader.closed) is error
    assert before is None or reader.closed is before


@pytest.mark.parametrize("how", ["", "close", "error"])
@pytest.mark.parametrize("asked_before", [True, False])
async def test_it_tells_of_the_release(made: tuple[Any, Any], how: str, asked_before: bool) -> None:
    reader, controller = made
    before = reader.closed if asked_before else None
    if how == "close":
        controller.close()
    elif how == "error":
        controller.error(KeyError("which"))
    reader.release_lock()
    assert str(reason_of(reader.closed)) == "the reader was released"
    assert before is None or (reader.closed is before) == (how == "")


async def test_a_reader_that_comes_later_has_one_of_its_own(made: tuple[Any, Any]) -> None:
    reader, controller = made
    stream = reader._stream
    reader.release_lock()
    controller.close()
    with stream.get_reader() as other:
        assert outcome(other.closed) == FULFILLED
    assert str(reason_of(reader.closed)) == "the reader was released"


async def test_who_awaits_it_is_told(made: tuple[Any, Any]) -> None:
    reader, controller = made
    closed = reader.closed.then(lambda _: "closed")
    controller.close()
    assert await closed == "closed"
