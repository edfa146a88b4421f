"""§4.9.1 Working with readable streams, ReadableStreamTee: https://streams.spec.whatwg.org/#readable-stream-tee"""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, byte_stream, foreign_buffers
from tests.support.recording import FULFILLED, HOLD, PENDING, RecordingSource, outcome, reason_of, rejected
from tests.support.sources import errored_stream, read_all, source_and_stream, stream_of
from whatwg_streams import DataCloneError, ReadableStream
from whatwg_streams.other_specs import tee_readable_stream

ERROR = ValueError("the reason")


# Of any chunks ------------------------------------------------------------------------------------


async def test_both_branches_get_the_same_chunks() -> None:
    chunk = object()
    one, two = stream_of(chunk, "b").tee()
    assert await read_all(one) == [chunk, "b"]
    assert await read_all(two) == [chunk, "b"]


async def test_the_source_is_pulled_when_either_branch_wants_something() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 0})
    one, two = stream.tee()
    await settle()
    assert source.events.count(("pull",)) == 1  # each branch has room for one
    source.controller.enqueue("a")
    await settle()
    assert source.events.count(("pull",)) == 1
    assert (await one.get_reader().read()).value == "a"
    await settle()
    assert source.events.count(("pull",)) == 2
    source.controller.enqueue("b")
    await settle()
    reader = two.get_reader()
    assert [(await reader.read()).value for _ in range(2)] == ["a", "b"]
    source.controller.close()


async def test_a_branch_that_is_not_read_queues_everything() -> None:
    one, two = stream_of(*range(20)).tee()
    assert await read_all(one) == list(range(20))
    assert await read_all(two) == list(range(20))


async def test_an_error_reaches_both_branches_before_what_is_queued_in_them() -> None:
    source, stream = source_and_stream()
    one, two = stream.tee()
    source.controller.enqueue("a")
    await settle()
    source.controller.error(ERROR)
    await settle()
    assert outcome(one.get_reader().read()) == rejected(ERROR)
    assert outcome(two.get_reader().read()) == rejected(ERROR)


async def test_branches_of_a_stream_with_an_error_or_closed() -> None:
    one, two = errored_stream(ERROR).tee()
    await settle()
    assert [outcome(branch.get_reader().closed) for branch in (one, two)] == [rejected(ERROR)] * 2
    one, two = stream_of().tee()
    await settle()
    assert [outcome(branch.get_reader().closed) for branch in (one, two)] == [FULFILLED] * 2


async def test_a_close_reaches_both_branches_after_what_is_queued() -> None:
    source, stream = source_and_stream()
    one, two = stream.tee()
    source.controller.enqueue("a")
    source.controller.close()
    await settle()
    readers = [one.get_reader(), two.get_reader()]
    assert [outcome(reader.closed) for reader in readers] == [PENDING] * 2
    assert [(await reader.read()).value for reader in readers] == ["a", "a"]
    await settle()
    assert [outcome(reader.closed) for reader in readers] == [FULFILLED] * 2


@pytest.mark.parametrize("first", [0, 1])
async def test_the_source_is_cancelled_when_both_branches_are_with_both_reasons(first: int) -> None:
    source, stream = source_and_stream(cancel=HOLD)
    branches = stream.tee()
    promises: dict[int, Any] = {first: branches[first].cancel(f"reason {first}")}
    await settle()
    assert not any(event[0] == "cancel" for event in source.events)
    promises[1 - first] = branches[1 - first].cancel(f"reason {1 - first}")
    cancelled = [event[1] for event in source.events if event[0] == "cancel"]
    assert [list(reasons) for reasons in cancelled] == [["reason 0", "reason 1"]]  # type: ignore[call-overload]
    await settle()
    assert [outcome(one) for one in promises.values()] == [PENDING] * 2
    source.resolve("cancel")
    await settle()
    assert [outcome(one) for one in promises.values()] == [FULFILLED] * 2


async def test_what_cancel_of_the_source_fails_with_rejects_both_cancellations() -> None:
    _, stream = source_and_stream(cancel=ERROR)
    one, two = stream.tee()
    promises = [one.cancel(), two.cancel()]
    await settle()
    assert [outcome(promise) for promise in promises] == [rejected(ERROR)] * 2


async def test_a_branch_goes_on_when_the_other_is_cancelled() -> None:
    source, stream = source_and_stream()
    one, two = stream.tee()
    promise = one.cancel("why")
    source.controller.enqueue("a")
    source.controller.close()
    assert await read_all(two) == ["a"]
    await settle()
    assert outcome(promise) == FULFILLED  # when the source is closed


async def test_an_error_settles_the_cancellation_of_one_branch() -> None:
    source, stream = source_and_stream()
    one, two = stream.tee()
    promise = one.cancel("why")
    source.controller.error(ERROR)
    await settle()
    assert outcome(promise) == FULFILLED
    assert outcome(two.get_reader().closed) == rejected(ERROR)


async def test_a_chunk_that_both_branches_were_cancelled_before() -> None:
    source, stream = source_and_stream()
    one, two = stream.tee()
    await settle()
    source.controller.enqueue("a")  # the chunk is passed on in a microtask
    promises = [one.cancel(1), two.cancel(2)]
    await settle()
    assert [outcome(promise) for promise in promises] == [FULFILLED] * 2
    assert any(event[0] == "cancel" for event in source.events)


async def test_reads_of_both_branches_that_wait_are_served_by_one_read() -> None:
    source, stream = source_and_stream(strategy={"high_water_mark": 0})
    one, two = stream.tee()
    reads = [one.get_reader().read(), two.get_reader().read()]
    await settle()
    source.controller.enqueue("a")
    assert [(await read).value for read in reads] == ["a", "a"]
    source.controller.close()


# With clones for the second branch, as §9.1.2 has it ----------------------------------------------


async def test_the_second_branch_gets_clones() -> None:
    chunk = {"key": [1, 2]}
    one, two = tee_readable_stream(stream_of(chunk))
    [first], [second] = await read_all(one), await read_all(two)
    assert first is chunk
    assert second == chunk
    assert second is not chunk


async def test_a_chunk_that_can_not_be_cloned_errors_both_branches_and_cancels_the_source() -> None:
    source, stream = source_and_stream()
    one, two = tee_readable_stream(stream)
    source.controller.enqueue(lambda: None)
    await settle()
    reasons = [reason_of(branch.get_reader().closed) for branch in (one, two)]
    assert isinstance(reasons[0], DataCloneError)
    assert reasons[0] is reasons[1]
    assert ("cancel", reasons[0]) in source.events


async def test_nothing_is_cloned_for_a_second_branch_that_was_cancelled() -> None:
    source, stream = source_and_stream()
    one, two = tee_readable_stream(stream)
    two.cancel()
    source.controller.enqueue(lambda: None)
    source.controller.close()
    assert len(await read_all(one)) == 1


# Of bytes -----------------------------------------------------------------------------------------


async def test_the_branches_of_a_byte_stream_are_byte_streams_with_bytes_of_their_own() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    readers = [one.get_reader(mode="byob"), two.get_reader(mode="byob")]
    for reader in readers:
        reader.release_lock()
    source.controller.enqueue(b"abc")
    source.controller.close()
    first, second = await read_all(one), await read_all(two)
    assert [bytes(chunk) for chunk in first] == [bytes(chunk) for chunk in second] == [b"abc"]
    assert first[0].obj is not second[0].obj


async def test_the_branches_of_a_byte_stream_pull_nothing_before_they_are_read() -> None:
    stream, source = byte_stream()
    stream.tee()
    await settle()
    assert source.pulls == 0


@pytest.mark.parametrize("which", [0, 1])
async def test_a_read_of_a_branch_into_a_buffer_is_one_of_the_source(which: int) -> None:
    stream, source = byte_stream()
    branches = stream.tee()
    memory = bytearray(6)
    read = branches[which].get_reader(mode="byob").read(memory)
    await settle()
    assert len(source.view) == 6
    source.respond(b"abc")
    result = await read
    assert result.value is not None
    assert bytes(result.value) == b"abc"
    assert result.value.obj is memory
    other = branches[1 - which].get_reader()
    assert bytes((await other.read()).value) == b"abc"


async def test_branches_are_read_in_turn_with_and_without_buffers() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    default, byob = one.get_reader(), two.get_reader(mode="byob")
    first = default.read()
    await settle()
    assert source.controller.byob_request is None
    source.controller.enqueue(b"abcd")
    assert bytes((await first).value) == b"abcd"
    assert bytes((await byob.read(bytearray(9))).value or b"") == b"abcd"
    second = byob.read(bytearray(9))
    await settle()
    source.respond(b"ef")
    assert bytes((await second).value or b"") == b"ef"
    assert bytes((await default.read()).value) == b"ef"
    third = default.read()
    await settle()
    source.controller.enqueue(b"g")
    assert bytes((await third).value) == b"g"


async def test_reads_of_both_byte_branches_at_once() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    reads = [one.get_reader(mode="byob").read(bytearray(4)), two.get_reader(mode="byob").read(bytearray(2))]
    await settle()
    source.respond(b"abcd")
    assert [bytes((await read).value or b"") for read in reads] == [b"abcd", b"ab"]


async def test_items_of_two_bytes_in_a_branch() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    read = one.get_reader(mode="byob").read(array("H", [0, 0]))
    await settle()
    source.respond(b"\x01")
    await settle()
    assert outcome(read) == PENDING
    source.respond(b"\x00\x02\x00")
    assert (await read).value == memoryview(array("H", [1, 2]))
    reader = two.get_reader()
    assert bytes((await reader.read()).value) + bytes((await reader.read()).value) == b"\x01\x00\x02\x00"


@pytest.mark.parametrize("reading", [False, True])
async def test_the_end_of_a_byte_stream_reaches_both_branches(reading: bool) -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    readers = [one.get_reader(mode="byob"), two.get_reader(mode="byob")]
    reads = [reader.read(bytearray(2)) for reader in readers] if reading else []
    await settle()
    request = source.controller.byob_request
    source.controller.close()
    if request is not None:
        request.respond(0)
    await settle()
    reads = reads or [reader.read(bytearray(2)) for reader in readers]
    results = [await read for read in reads]
    assert [(result.done, len(result.value or b"")) for result in results] == [(True, 0)] * 2
    assert [outcome(reader.closed) for reader in readers] == [FULFILLED] * 2


async def test_the_end_while_the_source_is_read_for_a_default_reader() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    read = one.get_reader().read()
    waiting = two.get_reader(mode="byob").read(bytearray(2))
    await settle()
    source.controller.close()
    await settle()
    assert outcome(read) == ("fulfilled", (None, True))
    assert (await waiting).done


@pytest.mark.parametrize("mode", [None, "byob"])
async def test_an_error_of_a_byte_stream_reaches_both_branches(mode: Any) -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    reader: Any = one.get_reader(mode=mode)
    read = reader.read() if mode is None else reader.read(bytearray(4))
    await settle()
    source.controller.error(ERROR)
    await settle()
    assert outcome(read) == rejected(ERROR)
    assert outcome(two.get_reader().closed) == rejected(ERROR)


@pytest.mark.parametrize("cancelled", [0, 1])
async def test_a_byte_branch_goes_on_when_the_other_is_cancelled(cancelled: int) -> None:
    stream, source = byte_stream()
    branches = stream.tee()
    promise = branches[cancelled].cancel("why")
    read = branches[1 - cancelled].get_reader(mode="byob").read(bytearray(4))
    await settle()
    source.respond(b"ab")
    assert bytes((await read).value or b"") == b"ab"
    source.controller.close()
    await settle()
    assert outcome(promise) == PENDING  # nobody has asked for more, so nobody has seen the end
    assert not any(isinstance(event, tuple) for event in source.events)


async def test_a_byte_branch_that_is_cancelled_while_it_is_read_for() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    reader = one.get_reader(mode="byob")
    read = reader.read(bytearray(4))
    await settle()
    reader.cancel("why")
    assert outcome(read) == ("fulfilled", (None, True))
    source.respond(b"ab")
    await settle()
    assert bytes((await two.get_reader().read()).value) == b"ab"


async def test_both_byte_branches_cancelled_cancel_the_source_with_both_reasons() -> None:
    source = ByteSource(on_cancel=lambda _reason: None)
    stream, _ = byte_stream(source)
    one, two = stream.tee()
    promises = [two.cancel(2), one.cancel(1)]
    await settle()
    [cancelled] = [event for event in source.events if isinstance(event, tuple)]
    assert list(cancelled[1]) == [1, 2]
    assert [outcome(promise) for promise in promises] == [FULFILLED] * 2


async def test_a_failed_pull_errors_both_branches() -> None:
    stream: ReadableStream[Any] = ReadableStream(RecordingSource(type="bytes", pull=ERROR))
    one, two = stream.tee()
    read = one.get_reader().read()
    await settle()
    assert outcome(read) == rejected(ERROR)
    assert outcome(two.get_reader().closed) == rejected(ERROR)


@pytest.mark.parametrize("mode", [None, "byob"])
async def test_bytes_that_can_not_be_cloned_error_both_branches_and_cancel_the_source(mode: Any) -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    reader: Any = one.get_reader(mode=mode)
    read = reader.read() if mode is None else reader.read(bytearray(4))
    await settle()

    def no_memory(_size: int) -> Any:
        raise ERROR

    with foreign_buffers(no_memory):
        source.controller.enqueue(b"abc")
        await settle()
    assert outcome(read) == rejected(ERROR)
    assert outcome(two.get_reader().closed) == rejected(ERROR)
    assert ("cancel", ERROR) in source.events


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("mode", [None, "byob"])
async def test_a_read_of_the_other_byte_branch_meanwhile_is_made_up_for(mode: Any, first: int) -> None:
    stream, source = byte_stream()
    branches = stream.tee()
    readers: list[Any] = [branch.get_reader(mode=mode) for branch in branches]

    def read(which: int) -> Any:
        return readers[which].read() if mode is None else readers[which].read(bytearray(1))

    reads = [read(first), read(first), read(1 - first), read(1 - first)]
    for data in (b"a", b"b"):
        await settle()
        if source.controller.byob_request is None:
            source.controller.enqueue(data)
        else:
            source.respond(data)
    assert [bytes((await one).value) for one in reads] == [b"a", b"b", b"a", b"b"]


@pytest.mark.parametrize("cancelled", [0, 1])
@pytest.mark.parametrize("mode", [None, "byob"])
async def test_the_end_with_one_byte_branch_cancelled(mode: Any, cancelled: int) -> None:
    stream, source = byte_stream()
    branches = stream.tee()
    promise = branches[cancelled].cancel("why")
    reader: Any = branches[1 - cancelled].get_reader(mode=mode)
    read = reader.read() if mode is None else reader.read(bytearray(4))
    await settle()
    request = source.controller.byob_request
    source.controller.close()
    if request is not None:
        request.respond(0)
    assert (await read).done
    await settle()
    assert outcome(promise) == FULFILLED


@pytest.mark.parametrize("when", ["before", "after"])
async def test_both_byte_branches_cancelled_during_a_read_of_one(when: str) -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    reader = one.get_reader(mode="byob")
    outcome(reader.read(bytearray(4)))
    await settle()
    if when == "before":
        source.respond(b"ab")  # what came is passed on in a microtask
    promises = [reader.cancel(1), two.cancel(2)]
    await settle()
    assert [outcome(promise) for promise in promises] == [FULFILLED] * 2
    [cancelled] = [event for event in source.events if isinstance(event, tuple)]
    assert list(cancelled[1]) == [1, 2]


async def test_a_chunk_for_the_second_byte_branch_alone() -> None:
    stream, source = byte_stream()
    one, two = stream.tee()
    one.cancel("why").catch(lambda _: None)
    read = two.get_reader().read()
    await settle()
    source.controller.enqueue(b"abc")
    assert bytes((await read).value) == b"abc"
    source.controller.error(ERROR)
