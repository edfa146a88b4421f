"""§2 UDPSocket interface: https://wicg.github.io/direct-sockets/#udpsocket-interface

Repairs of the text are marked `NOTE(spec)` with the number they have in the project's table of them.

NOTE(spec): E4 "active" is not defined. A side is active until the steps to handle its closing have run.
NOTE(spec): E40 closing and aborting do not wait for anything, for there is nothing to shut down.
NOTE(spec): E44 a side that was aborted without a reason has None for its error, and closed an AbortError.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override

from whatwg_streams import (
    NotAllowedError,
    Promise,
    ReadableStream,
    WritableStream,
)
from whatwg_streams.other_specs import (
    a_promise_rejected_with,
    enqueue_all_into_readable_stream,
    error_readable_stream,
    fast_paths_are_enabled,
    is_readable,
    new,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark,
    reject,
    resolve,
    set_up_readable_stream,
    set_up_writable_stream,
)

from . import _asyncio_os
from ._addresses import IPV6_UNSPECIFIED, is_private_network_address, parse_ip_address
from ._errors import network_error
from ._multicast_controller import new_multicast_controller
from ._operating_system import Destination, ResolvedAddress, UDPSocketParameters, current_operating_system
from ._options import (
    UDPMessage,
    UDPSocketOpenInfo,
    convert_udp_message,
    convert_udp_socket_options,
    is_plain,
    messages_of,
)
from ._permissions import current_policy, not_allowed_error
from ._shutdown import close_at_shutdown
from ._socket_of_two_streams import SocketOfTwoStreams
from ._steps import queue_a_global_task_upon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._addresses import IPAddress
    from ._multicast_controller import MulticastController
    from ._operating_system import Answer, DatagramSocket, OperatingSystem, SocketDnsQueryType, UDPMode, UDPPacket
    from ._options import UDPSocketOptions
    from ._permissions import PermissionsPolicy

#: NOTE(spec): E6 the high water marks are implementation-defined. Of the readable side, in packets:
READABLE_HIGH_WATER_MARK: Final = 32
#: and of the writable side, in chunks:
WRITABLE_HIGH_WATER_MARK: Final = 1

#: Local ports below it are not given to anybody.
FIRST_UNPRIVILEGED_PORT: Final = 1024


class UDPSocket(SocketOfTwoStreams[UDPSocketOpenInfo]):
    """A socket that sends and receives datagrams: https://wicg.github.io/direct-sockets/#udpsocket-interface

    With `remote_address` and `remote_port` it is connected: it sends to that host and receives from it. With
    `local_address` it is bound: it receives from anywhere, and each message that is written says where it
    goes to. The socket is opened at once; await `opened` for its streams. Or let `async with` do both, and
    close it in the end:

        async with UDPSocket(remote_address="example.com", remote_port=53) as info:
            with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
                await writer.write(UDPMessage(b"ping"))
                message = (await reader.read()).value

    Datagrams that nobody reads stay in the system's buffer, beyond the first few; the system drops what
    comes when that is full. In connected mode, when the other host says that nobody receives at the port,
    the next receive fails: the readable side is errored with a NetworkError, the writable side goes on.

    It has to be allowed: see `PermissionsPolicy`. Bound mode needs the feature "direct-sockets-private",
    and the options for multicast need "direct-sockets-multicast".

    Args:
        remote_address: a host name or an IP address to connect to.
        remote_port: the port to connect to.
        local_address: the IP address to bind to; "0.0.0.0" and "::" are all of this host.
        local_port: the port to bind to, 1024 or more; without it, the system chooses one.
        send_buffer_size: of the system's buffer, in bytes.
        receive_buffer_size: of the system's buffer, in bytes.
        dns_query_type: "ipv4" or "ipv6", to look up addresses of one kind only; in connected mode.
        ipv6_only: whether a socket that is bound to "::" is for IPv6 only; without it, that is the
            system's choice.
        multicast_time_to_live: how many routers datagrams to multicast groups may pass, and one; by
            default they do not leave the network.
        multicast_loopback: whether this host receives datagrams that it sends to groups it has joined; it
            does by default.
        multicast_allow_address_sharing: whether others may bind to the same address and port, who allow
            it as well; in bound mode.

    Raises:
        TypeError: an argument is of another type, or out of range, or does not go with another.
        NotAllowedError: the feature "direct-sockets" is not granted, or one for multicast is needed.
    """

    __slots__ = ("_multicast_controller", "_socket")

    _readable: ReadableStream[UDPMessage]

    _socket: DatagramSocket | None
    _multicast_controller: MulticastController | None

    def __init__(
        self,
        *,
        remote_address: str | None = None,
        remote_port: int | None = None,
        local_address: str | None = None,
        local_port: int | None = None,
        send_buffer_size: int | None = None,
        receive_buffer_size: int | None = None,
        dns_query_type: SocketDnsQueryType | None = None,
        ipv6_only: bool | None = None,
        multicast_time_to_live: int | None = None,
        multicast_loopback: bool | None = None,
        multicast_allow_address_sharing: bool | None = None,
    ) -> None:
        # NOTE(spec): E23 conversions come first, as Web IDL has it.
        options = convert_udp_socket_options(
            dns_query_type=dns_query_type,
            ipv6_only=ipv6_only,
            local_address=local_address,
            local_port=local_port,
            multicast_allow_address_sharing=multicast_allow_address_sharing,
            multicast_loopback=multicast_loopback,
            multicast_time_to_live=multicast_time_to_live,
            receive_buffer_size=receive_buffer_size,
            remote_address=remote_address,
            remote_port=remote_port,
            send_buffer_size=send_buffer_size,
        )
        policy = current_policy()
        # 1. Is it allowed? NOTE(spec): E25 nothing is that was not granted.
        if not policy.is_allowed("direct-sockets"):
            raise not_allowed_error("direct-sockets")
        # 2. And the options of multicast, if there are any?
        if not policy.is_allowed("direct-sockets-multicast"):
            for name in ("multicast_time_to_live", "multicast_loopback", "multicast_allow_address_sharing"):
                if getattr(options, name) is not None:
                    raise not_allowed_error("direct-sockets-multicast", f"the option {name}")
        # 3. to 11. Which mode is it, and do the options go with it?
        mode, local = _infer_mode(options)
        self._initialize()
        # 12. In parallel:
        operating_system = current_operating_system.get() or _asyncio_os.REAL
        self._open_in_parallel(operating_system, lambda: self._open(operating_system, mode, local, options, policy))

    @override
    def _initialize(self) -> None:
        """The initial values of the internal slots."""
        super()._initialize()
        self._socket = None
        self._multicast_controller = None

    async def _open(
        self,
        operating_system: OperatingSystem,
        mode: UDPMode,
        local: IPAddress | None,
        options: UDPSocketOptions,
        policy: PermissionsPolicy,
    ) -> None:
        """The steps of the constructor that run in parallel."""
        private_network_is_allowed = policy.is_allowed("direct-sockets-private")
        addresses: Sequence[ResolvedAddress]
        if local is None:
            doing = f"connecting to {options.remote_address} port {options.remote_port}"
        else:
            doing = f"binding to {options.local_address} port {options.local_port or 'of any number'}"
        try:
            if local is None:
                assert options.remote_address is not None
                assert options.remote_port is not None
                port = options.remote_port
                # 12.1. In connected mode, if the address resolves to one of the private network, which is
                # not allowed,
                # NOTE(spec): E21 any of them refuses, and no others are connected to.
                addresses = await operating_system.resolve(options.remote_address, options.dns_query_type)
                if not private_network_is_allowed and any(is_private_network_address(one.address) for one in addresses):
                    # 12.1.1. and 12.1.2. reject both promises.
                    # NOTE(spec): E9 and stop; the text goes on to open the socket.
                    self._reject_both_promises(not_allowed_error("direct-sockets-private", doing))
                    return
            else:
                port = options.local_port or 0
                addresses = [ResolvedAddress(local)]
                # 12.2. In bound mode, if the private network is not allowed, or the port is a privileged one,
                # 12.2.1. and 12.2.2. reject both promises.
                # NOTE(spec): E9 as above.
                if not private_network_is_allowed:
                    self._reject_both_promises(not_allowed_error("direct-sockets-private", doing))
                    return
                # NOTE(spec): E19 a port that is absent is not compared.
                if options.local_port is not None and options.local_port < FIRST_UNPRIVILEGED_PORT:
                    self._reject_both_promises(NotAllowedError(f"{doing}: no port below 1024 is allowed"))
                    return
            # 12.3. Open a UDP socket.
            socket = await operating_system.open_a_udp_socket(mode, addresses, port, _parameters_of(options, mode))
        # 12.4. If this fails,
        except Exception as error:
            # 12.4.1. and 12.4.2. reject both promises.
            self._reject_both_promises(network_error(error, doing))
        # 12.5. On success, take these steps:
        else:
            self._opened(socket, multicast_is_allowed=policy.is_allowed("direct-sockets-multicast"))

    def _opened(self, socket: DatagramSocket, *, multicast_is_allowed: bool) -> None:
        """The steps of success."""
        self._socket = socket
        self._is_open = True
        close_at_shutdown(self)
        # NOTE(spec): E13 when the open info is filled, so is its multicast controller.
        if socket.remote is None and multicast_is_allowed:
            self._multicast_controller = new_multicast_controller(socket)
        # 12.5.1. Initialize [[readable]],
        self._initialize_readable(socket)
        # 12.5.2. and [[writable]].
        self._initialize_writable(socket)
        # 12.5.3. The open info
        open_info = UDPSocketOpenInfo(
            # 12.5.4. has the readable,
            readable=self._readable,
            # 12.5.5. the writable,
            writable=self._writable,
            # 12.5.6. and the addresses:
            # (the local one in either mode,
            local_address=socket.local.address,
            local_port=socket.local.port,
            # the remote one in connected mode.)
            remote_address=None if socket.remote is None else socket.remote.address,
            remote_port=None if socket.remote is None else socket.remote.port,
            multicast_controller=self._multicast_controller,
        )
        # 12.5.7. Resolve opened with it.
        self._resolve_opened(open_info)

    # §2.2 [[readable]] ---------------------------------------------------------------------------------

    def _initialize_readable(self, socket: DatagramSocket) -> None:
        """https://wicg.github.io/direct-sockets/#dfn-initialize-the-udpsocket-readable-stream"""
        # 1. A new stream.
        stream: ReadableStream[UDPMessage] = new(ReadableStream)

        # 2. Pulling takes these steps:
        pull_algorithm = partial(self._pull, socket)

        # 3. Cancelling takes these steps:
        def cancel_algorithm(_: object) -> None:
            # NOTE(spec): E40 a receive that is under way is given up, so that it takes no datagram.
            socket.stop_providing()
            # 3.1. handle the closing.
            self._handle_closing_the_readable_stream()
            # 3.2. That is all.

        # 4. Set up the stream with these.
        set_up_readable_stream(
            stream,
            pull_algorithm=pull_algorithm,
            cancel_algorithm=cancel_algorithm,
            high_water_mark=READABLE_HIGH_WATER_MARK,
            # NOTE(spec): E7 not before half of those that were provided are read, so that the next ones come together.
            enough=READABLE_HIGH_WATER_MARK // 2 + 1,
        )
        # 5. It is [[readable]].
        self._readable = stream
        self._readable_is_active = True

    def _pull(self, socket: DatagramSocket) -> Promise[None] | None:
        """The pull algorithm of the readable stream.

        NOTE(spec): E7 the text's promise is resolved at once, so that receives overlap and ask for more
        packets than there is room for. Ours is resolved when the one receive is done.
        """
        # 2.1. So many packets are wanted;
        desired_size = int(readable_stream_desired_size_to_fill_up_to_the_high_water_mark(self._readable))
        # 2.2. In parallel:
        # 2.2.1. provide up to that many, NOTE(spec): E6 at least one.
        # 2.2.2. Then queue a task for the steps of _received and _receiving_failed.
        # 2.3. That is all.
        answer = socket.provide(max(1, desired_size))
        return queue_a_global_task_upon(answer, self._received, self._receiving_failed)

    def _received(self, packets: Sequence[UDPPacket]) -> None:
        """Step 2.2.2.1 of initializing the readable stream."""
        # 2.2.2.1. Without errors, for each packet:
        # NOTE(spec): E11 once for each; the text nests this in steps that are for each packet already.
        # 2.2.2.1.1. its payload
        # 2.2.2.1.2. and 2.2.2.1.3. (is bytes already),
        # 2.2.2.1.4. a new message
        # 2.2.2.1.5. has it as data,
        # 2.2.2.1.6. in bound mode
        # 2.2.2.1.6.1. with the address it came from,
        # 2.2.2.1.6.2. and the port.
        messages = messages_of(packets)
        # 2.2.2.1.7. Enqueue the message.
        enqueue_all_into_readable_stream(self._readable, messages)

    def _receiving_failed(self, os_error: BaseException) -> None:
        """Step 2.2.2.2 of initializing the readable stream."""
        # 2.2.2.2. If there was an error, error the stream, which discards packets, and handle its closing.
        # NOTE(spec): E35 E48 the writable side is left as it is, also when a datagram was refused.
        if is_readable(self._readable):
            error_readable_stream(self._readable, network_error(os_error, "receiving"))
            self._handle_closing_the_readable_stream()

    # §2.3 [[writable]] ---------------------------------------------------------------------------------

    def _initialize_writable(self, socket: DatagramSocket) -> None:
        """https://wicg.github.io/direct-sockets/#dfn-initialize-the-udpsocket-writable-stream"""
        # 1. A new stream.
        stream: WritableStream[Any] = new(WritableStream)

        # 2. Its signal. NOTE(spec): E3 it has none before it is set up. (See `_signal_that_stops`.)
        # 3. Writing takes these steps:
        is_fast = fast_paths_are_enabled() and socket.remote is not None
        write_algorithm = partial(self._write_bytes if is_fast else self._write, socket)

        # 4. Aborting takes these steps:
        def abort_algorithm(_: object) -> None:
            # 4.1. handle the closing.
            self._handle_closing_the_writable_stream()
            # 4.2. That is all.

        # 5. Closing takes these steps:
        def close_algorithm() -> None:
            # 5.1. handle the closing.
            self._handle_closing_the_writable_stream()
            # 5.2. That is all.

        # 6. Set up the stream with these.
        set_up_writable_stream(
            stream,
            write_algorithm=write_algorithm,
            abort_algorithm=abort_algorithm,
            close_algorithm=close_algorithm,
            high_water_mark=WRITABLE_HIGH_WATER_MARK,
        )
        # 7. When it is aborted,
        # 7.1. a write that is under way returns as soon as possible. (See `_signal_that_stops`.)
        # 8. It is [[writable]].
        self._writable = stream
        self._writable_is_active = True

    def _write(self, socket: DatagramSocket, chunk: object) -> Promise[None] | None:
        """The write algorithm of the writable stream; None stands for a promise that is resolved already."""
        # 3.1. A promise. (See below.)
        # 3.2. Assert: nobody has aborted the stream.
        assert self._signal is None or not self._signal.aborted
        # 3.3. A new message,
        try:
            # 3.4. which the chunk has to be.
            message = convert_udp_message(chunk)
            # (Steps 3.5 and 3.6 are those of _destination_of.)
            destination = _destination_of(message, connected=socket.remote is not None)
            # NOTE(spec): E47 it has to have data, if only an empty buffer; the member is not required.
            if message.data is None:
                raise TypeError("the message has no data")
        except Exception as error:  # a TypeError, or what reading a member raises
            # NOTE(spec): E8 the text leaves it at that: the stream is errored, the socket stays open.
            self._handle_closing_the_writable_stream()
            return a_promise_rejected_with(error)
        # 3.7. The data is copied: by the operating system, before `socket.send` returns.
        # 3.8. In parallel:
        # 3.8.1. send it: 3.8.1.1. where the socket is connected to, 3.8.1.2. or to its destination.
        answer = socket.send(message.data, destination)
        # (3.8.2.1. Mostly it is sent at once.)
        # 3.8.2. Then queue a task for the steps of _settle_when_sent.
        # 3.9. Return the promise.
        return None if answer is True else self._settle_when_sent(socket, cast("Answer[bool]", answer))

    def _write_bytes(self, socket: DatagramSocket, chunk: object) -> Promise[None] | None:
        """Fast path of the write algorithm, in connected mode, for messages that need no conversion."""
        if type(chunk) is not UDPMessage or not is_plain(chunk):
            return self._write(socket, chunk)
        answer = socket.send(chunk.data, None)
        return None if answer is True else self._settle_when_sent(socket, cast("Answer[bool]", answer))

    def _settle_when_sent(self, socket: DatagramSocket, answer: Answer[bool]) -> Promise[None]:
        """Step 3.8.2 of the write algorithm."""
        promise: Promise[None] = Promise()
        signal = self._signal_that_stops(socket.stop_sending)

        # These are:
        def sent(all_of_it: bool) -> None:
            # 3.8.2.1. If it was sent, resolve the promise.
            if all_of_it:
                resolve(promise)
            # 3.8.2.3. If the stream was aborted meanwhile, reject it.
            elif signal.aborted:
                reject(promise, signal.reason)

        def failed(os_error: BaseException) -> None:
            # 3.8.2.2. If there was an error,
            # 3.8.2.2.1. reject the promise,
            reject(promise, network_error(os_error, "sending"))
            # 3.8.2.2.2. and handle the closing.
            self._handle_closing_the_writable_stream()

        queue_a_global_task_upon(answer, sent, failed)
        return promise

    # §2.4 -----------------------------------------------------------------------------------------------

    @property
    def opened(self) -> Promise[UDPSocketOpenInfo]:
        """A promise for the streams and addresses of the socket.

        It rejects with a NotAllowedError, when the host is in the private network or the socket is to be
        bound, and the feature "direct-sockets-private" is not granted, or when the port to bind to is below
        1024; with a NetworkError, whose `errno` and `__cause__` tell more, when the socket can not be opened;
        and with an AbortError, when the event loop ends before, or an `async with` is left. Cancelling a task
        that awaits it leaves the socket opening.
        https://wicg.github.io/direct-sockets/#dom-udpsocket-opened
        """
        self._begin_to_open()
        return self._the_opened_promise()

    # Beyond the standard ---------------------------------------------------------------------------------

    @override
    def _told_to_close(self) -> Answer[None]:
        assert self._socket is not None
        # NOTE(spec): E62 E63 the multicast controller is closed from here on.
        if self._multicast_controller is not None:
            self._multicast_controller._socket_was_told_to_close()
        return self._socket.close()

    @override
    def _still_open(self) -> DatagramSocket | None:
        return None if self._closed_is_settled() else self._socket

    @override
    def __repr__(self) -> str:
        if self._socket is None:
            state = "opening" if self._opening is not None else "not opened"
            return f"<{type(self).__name__} {state}>"
        state = "closed" if self._closed_is_settled() else "open"
        remote, local = self._socket.remote, self._socket.local
        where = f"{local.address} port {local.port}" if remote is None else f"to {remote.address} port {remote.port}"
        return f"<{type(self).__name__} {state}, {where}>"


def _infer_mode(options: UDPSocketOptions) -> tuple[UDPMode, IPAddress | None]:
    """Steps 3 to 11 of the constructor: the mode, and the address to bind to.

    Raises:
        TypeError: the options do not go together.
    """
    mode: UDPMode | None = None
    local = None
    # 3. An address needs a port, and the other way round.
    if (options.remote_address is None) != (options.remote_port is None):
        raise TypeError("remote_address and remote_port: one of them is missing")
    # 4. With both it is connected.
    if options.remote_address is not None:
        mode = "connected"
    # 5. A local port is not 0, and needs an address.
    if options.local_port == 0:
        raise TypeError("local_port: 0 is no port; leave it out to have the system choose one")
    if options.local_port is not None and options.local_address is None:
        raise TypeError("local_port: local_address is missing")
    # 6. With a local address
    if options.local_address is not None:
        # 6.1. it can not be connected;
        if mode == "connected":
            raise TypeError("local_address does not go with remote_address: the socket is either connected or bound")
        # 6.2. that has to be an IP address.
        local = parse_ip_address(options.local_address, "local_address")
        # 6.3. It is bound.
        mode = "bound"
    # 7. It has to be one of both.
    if mode is None:
        raise TypeError("either remote_address and remote_port or local_address is needed")
    # 8. One that is bound does not look up names yet.
    if options.dns_query_type is not None and mode == "bound":
        raise TypeError("dns_query_type: not in bound mode; each message may have one")
    # 9. Whether IPv4 is included
    if options.ipv6_only is not None:
        # 9.1. is no question of connected mode,
        if mode == "connected":
            raise TypeError("ipv6_only: not in connected mode")
        # 9.2. nor of any address but the unspecified one. NOTE(spec): E28 however that is written.
        if local != IPV6_UNSPECIFIED:
            raise TypeError('ipv6_only: local_address is not "::"')
    # 10. A buffer to send from can not be empty,
    if options.send_buffer_size == 0:
        raise TypeError("send_buffer_size: 0 bytes are no buffer")
    # 11. nor can one to receive into.
    if options.receive_buffer_size == 0:
        raise TypeError("receive_buffer_size: 0 bytes are no buffer")
    return mode, local


def _parameters_of(options: UDPSocketOptions, mode: UDPMode) -> UDPSocketParameters:
    return UDPSocketParameters(
        options.send_buffer_size,
        options.receive_buffer_size,
        options.ipv6_only,
        # NOTE(spec): E33 these two apply in connected mode as well,
        options.multicast_time_to_live,
        options.multicast_loopback,
        # and this is ignored there.
        mode == "bound" and bool(options.multicast_allow_address_sharing),
    )


def _destination_of(message: UDPMessage, *, connected: bool) -> Destination | None:
    """Steps 3.5 and 3.6 of the write algorithm.

    Raises:
        TypeError: the message has a destination in connected mode, or none in bound mode.
    """
    address, port = message.remote_address, message.remote_port
    # 3.5. In connected mode,
    if connected:
        if address is None and port is None and message.dns_query_type is None:
            return None
        raise TypeError(
            "the socket is connected: the message can not have remote_address, remote_port or dns_query_type"
        )
    # 3.6. In bound mode,
    if address is None or port is None:
        raise TypeError("the socket is bound: the message needs remote_address and remote_port")
    # NOTE(spec): E21 no check against the private network is needed here: without that permission no socket
    # is bound at all.
    return Destination(address, port, message.dns_query_type)
