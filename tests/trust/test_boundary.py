"""Nobody is let in; and what is there to notice it would."""

from __future__ import annotations

from functools import partial

import pytest

from direct_sockets import TCPSocket, UDPSocket

from .boundary import ATTEMPTS, try_all
from .boundary.addresses import PRIVATE_IPV4, PRIVATE_IPV6, embedded
from .boundary.world import BOTH, OUTSIDE, PORT, World, reaches


@pytest.mark.parametrize("what", ATTEMPTS)
@pytest.mark.timeout(120)
async def test_nobody_is_let_in(what: str) -> None:
    row = await try_all(what)
    assert row.tried == len(ATTEMPTS[what]) > 40
    assert row.is_clean, row.describe()


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "127.0.0.1", "::ffff:10.0.0.1", "10.1", "64:ff9b::a00:1"])
async def test_who_is_allowed_is_let_in(address: str) -> None:
    for make in (
        partial(TCPSocket, address, PORT),
        partial(UDPSocket, remote_address=address, remote_port=PORT),
    ):
        world = World()
        with world.machine.installed(), BOTH:
            await reaches(make)
        assert world.forbidden


async def test_who_goes_outside_is_not_noticed() -> None:
    world = World()
    with world.machine.installed(), BOTH:
        assert not await reaches(partial(UDPSocket, remote_address=OUTSIDE[0], remote_port=PORT))
        assert not await reaches(partial(UDPSocket, remote_address="outside.example", remote_port=PORT))
    assert not world.forbidden


async def test_a_bound_socket_is_noticed() -> None:
    world = World()
    with world.machine.installed(), BOTH:
        assert await reaches(partial(UDPSocket, local_address="127.0.0.1"))


def test_every_embedding_is_an_address_of_its_own() -> None:
    texts = [*embedded("10.0.0.1")]
    assert len(texts) == 15
    assert len({*PRIVATE_IPV4, *PRIVATE_IPV6}) == len(PRIVATE_IPV4) + len(PRIVATE_IPV6)
