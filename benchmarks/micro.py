"""The small costs everything is made of, beside asyncio's, with pyperf: `python -m benchmarks.micro`."""

from __future__ import annotations

import asyncio

import pyperf

from whatwg_streams import Promise, ReadableStream, TransformStream, WritableStream
from whatwg_streams.other_specs import perform_a_microtask_checkpoint


def made_set_and_awaited() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(1000):
            future = loop.create_future()
            future.set_result(None)
            await future

    asyncio.run(main())


def resolved_and_awaited() -> None:
    async def main() -> None:
        for _ in range(1000):
            await Promise.resolve(None)

    asyncio.run(main())


def chained() -> None:
    async def main() -> None:
        promise = Promise.resolve(None)
        for _ in range(1000):
            promise = promise.then(lambda _: None)
        await promise

    asyncio.run(main())


def hops_of_the_loop() -> None:
    async def main() -> None:
        for _ in range(1000):
            await asyncio.sleep(0)

    asyncio.run(main())


def tasks() -> None:
    async def nothing() -> None: ...

    async def main() -> None:
        for _ in range(1000):
            await asyncio.create_task(nothing())

    asyncio.run(main())


def streams(kind: type[ReadableStream | WritableStream | TransformStream]) -> None:
    async def main() -> None:
        for _ in range(1000):
            kind()
        perform_a_microtask_checkpoint()

    asyncio.run(main())


def main() -> None:
    runner = pyperf.Runner()
    for name, work in (
        ("asyncio.Future made, set and awaited", made_set_and_awaited),
        ("promise resolved and awaited", resolved_and_awaited),
        ("reaction in a chain of promises", chained),
        ("turn of the loop", hops_of_the_loop),
        ("task created and awaited", tasks),
    ):
        runner.bench_func(name, work, inner_loops=1000)
    for kind in (ReadableStream, WritableStream, TransformStream):
        runner.bench_func(f"{kind.__name__} created", streams, kind, inner_loops=1000)


if __name__ == "__main__":
    main()
