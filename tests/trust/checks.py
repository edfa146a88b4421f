"""The rows of the table, by their names, and what fills them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from tests.support import QUICK_LOOP_FACTORIES, LoopErrors
from tests.support.namespaces import network_of_hosts

from .boundary import ATTEMPTS, try_all
from .faults import (
    Fault,
    Means,
    Place,
    converse_under,
    exchange_under,
    has_netem,
    netem,
    try_datagrams,
    try_each,
    try_streams,
    wire,
)
from .fuzz import TARGETS, fuzz
from .guest import row_of_guest
from .load import load
from .load_limits import limit_put_back
from .models import PAIRS, random_lives
from .release import check_shortly
from .resources import RESOURCES
from .scenarios import SCENARIOS, sweep_all
from .table import COLUMNS, Row

Attempt = Callable[[Place, Fault], Awaitable[str]]

CHECKS: dict[str, Callable[[str], Row]] = {}


def in_one_go(name: str, run: Callable[[], Row], counts: tuple[str, ...] = COLUMNS) -> Row:
    """Try the cases, and count them; what was there before is out of the collector's sight."""
    row = Row(name, counts=counts)
    LoopErrors.current = LoopErrors()
    gc.collect()
    gc.freeze()
    row.add(run())
    gc.unfreeze()
    return row


def on_every_loop(name: str, run: Callable[[], Coroutine[Any, Any, Row]], counts: tuple[str, ...] = COLUMNS) -> Row:
    """Try the cases on each of the loops, and count them together."""
    row = Row(name, counts=counts)
    for loop_factory in QUICK_LOOP_FACTORIES.values():
        LoopErrors.current = LoopErrors()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            row.add(in_one_go(name, lambda runner=runner: runner.run(run())))  # type: ignore[misc]
    return row


def _short_load() -> Row:
    with limit_put_back():
        return load(_CONNECTIONS, _SECONDS / 60)


async def _real_faults(attempt: Attempt, means: Means, version: str) -> Row:
    with network_of_hosts() as network:
        return await try_each(attempt, Place(network, version, means))


def _with_netem(name: str, run: Callable[[], Coroutine[Any, Any, Row]]) -> Row:
    """Try the cases here, or in another kernel, if that of this machine has no netem."""
    return on_every_loop(name, run) if has_netem() else row_of_guest(name)


#: `make soak` and `make fuzz` take more.
_LIVES = 2500
_EXAMPLES = 2000
_NETWORKS = 60
_CONNECTIONS = 500
_SECONDS = 6

#: Where nothing is refused, nobody is let in.
_NOT_LET_IN = ("lost", "leaked")

for _scenario in SCENARIOS:
    CHECKS[f"cancelled at every step: {_scenario}"] = partial(
        on_every_loop, run=partial(sweep_all, _scenario), counts=_NOT_LET_IN
    )
for _stream in PAIRS:
    CHECKS[f"steps beside a model: {_stream}"] = partial(in_one_go, run=partial(random_lives, _stream, range(_LIVES)))
for _target in TARGETS:
    CHECKS[f"fuzzed: {_target}"] = partial(in_one_go, run=partial(fuzz, _target, _EXAMPLES))
for _attempts in ATTEMPTS:
    CHECKS[f"let in: {_attempts}"] = partial(on_every_loop, run=partial(try_all, _attempts))
_FAULTS: dict[str, Callable[[], Coroutine[Any, Any, Row]]] = {
    "TCP over virtual networks": partial(try_streams, range(_NETWORKS)),
    "UDP over virtual networks": partial(try_datagrams, range(_NETWORKS)),
}
_REAL_FAULTS = {
    (means, f"{protocol} of the kernel, {version}, {means}"): partial(_real_faults, attempt, plugged_in, version)
    for means, plugged_in in (("a program as the cable", wire.plugged_in), ("netem", netem.plugged_in))
    for protocol, attempt in (("TCP", converse_under), ("UDP", exchange_under))
    for version in ("IPv4", "IPv6")
}
for _faulty, _run in _FAULTS.items():
    CHECKS[f"faults: {_faulty}"] = partial(on_every_loop, run=_run)
for (_means, _faulty), _run in _REAL_FAULTS.items():
    CHECKS[f"faults: {_faulty}"] = partial(_with_netem if _means == "netem" else on_every_loop, run=_run)
for _resource, _try in RESOURCES.items():
    CHECKS[f"resources: {_resource}"] = partial(in_one_go, run=_try, counts=_NOT_LET_IN)
CHECKS[f"load: {_CONNECTIONS} connections for {_SECONDS} seconds"] = partial(in_one_go, run=_short_load)
CHECKS["releases: made twice, what is inside, installed"] = partial(
    in_one_go, run=check_shortly, counts=("lost", "let_in")
)
