"""A network in memory, in virtual time, for tests of what uses `direct_sockets`.

    network = VirtualNetwork(seed=1)
    a = network.host("a.example", "10.0.0.1")
    b = network.host("b.example", "10.0.0.2")
    network.link(a, b, latency=50, loss=0.1)

It implements the same seam as real sockets do: the sockets of `direct_sockets` that are made in a block
`with a.installed():` are sockets of that host. The modules:

    _network           the hosts, the ways between them, and time as users see it
    _clock             virtual time, and when it goes on
    _links             what happens to packets on their way
    _names             what names resolve to
    _host              addresses, ports and descriptors of a host, and its sockets
    _system            the seam
    _ports             the rules of binding
    _descriptors       how many sockets there may be
    _packets           what goes over the wire
    _tcp_connection    TCP: its states,
    _tcp_sender        its sending half,
    _tcp_receiver      its receiving half,
    _tcp_server        and listening
    _datagram_socket   UDP and multicast
"""

from ._datagram_socket import VirtualDatagramSocket as VirtualDatagramSocket
from ._host import VirtualHost as VirtualHost
from ._links import Link as Link
from ._network import Partition as Partition, VirtualNetwork as VirtualNetwork
from ._tcp_connection import VirtualTCPConnection as VirtualTCPConnection
from ._tcp_server import VirtualTCPServer as VirtualTCPServer

__all__ = [
    "Link",
    "Partition",
    "VirtualDatagramSocket",
    "VirtualHost",
    "VirtualNetwork",
    "VirtualTCPConnection",
    "VirtualTCPServer",
]
