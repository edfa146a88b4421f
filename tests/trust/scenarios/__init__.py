"""The scenarios that are swept: one module for each kind of operation."""

from __future__ import annotations

from collections.abc import Iterator

from tests.trust.sweep import ALL_SETTINGS, EVERY_WAY, MakeScenario, Ways, callback_cancelled, sweep
from tests.trust.table import Row

from . import byte_reads, callbacks, iterables, pipes, reads, sockets, writes


def _all_scenarios() -> Iterator[tuple[str, MakeScenario, Ways]]:
    for module in (reads, byte_reads, iterables, writes, pipes, sockets):
        for name, make in module.scenarios():
            yield name, make, EVERY_WAY
    for name, make in callbacks.scenarios():
        yield name, make, (callback_cancelled,)


#: The scenarios of each name, and the ways to interrupt them.
SCENARIOS: dict[str, list[tuple[MakeScenario, Ways]]] = {}
for _name, _make, _ways in _all_scenarios():
    SCENARIOS.setdefault(_name, []).append((_make, _ways))


async def sweep_all(name: str) -> Row:
    """Sweep all scenarios of the name."""
    row = Row(name)
    for make, ways in SCENARIOS[name]:
        row.add(await sweep(name, make, ways))
    return row


async def sample_of(name: str, stride: int) -> Row:
    """Sweep them at a few steps only, each under one of the settings."""
    row = Row(name)
    for index, (make, ways) in enumerate(SCENARIOS[name]):
        settings = [ALL_SETTINGS[index % len(ALL_SETTINGS)]]
        row.add(await sweep(name, make, ways, settings=settings, first=1 + index % stride, stride=stride))
    return row
