"""The panel "Segment": choose an image, run, watch, keep the result."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label, ProgressBar, PushButton, Widget
from napari.layers import Image, Labels
from napari.qt.threading import create_worker
from napari.utils import cancelable_progress
from napari.utils.notifications import show_error, show_warning
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QComboBox, QSizePolicy
from superqt.utils import GeneratorWorker

from napari_emseg.layers import add_to, displayed, image_data, is_result, prepare
from napari_emseg.segment import Progress, Segmentation, iter_segment
from napari_emseg.widgets.form import ParamsForm

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import napari.components

    from napari_emseg.layers import At, Look
    from napari_emseg.params import Params

log = logging.getLogger(__name__)

NEW = "new layer"
WHOLE, SLICE = "whole volume", "displayed slice"
STAGES = {
    "colors": "Reading colors",
    "fit": "Fitting classes",
    "label": "Labeling pixels",
    "smooth": "Smoothing",
}
HINT = "Open an image, or a sample from the File menu."


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """All that a run needs, read from the panel when Run is pressed."""

    number: int
    layer: Image
    at: At | None
    params: Params
    replace: Labels | None
    start: float


@dataclass(frozen=True, slots=True, eq=False)
class _Success:
    """The result of a run and how it is to look."""

    seg: Segmentation
    look: Look


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a run has no result, in the words of the error."""

    message: str


class SegmentWidget(Container[Widget]):
    """Panel that segments an image layer by color.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where images come from and results go.

    Attributes
    ----------
    form : ParamsForm
        The parameters; read once for each run.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        self._viewer = viewer
        self._job: _Job | None = None
        self._waiting: _Job | None = None
        self._worker: GeneratorWorker | None = None
        self._activity: cancelable_progress | None = None
        self._runs = 0
        self._image = ComboBox(
            name="image",
            label="Image",
            tooltip="The image layer to segment.",
            choices=lambda _: [
                (layer.name, layer) for layer in viewer.layers if _is_image(layer)
            ],
        )
        self._extent = ComboBox(
            name="extent",
            label="Extent",
            tooltip="Segment all slices together, or only what is displayed now.",
            choices=[("Whole volume", WHOLE), ("Displayed slice", SLICE)],
        )
        self._result = ComboBox(
            name="result",
            label="Result",
            tooltip="Add a new Labels layer, or put the new labels into an earlier "
            "result; its undo history then starts afresh.",
            choices=lambda _: [
                ("New layer", NEW),
                *(
                    (f"Update {layer.name}", layer)
                    for layer in viewer.layers
                    if is_result(layer)
                ),
            ],
        )
        self.form = ParamsForm()
        self.form.insert(0, self._image)
        self.form.insert(1, self._extent)
        self.form.append(self._result)
        self._run_button = PushButton(
            name="run", text="Run", tooltip="Segment the image."
        )
        self._cancel_button = PushButton(
            name="cancel", text="Cancel", tooltip="Stop; no layer is changed."
        )
        self._buttons = Container[PushButton](
            name="buttons",
            layout="horizontal",
            labels=False,
            widgets=[self._run_button, self._cancel_button],
        )
        self._bar = ProgressBar(name="bar", min=0, max=1)
        self._status = Label(name="status", value=HINT)
        super().__init__(
            labels=False,
            widgets=[
                self.form,
                self._buttons,
                Container[Widget](labels=False, widgets=[self._bar, self._status]),
            ],
        )
        self._dress()
        self._run_button.changed.connect(self.run)
        self._cancel_button.changed.connect(self.cancel)
        self._image.changed.connect(self._on_image)
        for event, react in self._reactions():
            event.connect(react)
        self.native.destroyed.connect(self._leave)
        self.reset_choices()
        self._on_active()
        self._show_idle(HINT if self._image.value is None else "")

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._job is not None

    def run(self) -> None:
        """Segment the chosen image; a run that is under way is dropped first."""
        self.cancel()
        try:
            job = self._read()
        except ValueError as error:
            show_error(str(error))
            return
        self._job = job
        self._show_running(job.layer.name)
        # One worker at a time: each diverts Python's warnings while it runs, and
        # two that overlap would put the wrong handlers back.
        if self._worker is None:
            self._start(job)
        else:
            self._waiting = job

    def cancel(self) -> None:
        """Stop the run, if there is one; layers stay as they are."""
        if self._job is None:
            return
        self._job = self._waiting = None
        if self._worker is not None:
            self._worker.quit()
        self._show_idle("Canceled.")

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list; a chosen layer stays chosen if it is renamed."""
        for box in (self._image, self._result):
            chosen = box.value
            box.reset_choices()
            if chosen in box.choices:
                box.value = chosen
        self._on_image()

    def _read(self) -> _Job:
        """Read the panel once.

        Raises
        ------
        ValueError
            If there is no image, or the choices do not go together.
        """
        layer = self._image.value
        if layer is None:
            raise ValueError(f"there is no image layer to segment. {HINT}")
        sliced = layer.ndim > 2 and self._extent.value == SLICE
        replace = self._result.value
        self._runs += 1
        return _Job(
            number=self._runs,
            layer=layer,
            at=displayed(self._viewer, layer) if sliced else None,
            params=self.form.params,
            replace=None if replace == NEW else replace,
            start=perf_counter(),
        )

    def _start(self, job: _Job) -> None:
        """Hand a run to a thread."""
        self._worker = create_worker(
            _work,
            image_data(job.layer, job.at),
            job.params,
            job.layer.rgb,
            # This class, unlike napari's, leaves errors and warnings to us.
            _worker_class=GeneratorWorker,
            _start_thread=True,
            _connect={
                "yielded": partial(self._on_progress, job.number),
                "returned": partial(self._on_returned, job.number),
                "warned": partial(self._on_warned, job.number),
                "finished": self._on_finished,
            },
        )

    def _current(self, number: int) -> _Job | None:
        """Return the run of that number, or None if it was dropped since."""
        job = self._job
        return job if job is not None and job.number == number else None

    def _on_progress(self, number: int, progress: Progress) -> None:
        if self._current(number) is None or self._activity is None:
            return
        if self._activity.is_canceled:
            self.cancel()
            return
        stage = STAGES.get(progress.stage, progress.stage)
        counted = f" {progress.done} of {progress.total}" if progress.total else ""
        self._status.value = f"{stage}{counted} …"
        self._bar.max = progress.total
        self._bar.value = progress.done if progress.total else 0
        self._activity.total = progress.total
        self._activity.update(progress.done - self._activity.n)

    def _on_returned(self, number: int, result: _Success | _Failure) -> None:
        job = self._current(number)
        if job is None:
            return
        self._job = None
        if isinstance(result, _Failure):
            self._show_idle("No result.")
            show_error(result.message)
            return
        try:
            layer = add_to(
                self._viewer,
                result.seg,
                job.layer,
                replace=job.replace if job.replace in self._viewer.layers else None,
                at=job.at,
                look=result.look,
            )
        except ValueError as error:
            self._show_idle("No result.")
            show_error(str(error))
            return
        count, seconds = result.seg.n_classes, perf_counter() - job.start
        self._show_idle(f"{layer.name}: {count} classes, {seconds:.2g} s.")

    def _on_warned(self, number: int, warning: tuple[Any, ...]) -> None:
        message, category = warning[:2]
        # Others, such as deprecations in a library, tell the user nothing.
        if self._current(number) is not None and issubclass(category, UserWarning):
            show_warning(str(message))

    def _on_finished(self) -> None:
        self._worker = None
        if self._waiting is not None:
            job, self._waiting = self._waiting, None
            self._start(job)

    def _on_active(self) -> None:
        active = self._viewer.layers.selection.active
        if _is_image(active):
            self._image.value = active

    def _on_image(self) -> None:
        layer = self._image.value
        self._extent.visible = layer is not None and layer.ndim > 2
        self._run_button.enabled = layer is not None and not self.running

    def _show_running(self, name: str) -> None:
        self._run_button.enabled = False
        self._cancel_button.enabled = True
        self._status.value = "Starting …"
        self._bar.max = 0
        self._bar.visible = True
        self._activity = cancelable_progress(desc=f"Segment {name}", total=0)

    def _show_idle(self, status: str) -> None:
        if self._activity is not None:
            self._activity.close()
            self._activity = None
        self._run_button.enabled = self._image.value is not None
        self._cancel_button.enabled = False
        self._status.value = status
        self._bar.visible = False

    def _dress(self) -> None:
        """Give the panel its look: one large button, a thin bar, nothing that jumps."""
        self._run_button.native.setMinimumHeight(32)
        self._cancel_button.native.setMinimumHeight(32)
        buttons = self._buttons.native.layout()
        buttons.setStretch(0, 3)
        buttons.setStretch(1, 1)
        bar = self._bar.native
        bar.setTextVisible(False)
        bar.setFixedHeight(6)
        policy = bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        bar.setSizePolicy(policy)
        status = self._status.native
        status.setWordWrap(True)
        status.setIndent(4)
        status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        for box in (self._image, self._result):
            # A long name is cut in the closed box rather than widening the panel.
            box.native.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.native.setMinimumContentsLength(14)
        self.native.layout().addStretch()
        self._on_theme()

    def _on_theme(self) -> None:
        """Give Run the accent color of napari's theme."""
        accent = get_theme(self._viewer.theme).current.as_hex()
        self._run_button.native.setStyleSheet(
            f"QPushButton:enabled:!hover {{ background-color: {accent} }}"
            "QPushButton { font-weight: bold }"
        )

    def _leave(self) -> None:
        """Stop, and let go of the viewer, when Qt destroys the panel."""
        self._job = self._waiting = None
        if self._worker is not None:
            self._worker.quit()
        if self._activity is not None:
            self._activity.close()
        for event, react in self._reactions():
            event.disconnect(react)

    def _reactions(self) -> list[tuple[Any, Callable[..., None]]]:
        """Return the viewer's events that concern the panel, and what they do."""
        layers = self._viewer.layers
        changes = layers.events
        return [
            (changes.inserted, self.reset_choices),
            (changes.removed, self.reset_choices),
            (changes.reordered, self.reset_choices),
            (changes.renamed, self.reset_choices),
            (layers.selection.events.active, self._on_active),
            (self._viewer.events.theme, self._on_theme),
        ]


def _is_image(layer: object) -> bool:
    return isinstance(layer, Image)


def _work(
    data: Any, params: Params, rgb: bool
) -> Generator[Progress, None, _Success | _Failure]:
    """Segment in the worker's thread; an error becomes a value, so that it is told."""
    try:
        seg = yield from iter_segment(data, params, rgb=rgb)
        return _Success(seg, prepare(seg))
    except (ValueError, TypeError) as error:
        return _Failure(str(error))
    except Exception as error:
        log.exception("segmentation failed")
        return _Failure(f"{type(error).__name__}: {error}")
