"""UDP in both modes, and multicast."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from direct_sockets import UDPMessage, UDPSocket
from direct_sockets._udp_socket import READABLE_HIGH_WATER_MARK
from whatwg_streams import TransformStream

from .scene import HashAndCount, Row, mebibytes, peer, per_second

if TYPE_CHECKING:
    from collections.abc import Iterable

    from direct_sockets import UDPSocketOpenInfo
    from whatwg_streams import TransformStreamDefaultController

SIZE: Final = 1200
#: So many are on their way at a time, and come back while nobody reads: more than the stream takes ahead.
BURST: Final = 2 * READABLE_HIGH_WATER_MARK
BURSTS: Final = 150

CLIENTS: Final = 4
BURSTS_OF_EACH: Final = 60

GROUPS: Final = ("239.192.7.7", "ff02::7:7")
#: Source-specific, see RFC 4607.
SOURCE_SPECIFIC_GROUP: Final = "232.7.7.7"
ANOTHER_HOST: Final = "198.51.100.1"  # of the documentation's addresses
MULTICAST_BURSTS: Final = 40


def per_second_of(count: int, seconds: float) -> str:
    return f"{count / seconds:,.0f} a second, {per_second(count * SIZE, seconds)}"


def amount_of(count: int) -> str:
    return f"{count:,} datagrams, {mebibytes(count * SIZE)}"


# UDP -----------------------------------------------------------------------------------------------


async def connected() -> Row:
    """Bursts to an echo, whose answers come while nobody reads."""
    sent, received = HashAndCount(), HashAndCount()
    source = random.Random(1)
    async with peer("udp-echo") as echo:
        socket = UDPSocket(remote_address="127.0.0.1", remote_port=await echo.port(), receive_buffer_size=2**20)
        async with socket as info:
            started = time.perf_counter()
            with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
                for _ in range(BURSTS):
                    for _ in range(BURST):
                        data = source.randbytes(SIZE)
                        sent.add(data)
                        await writer.write(UDPMessage(data))
                    waiting = in_the_system(info.local_port)
                    for _ in range(BURST):
                        received.add(data_of(await reader.read()))
            seconds = time.perf_counter() - started
    count = BURSTS * BURST
    return Row(
        "UDP, connected",
        f"bursts of {BURST} to an echo, and back",
        amount_of(count),
        per_second_of(count, seconds),
        hashes_agree=sent.agrees_with(received),
        backpressure=f"of the last burst, unread: at most {READABLE_HIGH_WATER_MARK} with us, {waiting}; none lost",
        held=received.chunks == count,
    )


def data_of(result: Any) -> bytes:
    message = result.value
    assert message is not None
    data: bytes = message.data
    return data


def in_the_system(port: int) -> str:
    """How much is in the system's buffer for a port; only Linux tells."""
    table = Path("/proc/net/udp")
    if table.exists():
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                return f"{int(fields[4].partition(':')[2], 16) // 1024:,} KiB in the system's buffer"
    return "the rest in the system's buffer"


async def bound() -> Row:
    """A server for anybody: what comes is piped back to where it came from."""
    passed: dict[int, HashAndCount] = {}
    times: list[float] = []

    def remember(message: UDPMessage, controller: TransformStreamDefaultController) -> None:
        assert message.remote_port is not None
        times.append(time.perf_counter())
        passed.setdefault(message.remote_port, HashAndCount()).add(message.data)
        controller.enqueue(message)  # which says where it came from, and so where it goes to

    async with UDPSocket(local_address="127.0.0.1", receive_buffer_size=2**20) as info:
        piped = info.readable.pipe_through(TransformStream({"transform": remember})).pipe_to(info.writable)
        piped.catch(lambda _: None)  # it ends with the socket
        async with peer("udp-clients", info.local_port, CLIENTS, BURSTS_OF_EACH, BURST // 2, SIZE) as clients:
            results = await clients.results()
    count = CLIENTS * BURSTS_OF_EACH * (BURST // 2)
    return Row(
        "UDP, bound",
        f"{CLIENTS} plain clients at a time, each gets back what it sends",
        amount_of(count),
        per_second_of(count, times[-1] - times[0]),
        hashes_agree=len(results) == CLIENTS
        and all(result["sent"] == result["received"] == passed[result["port"]].hash.hexdigest() for result in results),
        backpressure=f"bursts of {BURST // 2} from each at once, read as fast as they are sent back: none lost",
        held=sum(one.chunks for one in passed.values()) == count,
    )


# Multicast -----------------------------------------------------------------------------------------


async def why_not(group: str, source: str | None = None) -> str:
    """Why this machine allows no multicast; nothing, if a datagram to the group comes back."""
    any_address = "::" if ":" in group else "0.0.0.0"
    try:
        async with asyncio.timeout(1), UDPSocket(local_address=any_address, multicast_time_to_live=0) as info:
            assert info.multicast_controller is not None
            await info.multicast_controller.join_group(group, source_address=source)
            with info.writable.get_writer() as writer, info.readable.get_reader() as reader:
                await writer.write(UDPMessage(b"?", group, info.local_port))
                await reader.read()
    except TimeoutError:
        return "what is sent to a group does not come back"
    except OSError as error:
        return str(error)
    return ""


async def multicast(group: str) -> Row:
    """One sends to a group, and two of ours, which share the address, and a plain one receive."""
    any_address = "::" if ":" in group else "0.0.0.0"
    port = random.SystemRandom().randrange(40000, 60000)
    scene = f"Multicast, IPv{6 if ':' in group else 4}"
    done = f"to {group}, for two sockets that share a port, and a plain one that sends back"
    if reason := await why_not(group):
        return Row(scene, done, skipped=reason)
    async with contextlib.AsyncExitStack() as stack:
        plain = await stack.enter_async_context(peer("multicast-echo", group, port))
        members = [await stack.enter_async_context(member(any_address, port)) for _ in range(2)]
        for one in members:
            assert one.multicast_controller is not None
            await one.multicast_controller.join_group(group)
        sender = await stack.enter_async_context(
            UDPSocket(local_address=any_address, multicast_time_to_live=0, multicast_loopback=True)
        )
        await plain.port()
        return await send_to_all(scene, done, group, port, sender, members)


def member(local_address: str, port: int) -> UDPSocket:
    return UDPSocket(
        local_address=local_address, local_port=port, multicast_allow_address_sharing=True, receive_buffer_size=2**20
    )


async def send_to_all(
    scene: str, done: str, group: str, port: int, sender: UDPSocketOpenInfo, members: Iterable[UDPSocketOpenInfo]
) -> Row:
    sent = HashAndCount()
    hashes = [HashAndCount() for _ in range(3)]
    readers = [one.readable.get_reader() for one in (*members, sender)]
    source = random.Random(2)
    started = time.perf_counter()
    with sender.writable.get_writer() as writer:
        for _ in range(MULTICAST_BURSTS):
            for _ in range(BURST):
                data = source.randbytes(SIZE)
                sent.add(data)
                await writer.write(UDPMessage(data, group, port))
            for reader, hash_ in zip(readers, hashes, strict=True):
                for _ in range(BURST):
                    hash_.add(data_of(await reader.read()))
    seconds = time.perf_counter() - started
    count = MULTICAST_BURSTS * BURST
    return Row(
        scene,
        done,
        f"{amount_of(count)} to each",
        per_second_of(count, seconds),
        hashes_agree=all(sent.agrees_with(one) for one in hashes),
        backpressure=f"bursts of {BURST}, unread by any: none lost",
        held=all(one.chunks == count for one in hashes),
    )


async def source_specific() -> Row:
    """One joins a group from this host, and one from another: only the first hears this host."""
    scene, group = "Multicast, one source", SOURCE_SPECIFIC_GROUP
    done = f"to {group}, for one that joined it from this host, and one that joined it from another"
    port = random.SystemRandom().randrange(40000, 60000)
    if reason := await why_not(GROUPS[0]):
        return Row(scene, done, skipped=reason)
    address = await address_of_this_host()
    if reason := await why_not(group, address):
        return Row(scene, done, skipped=reason)
    async with contextlib.AsyncExitStack() as stack:
        hears, deaf = [await stack.enter_async_context(member("0.0.0.0", port)) for _ in range(2)]
        assert hears.multicast_controller is not None
        assert deaf.multicast_controller is not None
        await hears.multicast_controller.join_group(group, source_address=address)
        await deaf.multicast_controller.join_group(group, source_address=ANOTHER_HOST)
        sender = await stack.enter_async_context(UDPSocket(local_address="0.0.0.0", multicast_time_to_live=0))
        return await send_to_one(scene, done, group, port, sender, hears, deaf)


async def address_of_this_host() -> str:
    """Where datagrams to the group come from: never a loopback address, from which nobody may join."""
    async with UDPSocket(remote_address=SOURCE_SPECIFIC_GROUP, remote_port=9) as info:
        return info.local_address


async def send_to_one(
    scene: str,
    done: str,
    group: str,
    port: int,
    sender: UDPSocketOpenInfo,
    hears: UDPSocketOpenInfo,
    deaf: UDPSocketOpenInfo,
) -> Row:
    sent, received = HashAndCount(), HashAndCount()
    source = random.Random(3)
    started = time.perf_counter()
    with (
        sender.writable.get_writer() as writer,
        hears.readable.get_reader() as reader,
        deaf.readable.get_reader() as deaf_reader,
    ):
        heard_by_mistake: list[Any] = []
        deaf_reader.read().then(heard_by_mistake.append, lambda _: None)
        for _ in range(MULTICAST_BURSTS):
            for _ in range(BURST):
                data = source.randbytes(SIZE)
                sent.add(data)
                await writer.write(UDPMessage(data, group, port))
            for _ in range(BURST):
                received.add(data_of(await reader.read()))
        seconds = time.perf_counter() - started
        await asyncio.sleep(0)  # a turn, in which it might still hear something
        is_deaf = not heard_by_mistake
    count = MULTICAST_BURSTS * BURST
    return Row(
        scene,
        done,
        amount_of(count),
        per_second_of(count, seconds),
        hashes_agree=is_deaf and sent.agrees_with(received),
        backpressure=f"bursts of {BURST}, unread: none lost",
        held=received.chunks == count,
    )
