"""Fast path of leaving a TCPSocket whose readable side has ended, and with nothing under way on its writable side.

See `whatwg_streams._platform.fast_paths` for the rules. That is how most connections end that are served: the peer has
finished, all that it has sent was read, and what was written is with the system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whatwg_streams import AbortError
from whatwg_streams.other_specs import error_idle_writable_stream, is_closed, mark_as_handled

from ._steps import queue_a_global_task_upon

if TYPE_CHECKING:
    from ._tcp_socket import TCPSocket


def leave(socket: TCPSocket) -> bool:
    """Cancel the readable stream, which is closed, and abort the writable stream: §1.6, steps 4 to 7.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    if socket._streams_are_to_come or socket._readable_is_active or not socket._writable_is_active:
        return False
    if socket._closed_promise is not None or not is_closed(socket._readable):
        return False
    error = AbortError("the socket was closed")
    if not error_idle_writable_stream(socket._writable, error):
        return False
    socket._close_error = error
    connection = socket._connection
    assert connection is not None
    answer = connection.shut_down_for_writing()
    if answer is not None:
        queue_a_global_task_upon(answer, socket._shut_down_to_abort, socket._shut_down_to_abort)
        return True
    socket._writable_is_active = False
    answer = connection.close()
    if answer is not None:  # what it failed with does not matter
        mark_as_handled(answer)
    socket._resolve_closed()
    return True
