"""Work on tiles: in order, at once, in little room, in threads that all share."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Lock
from typing import TYPE_CHECKING, Any

import cv2
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from threadpoolctl import ThreadpoolController, threadpool_limits

import napari_emseg as emseg
from napari_emseg.pipeline import parallel, source
from napari_emseg.pipeline.parallel import (
    in_order,
    iter_filling,
    one_thread,
    one_thread_a_step,
    workers_for,
)
from napari_emseg.pipeline.tiles import tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_emseg.pipeline.tiles import Tile


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


def slow_first(number: int) -> int:
    time.sleep(0.02 if number == 0 else 0)
    return number


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_results_keep_their_order(workers: int | None) -> None:
    arguments = [(n,) for n in range(30)]
    if workers is None:
        assert list(in_order(slow_first, arguments, None, 8)) == list(range(30))
        return
    with ThreadPoolExecutor(workers) as executor:
        assert list(in_order(slow_first, arguments, executor, 8)) == list(range(30))


def fail_at_5(number: int) -> int:
    if number == 5:
        raise KeyError("five")
    return number


def test_errors_of_workers_come_through() -> None:
    with ThreadPoolExecutor(2) as executor:
        results = in_order(fail_at_5, [(n,) for n in range(20)], executor, 8)
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

    results = in_order(slow_first, arguments(), executor, 8)
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
    results = in_order(done.append, [(n,) for n in range(9)], None, 8)
    next(results)
    next(results)
    assert done == [0, 1]


GRID = tiles((40, 60), (10, 10), 2)


def fill(work: Callable[..., NDArray[Any]], planes: int = 1) -> NDArray[np.float64]:
    """Fill with what `work` makes of the tiles of the numbers 0 to 2399."""
    image = np.arange(2400.0).reshape(40, 60)

    def read(tile: Tile) -> tuple[NDArray[Any]]:
        return (image[tile.read],)

    out = np.full(image.shape, np.nan)
    steps = iter_filling(out, GRID, read, work, stage="label", planes=planes)
    assert [(p.stage, p.done, p.total) for p in steps] == [
        ("label", done, 24) for done in range(1, 25)
    ]
    return out


@pytest.mark.usefixtures("two_threads")
def test_tiles_are_worked_on_at_once() -> None:
    both = Barrier(2)
    blas = ThreadpoolController().select(user_api="blas")
    seen: list[set[int]] = []

    def work(part: NDArray[Any]) -> NDArray[Any]:
        # Breaks unless two are inside at once.
        both.wait(timeout=30)
        seen.append({found.num_threads for found in blas.lib_controllers})
        return part

    np.testing.assert_array_equal(fill(work).ravel(), np.arange(2400))
    # Between the steps of the caller, linear algebra is as it was.
    assert seen[0] == {1}


@pytest.mark.usefixtures("two_threads")
def test_large_tiles_are_worked_on_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_ROOM", 14 * 14 * 5)
    inside, lock, most = 0, Lock(), []

    def work(part: NDArray[Any]) -> NDArray[Any]:
        nonlocal inside
        with lock:
            inside += 1
            most.append(inside)
        time.sleep(0.001)
        with lock:
            inside -= 1
        return part

    fill(work, planes=3)
    assert max(most) == 1


@pytest.mark.usefixtures("two_threads")
def test_who_leaves_early_drops_what_waits() -> None:
    done = []

    def work(part: NDArray[Any]) -> NDArray[Any]:
        done.append(part)
        return part

    read = iter(range(24))
    steps = iter_filling(
        np.zeros((40, 60)),
        GRID,
        lambda tile: (np.full((14, 14), next(read)),),
        work,
        stage="label",
        planes=parallel._ROOM // (14 * 14 * 4),
    )
    next(steps)
    steps.close()
    pool = workers_for(2)
    assert pool is not None
    # Two behind those that ran: then these are over.
    for future in [pool.submit(int), pool.submit(int)]:
        future.result()
    assert len(done) <= 4
    assert next(read) <= 4


def test_threads_are_as_many_as_opencv_has(two_threads: None) -> None:
    assert workers_for(1) is None
    assert workers_for(2) is workers_for(100)
    cv2.setNumThreads(1)
    assert workers_for(100) is None


@pytest.mark.parametrize("smoothing", [0, 1])
def test_own_threads_do_not_matter(
    smoothing: float, monkeypatch: pytest.MonkeyPatch, two_threads: None
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    for name, value in {"_TILE": {2: 64, 3: 32}, "_SLAB": 4096}.items():
        monkeypatch.setattr(source, name, value)
    found = []
    for threads in (2, 1):
        cv2.setNumThreads(threads)
        seg = emseg.segment(image, n_classes=4, smoothing=smoothing)
        found.append((seg.labels, seg.probabilities(), seg.uncertainty()))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("smoothing", [0, 1])
def test_a_cluster_does_not_matter(
    smoothing: float, cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (150, 200), np.uint8)
    alone = emseg.segment(image, n_classes=3, smoothing=smoothing).labels
    for name, value in {"_TILE": {2: 64, 3: 32}, "_SLAB": 4096}.items():
        monkeypatch.setattr(source, name, value)
    lazy = da.from_array(image, chunks=50)
    with cluster.get_executor() as executor:
        found = emseg.segment(
            lazy, n_classes=3, smoothing=smoothing, executor=executor
        ).labels
    np.testing.assert_array_equal(found, alone)
    # Only who has worked has loaded what the work needs.
    assert any(cluster.run(LOADED).values())


def fit_with(executor: Executor, image: NDArray[Any]) -> NDArray[Any]:
    return emseg.segment(image, n_classes=2, smoothing=0, executor=executor).labels


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["threads", "dask"])
def test_a_task_does_not_wait_for_its_own_executor(
    kind: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would for ever if all workers are taken."""
    image = np.random.default_rng(0).integers(0, 256, (150, 200), np.uint8)
    alone = emseg.segment(image, n_classes=2, smoothing=0).labels
    monkeypatch.setattr(source, "_TILE", {2: 64, 3: 32})
    with ExitStack() as stack:
        if kind == "threads":
            pool: Any = stack.enter_context(ThreadPoolExecutor(workers))
            executor = pool
        else:
            options = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
            threads = {"threads_per_worker": workers}
            some = stack.enter_context(LocalCluster(**options, **threads))
            pool = stack.enter_context(Client(some))
            executor = stack.enter_context(pool.get_executor())
        # Found by name, since clients are not sent to tasks.
        monkeypatch.setattr(parallel, "tried", (executor, image), raising=False)
        found = [pool.submit(lambda n: fit_with(*parallel.tried), n) for n in range(3)]
        for future in found:
            np.testing.assert_array_equal(future.result(timeout=60), alone)
        np.testing.assert_array_equal(fit_with(executor, image), alone)


# Sent by value, as functions of a module are not: these would load it.
LOADED = lambda: "napari_emseg.engine.labels.labeler" in sys.modules  # noqa: E731


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two processes that share no memory with this one."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as some,
        Client(some) as client,
    ):
        assert not any(client.run(LOADED).values())
        yield client


FORK = """
import os, sys
import cv2, numpy as np
import napari_emseg as emseg
from napari_emseg.pipeline import parallel
cv2.setNumThreads(2)
image = np.random.default_rng(0).integers(0, 256, (1100, 1100), np.uint8)
labels = emseg.segment(image, n_classes=2, smoothing=0).labels
with parallel.one_thread():  # as another thread may do just then
    child = os.fork()
    if child == 0:
        if parallel._LIMITING.locked():
            os._exit(4)
        again = emseg.segment(image, n_classes=2, smoothing=0).labels
        os._exit(0 if (again == labels).all() else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="cannot fork"
)
def test_a_forked_process_has_threads_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=120)


BLAS = ThreadpoolController().select(user_api="blas")


def threads() -> set[int]:
    """Count what the libraries themselves say."""
    return {found.num_threads for found in BLAS.lib_controllers}


@pytest.fixture
def two_blas_threads() -> Iterator[None]:
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


@pytest.mark.usefixtures("two_blas_threads")
def test_limits_end_with_an_error() -> None:
    with pytest.raises(KeyError), one_thread(), one_thread():
        raise KeyError
    assert threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
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


@pytest.mark.usefixtures("two_blas_threads")
def test_segmenting_leaves_the_threads_as_they_were() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    for _ in emseg.iter_segment(image, emseg.Params(n_classes=3)):
        assert threads() == {2}
    emseg.hierarchy(image)
    assert threads() == {2}
