"""Pipelines made at random, each set up twice with sizes and delays of its own.

A pipeline is a readable stream, up to three transforms, and a sink or a reader. What it does to its
chunks, and what goes wrong, is drawn from its seed; how much each stream holds, what the chunks count and
how long each callback takes is drawn anew for each set-up. No event loop runs: microtasks and time are a
`VirtualLoop`'s. After every drain of the microtasks the state of each stream is compared with the
standard, and in the end both set-ups with what a few lines of plain Python make of the same chunks.

A failure tells the seed: `test_a_seed` with that number alone runs it again.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.random_scenarios import Chunk, Failure, Scenario, Transformation, draw, ideal
from tests.support.sources import VirtualLoop
from whatwg_streams import AbortController, Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams._supporting.queue_with_sizes import values_with_sizes
from whatwg_streams._writable.default_controller import CLOSE_SENTINEL

SEEDS = 1000
BATCH = 100


# One set-up of it -----------------------------------------------------------------------------------


class SetUp:
    """The pipeline, running."""

    def __init__(self, scenario: Scenario, variant: int) -> None:
        self.scenario = scenario
        self.chance = random.Random(f"{scenario.seed}/{variant}")
        self.loop = VirtualLoop()
        self.produced: list[list[Chunk]] = [[] for _ in range(len(scenario.transformations) + 1)]
        self.consumed: list[list[Chunk]] = [[] for _ in range(len(scenario.transformations) + 1)]
        self.ends: list[str] = []
        self.outcomes: dict[str, tuple[str, Any]] = {}
        self.readables: list[ReadableStream[Any]] = []
        self.writables: list[WritableStream[Any]] = []
        self.source_controller: Any = None
        self.source_gives: Callable[[], None] | None = None
        self.sink_controller: Any = None
        self.abort_controller = AbortController()
        self.before: dict[int, str] = {}
        self.cancelled = False  # by the reader, or by the signal
        self.read_before_the_error: int | None = None  # chunks of a source that failed

    # Delays and sizes

    def delayed(self, failure: Failure | None = None) -> Any:
        """Answer at once, soon or late; by failing, if there is a failure."""
        manner = self.chance.random()
        if manner < 0.4:
            if failure is None:
                return None
            raise failure
        delay = 0 if manner < 0.6 else self.chance.choice((0.5, 1, 1, 2, 5))
        return self.loop.after(delay) if failure is None else self.loop.failing_after(delay, failure)

    def strategy(self, least: float = 0) -> dict[str, Any]:
        marks = [mark for mark in (0, 1, 1, 2, 3.5, 8, 16, math.inf) if mark >= least]
        strategy: dict[str, Any] = {"high_water_mark": self.chance.choice(marks)}
        if self.chance.random() < 0.5:
            weights = [self.chance.choice((0, 0.25, 1, 1, 2, 5)) for _ in range(3)]
            strategy["size"] = lambda chunk: weights[sum(chunk) % 3]
        return strategy

    # The parts

    def source(self) -> ReadableStream[Any]:
        scenario = self.scenario
        left = iter(range(scenario.chunks))
        produced = self.produced[0]

        def give(controller: Any) -> bool:
            """Give the next chunk, or come to the end; tell whether there is more."""
            number = next(left, None)
            if number is not None:
                produced.append((number,))
                controller.enqueue((number,))
                return True
            if scenario.source_end == "close":
                controller.close()
            else:
                self.fail_the_source(scenario.failure("source"))
            return False

        def start(controller: Any) -> Any:
            self.source_controller = controller
            for _ in range(self.chance.choice((0, 0, 0, 2))):
                if not give(controller):
                    break
            if pushes:
                self.loop.call_later(self.chance.random(), push)
            return self.delayed()

        def push() -> None:
            self.source_gives = lambda: give_if_open(self.source_controller)
            if is_open(self.source_controller) and give(self.source_controller):
                self.loop.call_later(self.chance.choice((0, 0.25, 1, 3)), push)

        def pull(controller: Any) -> Any:
            if not pushes:
                late = self.delayed()
                if late is not None:
                    return late.then(lambda _: give_if_open(controller))
                give_if_open(controller)
            return None

        def is_open(controller: Any) -> bool:
            return self.readables[0]._state == "readable" and not controller._close_requested

        def give_if_open(controller: Any) -> None:
            if is_open(controller):
                give(controller)

        def cancel(reason: object) -> Any:
            self.ends.append("source cancelled")
            return self.delayed(scenario.failure("cancel") if scenario.cancel_fails else None)

        pushes = self.chance.random() < 0.4
        return ReadableStream({"start": start, "pull": pull, "cancel": cancel}, self.strategy())

    def transform(self, one: Transformation) -> TransformStream[Any, Any]:
        scenario = self.scenario
        consumed = self.consumed[one.number]
        produced = self.produced[one.number + 1]

        def start() -> Any:
            return self.delayed()

        def transform(chunk: Chunk, controller: Any) -> Any:
            index = len(consumed)
            consumed.append(chunk)
            if index == one.stops_at:
                failure = scenario.failure(f"transform {one.number}")
                if one.stops_by == "terminate":
                    controller.terminate()
                elif one.stops_by == "error":
                    controller.error(failure)
                else:
                    return self.delayed(failure)
                return None
            output = one.output(chunk, index)
            late = self.delayed()
            if late is not None:
                return late.then(lambda _: give(output, controller))
            give(output, controller)
            return None

        def give(output: list[Chunk], controller: Any) -> None:
            for chunk in output:
                if readable._state != "readable":
                    return
                produced.append(chunk)
                controller.enqueue(chunk)

        def flush(controller: Any) -> Any:
            self.ends.append(f"flush {one.number}")
            if one.fails_to_flush:
                return self.delayed(scenario.failure(f"flush {one.number}"))
            give(one.last_output(), controller)
            return self.delayed()

        def cancel(reason: object) -> Any:
            self.ends.append(f"transform {one.number} cancelled")
            return self.delayed()

        transformer = {"start": start, "transform": transform, "flush": flush, "cancel": cancel}
        stream = TransformStream[Any, Any](transformer, self.strategy(least=1), self.strategy())
        readable = stream.readable
        return stream

    def sink(self) -> WritableStream[Any]:
        scenario = self.scenario
        consumed = self.consumed[-1]

        def start(controller: Any) -> Any:
            self.sink_controller = controller
            return self.delayed()

        def write(chunk: Chunk) -> Any:
            index = len(consumed)
            consumed.append(chunk)
            return self.delayed(scenario.failure("write") if index == scenario.sink_fails_at else None)

        def close() -> Any:
            self.ends.append("sink closed")
            return self.delayed(scenario.failure("close") if scenario.close_fails else None)

        def abort(reason: object) -> Any:
            self.ends.append("sink aborted")
            return self.delayed(scenario.failure("abort") if scenario.abort_fails else None)

        return WritableStream({"start": start, "write": write, "close": close, "abort": abort}, self.strategy(least=1))

    def read_loop(self, readable: ReadableStream[Any]) -> None:
        reader = readable.get_reader()
        consumed = self.consumed[-1]

        def read(_: object) -> None:
            if len(consumed) == self.scenario.reader_cancels_after:
                self.cancelled = True
                self.watch("consumer", reader.cancel(self.scenario.failure("reader")))
            else:
                reader.read().then(got, lambda reason: self.settled("consumer", "rejected", reason))

        def got(result: Any) -> None:
            if result.done:
                self.settled("consumer", "fulfilled", None)
            else:
                consumed.append(result.value)
                late = self.loop.after(self.chance.choice((0, 0, 1)))
                late.then(read)

        read(None)

    # All of it

    def build(self) -> None:
        scenario = self.scenario
        transforms = [self.transform(one) for one in scenario.transformations]
        self.readables = [self.source(), *(one.readable for one in transforms)]
        self.writables = [one.writable for one in transforms]
        if scenario.consumer == "sink":
            self.writables.append(self.sink())
        last = len(self.writables) - 1
        for number, (readable, writable) in enumerate(zip(self.readables, self.writables, strict=False)):
            options: dict[str, Any] = {}
            if number == last and scenario.consumer == "sink":
                options["prevent_close"] = scenario.prevent_close
                options["prevent_abort"] = scenario.prevent_abort
                options["prevent_cancel"] = scenario.prevent_cancel
            if scenario.interruption == "signal" and number == min(scenario.interrupted_pipe, last):
                options["signal"] = self.abort_controller.signal
            self.watch(
                "consumer" if number == len(self.readables) - 1 else f"pipe {number}",
                readable.pipe_to(writable, **options),
            )
        if scenario.consumer == "reader":
            self.read_loop(self.readables[-1])
        if scenario.interruption is not None:
            self.loop.call_later(self.chance.choice((0, 1, 2, 3, 5, 8, 13)), self.interrupt)

    def interrupt(self) -> None:
        failure = self.scenario.failure("interruption")
        if self.source_gives is not None:
            # A source that pushes does so a few microtasks later, too: into the middle of what this starts.
            source_gives = self.source_gives
            late: Promise[Any] = Promise.resolve()
            for _ in range(self.chance.randint(0, 6)):
                late = late.then(lambda _: None)
            late.then(lambda _: source_gives())
        if self.scenario.interruption == "signal":
            self.cancelled = True
            self.abort_controller.abort(failure)
        elif self.scenario.interruption == "source":
            self.fail_the_source(failure)
        elif self.sink_controller is not None:
            self.sink_controller.error(failure)

    def fail_the_source(self, failure: Failure) -> None:
        if self.readables[:1] == [] or self.readables[0]._state == "readable":
            self.read_before_the_error = len(self.produced[0]) - len(self.source_controller._queue)
        self.source_controller.error(failure)

    def watch(self, name: str, promise: Promise[Any]) -> None:
        promise.then(
            lambda value: self.settled(name, "fulfilled", value), lambda reason: self.settled(name, "rejected", reason)
        )

    def settled(self, name: str, how: str, value: object) -> None:
        assert name not in self.outcomes, f"{name} settled twice"
        self.outcomes[name] = (how, value)

    def run(self) -> None:
        with self.loop.installed():
            self.build()
            self.loop.run(self.check)

    # What has to be true after every drain ------------------------------------------------------------

    def check(self) -> None:
        for readable in self.readables:
            self.check_readable(readable)
        for writable in self.writables:
            self.check_writable(writable)
        # A reader has no writable at its end.
        links = itertools.zip_longest(self.readables, self.writables, self.produced, self.consumed)
        for readable, link_end, produced, consumed in links:
            self.check_link(readable, link_end, produced, consumed)

    def check_readable(self, stream: ReadableStream[Any]) -> None:
        state = stream._state
        self.check_transition(stream, state, {"readable": {"closed", "errored"}, "closed": set(), "errored": set()})
        assert state == "errored" or stream._stored_error is None
        controller: Any = stream._controller
        queue = controller._queue
        assert controller._queue_total_size == pytest.approx(sum(size for _, size in values_with_sizes(queue)))
        free = controller._strategy_hwm - controller._queue_total_size
        assert controller.desired_size == {"readable": free, "closed": 0, "errored": None}[state]
        if state != "readable":
            assert not queue
            assert controller._pull_algorithm is None
            assert controller._cancel_algorithm is None
            assert controller._strategy_size_algorithm is None
        else:
            assert not (controller._close_requested and not queue)
            assert controller._pull_algorithm is not None
            assert controller._pulling or not controller._pull_again
        reader: Any = stream._reader
        assert stream.locked is (reader is not None)
        if reader is not None:
            assert reader._stream is stream
            assert not (reader._read_requests and (queue or state != "readable"))
            pending = reader._closed_promise._promise_state
            assert pending == {"readable": "pending", "closed": "fulfilled", "errored": "rejected"}[state]
            wanted = bool(reader._read_requests) or free > 0
        else:
            wanted = free > 0
        if state == "readable" and controller._started and not controller._close_requested and wanted:
            # The source was asked, at the latest when the one before was done; it may have given nothing.
            assert controller._pulling or not controller._pull_again

    def check_writable(self, stream: WritableStream[Any]) -> None:
        state = stream._state
        forward = {
            "writable": {"erroring", "errored", "closed"},
            "erroring": {"errored", "closed"},
            "closed": set[str](),
            "errored": set[str](),
        }
        self.check_transition(stream, state, forward)
        assert state in {"erroring", "errored"} or stream._stored_error is None
        controller = stream._controller
        queue = controller._queue
        assert controller._queue_total_size == pytest.approx(sum(size for _, size in values_with_sizes(queue)))
        sizes = [size for value, size in values_with_sizes(queue) if value is not CLOSE_SENTINEL]
        assert not sizes or sum(sizes[:-1]) < controller._strategy_hwm, "a pipe did not heed the backpressure"
        sentinels = [index for index, (value, _) in enumerate(values_with_sizes(queue)) if value is CLOSE_SENTINEL]
        assert sentinels in ([], [len(queue) - 1])
        requests = len(stream._write_requests) + (stream._in_flight_write_request is not None)
        closing = stream._close_request is not None or stream._in_flight_close_request is not None
        free = controller._strategy_hwm - controller._queue_total_size
        if state in {"closed", "errored"}:
            assert not queue
            assert requests == 0
            assert not closing
        else:
            assert requests == len(queue) - len(sentinels)
            assert bool(sentinels) is (stream._close_request is not None)
            assert not (stream._in_flight_close_request is not None and queue)
            assert not (queue and controller._started and requests and stream._in_flight_write_request is None)
        if state == "closed":
            assert stream._pending_abort_request is None
        if state == "writable":
            assert stream._pending_abort_request is None
            if not closing:
                assert stream._backpressure is (free <= 0)
        writer: Any = stream._writer
        assert stream.locked is (writer is not None)
        if writer is not None:
            assert writer._stream is stream
            if state == "writable":
                ready = "pending" if stream._backpressure and not closing else "fulfilled"
            else:
                ready = writer._ready_promise._promise_state if state == "closed" else "rejected"
            assert writer._ready_promise._promise_state == ready
            closed = writer._closed_promise._promise_state
            assert closed in {"writable": {"pending"}, "erroring": {"pending"}, "closed": {"fulfilled"}}.get(
                state, {"rejected", "pending"}
            )
            expected = {"writable": free, "erroring": None, "closed": 0, "errored": None}[state]
            assert writer.desired_size == expected

    def check_transition(self, stream: Any, state: str, forward: dict[str, set[str]]) -> None:
        before = self.before.get(id(stream), state)
        assert state == before or state in forward[before], f"{before} became {state}"
        self.before[id(stream)] = state

    def check_link(
        self,
        readable: ReadableStream[Any],
        writable: WritableStream[Any] | None,
        produced: list[Chunk],
        consumed: list[Chunk],
    ) -> None:
        """What was put in is what was taken out, what is queued after that, and what is queued before it."""
        assert consumed == produced[: len(consumed)], "lost, reordered or read twice"
        if self.cancelled or readable._state == "errored":
            return  # chunks are discarded then
        flights: list[list[Chunk]] = [[]]
        if writable is not None:
            if writable._state not in {"writable", "closed"} or not (readable.locked or readable._state == "readable"):
                return
            written = [
                chunk for chunk, _ in values_with_sizes(writable._controller._queue) if chunk is not CLOSE_SENTINEL
            ]
            # While a write is in flight, the first chunk in the queue is in the sink's hands; except that a
            # transform, before it takes the chunk, waits until its readable side has room.
            flights = [written[1:], written] if writable._in_flight_write_request is not None else [written]
        controller: Any = readable._controller
        queue: list[Chunk] = [chunk for chunk, _ in values_with_sizes(controller._queue)]
        assert any(produced == consumed + flight + queue for flight in flights), "lost or reordered on the way"

    # What has to be true in the end --------------------------------------------------------------------

    def check_end(self) -> None:
        scenario = self.scenario
        flowing, certain = ideal(scenario)
        for most, got in zip(flowing, self.consumed, strict=True):
            assert got == most[: len(got)]
        whole = scenario.consumer == "reader" or not (
            scenario.prevent_close or scenario.prevent_abort or scenario.prevent_cancel
        )
        if whole:
            names = {"consumer", *(f"pipe {number}" for number in range(len(scenario.transformations)))}
            assert set(self.outcomes) == names, f"still pending: {names - set(self.outcomes)}"
            for readable in self.readables:
                assert readable._state != "readable"
            for writable in self.writables:
                assert writable._state in {"closed", "errored"}
                assert not writable.locked
        for how, reason in self.outcomes.values():
            if how == "rejected":
                # Ours, or the TypeError of a transform that was terminated.
                assert isinstance(reason, TypeError) or reason.seed == scenario.seed
        how = self.outcomes.get("consumer", ("pending", None))[0]
        last = flowing[-1]
        if certain and scenario.consumer == "sink":
            if scenario.sink_fails_at is not None and scenario.sink_fails_at < len(last):
                assert self.consumed[-1] == last[: scenario.sink_fails_at + 1]
            else:
                assert self.consumed[-1] == last
                if not scenario.close_fails:
                    assert how == "fulfilled"
                    assert ("sink closed" in self.ends) is not scenario.prevent_close
        elif certain and scenario.consumer == "reader":
            assert how == "fulfilled" or scenario.cancel_fails
            cut = scenario.reader_cancels_after
            assert self.consumed[-1] == last[: len(last) if cut is None else cut]
        if scenario.is_calm():
            assert all(outcome == ("fulfilled", None) for outcome in self.outcomes.values())
            flushes = [f"flush {one.number}" for one in scenario.transformations]
            assert self.ends == flushes + (
                ["sink closed"] if scenario.consumer == "sink" and not scenario.prevent_close else []
            )
        if self.read_before_the_error is not None and scenario.only_the_source_can_fail():
            # What was read before the error is written before the error is passed on.
            assert len(self.consumed[0]) == self.read_before_the_error
        assert len(self.ends) == len(set(self.ends)), "a callback that ends something was called twice"


def run_seed(seed: int) -> None:
    scenario = draw(seed)
    set_ups = [SetUp(scenario, variant) for variant in range(2)]
    for variant, set_up in enumerate(set_ups):
        try:
            set_up.run()
            set_up.check_end()
        except Exception as error:
            error.add_note(f"seed {seed}, set-up {variant}, at the time {set_up.loop.time}: {scenario}")
            raise
    _, certain = ideal(scenario)
    if certain:
        first, second = (set_up.consumed[-1] for set_up in set_ups)
        assert first == second, f"seed {seed}: the set-ups differ in what comes out: {scenario}"


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_both_set_ups_of_a_random_pipeline_behave(first: int) -> None:
    for seed in range(first, first + BATCH):
        run_seed(seed)


@pytest.mark.parametrize("seed", [0])
def test_a_seed(seed: int) -> None:
    """The place to run one seed alone."""
    run_seed(seed)


def test_the_scenarios_are_of_every_kind() -> None:
    scenarios = [draw(seed) for seed in range(SEEDS)]
    assert {len(one.transformations) for one in scenarios} == {0, 1, 2, 3}
    assert {one.interruption for one in scenarios} == {None, "signal", "source", "sink"}
    stops = itertools.chain.from_iterable(one.transformations for one in scenarios)
    assert {one.stops_by for one in stops if one.stops_at is not None} == {"raise", "error", "terminate"}
    for flag in ("close_fails", "abort_fails", "cancel_fails", "prevent_close", "prevent_abort", "prevent_cancel"):
        assert any(getattr(one, flag) for one in scenarios)
    assert sum(one.is_calm() for one in scenarios) > SEEDS / 10
