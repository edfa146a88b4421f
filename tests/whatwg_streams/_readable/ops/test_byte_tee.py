"""Tee of byte streams, with readers of either kind on either branch."""

from __future__ import annotations

from array import array
from typing import Any, NoReturn

import pytest

from tests.support import settle
from tests.support.bytes_sources import ByteSource, byte_stream, foreign_buffers
from whatwg_streams import Promise, RangeError, ReadableStream, RejectionError

Branch = ReadableStream[memoryview]


def _tee(source: ByteSource | None = None) -> tuple[Branch, Branch, ByteSource, Branch]:
    stream, source = byte_stream(source)
    one, two = stream.tee()
    return one, two, source, stream


def _read(branch: Branch, mode: str, size: int = 8) -> Promise[Any]:
    """Read once, and leave the branch locked."""
    if mode == "byob":
        return branch.get_reader(mode="byob").read(bytearray(size))
    return branch.get_reader().read()


def _bytes(result: Any) -> bytes:
    assert not result.done
    return bytes(result.value)


MODES = ["default", "byob"]


def test_a_stream_that_was_teed_is_locked() -> None:
    _, _, _, stream = _tee()
    assert stream.locked
    with pytest.raises(TypeError, match="has a reader already"):
        stream.tee()


async def test_branches_are_byte_streams_that_pull_only_when_read_from() -> None:
    one, two, source, _ = _tee()
    await settle()
    assert source.pulls == 0
    one.get_reader(mode="byob").read(bytearray(1))
    await settle()
    assert source.pulls == 1
    two.get_reader(mode="byob")


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("mode_1", MODES)
async def test_both_branches_get_all_bytes(mode_1: str, mode_2: str) -> None:
    one, two, source, _ = _tee(ByteSource(on_pull=lambda controller: controller.enqueue(b"abc")))
    assert _bytes(await _read(one, mode_1)) == b"abc"
    assert _bytes(await _read(two, mode_2)) == b"abc"
    assert source.pulls == 1


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("mode_1", MODES)
async def test_both_branches_get_all_bytes_when_they_wait_together(mode_1: str, mode_2: str) -> None:
    one, two, source, _ = _tee()
    await settle()
    promises = [_read(two, mode_2), _read(one, mode_1)]
    await settle()
    source.controller.enqueue(b"abc")
    assert [_bytes(await promise) for promise in promises] == [b"abc", b"abc"]


async def test_each_branch_has_bytes_of_its_own() -> None:
    one, two, source, _ = _tee()
    memory = bytearray(b"abc")
    source.controller.enqueue(memory)
    first = (await one.get_reader().read()).value
    second = (await two.get_reader().read()).value
    first[0] = ord("z")
    assert bytes(second) == b"abc"
    assert memory == b"zbc"


async def test_a_view_brought_to_a_branch_is_filled_by_the_source_itself() -> None:
    one, two, source, _ = _tee()
    await settle()
    memory = bytearray(4)
    promise = one.get_reader(mode="byob").read(memory)
    await settle()
    assert source.view.obj is memory
    source.respond(b"abc")
    value, _ = await promise
    assert value is not None
    assert value.obj is memory
    assert _bytes(await _read(two, "default")) == b"abc"


async def test_a_view_brought_to_the_second_branch_is_filled_by_the_source_itself() -> None:
    one, two, source, _ = _tee()
    await settle()
    memory = bytearray(4)
    promise = two.get_reader(mode="byob").read(memory)
    await settle()
    source.respond(b"abc")
    value, _ = await promise
    assert value is not None
    assert (value.obj, bytes(value)) == (memory, b"abc")
    assert _bytes(await _read(one, "default")) == b"abc"


async def test_a_source_that_fails_as_a_view_makes_room_errors_both_branches() -> None:
    stream, source = byte_stream(high_water_mark=1)
    await settle()
    source.controller.enqueue(b"ab")
    await settle()
    source.on_pull = lambda controller: controller.error(KeyError("source"))
    one, two = stream.tee()
    for branch in (one, two):
        with pytest.raises(KeyError):
            await branch.get_reader(mode="byob").read(bytearray(4))


async def test_views_brought_by_turns_change_the_reader() -> None:
    one, two, source, _ = _tee()
    default_1, byob_2 = one.get_reader(), two.get_reader(mode="byob")
    log: list[bytes] = []
    for data in (b"ab", b"cd"):
        promise: Promise[Any] = default_1.read()
        await settle()
        assert source.controller.byob_request is None
        source.controller.enqueue(data)
        log.append(_bytes(await promise))
        log.append(_bytes(await byob_2.read(bytearray(8))))
        promise = byob_2.read(bytearray(8))
        await settle()
        source.respond(data.upper())
        log.append(_bytes(await promise))
        log.append(_bytes(await default_1.read()))
    assert log == [b"ab", b"ab", b"AB", b"AB", b"cd", b"cd", b"CD", b"CD"]


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("mode_1", MODES)
async def test_a_read_wanted_during_another_follows_it(mode_1: str, mode_2: str) -> None:
    one, two, source, _ = _tee()
    await settle()
    reader_1: Any = one.get_reader(mode="byob") if mode_1 == "byob" else one.get_reader()
    reader_2: Any = two.get_reader(mode="byob") if mode_2 == "byob" else two.get_reader()

    def read(reader: Any, mode: str) -> Promise[Any]:
        promise: Promise[Any] = reader.read(bytearray(2)) if mode == "byob" else reader.read()
        return promise

    reads_1 = [read(reader_1, mode_1) for _ in range(3)]
    reads_2 = [read(reader_2, mode_2) for _ in range(3)]
    for data in (b"ab", b"cd", b"ef"):
        await settle()
        source.controller.enqueue(data)
    assert [_bytes(await promise) for promise in reads_1] == [b"ab", b"cd", b"ef"]
    assert [_bytes(await promise) for promise in reads_2] == [b"ab", b"cd", b"ef"]


async def test_the_second_branch_alone_may_want_the_next_read() -> None:
    one, two, source, _ = _tee()
    await settle()
    reader = two.get_reader()
    first = one.get_reader(mode="byob").read(bytearray(2))
    promises = [reader.read(), reader.read()]
    await settle()
    source.controller.enqueue(b"ab")
    await settle()
    source.controller.enqueue(b"cd")
    assert [_bytes(await promise) for promise in promises] == [b"ab", b"cd"]
    assert _bytes(await first) == b"ab"


async def test_the_second_branch_alone_may_want_the_next_default_read() -> None:
    one, two, source, _ = _tee()
    await settle()
    reader = two.get_reader()
    promises = [reader.read(), reader.read()]
    await settle()
    source.controller.enqueue(b"ab")
    await settle()
    source.controller.enqueue(b"cd")
    assert [_bytes(await promise) for promise in promises] == [b"ab", b"cd"]
    assert _bytes(await one.get_reader(mode="byob").read(bytearray(4), min=4)) == b"abcd"


# The end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("mode_1", MODES)
async def test_the_end_reaches_reads_that_wait_on_both_branches(mode_1: str, mode_2: str) -> None:
    def pull(controller: Any) -> None:
        request = controller.byob_request
        controller.close()
        if request is not None:
            request.respond(0)

    one, two, source, _ = _tee(ByteSource(on_pull=pull))
    promises = [_read(one, mode_1), _read(two, mode_2)]
    for mode, promise in zip((mode_1, mode_2), promises, strict=True):
        value, done = await promise
        assert done
        assert (value is None) if mode == "default" else (value.nbytes == 0)
    assert source.pulls == 1


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("mode_1", MODES)
async def test_the_end_between_two_reads_reaches_both_branches(mode_1: str, mode_2: str) -> None:
    one, two, source, _ = _tee()
    await settle()
    promises = [_read(one, mode_1), _read(two, mode_2)]
    await settle()
    source.controller.close()
    if source.controller.byob_request is not None:
        source.request.respond(0)
    assert [(await promise).done for promise in promises] == [True, True]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("canceled", [1, 2])
async def test_the_end_reaches_the_branch_that_was_not_cancelled(mode: str, canceled: int) -> None:
    one, two, source, _ = _tee()
    await settle()
    branch, other = (two, one) if canceled == 1 else (one, two)
    cancelled = other.cancel("not needed")
    promise = _read(branch, mode)
    await settle()
    source.controller.close()
    if source.controller.byob_request is not None:
        source.request.respond(0)
    assert (await promise).done
    await cancelled


@pytest.mark.parametrize("for_branch", [1, 2])
async def test_the_end_during_the_read_of_a_branch_that_was_cancelled_meanwhile(for_branch: int) -> None:
    one, two, source, _ = _tee()
    await settle()
    branch, other = (one, two) if for_branch == 1 else (two, one)
    reader = branch.get_reader(mode="byob")
    promise = reader.read(bytearray(4))
    await settle()
    waiting = other.get_reader(mode="byob").read(bytearray(4))
    cancelled = reader.cancel("not needed")
    assert await promise == (None, True)
    source.controller.close()
    source.request.respond(0)
    value, done = await waiting
    assert value is not None
    assert (value.nbytes, done) == (0, True)
    await cancelled


async def test_a_source_that_cancels_its_view_ends_both_branches() -> None:
    one, two, source, stream = _tee()
    await settle()
    first = one.get_reader(mode="byob").read(bytearray(4))
    second = two.get_reader().read()
    await settle()
    # The reader behind a tee is nobody's: this is what cancelling through it amounts to.
    reader = stream._reader
    assert reader is not None
    await reader.cancel("from within")
    await settle()
    assert (await second).done
    assert one._state == two._state == "closed"
    assert "pending" in repr(first)
    assert source.events[-1] == ("cancel", "from within")


async def test_the_end_of_a_default_read_reaches_a_view_that_waits_on_the_second_branch() -> None:
    one, two, source, _ = _tee()
    await settle()
    first = one.get_reader().read()
    second = two.get_reader(mode="byob").read(bytearray(4))
    await settle()
    assert source.controller.byob_request is None
    source.controller.close()
    assert (await first).done
    value, done = await second
    assert value is not None
    assert (value.nbytes, done) == (0, True)


async def test_the_end_of_a_default_read_reaches_a_view_that_waits_on_the_first_branch() -> None:
    one, two, source, _ = _tee()
    await settle()
    second = two.get_reader().read()
    first = one.get_reader(mode="byob").read(bytearray(4))
    await settle()
    assert source.controller.byob_request is None
    source.controller.close()
    assert (await second).done
    value, done = await first
    assert value is not None
    assert (value.nbytes, done) == (0, True)


# Errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("mode_1", MODES)
async def test_an_error_reaches_both_branches(mode_1: str, mode_2: str) -> None:
    one, two, source, _ = _tee()
    await settle()
    promises = [_read(one, mode_1), _read(two, mode_2)]
    await settle()
    source.controller.error("broken")
    for promise in promises:
        with pytest.raises(RejectionError, match="broken"):
            await promise


async def test_an_error_before_any_read_reaches_both_branches() -> None:
    one, two, source, _ = _tee()
    source.controller.error("broken")
    for branch in (one, two):
        with pytest.raises(RejectionError, match="broken"):
            await branch.get_reader().closed


async def test_an_error_overtakes_bytes_that_were_just_read() -> None:
    one, two, source, _ = _tee()
    await settle()
    promises = [_read(one, "default"), _read(two, "default")]
    await settle()
    source.controller.enqueue(b"abc")
    source.controller.error("broken")
    # What was read goes on in a microtask of its own; the error is found in the one before it, or after.
    results = []
    for promise in promises:
        try:
            results.append(_bytes(await promise))
        except RejectionError as error:
            results.append(str(error.reason).encode())
    assert results in ([b"broken"] * 2, [b"abc"] * 2)
    assert results == [b"abc"] * 2


async def test_an_error_settles_a_cancellation_that_waits() -> None:
    one, two, source, _ = _tee()
    cancelled = one.cancel("not needed")
    source.controller.error("broken")
    await cancelled
    with pytest.raises(RejectionError, match="broken"):
        await two.get_reader().read()


async def test_cancelling_both_branches_right_after_an_error_gives_the_error() -> None:
    one, two, source, _ = _tee()
    source.controller.error("broken")
    for promise in (one.cancel("a"), two.cancel("b")):
        with pytest.raises(RejectionError, match="broken"):
            await promise
    assert source.events == ["start"]


async def test_the_error_of_a_reader_that_was_replaced_is_not_forwarded() -> None:
    one, two, source, _ = _tee(ByteSource(on_pull=lambda controller: controller.enqueue(b"abc")))
    assert _bytes(await _read(one, "byob")) == b"abc"
    await settle()
    assert _bytes(await _read(two, "default")) == b"abc"
    assert source.controller.desired_size == 0
    assert (one._state, two._state) == ("readable", "readable")


@pytest.mark.parametrize("mode", MODES)
async def test_bytes_that_can_not_be_cloned_error_both_branches_and_cancel_the_stream(mode: str) -> None:
    def fail(size: int) -> NoReturn:
        raise RangeError("no memory")

    one, two, source, _ = _tee()
    await settle()
    promises = [_read(one, mode), _read(two, "default")]
    await settle()
    if mode == "byob":
        source.respond(b"abc")
    else:
        source.controller.enqueue(b"abc")
    with foreign_buffers(fail):
        await settle()
    for promise in promises:
        with pytest.raises(RangeError, match="no memory"):
            await promise
    ((kind, reason),) = [event for event in source.events if isinstance(event, tuple)]
    assert kind == "cancel"
    assert isinstance(reason, RangeError)


# Cancelling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_cancelling_both_branches_cancels_the_stream_with_both_reasons(order: tuple[int, int]) -> None:
    one, two, source, _ = _tee(ByteSource(on_cancel=lambda reason: "of no interest"))
    reasons = ("first", "second")
    promises = [(one, two)[index].cancel(reasons[index]) for index in order]
    for promise in promises:
        await promise
    assert source.events == ["start", ("cancel", ["first", "second"])]


async def test_cancelling_one_branch_waits_for_the_other() -> None:
    one, two, source, _ = _tee()
    promise = one.cancel("first")
    await settle()
    assert "pending" in repr(promise)
    assert source.events == ["start"]
    await two.cancel("second")
    await promise


async def test_what_cancelling_raises_rejects_both() -> None:
    def fail(reason: object) -> NoReturn:
        raise ValueError("can not cancel")

    one, two, _, _ = _tee(ByteSource(on_cancel=fail))
    for promise in (one.cancel(), two.cancel()):
        with pytest.raises(ValueError, match="can not cancel"):
            await promise


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("canceled", [1, 2])
async def test_a_branch_goes_on_when_the_other_is_cancelled(mode: str, canceled: int) -> None:
    one, two, source, _ = _tee()
    await settle()
    branch, other = (two, one) if canceled == 1 else (one, two)
    other.cancel("not needed").catch(lambda _: None)
    promise = _read(branch, mode)
    await settle()
    memory = bytearray(b"abc")
    if mode == "byob":
        source.respond(b"abc")
    else:
        source.controller.enqueue(memory)
    value = (await promise).value
    assert bytes(value) == b"abc"
    if mode == "default":
        assert value.obj is memory


@pytest.mark.parametrize("for_branch", [1, 2])
async def test_bytes_read_for_a_branch_that_was_cancelled_meanwhile_go_to_the_other(for_branch: int) -> None:
    one, two, source, _ = _tee()
    await settle()
    branch, other = (one, two) if for_branch == 1 else (two, one)
    reader = branch.get_reader(mode="byob")
    reader.read(bytearray(4))
    await settle()
    reader.cancel("not needed").catch(lambda _: None)
    source.respond(b"abc")
    assert _bytes(await _read(other, "default")) == b"abc"


@pytest.mark.parametrize("for_branch", [1, 2])
async def test_bytes_read_when_both_branches_were_cancelled_go_nowhere(for_branch: int) -> None:
    one, two, source, _ = _tee()
    await settle()
    branch, other = (one, two) if for_branch == 1 else (two, one)
    reader = branch.get_reader(mode="byob")
    reader.read(bytearray(4))
    await settle()
    source.respond(b"abc")
    promises = [reader.cancel("a"), other.cancel("b")]
    for promise in promises:
        await promise


async def test_bytes_of_a_default_read_when_both_branches_were_cancelled_go_nowhere() -> None:
    one, two, source, _ = _tee()
    await settle()
    reader = one.get_reader()
    reader.read()
    await settle()
    source.controller.enqueue(b"abc")
    for promise in (reader.cancel("a"), two.cancel("b")):
        await promise


async def test_the_end_when_both_branches_were_cancelled_changes_nothing() -> None:
    gate = Promise.with_resolvers()
    one, two, source, _ = _tee(ByteSource(on_cancel=lambda _: gate.promise))
    await settle()
    reader_1, reader_2 = one.get_reader(mode="byob"), two.get_reader()
    reads: list[Promise[Any]] = [reader_1.read(bytearray(4)), reader_2.read()]
    await settle()
    promises = [reader_1.cancel("a"), reader_2.cancel("b")]
    assert [(await read).done for read in reads] == [True, True]
    gate.resolve()
    for promise in promises:
        await promise
    assert source.events[-1] == ("cancel", ["a", "b"])


async def test_the_end_of_a_default_read_when_both_branches_were_cancelled_changes_nothing() -> None:
    one, two, source, _ = _tee()
    await settle()
    reader_1, reader_2 = one.get_reader(), two.get_reader()
    reads = [reader_1.read(), reader_2.read()]
    await settle()
    promises = [reader_1.cancel("a"), reader_2.cancel("b")]
    assert [(await read).done for read in reads] == [True, True]
    for promise in promises:
        await promise
    assert source.events[-1] == ("cancel", ["a", "b"])


# Branches of branches --------------------------------------------------------------------------------------


async def test_a_branch_can_be_teed_again() -> None:
    one, two, source, _ = _tee(ByteSource(on_pull=lambda controller: controller.enqueue(b"abc")))
    three, four = two.tee()
    assert _bytes(await _read(four, "byob")) == b"abc"
    assert _bytes(await _read(three, "default")) == b"abc"
    assert _bytes(await _read(one, "byob", 2)) == b"ab"
    assert source.pulls == 1


async def test_a_slower_branch_keeps_what_it_has_not_read() -> None:
    count = iter(range(5))

    def pull(controller: Any) -> None:
        number = next(count, None)
        if number is None:
            controller.close()
        else:
            controller.enqueue(bytes([number]))

    one, two, _, _ = _tee(ByteSource(on_pull=pull))
    assert [bytes(chunk) async for chunk in one] == [bytes([number]) for number in range(5)]
    reader = two.get_reader(mode="byob")
    assert _bytes(await reader.read(bytearray(8), min=5)) == bytes(range(5))
    assert (await reader.read(bytearray(8))).done


async def test_releasing_a_branch_with_a_view_lets_its_bytes_go_to_the_next_reader() -> None:
    one, two, source, _ = _tee()
    await settle()
    reader = one.get_reader(mode="byob")
    reader.read(bytearray(4)).catch(lambda _: None)
    await settle()
    reader.release_lock()
    source.respond(b"abc")
    await settle()
    assert _bytes(await _read(one, "default")) == b"abc"
    assert _bytes(await _read(two, "byob")) == b"abc"


@pytest.mark.parametrize("mode_2", MODES)
@pytest.mark.parametrize("first", [1, 2])
async def test_a_branch_that_ends_in_the_middle_of_an_item_is_errored_and_the_other_one_is_closed(
    mode_2: str, first: int
) -> None:  # S13
    one, two, source, _ = _tee()
    if first == 2:
        others = _read(two, mode_2)
        await settle()
    reader = one.get_reader(mode="byob")
    read = reader.read(memoryview(array("H", [0, 0])))
    await settle()
    if first == 1:
        others = _read(two, mode_2)
    await settle()
    source.controller.enqueue(b"x")
    assert _bytes(await others) == b"x"
    source.controller.close()
    if source.controller.byob_request is not None:
        source.controller.byob_request.respond(0)
    with pytest.raises(TypeError, match="closed in the middle of an item"):
        await read
    with pytest.raises(TypeError, match="closed in the middle of an item"):
        await reader.closed
    assert two._state == "closed"
