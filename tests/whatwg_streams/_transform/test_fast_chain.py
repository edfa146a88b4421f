"""The fast path of pipes through transform streams: whatever a callback does, the plain way has the same log."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from whatwg_streams import AbortController, Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams._platform import fast_paths
from whatwg_streams._platform.event_loop import MICROTASKS_PER_TURN
from whatwg_streams._transform.fast_chain import MISSES, MOST_TRANSFORMS
from whatwg_streams.other_specs import queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import LoopErrors

CHUNKS = 12
THE_CHUNK = 4  # at which something happens

ACTIONS = ("enqueue", "error", "terminate", "close")


class Chain:
    """A source, transforms and a sink; one callback does something unusual once."""

    def __init__(self, transforms: int, stage: int, event: Callable[[Chain], Any], high_water_mark: float) -> None:
        self.log: list[str] = []
        self.controllers: list[Any] = []
        self.stage, self.event = stage, event
        self.aborting = AbortController()
        made = 0

        def pull(controller: Any) -> Any:
            nonlocal made
            made += 1
            if made > CHUNKS:
                controller.close()
                return None
            return self.called(-1, f"pull {made}", lambda: controller.enqueue(made), made - 1)

        stream: ReadableStream[Any] = ReadableStream({"start": self.controllers.append, "pull": pull})
        for number in range(transforms):
            stream = stream.pipe_through(self.transform(number), signal=self.aborting.signal)
        sink = {
            "start": self.controllers.append,
            "write": lambda chunk: self.called(transforms, f"write {chunk}", lambda: None, chunk),
            "close": lambda: self.log.append("close"),
            "abort": lambda reason: self.log.append(f"abort {reason!r}"),
        }
        self.watch("pipe", stream.pipe_to(WritableStream(sink, {"high_water_mark": high_water_mark})))

    def transform(self, number: int) -> TransformStream[Any, Any]:
        def transform(chunk: Any, controller: Any) -> Any:
            return self.called(number, f"transform {number} {chunk}", lambda: controller.enqueue(chunk), chunk)

        return TransformStream({"start": self.controllers.append, "transform": transform})

    def called(self, stage: int, name: str, usual: Callable[[], None], chunk: object) -> Any:
        self.look(name)
        if stage != self.stage or chunk != THE_CHUNK:
            usual()
            self.look(name)
            return None
        self.usual = usual
        return self.event(self)

    def look(self, name: str) -> None:
        wanted = [one.desired_size for one in self.controllers if hasattr(one, "desired_size")]
        self.log.append(f"{name}: {wanted}")

    def watch(self, name: str, promise: Promise[Any]) -> None:
        promise.then(lambda _: self.log.append(f"{name} done"), lambda reason: self.log.append(f"{name} {reason!r}"))

    def touch(self, number: int, action: str) -> None:
        controller = self.controllers[number % len(self.controllers)]
        if hasattr(controller, action):
            try:
                getattr(controller, action)(*([action] if action in {"enqueue", "error"} else []))
            except TypeError as error:
                self.log.append(f"{error!r}")
        self.look(f"{action} {number}")


def later(hops: int, steps: Callable[[], object]) -> None:
    queue_a_microtask(lambda _: later(hops - 1, steps) if hops else steps())


def throw(_: Chain) -> None:
    raise ValueError("thrown")


def twice(chain: Chain) -> None:
    chain.usual()
    chain.look("once")
    chain.usual()
    chain.look("twice")


def touching(number: int, action: str, *, before: bool) -> Callable[[Chain], None]:
    def event(chain: Chain) -> None:
        if before:
            chain.touch(number, action)
        try:
            chain.usual()
        finally:
            if not before:
                chain.touch(number, action)

    return event


def touching_later(hops: int, number: int, action: str) -> Callable[[Chain], None]:
    def event(chain: Chain) -> None:
        later(hops, lambda: chain.touch(number, action))
        chain.usual()
        later(hops, lambda: chain.look("later"))

    return event


def aborting(*, before: bool) -> Callable[[Chain], None]:
    def event(chain: Chain) -> None:
        if not before:
            chain.usual()
        chain.aborting.abort("aborted")
        if before:
            chain.usual()

    return event


def answering(hops: int, *, fails: bool) -> Callable[[Chain], Promise[None]]:
    def event(chain: Chain) -> Promise[None]:
        chain.usual()
        resolvers = Promise.with_resolvers()
        later(hops, lambda: resolvers.reject("failed") if fails else resolvers.resolve())
        return resolvers.promise

    return event


EVENTS: list[Callable[[Chain], Any]] = [
    lambda _: None,
    lambda _: Promise.resolve(),
    throw,
    twice,
    *(touching(number, action, before=before) for number, action, before in product(range(5), ACTIONS, (True, False))),
    *(touching_later(hops, number, action) for hops, number, action in product((1, 4), range(5), ACTIONS)),
    *(aborting(before=before) for before in (True, False)),
    *(answering(hops, fails=fails) for hops, fails in product((0, 1, 5, 9), (True, False))),
]


async def _log(*what: Any) -> list[str]:
    chain = Chain(*what)
    await settle(10)
    return chain.log


@pytest.mark.parametrize("high_water_mark", [1, 3, 16])
@pytest.mark.parametrize(
    ("transforms", "stage"),
    [(transforms, stage) for transforms in range(1, MOST_TRANSFORMS + 1) for stage in range(-1, transforms + 1)],
)
async def test_a_callback_that_does_something_unusual_is_followed_by_the_same(
    transforms: int, stage: int, high_water_mark: float, loop_errors: LoopErrors
) -> None:
    before = fast_paths.are_enabled()
    try:
        for number, event in enumerate(EVENTS):
            fast_paths.set_enabled(False)
            plain = await _log(transforms, stage, event, high_water_mark)
            fast_paths.set_enabled(True)
            fast = await _log(transforms, stage, event, high_water_mark)
            assert fast == plain, f"event {number}"
    finally:
        fast_paths.set_enabled(before)
    loop_errors.take()


@pytest.mark.parametrize("high_water_mark", [1, 3, 16])
@pytest.mark.parametrize("transforms", range(1, MOST_TRANSFORMS + 1))
async def test_one_loop_moves_the_chunks_turn_after_turn(transforms: int, high_water_mark: float) -> None:
    chunks = 20 * MICROTASKS_PER_TURN
    made = 0

    def pull(controller: Any) -> None:
        nonlocal made
        made += 1
        controller.enqueue(made)
        if made == chunks:
            controller.close()

    misses: set[int] = set()
    first: TransformStream[Any, Any] = TransformStream()
    stream = ReadableStream[Any]({"pull": pull}).pipe_through(first)
    for _ in range(transforms - 1):
        stream = stream.pipe_through(TransformStream())
    sink = {"write": lambda _: misses.add(first._misses)}
    before = fast_paths.set_enabled(True)
    try:
        await stream.pipe_to(WritableStream(sink, {"high_water_mark": high_water_mark}))
    finally:
        fast_paths.set_enabled(before)
    assert misses <= set(range(MISSES))
