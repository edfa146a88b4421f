"""Two ends of a connection that both send and receive, and what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from direct_sockets import TCPSocket


@dataclass
class End:
    """What one end has sent, and what it saw.

    Attributes:
        data: what it sends.
        received: what has come.
        sent: whether all of its data was taken.
        finished: whether the other end has said that this is all.
        read_error: what its reader was told.
        write_error: what its writer was told.
        closed_error: what `closed` rejected with.
    """

    data: bytes
    received: bytearray = field(default_factory=bytearray)
    sent: bool = False
    finished: bool = False
    read_error: BaseException | None = None
    write_error: BaseException | None = None
    closed_error: BaseException | None = None

    def is_spoilt_by(self, other: End) -> bool:
        """Whether it was given what the other end has not sent."""
        return not other.data.startswith(self.received)

    def complaint(self, other: End) -> str:
        """What is wrong with what it saw, or nothing."""
        if self.is_spoilt_by(other):
            return "bytes were lost, changed or came in another order"
        if self.finished and self.received != other.data:
            return f"the end came after {len(self.received)} of {len(other.data)} bytes, without an error"
        if not self.finished and self.read_error is None:
            return "the reader was told neither of the end nor of an error"
        if not self.sent and self.write_error is None:
            return "the writer was told neither that all was taken nor of an error"
        if (self.read_error or self.write_error) and self.closed_error is None:
            return "closed fulfilled, though there was an error"
        errors = (self.read_error, self.write_error, self.closed_error)
        if not all(isinstance(error, OSError) for error in errors if error is not None):
            return f"the errors are not those of a network: {errors}"
        return ""


async def converse(socket: TCPSocket, end: End, random: Random) -> None:
    """Send all of the data, and receive until the end or an error."""
    info = await socket.opened

    async def send() -> None:
        position = 0
        try:
            with info.writable.get_writer() as writer:
                while position < len(end.data):
                    size = random.choice((1, 100, 1460, 10_000, 65_536))
                    await writer.write(end.data[position : position + size])
                    position += size
                await writer.close()
            end.sent = True
        except OSError as error:
            end.write_error = error

    async def receive() -> None:
        try:
            async for chunk in info.readable:
                end.received += chunk
            end.finished = True
        except OSError as error:
            end.read_error = error

    async with asyncio.TaskGroup() as both:
        both.create_task(send())
        both.create_task(receive())
    try:
        await socket.closed
    except OSError as error:
        end.closed_error = error
