"""A TCP connection of the virtual network: the states of RFC 9293, as far as a socket can tell them apart.

A connection outlives its socket: it goes on until all has been sent and acknowledged, then remembers for a
minute that it was there (TIME-WAIT).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, final

from typing_extensions import override

from whatwg_streams import Promise
from whatwg_streams.other_specs import a_promise_rejected_with, mark_as_handled, reject, resolve

from .._operating_system import TCPConnectionParameters
from ._clock import SECOND, Alarm
from ._packets import Segment, Socket, as_seen_by
from ._ports import os_error
from ._tcp_receiver import Receiver
from ._tcp_sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._operating_system import Answer, Endpoint
    from ._host import VirtualHost
    from ._ports import Binding
    from ._tcp_server import VirtualTCPServer

#: In bytes: of either buffer, when the socket has no option for it.
DEFAULT_BUFFER_SIZE: Final = 65536

_TIME_WAIT: Final = 60 * SECOND
#: How often to try again, as Linux has it: a SYN, the answer to one, anything else, and that without a socket.
_RETRIES_OF_SYN: Final = 6
_RETRIES_OF_SYN_ACK: Final = 5
_RETRIES: Final = 15
_RETRIES_WITHOUT_SOCKET: Final = 8
_KEEP_ALIVE_PROBES: Final = 9
_LONGEST_KEEP_ALIVE: Final = 32767
_HEADERS: Final = {4: 40, 6: 60}

T = TypeVar("T")
State = Literal["opening", "accepting", "open", "closed"]


@final
class VirtualTCPConnection:
    """A TCP connection of a virtual host, or one end of it.

    Tests may look at it, break it, and read its options back. (What else it has is the seam's `TCPConnection`.)

    Attributes:
        parameters: the options it was opened with: `send_buffer_size` and `receive_buffer_size` in bytes,
            `no_delay`, `keep_alive_delay` in milliseconds; None is the default.
    """

    __slots__ = (
        "_binding",
        "_echo",
        "_end",
        "_error",
        "_has_descriptor",
        "_host",
        "_initial",
        "_keep_alive",
        "_largest",
        "_last_heard",
        "_on_opened",
        "_other_end",
        "_probes",
        "_reading",
        "_receiver",
        "_remembered_until",
        "_sender",
        "_server",
        "_shut_down",
        "_state",
        "_take",
        "_unsent",
        "_version",
        "_writing",
        "parameters",
    )

    parameters: TCPConnectionParameters

    def __init__(
        self,
        host: VirtualHost,
        version: int,
        other_end: Socket,
        parameters: TCPConnectionParameters,
        server: VirtualTCPServer | None = None,
    ) -> None:
        self._host = host
        self._version = version  # of the socket
        self._end: Socket
        self._other_end = other_end
        self.parameters = parameters
        self._binding: Binding | None = None  # what it has to itself; accepted ones share their server's
        self._server = server  # that has not handed it out yet
        self._state: State = "opening"
        self._initial = host.network._next_sequence_number()
        self._sender = Sender(
            self,
            host.network._clock,
            self._initial,
            parameters.send_buffer_size or DEFAULT_BUFFER_SIZE,
            no_delay=parameters.no_delay,
        )
        self._receiver = self._new_receiver(0)
        self._echo = 0  # when the last segment was sent that came in order
        self._largest = 0  # bytes in a segment
        self._on_opened: Promise[None] | None = None
        self._has_descriptor = True
        self._shut_down = False  # for writing
        self._error: int | None = None  # that the next call is to fail with
        self._remembered_until: int | None = None
        self._reading: Promise[Any] | None = None
        self._take: Callable[[], object] | None = None  # what the reading waits to do
        self._writing: Promise[bool] | None = None
        self._unsent = memoryview(b"")
        self._keep_alive = Alarm(host.network._clock, self._has_been_idle)
        self._last_heard = 0
        self._probes = 0

    def _new_receiver(self, expected: int) -> Receiver:
        return Receiver(expected, self.parameters.receive_buffer_size or DEFAULT_BUFFER_SIZE)

    # What tests may use ------------------------------------------------------------------------------

    @property
    def local(self) -> Endpoint:
        """Where it is bound to: the `address` as text, and the `port`."""
        return as_seen_by(self._version, self._end)

    @property
    def remote(self) -> Endpoint:
        """Where it is connected to: the `address` as text, and the `port`."""
        return as_seen_by(self._version, self._other_end)

    @property
    def unread(self) -> int:
        """How many bytes have arrived that nobody has read."""
        return len(self._receiver.unread)

    @property
    def unsent(self) -> int:
        """How many bytes were written that the peer has not acknowledged."""
        return self._sender.unsent + len(self._unsent)

    def reset(self) -> None:
        """Reset the connection from this side, as when its process were killed; the peer gets a RST."""
        if self._state != "closed":
            self._send_reset()
            self._fail(errno.ECONNRESET)

    def vanish(self) -> None:
        """Have this host forget the connection, and tell nobody: the peer's end is half-open.

        The peer gets a RST for the next thing that it sends, if it ever does. At this end it is an error, as
        after a RST.
        """
        if self._state != "closed":
            self._fail(errno.ECONNRESET)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state}, {self._end} to {self._other_end}>"

    # Opening -----------------------------------------------------------------------------------------

    def _is_bound(self, binding: Binding) -> None:
        self._binding = binding
        self._end = Socket(binding.address, binding.port)

    def _open(self) -> Promise[None]:
        """Connect; how that ends."""
        self._on_opened = promise = Promise[None]()
        mark_as_handled(promise)
        self._sender.start()
        return promise

    def _answer_the_syn(self, segment: Segment) -> None:
        """Be the other end of a connection that a peer opens."""
        self._state = "accepting"
        self._echo = segment.time
        self._end = segment.destination
        self._receiver = self._new_receiver(segment.end)
        self._has_descriptor = False
        self._host._remember(self)
        self._sender.start()

    def _is_open(self) -> None:
        self._state = "open"
        link = self._host._link_to(self._other_end.address)
        self._largest = link.mtu - _HEADERS[self._end.address.version]
        self._sender.open(self._largest)
        if self.parameters.keep_alive_delay is not None:
            self._keep_alive.set(self._keep_alive_delay)

    def _was_accepted(self) -> None:
        self._server = None
        self._has_descriptor = True

    # Reading -----------------------------------------------------------------------------------------

    def read(self, size: int) -> Answer[bytes]:
        """See the seam."""
        return self._read(lambda: self._receiver.read(size))

    def read_into(self, view: memoryview) -> Answer[int]:
        """See the seam."""
        return self._read(lambda: self._take_into(view))

    def read_into_at_once(self, view: memoryview) -> int:
        """See the seam."""
        assert self._reading is None
        self._host.network._clock.touch()
        return self._take_now(lambda: self._take_into(view)) if self._receiver.unread else 0

    def read_at_once(self, size: int) -> bytes | None:
        """See the seam."""
        assert self._reading is None
        self._host.network._clock.touch()
        return self._take_now(lambda: self._receiver.read(size)) if self._receiver.unread else None

    def call_when_readable(self, steps: Callable[[], object]) -> bool:
        """See the seam: a read that waits is told by its promise."""
        del steps
        return False

    def _take_into(self, view: memoryview) -> int:
        data = self._receiver.read(view.nbytes)
        view[: len(data)] = data
        return len(data)

    def _read(self, take: Callable[[], T]) -> Answer[T]:
        assert self._reading is None
        self._host.network._clock.touch()
        if self._is_readable():
            try:
                return self._take_now(take)
            except OSError as error:
                return a_promise_rejected_with(error)
        self._reading = promise = Promise[Any]()
        self._take = take
        return promise

    def _is_readable(self) -> bool:
        return bool(self._receiver.unread) or self._receiver.has_finished or self._state == "closed"

    def _take_now(self, take: Callable[[], T]) -> T:
        # What came before an error is read before it, and after it there is an end.
        if not self._receiver.unread and not self._receiver.has_finished:
            self._raise_the_error()
        result = take()
        if self._state == "open" and self._receiver.has_room_to_advertise(self._largest):
            self._acknowledge()
        return result

    def _raise_the_error(self) -> None:
        number, self._error = self._error, None
        if number is not None:
            raise os_error(number)

    def _wake_the_reader(self) -> None:
        promise, take = self._reading, self._take
        if promise is None or take is None or not self._is_readable():
            return
        self._reading = self._take = None
        self._host.network._clock.touch()
        try:
            resolve(promise, self._take_now(take))
        except OSError as error:
            reject(promise, error)

    def stop_reading(self) -> None:
        """See the seam."""
        self._host.network._clock.touch()
        self._reading = self._take = None

    # Writing -----------------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> Answer[bool]:
        """See the seam."""
        assert self._writing is None
        self._host.network._clock.touch()
        try:
            self._check_that_it_can_write()
        except OSError as error:
            return a_promise_rejected_with(error)
        data = memoryview(data).cast("B")
        taken = self._sender.take(data)
        if taken == len(data):
            return True
        self._unsent = memoryview(bytes(data[taken:]))
        self._writing = Promise[bool]()
        return self._writing

    def _check_that_it_can_write(self) -> None:
        if self._state == "closed" or self._shut_down:
            self._raise_the_error()
            raise os_error(errno.EPIPE)

    def _there_is_room(self) -> None:
        """See `Carrier`."""
        if self._writing is not None:
            self._unsent = self._unsent[self._sender.take(self._unsent) :]
            if not self._unsent:
                self._end_the_write(resolve, True)
        self._bury_if_done()

    def _end_the_write(self, settle: Callable[[Promise[bool], Any], None], how: object) -> None:
        promise, self._writing = self._writing, None
        self._unsent = memoryview(b"")
        if promise is not None:
            self._host.network._clock.touch()
            settle(promise, how)

    def stop_writing(self) -> None:
        """See the seam."""
        self._host.network._clock.touch()
        self._end_the_write(resolve, False)

    # The end -----------------------------------------------------------------------------------------

    def shut_down_for_writing(self) -> Answer[None]:
        """See the seam."""
        self._host.network._clock.touch()
        if self._state == "closed" or (self._receiver.has_finished and self._sender.is_done):
            return a_promise_rejected_with(os_error(errno.ENOTCONN))
        self._shut_down = True
        self._end_the_write(reject, os_error(errno.EPIPE))
        self._sender.finish()
        return None

    def close(self) -> Answer[None]:
        """See the seam."""
        self.stop_reading()
        self.stop_writing()
        if self._has_descriptor:
            self._has_descriptor = False
            self._host._descriptors.give_back()
            if self._state == "opening":
                self._forget()
            elif self._state == "open" and self._receiver.unread:
                self._send_reset()
                self._forget()
            elif self._state != "closed":  # where the host has forgotten it, the peer is told nothing
                self._sender.finish()
                self._bury_if_done()
        return None

    def _bury_if_done(self) -> None:
        """Without a socket, and with nothing left to do, a connection is remembered for a while."""
        if self._has_descriptor or self._server is not None or not self._sender.is_done:
            return
        if self._receiver.has_finished and self._remembered_until is None:
            self._keep_alive.stop()
            self._remembered_until = self._host.network._clock.now + _TIME_WAIT
            self._host._bury(self, self._remembered_until)

    def _fail(self, number: int) -> None:
        """It comes to an end by an error."""
        self._error = number
        self._forget()
        server, self._server = self._server, None
        if server is not None:
            server._lost(self)
        promise, self._on_opened = self._on_opened, None
        if promise is not None:
            self._host.network._clock.touch()
            reject(promise, os_error(number))
        # The error is told once: to the read that waits, or else to the write; or to whatever comes next.
        self._wake_the_reader()
        if self._writing is not None:
            number, self._error = self._error or errno.EPIPE, None
            self._end_the_write(reject, os_error(number))

    def _forget(self) -> None:
        """From here on it has no part in the network."""
        if self._state != "closed":
            self._state = "closed"
            self._sender.stop()
            self._keep_alive.stop()
            self._host._forget(self)

    # What comes in -----------------------------------------------------------------------------------

    def _arrived(self, segment: Segment) -> None:
        """A segment has come."""
        self._last_heard = self._host.network._clock.now
        self._probes = 0
        if segment.sequence <= self._receiver.expected:
            self._echo = segment.time
        if self._state == "opening":
            self._arrived_while_opening(segment)
        elif segment.rst:
            if self._receiver.is_within_window(segment.sequence):
                self._was_reset()
        elif segment.syn:  # the other end has not heard of our answer
            if self._state != "accepting":
                self._acknowledge()
        elif segment.acknowledgement is not None:
            if self._state == "accepting":
                if self._server is not None and not self._server._has_room_for(self):
                    return
                self._is_open()
                if self._server is not None:
                    self._server._came(self)
            self._sender.acknowledge(segment.acknowledgement, segment.window, segment.arrived, segment.echo)
            self._take_in(segment)

    def _arrived_while_opening(self, segment: Segment) -> None:
        if segment.acknowledgement is None or segment.acknowledgement != self._sender.next:
            return
        if segment.rst:
            self._fail(errno.ECONNREFUSED)
        elif segment.syn:
            self._receiver = self._new_receiver(segment.end)
            self._echo = segment.time
            self._sender.acknowledge(segment.acknowledgement, segment.window, (), segment.echo)
            self._is_open()
            self._acknowledge()
            promise, self._on_opened = self._on_opened, None
            if promise is not None:
                self._host.network._clock.answer(promise)

    def _take_in(self, segment: Segment) -> None:
        if self._state == "closed":
            return
        if segment.data and not self._has_socket and segment.end > self._receiver.expected:
            # Bytes for which there is no reader any more.
            self._send_reset()
            self._forget()
            return
        needs_an_answer = segment.end > segment.sequence or segment.sequence < self._receiver.expected
        if self._receiver.take(segment):
            self._wake_the_reader()
        if needs_an_answer:
            self._acknowledge()
        self._bury_if_done()

    @property
    def _has_socket(self) -> bool:
        return self._has_descriptor or self._server is not None

    def _was_reset(self) -> None:
        self._fail(errno.EPIPE if self._receiver.has_finished else errno.ECONNRESET)

    # What goes out -----------------------------------------------------------------------------------

    def _transmit(self, sequence: int, data: bytes, *, syn: bool, fin: bool) -> None:
        """See `Carrier`."""
        now = self._host.network._clock.now
        if self._state == "opening":
            self._host._send(Segment(self._end, self._other_end, sequence, syn=syn, time=now))
            return
        self._host._send(
            Segment(
                self._end,
                self._other_end,
                sequence,
                self._receiver.expected,
                self._receiver.advertise(),
                data,
                syn=syn,
                fin=fin,
                arrived=self._receiver.arrived(),
                time=now,
                echo=self._echo,
            )
        )

    def _acknowledge(self) -> None:
        self._transmit(self._sender.next, b"", syn=False, fin=False)

    def _probe(self) -> None:
        """See `Carrier`."""
        # A number that the peer has had already is one that it answers.
        self._transmit(self._sender.next - 1, b"", syn=False, fin=False)

    def _send_reset(self) -> None:
        self._host._send(Segment(self._end, self._other_end, self._sender.next, self._receiver.expected, rst=True))

    # What does not come ------------------------------------------------------------------------------

    def _retries(self) -> int:
        """See `Carrier`."""
        if self._state == "opening":
            return _RETRIES_OF_SYN
        if self._state == "accepting":
            return _RETRIES_OF_SYN_ACK
        return _RETRIES if self._has_socket else _RETRIES_WITHOUT_SOCKET

    def _nobody_answers(self) -> None:
        """See `Carrier`."""
        self._fail(errno.ETIMEDOUT)

    @property
    def _keep_alive_delay(self) -> int:
        # As with real sockets (E31, E67): in whole seconds, at least one, and as many as Linux takes at most.
        return min(max(1, (self.parameters.keep_alive_delay or 0) // 1000), _LONGEST_KEEP_ALIVE) * SECOND

    def _has_been_idle(self) -> None:
        delay = self._keep_alive_delay
        idle = self._host.network._clock.now - self._last_heard
        if idle < delay:
            self._keep_alive.set(delay - idle)
        elif self._probes >= _KEEP_ALIVE_PROBES:
            self._fail(errno.ETIMEDOUT)
        else:
            if self._sender.is_idle:  # otherwise that will tell
                self._probes += 1
                self._probe()
            self._keep_alive.set(delay)
