"""What each thread has of its own: in a module of its own, for a `threading.local` can not be compiled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .event_loop import MicrotaskQueue


class PerThread(threading.local):
    """The queue of microtasks of the thread that asks for it."""

    queue: MicrotaskQueue

    def __init__(self, make_queue: Callable[[], MicrotaskQueue]) -> None:
        self.queue = make_queue()
