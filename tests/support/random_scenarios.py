"""What random pipelines do to their chunks: drawn from a seed, and worked out in plain Python."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TypeAlias

Chunk: TypeAlias = tuple[int, ...]

# What is drawn from the seed -----------------------------------------------------------------------


@dataclass(frozen=True)
class Failure(Exception):
    """Why something was made to fail."""

    seed: int
    what: str


@dataclass(frozen=True)
class Transformation:
    """What one transform does to its chunks: how many each becomes; and what it does at one of them, or in the end."""

    number: int
    copies: tuple[int, ...]
    flushed: int
    stops_at: int | None
    stops_by: str  # "raise", "error" or "terminate"
    fails_to_flush: bool

    def output(self, chunk: Chunk, index: int) -> list[Chunk]:
        return [(*chunk, self.number, copy) for copy in range(self.copies[index % len(self.copies)])]

    def last_output(self) -> list[Chunk]:
        return [(-1, self.number, copy) for copy in range(self.flushed)]


@dataclass(frozen=True)
class Scenario:
    seed: int
    chunks: int
    source_end: str  # "close" or "error"
    transformations: tuple[Transformation, ...]
    consumer: str  # "sink" or "reader"
    sink_fails_at: int | None
    close_fails: bool
    abort_fails: bool
    cancel_fails: bool
    reader_cancels_after: int | None
    interruption: str | None  # "signal", "source" or "sink": what comes at any time, unlike all of the above
    interrupted_pipe: int
    prevent_close: bool
    prevent_abort: bool
    prevent_cancel: bool

    def failure(self, what: str) -> Failure:
        return Failure(self.seed, what)

    def is_calm(self) -> bool:
        """Whether nothing goes wrong at all."""
        return self.source_end == "close" and self.interruption is None and self.only_the_source_can_fail()

    def only_the_source_can_fail(self) -> bool:
        return (
            self.interruption in {None, "source"}
            and self.sink_fails_at is None
            and not self.close_fails
            and self.reader_cancels_after is None
            and all(one.stops_at is None and not one.fails_to_flush for one in self.transformations)
        )


def draw(seed: int) -> Scenario:
    chance = random.Random(seed)

    def rarely(probability: float = 0.2) -> bool:
        return chance.random() < probability

    calm = rarely(0.1)

    def transformation(number: int) -> Transformation:
        return Transformation(
            number,
            tuple(chance.choice((0, 1, 1, 1, 2)) for _ in range(chance.randint(1, 4))),
            chance.choice((0, 0, 1)),
            chance.randint(0, 9) if rarely() and not calm else None,
            chance.choice(("raise", "error", "terminate")),
            rarely(0.05) and not calm,
        )

    consumer = chance.choice(("sink", "sink", "sink", "reader"))
    transformations = tuple(transformation(number) for number in range(chance.randint(0, 3)))
    return Scenario(
        seed=seed,
        chunks=chance.randint(0, 12),
        source_end="error" if rarely() and not calm else "close",
        transformations=transformations,
        consumer=consumer,
        sink_fails_at=chance.randint(0, 9) if rarely() and not calm else None,
        close_fails=rarely(0.05) and not calm,
        abort_fails=rarely(),
        cancel_fails=rarely(),
        reader_cancels_after=chance.randint(0, 9) if consumer == "reader" and rarely(0.4) and not calm else None,
        interruption=chance.choice(("signal", "source", "sink")) if rarely(0.3) and not calm else None,
        interrupted_pipe=chance.randint(0, len(transformations)),
        prevent_close=rarely() and not calm,
        prevent_abort=rarely() and not calm,
        prevent_cancel=rarely() and not calm,
    )


# What plain Python makes of it --------------------------------------------------------------------


def ideal(scenario: Scenario) -> tuple[list[list[Chunk]], bool]:
    """Return what at most goes into each stage and out of the last, and whether it is certain to come there.

    It is, unless an error overtakes chunks that are queued somewhere.
    """
    chunks: list[Chunk] = [(number,) for number in range(scenario.chunks)]
    certain = scenario.source_end == "close" and scenario.interruption is None
    flowing = [chunks]
    for one in scenario.transformations:
        output: list[Chunk] = []
        for index, chunk in enumerate(chunks):
            if index == one.stops_at:
                certain = certain and one.stops_by == "terminate"
                break
            output += one.output(chunk, index)
        else:
            if one.fails_to_flush:
                certain = False
            else:
                output += one.last_output()
        chunks = output
        flowing.append(chunks)
    return flowing, certain
