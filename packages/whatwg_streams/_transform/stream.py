"""§6.2 The TransformStream class: https://streams.spec.whatwg.org/#ts-class"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar, override

from .._platform.compiled import mypyc_attr
from .._platform.dom_exception import RangeError
from .._platform.fast_paths import fast_paths
from .._platform.promises import Promise, resolve
from .._platform.webidl import convert_object
from .._strategies import NO_STRATEGY, convert_queuing_strategy, extract_high_water_mark, extract_size_algorithm
from .._supporting.algorithms import PairAlgorithms
from . import fast_chain, fast_creation, fast_default
from .ops import default_controllers, default_sinks, default_sources, streams
from .transformer import NO_TRANSFORMER, convert_transformer

if TYPE_CHECKING:
    from .._readable.stream import ReadableStream
    from .._strategies import QueuingStrategy
    from .._writable.stream import WritableStream
    from .default_controller import TransformStreamDefaultController
    from .fast_chain import _Chain
    from .transformer import Transformer

I = TypeVar("I", default=Any)
O = TypeVar("O", default=Any)


@mypyc_attr(allow_interpreted_subclasses=True)
class TransformStream(PairAlgorithms, Generic[I, O]):
    """A pair of streams: what is written to the one comes, transformed, out of the other.

    https://streams.spec.whatwg.org/#ts-class

    Args:
        transformer: what is done to the chunks: an object or a mapping with any of the members
            `start(controller)`, `transform(chunk, controller)`, `flush(controller)` and
            `cancel(reason)`. Each may be a coroutine function, which then runs in a task with a copy of
            the context of this call. A function may take fewer arguments than these; what it returns is
            no chunk: `controller.enqueue(chunk)` gives one, as many times as wanted. Without a
            `transform`, chunks come out as they went in.
        writable_strategy: how much may be queued before it is transformed: an object or a mapping with
            `high_water_mark` (1 by default) and `size` (a function of a chunk).
        readable_strategy: how much may be queued after it was transformed; its high water mark is 0 by
            default.

    Raises:
        TypeError: an argument is not of this form.
        RangeError: a high water mark is negative or NaN; or the transformer has a `readable_type` or a
            `writable_type`.
        Exception: what `start` raises.
    """

    __slots__ = (
        "__weakref__",
        "_backpressure",
        "_backpressure_change_promise",
        "_behind",
        "_chain",
        "_controller",
        "_detached",
        "_irregular",
        "_misses",
        "_readable",
        "_writable",
    )

    _backpressure: bool | None
    _backpressure_change_promise: Promise[None] | None
    _behind: bool  # this and the next three: see `fast_chain`
    _chain: _Chain | None  # what is moving its chunks
    _irregular: int  # chunks that a chunk was not made exactly one of
    _misses: int
    _controller: TransformStreamDefaultController | None  # None until it is asked for: see `_the_controller`
    _detached: bool  # not set, nor is [[controller]] at first: which is slow to ask for, but seldom done
    _readable: ReadableStream[O]
    _writable: WritableStream[I]

    def __init__(
        self,
        transformer: Transformer | None = None,
        writable_strategy: QueuingStrategy | None = None,
        readable_strategy: QueuingStrategy | None = None,
    ) -> None:
        if transformer is not None:
            convert_object(transformer, "transformer")
        writable_strategy_dict = readable_strategy_dict = NO_STRATEGY
        if writable_strategy is not None:
            writable_strategy_dict = convert_queuing_strategy(writable_strategy, "writable_strategy")
        if readable_strategy is not None:
            readable_strategy_dict = convert_queuing_strategy(readable_strategy, "readable_strategy")
        # 1. A missing transformer is null.
        # 2. Convert the transformer to the dictionary.
        transformer_dict = NO_TRANSFORMER if transformer is None else convert_transformer(transformer)
        # 3. It must not have a readable type,
        if transformer_dict.readable_type is not None:
            raise RangeError("transformer.readable_type: no such type is defined yet; leave it out")
        # 4. nor a writable type; these are reserved.
        if transformer_dict.writable_type is not None:
            raise RangeError("transformer.writable_type: no such type is defined yet; leave it out")
        if fast_paths.enabled and fast_creation.construct(
            self, transformer_dict, writable_strategy_dict, readable_strategy_dict
        ):
            return
        # 5. The high water mark,
        readable_high_water_mark = extract_high_water_mark(readable_strategy_dict, 0)
        # 6. and the size algorithm of the readable side;
        readable_size_algorithm = extract_size_algorithm(readable_strategy_dict)
        # 7. the high water mark,
        writable_high_water_mark = extract_high_water_mark(writable_strategy_dict, 1)
        # 8. and the size algorithm of the writable side.
        writable_size_algorithm = extract_size_algorithm(writable_strategy_dict)
        # 9. What both sides wait for.
        start_promise: Promise[Any] = Promise()
        # 10. Initialize this.
        streams.initialize_transform_stream(
            self,
            start_promise,
            writable_high_water_mark,
            writable_size_algorithm,
            readable_high_water_mark,
            readable_size_algorithm,
        )
        # 11. Set up the controller from the transformer.
        default_controllers.set_up_transform_stream_default_controller_from_transformer(
            self, transformer, transformer_dict
        )
        # 12. If the transformer has a start, it is called with the controller; this may throw.
        if transformer_dict.start is not None:
            resolve(start_promise, transformer_dict.start(self._the_controller()))
        # 13. Otherwise there is nothing to wait for.
        else:
            resolve(start_promise)

    @property
    def readable(self) -> ReadableStream[O]:
        """Where the transformed chunks come out: https://streams.spec.whatwg.org/#ts-readable"""
        # 1. Return this.[[readable]].
        return self._readable

    @property
    def writable(self) -> WritableStream[I]:
        """Where the chunks go in: https://streams.spec.whatwg.org/#ts-writable"""
        # 1. Return this.[[writable]].
        return self._writable

    def _the_controller(self) -> TransformStreamDefaultController:
        if self._controller is None:
            self._controller = fast_creation.new_controller(self)
        return self._controller

    # The algorithms of both sides: those of §6.4.3 and §6.4.4, or a fast path of them --------------------

    @override
    def _pull_algorithm(self) -> Promise[Any]:
        if fast_paths.enabled:
            return fast_default.pull(self)
        return default_sources.transform_stream_default_source_pull_algorithm(self)

    @override
    def _cancel_algorithm(self, reason: object) -> Promise[Any]:
        return default_sources.transform_stream_default_source_cancel_algorithm(self, reason)

    @override
    def _write_algorithm(self, chunk: object) -> Promise[Any] | None:
        if fast_paths.enabled:
            return fast_default.write(self, chunk)
        return default_sinks.transform_stream_default_sink_write_algorithm(self, chunk)

    @override
    def _close_algorithm(self) -> Promise[Any]:
        return default_sinks.transform_stream_default_sink_close_algorithm(self)

    @override
    def _abort_algorithm(self, reason: object) -> Promise[Any]:
        return default_sinks.transform_stream_default_sink_abort_algorithm(self, reason)

    @override
    def _move_chunks(self, pipe: Any) -> bool:
        return fast_chain.move_chunks(pipe)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} from {self._writable!r} to {self._readable!r}>"
