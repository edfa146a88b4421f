"""Realms: event loops, as the objects of one see those of another.

https://html.spec.whatwg.org/multipage/webappapis.html#realms-settings-objects-global-objects

What JavaScript keeps apart in windows and workers, Python keeps apart in event loops: an object belongs to
one, and only what is made for it passes between two. A realm takes tasks from any thread, until its loop is
closed or its thread has ended; and whoever has something to do with it can be told when that is so.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Protocol, final

from .event_loop import get_running_loop_or_none

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable

#: Guards who lives where. Garbage may be collected under it, and end another realm.
_lock = threading.RLock()

_A_CENTURY = 100 * 365 * 24 * 60 * 60.0


class Inhabitant(Protocol):
    """Something that has to know when its realm ends."""

    def _realm_has_ended(self) -> None: ...


@final
class Realm:
    """One event loop, seen from others."""

    __slots__ = ("__weakref__", "_inhabitants", "queue_a_task")

    def __init__(self, queue_a_task: Callable[[Callable[[], object], contextvars.Context | None], bool]) -> None:
        #: Run steps, in a context, on a turn of the loop of their own. False, if it is closed, so that they never will.
        self.queue_a_task = queue_a_task
        self._inhabitants: weakref.WeakSet[Inhabitant] = weakref.WeakSet()

    def settle(self, inhabitant: Inhabitant) -> None:
        """Have the inhabitant told when the realm ends."""
        with _lock:
            self._inhabitants.add(inhabitant)

    def forget(self, inhabitant: Inhabitant) -> None:
        """The inhabitant has gone elsewhere."""
        with _lock:
            self._inhabitants.discard(inhabitant)

    def _ended(self) -> None:
        with _lock:
            inhabitants = list(self._inhabitants)
            self._inhabitants.clear()
        for inhabitant in inhabitants:
            inhabitant._realm_has_ended()


@final
class _DroppedAtTheEnd:
    """Ends the realm when it is dropped.

    A loop that is closed drops its timers, and a thread that ends what is its own: that is how they tell.
    """

    __slots__ = ("realm",)

    def __init__(self, realm: Realm) -> None:
        self.realm = realm

    def __call__(self) -> None:
        """A century has passed."""

    def __del__(self) -> None:
        self.realm._ended()


def _queue_of(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], object], contextvars.Context | None], bool]:
    reference = weakref.ref(loop)

    def queue_a_task(steps: Callable[[], object], context: contextvars.Context | None) -> bool:
        loop = reference()
        if loop is None:
            return False
        try:
            if loop is get_running_loop_or_none():
                loop.call_soon(steps, context=context)
            else:
                loop.call_soon_threadsafe(steps, context=context)
        except RuntimeError:
            if not loop.is_closed():
                raise
            return False
        return True

    return queue_a_task


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.realms: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _DroppedAtTheEnd]
        self.realms = weakref.WeakKeyDictionary()


_this_thread = _PerThread()

#: In place of all others: `host.set_task_queuer`.
host_realm: Realm | None = None


def the_current_realm() -> Realm | None:
    """That of the running loop, if there is one: https://tc39.es/ecma262/#current-realm"""
    if host_realm is not None:
        return host_realm
    loop = get_running_loop_or_none()
    if loop is None:
        return None
    known = _this_thread.realms.get(loop)
    if known is None:
        known = _this_thread.realms[loop] = _DroppedAtTheEnd(Realm(_queue_of(loop)))
        loop.call_later(_A_CENTURY, _DroppedAtTheEnd(known.realm))
    return known.realm
