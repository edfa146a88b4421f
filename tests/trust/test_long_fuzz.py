"""Fuzzing for long: guided by coverage, where atheris is installed, and at random."""

from __future__ import annotations

import importlib.util

import pytest

from . import fuzz as fuzz_module
from .long_fuzz import at_random, guided
from .planted import PLANTED


@pytest.mark.timeout(120)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: `make fuzz` does it")
def test_guided_by_coverage_it_gets_ahead_where_chance_does_not() -> None:
    for seconds in (5, 10, 30):  # as many as it takes on a busy machine
        figures = guided(PLANTED, seconds, "tests.trust.planted")
        if figures.covered > figures.covered_first:
            break
    assert figures.covered > figures.covered_first > 0
    assert figures.kept > 1
    assert not figures.found or "the planted condition was found" in figures.found
    assert figures.describe("a name").startswith(f"a name: {figures.runs} runs, {figures.covered_first} edges covered")


@pytest.mark.timeout(60)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: `make fuzz` does it")
def test_guided_by_coverage_it_covers_the_packages() -> None:
    figures = guided("texts of IP addresses", 2)
    assert figures.covered >= figures.covered_first > 0
    assert not figures.found


def test_at_random_it_ends_in_time_or_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(value: object) -> None:
        assert value is not True, "the truth is refused"

    assert at_random("command lines", 0.1)
    monkeypatch.setitem(fuzz_module.TARGETS, "numbers", (fuzz_module.TARGETS["numbers"][0], check))
    assert not at_random("numbers", 20)
    assert "the truth is refused" in capsys.readouterr().out
