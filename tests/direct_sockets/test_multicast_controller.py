"""MulticastController, against an operating system whose answers are given by hand.

That packets really come is shown by test_multicast_namespaces. The numbers of the errata that a test shows stand
in a comment above it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from direct_sockets import MulticastController, MulticastMembership, UDPMessage
from tests.support import settle
from tests.support.operating_system import HandmadeDatagramSocket, handmade_udp_socket
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from whatwg_streams import InvalidStateError, NetworkError, Promise
from whatwg_streams.other_specs import resolve

GROUP = "239.0.0.1"
GROUP_6 = "ff0e::1"
SOURCE = "192.0.2.100"
SOURCE_6 = "2001:db8::1"


@asynccontextmanager
async def _controller() -> AsyncIterator[tuple[MulticastController, HandmadeDatagramSocket]]:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    await settle()
    datagrams.take()
    async with socket:
        assert info.multicast_controller is not None
        yield info.multicast_controller, datagrams


def test_nobody_else_can_make_one() -> None:
    with pytest.raises(TypeError, match="made by its socket"):
        MulticastController()


def test_a_membership_can_not_be_changed() -> None:
    membership = MulticastMembership(GROUP, SOURCE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        membership.group_address = ""  # type: ignore[misc]
    assert not hasattr(membership, "__dict__")
    assert MulticastMembership(GROUP).source_address is None


# The tables of what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "source", "message"),
    [
        # Conversions
        (None, None, "group_address: expected a str"),
        (b"239.0.0.1", None, "group_address: expected a str"),
        (1, 1, "group_address: expected a str"),
        ("nonsense", 1, "source_address: expected a str"),
        # 1.
        ("", None, "group_address is not a valid IP"),
        ("example.com", None, "group_address is not a valid IP"),
        ("239.0.1", None, "group_address is not a valid IP"),
        ("239.0.0.01", None, "group_address is not a valid IP"),
        ("[ff0e::1]", None, "group_address is not a valid IP"),
        ("ff02::1%1", None, "group_address is not a valid IP"),
        (" 239.0.0.1", None, "group_address is not a valid IP"),
        ("nonsense", "nonsense", "group_address is not a valid IP"),
        # 2.
        ("223.255.255.255", None, "group_address is not a multicast"),
        ("240.0.0.0", None, "group_address is not a multicast"),
        ("feff:ffff::", None, "group_address is not a multicast"),
        ("::ffff:239.0.0.1", None, "group_address is not a multicast"),
        ("127.0.0.1", "nonsense", "group_address is not a multicast"),
        # 3.1.
        (GROUP, "", "source_address is not a valid IP"),
        (GROUP, "example.com", "source_address is not a valid IP"),
        (GROUP_6, "fe80::1%1", "source_address is not a valid IP"),
        # 3.2. E57
        (GROUP, "224.0.0.1", "source_address is no unicast"),
        (GROUP, "127.0.0.1", "source_address is a loopback"),
        (GROUP, "127.255.255.255", "source_address is a loopback"),
        (GROUP, "0.0.0.0", "source_address is no unicast"),
        (GROUP_6, "ff02::1", "source_address is no unicast"),
        (GROUP_6, "::1", "source_address is a loopback"),
        (GROUP_6, "::", "source_address is no unicast"),
        (GROUP, "::1", "source_address is a loopback"),
        # 3.3.
        (GROUP, SOURCE_6, "different IP versions"),
        (GROUP_6, SOURCE, "different IP versions"),
        (GROUP, "::ffff:192.0.2.1", "different IP versions"),
    ],
    ids=repr,
)
async def test_what_can_not_be_joined(group: Any, source: Any, message: str) -> None:  # E28 E46 E57
    async with _controller() as (controller, datagrams):
        promise = controller.join_group(group, source_address=source)
        assert isinstance(promise, Promise)
        error = reason_of(promise)
        assert type(error) is TypeError
        assert message in str(error)
        assert datagrams.take() == []
        assert controller.joined_groups == ()


@pytest.mark.parametrize(
    ("group", "source", "kind", "message"),
    [
        (None, None, TypeError, "group_address: expected a str"),
        ("nonsense", 1, TypeError, "source_address: expected a str"),
        ("nonsense", "nonsense", TypeError, "group_address is not a valid IP"),
        (GROUP, "nonsense", TypeError, "source_address is not a valid IP"),
        # What is no multicast address, or of different versions, was never joined.
        ("127.0.0.1", None, InvalidStateError, "127.0.0.1 has not been joined"),
        (GROUP, "::1", InvalidStateError, "has not been joined"),
        (GROUP, None, InvalidStateError, "has not been joined"),
        (GROUP, SOURCE, InvalidStateError, "239.0.0.1 from 192.0.2.100 has not been joined"),
    ],
    ids=repr,
)
async def test_what_can_not_be_left(group: Any, source: Any, kind: Any, message: str) -> None:  # E46 E59
    async with _controller() as (controller, datagrams):
        error = reason_of(controller.leave_group(group, source_address=source))
        assert type(error) is kind
        assert message in str(error)
        assert datagrams.take() == []


# Joining and leaving -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "source"),
    [
        ("224.0.0.0", None),
        ("239.255.255.255", None),
        ("ff00::", None),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ("232.1.1.1", SOURCE),
        ("ff3e::1", SOURCE_6),
    ],
    ids=repr,
)
async def test_a_group_is_joined_and_left(group: str, source: str | None) -> None:
    async with _controller() as (controller, datagrams):
        joining = controller.join_group(group, source_address=source)
        await joining
        assert controller.joined_groups == (group if source is None else MulticastMembership(group, source),)
        leaving = controller.leave_group(group, source_address=source)
        await leaving
        assert not controller.joined_groups
        assert datagrams.take() == [("join", group, source), ("leave", group, source)]


async def test_groups_are_in_the_order_in_which_they_were_joined() -> None:
    async with _controller() as (controller, _):
        for number in (3, 1, 2):
            await controller.join_group(f"239.0.0.{number}")
        await controller.join_group("232.0.0.1", source_address=SOURCE)
        await controller.join_group(GROUP_6)
        await controller.leave_group("239.0.0.3")
        await controller.join_group("239.0.0.3")
        assert controller.joined_groups == (
            "239.0.0.1",
            "239.0.0.2",
            MulticastMembership("232.0.0.1", SOURCE),
            GROUP_6,
            "239.0.0.3",
        )


async def test_joined_groups_is_one_tuple_until_it_changes() -> None:  # E64
    async with _controller() as (controller, datagrams):
        nothing = controller.joined_groups
        assert controller.joined_groups is nothing
        await controller.join_group(GROUP)
        one = controller.joined_groups
        assert controller.joined_groups is one
        datagrams.hold("join")
        controller.join_group(GROUP_6)
        assert controller.joined_groups is one
        datagrams.answer("join")
        await settle()
        assert controller.joined_groups == (GROUP, GROUP_6)
        assert (nothing, one) == ((), (GROUP,))


async def test_addresses_are_compared_as_what_they_are_and_reported_in_canonical_text() -> None:  # E58
    async with _controller() as (controller, _):
        await controller.join_group("FF0E:0:0::0:1")
        await controller.join_group("ff3e:0:0::1", source_address="2001:DB8:0::1")
        assert controller.joined_groups == ("ff0e::1", MulticastMembership("ff3e::1", "2001:db8::1"))
        assert isinstance(reason_of(controller.join_group("ff0e::0001")), InvalidStateError)
        await controller.leave_group("ff0e::0001")
        await controller.leave_group("ff3e::1", source_address="2001:db8::1")
        assert not controller.joined_groups


async def test_the_same_group_is_not_joined_twice() -> None:
    async with _controller() as (controller, datagrams):
        datagrams.hold("join")
        first, second = controller.join_group(GROUP), controller.join_group(GROUP)
        assert isinstance(reason_of(second), InvalidStateError)  # while it is being joined
        assert isinstance(reason_of(controller.leave_group(GROUP)), InvalidStateError)  # it is not joined yet
        datagrams.answer("join")
        await first
        assert isinstance(reason_of(controller.join_group(GROUP)), InvalidStateError)  # once it is joined
        datagrams.hold("leave")
        leaving = controller.leave_group(GROUP)
        assert isinstance(reason_of(controller.leave_group(GROUP)), InvalidStateError)  # it is being left
        assert isinstance(reason_of(controller.join_group(GROUP)), InvalidStateError)  # it is still joined
        assert controller.joined_groups == (GROUP,)
        datagrams.answer("leave")
        await leaving
        assert isinstance(reason_of(controller.leave_group(GROUP)), InvalidStateError)
        assert datagrams.take() == [("join", GROUP, None), ("leave", GROUP, None)]


async def test_sources_of_one_group_are_different_memberships() -> None:  # E61
    async with _controller() as (controller, datagrams):
        await controller.join_group(GROUP)
        await controller.join_group(GROUP, source_address="192.0.2.1")
        await controller.join_group(GROUP, source_address="192.0.2.2")
        assert isinstance(reason_of(controller.leave_group(GROUP, source_address="192.0.2.3")), InvalidStateError)
        await controller.leave_group(GROUP)
        assert controller.joined_groups == (
            MulticastMembership(GROUP, "192.0.2.1"),
            MulticastMembership(GROUP, "192.0.2.2"),
        )
        assert [call[0] for call in datagrams.take()] == ["join", "join", "join", "leave"]


async def test_different_groups_are_joined_at_the_same_time() -> None:
    pending: dict[str, Promise[None]] = {}

    def slow(group: object, source: object) -> Promise[None]:
        pending[str(group)] = promise = Promise[None]()
        return promise

    async with _controller() as (controller, datagrams):
        datagrams.join_multicast_group = slow  # type: ignore[method-assign]
        first, second, third = (controller.join_group(f"239.0.0.{number}") for number in (1, 2, 3))
        for number in (3, 1):
            resolve(pending[f"239.0.0.{number}"])
            await settle()
        assert [outcome(one) for one in (first, second, third)] == [FULFILLED, PENDING, FULFILLED]
        assert controller.joined_groups == ("239.0.0.3", "239.0.0.1")
        resolve(pending["239.0.0.2"])
        await second
        assert list(controller.joined_groups) == ["239.0.0.3", "239.0.0.1", "239.0.0.2"]


async def test_what_the_system_refuses_is_not_joined_and_can_be_tried_again() -> None:
    async with _controller() as (controller, datagrams):
        datagrams.failures["join"] = cause = OSError(errno.ENODEV, "No such device")
        with pytest.raises(NetworkError, match=r"joining 239\.0\.0\.1 from 192\.0\.2\.100: ") as caught:
            await controller.join_group(GROUP, source_address=SOURCE)
        assert (caught.value.errno, caught.value.__cause__) == (errno.ENODEV, cause)
        assert controller.joined_groups == ()
        datagrams.failures.clear()
        await controller.join_group(GROUP, source_address=SOURCE)
        datagrams.failures["leave"] = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        with pytest.raises(NetworkError, match="leaving"):
            await controller.leave_group(GROUP, source_address=SOURCE)
        assert len(controller.joined_groups) == 1
        datagrams.failures.clear()
        await controller.leave_group(GROUP, source_address=SOURCE)


async def test_cancelling_the_task_that_awaits_leaves_the_socket_joining() -> None:
    async with _controller() as (controller, datagrams):
        datagrams.hold("join")
        promise = controller.join_group(GROUP)

        async def wait() -> None:
            await promise

        task = asyncio.create_task(wait())
        await settle()
        task.cancel()
        await settle()
        assert task.cancelled()
        datagrams.answer("join")
        await promise
        assert controller.joined_groups == (GROUP,)


# The end of the socket -------------------------------------------------------------------------------------------


async def test_what_is_pending_when_the_socket_is_closed_comes_to_nothing() -> None:  # E62
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    controller = info.multicast_controller
    assert controller is not None
    await controller.join_group(GROUP)
    datagrams.hold("join", "leave")
    joining, leaving = controller.join_group(GROUP_6), controller.leave_group(GROUP)
    closing = socket.close()
    for promise, doing in ((joining, f"joining {GROUP_6}"), (leaving, f"leaving {GROUP}")):
        error = reason_of(promise)
        assert isinstance(error, NetworkError)
        assert str(error) == f"{doing}: the socket was closed"
    await closing
    datagrams.answer("join")
    datagrams.fail("leave", OSError(errno.EBADF, "Bad file descriptor"))
    await settle()
    assert controller.joined_groups == (GROUP,)


async def test_once_the_system_was_told_to_close_the_socket_is_closed() -> None:  # E56 E63
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    controller = info.multicast_controller
    assert controller is not None
    await controller.join_group(GROUP)
    assert repr(controller) == f"<MulticastController joined: {GROUP}>"
    datagrams.hold("close")
    closing = socket.close()
    for promise in (controller.join_group(GROUP_6), controller.leave_group(GROUP)):
        error = reason_of(promise)
        assert isinstance(error, InvalidStateError)
        assert "the socket is closed" in str(error)
    # What is wrong with the group is said before.
    assert "joined already" in str(reason_of(controller.join_group(GROUP)))
    assert "not been joined" in str(reason_of(controller.leave_group(GROUP_6)))
    assert isinstance(reason_of(controller.join_group("nonsense")), TypeError)
    assert repr(controller) == f"<MulticastController closed, joined: {GROUP}>"
    datagrams.answer("close")
    await closing


async def test_one_side_that_is_gone_does_not_close_the_controller() -> None:  # E63
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    controller = info.multicast_controller
    assert controller is not None
    assert repr(controller) == "<MulticastController joined: nothing>"
    await info.writable.abort(ValueError("enough"))
    await controller.join_group(GROUP)
    with pytest.raises(NetworkError):
        datagrams.feed(OSError(errno.EIO, "?"))
        await info.readable.get_reader().read()
    assert isinstance(reason_of(controller.join_group(GROUP_6)), InvalidStateError)
    with pytest.raises(ValueError, match="enough"):
        await socket.closed


async def test_a_wrong_chunk_closes_the_controller_with_the_socket() -> None:
    socket, info, _ = await handmade_udp_socket(bound=True)
    controller = info.multicast_controller
    assert controller is not None
    await info.readable.cancel()
    with pytest.raises(TypeError):
        await info.writable.get_writer().write(UDPMessage(b"x"))
    assert isinstance(reason_of(controller.join_group(GROUP)), InvalidStateError)
    with pytest.raises(TypeError):
        await socket.closed
