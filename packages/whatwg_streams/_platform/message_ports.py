"""MessageChannel and MessagePort: https://html.spec.whatwg.org/multipage/web-messaging.html#channel-messaging

Two ports are entangled with each other; what is posted to the one arrives at the other, as a structured
clone and in a task of its own. They may belong to loops in different threads: each port works in the loop in
which it was first listened to or started, and may be posted to from anywhere.

Behind each port is its port message queue. It is the queue that is entangled, and that moves to another port
when the port is transferred; meanwhile it goes on collecting messages.

Two rules go beyond the text:

1. An end whose event loop is closed, or whose thread has ended, is closed, too. So the other is told, and does
   not wait for ever.
2. The event "close" comes after all messages that were posted before.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, final

from typing_extensions import override

from . import event_loop
from .dom_exception import DataCloneError
from .event_target import EventTarget
from .realms import the_current_realm
from .structured_clone import (
    convert_transfer,
    register_transferable,
    structured_deserialize_with_transfer,
    structured_serialize_with_transfer,
)
from .webidl import new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .realms import Realm
    from .structured_clone import SerializedWithTransfer

#: Guards all queues: little is done under it. Garbage may be collected there, and close another port.
_lock = threading.RLock()


class MessageEvent(NamedTuple):
    """What a port's listeners are called with: https://html.spec.whatwg.org/multipage/comms.html#messageevent

    Attributes:
        type: "message"; "messageerror", for one that could not be deserialized; or "close".
        target: the port.
        data: the message; of a "messageerror" the exception.
        ports: the message ports that were transferred, in their order.
    """

    type: str
    target: MessagePort
    data: Any = None
    ports: tuple[MessagePort, ...] = ()


@final
class PortMessageQueue:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#port-message-queue"""

    __slots__ = ("__weakref__", "close_is_due", "context", "enabled", "entangled_with", "messages", "port", "realm")

    port: MessagePort | None  # none on its way from one to another
    entangled_with: PortMessageQueue | None
    realm: Realm | None  # none before the port is listened to or started
    context: contextvars.Context | None  # the one in which that was, where listeners are called

    def __init__(self, port: MessagePort) -> None:
        self.port = port
        self.entangled_with = None
        self.realm = None
        self.context = None
        self.messages: deque[SerializedWithTransfer] = deque()
        self.enabled = False
        self.close_is_due = False

    def leave(self) -> None:
        """The port is transferred, or closed: there may be another one later."""
        if self.realm is not None:
            self.realm.forget(self)
        self.port = None
        self.realm = None
        self.context = None
        self.enabled = False

    def enter(self, realm: Realm, context: contextvars.Context) -> None:
        """The port belongs to this realm from now on."""
        with _lock:
            if self.port is None or self.realm is not None:
                return
            self.realm = realm
            self.context = context
            realm.settle(self)
            self._queue_tasks(len(self.messages) + self.close_is_due)

    def enable(self) -> None:
        with _lock:
            if not self.enabled:
                self.enabled = True
                self._queue_tasks(len(self.messages) + self.close_is_due)

    def add(self, message: SerializedWithTransfer) -> None:
        with _lock:
            self.messages.append(message)
            if self.enabled:
                self._queue_tasks(1)

    def disentangle(self) -> None:
        with _lock:
            other = self.entangled_with
            if other is not None:
                self.entangled_with = other.entangled_with = None
                other.close_is_due = True
                other._queue_tasks(1)

    def _realm_has_ended(self) -> None:
        """Nothing that was or will be posted here can be delivered."""
        with _lock:
            self.messages.clear()
            self.disentangle()

    def _queue_tasks(self, count: int) -> None:
        if self.realm is None or self.port is None:
            return
        for _ in range(count):
            if not self.realm.queue_a_task(partial(self._run_a_task, self.port), self.context):
                self._realm_has_ended()
                return

    def _run_a_task(self, port: MessagePort) -> None:
        with _lock:
            if self.port is not port:  # it was transferred in the meantime, and the messages with it
                return
            if self.messages:
                if not self.enabled:
                    return
                deliver = partial(_deliver, port, self.messages.popleft())
            elif self.close_is_due:
                self.close_is_due = False
                deliver = partial(port._dispatch, MessageEvent("close", port))
            else:
                return
        deliver()
        event_loop.perform_a_microtask_checkpoint()


def _deliver(port: MessagePort, message: SerializedWithTransfer) -> None:
    """The task of the message port post message steps, step 7."""
    try:
        record = structured_deserialize_with_transfer(message)
    except Exception as exception:
        port._dispatch(MessageEvent("messageerror", port, exception))
        return
    ports = tuple(value for value in record.transferred_values if isinstance(value, MessagePort))
    port._dispatch(MessageEvent("message", port, record.deserialized, ports))


class MessagePort(EventTarget[MessageEvent]):
    """One of two ports: what is posted to it arrives at the other.

    https://html.spec.whatwg.org/multipage/web-messaging.html#message-ports

    Get two from a `MessageChannel`. Give one to another thread, as it is, before it is listened to; or
    transfer it in a message. It belongs to the event loop in which it is first listened to or started: its
    listeners are called there. Anything may be posted to it from any thread.
    """

    __slots__ = ("__weakref__", "_detached", "_port_message_queue")

    _event_types: ClassVar[tuple[str, ...]] = ("message", "messageerror", "close")

    _detached: bool
    _port_message_queue: PortMessageQueue

    def __new__(cls) -> Self:
        port = super().__new__(cls)
        port._initialize_event_target()
        port._detached = False
        port._port_message_queue = PortMessageQueue(port)
        return port

    def __init__(self) -> None:
        raise TypeError("a MessagePort is made by a MessageChannel")

    def post_message(self, message: object, *, transfer: Iterable[object] = ()) -> None:
        """Send a message: https://html.spec.whatwg.org/multipage/web-messaging.html#dom-messageport-postmessage

        Nothing happens if the other port is closed, except to what was transferred.

        Args:
            message: anything that `structured_clone` can clone.
            transfer: what is not to be copied but moved, as for `structured_clone`.

        Raises:
            DataCloneError: the message can not be cloned, or something not transferred; this port can not
                be sent through itself.
            TypeError: as for `structured_clone`.
        """
        # 1. The port with which this is entangled.
        target_port = self._port_message_queue.entangled_with
        # 2. Run the steps.
        message_port_post_message_steps(self, target_port, message, convert_transfer(transfer))

    def start(self) -> None:
        """Have messages delivered: https://html.spec.whatwg.org/multipage/web-messaging.html#dom-messageport-start

        Setting `onmessage` does so, too.
        """
        enable_port_message_queue(self)

    def close(self) -> None:
        """Neither send nor receive any more; the other port is told by the event "close".

        https://html.spec.whatwg.org/multipage/web-messaging.html#dom-messageport-close
        """
        # 1. It is detached.
        self._detached = True
        # 2. If it is entangled, disentangle it.
        disentangle(self)
        with _lock:
            self._port_message_queue.leave()
            self._port_message_queue.messages.clear()

    @property
    def onmessage(self) -> Callable[[MessageEvent], object] | None:
        """A listener for "message"; setting it starts the port.

        https://html.spec.whatwg.org/multipage/web-messaging.html#handler-messageport-onmessage
        """
        return self._get_event_handler("message")

    @onmessage.setter
    def onmessage(self, callback: Callable[[MessageEvent], object] | None) -> None:
        self._set_event_handler("message", callback)
        enable_port_message_queue(self)

    @property
    def onmessageerror(self) -> Callable[[MessageEvent], object] | None:
        """A listener for "messageerror": a message could not be deserialized.

        https://html.spec.whatwg.org/multipage/web-messaging.html#handler-messageeventtarget-onmessageerror
        """
        return self._get_event_handler("messageerror")

    @onmessageerror.setter
    def onmessageerror(self, callback: Callable[[MessageEvent], object] | None) -> None:
        self._set_event_handler("messageerror", callback)

    @property
    def onclose(self) -> Callable[[MessageEvent], object] | None:
        """A listener for "close": the other port was closed, or its event loop was.

        https://html.spec.whatwg.org/multipage/web-messaging.html#handler-messageport-onclose
        """
        return self._get_event_handler("close")

    @onclose.setter
    def onclose(self, callback: Callable[[MessageEvent], object] | None) -> None:
        self._set_event_handler("close", callback)

    @override
    def _listeners_changed(self) -> None:
        self._enter_the_current_realm()

    def _enter_the_current_realm(self) -> None:
        """Belong to the running loop; or, where there is none, to the one that runs next."""
        if self._port_message_queue.realm is not None or self._detached:
            return
        context = contextvars.copy_context()

        def enter(_: object) -> None:
            realm = the_current_realm()
            if realm is None:
                event_loop.wait_for_a_loop(enter)
            else:
                self._port_message_queue.enter(realm, context)

        enter(None)

    @override
    def __repr__(self) -> str:
        queue = self._port_message_queue
        state = "detached" if self._detached else "entangled" if queue.entangled_with is not None else "disentangled"
        return f"<{type(self).__name__} {state}{', started' if queue.enabled else ''}>"


class MessageChannel:
    """Two message ports that are entangled with each other.

    https://html.spec.whatwg.org/multipage/web-messaging.html#message-channels
    """

    __slots__ = ("__weakref__", "_port1", "_port2")

    def __init__(self) -> None:
        # 1. One port,
        self._port1 = new(MessagePort)
        # 2. and another,
        self._port2 = new(MessagePort)
        # 3. entangled.
        entangle(self._port1, self._port2)

    @property
    def port1(self) -> MessagePort:
        """The one port: https://html.spec.whatwg.org/multipage/web-messaging.html#dom-messagechannel-port1"""
        return self._port1

    @property
    def port2(self) -> MessagePort:
        """The other port: https://html.spec.whatwg.org/multipage/web-messaging.html#dom-messagechannel-port2"""
        return self._port2


# Algorithms for other standards --------------------------------------------------------------------


def entangle(port1: MessagePort, port2: MessagePort) -> None:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#entangle"""
    port1._port_message_queue.entangled_with = port2._port_message_queue
    port2._port_message_queue.entangled_with = port1._port_message_queue


def disentangle(port: MessagePort) -> None:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#disentangle"""
    port._port_message_queue.disentangle()


def enable_port_message_queue(port: MessagePort) -> None:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#port-message-queue"""
    port._port_message_queue.enable()
    port._enter_the_current_realm()


def message_port_post_message_steps(
    source_port: MessagePort, target_port: PortMessageQueue | None, message: object, transfer: list[Any]
) -> None:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#message-port-post-message-steps

    The target is given by its queue, as its port may be on the way.
    """
    # 1. (What to transfer is given.)
    # 2. A port can not be sent through itself.
    if any(value is source_port for value in transfer):
        raise DataCloneError("a message port can not be transferred through itself")
    # 3. Unless
    doomed = False
    # 4. the target is sent to itself, the message can arrive.
    for value in transfer:
        if isinstance(value, MessagePort) and value._port_message_queue is target_port:
            doomed = True
    # 5. Serialize; this may throw.
    serialized = structured_serialize_with_transfer(message, transfer)
    # 6. There may be nobody to send it to.
    if target_port is None or doomed:
        return
    # 7. Queue the task of delivering it.
    target_port.add(serialized)


class _InTransit:
    """The queue of a port that is being transferred. When it never arrives, the other end is told."""

    __slots__ = ("_queue",)

    def __init__(self, queue: PortMessageQueue) -> None:
        self._queue: PortMessageQueue | None = queue

    def arrive(self) -> PortMessageQueue:
        queue, self._queue = self._queue, None
        assert queue is not None
        return queue

    def __del__(self) -> None:
        if self._queue is not None:
            self._queue.disentangle()


def _transfer_steps(value: MessagePort, data_holder: dict[str, Any]) -> None:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#message-ports:transfer-steps"""
    with _lock:
        queue = value._port_message_queue
        queue.leave()
        value._port_message_queue = PortMessageQueue(value)
    data_holder["port_message_queue"] = _InTransit(queue)


def _transfer_receiving_steps(data_holder: dict[str, Any], value: MessagePort) -> None:
    """https://html.spec.whatwg.org/multipage/web-messaging.html#message-ports:transfer-receiving-steps"""
    with _lock:
        queue = value._port_message_queue = data_holder["port_message_queue"].arrive()
        queue.port = value


register_transferable(MessagePort, _transfer_steps, _transfer_receiving_steps)
