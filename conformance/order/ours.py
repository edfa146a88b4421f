"""Ordering programs on our streams: a line of JSON in, a line out. `python -m conformance.order.ours`"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from conformance.wpt.bindings import Bindings
from conformance.wpt.engine import SHIM_FILES, Engine
from whatwg_streams import Promise
from whatwg_streams._platform.promises import a_promise_resolved_with, mark_as_handled
from whatwg_streams._transform.ops import default_sinks

HERE = Path(__file__).parent


class Realm:
    """An engine with our streams in it, and the kit."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.bindings = Bindings(self.engine)
        self.engine.load_shim(*SHIM_FILES)
        for name in ("kit.js", "node_like.js"):
            self.engine.evaluate((HERE / name).read_text(encoding="utf-8"))
        self.engine.load_shim_file(HERE / "ours.js")
        self.engine.hide_shim()

    def _quiet(self) -> None:
        self.engine.drain()
        while self.engine.run_next_timer():
            self.engine.drain()

    def run(self, program: dict[str, Any]) -> list[list[list[str]]]:
        """The events of each phase; in the end, the rejections that nobody handled."""
        engine = self.engine
        engine.call("begin")
        logs = []
        for phase in program["phases"]:
            engine.call("startPhase", json.dumps(phase), program["ticks"])
            self._quiet()
            logs.append(json.loads(engine.call("endPhase")))
        unhandled = self._unhandled()
        if engine.call("handledIsKnown"):
            logs.append([["unhandled", reason] for reason in unhandled])
        return logs + [[["fault", fault]] for fault in engine.faults]

    def _unhandled(self) -> list[str]:
        values = self.bindings.values
        reasons = [context["exception"] for context in self.bindings.loop.reports]
        for promise in self.bindings.rejected_and_not_marked_handled():
            handle = values.handle_of(promise)
            if handle is None or not self.engine.call("isObserved", handle):
                reasons.append(promise._promise_result)
            mark_as_handled(promise)  # the next program is not to find it
        return [json.loads(self.engine.call("show", values.encode(reason))) for reason in reasons]


def detour_like_node() -> None:
    """Node's algorithm for aborting a transform stream is an async function: a promise for its promise comes of it."""
    plain = default_sinks.transform_stream_default_sink_abort_algorithm

    def detour(stream: Any, reason: object) -> Promise[Any]:
        return a_promise_resolved_with(plain(stream, reason))

    default_sinks.transform_stream_default_sink_abort_algorithm = detour


def main() -> None:
    detour_like_node()
    gc.disable()  # a realm is never taken apart, and a program makes little
    for line in sys.stdin:
        print(json.dumps(Realm().run(json.loads(line))), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
