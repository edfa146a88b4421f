"""Message ports, and transferring, between the shim and our packages.

The shim serializes what is JavaScript's. Ours go beside it, as a list: they are transferred, and arrive in the
same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whatwg_streams import MessageEvent, MessagePort, structured_clone
from whatwg_streams._platform import host

from .values import JSValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine
    from .values import Values


class JSSerialized(JSValue):
    """What the shim has serialized. It is not cloned any more."""

    __slots__ = ()


class MessagePorts:
    """What the shim calls for ports, and what is called for their events."""

    def __init__(self, engine: Engine, values: Values, answer: Callable[[str, Callable[[], Any]], int]) -> None:
        self.engine = engine
        self.values = values
        self.answer = answer
        values.when_wrapped[MessagePort] = self._listen
        engine.provide("transfer", self._transfer)
        engine.provide("postMessage", self._post_message)
        host.register_clone(JSSerialized, lambda serialized: serialized)

    def _objects(self, numbers: str) -> list[Any]:
        return [self.values.objects[int(number)] for number in numbers.split()]

    def _transfer(self, numbers: str) -> int:
        objects = self._objects(numbers)
        return self.answer("structuredClone", lambda: structured_clone(objects, transfer=objects))

    def _post_message(self, port: int, serialized: int, numbers: str) -> int:
        objects = self._objects(numbers)
        message = JSSerialized(self.values, serialized), objects

        def steps() -> None:
            self.values.objects[port].post_message(message, transfer=objects)

        return self.answer("MessagePort.postMessage", steps)

    def _listen(self, port: MessagePort) -> None:
        for type in ("message", "messageerror", "close"):
            port.add_event_listener(type, self._fire)

    def _fire(self, event: MessageEvent) -> None:
        encode = self.values.encode
        target = encode(event.target)
        if event.type == "message":
            serialized, objects = event.data
            self.engine.call("fireMessage", target, encode(serialized), encode(objects), encode(list(event.ports)))
        else:
            self.engine.call("firePortEvent", target, event.type)
