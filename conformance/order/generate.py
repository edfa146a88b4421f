"""Random ordering programs: what `kit.js` runs, by node and by our engine alike."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many microtasks of each phase are numbered in the log.
_TICKS = 14

Statement = tuple[int, int, str]  # its number, the microtasks it waits for, and its code
Phase = list[list[Statement]]


@dataclass
class Program:
    """What is run: phases of tracks of statements."""

    kind: str
    index: int
    phases: list[Phase]
    #: Whether the text determines only what each object sees, and not how the objects' events interleave.
    only_by_object: bool = False

    def as_json(self) -> str:
        ticks = 0 if self.only_by_object else _TICKS
        return json.dumps({"phases": self.phases, "ticks": ticks})

    def statements(self) -> list[Statement]:
        return [statement for phase in self.phases for track in phase for statement in track]

    def without(self, number: int) -> Program:
        """The program without one of its statements."""
        phases = [
            [[statement for statement in track if statement[0] != number] for track in phase] for phase in self.phases
        ]
        phases = [[track for track in phase if track] for phase in phases]
        return Program(self.kind, self.index, phases, self.only_by_object)

    def __str__(self) -> str:
        lines = []
        for index, phase in enumerate(self.phases):
            for track in phase:
                lines.append(f"phase {index}, a track:")
                for number, hops, code in track:
                    wait = f"after {hops} microtasks, " if hops else ""
                    lines.append(f"  s{number}: {wait}{code}")
        return "\n".join(lines)


@dataclass
class Writer:
    """Writes the parts of a program."""

    random: random.Random
    serial: int = 0
    gates: list[str] = field(default_factory=list)
    may_leave: bool = True  # whether a promise may be left alone
    is_calm: bool = False  # whether callbacks fail only when a statement says so

    # Choices ---------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def hops(self, most: int = 4) -> int:
        return self.random.randint(0, most)

    def number(self) -> int:
        self.serial += 1
        return self.serial

    # Values ----------------------------------------------------------------------------------------

    def chunk(self) -> str:
        return self.pick("'a'", "'b'", "1", "2", "undefined", "null", "'c'")

    def error(self) -> str:
        return self.pick("kit.e('x')", "kit.e('y')", "kit.e('z')", "undefined", "'no error'")

    def gate(self) -> str:
        name = f"g{len(self.gates)}"
        self.gates.append(name)
        return name

    def outcome(self, name: str, value: str = "undefined") -> str:
        """A statement with which a callback ends: at once, later, or never by itself."""
        kind = self.random.randrange(12 if self.is_calm else 16)
        if kind < 5:
            return ""
        if kind < 7:
            return f"return kit.thenable('{name}', {self.hops()}, {value});"
        if kind < 9:
            return f"return kit.later({self.hops()}, {value});"
        if kind < 12:
            return f"return kit.gate('{self.gate()}');"
        if kind == 12:
            return f"return kit.thenableFail('{name}', {self.hops()}, {self.error()});"
        if kind == 13:
            return f"return kit.laterFail({self.hops()}, {self.error()});"
        if kind == 14:
            return f"throw {self.error()};"
        return f"return {value};"

    def high_water_mark(self) -> str:
        return self.pick("0", "1", "1", "2", "3", "Infinity", "0.5")

    def strategy(self, name: str, inner: Callable[[], str] | None = None) -> str:
        """A queuing strategy, perhaps none; its size function may do something, or throw."""
        if self.chance(0.3):
            return ""
        mark = self.high_water_mark()
        if self.chance(0.55) or self.is_calm:
            return f", {{ highWaterMark: {mark} }}"
        bodies = []
        for _ in range(self.random.randint(1, 3)):
            act = f"kit.attempt('{name}', () => {inner()}); " if inner is not None and self.chance(0.2) else ""
            end = f"throw {self.error()};" if self.chance(0.08) else f"return {self.pick('1', '1', '2', '0', '0.5')};"
            bodies.append(f"() => {{ {act}{end} }}")
        if self.chance(0.05):
            bodies.append(f"() => {self.pick('NaN', '-1', 'Infinity', chr(34) * 2)}")
        return f", {{ highWaterMark: {mark}, size: kit.cb('{name}', 'size', {', '.join(bodies)}) }}"

    # Structure -------------------------------------------------------------------------------------

    def statement(self, code: str, hops: int = 0) -> Statement:
        return self.number(), hops, code

    def leave_or_watch(self, code: str) -> str:
        return f"leave: {code}" if self.may_leave and self.chance(0.12) else code

    def tracks(self, operation: Callable[[], str], first: list[str] | None = None, most: int = 3) -> Phase:
        """Some tracks of operations; the first may begin with some statements."""
        phase = []
        for index in range(self.random.randint(1, most)):
            track = [self.statement(code) for code in first or []] if index == 0 else []
            for _ in range(self.random.randint(1, 5)):
                hops = 0 if self.chance(0.45) else self.hops(5)
                track.append(self.statement(self.operation_or_gate(operation), hops))
            phase.append(track)
        return phase

    def operation_or_gate(self, operation: Callable[[], str]) -> str:
        if self.gates and self.chance(0.25):
            gate = self.random.choice(self.gates)
            return f"kit.open('{gate}')" if self.chance(0.75) else f"kit.fail('{gate}', {self.error()})"
        return operation()

    def callback(self, object_: str, member: str, body: Callable[[], str], most: int = 3) -> str:
        bodies = ", ".join(f"(...args) => {{ {body()} }}" for _ in range(self.random.randint(1, most)))
        return f"{member}: kit.cb('{object_}', '{member}', {bodies})"


# Default readable streams --------------------------------------------------------------------------


def controller_operation(w: Writer, controller: str = "v.c") -> str:
    kind = w.random.randrange(12)
    if kind < 8 or w.is_calm:
        return f"{controller}.enqueue({w.chunk()})"
    if kind < 10:
        return f"{controller}.close()"
    if kind < 11:
        return f"{controller}.error({w.error()})"
    return f"{controller}.desiredSize"


def readable(w: Writer, name: str = "rs", controller: str = "v.c", inner: Callable[[], str] | None = None) -> str:
    """Code that makes a stream `v.<name>` and its controller."""
    inside = inner or (lambda: controller_operation(w, controller))

    def body() -> str:
        # What a pull of two chunks does to the queue depends on when the pipe reads.
        counts = (1,) if w.is_calm else (0, 0, 1, 1, 1, 2)
        acts = "".join(f"kit.attempt('{name}', () => {inside()}); " for _ in range(w.random.choice(counts)))
        return acts + w.outcome(name)

    def start() -> str:
        return f"{controller} = args[0]; " + (body() if w.chance(0.6) else "")

    members = [w.callback(name, "start", start, 1)]
    if w.chance(0.75):
        members.append(w.callback(name, "pull", body))
    if w.chance(0.6):
        members.append(w.callback(name, "cancel", body, 1))
    return f"v.{name} = new ReadableStream({{ {', '.join(members)} }}{w.strategy(name, inside)})"


def reader_operation(w: Writer, reader: str = "v.rd", stream: str = "v.rs", get: str = "getReader()") -> str:
    kind = w.random.randrange(20)
    if kind < 9:
        return w.leave_or_watch(f"{reader}.read()")
    if kind < 11:
        return f"{reader}.releaseLock()"
    if kind < 13:
        return f"{reader} = {stream}.{get}"
    if kind < 15:
        return f"{reader}.closed"
    if kind < 17:
        return w.leave_or_watch(f"{reader}.cancel({w.error()})")
    if kind < 18:
        return w.leave_or_watch(f"{stream}.cancel({w.error()})")
    return f"{stream}.locked"


def default_stream(w: Writer) -> list[Phase]:
    def inner() -> str:
        return reader_operation(w) if w.chance(0.15) else controller_operation(w)

    def operation() -> str:
        return reader_operation(w) if w.chance(0.6) else controller_operation(w)

    first = [readable(w, inner=inner), "v.rd = v.rs.getReader()"]
    return [w.tracks(operation, first), *[w.tracks(operation) for _ in range(w.random.randint(0, 2))]]


# Byte streams --------------------------------------------------------------------------------------


def view(w: Writer) -> str:
    return w.pick(
        "new Uint8Array(1)", "new Uint8Array(2)", "new Uint8Array(4)", "new Uint16Array(2)", "new Uint32Array(1)",
        "new Uint8Array(new ArrayBuffer(8), 2, 4)", "new DataView(new ArrayBuffer(3))", "new Uint8Array(6)",
        "new Uint8Array(0)",
    )  # fmt: skip


def byte_chunk(w: Writer) -> str:
    return w.pick(
        "kit.bytes(1)", "kit.bytes(1, 2)", "kit.bytes(1, 2, 3)", "kit.bytes(1, 2, 3, 4, 5)",
        "kit.fill(new Uint16Array(1))", "kit.fill(new Uint8Array(new ArrayBuffer(6), 2, 3))",
    )  # fmt: skip


def byte_controller_operation(w: Writer, controller: str = "v.c") -> str:
    kind = w.random.randrange(16)
    if kind < 6:
        return f"{controller}.enqueue({byte_chunk(w)})"
    if kind < 10:
        count = w.random.choice((0, 1, 1, 2, 2, 3, 4))
        return f"(kit.fill({controller}.byobRequest.view, {count}), {controller}.byobRequest.respond({count}))"
    if kind < 11:
        end = w.random.choice((1, 2, 3))
        return (
            f"((view) => {controller}.byobRequest.respondWithNewView(new Uint8Array(kit.fill(view).buffer, "
            f"view.byteOffset, {end})))({controller}.byobRequest.view)"
        )
    if kind < 13:
        return f"{controller}.close()"
    if kind < 14:
        return f"{controller}.error({w.error()})"
    if kind < 15:
        return f"{controller}.byobRequest?.view"
    return f"{controller}.desiredSize"


def byte_readable(w: Writer, name: str = "rs", controller: str = "v.c") -> str:
    def body() -> str:
        acts = "".join(
            f"kit.attempt('{name}', () => {byte_controller_operation(w, controller)}); "
            for _ in range(w.random.choice((0, 1, 1, 1, 2)))
        )
        return acts + w.outcome(name)

    members = ["type: 'bytes'", w.callback(name, "start", lambda: f"{controller} = args[0];", 1)]
    if w.chance(0.8):
        members.append(w.callback(name, "pull", body))
    if w.chance(0.5):
        members.append(w.callback(name, "cancel", lambda: w.outcome(name), 1))
    if w.chance(0.3):
        members.append(f"autoAllocateChunkSize: {w.pick('1', '2', '4')}")
    strategy = "" if w.chance(0.5) else f", {{ highWaterMark: {w.pick('0', '1', '4', '8')} }}"
    return f"v.{name} = new ReadableStream({{ {', '.join(members)} }}{strategy})"


def byob_operation(w: Writer, reader: str = "v.rd", stream: str = "v.rs") -> str:
    if w.chance(0.45):
        minimum = f", {{ min: {w.pick('1', '2', '3', '0')} }}" if w.chance(0.3) else ""
        kept = "v.view = " if w.chance(0.3) else ""  # to see whether it is detached
        return w.leave_or_watch(f"{reader}.read({kept}{view(w)}{minimum})")
    return reader_operation(w, reader, stream, w.pick("getReader()", "getReader({ mode: 'byob' })"))


def byte_stream(w: Writer) -> list[Phase]:
    w.may_leave = False  # node gives out another promise than that of the read

    def operation() -> str:
        return byob_operation(w) if w.chance(0.6) else byte_controller_operation(w)

    mode = w.pick("getReader()", "getReader({ mode: 'byob' })", "getReader({ mode: 'byob' })")
    first = [byte_readable(w), f"v.rd = v.rs.{mode}"]
    return [w.tracks(operation, first), *[w.tracks(operation) for _ in range(w.random.randint(0, 2))]]


# Tees ----------------------------------------------------------------------------------------------


def tee(w: Writer) -> list[Phase]:
    is_bytes = w.chance(0.4)
    w.may_leave = not is_bytes
    control = byte_controller_operation if is_bytes else controller_operation

    def operation() -> str:
        if w.chance(0.35):
            return control(w)
        branch = w.pick("a", "b")
        if is_bytes:
            return byob_operation(w, f"v.r{branch}", f"v.{branch}")
        return reader_operation(w, f"v.r{branch}", f"v.{branch}")

    get = "getReader({ mode: 'byob' })" if is_bytes and w.chance(0.5) else "getReader()"
    first = [
        byte_readable(w) if is_bytes else readable(w),
        "[v.a, v.b] = v.rs.tee()",
        f"v.ra = v.a.{get}",
        f"v.rb = v.b.{'getReader()' if w.chance(0.5) else get}",
    ]
    return [w.tracks(operation, first), *[w.tracks(operation) for _ in range(w.random.randint(0, 2))]]


# Async iteration ------------------------------------------------------------------------------------


def iteration(w: Writer) -> list[Phase]:
    w.may_leave = False  # what nobody handled in an iterator is its own
    prevent = w.pick("", "{ preventCancel: true }", "{ preventCancel: false }")

    def operation() -> str:
        kind = w.random.randrange(10)
        if kind < 5:
            return "v.it.next()"
        if kind < 6:
            return f"v.it.return({w.error()})"
        return controller_operation(w)

    first = [readable(w)]
    if w.chance(0.4):
        how = w.pick("break", "return")  # QuickJS does not wait for the iterator when the body throws
        first.append(f"kit.forAwait('loop', v.rs, {prevent or 'undefined'}, {w.random.randint(1, 3)}, '{how}')")
    else:
        first.append(f"v.it = v.rs.values({prevent})")
    return [w.tracks(operation, first), *[w.tracks(operation) for _ in range(w.random.randint(0, 1))]]


def from_iterable(w: Writer) -> list[Phase]:
    """A stream of an iterable; one operation for each phase."""
    items = ", ".join(
        f"() => {w.pick(w.chunk(), f'kit.later({w.hops()}, {w.chunk()})', f'kit.laterFail({w.hops()}, {w.error()})')}"
        for _ in range(w.random.randint(0, 4))
    )
    extra = []
    if w.chance(0.15):
        extra.append("sync: true")
    elif w.chance(0.6):
        extra.append(f"hops: {w.hops()}")
    if w.chance(0.6):
        extra.append(f"return: () => {{ {w.pick('return {};', 'return kit.later(2, {});', f'throw {w.error()};')} }}")
    make = f"v.rs = ReadableStream.from(kit.iterator('rs', [{items}], {{ {', '.join(extra)} }}))"
    operations = [w.statement("v.rd.read()"), w.statement("v.rd.read()"), w.statement(f"v.rd.cancel({w.error()})")]
    w.random.shuffle(operations)
    first = [w.statement(make), w.statement("v.rd = v.rs.getReader()")]
    return [[first], *[[[w.statement(one[2])]] for one in operations]]


# Writable streams -----------------------------------------------------------------------------------


def writer_operation(w: Writer, writer: str = "v.w", stream: str = "v.ws") -> str:
    kind = w.random.randrange(24)
    if kind < 9:
        return w.leave_or_watch(f"{writer}.write({w.chunk()})")
    if kind < 11:
        return w.leave_or_watch(f"{writer}.close()")
    if kind < 13:
        return w.leave_or_watch(f"{writer}.abort({w.error()})")
    if kind < 15:
        return f"{writer}.ready"
    if kind < 16:
        return f"{writer}.closed"
    if kind < 18:
        return f"{writer}.releaseLock()"
    if kind < 20:
        return f"{writer} = {stream}.getWriter()"
    if kind < 21:
        return w.leave_or_watch(f"{stream}.abort({w.error()})")
    if kind < 22:
        return w.leave_or_watch(f"{stream}.close()")
    if kind < 23:
        return f"{writer}.desiredSize"
    return f"{stream}.locked"


def writable(w: Writer, name: str = "ws", controller: str = "v.wc", inner: Callable[[], str] | None = None) -> str:
    inside = inner or (lambda: f"{controller}.error({w.error()})")

    def body() -> str:
        act = f"kit.attempt('{name}', () => {inside()}); " if w.chance(0.15) and not w.is_calm else ""
        return act + w.outcome(name)

    def start() -> str:
        signal = f"{controller}.signal"
        listen = f"{signal}.addEventListener('abort', () => {{ kit.note('{name}', {signal}.reason); }}); "
        return f"{controller} = args[0]; " + (listen if w.chance(0.4) else "") + (body() if w.chance(0.4) else "")

    def write() -> str:
        act = f"kit.attempt('{name}', () => {inside()}); " if w.chance(0.12) and not w.is_calm else ""
        return act + w.outcome(name)

    members = [w.callback(name, "start", start, 1)]
    if w.chance(0.9):
        members.append(w.callback(name, "write", write))
    members += [w.callback(name, member, body, 1) for member in ("close", "abort") if w.chance(0.7)]
    return f"v.{name} = new WritableStream({{ {', '.join(members)} }}{w.strategy(name, inside)})"


def writable_stream(w: Writer) -> list[Phase]:
    def inner() -> str:
        return writer_operation(w) if w.chance(0.5) else f"v.wc.error({w.error()})"

    def operation() -> str:
        return f"v.wc.error({w.error()})" if w.chance(0.06) else writer_operation(w)

    first = [writable(w, inner=inner), "v.w = v.ws.getWriter()"]
    return [w.tracks(operation, first), *[w.tracks(operation) for _ in range(w.random.randint(0, 2))]]


# Transform streams ----------------------------------------------------------------------------------


def transform(w: Writer, name: str = "ts", controller: str = "v.tc") -> str:
    def inside() -> str:
        kind = w.random.randrange(10)
        if kind < 7 or w.is_calm:
            return f"{controller}.enqueue({w.chunk()})"
        return w.pick(f"{controller}.terminate()", f"{controller}.error({w.error()})", f"{controller}.desiredSize")

    def body() -> str:
        acts = "".join(f"kit.attempt('{name}', () => {inside()}); " for _ in range(w.random.choice((0, 0, 1, 1, 1, 2))))
        return acts + w.outcome(name)

    members = [w.callback(name, "start", lambda: f"{controller} = args[0]; " + (body() if w.chance(0.3) else ""), 1)]
    if w.chance(0.8):
        members.append(w.callback(name, "transform", body))
    for member in ("flush", "cancel"):
        if w.chance(0.6):
            only_ends = w.is_calm and member == "cancel"
            members.append(w.callback(name, member, (lambda: w.outcome(name)) if only_ends else body, 1))
    writable_strategy = w.strategy(f"{name}.w") or ", undefined"
    readable_strategy = w.strategy(f"{name}.r")
    return f"v.{name} = new TransformStream({{ {', '.join(members)} }}{writable_strategy}{readable_strategy})"


def transform_stream(w: Writer) -> list[Phase]:
    def operation() -> str:
        kind = w.random.randrange(20)
        if kind < 9:
            return writer_operation(w, "v.w", "v.ts.writable")
        if kind < 18:
            return reader_operation(w, "v.rd", "v.ts.readable")
        return w.pick(f"v.tc.enqueue({w.chunk()})", "v.tc.terminate()", f"v.tc.error({w.error()})")

    first = [transform(w), "v.w = v.ts.writable.getWriter()", "v.rd = v.ts.readable.getReader()"]
    return [w.tracks(operation, first), *[w.tracks(operation) for _ in range(w.random.randint(0, 2))]]


# Pipes ----------------------------------------------------------------------------------------------


def pipe_options(w: Writer) -> str:
    options = [f"{name}: true" for name in ("preventClose", "preventAbort", "preventCancel") if w.chance(0.25)]
    if w.chance(0.5):
        options.append("signal: v.ac.signal")
    return f"{{ {', '.join(options)} }}"


def pipe(w: Writer) -> list[Phase]:
    """One operation for each phase, and callbacks that fail in a phase of their own.

    What a pipe makes of two things at once is not determined.
    """
    w.is_calm = True
    through = w.chance(0.4)

    def operation() -> str:
        kind = w.random.randrange(20)
        if kind < 9:
            return f"v.c.enqueue({w.chunk()})"
        if kind < 11:
            return "v.c.close()"
        if kind < 12:
            return f"v.c.error({w.error()})"
        if kind < 13:
            return f"v.wc.error({w.error()})"
        if kind < 15:
            return f"v.ac.abort({w.error()})"
        if kind < 16:
            return w.pick("v.rs.locked", "v.ws.locked", "v.rd = v.rs.getReader()", "v.w = v.ws.getWriter()")
        if kind < 18:
            return w.pick("v.rd.read()", "v.w.write('w')", f"v.w.abort({w.error()})", f"v.rd.cancel({w.error()})")
        return f"v.ws.abort({w.error()})"

    piped = "v.rs"
    first = ["v.ac = new AbortController()", readable(w), writable(w)]
    if through:
        first.append(transform(w))
        piped = f"v.rs.pipeThrough(v.ts, {pipe_options(w)})"
    phases = [[[w.statement(code) for code in first]]]
    phases += [[[w.statement(operation())]] for _ in range(w.random.randint(0, 2))]
    phases.append([[w.statement(f"{piped}.pipeTo(v.ws, {pipe_options(w)})")]])
    phases += [[[w.statement(w.operation_or_gate(operation))]] for _ in range(w.random.randint(1, 8))]
    return phases


# Signals --------------------------------------------------------------------------------------------


def signals(w: Writer) -> list[Phase]:
    names = ["v.a0.signal", "v.a1.signal"]
    first = ["v.a0 = new AbortController()", "v.a1 = new AbortController()"]
    for index in range(w.random.randint(1, 4)):
        chosen = w.random.sample(names, w.random.randint(1, len(names)))
        first.append(f"v.s{index} = AbortSignal.any([{', '.join(chosen)}])")
        names.append(f"v.s{index}")

    def operation() -> str:
        kind = w.random.randrange(8)
        name = w.random.choice(names)
        if kind < 4:
            serial = w.number()
            act = f"v.a1.abort({w.error()});" if w.chance(0.08) else ""
            once = ", { once: true }" if w.chance(0.3) else ""
            note = f"kit.note('l{serial}', [e.type, e.target.reason]);"
            return f"{name}.addEventListener('abort', (e) => {{ {note} {act} }}{once})"
        if kind < 5:
            serial = w.number()
            return f"({name}.onabort = () => {{ kit.note('h{serial}', {name}.reason); }})"
        if kind < 7:
            return f"{w.pick('v.a0', 'v.a1')}.abort({w.error()})"
        return f"{name}.throwIfAborted()"

    return [w.tracks(operation, first, 1), *[w.tracks(operation, most=1) for _ in range(w.random.randint(1, 2))]]


KINDS: dict[str, tuple[int, Callable[[Writer], list[Phase]]]] = {
    "default": (18, default_stream),
    "bytes": (16, byte_stream),
    "tee": (14, tee),
    "iteration": (8, iteration),
    "from": (4, from_iterable),
    "writable": (18, writable_stream),
    "transform": (12, transform_stream),
    "pipe": (10, pipe),
    "signals": (2, signals),
}


def generate(seed: int | str, index: int, kinds: list[str] | None = None) -> Program:
    """The program of this number; the same for the same seed."""
    source = random.Random(f"{seed}/{index}")
    chosen = kinds or list(KINDS)
    kind = source.choices(chosen, [KINDS[one][0] for one in chosen])[0]
    phases = KINDS[kind][1](Writer(source))
    return Program(kind, index, phases, only_by_object=kind in {"pipe", "from"})
