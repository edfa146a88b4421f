"""A pipe of a few chunks, or none, with something unusual in one of its callbacks: as in the plain way."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from whatwg_streams import AbortController, Promise, ReadableStream, WritableStream
from whatwg_streams._platform import fast_paths
from whatwg_streams._platform.event_loop import microtasks_are_pending
from whatwg_streams.other_specs import queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import LoopErrors

MOST_CHUNKS = 2


class ShortPipe:
    """A source that closes after so many chunks, or with the last of them; something happens in one callback."""

    def __init__(
        self, chunks: int, with_the_last: bool, where: str, what: Callable[[ShortPipe], Any], variant: str
    ) -> None:
        self.log: list[str] = []
        self.chunks, self.with_the_last, self.where, self.what = chunks, with_the_last, where, what
        self.made = self.written = 0
        self.source: Any = None
        self.sink: Any = None
        self.under_way = Promise.with_resolvers()
        self.aborting = AbortController()
        self.variant = variant
        self.leaves_out = False

    def start(self, of_source: float, of_sink: float) -> None:
        source = {"pull": self.pull, "cancel": self.cancel}
        sink = {"write": self.write, "close": self.close, "abort": lambda reason: self.tell(f"abort {reason!r}")}
        if self.variant == "starts late":
            sink["start"] = lambda _: self.under_way.promise
        options = {self.variant: True} if self.variant.startswith("prevent") else {}
        stream = ReadableStream[Any](source, {"high_water_mark": of_source})
        dest = WritableStream[Any](sink, {"high_water_mark": of_sink})
        promise = stream.pipe_to(dest, signal=self.aborting.signal, **options)
        promise.then(lambda _: self.tell("done"), lambda reason: self.tell(f"{reason!r}"))
        promise.then(lambda _: self.tell(f"{stream!r} {dest!r}"), lambda _: self.tell(f"{stream!r} {dest!r}"))

    def pull(self, controller: Any) -> Any:
        self.source = controller
        self.made += 1
        answer = self.at(f"before pull {self.made}")
        if self.leaves_out:
            self.leaves_out = False
        elif self.made <= self.chunks:
            self.attempt(lambda: controller.enqueue(self.made))
        if self.made == self.chunks + (not self.with_the_last):
            self.attempt(controller.close)
        return self.at(f"pull {self.made}") or answer

    def write(self, chunk: object, controller: Any) -> Any:
        self.sink = controller
        self.written += 1
        return self.at(f"write {self.written}", f"write {chunk}")

    def close(self) -> Any:
        return self.at("close")

    def cancel(self, reason: object) -> Any:
        self.tell(f"cancel {reason!r}")
        return self.under_way.promise

    def at(self, where: str, name: str = "") -> Any:
        self.tell(f"{name or where}, wants {self.source.desired_size}")
        return self.what(self) if where == self.where else None

    def attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except TypeError as error:
            self.tell(str(error))

    def tell(self, event: str) -> None:
        self.log.append(event)


def microtasks(pipe: ShortPipe) -> None:
    def run(left: int) -> None:
        pipe.tell(f"microtask {left}")
        if left:
            queue_a_microtask(run, left - 1)

    queue_a_microtask(run, 12)


def error_the_source(pipe: ShortPipe) -> None:
    pipe.source.error("errored")


def error_the_sink(pipe: ShortPipe) -> None:
    if pipe.sink is not None:
        pipe.sink.error("errored")


def error_the_sink_in_a_microtask(pipe: ShortPipe) -> None:
    queue_a_microtask(lambda _: error_the_sink(pipe))


def enqueue(pipe: ShortPipe) -> None:
    pipe.attempt(lambda: pipe.source.enqueue("another"))


def leave_out_and_enqueue_in_a_write(pipe: ShortPipe) -> None:
    """So there is room for what a write enqueues: that pulls."""
    pipe.leaves_out = True
    pipe.where, pipe.what = f"write {pipe.written + 1}", enqueue


def close_the_source(pipe: ShortPipe) -> None:
    pipe.attempt(pipe.source.close)


def close_the_source_in_a_microtask(pipe: ShortPipe) -> None:
    queue_a_microtask(lambda _: close_the_source(pipe))


def abort(pipe: ShortPipe) -> None:
    pipe.aborting.abort("aborted")


def abort_in_a_microtask(pipe: ShortPipe) -> None:
    queue_a_microtask(lambda _: abort(pipe))


def throw(_: ShortPipe) -> None:
    raise ValueError("thrown")


def microtasks_and_throw(pipe: ShortPipe) -> None:
    microtasks(pipe)
    throw(pipe)


def error_the_sink_and_throw(pipe: ShortPipe) -> None:
    error_the_sink(pipe)
    throw(pipe)


def a_promise(pipe: ShortPipe) -> Any:
    microtasks(pipe)
    return Promise.resolve(1)


def a_promise_that_waits(pipe: ShortPipe) -> Any:
    return pipe.under_way.promise


def abort_and_wait(pipe: ShortPipe) -> Any:
    abort(pipe)
    return pipe.under_way.promise


def error_the_sink_and_wait(pipe: ShortPipe) -> Any:
    error_the_sink(pipe)
    return pipe.under_way.promise


def a_value(_: ShortPipe) -> Any:
    return 5


def a_rejection(_: ShortPipe) -> Any:
    return Promise.reject("rejected")


def microtasks_and_abort(pipe: ShortPipe) -> None:
    microtasks(pipe)
    abort(pipe)


UNUSUAL = [
    *(microtasks, error_the_source, error_the_sink, error_the_sink_in_a_microtask, enqueue, close_the_source),
    *(close_the_source_in_a_microtask, abort, abort_in_a_microtask, throw, microtasks_and_throw, microtasks_and_abort),
    *(error_the_sink_and_throw, a_promise, a_promise_that_waits, abort_and_wait, error_the_sink_and_wait),
    *(a_value, a_rejection, leave_out_and_enqueue_in_a_write),
]

MARKS = [(0, 1), (1, 1), (2, 1), (0, 16), (1, 16)]  # of the source and of the sink


@pytest.fixture(autouse=True)
def the_switch(loop_errors: LoopErrors) -> Iterator[None]:
    before = fast_paths.are_enabled()
    yield
    fast_paths.set_enabled(before)
    loop_errors.take()


async def log_of(pipe: ShortPipe, *marks: float, fast: bool) -> list[str]:
    fast_paths.set_enabled(fast)
    assert not microtasks_are_pending()
    pipe.start(*marks)
    await settle(6)
    pipe.tell("nothing is under way any more")
    pipe.under_way.resolve()
    await settle(6)
    return pipe.log


def places(chunks: int) -> list[str]:
    pulls = [f"{when}pull {number}" for number in range(1, chunks + 2) for when in ("before ", "")]
    return [*pulls, *(f"write {number}" for number in range(1, chunks + 1)), "close"]


@pytest.mark.parametrize("variant", ["", "prevent_close", "prevent_abort", "starts late"])
@pytest.mark.parametrize("with_the_last", [True, False])
@pytest.mark.parametrize("what", UNUSUAL, ids=lambda what: what.__name__)
async def test_it_is_followed_by_the_same(what: Callable[[ShortPipe], Any], with_the_last: bool, variant: str) -> None:
    for chunks in range(MOST_CHUNKS + 1):
        for where, marks in product(places(chunks), MARKS):
            plain = await log_of(ShortPipe(chunks, with_the_last, where, what, variant), *marks, fast=False)
            fast = await log_of(ShortPipe(chunks, with_the_last, where, what, variant), *marks, fast=True)
            assert fast == plain, f"{where}, {chunks} chunks, high water marks {marks}"
