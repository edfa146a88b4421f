"""§8.1 Queue-with-sizes: https://streams.spec.whatwg.org/#queue-with-sizes

A container has two slots, `_queue` and `_queue_total_size`, that these operations keep in step. A
value-with-size is a pair.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Protocol

from .._platform.dom_exception import RangeError
from .._platform.webidl import LARGEST_EXACT_INTEGER
from .miscellaneous import is_non_negative_number

ValueWithSize = tuple[Any, float]


class Container(Protocol):
    """An object with the slots [[queue]] and [[queueTotalSize]]."""

    _queue: deque[ValueWithSize]
    _queue_total_size: float


class AnyContainer(Protocol):
    """Of any kind of entries: a byte stream controller keeps its own."""

    _queue: deque[Any]
    _queue_total_size: float


def dequeue_value(container: Container) -> Any:
    """https://streams.spec.whatwg.org/#dequeue-value"""
    # 1. Assert: it is a container. (Its type says so.)
    # 2. Assert: the queue is not empty.
    assert container._queue
    # 3. The first value-with-size
    # 4. is removed from the queue.
    value, size = container._queue.popleft()
    # 5. Take its size off the total,
    container._queue_total_size -= size
    # 6. which rounding must not leave below 0.
    if container._queue_total_size < 0:
        container._queue_total_size = 0
    # 7. Return its value.
    return value


def enqueue_value_with_size(container: Container, value: object, size: object) -> None:
    """https://streams.spec.whatwg.org/#enqueue-value-with-size"""
    # 1. Assert: it is a container. (Its type says so.)
    # 2. The size has to be a number that is not negative,
    if not is_non_negative_number(size):
        raise RangeError(f"the size of a chunk has to be a non-negative number, not {size!r}")
    # 3. and finite.
    if size == math.inf:
        raise RangeError("the size of a chunk has to be finite")
    # 4. Append the value-with-size.
    container._queue.append((value, size))
    # 5. Add its size to the total.
    container._queue_total_size += size
    if container._queue_total_size > LARGEST_EXACT_INTEGER:  # from here on, integers round as doubles do
        container._queue_total_size = float(container._queue_total_size)


def peek_queue_value(container: Container) -> Any:
    """https://streams.spec.whatwg.org/#peek-queue-value"""
    # 1. Assert: it is a container. (Its type says so.)
    # 2. Assert: the queue is not empty.
    assert container._queue
    # 3. The first value-with-size;
    # 4. return its value.
    return container._queue[0][0]


def reset_queue(container: AnyContainer) -> None:
    """https://streams.spec.whatwg.org/#reset-queue"""
    # 1. Assert: it is a container. (Its type says so.)
    # 2. Empty the queue.
    container._queue = deque()
    # 3. The total size is 0.
    container._queue_total_size = 0
