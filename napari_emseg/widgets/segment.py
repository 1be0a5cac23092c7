"""The panel "Segment": choose an image, run, watch, keep the result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label, ProgressBar, PushButton, Widget
from napari.layers import Image, Labels
from napari.utils.notifications import show_error, show_warning
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_emseg.layers import (
    add_to,
    displayed,
    image_data,
    is_result,
    warm_up,
)
from napari_emseg.widgets.form import ParamsForm
from napari_emseg.widgets.preferences import preferred
from napari_emseg.widgets.runner import Failure, Job, Runner, Success
from napari_emseg.widgets.scroll import ScrollArea

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components

    from napari_emseg.layers import At
    from napari_emseg.segment import Progress

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
class _Target:
    """Where the result of a run goes, as the panel said when Run was pressed."""

    layer: Image
    at: At | None
    replace: Labels | None
    start: float


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
    runner : Runner
        Runs the segmentations.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        self._viewer = viewer
        self.runner = Runner(on_progress=self._on_progress, on_warning=show_warning)
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
        self.form.update(preferred().params)
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
        self._news = Container[Widget](labels=False, widgets=[self._bar, self._status])
        super().__init__(
            labels=False,
            widgets=[
                self.form,
                self._buttons,
                self._news,
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
        # Now rather than at the end of the first run, which would have to wait.
        Thread(target=warm_up, name="napari-emseg warm-up").start()

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.runner.running

    def run(self) -> None:
        """Segment the chosen image; a run that is under way is dropped first."""
        self.cancel()
        try:
            job = self._read()
        except ValueError as error:
            show_error(str(error))
            return
        self._run_button.enabled = False
        self._cancel_button.enabled = True
        self._status.value = "Starting …"
        self._bar.max = 0
        self._bar.visible = True
        self.runner.start(job)

    def cancel(self) -> None:
        """Stop the run, if there is one; layers stay as they are."""
        if self.running:
            self.runner.cancel()
            self._show_idle("Canceled.")

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list; a chosen layer stays chosen if it is renamed."""
        for box in (self._image, self._result):
            chosen = box.value
            box.reset_choices()
            if chosen in box.choices:
                box.value = chosen
        self._on_image()

    def _read(self) -> Job:
        """Read the panel once: what to segment, and where the result goes.

        Raises
        ------
        ValueError
            If there is no image, or the choices do not go together.
        """
        layer = self._image.value
        if layer is None:
            raise ValueError(f"there is no image layer to segment. {HINT}")
        sliced = layer.ndim > 2 and self._extent.value == SLICE
        at = displayed(self._viewer, layer) if sliced else None
        replace = self._result.value
        target = _Target(layer, at, None if replace == NEW else replace, perf_counter())
        return Job(
            name=layer.name,
            data=image_data(layer, at),
            params=self.form.params,
            rgb=layer.rgb,
            on_end=partial(self._on_end, target),
        )

    def _on_progress(self, progress: Progress) -> None:
        stage = STAGES.get(progress.stage, progress.stage)
        counted = f" {progress.done} of {progress.total}" if progress.total > 1 else ""
        self._status.value = f"{stage}{counted} …"
        self._bar.max = progress.total
        self._bar.value = progress.done if progress.total else 0

    def _on_end(self, target: _Target, result: Success | Failure | None) -> None:
        if result is None:
            self._show_idle("Canceled.")
            return
        try:
            self._show_idle(self._keep(target, result))
        except ValueError as error:
            self._show_idle("No result.")
            show_error(str(error))

    def _keep(self, target: _Target, result: Success | Failure) -> str:
        """Put the result into a layer and say so.

        Raises
        ------
        ValueError
            If there is no result, or it does not fit the image any more.
        """
        if isinstance(result, Failure):
            raise ValueError(result.message)
        seconds = perf_counter() - target.start
        layer = add_to(
            self._viewer,
            result.seg,
            target.layer,
            replace=target.replace if target.replace in self._viewer.layers else None,
            at=target.at,
            look=result.look,
        )
        return f"{layer.name}: {result.seg.n_classes} classes, {seconds:.2g} s."

    def _on_active(self) -> None:
        active = self._viewer.layers.selection.active
        if _is_image(active):
            self._image.value = active

    def _on_image(self) -> None:
        layer = self._image.value
        self._extent.visible = layer is not None and layer.ndim > 2
        self._run_button.enabled = layer is not None and not self.running

    def _show_idle(self, status: str) -> None:
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
        left, _, right, bottom = self._news.margins
        self._news.margins = (left, 0, right, bottom)
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
        # On a small screen the rows scroll, and Run stays in sight.
        self.native.layout().insertWidget(0, ScrollArea(self.form.native))
        self.native.layout().addStretch()
        self._on_theme()

    def _on_theme(self) -> None:
        """Give Run and the bar the accent color of napari's theme."""
        accent = get_theme(self._viewer.theme).current.as_hex()
        self._run_button.native.setStyleSheet(
            f"QPushButton:enabled:!hover {{ background-color: {accent} }}"
            "QPushButton { font-weight: bold }"
        )
        self._bar.native.setStyleSheet(
            f"QProgressBar::chunk {{ background-color: {accent} }}"
        )

    def _leave(self) -> None:
        """Stop, and let go of the viewer, when Qt destroys the panel."""
        self.runner.cancel()
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
