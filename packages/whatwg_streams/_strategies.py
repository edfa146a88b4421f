"""§7 Queuing strategies: https://streams.spec.whatwg.org/#qs"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from typing_extensions import override

from ._platform import webidl
from ._platform.dom_exception import RangeError
from ._platform.webidl import convert_callback, convert_object, convert_unrestricted_double, members_of, misspelt

if TYPE_CHECKING:
    from collections.abc import Callable

#: How much a stream may queue up. An object or a mapping with the members `high_water_mark` (a
#: non-negative number, infinity allowed) and `size` (a function of a chunk); either may be missing.
QueuingStrategy: TypeAlias = Mapping[str, Any] | object


def _convert_queuing_strategy_init(high_water_mark: object) -> int | float:
    """https://streams.spec.whatwg.org/#dictdef-queuingstrategyinit: its one member, which is required."""
    if high_water_mark is None:
        raise TypeError("high_water_mark: it is missing")
    return convert_unrestricted_double(high_water_mark, "high_water_mark")


# §7.2 --------------------------------------------------------------------------------------------


def _byte_length(chunk: Any) -> int:
    """The byte length queuing strategy size function.

    https://streams.spec.whatwg.org/#byte-length-queuing-strategy-size-function
    """
    # 1.1. The chunk's byte length; undefined has none.
    if chunk is None:
        raise TypeError("the chunk is None, which has no byte length")
    try:
        return memoryview(chunk).nbytes
    except ValueError:  # a memoryview that was released: of a detached buffer it is 0
        return 0
    except TypeError:
        pass  # no buffer of Python
    return getattr(chunk, "byte_length", None)  # type: ignore[return-value]  # none is NaN, once it is used


class ByteLengthQueuingStrategy:
    """Measures chunks in bytes: https://streams.spec.whatwg.org/#blqs-class

    The size of a chunk is what it has bytes, for one of the buffer protocol; and its attribute
    `byte_length`, for any other.

    Args:
        high_water_mark: how many bytes a stream may queue up before it applies backpressure. It is
            checked by the stream that is made with this strategy, not here.

    Raises:
        TypeError: the high water mark is missing, or is no number.
    """

    __slots__ = ("_high_water_mark",)

    def __init__(self, *, high_water_mark: int | float) -> None:
        # 1. Set this.[[highWaterMark]].
        self._high_water_mark = _convert_queuing_strategy_init(high_water_mark)

    @property
    def high_water_mark(self) -> int | float:
        """The high water mark, in bytes: https://streams.spec.whatwg.org/#blqs-high-water-mark"""
        # 1. Return this.[[highWaterMark]].
        return self._high_water_mark

    @property
    def size(self) -> Callable[[Any], int]:
        """A function for the size of a chunk, always the same one: https://streams.spec.whatwg.org/#blqs-size"""
        # 1. Return the byte length queuing strategy size function.
        return _byte_length

    @override
    def __repr__(self) -> str:
        return f"ByteLengthQueuingStrategy(high_water_mark={self._high_water_mark})"


# §7.3 --------------------------------------------------------------------------------------------


def count(chunk: object = None) -> int:
    """The count queuing strategy size function.

    https://streams.spec.whatwg.org/#count-queuing-strategy-size-function
    """
    del chunk
    # 1.1. Return 1.
    return 1


class CountQueuingStrategy:
    """Counts chunks: https://streams.spec.whatwg.org/#cqs-class

    Args:
        high_water_mark: how many chunks a stream may queue up before it applies backpressure. It is
            checked by the stream that is made with this strategy, not here.

    Raises:
        TypeError: the high water mark is missing, or is no number.
    """

    __slots__ = ("_high_water_mark",)

    def __init__(self, *, high_water_mark: int | float) -> None:
        # 1. Set this.[[highWaterMark]].
        self._high_water_mark = _convert_queuing_strategy_init(high_water_mark)

    @property
    def high_water_mark(self) -> int | float:
        """The high water mark, in chunks: https://streams.spec.whatwg.org/#cqs-high-water-mark"""
        # 1. Return this.[[highWaterMark]].
        return self._high_water_mark

    @property
    def size(self) -> Callable[..., int]:
        """A function for the size of a chunk, always the same one: https://streams.spec.whatwg.org/#cqs-size"""
        # 1. Return the count queuing strategy size function.
        return count

    @override
    def __repr__(self) -> str:
        return f"CountQueuingStrategy(high_water_mark={self._high_water_mark})"


# §7.4 --------------------------------------------------------------------------------------------


class QueuingStrategyDict(NamedTuple):
    """The dictionary QueuingStrategy: https://streams.spec.whatwg.org/#dictdef-queuingstrategy"""

    high_water_mark: int | float | None
    size: Callable[[Any], int | float] | None


#: That of a stream which was given none.
NO_STRATEGY: Final = QueuingStrategyDict(None, None)


def convert_queuing_strategy(strategy: object, what: str) -> QueuingStrategyDict:
    """Convert an object or a mapping to the dictionary; None is an empty one."""
    if strategy is None:
        return NO_STRATEGY
    convert_object(strategy, what)
    get = members_of(strategy)
    high_water_mark = get("high_water_mark")
    if high_water_mark is not None:
        high_water_mark = convert_unrestricted_double(high_water_mark, f"{what}.high_water_mark")
    elif get("highWaterMark") is not None:
        raise misspelt(what, "highWaterMark", "high_water_mark")
    return QueuingStrategyDict(high_water_mark, convert_callback(get("size"), f"{what}.size", 1))


def extract_high_water_mark(strategy: QueuingStrategyDict, default_hwm: int | float) -> int | float:
    """https://streams.spec.whatwg.org/#validate-and-normalize-high-water-mark"""
    # 1. Without one, it is the default.
    if strategy.high_water_mark is None:
        return default_hwm
    # 2. Otherwise it is that of the strategy,
    high_water_mark = strategy.high_water_mark
    # 3. which must not be NaN nor negative.
    if math.isnan(high_water_mark) or high_water_mark < 0:
        raise RangeError(f"the high water mark has to be a non-negative number, not {high_water_mark}")
    # 4. Return it.
    return high_water_mark


def extract_size_algorithm(strategy: QueuingStrategyDict) -> Callable[[Any], int | float]:
    """https://streams.spec.whatwg.org/#make-size-algorithm-from-size-function"""
    # 1. Without a size function, every chunk has the size 1.
    size = strategy.size
    if size is None or size is count:
        return count

    # 2. Otherwise the algorithm takes a chunk,
    def size_algorithm(chunk: object) -> int | float:
        # 2.1. and invokes the size function with it.
        return webidl.convert_unrestricted_double(size(chunk), "the size of a chunk")

    return size_algorithm
