"""§4 in few lines: a readable stream with a default controller and default readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import TYPE_ERROR, Callbacks, Jobs, Later, Refused, fulfilled, rejected

#: The result of a read that has come to the end.
DONE = ("done", None)


class ReaderModel:
    def __init__(self, stream: ReadableModel) -> None:
        self.stream: ReadableModel | None = stream
        self.requests: list[Later] = []
        state = stream.state
        self.closed = Later(stream.jobs, {"readable": "pending", "closed": "fulfilled", "errored": "rejected"}[state])
        self.closed.value = stream.stored_error

    def read(self, jobs: Jobs) -> Later:
        return rejected(jobs) if self.stream is None else self.stream.read(self)

    def cancel(self, jobs: Jobs, reason: Any) -> Later:
        return rejected(jobs) if self.stream is None else self.stream.do_cancel(reason)

    def release(self) -> None:
        stream, self.stream = self.stream, None
        if stream is None:
            return
        if self.closed.state != "pending":
            self.closed = Later(stream.jobs)
        self.closed.reject(TYPE_ERROR)
        for request in self.requests:
            request.reject(TYPE_ERROR)
        self.requests = []
        stream.reader = None


class ReadableModel:
    """The stream, and its controller."""

    def __init__(
        self,
        jobs: Jobs,
        pull: Callable[[], Later],
        cancel: Callable[[Any], Later],
        high_water_mark: float,
        size: Callable[[Any], float] = lambda _: 1,
    ) -> None:
        self.jobs = jobs
        self.pull = pull
        self.cancel_source = cancel
        self.high_water_mark = high_water_mark
        self.size = size
        self.state = "readable"
        self.stored_error: Any = None
        self.reader: Any = None  # a ReaderModel
        self.queue: list[Any] = []
        self.started = self.closing = self.pulling = self.pull_again = False

    def start(self, start: Later) -> None:
        start.then(self._started, self.error)

    def _started(self, _: object) -> None:
        self.started = True
        self.pull_if_needed()

    @property
    def desired_size(self) -> float | None:
        if self.state != "readable":
            return None if self.state == "errored" else 0
        return self.high_water_mark - sum(map(self.size, self.queue))

    def is_open(self) -> bool:
        return self.state == "readable" and not self.closing

    def wants_more(self) -> bool:
        waiting = self.reader is not None and self.reader.requests
        return self.is_open() and self.started and bool(waiting or (self.desired_size or 0) > 0)

    def pull_if_needed(self) -> None:
        if self.wants_more():
            if self.pulling:
                self.pull_again = True
            else:
                self.pulling = True
                self.pull().then(self._pulled, self.error)

    def _pulled(self, _: object) -> None:
        self.pulling = False
        if self.pull_again:
            self.pull_again = False
            self.pull_if_needed()

    def enqueue(self, chunk: Any) -> None:
        if not self.is_open():
            raise Refused
        if self.reader is not None and self.reader.requests:
            self.reader.requests.pop(0).fulfill(("chunk", chunk))
        else:
            self.queue.append(chunk)
        self.pull_if_needed()

    def close(self) -> None:
        if not self.is_open():
            raise Refused
        self.closing = True
        if not self.queue:
            self._close()

    def _close(self) -> None:
        self.state = "closed"
        if self.reader is not None:
            self.reader.closed.fulfill()
            for request in self.reader.requests:
                request.fulfill(DONE)
            self.reader.requests = []

    def error(self, reason: Any) -> None:
        if self.state == "readable":
            self.state, self.stored_error, self.queue = "errored", reason, []
            if self.reader is not None:
                self.reader.closed.reject(reason)
                for request in self.reader.requests:
                    request.reject(reason)
                self.reader.requests = []

    def get_reader(self) -> ReaderModel:
        if self.reader is not None:
            raise Refused
        reader = self.reader = ReaderModel(self)
        return reader

    def read(self, reader: ReaderModel) -> Later:
        if self.state == "closed":
            return fulfilled(self.jobs, DONE)
        if self.state == "errored":
            return rejected(self.jobs, self.stored_error)
        if not self.queue:
            reader.requests.append(Later(self.jobs))
            request = reader.requests[-1]
            self.pull_if_needed()
            return request
        chunk = self.queue.pop(0)
        if self.closing and not self.queue:
            self._close()
        else:
            self.pull_if_needed()
        return fulfilled(self.jobs, ("chunk", chunk))

    def cancel(self, reason: Any) -> Later:
        return rejected(self.jobs) if self.reader is not None else self.do_cancel(reason)

    def do_cancel(self, reason: Any) -> Later:
        if self.state == "closed":
            return fulfilled(self.jobs)
        if self.state == "errored":
            return rejected(self.jobs, self.stored_error)
        self._close()
        self.queue = []
        result = Later(self.jobs)
        self.cancel_source(reason).then(lambda _: result.fulfill(), result.reject)
        return result


def source_of(callbacks: Callbacks) -> tuple[Callable[[], Later], Callable[[Any], Later]]:
    return lambda: callbacks.call("pull"), lambda reason: callbacks.call("cancel", reason)
