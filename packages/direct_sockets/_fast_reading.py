"""Fast paths of reading from a TCPSocket: what the system has already, and being told of more, without promises.

See `whatwg_streams._platform.fast_paths` for the rules. They are functions of the socket, and stand here beside the
pull algorithm of §1.2, which is in `_tcp_socket`.
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING

from whatwg_streams.other_specs import end_the_pull, enqueue_into_readable_stream, room_without_a_byob_reader

from ._read_size import LEAST_ROOM, note_the_read, size_of_a_read

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._tcp_socket import TCPSocket


def pull(socket: TCPSocket) -> bool | None:
    """The pull algorithm, where no reader brings buffers of its own, as far as the system has bytes already.

    Returns:
        Whether the pull has ended; otherwise it goes on when there are more bytes. None if the plain algorithm is
        needed.
    """
    stream = socket._readable
    room = room_without_a_byob_reader(stream)
    if room < LEAST_ROOM or socket._surplus or socket._peer_has_finished:
        return None
    connection = socket._connection
    assert connection is not None
    bytes_ = connection.read_at_once(size_of_a_read(socket, room))
    if bytes_:
        note_the_read(socket, len(bytes_))
        enqueue_into_readable_stream(stream, bytes_)
    elif bytes_ is not None:
        socket._received_nothing()
        return True
    if connection.call_when_readable(MethodType(_go_on, socket)):  # nothing else is left
        return False
    return None if bytes_ is None else True


def _go_on(socket: TCPSocket) -> None:
    """There are more bytes for a pull that waits."""
    if pull(socket) is not False:
        end_the_pull(socket._readable)


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
