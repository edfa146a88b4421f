"""Fast path of opening a TCPSocket: its streams are made when somebody asks for them.

See `whatwg_streams._platform.fast_paths` for the rules. A server may hold many connections of which nothing has been
read or written yet; and one that is closed again at once needs no streams at all. Until they are asked for,
nothing is read ahead, which only the peer could tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from ._options import TCPSocketOpenInfo

if TYPE_CHECKING:
    from ._tcp_socket import TCPSocket

_fill = object.__setattr__  # the attributes can not be set by others


@final
class OpenInfoOfStreamsToCome(TCPSocketOpenInfo):
    """The open info of a socket whose streams are made when they are asked for; and so are the addresses.

    Args:
        socket: the socket.
    """

    __slots__ = ("_connection", "_socket")

    def __init__(self, socket: TCPSocket) -> None:
        _fill(self, "_socket", socket)
        _fill(self, "_connection", socket._connection)

    def __getattr__(self, name: str) -> Any:
        """What is asked for the first time; from then on these are attributes like others."""
        if name in {"readable", "writable"}:
            readable, writable = self._socket._make_streams()
            object.__delattr__(self, "_socket")  # whose promise leads to this
            _fill(self, "readable", readable)
            _fill(self, "writable", writable)
        elif name in {"remote_address", "remote_port", "local_address", "local_port"}:
            remote, local = self._connection.remote, self._connection.local
            _fill(self, "remote_address", remote.address)
            _fill(self, "remote_port", remote.port)
            _fill(self, "local_address", local.address)
            _fill(self, "local_port", local.port)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return object.__getattribute__(self, name)


# It is what it says to be: a TCPSocketOpenInfo.
OpenInfoOfStreamsToCome.__qualname__ = OpenInfoOfStreamsToCome.__name__ = TCPSocketOpenInfo.__name__
