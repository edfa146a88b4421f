"""Each test of the contract runs on both machines."""

from __future__ import annotations

import pytest

from tests.support.machines import MACHINES, Machine


@pytest.fixture(params=list(MACHINES))
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]()
