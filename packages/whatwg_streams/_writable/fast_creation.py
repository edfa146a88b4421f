"""A fast path of making a writable stream: what its constructor sets up in many small steps, in one.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `stream`, `ops.streams` and
`ops.default_controllers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _strategies
from .._platform import starts
from .._platform.webidl import DO_NOTHING, CallbackAlgorithm
from .._strategies import NO_STRATEGY, count
from .._supporting.queue_with_sizes import NO_ITEMS
from . import default_controller, fast_default

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._platform.promises import Promise
    from .._strategies import QueuingStrategyDict
    from .default_controller import WritableStreamDefaultController
    from .stream import WritableStream
    from .underlying_sink import UnderlyingSinkDict


def construct(stream: WritableStream[Any], sink: UnderlyingSinkDict, strategy: QueuingStrategyDict) -> bool:
    """The constructor of WritableStream, step 4 on, for a sink that has no start.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    abort, close, start, _, write = sink
    if start is not None:
        return False
    close_algorithm = DO_NOTHING if close is None else CallbackAlgorithm(close)
    abort_algorithm = DO_NOTHING if abort is None else CallbackAlgorithm(abort)
    if strategy is NO_STRATEGY:
        controller = set_up(stream, DO_NOTHING, close_algorithm, abort_algorithm, 1, count)
    else:
        size_algorithm = _strategies.extract_size_algorithm(strategy)
        high_water_mark = _strategies.extract_high_water_mark(strategy, 1)
        controller = set_up(stream, DO_NOTHING, close_algorithm, abort_algorithm, high_water_mark, size_algorithm)
    if write is not None:
        controller._write_algorithm = CallbackAlgorithm(write, controller)
    starts.enqueue_a_start(fast_default.started, controller)
    return True


def set_up(
    stream: WritableStream[Any],
    write_algorithm: Callable[[Any], Promise[Any]],
    close_algorithm: Callable[[], Promise[Any]],
    abort_algorithm: Callable[[Any], Promise[Any]],
    high_water_mark: int | float,
    size_algorithm: Callable[[Any], int | float],
) -> WritableStreamDefaultController:
    """InitializeWritableStream, and SetUpWritableStreamDefaultController before the start."""
    interface = default_controller.WritableStreamDefaultController
    controller = interface.__new__(interface)
    controller._stream = stream
    controller._queue = NO_ITEMS
    controller._queue_total_size = 0
    controller._abort_controller = None
    controller._started = False
    controller._strategy_size_algorithm = size_algorithm
    controller._strategy_hwm = high_water_mark
    controller._write_algorithm = write_algorithm
    controller._write_at_once = None
    controller._close_algorithm = close_algorithm
    controller._abort_algorithm = abort_algorithm
    stream._state = "writable"
    stream._stored_error = None
    stream._writer = None
    stream._in_flight_write_request = None
    stream._close_request = None
    stream._in_flight_close_request = None
    stream._pending_abort_request = None
    stream._write_requests = NO_ITEMS
    stream._backpressure = high_water_mark <= 0
    stream._controller = controller
    return controller
