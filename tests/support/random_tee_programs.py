"""Random programs over the branches of streams, that log all which can be seen: what the fast paths are compared by.

    trace = await run_tee_program(seed)

Like `random_programs`, but what reads is no task: reactions to promises read, cancel, release and begin anew. So any
number of them may do so, and the order of all that happens is determined. They are called from within callbacks of
the source, too.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.support import settle
from tests.support.random_programs import AT_LEAST, PATIENCE, Program
from whatwg_streams import Promise, ReadableStream
from whatwg_streams.other_specs import queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import Callable


class _Consumer:
    """Reads a branch to its end, unless something else comes to its mind."""

    def __init__(self, program: TeeProgram, name: str, stream: ReadableStream[Any]) -> None:
        self.program = program
        self.name = name
        self.stream = stream
        self.rng = random.Random(program.random.random())
        self.reads_ahead = self.rng.choice([1, 1, 1, 2, 4])
        self.pending = 0
        self.begin()

    def log(self, event: str) -> None:
        self.program.log.append(f"{self.name} {event}")

    def begin(self) -> None:
        self.reader = self.stream.get_reader()
        self.program.watch(f"{self.name} closed", self.reader.closed)

    def read(self) -> None:
        while self.pending < self.reads_ahead:
            self.pending += 1
            self.log("reads")
            promise = self.reader.read()
            self.log(f"has a promise that is {promise._promise_state}")
            promise.then(self.has_read, self.has_failed)

    def has_read(self, result: Any) -> None:
        self.pending -= 1
        self.log(f"has read {result!r}")
        if result.done:
            return
        pauses = self.rng.randrange(1, 4) if self.rng.random() < self.program.interesting else 0
        if self.rng.random() < self.program.interesting * 0.25:
            self.misbehave()
        self.go_on(pauses)

    def go_on(self, pauses: int) -> None:
        if pauses:
            queue_a_microtask(self.go_on, pauses - 1)
        else:
            self.read()

    def has_failed(self, reason: object) -> None:
        self.pending -= 1
        self.log(f"has failed: {reason!r}")

    def misbehave(self) -> None:
        kind = self.rng.choice(["cancel", "cancel", "release", "read", "touch"])
        if kind == "cancel":
            self.log("cancels")
            self.program.watch(f"{self.name} cancel", self.reader.cancel(f"by {self.name}"))
        elif kind == "release":
            self.log("releases its lock")
            self.reader.release_lock()
            self.begin()
        elif kind == "read":
            self.reads_ahead += 1
            self.read()
        else:
            self.program.touch(self.rng.choice(self.program.controllers), self.rng, f"by {self.name}")


class TeeProgram(Program):
    """One random program under way."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.coroutines = self.steady = False
        self.interesting = self.random.choice([0, 0.1, 0.3, self.random.random()])
        self.consumers: list[_Consumer] = []

    @override
    def behave(self, name: str, rng: random.Random, what: Callable[[], object]) -> Any:
        def do() -> None:
            self.call_back(name, rng)
            what()
            self.call_back(name, rng)

        return super().behave(name, rng, do)

    def call_back(self, name: str, rng: random.Random) -> None:
        """From within a callback, somebody else is called."""
        if self.consumers and rng.random() < self.interesting * 0.15:
            self.log.append(f"{name} calls")
            rng.choice(self.consumers).misbehave()

    def branch(self, name: str, stream: ReadableStream[Any], depth: int) -> None:
        kind = self.random.random()
        if depth == 0 or (depth < 3 and kind < 0.2):
            for number, branch in enumerate(stream.tee()):
                self.branch(f"{name}.{number}", branch, depth + 1)
        elif kind < 0.35:
            self.watch(f"{name} pipe", stream.pipe_to(self.sink(f"sink {name}")))
        elif kind < 0.42:
            self.watch(f"{name} cancel", stream.cancel(f"of {name}"))
        elif kind < 0.45:
            self.log.append(f"{name} is left alone")
        else:
            consumer = _Consumer(self, name, stream)
            self.consumers.append(consumer)
            consumer.go_on(self.random.choice([0, 0, 0, 1, 3, 10]))


async def run_tee_program(seed: int) -> list[str]:
    """Run the program of this number, and return its log."""
    program = TeeProgram(seed)
    source = program.source("source")
    if program.random.random() < 0.5:
        await Promise.resolve()  # it has started
    program.branch("branch", source, 0)
    await settle(PATIENCE)
    log = list(program.log)
    await settle(1)
    if len(program.log) > len(log):  # it goes on without end, and would be cut off anywhere
        log = [*log[:AT_LEAST], "endless"]
    return log
