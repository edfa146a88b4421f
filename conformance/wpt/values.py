"""JavaScript's values as our packages see them, and ours as JavaScript sees them.

Whatever a user of JavaScript hands over is opaque here: a `JSValue`, which is one object per object there,
so that identity is kept; `undefined` alone is `None`. What is thrown is carried by a `JSError`.
"""

from __future__ import annotations

import dis
import json
import traceback
from typing import TYPE_CHECKING, Any, ClassVar

from whatwg_streams import DOMException, Promise, RangeError, ReadResult, RejectionError
from whatwg_streams._platform import host
from whatwg_streams._platform.async_sequence import END_OF_ITERATION
from whatwg_streams._platform.reasons import Throw

from .engine import FALSE, NULL, TRUE, UNDEFINED, Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from .buffers import Buffers


def _was_an_accident(exception: BaseException) -> bool:
    """Whether no `raise` of ours, but Python itself threw it: a mistake then, that must not pass for a TypeError."""
    where = exception.__traceback__
    if where is None:
        return False
    while where.tb_next is not None:
        where = where.tb_next
    return dis.opname[where.tb_frame.f_code.co_code[where.tb_lasti]] not in {"RAISE_VARARGS", "RERAISE"}


class JSNull:
    """What a nullable attribute is when it has no value; of the packages' own objects only."""


JS_NULL = JSNull()


class JSValue:
    """A value of JavaScript."""

    __slots__ = ("__weakref__", "handle", "values")

    def __init__(self, values: Values, handle: int) -> None:
        self.values = values
        self.handle = handle

    @property
    def byte_length(self) -> Any:
        """GetV(chunk, "byteLength"), which is what the byte length strategy asks for."""
        return self.values.result("get", self.handle, "byteLength")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.values.engine.call('describe', self.handle)}>"


class JSThenable(JSValue):
    """An object with a method `then`, which was asked for when it came over, as a resolve function does."""

    __slots__ = ("then",)

    def __init__(self, values: Values, handle: int, then: int) -> None:
        super().__init__(values, handle)
        self.then = then


class JSFunction(JSValue):
    """A callback function, with what is to be its `this`, and the type of its result."""

    __slots__ = ("returns", "this")

    def __init__(self, values: Values, handle: int, this: int, returns: str) -> None:
        super().__init__(values, handle)
        self.this = this
        self.returns = returns

    def __call__(self, *arguments: object) -> Any:
        values = self.values
        handles = [values.encode(argument) for argument in arguments]
        if self.returns == "number":
            return values.number("callForNumber", self.handle, UNDEFINED, *handles)
        result = values.checked(values.engine.call("call", self.handle, self.this, *handles))
        return values.resolution(result)


class JSError(Exception):
    """Carries what JavaScript threw."""

    def __init__(self, reason: JSValue | None) -> None:
        super().__init__(reason)
        self.reason = reason


class JSDictionary:
    """An object that our classes convert to a dictionary: each of its members is asked for when they do."""

    #: By our name: the name there, and the type.
    MEMBERS: ClassVar[dict[str, dict[str, tuple[str, str]]]] = {
        "source": {
            "auto_allocate_chunk_size": ("autoAllocateChunkSize", "number"),
            "cancel": ("cancel", "function"),
            "pull": ("pull", "function"),
            "start": ("start", "function"),
            "type": ("type", "string"),
        },
        "sink": {
            "abort": ("abort", "function"),
            "close": ("close", "function"),
            "start": ("start", "function"),
            "type": ("type", "any"),
            "write": ("write", "function"),
        },
        "transformer": {
            "cancel": ("cancel", "function"),
            "flush": ("flush", "function"),
            "readable_type": ("readableType", "any"),
            "start": ("start", "function"),
            "transform": ("transform", "function"),
            "writable_type": ("writableType", "any"),
        },
        "strategy": {"high_water_mark": ("highWaterMark", "number"), "size": ("size", "size")},
    }

    def __init__(self, values: Values, handle: int, kind: str) -> None:
        self._values = values
        self._handle = handle
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        member = self.MEMBERS.get(self._kind, {}).get(name)
        if member is None:
            raise AttributeError(name)
        there, kind = member
        values = self._values
        if kind == "number":
            return values.number("getNumber", self._handle, there)
        if kind == "string":
            handle = values.checked(values.engine.call("getString", self._handle, there))
            return None if handle == UNDEFINED else values.string(handle)
        handle = values.checked(values.engine.call("get", self._handle, there))
        if kind != "any" and values.engine.call("isCallable", handle):
            this, returns = (UNDEFINED, "number") if kind == "size" else (self._handle, "any")
            return JSFunction(values, handle, this, returns)
        return values.value(handle)


class JSIteratorRecord:
    """An async sequence that was opened."""

    def __init__(self, values: Values, handle: int) -> None:
        self.values = values
        self.handle = handle
        self._has_return = True

    def next(self) -> Any:
        values = self.values
        return values.resolution(values.checked(values.engine.call("iteratorNext", self.handle)))

    def complete(self, result: Any) -> Any:
        values = self.values
        handle = values.encode(result)
        if values.checked(values.engine.call("iteratorDone", handle)) == TRUE:
            return END_OF_ITERATION
        return values.result("get", handle, "value")

    def return_(self, reason: object) -> Any:
        values = self.values
        method = values.checked(values.engine.call("iteratorReturnMethod", self.handle))
        self._has_return = method != UNDEFINED
        if not self._has_return:
            return None
        handle = values.checked(values.engine.call("iteratorReturn", self.handle, method, values.encode(reason)))
        return values.resolution(handle)

    def complete_return(self, result: Any) -> None:
        """The result of `return` has to be an object."""
        if self._has_return:
            self.values.checked(self.values.engine.call("iteratorIsObject", self.values.encode(result)))


class Values:
    """Values in both directions."""

    buffers: Buffers  # they come by themselves

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.objects: list[Any] = [None]  # ours that JavaScript has a wrapper of, by number
        self.interfaces: dict[type, str] = {}
        self.when_wrapped: dict[type, Callable[[Any], object]] = {}  # called when JavaScript first sees one
        self.size_functions: dict[Callable[..., Any], tuple[str, int]] = {}
        self._values: dict[int, JSValue] = {}
        self._handles: dict[int, tuple[Any, int]] = {}  # of our objects, by identity; with what keeps it alive
        self._promises = 0
        self._jobs: dict[int, tuple[Callable[[Any], object], Callable[[Any], object]]] = {}
        engine.provide("thenableSettled", self._thenable_settled)
        host.register_thenable(JSThenable, self._react_to_thenable)

    # From JavaScript -------------------------------------------------------------------------------

    def value(self, handle: int) -> JSValue | None:
        """A value that nobody looks into."""
        if handle == UNDEFINED:
            return None
        value = self._values.get(handle)
        if value is None:
            value = self._values[handle] = JSValue(self, handle)
        return value

    def remember(self, value: JSValue) -> None:
        """Have this object stand for the handle from now on."""
        self._values[value.handle] = value

    def checked(self, result: int) -> int:
        """The handle, unless it is that of something thrown.

        Raises:
            JSError: it is.
        """
        if result < 0:
            raise JSError(self.value(-1 - result))
        return result

    def result(self, name: str, *arguments: float | str) -> JSValue | None:
        """Call one of the shim's functions, for a value."""
        return self.value(self.checked(self.engine.call(name, *arguments)))

    def number(self, name: str, *arguments: float | str) -> float | None:
        """Call one of the shim's functions, for a number."""
        handle = self.checked(self.engine.call(name, *arguments))
        return None if handle == UNDEFINED else self.engine.call("numberOf", handle)

    def string(self, handle: int) -> str:
        return str(json.loads(self.engine.call("jsonOf", handle)))

    def resolution(self, handle: int) -> JSValue | None:
        """A value that a promise is to be resolved with: it is asked for its `then`.

        Raises:
            JSError: asking threw.
        """
        if handle > TRUE:
            then = self.checked(self.engine.call("thenOf", handle))
            if then != UNDEFINED:
                return JSThenable(self, handle, then)
        return self.value(handle)

    def _react_to_thenable(
        self, thenable: JSThenable, on_fulfilled: Callable[[Any], object], on_rejected: Callable[[Any], object]
    ) -> None:
        job = len(self._jobs)
        self._jobs[job] = on_fulfilled, on_rejected
        self.engine.call("callThen", thenable.handle, thenable.then, job)

    def _thenable_settled(self, job: int, is_rejected: int, handle: int) -> None:
        on_fulfilled, on_rejected = self._jobs[job]
        if is_rejected:
            on_rejected(self.value(handle))
            return
        try:
            resolution = self.resolution(handle)
        except JSError as error:
            on_rejected(error)
        else:
            on_fulfilled(resolution)

    # To JavaScript ---------------------------------------------------------------------------------

    def encode(self, value: Any) -> int:
        """The handle of what this is there."""
        if value is None:
            return UNDEFINED
        if isinstance(value, JSValue):
            return value.handle
        kind = type(value)
        if kind is bool:
            return TRUE if value else FALSE
        if kind is int or kind is float:
            return int(self.engine.call("number", value))
        if kind is str:
            return int(self.engine.call("string", json.dumps(value)))
        if kind is JSError:
            return self.encode(value.reason)
        if value is JS_NULL:
            return NULL
        if kind is ReadResult:
            return int(self.engine.call("readResult", self.encode(value.value), TRUE if value.done else FALSE))
        if kind is list or kind is tuple:
            return int(self.engine.call("array", *[self.encode(item) for item in value]))
        if kind is RejectionError or kind is Throw:
            return self.encode(value.reason)
        known = self._handles.get(id(value))
        if known is not None:
            return known[1]
        handle = self._encode_new(value)
        self._handles[id(value)] = value, handle
        return handle

    def _encode_new(self, value: Any) -> int:
        if isinstance(value, Promise):
            return self._encode_promise(value)
        if isinstance(value, DOMException):
            return self._wrap("DOMException", value)
        if isinstance(value, BaseException):
            return self._encode_exception(value)
        interface = self.interfaces.get(type(value))
        if interface is not None:
            if type(value) in self.when_wrapped:
                self.when_wrapped[type(value)](value)
            return self._wrap(interface, value)
        if value in self.size_functions:
            return int(self.engine.call("sizeFunction", *self.size_functions[value]))
        raise AssertionError(f"JavaScript was to see {value!r}")

    def _wrap(self, interface: str, value: object) -> int:
        return int(self.engine.call("wrap", interface, self.number_of(value)))

    def number_of(self, value: object) -> int:
        """The number by which the wrapper knows our object."""
        self.objects.append(value)
        return len(self.objects) - 1

    def handle_of(self, value: object) -> int | None:
        """The handle of an object of ours, if JavaScript has seen it."""
        known = self._handles.get(id(value))
        return None if known is None else known[1]

    def bind(self, handle: int, interface: str, value: object) -> None:
        """Make an object there the wrapper of ours."""
        self._handles[id(value)] = value, handle
        self.engine.call("bind", handle, interface, self.number_of(value))

    def _encode_exception(self, exception: BaseException) -> int:
        if isinstance(exception, (TypeError, RangeError)) and not _was_an_accident(exception):
            kind = "TypeError" if isinstance(exception, TypeError) else "RangeError"
        else:
            kind = "Error"
            self.engine.faults.append("".join(traceback.format_exception(exception)))
        return int(self.engine.call("error", kind, json.dumps(f"{exception}")))

    def _encode_promise(self, promise: Promise[Any]) -> int:
        self._promises += 1
        number = self._promises
        handle = int(self.engine.call("newPromise", number))

        def settled(promise: Promise[Any]) -> None:
            result = self.encode(promise._promise_result)
            self.engine.call("settlePromise", number, int(promise._promise_state == "rejected"), result)

        host.observe(promise, settled)
        return handle
