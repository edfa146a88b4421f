"""§6.4.1 Working with transform streams: https://streams.spec.whatwg.org/#ts-abstract-ops"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..._platform.fast_paths import fast_paths
from ..._platform.promises import Promise, resolve
from ..._readable.ops.default_controllers import readable_stream_default_controller_error
from ..._readable.ops.streams import create_readable_stream
from ..._writable.ops.default_controllers import writable_stream_default_controller_error_if_needed
from ..._writable.ops.streams import create_writable_stream
from .. import fast_default
from . import default_controllers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._readable.default_controller import ReadableStreamDefaultController
    from ..stream import TransformStream


def initialize_transform_stream(
    stream: TransformStream[Any, Any],
    start_promise: Promise[Any],
    writable_high_water_mark: int | float,
    writable_size_algorithm: Callable[[Any], int | float],
    readable_high_water_mark: int | float,
    readable_size_algorithm: Callable[[Any], int | float],
) -> None:
    """https://streams.spec.whatwg.org/#initialize-transform-stream"""

    # 1. Both sides start when the promise says so.
    def start_algorithm() -> Promise[Any]:
        return start_promise

    # (All other algorithms are those of the stream.)
    algorithms: Any = stream
    # 2. Writing takes these steps:
    # 2.1. those of the default sink.
    write_algorithm = algorithms
    # 3. Aborting takes these steps:
    # 3.1. those of the default sink.
    abort_algorithm = algorithms
    # 4. Closing takes these steps:
    # 4.1. those of the default sink.
    close_algorithm = algorithms
    # 5. The writable side.
    stream._writable = create_writable_stream(
        start_algorithm,
        write_algorithm,
        close_algorithm,
        abort_algorithm,
        writable_high_water_mark,
        writable_size_algorithm,
    )
    # 6. Pulling takes these steps:
    # 6.1. those of the default source.
    pull_algorithm = algorithms
    # 7. Cancelling takes these steps:
    # 7.1. those of the default source.
    cancel_algorithm = algorithms
    # 8. The readable side.
    stream._readable = create_readable_stream(
        start_algorithm, pull_algorithm, cancel_algorithm, readable_high_water_mark, readable_size_algorithm
    )
    # 9. Whether there is backpressure is not known yet.
    stream._backpressure = None
    stream._backpressure_change_promise = None
    # 10. There is.
    transform_stream_set_backpressure(stream, backpressure=True)
    # 11. There is no controller yet.
    stream._controller = None
    # (And no fast path has moved its chunks.)
    stream._chain = None
    stream._behind = False
    stream._irregular = 0
    stream._misses = 0


def transform_stream_error(stream: TransformStream[Any, Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-error"""
    # 1. Error the readable side,
    readable_stream_default_controller_error(cast("ReadableStreamDefaultController", stream._readable._controller), e)
    # 2. and the writable side.
    transform_stream_error_writable_and_unblock_write(stream, e)


def transform_stream_error_writable_and_unblock_write(stream: TransformStream[Any, Any], e: object) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-error-writable-and-unblock-write"""
    # 1. No algorithm is needed any more.
    default_controllers.transform_stream_default_controller_clear_algorithms(stream._the_controller())
    # 2. Error the writable side.
    writable_stream_default_controller_error_if_needed(stream._writable._controller, e)
    # 3. A write may be waiting.
    transform_stream_unblock_write(stream)


def transform_stream_set_backpressure(stream: TransformStream[Any, Any], *, backpressure: bool) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-set-backpressure"""
    # 1. Assert: this is a change.
    assert stream._backpressure is not backpressure
    if fast_paths.enabled or stream._backpressure_change_promise is fast_default.A_PULL_WAITS:
        fast_default.set_backpressure(stream, backpressure=backpressure)
        return
    # 2. Whoever waited for a change is told,
    if stream._backpressure_change_promise is not None:
        resolve(stream._backpressure_change_promise)
    # 3. and can wait for the next one.
    stream._backpressure_change_promise = Promise()
    # 4. Remember it.
    stream._backpressure = backpressure


def transform_stream_unblock_write(stream: TransformStream[Any, Any]) -> None:
    """https://streams.spec.whatwg.org/#transform-stream-unblock-write"""
    # 1. If there is backpressure, there is none any more.
    if stream._backpressure:
        transform_stream_set_backpressure(stream, backpressure=False)
