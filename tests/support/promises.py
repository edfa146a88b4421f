"""What tests of promises share."""

from __future__ import annotations

from typing import Any

from whatwg_streams import Promise
from whatwg_streams._platform.promises import a_promise_resolved_with

# The checker is not asked what comes of an awaitable.
resolved: Any = Promise.resolve
resolved_with: Any = a_promise_resolved_with


def state_of(promise: Promise[Any]) -> str:
    return repr(promise).split()[1].rstrip(">")
