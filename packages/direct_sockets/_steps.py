"""The two phrases of HTML that every algorithm of Direct Sockets uses: *in parallel* and *queue a global task*.

A system call that is one sentence of the text goes on in parallel by itself (see `_operating_system`), and the
steps of the task that is queued afterwards are what reacts to its answer. Where
several sentences run in parallel, one after the other, a coroutine says so.
"""

from __future__ import annotations

import asyncio
import contextvars
import types
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from whatwg_streams import Promise
from whatwg_streams.other_specs import fast_paths_are_enabled, queue_a_microtask

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

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
        await_promises: whether the steps may. Others begin in a microtask, and have a task only if they do not end
            in it: that is the fast path.
    """

    __slots__ = ("_cancelled", "_context", "_has_begun", "_if_cancelled", "_steps", "_task")

    def __init__(
        self,
        steps: Callable[[], Coroutine[Any, Any, None]],
        if_cancelled: Callable[[], object] = lambda: None,
        *,
        await_promises: bool = True,
    ) -> None:
        self._steps = steps
        self._if_cancelled = if_cancelled
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._context = contextvars.copy_context()
        self._has_begun = False
        if asyncio._get_running_loop() is None:
            queue_a_microtask(InParallel.begin, self)
        elif await_promises or not fast_paths_are_enabled():
            self.begin()
        else:
            self._has_begun = True
            queue_a_microtask(InParallel._begin_without_a_task, self)

    def begin(self) -> None:
        """Begin in the running loop, unless they were begun or given up; where none runs, wait on."""
        if not self._has_begun and not self._cancelled and asyncio._get_running_loop() is not None:
            self._has_begun = True
            self._run_in_a_task(self._steps())

    def _begin_without_a_task(self) -> None:
        if self._cancelled:
            return
        coroutine = self._steps()
        try:
            waits_for = self._context.run(coroutine.send, None)
        except StopIteration:
            return
        self._run_in_a_task(_rest_of(coroutine, waits_for))

    def _run_in_a_task(self, steps: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(steps, context=self._context)
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


async def _rest_of(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
    await _go_on(coroutine, waits_for)  # since Python 3.12 a task takes nothing but coroutines of this kind


@types.coroutine
def _go_on(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Run to its end a coroutine that has begun outside of a task, and waits for something."""
    while True:
        step: Callable[[], Any] = partial(coroutine.send, None)
        try:
            yield waits_for
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as exception:  # it is cancelled
            step = partial(coroutine.throw, exception)
        try:
            waits_for = step()
        except StopIteration:
            return


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
