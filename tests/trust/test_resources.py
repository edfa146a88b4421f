"""What is not closed by its user is closed all the same, and told; and what is there to notice it would."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, _shutdown
from tests.support import LOOP_FACTORIES, LoopFactory
from whatwg_streams import ReadableStream

from .resources import RESOURCES, forgotten, forks, queues
from .resources.counting import count, count_in
from .table import Row


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", RESOURCES)
def test_nothing_is_lost_and_nothing_is_left(name: str) -> None:
    row = RESOURCES[name]()
    assert row.tried > 0
    assert row.is_clean, row.describe()


def test_a_socket_that_was_closed_or_refused_is_collected_in_silence(loop_factory: LoopFactory) -> None:
    async def close() -> None:
        for make in forgotten.KINDS:
            made = await make()
            for one in (made.socket, *made.others):
                await one.close()
        with forgotten.POLICY, pytest.raises(TypeError):
            TCPServerSocket("127.0.0.1", local_port=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(close())
        gc.collect()


# What notices


def test_what_is_wrong_is_lost_and_what_is_left_is_leaked() -> None:
    kept: list[Any] = []

    def keep(one: Any) -> str:
        kept.append(one)
        return ""

    async def complain() -> str:
        raise OSError("no network")

    row = Row("a row")
    count(row, "fine", str)
    count(row, "wrong", lambda: "it is wrong")
    count(row, "an object", lambda: keep(ReadableStream({})))
    count(row, "a descriptor", lambda: keep(os.dup(0)))
    count_in(LOOP_FACTORIES["asyncio"], row, "raises", complain)
    os.close(kept[1])
    assert (row.tried, row.lost, row.leaked) == (5, 2, 2)
    assert [note.partition(":")[0] for note in row.notes] == ["wrong", "an object", "a descriptor", "raises"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_child_that_stops_its_parent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shutdown, "inherit_loops", lambda _: None)
    monkeypatch.setattr(forks, "PATIENCE", 1)
    monkeypatch.setattr(forks, "_IN_THE_CHILD", (forks._forget_all,))
    assert forks.forked().lost == 4


def test_a_queue_that_is_longer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Greedy(queues.Chunks):
        def pull(self, controller: Any) -> None:
            super().pull(controller)
            super().pull(controller)

    monkeypatch.setattr(queues, "Chunks", Greedy)
    row = queues.bounded()
    assert row.lost
    assert "are allowed" in row.notes[0]
