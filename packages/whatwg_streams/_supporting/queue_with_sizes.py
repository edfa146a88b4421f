"""§8.1 Queue-with-sizes: https://streams.spec.whatwg.org/#queue-with-sizes

A container has two slots, `_queue` and `_queue_total_size`, that these operations keep in step. To keep a chunk in
the queue small, an entry is the value itself where its size is 1, as it is by default, and a `ValueWithSize` otherwise.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from typing_extensions import override

from .._platform.compiled import mypyc_attr
from .._platform.dom_exception import RangeError
from .._platform.webidl import LARGEST_EXACT_INTEGER
from .miscellaneous import is_non_negative_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@final
class ValueWithSize:
    """https://streams.spec.whatwg.org/#value-with-size, of another size than 1"""

    __slots__ = ("size", "value")

    def __init__(self, value: object, size: int | float) -> None:
        self.value = value
        self.size = size


@mypyc_attr(native_class=False)
@final
class _NoItems(deque[Any]):
    """A list that is empty, for all who have not needed one of their own yet."""

    __slots__ = ()

    @override
    def append(self, x: Any, /) -> None:
        raise AssertionError("this list is shared; replace it with `owned` first")


#: What a list of items is until something is put into it.
NO_ITEMS: Final[deque[Any]] = _NoItems()


def owned(items: deque[Any]) -> deque[Any]:
    """The list itself, or a new one instead of the shared one: to be kept in the slot before something is appended."""
    return deque() if items is NO_ITEMS else items


class Container(Protocol):
    """An object with the slots [[queue]] and [[queueTotalSize]]; a byte stream controller has entries of its own."""

    _queue: deque[Any]
    _queue_total_size: int | float


def dequeue_value(container: Container) -> Any:
    """https://streams.spec.whatwg.org/#dequeue-value"""
    # 1. Assert: it is a container. (Its type says so.)
    # 2. Assert: the queue is not empty.
    assert container._queue
    # 3. The first value-with-size
    # 4. is removed from the queue.
    entry = container._queue.popleft()
    value, size = (entry.value, entry.size) if type(entry) is ValueWithSize else (entry, 1)
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
        kind = type(value).__name__
        raise RangeError(
            f"the size of a chunk has to be a non-negative number, not {size!r}; the chunk is of the type {kind}"
        )
    # 3. and finite.
    if size == math.inf:
        raise RangeError("the size of a chunk has to be finite")
    # 4. Append the value-with-size.
    container._queue = owned(container._queue)
    container._queue.append(value if size == 1 else ValueWithSize(value, size))
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
    entry = container._queue[0]
    # 4. return its value.
    return entry.value if type(entry) is ValueWithSize else entry


def reset_queue(container: Container) -> None:
    """https://streams.spec.whatwg.org/#reset-queue"""
    # 1. Assert: it is a container. (Its type says so.)
    # 2. Empty the queue.
    container._queue = NO_ITEMS
    # 3. The total size is 0.
    container._queue_total_size = 0


def values_with_sizes(queue: Iterable[Any]) -> Iterator[tuple[Any, int | float]]:
    """The entries of a queue, as pairs."""
    for entry in queue:
        yield (entry.value, entry.size) if type(entry) is ValueWithSize else (entry, 1)
