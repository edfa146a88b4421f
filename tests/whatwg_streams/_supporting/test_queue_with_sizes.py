"""§8.1 Queue-with-sizes."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import pytest

from whatwg_streams import RangeError
from whatwg_streams._supporting.queue_with_sizes import (
    dequeue_value,
    enqueue_value_with_size,
    peek_queue_value,
    reset_queue,
    values_with_sizes,
)


class Container:
    _queue: deque[Any]
    _queue_total_size: float

    def __init__(self, *entries: tuple[object, float]) -> None:
        reset_queue(self)
        for value, size in entries:
            enqueue_value_with_size(self, value, size)


def test_values_come_out_in_the_order_in_which_they_went_in_and_the_total_follows() -> None:
    container = Container(("a", 1), ("b", 2.5), ("c", 0))
    totals = [container._queue_total_size]
    values = []
    while container._queue:
        assert peek_queue_value(container) is next(values_with_sizes(container._queue))[0]
        values.append(dequeue_value(container))
        totals.append(container._queue_total_size)
    assert values == ["a", "b", "c"]
    assert totals == [3.5, 2.5, 0, 0]


def test_peeking_leaves_the_value_where_it_is() -> None:
    container = Container((None, 3))
    assert peek_queue_value(container) is None
    assert len(container._queue) == 1
    assert container._queue_total_size == 3


def test_an_empty_queue_has_nothing_to_peek_at_or_to_take() -> None:
    with pytest.raises(AssertionError):
        peek_queue_value(Container())
    with pytest.raises(AssertionError):
        dequeue_value(Container())


@pytest.mark.parametrize("size", [-1, -1e-300, math.nan, -math.inf, math.inf, "1", None, object()], ids=str)
def test_an_impossible_size_is_a_range_error_and_nothing_is_queued(size: object) -> None:
    container = Container(("a", 1))
    with pytest.raises(RangeError):
        enqueue_value_with_size(container, "b", size)
    assert list(values_with_sizes(container._queue)) == [("a", 1)]
    assert container._queue_total_size == 1


@pytest.mark.parametrize("size", [0, 0.0, -0.0, 1, 1e308, True, 5e-324])
def test_any_finite_size_that_is_not_negative_is_taken(size: float) -> None:
    container = Container(("a", size))
    assert container._queue_total_size == size


def test_a_total_that_rounding_leaves_below_zero_is_zero() -> None:
    container = Container(("a", 0.1), ("b", 0.1), ("c", 1.1))
    for _ in range(3):
        dequeue_value(container)
    assert container._queue_total_size == 0


def test_a_total_is_a_double_and_forgets_what_is_too_small() -> None:
    container = Container(("big", 1e16), ("small", 1.0))
    assert container._queue_total_size == 1e16
    dequeue_value(container)
    assert container._queue_total_size == 0
    dequeue_value(container)
    assert container._queue_total_size == 0


def test_integers_add_up_as_doubles_do() -> None:
    container = Container(("big", 2**53), ("small", 1), ("small", 1))
    assert container._queue_total_size == 2**53


def test_resetting_empties_the_queue_and_leaves_the_old_list_alone() -> None:
    container = Container(("a", 1))
    before = container._queue
    reset_queue(container)
    assert not container._queue
    assert container._queue_total_size == 0
    assert len(before) == 1
