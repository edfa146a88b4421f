"""The rows with sockets on loopback; the other end is a small program in C, in another process."""

from __future__ import annotations

from typing import Any

from .rows import ON_3_13, OURS, Aim, Contender, Row

BYTES = 2048  # for each chunk asked for: 2 GB of a million
ROUND_TRIPS = 0.1
CONNECTIONS = 0.005
DATAGRAMS = 0.2

BLOCKING = "blocking sockets"
ASYNCIO = "asyncio streams"
ASYNCIO_ON_UVLOOP = "asyncio streams on uvloop"
DATAGRAM_ENDPOINT = "asyncio datagram endpoint"
BY_HAND = "loop written by hand"


def ours(row: str, loop: str = "asyncio") -> Contender:
    return Contender(OURS, "sockets", (loop, row))


def blocking(row: str) -> Contender:
    return Contender(BLOCKING, "blocking", (row,))


def asyncio_streams(row: str, name: str = ASYNCIO, loop: str = "asyncio") -> Contender:
    return Contender(name, "asyncio_streams", (loop, row))


def node(row: str) -> Contender:
    return Contender("Node", "sockets.mjs", (row,), "node")


def throughput(name: str, title: str, contenders: tuple[Contender, ...], *aims: Aim, **options: Any) -> Row:
    return row(name, title, contenders, *aims, unit="MB/s", scale=1e6, clock="wall", share=BYTES, best_of=3, **options)


def row(name: str, title: str, contenders: tuple[Contender, ...], *aims: Aim, **options: Any) -> Row:
    elsewhere = Contender(ON_3_13, "sockets", contenders[0].arguments, "3.13")
    return Row(name, title, (contenders[0], elsewhere, *contenders[1:]), aims, **options)


ROWS = (
    throughput(
        "download_byob_64k",
        "download, BYOB, 64 KiB views",
        (ours("download_byob_64k"), blocking("download_64k"), asyncio_streams("download_64k"), node("download_64k")),
        Aim(BLOCKING, 0.95),
        Aim(ASYNCIO, 6.0),
        Aim("Node", 1.0),
        quick=(BLOCKING, ASYNCIO),
    ),
    throughput(
        "download_byob_1m",
        "download, BYOB, 1 MiB views",
        (ours("download_byob_1m"), blocking("download_1m"), node("download_1m")),
        Aim(BLOCKING, 0.95),
        Aim("Node", 1.0),
    ),
    throughput(
        "download_default",
        "download, default reader",
        (ours("download_default"), blocking("download_64k"), asyncio_streams("download_64k")),
        Aim(BLOCKING, 0.85),
        Aim(ASYNCIO, 5.0),
    ),
    # Where the scheduler puts both processes on one core, pages stay in its cache, and all rates double.
    throughput(
        "upload_64k",
        "upload, 64 KiB chunks",
        (ours("upload_64k"), blocking("upload_64k"), asyncio_streams("upload_64k"), node("upload_64k")),
        Aim(BLOCKING, 0.95),
        apart=True,
    ),
    throughput(
        "upload_1m",
        "upload, 1 MiB chunks",
        (ours("upload_1m"), blocking("upload_1m"), asyncio_streams("upload_1m"), node("upload_1m")),
        Aim(BLOCKING, 0.95),
        apart=True,
    ),
    row(
        "ping_pong_1",
        "ping-pong of 64 bytes, on one core",
        (ours("ping_pong_1"), blocking("ping_pong_1"), asyncio_streams("ping_pong_1"), node("ping_pong_1")),
        Aim(BLOCKING, 0.75),
        Aim(ASYNCIO, 2.0),
        Aim("Node", 1.0),
        share=ROUND_TRIPS,
        pinned=True,
        clock="both",
        quick=(BLOCKING, ASYNCIO),
    ),
    row(
        "ping_pong_100",
        "100 connections",
        (
            ours("ping_pong_100"),
            asyncio_streams("ping_pong_100"),
            Contender("anyio", "other_libraries", ("anyio",)),
            Contender("trio", "other_libraries", ("trio",)),
            node("ping_pong_100"),
        ),
        Aim(ASYNCIO, 2.0),
        Aim("anyio", 1.0),
        Aim("trio", 1.0),
        share=ROUND_TRIPS,
    ),
    # On two cores it depends on their load how often the two processes meet each other at work.
    row(
        "ping_pong_one_core",
        "100 connections, on one core",
        (ours("ping_pong_100"), asyncio_streams("ping_pong_100"), node("ping_pong_100")),
        Aim(ASYNCIO, 2.0),
        share=ROUND_TRIPS,
        pinned=True,
        quick=(ASYNCIO,),
    ),
    row(
        "ping_pong_100_uvloop",
        "100 connections, on uvloop",
        (ours("ping_pong_100", "uvloop"), asyncio_streams("ping_pong_100", ASYNCIO_ON_UVLOOP, "uvloop")),
        Aim(ASYNCIO_ON_UVLOOP, 1.0),
        share=ROUND_TRIPS,
    ),
    row(
        "connect",
        "connect and close",
        (ours("connect"), blocking("connect"), asyncio_streams("connect"), node("connect")),
        Aim(ASYNCIO, 1.6),
        Aim("Node", 1.0),
        share=CONNECTIONS,
        quick=(ASYNCIO,),
    ),
    row(
        "accept",
        "accept and one echo",
        (ours("accept"), asyncio_streams("accept"), node("accept")),
        Aim(ASYNCIO, 1.8),
        Aim("Node", 1.0),
        share=CONNECTIONS,
        quick=(ASYNCIO,),
    ),
    row(
        "receive_64",
        "datagrams of 64 bytes received",
        (ours("receive_64"), blocking("receive_64"), asyncio_streams("receive_64", DATAGRAM_ENDPOINT)),
        Aim(BLOCKING, 0.9),
        Aim(DATAGRAM_ENDPOINT, 6.0),
        share=DATAGRAMS,
        quick=(BLOCKING,),
    ),
    row(
        "receive_1200",
        "datagrams of 1200 bytes received",
        (ours("receive_1200"), blocking("receive_1200"), asyncio_streams("receive_1200", DATAGRAM_ENDPOINT)),
        Aim(BLOCKING, 0.9),
        Aim(DATAGRAM_ENDPOINT, 6.0),
        share=DATAGRAMS,
    ),
    row(
        "send",
        "datagrams of 64 bytes sent",
        (ours("send"), blocking("send"), asyncio_streams("send", DATAGRAM_ENDPOINT)),
        Aim(BLOCKING, 0.9),
        share=DATAGRAMS,
        quick=(BLOCKING,),
    ),
    row(
        "idle",
        "memory of an idle accepted connection",
        (ours("idle"), asyncio_streams("idle")),
        at_most=1800,
        unit="bytes",
        scale=1,
        cost=True,
        count=6000,
    ),
    throughput(
        "proxy",
        "socket to socket `pipe_to`, a proxy",
        (
            ours("proxy"),
            Contender(BY_HAND, "persistent_reader", ()),
            asyncio_streams("proxy"),
        ),
        Aim(BY_HAND, 0.9),
        Aim(ASYNCIO, 4.0),
    ),
)
