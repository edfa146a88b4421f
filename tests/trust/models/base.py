"""What the models are made of: promises with a list of jobs, and callbacks whose answers are told beforehand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

Steps = Callable[[Any], object]


class Jobs:
    """What runs later, first in, first out."""

    def __init__(self) -> None:
        self.queue: deque[tuple[Steps, Any]] = deque()

    def later(self, steps: Steps, argument: Any = None) -> None:
        self.queue.append((steps, argument))

    def run(self) -> None:
        while self.queue:
            steps, argument = self.queue.popleft()
            steps(argument)


class Later:
    """A promise: pending, fulfilled or rejected."""

    def __init__(self, jobs: Jobs, state: str = "pending", value: Any = None) -> None:
        self.jobs = jobs
        self.state = state
        self.value = value
        self.reactions: list[tuple[Steps, Steps]] = []

    def settle(self, state: str, value: Any = None) -> None:
        if self.state == "pending":
            self.state, self.value = state, value
            for reaction in self.reactions:
                self._react(*reaction)

    def fulfill(self, value: Any = None) -> None:
        self.settle("fulfilled", value)

    def reject(self, value: Any) -> None:
        self.settle("rejected", value)

    def then(self, fulfilled: Steps, rejected: Steps) -> None:
        if self.state == "pending":
            self.reactions.append((fulfilled, rejected))
        else:
            self._react(fulfilled, rejected)

    def _react(self, fulfilled: Steps, rejected: Steps) -> None:
        self.jobs.later(fulfilled if self.state == "fulfilled" else rejected, self.value)


class Callbacks:
    """A source or sink: what it is asked is written down, and it answers what it was told to.

    The answer is "now", or "hold" for a promise that is settled later, or "raise".
    """

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.answer = "now"
        self.calls: list[tuple[Any, ...]] = []
        self.held: list[Later] = []

    def call(self, *call: Any) -> Later:
        self.calls.append(call)
        if self.answer == "hold":
            held, followed = Later(self.jobs), Later(self.jobs)
            self.held.append(held)
            held.then(followed.fulfill, followed.reject)
            return followed
        if self.answer == "raise":
            return Later(self.jobs, "rejected", "raised")
        return Later(self.jobs, "fulfilled")


class Refused(Exception):
    """A method raises a TypeError."""


#: What a TypeError looks like, as the reason of a promise.
TYPE_ERROR = "TypeError"


def rejected(jobs: Jobs, reason: Any = TYPE_ERROR) -> Later:
    return Later(jobs, "rejected", reason)


def fulfilled(jobs: Jobs, value: Any = None) -> Later:
    return Later(jobs, "fulfilled", value)
