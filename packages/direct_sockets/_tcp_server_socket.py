"""§4 TCPServerSocket interface: https://wicg.github.io/direct-sockets/#tcpserversocket-interface

Repairs of the text are marked `NOTE(spec)` with the number they have in the project's table of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from whatwg_streams import InvalidStateError, NotAllowedError, Promise, ReadableStream
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    a_promise_resolved_with_undefined,
    cancel_readable_stream,
    close_readable_stream,
    convert_string,
    enqueue_into_readable_stream,
    error_readable_stream,
    is_errored,
    is_locked,
    is_readable,
    mark_as_handled,
    new,
    queue_a_task,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark,
    reject,
    set_up_readable_stream,
    stored_error_of,
)

from . import _asyncio_os
from ._addresses import IPV6_UNSPECIFIED, canonical, parse_ip_address
from ._errors import network_error
from ._operating_system import TCPServerParameters, current_operating_system
from ._options import TCPServerSocketOpenInfo, convert_tcp_server_socket_options
from ._permissions import current_policy, not_allowed_error
from ._shutdown import close_at_shutdown
from ._socket import Socket
from ._steps import queue_a_global_task_upon
from ._tcp_socket import TCPSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._addresses import IPAddress
    from ._operating_system import OperatingSystem, TCPConnection, TCPServer
    from ._options import TCPServerSocketOptions
    from ._shutdown import OpenSockets

#: NOTE(spec): E18 the text's number, though 32768 was meant, perhaps.
LOWEST_LOCAL_PORT: Final = 32678
#: NOTE(spec): E6 the high water mark is implementation-defined. In connections:
READABLE_HIGH_WATER_MARK: Final = 1


class TCPServerSocket(Socket[TCPServerSocketOpenInfo]):
    """A TCP socket that listens: https://wicg.github.io/direct-sockets/#tcpserversocket-interface

    It is opened at once; await `opened` for the stream of connections that come in, each a `TCPSocket`
    that is open already. Or let `async with` do it, and close it in the end:

        async with TCPServerSocket("127.0.0.1") as info:
            async with contextlib.aclosing(info.readable.values()) as connections:
                async for connection in connections: …

    One connection is accepted ahead; others wait in the system's queue until it is read. Connections that
    were read stay open when the server is closed, one that was not is closed with it. An aborted connection
    or a want of descriptors is nothing that ends the server: it accepts again when it can.

    It has to be allowed: see `PermissionsPolicy`.

    Args:
        local_address: the IP address to listen on.
        local_port: the port to listen on, at least 32678; without it, the system chooses one.
        backlog: how many connections may wait in the system's queue.
        ipv6_only: whether no IPv4 connections are taken, for the address "::"; by default the system
            decides, and most take them.

    Raises:
        TypeError: an argument is of another type, or out of range; or does not fit the others.
        NotAllowedError: the feature "direct-sockets" is not granted.
    """

    __slots__ = ("_open_sockets", "_readable", "_readable_is_active", "_server")

    _readable: ReadableStream[TCPSocket]

    _server: TCPServer | None
    _open_sockets: OpenSockets  # of the loop, those that are accepted among them
    _readable_is_active: bool  # E37: until its closing is handled

    def __init__(
        self,
        local_address: str,
        *,
        local_port: int | None = None,
        backlog: int | None = None,
        ipv6_only: bool | None = None,
    ) -> None:
        # NOTE(spec): E23 conversions come first, as Web IDL has it.
        local_address = convert_string(local_address, "local_address")
        options = convert_tcp_server_socket_options(backlog=backlog, ipv6_only=ipv6_only, local_port=local_port)
        # 1. Is it allowed?
        if not current_policy().is_allowed("direct-sockets"):
            raise not_allowed_error("direct-sockets")
        # 2. It has to be an address.
        address = parse_ip_address(local_address, "local_address")
        # 3. Port 0 is none to listen on.
        if options.local_port == 0:
            raise TypeError("local_port: 0 is no port; leave it out to have one chosen")
        # 4. A queue for nobody is none.
        if options.backlog == 0:
            raise TypeError("backlog: 0 connections are no queue")
        # 5. Only one address is of both versions.
        # NOTE(spec): E29 as it says elsewhere, the option must not be given for others at all; here only when
        # it is true.
        if options.ipv6_only and address != IPV6_UNSPECIFIED:
            raise TypeError('ipv6_only: only for the local_address "::"')
        self._initialize()
        self._server = None
        self._readable_is_active = False
        # 6. In parallel:
        operating_system = current_operating_system.get() or _asyncio_os.REAL
        self._open_in_parallel(operating_system, lambda: self._open(operating_system, address, options))

    async def _open(
        self, operating_system: OperatingSystem, local_address: IPAddress, options: TCPServerSocketOptions
    ) -> None:
        """The steps of the constructor that run in parallel."""
        local_port = options.local_port
        try:
            # 6.1. If the port is too low,
            # NOTE(spec): E19 one that is not asked for is not compared.
            if local_port is not None and local_port < LOWEST_LOCAL_PORT:
                error = NotAllowedError(
                    f"listening on port {local_port} is not allowed, whatever is granted;"
                    f" ports from {LOWEST_LOCAL_PORT} are, or leave local_port out to have one chosen"
                )
                # 6.1.1. and 6.1.2. reject both promises,
                self._reject_both_promises(error)
                # NOTE(spec): E9 and stop; the text goes on to open the socket.
                return
            # 6.2. Open a TCP server socket.
            server = await operating_system.open_a_tcp_server_socket(
                local_address, TCPServerParameters(local_port, options.backlog, options.ipv6_only)
            )
        # 6.3. If this fails,
        except Exception as error:
            on_port = "" if local_port is None else f" port {local_port}"
            # 6.3.1. and 6.3.2. reject both promises.
            self._reject_both_promises(network_error(error, f"listening on {canonical(local_address)}{on_port}"))
        # 6.4. On success, take these steps:
        else:
            self._opened(server)

    def _opened(self, server: TCPServer) -> None:
        """The steps of success."""
        self._server = server
        self._open_sockets = close_at_shutdown(self)
        # 6.4.1. Initialize [[readable]].
        self._initialize_readable()
        # 6.4.2. The open info
        open_info = TCPServerSocketOpenInfo(
            # 6.4.3. has the readable,
            readable=self._readable,
            # 6.4.4. and the address.
            local_address=server.local.address,
            local_port=server.local.port,
        )
        # 6.4.5. Resolve opened with it.
        self._resolve_opened(open_info)

    # §4.2 [[readable]] ---------------------------------------------------------------------------------

    def _initialize_readable(self) -> None:
        """https://wicg.github.io/direct-sockets/#dfn-initialize-the-tcpserversocket-readable-stream"""
        # 1. A new stream.
        stream: ReadableStream[TCPSocket] = new(ReadableStream)

        # 2. Pulling takes the steps of _pull.
        # 3. Cancelling takes these steps:
        def cancel_algorithm(_: object) -> Promise[None]:
            assert self._server is not None
            self._server.stop_accepting()
            # 3.1. handle the closing.
            self._handle_closing_the_readable_stream()
            # 3.2. That is all.
            return a_promise_resolved_with_undefined()

        # 4. Set up the stream with these.
        set_up_readable_stream(
            stream,
            pull_algorithm=self._pull,
            cancel_algorithm=cancel_algorithm,
            high_water_mark=READABLE_HIGH_WATER_MARK,
            # NOTE(spec): E16 nothing is said of sockets that nobody has read when the stream is cancelled or
            # errored. They are closed.
            discard_algorithm=TCPSocket._give_up,
        )
        # 5. It is [[readable]].
        self._readable = stream
        self._readable_is_active = True

    def _pull(self) -> Promise[None] | None:
        """The pull algorithm of the readable stream.

        NOTE(spec): E7 the text's promise is resolved at once, so that accepts overlap, and more connections are
        taken than there is room for. Ours is resolved when the one accept is done.
        """
        # 2.1. So many connections are wanted. NOTE(spec): E6 at least one.
        desired_size = max(1, int(readable_stream_desired_size_to_fill_up_to_the_high_water_mark(self._readable)))

        # 2.2. In parallel:
        # 2.2.1. accept up to that many.
        assert self._server is not None
        answer = self._server.accept(desired_size)
        # 2.2.2. Then queue a task for the steps of _connections_accepted and _accepting_failed.
        # 2.3. That is all.
        return queue_a_global_task_upon(answer, self._connections_accepted, self._accepting_failed)

    def _connections_accepted(self, connections: Sequence[TCPConnection]) -> None:
        """Steps 2.2.2.1 and 2.2.2.2 of initializing the readable stream."""
        # 2.2.2.1. If the socket was closed gracefully,
        # NOTE(spec): E70 no peer can close a socket that listens; it is a system that gives no connections.
        if not connections and is_readable(self._readable):
            # 2.2.2.1.1. close the stream,
            close_readable_stream(self._readable)
            # 2.2.2.1.2. and handle its closing.
            self._handle_closing_the_readable_stream()
        # 2.2.2.2. If all went well,
        # NOTE(spec): E15 the text makes one TCPSocket of however many connections.
        for connection in connections:
            # (The stream may have been cancelled since.)
            if not is_readable(self._readable):
                _close(connection)
                continue
            # 2.2.2.2.1. there is a new TCPSocket,
            tcp_socket = TCPSocket._accepted(connection, self)
            # 2.2.2.2.2. which is enqueued.
            enqueue_into_readable_stream(self._readable, tcp_socket)

    def _accepting_failed(self, os_error: BaseException) -> None:
        """Step 2.2.2.3 of initializing the readable stream."""
        # 2.2.2.3. If there was an error, error the stream, and handle its closing.
        if is_readable(self._readable):
            error_readable_stream(self._readable, network_error(os_error, "accepting connections"))
            self._handle_closing_the_readable_stream()

    def _handle_closing_the_readable_stream(self) -> None:
        """https://wicg.github.io/direct-sockets/#dfn-handle-closing-the-tcpserversocket-readable-stream"""
        assert self._server is not None
        # NOTE(spec): E37 once.
        if not self._readable_is_active:
            return
        self._readable_is_active = False

        def closed() -> None:
            # NOTE(spec): E14 the text resolves closed after an error, too, against what it says of it in 4.4.
            if is_errored(self._readable):
                reject(self._the_closed_promise(), stored_error_of(self._readable))
            else:
                self._resolve_closed()

        # 1. Close the socket.
        # 2. Then queue a task that resolves closed.
        def queue(_: object) -> None:
            queue_a_task(closed)

        queue_a_global_task_upon(self._server.close(), queue, queue)

    # §4.3, §4.5 ------------------------------------------------------------------------------------

    @property
    def opened(self) -> Promise[TCPServerSocketOpenInfo]:
        """A promise for the stream of connections, and the address.

        It rejects with a NotAllowedError, when the port is one that servers must not have; with a
        NetworkError, whose `errno` and `__cause__` tell more, when the system can not listen there; and with an
        AbortError, when the event loop ends before, or an `async with` is left. Cancelling a task that awaits
        it leaves the socket opening.
        https://wicg.github.io/direct-sockets/#dom-tcpserversocket-opened
        """
        self._begin_to_open()
        return self._the_opened_promise()

    def close(self) -> Promise[None]:
        """Close the socket: cancel its readable stream.

        A connection that was accepted but not read is closed, those that were read stay open. Cancelling a
        task that awaits the result leaves the socket closing.
        https://wicg.github.io/direct-sockets/#dom-tcpserversocket-close

        Returns:
            `closed`; or a promise rejected with an InvalidStateError, when the socket is not open (yet), or
            its stream is locked.
        """
        # 1. It has to be open.
        if self._server is None:
            return a_promise_rejected_with(InvalidStateError("the socket is not open; await `opened` first"))
        # 2. It may be closed already.
        if not self._readable_is_active:
            return self._the_closed_promise()
        # 3. Its stream must not be locked.
        if is_locked(self._readable):
            return a_promise_rejected_with(
                InvalidStateError("the stream of the socket is locked; release its reader first")
            )
        # 4. Cancel it;
        cancel_promise = cancel_readable_stream(self._readable, None)
        # 5. how that ends does not matter.
        mark_as_handled(cancel_promise)
        # 6. Return [[closedPromise]].
        return self._the_closed_promise()

    # Beyond the standard ---------------------------------------------------------------------------------

    @override
    def _close_even_if_locked(self) -> None:
        # (What nobody has read of a stream that is closing, the system having closed the socket, goes too.)
        if self._server is not None:
            mark_as_handled(cancel_readable_stream(self._readable, None))

    @override
    def _still_open(self) -> TCPServer | None:
        return self._server if self._readable_is_active else None

    @override
    def __repr__(self) -> str:
        if self._server is None:
            state = "opening" if self._opening is not None else "not opened"
            return f"<{type(self).__name__} {state}>"
        local = self._server.local
        state = "open" if self._readable_is_active else "closed"
        return f"<{type(self).__name__} {state}, {local.address} port {local.port}>"


def _close(connection: TCPConnection) -> None:
    """Close a connection that there is no use for; how that ends does not matter."""

    def closed(_: Any) -> None:
        return None

    queue_a_global_task_upon(connection.close(), closed, closed)
