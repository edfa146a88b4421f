"""A small load: the big one is `make soak`."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator

import pytest

from .load import load


@pytest.fixture(autouse=True)
def _limits_are_put_back() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="this system does not list descriptors")
def test_a_hundred_connections_for_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    row = load(100, 1 / 60)
    assert row.is_clean, row.describe()
    assert row.tried > 100
    assert "unhandled errors: 0 here, 0 in the peer" in capsys.readouterr().out
