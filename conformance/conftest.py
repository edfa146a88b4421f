"""Conformance tests run on the same loops, and are checked in the same way, as unit tests."""

from __future__ import annotations

from tests.conftest import (
    _checks_on_the_loop as _checks_on_the_loop,
    _nothing_left_behind as _nothing_left_behind,
    loop_errors as loop_errors,
    loop_factory as loop_factory,
    pytest_asyncio_loop_factories as pytest_asyncio_loop_factories,
    pytest_runtest_call as pytest_runtest_call,
)
