"""The JavaScript engine: its border with Python, its job queue and ours as one, and the virtual clock.

Integers, numbers and strings are all that crosses. A value of JavaScript is the index of a table on its
side, a handle; a result is a handle, or -1 - the handle of what was thrown, so that no exception crosses.
"""

from __future__ import annotations

import heapq
import json
import sys
import traceback
from collections import deque
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quickjs  # type: ignore[import-not-found,import-untyped,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Callable

SHIM = Path(__file__).parent / "shim"
SHIM_FILES = (
    "primordials", "border", "buffers", "webidl", "async_sequence", "events", "interfaces", "globals",
    "structured_clone", "message_ports", "encoding", "fetch",
)  # fmt: skip

UNDEFINED, NULL, FALSE, TRUE = range(4)

_MEGABYTE = 2**20
_LONGEST_VIRTUAL_TIME = 600_000.0


class Timer:
    """A timer on the virtual clock."""

    def __init__(self, due: float, serial: int, steps: Callable[[], object], every: float | None) -> None:
        self.due = due
        self.serial = serial
        self.steps = steps
        self.every = every
        self.cancelled = False

    def __lt__(self, other: Timer) -> bool:
        return (self.due, self.serial) < (other.due, other.serial)

    def cancel(self) -> None:
        self.cancelled = True


class Engine:
    """One realm, with nothing of ours in it but the shim."""

    def __init__(self) -> None:
        self.context = quickjs.Context()
        self.context.set_max_stack_size(4 * _MEGABYTE)
        self.context.set_memory_limit(1024 * _MEGABYTE)
        self.calls: dict[str, Any] = {}
        self.faults: list[str] = []
        self.lines: list[str] = []
        self.before_leaving: Callable[[], None] = lambda: None
        self._shim: Any = self.context.eval("globalThis.__shim = { __proto__: null, host: { __proto__: null } }")
        self._jobs: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._timers: list[Timer] = []
        self._by_id: dict[int, Timer] = {}
        self._serial = 0
        self._now = 0.0
        functions: dict[str, Callable[..., Any]] = {
            "runJob": self._run_job, "startTimer": self._start_timer, "stopTimer": self._stop_timer,
            "now": lambda: self._now, "log": self._log, "collectGarbage": self._collect_garbage,
        }  # fmt: skip
        for name, function in functions.items():
            self.provide(name, function)

    # Setting up ----------------------------------------------------------------------------------

    def provide(self, name: str, function: Callable[..., Any]) -> None:
        """Let the shim call the function as `shim.host.<name>`."""

        @wraps(function)
        def entry(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except Exception:
                self.fault()
            finally:
                self.before_leaving()
            return None

        self.context.add_callable("__entry", entry)
        self.context.eval(f"__shim.host.{name} = __entry; delete globalThis.__entry")

    def load_shim(self, *names: str) -> None:
        """Evaluate files of the shim; what they put into `shim.calls` can be called from then on."""
        for name in names:
            self.load_shim_file(SHIM / f"{name}.js")

    def load_shim_file(self, path: Path) -> None:
        """Evaluate another such file."""
        source = path.read_text(encoding="utf-8")
        self.context.eval(f"({source[source.index('(shim)') :]}\n)")(self._shim)
        for name in json.loads(self.context.eval("JSON.stringify(Object.keys(__shim.calls ?? {}))")):
            if name not in self.calls:
                self.calls[name] = self.context.eval(f"__shim.calls.{name}")

    def hide_shim(self) -> None:
        """Take the shim out of the tests' sight."""
        self.context.eval("delete globalThis.__shim")

    def evaluate(self, source: str) -> None:
        """Run a script."""
        self.context.eval(source)

    def fault(self) -> None:
        """Note the exception at hand, that should not have come this far."""
        self.faults.append(traceback.format_exc())

    # Calling JavaScript ----------------------------------------------------------------------------

    def call(self, name: str, *arguments: float | str) -> Any:
        """Call one of `shim.calls`."""
        self.before_leaving()
        return self.calls[name](*arguments)

    # Jobs: one of the engine's for each of ours, so that both are one first-in first-out queue ------

    def enqueue_microtask(self, callback: Callable[[Any], object], argument: object) -> None:
        self._jobs.append((callback, argument))
        self.calls["enqueueJob"]()

    def _run_job(self) -> None:
        callback, argument = self._jobs.popleft()
        callback(argument)

    def drain(self) -> None:
        """Run all jobs."""
        pending = True
        while pending:
            try:
                pending = self.context.execute_pending_job()
            except quickjs.JSException as exception:
                self.lines.append(f"a job threw: {exception}")

    # Timers ----------------------------------------------------------------------------------------

    def run_after(self, milliseconds: float, steps: Callable[[], object], every: float | None = None) -> Timer:
        """Run steps at a time of the virtual clock."""
        self._serial += 1
        timer = Timer(self._now + milliseconds, self._serial, steps, every)
        heapq.heappush(self._timers, timer)
        return timer

    def _start_timer(self, milliseconds: float, repeat: int) -> int:
        timer = self.run_after(milliseconds, lambda: None, max(milliseconds, 1) if repeat else None)
        identifier = timer.serial
        timer.steps = lambda: self.call("runTimer", identifier, 0 if timer.every else 1)
        self._by_id[identifier] = timer
        return identifier

    def _stop_timer(self, identifier: float) -> None:
        timer = self._by_id.pop(int(identifier), None)
        if timer is not None:
            timer.cancel()

    def run_next_timer(self) -> bool:
        """Let the clock go on to the next timer; False where there is none."""
        while self._timers:
            timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            if timer.due > _LONGEST_VIRTUAL_TIME:
                return False
            self._now = max(self._now, timer.due)
            if timer.every is not None:
                self._serial += 1
                timer.due, timer.serial = self._now + timer.every, self._serial
                heapq.heappush(self._timers, timer)
            try:
                timer.steps()
            except Exception:
                self.fault()
            return True
        return False

    # Odds and ends ---------------------------------------------------------------------------------

    def _log(self, text: str) -> None:
        self.lines.append(json.loads(text))

    def _collect_garbage(self) -> None:
        self.context.gc()

    def print_log(self) -> None:
        for line in [*self.lines, *self.faults]:
            print(line, file=sys.stderr)
