"""A fast path of making a readable stream: what its constructor sets up in many small steps, in one.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `stream`, `ops.streams`,
`ops.default_controllers` and `ops.byte_controllers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _strategies
from .._platform import starts
from .._platform.webidl import DO_NOTHING, CallbackAlgorithm
from .._strategies import NO_STRATEGY, count
from .._supporting.queue_with_sizes import NO_ITEMS
from . import byte_controller, default_controller, fast_bytes, fast_default

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._platform.promises import Promise
    from .._strategies import QueuingStrategyDict
    from .byte_controller import ReadableByteStreamController
    from .default_controller import ReadableStreamDefaultController
    from .stream import ReadableStream
    from .underlying_source import Members


def construct(stream: ReadableStream[Any], source: Members, strategy: QueuingStrategyDict) -> bool:
    """The constructor of ReadableStream, step 3 on, for a source that has no start.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    auto_allocate_chunk_size, cancel, pull, start, type_ = source
    if start is not None:
        return False
    cancel_algorithm = DO_NOTHING if cancel is None else CallbackAlgorithm(cancel)
    controller: Any
    if type_ is None:
        if strategy is NO_STRATEGY:
            controller = set_up(stream, DO_NOTHING, cancel_algorithm, 1, count)
        else:
            size_algorithm = _strategies.extract_size_algorithm(strategy)
            high_water_mark = _strategies.extract_high_water_mark(strategy, 1)
            controller = set_up(stream, DO_NOTHING, cancel_algorithm, high_water_mark, size_algorithm)
    elif strategy is NO_STRATEGY and auto_allocate_chunk_size is None:
        controller = set_up_bytes(stream, cancel_algorithm, 0, None)
    elif strategy.size is None and auto_allocate_chunk_size != 0:
        high_water_mark = _strategies.extract_high_water_mark(strategy, 0)
        controller = set_up_bytes(stream, cancel_algorithm, high_water_mark, auto_allocate_chunk_size)
    else:
        return False
    if pull is None:  # nothing waits for the start, then
        controller._started = True
    else:
        controller._pull_algorithm = CallbackAlgorithm(pull, controller)
        starts.enqueue_a_start(fast_default.started if type_ is None else fast_bytes.started, controller)
    return True


def set_up(
    stream: ReadableStream[Any],
    pull_algorithm: Callable[[], Promise[Any]],
    cancel_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> ReadableStreamDefaultController:
    """InitializeReadableStream, and SetUpReadableStreamDefaultController before the start."""
    controller = default_controller.new_controller()
    controller._stream = stream
    controller._queue = NO_ITEMS
    controller._queue_total_size = 0
    controller._started = False
    controller._close_requested = False
    controller._pull_again = False
    controller._pulling = False
    controller._only_appends = False
    controller._serves = None
    controller._strategy_size_algorithm = size_algorithm
    controller._strategy_hwm = controller._pull_below = high_water_mark
    controller._pull_algorithm = pull_algorithm
    controller._cancel_algorithm = cancel_algorithm
    stream._state = "readable"
    stream._reader = None
    stream._stored_error = None
    stream._disturbed = False
    stream._unread = None
    stream._reads = 0
    stream._controller = controller
    return controller


def set_up_bytes(
    stream: ReadableStream[Any],
    cancel_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    auto_allocate_chunk_size: int | None,
) -> ReadableByteStreamController:
    """InitializeReadableStream, and SetUpReadableByteStreamController before the start."""
    controller = byte_controller.new_controller()
    controller._stream = stream
    controller._pull_again = False
    controller._pulling = False
    controller._byob_request = None
    controller._queue = NO_ITEMS
    controller._queue_total_size = 0
    controller._close_requested = False
    controller._started = False
    controller._strategy_hwm = high_water_mark
    controller._pull_algorithm = DO_NOTHING
    controller._cancel_algorithm = cancel_algorithm
    controller._auto_allocate_chunk_size = auto_allocate_chunk_size
    controller._pending_pull_intos = NO_ITEMS
    controller._spare_pull_into = None
    stream._state = "readable"
    stream._reader = None
    stream._stored_error = None
    stream._disturbed = False
    stream._unread = None
    stream._reads = 0
    stream._controller = controller
    return controller
