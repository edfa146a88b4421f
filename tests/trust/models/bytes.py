"""§4.7 in few lines: a readable byte stream, with readers of both kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .base import TYPE_ERROR, Jobs, Later, Refused, fulfilled, rejected
from .readable import DONE, ReadableModel, ReaderModel


@dataclass
class PullInto:
    """A buffer that waits to be filled: how much room it has, how much is in it, and how much is wanted."""

    room: int
    least: int
    element_size: int
    reader: str  # "default", "byob" or "none"
    filled: bytes = b""


class ByteReaderModel(ReaderModel):
    def __init__(self, stream: ByteModel, mode: str) -> None:
        super().__init__(stream)
        self.mode = mode

    def read_into(self, jobs: Jobs, room: int, least: int, element_size: int) -> Later:
        assert self.stream is None or isinstance(self.stream, ByteModel)
        return rejected(jobs) if self.stream is None else self.stream.read_into(self, room, least, element_size)

    def release(self) -> None:
        if isinstance(self.stream, ByteModel) and self.stream.pull_intos:
            self.stream.pull_intos = self.stream.pull_intos[:1]
            self.stream.pull_intos[0].reader = "none"
        super().release()


class ByteModel(ReadableModel):
    """The stream, and its controller. The queue is a list of pieces of bytes."""

    def __init__(
        self,
        jobs: Jobs,
        pull: Callable[[], Later],
        cancel: Callable[[Any], Later],
        high_water_mark: float,
        auto_allocate_chunk_size: int | None,
    ) -> None:
        super().__init__(jobs, pull, cancel, high_water_mark, len)
        self.auto_allocate_chunk_size = auto_allocate_chunk_size
        self.pull_intos: list[PullInto] = []

    def _waiting(self, mode: str) -> list[Later]:
        requests: list[Later] = self.reader.requests if self.reader is not None and self.reader.mode == mode else []
        return requests

    # The controller

    def enqueue(self, chunk: bytes) -> None:
        if not self.is_open():
            raise Refused
        if self.pull_intos and self.pull_intos[0].reader == "none":
            self._queue_what_is_left()
        if self.reader is None:
            self.queue.append(chunk)
        elif self.reader.mode == "default":
            self._serve_default_reads()
            del self.pull_intos[len(self._waiting("default")) :]
            if self._waiting("default"):
                del self.pull_intos[:1]
                self._waiting("default").pop(0).fulfill(("chunk", chunk))
            else:
                self.queue.append(chunk)
        else:
            self.queue.append(chunk)
            for pull_into in self._fill_all():
                self._commit(pull_into)
        self.pull_if_needed()

    def close(self) -> None:
        if not self.is_open():
            raise Refused
        if self.queue:
            self.closing = True
            return
        if self.pull_intos and len(self.pull_intos[0].filled) % self.pull_intos[0].element_size:
            self.error(TYPE_ERROR)
            raise Refused
        self._close()

    def _close(self) -> None:
        self.state = "closed"
        if self.reader is not None:
            self.reader.closed.fulfill()
            if self.reader.mode == "default":
                self._end_reads(self.reader, DONE)

    def _end_reads(self, reader: ByteReaderModel, value: Any) -> None:
        for request in reader.requests:
            request.fulfill(value)
        reader.requests = []

    def error(self, reason: Any) -> None:
        if self.state == "readable":
            self.pull_intos = []
        super().error(reason)

    def respond(self, data: bytes) -> None:
        """Respond to the request, which is for the first of the buffers, with bytes that were written to it."""
        first = self.pull_intos[0]
        if self.state == "closed":
            if data:
                raise Refused
            if first.reader == "none":
                self.pull_intos.pop(0)
            for _ in range(len(self._waiting("byob"))):
                self._commit(self.pull_intos.pop(0))
        else:
            if not data or len(first.filled) + len(data) > first.room:
                raise Refused
            first.filled += data
            self._responded(first)
        self.pull_if_needed()

    def _responded(self, first: PullInto) -> None:
        if first.reader == "none":
            self._queue_what_is_left()
            for pull_into in self._fill_all():
                self._commit(pull_into)
            self._serve_default_reads()
        elif len(first.filled) >= first.least:
            self.pull_intos.pop(0)
            if rest := len(first.filled) % first.element_size:
                self.queue.append(first.filled[-rest:])
                first.filled = first.filled[:-rest]
            filled = self._fill_all()
            for pull_into in [first, *filled]:
                self._commit(pull_into)

    def _queue_what_is_left(self) -> None:
        left = self.pull_intos.pop(0)
        if left.filled:
            self.queue.append(left.filled)

    def _serve_default_reads(self) -> None:
        while self.queue and self._waiting("default"):
            request = self._waiting("default").pop(0)
            self._give_first(request)

    def _give_first(self, request: Later) -> None:
        chunk = self.queue.pop(0)
        self._drained()
        request.fulfill(("chunk", chunk))

    def _drained(self) -> None:
        if self.closing and not self.queue:
            self._close()
        else:
            self.pull_if_needed()

    def _fill_all(self) -> list[PullInto]:
        filled = []
        while self.pull_intos and self.queue and self._fill(self.pull_intos[0]):
            filled.append(self.pull_intos.pop(0))
        return filled

    def _fill(self, pull_into: PullInto) -> bool:
        """Fill it from the queue: with whole items, if these are enough; with everything, otherwise."""
        data = b"".join(self.queue)
        count = min(len(data), pull_into.room - len(pull_into.filled))
        total = len(pull_into.filled) + count
        aligned = total - total % pull_into.element_size
        ready = aligned >= pull_into.least
        if ready:
            count = aligned - len(pull_into.filled)
        pull_into.filled += data[:count]
        while count and count >= len(self.queue[0]):
            count -= len(self.queue.pop(0))
        if count:
            self.queue[0] = self.queue[0][count:]
        return ready

    def _commit(self, pull_into: PullInto) -> None:
        assert self.reader is not None
        request = self.reader.requests.pop(0)
        done = self.state == "closed"
        if pull_into.reader == "default" and done:
            request.fulfill(DONE)
        else:
            request.fulfill(("done" if done else "chunk", pull_into.filled))

    # Reading

    def get_reader(self, mode: str = "default") -> ByteReaderModel:
        if self.reader is not None:
            raise Refused
        reader = self.reader = ByteReaderModel(self, mode)
        return reader

    def read(self, reader: ReaderModel) -> Later:
        if self.state == "closed":
            return fulfilled(self.jobs, DONE)
        if self.state == "errored":
            return rejected(self.jobs, self.stored_error)
        request = Later(self.jobs)
        if self.queue:
            self._give_first(request)
            return request
        if self.auto_allocate_chunk_size is not None:
            self.pull_intos.append(PullInto(self.auto_allocate_chunk_size, 1, 1, "default"))
        reader.requests.append(request)
        self.pull_if_needed()
        return request

    def read_into(self, reader: ReaderModel, room: int, least: int, element_size: int) -> Later:
        if self.state == "errored":
            return rejected(self.jobs, self.stored_error)
        pull_into = PullInto(room, least, element_size, "byob")
        request = Later(self.jobs)
        if self.pull_intos:
            self.pull_intos.append(pull_into)
            reader.requests.append(request)
            return request
        if self.state == "closed":
            return fulfilled(self.jobs, ("done", b""))
        if self.queue:
            if self._fill(pull_into):
                self._drained()
                request.fulfill(("chunk", pull_into.filled))
                return request
            if self.closing:
                self.error(TYPE_ERROR)
                return rejected(self.jobs)
        self.pull_intos.append(pull_into)
        reader.requests.append(request)
        self.pull_if_needed()
        return request

    def do_cancel(self, reason: Any) -> Later:
        if self.state == "readable":
            reader = self.reader
            self._close()
            if reader is not None and reader.mode == "byob":
                self._end_reads(reader, DONE)
            self.pull_intos = []
            self.queue = []
            result = Later(self.jobs)
            self.cancel_source(reason).then(lambda _: result.fulfill(), result.reject)
            return result
        return super().do_cancel(reason)
