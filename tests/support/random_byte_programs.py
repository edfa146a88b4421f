"""Random programs over byte streams, that log all which can be seen: what the fast paths are compared by.

    trace = await run_byte_program(seed)
    trace = await run_reading_into_program(seed)  # of one source, and one task that reads into one buffer

Like `random_programs`, but the bytes matter, too: whose memory they are in, which memoryviews are released when, and
what becomes of requests, views and buffers that are used after their time.
"""

from __future__ import annotations

import asyncio
import random
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.support import settle
from tests.support.random_programs import AT_LEAST, PATIENCE, Program
from whatwg_streams import ReadableStream
from whatwg_streams._platform.event_loop import Waiter
from whatwg_streams.other_specs import (
    current_byob_request_view,
    enqueue_into_readable_stream,
    perform_a_microtask_checkpoint,
    queue_a_microtask,
    respond_to_current_byob_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = ["B"] * 6 + ["b", "H", "i"]


class ByteProgram(Program):
    """One random program under way."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.coroutines = self.steady = False
        self.interesting = self.random.choice([0, 0.1, self.random.random()])
        self.memory: list[bytearray] = []
        self.kept: list[Any] = []  # views and requests that were handed out, or over
        self.holds: list[PickleBuffer] = []
        self.bytes_made = 0
        self.reads = 0

    def told(self, value: Any) -> str:
        """What can be seen of a value."""
        if not isinstance(value, memoryview):
            return repr(value)
        try:
            where: object = next((number for number, one in enumerate(self.memory) if one is value.obj), "elsewhere")
            readonly = "readonly " if value.readonly else ""
            return f"{readonly}memoryview {value.format} of {where}: {value.tobytes()!r}"
        except ValueError:
            return "memoryview, released"

    def hold_on_to(self, view: memoryview) -> None:
        """Another object is using the memoryview: it can not be released."""
        self.holds.append(PickleBuffer(view))

    def attempt(self, what: str, act: Callable[[], object]) -> bool:
        try:
            act()
        except Exception as error:
            self.log.append(f"{what} raises {type(error).__name__}: {error}")
            return False
        self.log.append(what)
        return True

    @override
    def strategy(self, rng: random.Random) -> dict[str, Any]:
        strategy = super().strategy(rng)
        strategy.pop("size", None)
        return strategy

    def often(self, rng: random.Random, chance: float) -> bool:
        return rng.random() < chance * self.interesting

    def new_bytes(self, count: int) -> bytes:
        first = self.bytes_made
        self.bytes_made += count
        return bytes((first + index) % 251 for index in range(count))

    # The source -------------------------------------------------------------------------------------------

    def byte_source(self, name: str) -> ReadableStream[Any]:
        rng = random.Random(self.random.random())
        turns = rng.choice([0, 1, 3, 10, 30])
        style = rng.choice(["respond", "respond", "enqueue", "enqueue", "any"])
        stream: ReadableStream[Any]

        def act(controller: Any) -> None:
            nonlocal turns
            if turns == 0 or self.often(rng, 0.05):
                self.end(name, controller, rng)
                return
            turns -= 1
            for _ in range(rng.choice([1, 1, 1, 1, 2, 3, 0]) if self.often(rng, 1) else 1):
                self.provide(name, stream, controller, rng, style)
            self.look_back(rng)

        def pull(controller: Any) -> Any:
            self.meet(controller)
            self.log.append(f"{name} is pulled, wants {controller.desired_size}")
            if self.often(rng, 0.3):
                queue_a_microtask(act, controller)
                return self.later(f"pull {name}", 2) if rng.random() < 0.5 else None
            return self.behave(f"pull {name}", rng, lambda: act(controller))

        def cancel(reason: object) -> Any:
            self.log.append(f"{name} is cancelled: {reason!r}")
            return self.behave(f"cancel {name}", rng, lambda: None)

        def start(controller: Any) -> Any:
            self.meet(controller)
            return self.behave(f"start {name}", rng, lambda: None) if rng.random() < 0.3 else None

        members: dict[str, Any] = {"type": "bytes", "start": start, "pull": pull, "cancel": cancel}
        if rng.random() < 0.2:
            members["auto_allocate_chunk_size"] = rng.choice([1, 4, 16])
        stream = ReadableStream(
            self.some_of(name, members), {"high_water_mark": rng.choice([0, 0, 0, 1, 4, 64, float("inf")])}
        )
        return stream

    def provide(self, name: str, stream: ReadableStream[Any], controller: Any, rng: random.Random, style: str) -> None:
        if style == "any":
            style = rng.choice(["respond", "enqueue"])
        if rng.random() < 0.2:  # as a standard does it
            view = current_byob_request_view(stream)
            if view is None:
                data = self.new_bytes(rng.randint(1, 9))
                self.attempt(f"{name} enqueues for others", lambda: enqueue_into_readable_stream(stream, data))
            else:
                self.fill(view, rng, len(view))
                self.attempt(f"{name} responds for others", lambda: respond_to_current_byob_request(stream, len(view)))
            return
        request = controller.byob_request
        self.log.append(f"{name} has {request!r}, wants {controller.desired_size}")
        if style == "respond" and request is not None:
            assert request is controller.byob_request
            self.respond(name, request, rng)
            return
        chunk = self.chunk(rng)
        if request is not None and self.often(rng, 0.1):
            chunk = request.view[: rng.randint(0, len(request.view))]
        told = self.told(chunk)
        self.attempt(f"{name} enqueues {told}", lambda: controller.enqueue(chunk))
        self.kept.append(chunk)
        if request is not None:
            self.kept.append(request)
        self.log.append(f"{name} has enqueued, wants {controller.desired_size}")

    def fill(self, view: memoryview, rng: random.Random, most: int) -> int:
        count = most if rng.random() < 0.5 else rng.randint(1, most)
        view[:count] = self.new_bytes(count)
        return count

    def respond(self, name: str, request: Any, rng: random.Random) -> None:
        view = request.view if rng.random() < 0.9 else None
        if view is None:
            self.attempt(f"{name} responds 1, unseen", lambda: request.respond(1))
            return
        assert view is request.view
        count = self.fill(view, rng, len(view))
        self.kept += [view, request]
        if self.often(rng, 0.1):
            self.hold_on_to(view)
        if self.often(rng, 0.2):
            wrong = rng.choice([0, len(view) + 1, -1, 1.5, True, None, 2**70])
            self.attempt(f"{name} responds {wrong}", lambda: request.respond(wrong))
        elif self.often(rng, 0.3):
            new_view = rng.choice([view[:count], bytearray(len(view)), view[1:], bytearray(3), view[:0], b"12"])
            told = self.told(new_view)
            self.attempt(f"{name} responds with {told}", lambda: request.respond_with_new_view(new_view))
            self.kept.append(new_view)
        else:
            self.attempt(f"{name} responds {count}", lambda: request.respond(count))

    def chunk(self, rng: random.Random) -> Any:
        data = self.new_bytes(rng.choice([1, 1, 2, 3, 5, 8, 13]))
        kinds: list[Callable[[], object]] = [lambda: data] * 4 + [lambda: bytearray(data), lambda: memoryview(data)]
        if self.interesting:
            kinds += [
                lambda: memoryview(bytearray(data))[1:],
                lambda: memoryview(data)[::2],
                lambda: memoryview(data * 4).cast("i"),
                lambda: b"",
                lambda: "text",
            ]
        return rng.choice(kinds)()

    def end(self, name: str, controller: Any, rng: random.Random) -> None:
        if self.often(rng, 0.2):
            self.attempt(f"{name} fails", lambda: controller.error(KeyError(name)))
            return
        self.attempt(f"{name} closes", controller.close)
        request = controller.byob_request
        if request is not None and rng.random() < 0.9:
            self.attempt(f"{name} responds 0", lambda: request.respond(0))

    def look_back(self, rng: random.Random) -> None:
        """Look at what was handed out before, and try to use it."""
        if not self.kept or not self.often(rng, 0.5):
            return
        one = rng.choice(self.kept)
        if not hasattr(one, "respond"):
            self.log.append(f"kept: {self.told(one)}")
            return
        self.log.append(f"kept: {one!r} {self.told(one.view)}")
        self.attempt("kept responds 1", lambda: one.respond(1))
        self.attempt("kept responds with a view", lambda: one.respond_with_new_view(bytearray(2)))

    # Readers ----------------------------------------------------------------------------------------------

    def view(self, rng: random.Random) -> Any:
        if self.kept and self.often(rng, 0.2):
            return rng.choice(self.kept)
        if self.often(rng, 0.1):
            return rng.choice([b"readonly", bytearray(), "text", memoryview(b"readonly")])
        memory = bytearray(rng.choice([1, 4, 4, 8, 8, 16, 64]))
        self.memory.append(memory)
        kind = rng.random()
        if kind < 0.3:
            return memory
        view = memoryview(memory)
        if kind < 0.4:
            view = view[1:] if len(memory) > 1 else view
        if self.often(rng, 0.1):
            self.hold_on_to(view)
        item_format = rng.choice(FORMATS)
        return view.cast(item_format) if item_format != "B" and len(view) % 4 == 0 else view  # type: ignore[call-overload]

    def start_reads(self, name: str, reader: Any, rng: random.Random) -> list[Any]:
        count = rng.choice([1, 1, 1, 2, 4]) if self.interesting else 1
        return [self.start_read(name, reader, rng) for _ in range(count)]

    def start_read(self, name: str, reader: Any, rng: random.Random) -> Any:
        if not hasattr(reader, "_read_into_requests"):
            return reader.read()
        if rng.random() < 0.5 and self.kept and isinstance(self.kept[-1], memoryview):
            view = self.kept.pop()  # the last one that was read, again
        else:
            view = self.view(rng)
        options = {"min": rng.choice([0, 1, 2, 3, 100, None, 1.0, True])} if self.often(rng, 0.3) else {}
        promise = reader.read(view, **options)
        self.log.append(f"{name} reads into what is now {self.told(view)}")
        return promise

    def has_read(self, name: str, result: Any) -> None:
        self.log.append(f"{name} has read {self.told(result.value)}, done {result.done}")
        if result.value is not None:
            self.kept.append(result.value)

    def forsake(self, promise: Any, steps: int) -> None:
        """Have a task await the promise, which is cancelled some steps later."""
        waiter = Waiter(promise)
        promise._add_reaction(waiter)

        def cancel(left: int) -> None:
            if left:
                queue_a_microtask(cancel, left - 1)
            else:
                self.log.append("a read is forsaken")
                waiter.cancel()

        queue_a_microtask(cancel, steps)

    def reader(self, stream: ReadableStream[Any], rng: random.Random) -> Any:
        return stream.get_reader(mode="byob") if rng.random() < 0.65 else stream.get_reader()

    def read_by_reactions(self, name: str, stream: ReadableStream[Any]) -> None:
        """Read without a task, a few at once, now and then with another reader."""
        rng = random.Random(self.random.random())
        reader: Any = self.reader(stream, rng)
        self.watch(f"closed of {name}", reader.closed)

        def read(_: object) -> None:
            nonlocal reader
            self.reads += 1
            if self.reads > PATIENCE:
                return
            self.look_back(rng)
            if self.often(rng, 0.1):
                reader.release_lock()
                self.log.append(f"{name} changes its reader")
                reader = self.reader(stream, rng)
            if self.often(rng, 0.03):
                self.watch(f"cancel of {name}", reader.cancel(f"by {name}"))
            promises = self.start_reads(name, reader, rng)
            last = promises.pop()
            for promise in promises:
                if self.often(rng, 0.3):
                    self.forsake(promise, rng.randrange(5))
                else:
                    promise.then(lambda result: self.has_read(name, result), failed)
            last.then(go_on, failed)
            if self.often(rng, 0.1):
                reader.release_lock()
                self.log.append(f"{name} releases its reader, and gets another one")
                reader = self.reader(stream, rng)
                queue_a_microtask(read)

        def go_on(result: Any) -> None:
            self.has_read(name, result)
            if not result.done or self.often(rng, 0.2):
                read(None)

        def failed(reason: object) -> None:
            self.log.append(f"{name} has failed: {reason!r}")
            if self.often(rng, 0.5):
                queue_a_microtask(read)

        read(None)

    def read_in_a_task(self, name: str, stream: ReadableStream[Any]) -> None:
        rng = random.Random(self.random.random())

        async def read() -> None:
            reader: Any = self.reader(stream, rng)
            while True:
                promises = self.start_reads(name, reader, rng)
                for promise in promises:
                    result = await promise
                    self.has_read(name, result)
                if result.done:
                    return
                if self.often(rng, 0.1):
                    reader.release_lock()
                    reader = self.reader(stream, rng)

        async def iterate() -> None:
            async for chunk in stream:
                self.log.append(f"{name} iterates over {self.told(chunk)}")

        async def run() -> None:
            try:
                await (iterate() if rng.random() < 0.2 else read())
            except Exception as error:
                self.log.append(f"{name} has failed: {error!r}")

        self.tasks.append(asyncio.get_running_loop().create_task(run()))

    def consume(self, name: str, stream: ReadableStream[Any], depth: int = 0) -> None:
        kind = self.random.random()
        if depth < 2 and kind < 0.15:
            for number, branch in enumerate(stream.tee()):
                self.consume(f"{name}{number}", branch, depth + 1)
        elif kind < 0.25:
            self.watch(f"pipe {name}", stream.pipe_to(self.byte_sink(f"sink {name}")))
        elif kind < 0.5 and not self.tasks:
            self.read_in_a_task(name, stream)
        else:
            self.read_by_reactions(name, stream)

    def byte_sink(self, name: str) -> Any:
        sink = self.sink(name)
        write: Any = sink._controller._write_algorithm

        def write_told(chunk: object) -> Any:
            return write(self.told(chunk))

        sink._controller._write_algorithm = write_told
        return sink


class ReadingIntoProgram(ByteProgram):
    """A source that answers at once, most of the time, and one task that reads from it into the same buffer."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.interesting *= self.random.choice([0.1, 0.3, 1])
        self.reader_in_use: Any = None
        self.read_under_way: Any = None

    @override
    def provide(self, name: str, stream: ReadableStream[Any], controller: Any, rng: random.Random, style: str) -> None:
        if self.often(rng, 0.1):
            self.meddle(name, controller, rng)
        super().provide(name, stream, controller, rng, style)
        if self.often(rng, 0.1):
            self.meddle(name, controller, rng)

    def meddle(self, name: str, controller: Any, rng: random.Random) -> None:
        """The source does what is not its business."""
        reader, promise = self.reader_in_use, self.read_under_way
        if promise is None:
            return
        acts: dict[str, Callable[[], object]] = {
            "reacts": lambda: self.watch_read(f"{name}, of the task,", promise),
            "reads": lambda: self.watch_read(name, reader.read(bytearray(4))),
            "has the read forsaken": lambda: self.forsake(promise, rng.randrange(3)),
            "releases the lock": reader.release_lock,
            "cancels": lambda: self.watch(f"cancel by {name}", reader.cancel(name)),
            "hurries": perform_a_microtask_checkpoint,
            "queues a microtask": lambda: self.microtasks(f"{name} meddles", 2),
            "touches its controller": lambda: self.touch(controller, rng, f"by {name}"),
            "enqueues": lambda: controller.enqueue(b"12"),
            "responds": lambda: controller.byob_request.respond(1),
            "looks at the request": lambda: self.log.append(repr(controller.byob_request)),
        }
        what = rng.choice(list(acts))
        self.attempt(f"{name} {what}", acts[what])

    def watch_read(self, name: str, promise: Any) -> None:
        promise.then(
            lambda result: self.log.append(f"{name} has read {self.told(result.value)}, done {result.done}"),
            lambda reason: self.log.append(f"{name} has failed: {reason!r}"),
        )

    @override
    def read_in_a_task(self, name: str, stream: ReadableStream[Any]) -> None:
        rng = random.Random(self.random.random())
        memory = bytearray(rng.choice([1, 4, 16]))
        self.memory.append(memory)
        again = rng.choice(["the bytearray", "what was read", "a new memoryview"])

        async def read() -> None:
            self.reader_in_use = reader = stream.get_reader(mode="byob")
            view: Any = memory
            while True:
                options = {"min": rng.randint(1, 3)} if self.often(rng, 0.2) else {}
                self.read_under_way = promise = reader.read(view, **options)
                if self.often(rng, 0.1):
                    self.watch_read(f"{name}, besides,", promise)
                if self.often(rng, 0.1):
                    self.microtasks(name, rng.randrange(3))
                if self.often(rng, 0.1):
                    self.watch_read(f"{name}, one more,", reader.read(self.view(rng)))
                if self.often(rng, 0.1):
                    await asyncio.sleep(0)
                result = await promise
                self.log.append(f"{name} reads {self.told(result.value)}, done {result.done}")
                if result.done:
                    return
                if again == "what was read":
                    view = result.value
                elif again == "a new memoryview":
                    view = memoryview(memory)

        async def run() -> None:
            for _ in range(3):
                try:
                    await read()
                except Exception as error:
                    self.log.append(f"{name} has failed: {error!r}")
                else:
                    return
                self.reader_in_use.release_lock()

        self.tasks.append(asyncio.get_running_loop().create_task(run()))


async def run_reading_into_program(seed: int) -> list[str]:
    """Run the program of this number, and return its log."""
    program = ReadingIntoProgram(seed)
    program.read_in_a_task("0", program.byte_source("source"))
    return await _log_of(program)


async def run_byte_program(seed: int) -> list[str]:
    """Run the program of this number, and return its log."""
    program = ByteProgram(seed)
    if program.random.random() < 0.2:
        program.read_in_a_task("0", program.byte_source("source"))
    else:
        program.consume("0", program.byte_source("source"))
    return await _log_of(program)


async def _log_of(program: ByteProgram) -> list[str]:
    await settle(PATIENCE)
    log = list(program.log)
    await settle(1)
    if len(program.log) > len(log):  # it goes on without end, and would be cut off anywhere
        log = [*log[:AT_LEAST], "endless"]
    for task in program.tasks:
        task.cancel()
    await asyncio.gather(*program.tasks, return_exceptions=True)
    for hold in program.holds:
        hold.release()
    return log
