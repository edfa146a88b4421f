"""Streams that are set up as another specification does it."""

from __future__ import annotations

from typing import Any

import pytest

from whatwg_streams import (
    ReadableStream,
)
from whatwg_streams.other_specs import (
    new,
    set_up_readable_stream,
    set_up_readable_stream_with_byte_reading_support,
)


def set_up_stream(**arguments: Any) -> ReadableStream[Any]:
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_readable_stream(stream, **arguments)
    return stream


def set_up_byte_stream(**arguments: Any) -> ReadableStream[memoryview]:
    stream: ReadableStream[memoryview] = new(ReadableStream)
    set_up_readable_stream_with_byte_reading_support(stream, **arguments)
    return stream


def set_up_either(kind: str, **arguments: Any) -> ReadableStream[Any]:
    return set_up_byte_stream(**arguments) if kind == "bytes" else set_up_stream(**arguments)


BOTH_KINDS = pytest.mark.parametrize("kind", ["default", "bytes"])
