"""Plain models of the streams, and the real ones beside them.

A model is the standard in few lines, with Python's lists and numbers, written from the text alone; it knows nothing
of the packages. What both show has to be the same after each step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from tests.support.sources import VirtualLoop
from tests.trust.leaks import Before
from tests.trust.steps import fast_paths_enabled
from tests.trust.table import Row

from .bytes_pair import BytePair
from .pair import NotRefusedError, Pair
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

#: After so many lives it is looked whether anything is left of them.
AT_A_TIME = 50


def random_lives(name: str, seeds: Iterable[int]) -> Row:
    """For each seed, do random things to a stream and its model; with fast paths, for every other one."""
    row = Row(name)
    all_seeds = list(seeds)
    for first in range(0, len(all_seeds), AT_A_TIME):
        some = all_seeds[first : first + AT_A_TIME]
        before = Before()
        for seed in some:
            _life(row, name, seed)
        if left := before.left():
            row.leaked += 1
            row.notes.append(f"seeds {some[0]} to {some[-1]}: left {left}")
    return row


def _life(row: Row, name: str, seed: int) -> None:
    chance = random.Random(seed)
    loop = VirtualLoop()
    with loop.installed(), fast_paths_enabled(seed % 2 == 0):
        pair = PAIRS[name](loop, chance.randrange(SETTINGS))
        try:
            for _ in range(LIFE):
                row.tried += 1
                pair.do(chance.choice(pair.operations), chance.randrange(ARGUMENTS))
        except NotRefusedError as error:
            row.let_in += 1
            row.notes.append(f"seed {seed}: {error!r}, after {pair.log}")
        except Exception as error:
            row.lost += 1
            row.notes.append(f"seed {seed}: {error!r}, after {pair.log}")
