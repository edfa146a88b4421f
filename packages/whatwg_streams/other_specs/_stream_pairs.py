"""§9.4 Other stream pairs: https://streams.spec.whatwg.org/#other-specs-pairs"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .._readable.stream import ReadableStream
    from .._writable.stream import WritableStream


class DuplexStream(Protocol):
    """Two sides of one resource, such as a socket: https://streams.spec.whatwg.org/#duplex-stream

    What is written to the one does not come out of the other.
    """

    @property
    def readable(self) -> ReadableStream[Any]:
        """What the resource sends."""
        ...

    @property
    def writable(self) -> WritableStream[Any]:
        """What the resource receives."""
        ...


class EndpointPair(Protocol):
    """The two ends of a longer pipeline, to put transform streams between.

    https://streams.spec.whatwg.org/#endpoint-pair

    The readable side is where chunks come from and the writable side where they go to:
    `pair.readable.pipe_through(…).pipe_to(pair.writable)`. It is not for `pipe_through`.
    """

    @property
    def readable(self) -> ReadableStream[Any]:
        """Where the pipeline begins."""
        ...

    @property
    def writable(self) -> WritableStream[Any]:
        """Where the pipeline ends."""
        ...
