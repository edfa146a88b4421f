"""§8.2 Transferable streams: https://streams.spec.whatwg.org/#transferrable-streams

The two sides send each other messages of a `type` and a `value`: "chunk", "close" and "error" in the
direction of the chunks, "pull" and "error" against it.

Beyond the text, each side also listens for the event "close" of its port: when the other side's event loop
has ended, and nothing more can come, it is errored instead of waiting for ever.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, cast

from .._platform.dom_exception import DataCloneError, NetworkError
from .._platform.message_ports import disentangle, enable_port_message_queue, message_port_post_message_steps
from .._platform.promises import Promise, a_promise_rejected_with, a_promise_resolved_with_undefined, react, resolve
from .._platform.reasons import Throw, reason_of
from .._platform.webidl import new
from .._readable.default_controller import ReadableStreamDefaultController
from .._readable.ops.default_controllers import (
    readable_stream_default_controller_can_close_or_enqueue,
    readable_stream_default_controller_close,
    readable_stream_default_controller_enqueue,
    readable_stream_default_controller_error,
    set_up_readable_stream_default_controller,
)
from .._readable.ops.streams import initialize_readable_stream
from .._writable.default_controller import WritableStreamDefaultController
from .._writable.ops.default_controllers import (
    set_up_writable_stream_default_controller,
    writable_stream_default_controller_error_if_needed,
)
from .._writable.ops.streams import initialize_writable_stream

if TYPE_CHECKING:
    from .._platform.message_ports import MessageEvent, MessagePort
    from .._readable.stream import ReadableStream
    from .._writable.stream import WritableStream

    MessageType = Literal["chunk", "close", "error", "pull"]


def cross_realm_transform_send_error(port: MessagePort, error: object) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-crossrealmtransformsenderror"""
    # 1. Post the error; one that can not be posted is lost.
    with suppress(Exception):
        pack_and_post_message(port, "error", error)


def pack_and_post_message(port: MessagePort, type: MessageType, value: object) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-packandpostmessage"""
    # 1. A message
    # 2. with the type
    # 3. and the value.
    message = {"type": type, "value": value}
    # 4. The port it goes to, if any.
    target_port = port._port_message_queue.entangled_with
    # 5. Nothing is transferred.
    # 6. Post it; this may throw.
    message_port_post_message_steps(port, target_port, message, [])


def pack_and_post_message_handling_error(port: MessagePort, type: MessageType, value: object) -> Throw | None:
    """https://streams.spec.whatwg.org/#abstract-opdef-packandpostmessagehandlingerror

    Returns:
        The abrupt completion, if it is one.
    """
    # 1. Post the message.
    result: Throw | None = None
    try:
        pack_and_post_message(port, type, value)
    # 2. If that throws,
    except Exception as exception:
        result = Throw(reason_of(exception))
        # 2.1. the other side is told why.
        cross_realm_transform_send_error(port, result.reason)
    # 3. Return how it went.
    return result


def _data_of(event: MessageEvent) -> tuple[object, object]:
    """The type and the value of a message."""
    data = event.data
    assert isinstance(data, dict)
    return cast("Any", data["type"]), cast("Any", data["value"])


def _error_of(event: MessageEvent) -> DataCloneError:
    """The error that a "messageerror" is for a stream."""
    error = DataCloneError("what the other side of the transferred stream sent could not be deserialized")
    error.__cause__ = event.data
    return error


def _the_other_side_is_gone() -> NetworkError:
    return NetworkError(
        "the other side of the transferred stream is gone: its event loop was closed, or it never arrived"
    )


def set_up_cross_realm_transform_readable(stream: ReadableStream[Any], port: MessagePort) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-setupcrossrealmtransformreadable"""
    # 1. Initialize the stream.
    initialize_readable_stream(stream)
    # 2. A new controller.
    controller = new(ReadableStreamDefaultController)

    # 3. When a message arrives,
    def message(event: MessageEvent) -> None:
        # 3.1. its data
        # 3.2. (assert: an object)
        # 3.3. are a type
        # 3.4. and a value.
        type, value = _data_of(event)
        # 3.5. Assert: the type is a string.
        assert isinstance(type, str)
        # 3.6. A chunk
        if type == "chunk":
            # 3.6.1. is enqueued.
            readable_stream_default_controller_enqueue(controller, value)
        # 3.7. At the end
        elif type == "close":
            # 3.7.1. close,
            readable_stream_default_controller_close(controller)
            # 3.7.2. and no more is said.
            disentangle(port)
        # 3.8. On an error
        elif type == "error":
            # 3.8.1. it is the stream's,
            readable_stream_default_controller_error(controller, value)
            # 3.8.2. and no more is said.
            disentangle(port)

    # 4. When one can not be deserialized,
    def message_error(event: MessageEvent) -> None:
        # 4.1. that is an error:
        error = _error_of(event)
        # 4.2. the other side's,
        cross_realm_transform_send_error(port, error)
        # 4.3. and this one's,
        readable_stream_default_controller_error(controller, error)
        # 4.4. and no more is said.
        disentangle(port)

    def close(_: MessageEvent) -> None:
        if readable_stream_default_controller_can_close_or_enqueue(controller):
            readable_stream_default_controller_error(controller, _the_other_side_is_gone())

    port.add_event_listener("message", message)
    port.add_event_listener("messageerror", message_error)
    port.add_event_listener("close", close)
    # 5. Messages may come.
    enable_port_message_queue(port)

    # 6. Start does nothing.
    def start_algorithm() -> None:
        return None

    # 7. Pull takes these steps:
    def pull_algorithm() -> Promise[Any]:
        # 7.1. Ask the other side.
        pack_and_post_message(port, "pull", None)
        # 7.2. That is all.
        return a_promise_resolved_with_undefined()

    # 8. Cancel takes these steps:
    def cancel_algorithm(reason: object) -> Promise[Any]:
        # 8.1. For the other side it is an error.
        result = pack_and_post_message_handling_error(port, "error", reason)
        # 8.2. No more is said.
        disentangle(port)
        # 8.3. The reason may be one that could not be sent.
        if result is not None:
            return a_promise_rejected_with(result.reason)
        # 8.4. Otherwise all is well.
        return a_promise_resolved_with_undefined()

    # 9. Every chunk counts 1.
    def size_algorithm(_: object) -> float:
        return 1

    # 10. Set up the controller with these, and the high water mark 0.
    set_up_readable_stream_default_controller(
        stream, controller, start_algorithm, pull_algorithm, cancel_algorithm, 0, size_algorithm
    )


def set_up_cross_realm_transform_writable(stream: WritableStream[Any], port: MessagePort) -> None:
    """https://streams.spec.whatwg.org/#abstract-opdef-setupcrossrealmtransformwritable"""
    # 1. Initialize the stream.
    initialize_writable_stream(stream)
    # 2. A new controller.
    controller = new(WritableStreamDefaultController)
    # 3. What a write waits for: that the other side pulls.
    backpressure_promise: Promise[None] | None = Promise()

    def unblock() -> None:
        """Steps 4.6.1 and 4.7.2 have the same sub-steps."""
        nonlocal backpressure_promise
        if backpressure_promise is not None:
            # .1. It need not wait any more,
            resolve(backpressure_promise)
            # .2. nor need the next.
            backpressure_promise = None

    # 4. When a message arrives,
    def message(event: MessageEvent) -> None:
        # 4.1. its data
        # 4.2. (assert: an object)
        # 4.3. are a type
        # 4.4. and a value.
        type, value = _data_of(event)
        # 4.5. Assert: the type is a string.
        assert isinstance(type, str)
        # 4.6. If it pulls,
        if type == "pull":
            # 4.6.1. a write may be waiting for that.
            unblock()
        # 4.7. On an error
        elif type == "error":
            # 4.7.1. it is the stream's,
            writable_stream_default_controller_error_if_needed(controller, value)
            # 4.7.2. and a write may be waiting.
            unblock()

    # 5. When one can not be deserialized,
    def message_error(event: MessageEvent) -> None:
        # 5.1. that is an error:
        error = _error_of(event)
        # 5.2. the other side's,
        cross_realm_transform_send_error(port, error)
        # 5.3. and this one's,
        writable_stream_default_controller_error_if_needed(controller, error)
        # NOTE(spec): the text leaves a write waiting, and so the stream erroring, for ever.
        unblock()
        # 5.4. and no more is said.
        disentangle(port)

    def close(_: MessageEvent) -> None:
        writable_stream_default_controller_error_if_needed(controller, _the_other_side_is_gone())
        unblock()

    port.add_event_listener("message", message)
    port.add_event_listener("messageerror", message_error)
    port.add_event_listener("close", close)
    # 6. Messages may come.
    enable_port_message_queue(port)

    # 7. Start does nothing.
    def start_algorithm() -> None:
        return None

    # 8. Write takes these steps:
    def write_algorithm(chunk: object) -> Promise[Any]:
        nonlocal backpressure_promise
        # 8.1. If the other side has pulled, there is nothing to wait for.
        if backpressure_promise is None:
            backpressure_promise = a_promise_resolved_with_undefined()

        # 8.2. Otherwise wait; and then,
        def fulfilled(_: object) -> None:
            nonlocal backpressure_promise
            # 8.2.1. as the next write has to wait for the next pull,
            backpressure_promise = Promise()
            # 8.2.2. send the chunk.
            result = pack_and_post_message_handling_error(port, "chunk", chunk)
            # 8.2.3. If it can not be sent,
            if result is not None:
                # 8.2.3.1. no more is said,
                disentangle(port)
                # 8.2.3.2. and the write fails.
                raise result
            # 8.2.4. Otherwise it is done.

        return react(backpressure_promise, fulfilled)

    # 9. Close takes these steps:
    def close_algorithm() -> Promise[Any]:
        # 9.1. Tell the other side.
        pack_and_post_message(port, "close", None)
        # 9.2. No more is said.
        disentangle(port)
        # 9.3. That is all.
        return a_promise_resolved_with_undefined()

    # 10. Abort takes these steps:
    def abort_algorithm(reason: object) -> Promise[Any]:
        # 10.1. For the other side it is an error.
        result = pack_and_post_message_handling_error(port, "error", reason)
        # 10.2. No more is said.
        disentangle(port)
        # 10.3. The reason may be one that could not be sent.
        if result is not None:
            return a_promise_rejected_with(result.reason)
        # 10.4. Otherwise all is well.
        return a_promise_resolved_with_undefined()

    # 11. Every chunk counts 1.
    def size_algorithm(_: object) -> float:
        return 1

    # 12. Set up the controller with these, and the high water mark 1.
    set_up_writable_stream_default_controller(
        stream, controller, start_algorithm, write_algorithm, close_algorithm, abort_algorithm, 1, size_algorithm
    )
