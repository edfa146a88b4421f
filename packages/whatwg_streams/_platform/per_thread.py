"""What each thread has of its own: in a module of its own, for a `threading.local` can not be compiled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .event_loop import MicrotaskQueue


class _AtTheEnd:
    """Calls a function when it is dropped: when the thread that it is kept for ends."""

    __slots__ = ("steps",)

    def __init__(self, steps: Callable[[], object]) -> None:
        self.steps = steps

    def __del__(self) -> None:
        self.steps()


class PerThread(threading.local):
    """The queue of microtasks of the thread that asks for it.

    Args:
        make_queue: makes it.
        at_the_end: called in each thread that has one, when it ends.
    """

    queue: MicrotaskQueue

    def __init__(
        self, make_queue: Callable[[], MicrotaskQueue], at_the_end: Callable[[], object] | None = None
    ) -> None:
        self.queue = make_queue()
        self._kept = None if at_the_end is None else _AtTheEnd(at_the_end)
