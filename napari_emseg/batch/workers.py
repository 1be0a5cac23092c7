"""Processes that work on the pictures of a batch, several at a time."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import cv2

from napari_emseg.batch.label_table import SharedLabels
from napari_emseg.batch.outcome import Outcome, WritingOptions, failed, iter_outcome

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from multiprocessing.connection import Connection

    from napari_emseg.batch.output_plan import OutputPlan
    from napari_emseg.batch.picture import Picture
    from napari_emseg.batch.treatment import Treatment
    from napari_emseg.pipeline.progress import Progress

    Task = tuple[Picture, OutputPlan | None]

# Seconds between two steps of a picture that are told.
_SELDOM = 0.1
# Seconds in which a worker ends its step when the others are canceled.
_PATIENCE = 30.0


@dataclass(slots=True)
class _Worker:
    """A process, the way to it, and the place of its task."""

    process: Any
    way: Connection
    place: int


def iter_workers(
    tasks: Sequence[Task],
    treatment: Treatment,
    writing: WritingOptions,
    jobs: int,
    max_bytes: int | None = None,
) -> Generator[tuple[int, Progress | Outcome], None, None]:
    """Yield the place of a task with some of its steps, and with its outcome.

    Parameters
    ----------
    tasks : sequence of (Picture, OutputPlan)
    treatment, writing, max_bytes
        As for `iter_outcome`.
    jobs : int
        Processes at a time. The one that calls this does nothing but wait; when it
        stops iterating, or dies, the others end after the step that they are at.
    """
    # A fork would inherit threads that it has not.
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // jobs)
    left = deque(enumerate(tasks))
    workers: list[_Worker] = []

    def begin() -> None:
        ours, theirs = context.Pipe()
        arguments = (theirs, treatment, writing, max_bytes, threads)
        process = context.Process(target=_serve, args=arguments, daemon=True)
        with _deaf():
            process.start()
        theirs.close()
        worker = _Worker(process, ours, -1)
        workers.append(worker)
        give(worker)

    def give(worker: _Worker) -> None:
        worker.place, task = left.popleft()
        worker.way.send(task)

    try:
        for _ in range(min(jobs, len(tasks))):
            begin()
        while workers:
            ready = wait([worker.way for worker in workers])
            for worker in [one for one in workers if one.way in ready]:
                place = worker.place
                try:
                    found = worker.way.recv()
                except (EOFError, OSError):
                    found = failed(tasks[place][0], _lost(worker))
                    workers.remove(worker)
                    if left:
                        begin()
                else:
                    if isinstance(found, Outcome):
                        if left:
                            give(worker)
                        else:
                            worker.way.close()
                            workers.remove(worker)
                yield place, found
    finally:
        for worker in workers:
            worker.way.close()
        for worker in workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.terminate()


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes that are started here never hear Ctrl-C, not even while they load.

    It goes to all processes of a terminal; the first one decides.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    # It is started with the first process, and lets Ctrl-C through again by then.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _lost(worker: _Worker) -> ValueError:
    worker.process.join(_PATIENCE)
    code = worker.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
    return ValueError(
        f"the process that worked on it was ended ({how}), perhaps for lack of memory; "
        "try it again with fewer --jobs"
    )


def _serve(
    way: Connection,
    treatment: Treatment,
    writing: WritingOptions,
    max_bytes: int | None,
    threads: int,
) -> None:
    """Work on pictures until nobody asks any more; the process is made for this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(threads)
    fitted = treatment.fitted
    shared = None if fitted is None else SharedLabels(fitted.model)
    # The other end may be closed before an answer.
    with suppress(EOFError, ConnectionError):
        while True:
            picture, plan = way.recv()
            steps = iter_outcome(picture, plan, treatment, writing, shared, max_bytes)
            _work_on(steps, way)


def _work_on(steps: Generator[Progress, None, Outcome], way: Connection) -> None:
    """Send some of the steps of a picture, and its outcome.

    Raises
    ------
    ConnectionError
        If the other end is closed.
    """
    told = time.monotonic()
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            _send(way, stop.value)
            return
        if way.poll():  # the other end is closed
            steps.close()
            raise BrokenPipeError
        if time.monotonic() - told > _SELDOM:
            told = time.monotonic()
            way.send(replace(step, state=None))


def _send(way: Connection, outcome: Outcome) -> None:
    """Send an outcome, its error as one that any process can make again."""
    error = outcome.error
    if error is not None:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # whatever the pickle of an error from elsewhere says
            outcome = replace(outcome, error=ValueError(str(error)))
    way.send(outcome)
