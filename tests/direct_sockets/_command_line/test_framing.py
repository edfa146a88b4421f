"""Where datagrams begin and end."""

from __future__ import annotations

from typing import Any

import pytest

from direct_sockets._command_line.framing import framing
from whatwg_streams import ReadableStream, TransformStream


async def _framed(chunks: list[bytes], *, lines: bool = False, size: int = 4) -> list[bytes]:
    transform: TransformStream[Any, Any] = TransformStream(framing(lines=lines, size=size))
    return [chunk async for chunk in ReadableStream.from_(chunks).pipe_through(transform)]


async def test_what_is_read_at_a_time_is_one_datagram_or_several() -> None:
    assert await _framed([b"ab", b"abcd", b"abcdefghi"]) == [b"ab", b"abcd", b"abcd", b"efgh", b"i"]


@pytest.mark.parametrize(
    ("chunks", "payloads"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"o", b"n", b"e", b"\n", b"tw", b"o\nthree\nf", b"our\n"], [b"one", b"two", b"three", b"four"]),
        ([b"a line\r\n", b"another\r", b"\n"], [b"a line", b"another"]),
        ([b"\n\n"], [b"", b""]),
        ([b"without an end"], [b"without an end"]),
        ([b"\xff\x00\n"], [b"\xff\x00"]),
        ([], []),
    ],
)
async def test_a_line_is_a_datagram(chunks: list[bytes], payloads: list[bytes]) -> None:
    assert await _framed(chunks, lines=True) == payloads
