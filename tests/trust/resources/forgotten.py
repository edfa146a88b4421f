"""Sockets that nobody closes: each says once what it is and where it was opened, and is closed."""

from __future__ import annotations

import asyncio
import gc
import inspect
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPSocket
from tests.support import LOOP_FACTORIES, LoopFactory, settle
from tests.support.recording import outcome
from tests.trust.table import Row
from whatwg_streams.other_specs import fast_paths_are_enabled, mark_as_handled

from .counting import count

POLICY = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self)")
_DATA = bytes(20_000_000)  # more than the system takes


class Made(NamedTuple):
    """A socket; the function, and the words in it, that opened it; and what it takes besides."""

    socket: Any
    opened_in: Callable[..., object]
    opened_by: str
    others: tuple[Any, ...] = ()

    @property
    def where(self) -> str:
        lines, first = inspect.getsourcelines(self.opened_in)
        line = next(number for number, line in enumerate(lines, first) if f" {self.opened_by}(" in line)
        return f", opened at {__file__}:{line}"


# The sockets


async def _server() -> Made:
    with POLICY:
        server = TCPServerSocket("127.0.0.1")
    await server.opened
    return Made(server, _server, "TCPServerSocket")


async def _client() -> Made:
    server = (await _server()).socket
    info = await server.opened
    with POLICY:
        client = TCPSocket("127.0.0.1", info.local_port)
    await client.opened
    with info.readable.get_reader() as reader:
        accepted = (await reader.read()).value
    return Made(client, _client, "TCPSocket", (server, accepted))


async def _accepted() -> Made:
    client, *_, (server, accepted) = await _client()
    return Made(accepted, _server, "TCPServerSocket", (server, client))


async def _bound() -> Made:
    with POLICY:
        bound = UDPSocket(local_address="127.0.0.1")
    await bound.opened
    return Made(bound, _bound, "UDPSocket")


async def _connected() -> Made:
    receiver = (await _bound()).socket
    info = await receiver.opened
    with POLICY:
        connected = UDPSocket(remote_address="127.0.0.1", remote_port=info.local_port)
    await connected.opened
    return Made(connected, _connected, "UDPSocket", (receiver,))


# What they are in the middle of


async def _nothing(_: Any) -> object:
    return None


async def _reading(socket: Any) -> object:
    reader = (await socket.opened).readable.get_reader()
    return reader, reader.read()


async def _writing(socket: Any) -> object:
    writer = (await socket.opened).writable.get_writer()
    write = writer.write(_DATA)
    mark_as_handled(write)  # that it fails is no news
    return writer, write


async def _sending(socket: Any) -> object:
    writer = (await socket.opened).writable.get_writer()
    return writer, writer.write({"data": b"x"})


async def _half_closed(socket: Any) -> object:
    await (await socket.opened).writable.close()
    return None


Make: TypeAlias = "Callable[[], Awaitable[Made]]"
State: TypeAlias = "Callable[[Any], Awaitable[object]]"

#: The kinds of sockets, and what each of them may be in the middle of.
KINDS: dict[Make, tuple[State, ...]] = {
    _server: (_nothing, _reading),
    _client: (_nothing, _reading, _writing, _half_closed),
    _accepted: (_nothing, _reading, _writing, _half_closed),
    _bound: (_nothing, _reading),
    _connected: (_nothing, _reading, _sending),
}


def _cases(loops: Iterator[tuple[str, LoopFactory]]) -> Iterator[tuple[str, LoopFactory, Make, State]]:
    for loop_name, loop_factory in loops:
        for make, states in KINDS.items():
            for state in states:
                yield f"{make.__name__[1:]}, {state.__name__[1:]}, {loop_name}", loop_factory, make, state


async def _make(make: Make, state: State) -> tuple[Made, object]:
    made = await make()
    in_the_middle = await state(made.socket)
    await settle()
    return made, in_the_middle


# Forgetting them


def collected() -> Row:
    """Drop them: with their loop, where that watches them; else while it runs.

    (The plain algorithms ask a source for data at once, for which the loop watches its socket.)
    """
    row = Row("collected")
    for name, loop_factory, make, state in _cases(iter([("asyncio", LOOP_FACTORIES["asyncio"])])):
        count(row, f"{name}, with the loop", lambda: _collected_with_the_loop(loop_factory, make, state))  # noqa: B023
    for name, loop_factory in LOOP_FACTORIES.items() if fast_paths_are_enabled() else ():
        for make in (_client, _accepted):
            count(row, f"{make.__name__[1:]}, {name}", lambda: _collected_while_it_runs(loop_factory, make))  # noqa: B023
    return row


def loops_closed() -> Row:
    """Close their loop, as `asyncio.run` does, or without any more ado."""
    row = Row("loops closed")
    for name, loop_factory, make, state in _cases(iter(LOOP_FACTORIES.items())):
        count(row, f"{name}, shut down", lambda: _shut_down(loop_factory, make, state))  # noqa: B023
        count(row, f"{name}, closed", lambda: _closed(loop_factory, make, state))  # noqa: B023
    return row


def _collected_with_the_loop(loop_factory: LoopFactory, make: Make, state: State) -> str:
    loop = loop_factory()
    made, in_the_middle = loop.run_until_complete(_make(make, state))
    where = made.where
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del loop, made, in_the_middle
        gc.collect()
    told = [str(each.message) for each in caught if not str(each.message).startswith("unclosed event loop")]
    return _complaint(told, where)


def _collected_while_it_runs(loop_factory: LoopFactory, make: Make) -> str:
    async def forget() -> str:
        made = await make()
        where, others = made.where, made.others
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del made
            await settle()
            gc.collect()
        for other in others:
            await other.close()
        return _complaint([str(each.message) for each in caught], where)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(forget())


def _shut_down(loop_factory: LoopFactory, make: Make, state: State) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            made, _ = runner.run(_make(make, state))
        sockets = [made.socket, *made.others]
        if not all(outcome(one.closed)[0] != "pending" for one in sockets):
            return "closed has not settled"
        del made, sockets, runner
        gc.collect()
    return "; ".join(str(each.message) for each in caught)


def _closed(loop_factory: LoopFactory, make: Make, state: State) -> str:
    loop = loop_factory()
    made, in_the_middle = loop.run_until_complete(_make(make, state))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.close()
        told = [str(each.message) for each in caught]
        where = made.where
        del loop, made, in_the_middle
        gc.collect()
    if len(caught) > len(told):
        return f"it was told again when it was collected: {[str(each.message) for each in caught]}"
    return _complaint(told, where)


def _complaint(told: list[str], where: str) -> str:
    """What is wrong with the warnings, each of which is of one socket."""
    if len(set(told)) < len(told) or not all(message.startswith("unclosed <") for message in told):
        return f"something is told twice, or is not told of a socket: {told}"
    if not all(f", opened at {__file__}:" in message for message in told):
        return f"it is not told where one was opened: {told}"
    return "" if any(message.endswith(where) for message in told) else f"none was opened at {where}: {told}"
