"""§3 MulticastController: https://wicg.github.io/direct-sockets/#multicastcontroller-interface"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from direct_sockets import MulticastController, MulticastMembership
from tests.support import settle
from tests.support.operating_system import HandmadeDatagramSocket, handmade_udp_socket
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from whatwg_streams import InvalidStateError, NetworkError

GROUP, GROUP_6 = "239.0.0.1", "ff0e::1"
SOURCE = "192.0.2.100"

NO_MEMBERSHIP = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")


@asynccontextmanager
async def controller_of_a_socket() -> AsyncIterator[tuple[MulticastController, HandmadeDatagramSocket]]:
    socket, info, datagrams = await handmade_udp_socket(bound=True)
    async with socket:
        assert info.multicast_controller is not None
        yield info.multicast_controller, datagrams


# joinGroup ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["", "example.com", "8.8.8.8", "240.0.0.1", "::1", "239.0.0.256"])
async def test_groups_that_are_none(group: str) -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        assert isinstance(reason_of(controller.join_group(group)), TypeError)
        assert datagrams.done("join") == 0


@pytest.mark.parametrize("source", ["", "example.com", "239.0.0.2", "127.0.0.1", "0.0.0.0", "2001:db8::1"])
async def test_sources_that_are_none(source: str) -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        assert isinstance(reason_of(controller.join_group(GROUP, source_address=source)), TypeError)
        assert datagrams.done("join") == 0


@pytest.mark.parametrize("source", ["ff0e::2", "::1", "::", SOURCE])
async def test_sources_of_a_group_of_ipv6_that_are_none(source: str) -> None:
    async with controller_of_a_socket() as (controller, _):
        assert isinstance(reason_of(controller.join_group(GROUP_6, source_address=source)), TypeError)


async def test_joining_asks_the_system_and_then_the_group_is_in_the_list() -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        datagrams.hold("join")
        promise = controller.join_group(GROUP)
        await settle()
        assert datagrams.calls[-1] == ("join", GROUP, None)
        assert outcome(promise) == PENDING
        assert list(controller.joined_groups) == []
        datagrams.answer("join")
        await settle()
        assert outcome(promise) == FULFILLED
        assert list(controller.joined_groups) == [GROUP]


async def test_a_membership_of_a_source_is_one_of_its_own() -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        await controller.join_group(GROUP, source_address=SOURCE)
        assert datagrams.calls[-1] == ("join", GROUP, SOURCE)
        await controller.join_group(GROUP_6)
        assert list(controller.joined_groups) == [MulticastMembership(GROUP, SOURCE), GROUP_6]


async def test_a_group_is_joined_once() -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        datagrams.hold("join")
        first = controller.join_group(GROUP)
        assert isinstance(reason_of(controller.join_group(GROUP)), InvalidStateError)
        await settle()
        datagrams.answer("join")
        await first
        assert isinstance(reason_of(controller.join_group(GROUP)), InvalidStateError)


async def test_what_the_system_refuses_is_a_network_error_and_may_be_tried_again() -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        datagrams.failures["join"] = NO_MEMBERSHIP
        promise = controller.join_group(GROUP)
        await settle()
        assert isinstance(reason_of(promise), NetworkError)
        assert list(controller.joined_groups) == []
        datagrams.failures.clear()
        await controller.join_group(GROUP)


# leaveGroup ---------------------------------------------------------------------------------------


async def test_addresses_that_can_not_be_left() -> None:
    async with controller_of_a_socket() as (controller, _):
        assert isinstance(reason_of(controller.leave_group("example.com")), TypeError)
        assert isinstance(reason_of(controller.leave_group(GROUP, source_address="example.com")), TypeError)


async def test_what_was_not_joined_can_not_be_left() -> None:
    async with controller_of_a_socket() as (controller, _):
        assert isinstance(reason_of(controller.leave_group(GROUP)), InvalidStateError)
        await controller.join_group(GROUP)
        assert isinstance(reason_of(controller.leave_group(GROUP, source_address=SOURCE)), InvalidStateError)
        await controller.leave_group(GROUP)
        assert isinstance(reason_of(controller.leave_group(GROUP)), InvalidStateError)


async def test_leaving_asks_the_system_and_then_the_group_is_gone() -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        await controller.join_group(GROUP, source_address=SOURCE)
        datagrams.hold("leave")
        promise = controller.leave_group(GROUP, source_address=SOURCE)
        await settle()
        assert datagrams.calls[-1] == ("leave", GROUP, SOURCE)
        assert list(controller.joined_groups) == [MulticastMembership(GROUP, SOURCE)]
        assert isinstance(reason_of(controller.leave_group(GROUP, source_address=SOURCE)), InvalidStateError)
        datagrams.answer("leave")
        await promise
        assert list(controller.joined_groups) == []
        datagrams.held.clear()
        await controller.join_group(GROUP, source_address=SOURCE)


async def test_what_the_system_does_not_let_go_of_stays() -> None:
    async with controller_of_a_socket() as (controller, datagrams):
        await controller.join_group(GROUP)
        datagrams.failures["leave"] = NO_MEMBERSHIP
        promise = controller.leave_group(GROUP)
        await settle()
        assert isinstance(reason_of(promise), NetworkError)
        assert list(controller.joined_groups) == [GROUP]


async def test_a_socket_that_is_closed_joins_and_leaves_nothing() -> None:
    socket, info, _ = await handmade_udp_socket(bound=True)
    controller = info.multicast_controller
    assert controller is not None
    await controller.join_group(GROUP)
    await socket.close()
    assert isinstance(reason_of(controller.join_group(GROUP_6)), InvalidStateError)


# joinedGroups -------------------------------------------------------------------------------------


async def test_groups_are_listed_from_the_first_to_the_last() -> None:
    async with controller_of_a_socket() as (controller, _):
        groups = ["239.0.0.3", "239.0.0.1", "239.0.0.2"]
        for group in groups:
            await controller.join_group(group)
        assert list(controller.joined_groups) == groups
        before = controller.joined_groups
        await controller.leave_group("239.0.0.1")
        assert list(controller.joined_groups) == ["239.0.0.3", "239.0.0.2"]
        assert list(before) == groups  # a list that was given does not change
