"""Closing the sockets that are still open when their event loop is shut down.

A browser closes a document's sockets when the document goes; here it is the event loop that goes. `asyncio.run`,
`asyncio.Runner` and others that end a loop in an orderly way close the loop's asynchronous generators before
it (`loop.shutdown_asyncgens`): one of them is ours, and closes the sockets. A loop that is closed without that lets go
of its timers: one of them is ours, too, and has the sockets closed then, with Python's ResourceWarning.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

from whatwg_streams.other_specs import UntilSettled

from ._asyncio_common import inherit_loops

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ._socket import Socket

#: How many seconds a loop that is shut down may be kept waiting for the operating system.
LONGEST_WAIT: Final = 1.0
#: Seconds until our timer, which no loop lives to see.
_NEVER: Final = 50 * 365 * 24 * 3600.0


class OpenSockets:
    """The sockets of one event loop, the one that is running."""

    def __init__(self) -> None:
        self._sockets: set[ref[Socket[Any]]] = set()
        # The loop knows of an asynchronous generator from its first step on, and that is all that it is for.
        self._generator = self._until_shutdown()
        with contextlib.suppress(StopIteration):
            self._generator.asend(None).send(None)

    def add(self, socket: Socket[Any]) -> None:
        """Add a socket, until it is forgotten."""
        # (As WeakSet does it, without calls of Python.)
        self._sockets.add(ref(socket, self._sockets.discard))

    def sockets(self) -> list[Socket[Any]]:
        """Those that nobody has forgotten."""
        return [socket for one in list(self._sockets) if (socket := one()) is not None]

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            _of_loops.pop(asyncio.get_running_loop(), None)
            sockets = self.sockets()
            for one in sockets:
                one._give_up()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_WAIT):
                    for one in sockets:
                        await UntilSettled(one._the_closed_promise())


class _Keeper:
    """What a loop has instead of an attribute: a timer keeps it, for as long as the loop keeps that."""

    def __init__(self, open_sockets: OpenSockets) -> None:
        self._open_sockets = open_sockets
        asyncio.get_running_loop().call_later(_NEVER, self._keep, context=contextvars.Context())

    def _keep(self) -> None:
        """What the timer does."""

    def __del__(self) -> None:
        with contextlib.ExitStack() as each:  # of them, though a warning may be an error
            for one in self._open_sockets.sockets():
                each.callback(one._close_what_was_forgotten)


#: (What a loop has leads back to it, and would keep it alive.)
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[OpenSockets]] = WeakKeyDictionary()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: inherit_loops(_of_loops))


def close_at_shutdown(socket: Socket[Any]) -> OpenSockets:
    """Close the socket, unless it is closed by then, when the running loop is shut down.

    Returns:
        All those of that loop.
    """
    loop = asyncio.get_running_loop()
    known = _of_loops.get(loop)
    open_sockets = None if known is None else known()
    if open_sockets is None:
        open_sockets = OpenSockets()
        _of_loops[loop] = ref(open_sockets)
        _Keeper(open_sockets)
    open_sockets.add(socket)
    return open_sockets
