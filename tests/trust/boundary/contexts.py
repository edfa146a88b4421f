"""Blocks in blocks, and code that runs elsewhere than it was made: in tasks, callbacks, threads, executors."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from direct_sockets import TCPServerSocket, TCPSocket, UDPSocket
from whatwg_streams import NotAllowedError

from .world import ALL, BOTH, ONE, PORT, Attempt, Socket, World, opens, reaches


def _tcp() -> TCPSocket:
    return TCPSocket("127.0.0.1", PORT)


def _udp() -> UDPSocket:
    return UDPSocket(remote_address="10.0.0.1", remote_port=PORT)


def _bound() -> UDPSocket:
    return UDPSocket(local_address="::")


def _server() -> TCPServerSocket:
    return TCPServerSocket("127.0.0.1", local_port=PORT)


Make = Callable[[], Socket]


def _is_refused(make: Make) -> bool:
    """Whether the constructor refuses at once, as it does where nothing is granted."""
    try:
        make()
    except NotAllowedError:
        return True
    return False


# Blocks -------------------------------------------------------------------------------------------------


async def _wider_inside(make: Make, _: World) -> bool:
    with ONE, ALL, BOTH:
        return await reaches(make)


async def _between(make: Make, _: World) -> bool:
    with ALL, ONE, ALL:
        return await reaches(make)


async def _after(make: Make, _: World) -> bool:
    with ALL:
        pass
    with ONE:
        return await reaches(make) or not _is_refused_outside(make)


def _is_refused_outside(make: Make) -> bool:
    return contextvars.Context().run(_is_refused, make)


async def _after_an_error(make: Make, _: World) -> bool:
    try:
        with ALL:
            raise ValueError("leaves the block")
    except ValueError:
        return not _is_refused(make)


async def _in_a_generator_inside(make: Make, _: World) -> bool:
    def wide() -> Iterator[None]:
        with ALL:
            yield

    with ONE:
        suspended = wide()
        next(suspended)
        result = await reaches(make)
        next(suspended, None)
        return result


async def _opened_elsewhere(make: Make, _: World) -> bool:
    with ONE:
        socket = make()
    with ALL:
        return await opens(socket)


async def _left_twice(make: Make, _: World) -> bool:
    """Leave a block twice: the one around it stays."""
    with ONE:
        with ALL:
            pass
        try:
            ALL.__exit__(None, None, None)
        except RuntimeError:
            return await reaches(make)
    return True


# Tasks and callbacks --------------------------------------------------------------------------------------


async def _task_inside(make: Make, _: World) -> bool:
    async def act() -> bool:
        with ALL:
            return await reaches(make)

    with ONE:
        return await asyncio.create_task(act())


async def _task_of_before(make: Make, _: World) -> bool:
    """A task that was started outside of the block is not granted what others are."""
    granted = asyncio.Event()

    async def act() -> bool:
        await granted.wait()
        return not _is_refused(make)

    task = asyncio.create_task(act())
    with ALL:
        granted.set()
        return await task


async def _callback(make: Make, _: World) -> bool:
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    outside = contextvars.copy_context()
    with ALL:
        asyncio.get_running_loop().call_soon(lambda: future.set_result(not _is_refused(make)), context=outside)
        return await future


async def _callback_inside(make: Make, _: World) -> bool:
    future: asyncio.Future[Socket] = asyncio.get_running_loop().create_future()

    def act() -> None:
        with ALL:
            future.set_result(make())

    with ONE:
        asyncio.get_running_loop().call_later(0, act)
    return await opens(await future)


# Threads -------------------------------------------------------------------------------------------------


async def _thread(make: Make, _: World) -> bool:
    refused = list[bool]()

    def act() -> None:
        refused.append(_is_refused(make))

    with ALL:
        thread = threading.Thread(target=act)
        thread.start()
        await asyncio.to_thread(thread.join)
    return refused != [True]


async def _executor(make: Make, _: World) -> bool:
    with ALL, ThreadPoolExecutor(1) as executor:
        return not await asyncio.get_running_loop().run_in_executor(executor, _is_refused, make)


async def _executor_that_was_used(make: Make, _: World) -> bool:
    """A worker thread in which others had a block before."""

    def act() -> None:
        with ALL:
            pass

    with ThreadPoolExecutor(1) as executor:
        await asyncio.get_running_loop().run_in_executor(executor, act)
        return not await asyncio.get_running_loop().run_in_executor(executor, _is_refused, make)


async def _task_in_a_thread(make: Make, _: World) -> bool:
    """A loop in a thread that begins in no block, whatever there is around it here."""

    async def act() -> bool:
        return not _is_refused(make)

    with ALL, ThreadPoolExecutor(1) as executor:
        return await asyncio.get_running_loop().run_in_executor(executor, asyncio.run, act())


async def _loop_in_a_thread(make: Make, world: World) -> bool:
    """Another loop, in a thread that copies the context of here."""

    async def act() -> bool:
        with ALL:
            return await reaches(make)

    with ONE:
        return await asyncio.to_thread(asyncio.run, act())


async def _server_without_anything(_: World) -> bool:
    return not _is_refused(_server)


def attempts() -> Sequence[Attempt]:
    every: tuple[Callable[[Make, World], Awaitable[Any]], ...] = (
        _wider_inside, _between, _after, _after_an_error, _in_a_generator_inside, _opened_elsewhere, _left_twice,
        _task_inside, _task_of_before, _callback, _callback_inside, _thread, _executor, _executor_that_was_used,
        _task_in_a_thread, _loop_in_a_thread,
    )  # fmt: skip
    return [
        *(
            Attempt(f"{how.__name__[1:].replace('_', ' ')}, {make.__name__[1:]}", partial(how, make))
            for how in every
            for make in (_tcp, _udp, _bound)
        ),
        Attempt("a server where nothing is granted", _server_without_anything),
    ]
