"""Counts what the running loop does, and acts right before one step of it.

A step is a callback that the loop was asked to call soon, or a microtask. Between any two of them somebody may
cancel a task, so these are all the moments at which a cancellation can come.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from whatwg_streams._platform import event_loop, fast_paths


class Steps:
    """The steps since the counting began.

    Attributes:
        taken: how many there were.
        acted: whether the action was called, and returned something true.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.acted = False
        self._step = 0
        self._action: Callable[[], object] | None = None

    def before(self, step: int, action: Callable[[], object]) -> None:
        """Call the action right before the step of this number."""
        self._step = step
        self._action = action

    def _before(self) -> None:
        self.taken += 1
        if self.taken == self._step and self._action is not None:
            self.acted = bool(self._action())

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the steps of the running loop; to be entered and left by what the loop itself has called."""
        loop = asyncio.get_running_loop()
        call_soon = loop.call_soon

        def run(callback: Callable[..., object], *args: Any) -> None:
            self._before()
            callback(*args)
            del callback, args  # an exception that somebody keeps leads to this frame

        def counted_call_soon(
            callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
        ) -> asyncio.Handle:
            return call_soon(run, callback, *args, context=context)

        queue = event_loop._this_thread.queue
        assert not queue._draining
        vars(loop)["call_soon"] = counted_call_soon
        queue._keep_jobs_in(_CountedJobs(self._before, queue._jobs))
        try:
            yield
        finally:
            assert not queue._draining
            del vars(loop)["call_soon"]
            self._action = None  # an exception that somebody keeps leads to `run`
            queue._keep_jobs_in(deque(queue._jobs))


class _CountedJobs(deque[Any]):
    """The microtasks, each of which is a step."""

    def __init__(self, before: Callable[[], None], jobs: deque[Any]) -> None:
        super().__init__(jobs)
        self._before = before

    @override
    def popleft(self) -> Any:
        self._before()
        return super().popleft()


@contextmanager
def microtasks_per_turn(number: int) -> Iterator[None]:
    """Let the loop have its turn after so many microtasks, or awaits that had nothing to wait for."""
    before = event_loop.scheduling.microtasks_per_turn
    event_loop.scheduling.microtasks_per_turn = number
    try:
        yield
    finally:
        event_loop.scheduling.microtasks_per_turn = before


@contextmanager
def fast_paths_enabled(value: bool) -> Iterator[None]:
    """Turn the fast paths on or off."""
    before = fast_paths.set_enabled(value)
    try:
        yield
    finally:
        fast_paths.set_enabled(before)
