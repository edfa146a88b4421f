"""§4.9.1 The tee algorithms: https://streams.spec.whatwg.org/#readable-stream-tee"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..._platform import event_loop
from ..._platform.buffers import view_of
from ..._platform.fast_paths import fast_paths
from ..._platform.promises import Promise, a_promise_resolved_with_undefined, resolve, upon
from ..._supporting.miscellaneous import clone_as_uint8_array, structured_clone
from .. import byob_reader, byte_controller, default_reader, fast_tee, unread
from . import byte_controllers, controller_interface, default_controllers, pull_into, readers, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._platform.buffers import ArrayBufferView
    from ..byte_controller import ReadableByteStreamController
    from ..default_controller import ReadableStreamDefaultController
    from ..stream import ReadableStream, ReadableStreamReader

Branches: TypeAlias = "tuple[ReadableStream[Any], ReadableStream[Any]]"


class _Steps:
    """A read request, or a read-into request, of three functions."""

    __slots__ = ("_chunk_steps", "_close_steps", "_error_steps")

    def __init__(
        self,
        chunk_steps: Callable[[Any], None],
        close_steps: Callable[..., None],
        error_steps: Callable[[Any], None],
    ) -> None:
        self._chunk_steps = chunk_steps
        self._close_steps = close_steps
        self._error_steps = error_steps

    def chunk_steps(self, chunk: Any) -> None:
        self._chunk_steps(chunk)

    def close_steps(self, *chunk: Any) -> None:
        self._close_steps(*chunk)

    def error_steps(self, e: Any) -> None:
        self._error_steps(e)


def readable_stream_tee(stream: ReadableStream[Any], *, clone_for_branch_2: bool) -> Branches:
    """https://streams.spec.whatwg.org/#readable-stream-tee"""
    # 1. Assert: it is a ReadableStream. (Its type says so.)
    # 2. Assert: a boolean. (Its type says so.)
    # 3. A byte stream has a tee of its own;
    if isinstance(stream._controller, byte_controller.ReadableByteStreamController):
        return readable_byte_stream_tee(stream)
    # 4. any other has this.
    return readable_stream_default_tee(stream, clone_for_branch_2=clone_for_branch_2)


def readable_stream_default_tee(stream: ReadableStream[Any], *, clone_for_branch_2: bool) -> Branches:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaulttee"""
    if fast_paths.enabled and not clone_for_branch_2:
        return fast_tee.default_tee(stream)
    # 1. Assert: it is a ReadableStream. (Its type says so.)
    # 2. Assert: a boolean. (Its type says so.)
    # 3. The reader; this may throw.
    reader = streams.acquire_readable_stream_default_reader(stream)
    # 4. Is a read under way?
    reading = False
    # 5. Is another one wanted after it?
    read_again = False
    # 6. Is the first branch cancelled?
    canceled_1 = False
    # 7. Is the second?
    canceled_2 = False
    # 8. Why the first one is.
    reason_1: object = None
    # 9. Why the second one is.
    reason_2: object = None
    # 10. The first branch,
    branch_1: ReadableStream[Any]
    # 11. and the second.
    branch_2: ReadableStream[Any]
    # 12. What cancelling either gives.
    cancel_promise: Promise[Any] = Promise()

    def controllers() -> tuple[ReadableStreamDefaultController, ReadableStreamDefaultController]:
        return cast("Any", branch_1._controller), cast("Any", branch_2._controller)

    # 13. Pull takes these steps:
    def pull_algorithm() -> Promise[None]:
        nonlocal reading, read_again
        # 13.1. While a read is under way,
        if reading:
            # 13.1.1. another one is wanted after it,
            read_again = True
            # 13.1.2. and that is all.
            return a_promise_resolved_with_undefined()
        # 13.2. Now it is.
        reading = True

        # 13.3. The read request:
        def chunk_steps(chunk: object) -> None:
            # 13.3.chunk.1. in a microtask,
            event_loop.enqueue_microtask(chunk_microtask, chunk)

        def chunk_microtask(chunk: object) -> None:
            nonlocal reading, read_again
            # 13.3.chunk.1.1. no other read is wanted yet.
            read_again = False
            # 13.3.chunk.1.2. Both branches get the chunk.
            chunk_1 = chunk_2 = chunk
            # 13.3.chunk.1.3. If the second one gets a clone of it,
            if not canceled_2 and clone_for_branch_2:
                # 13.3.chunk.1.3.1. clone it.
                try:
                    clone_result = structured_clone(chunk_2)
                # 13.3.chunk.1.3.2. If that throws,
                except Exception as exception:
                    controller_1, controller_2 = controllers()
                    # 13.3.chunk.1.3.2.1. the first branch is errored,
                    default_controllers.readable_stream_default_controller_error(controller_1, exception)
                    # 13.3.chunk.1.3.2.2. so is the second,
                    default_controllers.readable_stream_default_controller_error(controller_2, exception)
                    # 13.3.chunk.1.3.2.3. the stream is cancelled,
                    resolve(cancel_promise, controller_interface.readable_stream_cancel(stream, exception))
                    # 13.3.chunk.1.3.2.4. and that is all.
                    return
                # 13.3.chunk.1.3.3. Otherwise the second branch gets that.
                chunk_2 = clone_result
            controller_1, controller_2 = controllers()
            # 13.3.chunk.1.4. The first branch gets its chunk, unless it is cancelled;
            if not canceled_1:
                default_controllers.readable_stream_default_controller_enqueue(controller_1, chunk_1)
            # 13.3.chunk.1.5. so does the second.
            if not canceled_2:
                default_controllers.readable_stream_default_controller_enqueue(controller_2, chunk_2)
            # 13.3.chunk.1.6. The read is over.
            reading = False
            # 13.3.chunk.1.7. If another one is wanted by now, pull.
            if read_again:
                pull_algorithm()

        def close_steps() -> None:
            nonlocal reading
            controller_1, controller_2 = controllers()
            # 13.3.close.1. the read is over.
            reading = False
            # 13.3.close.2. The first branch is closed, unless it is cancelled;
            if not canceled_1:
                default_controllers.readable_stream_default_controller_close(controller_1)
            # 13.3.close.3. so is the second.
            if not canceled_2:
                default_controllers.readable_stream_default_controller_close(controller_2)
            # 13.3.close.4. Cancelling has nothing to wait for.
            if not canceled_1 or not canceled_2:
                resolve(cancel_promise)

        def error_steps(_: object) -> None:
            nonlocal reading
            # 13.3.error.1. the read is over.
            reading = False

        # 13.4. Read.
        readers.readable_stream_default_reader_read(reader, _Steps(chunk_steps, close_steps, error_steps))
        # 13.5. That is all.
        return a_promise_resolved_with_undefined()

    # 14. Cancelling the first branch takes these steps:
    def cancel_1_algorithm(reason: object) -> Promise[Any]:
        nonlocal canceled_1, reason_1
        # 14.1. it is cancelled,
        canceled_1 = True
        # 14.2. for this reason.
        reason_1 = reason
        # 14.3. If the second one is too,
        if canceled_2:
            # 14.3.1. both reasons
            composite_reason = [reason_1, reason_2]
            # 14.3.2. cancel the stream,
            cancel_result = controller_interface.readable_stream_cancel(stream, composite_reason)
            # 14.3.3. and that is what it gives.
            resolve(cancel_promise, cancel_result)
        # 14.4. Return the promise.
        return cancel_promise

    # 15. Cancelling the second branch takes these steps:
    def cancel_2_algorithm(reason: object) -> Promise[Any]:
        nonlocal canceled_2, reason_2
        # 15.1. it is cancelled,
        canceled_2 = True
        # 15.2. for this reason.
        reason_2 = reason
        # 15.3. If the first one is too,
        if canceled_1:
            # 15.3.1. both reasons
            composite_reason = [reason_1, reason_2]
            # 15.3.2. cancel the stream,
            cancel_result = controller_interface.readable_stream_cancel(stream, composite_reason)
            # 15.3.3. and that is what it gives.
            resolve(cancel_promise, cancel_result)
        # 15.4. Return the promise.
        return cancel_promise

    # 16. Start does nothing.
    def start_algorithm() -> None:
        return None

    # 17. The first branch.
    branch_1 = streams.create_readable_stream(start_algorithm, pull_algorithm, cancel_1_algorithm)
    # 18. The second branch.
    branch_2 = streams.create_readable_stream(start_algorithm, pull_algorithm, cancel_2_algorithm)

    # 19. Upon rejection of the reader's closed promise,
    def closed_rejected(r: object) -> None:
        controller_1, controller_2 = controllers()
        # 19.1. the first branch is errored,
        default_controllers.readable_stream_default_controller_error(controller_1, r)
        # 19.2. so is the second,
        default_controllers.readable_stream_default_controller_error(controller_2, r)
        # 19.3. and cancelling has nothing to wait for.
        if not canceled_1 or not canceled_2:
            resolve(cancel_promise)

    upon(reader._closed_promise, None, closed_rejected)
    # 20. Return both branches.
    return branch_1, branch_2


def readable_byte_stream_tee(stream: ReadableStream[Any]) -> Branches:
    """https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamtee"""
    # 1. Assert: it is a ReadableStream. (Its type says so.)
    # 2. Assert: it is a byte stream.
    assert isinstance(stream._controller, byte_controller.ReadableByteStreamController)
    # 3. The reader; this may throw.
    reader: ReadableStreamReader = streams.acquire_readable_stream_default_reader(stream)
    # 4. Is a read under way?
    reading = False
    # 5. Is another one wanted after it, by the first branch?
    read_again_for_branch_1 = False
    # 6. Or by the second?
    read_again_for_branch_2 = False
    # 7. Is the first branch cancelled?
    canceled_1 = False
    # 8. Is the second?
    canceled_2 = False
    # 9. Why the first one is.
    reason_1: object = None
    # 10. Why the second one is.
    reason_2: object = None
    # 11. The first branch,
    branch_1: ReadableStream[Any]
    # 12. and the second.
    branch_2: ReadableStream[Any]
    # 13. What cancelling either gives.
    cancel_promise: Promise[Any] = Promise()

    def controllers() -> tuple[ReadableByteStreamController, ReadableByteStreamController]:
        return cast("Any", branch_1._controller), cast("Any", branch_2._controller)

    # 14. Forwarding a reader's error takes these steps:
    def forward_reader_error(this_reader: ReadableStreamReader) -> None:
        # 14.1. upon rejection of its closed promise,
        def closed_rejected(r: object) -> None:
            # 14.1.1. unless it was replaced meanwhile,
            if this_reader is not reader:
                return
            controller_1, controller_2 = controllers()
            # 14.1.2. the first branch is errored,
            byte_controllers.readable_byte_stream_controller_error(controller_1, r)
            # 14.1.3. so is the second,
            byte_controllers.readable_byte_stream_controller_error(controller_2, r)
            # 14.1.4. and cancelling has nothing to wait for.
            if not canceled_1 or not canceled_2:
                resolve(cancel_promise)

        upon(this_reader._closed_promise, None, closed_rejected)

    def clone_or_error(
        chunk: ArrayBufferView, controller_1: ReadableByteStreamController, controller_2: ReadableByteStreamController
    ) -> ArrayBufferView | None:
        """Steps 15.2.chunk.1.4 and 16.4.chunk.1.5 have the same sub-steps."""
        # .1. Clone it.
        try:
            return clone_as_uint8_array(chunk)
        # .2. If that throws,
        except Exception as exception:
            # .2.1. the one branch is errored,
            byte_controllers.readable_byte_stream_controller_error(controller_1, exception)
            # .2.2. so is the other,
            byte_controllers.readable_byte_stream_controller_error(controller_2, exception)
            # .2.3. the stream is cancelled,
            resolve(cancel_promise, controller_interface.readable_stream_cancel(stream, exception))
            # .2.4. and that is all.
            return None

    def close_branch(controller: ReadableByteStreamController) -> None:
        """Steps 15.2.close.2 and 3, and 16.4.close.4 and 5.

        NOTE(spec): S13 the text asserts that closing does not throw, which it does in the middle of an item of the view
        that the branch was brought. That branch is errored by then, and its reader told; the other one is closed.
        """
        try:
            byte_controllers.readable_byte_stream_controller_close(controller)
        except TypeError as error:
            if error is not controller._stream._stored_error:
                raise

    # 15. Pulling with a default reader takes these steps:
    def pull_with_default_reader() -> None:
        nonlocal reader
        # 15.1. If the reader is a BYOB reader,
        if isinstance(reader, byob_reader.ReadableStreamBYOBReader):
            # 15.1.1. Assert: it waits for nothing.
            assert not reader._read_into_requests
            # 15.1.2. Release it,
            readers.readable_stream_byob_reader_release(reader)
            # 15.1.3. and get a default reader,
            reader = streams.acquire_readable_stream_default_reader(stream)
            # 15.1.4. whose error is forwarded.
            forward_reader_error(reader)

        # 15.2. The read request:
        def chunk_steps(chunk: object) -> None:
            # 15.2.chunk.1. in a microtask,
            event_loop.enqueue_microtask(chunk_microtask, chunk)

        def chunk_microtask(chunk: object) -> None:
            nonlocal reading, read_again_for_branch_1, read_again_for_branch_2
            # 15.2.chunk.1.1. no other read is wanted yet by the first branch,
            read_again_for_branch_1 = False
            # 15.2.chunk.1.2. nor by the second.
            read_again_for_branch_2 = False
            # 15.2.chunk.1.3. Both branches get the chunk.
            chunk_1 = chunk_2 = view_of(chunk, "chunk")
            controller_1, controller_2 = controllers()
            # 15.2.chunk.1.4. If both want it, the second one gets a clone.
            if not canceled_1 and not canceled_2:
                clone_result = clone_or_error(chunk_1, controller_1, controller_2)
                if clone_result is None:
                    return
                # 15.2.chunk.1.4.3. Otherwise the second branch gets that.
                chunk_2 = clone_result
            # 15.2.chunk.1.5. The first branch gets its chunk, unless it is cancelled;
            if not canceled_1:
                byte_controllers.readable_byte_stream_controller_enqueue(controller_1, chunk_1)
            # 15.2.chunk.1.6. so does the second.
            if not canceled_2:
                byte_controllers.readable_byte_stream_controller_enqueue(controller_2, chunk_2)
            # 15.2.chunk.1.7. The read is over.
            reading = False
            # 15.2.chunk.1.8. If another one is wanted by now, pull for the first branch,
            if read_again_for_branch_1:
                pull_1_algorithm()
            # 15.2.chunk.1.9. or else for the second.
            elif read_again_for_branch_2:
                pull_2_algorithm()

        def close_steps() -> None:
            nonlocal reading
            controller_1, controller_2 = controllers()
            # 15.2.close.1. the read is over.
            reading = False
            # 15.2.close.2. The first branch is closed, unless it is cancelled;
            if not canceled_1:
                close_branch(controller_1)
            # 15.2.close.3. so is the second.
            if not canceled_2:
                close_branch(controller_2)
            # 15.2.close.4. Buffers that the first one was to fill go back,
            if controller_1._pending_pull_intos:
                pull_into.readable_byte_stream_controller_respond(controller_1, 0)
            # 15.2.close.5. and those of the second.
            if controller_2._pending_pull_intos:
                pull_into.readable_byte_stream_controller_respond(controller_2, 0)
            # 15.2.close.6. Cancelling has nothing to wait for.
            if not canceled_1 or not canceled_2:
                resolve(cancel_promise)

        def error_steps(_: object) -> None:
            nonlocal reading
            # 15.2.error.1. the read is over.
            reading = False

        # 15.3. Read.
        assert isinstance(reader, default_reader.ReadableStreamDefaultReader)
        readers.readable_stream_default_reader_read(reader, _Steps(chunk_steps, close_steps, error_steps))

    # 16. Pulling with a BYOB reader, into the view that a branch was brought, takes these steps:
    def pull_with_byob_reader(view: ArrayBufferView, *, for_branch_2: bool) -> None:
        nonlocal reader
        # 16.1. If the reader is a default reader,
        if isinstance(reader, default_reader.ReadableStreamDefaultReader):
            # 16.1.1. Assert: it waits for nothing.
            assert not reader._read_requests
            # 16.1.2. Release it,
            readers.readable_stream_default_reader_release(reader)
            # 16.1.3. and get a BYOB reader,
            reader = streams.acquire_readable_stream_byob_reader(stream)
            # 16.1.4. whose error is forwarded.
            forward_reader_error(reader)
        # 16.2. The branch that brought the view,
        byob_branch = branch_2 if for_branch_2 else branch_1
        # 16.3. and the other one.
        other_branch = branch_1 if for_branch_2 else branch_2
        byob_controller = cast("ReadableByteStreamController", byob_branch._controller)
        other_controller = cast("ReadableByteStreamController", other_branch._controller)

        # 16.4. The read-into request:
        def chunk_steps(chunk: ArrayBufferView) -> None:
            # 16.4.chunk.1. in a microtask,
            event_loop.enqueue_microtask(chunk_microtask, chunk)

        def chunk_microtask(chunk: ArrayBufferView) -> None:
            nonlocal reading, read_again_for_branch_1, read_again_for_branch_2
            # 16.4.chunk.1.1. no other read is wanted yet by the first branch,
            read_again_for_branch_1 = False
            # 16.4.chunk.1.2. nor by the second.
            read_again_for_branch_2 = False
            # 16.4.chunk.1.3. Is the branch that brought the view cancelled?
            byob_canceled = canceled_2 if for_branch_2 else canceled_1
            # 16.4.chunk.1.4. Is the other one?
            other_canceled = canceled_1 if for_branch_2 else canceled_2
            # NOTE(spec): S11 a source that failed as it was pulled for more has errored the branches by now, which is
            # before this microtask; the text asserts that the one still has a buffer to be filled.
            if byob_branch._state == "errored":
                reading = False
                return
            # 16.4.chunk.1.5. If the other one wants the chunk, it gets a clone.
            if not other_canceled:
                cloned_chunk = clone_or_error(chunk, byob_controller, other_controller)
                if cloned_chunk is None:
                    return
                # 16.4.chunk.1.5.3. (That is it.)
                # 16.4.chunk.1.5.4. The one that brought the view gets it back, filled,
                if not byob_canceled:
                    pull_into.readable_byte_stream_controller_respond_with_new_view(byob_controller, chunk)
                # 16.4.chunk.1.5.5. and the other one gets the clone.
                byte_controllers.readable_byte_stream_controller_enqueue(other_controller, cloned_chunk)
            # 16.4.chunk.1.6. Otherwise only the one that brought the view gets it back.
            elif not byob_canceled:
                pull_into.readable_byte_stream_controller_respond_with_new_view(byob_controller, chunk)
            # 16.4.chunk.1.7. The read is over.
            reading = False
            # 16.4.chunk.1.8. If another one is wanted by now, pull for the first branch,
            if read_again_for_branch_1:
                pull_1_algorithm()
            # 16.4.chunk.1.9. or else for the second.
            elif read_again_for_branch_2:
                pull_2_algorithm()

        def close_steps(chunk: ArrayBufferView | None) -> None:
            nonlocal reading
            # 16.4.close.1. the read is over.
            reading = False
            # 16.4.close.2. Is the branch that brought the view cancelled?
            byob_canceled = canceled_2 if for_branch_2 else canceled_1
            # 16.4.close.3. Is the other one?
            other_canceled = canceled_1 if for_branch_2 else canceled_2
            # (A task that was cancelled may have left something in the view.)
            if not byob_canceled and chunk is not None:
                unread.take_back(byob_branch, chunk)
            # 16.4.close.4. The one is closed, unless it is cancelled;
            if not byob_canceled:
                close_branch(byob_controller)
            # 16.4.close.5. so is the other.
            if not other_canceled:
                close_branch(other_controller)
            # 16.4.close.6. If the view comes back,
            if chunk is not None:
                # 16.4.close.6.1. Assert: it is empty.
                assert chunk.byte_length == 0
                # 16.4.close.6.2. The branch gets it back (unless it is errored: S13),
                if not byob_canceled and byob_branch._state != "errored":
                    pull_into.readable_byte_stream_controller_respond_with_new_view(byob_controller, chunk)
                # 16.4.close.6.3. and buffers that the other one was to fill go back.
                if not other_canceled and other_controller._pending_pull_intos:
                    pull_into.readable_byte_stream_controller_respond(other_controller, 0)
            # 16.4.close.7. Cancelling has nothing to wait for.
            if not byob_canceled or not other_canceled:
                resolve(cancel_promise)

        def error_steps(_: object) -> None:
            nonlocal reading
            # 16.4.error.1. the read is over.
            reading = False

        # 16.5. Read.
        readers.readable_stream_byob_reader_read(reader, view, 1, _Steps(chunk_steps, close_steps, error_steps))

    # 17. Pull, for the first branch, takes these steps:
    def pull_1_algorithm() -> Promise[None]:
        nonlocal reading, read_again_for_branch_1
        # 17.1. While a read is under way,
        if reading:
            # 17.1.1. another one is wanted after it,
            read_again_for_branch_1 = True
            # 17.1.2. and that is all.
            return a_promise_resolved_with_undefined()
        # 17.2. Now it is.
        reading = True
        # 17.3. Has the branch been brought a view?
        byob_request = pull_into.readable_byte_stream_controller_get_byob_request(controllers()[0])
        # 17.4. If not, pull with a default reader;
        if byob_request is None:
            pull_with_default_reader()
        # 17.5. otherwise into that view.
        else:
            pull_with_byob_reader(cast("ArrayBufferView", byob_request._view), for_branch_2=False)
        # 17.6. That is all.
        return a_promise_resolved_with_undefined()

    # 18. Pull, for the second branch, takes these steps:
    def pull_2_algorithm() -> Promise[None]:
        nonlocal reading, read_again_for_branch_2
        # 18.1. While a read is under way,
        if reading:
            # 18.1.1. another one is wanted after it,
            read_again_for_branch_2 = True
            # 18.1.2. and that is all.
            return a_promise_resolved_with_undefined()
        # 18.2. Now it is.
        reading = True
        # 18.3. Has the branch been brought a view?
        byob_request = pull_into.readable_byte_stream_controller_get_byob_request(controllers()[1])
        # 18.4. If not, pull with a default reader;
        if byob_request is None:
            pull_with_default_reader()
        # 18.5. otherwise into that view.
        else:
            pull_with_byob_reader(cast("ArrayBufferView", byob_request._view), for_branch_2=True)
        # 18.6. That is all.
        return a_promise_resolved_with_undefined()

    # 19. Cancelling the first branch takes these steps:
    def cancel_1_algorithm(reason: object) -> Promise[Any]:
        nonlocal canceled_1, reason_1
        # 19.1. it is cancelled,
        canceled_1 = True
        # 19.2. for this reason.
        reason_1 = reason
        # 19.3. If the second one is too,
        if canceled_2:
            # 19.3.1. both reasons
            composite_reason = [reason_1, reason_2]
            # 19.3.2. cancel the stream,
            cancel_result = controller_interface.readable_stream_cancel(stream, composite_reason)
            # 19.3.3. and that is what it gives.
            resolve(cancel_promise, cancel_result)
        # 19.4. Return the promise.
        return cancel_promise

    # 20. Cancelling the second branch takes these steps:
    def cancel_2_algorithm(reason: object) -> Promise[Any]:
        nonlocal canceled_2, reason_2
        # 20.1. it is cancelled,
        canceled_2 = True
        # 20.2. for this reason.
        reason_2 = reason
        # 20.3. If the first one is too,
        if canceled_1:
            # 20.3.1. both reasons
            composite_reason = [reason_1, reason_2]
            # 20.3.2. cancel the stream,
            cancel_result = controller_interface.readable_stream_cancel(stream, composite_reason)
            # 20.3.3. and that is what it gives.
            resolve(cancel_promise, cancel_result)
        # 20.4. Return the promise.
        return cancel_promise

    # 21. Start does nothing.
    def start_algorithm() -> None:
        return None

    # 22. The first branch.
    branch_1 = streams.create_readable_byte_stream(start_algorithm, pull_1_algorithm, cancel_1_algorithm)
    # 23. The second branch.
    branch_2 = streams.create_readable_byte_stream(start_algorithm, pull_2_algorithm, cancel_2_algorithm)
    # 24. Errors are forwarded.
    forward_reader_error(reader)
    # 25. Return both branches.
    return branch_1, branch_2
