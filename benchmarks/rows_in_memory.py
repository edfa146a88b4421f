"""The rows in memory: one million small objects, a plain synchronous source and sink."""

from __future__ import annotations

from typing import Any

from .rows import COMPILED, ON_3_13, OURS, Aim, Contender, Row


def row(
    name: str, title: str, *aims: Aim, peers: tuple[Contender, ...] = (), deno: bool = False, **options: Any
) -> Row:
    contenders = [
        Contender(OURS, "streams", (name,)),
        Contender(COMPILED, "streams", (name,), "compiled"),
        Contender(ON_3_13, "streams", (name,), "3.13"),
        Contender("Node", "streams.mjs", (name,), "node"),
        *([Contender("Deno", "streams.mjs", (name,), "deno")] if deno else []),
        *peers,
    ]
    return Row(name, title, tuple(contenders), aims, **options)


QUEUE = Contender("asyncio.Queue(16)", "python_peers", ("asyncio.Queue",), count=0.2)
ANYIO = Contender("anyio memory stream(16)", "python_peers", ("anyio",), count=0.2)
GENERATORS = Contender("chain of generators", "python_peers", ("generators",))
SYNCHRONOUS = Contender("synchronous pipe_to", "streams", ("pipe_to_1",))
SHARE_OF_DENO = Aim("Deno", 1.0, of_row="read")
NEW = "streams created"

ROWS = (
    row(
        "read",
        "read loop",
        Aim("Node", 0.6, 1.5),
        Aim(ANYIO.name, 5.0),
        peers=(ANYIO,),
        deno=True,
        quick=("Node", ANYIO.name),
    ),
    row("async_for", "`async for`", Aim("Node", 0.85, 1.2)),
    row("read_queued", "reading a queue of 100,000 chunks", SHARE_OF_DENO, deno=True, count=100_000),
    row("write", "writer, awaiting `ready`", Aim("Node", 0.65, 1.7), quick=("Node",)),
    row(
        "pipe_to_1",
        "`pipe_to`, high water mark 1",
        *(Aim("Node", 3.0, 7.0), Aim("Deno", 1.0), Aim(QUEUE.name, 2.5)),
        peers=(QUEUE,),
        deno=True,
    ),
    row(
        "pipe_to_16",
        "`pipe_to`, high water mark 16",
        *(Aim("Node", 3.0, 7.0), Aim("Deno", 1.0), Aim(QUEUE.name, 2.5)),
        peers=(QUEUE,),
        deno=True,
        quick=("Node", QUEUE.name),
    ),
    row("pipe_through_1", "one identity transform", Aim("Node", 6.0, 14.0)),
    row("pipe_through_3", "three identity transforms", Aim("Node", 8.0, 20.0), quick=("Node",)),
    row("tee", "`tee`, both branches drained", Aim("Node", 1.4, 4.0), quick=("Node",)),
    row("byob_filled", "BYOB, 64 KiB views, filled", Aim("Node", 1.2, 1.7), share=0.25, quick=("Node",)),
    row("byob_not_filled", "BYOB, 64 KiB views, not filled", Aim("Node", 1.3, 3.0), share=0.25),
    row(
        "pipe_to_coroutines",
        "`pipe_to`, coroutine functions",
        Aim(SYNCHRONOUS.name, 0.8),
        peers=(SYNCHRONOUS,),
    ),
    row(
        "from_generator",
        "`from_` an async generator",
        Aim(GENERATORS.name, 0.5),
        peers=(GENERATORS,),
        quick=(GENERATORS.name,),
    ),
    row("create_readable", f"readable {NEW}", Aim("Node", 4.0), count=100_000),
    row("create_writable", f"writable {NEW}", Aim("Node", 4.0), count=100_000, quick=("Node",)),
    row("create_transform", f"transform {NEW}", Aim("Node", 4.0), count=100_000),
    row("create_bytes", f"byte {NEW}", Aim("Node", 4.0), count=100_000),
    row("bytes_of_stream", "memory of a readable stream", at_most=350, unit="bytes", scale=1, cost=True, count=20_000),
    row(
        "bytes_of_chunk",
        "memory of a queued chunk, beyond the chunk",
        at_most=9,
        unit="bytes",
        scale=1,
        cost=True,
        count=100_000,
    ),
)
