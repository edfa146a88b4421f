"""The switch of the fast paths.

The algorithms of the standard are transcribed step by step, and are the reference. Where that is too slow,
there is a fast path beside it: a function of its own, in a module named `fast_…`, that is entered by one test at
the top of the plain algorithm.

Rule 1: a fast path calls the same callbacks in the same order, settles the same promises and queues the same
microtasks as the plain algorithm does. It may leave out a microtask, but only while the queue is empty, when
nothing could tell; or, of a pipe, while only steps of other pipes are queued, for the standard leaves open when a pipe
takes its steps.
Rule 2: what it was not made for it hands to the plain algorithm, before anything has happened, or with everything
in the state that the plain algorithm expects.

The environment variable WHATWG_STREAMS_FAST_PATHS, when it is "0", turns all of them off; so does `set_enabled`.
Streams that were made before keep working.
"""

from __future__ import annotations

import os
from typing import Final, final


@final
class FastPaths:
    """The switch: an object, as a compiled module reads that quickest."""

    __slots__ = ("enabled", "own_buffers")

    enabled: bool
    own_buffers: bool  # whether new buffers are Python's own, see `host.set_array_buffer_constructor`

    def __init__(self) -> None:
        self.enabled = os.environ.get("WHATWG_STREAMS_FAST_PATHS", "1") != "0"
        self.own_buffers = True


fast_paths: Final = FastPaths()


def set_enabled(value: bool) -> bool:
    """Turn all fast paths on or off.

    Returns:
        Whether they were on before.
    """
    before = fast_paths.enabled
    fast_paths.enabled = value
    return before


def are_enabled() -> bool:
    """Whether fast paths are on: for packages that are built on this one."""
    return fast_paths.enabled
