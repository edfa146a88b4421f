"""Which of our classes and methods are behind which interfaces and members.

Most members are behind the method of the same name, in our spelling; the exceptions are listed here.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
from typing import TYPE_CHECKING, Any

import whatwg_streams
from whatwg_streams import Promise
from whatwg_streams._platform import abort, host
from whatwg_streams._platform.webidl import new
from whatwg_streams._readable.ops.streams import readable_stream_from_iterator_record
from whatwg_streams._strategies import _byte_length, count

from .buffers import Buffers
from .encoding import Encoding
from .message_ports import MessagePorts
from .values import JS_NULL, JSDictionary, JSFunction, JSIteratorRecord, JSValue, Values

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine

INTERFACES = (
    "AbortController", "AbortSignal", "ByteLengthQueuingStrategy", "CountQueuingStrategy", "MessageChannel",
    "MessagePort", "ReadableByteStreamController", "ReadableStream", "ReadableStreamAsyncIterator",
    "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader", "TransformStream", "TransformStreamDefaultController", "WritableStream",
    "WritableStreamDefaultController", "WritableStreamDefaultWriter",
)  # fmt: skip

#: Members whose name is a word of Python.
_RENAMED = {"return": "return_"}


def snake_case(name: str) -> str:
    """`highWaterMark` in Python's spelling."""
    return _RENAMED.get(name) or re.sub(r"(?<=[a-z])[A-Z]", lambda match: "_" + match[0].lower(), name)


class _Operation:
    """How an operation is called: the types of its arguments, the last of which may be keywords."""

    def __init__(self, codes: str, keywords: str) -> None:
        self.codes = codes.split()
        self.keywords = [snake_case(keyword) for keyword in keywords.split()]
        self.positional = len(self.codes) - len(self.keywords)


class HostLoop:
    """Stands where the packages expect the running event loop: it takes reports, and nothing else."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.reports.append(context)

    def get_debug(self) -> bool:
        return False


class Bindings:
    """Our classes behind the interfaces of the shim."""

    def __init__(self, engine: Engine, *, stub: bool = False) -> None:
        self.engine = engine
        self.stub = stub
        self.values = values = Values(engine)
        self.buffers = Buffers(values)
        Encoding(engine)
        MessagePorts(engine, values, self._answer)
        self._operations: dict[str, _Operation] = {}
        for name in INTERFACES:
            values.interfaces[getattr(whatwg_streams, name)] = name
        values.size_functions = {_byte_length: ("byteLength", 1), count: ("count", 0)}
        self._special: dict[str, Callable[..., Any]] = {
            "ReadableStream.from": readable_stream_from_iterator_record,
            "ReadableStream.pipeThrough": self._pipe_through,
            "size.byteLength": lambda chunk=None: _byte_length(chunk),
            "size.count": lambda chunk=None: count(chunk),
        }
        engine.provide("declare", self._declare)
        engine.provide("dispatch", self._dispatch)
        engine.provide("construct", self._construct)
        engine.provide("getAttribute", self._get_attribute)
        engine.provide("addAbortAlgorithm", self._add_abort_algorithm)
        host.set_microtask_enqueuer(engine.enqueue_microtask)
        host.set_task_queuer(lambda steps: engine.run_after(0, steps))
        host.set_timer(engine.run_after)
        host.set_abort_event(lambda signal: engine.call("fireAbort", values.encode(signal)))
        host.register_clone(JSValue, lambda value: values.result("structuredClone", value.handle))
        self.loop = HostLoop()
        asyncio._set_running_loop(self.loop)  # type: ignore[arg-type]

    def rejections_that_nobody_handled(self) -> list[str]:
        """Of promises that JavaScript never saw, those whose rejection would be reported, and what was reported.

        The engine does not tell which promises of its own were handled.
        """
        return [f"{context['message']}: {context['exception']!r}" for context in self.loop.reports] + [
            f"a promise was rejected, and nobody handled it: {promise._promise_result!r}"
            for promise in self.rejected_and_not_marked_handled()
            if self.values.handle_of(promise) is None
        ]

    def rejected_and_not_marked_handled(self) -> list[Promise[Any]]:
        """Our promises that are so, as far as we know: what JavaScript does with them we are not told."""
        promises = [one for one in gc.get_objects() if isinstance(one, Promise)]
        return [one for one in promises if one._promise_state == "rejected" and not one._promise_is_handled]

    # Conversions -----------------------------------------------------------------------------------

    def _declare(self, op: str, codes: str, keywords: str) -> None:
        self._operations[op] = _Operation(codes, keywords)

    def _decode(self, code: str, crossed: Any) -> Any:
        values = self.values
        if crossed is None:
            return None
        if code == "any":
            return values.value(crossed)
        if code == "number":
            return crossed
        if code == "boolean":
            return bool(crossed)
        if code == "string":
            return json.loads(crossed)
        if code == "object":
            return values.objects[crossed]
        if code == "view":
            return self.buffers.view(crossed)
        if code == "sequence":
            return [values.objects[int(number)] for number in crossed.split()]
        if code == "iterator":
            return JSIteratorRecord(values, crossed)
        return JSDictionary(values, crossed, code)

    def _arguments(self, op: str, crossed: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        operation = self._operations[op]
        decoded = [self._decode(code, value) for code, value in zip(operation.codes, crossed, strict=True)]
        positional, keyword = decoded[: operation.positional], decoded[operation.positional :]
        while positional and positional[-1] is None:
            positional.pop()
        keywords = {name: value for name, value in zip(operation.keywords, keyword, strict=True) if value is not None}
        return positional, keywords

    def _result(self, steps: Callable[[], Any]) -> int:
        try:
            return self.values.encode(steps())
        except Exception as exception:
            return -1 - self.values.encode(exception)

    def _answer(self, op: str, steps: Callable[[], Any]) -> int:
        """Of a stub every method raises; but testharness.js makes an AbortController for each test."""
        if self.stub and op not in {"AbortController", "AbortController.signal"}:
            return self._result(self._raise)
        return self._result(steps)

    def _raise(self) -> None:
        raise NotImplementedError("a stub")

    # What the shim calls ---------------------------------------------------------------------------

    def _dispatch(self, op: str, self_number: int, *crossed: Any) -> int:
        def steps() -> Any:
            arguments, keywords = self._arguments(op, crossed)
            if op in self._special:
                target = [self.values.objects[self_number]] if self_number else []
                return self._special[op](*target, *arguments, **keywords)
            interface, member = op.split(".")
            target = self.values.objects[self_number] if self_number else getattr(whatwg_streams, interface)
            return getattr(target, snake_case(member))(*arguments, **keywords)

        return self._answer(op, steps)

    def _construct(self, interface: str, wrapper: int, *crossed: Any) -> int:
        def steps() -> None:
            arguments, keywords = self._arguments(interface, crossed)
            kind = getattr(whatwg_streams, interface)
            if kind is whatwg_streams.DOMException:
                self.values.bind(wrapper, interface, kind(*arguments, **keywords))
                return
            made = new(kind)
            self.values.bind(wrapper, interface, made)
            made.__init__(*arguments, **keywords)

        return self._answer(interface, steps)

    def _get_attribute(self, op: str, self_number: int) -> int:
        def steps() -> Any:
            value = getattr(self.values.objects[self_number], snake_case(op.partition(".")[2]))
            nullable = self._operations[op].codes == ["nullable"]
            return JS_NULL if value is None and nullable else value

        return self._answer(op, steps)

    def _add_abort_algorithm(self, self_number: int, algorithm: int) -> None:
        function = JSFunction(self.values, algorithm, 0, "any")
        abort.add_algorithm(self.values.objects[self_number], function)

    def _pipe_through(self, stream: Any, *, readable: Any, writable: Any, **options: Any) -> Any:
        return stream.pipe_through({"readable": readable, "writable": writable}, **options)
