"""Linear algebra has one thread while a picture is segmented, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import napari_emseg as emseg
from napari_emseg.threads import one_thread, one_thread_a_step

BLAS = ThreadpoolController().select(user_api="blas")


def threads() -> set[int]:
    """Count what the libraries themselves say."""
    return {found.num_threads for found in BLAS.lib_controllers}


@pytest.fixture
def two_threads() -> Iterator[None]:
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS has one thread only")
        yield


def test_limits_end_however_threads_overlap() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 100, 3), np.uint8)
    before = threads()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: emseg.segment(image, n_classes=n), [3] * 12))
    assert all((seg.labels == found[0].labels).all() for seg in found)
    assert threads() == before


@pytest.mark.usefixtures("two_threads")
def test_limits_end_with_an_error() -> None:
    with pytest.raises(KeyError), one_thread(), one_thread():
        raise KeyError
    assert threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_a_generator_is_limited_within_its_steps_alone() -> None:
    seen: list[set[int]] = []
    closed = []

    @one_thread_a_step
    def count():  # type: ignore[no-untyped-def]
        try:
            for number in range(3):
                seen.append(threads())
                yield number
            return "end"
        finally:
            closed.append(True)

    steps = count()
    assert next(steps) == 0
    assert threads() == {2}
    steps.close()
    assert closed == [True]

    def whole():  # type: ignore[no-untyped-def]
        return (yield from count())

    steps = whole()
    assert [next(steps) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "end"
    assert seen == [{1}] * 4


@pytest.mark.usefixtures("two_threads")
def test_segmenting_leaves_the_threads_as_they_were() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    for _ in emseg.iter_segment(image, emseg.Params(n_classes=3)):
        assert threads() == {2}
    emseg.hierarchy(image)
    assert threads() == {2}
