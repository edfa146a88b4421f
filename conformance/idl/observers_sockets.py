"""How to see what the members of Direct Sockets, and of DOM, made of a value: mostly at the seam to the system."""

from __future__ import annotations

import ipaddress
from typing import Any

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from tests.support import settle
from tests.support.operating_system import ALL, HandmadeSystem, handmade_socket, handmade_udp_socket
from whatwg_streams import AbortController, AbortError, AbortSignal, DOMException, InvalidStateError, NotAllowedError
from whatwg_streams._platform import host

from .conversions import RefusedError
from .model import python_name
from .observers_streams import refuses
from .stage import keep
from .trial import Algorithm, Trial, observes, settled


async def opened(trial: Trial, interface: Any, **others: Any) -> HandmadeSystem:
    """An operating system that was invoked to open a socket with the value of the trial."""
    system = HandmadeSystem()
    with system.installed(ALL):
        socket = await trial.call(interface, **others)
    try:
        await settled(socket.opened)
    finally:
        socket._give_up()
    return system


def parameter(system: HandmadeSystem, trial: Trial) -> object:
    """The parameter of the same name as the option, with which the socket was opened."""
    assert trial.place.member is not None
    parameters = next(call for call in system.calls if call[0] in {"open", "open_server"})[-1]
    return getattr(parameters, python_name(trial.place.member.name))


_not_0 = refuses(TypeError, lambda value: value == 0)

# TCPSocket --------------------------------------------------------------------------------------------


@observes("TCPSocket.constructor(remoteAddress)")
async def _(trial: Trial) -> object:
    return (await opened(trial, TCPSocket, remote_port=80)).calls[0][1]


@observes("TCPSocket.constructor(remotePort)")
async def _(trial: Trial) -> object:
    return (await opened(trial, TCPSocket, remote_address="example.com")).calls[1][2]


@observes(
    "TCPSocket.constructor(options.sendBufferSize)",
    "TCPSocket.constructor(options.receiveBufferSize)",
    algorithm=_not_0,
)
@observes("TCPSocket.constructor(options.noDelay)")
@observes(
    "TCPSocket.constructor(options.keepAliveDelay)",
    algorithm=refuses(TypeError, lambda delay: delay is not None and delay < 1000),
)
async def _(trial: Trial) -> object:
    return parameter(await opened(trial, TCPSocket, remote_address="example.com", remote_port=80), trial)


@observes("TCPSocket.constructor(options.dnsQueryType)")
async def _(trial: Trial) -> object:
    return (await opened(trial, TCPSocket, remote_address="example.com", remote_port=80)).calls[0][2]


def _content(data: memoryview | None) -> bytes:
    if data is None:
        raise RefusedError(TypeError)
    return bytes(data)


@observes("TCPSocket.write(chunk)", algorithm=_content)
async def _(trial: Trial) -> object:
    socket, info, connection = await handmade_socket()
    keep(socket)
    with info.writable.get_writer() as writer:
        await settled(await trial.call(writer.write))
    return bytes(connection.written)


# UDPSocket --------------------------------------------------------------------------------------------


@observes("UDPSocket.constructor(options.remoteAddress)", algorithm=refuses(TypeError, lambda address: address is None))
async def _(trial: Trial) -> object:
    return (await opened(trial, UDPSocket, remote_port=53)).calls[0][1]


@observes("UDPSocket.constructor(options.remotePort)", algorithm=refuses(TypeError, lambda port: port is None))
async def _(trial: Trial) -> object:
    return (await opened(trial, UDPSocket, remote_address="example.com")).calls[1][3]


def ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise RefusedError(TypeError) from None


@observes(
    "UDPSocket.constructor(options.localAddress)", "TCPServerSocket.constructor(localAddress)", algorithm=ip_address
)
async def _(trial: Trial) -> object:
    interface = UDPSocket if trial.place.interface == "UDPSocket" else TCPServerSocket
    system = await opened(trial, interface)
    addresses: Any = system.calls[0][2] if interface is UDPSocket else system.calls[0][1]
    return addresses if isinstance(addresses, str) else addresses[0]


def port_from(first: int, *, without: int | None) -> Algorithm:
    """Port 0 is refused at once, and those below the first later."""

    def algorithm(port: int | None) -> int | None:
        if port is None:
            return without
        if port < first:
            raise RefusedError(NotAllowedError if port else TypeError)
        return port

    return algorithm


@observes("UDPSocket.constructor(options.localPort)", algorithm=port_from(1024, without=0))
async def _(trial: Trial) -> object:
    return (await opened(trial, UDPSocket, local_address="9.9.9.9")).calls[0][3]


@observes(
    "UDPSocket.constructor(options.sendBufferSize)",
    "UDPSocket.constructor(options.receiveBufferSize)",
    algorithm=_not_0,
)
@observes("UDPSocket.constructor(options.ipv6Only)")
@observes("UDPSocket.constructor(options.multicastTimeToLive)")
@observes("UDPSocket.constructor(options.multicastLoopback)")
@observes("UDPSocket.constructor(options.multicastAllowAddressSharing)", algorithm=bool)
async def _(trial: Trial) -> object:
    return parameter(await opened(trial, UDPSocket, local_address="::"), trial)


@observes("UDPSocket.constructor(options.dnsQueryType)")
async def _(trial: Trial) -> object:
    return (await opened(trial, UDPSocket, remote_address="example.com", remote_port=53)).calls[0][2]


async def sent(trial: Trial, **members: Any) -> tuple[bytes, Any]:
    """The datagram, and its destination, that comes of a message with the value of the trial."""
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    keep(socket)
    message = {"data": b"ping", "remote_address": "example.com", "remote_port": 53, **members}
    if trial.place.member is not None:
        message.pop(python_name(trial.place.member.name), None)
    with info.writable.get_writer() as writer:
        others = {"chunk": message} if trial.place.member is not None else {}
        await settled(await trial.call(writer.write, **others))
    return datagrams.sent[0]


@observes("UDPSocket.write(chunk)", algorithm=refuses(TypeError, lambda _: True))
async def _(trial: Trial) -> object:
    return await sent(trial)


@observes("UDPSocket.write(chunk.data)", algorithm=_content)
async def _(trial: Trial) -> object:
    return (await sent(trial))[0]


@observes("UDPSocket.write(chunk.remoteAddress)", algorithm=refuses(TypeError, lambda address: address is None))
async def _(trial: Trial) -> object:
    return (await sent(trial))[1].address


@observes("UDPSocket.write(chunk.remotePort)", algorithm=refuses(TypeError, lambda port: port is None))
async def _(trial: Trial) -> object:
    return (await sent(trial))[1].port


@observes("UDPSocket.write(chunk.dnsQueryType)")
async def _(trial: Trial) -> object:
    return (await sent(trial))[1].dns_query_type


# MulticastController ----------------------------------------------------------------------------------


def group(text: str) -> str:
    address = ip_address(text)
    if not ipaddress.ip_address(address).is_multicast:
        raise RefusedError(TypeError)
    return address


def source(text: str | None) -> str | None:
    """A source of 232.1.1.1."""
    if text is None:
        return None
    address = ipaddress.ip_address(ip_address(text))
    if address.version != 4 or address.is_multicast or address.is_unspecified or address.is_loopback:
        raise RefusedError(TypeError)
    return str(address)


async def _controller() -> tuple[Any, Any]:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    keep(socket)
    return info.multicast_controller, datagrams


@observes("MulticastController.joinGroup(groupAddress)", algorithm=group)
async def _(trial: Trial) -> object:
    controller, _ = await _controller()
    await settled(await trial.call(controller.join_group))
    return controller.joined_groups[0]


@observes("MulticastController.joinGroup(options.sourceAddress)", algorithm=source)
async def _(trial: Trial) -> object:
    controller, datagrams = await _controller()
    await settled(await trial.call(controller.join_group, group_address="232.1.1.1"))
    return datagrams.calls[-1][2]


def joined(text: str) -> str:
    """One of two groups that were joined."""
    address = ip_address(text)
    if address != "224.0.0.1":
        raise RefusedError(InvalidStateError)
    return address


@observes("MulticastController.leaveGroup(groupAddress)", algorithm=joined)
async def _(trial: Trial) -> object:
    controller, datagrams = await _controller()
    await settled(controller.join_group("224.0.0.1"))
    await settled(await trial.call(controller.leave_group))
    return datagrams.calls[-1][1]


def joined_from(text: str | None) -> str | None:
    """232.1.1.1 was joined from 10.0.0.1, and without a source."""
    address = None if text is None else ip_address(text)
    if address not in {None, "10.0.0.1"}:
        raise RefusedError(InvalidStateError)
    return address


@observes("MulticastController.leaveGroup(options.sourceAddress)", algorithm=joined_from)
async def _(trial: Trial) -> object:
    controller, datagrams = await _controller()
    await settled(controller.join_group("232.1.1.1"))
    await settled(controller.join_group("232.1.1.1", source_address="10.0.0.1"))
    await settled(await trial.call(controller.leave_group, group_address="232.1.1.1"))
    return datagrams.calls[-1][2]


# TCPServerSocket --------------------------------------------------------------------------------------


@observes("TCPServerSocket.constructor(options.localPort)", algorithm=port_from(32678, without=None))
@observes("TCPServerSocket.constructor(options.backlog)", algorithm=_not_0)
@observes("TCPServerSocket.constructor(options.ipv6Only)")
async def _(trial: Trial) -> object:
    return parameter(await opened(trial, TCPServerSocket, local_address="::"), trial)


# DOM --------------------------------------------------------------------------------------------------


def _reason(reason: object) -> object:
    return "AbortError" if reason is None else reason


def _reason_of(signal: AbortSignal) -> object:
    return "AbortError" if type(signal.reason) is AbortError else signal.reason


@observes("AbortController.abort(reason)", algorithm=_reason)
async def _(trial: Trial) -> object:
    controller = AbortController()
    await trial.call(controller.abort)
    return _reason_of(controller.signal)


@observes("AbortSignal.abort(reason)", algorithm=_reason)
async def _(trial: Trial) -> object:
    return _reason_of(await trial.call(AbortSignal.abort))


@observes("AbortSignal.timeout(milliseconds)")
async def _(trial: Trial) -> object:
    asked: list[float] = []

    class Timer:
        def cancel(self) -> None:
            pass

    def run_steps_after_a_timeout(milliseconds: float, steps: object) -> Timer:
        asked.append(milliseconds)
        return Timer()

    before = host.set_timer(run_steps_after_a_timeout)
    try:
        await trial.call(AbortSignal.timeout)
    finally:
        host.set_timer(before)
    return asked[0]


@observes("AbortSignal.any(signals)", algorithm=len)
async def _(trial: Trial) -> object:
    signal = await trial.call(AbortSignal.any)
    await settle()
    return len(signal._source_signals)


@observes("DOMException.constructor(message)")
async def _(trial: Trial) -> object:
    return (await trial.call(DOMException)).message


@observes("DOMException.constructor(name)")
async def _(trial: Trial) -> object:
    return (await trial.call(DOMException)).name
