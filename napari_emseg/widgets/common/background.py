"""The queue of a panel: commands in order, work in a thread, results in Qt's thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from napari.utils import cancelable_progress
from napari.utils.notifications import show_warning
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_emseg.engine.user_warnings import collect_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

PATIENCE = 300  # ms until a job is shown in napari's activity dock
PAUSE = 0.05  # s between two changes of its bar
MAX_TITLE = 40  # characters


@dataclass(slots=True, eq=False)
class _Job:
    """Work in the thread, and what is called with its steps and its result."""

    work: Callable[[], Any]
    then: Callable[[Any], None]
    on_step: Callable[[Any], None] | None = None
    title: str = ""
    kind: str = ""  # of a preview
    wanted: bool = True
    activity: Any = None
    moment: float = 0.0
    warnings: list[str] = field(default_factory=list)


# Qt is untyped here, so a class of it is Any to mypy.
class BackgroundQueue(QObject):  # type: ignore[misc]
    """Commands of a panel in their order, and a thread that computes for them.

    All callables but `work` are called in the thread of Qt.

    Parameters
    ----------
    on_error : callable
        Takes the message of an error, a str.
    on_busy : callable
        Takes whether there are jobs or waiting commands.
    on_cancel : callable, optional
        Called when the user cancels a job in napari's activity dock; `cancel` by
        default.
    on_warning : callable, optional
        Takes each warning of a job, a str; it is shown to the user by default.

    Attributes
    ----------
    busied : Signal
        As `on_busy`; also when the queue is closed.
    moved : Signal
        How much of a job is done, and how much there is to do, if its steps tell.
    """

    busied = Signal(bool)
    moved = Signal(int, int)
    _ended = Signal(object, object)
    _stepped = Signal(object, object)

    def __init__(
        self,
        on_error: Callable[[str], None],
        on_busy: Callable[[bool], None] = lambda busy: None,
        on_cancel: Callable[[], Any] | None = None,
        on_warning: Callable[[str], None] = show_warning,
    ) -> None:
        super().__init__()
        self._on_error = on_error
        self._tell_busy = on_busy
        self._on_cancel = on_cancel or self.cancel
        self._on_warning = on_warning
        self._pool: ThreadPoolExecutor | None = None
        self._commands: deque[Callable[[], Any]] = deque()
        self._jobs: list[_Job] = []
        self._previews: dict[str, _Job] = {}
        self._submitted: set[_Job] = set()
        self._in_turn = False
        self._closed = False
        self._ended.connect(self._deliver)
        self._stepped.connect(self._on_step)

    @property
    def idle(self) -> bool:
        """Whether the thread is at rest and no command waits; previews count."""
        return not (self._submitted or self._commands)

    @property
    def running(self) -> bool:
        """Whether there are jobs or waiting commands."""
        return bool(self._jobs or self._commands)

    @property
    def waiting(self) -> int:
        """Number of commands that wait."""
        return len(self._commands)

    def do(self, command: Callable[[], Any]) -> None:
        """Call a command when all jobs and commands before it are done.

        A command that reads its state when it is called finds what was before it done.
        If nothing is under way it is called at once, and its errors are raised here.
        """
        if self._closed:
            return
        if self.running:
            self._commands.append(command)
            self._on_busy(True)
        else:
            command()

    def run(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        *,
        on_step: Callable[[Any], None] | None = None,
        title: str = "",
    ) -> None:
        """Start a job: call `work` in the thread, then `then` with its result.

        A generator is run to its end, and its return value is the result; `on_step`
        takes each value that it yields. It is closed at its next step when the job is
        canceled, as it is if `on_step` fails. A job with a title is shown in napari's
        activity dock; its values must have `done` and `total`.
        """
        if self._closed:
            return
        job = _Job(work, then, on_step, title)
        self._jobs.append(job)
        self._on_busy(True)
        if title:
            QTimer.singleShot(PATIENCE, lambda: self._show_activity(job))
        self._submit(job)

    def preview(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        kind: str = "preview",
    ) -> None:
        """Call `work` in the thread, and `then` unless there is a later preview.

        Only previews of the same `kind` replace each other. No command waits for them.
        """
        if self._closed:
            return
        self.drop(kind)
        job = self._previews[kind] = _Job(work, then, kind=kind)
        self._submit(job)

    def drop(self, kind: str = "preview") -> None:
        """Cancel the preview of a kind."""
        if kind in self._previews:
            self._previews.pop(kind).wanted = False

    def cancel(self, *, last: bool = False) -> bool:
        """Cancel all jobs and commands, and the preview; return whether any were there.

        With `last`, cancel only the latest command, if one waits.
        """
        found = self.running
        if last and self._commands:
            self._commands.pop()
        else:
            self._cancel_jobs()
            self.drop()
        if found:
            self._on_busy(self.running)
        return found

    def close(self) -> None:
        """Cancel everything, and call and start nothing any more until `open`."""
        self._closed = True
        self._cancel_jobs()
        for kind in list(self._previews):
            self.drop(kind)
        self._submitted.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        if isalive(self):
            self.busied.emit(False)

    def open(self) -> None:
        """Work again, after `close`."""
        self._closed = False

    def _on_busy(self, busy: bool) -> None:
        self._tell_busy(busy)
        self.busied.emit(busy)

    def _cancel_jobs(self) -> None:
        self._commands.clear()
        while self._jobs:
            self._end(self._jobs[0])

    def _end(self, job: _Job) -> None:
        """Take a job off the list, and its bar from the activity dock."""
        job.wanted = False
        self._jobs.remove(job)
        if job.activity is not None:
            job.activity.close()

    def _submit(self, job: _Job) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="napari-emseg")
        self._submitted.add(job)
        self._pool.submit(self._call, job)

    def _call(self, job: _Job) -> None:
        """Do the work of a job; this is called in the thread."""
        outcome: Any = None
        try:
            if job.wanted:
                with collect_warnings() as job.warnings:
                    outcome = job.work()
                    if isinstance(outcome, Generator):
                        outcome = self._exhaust(outcome, job)
        except Exception as error:
            outcome = error
        self._ended.emit(job, outcome)

    def _exhaust(self, steps: Generator[Any, Any, Any], job: _Job) -> Any:
        """Return what a generator returns; None if its job is canceled before."""
        with closing(steps):
            while job.wanted:
                try:
                    value = next(steps)
                except StopIteration as stop:
                    return stop.value
                if job.on_step is not None or job.title or hasattr(value, "total"):
                    self._stepped.emit(job, value)
        return None

    def _deliver(self, job: _Job, outcome: Any) -> None:
        if job not in self._submitted:
            return
        self._submitted.remove(job)
        if job.wanted:
            self._previews.pop(job.kind, None)
            asked_for = job in self._jobs
            if asked_for:
                self._end(job)
                self._on_busy(self.running)
            self._attempt(job.then, outcome)
            if asked_for:
                for message in job.warnings:
                    self._on_warning(message)
        # Previews may end while a command shows a dialog.
        if not self._in_turn:
            self._in_turn = True
            while self._commands and not self._jobs:
                self._attempt(self._commands.popleft())
                self._on_busy(self.running)
            self._in_turn = False

    def _attempt(self, call: Callable[..., Any], *outcome: Any) -> bool:
        """Call a function with the result of a job; report an error instead.

        Return whether it succeeded.
        """
        try:
            if outcome and isinstance(outcome[0], Exception):
                raise outcome[0]
            call(*outcome)
        except (ValueError, TypeError) as error:
            self._on_error(str(error))
        except Exception as error:
            log.exception("work in the background failed")
            self._on_error(f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    def _on_step(self, job: _Job, value: Any) -> None:
        if not job.wanted:
            return
        bar = job.activity
        if bar is not None and bar.is_canceled:
            self._on_cancel()
            return
        if job.on_step is not None and not self._attempt(job.on_step, value):
            # What comes later would build on a step that is missing.
            if job in self._jobs:
                self._end(job)
                self._on_busy(self.running)
            return
        # Drawing each of many short steps would take longer than the steps.
        if perf_counter() - job.moment > PAUSE and hasattr(value, "total"):
            self.moved.emit(value.done, value.total)
            if bar is not None:
                bar.total = value.total
                bar.update(value.done - bar.n)
            job.moment = perf_counter()

    def _show_activity(self, job: _Job) -> None:
        """Show a job in napari's activity dock, unless it is over by now."""
        if not job.wanted:
            return
        long = len(job.title) > MAX_TITLE
        title = f"{job.title[: MAX_TITLE - 1]}…" if long else job.title
        bar = cancelable_progress(desc=title, total=0)
        # napari handles other events while it makes the bar: the job may be over.
        if job.wanted:
            job.activity = bar
        else:
            bar.close()
