"""The commands connect and listen: a TCP connection between standard input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whatwg_streams import AbortController, NetworkError, Promise, TransformStream
from whatwg_streams.other_specs import UntilSettled, mark_as_handled

from .._tcp_server_socket import TCPServerSocket
from .._tcp_socket import TCPSocket
from .session import its_type_errors_are_usage_errors, options_of

if TYPE_CHECKING:
    import argparse

    from .._options import TCPServerSocketOpenInfo
    from .session import Session


async def connect(arguments: argparse.Namespace, session: Session) -> None:
    """Connect to a server, and pipe."""
    options = options_of(
        arguments, "send_buffer_size", "receive_buffer_size", "no_delay", "keep_alive_delay", "dns_query_type"
    )
    with its_type_errors_are_usage_errors():
        socket = TCPSocket(arguments.host, arguments.port, **options)
    await _pipe(socket, arguments, session)


async def listen(arguments: argparse.Namespace, session: Session) -> None:
    """Pipe the connections that come in: one, or one after the other."""
    options = options_of(arguments, "local_port", "backlog", "ipv6_only")
    with its_type_errors_are_usage_errors():
        server = TCPServerSocket(arguments.local_address, **options)
    async with server as info:
        session.console.note(f"listening on {info.local_address} port {info.local_port}")
        if arguments.keep_open:
            await _pipe_all_of(info, arguments, session)
            return
        connection = await _next_of(info)
    # (The server is closed: others are refused.)
    await _pipe(connection, arguments, session)


async def _next_of(info: TCPServerSocketOpenInfo) -> TCPSocket:
    with info.readable.get_reader() as reader:
        connection = (await reader.read()).value
    assert connection is not None  # nobody but us closes the server
    return connection


async def _pipe_all_of(info: TCPServerSocketOpenInfo, arguments: argparse.Namespace, session: Session) -> None:
    async for connection in info.readable:
        try:
            await _pipe(connection, arguments, session)
            await session.output_is_written()
        except NetworkError as error:  # of this connection; others may go well
            session.console.error(error)


async def _pipe(socket: TCPSocket, arguments: argparse.Namespace, session: Session) -> None:
    """Pipe standard input into the connection, and the connection to standard output.

    It ends when both directions have ended, and is closed when one of them fails. One case is different: when
    the other side takes no more it may have sent why, so that is received before the error is told.
    """
    end_with_peer = session.input_is_a_terminal if arguments.end_with_peer is None else arguments.end_with_peer
    stop_sending = AbortController()
    sent, received = TransformStream(session.sent), TransformStream(session.received)
    async with socket as info:
        remote = f"{info.remote_address} port {info.remote_port}"
        session.console.detail(f"connected to {remote} from {info.local_address} port {info.local_port}")
        # What there is of standard input is for the next connection, if this one ends early.
        feeding = session.input.pipe_to(sent.writable, prevent_cancel=True)
        sending = sent.readable.pipe_to(info.writable, signal=stop_sending.signal)
        receiving = info.readable.pipe_through(received).pipe_to(session.output, prevent_close=True, prevent_abort=True)

        def sending_failed(error: Exception) -> Promise[Any]:
            if stop_sending.signal.aborted:
                return Promise.resolve()
            if isinstance(error, NetworkError):
                return receiving.then(lambda _: Promise.reject(error))
            return Promise.reject(error)

        if end_with_peer:
            receiving.then(lambda _: stop_sending.abort(), lambda _: None)
        both = Promise.all([receiving, sending.catch(sending_failed)])
        # (When this task is cancelled, nobody waits for them any more; errors of the one are those of the other.)
        mark_as_handled(feeding)
        mark_as_handled(both)
        await both
    await UntilSettled(feeding)
    session.console.detail(f"closed the connection to {remote}")
