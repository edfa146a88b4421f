"""Reads into buffers that run the pull they wait for inside of the task, and every way out of that."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, byte_stream
from whatwg_streams import Promise
from whatwg_streams._platform import host
from whatwg_streams.other_specs import perform_a_microtask_checkpoint

if TYPE_CHECKING:
    from tests.support import LoopFactory

#: More than microtasks run, and awaits find their promise settled, before the loop has its turn.
MANY = 2000


pytestmark = pytest.mark.usefixtures("both_ways")


class Filler(ByteSource):
    """A source that fills the view with the number of the pull, and can do something else before and after it."""

    def __init__(self) -> None:
        super().__init__(on_pull=self.fill)
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None

    def fill(self, _: object) -> object:
        result = self.before()
        self.respond(bytes([self.pulls % 251]) * self.view.nbytes)
        self.after()
        return result


async def read_again_and_again(source: Filler, times: int = 5) -> list[bytes]:
    """What so many reads have got, that are awaited one after the other."""
    stream, _ = byte_stream(source)
    read: list[bytes] = []
    with stream.get_reader(mode="byob") as reader:
        for _ in range(times):
            result = await reader.read(bytearray(1))
            assert result.value is not None
            read.append(bytes(result.value))
    return read


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("before", ["microtask", 0, "microtask", 1, "microtask", 2]),
        ("after", [0, "microtask", 1, "microtask", 2, "microtask"]),
    ],
)
async def test_microtasks_that_a_pull_queues_run_at_their_place(when: str, expected: list[object]) -> None:
    events: list[object] = []
    source = Filler()
    stream, _ = byte_stream(source)
    setattr(source, when, lambda: Promise.resolve().then(lambda _: events.append("microtask")))
    with stream.get_reader(mode="byob") as reader:
        for number in range(3):
            await reader.read(bytearray(1))
            events.append(number)
    await settle()
    assert events == expected


async def test_a_pull_that_fails_fails_the_read_and_those_after_it() -> None:
    source = Filler()
    stream, _ = byte_stream(source)
    reader: Any = stream.get_reader(mode="byob")
    assert (await reader.read(bytearray(1))).value == b"\1"
    assert (await reader.read(bytearray(1))).value == b"\2"
    error = RuntimeError("the pull fails")

    def fail() -> None:
        raise error

    source.before = fail
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the pull fails"):
            await reader.read(bytearray(1))
    assert source.pulls == 3


async def test_a_pull_that_fails_after_its_response_does_not_take_it_back() -> None:
    source = Filler()

    def fail() -> None:
        if source.pulls == 3:
            raise RuntimeError("the pull fails")

    source.after = fail
    stream, _ = byte_stream(source)
    reader: Any = stream.get_reader(mode="byob")
    assert [(await reader.read(bytearray(1))).value for _ in range(3)] == [b"\1", b"\2", b"\3"]
    with pytest.raises(RuntimeError, match="the pull fails"):
        await reader.read(bytearray(1))


async def test_a_pull_that_returns_a_promise_is_waited_for_before_the_next() -> None:
    source = Filler()
    resolvers = Promise.with_resolvers()
    source.before = lambda: resolvers.promise if source.pulls == 3 else None
    stream, _ = byte_stream(source)
    reader: Any = stream.get_reader(mode="byob")
    assert [(await reader.read(bytearray(1))).value for _ in range(3)] == [b"\1", b"\2", b"\3"]
    late = reader.read(bytearray(1))
    await settle()
    assert source.pulls == 3
    resolvers.resolve()
    assert (await late).value == b"\4"


async def test_a_pull_that_gives_nothing_suspends_the_task_until_there_is_something() -> None:
    source = ByteSource()
    stream, _ = byte_stream(source)
    read: list[bytes] = []

    async def read_twice() -> None:
        reader: Any = stream.get_reader(mode="byob")
        read.extend([bytes((await reader.read(bytearray(4))).value or b"") for _ in range(2)])

    task = asyncio.get_running_loop().create_task(read_twice())
    for data in (b"ab", b"cd"):
        await settle()
        source.respond(data)
    await task
    assert read == [b"ab", b"cd"]


async def test_another_reaction_to_the_read_is_not_lost() -> None:
    source = Filler()
    stream, _ = byte_stream(source)
    reader: Any = stream.get_reader(mode="byob")
    events: list[object] = []
    for _ in range(3):
        promise = reader.read(bytearray(1))
        promise.then(lambda result: events.append(bytes(result.value or b"")))
        events.append((await promise).value)
    assert events == [b"\1", b"\1", b"\2", b"\2", b"\3", b"\3"]


async def test_a_source_that_is_not_asked_is_not_pulled_for_the_reader_of_another() -> None:
    idle = ByteSource()
    idle_stream, _ = byte_stream(idle)
    other = Filler()
    done = Promise.with_resolvers()
    other.before = lambda: done.promise if other.pulls == 2 else None
    other_stream, _ = byte_stream(other)
    other_reader: Any = other_stream.get_reader(mode="byob")
    await settle()
    for _ in range(2):
        await other_reader.read(bytearray(1))
    await settle()
    idle_reader = idle_stream.get_reader(mode="byob")
    assert idle_reader.read(bytearray(1)) is not None
    idle.respond(b"a")
    pending = idle_reader.read(bytearray(1))  # the pull that is done in a microtask is to be followed by another
    idle_reader.release_lock()
    asyncio.get_running_loop().call_soon(done.resolve, None)
    assert (await other_reader.read(bytearray(1))).value == b"\3"
    assert idle.pulls == 1
    with pytest.raises(TypeError, match="released"):
        await pending


async def _awaited(promise: Promise[Any]) -> Any:
    return await promise


async def test_reads_that_never_wait_for_long_leave_the_loop_its_turn() -> None:
    turns: list[int] = []
    source = Filler()
    asyncio.get_running_loop().call_soon(lambda: turns.append(source.pulls))
    await read_again_and_again(source, MANY)
    assert turns
    assert turns[0] < MANY


async def test_a_view_that_was_refused_is_released_with_the_response() -> None:
    stream, source = byte_stream()
    reader: Any = stream.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    await settle()
    part = source.view[1:]
    with pytest.raises(ValueError, match="has to start where"):
        source.request.respond_with_new_view(part)
    source.respond(b"abcd")
    with pytest.raises(ValueError, match="released"):
        part.tobytes()
    assert (await promise).value == b"abcd"


async def test_bytes_that_were_given_back_come_before_those_of_the_next_response() -> None:
    stream, source = byte_stream()
    await settle()
    reader: Any = stream.get_reader(mode="byob")
    forsaken = asyncio.get_running_loop().create_task(_awaited(reader.read(bytearray(2))))
    await settle()
    source.respond(b"ab")
    promise = reader.read(bytearray(2))
    forsaken.cancel()
    source.respond(b"cd")
    assert (await promise).value == b"ab"
    assert (await reader.read(bytearray(2))).value == b"cd"


async def test_no_microtask_runs_inside_of_a_pull() -> None:
    source = Filler()
    stream, _ = byte_stream(source)
    events: list[object] = []

    def hurry() -> None:
        Promise.resolve().then(lambda _: events.append("microtask"))
        if source.pulls > 1:  # the first one is done while the task reads
            perform_a_microtask_checkpoint()
        events.append("pulled")

    source.before = hurry
    with stream.get_reader(mode="byob") as reader:
        for _ in range(3):
            await reader.read(bytearray(1))
    await settle()
    assert events == ["pulled", "microtask"] * 3


@pytest.mark.parametrize("mode", ["byob", None])
@pytest.mark.parametrize("queued", [False, True])
async def test_a_read_is_served_by_the_pull_of_another_stream(mode: Any, queued: bool) -> None:
    events: list[object] = []
    filler, other = Filler(), ByteSource()
    reader = byte_stream(filler)[0].get_reader(mode="byob")
    other_reader: Any = byte_stream(other)[0].get_reader(mode=mode)
    promise = other_reader.read(bytearray(1)) if mode == "byob" else other_reader.read()
    await settle()
    await reader.read(bytearray(1))
    await settle()
    reader.read(bytearray(1))
    reader.read(bytearray(1))  # its pull waits for a microtask

    def serve() -> None:
        if queued:
            Promise.resolve().then(lambda _: events.append("microtask"))
        other.controller.enqueue(b"\7")

    filler.before = serve
    events.append((await promise).value)
    await settle()
    assert events == (["microtask", b"\7"] if queued else [b"\7"])


async def test_where_a_host_runs_the_microtasks_a_read_waits_for_them() -> None:
    source = Filler()
    stream, _ = byte_stream(source)
    reader: Any = stream.get_reader(mode="byob")
    await reader.read(bytearray(1))
    await settle()
    jobs: list[tuple[Callable[[Any], object], object]] = []
    before = host.set_microtask_enqueuer(lambda steps, argument: jobs.append((steps, argument)))
    try:
        first, second = reader.read(bytearray(1)), reader.read(bytearray(1))
        waiting = asyncio.get_running_loop().create_task(_awaited(second))
        await asyncio.sleep(0)
        assert source.pulls == 2
        assert not waiting.done()
        while jobs:
            steps, argument = jobs.pop(0)
            steps(argument)
    finally:
        host.set_microtask_enqueuer(before)
    assert ((await first).value, (await waiting).value) == (b"\2", b"\3")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
async def test_the_first_step_of_an_eager_task_runs_no_pull() -> None:
    source = Filler()
    stream, _ = byte_stream(source)
    reader: Any = stream.get_reader(mode="byob")
    await reader.read(bytearray(1))
    reader.read(bytearray(1)).then(None)
    promise = reader.read(bytearray(1))
    make: Any = asyncio.Task
    pulls = source.pulls
    task: asyncio.Task[Any] = make(_awaited(promise), loop=asyncio.get_running_loop(), eager_start=True)
    assert source.pulls == pulls
    assert (await task).value is not None


def test_an_interrupt_in_a_pull_leaves_the_queue_usable(loop_factory: LoopFactory) -> None:
    source = Filler()

    def interrupt() -> None:
        if source.pulls == 3:
            raise KeyboardInterrupt

    source.before = interrupt
    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(read_again_and_again(source))
    source.before = lambda: None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(read_again_and_again(source, 3)) == [b"\4", b"\5", b"\6"]
