"""Random programs over streams, that log all which can be seen: what the fast paths are compared by.

    trace = await run_program(seed)
    trace = await run_reading_program(seed)  # of one source and one task that reads from it
    trace = await run_several_programs(seed)  # of some at once

Sources, sinks and transformers decide by a generator of random numbers of their own, so that the same program
behaves in the same way however it is run; unless the order of events differs, and then the logs do, too.

What is not determined is in which order asyncio tasks take their turns, and when a pipe reads. So a program has one
task that reads, at most; or it has callbacks that are coroutine functions: then nothing fails, and its log is what
each sink, or each task that reads, was given.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.support import settle
from whatwg_streams import (
    AbortController,
    Promise,
    ReadableStream,
    ReadableStreamAsyncIterator,
    ReadableStreamDefaultReader,
    TransformStream,
    WritableStream,
)
from whatwg_streams.other_specs import queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

#: Steps after which a run that has not come to rest is cut off.
PATIENCE = 60

#: So many events of a program without end are sure to have happened by then.
AT_LEAST = 12


class Program:
    """One random program under way."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.log: list[str] = []
        self.controllers: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.interesting = self.random.random()  # how often something unusual happens
        self.coroutines = self.random.random() < 0.2
        if self.coroutines:
            self.interesting = 0
        self.usual = self.coroutines and self.random.random() < 0.6  # its streams have the usual strategies
        # Pipes through transform streams that run for long, before something unusual happens somewhere.
        self.steady = not self.coroutines and self.random.random() < 0.4
        if self.steady:
            self.interesting *= self.random.choice([0.1, 0.3, 1])
        self.aborts: list[AbortController] = []
        self.iterators: list[ReadableStreamAsyncIterator[Any]] = []
        self.readers: list[ReadableStreamDefaultReader[Any]] = []
        self.last_reads: list[Promise[Any]] = []

    # What callbacks do --------------------------------------------------------------------------------

    def behave(self, name: str, rng: random.Random, what: Callable[[], object]) -> Any:
        """Do it, perhaps with microtasks around it; answer at once, in a promise, later, or not at all."""
        unusual = rng.random() < self.interesting * 0.3
        if unusual and rng.random() < 0.5:
            self.microtasks(f"{name} before", rng.randrange(1, 4))
        touching = self.steady and bool(self.controllers)
        touch_before = touching and rng.random() < self.interesting * 0.1
        touch_after = touching and rng.random() < self.interesting * 0.1
        if touch_before:
            self.touch(rng.choice(self.controllers), rng, f"before {name}")
        what()
        if touch_after:
            self.touch(rng.choice(self.controllers), rng, f"after {name}")
        if unusual and rng.random() < 0.5:
            self.microtasks(f"{name} after", rng.randrange(1, 4))
        kind = rng.random() if unusual else 0
        if kind < 0.5:
            return None
        if kind < 0.7:
            return Promise.resolve(rng.choice([None, 1]))
        if kind < 0.9 or name.startswith("start"):  # that would throw at once
            return self.later(name, rng.randrange(1, 6))
        self.log.append(f"{name} throws")
        raise ValueError(name)

    def microtasks(self, name: str, count: int) -> None:
        rng = random.Random(name)
        touching = self.steady and rng.random() < self.interesting

        def run(left: int) -> None:
            self.log.append(f"microtask {name} {left}")
            if touching and self.controllers and rng.random() < 0.3:
                self.touch(rng.choice(self.controllers), rng, f"microtask {name} {left}")
            if left:
                queue_a_microtask(run, left - 1)

        queue_a_microtask(run, count)

    def later(self, name: str, count: int) -> Promise[None]:
        def run(left: int) -> None:
            if left:
                queue_a_microtask(run, left - 1)
            else:
                self.log.append(f"{name} is done")
                resolvers.resolve()

        resolvers = Promise.with_resolvers()
        queue_a_microtask(run, count)
        return resolvers.promise

    def callback(self, function: Callable[..., Any], rng: random.Random) -> Callable[..., Any]:
        if not self.coroutines or rng.random() < 0.5:
            return function

        async def coroutine(*arguments: Any) -> Any:
            waits = rng.random() * (3 if self.usual else 1)
            if waits < 0.3:
                await asyncio.sleep(0)
            elif waits < 0.5:
                await Promise.resolve()
            elif waits < 0.6:
                await self.later("a coroutine", rng.randrange(4))
            function(*arguments)
            if waits < 0.05:
                await asyncio.sleep(0)

        return coroutine

    def some_of(self, name: str, members: dict[str, Any]) -> dict[str, Any]:
        """The members of a source, a sink or a transformer: now and then without a start, seldom without another."""
        rng = random.Random(f"{self.seed}: members of {name}")
        may_be_missing = [one for one in members if one not in {"type", "start"}]
        if rng.random() < 0.4:
            del members["start"]
        if rng.random() < 0.1:
            del members[rng.choice(may_be_missing)]
        return members

    def meet(self, controller: Any) -> None:
        """Remember the controller, to do something with it from outside."""
        if controller not in self.controllers:
            self.controllers.append(controller)

    def strategy(self, rng: random.Random) -> dict[str, Any]:
        if (self.steady or self.usual) and rng.random() < 0.95:
            return (
                {}
                if rng.random() < (0.97 if self.usual else 0.85)
                else {"high_water_mark": rng.choice([0.5, 1, 2, 16])}
            )
        strategy: dict[str, Any] = {"high_water_mark": rng.choice([0, 1, 1, 1, 2, 3, 16, 0.5, float("inf")])}
        if rng.random() < 0.25:
            sizes = rng.choice([(1,), (2,), (0,), (0.1, 1.5), (1, -1)][: 4 if self.coroutines else 5])
            its_own = random.Random(rng.random())  # it may be called before the callback, or after

            def size(chunk: object) -> float:
                self.log.append(f"size of {chunk}")
                return its_own.choice(sizes)

            strategy["size"] = size
        return strategy

    # The parts --------------------------------------------------------------------------------------------

    def source(self, name: str) -> ReadableStream[Any]:
        rng = random.Random(self.random.random())
        chunks = rng.choice([8, 12, 16] if self.steady else [20, 40] if self.usual else [0, 1, 2, 5, 20])
        made = 0
        if self.coroutines and rng.random() < 0.4:
            return ReadableStream.from_(self.generate(name, chunks, rng))

        def enqueue(controller: Any) -> None:
            nonlocal made
            usual = (self.steady or self.usual) and rng.random() > (self.interesting * 0.2 or 0.05)
            for _ in range(1 if usual else rng.choice([1, 1, 1, 1, 2, 3, 1 if self.coroutines else 0])):
                if made == chunks:
                    if rng.random() < 0.8 or self.coroutines:
                        self.log.append(f"{name} closes")
                        controller.close()
                    else:
                        self.log.append(f"{name} fails")
                        controller.error(KeyError(name))
                    return
                made += 1
                self.log.append(f"{name} enqueues {made}, wants {controller.desired_size}")
                self.enqueue_into(controller, f"{name}{made}", rng)
                self.log.append(f"{name} enqueued {made}, wants {controller.desired_size}")

        def pull(controller: Any) -> Any:
            self.meet(controller)
            self.log.append(f"{name} is pulled, wants {controller.desired_size}")
            if self.iterators and rng.random() < self.interesting * 0.1:
                self.watch(f"next by {name}", self.iterators[0].next())
            return self.behave(f"pull {name}", rng, lambda: enqueue(controller))

        def cancel(reason: object) -> Any:
            self.log.append(f"{name} is cancelled: {reason!r}")
            return self.behave(f"cancel {name}", rng, lambda: None)

        def start(controller: Any) -> Any:
            self.meet(controller)
            if rng.random() < 0.2:
                return self.behave(f"start {name}", rng, lambda: None)
            return None

        members = {"start": start, "pull": self.callback(pull, rng), "cancel": self.callback(cancel, rng)}
        return ReadableStream(self.some_of(name, members), self.strategy(rng))

    async def generate(self, name: str, chunks: int, rng: random.Random) -> AsyncIterator[str]:
        often = rng.choice([0, 0.03, 0.3])
        for number in range(chunks * rng.choice([1, 4])):
            if rng.random() < often:
                await asyncio.sleep(0)
            yield f"{name}{number}"

    def enqueue_into(self, controller: Any, chunk: str, _: random.Random) -> None:
        controller.enqueue(chunk)

    def sink(self, name: str) -> WritableStream[Any]:
        rng = random.Random(self.random.random())

        def write(chunk: object, controller: Any) -> Any:
            self.meet(controller)
            self.log.append(f"{name} writes {chunk}")

            def do() -> None:
                if rng.random() < self.interesting * 0.05:
                    self.log.append(f"{name} errors")
                    controller.error(IndexError(name))
                elif self.controllers and rng.random() < self.interesting * 0.05:
                    self.touch(rng.choice(self.controllers), rng, f"by {name}")

            return self.behave(f"write {name}", rng, do)

        def start(controller: Any) -> Any:
            self.meet(controller)
            return self.behave(f"start {name}", rng, lambda: None) if rng.random() < 0.2 else None

        def ended(what: str) -> Callable[..., Any]:
            def end(*arguments: object) -> Any:
                self.log.append(f"{name} {what} {[repr(one) for one in arguments[:1] if what == 'aborts']}")
                return self.behave(f"{what} {name}", rng, lambda: None)

            return end

        members = {"start": start, "write": self.callback(write, rng)}
        members |= {"close": ended("closes"), "abort": ended("aborts")}
        return WritableStream(self.some_of(name, members), self.strategy(rng))

    def transform(self, name: str) -> TransformStream[Any, Any]:
        rng = random.Random(self.random.random())
        if rng.random() < 0.3:
            return TransformStream({}, self.strategy(rng), self.strategy(rng))

        def transform(chunk: object, controller: Any) -> Any:
            self.log.append(f"{name} transforms {chunk}, wants {controller.desired_size}")

            def do() -> None:
                usual = (self.steady or self.usual) and rng.random() > (self.interesting * 0.2 or 0.05)
                for copy in range(1 if usual else rng.choice([1, 1, 1, 1, 0, 2])):
                    controller.enqueue(f"{name}({chunk}){copy or ''}")
                    self.log.append(f"{name} wants {controller.desired_size}")
                if rng.random() < self.interesting * 0.03:
                    rng.choice([controller.terminate, lambda: controller.error(OSError(name))])()

            return self.behave(f"transform {name}", rng, do)

        def flush(controller: Any) -> Any:
            self.log.append(f"{name} flushes")
            return self.behave(f"flush {name}", rng, lambda: controller.enqueue("the last"))

        def start(controller: Any) -> None:
            if self.steady:
                self.meet(controller)

        members: dict[str, Any] = {"start": start}
        members |= {"transform": self.callback(transform, rng), "flush": self.callback(flush, rng)}
        return TransformStream(self.some_of(name, members), self.strategy(rng), self.strategy(rng))

    def touch(self, controller: Any, rng: random.Random, who: str) -> None:
        """Something unexpected happens to a stream, from outside."""
        if self.aborts and rng.random() < 0.1:
            self.log.append(f"a pipe is aborted {who}")
            rng.choice(self.aborts).abort(who)
            return
        methods = ("close", "error", "enqueue", "terminate")
        method = rng.choice([one for one in methods if hasattr(controller, one)])
        self.log.append(f"{type(controller).__name__}.{method} {who}")
        try:
            getattr(controller, method)(*([RuntimeError(who)] if method == "error" else []))
            if hasattr(controller, "desired_size"):
                self.log.append(f"then it wants {controller.desired_size}")
        except TypeError as error:
            self.log.append(f"TypeError: {error}")

    # The whole --------------------------------------------------------------------------------------------

    def watch(self, name: str, promise: Awaitable[Any]) -> None:
        assert isinstance(promise, Promise)
        promise.then(
            lambda value: self.log.append(f"{name}: {value!r}"), lambda reason: self.log.append(f"{name}: {reason!r}")
        )

    def pipe(self, name: str, stream: ReadableStream[Any], depth: int = 0) -> None:
        often = self.steady or self.usual
        longest = 9 if self.coroutines else 3  # longer ones leave open when the source is pulled
        while len(name) <= longest and (self.random.random() < (0.8 if often else 0.35)):
            name += "t"
            stream = stream.pipe_through(self.transform(f"transform {name}"), **self.options(name))
        if depth < 2 and self.random.random() < (0.05 if self.steady else 0.15):
            for number, branch in enumerate(stream.tee()):
                self.pipe(f"{name}{number}", branch, depth + 1)
        elif self.random.random() < (0.95 if self.steady else 0.65) or (self.tasks and not self.coroutines):
            self.watch(f"pipe {name}", stream.pipe_to(self.sink(f"sink {name}"), **self.options(name)))
        else:
            self.read(f"sink {name}" if self.coroutines else name, stream)

    def options(self, name: str) -> dict[str, Any]:
        if self.coroutines:
            return {}
        prevent = ("prevent_close", "prevent_abort", "prevent_cancel")
        options: dict[str, Any] = {option: True for option in prevent if self.random.random() < 0.15}
        if self.random.random() < 0.15:
            controller = AbortController()
            options["signal"] = controller.signal
            self.aborts.append(controller)
            if self.steady:
                return options
            steps = self.random.randrange(200)

            def abort(left: int) -> None:
                if left:
                    queue_a_microtask(abort, left - 1)
                else:
                    self.log.append(f"signal of {name}")
                    controller.abort(f"signal of {name}")

            if steps < 3:
                abort(0)
            else:
                queue_a_microtask(abort, steps)
        return options

    def read(self, name: str, stream: ReadableStream[Any]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(self.reading(name, stream)))

    async def reading(self, name: str, stream: ReadableStream[Any]) -> None:
        rng = random.Random(self.random.random())
        kind = rng.randrange(4)

        async def read() -> None:
            reader = stream.get_reader()
            self.readers.append(reader)
            self.watch(f"closed of {name}", reader.closed)
            while True:
                reads = [reader.read() for _ in range(rng.choice([1, 1, 1, 2, 3]))]
                self.last_reads = reads
                self.log.append(f"{name} reads")
                for one in reads:
                    result = await one
                    self.log.append(f"{name} has read {result.value}")
                if result.done:
                    return
                if rng.random() < 0.03:
                    self.watch(f"cancel of {name}", reader.cancel(f"by {name}"))
                if kind == 1 and rng.random() < 0.3:
                    self.microtasks(name, 2)

        async def iterate() -> None:
            async for chunk in stream:
                self.log.append(f"{name} iterates over {chunk}")

        try:
            await (iterate() if kind == 2 else read())
        except Exception as error:
            self.log.append(f"{name} has failed: {error!r}")


async def come_to_rest(*programs: Program) -> list[str]:
    """Wait until nothing more happens, and return the logs, one after the other."""
    await settle(PATIENCE * (20 if any(program.coroutines for program in programs) else 1))
    logs = [list(program.log) for program in programs]  # the end of the tasks is no part of them
    await settle(1)
    result: list[str] = []
    for program, log in zip(programs, logs, strict=True):
        if len(program.log) > len(log):  # it goes on without end, and would be cut off anywhere
            result += [*log[:AT_LEAST], "endless"]
        elif program.coroutines:
            result += sorted((event for event in log if event.startswith("sink")), key=lambda event: event.split()[1])
        else:
            result += log
        for controller in program.controllers:
            controller.error(TimeoutError("the program is at its end"))
        for task in program.tasks:
            task.cancel()
        await asyncio.gather(*program.tasks, return_exceptions=True)
    await settle(10)
    return result


class ReadingProgram(Program):
    """A source, and one task that reads from it, in every way there is."""

    @override
    def enqueue_into(self, controller: Any, chunk: str, rng: random.Random) -> None:
        self.interfere(f"before {chunk}", rng)
        if rng.random() < self.interesting * 0.1:
            self.log.append(f"{chunk} comes in a promise")
            controller.enqueue(Promise.resolve(chunk))
        else:
            controller.enqueue(chunk)
        self.interfere(f"after {chunk}", rng)

    def interfere(self, name: str, rng: random.Random) -> None:
        """The source does what the reader may do, too: perhaps while it is pulled for that reader."""
        if not self.last_reads or rng.random() > self.interesting * 0.2:
            return
        what = rng.randrange(20)
        self.log.append(f"{name}, {what}")
        if what < 8:
            self.watch(f"reaction {name}", rng.choice(self.last_reads).then(lambda result: result.value))
        elif what < 16:
            self.watch(f"read {name}", self.readers[0].read())
        elif what < 18:
            self.readers[0].release_lock()
        else:
            self.watch(f"cancel {name}", self.readers[0].cancel(name))

    def start(self) -> None:
        """Make the source, and read from it, perhaps before it has started."""
        if self.random.random() < 0.5:
            self.read("reader", self.source("source"))
        else:
            self.tasks.append(asyncio.get_running_loop().create_task(self.making_and_reading()))

    async def making_and_reading(self) -> None:
        await self.reading("reader", self.source("source"))

    @override
    async def reading(self, name: str, stream: ReadableStream[Any]) -> None:
        rng = random.Random(self.random.random())
        if rng.random() < 0.5:
            await super().reading(name, stream)
            return
        chunks = stream.values(prevent_cancel=rng.random() < 0.2)
        self.iterators.append(chunks)
        try:
            async for chunk in chunks:
                self.log.append(f"{name} iterates over {chunk}")
                if rng.random() < self.interesting * 0.2:
                    self.microtasks(name, rng.randrange(1, 3))
                if rng.random() < self.interesting * 0.1:
                    self.watch(f"next of {name}", chunks.next())
                if rng.random() < self.interesting * 0.05:
                    break
        except Exception as error:
            self.log.append(f"{name} has failed: {error!r}")
        self.watch(f"return of {name}", chunks.return_())


async def run_reading_program(seed: int) -> list[str]:
    """Run the reading program of this number, and return its log."""
    program = ReadingProgram(seed)
    program.coroutines = False  # their log is that of sinks
    program.start()
    return await come_to_rest(program)


async def run_program(seed: int) -> list[str]:
    """Run the program of this number, and return its log."""
    program = Program(seed)
    program.pipe("0", program.source("source 0"))
    return await come_to_rest(program)


class ProgramOfPipes(Program):
    """A program without a task that reads."""

    @override
    def read(self, name: str, stream: ReadableStream[Any]) -> None:
        self.watch(f"pipe {name}", stream.pipe_to(self.sink(f"sink {name.removeprefix('sink ')}")))


async def run_several_programs(seed: int) -> list[str]:
    """Run some programs at once, that have nothing to do with one another, and return their logs.

    In which order pipes take their steps is left open; so each has a log of its own.
    """
    programs = [ProgramOfPipes(seed + number * 1_000_000) for number in range(1, 2 + seed % 4)]
    for program in programs:
        program.pipe("0", program.source("source 0"))
    return await come_to_rest(*programs)
