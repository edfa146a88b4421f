"""The commands udp and multicast: datagrams between standard input and output."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, final

from whatwg_streams import AbortController, Promise, TransformStream
from whatwg_streams.other_specs import mark_as_handled

from .._options import UDPMessage
from .._permissions import not_allowed_error
from .._udp_socket import UDPSocket
from .framing import framing
from .session import UsageError, its_type_errors_are_usage_errors, options_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from whatwg_streams import TransformStreamDefaultController

    from .._options import UDPSocketOpenInfo
    from .session import Session

_OPTIONS: Final = (
    "send_buffer_size",
    "receive_buffer_size",
    "multicast_time_to_live",
    "multicast_loopback",
    "multicast_allow_address_sharing",
)

#: The reason to stop that is no failure.
_DONE: Final = object()


async def udp(arguments: argparse.Namespace, session: Session) -> None:
    """Send and receive datagrams, in connected or in bound mode."""
    options = options_of(arguments, *_OPTIONS, "local_address", "local_port", "ipv6_only")
    is_bound = arguments.local_address is not None
    to = _destination_of(arguments)
    if not is_bound:
        options["dns_query_type"] = arguments.dns_query_type
        if to is not None:
            raise UsageError("--to: only with --local-address")
    with its_type_errors_are_usage_errors():
        socket = UDPSocket(remote_address=arguments.host, remote_port=arguments.port, **options)
    async with socket as info:
        if is_bound:
            session.console.note(f"bound to {info.local_address} port {info.local_port}")
        else:
            local = f"{info.local_address} port {info.local_port}"
            session.console.detail(f"connected to {info.remote_address} port {info.remote_port} from {local}")
        exchange = _Exchange(arguments, session)
        if is_bound:
            exchange.address_messages(to, arguments.dns_query_type)
        await exchange.run(info)


def _destination_of(arguments: argparse.Namespace) -> tuple[str, int] | None:
    if arguments.to is None:
        return None
    host, port = arguments.to
    if not port.isdecimal():
        raise UsageError(f"--to: {port!r} is no port")
    return host, int(port)


async def multicast(arguments: argparse.Namespace, session: Session) -> None:
    """Join a group, and send to it."""
    group, port = arguments.host, arguments.port
    only_sends = arguments.count == 0
    options = options_of(arguments, *_OPTIONS)
    local_address = arguments.local_address or ("::" if ":" in group else "0.0.0.0")  # noqa: S104 - that is asked for
    local_port = port if arguments.local_port is None and not only_sends else arguments.local_port
    with its_type_errors_are_usage_errors():
        socket = UDPSocket(local_address=local_address, local_port=local_port, **options)
    async with socket as info:
        if not only_sends:
            await _join(info, group, arguments.source)
            session.console.note(f"joined {group}, bound to {info.local_address} port {info.local_port}")
        exchange = _Exchange(arguments, session)
        exchange.address_messages((group, port), None)
        await exchange.run(info)


async def _join(info: UDPSocketOpenInfo, group: str, sources: Sequence[str | None]) -> None:
    if info.multicast_controller is None:
        raise not_allowed_error("direct-sockets-multicast", f"joining the group {group}")
    with its_type_errors_are_usage_errors():
        for source in sources or (None,):
            await info.multicast_controller.join_group(group, source_address=source)


@final
class _Exchange:
    """Datagrams both ways, until it is time to end.

    It ends when as many have been received as were asked for, when it has been idle for as long as was said, or,
    when none is to be received, when standard input has been sent; and when sending or receiving fails.
    """

    def __init__(self, arguments: argparse.Namespace, session: Session) -> None:
        self._session = session
        self._lines: bool = arguments.lines
        self._size: int = arguments.size
        self._count: int | None = arguments.count
        self._idle: float | None = arguments.idle
        self._timer: asyncio.TimerHandle | None = None
        self._stop = AbortController()
        self._dns_query_type: Any = None
        self._destination: Promise[tuple[str, int]] | None = None  # in bound mode
        self._answers_the_last_sender = False
        self._somebody_has_sent = Promise.with_resolvers()

    def address_messages(self, to: tuple[str, int] | None, dns_query_type: Any) -> None:
        """Send to this host and port; without any, to whoever has sent last."""
        self._dns_query_type = dns_query_type
        if to is None:
            self._answers_the_last_sender = True
            self._destination = self._somebody_has_sent.promise
        else:
            self._destination = Promise.resolve(to)

    async def run(self, info: UDPSocketOpenInfo) -> None:
        """Send and receive."""
        frames = TransformStream[Any, Any](framing(lines=self._lines, size=self._size))
        outgoing = TransformStream[Any, Any]({"transform": self._address})
        incoming = TransformStream[Any, Any]({"transform": self._unpack})
        sending = self._session.input.pipe_through(frames).pipe_through(outgoing).pipe_to(info.writable)
        receiving = info.readable.pipe_through(incoming).pipe_to(
            self._session.output, prevent_close=True, prevent_abort=True, signal=self._stop.signal
        )
        sending.then(self._input_has_been_sent, self._stop.abort)
        ended = receiving.catch(lambda reason: None if reason is _DONE else Promise.reject(reason))
        mark_as_handled(ended)  # when this task is cancelled, nobody waits for it any more
        self._something_happened()
        try:
            await ended
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _input_has_been_sent(self, _: object) -> None:
        if self._count == 0:
            self._stop.abort(_DONE)

    def _something_happened(self) -> None:
        if self._idle is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._stop.abort, _DONE)

    async def _address(self, data: bytes, controller: TransformStreamDefaultController) -> None:
        """From payloads to messages."""
        if self._destination is None:
            controller.enqueue(UDPMessage(data))
        else:
            address, port = await self._destination
            controller.enqueue(UDPMessage(data, address, port, self._dns_query_type))
        self._session.sent.count(len(data))
        self._something_happened()

    def _unpack(self, message: UDPMessage, controller: TransformStreamDefaultController) -> None:
        """From messages to payloads."""
        received = self._session.received
        if self._count is not None and received.chunks >= self._count:
            return
        received.count(len(message.data))
        self._something_happened()
        if message.remote_address is not None and message.remote_port is not None:
            self._session.console.detail(
                f"{len(message.data)} bytes from {message.remote_address} port {message.remote_port}"
            )
            if self._answers_the_last_sender:
                self._destination = Promise.resolve((message.remote_address, message.remote_port))
                self._somebody_has_sent.resolve((message.remote_address, message.remote_port))
        controller.enqueue(message.data + b"\n" if self._lines else message.data)
        if received.chunks == self._count:
            controller.terminate()
