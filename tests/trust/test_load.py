"""A small load: the big one is `make soak`."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from direct_sockets import TCPSocket

from . import load as module
from .load import load
from .load_limits import limit_put_back


@pytest.fixture(autouse=True)
def _limits_are_put_back() -> Iterator[None]:
    with limit_put_back():
        yield


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="this system does not list descriptors")
def test_a_hundred_connections_for_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    row = load(100, 1 / 60)
    assert row.is_clean, row.describe()
    assert row.tried > 100
    assert "unhandled errors: 0 here, 0 in the peer" in capsys.readouterr().out


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="this system does not list descriptors")
def test_a_connection_that_fails_before_all_are_open_ends_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = module._connect
    calls = itertools.count(1)

    def connect_to_nobody_at_last(port: int, **options: Any) -> TCPSocket:
        nobody = 1
        return connect(nobody if next(calls) == 50 else port, **options)

    monkeypatch.setattr(module, "_connect", connect_to_nobody_at_last)
    row = load(100, 1 / 60)
    assert not row.is_clean
    assert any("ConnectionRefusedError" in note or "refused" in note for note in row.notes), row.notes


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="this system does not list descriptors")
def test_a_load_that_does_not_come_to_its_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "_without_descriptors", never)
    monkeypatch.setattr(module, "_BESIDES", 4)
    row = load(10, 1 / 60)
    assert not row.is_clean
    assert row.notes[0].startswith("not done within 5 s: "), row.notes
    assert row.notes[1] == "10 connections were opened in the cycle that was not done"
