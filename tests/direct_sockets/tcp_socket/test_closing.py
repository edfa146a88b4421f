"""§1.5, §1.6 How TCPSocket is closed, what closed tells, and async with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from typing import Any

import pytest

from direct_sockets import TCPSocket
from tests.support import LoopErrors, LoopFactory, settle
from tests.support.operating_system import (
    FIN,
    HandmadeSystem,
    handmade_socket,
)
from tests.support.recording import PENDING, outcome, reason_of, rejected
from tests.support.sockets import RESET, enter, read_everything, reason_once_settled
from whatwg_streams import (
    AbortError,
    InvalidStateError,
    NetworkError,
    RejectionError,
)

# Closing, aborting, and what closed tells -------------------------------------------------------------------


async def test_closing_the_writing_sends_a_fin_and_the_reading_goes_on() -> None:
    socket, info, connection_ = await handmade_socket()
    writer = info.writable.get_writer()
    writer.write(b"request")
    await writer.close()
    calls = connection_.take()
    calls.remove(("read", 65536))
    assert calls == [("write", b"request"), ("shut_down",)]
    assert outcome(socket.closed) == PENDING
    connection_.feed(b"response", FIN)
    assert await read_everything(info.readable) == b"response"
    await socket.closed
    assert connection_.done("close") == 1


async def test_the_peer_finishes_first_and_the_writing_goes_on() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(FIN)
    assert await read_everything(info.readable) == b""
    assert outcome(socket.closed) == PENDING
    assert connection_.done("close") == 0
    writer = info.writable.get_writer()
    await writer.write(b"response")
    await writer.close()
    await socket.closed
    assert connection_.written == b"response"
    assert connection_.done("close") == 1


async def test_closed_waits_until_the_system_has_closed_the_socket() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("close")
    await info.readable.cancel()
    await info.writable.close()
    await settle()
    assert outcome(socket.closed) == PENDING
    again = socket.close()
    assert again is socket.closed
    connection_.answer("close")
    await socket.closed


@pytest.mark.parametrize("how", ["at once", "later"])
async def test_an_error_of_closing_changes_nothing(how: str) -> None:
    socket, info, connection_ = await handmade_socket()
    if how == "later":
        connection_.hold("close")
    else:
        connection_.failures["close"] = RESET
    await info.readable.cancel()
    await info.writable.close()
    if how == "later":
        connection_.fail("close", RESET)
    await socket.closed


@pytest.mark.parametrize("readable_first", [True, False])
async def test_a_shutdown_that_fails_rejects_the_close(readable_first: bool) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.failures["shut_down"] = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
    if readable_first:
        await info.readable.cancel()
    with pytest.raises(NetworkError, match="closing: ") as caught:
        await info.writable.close()
    if not readable_first:
        await info.readable.cancel()
    await settle()
    assert reason_of(socket.closed) is caught.value


async def test_a_shutdown_that_fails_does_not_matter_to_an_abort() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.failures["shut_down"] = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
    reason = ValueError("enough")
    await info.writable.abort(reason)
    await info.readable.cancel()
    assert await reason_once_settled(socket.closed) is reason


@pytest.mark.parametrize("readable_first", [True, False])
async def test_an_abort_ends_a_write_that_is_stuck(readable_first: bool) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    if readable_first:
        await info.readable.cancel()
    writer = info.writable.get_writer()
    stuck, queued = writer.write(b"a"), writer.write(b"b")
    await settle()
    reason = ValueError("enough")
    await writer.abort(reason)
    assert reason_of(stuck) is reason
    assert reason_of(queued) is reason
    if not readable_first:
        await info.readable.cancel()
    with pytest.raises(ValueError, match="enough"):
        await socket.closed
    names = [call[0] for call in connection_.calls if call[0] not in {"read", "stop_reading"}]
    assert names == ["write", "stop_writing", "shut_down", "close"]


async def test_a_write_that_had_ended_when_it_was_aborted_was_written() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    write = writer.write(b"a")
    await settle()
    connection_.answer("write", True)
    aborted = writer.abort("enough")
    await aborted
    await write
    assert reason_of(writer.closed) == "enough"
    writer.release_lock()
    await info.readable.cancel()
    assert await reason_once_settled(socket.closed) == "enough"


async def test_an_abort_while_closing() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("shut_down")
    await info.readable.cancel()
    writer = info.writable.get_writer()
    close = writer.close()
    await settle()
    reason = ValueError("enough")
    aborted = writer.abort(reason)
    await settle()
    connection_.answer("shut_down")
    assert await reason_once_settled(close) is reason
    assert outcome(aborted)[0] != "pending"
    await settle()
    assert reason_of(socket.closed) is reason
    assert connection_.done("close") == 1


async def test_without_a_reason_none_is_kept_and_an_abort_error_raised() -> None:
    socket, info, _ = await handmade_socket()
    writer = info.writable.get_writer()
    await writer.abort()
    assert outcome(writer.closed) == rejected(None)
    for promise in (writer.closed, writer.ready, writer.write(b"late")):
        with pytest.raises(AbortError):
            await promise
    await info.readable.cancel()
    with pytest.raises(AbortError):
        await socket.closed


async def test_a_reason_that_is_no_exception_is_kept() -> None:
    socket, info, _ = await handmade_socket()
    await info.writable.abort("enough")
    await info.readable.cancel(7)
    assert await reason_once_settled(socket.closed) == "enough"
    with pytest.raises(RejectionError, match="enough"):
        await socket.closed


async def test_closed_carries_the_error_of_the_side_that_was_there_first() -> None:
    for writable_last in (True, False):
        socket, info, connection_ = await handmade_socket()
        reason = ValueError("of the writing")
        if not writable_last:
            await info.writable.abort(reason)
        await settle()
        connection_.feed(RESET)
        await settle()
        if writable_last:
            await info.writable.abort(reason)
        await settle()
        if writable_last:
            assert isinstance(reason_of(socket.closed), NetworkError)
        else:
            assert reason_of(socket.closed) is reason


async def test_a_closed_that_rejects_is_not_reported(loop_errors: LoopErrors) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.feed(RESET)
    await info.writable.abort(ValueError("enough"))
    await settle()
    assert outcome(socket.closed)[0] == "rejected"
    del socket, info, connection_
    assert loop_errors.take() == []


# close() ------------------------------------------------------------------------------------------------------


async def test_close_cancels_the_reading_and_aborts_the_writing() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    connection_.feed(b"unread")
    writer = info.writable.get_writer()
    stuck, queued = writer.write(b"a"), writer.write(b"b")
    writer.release_lock()
    await settle()
    assert socket.close() is socket.closed
    await socket.closed
    assert isinstance(reason_of(stuck), AbortError)
    assert isinstance(reason_of(queued), AbortError)
    assert connection_.written == b"a"
    assert connection_.take()[-2:] == [("shut_down",), ("close",)]
    with info.readable.get_reader() as reader:
        assert (await reader.read()).done


async def test_close_again_gives_the_same_promise() -> None:
    socket, _, connection_ = await handmade_socket()
    first = socket.close()
    assert socket.close() is first
    await first
    assert socket.close() is first
    assert connection_.done("close") == 1


async def test_close_before_it_is_open_is_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(InvalidStateError, match="not open"):
        await socket.close()
    await settle()
    system.answer("open", system.connection)
    await socket.opened
    await socket.close()


async def test_close_after_it_failed_to_open_is_an_invalid_state() -> None:
    system = HandmadeSystem()
    system.failures["open"] = OSError(errno.ECONNREFUSED, "?")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError):
        await socket.opened
    with pytest.raises(InvalidStateError):
        await socket.close()


@pytest.mark.parametrize("side", ["readable", "writable"])
async def test_close_with_a_locked_stream_is_an_invalid_state(side: str) -> None:
    socket, info, connection_ = await handmade_socket()
    lock: Any = info.readable.get_reader() if side == "readable" else info.writable.get_writer()
    with pytest.raises(InvalidStateError, match="locked"):
        await socket.close()
    assert connection_.done("shut_down") == connection_.done("close") == 0
    lock.release_lock()
    await socket.close()


async def test_close_of_a_closed_socket_does_not_mind_locks() -> None:
    socket, info, _ = await handmade_socket()
    reader = info.readable.get_reader()
    writer = info.writable.get_writer()
    await reader.cancel()
    await writer.close()
    await socket.close()


async def test_close_after_the_peer_has_finished() -> None:
    socket, _, connection_ = await handmade_socket()
    connection_.feed(FIN)
    await settle()
    await socket.close()
    assert connection_.done("close") == 1


async def test_close_after_the_writing_was_closed() -> None:
    socket, info, connection_ = await handmade_socket()
    await info.writable.close()
    await socket.close()
    assert connection_.done("shut_down") == connection_.done("close") == 1


async def test_close_does_not_hide_an_error_from_before() -> None:
    socket, _, connection_ = await handmade_socket()
    connection_.feed(RESET)
    await settle()
    with pytest.raises(NetworkError, match="reading"):
        await socket.close()


async def test_close_after_an_error_of_reading_that_is_none_of_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("a mistake in the seam")

    def fail(*_: object) -> None:
        raise error

    socket, info, connection_ = await handmade_socket()
    monkeypatch.setattr(connection_, "read", fail)
    connection_.feed(b"the next read fails")
    await settle()
    assert outcome(info.readable.get_reader().closed) == rejected(error)
    async with socket:
        pass
    assert reason_of(socket.closed) is error
    assert connection_.done("close") == 1


async def test_an_error_after_the_writing_was_closed() -> None:
    socket, info, connection_ = await handmade_socket()
    await info.writable.close()
    connection_.feed(RESET)
    assert isinstance(await reason_once_settled(socket.closed), NetworkError)
    assert connection_.done("close") == 1


async def test_close_again_while_it_is_closing() -> None:
    socket, _, connection_ = await handmade_socket()
    connection_.hold("shut_down")
    first = socket.close()
    await settle()
    assert socket.close() is first
    connection_.answer("shut_down")
    await first
    assert connection_.done("shut_down") == connection_.done("close") == 1


@pytest.mark.parametrize("moment", ["at once", "later"])
async def test_close_does_not_hide_a_users_abort(moment: str) -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("write")
    writer = info.writable.get_writer()
    writer.write(b"a").catch(lambda _: None)
    await settle()
    reason = ValueError("enough")
    aborted = writer.abort(reason)
    writer.release_lock()
    if moment == "later":
        await aborted
    with pytest.raises(ValueError, match="enough"):
        await socket.close()


async def test_close_while_the_writing_is_closing() -> None:
    socket, info, connection_ = await handmade_socket()
    connection_.hold("shut_down")
    close = info.writable.close()
    await settle()
    closed = socket.close()
    await settle()
    connection_.answer("shut_down")
    await closed
    assert outcome(close)[0] != "pending"


async def test_releasing_the_lock_under_a_read_rejects_it_and_the_socket_can_be_closed_then() -> None:  # E53
    socket, info, connection_ = await handmade_socket()
    reader = info.readable.get_reader()

    async def read_until_closed() -> None:
        while not (await reader.read()).done:
            pass
        await socket.close()

    task = asyncio.create_task(read_until_closed())
    await settle()
    reader.release_lock()
    with pytest.raises(TypeError):
        await task
    assert connection_.done("close") == 0
    await socket.close()
    assert connection_.done("close") == 1


# async with ---------------------------------------------------------------------------------------------------


async def test_a_block_opens_and_closes() -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)
    async with socket as info:
        assert info is await socket.opened
    await socket.closed
    assert system.connection.done("close") == 1


async def test_a_block_that_raises_closes_and_raises() -> None:
    socket, _, connection_ = await handmade_socket()
    with pytest.raises(ZeroDivisionError):
        async with socket:
            raise ZeroDivisionError
    await socket.closed
    assert connection_.done("close") == 1


async def test_a_block_closes_even_locked_streams() -> None:
    socket, _, connection_ = await handmade_socket()
    async with socket as info:
        reader = info.readable.get_reader()
        read = reader.read()
        writer = info.writable.get_writer()
        connection_.hold("write")
        write = writer.write(b"a")
        await settle()
    await socket.closed
    assert (await read).done
    assert isinstance(reason_of(write), AbortError)
    assert connection_.done("close") == 1


async def test_a_block_around_a_socket_that_is_closed_already() -> None:
    socket, _, connection_ = await handmade_socket()
    async with socket:
        await socket.close()
    assert connection_.done("close") == 1


async def test_leaving_a_block_does_not_raise_what_closed_tells() -> None:
    socket, _, connection_ = await handmade_socket()
    async with socket:
        connection_.feed(RESET)
        await settle()
    assert isinstance(reason_of(socket.closed), NetworkError)


async def test_a_block_of_a_socket_that_fails_to_open_is_not_entered() -> None:
    system = HandmadeSystem()
    system.failures["open"] = OSError(errno.ECONNREFUSED, "?")
    with system.installed():
        socket = TCPSocket("example.com", 80)
    with pytest.raises(NetworkError):
        async with socket:
            pytest.fail("it is open")


@pytest.mark.parametrize("call", ["resolve", "open"])
async def test_cancelling_the_entry_of_a_block_gives_the_connect_up(call: Any) -> None:
    system = HandmadeSystem()
    system.hold(call)
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def enter() -> None:
        async with socket:
            pytest.fail("it is open")

    task = asyncio.create_task(enter())
    await settle()
    task.cancel()
    await settle()
    assert task.cancelled()
    assert system.calls[-1] == (f"{call} cancelled",)
    assert isinstance(reason_of(socket.opened), AbortError)
    assert isinstance(reason_of(socket.closed), AbortError)
    assert repr(socket) == "<TCPSocket not opened>"
    with pytest.raises(InvalidStateError):
        await socket.close()


async def test_cancelling_the_entry_when_it_has_just_opened_closes_it() -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def enter() -> None:
        async with socket:
            pytest.fail("it is open")

    task = asyncio.create_task(enter())
    await settle()
    socket.opened.then(lambda _: task.cancel())
    opened = socket.opened
    system.answer("open", system.connection)
    with contextlib.suppress(asyncio.CancelledError, pytest.fail.Exception):
        await task
    await opened
    await socket.closed
    assert system.connection.done("close") == 1


async def test_giving_up_does_not_report_opened(loop_errors: LoopErrors) -> None:
    system = HandmadeSystem()
    system.hold("open")
    with system.installed():
        task = asyncio.create_task(enter(TCPSocket("example.com", 80)))
    await settle()
    task.cancel()
    await settle()
    del task
    assert loop_errors.take() == []


def test_giving_up_a_socket_that_never_saw_its_connection_start(loop_factory: LoopFactory) -> None:
    system = HandmadeSystem()
    with system.installed():
        socket = TCPSocket("example.com", 80)

    async def main() -> None:
        task = asyncio.create_task(enter(socket))
        task.cancel()  # before it has run at all
        await settle()
        with pytest.raises(asyncio.CancelledError):
            await task
        await (await socket.opened).readable.cancel()
        await (await socket.opened).writable.close()
        await socket.closed

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert system.connection.done("close") == 1
