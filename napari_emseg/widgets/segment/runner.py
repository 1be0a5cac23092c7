"""Segmentations in a thread, one at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from napari.utils import cancelable_progress
from qtpy.QtCore import QTimer
from superqt.utils import GeneratorWorker

from napari_emseg.layers import add_to, alike, plan_edit, prepare_style
from napari_emseg.pipeline.segment import iter_segment, read_input
from napari_emseg.pipeline.segmentation import Segmentation
from napari_emseg.regions import Edit
from napari_emseg.widgets.common.preferences import preferred

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_emseg.layers import LayerStyle
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.params import Params
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.widgets.common.run_events import RunEvents
    from napari_emseg.widgets.segment.live_preview import PreviewRequest


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What the panel said when a run began.

    Attributes
    ----------
    request : PreviewRequest
        What is segmented.
    replace : napari.layers.Labels or None
        An earlier result that is to be updated.
    start : float
        When the run began, in seconds of `time.perf_counter`.
    """

    request: PreviewRequest
    replace: Labels | None
    start: float

    def plan(self, seg: Segmentation) -> PlannedEdit | None:
        """Work the update of the earlier result out; any thread may do it."""
        layer = self.replace
        if layer is None or not layer.editable or not self._fits(layer, seg):
            return None
        return plan_edit(layer, self._whole(seg))

    def update(self, viewer: ViewerModel, result: Success) -> Labels | None:
        """Update the earlier result, as one step of its undo history.

        Returns
        -------
        napari.layers.Labels or None
            None if there is none, or if it cannot take the labels; nothing has
            changed then.
        """
        layer = self.replace
        if layer is None or layer not in viewer.layers:
            return None
        if not self._fits(layer, result.seg):
            return None
        return add_to(
            viewer,
            result.seg,
            self.request.image,
            replace=layer,
            at=self.request.at,
            look=result.look,
            plan=result.plan,
            max_bytes=preferred().history_bytes,
        )

    def _fits(self, layer: Labels, seg: Segmentation) -> bool:
        return alike(layer, self._whole(seg).labels)

    def _whole(self, seg: Segmentation) -> Edit:
        """Return the labels with the axes of a layer."""
        at = self.request.at or ()
        across = [axis for axis, index in enumerate(at) if index is not None]
        return Edit.whole(np.expand_dims(seg.labels, across))


log = logging.getLogger(__name__)

NAME_LENGTH = 30  # characters of the image's name in the activity dock
PAUSE = 0.05  # s between two reports of the same stage
PATIENCE = 300  # ms until a run is shown in napari's activity dock


@dataclass(frozen=True, slots=True, eq=False)
class Success:
    """The result of a run, how it is to look, and what the job planned with it."""

    seg: Segmentation
    look: LayerStyle
    plan: PlannedEdit | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run has no result, in the words of the error."""

    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is to be segmented.

    Attributes
    ----------
    name : str
        Of the image, for the user.
    data : array-like
        Anything that `iter_segment` takes.
    params : Params
        How.
    rgb : bool
        Whether the last axis is RGB(A).
    on_end : callable
        Takes the `Success`, the `Failure`, or None if the user canceled the run in
        napari's activity dock. The run is over by then.
    plan : callable, optional
        Makes a plan of the segmentation, beside the window.
    """

    name: str
    data: Any
    params: Params
    rgb: bool
    on_end: Callable[[Success | Failure | None], None]
    plan: Callable[[Segmentation], PlannedEdit | None] | None = None


class Runner:
    """Runs the latest job and drops what is left of those before.

    All callables are called in the thread of Qt, for the latest job only, and never
    after `cancel`.

    Parameters
    ----------
    on_progress : callable
        Takes a `Progress` at the start of each stage, and then now and then.
    on_warning : callable
        Takes each warning for the user, a str.
    feed : RunEvents, optional
        Is told of every job, and of every state that it comes to.
    """

    def __init__(
        self,
        *,
        on_progress: Callable[[Progress], None],
        on_warning: Callable[[str], None],
        feed: RunEvents | None = None,
    ) -> None:
        self._on_progress = on_progress
        self._on_warning = on_warning
        self._feed = feed
        self._job: Job | None = None
        self._worker: GeneratorWorker | None = None
        self._activity: cancelable_progress | None = None
        self._told = ("", 0.0)

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    @property
    def ended(self) -> bool:
        """Whether no thread is at work, not even on a job that was dropped."""
        return self._worker is None

    def start(self, job: Job) -> None:
        """Run a job instead of the one that is under way."""
        self.cancel()
        self._job = job
        QTimer.singleShot(PATIENCE, partial(self._show_activity, job))
        # One worker at a time: each diverts Python's warnings while it runs, and
        # two that overlap would put the wrong handlers back. If there is one, the
        # job waits for its end.
        if self._worker is None:
            self._launch(job)

    def cancel(self) -> None:
        """Drop the job that is under way, if there is one."""
        self._job = None
        self._close_activity()
        if self._worker is not None:
            self._worker.quit()

    def _launch(self, job: Job) -> None:
        if self._feed is not None:
            read = partial(read_input, job.data, job.params, rgb=job.rgb)
            self._feed.started.emit(read)
        self._worker = create_worker(
            _work,
            job,
            # This class, unlike napari's, leaves errors and warnings to us.
            _worker_class=GeneratorWorker,
            _start_thread=True,
            _connect={
                "yielded": partial(self._yielded, job),
                "returned": partial(self._returned, job),
                "warned": partial(self._warned, job),
                "finished": partial(self._finished, job),
            },
        )

    def _yielded(self, job: Job, progress: Progress) -> None:
        if job is not self._job:
            return
        activity = self._activity
        if activity is not None and activity.is_canceled:
            self.cancel()
            job.on_end(None)
            return
        if self._feed is not None and progress.state is not None:
            self._feed.stepped.emit(progress.state)
        # Drawing each of many short steps would take longer than the steps.
        stage, moment = self._told
        if progress.stage == stage and perf_counter() - moment < PAUSE:
            return
        self._on_progress(progress)
        if activity is not None:
            activity.total = progress.total
            activity.update(progress.done - activity.n)
        self._told = (progress.stage, perf_counter())

    def _returned(self, job: Job, result: Success | Failure) -> None:
        if job is self._job:
            self._job = None
            self._close_activity()
            job.on_end(result)

    def _warned(self, job: Job, warning: tuple[Any, ...]) -> None:
        message, category = warning[:2]
        # Others, such as deprecations in a library, tell the user nothing.
        if job is self._job and issubclass(category, UserWarning):
            self._on_warning(str(message))

    def _finished(self, job: Job) -> None:
        self._worker = None
        if self._feed is not None:
            self._feed.ended.emit()
        if self._job is not None and self._job is not job:
            self._launch(self._job)

    def _show_activity(self, job: Job) -> None:
        """Show a job that is not over in a moment in napari's activity dock."""
        if job is not self._job:
            return
        long = len(job.name) > NAME_LENGTH
        name = f"{job.name[: NAME_LENGTH - 1]}…" if long else job.name
        activity = cancelable_progress(desc=f"Segment {name}", total=0)
        # napari handles other events while it makes the bar: the run may be over.
        if job is self._job:
            self._activity = activity
        else:
            activity.close()

    def _close_activity(self) -> None:
        if self._activity is not None:
            self._activity.close()
            self._activity = None


def _work(job: Job) -> Generator[Progress, None, Success | Failure]:
    """Segment in the worker's thread; an error becomes a value, so that it is told."""
    try:
        seg = yield from iter_segment(job.data, job.params, rgb=job.rgb)
        plan = None if job.plan is None else job.plan(seg)
        return Success(seg, prepare_style(seg), plan)
    except (ValueError, TypeError) as error:
        return Failure(str(error))
    except Exception as error:
        log.exception("segmentation failed")
        return Failure(f"{type(error).__name__}: {error}")
