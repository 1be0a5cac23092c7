"""Work beside the window: one thing after another, results in Qt's thread."""

from __future__ import annotations

import logging
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


# Qt is untyped here, so a class of it is Any to mypy.
class Background(QObject):  # type: ignore[misc]
    """A thread that computes, and hands its results to the thread of Qt.

    Parameters
    ----------
    on_error : callable
        Takes what went wrong, a str, in the thread of Qt.
    on_busy : callable
        Takes whether there is work that somebody waits for.
    """

    _ended = Signal(object)

    def __init__(
        self, on_error: Callable[[str], None], on_busy: Callable[[bool], None]
    ) -> None:
        super().__init__()
        self._on_error = on_error
        self._on_busy = on_busy
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="emseg-edit")
        self._latest: dict[str, int] = {}
        self._jobs = 0
        self._started = 0
        self._canceled = 0
        self._under_way = 0
        self._closed = False
        self._ended.connect(self._deliver)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, previews included."""
        return self._under_way == 0

    @property
    def busy(self) -> bool:
        """Whether there is work that somebody waits for."""
        return self._jobs > 0

    def run(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Call `work` in the thread, then `then` with what it returned.

        Work that is a generator is left at its next step when it is canceled.
        """
        self._started += 1
        number = self._started
        self._jobs += 1
        self._on_busy(True)
        self._submit(work, then, lambda: number > self._canceled, job=True)

    def preview(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        kind: str = "preview",
    ) -> None:
        """Like `run`, but dropped as soon as there is a later one of its kind."""
        number = self._latest[kind] = self._latest.get(kind, 0) + 1
        self._submit(work, then, lambda: number == self._latest[kind], job=False)

    def drop(self, kind: str = "preview") -> None:
        """Drop the previews of a kind that are under way."""
        self._latest[kind] = self._latest.get(kind, 0) + 1

    def cancel(self) -> bool:
        """Drop everything that is under way; tell whether there was a job."""
        self.drop()
        found = self.busy and self._started > self._canceled
        self._canceled = self._started
        return found

    def close(self) -> None:
        """End the thread; nothing is handed over any more."""
        self._closed = True
        self.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        wanted: Callable[[], bool],
        *,
        job: bool,
    ) -> None:
        self._under_way += 1

        def call() -> None:
            outcome: Any = None
            try:
                if wanted():
                    outcome = work()
                    if isinstance(outcome, Generator):
                        outcome = _finish(outcome, wanted)
            except Exception as error:
                outcome = error
            self._ended.emit((outcome, then, wanted, job))

        self._pool.submit(call)

    def _deliver(self, ended: tuple[Any, Callable[[Any], None], Any, bool]) -> None:
        if self._closed:
            return
        outcome, then, wanted, job = ended
        self._under_way -= 1
        if job:
            self._jobs -= 1
            self._on_busy(self.busy)
        if not wanted():
            return
        try:
            if isinstance(outcome, Exception):
                raise outcome
            then(outcome)
        except (ValueError, TypeError) as error:
            self._on_error(str(error))
        except Exception as error:
            log.exception("work for the editor failed")
            self._on_error(f"{type(error).__name__}: {error}")


def _finish(steps: Generator[Any, Any, Any], wanted: Callable[[], bool]) -> Any:
    """Take the steps of a generator while they are wanted; give its return value."""
    while wanted():
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value
    steps.close()
    return None
