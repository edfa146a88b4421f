"""§8.2 one side of a cross-realm transform, against a port on which the test speaks for the other side."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import settle
from tests.support.recording import FULFILLED, PENDING, outcome, reason_of
from whatwg_streams import (
    DataCloneError,
    MessageChannel,
    MessageEvent,
    NetworkError,
    ReadableStream,
    WritableStream,
)
from whatwg_streams._platform.webidl import new
from whatwg_streams._transferable.cross_realm_transforms import (
    cross_realm_transform_send_error,
    pack_and_post_message,
    pack_and_post_message_handling_error,
    set_up_cross_realm_transform_readable,
    set_up_cross_realm_transform_writable,
)


class OtherSide:
    """The port of the other side: what arrived there, and a way to send."""

    def __init__(self) -> None:
        channel = MessageChannel()
        self.near, self.far = channel.port1, channel.port2
        self.seen: list[Any] = []
        self.far.add_event_listener("close", lambda _: self.seen.append("closed"))
        self.far.onmessage = self._message

    def _message(self, event: MessageEvent) -> None:
        self.seen.append((event.data["type"], event.data["value"]))

    def send(self, type: str, value: object = None) -> None:
        self.far.post_message({"type": type, "value": value})

    def take(self) -> list[Any]:
        seen, self.seen = self.seen, []
        return seen


def readable_side() -> tuple[ReadableStream[Any], OtherSide]:
    other = OtherSide()
    stream: ReadableStream[Any] = new(ReadableStream)
    set_up_cross_realm_transform_readable(stream, other.near)
    return stream, other


def writable_side() -> tuple[WritableStream[Any], OtherSide]:
    other = OtherSide()
    stream: WritableStream[Any] = new(WritableStream)
    set_up_cross_realm_transform_writable(stream, other.near)
    return stream, other


class _ThriceMade(Exception):
    """Can be made when it is raised and when it is sent, but not when it arrives."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        if self.made > 2:
            raise ValueError("made too often")
        super().__init__()


@pytest.fixture
def undeserializable(monkeypatch: pytest.MonkeyPatch) -> Exception:
    monkeypatch.setattr(_ThriceMade, "made", 0)
    return _ThriceMade()


# The operations ------------------------------------------------------------------------------------


async def test_a_message_has_a_type_and_a_value() -> None:
    other = OtherSide()
    pack_and_post_message(other.near, "chunk", [1])
    await settle()
    assert other.take() == [("chunk", [1])]


async def test_a_message_that_can_not_be_cloned_is_refused_even_when_nobody_listens() -> None:
    other = OtherSide()
    with pytest.raises(DataCloneError):
        pack_and_post_message(other.near, "chunk", print)
    other.far.close()
    with pytest.raises(DataCloneError):
        pack_and_post_message(other.near, "chunk", print)
    pack_and_post_message(other.near, "chunk", "lost")


async def test_the_other_side_is_told_that_a_message_could_not_be_cloned() -> None:
    other = OtherSide()
    assert pack_and_post_message_handling_error(other.near, "chunk", 1) is None
    completion = pack_and_post_message_handling_error(other.near, "chunk", print)
    assert completion is not None
    assert isinstance(completion.reason, DataCloneError)
    await settle()
    (_, (type, value)) = other.take()
    assert type == "error"
    assert isinstance(value, DataCloneError)
    assert value is not completion.reason
    assert str(value) == str(completion.reason)


async def test_an_error_that_can_not_be_cloned_is_lost() -> None:
    other = OtherSide()
    cross_realm_transform_send_error(other.near, print)
    cross_realm_transform_send_error(other.near, "reason")
    await settle()
    assert other.take() == [("error", "reason")]


# The readable side ---------------------------------------------------------------------------------


async def test_the_readable_side_pulls_when_it_is_read_and_not_before() -> None:
    stream, other = readable_side()
    reader = stream.get_reader()
    await settle()
    assert other.take() == []
    read = reader.read()
    await settle()
    assert other.take() == [("pull", None)]
    assert outcome(read) == PENDING
    other.send("chunk", [1])
    assert await read == ([1], False)
    await settle()
    assert other.take() == []


async def test_the_readable_side_pulls_for_every_read_that_waits() -> None:
    stream, other = readable_side()
    reader = stream.get_reader()
    await settle()
    reads = [reader.read(), reader.read()]
    await settle()
    assert other.take() == [("pull", None), ("pull", None)]
    other.send("chunk", 1)
    other.send("chunk", 2)
    assert [(await read).value for read in reads] == [1, 2]


async def test_chunks_that_were_not_pulled_are_queued() -> None:
    stream, other = readable_side()
    for number in range(3):
        other.send("chunk", number)
    other.send("close")
    await settle()
    assert [chunk async for chunk in stream] == [0, 1, 2]
    assert other.take() == ["closed"]


async def test_the_readable_side_is_errored_by_the_other() -> None:
    stream, other = readable_side()
    reader = stream.get_reader()
    other.send("chunk", "discarded")
    other.send("error", ["reason"])
    await settle()
    assert reason_of(reader.closed) == ["reason"]
    assert other.take() == ["closed"]


async def test_nothing_comes_after_the_end() -> None:
    stream, other = readable_side()
    reader = stream.get_reader()
    other.send("close")
    other.send("chunk", 1)
    other.send("error", "reason")
    await settle()
    assert outcome(reader.closed) == FULFILLED
    assert other.take() == ["closed"]


async def test_messages_of_an_unknown_type_are_ignored() -> None:
    stream, other = readable_side()
    other.send("pull")
    other.send("chunk", 1)
    other.send("close")
    assert [chunk async for chunk in stream] == [1]
    writable, other = writable_side()
    other.send("chunk")
    other.send("pull")
    await writable.get_writer().write(1)


async def test_cancelling_the_readable_side_is_an_error_of_the_other() -> None:
    stream, other = readable_side()
    await stream.cancel(["reason"])
    await settle()
    assert other.take() == [("error", ["reason"]), "closed"]


async def test_a_reason_to_cancel_that_can_not_be_cloned_rejects_and_errors_the_other() -> None:
    stream, other = readable_side()
    with pytest.raises(DataCloneError) as raised:
        await stream.cancel(print)
    await settle()
    (type, value), closed = other.take()
    assert (type, str(value), closed) == ("error", str(raised.value), "closed")


async def test_a_chunk_that_can_not_be_deserialized_errors_both_sides(undeserializable: Exception) -> None:
    stream, other = readable_side()
    reader = stream.get_reader()
    other.send("chunk", undeserializable)
    await settle()
    reason = reason_of(reader.closed)
    assert isinstance(reason, DataCloneError)
    assert isinstance(reason.__cause__, DataCloneError)
    (type, value), closed = other.take()
    assert (type, str(value), closed) == ("error", str(reason), "closed")


async def test_the_readable_side_is_errored_when_the_other_is_gone() -> None:
    stream, other = readable_side()
    reader = stream.get_reader()
    read = reader.read()
    other.far.close()
    with pytest.raises(NetworkError, match="gone"):
        await read
    assert isinstance(reason_of(reader.closed), NetworkError)


async def test_chunks_of_a_stream_that_is_closing_are_read_though_the_other_side_is_gone() -> None:
    stream, other = readable_side()
    other.send("chunk", 1)
    other.send("close")
    other.far.close()
    await settle()
    assert [chunk async for chunk in stream] == [1]


# The writable side ---------------------------------------------------------------------------------


async def test_a_write_waits_until_the_other_side_pulls() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    first = writer.write([1])
    await settle()
    assert (other.take(), outcome(first)) == ([], PENDING)
    other.send("pull")
    await first
    await settle()
    assert other.take() == [("chunk", [1])]
    second = writer.write(2)
    await settle()
    assert (other.take(), outcome(second)) == ([], PENDING)
    other.send("pull")
    await second


async def test_a_pull_is_remembered_and_several_are_one() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    other.send("pull")
    other.send("pull")
    await settle()
    await writer.write(1)
    waits = writer.write(2)
    await settle()
    assert (other.take(), outcome(waits)) == ([("chunk", 1)], PENDING)
    other.send("error", "over")
    await settle()


async def test_the_writable_side_wants_one_chunk() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    assert writer.desired_size == 1
    write = writer.write(1)
    assert writer.desired_size == 0
    other.send("pull")
    await write
    assert writer.desired_size == 1


async def test_closing_the_writable_side_closes_the_other_after_all_chunks() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    write = writer.write(1)
    close = writer.close()
    await settle()
    assert outcome(close) == PENDING
    other.send("pull")
    await asyncio.gather(_awaited(write), _awaited(close))
    await settle()
    assert other.take() == [("chunk", 1), ("close", None), "closed"]


async def _awaited(promise: Any) -> Any:
    return await promise


async def test_aborting_the_writable_side_errors_the_other() -> None:
    stream, other = writable_side()
    await stream.abort(["reason"])
    await settle()
    assert other.take() == [("error", ["reason"]), "closed"]


async def test_a_reason_to_abort_that_can_not_be_cloned_rejects_and_errors_the_other() -> None:
    stream, other = writable_side()
    with pytest.raises(DataCloneError) as raised:
        await stream.abort(print)
    await settle()
    (type, value), closed = other.take()
    assert (type, str(value), closed) == ("error", str(raised.value), "closed")


async def test_the_writable_side_is_errored_by_the_other_and_a_write_no_longer_waits() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    waits, queued = writer.write(1), writer.write(2)
    other.send("error", "reason")
    await settle()
    assert outcome(waits) == FULFILLED  # nobody can tell that it did not arrive
    assert outcome(queued) == ("rejected", "reason")
    assert outcome(writer.closed) == ("rejected", "reason")


async def test_an_error_that_comes_when_no_write_waits_errors_the_writable_side() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    other.send("pull")
    other.send("error", "reason")
    await settle()
    assert outcome(writer.closed) == ("rejected", "reason")
    assert outcome(writer.ready) == ("rejected", "reason")


async def test_a_chunk_that_can_not_be_cloned_errors_both_sides() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    other.send("pull")
    with pytest.raises(DataCloneError) as raised:
        await writer.write(print)
    assert reason_of(writer.closed) is raised.value
    await settle()
    (type, value), closed = other.take()
    assert (type, str(value), closed) == ("error", str(raised.value), "closed")


async def test_a_message_to_the_writable_side_that_can_not_be_deserialized_errors_both(
    undeserializable: Exception,
) -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    waits = writer.write(1)
    await settle()
    other.send("error", undeserializable)
    await settle()
    reason = reason_of(writer.closed)
    assert isinstance(reason, DataCloneError)
    assert outcome(waits) == FULFILLED
    (type, value), *_ = other.take()
    assert (type, str(value)) == ("error", str(reason))


async def test_the_writable_side_is_errored_when_the_other_is_gone() -> None:
    stream, other = writable_side()
    writer = stream.get_writer()
    waits, queued = writer.write(1), writer.write(2)
    other.far.close()
    await settle()
    assert isinstance(reason_of(writer.closed), NetworkError)
    assert outcome(waits) == FULFILLED
    assert isinstance(reason_of(queued), NetworkError)
