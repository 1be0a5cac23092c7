"""Tiles cover everything once, and tasks come back in order."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_emseg.tiles import in_order, tiles

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 7)), min_size=1, max_size=4
)


@given(axes=SHAPES, halo=st.integers(0, 4))
def test_tiles_cover_each_pixel_once(axes: list[tuple[int, int]], halo: int) -> None:
    shape, size = zip(*axes, strict=True)
    whole = np.arange(np.prod(shape)).reshape(shape)
    seen = np.zeros(shape, int)
    for tile in tiles(shape, size, halo):
        seen[tile.write] += 1
        assert all(
            n <= most for n, most in zip(seen[tile.write].shape, size, strict=False)
        )
        np.testing.assert_array_equal(whole[tile.read][tile.inner], whole[tile.write])
        for length, step, write, read in zip(
            shape, size, tile.write, tile.read, strict=True
        ):
            margin = halo if step > 1 else 0
            assert read.start == max(write.start - margin, 0)
            assert read.stop == min(write.stop + margin, length)
    np.testing.assert_array_equal(seen, 1)


def test_tiles_come_in_the_order_of_memory() -> None:
    found = [tile.write for tile in tiles((4, 6), (2, 3))]
    starts = [tuple(part.start for part in write) for write in found]
    assert starts == [(0, 0), (0, 3), (2, 0), (2, 3)]


def slow_first(number: int) -> int:
    time.sleep(0.02 if number == 0 else 0)
    return number


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_results_keep_their_order(workers: int | None) -> None:
    arguments = [(n,) for n in range(30)]
    if workers is None:
        assert list(in_order(slow_first, arguments, None)) == list(range(30))
        return
    with ThreadPoolExecutor(workers) as executor:
        assert list(in_order(slow_first, arguments, executor)) == list(range(30))


def fail_at_5(number: int) -> int:
    if number == 5:
        raise KeyError("five")
    return number


def test_errors_of_workers_come_through() -> None:
    with ThreadPoolExecutor(2) as executor:
        results = in_order(fail_at_5, [(n,) for n in range(20)], executor)
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(KeyError, match="five"):
            next(results)


class Idle(Executor):
    """An executor that never starts a task but remembers it."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        self.futures.append(Future())
        return self.futures[-1]


def test_few_tasks_wait_and_leaving_cancels_them() -> None:
    executor = Idle()
    taken = 0

    def arguments() -> Any:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield (number,)

    results = in_order(slow_first, arguments(), executor)
    first = Future[int]()
    first.set_result(0)
    original = executor.submit
    # Let the first task be done so that the generator stops at its result.
    executor.submit = lambda *a, **k: (  # type: ignore[method-assign]
        executor.futures.append(first) or first
        if not executor.futures
        else original(*a, **k)
    )
    assert next(results) == 0
    assert taken <= 8
    results.close()
    assert all(future.cancelled() for future in executor.futures[1:])


def test_without_executor_work_is_done_when_asked_for() -> None:
    done: list[int] = []
    results = in_order(done.append, [(n,) for n in range(9)], None)
    next(results)
    next(results)
    assert done == [0, 1]
