"""The classes that implement the interfaces, an object of each, and a value of each type."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import direct_sockets
import whatwg_streams
from conformance.spec.model import SpecError
from tests.support.operating_system import handmade_server, handmade_socket, handmade_udp_socket
from whatwg_streams import (
    AbortController,
    ByteLengthQueuingStrategy,
    CountQueuingStrategy,
    DOMException,
    ReadableStream,
    TransformStream,
    WritableStream,
)

from .model import python_name, split_type
from .observers_streams import Recorder, source_of

if TYPE_CHECKING:
    from .model import Definitions, Member


def classes(definitions: Definitions) -> dict[str, type]:
    """The class of each interface.

    Raises:
        SpecError: one is missing.
    """
    found: dict[str, type] = {}
    for interface in definitions.of_kind("interface"):
        package = direct_sockets if definitions.file_of(interface.name) == "direct_sockets" else whatwg_streams
        one = getattr(package, interface.name, None)
        if not inspect.isclass(one):
            raise SpecError(f"{package.__name__} has no class {interface.name}")
        found[interface.name] = one
    return found


# One object of each interface -------------------------------------------------------------------------


def _controller_of(**members: Any) -> Any:
    recorder = Recorder()
    stream = ReadableStream(source_of(recorder, **members))
    if "type" in members:
        stream.get_reader(mode="byob").read(bytearray(4)).then(None, lambda _: None)
    return recorder.controller


def _writable_controller() -> Any:
    recorder = Recorder()
    WritableStream({"start": recorder.start})
    return recorder.controller


def _transform_controller() -> Any:
    recorder = Recorder()
    TransformStream({"start": recorder.start})
    return recorder.controller


_OBJECTS: Final[dict[str, Callable[[], Any]]] = {
    "AbortController": AbortController,
    "AbortSignal": lambda: AbortController().signal,
    "ByteLengthQueuingStrategy": lambda: ByteLengthQueuingStrategy(high_water_mark=16),
    "CountQueuingStrategy": lambda: CountQueuingStrategy(high_water_mark=4),
    "DOMException": lambda: DOMException("what went wrong", "DataError"),
    "ReadableByteStreamController": lambda: _controller_of(type="bytes"),
    "ReadableStream": ReadableStream,
    "ReadableStreamBYOBReader": lambda: ReadableStream(
        {"type": "bytes", "start": lambda controller: controller.enqueue(b"ab")}
    ).get_reader(mode="byob"),
    "ReadableStreamBYOBRequest": lambda: _controller_of(type="bytes").byob_request,
    "ReadableStreamDefaultController": _controller_of,
    "ReadableStreamDefaultReader": lambda: ReadableStream.from_([1]).get_reader(),
    "TransformStream": TransformStream,
    "TransformStreamDefaultController": _transform_controller,
    "WritableStream": WritableStream,
    "WritableStreamDefaultController": _writable_controller,
    "WritableStreamDefaultWriter": lambda: WritableStream().get_writer(),
}


_kept: Final[list[object]] = []


def keep(socket: object) -> None:
    """Keep a socket from being collected: it is closed when its event loop is shut down."""
    _kept.append(socket)


async def _multicast_controller() -> object:
    socket, info, _ = await handmade_udp_socket(bound=True)
    keep(socket)
    await info.multicast_controller.join_group("224.0.0.1")  # type: ignore[union-attr]
    await info.multicast_controller.join_group("232.1.1.1", source_address="10.0.0.1")  # type: ignore[union-attr]
    return info.multicast_controller


_OPENED: Final[dict[str, Callable[[], Awaitable[Any]]]] = {
    "TCPSocket": handmade_socket,
    "UDPSocket": handmade_udp_socket,
    "TCPServerSocket": handmade_server,
}


async def object_of(interface: str) -> Any:
    """A new object of an interface, in a state in which all of its attributes have a value.

    Raises:
        SpecError: nobody knows how to make one.
    """
    if interface in _OBJECTS:
        return _OBJECTS[interface]()
    if interface in _OPENED:
        socket, *_ = await _OPENED[interface]()
        keep(socket)
        return socket
    if interface == "MulticastController":
        return await _multicast_controller()
    raise SpecError(f"conformance.idl.stage does not know how to make a {interface}")


# A value of each type ---------------------------------------------------------------------------------

_VALUES: Final[dict[str, Callable[[], Any]]] = {
    "any": lambda: "whatever",
    "object": dict,
    "ArrayBufferView": lambda: bytearray(4),
    "DOMString": lambda: "224.0.0.1",
    "unsigned short": lambda: 80,
    "unsigned long long": lambda: 4,
    "async_sequence<any>": lambda: [1, 2],
    "sequence<AbortSignal>": lambda: [AbortController().signal],
    "ReadableWritablePair": TransformStream,
    "QueuingStrategyInit": dict,
}


async def value_of(type_: str) -> Any:
    name, _ = split_type(type_)
    return _VALUES[name]() if name in _VALUES else await object_of(name)


async def required_arguments(member: Member) -> dict[str, Any]:
    """Values for the arguments that an operation can not do without."""
    if member.arguments and member.arguments[0].type == "QueuingStrategyInit":
        return {"high_water_mark": 1}
    return {python_name(one.name): await value_of(one.type) for one in member.arguments if not one.optional}
