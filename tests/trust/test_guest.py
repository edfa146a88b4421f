"""A guest, whose kernel has netem, tries what the kernel of this machine cannot."""

from __future__ import annotations

import sys

import pytest

from . import __main__ as command, guest
from .guest import NoGuestError, run_in_guest
from .table import Row

PYTHON = sys.executable


def run_or_skip(*words: str, seconds: float = 60) -> str:
    if missing := guest.missing_packages():
        pytest.skip(f"NETEM IS NOT PROVED IN A GUEST: {missing} are not installed")
    return run_in_guest(words, seconds)


@pytest.mark.timeout(90)
def test_the_kernel_of_a_guest_has_netem() -> None:
    said = run_or_skip(PYTHON, "-c", "from tests.trust.faults import has_netem; print('netem:', has_netem())")
    assert said == "netem: True\n"


@pytest.mark.timeout(90)
def test_what_fails_in_a_guest_is_told() -> None:
    with pytest.raises(NoGuestError, match=r"has not done .*\n(.*\n)*ZeroDivisionError"):
        run_or_skip(PYTHON, "-c", "1 / 0")


@pytest.mark.timeout(90)
def test_a_guest_that_does_not_end_is_ended() -> None:
    with pytest.raises(NoGuestError, match="not done after 2 seconds"):
        run_or_skip("sleep", "3600", seconds=2)


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "_path", lambda _: None)
    with pytest.raises(NoGuestError, match="install iproute2, kmod, user-mode-linux"):
        run_in_guest(["true"])


def test_a_row_that_cannot_be_tried_keeps_what_was_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> Row:
        raise NoGuestError(f"no guest for {name}")

    before = Row("over there", tried=3)
    kept: list[Row] = []
    monkeypatch.setattr(command, "CHECKS", {"over there": fail, "here": lambda name: Row(name, tried=1)})
    monkeypatch.setattr(command, "recorded", lambda: [before])
    monkeypatch.setattr(command, "record", kept.extend)
    assert command.main([]) == 0
    assert kept == [before, Row("here", tried=1)]
    assert "NOT TRIED HERE, over there: no guest for over there" in capsys.readouterr().out
