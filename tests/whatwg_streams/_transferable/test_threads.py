"""Streams transferred between the loops of two threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import LoopFactory, settle
from tests.support.recording import RecordingSink, RecordingSource
from tests.support.threads import OtherThread
from whatwg_streams import (
    CountQueuingStrategy,
    DataCloneError,
    MessageChannel,
    MessagePort,
    NetworkError,
    Promise,
    ReadableStream,
    TransformStream,
    WritableStream,
)


@pytest.fixture
async def other(loop_factory: LoopFactory) -> AsyncIterator[OtherThread]:
    async with OtherThread(loop_factory) as thread:
        yield thread


async def receive(port: MessagePort) -> Any:
    """The data of the next message."""
    arrived = asyncio.get_running_loop().create_future()
    port.onmessage = lambda event: arrived.set_result(event.data)
    return await arrived


def post(*streams: Any) -> MessagePort:
    """Transfer the streams; they arrive, as a list, at the port."""
    channel = MessageChannel()
    channel.port1.post_message(list(streams), transfer=streams)
    return channel.port2


class Signals:
    """Events that callbacks of a source or a sink in this loop set, with what they were called with."""

    def __init__(self) -> None:
        self.ended = asyncio.get_running_loop().create_future()

    def end(self, reason: object = None) -> None:
        self.ended.set_result((reason, threading.get_ident()))


async def test_a_readable_stream_is_read_in_another_thread(other: OtherThread) -> None:
    here = threading.get_ident()
    pulled_in: set[int] = set()

    async def numbers() -> AsyncIterator[list[int]]:
        for number in range(100):
            pulled_in.add(threading.get_ident())
            yield [number]

    async def read(port: MessagePort) -> tuple[list[list[int]], int]:
        (stream,) = await receive(port)
        return [chunk async for chunk in stream], threading.get_ident()

    chunks, there = await other.run(read(post(ReadableStream.from_(numbers()))))
    assert chunks == [[number] for number in range(100)]
    assert pulled_in == {here}
    assert there != here


async def test_a_writable_stream_is_written_to_from_another_thread(other: OtherThread) -> None:
    written: list[tuple[object, int]] = []
    signals = Signals()
    sink = {"write": lambda chunk: written.append((chunk, threading.get_ident())), "close": signals.end}

    async def write(port: MessagePort) -> None:
        (stream,) = await receive(port)
        async with asyncio.timeout(10):
            await ReadableStream.from_(range(100)).pipe_to(stream)

    await other.run(write(post(WritableStream(sink))))
    await signals.ended
    assert written == [(number, threading.get_ident()) for number in range(100)]


async def test_a_transform_stream_transforms_in_its_own_thread(other: OtherThread) -> None:
    seen_in: set[int] = set()

    def double(chunk: int, controller: Any) -> None:
        seen_in.add(threading.get_ident())
        controller.enqueue(2 * chunk)

    async def use(port: MessagePort) -> list[int]:
        (transform,) = await receive(port)
        return [chunk async for chunk in ReadableStream.from_(range(20)).pipe_through(transform)]

    transform: TransformStream[int, int] = TransformStream({"transform": double})
    assert await other.run(use(post(transform))) == list(range(0, 40, 2))
    assert seen_in == {threading.get_ident()}


async def test_there_and_back_again(other: OtherThread) -> None:
    async def send_back(port: MessagePort) -> MessagePort:
        return post(*await receive(port))

    stream = ReadableStream.from_(range(10))
    (returned,) = await receive(await other.run(send_back(post(stream))))
    assert [chunk async for chunk in returned] == list(range(10))


async def test_a_slow_reader_holds_the_source_back(other: OtherThread) -> None:
    pulled: list[int] = []

    def pull(controller: Any) -> None:
        pulled.append(len(pulled))
        controller.enqueue(len(pulled))

    async def read(port: MessagePort) -> int:
        (stream,) = await receive(port)
        reader = stream.get_reader()
        for _ in range(10):
            last = (await reader.read()).value
        return int(last)

    stream: ReadableStream[int] = ReadableStream({"pull": pull}, CountQueuingStrategy(high_water_mark=0))
    assert await other.run(read(post(stream))) == 10
    await settle()
    assert len(pulled) <= 13


async def test_an_error_here_is_a_clone_of_it_there(other: OtherThread) -> None:
    source = RecordingSource()
    fault = ValueError("fault", [1])

    async def read(port: MessagePort) -> BaseException:
        (stream,) = await receive(port)
        with pytest.raises(ValueError, match="fault") as raised:
            await stream.get_reader().read()
        return raised.value

    port = post(ReadableStream(source))
    source.controller.error(fault)
    clone = await other.run(read(port))
    assert clone is not fault
    assert clone.args == fault.args


async def test_cancelling_there_cancels_the_source_here(other: OtherThread) -> None:
    signals = Signals()

    async def cancel(port: MessagePort) -> None:
        (stream,) = await receive(port)
        await stream.cancel({"reason": 1})

    await other.run(cancel(post(ReadableStream({"cancel": signals.end}))))
    assert await signals.ended == ({"reason": 1}, threading.get_ident())


async def test_aborting_there_aborts_the_sink_here(other: OtherThread) -> None:
    signals = Signals()

    async def abort(port: MessagePort) -> None:
        (stream,) = await receive(port)
        await stream.abort("reason")

    await other.run(abort(post(WritableStream({"abort": signals.end}))))
    assert await signals.ended == ("reason", threading.get_ident())


async def test_a_chunk_that_can_not_be_cloned_errors_both_sides(other: OtherThread) -> None:
    signals = Signals()
    stream: ReadableStream[Any] = ReadableStream(
        {"pull": lambda controller: controller.enqueue(print), "cancel": signals.end}
    )

    async def read(port: MessagePort) -> None:
        (stream,) = await receive(port)
        with pytest.raises(DataCloneError):
            await stream.get_reader().read()

    await other.run(read(post(stream)))
    reason, _ = await signals.ended
    assert isinstance(reason, DataCloneError)


# The end of a loop ---------------------------------------------------------------------------------


async def test_a_reader_does_not_wait_for_a_source_whose_loop_has_ended(other: OtherThread) -> None:
    async def make() -> MessagePort:
        source = RecordingSource()
        port = post(ReadableStream(source))
        source.controller.enqueue("chunk")
        return port

    (stream,) = await receive(await other.run(make()))
    reader = stream.get_reader()
    assert (await reader.read()).value == "chunk"
    waits = reader.read()
    await other.end()
    with pytest.raises(NetworkError, match="gone"):
        await waits


async def test_a_source_is_cancelled_when_the_loop_of_its_reader_has_ended(other: OtherThread) -> None:
    signals = Signals()
    source = RecordingSource(cancel=signals.end)

    async def read_once(port: MessagePort) -> Any:
        (stream,) = await receive(port)
        return (await stream.get_reader().read()).value

    port = post(ReadableStream(source))
    source.controller.enqueue("chunk")
    assert await other.run(read_once(port)) == "chunk"
    await other.end()
    reason, _ = await signals.ended
    assert isinstance(reason, NetworkError)


async def test_a_writer_does_not_wait_for_a_sink_whose_loop_has_ended(other: OtherThread) -> None:
    async def make() -> MessagePort:
        return post(WritableStream({"write": lambda _: Promise[None]()}))

    (stream,) = await receive(await other.run(make()))
    writer = stream.get_writer()
    waits = [writer.write(number) for number in range(5)]
    await other.end()
    with pytest.raises(NetworkError, match="gone"):
        await writer.closed
    with pytest.raises(NetworkError, match="gone"):
        await waits[-1]
    for write in waits[:-1]:
        write.catch(lambda _: None)


async def test_a_sink_is_aborted_when_the_loop_of_its_writer_has_ended(other: OtherThread) -> None:
    signals = Signals()
    sink = RecordingSink(abort=signals.end)

    async def write_once(port: MessagePort) -> None:
        (stream,) = await receive(port)
        await stream.get_writer().write("chunk")

    await other.run(write_once(post(WritableStream(sink))))
    await other.end()
    reason, _ = await signals.ended
    assert isinstance(reason, NetworkError)
    assert ("write", "chunk") in sink.events


async def test_a_stream_that_was_posted_to_a_loop_that_ended_before_it_arrived(other: OtherThread) -> None:
    signals = Signals()
    channel = MessageChannel()

    async def listen() -> None:
        channel.port2.start()

    await other.run(listen())
    await other.end()
    stream: ReadableStream[Any] = ReadableStream({"cancel": signals.end})
    channel.port1.post_message(stream, transfer=[stream])
    reason, _ = await signals.ended
    assert isinstance(reason, NetworkError)
