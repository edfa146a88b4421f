"""What parses or converts takes what it must take and refuses the rest; `make fuzz` tries that for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from whatwg_streams import CountQueuingStrategy

from . import fuzz as fuzz_module
from .fuzz import TARGETS, fuzz
from .table import Row


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_taken_that_must_not_be(name: str) -> None:
    row = fuzz(name, 60)
    assert row.is_clean, row.describe()
    assert row.tried >= 60


def _fuzz_with(monkeypatch: pytest.MonkeyPatch, check: Callable[[Any], object]) -> Row:
    strategy, _ = TARGETS["numbers"]
    monkeypatch.setitem(fuzz_module.TARGETS, "numbers", (strategy, check))
    return fuzz("numbers", 2000)


def test_what_is_taken_though_it_must_not_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(value: object) -> None:
        assert value is not True, "the truth is refused"

    row = _fuzz_with(monkeypatch, check)
    assert (row.lost, row.leaked, row.let_in) == (0, 0, 1)
    assert "the truth is refused" in row.notes[0]


def test_a_crash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(value: object) -> None:
        if value is True:
            raise KeyError("truth")

    row = _fuzz_with(monkeypatch, check)
    assert (row.lost, row.leaked, row.let_in) == (1, 0, 0)
    assert "KeyError('truth')" in row.notes[0]


def test_what_does_not_come_to_its_end_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(fuzz_module, "PATIENCE", 0.05)
    row = _fuzz_with(monkeypatch, check)
    assert (row.lost, row.leaked, row.let_in) == (1, 0, 0)
    assert "it took longer than 0.05 seconds" in row.notes[0]


def test_what_is_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    row = _fuzz_with(monkeypatch, lambda _: kept.append(CountQueuingStrategy(high_water_mark=1)))
    assert (row.lost, row.leaked, row.let_in) == (0, 1, 0)
