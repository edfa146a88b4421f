"""Every asynchronous test runs on asyncio's own loop in debug mode and on uvloop.

A synchronous test runs once; one that drives a loop by hand asks for ``loop_factory`` and then runs
on both too. After each test garbage is collected, and the test fails when

* a loop's exception handler was told of anything that the test did not take from ``loop_errors``;
* a task is still there, or more descriptors are open than were before. (Synchronous tests are looked at
  when they have driven a loop.)
"""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio

from tests.support import LOOP_FACTORIES, LoopErrors, LoopFactory, run_what_waits_for_a_loop, settle
from tests.support.descriptors import open_descriptors
from whatwg_streams._platform import fast_paths

_PASSED = pytest.StashKey[bool]()


def pytest_asyncio_loop_factories() -> Mapping[str, LoopFactory]:
    return LOOP_FACTORIES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    item.stash[_PASSED] = False
    yield
    item.stash[_PASSED] = True


@pytest.fixture(params=LOOP_FACTORIES.values(), ids=list(LOOP_FACTORIES))
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """What makes a loop, for a synchronous test: ``asyncio.Runner(loop_factory=loop_factory)``."""
    factory: LoopFactory = request.param
    return factory


@pytest.fixture(params=[True, False], ids=["fast", "plain"])
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test runs with the fast paths, and without."""
    before = fast_paths.set_enabled(request.param)
    yield
    fast_paths.set_enabled(before)


@pytest.fixture(autouse=True)
def loop_errors(request: pytest.FixtureRequest) -> Iterator[LoopErrors]:
    """Errors reported to the loop; a test that expects some takes them: ``loop_errors.take()``."""
    # What is there before the test is taken out of the collector's sight: collecting is cheap then,
    # and nothing that earlier tests left comes up in this one.
    gc.collect()
    gc.freeze()
    LoopErrors.current = errors = LoopErrors()
    before = open_descriptors()
    yield errors
    if not pytest_asyncio.is_async_test(request.node):
        gc.collect()
        run_what_waits_for_a_loop()
        # (An asynchronous test is looked at while its loop still runs, by the fixture below.)
        if "loop_factory" in request.fixturenames and request.node.stash.get(_PASSED, False):
            _no_descriptor_is_left(before)
    if errors.contexts:
        reports = map(_describe, errors.contexts)
        pytest.fail("\n".join(["the loop was told of:", *reports]), pytrace=False)


@pytest.fixture(autouse=True)
def _checks_on_the_loop(request: pytest.FixtureRequest) -> None:
    # Not for synchronous tests, lest they get a loop.
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("_nothing_left_behind")


@pytest.fixture
async def _nothing_left_behind(request: pytest.FixtureRequest, loop_errors: LoopErrors) -> AsyncIterator[None]:
    time_limit = asyncio.get_running_loop().call_later(0.9 * _seconds_allowed(request.node), _cancel_every_task)
    before = open_descriptors()
    yield
    time_limit.cancel()
    await settle(10)
    gc.collect()
    await settle(5)
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if request.node.stash.get(_PASSED, False):
        assert not tasks, "the test left tasks behind"
        _no_descriptor_is_left(before)


def _no_descriptor_is_left(before: set[tuple[str, str]]) -> None:
    # Their number: uvloop has new ones for its own use each time that it runs.
    after = open_descriptors()
    assert len(after) <= len(before), f"the test left descriptors open, among {after - before}"


def _seconds_allowed(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout"))


def _cancel_every_task() -> None:
    """End a test that waits for what never comes, at the line that waits.

    pytest-timeout, a little later, ends one that does not let go of the loop.
    """
    for task in asyncio.all_tasks():
        task.cancel("the time limit of the test")


def _describe(context: Mapping[str, object]) -> str:
    exception = context.get("exception")
    lines = [f"{key}: {value!r}" for key, value in context.items() if not key.endswith("traceback")]
    if isinstance(exception, BaseException):
        lines += "".join(traceback.format_exception(exception)).splitlines()
    return "\n    ".join(lines)
