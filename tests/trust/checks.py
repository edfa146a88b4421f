"""The rows of the table, by their names, and what fills them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from tests.support import LOOP_FACTORIES, LoopErrors
from tests.support.namespaces import network_of_hosts

from .boundary import ATTEMPTS, try_all
from .faults import try_datagrams, try_namespaces, try_streams
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


async def _real_faults() -> Row:
    with network_of_hosts() as network:
        return await try_namespaces(network)


#: `make soak` and `make fuzz` take more.
_LIVES = 2500
_EXAMPLES = 2000
_NETWORKS = 60

for _scenario in SCENARIOS:
    CHECKS[f"cancelled at every step: {_scenario}"] = _sweep(_scenario)
for _stream in PAIRS:
    CHECKS[f"steps beside a model: {_stream}"] = _lives(_stream)
for _target in TARGETS:
    CHECKS[f"fuzzed: {_target}"] = _fuzz(_target)
for _attempts in ATTEMPTS:
    CHECKS[f"let in: {_attempts}"] = partial(on_every_loop, run=partial(try_all, _attempts))
_FAULTS: dict[str, Callable[[], Coroutine[Any, Any, Row]]] = {
    "TCP over virtual networks": partial(try_streams, range(_NETWORKS)),
    "UDP over virtual networks": partial(try_datagrams, range(_NETWORKS)),
    "TCP of the kernel": _real_faults,
}
for _faulty, _run in _FAULTS.items():
    CHECKS[f"faults: {_faulty}"] = partial(on_every_loop, run=_run)
