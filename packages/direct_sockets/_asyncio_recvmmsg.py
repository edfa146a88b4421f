"""Fast path of receiving datagrams: many in one system call; a part of `_asyncio_udp`, and bound by the same rules.

See `whatwg_streams._platform.fast_paths` for the rules. Linux has `recvmmsg`, which Python does not know of: it is
called through _ctypes. It receives what `recvfrom` would, called as often, and stops where that would block or fail.

Where the system has joined datagrams that came one after the other, from one sender and of one size, it hands them
over together (UDP_GRO), and they are taken apart here. So there may be more of them than were asked for. From
then on fewer messages of the system are asked for, so that few datagrams wait with us that could wait with the system.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import socket
import struct
import sys
import threading
from functools import lru_cache
from importlib import import_module
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, final

from ._asyncio_common import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._operating_system import Endpoint, UDPPacket

#: How many messages of the system are received at a time, at most.
MOST: Final = 32
#: How many bytes each of them has room for: more than a datagram, or what was joined, ever has.
_ROOM: Final = 65536
#: From one to the next; not a power of two, so that their starts do not all have the same place in the caches.
_STRIDE: Final = _ROOM + 192
_STARTS: Final = range(0, MOST * _STRIDE, _STRIDE)

#: struct iovec: an address and a length.
_VECTOR: Final = struct.Struct("@PN")
#: struct mmsghdr. That is a struct msghdr: the name of the sender, vectors, control messages, each an address and a
#: length, and flags; and the length of what was received.
_HEADER: Final = struct.Struct("@PIPNPNi0PI0P")
_CONTROL_LENGTH_AT: Final = struct.calcsize("@PIPNP")
_LENGTH_AT: Final = struct.calcsize("@PIPNPNi0P")
#: struct sockaddr_in6, the larger kind of name.
_NAME_SIZE: Final = 28
_NAME_SIZES: Final = {socket.AF_INET: 16, socket.AF_INET6: _NAME_SIZE}
#: A control message that has an int: its length, level and type before.
_CONTROL_SIZE: Final = struct.calcsize("@Nii0Ni0N")
_SEGMENT_AT: Final = struct.calcsize("@Nii0N")

#: An option of Linux of which Python has no names.
_SOL_UDP: Final = 17
_UDP_GRO: Final = 104


def _import_ctypes() -> Any:
    """None, of a Python that was built without it."""
    try:
        return import_module("ctypes")
    except ImportError:
        return None


_ctypes: Final = _import_ctypes()


def _find_recvmmsg(platform: str) -> Any:
    """The function of the C library; None, if it has none, or the system does not let us call it."""
    if _ctypes is None or platform != "linux":
        return None
    function = getattr(_ctypes.CDLL(None, use_errno=True), "recvmmsg", None)
    if function is None:
        return None
    function.argtypes = [_ctypes.c_int, _ctypes.c_void_p, _ctypes.c_uint, _ctypes.c_int, _ctypes.c_void_p]
    function(-1, None, 0, 0, None)
    return function if _ctypes.get_errno() == errno.EBADF else None


_recvmmsg: Final = _find_recvmmsg(sys.platform)


def receive_many_from(sock: socket.SocketType, *, connected: bool) -> ReceiveMany | None:
    """What receives the datagrams of that socket; None, if this system has not got it."""
    if _recvmmsg is None:
        return None
    with contextlib.suppress(OSError):  # Linux 4 does not join datagrams
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
    return ReceiveMany(sock, connected=connected)


def _endpoint_of(name: bytes) -> Endpoint:
    """The endpoint of a struct sockaddr."""
    port = int.from_bytes(name[2:4], "big")
    if len(name) == _NAME_SIZES[socket.AF_INET]:
        return endpoint((socket.inet_ntop(socket.AF_INET, name[4:8]), port))
    scope_id = int.from_bytes(name[24:28], sys.byteorder)
    return endpoint((socket.inet_ntop(socket.AF_INET6, name[8:24]), port, 0, scope_id))


def _memory(size: int) -> tuple[mmap.mmap, int]:
    """Memory of so many bytes, which a process that is forked has a copy of, and its address."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address: int = _ctypes.addressof(_ctypes.c_char.from_buffer(memory))
    return memory, address


@final
class _Messages:
    """Where the system writes messages, their names and control messages, and what it says of them."""

    __slots__ = (
        "_address",
        "_blank",
        "_headers",
        "_vectors",
        "control_lengths",
        "data",
        "lengths",
        "names",
        "segments",
    )

    def __init__(self) -> None:
        self.data, data = _memory(MOST * _STRIDE)
        self.names, names = _memory(MOST * _NAME_SIZE)
        controls, control = _memory(MOST * _CONTROL_SIZE)
        self._vectors, vectors = _memory(MOST * _VECTOR.size)
        self._headers, self._address = _memory(MOST * _HEADER.size)
        for index, start in enumerate(_STARTS):
            vector = index * _VECTOR.size
            _VECTOR.pack_into(self._vectors, vector, data + start, _ROOM)
            _HEADER.pack_into(
                self._headers, index * _HEADER.size,
                names + index * _NAME_SIZE, _NAME_SIZE,
                vectors + vector, 1,
                control + index * _CONTROL_SIZE, _CONTROL_SIZE,
                0, 0,
            )  # fmt: skip
        self._blank = self._headers[:]
        self.lengths = _column(memoryview(self._headers).cast("I"), _LENGTH_AT, _HEADER.size)
        self.control_lengths = _column(memoryview(self._headers).cast("P"), _CONTROL_LENGTH_AT, _HEADER.size)
        self.segments = _column(memoryview(controls).cast("i"), _SEGMENT_AT, _CONTROL_SIZE)

    def receive(self, descriptor: int, count: int) -> int:
        """Receive up to so many messages, without waiting.

        Returns:
            How many; none if that would block.

        Raises:
            OSError: there was an error before the first of them.
        """
        self._headers[:] = self._blank
        number = int(_recvmmsg(descriptor, self._address, count, socket.MSG_DONTWAIT, None))
        if number >= 0:
            return number
        error = _ctypes.get_errno()
        if error in {errno.EAGAIN, errno.EINTR}:
            return 0
        raise OSError(error, os.strerror(error))


def _column(table: memoryview[int], start: int, size: int) -> memoryview[int]:
    """One member of the structures in a table, which is of numbers of its type."""
    return table[start // table.itemsize :: size // table.itemsize]


class _OfThisThread(threading.local):
    """What all sockets of a thread have in common."""

    def __init__(self) -> None:
        # None while it is in use, for finalizers of others may run meanwhile.
        self.messages: _Messages | None = None if _recvmmsg is None else _Messages()


_of_this_thread: Final = _OfThisThread()


@final
class ReceiveMany:
    """Receives datagrams from a socket: see `receive_many_from`."""

    __slots__ = ("_connected", "_datagrams_of_a_message", "_name_size", "_sock", "_source", "drained")

    def __init__(self, sock: socket.SocketType, *, connected: bool) -> None:
        self._sock = sock
        self._connected = connected
        self._name_size = _NAME_SIZES[socket.AddressFamily(sock.family)]
        self._source = lru_cache(maxsize=1024)(_endpoint_of)  # the same few peers send datagram after datagram
        self._datagrams_of_a_message = 1  # when the last ones were received
        self.drained = False  # whether nothing was left then

    def __call__(self, count: int) -> list[UDPPacket]:
        """Receive about so many packets, or what there is, without waiting.

        Raises:
            OSError: there was an error before the first of them; the system keeps one that comes later.
        """
        asked = max(1, min(count, MOST) // self._datagrams_of_a_message)
        messages = _of_this_thread.messages or _Messages()
        _of_this_thread.messages = None
        try:
            number = messages.receive(self._sock.fileno(), asked)
            packets = self._packets_of(messages, number)
        finally:
            _of_this_thread.messages = messages
        self.drained = number < asked
        if number:
            self._datagrams_of_a_message = -(-len(packets) // number)
        return packets

    def _packets_of(self, messages: _Messages, number: int) -> list[UDPPacket]:
        data, names, source, size = messages.data, messages.names, self._source, self._name_size
        sources: Iterable[Endpoint | None] = (
            repeat(None, number)
            if self._connected
            else [source(names[at : at + size]) for at in range(0, number * _NAME_SIZE, _NAME_SIZE)]
        )
        lengths = messages.lengths[:number].tolist()
        if not any(messages.control_lengths[:number].tolist()):
            return [
                (data[start : start + length], sender)
                for sender, start, length in zip(sources, _STARTS, lengths, strict=False)
            ]
        packets: list[UDPPacket] = []
        columns = zip(sources, _STARTS, lengths, messages.control_lengths, messages.segments, strict=False)
        for sender, start, length, has_control, segment in columns:
            end = start + length
            if has_control:
                whole, rest = divmod(length, segment)
                packets += zip(_datagrams(segment, whole).unpack_from(data, start), repeat(sender))
                if rest:
                    packets.append((data[end - rest : end], sender))
            else:
                packets.append((data[start:end], sender))
        return packets


@lru_cache(maxsize=128)
def _datagrams(size: int, number: int) -> struct.Struct:
    """What takes so many datagrams of that size apart, which the system has joined."""
    return struct.Struct(f"{size}s" * number)
