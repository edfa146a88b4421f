"""A pipe whose source fills its queue, chunk after chunk, until a callback does something else: as in the plain way.

So it is through transform streams that pass all chunks on; and with coroutine functions it is as in the other loop, as
the order in which tasks take turns is asyncio's in the plain way.
"""

from __future__ import annotations

import asyncio
import contextvars
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from whatwg_streams import AbortController, Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams._platform import fast_paths
from whatwg_streams._platform.reasons import MYPY
from whatwg_streams._readable import fast_pipe_in_a_task
from whatwg_streams._transform.fast_chain import MOST_TRANSFORMS
from whatwg_streams.other_specs import queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tests.support import LoopErrors

CHUNKS = 12
THE_CHUNK = 5  # at which something happens
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE")  # that a callback may set

#: The same, of coroutine functions: a task is worth it after some chunks.
MANY_CHUNKS = 30
THE_CHUNK_OF_MANY = 20


class Pipe:
    """A source and a sink; in one callback, or between two, something unusual happens once."""

    def __init__(
        self,
        where: str,
        what: Callable[[Pipe], Any],
        transforms: int,
        marks: tuple[float, ...],
        coroutines: Collection[str],
    ) -> None:
        of_source, of_sink = marks
        self.chunks, self.the_chunk = (MANY_CHUNKS, THE_CHUNK_OF_MANY) if coroutines else (CHUNKS, THE_CHUNK)
        self.log: list[str] = []
        self.where, self.what = where, what
        self.made = self.written = 0
        self.nothing_once = False
        self.source: Any = None
        self.sink: Any = None
        self.under_way = Promise.with_resolvers()
        self.aborting = AbortController()
        pull = in_a_coroutine(self.pull) if "pull" in coroutines else self.pull
        write = in_a_coroutine(self.write) if "write" in coroutines else self.write
        source = {"pull": pull, "cancel": lambda reason: self.log.append(f"cancel {reason!r}")}
        sink = {"write": write, "close": lambda: self.log.append("close"), "abort": self.abort}
        stream = ReadableStream[Any](source, {"high_water_mark": of_source})
        for _ in range(transforms):
            stream = stream.pipe_through(TransformStream())
        dest = WritableStream[Any](sink, {"high_water_mark": of_sink})
        promise = stream.pipe_to(dest, signal=self.aborting.signal)
        promise.then(lambda _: self.log.append("done"), lambda reason: self.log.append(f"{reason!r}"))

    def abort(self, reason: object) -> None:
        self.log.append(f"abort {reason!r}")

    def pull(self, controller: Any) -> Any:
        self.source = controller
        self.made += 1
        self.look(f"pull {self.made}")
        if self.made > self.chunks:
            controller.close()
            return None
        answer = self.what(self) if self.where == "pull before" and self.made == self.the_chunk else None
        if self.nothing_once:
            self.nothing_once = False
            return answer
        self.attempt(lambda: controller.enqueue(self.made))
        if self.where == "pull" and self.made == self.the_chunk:
            answer = self.what(self)
        self.look(f"pulled {self.made}")
        return answer

    def write(self, chunk: object, controller: Any) -> Any:
        self.sink = controller
        self.written += 1
        self.look(f"write {chunk}")
        return self.what(self) if self.where == "write" and self.written == self.the_chunk else None

    def look(self, name: str) -> None:
        self.log.append(f"{name} {self.source.desired_size} {VARIABLE.get('')}")

    def attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except TypeError as error:
            self.log.append(str(error))
        if self.source is not None:
            self.look("then")


def in_a_coroutine(callback: Callable[..., Any]) -> Callable[..., Any]:
    async def run(*arguments: Any) -> None:
        answer = callback(*arguments)
        if answer is not None:
            await answer

    return run


def enqueue(pipe: Pipe) -> None:
    pipe.attempt(lambda: pipe.source.enqueue("another"))


def enqueue_two(pipe: Pipe) -> None:
    enqueue(pipe)
    enqueue(pipe)


def enqueue_later(pipe: Pipe) -> None:
    queue_a_microtask(lambda _: enqueue(pipe))


def close(pipe: Pipe) -> None:
    pipe.attempt(pipe.source.close)


def error(pipe: Pipe) -> None:
    pipe.attempt(lambda: pipe.source.error("errored"))


def error_the_sink(pipe: Pipe) -> None:
    pipe.sink.error("errored")
    pipe.log.append("the sink is errored")


def abort(pipe: Pipe) -> None:
    pipe.aborting.abort("aborted")


def abort_before_a_write_that_waits(pipe: Pipe) -> None:
    pipe.where, pipe.what = "write", a_promise_that_waits
    pipe.written = pipe.the_chunk - 1
    abort(pipe)


def throw(_: Pipe) -> None:
    raise ValueError("thrown")


def give_nothing(pipe: Pipe) -> None:
    pipe.nothing_once = True


def give_nothing_and_enqueue_in_the_write(pipe: Pipe) -> None:
    pipe.nothing_once = True
    pipe.where, pipe.what = "write", enqueue
    pipe.written = pipe.the_chunk - 1


def make_room_and_enqueue(pipe: Pipe) -> Any:
    """The next pull enqueues nothing; so an enqueue in a later write has to pull, and that pull is under way."""
    pipe.nothing_once = True
    pipe.where, pipe.what = "write", enqueue_for_a_pull_that_waits
    pipe.written = pipe.the_chunk - 3


def enqueue_for_a_pull_that_waits(pipe: Pipe) -> None:
    pipe.where, pipe.what = "pull", lambda pipe: pipe.under_way.promise
    pipe.made = pipe.the_chunk - 1
    enqueue(pipe)


def a_promise(_: Pipe) -> Any:
    return Promise.resolve(1)


def a_promise_that_waits(pipe: Pipe) -> Any:
    return pipe.under_way.promise


def a_rejection(_: Pipe) -> Any:
    return Promise.reject("rejected")


def error_the_sink_and_answer(pipe: Pipe) -> Any:
    error_the_sink(pipe)
    return pipe.under_way.promise


def error_and_answer(pipe: Pipe) -> Any:
    error(pipe)
    return pipe.under_way.promise


def abort_and_answer(pipe: Pipe) -> Any:
    abort(pipe)
    return pipe.under_way.promise


def close_and_throw(pipe: Pipe) -> None:
    close(pipe)
    throw(pipe)


async def wait(_: Pipe) -> None:
    await asyncio.sleep(0)


async def wait_and_throw(_: Pipe) -> None:
    await asyncio.sleep(0)
    raise ValueError("thrown")


def set_a_variable(_: Pipe) -> None:
    VARIABLE.set("set")


def cancel_the_task(_: Pipe) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancel_the_task_and_wait(pipe: Pipe) -> None:
    cancel_the_task(pipe)
    await asyncio.sleep(0)


UNUSUAL_FOR_COROUTINES = [wait, wait_and_throw, set_a_variable, cancel_the_task, cancel_the_task_and_wait]

UNUSUAL = [
    *(enqueue, enqueue_two, enqueue_later, close, error, error_the_sink, abort, throw, give_nothing),
    give_nothing_and_enqueue_in_the_write,
    *(error_the_sink_and_answer, error_and_answer, abort_and_answer, close_and_throw),
    *(make_room_and_enqueue, abort_before_a_write_that_waits, a_promise, a_promise_that_waits, a_rejection),
]


@pytest.fixture(autouse=True)
def the_switch(loop_errors: LoopErrors) -> Iterator[None]:
    before = fast_paths.are_enabled()
    yield
    fast_paths.set_enabled(before)
    loop_errors.take()


async def log_of(
    where: str,
    what: Callable[[Pipe], Any],
    transforms: int,
    *marks: float,
    fast: bool,
    coroutines: Collection[str] = (),
) -> list[str]:
    fast_paths.set_enabled(fast)
    pipe = contextvars.Context().run(Pipe, where, what, transforms, marks, coroutines)
    await settle(40)
    pipe.log.append("nothing is under way any more")
    pipe.under_way.resolve()
    await settle(40)
    return pipe.log


@pytest.mark.parametrize("what", UNUSUAL, ids=lambda what: what.__name__)
@pytest.mark.parametrize("where", ["pull before", "pull", "write"])
@pytest.mark.parametrize("transforms", range(MOST_TRANSFORMS + 1))
async def test_it_is_followed_by_the_same(where: str, what: Callable[[Pipe], Any], transforms: int) -> None:
    for of_source, of_sink in product((0, 0.5, 1, 2, 3, 16), (1, 16)):
        plain = await log_of(where, what, transforms, of_source, of_sink, fast=False)
        fast = await log_of(where, what, transforms, of_source, of_sink, fast=True)
        assert fast == plain, f"high water marks {of_source} and {of_sink}"
        assert len(plain) > THE_CHUNK


@pytest.mark.skipif(MYPY, reason="a compiled loop can not be told to be never steady")
@pytest.mark.parametrize("what", [*UNUSUAL, *UNUSUAL_FOR_COROUTINES], ids=lambda what: what.__name__)
@pytest.mark.parametrize("where", ["pull before", "pull", "write"])
@pytest.mark.parametrize("coroutines", [("pull",), ("write",), ("pull", "write")], ids="+".join)
async def test_it_is_followed_by_the_same_of_coroutines(
    where: str, what: Callable[[Pipe], Any], coroutines: Collection[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for of_source, of_sink in product((0.5, 1, 2), (1, 16)):
        with monkeypatch.context() as patch:
            patch.setattr(fast_pipe_in_a_task._Mover, "is_steady", lambda _: False)
            unsteady = await log_of(where, what, 0, of_source, of_sink, fast=True, coroutines=coroutines)
        steady = await log_of(where, what, 0, of_source, of_sink, fast=True, coroutines=coroutines)
        assert steady == unsteady, f"high water marks {of_source} and {of_sink}"
        assert len(steady) > THE_CHUNK_OF_MANY
