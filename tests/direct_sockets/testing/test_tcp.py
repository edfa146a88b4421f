"""TCP of the virtual network, in what a real one can not be made to do on demand."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from direct_sockets._operating_system import TCPConnection, TCPConnectionParameters, TCPServerParameters
from tests.support.machines import TCP, answered, error_of, is_pending, receive_all
from tests.support.virtual import NOBODY, B, Two, system_of

MUCH = bytes(range(256)) * 2000  # 512,000 bytes


def _lines(two: Two, *words: str) -> list[str]:
    return [line for line in two.trace if all(word in line for word in words)]


# Time --------------------------------------------------------------------------------------------------


async def test_a_connection_opens_after_a_round_trip() -> None:
    two = Two(latency=50)
    server = await two.listen()
    client = await two.connect(server.local.port)
    assert two.network.now == 100
    accepting = server.accept(1)
    [accepted] = await answered(accepting)
    assert two.network.now == 150
    reading = accepted.read(10)
    client.write(memoryview(b"hello"))
    assert await answered(reading) == b"hello"
    assert two.network.now == 200
    for each in (client, accepted, server):
        each.close()


async def test_a_refusal_takes_a_round_trip() -> None:
    two = Two(latency=50)
    with pytest.raises(ConnectionRefusedError):
        await two.connect(80)
    assert two.network.now == 100


async def test_small_writes_wait_for_what_is_on_its_way_unless_they_must_not() -> None:
    for no_delay, segments in ((False, 2), (True, 10)):
        two = Two(latency=50)
        async with two.connected(TCPConnectionParameters(no_delay=no_delay)) as (client, accepted):
            for _ in range(10):
                client.write(memoryview(b"x"))
            client.shut_down_for_writing()
            assert await receive_all(accepted) == bytes(b"x" * 10)
            assert len(_lines(two, "sent a > b", "bytes")) == segments


# Buffers -----------------------------------------------------------------------------------------------


async def test_buffers_are_as_large_as_was_asked_for() -> None:
    two = Two()
    server = await two.listen()
    client = await two.connect(server.local.port, TCPConnectionParameters(1000, 500))
    [accepted] = await answered(server.accept(1))
    write = client.write(memoryview(bytes(65536 + 1000)))
    assert is_pending(write)
    await two.network.run_for(10_000)
    assert await answered(write) is True  # the peer has room for 65536 by default
    assert (accepted.unread, client.unsent) == (65536, 1000)
    more = client.write(memoryview(b"x"))
    await two.network.run_for(600_000)
    assert is_pending(more)
    back = accepted.write(memoryview(bytes(500 + 65536)))
    await two.network.run_for(10_000)
    assert await answered(back) is True
    assert client.unread == 500
    assert is_pending(accepted.write(memoryview(b"x")))
    for each in (client, accepted, server):
        each.close()


@pytest.mark.parametrize("size", [1, 2, 100, 1460, 5000])
async def test_bytes_come_through_a_small_window(size: int) -> None:
    two = Two()
    async with two.connected(TCPConnectionParameters(size, size)) as (client, accepted):
        data = MUCH[: 30 * min(size, 300)]
        sending = accepted.write(memoryview(data))
        received = bytearray()
        while len(received) < len(data):
            received += await answered(client.read(70))
        assert bytes(received) == data
        assert await answered(sending) is True


async def test_a_window_that_opens_unheard_is_asked_about() -> None:
    two = Two()
    async with two.connected(TCPConnectionParameters(receive_buffer_size=1000)) as (client, accepted):
        writing = accepted.write(memoryview(bytes(66_000)))
        await two.network.run_for(5000)
        assert client.unread == 1000
        two.link.loss = 1
        assert len(await answered(client.read(1000))) == 1000  # of this room nobody hears
        await two.network.run_for(5000)
        assert client.unread == 0
        two.link.loss = 0
        received = 1000
        while received < 66_000:
            received += len(await answered(client.read(65536)))
        assert await answered(writing) is True


async def test_a_writer_whose_peer_does_not_read_is_not_given_up() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        writing = client.write(memoryview(bytes(200_000)))
        await two.network.run_for(24 * 3600_000)
        assert is_pending(writing)
        received = 0
        while received < 200_000:
            received += len(await answered(accepted.read(65536)))
        assert await answered(writing) is True


async def test_one_whose_peer_has_gone_meanwhile_is() -> None:
    two = Two()
    async with two.connected() as (client, _):
        writing = client.write(memoryview(bytes(200_000)))
        await two.network.run_for(10_000)
        two.b.answers = False
        assert await error_of(writing) == errno.ETIMEDOUT
        assert two.network.now > 10 * 60_000


# What the network does to packets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        {"loss": 0.05},
        {"loss": 0.25},
        {"reordering": 0.3, "reordering_delay": 20},
        {"duplication": 0.5},
        {"jitter": 30},
        {"mtu": 100},
        {"loss": 0.2, "reordering": 0.2, "duplication": 0.2, "jitter": 10, "bandwidth": 1e6, "latency": 30},
    ],
    ids=str,
)
async def test_every_byte_arrives_once_and_in_order(link: dict[str, Any]) -> None:
    for seed in range(3):
        two = Two(seed=seed, **link)
        async with two.connected() as (client, accepted):
            data = MUCH[:100_000]

            async def send() -> None:
                assert await answered(client.write(memoryview(data))) is True  # noqa: B023 - runs at once
                client.shut_down_for_writing()

            sending = asyncio.create_task(send())
            assert await receive_all(accepted) == data
            await sending


async def test_loss_shows_as_delay() -> None:
    durations = []
    for loss in (0, 0.3):
        two = Two(loss=loss)
        async with two.connected() as (client, accepted):
            client.write(memoryview(MUCH[:60_000]))
            client.shut_down_for_writing()
            assert await receive_all(accepted) == MUCH[:60_000]
            durations.append(two.network.now)
    assert durations[1] > 10 * durations[0]


async def test_one_segment_that_is_lost_is_sent_again_when_others_arrive() -> None:
    two = Two(latency=50)
    async with two.connected() as (client, accepted):
        two.link.loss = 1
        client.write(memoryview(MUCH[:1460]))
        two.link.loss = 0
        client.write(memoryview(MUCH[1460 : 10 * 1460]))
        client.shut_down_for_writing()
        assert await receive_all(accepted) == MUCH[: 10 * 1460]
        assert two.network.now < 450  # long before a timeout
        assert len(_lines(two, "sent a > b", "bytes")) == 11


async def test_a_slow_link_makes_nothing_be_sent_twice() -> None:
    two = Two(latency=10, bandwidth=50_000)
    async with two.connected() as (client, accepted):
        sending = client.write(memoryview(MUCH[:200_000]))
        received = bytearray()
        while len(received) < 200_000:
            received += await answered(accepted.read(65536))
        assert bytes(received) == MUCH[:200_000]
        assert await answered(sending) is True
        assert 4000 < two.network.now < 4500
        # But for the first few, while it is not known yet how slow it is.
        assert len(_lines(two, "sent a > b", "bytes")) < 145


async def test_a_partition_delays_and_healing_lets_everything_through() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        with two.network.partition(two.a):
            client.write(memoryview(MUCH[:60_000]))
            reading = accepted.read(65536)
            await two.network.run_for(60_000)
            assert is_pending(reading)
        client.shut_down_for_writing()
        assert await answered(reading) + await receive_all(accepted) == MUCH[:60_000]


async def test_a_partition_for_too_long_is_a_timeout() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        two.network.partition([two.b])
        client.write(memoryview(b"hello"))
        reading = client.read(1)
        started = two.network.now
        assert await error_of(reading) == errno.ETIMEDOUT
        assert 15 * 60_000 < two.network.now - started < 16 * 60_000  # as long as Linux tries
        assert await error_of(client.write(memoryview(b"x"))) == errno.EPIPE
        assert is_pending(accepted.read(1))  # this end has nothing to say, and does not know
        accepted.stop_reading()


async def test_of_several_addresses_one_that_does_not_answer_is_given_up() -> None:
    two = Two()
    server = await two.listen()
    client = await system_of(two.a).open_a_tcp_socket([NOBODY, B], server.local.port, TCP)
    assert two.network.now == 127_002
    client.close()
    server.close()


# Half-open connections, and keep-alive -------------------------------------------------------------------


async def test_a_half_open_peer_is_noticed_when_something_is_sent() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        lost = accepted.read(1)
        accepted.vanish()
        assert await error_of(lost) == errno.ECONNRESET
        reading = client.read(1)
        await two.network.run_for(3600_000)
        assert is_pending(reading)
        assert client.write(memoryview(b"x")) is True
        assert await error_of(reading) == errno.ECONNRESET


async def test_keep_alive_notices_a_half_open_peer() -> None:
    two = Two()
    async with two.connected(TCPConnectionParameters(keep_alive_delay=30_000)) as (client, accepted):
        reading = client.read(1)
        accepted.vanish()
        vanished = two.network.now
        assert await error_of(reading) == errno.ECONNRESET
        assert two.network.now - vanished == pytest.approx(30_000, abs=5)


async def test_keep_alive_notices_a_peer_that_does_not_answer() -> None:
    two = Two()
    async with two.connected(TCPConnectionParameters(keep_alive_delay=30_999)) as (client, _):
        reading = client.read(1)
        two.b.answers = False
        assert await error_of(reading) == errno.ETIMEDOUT
        assert two.network.now == pytest.approx(10 * 30_000, abs=5)  # idle, and nine attempts


async def test_keep_alive_leaves_a_peer_that_answers_alone() -> None:
    two = Two()
    async with two.connected(TCPConnectionParameters(keep_alive_delay=1000)) as (client, accepted):
        reading = client.read(10)
        await two.network.run_for(3600_000)
        assert is_pending(reading)
        assert len(_lines(two, "sent a > b")) > 3000
        accepted.write(memoryview(b"hello"))
        assert await answered(reading) == b"hello"


async def test_keep_alive_leaves_it_to_what_is_sent_when_something_is() -> None:
    two = Two()
    async with two.connected(TCPConnectionParameters(keep_alive_delay=1000)) as (client, _):
        two.b.answers = False
        client.write(memoryview(b"x"))
        assert await error_of(client.read(1)) == errno.ETIMEDOUT
        assert two.network.now > 15 * 60_000


# Resets ------------------------------------------------------------------------------------------------


async def test_a_connection_can_be_reset_from_outside() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        here, there = client.read(1), accepted.read(1)
        client.reset()
        assert await error_of(here) == errno.ECONNRESET
        assert await error_of(there) == errno.ECONNRESET
        client.reset()  # it is already
        client.vanish()
        assert (two.a.connections, two.b.connections) == ((), ())


async def test_a_reset_that_is_lost_leaves_the_peer_half_open() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        there = accepted.read(1)
        with two.network.partition(two.a):
            client.reset()
        await two.network.run_for(1000)
        assert is_pending(there)
        accepted.write(memoryview(b"x"))
        assert await error_of(there) == errno.ECONNRESET


async def test_a_connection_that_is_reset_while_it_waits_to_be_accepted() -> None:
    two = Two()
    server = await two.listen()
    client = await two.connect(server.local.port)
    client.write(memoryview(b"early"))
    await two.network.run_for(10)
    assert server.queued == 1
    client.reset()
    await two.network.run_for(10)
    [accepted] = await answered(server.accept(1))
    assert await answered(accepted.read(10)) == b"early"
    assert await error_of(accepted.read(10)) == errno.ECONNRESET
    for each in (client, accepted, server):
        each.close()


async def test_a_client_that_is_gone_before_the_connection_is_open_is_forgotten() -> None:
    two = Two(latency=50)
    server = await two.listen()
    connecting = asyncio.create_task(two.connect(server.local.port))
    await two.network.run_for(60)
    connecting.cancel()
    await asyncio.wait([connecting])
    await two.network.run_for(1000)
    assert server.queued == 0
    assert two.b._connections == {}
    server.close()


async def test_an_answer_that_nobody_confirms_is_given_up() -> None:
    two = Two(latency=50)
    server = await two.listen()
    connecting = asyncio.create_task(two.connect(server.local.port))
    await two.network.run_for(60)
    two.a.answers = False
    connecting.cancel()
    await asyncio.wait([connecting])
    assert len(two.b._connections) == 1
    await two.network.run_for(63_000)
    assert two.b._connections == {}
    server.close()


async def test_a_server_that_is_closed_resets_those_that_are_opening() -> None:
    two = Two(latency=50)
    server = await two.listen()
    connecting = asyncio.create_task(two.connect(server.local.port))
    await two.network.run_for(60)
    server.close()
    client = await connecting  # which does not know yet
    assert await error_of(client.read(1)) == errno.ECONNRESET
    client.close()


# The handshake, and the end --------------------------------------------------------------------------------


async def test_beyond_the_backlog_connections_are_tried_again_or_refused() -> None:
    for refuses, expected in ((False, 0), (True, errno.ECONNREFUSED)):
        two = Two()
        two.b.refuses_when_full = refuses
        server = await two.listen(TCPServerParameters(backlog=1))
        clients = [await two.connect(server.local.port) for _ in range(2)]
        await two.network.run_for(10)
        assert server.queued == 2  # one more than that, as Linux counts
        last = asyncio.create_task(two.connect(server.local.port))
        await two.network.run_for(500)
        assert last.done() == refuses
        accepted = [*await answered(server.accept(9))]
        if refuses:
            exception = last.exception()
            assert isinstance(exception, OSError)
            assert exception.errno == expected
        else:
            clients.append(await last)
            accepted += await answered(server.accept(1))
        for connection in (*clients, *accepted):
            connection.close()
        server.close()


async def test_more_than_the_queue_takes_at_a_time_open_later() -> None:
    two = Two(latency=50)
    server = await two.listen(TCPServerParameters(backlog=1))
    clients = await asyncio.gather(*(two.connect(server.local.port) for _ in range(4)))  # before it is full
    await two.network.run_for(100)
    assert server.queued == 2
    accepted: list[TCPConnection] = []
    while len(accepted) < 4:
        accepted += await answered(server.accept(1))
    assert sorted(each.remote for each in accepted) == sorted(client.local for client in clients)
    for connection in (*clients, *accepted):
        connection.close()
    server.close()


async def test_a_lost_handshake_is_repeated() -> None:
    for lost_after in (0, 60, 110):  # the SYN, the answer, the acknowledgement
        two = Two(latency=50)
        server = await two.listen()
        connecting = asyncio.create_task(two.connect(server.local.port))
        await two.network.run_for(lost_after)
        with two.network.partition(two.a):
            await two.network.run_for(60)
        client = await connecting
        [accepted] = await answered(server.accept(1))
        client.write(memoryview(b"hello"))
        assert await answered(accepted.read(10)) == b"hello"
        assert 1000 < two.network.now < 2500
        for each in (client, accepted, server):
            each.close()


async def test_closing_goes_on_without_the_socket() -> None:
    two = Two(bandwidth=10_000)
    async with two.connected() as (client, accepted):
        client.write(memoryview(bytes(50_000)))
        client.close()
        assert two.a.open_descriptors == 0
        assert len(await receive_all(accepted)) == 50_000
        assert two.network.now > 5000


async def test_after_the_end_the_port_is_remembered_for_a_minute() -> None:
    two = Two()
    two.a.ephemeral_ports = range(40000, 40001)
    server = await two.listen()
    client = await two.connect(server.local.port)
    [accepted] = await answered(server.accept(1))
    client.close()
    accepted.close()
    await two.network.run_for(59_000)
    with pytest.raises(OSError, match=r".") as caught:
        await two.connect(server.local.port)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    await two.network.run_for(1010)
    client = await two.connect(server.local.port)
    assert client.local.port == 40000
    client.close()
    server.close()


async def test_what_comes_late_for_a_connection_of_the_past_harms_nobody() -> None:
    two = Two()
    two.a.ephemeral_ports = range(40000, 40001)
    server = await two.listen()
    client = await two.connect(server.local.port)
    [accepted] = await answered(server.accept(1))
    two.link.latency = 90_000  # these bytes come when all is over
    client.write(memoryview(b"late"))
    client.reset()
    two.link.latency = 1
    accepted.close()
    client.close()
    await two.network.run_for(1000)
    client = await two.connect(server.local.port)
    [again] = await answered(server.accept(1))
    reading = again.read(10)
    await two.network.run_for(100_000)
    assert is_pending(reading)
    client.write(memoryview(b"now"))
    assert await answered(reading) == b"now"
    for each in (client, again, server):
        each.close()


# What tests may look at ----------------------------------------------------------------------------------


async def test_options_can_be_read_back() -> None:
    two = Two()
    parameters = TCPConnectionParameters(1000, 2000, True, 30_000)
    async with two.connected(parameters) as (client, accepted):
        assert two.a.connections == (client,)
        assert client.parameters == parameters
        assert accepted.parameters == TCP
        assert repr(client).startswith("<VirtualTCPConnection open, 10.0.0.1:")
        client.shut_down_for_writing()
        accepted.shut_down_for_writing()


async def test_a_write_that_waits_fails_when_the_socket_is_shut_down() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        writing = client.write(memoryview(bytes(200_000)))
        client.shut_down_for_writing()
        assert await error_of(writing) == errno.EPIPE
        assert len(await receive_all(accepted)) == 65536


async def test_a_crashed_host_says_nothing_when_what_it_had_is_closed() -> None:
    two = Two()
    async with two.connected() as (client, accepted):
        accepted.write(memoryview(b"hello"))
        two.b.crash()
        accepted.close()
        await two.network.run_for(1000)
        assert _lines(two, "sent b > a", "fin") == []
        assert is_pending(reading := client.read(65536)) is False
        assert await answered(reading) == b"hello"
