"""Fast paths of reading from a TCPSocket: what the system has already, and being told of more, without promises.

See `whatwg_streams._platform.fast_paths` for the rules. They are functions of the socket, and stand here beside the
pull algorithm of §1.2, which is in `_tcp_socket`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from whatwg_streams.other_specs import IT_WILL_TELL, end_the_pull

from ._steps import queue_a_global_task_upon

if TYPE_CHECKING:
    from collections.abc import Callable

    from whatwg_streams import Promise

    from ._operating_system import TCPConnection
    from ._tcp_socket import TCPSocket


def pull(socket: TCPSocket, connection: TCPConnection, size: int) -> Promise[None] | None:
    """Steps 2.3 and 2.4 of the pull algorithm, where no reader waits with a buffer."""
    bytes_ = connection.read_at_once(size)
    if bytes_ is not None:
        socket._received(bytes_)
        return None
    if connection.call_when_readable(partial(end_the_pull, socket._readable)):
        return IT_WILL_TELL
    return queue_a_global_task_upon(connection.read(size), socket._received, socket._receiving_failed)


def fill(socket: TCPSocket, view: memoryview) -> int:
    """The pull algorithm for a reader that has brought a buffer, as far as the system has bytes already.

    Returns:
        How many bytes were read into it; 0, if the pull algorithm has to see to it.
    """
    if socket._surplus or socket._peer_has_finished:
        return 0
    assert socket._connection is not None
    return socket._connection.read_into_at_once(view)


def wait_to_fill(socket: TCPSocket, steps: Callable[[], object]) -> bool:
    """Have the steps called when `fill` may have bytes, unless there is something else to see to."""
    if socket._surplus or socket._peer_has_finished:
        return False
    assert socket._connection is not None
    return socket._connection.call_when_readable(steps)
