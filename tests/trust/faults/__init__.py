"""What goes wrong with networks, made to go wrong: on the virtual network, and between namespaces of this machine.

Every byte stream arrives intact, or the error is reported to the reader, the writer and by `closed`, within a stated
time. Of datagrams only the network loses any.

virtual       random links, mishaps and versions of IP, in virtual time
links         the faults of the real ones
netem         a cable between two namespaces, by the kernel
wire          one whose packets a program carries
packets       what is in them
places        cases, and their times
real_tcp      conversations
real_udp      datagrams
"""

from __future__ import annotations

from . import netem as netem, places as places, real_udp as real_udp, wire as wire
from .conversation import End as End, converse as converse
from .links import FAULTS as FAULTS, Fault as Fault, Means as Means
from .netem import has_netem as has_netem
from .places import Place as Place, try_each as try_each
from .real_tcp import converse_under as converse_under
from .real_udp import exchange_under as exchange_under
from .virtual import PATIENCE as PATIENCE, try_datagrams as try_datagrams, try_streams as try_streams
