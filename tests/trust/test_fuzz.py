"""What parses or converts takes what it must take and refuses the rest; `make fuzz` tries that for long."""

from __future__ import annotations

import pytest

from . import fuzz as fuzz_module
from .fuzz import TARGETS, fuzz


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_taken_that_must_not_be(name: str) -> None:
    row = fuzz(name, 60)
    assert row.is_clean, row.describe()
    assert row.tried >= 60


def test_what_is_taken_though_it_must_not_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy, _ = TARGETS["numbers"]

    def check(value: object) -> None:
        assert value != 3, "three is refused"

    monkeypatch.setitem(fuzz_module.TARGETS, "numbers", (strategy, check))
    row = fuzz("numbers", 2000)
    assert row.let_in == 1
    assert "three is refused" in row.notes[0]
