"""EventTarget, for objects that are in no tree: https://dom.spec.whatwg.org/#interface-eventtarget

Rule: what a listener raises is reported, and stops nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from . import event_loop
from .reasons import RAISED_BY_TASKS

if TYPE_CHECKING:
    from collections.abc import Callable


class Event(Protocol):
    """https://dom.spec.whatwg.org/#interface-event"""

    @property
    def type(self) -> str:
        """The name of the event."""
        ...


E = TypeVar("E", bound=Event)


class _EventListener(Generic[E]):
    """https://dom.spec.whatwg.org/#concept-event-listener"""

    __slots__ = ("callback", "once", "removed", "type")

    def __init__(self, type: str, callback: Callable[[E], object], *, once: bool) -> None:
        self.type = type
        self.callback = callback
        self.once = once
        self.removed = False


class EventTarget(Generic[E]):
    """An object that listeners can be added to."""

    __slots__ = ("_event_handlers", "_event_listeners")

    #: The events there are; listeners for others are never called, and so not kept.
    _event_types: ClassVar[tuple[str, ...]] = ()

    _event_listeners: list[_EventListener[E]]
    _event_handlers: dict[str, _EventListener[E]]  # those of the attributes, `onabort` and the like

    def _initialize_event_target(self) -> None:
        self._event_listeners = []
        self._event_handlers = {}

    def add_event_listener(self, type: str, callback: Callable[[E], object] | None, *, once: bool = False) -> None:
        """Call a function for each such event: https://dom.spec.whatwg.org/#dom-eventtarget-addeventlistener

        Args:
            type: the name of the event.
            callback: called with the event, whose `target` is this object. What it raises goes to the
                event loop's exception handler. Adding it again has no effect.
            once: whether it is called only for the first such event.
        """
        if type not in self._event_types or callback is None or self._find(type, callback) is not None:
            return
        self._event_listeners.append(_EventListener(type, callback, once=once))
        self._listeners_changed()

    def remove_event_listener(self, type: str, callback: Callable[[E], object] | None) -> None:
        """Do not call the function any more: https://dom.spec.whatwg.org/#dom-eventtarget-removeeventlistener"""
        listener = self._find(type, callback)
        if listener is not None:
            self._remove(listener)

    # Event handler attributes: https://html.spec.whatwg.org/multipage/webappapis.html#event-handler-idl-attributes

    def _get_event_handler(self, type: str) -> Callable[[E], object] | None:
        handler = self._event_handlers.get(type)
        return None if handler is None else handler.callback

    def _set_event_handler(self, type: str, callback: Callable[[E], object] | None) -> None:
        handler = self._event_handlers.get(type)
        if callback is None or not callable(callback):
            if handler is not None:
                del self._event_handlers[type]
                self._remove(handler)
        elif handler is not None:
            handler.callback = callback  # keeps its place among the listeners
        else:
            handler = self._event_handlers[type] = _EventListener(type, callback, once=False)
            self._event_listeners.append(handler)
            self._listeners_changed()

    # Below the interface -----------------------------------------------------------------------------

    def _find(self, type: str, callback: Callable[[E], object] | None) -> _EventListener[E] | None:
        handler = self._event_handlers.get(type)
        for listener in self._event_listeners:
            if listener.type == type and listener.callback == callback and listener is not handler:
                return listener
        return None

    def _remove(self, listener: _EventListener[E]) -> None:
        listener.removed = True
        self._event_listeners.remove(listener)
        self._listeners_changed()

    def _listeners_changed(self) -> None:
        """Listeners were added or removed."""

    def _dispatch(self, event: E) -> None:
        """https://dom.spec.whatwg.org/#concept-event-dispatch"""
        for listener in list(self._event_listeners):
            if listener.removed or listener.type != event.type:
                continue
            if listener.once:
                self._remove(listener)
            try:
                listener.callback(event)
            except RAISED_BY_TASKS:
                raise
            except BaseException as exception:
                event_loop.report_exception(exception, f"A listener for the event {event.type} raised")
