"""Random programs of one task that writes, and logs all which can be seen: what the fast paths are compared by.

    trace = await run_writing_program(seed)

Like `random_programs`. The task awaits what its writers give it, or does not; callbacks of the sinks, reactions and
microtasks write, close, abort and release the locks beside it.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.support.random_programs import Program, come_to_rest
from whatwg_streams import Promise, WritableStream
from whatwg_streams.other_specs import new, queue_a_microtask, set_up_writable_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from whatwg_streams import WritableStreamDefaultWriter


class _Output:
    """A stream that is written to."""

    def __init__(self, program: WritingProgram, name: str) -> None:
        self.program = program
        self.name = name
        self.rng = random.Random(program.random.random())
        self.written = 0
        self.promises: list[Awaitable[None]] = []  # that somebody may await still
        self.stream: WritableStream[Any] = program.sink(name)
        self.writer: WritableStreamDefaultWriter[Any] = self.stream.get_writer()
        if self.rng.random() < 0.6:
            program.watch(f"{name} closed", self.writer.closed)

    def log(self, event: str) -> None:
        self.program.log.append(f"{self.name} {event}")

    def write(self) -> Promise[None]:
        """Write the next chunk, and perhaps look at what has become of it."""
        self.written += 1
        number = self.written
        self.log(f"is given {number}")
        promise = self.writer.write(f"{self.name} {number}")
        self.log(f"has taken {number}: {promise._promise_state}")
        self.look()
        if self.rng.random() < self.program.interesting * 0.3:
            self.program.watch(f"{self.name} {number}", promise)
        self.keep(promise)
        return promise

    def keep(self, promise: Awaitable[None]) -> None:
        self.promises.append(promise)
        del self.promises[:-4]

    def look(self) -> None:
        """See what anybody can see."""
        try:
            self.log(f"wants {self.writer.desired_size}")
        except TypeError as error:
            self.log(f"is released: {error}")
        if self.program.looks and self.rng.random() < 0.5:
            self.log(f"is ready: {self.writer.ready._promise_state}")
        if self.program.looks and self.rng.random() < 0.1:
            self.log(f"is closed: {self.writer.closed._promise_state}")

    def release(self) -> None:
        self.log("is released")
        self.writer.release_lock()

    def misbehave(self) -> None:
        """Something that the task has not asked for."""
        kind = self.rng.choice(["write", "write", "close", "abort", "release", "ready", "error", "wait"])
        if kind == "write":
            self.write()
        elif kind == "ready":
            self.program.watch(f"{self.name} ready", self.writer.ready)
        elif kind == "wait":
            self.keep(self.writer.ready)
        elif kind == "release":
            self.release()
            if self.rng.random() < 0.7:
                self.writer = self.stream.get_writer()
            elif self.rng.random() < 0.5:
                self.program.watch(f"{self.name} abort", self.stream.abort("without a writer"))
        elif kind == "error":
            self.program.touch(self.rng.choice(self.program.controllers), self.rng, f"beside {self.name}")
        elif self.rng.random() < 0.3:
            self.log(f"is told to {kind}")
            promise = self.writer.close() if kind == "close" else self.writer.abort(f"of {self.name}")
            self.program.watch(f"{self.name} {kind}", promise)


class WritingProgram(Program):
    """One random program under way."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.coroutines = self.steady = False
        self.usual = self.random.random() < 0.7
        self.interesting = self.random.choice([0, 0.05, 0.2, self.random.random()])
        self.looks = self.random.random() < 0.3
        self.outputs: list[_Output] = []

    @override
    def behave(self, name: str, rng: random.Random, what: Callable[[], object]) -> Any:
        def do() -> None:
            self.beside(name, rng)
            what()
            self.beside(name, rng)

        return super().behave(name, rng, do)

    def beside(self, who: str, rng: random.Random) -> None:
        if self.outputs and rng.random() < self.interesting * (0.3 if who.startswith("closes") else 0.05):
            self.log.append(f"{who} misbehaves")
            rng.choice(self.outputs).misbehave()

    @override
    def sink(self, name: str) -> WritableStream[Any]:
        return super().sink(name) if self.random.random() < 0.7 else self.sink_of_another_specification(name)

    def sink_of_another_specification(self, name: str) -> WritableStream[Any]:
        rng = random.Random(self.random.random())
        stream: WritableStream[Any] = new(WritableStream)

        def algorithm(what: str) -> Callable[..., Any]:
            def steps(*arguments: object) -> Any:
                self.log.append(f"{name} {what} {arguments}")
                return self.behave(f"{what} {name}", rng, lambda: None)

            return steps

        set_up_writable_stream(
            stream,
            write_algorithm=algorithm("writes"),
            close_algorithm=algorithm("closes"),
            abort_algorithm=algorithm("aborts"),
            high_water_mark=rng.choice([0, 1, 1, 1, 2, 4]),
        )
        return stream

    def start(self) -> None:
        """Make the streams, and write to them, perhaps before they have started."""
        self.tasks.append(asyncio.get_running_loop().create_task(self.writing()))

    async def writing(self) -> None:
        rng = random.Random(self.random.random())
        self.outputs += [_Output(self, f"sink {number}") for number in range(rng.choice([1, 1, 1, 2]))]
        if rng.random() < 0.5:
            await Promise.resolve()  # they have started
        habit = rng.randrange(4)
        for _ in range(rng.choice([3, 10, 30])):
            output = rng.choice(self.outputs)
            usual = rng.random() >= self.interesting
            await self.write_one(output, habit if usual else rng.randrange(9), rng)
            if not usual and rng.random() < 0.3:
                self.microtasks("the task", rng.randrange(3))
            if not usual and rng.random() < 0.3:
                queue_a_microtask(_Output.misbehave, output)
            self.beside("the task", rng)
        for output in self.outputs:
            end = rng.choice(["close", "abort", "release_lock"])
            if end == "release_lock":
                output.release()
            elif end == "close":
                await self.wait_for(output, end, output.writer.close())
            else:
                await self.wait_for(output, end, output.writer.abort("in the end"))

    async def write_one(self, output: _Output, habit: int, rng: random.Random) -> None:
        if habit <= 1:
            await self.wait_for(output, "ready", output.writer.ready)
            output.write()
        elif habit == 2:
            await self.wait_for(output, "write", output.write())
        elif habit == 3:
            output.write()
            await self.wait_for(output, "ready", output.writer.ready)
        elif habit == 4:
            for _ in range(rng.randrange(4)):
                output.write()
        elif habit == 5:
            promise = output.write()
            output.release()
            await self.wait_for(output, "write", promise)
            output.writer = output.stream.get_writer()
        elif habit == 6:
            await self.wait_for(output, "something else", Promise.resolve())
        elif output.promises:
            await self.wait_for(output, "a promise", rng.choice(output.promises))

    async def wait_for(self, output: _Output, what: str, promise: Awaitable[None]) -> None:
        output.log(f"is waited for: {what}")
        try:
            await promise
        except Exception as error:
            output.log(f"has failed: {what}: {error!r}")
        else:
            output.log(f"has done: {what}")
        output.look()


async def run_writing_program(seed: int) -> list[str]:
    """Run the program of this number, and return its log."""
    program = WritingProgram(seed)
    program.start()
    return await come_to_rest(program)
