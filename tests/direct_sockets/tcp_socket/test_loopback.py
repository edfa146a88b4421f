"""TCPSocket with peers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import hashlib
import socket as system_socket
import struct
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from direct_sockets import TCPSocket, TCPSocketOpenInfo
from tests.support import settle
from tests.support.operating_system import (
    BOTH,
    FIN,
    ONE,
    HandmadeConnection,
    Peer,
    accept,
    connection,
    handmade_socket,
    linux_socket_of,
    listening,
    refusing_port,
)
from tests.support.recording import PENDING, EventTrace, outcome, reason_of
from tests.support.sockets import enter, read_everything, reason_once_settled
from whatwg_streams import (
    AbortController,
    AbortError,
    NetworkError,
    NotAllowedError,
    Promise,
    ReadableStream,
    TransformStream,
    WritableStream,
)

#: More than the buffers of both systems hold together.
TOO_MUCH = 32 * 2**20


def _counting(size: int) -> bytes:
    """So many bytes, no 256 KiB of which are like the next."""
    return b"".join(struct.pack("<Q", number) for number in range(size // 8))


@contextlib.asynccontextmanager
async def _echo() -> AsyncIterator[int]:
    """A server that sends back what it gets; the value is its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_nobody_listens() -> None:
    port = refusing_port()
    with BOTH:
        socket = TCPSocket("127.0.0.1", port)
    with pytest.raises(NetworkError, match="nobody listens") as caught:
        await socket.opened
    assert caught.value.errno == errno.ECONNREFUSED
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    with pytest.raises(NetworkError):
        await socket.closed


@pytest.mark.parametrize("name", ["x" * 64, "a\0b", "[::1]", ""], ids=ascii)
async def test_a_name_that_does_not_resolve(name: str) -> None:
    with BOTH:
        socket = TCPSocket(name, 80)
    with pytest.raises(NetworkError, match="connecting to") as caught:
        await socket.opened
    assert caught.value.errno is not None
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    "name",
    ["localhost", "LocalHost", "127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433",
     "0177.0.0.1", "017700000001", "127.255.255.254", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "0.0.0.0", "0",
     "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::", "fe80::1%lo",
     "64:ff9b::127.0.0.1", "2002:7f00:1::1", "2001:0:7f00:1::1", "2600::5efe:127.0.0.1"],
    ids=ascii,
)  # fmt: skip
async def test_loopback_in_any_spelling_is_private(name: str) -> None:
    with listening() as (listener, port), ONE:
        socket = TCPSocket(name, port)
        with pytest.raises(NotAllowedError, match="direct-sockets-private"):
            await socket.opened
        with pytest.raises(BlockingIOError):  # nobody has come
            listener.accept()


async def test_the_query_type_picks_the_addresses() -> None:
    with listening() as (listener, port), BOTH:
        async with TCPSocket("localhost", port, dns_query_type="ipv4") as info:
            assert info.remote_address == "127.0.0.1"
            (await accept(listener)).close()
        for name, kind in (("127.0.0.1", "ipv6"), ("::1", "ipv4")):
            socket = TCPSocket(name, port, dns_query_type=kind)  # type: ignore[arg-type]
            with pytest.raises(NetworkError):
                await socket.opened


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_the_addresses_of_a_real_connection(address: str) -> None:
    with listening(address) as (listener, port), BOTH:
        async with TCPSocket(address, port) as info:
            with contextlib.closing(await accept(listener)) as peer:
                assert (info.remote_address, info.remote_port) == (address, port)
                assert (info.local_address, info.local_port) == peer.sock.getpeername()[:2]


async def test_options_reach_the_real_socket() -> None:
    options = {"no_delay": True, "keep_alive_delay": 3999, "send_buffer_size": 20000, "receive_buffer_size": 30000}
    async with connection(**options) as (socket, _, _):
        sock = linux_socket_of(socket)
        tcp, sol = system_socket.IPPROTO_TCP, system_socket.SOL_SOCKET
        assert sock.getsockopt(tcp, system_socket.TCP_NODELAY) == 1
        assert sock.getsockopt(sol, system_socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(tcp, system_socket.TCP_KEEPIDLE) == 3
        assert sock.getsockopt(tcp, system_socket.TCP_KEEPINTVL) == 3
        # Linux doubles them, for what it needs itself.
        assert sock.getsockopt(sol, system_socket.SO_SNDBUF) in {20000, 40000}
        assert sock.getsockopt(sol, system_socket.SO_RCVBUF) in {30000, 60000}


async def test_without_options_nothing_is_set() -> None:
    async with connection() as (socket, _, _):
        sock = linux_socket_of(socket)
        assert sock.getsockopt(system_socket.IPPROTO_TCP, system_socket.TCP_NODELAY) == 0
        assert sock.getsockopt(system_socket.SOL_SOCKET, system_socket.SO_KEEPALIVE) == 0


@pytest.mark.parametrize("view_size", [None, 1000, 65536, 300_000])
async def test_an_echo_brings_back_what_was_written(view_size: int | None) -> None:
    data = _counting(3 * 2**20)
    async with _echo() as port:
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        info = await socket.opened

        async def write() -> None:
            writer = info.writable.get_writer()
            for start in range(0, len(data), 50_000):
                await writer.ready
                writer.write(data[start : start + 50_000])
            await writer.close()

        writing = asyncio.create_task(write())
        received = bytearray()
        if view_size is None:
            received += await read_everything(info.readable)
        else:
            with info.readable.get_reader(mode="byob") as reader:
                memory: memoryview | bytearray = bytearray(view_size)
                while True:
                    value, done = await reader.read(memory)
                    if done:
                        break
                    assert value is not None
                    received += value
                    memory = value.obj  # type: ignore[assignment]
        await writing
        assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
        await socket.closed


async def test_an_echo_piped_through_a_transform() -> None:
    data = _counting(2**20)
    invert = bytes(255 - number for number in range(256))
    async with _echo() as port:
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        info = await socket.opened
        source = ReadableStream[bytes].from_(data[start : start + 9999] for start in range(0, len(data), 9999))
        inverter = TransformStream[Any, Any](
            {"transform": lambda chunk, controller: controller.enqueue(bytes(chunk).translate(invert))}
        )
        piped = source.pipe_to(info.writable)
        assert await read_everything(info.readable.pipe_through(inverter)) == data.translate(invert)
        await piped
        await socket.closed


async def test_min_waits_for_so_many_bytes() -> None:
    async with connection() as (_, info, peer):
        with info.readable.get_reader(mode="byob") as reader:
            read = reader.read(bytearray(10), min=6)
            await peer.send(b"abc")
            await settle()
            assert outcome(read) == PENDING
            await peer.send(b"def")
            value, done = await read
            assert value is not None
            assert (value.tobytes(), done) == (b"abcdef", False)


async def test_the_peer_closes_first() -> None:
    async with connection() as (socket, info, peer):
        await peer.send(b"bye")
        peer.close()
        assert await read_everything(info.readable) == b"bye"
        await info.writable.close()
        await socket.closed


async def test_we_close_first() -> None:
    async with connection() as (socket, info, peer):
        await info.writable.close()
        assert await peer.receive() == b""
        peer.close()
        assert await read_everything(info.readable) == b""
        await socket.closed


async def test_the_peer_sends_on_after_our_fin() -> None:
    async with connection() as (socket, info, peer):
        writer = info.writable.get_writer()
        writer.write(b"question")
        await writer.close()
        assert await peer.receive_all() == b"question"
        await peer.send(b"answer")
        peer.finish()
        assert await read_everything(info.readable) == b"answer"
        await socket.closed


async def test_we_send_on_after_the_peers_fin() -> None:
    async with connection() as (socket, info, peer):
        peer.finish()
        assert await read_everything(info.readable) == b""
        assert outcome(socket.closed) == PENDING
        writer = info.writable.get_writer()
        data = _counting(2**20)
        write = writer.write(data)
        close = writer.close()
        assert await peer.receive_all() == data
        await write
        await close
        await socket.closed


async def test_everything_before_a_fin_can_be_read_late() -> None:
    async with connection() as (socket, info, peer):
        await peer.send(bytes(1000))
        peer.finish()
        await settle(50)
        reader = info.readable.get_reader()
        assert len((await reader.read()).value) == 1000
        assert (await reader.read()).done
        reader.release_lock()
        await socket.close()


async def test_a_reset_while_reading() -> None:
    async with connection() as (socket, info, peer):
        reader = info.readable.get_reader()
        read = reader.read()
        await settle()
        peer.reset()
        with pytest.raises(NetworkError, match="reset by the other side") as caught:
            await read
        assert caught.value.errno == errno.ECONNRESET
        assert outcome(socket.closed) == PENDING  # the other side is as it was, until it is used
        writer = info.writable.get_writer()
        with pytest.raises(NetworkError) as of_the_writing:
            await writer.write(b"anybody there?")
        assert of_the_writing.value.errno == errno.EPIPE
        assert await reason_once_settled(socket.closed) is caught.value


async def test_a_reset_while_a_byob_read_waits() -> None:
    async with connection() as (socket, info, peer):
        reader = info.readable.get_reader(mode="byob")
        read = reader.read(bytearray(100), min=100)
        await peer.send(b"some")
        await settle()
        peer.reset()
        with pytest.raises(NetworkError):
            await read
        reader.release_lock()
        with pytest.raises(NetworkError):
            await socket.close()


async def test_a_reset_while_writing() -> None:
    async with connection() as (socket, info, peer):
        await info.readable.cancel()
        writer = info.writable.get_writer()
        write = writer.write(bytes(TOO_MUCH))
        await settle()
        assert outcome(write) == PENDING
        peer.reset()
        with pytest.raises(NetworkError, match="writing") as caught:
            await write
        assert caught.value.errno in {errno.ECONNRESET, errno.EPIPE}
        assert await reason_once_settled(socket.closed) is caught.value


async def test_closing_after_a_reset_settles() -> None:
    async with connection() as (socket, info, peer):
        reader = info.readable.get_reader()
        peer.reset()
        with pytest.raises(NetworkError):
            await reader.read()
        with pytest.raises(NetworkError, match="closing"):
            await info.writable.close()
        with pytest.raises(NetworkError):
            await socket.closed


async def test_an_abort_with_a_write_that_is_stuck() -> None:
    async with connection() as (socket, info, peer):
        writer = info.writable.get_writer()
        stuck = writer.write(bytes(TOO_MUCH))
        queued = writer.write(b"never sent")
        await settle()
        assert outcome(stuck) == PENDING
        reason = ValueError("enough")
        await writer.abort(reason)
        assert reason_of(stuck) is reason
        assert reason_of(queued) is reason
        received = await peer.receive_all()
        assert 0 < len(received) < TOO_MUCH
        assert not any(received)
        peer.finish()
        assert await read_everything(info.readable) == b""
        with pytest.raises(ValueError, match="enough"):
            await socket.closed


@pytest.mark.parametrize("prevent_cancel", [True, False])
async def test_close_right_after_leaving_a_loop_over_the_chunks(*, prevent_cancel: bool) -> None:
    async with connection() as (socket, info, peer):
        await peer.send(b"enough")
        async for chunk in info.readable.values(prevent_cancel=prevent_cancel):
            assert bytes(chunk) == b"enough"
            break
        await socket.close()


async def test_close_with_a_write_that_is_stuck() -> None:
    async with connection() as (socket, info, peer):
        writer = info.writable.get_writer()
        stuck = writer.write(bytes(TOO_MUCH))
        writer.release_lock()
        await settle()
        await socket.close()
        assert isinstance(reason_of(stuck), AbortError)
        assert len(await peer.receive_all()) < TOO_MUCH


async def test_a_large_chunk_and_a_peer_that_reads_slowly() -> None:
    data = _counting(10 * 2**20)
    async with connection(send_buffer_size=16384, receive_buffer=16384) as (socket, info, peer):
        writer = info.writable.get_writer()
        write = writer.write(bytearray(data))
        ready = writer.ready
        digest, received = hashlib.sha256(), 0
        while received < len(data):
            if received < len(data) // 2:
                assert outcome(write) == PENDING
                assert outcome(ready) == PENDING
            piece = await peer.receive(100_000)
            digest.update(piece)
            received += len(piece)
        await write
        await ready
        assert digest.digest() == hashlib.sha256(data).digest()
        await writer.close()
        await info.readable.cancel()
        await socket.closed


async def test_a_peer_that_sends_more_than_is_read_is_held_back() -> None:
    async with connection(receive_buffer_size=16384) as (socket, info, peer):
        sending = asyncio.create_task(peer.send(bytes(TOO_MUCH)))
        await settle(200)
        assert not sending.done()
        reader = info.readable.get_reader()
        received = 0
        while received < TOO_MUCH:
            received += len((await reader.read()).value)
        await sending
        reader.release_lock()
        await socket.close()


async def test_cancelling_the_pipe_by_a_signal_leaves_a_socket_that_can_be_closed() -> None:
    async with connection() as (socket, info, peer):
        abort = AbortController()
        arrived = Promise.with_resolvers()
        piped = info.readable.pipe_to(
            WritableStream({"write": lambda chunk: arrived.resolve(bytes(chunk))}), signal=abort.signal
        )
        await peer.send(b"hello")
        assert await arrived.promise == b"hello"
        abort.abort()
        with pytest.raises(AbortError):
            await piped
        await info.writable.close()
        await socket.closed


async def test_a_connect_that_is_given_up_leaves_no_descriptor() -> None:
    with system_socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(4):
            client = stack.enter_context(system_socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        with BOTH:
            task = asyncio.create_task(enter(TCPSocket("127.0.0.1", port)))
        await settle()
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_many_sockets_at_once() -> None:
    async def talk(port: int, number: int) -> None:
        async with TCPSocket("127.0.0.1", port) as info:
            writer = info.writable.get_writer()
            data = bytes([number]) * 10_000
            writer.write(data)
            closing = writer.close()
            assert await read_everything(info.readable) == data
            await closing

    async with _echo() as port:
        with BOTH:
            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    group.create_task(talk(port, number))


async def test_sockets_that_are_closed_are_garbage() -> None:
    async with connection() as (socket, info, _):
        await info.writable.close()
        await socket.close()
        remains: list[weakref.ref[Any]] = [weakref.ref(one) for one in (socket, info.readable, info.writable)]
    del socket, info, _
    await settle()
    gc.collect()
    assert [reference() for reference in remains] == [None] * 3


async def test_a_socket_that_was_forgotten_is_given_back_when_the_peer_goes() -> None:
    with listening() as (listener, port):
        with BOTH:
            socket = TCPSocket("127.0.0.1", port)
        await socket.opened
        peer = await accept(listener)
        remains = weakref.ref(socket)
        del socket
        peer.close()
        with pytest.warns(ResourceWarning, match="unclosed"):
            await _collect(remains)
        assert remains() is None


async def _collect(remains: weakref.ref[TCPSocket]) -> None:
    for _ in range(1000):
        await asyncio.sleep(0)
        gc.collect(0)
        if remains() is None:
            break
    gc.collect()
    await settle()
    gc.collect()


async def test_the_handmade_system_is_like_the_real_one() -> None:
    """What the tests above rely on holds on loopback too."""
    for real in (True, False):
        if real:
            async with connection() as (socket, info, peer):
                trace = await _conversation(socket, info, peer)
        else:
            socket, info, connection_ = await handmade_socket()
            assert await _conversation(socket, info, connection_) == trace


async def _conversation(
    socket: TCPSocket, info: TCPSocketOpenInfo, peer: Peer | HandmadeConnection
) -> list[tuple[object, ...]]:
    trace = EventTrace()
    trace.watch("closed", socket.closed)
    reader = info.readable.get_reader(mode="byob")
    writer = info.writable.get_writer()
    trace.watch("writer closed", writer.closed)
    trace.watch("reader closed", reader.closed)
    read = reader.read(bytearray(5), min=5)
    if isinstance(peer, Peer):
        await peer.send(b"hello")
        peer.finish()
    else:
        peer.feed(b"hello", FIN)
    trace.log("read", bytes((await read).value or b""))
    trace.log("end", (await reader.read(bytearray(1))).done)
    await writer.write(b"bye")
    await writer.close()
    await socket.closed
    trace.log("sent", await peer.receive_all() if isinstance(peer, Peer) else bytes(peer.written))
    return trace.events
