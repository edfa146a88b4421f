"""One socket used by many tasks at once: everything comes in the order of the calls, once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

from direct_sockets import TCPServerSocket, TCPSocket, UDPMessage, UDPSocket, UDPSocketOpenInfo
from tests.support import settle
from tests.support.operating_system import ALL, BOTH, connection, plain_udp_socket, receive_from
from whatwg_streams import InvalidStateError

TASKS = 50
EACH = 20
DATA = random.Random(7).randbytes(2**20)


async def test_many_tasks_write_to_one_connection() -> None:
    async with connection() as (_, info, peer):
        with info.writable.get_writer() as writer:
            order: list[bytes] = []

            async def write(task: int) -> None:
                for number in range(EACH):
                    line = f"task {task} line {number}\n".encode()
                    order.append(line)
                    await writer.write(line)

            receiving = asyncio.create_task(peer.receive_all())
            await asyncio.gather(*map(write, range(TASKS)))
            await writer.close()
        assert await receiving == b"".join(order)


async def test_many_tasks_read_from_one_connection() -> None:
    async with connection() as (_, info, peer):
        sending = asyncio.create_task(peer.send(DATA))
        received: list[bytes] = []
        with info.readable.get_reader(mode="byob") as reader:

            async def read() -> None:
                while len(received) < 1024:
                    result = await reader.read(bytearray(1024), min=1024)
                    assert result.value is not None
                    received.append(bytes(result.value))

            # Each read is a whole KiB, so that those of the last calls, beyond 1024 of them, get the rest.
            readers = [asyncio.create_task(read()) for _ in range(TASKS)]
            while len(received) < 1024:
                await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
            await sending
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        assert b"".join(received) == DATA


async def test_reads_are_answered_in_the_order_of_the_calls() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            reads = [reader.read() for _ in range(TASKS)]
            for number in range(TASKS):
                await peer.send(bytes([number]))
                result = await reads[number]
                assert result.value is not None
                assert bytes(result.value) == bytes([number])


async def test_tasks_that_are_cancelled_among_many_lose_nothing() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader() as reader:
            tasks = [asyncio.ensure_future(_value_of(reader)) for _ in range(TASKS)]
            await settle()
            for task in tasks[::2]:
                task.cancel()
            await settle()
            for number in range(TASKS // 2):
                await peer.send(bytes([number]))
                assert await tasks[2 * number + 1] == bytes([number])
            assert all(task.cancelled() for task in tasks[::2])


async def _value_of(reader: Any) -> bytes:
    return bytes((await reader.read()).value)


async def test_reading_and_writing_at_once_hold_each_other_up_in_nothing() -> None:
    async with connection() as (_, info, peer):

        async def echo() -> None:
            while data := await peer.receive():
                await peer.send(data)
            peer.finish()

        async def write() -> None:
            with info.writable.get_writer() as writer:
                for start in range(0, len(DATA), 10_000):
                    await writer.write(DATA[start : start + 10_000])
                await writer.close()

        async def read() -> bytes:
            return b"".join([bytes(chunk) async for chunk in info.readable])

        received, _, _ = await asyncio.gather(read(), write(), echo())
        assert received == DATA


async def test_many_tasks_await_one_socket() -> None:
    async with connection() as (socket, info, _):
        assert await asyncio.gather(*(socket.opened for _ in range(TASKS))) == [info] * TASKS
        closed = [asyncio.ensure_future(_closed(socket)) for _ in range(TASKS)]
        await settle()
        closed[0].cancel()
        await asyncio.gather(*(socket.close() for _ in range(TASKS)))
        outcomes = await asyncio.gather(*closed, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] + [type(None)] * (TASKS - 1)


async def _closed(socket: TCPSocket) -> None:
    await socket.closed


async def test_a_socket_that_a_task_uses_is_not_closed_by_another() -> None:
    async with connection() as (socket, info, _):
        with info.readable.get_reader():
            outcomes = await asyncio.gather(*(socket.close() for _ in range(TASKS)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {InvalidStateError}
        await socket.close()


async def test_many_tasks_accept_from_one_server() -> None:
    with BOTH:
        server = TCPServerSocket("127.0.0.1")
    async with server as info:
        with info.readable.get_reader() as reader:
            accepts = [reader.read() for _ in range(TASKS)]
            with BOTH:
                clients = [TCPSocket("127.0.0.1", info.local_port) for _ in range(TASKS)]
            infos = await asyncio.gather(*(client.opened for client in clients))
            accepted = [(await accept).value for accept in accepts]
            ports = {(await one.opened).remote_port for one in accepted}
            assert ports == {one.local_port for one in infos}
            for one in (*clients, *accepted):
                await one.close()


# UDP ---------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _bound() -> AsyncIterator[UDPSocketOpenInfo]:
    with ALL:
        socket = UDPSocket(local_address="127.0.0.1")
    async with socket as info:
        yield info


async def test_many_tasks_send_datagrams() -> None:
    with plain_udp_socket() as peer:
        port = peer.getsockname()[1]
        order: list[bytes] = []
        async with _bound() as info:
            with info.writable.get_writer() as writer:

                async def send(task: int) -> None:
                    for number in range(EACH):
                        data = f"task {task} datagram {number}".encode()
                        order.append(data)
                        await writer.write(UDPMessage(data, "127.0.0.1", port))
                        received.append((await receive_from(peer))[0])  # (not more than the system's buffer holds)

                received: list[bytes] = []
                await asyncio.gather(*(send(task) for task in range(5)))
        assert sorted(received) == sorted(order)
        for task in range(5):
            mine = [data for data in received if data.startswith(b"task %d " % task)]
            assert mine == [b"task %d datagram %d" % (task, number) for number in range(EACH)]


async def test_datagrams_that_are_written_at_once_go_in_the_order_of_the_calls() -> None:
    with plain_udp_socket() as peer:
        port = peer.getsockname()[1]
        async with _bound() as info:
            with info.writable.get_writer() as writer:
                writes = [writer.write(UDPMessage(b"%d" % number, "127.0.0.1", port)) for number in range(TASKS)]
                await asyncio.gather(*writes)
        assert [(await receive_from(peer))[0] for _ in range(TASKS)] == [b"%d" % number for number in range(TASKS)]


async def test_datagrams_are_read_in_the_order_of_the_calls() -> None:
    with plain_udp_socket() as peer:
        async with _bound() as info:
            with info.readable.get_reader() as reader:
                reads = [reader.read() for _ in range(TASKS)]
                for number in range(TASKS):
                    peer.sendto(b"%d" % number, ("127.0.0.1", info.local_port))
                results = await asyncio.gather(*reads)
        assert [result.value.data for result in results] == [b"%d" % n for n in range(TASKS)]


async def test_many_tasks_join_and_leave_groups() -> None:
    async with _bound() as info:
        controller = info.multicast_controller
        assert controller is not None
        groups = [f"239.0.1.{number}" for number in range(10)]  # Linux allows 20
        await asyncio.gather(*map(controller.join_group, groups))
        assert list(controller.joined_groups) == groups
        again = await asyncio.gather(*map(controller.join_group, groups), return_exceptions=True)
        assert {type(outcome) for outcome in again} == {InvalidStateError}
        await asyncio.gather(*map(controller.leave_group, groups))
        assert controller.joined_groups == ()
