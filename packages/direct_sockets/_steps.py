"""The two phrases of HTML that every algorithm of Direct Sockets uses: *in parallel* and *queue a global task*.

A system call that is one sentence of the text goes on in parallel by itself (see `_operating_system`), and the
steps of the task that is queued afterwards are what reacts to its answer. Where
several sentences run in parallel, one after the other, a coroutine says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from whatwg_streams import Promise
from whatwg_streams.other_specs import queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._operating_system import Answer

_T = TypeVar("_T")

#: asyncio itself holds a task only weakly.
_tasks: set[asyncio.Task[Any]] = set()


class InParallel:
    """Steps that run in parallel, in a task of the running loop; or of the first one, where none runs yet.

    That is the first that runs in this thread, or in which `begin` is called.

    Args:
        steps: the steps.
        if_cancelled: what to do when the task ends by being cancelled, by whomever.
    """

    __slots__ = ("_cancelled", "_if_cancelled", "_steps", "_task")

    def __init__(
        self, steps: Callable[[], Coroutine[Any, Any, None]], if_cancelled: Callable[[], object] = lambda: None
    ) -> None:
        self._steps = steps
        self._if_cancelled = if_cancelled
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            queue_a_microtask(InParallel.begin, self)
        else:
            self.begin()

    def begin(self) -> None:
        """Begin in the running loop, unless they were begun or given up; where none runs, wait on."""
        if self._task is None and not self._cancelled and (loop := asyncio._get_running_loop()) is not None:
            self._task = loop.create_task(self._steps())
            _tasks.add(self._task)
            self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        _tasks.discard(task)
        if task.cancelled():
            self._if_cancelled()

    def cancel(self) -> None:
        """Give up."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()


def queue_a_global_task_upon(
    answer: Answer[_T], success_steps: Callable[[_T], None], failure_steps: Callable[[Any], None]
) -> Promise[None] | None:
    """Run the steps once the operating system has answered; where it has done so already, now.

    Returns:
        A promise that fulfills when the steps have run; None if they have run already.
    """
    if isinstance(answer, Promise):
        return answer.then(success_steps, failure_steps)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    success_steps(answer)
    return None
