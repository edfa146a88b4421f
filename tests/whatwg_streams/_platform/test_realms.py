"""Event loops, seen from others."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest

from tests.support import LoopFactory, settle
from whatwg_streams._platform.realms import Realm, _queue_of, the_current_realm


class Inhabitant:
    def __init__(self) -> None:
        self.told = 0

    def _realm_has_ended(self) -> None:
        self.told += 1


def test_there_is_no_realm_where_no_loop_runs() -> None:
    assert the_current_realm() is None


async def test_a_loop_is_one_realm() -> None:
    assert the_current_realm() is the_current_realm()


async def test_a_task_runs_on_a_later_turn_in_its_context() -> None:
    realm = the_current_realm()
    assert realm is not None
    variable = contextvars.ContextVar[str]("variable")
    context = contextvars.copy_context()
    context.run(variable.set, "set")
    seen: list[str] = []
    assert realm.queue_a_task(lambda: seen.append(variable.get()), context)
    assert seen == []
    await settle()
    assert seen == ["set"]


async def test_tasks_are_taken_from_another_thread() -> None:
    realm = the_current_realm()
    assert realm is not None
    ran = asyncio.get_running_loop().create_future()
    thread = threading.Thread(target=realm.queue_a_task, args=[lambda: ran.set_result(threading.get_ident()), None])
    thread.start()
    assert await ran == threading.get_ident()
    await asyncio.to_thread(thread.join)


def test_those_who_live_there_are_told_when_the_loop_is_closed(loop_factory: LoopFactory) -> None:
    stays, leaves = Inhabitant(), Inhabitant()
    with asyncio.Runner(loop_factory=loop_factory) as runner:

        async def move_in() -> None:
            realm = the_current_realm()
            assert realm is not None
            for inhabitant in (stays, leaves):
                realm.settle(inhabitant)
            realm.forget(leaves)

        runner.run(move_in())
        assert stays.told == 0
    assert (stays.told, leaves.told) == (1, 0)


def test_those_who_live_there_are_told_when_the_thread_ends_though_the_loop_is_not_closed(
    loop_factory: LoopFactory,
) -> None:
    inhabitant = Inhabitant()
    loop = loop_factory()

    async def move_in() -> None:
        realm = the_current_realm()
        assert realm is not None
        realm.settle(inhabitant)

    thread = threading.Thread(target=loop.run_until_complete, args=[move_in()])
    thread.start()
    thread.join()
    assert inhabitant.told == 1
    loop.close()


def test_a_closed_loop_takes_no_task(loop_factory: LoopFactory) -> None:
    async def current() -> Realm:
        realm = the_current_realm()
        assert realm is not None
        return realm

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        realm = runner.run(current())
        loop = runner.get_loop()
    assert realm.queue_a_task(print, None) is False
    del loop, runner
    gc.collect()
    assert realm.queue_a_task(print, None) is False


class _BrokenLoop:
    def call_soon_threadsafe(self, steps: object, *, context: object) -> None:
        raise RuntimeError("broken")

    def is_closed(self) -> bool:
        return False


def test_only_that_a_loop_is_closed_means_that_it_takes_no_task() -> None:
    loop: Any = _BrokenLoop()
    realm = Realm(_queue_of(loop))
    with pytest.raises(RuntimeError, match="broken"):
        realm.queue_a_task(print, None)


def test_a_realm_does_not_keep_its_loop_alive(loop_factory: LoopFactory) -> None:
    async def current() -> Realm:
        realm = the_current_realm()
        assert realm is not None
        return realm

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        realm = runner.run(current())
        loop = weakref.ref(runner.get_loop())
    del runner
    gc.collect()
    assert loop() is None
    assert realm is not None
