"""Fast path of opening a TCPSocket: its streams are made when somebody asks for them.

See `whatwg_streams._platform.fast_paths` for the rules. A server may hold many connections of which nothing has been
read or written yet; and one that is closed again at once needs no streams at all. Until they are asked for,
nothing is read ahead, which only the peer could tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, final

from ._options import TCPSocketOpenInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from whatwg_streams import ReadableStream, WritableStream

    from ._operating_system import TCPConnection


@final
class OpenInfoOfStreamsToCome(TCPSocketOpenInfo):
    """The open info of a socket whose streams are made when they are asked for.

    Args:
        connection: the connection.
        make_streams: makes the streams.
    """

    __slots__ = ("_make_streams",)

    def __init__(
        self,
        connection: TCPConnection,
        make_streams: Callable[[], tuple[ReadableStream[memoryview], WritableStream[Any]]],
    ) -> None:
        fill = object.__setattr__  # the attributes can not be set by others
        fill(self, "_make_streams", make_streams)
        remote, local = connection.remote, connection.local
        fill(self, "remote_address", remote.address)
        fill(self, "remote_port", remote.port)
        fill(self, "local_address", local.address)
        fill(self, "local_port", local.port)

    def __getattr__(self, name: str) -> Any:
        """The streams, when the first of them is asked for; from then on they are attributes like others."""
        if name not in {"readable", "writable"}:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        readable, writable = self._make_streams()
        object.__delattr__(self, "_make_streams")  # it leads to the socket, whose promise leads to this
        object.__setattr__(self, "readable", readable)
        object.__setattr__(self, "writable", writable)
        return cast("object", readable if name == "readable" else writable)


# It is what it says to be: a TCPSocketOpenInfo.
OpenInfoOfStreamsToCome.__qualname__ = OpenInfoOfStreamsToCome.__name__ = TCPSocketOpenInfo.__name__
