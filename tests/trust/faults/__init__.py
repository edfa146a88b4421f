"""What goes wrong with networks, made to go wrong: on the virtual network, and between namespaces of this machine.

Every byte stream arrives intact, or the error is reported to the reader and by `closed`, within a stated time.
"""

from __future__ import annotations

from .conversation import End as End, converse as converse
from .namespaces import FAULTS as FAULTS, try_namespaces as try_namespaces
from .virtual import PATIENCE as PATIENCE, try_datagrams as try_datagrams, try_streams as try_streams
