"""Where the numbers 0, 1, 2, … of a scenario come from: underlying sources of every manner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from whatwg_streams import Promise, ReadableStream

#: How many numbers there are.
COUNT = 4


class Numbers:
    """A source that gives the next number when it is told to, and closes after the last one."""

    controller: Any

    def __init__(self, count: int = COUNT) -> None:
        self.given = 0
        self.count = count
        self.cancels: list[object] = []

    def start(self, controller: Any) -> None:
        self.controller = controller

    def give(self) -> bool:
        """Give the next number, or close; tell whether there is more to come."""
        if self.cancels:
            return False
        if self.given == self.count:
            self.controller.close()
            return False
        self.given += 1
        self.controller.enqueue(self.given - 1)
        return True

    def cancel(self, reason: object) -> None:
        self.cancels.append(reason)


class Queued(Numbers):
    """All are in the queue before anybody reads."""

    def start(self, controller: Any) -> None:
        super().start(controller)
        while self.give():
            pass


class Pulled(Numbers):
    """Gives one when it is pulled."""

    def pull(self, _: object) -> None:
        self.give()


class PulledInATask(Numbers):
    """Gives one when it is pulled, after the loop has had a turn."""

    async def pull(self, _: object) -> None:
        await asyncio.sleep(0)
        self.give()
        await asyncio.sleep(0)


class PushedByTheLoop(Numbers):
    """Gives one on each turn of the loop, whether it is wanted or not."""

    def start(self, controller: Any) -> None:
        super().start(controller)
        asyncio.get_running_loop().call_soon(self.push)

    def push(self) -> None:
        if self.give():
            asyncio.get_running_loop().call_soon(self.push)


class PushedByMicrotasks(Numbers):
    """Gives one every few microtasks, whether it is wanted or not."""

    def start(self, controller: Any) -> None:
        super().start(controller)
        self.push(None)

    def push(self, _: object) -> None:
        if self.give():
            Promise.resolve().then(lambda _: None).then(self.push)


# Bytes --------------------------------------------------------------------------------------------

#: The bytes of a byte stream; its sources give three of them at a time, views often have two to an item.
DATA = bytes(range(12))
_PIECE = 3


class Bytes(Numbers):
    """A byte source of the DATA, which enqueues it."""

    type = "bytes"

    def __init__(self, auto_allocate_chunk_size: int | None = None) -> None:
        super().__init__(len(DATA))
        self.auto_allocate_chunk_size = auto_allocate_chunk_size

    def next_piece(self, limit: int = _PIECE) -> bytes:
        piece = DATA[self.given : self.given + min(limit, _PIECE)]
        self.given += len(piece)
        return piece

    @override
    def give(self) -> bool:
        if self.cancels:
            return False
        if self.given < self.count:
            self.controller.enqueue(self.next_piece())
            return True
        self.close()
        return False

    def close(self) -> None:
        """Close, and say so to whoever waits for bytes."""
        self.controller.close()
        if (request := self.controller.byob_request) is not None:
            request.respond(0)


class QueuedBytes(Bytes, Queued):
    """All are in the queue before anybody reads."""


class PulledBytes(Bytes, Pulled):
    """Enqueues some when it is pulled."""


class BytesPushedByTheLoop(Bytes, PushedByTheLoop):
    """Enqueues some on each turn of the loop."""


class BytesPushedByMicrotasks(Bytes, PushedByMicrotasks):
    """Enqueues some every few microtasks."""


class Responding(Bytes):
    """Writes to the buffer that it is offered, if there is one."""

    def pull(self, _: object) -> None:
        self.give_into(self.controller.byob_request)

    def give_into(self, request: Any) -> None:
        if request is None or self.given == self.count:
            self.give()
            return
        self.respond(request, request.view)

    def respond(self, request: Any, view: Any) -> None:
        piece = self.next_piece(len(view))
        view[: len(piece)] = piece
        request.respond(len(piece))


class RespondingInATask(Responding):
    """Has the view of the buffer in its hands for a while, as a system call has, before it responds."""

    async def pull(self, _: object) -> None:  # type: ignore[override]
        request = self.controller.byob_request
        view = None if request is None else request.view
        await asyncio.sleep(0)
        if request is None or self.given == self.count:
            self.give()
        else:
            self.respond(request, view)
        await asyncio.sleep(0)


class RespondingWithNewViews(RespondingInATask):
    """Responds with a part of the view."""

    @override
    def respond(self, request: Any, view: Any) -> None:
        piece = self.next_piece(len(view))
        view[: len(piece)] = piece
        request.respond_with_new_view(view[: len(piece)])


def stream_of(make: Callable[[], Numbers], high_water_mark: float = 0) -> ReadableStream[int]:
    return ReadableStream(make(), {"high_water_mark": high_water_mark})
