"""§1 TCPSocket interface: https://wicg.github.io/direct-sockets/#tcpsocket-interface

Repairs of the text are marked `NOTE(spec)` with the number they have in the project's table of them.

NOTE(spec): E4 E5 "active" is not defined. A side is active until the steps to handle its closing have run;
they run once for each side, and for a readable not before its queue has been read.
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override

from whatwg_streams import Promise, ReadableStream, WritableStream
from whatwg_streams.other_specs import (
    IT_WILL_TELL,
    a_promise_resolved_with_undefined,
    close_readable_stream,
    current_byob_request_view,
    enqueue_into_readable_stream,
    error_readable_stream,
    fast_paths_are_enabled,
    has_byob_reader,
    is_errored,
    is_readable,
    new,
    pull_from_bytes_into_readable_stream,
    pull_if_needed,
    queue_a_microtask,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark,
    reject,
    resolve,
    respond_to_current_byob_request,
    set_up_readable_stream_with_byte_reading_support,
    set_up_writable_stream,
    signal_of_writable_stream,
)

from . import _asyncio_os, _fast_closing, _fast_reading
from ._addresses import is_private_network_address
from ._errors import network_error
from ._operating_system import TCPConnectionParameters, current_operating_system
from ._options import (
    TCPSocketOpenInfo,
    convert_buffer_source,
    convert_port,
    convert_remote_address,
    convert_tcp_socket_options,
)
from ._permissions import current_policy, not_allowed_error
from ._read_size import LEAST_ROOM, READABLE_HIGH_WATER_MARK, note_the_read, size_of_a_read
from ._shutdown import close_at_shutdown
from ._socket_of_two_streams import SocketOfTwoStreams
from ._steps import queue_a_global_task_upon
from ._streams_to_come import OpenInfoOfStreamsToCome

if TYPE_CHECKING:
    from ._operating_system import Answer, OperatingSystem, SocketDnsQueryType, TCPConnection
    from ._options import TCPSocketOptions
    from ._tcp_server_socket import TCPServerSocket

WRITABLE_HIGH_WATER_MARK: Final = 1  # chunk. NOTE(spec): E6 it is implementation-defined


class TCPSocket(SocketOfTwoStreams[TCPSocketOpenInfo]):
    """A TCP connection: https://wicg.github.io/direct-sockets/#tcpsocket-interface

    The connection is opened at once; await `opened` for its streams. Or let `async with` do both, and
    close it in the end:

        async with TCPSocket("example.com", 80) as info:
            async with contextlib.aclosing(info.readable.values()) as chunks: …

    It has to be allowed: see `PermissionsPolicy`.

    Args:
        remote_address: a host name or an IP address.
        remote_port: the port to connect to. The standard takes any number here, and of it the lowest 16 bits:
            70000 is port 4464.
        send_buffer_size: of the system's buffer, in bytes.
        receive_buffer_size: of the system's buffer, in bytes.
        no_delay: whether small writes are sent without waiting for more (TCP_NODELAY).
        keep_alive_delay: after how many idle milliseconds, at least 1000, to ask whether the peer is
            still there (SO_KEEPALIVE); without it, never.
        dns_query_type: "ipv4" or "ipv6", to look up addresses of one kind only.

    Raises:
        TypeError: an argument is of another type, or out of range.
        NotAllowedError: the feature "direct-sockets" is not granted.
    """

    __slots__ = ("_connection", "_lost", "_peer_has_finished", "_reads_are_full", "_streams_are_to_come", "_surplus")

    _readable: ReadableStream[memoryview]

    _connection: TCPConnection | None
    _lost: BaseException | None  # what the system has told the writer, and tells nobody a second time
    _peer_has_finished: bool  # E5: its FIN has come, but bytes from before it are still to be read
    _reads_are_full: bool  # whether the last one has brought a whole high water mark
    _streams_are_to_come: bool  # whether they are made when they are asked for
    _surplus: bytes | bytearray  # E2: bytes that no reader had room for

    def __init__(
        self,
        remote_address: str,
        remote_port: int,
        *,
        send_buffer_size: int | None = None,
        receive_buffer_size: int | None = None,
        no_delay: bool = False,
        keep_alive_delay: int | None = None,
        dns_query_type: SocketDnsQueryType | None = None,
    ) -> None:
        # NOTE(spec): E23 conversions come first, as Web IDL has it.
        remote_address = convert_remote_address(remote_address, "remote_address")
        remote_port = convert_port(remote_port, "remote_port")
        options = convert_tcp_socket_options(
            dns_query_type=dns_query_type,
            keep_alive_delay=keep_alive_delay,
            no_delay=no_delay,
            receive_buffer_size=receive_buffer_size,
            send_buffer_size=send_buffer_size,
        )
        policy = current_policy()
        # 1. Is it allowed?
        if not policy.is_allowed("direct-sockets"):
            raise not_allowed_error("direct-sockets")
        # 2. Keep-alive takes a second, at least.
        if options.keep_alive_delay is not None and options.keep_alive_delay < 1000:  # noqa: PLR2004
            raise TypeError("keep_alive_delay: less than 1000 milliseconds")
        # 3. A buffer to send from can not be empty,
        if options.send_buffer_size == 0:
            raise TypeError("send_buffer_size: 0 bytes are no buffer")
        # 4. nor can one to receive into.
        if options.receive_buffer_size == 0:
            raise TypeError("receive_buffer_size: 0 bytes are no buffer")
        self._initialize()
        # 5. In parallel:
        private_network_is_allowed = policy.is_allowed("direct-sockets-private")
        operating_system = current_operating_system.get() or _asyncio_os.REAL
        self._open_in_parallel(
            operating_system,
            lambda: self._open(
                operating_system,
                remote_address,
                remote_port,
                options,
                private_network_is_allowed=private_network_is_allowed,
            ),
        )

    @override
    def _initialize(self) -> None:
        """The initial values of the internal slots."""
        super()._initialize()
        self._connection = None
        self._lost = None
        self._peer_has_finished = False
        self._reads_are_full = False
        self._streams_are_to_come = False
        self._surplus = b""

    async def _open(
        self,
        operating_system: OperatingSystem,
        remote_address: str,
        remote_port: int,
        options: TCPSocketOptions,
        *,
        private_network_is_allowed: bool,
    ) -> None:
        """The steps of the constructor that run in parallel."""
        try:
            # 5.1. If the address resolves to one of the private network, which is not allowed,
            # NOTE(spec): E21 any of them refuses, and no others are connected to.
            addresses = await operating_system.resolve(remote_address, options.dns_query_type)
            if not private_network_is_allowed and any(is_private_network_address(one.address) for one in addresses):
                error = not_allowed_error("direct-sockets-private", f"connecting to {remote_address}")
                # 5.1.1. and 5.1.2. reject both promises,
                self._reject_both_promises(error)
                # NOTE(spec): E9 and stop; the text goes on to open the socket.
                return
            # 5.2. Open a TCP socket.
            connection = await operating_system.open_a_tcp_socket(
                addresses,
                remote_port,
                TCPConnectionParameters(
                    options.send_buffer_size,
                    options.receive_buffer_size,
                    options.no_delay,
                    options.keep_alive_delay,
                ),
            )
        # 5.3. If this fails,
        except Exception as error:
            # 5.3.1. and 5.3.2. reject both promises.
            self._reject_both_promises(network_error(error, f"connecting to {remote_address} port {remote_port}"))
        # 5.4. On success, take these steps:
        else:
            close_at_shutdown(self)
            self._opened(connection)

    @classmethod
    def _accepted(cls, connection: TCPConnection, server: TCPServerSocket | None = None) -> TCPSocket:
        """A new TCPSocket for a connection that the operating system has accepted.

        NOTE(spec): E16 the text does not say what state it is in. It is open, `opened` is resolved.
        NOTE(spec): E17 the private network is none of its concern: nothing is connected to.
        """
        self = new(cls)
        self._initialize()
        if server is not None:
            self._opened_at = server._opened_at
            server._open_sockets.add(self)
        else:
            close_at_shutdown(self)
        self._opened(connection)
        return self

    def _opened(self, connection: TCPConnection) -> None:
        """The steps of success; for an accepted connection, too."""
        self._connection = connection
        self._is_open = True
        if fast_paths_are_enabled():
            self._opened_without_streams()
            return
        # 5.4.1. Initialize [[readable]],
        self._initialize_readable()
        # 5.4.2. and [[writable]].
        self._initialize_writable()
        # 5.4.3. The open info
        open_info = TCPSocketOpenInfo(
            # 5.4.4. has the readable,
            readable=self._readable,
            # 5.4.5. the writable,
            writable=self._writable,
            # 5.4.6. and the addresses.
            remote_address=connection.remote.address,
            remote_port=connection.remote.port,
            local_address=connection.local.address,
            local_port=connection.local.port,
        )
        # 5.4.7. Resolve opened with it.
        self._resolve_opened(open_info)

    # (The fast path of these steps: see `_streams_to_come`.)

    def _opened_without_streams(self) -> None:
        self._streams_are_to_come = True
        self._readable_is_active = True
        self._writable_is_active = True
        self._resolve_opened(OpenInfoOfStreamsToCome(self))

    def _make_streams(self) -> tuple[ReadableStream[memoryview], WritableStream[Any]]:
        was_closed = self._closed_is_settled()
        self._streams_are_to_come = False
        self._initialize_readable(has_started=True)
        self._initialize_writable(has_started=True)
        queue_a_microtask(pull_if_needed, self._readable)
        if was_closed:
            self._readable_is_active = False
            self._writable_is_active = False
            super()._cancel_and_abort()
        return self._readable, self._writable

    @override
    def _a_stream_is_locked(self) -> bool:
        return not self._streams_are_to_come and super()._a_stream_is_locked()

    @override
    def _cancel_and_abort(self) -> None:
        if not self._streams_are_to_come:
            super()._cancel_and_abort()
            return
        assert self._connection is not None
        self._readable_is_active = False
        self._writable_is_active = False

        def shut_down(_: object) -> None:
            self._close_the_socket(self._resolve_closed)

        queue_a_global_task_upon(self._connection.shut_down_for_writing(), shut_down, shut_down)

    @override
    def _streams_have_ended(self) -> bool:
        return self._streams_are_to_come or super()._streams_have_ended()

    # §1.2 [[readable]] ---------------------------------------------------------------------------------

    def _initialize_readable(self, *, has_started: bool = False) -> None:
        """https://wicg.github.io/direct-sockets/#dfn-initialize-the-tcpsocket-readable-stream"""
        # 1. A new stream.
        stream: ReadableStream[memoryview] = new(ReadableStream)

        # 2. Pulling takes the steps of _pull.
        # 3. Cancelling takes those of _cancel.
        # 4. Set up the stream with these.
        set_up_readable_stream_with_byte_reading_support(
            stream,
            pull_algorithm=self._pull,
            cancel_algorithm=self._cancel,
            high_water_mark=READABLE_HIGH_WATER_MARK,
            fill_algorithm=MethodType(_fast_reading.fill, self),
            wait_algorithm=MethodType(_fast_reading.wait_to_fill, self),
            has_started=has_started,
        )
        # 5. It is [[readable]].
        self._readable = stream
        self._readable_is_active = True

    def _cancel(self, _: object) -> Promise[None]:
        """The cancel algorithm of the readable stream."""
        assert self._connection is not None
        self._connection.stop_reading()
        # 3.1. Handle the closing.
        self._handle_closing_the_readable_stream()
        # 3.2. That is all.
        return a_promise_resolved_with_undefined()

    def _pull(self) -> Promise[None] | None:
        """The pull algorithm of the readable stream.

        NOTE(spec): E7 the text's promise is resolved at once, so that reads of the system overlap. Ours is
        resolved when the one read is done; None stands for one that is resolved already.
        """
        if fast_paths_are_enabled() and (ended := _fast_reading.pull(self)) is not None:
            return None if ended else IT_WILL_TELL
        connection = self._connection
        assert connection is not None
        # 2.1. So much is wanted, (See below.)
        # 2.2. unless a reader waits with a buffer; then as much as that has room for.
        view = current_byob_request_view(self._readable)
        # (What there is already needs no system call.)
        if isinstance(self._surplus, bytearray) and self._surplus:
            pull_from_bytes_into_readable_stream(self._readable, self._surplus)
            return None
        if self._peer_has_finished:
            self._finish_reading()
            return None
        # NOTE(spec): E69 the text reads ahead of a reader that brings its own buffers, and the bytes would have to be
        # copied. It gets them straight into its buffers.
        if view is None and has_byob_reader(self._readable):
            return None
        # 2.3. In parallel:
        # 2.3.1. read that many bytes; for a reader that waits with a buffer, straight into that.
        # 2.3.2. Then queue a task for the steps of _received_into or _received, and of _receiving_failed.
        # 2.4. That is all.
        if view is not None:
            return queue_a_global_task_upon(connection.read_into(view), self._received_into, self._receiving_failed)
        # NOTE(spec): E6 at least one byte.
        desired_size = max(1, int(readable_stream_desired_size_to_fill_up_to_the_high_water_mark(self._readable)))
        # NOTE(spec): E7 the text fills every gap at once. Where the peer is faster than the reader, each small chunk
        # that is read would be replaced by one as small, for ever. Each read from the queue pulls once more.
        if desired_size < LEAST_ROOM:
            return a_promise_resolved_with_undefined()
        size = size_of_a_read(self, desired_size)
        return queue_a_global_task_upon(connection.read(size), self._received, self._receiving_failed)

    def _received_into(self, size: int) -> None:
        """Steps 2.3.2.1 and 2.3.2.2 of initializing the readable stream, when a reader has waited with a buffer."""
        if not is_readable(self._readable):
            return
        # 2.3.2.1. If the peer has closed the connection, so does the stream.
        if size == 0:
            self._received_nothing()
        # 2.3.2.2. Otherwise the bytes, which are in its buffer already, go to the reader.
        # NOTE(spec): E2 the text gives the reader the whole view, filled or not.
        else:
            respond_to_current_byob_request(self._readable, size)

    def _received(self, bytes_: bytes) -> None:
        """Steps 2.3.2.1 and 2.3.2.2 of initializing the readable stream, when no buffer was there to read into."""
        if not is_readable(self._readable):
            return
        # 2.3.2.1. If the peer has closed the connection, so does the stream.
        if not bytes_:
            self._received_nothing()
        # 2.3.2.2. Otherwise the bytes go to the stream:
        # NOTE(spec): E10 the text has "if no errors" for it, but a FIN is no error either.
        # 2.3.2.2.1. to a reader's buffer, see below;
        # 2.3.2.2.2. or, without one, as they are:
        # 2.3.2.2.3. they are enqueued.
        elif current_byob_request_view(self._readable) is None:
            note_the_read(self, len(bytes_))
            enqueue_into_readable_stream(self._readable, bytes_)
        # NOTE(spec): E2 if a reader came with a buffer meanwhile, it gets what it has room for.
        else:
            self._surplus = bytearray(self._surplus + bytes_)
            pull_from_bytes_into_readable_stream(self._readable, self._surplus)

    def _received_nothing(self) -> None:
        """The peer has closed the connection, or there is none any more.

        NOTE(spec): E10 a connection that was reset ends like this, too, when the writer has been told of it: the system
        tells of an error once. That is no end, for bytes may be missing. (After a FIN, it tells the writer EPIPE.)
        """
        if self._lost is None:
            self._finish_reading()
        else:
            self._receiving_failed(self._lost)

    def _receiving_failed(self, os_error: BaseException) -> None:
        """Step 2.3.2.3 of initializing the readable stream."""
        # 2.3.2.3. Error the stream, and handle its closing.
        if is_readable(self._readable):
            error_readable_stream(self._readable, network_error(os_error, "reading"))
            self._handle_closing_the_readable_stream()

    def _finish_reading(self) -> None:
        """Step 2.3.2.1 of the pull algorithm: the connection was closed gracefully.

        NOTE(spec): E5 while bytes are queued, the closing waits; each of them that is read pulls once more.
        """
        queued = READABLE_HIGH_WATER_MARK - readable_stream_desired_size_to_fill_up_to_the_high_water_mark(
            self._readable
        )
        self._peer_has_finished = True
        if queued > 0:
            return
        try:
            # 2.3.2.1.1. Close the stream,
            close_readable_stream(self._readable)
        except TypeError:  # it ends in the middle of an item that a reader waits for, and has been errored
            assert is_errored(self._readable)
        # 2.3.2.1.2. and handle its closing.
        self._handle_closing_the_readable_stream()

    # §1.3 [[writable]] ---------------------------------------------------------------------------------

    def _initialize_writable(self, *, has_started: bool = False) -> None:
        """https://wicg.github.io/direct-sockets/#dfn-initialize-the-tcpsocket-writable-stream"""
        # 1. A new stream.
        stream: WritableStream[Any] = new(WritableStream)

        # 2. Its signal. NOTE(spec): E3 it has none before it is set up. (See `_signal_that_stops`.)
        # 3. Writing takes the steps of _write.
        # 4. Aborting takes those of _abort.
        # 5. Closing takes those of _close_writable.
        # 6. Set up the stream with these.
        set_up_writable_stream(
            stream,
            write_algorithm=self._write,
            abort_algorithm=self._abort,
            close_algorithm=self._close_writable,
            high_water_mark=WRITABLE_HIGH_WATER_MARK,
            has_started=has_started,
        )
        # 7. When it is aborted,
        # 7.1. a write that is under way returns as soon as possible. (See `_signal_that_stops`.)
        # 8. It is [[writable]].
        self._writable = stream
        self._writable_is_active = True

    def _abort(self, _: object) -> Promise[None] | None:
        """The abort algorithm of the writable stream."""
        assert self._connection is not None
        # 4.1. A promise, (None stands for one that is resolved already.)
        # 4.2. In parallel:
        # 4.2.1. shut down the socket for writing.
        answer = self._connection.shut_down_for_writing()
        # 4.2.2. Then queue a task for the steps of _shut_down_to_abort.
        # NOTE(spec): E38 of a write that was under way a part may have been sent; the FIN comes after it.
        # 4.3. The promise is the result.
        return queue_a_global_task_upon(answer, self._shut_down_to_abort, self._shut_down_to_abort)

    def _shut_down_to_abort(self, _: object) -> None:
        """Step 4.2.2 of initializing the writable stream."""
        # 4.2.2.1. Handle the closing,
        self._handle_closing_the_writable_stream()
        # 4.2.2.2. and resolve the promise.

    def _close_writable(self) -> Promise[None]:
        """The close algorithm of the writable stream."""
        assert self._connection is not None
        # 5.1. A promise,
        promise: Promise[None] = Promise()

        # 5.2. In parallel:
        # 5.2.1. shut down the socket for writing.
        # 5.2.2. Then queue a task for these steps:
        def shut_down(_: object) -> None:
            # 5.2.2.1. handle the closing;
            self._handle_closing_the_writable_stream()
            # 5.2.2.2. if the stream was aborted meanwhile, reject the promise;
            signal = signal_of_writable_stream(self._writable)
            if signal.aborted:
                reject(promise, signal.reason)
            # 5.2.2.3. otherwise resolve it.
            resolve(promise)

        def failed(os_error: BaseException) -> None:
            # NOTE(spec): E68 the text does not say what a shutdown that fails means: the peer has reset the
            # connection, and what was written may not have arrived.
            self._handle_closing_the_writable_stream()
            reject(promise, network_error(os_error, "closing"))

        queue_a_global_task_upon(self._connection.shut_down_for_writing(), shut_down, failed)
        # 5.3. which is the result.
        return promise

    def _write(self, chunk: object) -> Promise[None] | None:
        """The write algorithm of the writable stream; None stands for a promise that is resolved already."""
        connection = self._connection
        assert connection is not None
        # 3.1. A promise. (See below.)
        # 3.2. Assert: nobody has aborted the stream.
        assert self._signal is None or not self._signal.aborted
        # 3.3. The chunk has to be a buffer.
        # 3.4. It is copied: by the operating system, before `connection.write` returns.
        try:
            bytes_ = chunk if type(chunk) is bytes else convert_buffer_source(chunk, "chunk")
        except Exception as error:  # a TypeError, or what the chunk raises when it is asked for its bytes
            return self._refuse_chunk(connection, error)
        # 3.5. In parallel:
        # 3.5.1. write the bytes.
        answer = connection.write(bytes_)
        # (3.5.2.1. Mostly the chunk is written at once.)
        if answer is True:
            return None
        promise: Promise[None] = Promise()
        signal = self._signal_that_stops(connection.stop_writing)

        # 3.5.2. Then queue a task for these steps:
        def written(all_of_it: bool) -> None:
            # 3.5.2.1. If the chunk was written, resolve the promise.
            if all_of_it:
                resolve(promise)
            # 3.5.2.3. If the stream was aborted meanwhile, reject it.
            elif signal.aborted:
                reject(promise, signal.reason)

        def failed(os_error: BaseException) -> None:
            if not isinstance(os_error, BrokenPipeError):
                self._lost = os_error
            # 3.5.2.2. If there was an error,
            # 3.5.2.2.1. reject the promise,
            reject(promise, network_error(os_error, "writing"))
            # 3.5.2.2.2. and handle the closing.
            self._handle_closing_the_writable_stream()

        queue_a_global_task_upon(cast("Answer[bool]", answer), written, failed)
        # 3.6. Return the promise.
        return promise

    def _refuse_chunk(self, connection: TCPConnection, reason: Exception) -> Promise[None]:
        """Step 3.3 of the write algorithm, of a chunk that is no buffer.

        NOTE(spec): E8 the text leaves it at that: the stream is errored, the socket stays open, and the peer
        never learns. It is shut down for writing, as if it were aborted.
        """
        promise: Promise[None] = Promise()

        def shut_down(_: object) -> None:
            self._handle_closing_the_writable_stream()
            reject(promise, reason)

        queue_a_global_task_upon(connection.shut_down_for_writing(), shut_down, shut_down)
        return promise

    # §1.4 -----------------------------------------------------------------------------------------------

    @property
    def opened(self) -> Promise[TCPSocketOpenInfo]:
        """A promise for the streams and addresses of the connection.

        It rejects with a NotAllowedError, when the host is in the private network and the feature
        "direct-sockets-private" is not granted; with a NetworkError, whose `errno` and `__cause__` tell more,
        when the connection can not be opened; and with an AbortError, when the event loop ends before, or an
        `async with` is left. Cancelling a task that awaits it leaves the socket opening.
        https://wicg.github.io/direct-sockets/#dom-tcpsocket-opened
        """
        self._begin_to_open()
        return self._the_opened_promise()

    # Beyond the standard ---------------------------------------------------------------------------------

    @override
    def _told_to_close(self) -> Answer[None]:
        assert self._connection is not None
        return self._connection.close()

    @override
    def _close_even_if_locked(self) -> None:
        if not (self._is_left and _fast_closing.leave(self)):
            super()._close_even_if_locked()

    @override
    def _still_open(self) -> TCPConnection | None:
        return None if self._closed_is_settled() else self._connection

    @override
    def __repr__(self) -> str:
        if self._connection is None:
            state = "opening" if self._opening is not None else "not opened"
            return f"<{type(self).__name__} {state}>"
        remote = self._connection.remote
        state = "closed" if self._closed_is_settled() else "open"
        return f"<{type(self).__name__} {state}, {remote.address} port {remote.port}>"
