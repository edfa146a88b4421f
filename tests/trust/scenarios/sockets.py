"""Operations of sockets, on a virtual network of two hosts and on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from typing_extensions import override

from direct_sockets import PermissionsPolicy, TCPServerSocket, TCPSocket, UDPSocket
from direct_sockets.testing import Link, VirtualNetwork
from tests.support import settle
from tests.support.descriptors import open_descriptors

from .sources import DATA

_POLICY = PermissionsPolicy("direct-sockets=(self), direct-sockets-private=(self), direct-sockets-multicast=(self)")
_PIECES = [DATA[:5], DATA[5:6], DATA[6:]]
_GROUP = "239.1.2.3"


class OnANetwork:
    """Two hosts of a virtual network, on which no descriptor is left open in the end."""

    server_address = "10.0.0.2"

    def __init__(self) -> None:
        self.network = VirtualNetwork(default_link=Link(latency=0), turns_until_rest=2)
        self.client_host = self.network.host("client", "10.0.0.1")
        self.server_host = self.network.host("server", self.server_address)

    def on_client(self, kind: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with self.client_host.installed(), _POLICY:
            return kind(*args, **options)

    def on_server(self, kind: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with self.server_host.installed(), _POLICY:
            return kind(*args, **options)

    async def rest(self) -> None:
        """Let what is under way come to its end."""
        await self.network.sleep(1000)

    def check(self) -> None:
        assert self.client_host.open_descriptors == self.server_host.open_descriptors == 0


class OnThisMachine(OnANetwork):
    """Real sockets, on loopback."""

    server_address = "127.0.0.1"

    def __init__(self) -> None:
        self.before = len(open_descriptors())

    @override
    def on_client(self, kind: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with _POLICY:
            return kind(*args, **options)

    on_server = on_client

    @override
    async def rest(self) -> None:
        await settle(10)

    @override
    def check(self) -> None:
        assert len(open_descriptors()) <= self.before


class OfSockets:
    """What the scenarios have in common."""

    def __init__(self, make_place: Callable[[], OnANetwork]) -> None:
        self.place = make_place()


class Connection(OfSockets):
    """A server, a client and the connection between them; each of them is waited for."""

    def __init__(self, make_place: Callable[[], OnANetwork]) -> None:
        super().__init__(make_place)
        self.server = self.place.on_server(TCPServerSocket, self.place.server_address)
        self.client: Any = None
        self.peer: Any = None

    async def connect(self) -> None:
        server_info = await self.server.opened
        if self.client is None:
            self.client = self.place.on_client(TCPSocket, self.place.server_address, server_info.local_port)
        self.client_info = await self.client.opened
        if self.peer is None:
            with server_info.readable.get_reader() as reader:
                self.peer = (await reader.read()).value
        self.peer_info = await self.peer.opened

    async def close(self) -> None:
        for one in (self.client, self.peer, self.server):
            await one.close()
        await self.place.rest()
        self.place.check()


class SocketReads(Connection):
    """Reads what the other side sends, to its FIN."""

    def __init__(self, make_place: Callable[[], OnANetwork], mode: str | None) -> None:
        super().__init__(make_place)
        self.mode: Any = mode
        self.received = b""
        self.sent = self.ended = False

    async def act(self) -> None:
        await self.connect()
        if not self.sent:
            self.sent = True
            with self.peer_info.writable.get_writer() as writer:
                for piece in _PIECES:
                    writer.write(piece)
                writer.close()
        with self.client_info.readable.get_reader(mode=self.mode) as reader:
            while not self.ended:
                result = await (reader.read(bytearray(4)) if self.mode else reader.read())
                self.received += bytes(result.value or b"")
                self.ended = result.done

    async def carry_on(self) -> None:
        await self.act()
        assert self.received == DATA
        await self.close()


class SocketWrites(Connection):
    """Writes and closes; what was begun arrives."""

    def __init__(self, make_place: Callable[[], OnANetwork]) -> None:
        super().__init__(make_place)
        self.written = 0
        self.closing = False

    async def act(self) -> None:
        await self.connect()
        with self.client_info.writable.get_writer() as writer:
            while self.written < len(_PIECES):
                await writer.ready
                self.written += 1
                await writer.write(_PIECES[self.written - 1])
            if not self.closing:
                self.closing = True
                await writer.close()

    async def carry_on(self) -> None:
        await self.act()
        received = b"".join([bytes(chunk) async for chunk in self.peer_info.readable])
        assert received == DATA
        await self.close()


class Blocks(OfSockets):
    """`async with` of everything: all is closed, however it is left."""

    received: object = None

    async def act(self) -> None:
        if self.received is None:
            self.received = await self.talk()

    async def talk(self) -> object:
        raise NotImplementedError

    async def carry_on(self) -> None:
        await self.place.rest()
        self.place.check()
        await self.act()
        assert self.received == DATA
        await self.place.rest()
        self.place.check()


class ConnectionBlocks(Blocks):
    """Of a server, a client, and the connections that are accepted."""

    @override
    async def talk(self) -> object:
        received = b""
        async with self.place.on_server(TCPServerSocket, self.place.server_address) as info:
            client = self.place.on_client(TCPSocket, self.place.server_address, info.local_port)
            async with client as client_info:
                async for connection in info.readable:
                    async with connection as peer_info:
                        with client_info.writable.get_writer() as writer:
                            await writer.write(DATA)
                        with peer_info.readable.get_reader() as reader:
                            received = bytes((await reader.read()).value)
                    break
        return received


class DatagramBlocks(Blocks):
    """Of two UDP sockets."""

    @override
    async def talk(self) -> object:
        receiver = self.place.on_server(UDPSocket, local_address=self.place.server_address)
        async with receiver as info:
            options = {"remote_address": info.local_address, "remote_port": info.local_port}
            async with self.place.on_client(UDPSocket, **options) as sender_info:
                with sender_info.writable.get_writer() as writer:
                    await writer.write({"data": DATA})
                with info.readable.get_reader() as reader:
                    return bytes((await reader.read()).value.data)


class Datagrams(OfSockets):
    """Sends and receives datagrams: each arrives once, for none is lost on the way."""

    def __init__(self, make_place: Callable[[], OnANetwork]) -> None:
        super().__init__(make_place)
        self.receiver = self.place.on_server(UDPSocket, local_address=self.place.server_address)
        self.sender: Any = None
        self.sent = 0
        self.received: list[bytes] = []

    async def act(self) -> None:
        info = await self.receiver.opened
        if self.sender is None:
            self.sender = self.place.on_client(
                UDPSocket, remote_address=info.local_address, remote_port=info.local_port
            )
        with (await self.sender.opened).writable.get_writer() as writer:
            while self.sent < len(_PIECES):
                self.sent += 1
                await writer.write({"data": _PIECES[self.sent - 1]})
        with info.readable.get_reader() as reader:
            while len(self.received) < len(_PIECES):
                self.received.append(bytes((await reader.read()).value.data))

    async def carry_on(self) -> None:
        await self.act()
        assert self.received == _PIECES
        await self.sender.close()
        await self.receiver.close()
        await self.place.rest()
        self.place.check()


class Groups(OfSockets):
    """Joins a multicast group, and leaves it; what was begun goes on by itself."""

    def __init__(self, make_place: Callable[[], OnANetwork]) -> None:
        super().__init__(make_place)
        self.socket = self.place.on_server(UDPSocket, local_address="0.0.0.0")
        self.joining = self.leaving = False

    async def act(self) -> None:
        controller = (await self.socket.opened).multicast_controller
        if not self.joining:
            self.joining = True
            await controller.join_group(_GROUP)
        if not self.leaving and controller.joined_groups:
            self.leaving = True
            await controller.leave_group(_GROUP)

    async def carry_on(self) -> None:
        await self.act()
        await self.place.rest()
        await self.act()
        await self.place.rest()
        assert self.leaving
        assert not (await self.socket.opened).multicast_controller.joined_groups
        await self.socket.close()
        await self.place.rest()
        self.place.check()


def scenarios() -> Iterator[tuple[str, Callable[[], Any]]]:
    for place, where in ((OnANetwork, "virtual network"), (OnThisMachine, "loopback")):
        for mode in (None, "byob"):
            yield f"opened, accept, read of TCP, {where}", partial(SocketReads, place, mode)
        yield f"opened, accept, write, close of TCP, {where}", partial(SocketWrites, place)
        yield f"opened, send, receive of UDP, {where}", partial(Datagrams, place)
        yield f"async with of sockets, {where}", partial(ConnectionBlocks, place)
        yield f"async with of sockets, {where}", partial(DatagramBlocks, place)
    yield "join and leave a group, virtual network", partial(Groups, OnANetwork)
