"""The seam over real sockets: names, and opening.

The rest of it is in `_asyncio_tcp`, `_asyncio_tcp_server` and `_asyncio_udp`, and what these have in common in
`_asyncio_common`. No other modules import `socket`.

It needs an event loop that watches descriptors (`add_reader`): asyncio's selector loops and uvloop do.

A system call is tried at once, and only when it would block the descriptor is watched.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, final

from . import _asyncio_tcp, _asyncio_tcp_server, _asyncio_udp
from ._asyncio_common import family_of
from ._operating_system import ResolvedAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._asyncio_tcp import AsyncioTCPConnection
    from ._asyncio_tcp_server import AsyncioTCPServer
    from ._asyncio_udp import AsyncioDatagramSocket
    from ._operating_system import (
        IPAddress,
        SocketDnsQueryType,
        TCPConnectionParameters,
        TCPServerParameters,
        UDPMode,
        UDPSocketParameters,
    )

#: The same few hosts are connected to again and again.
_numeric = lru_cache(maxsize=1024)(ipaddress.ip_address)

_FAMILY = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, None: socket.AF_UNSPEC}


@final
class AsyncioOperatingSystem:
    """The real one."""

    async def resolve(self, name: str, dns_query_type: SocketDnsQueryType | None) -> Sequence[ResolvedAddress]:
        """See `OperatingSystem.resolve`."""
        try:
            address = _numeric(name)
        except ValueError:
            return await _look_up(name, _FAMILY[dns_query_type])
        if _FAMILY[dns_query_type] not in {socket.AF_UNSPEC, family_of(address)} or getattr(address, "scope_id", None):
            return await _look_up(name, _FAMILY[dns_query_type])
        return [ResolvedAddress(address)]

    async def open_a_tcp_socket(
        self, addresses: Sequence[ResolvedAddress], remote_port: int, parameters: TCPConnectionParameters
    ) -> AsyncioTCPConnection:
        """See `OperatingSystem.open_a_tcp_socket`."""
        # NOTE(spec): E71 which of several addresses is connected to is not said: the first that answers. Of the errors
        # the first one counts.
        loop = _loop_that_watches()
        errors: list[OSError] = []
        for address in addresses:
            try:
                return await _asyncio_tcp.connect(loop, address, remote_port, parameters)
            except OSError as error:
                errors.append(error)
        raise errors[0]

    async def open_a_udp_socket(
        self,
        mode: UDPMode,
        addresses: Sequence[ResolvedAddress],
        port: int,
        parameters: UDPSocketParameters,
    ) -> AsyncioDatagramSocket:
        """See `OperatingSystem.open_a_udp_socket`."""
        return _asyncio_udp.open_a_udp_socket(mode, addresses, port, parameters, self.resolve, _loop_that_watches())

    async def open_a_tcp_server_socket(
        self, local_address: IPAddress, parameters: TCPServerParameters
    ) -> AsyncioTCPServer:
        """See `OperatingSystem.open_a_tcp_server_socket`."""
        return _asyncio_tcp_server.listen(local_address, parameters, _loop_that_watches())


REAL: Final = AsyncioOperatingSystem()


def _loop_that_watches() -> asyncio.AbstractEventLoop:
    """The running loop, if it watches descriptors.

    Raises:
        OSError: it does not.
    """
    loop = asyncio.get_running_loop()
    if type(loop).add_reader is asyncio.AbstractEventLoop.add_reader:  # which says that it is not implemented
        raise OSError(
            errno.ENOTSUP,
            f"{type(loop).__name__} does not watch descriptors; use asyncio.SelectorEventLoop, or uvloop",
        )
    return loop


async def _look_up(name: str, family: socket.AddressFamily) -> list[ResolvedAddress]:
    # In a thread, as `asyncio.loop.getaddrinfo` does; uvloop's own would drop the zone of an address.
    look_up = partial(socket.getaddrinfo, name, None, family=family, type=socket.SOCK_STREAM)
    try:
        if "\0" in name:  # the system would see only what is before it
            raise ValueError("embedded null character")
        found = await asyncio.get_running_loop().run_in_executor(None, look_up)
    except (UnicodeError, ValueError) as error:  # not a name at all
        raise OSError(errno.EINVAL, f"{name!r} is not a host name") from error
    addresses: dict[ResolvedAddress, None] = {}
    for _, _, _, _, sockaddr in found:
        text = str(sockaddr[0]).partition("%")[0]
        scope_id = int(sockaddr[3]) if len(sockaddr) == 4 else 0  # noqa: PLR2004
        addresses[ResolvedAddress(ipaddress.ip_address(text), scope_id)] = None
    return list(addresses)
