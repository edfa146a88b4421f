"""The callback functions of sources, sinks, transformers and strategies: how they are called, and what comes of it.

Each is tried as a member of a mapping and as a method of an object; as a function that takes all arguments, one that
takes none, a coroutine function, one that raises.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from tests.support import settle
from whatwg_streams import Promise, RangeError, ReadableStream, TransformStream, WritableStream

from .conversions import MISSING, RefusedError
from .model import python_name
from .trial import Outcome, same
from .values import samples

if TYPE_CHECKING:
    from .conversions import Conversions
    from .model import Definition, Definitions

CHUNK: Final = object()
REASON: Final = object()
_SENT: Final = {"chunk": CHUNK, "reason": REASON}

#: Makes an object with the members, has the callback called, and gives the promise that tells how that ended.
Trigger = Callable[[Any], Awaitable[Promise[Any]]]


async def _source_start(members: Any) -> Promise[Any]:
    return ReadableStream(members).get_reader().closed


async def _source_pull(members: Any) -> Promise[Any]:
    return ReadableStream(members, {"high_water_mark": 0}).get_reader().read()


async def _source_cancel(members: Any) -> Promise[Any]:
    return ReadableStream(members).cancel(REASON)


async def _sink_start(members: Any) -> Promise[Any]:
    return WritableStream(members).get_writer().closed


async def _sink_write(members: Any) -> Promise[Any]:
    return WritableStream(members).get_writer().write(CHUNK)


async def _sink_close(members: Any) -> Promise[Any]:
    return WritableStream(members).close()


async def _sink_abort(members: Any) -> Promise[Any]:
    stream = WritableStream(members)
    await settle()
    return stream.abort(REASON)


async def _transformer_start(members: Any) -> Promise[Any]:
    return TransformStream(members).writable.get_writer().closed


async def _transformer_transform(members: Any) -> Promise[Any]:
    return TransformStream(members, None, {"high_water_mark": 1}).writable.get_writer().write(CHUNK)


async def _transformer_flush(members: Any) -> Promise[Any]:
    return TransformStream(members).writable.close()


async def _transformer_cancel(members: Any) -> Promise[Any]:
    return TransformStream(members).readable.cancel(REASON)


async def _strategy_size(members: Any) -> Promise[Any]:
    """What it raises, or gives that is no size, `enqueue` raises."""
    controllers: list[Any] = []
    stream = ReadableStream({"start": controllers.append}, members)
    try:
        controllers[0].enqueue(CHUNK)
    except BaseException:
        stream.get_reader().closed.then(None, lambda _: None)
        raise
    return Promise.resolve(controllers[0].desired_size)


TRIGGERS: Final[dict[tuple[str, str], Trigger]] = {
    ("UnderlyingSource", "start"): _source_start,
    ("UnderlyingSource", "pull"): _source_pull,
    ("UnderlyingSource", "cancel"): _source_cancel,
    ("UnderlyingSink", "start"): _sink_start,
    ("UnderlyingSink", "write"): _sink_write,
    ("UnderlyingSink", "close"): _sink_close,
    ("UnderlyingSink", "abort"): _sink_abort,
    ("Transformer", "start"): _transformer_start,
    ("Transformer", "transform"): _transformer_transform,
    ("Transformer", "flush"): _transformer_flush,
    ("Transformer", "cancel"): _transformer_cancel,
    ("QueuingStrategy", "size"): _strategy_size,
}


class CallbackError(Exception):
    """What callbacks raise."""


class Callbacks:
    """The callback functions that are members of dictionaries."""

    def __init__(self, definitions: Definitions, conversions: Conversions) -> None:
        self.definitions = definitions
        self.conversions = conversions

    async def of(self, dictionary: Definition) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for member in dictionary.members:
            callback = self.definitions.by_name.get(member.type)
            if callback is None or callback.kind != "callback":
                continue
            trigger = TRIGGERS[dictionary.name, member.name]
            checks = [self._arguments, self._without_arguments, self._raises]
            if callback.type != "unrestricted double":
                checks += [self._coroutine_function, self._coroutine_function_raises]
            for as_object in (False, True):
                for check in checks:
                    problem = await check(callback, member.name, trigger, as_object)
                    case = check.__name__.strip("_").replace("_", " ")
                    outcomes.append(Outcome(f"{member.name}: {case}{' in an object' if as_object else ''}", problem))
            if callback.type == "unrestricted double":
                outcomes += await self._returned_values(callback, member.name, trigger)
        return outcomes

    async def _arguments(self, callback: Definition, name: str, trigger: Trigger, as_object: bool) -> str:
        """It gets as many as the definition says, of these types, or the very objects that were passed on."""
        calls: list[tuple[object, ...]] = []

        def function(*arguments: object) -> float:
            calls.append(arguments)
            return 1

        await _triggered(trigger, name, function, as_object)
        if not calls:
            return "it is not called"
        if len(calls[0]) != len(callback.arguments):
            return f"it gets {calls[0]}"
        for value, argument in zip(calls[0], callback.arguments, strict=True):
            good = value is _SENT[argument.name] if argument.type == "any" else self._is_a(value, argument.type)
            if not good:
                return f"it gets {value!r} as {argument.name}"
        return ""

    def _is_a(self, value: object, type_: str) -> bool:
        definition = self.definitions.by_name[type_]
        names = definition.type.strip("()").split(" or ") if definition.kind == "typedef" else [type_]
        return isinstance(value, tuple(self.conversions.interfaces[name] for name in names))

    async def _without_arguments(self, callback: Definition, name: str, trigger: Trigger, as_object: bool) -> str:
        calls: list[int] = []

        def function() -> float:
            calls.append(1)
            return 1

        await _triggered(trigger, name, function, as_object)
        return "" if calls else "it is not called"

    async def _raises(self, callback: Definition, name: str, trigger: Trigger, as_object: bool) -> str:
        """Where a promise is expected it is rejected; otherwise whoever calls is told."""
        error = CallbackError()

        def function(*_: object) -> float:
            raise error

        raised, results = await _triggered(trigger, name, function, as_object)
        told = results == [error] if callback.type.startswith("Promise<") else raised is error
        return "" if told else f"the promise is settled with {results}, {raised!r} is raised"

    async def _coroutine_function(self, callback: Definition, name: str, trigger: Trigger, as_object: bool) -> str:
        """What it is to do is not done before it returns."""
        step: Promise[None] = Promise()
        resolve: list[Callable[[], object]] = []
        step = Promise(lambda fulfill, _: resolve.append(lambda: fulfill(None)))

        async def function(*_: object) -> None:
            await step

        _, results = await _triggered(trigger, name, function, as_object)
        if results:
            return f"it is not waited for: the promise is settled with {results}"
        resolve[0]()
        await settle()
        return ""

    async def _coroutine_function_raises(
        self, callback: Definition, name: str, trigger: Trigger, as_object: bool
    ) -> str:
        error = CallbackError()

        async def function(*_: object) -> None:
            raise error

        _, results = await _triggered(trigger, name, function, as_object)
        return "" if results == [error] else f"the promise is settled with {results}"

    async def _returned_values(self, callback: Definition, name: str, trigger: Trigger) -> list[Outcome]:
        """What it returns is converted, too."""
        outcomes = []
        for case, make in samples(callback.type):
            value = make()
            problem = await self._returned(callback, name, trigger, value)
            outcomes.append(Outcome(f"{name}: returns {case}", problem))
        return outcomes

    async def _returned(self, callback: Definition, name: str, trigger: Trigger, value: Any) -> str:
        value = None if value is MISSING else value
        refused: type[BaseException] | None = None
        expected: object = None
        try:
            size = self.conversions.convert(value, callback.type)
            if math.isnan(size) or size < 0 or size == math.inf:
                raise RefusedError(RangeError)
            expected = 1 - size
        except RefusedError as refusal:
            refused = refusal.kind
        except Exception as error:
            refused = type(error)
        raised, results = await _triggered(trigger, name, lambda _: value, as_object=False)
        if refused is not None:
            return "" if type(raised) is refused else f"expected a {refused.__name__}, not {raised!r}, {results}"
        return "" if results and same(results[0], expected) else f"expected {expected}, not {results}, {raised!r}"


async def _triggered(
    trigger: Trigger, name: str, function: Callable[..., Any], as_object: bool
) -> tuple[BaseException | None, list[Any]]:
    """What is raised when the callback is made to be called; and what the promise is settled with, if it is."""
    members: Any = {python_name(name): function}
    results: list[Any] = []
    try:
        promise = await trigger(SimpleNamespace(**members) if as_object else members)
    except BaseException as error:
        return error, results
    promise.then(results.append, results.append)
    await settle()
    return None, results
