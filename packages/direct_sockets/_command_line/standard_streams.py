"""Standard input as a ReadableStream, and standard output as a WritableStream.

Where a program has been started without one of them, reading gives nothing and writing fails; its number may belong
to a socket by then.
"""

from __future__ import annotations

import errno
import os
import select
from typing import TYPE_CHECKING, Any, Final, final

from whatwg_streams import ByteLengthQueuingStrategy, ReadableStream, WritableStream

from .worker import Worker

if TYPE_CHECKING:
    from whatwg_streams import Promise, ReadableStreamDefaultController

#: How much is read at a time, in bytes; pipes hold as much on Linux.
CHUNK: Final = 65536
#: How much may wait in either stream, in bytes.
HIGH_WATER_MARK: Final = 2 * CHUNK


@final
class Input:
    """The underlying source of standard input.

    Args:
        descriptor: to read from; None, if there is none.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._cancelled = False
        self._worker = Worker("standard input")

    def pull(self, controller: ReadableStreamDefaultController) -> Promise[None]:
        """Read once, in the thread."""

        def have_read(data: bytes) -> None:
            if self._cancelled:
                return
            if data:
                controller.enqueue(data)
            else:
                controller.close()

        return self._worker.call(_read, self._descriptor).then(have_read)

    def cancel(self, _: object) -> None:
        """Read no more; the read that the thread is at may still take something."""
        self._cancelled = True

    def stop(self) -> None:
        """End the thread."""
        self._worker.stop()


@final
class Output:
    """The underlying sink of standard output.

    Args:
        descriptor: to write to; None, if there is none.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._worker = Worker("standard output")

    def write(self, chunk: Any) -> Promise[None]:
        """Write it, in the thread."""
        return self._worker.call(_write, self._descriptor, chunk)

    def stop(self) -> None:
        """End the thread."""
        self._worker.stop()


def input_stream(source: Input) -> ReadableStream[bytes]:
    """A stream of what is read, as it comes: read ahead as far as the high water mark allows."""
    return ReadableStream(source, ByteLengthQueuingStrategy(high_water_mark=HIGH_WATER_MARK))


def output_stream(sink: Output) -> WritableStream[Any]:
    """A stream to write buffers to."""
    return WritableStream(sink, ByteLengthQueuingStrategy(high_water_mark=HIGH_WATER_MARK))


def _read(descriptor: int | None) -> bytes:
    if descriptor is None:
        return b""
    while True:
        try:
            return os.read(descriptor, CHUNK)
        except BlockingIOError:  # another program has set the descriptor, which it shares, not to block
            select.select([descriptor], [], [])
        except OSError as error:
            raise _while("reading standard input", error) from error


def _write(descriptor: int | None, data: Any) -> None:
    if descriptor is None:
        raise OSError(errno.EBADF, "there is no standard output")
    with memoryview(data) as view:
        written = 0
        while written < view.nbytes:
            try:
                written += os.write(descriptor, view[written:])
            except BlockingIOError:  # as above
                select.select([], [descriptor], [])
            except OSError as error:
                raise _while("writing standard output", error) from error


def _while(doing: str, error: OSError) -> OSError:
    return OSError(error.errno, f"{doing}: {error.strerror}")
