"""Each stream behaves as its model does; Hypothesis looks for the shortest way to the contrary."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.support.sources import VirtualLoop

from .models import ARGUMENTS, LIFE, PAIRS, SETTINGS, random_lives
from .models.pair import Pair
from .models.readable import DONE
from .steps import fast_paths_enabled

_NUMBERS = st.integers(0, ARGUMENTS - 1)
_FEW = settings(max_examples=40, stateful_step_count=30, derandomize=True, deadline=None, database=None)


class StreamAndModel(RuleBasedStateMachine):
    """One stream's life."""

    make: ClassVar[Any]  # what makes the pair

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.installed = self.loop.installed()
        self.installed.__enter__()
        self.fast_paths = fast_paths_enabled(True)

    @initialize(setting=st.integers(0, SETTINGS - 1), fast=st.booleans())
    def begin(self, setting: int, fast: bool) -> None:
        self.fast_paths = fast_paths_enabled(fast)
        self.fast_paths.__enter__()
        self.pair: Pair = self.make(self.loop, setting)

    @rule(data=st.data(), number=_NUMBERS)
    def operation(self, data: st.DataObject, number: int) -> None:
        self.pair.do(data.draw(st.sampled_from(self.pair.operations)), number)

    def teardown(self) -> None:
        self.fast_paths.__exit__(None, None, None)
        self.installed.__exit__(None, None, None)


@pytest.mark.parametrize("name", PAIRS)
def test_a_stream_and_its_model_show_the_same(name: str) -> None:
    machine = type("Machine", (StreamAndModel,), {"make": staticmethod(PAIRS[name])})
    run_state_machine_as_test(machine, settings=_FEW)


@pytest.mark.parametrize("name", PAIRS)
def test_a_stream_and_its_model_show_the_same_at_random(name: str) -> None:
    row = random_lives(name, range(50))
    assert row.is_clean, row.describe()
    assert row.tried == 50 * LIFE


# The pairs themselves


@pytest.mark.parametrize("name", PAIRS)
def test_random_lives_come_to_every_end(name: str) -> None:
    states, outcomes = set[str](), set[str]()
    for setting in range(SETTINGS):
        loop = VirtualLoop()
        with loop.installed():
            pair: Any = PAIRS[name](loop, setting)
            chance = random.Random(setting)
            for _ in range(LIFE):
                pair.do(chance.choice(pair.operations), chance.randrange(ARGUMENTS))
                states |= {str(value) for what, value, _ in pair.observations() if "state" in what}
            outcomes |= {later.state for _, _, later in pair.promises}
            values = [later.value for _, _, later in pair.promises]
            outcomes |= {"done" for value in values if value == DONE}
            outcomes |= {"chunk" for value in values if isinstance(value, tuple) and value[0] == "chunk"}
    assert {"closed", "errored"} <= states
    assert {"pending", "fulfilled", "rejected"} <= outcomes
    assert {"done", "chunk"} <= outcomes or name == "writable stream"


def test_a_stream_that_differs_from_its_model_is_told() -> None:
    loop = VirtualLoop()
    with loop.installed():
        pair: Any = PAIRS["readable stream"](loop, 1)
        pair.do("enqueue", 0)
        pair.model.queue.append("a chunk of its own")
        with pytest.raises(AssertionError, match=r"desired size: 0 is not -1, after .*\('drain', 1\)"):
            pair.do("drain", 1)
