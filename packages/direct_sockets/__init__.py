"""The Direct Sockets API for Python: https://wicg.github.io/direct-sockets/

Sockets behind a policy, whose two sides are streams of `whatwg_streams`. The modules are the text's table of
contents:

    _tcp_socket            §1 TCPSocket; its fast paths are in
    _streams_to_come, _fast_reading, _fast_closing   of opening, reading and being left
    _udp_socket            §2 UDPSocket
    _multicast_controller  §3 MulticastController
    _tcp_server_socket     §4 TCPServerSocket
    _socket, _socket_of_two_streams   what the sockets have in common
    _options               the dictionaries of all sections, and their conversions
    _permissions           §5 permissions policy
    _addresses             which addresses are the private network's
    _steps                 *in parallel*, *queue a global task*
    _shutdown              what is still open when the loop ends
    _operating_system      the seam: what the text invokes the operating system to do
    _asyncio_os            the seam over real sockets: names, and opening;
    _asyncio_tcp           TCP,
    _asyncio_tcp_server    TCP servers,
    _asyncio_udp           UDP and multicast,
    _asyncio_recvmmsg      many datagrams at a time,
    _asyncio_common        and what they have in common; no other modules import `socket`
    _errors                from the system's errors to the standard's
    __main__               `python -m direct_sockets`, whose parts are in
    _command_line          a folder; nothing else knows of it
    testing                the seam over a network in memory, in virtual time; public, for users' own tests

This module has the public names of the API, and nothing else.
"""

from ._multicast_controller import MulticastController as MulticastController
from ._options import (
    MulticastMembership as MulticastMembership,
    TCPServerSocketOpenInfo as TCPServerSocketOpenInfo,
    TCPSocketOpenInfo as TCPSocketOpenInfo,
    UDPMessage as UDPMessage,
    UDPSocketOpenInfo as UDPSocketOpenInfo,
)
from ._permissions import (
    PermissionsPolicy as PermissionsPolicy,
    set_default_permissions_policy as set_default_permissions_policy,
)
from ._tcp_server_socket import TCPServerSocket as TCPServerSocket
from ._tcp_socket import TCPSocket as TCPSocket
from ._udp_socket import UDPSocket as UDPSocket

__all__ = [
    "MulticastController",
    "MulticastMembership",
    "PermissionsPolicy",
    "TCPServerSocket",
    "TCPServerSocketOpenInfo",
    "TCPSocket",
    "TCPSocketOpenInfo",
    "UDPMessage",
    "UDPSocket",
    "UDPSocketOpenInfo",
    "set_default_permissions_policy",
]
