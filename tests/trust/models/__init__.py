"""Plain models of the streams, and the real ones beside them.

A model is the standard in few lines, with Python's lists and numbers, written from the text alone; it knows nothing
of the packages. What both show has to be the same after each step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from tests.support.sources import VirtualLoop
from tests.trust.steps import fast_paths_enabled
from tests.trust.table import Row

from .bytes_pair import BytePair
from .pair import Pair
from .pairs import ReadablePair, WritablePair
from .transform_pair import TransformPair

PAIRS: dict[str, Callable[[VirtualLoop, int], Pair]] = {
    "readable stream": ReadablePair,
    "readable byte stream": BytePair,
    "writable stream": WritablePair,
    "transform stream": TransformPair,
}

#: Numbers below these are what an operation, and the setting of a pair, is told.
ARGUMENTS = 16
SETTINGS = 64

#: How many operations a stream lives through.
LIFE = 40


def random_lives(name: str, seeds: Iterable[int]) -> Row:
    """For each seed, do random things to a stream and its model; with fast paths, for every other one."""
    row = Row(name)
    for seed in seeds:
        chance = random.Random(seed)
        loop = VirtualLoop()
        with loop.installed(), fast_paths_enabled(seed % 2 == 0):
            pair = PAIRS[name](loop, chance.randrange(SETTINGS))
            try:
                for _ in range(LIFE):
                    row.tried += 1
                    pair.do(chance.choice(pair.operations), chance.randrange(ARGUMENTS))
            except Exception as error:
                row.lost += 1
                row.notes.append(f"seed {seed}: {error!r}, after {pair.log}")
    return row
