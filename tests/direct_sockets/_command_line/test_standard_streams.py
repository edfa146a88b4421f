"""Standard input and output as streams, and the thread behind them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from direct_sockets._command_line.standard_streams import (
    HIGH_WATER_MARK,
    Input,
    Output,
    input_stream,
    output_stream,
)
from direct_sockets._command_line.worker import Worker
from tests.support import LoopFactory, settle


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):  # a test may have closed it
            os.close(end)


async def _all_of(descriptor: int | None) -> bytes:
    source = Input(descriptor)
    try:
        return b"".join([chunk async for chunk in input_stream(source)])
    finally:
        source.stop()


async def test_input_is_read_to_its_end(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"some ")
    os.write(pipe[1], b"bytes\x00\xff")
    os.close(pipe[1])
    assert await _all_of(pipe[0]) == b"some bytes\x00\xff"


async def test_input_may_be_a_file(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    (tmp_path / "file").write_bytes(data)
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    assert await _all_of(descriptor) == data
    os.close(descriptor)


async def test_input_may_be_nothing() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    assert await _all_of(descriptor) == b""
    os.close(descriptor)
    assert await _all_of(None) == b""


async def test_input_that_can_not_be_read_errors_the_stream(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError, match="reading standard input: Is a directory"):
            await _all_of(descriptor)
    finally:
        os.close(descriptor)


async def test_input_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[0], False)
    source = Input(pipe[0])
    with input_stream(source).get_reader() as reader:
        read = reader.read()
        await settle()
        os.write(pipe[1], b"late")
        assert (await read).value == b"late"
        os.close(pipe[1])
        assert (await reader.read()).done
    source.stop()


async def test_input_is_read_ahead_up_to_the_high_water_mark(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(10 * HIGH_WATER_MARK))
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    source = Input(descriptor)
    stream = input_stream(source)
    for _ in range(20):  # each after a read, if there is one
        position = await source._worker.call(os.lseek, descriptor, 0, os.SEEK_CUR)
    assert position == HIGH_WATER_MARK
    await stream.cancel()
    source.stop()
    os.close(descriptor)


async def test_what_is_read_after_the_stream_is_cancelled_is_dropped(pipe: tuple[int, int]) -> None:
    source = Input(pipe[0])
    stream = input_stream(source)
    await settle()  # the thread reads
    await stream.cancel()
    os.write(pipe[1], b"too late")
    assert await source._worker.call(lambda: "the thread is free again") is not None
    source.stop()


async def _write_all(descriptor: int | None, *chunks: Any) -> None:
    sink = Output(descriptor)
    try:
        with output_stream(sink).get_writer() as writer:
            for chunk in chunks:
                await writer.write(chunk)
            await writer.close()
    finally:
        sink.stop()


async def test_output_is_written(pipe: tuple[int, int]) -> None:
    await _write_all(pipe[1], b"some ", b"", memoryview(b"bytes"))
    assert os.read(pipe[0], 100) == b"some bytes"


async def test_more_is_written_than_a_pipe_holds_when_it_is_read(pipe: tuple[int, int]) -> None:
    data = os.urandom(300_000)
    os.set_blocking(pipe[1], False)

    def read() -> bytes:
        received = b""
        while len(received) < len(data):
            received += os.read(pipe[0], 65536)
        return received

    received, _ = await asyncio.gather(asyncio.to_thread(read), _write_all(pipe[1], data))
    assert received == data


async def test_output_holds_writers_back_until_it_is_read(pipe: tuple[int, int]) -> None:
    sink = Output(pipe[1])
    with output_stream(sink).get_writer() as writer:
        written = [writer.write(bytes(65536)) for _ in range(4)]
        await written[0]  # a pipe holds so much
        await settle()
        assert writer.desired_size is not None
        assert writer.desired_size <= 0
        for _ in range(4):
            left = 65536
            while left:
                left -= len(await asyncio.to_thread(os.read, pipe[0], left))
        await asyncio.gather(*written)
        assert writer.desired_size == HIGH_WATER_MARK
    sink.stop()


async def test_output_that_is_closed_is_a_broken_pipe(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError, match="writing standard output"):
        await _write_all(pipe[1], b"nobody reads this")


async def test_without_an_output_writing_fails() -> None:
    with pytest.raises(OSError, match="there is no standard output"):
        await _write_all(None, b"nowhere")


def test_a_call_that_returns_after_the_loop_is_closed_is_forgotten(loop_factory: LoopFactory) -> None:
    worker = Worker("of a test")
    reading_end, writing_end = os.pipe()

    async def start() -> None:
        worker.call(os.read, reading_end, 1)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(start())
    os.close(writing_end)
    worker.thread.join()
    os.close(reading_end)
