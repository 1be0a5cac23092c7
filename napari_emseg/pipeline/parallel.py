"""Workers: tiles of one image, worked on at once."""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, wraps
from math import prod
from threading import Lock, current_thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import cv2
import scipy.linalg  # noqa: F401  loads its BLAS, which is to be found too
from threadpoolctl import ThreadpoolController

from napari_emseg.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future
    from types import EllipsisType

    from numpy.typing import NDArray

    from napari_emseg.pipeline.tiles import Slices, Tile

P = ParamSpec("P")
Step = TypeVar("Step")
Result = TypeVar("Result")
_LIMITING = Lock()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside of this context.

    The matrices of a mixture have a few rows: more threads wait for each other longer
    than they work, tenfold where a core is taken by something else.
    """
    # The limit is the whole process's: were two threads to set it, one would take the
    # other's for the user's, and restore that.
    if not _LIMITING.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1):
            yield
    finally:
        _LIMITING.release()


def one_thread_a_step(
    make: Callable[P, Generator[Step, None, Result]],
) -> Callable[P, Generator[Step, None, Result]]:
    """Limit each step of a generator to one thread, and nothing between them."""

    @wraps(make)
    def steps(*args: P.args, **kwargs: P.kwargs) -> Generator[Step, None, Result]:
        inner = make(*args, **kwargs)
        try:
            while True:
                with one_thread():
                    try:
                        step = next(inner)
                    except StopIteration as stop:
                        result: Result = stop.value
                        return result
                yield step
        finally:
            inner.close()

    return steps


T = TypeVar("T")

# Numbers in all tiles that are worked on at once, and most of these tiles. What a tile
# needs by the way is some five times as much as its results.
_ROOM, _MOST = 2**26, 32


def workers_for(tasks: int) -> Executor | None:
    """Return the threads that all segmentations of this process share.

    Parameters
    ----------
    tasks : int
        How many there are to do.

    Returns
    -------
    concurrent.futures.Executor or None
        As many threads as OpenCV uses: by default one for each core that the process
        may have, and none after ``cv2.setNumThreads(1)``. None where the caller does
        as well alone.
    """
    threads = cv2.getNumThreads()
    return None if min(threads, tasks) <= 1 else _threads(threads)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="napari-emseg")


def _start_anew() -> None:
    """Forget what a forked process inherits: the executor without its threads."""
    _threads.cache_clear()
    if _LIMITING.locked():  # by a thread that is not here to release it
        _LIMITING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


@one_thread_a_step
def iter_filling(
    out: NDArray[Any],
    grid: Sequence[Tile],
    read: Callable[[Tile], tuple[Any, ...]],
    work: Callable[..., NDArray[Any]],
    *,
    stage: str,
    planes: int,
    executor: Executor | None = None,
) -> Generator[Progress, None, None]:
    """Fill an array with what is made of the tiles of an image.

    Parameters
    ----------
    out : (…, *S) ndarray
        The array.
    grid : sequence of Tile
        Tiles of S.
    read : callable
        Gives the arguments of `work` for a tile; called in this thread.
    work : callable
        Gives (…, *R) for the part R that a tile reads. While it is waited for, linear
        algebra has one thread.
    stage : str
        What the progress is called.
    planes : int
        Numbers that each pixel of a tile needs, so that few enough tiles are worked
        on at once.
    executor : concurrent.futures.Executor, optional
        Who works; default `workers_for`.

    Yields
    ------
    Progress
        After each tile; tiles that wait are dropped when the generator is closed.
    """
    found = in_order(
        work,
        map(read, grid),
        executor or workers_for(len(grid)),
        room_for(grid, planes),
    )
    for done, (tile, part) in enumerate(zip(grid, found, strict=True), start=1):
        out[_last(tile.write)] = part[_last(tile.inner)]
        yield Progress(stage, done, len(grid))


def room_for(grid: Sequence[Tile | Slices], planes: int) -> int:
    """Return how many tiles, or parts, there is room for at once."""
    parts = (tile if isinstance(tile, tuple) else tile.read for tile in grid)
    pixels = max(map(_size, parts), default=1)
    return max(1, min(_ROOM // (pixels * planes), _MOST))


def _last(part: Slices) -> tuple[EllipsisType | slice, ...]:
    """Index a part of the last axes."""
    return (..., *part)


def _size(part: Slices) -> int:
    return prod(along.stop - along.start for along in part)


def _works_for(executor: Executor) -> bool:
    """Return whether this thread does a task of an executor of threads, or of Dask."""
    if current_thread() in getattr(executor, "_threads", ()):
        return True
    dask = sys.modules.get("distributed.threadpoolexecutor")
    ours = type(executor).__module__.startswith("distributed.")
    # False, too, once the task has seceded, as `worker_client` does.
    return ours and getattr(getattr(dask, "thread_state", None), "proceed", False)


def in_order(
    function: Callable[..., T],
    arguments: Iterable[tuple[Any, ...]],
    executor: Executor | None,
    ahead: int,
    *,
    settle: bool = False,
) -> Iterator[T]:
    """Call a function on each tuple of arguments, results in the same order.

    Parameters
    ----------
    function : callable
        What to do.
    arguments : iterable of tuple
        Taken in this thread, one by one, when there is room for them.
    executor : concurrent.futures.Executor or None
        Who does it. None: this thread, each when its result is asked for; so, too, if
        this thread is one of the executor's own, which would wait for itself.
    ahead : int
        Most calls that wait in the executor or run.
    settle : bool, optional
        Whether those who stop asking wait until what runs is done.

    Yields
    ------
    object
        Results; those who stop asking cancel what waits.
    """
    if executor is None or _works_for(executor):
        for each in arguments:
            yield function(*each)
        return
    waiting: deque[Future[T]] = deque()
    try:
        for each in arguments:
            waiting.append(executor.submit(function, *each))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        if settle:
            wait(waiting)
