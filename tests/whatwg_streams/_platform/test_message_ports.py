"""Message channels and ports, in one loop, and at its end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest

from tests.support import LoopErrors, LoopFactory, run_what_waits_for_a_loop, settle
from tests.support.threads import OtherThread
from whatwg_streams import DataCloneError, MessageChannel, MessageEvent, MessagePort, Promise, structured_clone
from whatwg_streams._platform.realms import Realm


class Inbox:
    """What arrives at a port, as pairs of the event's type and data."""

    def __init__(self, port: MessagePort, *, start: bool = True) -> None:
        self.events: list[MessageEvent] = []
        for type in ("message", "messageerror", "close"):
            port.add_event_listener(type, self.events.append)
        if start:
            port.start()

    @property
    def seen(self) -> list[tuple[str, Any]]:
        return [(event.type, event.data) for event in self.events]


def messages(*data: object) -> list[tuple[str, Any]]:
    return [("message", one) for one in data]


async def test_messages_arrive_at_the_other_port_in_their_order() -> None:
    channel = MessageChannel()
    inbox1, inbox2 = Inbox(channel.port1), Inbox(channel.port2)
    for number in range(3):
        channel.port1.post_message(number)
    channel.port2.post_message("back")
    assert inbox2.seen == []
    await settle()
    assert inbox2.seen == messages(0, 1, 2)
    assert inbox1.seen == messages("back")


async def test_an_event_tells_its_target_and_the_ports_that_were_transferred() -> None:
    channel, other = MessageChannel(), MessageChannel()
    inbox = Inbox(channel.port2)
    channel.port1.post_message({"port": other.port1}, transfer=[other.port1, other.port2])
    await settle()
    (event,) = inbox.events
    assert event.target is channel.port2
    assert event.ports[0] is event.data["port"]
    assert len(event.ports) == 2


async def test_what_arrives_is_a_clone() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2)
    message = [1]
    channel.port1.post_message(message)
    message.append(2)
    await settle()
    assert inbox.seen == messages([1])


async def test_nothing_arrives_before_the_port_is_started() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2, start=False)
    channel.port1.post_message(1)
    await settle()
    assert inbox.seen == []
    channel.port2.start()
    channel.port2.start()
    channel.port1.post_message(2)
    await settle()
    assert inbox.seen == messages(1, 2)


async def test_setting_onmessage_starts_the_port() -> None:
    channel = MessageChannel()
    seen: list[Any] = []
    channel.port1.post_message(1)
    assert channel.port2.onmessage is None
    channel.port2.onmessage = lambda event: seen.append(event.data)
    assert channel.port2.onmessage is not None
    await settle()
    assert seen == [1]


async def test_each_message_is_a_task_with_its_microtasks() -> None:
    channel = MessageChannel()
    seen: list[str] = []

    def listener(event: MessageEvent) -> None:
        seen.append(f"message {event.data}")
        Promise.resolve().then(lambda _: seen.append(f"microtask {event.data}"))
        asyncio.get_running_loop().call_soon(seen.append, f"turn {event.data}")

    channel.port2.onmessage = listener
    channel.port1.post_message(1)
    channel.port1.post_message(2)
    await settle()
    assert seen == ["message 1", "microtask 1", "message 2", "microtask 2", "turn 1", "turn 2"]


async def test_what_a_listener_raises_is_reported(loop_errors: LoopErrors) -> None:
    channel = MessageChannel()
    fault = ValueError("fault")

    def fails(_: MessageEvent) -> None:
        raise fault

    channel.port2.onmessage = fails
    inbox = Inbox(channel.port2)
    channel.port1.post_message(1)
    channel.port1.post_message(2)
    await settle()
    assert [context["exception"] for context in loop_errors.take()] == [fault, fault]
    assert inbox.seen == messages(1, 2)


async def test_a_message_that_can_not_be_cloned_is_refused() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2)
    with pytest.raises(DataCloneError):
        channel.port1.post_message(lambda: None)
    with pytest.raises(DataCloneError):
        channel.port1.post_message(channel.port1)
    with pytest.raises(TypeError, match="sequence"):
        channel.port1.post_message(1, transfer="text")
    await settle()
    assert inbox.seen == []


class _MadeTwice(Exception):
    """Can be made twice: by whoever raises it, and when it is sent; but not when it arrives."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        if self.made > 2:
            raise ValueError("made too often")
        super().__init__()


async def test_what_can_not_be_deserialized_is_a_messageerror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_MadeTwice, "made", 0)
    channel = MessageChannel()
    inbox = Inbox(channel.port2)
    errors: list[MessageEvent] = []
    assert channel.port2.onmessageerror is None
    channel.port2.onmessageerror = errors.append
    assert channel.port2.onmessageerror is not None
    channel.port1.post_message(_MadeTwice())
    channel.port1.post_message("next")
    await settle()
    assert [type for type, _ in inbox.seen] == ["messageerror", "message"]
    assert isinstance(errors[0].data, DataCloneError)


# Transferring a port -------------------------------------------------------------------------------


async def test_a_port_that_is_transferred_takes_its_messages_along() -> None:
    channel = MessageChannel()
    stale = Inbox(channel.port2)
    channel.port1.post_message("before")
    moved = structured_clone(channel.port2, transfer=[channel.port2])
    channel.port1.post_message("after")
    inbox = Inbox(moved, start=False)
    await settle()
    assert (stale.seen, inbox.seen) == ([], [])
    moved.start()
    channel.port1.post_message("started")
    moved.post_message("back")
    answers = Inbox(channel.port1)
    await settle()
    assert inbox.seen == messages("before", "after", "started")
    assert answers.seen == messages("back")


async def test_messages_are_kept_while_a_port_is_on_its_way() -> None:
    carrier, channel = MessageChannel(), MessageChannel()
    carrier.port1.post_message(None, transfer=[channel.port2])
    channel.port1.post_message("on the way")
    inbox = Inbox(carrier.port2)
    await settle()
    arrived = Inbox(inbox.events[0].ports[0])
    await settle()
    assert arrived.seen == messages("on the way")


async def test_a_port_that_was_transferred_is_of_no_use_any_more() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port1)
    moved = structured_clone(channel.port2, transfer=[channel.port2])
    channel.port2.post_message("lost")
    channel.port2.close()
    channel.port2.start()
    with pytest.raises(DataCloneError, match="already"):
        structured_clone(None, transfer=[channel.port2])
    await settle()
    assert inbox.seen == []
    assert "detached" in repr(channel.port2)
    assert "entangled" in repr(moved)


async def test_a_port_can_not_be_sent_through_itself() -> None:
    channel = MessageChannel()
    with pytest.raises(DataCloneError, match="itself"):
        channel.port1.post_message(None, transfer=[channel.port1])
    channel.port1.post_message("still works")
    inbox = Inbox(channel.port2)
    await settle()
    assert inbox.seen == messages("still works")


async def test_a_port_that_is_sent_to_itself_is_lost() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port1)
    channel.port1.post_message(None, transfer=[channel.port2])
    await settle()
    assert inbox.seen == [("close", None)]


async def test_a_port_that_never_arrives_is_closed() -> None:
    carrier, channel = MessageChannel(), MessageChannel()
    inbox = Inbox(channel.port1)
    carrier.port1.post_message(None, transfer=[channel.port2])
    carrier.port2.close()
    await settle()
    assert inbox.seen == [("close", None)]


# Closing -------------------------------------------------------------------------------------------


async def test_closing_a_port_tells_the_other_after_all_messages() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2, start=False)
    closed: list[MessageEvent] = []
    assert channel.port2.onclose is None
    channel.port2.onclose = closed.append
    assert channel.port2.onclose is not None
    channel.port1.post_message(1)
    channel.port1.close()
    channel.port1.close()
    await settle()
    assert inbox.seen == []
    channel.port2.start()
    await settle()
    assert inbox.seen == [("message", 1), ("close", None)]
    assert len(closed) == 1


async def test_a_port_that_is_not_started_is_told_of_the_close() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2, start=False)
    channel.port1.close()
    await settle()
    assert inbox.seen == [("close", None)]


async def test_a_closed_port_gets_and_sends_nothing() -> None:
    channel = MessageChannel()
    inbox1, inbox2 = Inbox(channel.port1), Inbox(channel.port2)
    channel.port1.post_message("pending")
    channel.port2.close()
    channel.port2.post_message("lost")
    channel.port1.post_message("lost, too")
    with pytest.raises(DataCloneError):
        channel.port2.post_message(print)
    await settle()
    assert inbox2.seen == []
    assert inbox1.seen == [("close", None)]
    assert "disentangled" in repr(channel.port1)
    assert "detached" in repr(channel.port2)


# Loops -----------------------------------------------------------------------------------------------


def test_a_port_may_be_made_and_used_where_no_loop_runs(loop_factory: LoopFactory) -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2)
    channel.port1.post_message(1)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert inbox.seen == []
        # The first use of a promise takes the waiting jobs along.
        runner.run(_await(Promise.resolve()))
        runner.run(settle())
        assert inbox.seen == messages(1)


async def _await(promise: Promise[None]) -> None:
    await promise


def test_a_port_that_is_never_used_under_a_loop_leaves_nothing() -> None:
    channel = MessageChannel()
    Inbox(channel.port2)
    run_what_waits_for_a_loop()
    channel.port1.post_message("to nobody")


async def test_listeners_are_called_in_the_context_in_which_they_began_to_listen() -> None:
    variable = contextvars.ContextVar[str]("variable", default="unset")
    channel = MessageChannel()
    seen: list[str] = []
    channel.port2.onmessage = lambda _: seen.append(variable.get())
    variable.set("set by the sender")
    channel.port1.post_message(1)
    await settle()
    assert seen == ["unset"]


async def test_two_loops_talk(loop_factory: LoopFactory) -> None:
    channel = MessageChannel()
    answers = Inbox(channel.port1)
    all_answers = asyncio.Event()
    channel.port1.add_event_listener("message", lambda event: all_answers.set() if event.data == 9 else None)

    async def answer() -> None:
        channel.port2.onmessage = lambda event: channel.port2.post_message(event.data)

    async with OtherThread(loop_factory) as other:
        await other.run(answer())
        for number in range(10):
            channel.port1.post_message(number)
        await all_answers.wait()
        channel.port1.close()
    assert answers.seen == messages(*range(10))


async def test_messages_may_be_posted_by_any_thread() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2)
    threads = [threading.Thread(target=channel.port1.post_message, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await settle()
    assert sorted(data for _, data in inbox.seen) == [0, 1, 2, 3, 4]


async def test_when_its_loop_is_closed_a_port_is_and_the_other_is_told(loop_factory: LoopFactory) -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port1)
    closed = asyncio.Event()
    channel.port1.onclose = lambda _: closed.set()

    async def listen_and_speak() -> None:
        channel.port2.start()
        channel.port2.post_message("last words")

    async with OtherThread(loop_factory) as other:
        await other.run(listen_and_speak())
    await closed.wait()
    assert inbox.seen == [("message", "last words"), ("close", None)]
    channel.port1.post_message("to nobody")


async def test_a_port_that_left_a_loop_outlives_it(loop_factory: LoopFactory) -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port1)

    async def start_and_transfer() -> MessagePort:
        channel.port2.start()
        return structured_clone(channel.port2, transfer=[channel.port2])

    async with OtherThread(loop_factory) as other:
        moved = await other.run(start_and_transfer())
    moved.post_message("alive")
    await settle()
    assert inbox.seen == messages("alive")


def test_a_message_to_a_loop_that_is_closed_is_dropped(loop_factory: LoopFactory) -> None:
    channel = MessageChannel()

    async def start() -> None:
        channel.port2.start()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(start())
    assert "disentangled" in repr(channel.port1)


async def test_a_loop_that_is_closed_meanwhile_is_noticed_when_something_is_posted() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port1)
    channel.port2._port_message_queue.enter(Realm(lambda steps, context: False), contextvars.copy_context())
    channel.port2.start()
    channel.port1.post_message("to nobody")
    await settle()
    assert inbox.seen == [("close", None)]


# Lifetime ------------------------------------------------------------------------------------------


async def test_a_channel_that_nobody_refers_to_is_collected() -> None:
    channel = MessageChannel()
    Inbox(channel.port1)
    Inbox(channel.port2)
    ports = weakref.ref(channel.port1), weakref.ref(channel.port2)
    channel.port1.post_message(1)
    await settle()
    del channel
    gc.collect()
    assert [port() for port in ports] == [None, None]


async def test_a_port_lives_as_long_as_the_other() -> None:
    channel = MessageChannel()
    inbox = Inbox(channel.port2)
    port1 = channel.port1
    del channel
    gc.collect()
    port1.post_message(1)
    await settle()
    assert inbox.seen == messages(1)


def test_a_port_is_made_by_a_channel() -> None:
    with pytest.raises(TypeError, match="MessageChannel"):
        MessagePort()


def test_its_representation_shows_the_state() -> None:
    channel = MessageChannel()
    assert repr(channel.port1) == "<MessagePort entangled>"
