"""§5 in few lines: a writable stream with a writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import TYPE_ERROR, Jobs, Later, Refused, fulfilled, rejected

CLOSE = "the end of the queue"


class WriterModel:
    def __init__(self, stream: WritableModel) -> None:
        jobs, state, error = stream.jobs, stream.state, stream.stored_error
        self.stream: WritableModel | None = stream
        self.ready = fulfilled(jobs)
        self.closed = Later(jobs)
        if state == "writable" and stream.backpressure and not stream.is_closing():
            self.ready = Later(jobs)
        if state in {"erroring", "errored"}:
            self.ready = rejected(jobs, error)
        if state == "errored":
            self.closed = rejected(jobs, error)
        if state == "closed":
            self.closed = fulfilled(jobs)

    def reject_ready(self, reason: Any) -> None:
        if self.ready.state != "pending":
            self.ready = Later(self.ready.jobs)
        self.ready.reject(reason)

    def release(self) -> None:
        if self.stream is not None:
            self.reject_ready(TYPE_ERROR)
            if self.closed.state != "pending":
                self.closed = Later(self.closed.jobs)
            self.closed.reject(TYPE_ERROR)
            self.stream.writer = None
            self.stream = None

    @property
    def desired_size(self) -> float | None:
        if self.stream is None:
            raise Refused
        return self.stream.desired_size

    def write(self, jobs: Jobs, chunk: Any) -> Later:
        return rejected(jobs) if self.stream is None else self.stream.write(chunk)

    def close(self, jobs: Jobs) -> Later:
        return rejected(jobs) if self.stream is None else self.stream.do_close()

    def abort(self, jobs: Jobs, reason: Any) -> Later:
        return rejected(jobs) if self.stream is None else self.stream.do_abort(reason)


class WritableModel:
    """The stream, and its controller."""

    def __init__(
        self,
        jobs: Jobs,
        write: Callable[[Any], Later],
        close: Callable[[], Later],
        abort: Callable[[Any], Later],
        high_water_mark: float,
        size: Callable[[Any], float] = lambda _: 1,
    ) -> None:
        self.jobs = jobs
        self.write_sink, self.close_sink, self.abort_sink = write, close, abort
        self.high_water_mark = high_water_mark
        self.size = size
        self.state = "writable"
        self.stored_error: Any = None
        self.writer: WriterModel | None = None
        self.queue: list[Any] = []
        self.requests: list[Later] = []
        self.started = False
        self.write_in_flight: Later | None = None
        self.close_in_flight: Later | None = None
        self.close_request: Later | None = None
        self.abort_request: tuple[Later, Any, bool] | None = None
        self.signal_aborted: Any = ()
        self.backpressure = high_water_mark <= 0

    def start(self, start: Later) -> None:
        start.then(self._started, self._start_failed)

    def _started(self, _: object) -> None:
        self.started = True
        self._advance()

    def _start_failed(self, reason: Any) -> None:
        self.started = True
        self._deal_with_rejection(reason)

    def is_closing(self) -> bool:
        return self.close_request is not None or self.close_in_flight is not None

    @property
    def desired_size(self) -> float | None:
        if self.state in {"erroring", "errored"}:
            return None
        if self.state == "closed":
            return 0
        return self.high_water_mark - sum(self.size(chunk) for chunk in self.queue if chunk is not CLOSE)

    def get_writer(self) -> WriterModel:
        if self.writer is not None:
            raise Refused
        self.writer = WriterModel(self)
        return self.writer

    def write(self, chunk: Any) -> Later:
        if self.state == "errored":
            return rejected(self.jobs, self.stored_error)
        if self.is_closing() or self.state == "closed":
            return rejected(self.jobs)
        if self.state == "erroring":
            return rejected(self.jobs, self.stored_error)
        request = Later(self.jobs)
        self.requests.append(request)
        self.queue.append(chunk)
        self._update_backpressure()
        self._advance()
        return request

    def close(self) -> Later:
        return rejected(self.jobs) if self.writer is not None else self.do_close()

    def do_close(self) -> Later:
        if self.is_closing() or self.state in {"closed", "errored"}:
            return rejected(self.jobs)
        request = self.close_request = Later(self.jobs)
        if self.writer is not None and self.backpressure and self.state == "writable":
            self.writer.ready.fulfill()
        self.queue.append(CLOSE)
        self._advance()
        return request

    def abort(self, reason: Any) -> Later:
        return rejected(self.jobs) if self.writer is not None else self.do_abort(reason)

    def do_abort(self, reason: Any) -> Later:
        if self.state in {"closed", "errored"}:
            return fulfilled(self.jobs)
        self.signal_aborted = self.signal_aborted or (reason,)
        if self.abort_request is not None:
            return self.abort_request[0]
        request = Later(self.jobs)
        was_erroring = self.state == "erroring"
        self.abort_request = (request, None if was_erroring else reason, was_erroring)
        if not was_erroring:
            self._start_erroring(reason)
        return request

    def error(self, reason: Any) -> None:
        if self.state == "writable":
            self._start_erroring(reason)

    def _update_backpressure(self) -> None:
        if self.state == "writable" and not self.is_closing():
            backpressure = (self.desired_size or 0) <= 0
            if self.writer is not None and backpressure != self.backpressure:
                if backpressure:
                    self.writer.ready = Later(self.jobs)
                else:
                    self.writer.ready.fulfill()
            self.backpressure = backpressure

    def _advance(self) -> None:
        if not self.started or self.write_in_flight is not None:
            return
        if self.state == "erroring":
            self._finish_erroring()
        elif self.queue and self.queue[0] is CLOSE:
            self.close_in_flight, self.close_request = self.close_request, None
            self.queue.pop(0)
            self.close_sink().then(self._closed, self._close_failed)
        elif self.queue:
            self.write_in_flight = self.requests.pop(0)
            self.write_sink(self.queue[0]).then(self._written, self._write_failed)

    def _written(self, _: object) -> None:
        assert self.write_in_flight is not None
        self.write_in_flight.fulfill()
        self.write_in_flight = None
        self.queue.pop(0)
        self._update_backpressure()
        self._advance()

    def _write_failed(self, reason: Any) -> None:
        assert self.write_in_flight is not None
        self.write_in_flight.reject(reason)
        self.write_in_flight = None
        self._deal_with_rejection(reason)

    def _closed(self, _: object) -> None:
        assert self.close_in_flight is not None
        self.close_in_flight.fulfill()
        self.close_in_flight = None
        if self.state == "erroring":
            self.stored_error = None
            if self.abort_request is not None:
                self.abort_request[0].fulfill()
                self.abort_request = None
        self.state = "closed"
        if self.writer is not None:
            self.writer.closed.fulfill()

    def _close_failed(self, reason: Any) -> None:
        assert self.close_in_flight is not None
        self.close_in_flight.reject(reason)
        self.close_in_flight = None
        if self.abort_request is not None:
            self.abort_request[0].reject(reason)
            self.abort_request = None
        self._deal_with_rejection(reason)

    def _deal_with_rejection(self, reason: Any) -> None:
        if self.state == "writable":
            self._start_erroring(reason)
        else:
            self._finish_erroring()

    def _start_erroring(self, reason: Any) -> None:
        self.state, self.stored_error = "erroring", reason
        if self.writer is not None:
            self.writer.reject_ready(reason)
        if self.started and self.write_in_flight is None and self.close_in_flight is None:
            self._finish_erroring()

    def _finish_erroring(self) -> None:
        self.state, self.queue = "errored", []
        for request in self.requests:
            request.reject(self.stored_error)
        self.requests = []
        abort_request, self.abort_request = self.abort_request, None
        if abort_request is None:
            self._reject_closed()
            return
        request, reason, was_erroring = abort_request
        if was_erroring:
            request.reject(self.stored_error)
            self._reject_closed()
            return

        def end(settle: Callable[[Any], None], value: Any) -> None:
            settle(value)
            self._reject_closed()

        self.abort_sink(reason).then(lambda _: end(request.fulfill, None), lambda why: end(request.reject, why))

    def _reject_closed(self) -> None:
        if self.close_request is not None:
            self.close_request.reject(self.stored_error)
            self.close_request = None
        if self.writer is not None:
            self.writer.closed.reject(self.stored_error)
