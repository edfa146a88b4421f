"""What is not closed by its user is closed all the same, and told; what is queued stays within its bounds.

forgotten     collected without being closed; loops that are closed with sockets open
processes     the end of the interpreter
forks         children that have copies of the sockets
threads       many loops in many threads
queues        high water marks, and the two branches of a tee
"""

from __future__ import annotations

from collections.abc import Callable

from tests.trust.table import Row

from .forgotten import collected, loops_closed
from .forks import forked
from .processes import interpreters_ended
from .queues import bounded, tees
from .threads import in_many_threads

#: What is tried, by its name.
RESOURCES: dict[str, Callable[[], Row]] = {
    "collected without being closed": collected,
    "a loop closed with sockets open": loops_closed,
    "the interpreter ends with sockets open": interpreters_ended,
    "forked with sockets open": forked,
    "many loops in many threads": in_many_threads,
    "queues, within their high water marks": bounded,
    "tee, of a fast and a slow branch": tees,
}
