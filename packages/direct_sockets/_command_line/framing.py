"""Where in a stream of bytes datagrams begin and end: transformers from what is read to their payloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from whatwg_streams import TransformStreamDefaultController


@final
class Blocks:
    """What is read at a time is one datagram, or several where it is too long for one.

    Args:
        size: how long datagrams may be, in bytes.
    """

    def __init__(self, size: int) -> None:
        self._size = size

    def transform(self, chunk: bytes, controller: TransformStreamDefaultController) -> None:
        """Cut a chunk."""
        for start in range(0, len(chunk), self._size):
            controller.enqueue(chunk[start : start + self._size])


@final
class Lines:
    r"""Each line is one datagram, without its end, which is "\n" or "\r\n"; an empty one is an empty datagram."""

    def __init__(self) -> None:
        self._unfinished: list[bytes] = []

    def transform(self, chunk: bytes, controller: TransformStreamDefaultController) -> None:
        """Cut a chunk, and keep what is after its last end of line."""
        first, *others = chunk.split(b"\n")
        self._unfinished.append(first)
        for other in others:
            controller.enqueue(b"".join(self._unfinished).removesuffix(b"\r"))
            self._unfinished = [other]

    def flush(self, controller: TransformStreamDefaultController) -> None:
        """Let go of a last line that has no end."""
        if rest := b"".join(self._unfinished):
            controller.enqueue(rest)


def framing(*, lines: bool, size: int) -> Any:
    """The transformer that was asked for on the command line."""
    return Lines() if lines else Blocks(size)
