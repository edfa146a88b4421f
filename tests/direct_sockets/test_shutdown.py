"""An event loop that ends with sockets open: nothing hangs, no descriptor is left, and both promises are settled."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket, _shutdown
from tests.support import LOOP_FACTORIES, LoopFactory, settle
from tests.support.descriptors import open_descriptors
from tests.support.operating_system import (
    ALL,
    Call,
    HandmadeSystem,
    handmade_server,
    handmade_socket,
    handmade_udp_socket,
    listening,
)
from tests.support.recording import FULFILLED, outcome, reason_of
from whatwg_streams import AbortError, Promise


@pytest.fixture
def run(loop_factory: LoopFactory) -> Callable[[Awaitable[Any]], Any]:
    """Run a coroutine as `asyncio.run` does: until it returns, and then the loop is shut down."""

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(main)

    return run


class _Marker:
    pass


async def _one_of_each() -> list[TCPServerSocket | TCPSocket | UDPSocket]:
    with ALL:
        server = TCPServerSocket("127.0.0.1")
        client = TCPSocket("127.0.0.1", (await server.opened).local_port)
        bound = UDPSocket(local_address="127.0.0.1")
        connected = UDPSocket(remote_address="127.0.0.1", remote_port=(await bound.opened).local_port)
    reader = (await server.opened).readable.get_reader()
    accepted: TCPSocket = (await reader.read()).value
    reader.release_lock()
    await client.opened
    await connected.opened
    return [server, client, accepted, bound, connected]


def test_sockets_that_are_open_are_closed_with_their_loop(run: Callable[[Any], Any]) -> None:
    before = open_descriptors()
    sockets = run(_one_of_each())
    assert len(open_descriptors()) <= len(before)
    assert [outcome(each.closed) for each in sockets] == [FULFILLED] * 5
    assert all("closed" in repr(each) for each in sockets)


def test_so_are_those_that_nobody_has_any_more(run: Callable[[Any], Any]) -> None:
    async def main() -> None:
        await _one_of_each()

    before = open_descriptors()
    gc.disable()  # it would find them before the loop ends, and warn
    try:
        run(main())
    finally:
        gc.enable()
    assert len(open_descriptors()) <= len(before)


def test_what_is_in_flight_ends_with_the_loop(run: Callable[[Any], Any]) -> None:
    async def main() -> tuple[Any, list[Promise[Any]]]:
        sockets = await _one_of_each()
        promises: list[Promise[Any]] = []
        for each in sockets:
            info: Any = await each.opened
            promises.append(info.readable.get_reader().read())
        # More than the peer, who does not read, and the system have room for; and what waits behind it.
        writer = (await sockets[1].opened).writable.get_writer()  # type: ignore[union-attr]
        promises += [writer.write(bytes(50_000_000)), writer.write(b"queued"), writer.closed]
        tasks = [asyncio.create_task(_await(promise)) for promise in promises]
        await settle()
        return sockets, promises + [Promise.resolve(task) for task in tasks]

    before = open_descriptors()
    sockets, promises = run(main())
    assert len(open_descriptors()) <= len(before)
    assert [outcome(each.closed) for each in sockets] == [FULFILLED] * 5
    assert [outcome(promise) for promise in promises if outcome(promise)[0] == "pending"] == []
    assert isinstance(reason_of(promises[6]), AbortError)


async def _await(promise: Promise[Any]) -> None:
    await promise


def test_leaving_a_block_because_the_loop_ends_closes_the_socket(run: Callable[[Any], Any]) -> None:
    async def in_a_block() -> None:
        with listening() as (_, port), ALL:
            socket = TCPSocket("127.0.0.1", port)
            async with socket as info:
                entered.append(socket)
                inside.set()
                await info.readable.get_reader().read()

    async def main() -> None:
        tasks.append(asyncio.create_task(in_a_block()))
        await inside.wait()

    inside = asyncio.Event()
    entered: list[TCPSocket] = []
    tasks: list[asyncio.Task[None]] = []
    run(main())
    assert tasks[0].cancelled()
    assert outcome(entered[0].closed) == FULFILLED


@pytest.mark.parametrize("turns", [0, 1, 5])
@pytest.mark.parametrize("call", ["resolve", "open", "open_server"])
def test_sockets_that_are_opening_are_given_up_with_their_loop(
    run: Callable[[Any], Any], call: Call, turns: int
) -> None:
    async def main() -> list[TCPSocket | UDPSocket | TCPServerSocket]:
        system = HandmadeSystem()
        system.hold(call)
        with system.installed(ALL):
            if call == "open_server":
                sockets: list[Any] = [TCPServerSocket("127.0.0.1")]
            else:
                sockets = [TCPSocket("example.com", 80)]
        with HandmadeSystem().installed(ALL):
            sockets.append(UDPSocket(local_address="127.0.0.1"))
        await settle(turns)
        return sockets

    socket, _ = run(main())
    assert isinstance(reason_of(socket.opened), AbortError)
    assert reason_of(socket.closed) is reason_of(socket.opened)
    assert repr(socket) == f"<{type(socket).__name__} not opened>"


def test_a_connect_under_way_leaves_no_descriptor(run: Callable[[Any], Any]) -> None:
    async def main() -> list[TCPSocket]:
        # Nobody answers there: in a listener's full queue a connect waits.
        with ALL:
            sockets = [TCPSocket("127.0.0.1", port) for _ in range(9)]
        for _ in range(100):
            await asyncio.sleep(0)
        return sockets

    with listening() as (listener, port):
        listener.listen(0)
        before = open_descriptors()
        sockets = run(main())
        assert len(open_descriptors()) <= len(before)
        assert [outcome(socket.closed) for socket in sockets if outcome(socket.closed)[0] == "pending"] == []


def test_an_operating_system_that_does_not_answer_does_not_keep_the_loop(
    run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shutdown, "LONGEST_WAIT", 0.01)

    async def main() -> list[Any]:
        sockets: list[Any] = []
        for make in (handmade_socket, handmade_udp_socket, handmade_server):
            socket, _, below = await make()
            below.hold("close")
            sockets.append((socket, below))
        return sockets

    for socket, below in run(main()):
        assert below.done("close") == 1
        assert outcome(socket.closed)[0] == "pending"


def test_closed_sockets_are_let_alone_and_errors_stay_errors(run: Callable[[Any], Any]) -> None:
    async def main() -> list[Any]:
        closed, _, below_closed = await handmade_socket()
        await closed.close()
        failed, info, below_failed = await handmade_socket()
        reason = ValueError("enough")
        await info.writable.abort(reason)
        return [closed, below_closed, failed, below_failed, reason]

    closed, below_closed, failed, below_failed, reason = run(main())
    assert outcome(closed.closed) == FULFILLED
    assert below_closed.done("close") == below_failed.done("close") == 1
    assert reason_of(failed.closed) is reason


def test_a_loop_that_is_closed_without_a_shutdown_closes_them_with_a_warning_for_each(
    loop_factory: LoopFactory,
) -> None:
    before = open_descriptors()
    loop = loop_factory()
    sockets = loop.run_until_complete(_one_of_each())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.close()
        assert len(open_descriptors()) <= len(before)
        del sockets, loop
        gc.collect()
    assert {str(each.category.__name__) for each in caught} == {"ResourceWarning"}
    assert [f", opened at {__file__}:" in str(each.message) for each in caught] == [True] * 5


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_all_are_closed_though_warnings_are_errors(loop_factory: LoopFactory) -> None:
    before = open_descriptors()
    loop = loop_factory()
    sockets = loop.run_until_complete(_one_of_each())
    loop.close()
    assert len(sockets) == 5
    assert len(open_descriptors()) <= len(before)


def test_a_loop_that_is_closed_says_nothing_of_sockets_that_are_closed(loop_factory: LoopFactory) -> None:
    async def close_all() -> None:
        for each in await _one_of_each():
            await each.close()

    loop = loop_factory()
    loop.run_until_complete(close_all())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop.close()
        gc.collect()


def test_a_loop_keeps_nothing_of_where_its_sockets_were_made(loop_factory: LoopFactory) -> None:
    """What keeps watch over the sockets keeps neither them nor the context they were made in."""
    kept = contextvars.ContextVar[object]("kept")

    async def main() -> None:
        kept.set(marker := _Marker())
        markers.append(weakref.ref(marker))
        for each in await _one_of_each():
            await each.close()

    markers: list[weakref.ref[Any]] = []
    loop = loop_factory()
    loop.run_until_complete(asyncio.wait_for(main(), 5))
    gc.collect()
    assert markers[0]() is None
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_sockets_of_a_loop_that_is_closed_can_be_closed_on_another(
    loop_factory: LoopFactory, run: Callable[[Any], Any]
) -> None:
    async def close_all() -> None:
        for each in sockets:
            async with asyncio.timeout(5):
                await each.close()

    before = open_descriptors()
    loop = loop_factory()
    sockets = loop.run_until_complete(_one_of_each())
    with pytest.warns(ResourceWarning, match="unclosed"):
        loop.close()
    run(close_all())
    assert len(open_descriptors()) <= len(before)


def test_sockets_of_several_loops_are_each_closed_with_their_own(run: Callable[[Any], Any]) -> None:
    first = run(_one_of_each())
    second = run(_one_of_each())
    assert [outcome(each.closed) for each in (*first, *second)] == [FULFILLED] * 10


def test_a_loop_that_is_dropped_is_collected_with_its_sockets() -> None:
    """One of asyncio, that is: uvloop keeps loops that have not been closed."""
    before = open_descriptors()
    loop = LOOP_FACTORIES["asyncio"]()
    loop.run_until_complete(_one_of_each())
    remains = weakref.ref(loop)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del loop
        gc.collect()
    assert remains() is None
    messages = [str(each.message) for each in caught if "unclosed <" in str(each.message)]
    assert [f", opened at {__file__}:" in message for message in messages if "Socket open" in message] == [True] * 5
    assert len(open_descriptors()) <= len(before)


def test_loops_are_not_kept(loop_factory: LoopFactory) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        sockets = runner.run(_one_of_each())
        remains = [weakref.ref(runner.get_loop())]
    del runner, sockets
    for shutdown in (False, True):
        loop = loop_factory()
        sockets = loop.run_until_complete(_one_of_each())
        for each in sockets:
            each._give_up()
        if shutdown:
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        remains.append(weakref.ref(loop))
        del loop, sockets, each
    gc.collect()
    assert [loop() for loop in remains] == [None] * 3
