"""A fast path of making a transform stream: what its constructor sets up in many small steps, in one.

See `_platform.fast_paths` for the rules. What is flattened here stands step by step in `stream`, `ops.streams` and
`ops.default_controllers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _strategies
from .._platform import starts
from .._platform.webidl import DO_NOTHING, CallbackAlgorithm
from .._readable import fast_creation as fast_readable, stream as readable_stream
from .._strategies import NO_STRATEGY, count
from .._writable import fast_creation as fast_writable, stream as writable_stream
from . import default_controller, fast_default
from .ops import default_controllers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._strategies import QueuingStrategyDict
    from .default_controller import TransformStreamDefaultController
    from .stream import TransformStream
    from .transformer import TransformerDict


def construct(
    stream: TransformStream[Any, Any],
    transformer: TransformerDict,
    writable_strategy: QueuingStrategyDict,
    readable_strategy: QueuingStrategyDict,
) -> bool:
    """The constructor of TransformStream, step 5 on, for a transformer that has no start.

    Returns:
        Whether it was done; otherwise the plain algorithm is needed.
    """
    cancel, flush, _, start, transform, _ = transformer
    if start is not None:
        return False
    readable_high_water_mark: int | float = 0
    writable_high_water_mark: int | float = 1
    readable_size_algorithm: Callable[[Any], int | float] = count
    writable_size_algorithm: Callable[[Any], int | float] = count
    if readable_strategy is not NO_STRATEGY:
        readable_high_water_mark = _strategies.extract_high_water_mark(readable_strategy, 0)
        readable_size_algorithm = _strategies.extract_size_algorithm(readable_strategy)
    if writable_strategy is not NO_STRATEGY:
        writable_high_water_mark = _strategies.extract_high_water_mark(writable_strategy, 1)
        writable_size_algorithm = _strategies.extract_size_algorithm(writable_strategy)
    algorithms: Any = stream
    of_writables = writable_stream.WritableStream
    writable = stream._writable = of_writables.__new__(of_writables)
    fast_writable.set_up(
        writable, algorithms, algorithms, algorithms, writable_high_water_mark, writable_size_algorithm
    )
    of_readables = readable_stream.ReadableStream
    readable = stream._readable = of_readables.__new__(of_readables)
    fast_readable.set_up(readable, algorithms, algorithms, readable_high_water_mark, readable_size_algorithm)
    stream._backpressure = True
    stream._backpressure_change_promise = None
    stream._chain = None
    stream._behind = False
    stream._irregular = 0
    stream._misses = 0
    stream._controller = None
    if transform is not None:
        controller = stream._the_controller()
        controller._transform_algorithm = CallbackAlgorithm(transform, controller)
    if flush is not None:
        controller = stream._the_controller()
        controller._flush_algorithm = CallbackAlgorithm(flush, controller)
    if cancel is not None:
        stream._the_controller()._cancel_algorithm = CallbackAlgorithm(cancel)
    starts.enqueue_a_start(fast_default.START, stream)
    return True


def new_controller(stream: TransformStream[Any, Any]) -> TransformStreamDefaultController:
    """SetUpTransformStreamDefaultControllerFromTransformer, for one that has none of its members.

    Nobody sees the controller of such a stream, so that it is made when an algorithm needs it.
    """
    interface = default_controller.TransformStreamDefaultController
    controller = interface.__new__(interface)
    controller._stream = stream
    controller._transform_algorithm = default_controllers.ENQUEUE_AS_IT_IS
    controller._flush_algorithm = controller._cancel_algorithm = DO_NOTHING
    controller._finish_promise = None
    return controller
