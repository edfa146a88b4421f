"""The rows of the table, by their names, and what fills them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support import LOOP_FACTORIES, LoopErrors

from .fuzz import TARGETS, fuzz
from .models import PAIRS, random_lives
from .scenarios import SCENARIOS, sweep_all
from .table import Row

CHECKS: dict[str, Callable[[str], Row]] = {}


def on_every_loop(name: str, run: Callable[[], Coroutine[Any, Any, Row]]) -> Row:
    """Try the cases on each of the loops, and count them together."""
    row = Row(name)
    gc.collect()
    gc.freeze()
    for loop_factory in LOOP_FACTORIES.values():
        LoopErrors.current = LoopErrors()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            row.add(runner.run(run()))
    gc.unfreeze()
    return row


def _sweep(scenario: str) -> Callable[[str], Row]:
    return lambda name: on_every_loop(name, lambda: sweep_all(scenario))


def _lives(stream: str) -> Callable[[str], Row]:
    return lambda name: _named(name, random_lives(stream, range(_LIVES)))


def _fuzz(target: str) -> Callable[[str], Row]:
    return lambda name: _named(name, fuzz(target, _EXAMPLES))


def _named(name: str, row: Row) -> Row:
    named = Row(name)
    named.add(row)
    return named


#: `make soak` and `make fuzz` take more.
_LIVES = 2500
_EXAMPLES = 2000

for _scenario in SCENARIOS:
    CHECKS[f"cancelled at every step: {_scenario}"] = _sweep(_scenario)
for _stream in PAIRS:
    CHECKS[f"steps beside a model: {_stream}"] = _lives(_stream)
for _target in TARGETS:
    CHECKS[f"fuzzed: {_target}"] = _fuzz(_target)
