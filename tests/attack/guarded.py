"""Run hostile jobs in processes that are watched: time, memory and how they end."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SECONDS = 10.0  # of the processor, however busy the machine is
_PATIENCE = 90.0  # seconds until a process is given up
_STATUS = Path("/proc/self/status")
_PEAK = Path("/proc/self/clear_refs")


class Outcome(NamedTuple):
    """How a job ended.

    Attributes
    ----------
    number : int
        Of the job.
    kind : str
        "done", or the name of an exception, or "slow", "hangs" or "killed".
    told : tuple of str
        The error's message, or the warnings.
    result : object
        What the job returned.
    peak : int
        Bytes of memory beyond those before.
    """

    number: int
    kind: str
    told: tuple[str, ...]
    result: Any = None
    peak: int = 0


def run_all(
    job: Callable[[Any], Any], tasks: Iterable[Any], *, workers: int = 2
) -> Iterator[Outcome]:
    """Yield the outcome of ``job(task)`` of each task, from processes that may die.

    A process that dies, or does not answer for a long time, is replaced.
    """
    context = multiprocessing.get_context("fork")
    waiting = list(enumerate(tasks))[::-1]
    crew: list[_Worker] = []
    try:
        while waiting or any(worker.task is not None for worker in crew):
            while len(crew) < workers and waiting:
                crew.append(_Worker(context, job))
            for worker in crew:
                if worker.task is None and waiting:
                    worker.begin(*waiting.pop())
            ready = multiprocessing.connection.wait(
                [w.pipe for w in crew if w.task is not None], timeout=_PATIENCE
            )
            for worker in [*crew]:
                if worker.task is None:
                    continue
                outcome = worker.outcome(ready)
                if outcome is not None:
                    yield outcome
                if not worker.alive:
                    crew.remove(worker)
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process that does one task after another."""

    def __init__(self, context: Any, job: Callable[[Any], Any]) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, job), daemon=True)
        self.process.start()
        theirs.close()
        self.task: int | None = None
        self.alive = True
        self._since = 0.0

    def begin(self, number: int, task: Any) -> None:
        self.task, self._since = number, _now()
        self.pipe.send((number, task))

    def outcome(self, ready: list[Any]) -> Outcome | None:
        """Return what became of the task, or None while it runs."""
        assert self.task is not None
        number = self.task
        if self.pipe in ready:
            self.task = None
            try:
                return Outcome(*self.pipe.recv())
            except EOFError:
                self.process.join()
                self.alive = False
                return Outcome(
                    number, "killed", (f"exit code {self.process.exitcode}",)
                )
        if _now() - self._since > _PATIENCE:
            self.task = None
            self.end()
            return Outcome(number, "hangs", (f"more than {_PATIENCE:.0f} s",))
        return None

    def end(self) -> None:
        self.alive = False
        self.process.kill()
        self.process.join()


def _now() -> float:
    return os.times().elapsed


def _peak() -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell the peak of memory; use Linux")


def _serve(pipe: Any, job: Callable[[Any], Any]) -> None:
    # Their own: a shared descriptor would mix what several say.
    with Path(os.devnull).open("w") as null:
        os.dup2(null.fileno(), 2)
    while True:
        try:
            number, task = pipe.recv()
        except EOFError:
            return
        _PEAK.write_text("5")  # the peak begins anew
        before, begin = _peak(), time.process_time()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                kind, result, told = "done", job(task), ()
            except Exception as error:  # to be judged by who asked
                kind, result = (
                    type(error).__name__,
                    isinstance(error, (ValueError, OSError)),
                )
                told = (str(error),)
        if time.process_time() - begin > SECONDS:
            kind = "slow"
        told += tuple(str(one.message) for one in said)
        pipe.send((number, kind, told, result, _peak() - before))
