"""How many bytes a TCPSocket asks the system for at a time: step 2.1 of the pull algorithm of §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from whatwg_streams.other_specs import write_algorithm_at_the_end_of_the_pipe

from ._socket_of_two_streams import SocketOfTwoStreams

if TYPE_CHECKING:
    from ._tcp_socket import TCPSocket

#: How much room a readable that has bytes queued has to have, in bytes, before the system is asked for more.
LEAST_ROOM: Final = 8192

#: NOTE(spec): E6 the high water marks are implementation-defined. Of the readable side, in bytes:
READABLE_HIGH_WATER_MARK: Final = 8 * LEAST_ROOM

#: How much one read brings at most where a socket is piped to another one, in bytes.
MOST_FOR_A_SOCKET: Final = 8 * READABLE_HIGH_WATER_MARK


def size_of_a_read(socket: TCPSocket, room: int) -> int:
    """How many bytes to ask for.

    From one socket to another, whole megabytes cost the system little more than their parts do. So as long as the peer
    fills each read, and nothing is queued, more is asked for than there is room for, though no more than once.

    Args:
        socket: that is to be read.
        room: how many bytes the stream has room for.
    """
    if room == READABLE_HIGH_WATER_MARK and socket._reads_are_full and _is_piped_to_a_socket(socket):
        return MOST_FOR_A_SOCKET
    return room


def note_the_read(socket: TCPSocket, received: int) -> None:
    """So many bytes have been received."""
    socket._reads_are_full = received >= READABLE_HIGH_WATER_MARK


def _is_piped_to_a_socket(socket: TCPSocket) -> bool:
    write_algorithm = write_algorithm_at_the_end_of_the_pipe(socket._readable)
    return isinstance(getattr(write_algorithm, "__self__", None), SocketOfTwoStreams)
