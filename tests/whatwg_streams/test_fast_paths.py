"""The fast paths against the plain algorithms: random programs have the same log with both."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support import LoopErrors, settle
from tests.support.random_byte_programs import run_byte_program, run_reading_into_program
from tests.support.random_programs import run_program, run_reading_program, run_several_programs
from tests.support.random_tee_programs import run_tee_program
from tests.support.random_writing_programs import run_writing_program
from whatwg_streams import ReadableStream, ReadableStreamDefaultController
from whatwg_streams._platform import fast_paths

#: How many programs; more with the environment variable.
PROGRAMS = int(os.environ.get("RANDOM_PROGRAMS", "2000"))
AT_A_TIME = 100


@contextmanager
def _switched(enabled: bool) -> Iterator[None]:
    before = fast_paths.set_enabled(enabled)
    try:
        yield
    finally:
        fast_paths.set_enabled(before)


@pytest.fixture
def no_collections() -> Iterator[None]:
    """What is left of one program is not finalized in the middle of another."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize(
    "run",
    [
        run_program,
        run_several_programs,
        run_reading_program,
        run_byte_program,
        run_reading_into_program,
        run_tee_program,
        run_writing_program,
    ],
)
@pytest.mark.parametrize("first", range(0, PROGRAMS, AT_A_TIME))
async def test_a_random_program_has_the_same_log_with_and_without_them(
    run: Callable[[int], Awaitable[list[str]]], first: int, loop_errors: LoopErrors
) -> None:
    for seed in range(first, first + AT_A_TIME):
        with _switched(False):
            plain = await run(seed)
        with _switched(True):
            fast = await run(seed)
        assert fast == plain, f"seed {seed}"
        loop_errors.take()
    for _ in range(5):  # what was told of keeps other promises alive, and finalizers queue microtasks
        await settle(5)
        loop_errors.take()


def test_the_switch_tells_what_it_was() -> None:
    with _switched(True):
        assert fast_paths.set_enabled(False) is True
        assert fast_paths.set_enabled(True) is False


async def test_a_queue_whose_sizes_were_rounded_is_empty_in_the_end() -> None:
    controllers: list[ReadableStreamDefaultController] = []
    chunks = [0.1, 0.1, 1]
    stream = ReadableStream[float]({"start": controllers.append}, {"high_water_mark": 0, "size": lambda chunk: chunk})
    for chunk in chunks:
        controllers[0].enqueue(chunk)
    iterator = stream.values()
    assert [await anext(iterator) for _ in chunks] == chunks
    assert controllers[0].desired_size == 0
