"""What goes wrong with networks, made to go wrong: on the virtual network, and between namespaces of this machine.

Every byte stream arrives intact, or the error is reported to the reader, the writer and by `closed`, within a stated
time. Of datagrams only the network loses any.

virtual       random links, mishaps and versions of IP, in virtual time
wire          a cable between two namespaces
places        the faults, and the times, of the real ones
real_tcp      conversations
real_udp      datagrams
"""

from __future__ import annotations

from . import places as places, real_udp as real_udp
from .conversation import End as End, converse as converse
from .places import FAULTS as FAULTS
from .real_tcp import try_tcp as try_tcp
from .real_udp import try_udp as try_udp
from .virtual import PATIENCE as PATIENCE, try_datagrams as try_datagrams, try_streams as try_streams
