"""The panel "Segment": choose an image, run, watch, keep the result."""

from __future__ import annotations

from functools import partial
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Widget
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QTimer

from napari_emseg.layers import CurrentResult, image_data, warm_up
from napari_emseg.widgets.common.docks import share_dock
from napari_emseg.widgets.common.preferences import preferred
from napari_emseg.widgets.common.qt import ScrollArea, order_tabs, pluralize
from napari_emseg.widgets.common.run_events import run_events_of
from napari_emseg.widgets.results.menu import result_button
from napari_emseg.widgets.segment.layer_rows import Controls, LayerBoxes
from napari_emseg.widgets.segment.live_preview import LivePreview, PreviewRequest
from napari_emseg.widgets.segment.params_form import ParamsForm
from napari_emseg.widgets.segment.runner import Failure, Job, Runner, Success, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    from napari_emseg.params import Params
    from napari_emseg.pipeline.preview import PreviewResult

HINT = "Open an image, or a sample from the File menu."
READY = "Press Segment to find the classes."
PAUSED = (
    "Live is paused: “{name}” has edits, which stay. Press Segment for a new result."
)


class SegmentWidget(Container[Widget]):
    """Panel that segments an image layer by color.

    With "Live", any change of the parameters draws a preview at once, and the exact
    result when they rest. Both go into the latest result of the panel. While that has
    edits, LivePreview is paused; "Segment" begins a new result.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where images come from and results go.

    Attributes
    ----------
    form : ParamsForm
        The parameters; read once for each run.
    controls : Controls
        The buttons, and the line of news.
    runner : Runner
        Runs the segmentations.
    live : LivePreview
        Makes the previews.
    current : CurrentResult
        The layer that runs and previews go into.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        # napari hands plugins a proxy, whose layers are proxies and not themselves.
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = viewer
        self.controls = Controls(preferred().live)
        self.runner = Runner(
            on_progress=self.controls.show_progress,
            on_warning=show_warning,
            feed=run_events_of(viewer),
        )
        self.current = CurrentResult(viewer)
        self._boxes = LayerBoxes(viewer)
        self.form = ParamsForm()
        self.form.update(preferred().params)
        self.form.insert(0, self._boxes.image)
        self.form.insert(1, self._boxes.extent)
        self.form.append(self._boxes.output)
        super().__init__(
            labels=False,
            widgets=[self.form, self.controls.buttons, self.controls.news],
        )
        self._dress()
        share_dock(self.native, "Segment")
        self.live = LivePreview(self._on_preview, self._on_rest, self.native)
        # Several rows may change at once; they are read when all have.
        self._changes = QTimer(self.native)
        self._changes.setSingleShot(True)
        self._changes.timeout.connect(self._on_params)
        for row in self.form.rows.values():
            row.changed.connect(lambda: self._changes.start(0))
        self.controls.segment.changed.connect(self.run)
        self.controls.cancel.changed.connect(self.cancel)
        self._boxes.image.changed.connect(self._on_image)
        for event, react in self._reactions():
            event.connect(react)
        self.native.destroyed.connect(self._leave)
        self.reset_choices()
        self._on_active()
        self._show_idle(HINT if self._boxes.image.value is None else READY)
        # Now rather than at the end of the first run, which would have to wait.
        Thread(target=warm_up, name="napari-emseg warm-up").start()

    @property
    def running(self) -> bool:
        """Whether a result is on its way: a run, or one that waits for a rest."""
        waiting = self.live.waiting or self._changes.isActive()
        return self.runner.running or waiting

    def run(self) -> None:
        """Segment the chosen image; a run that is under way is dropped first."""
        self._drop()
        try:
            request = self._read()
        except ValueError as error:
            self._show_idle("")
            show_error(str(error))
            return
        replace = self._boxes.replace
        unfinished = self.current.fitting(request.image, request.at) is not None
        if replace is not None or not (unfinished and self.current.previewing):
            self.current.settle()
        self._start(request, replace)

    def cancel(self) -> None:
        """Stop the run, if there is one; layers are as they were before."""
        if self.running or self.current.previewing:
            self._drop()
            self.current.cancel()
            self._show_idle("Canceled.")

    def adopt(self, params: Params) -> None:
        """Show parameters whose result is there; later changes make another layer."""
        self._drop()
        self.current.settle()
        self.form.update(params)
        self._changes.stop()

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list; a chosen layer stays chosen if it is renamed."""
        self._boxes.reset()
        self._on_image()

    def _read(self) -> PreviewRequest:
        """Read the panel once: what to segment, and how.

        Raises
        ------
        ValueError
            If there is no image, or the choices do not go together.
        """
        layer = self._boxes.image.value
        if layer is None:
            raise ValueError(f"there is no image layer to segment. {HINT}")
        return PreviewRequest(layer, self._boxes.part, self.form.params)

    def _start(self, request: PreviewRequest, replace: Labels | None) -> None:
        target = Target(request, replace, perf_counter())
        self.controls.show_start()
        self.runner.start(
            Job(
                name=request.image.name,
                data=image_data(request.image, request.at),
                params=request.params,
                rgb=request.image.rgb,
                on_end=partial(self._on_end, target),
                plan=target.plan,
            )
        )

    def _drop(self) -> None:
        """Drop what is under way; a preview stays on the canvas."""
        self._changes.stop()
        self.live.stop()
        self.runner.cancel()

    def _on_params(self) -> None:
        """Show at once what a change of the parameters does."""
        if not self.controls.live.value or self._boxes.image.value is None:
            return
        self.runner.cancel()
        try:
            request = self._read()
        except ValueError as error:
            self._drop()
            self.current.cancel()
            self._show_idle(f"No preview: {error}")
            return
        if self._paused(request):
            return
        if self.current.fitting(request.image, request.at) is None:
            self.current.settle()
        self.controls.show_preview(None)
        self.live.follow(request)

    def _paused(self, request: PreviewRequest) -> bool:
        """Leave a result with edits as it is, and say so."""
        layer = self.current.edits(request.image, request.at)
        if layer is None:
            return False
        self._drop()
        self._show_idle(PAUSED.format(name=layer.name))
        return True

    def _on_preview(
        self,
        request: PreviewRequest,
        glimpse: PreviewResult,
        colormap: DirectLabelColormap,
    ) -> None:
        # It may have been edited since the preview was asked for.
        if self._paused(request):
            return
        self.current.draw(request.image, request.at, glimpse.labels, colormap)
        if not self.runner.running:
            self.controls.show_preview(glimpse.model.n_classes)

    def _on_rest(self, request: PreviewRequest) -> None:
        if not self._paused(request):
            self._start(request, None)

    def _on_end(self, target: Target, result: Success | Failure | None) -> None:
        self.live.stop()
        if result is None:
            self.current.cancel()
            self._show_idle("Canceled.")
            return
        try:
            self._show_idle(self._keep(target, result))
        except (TypeError, ValueError) as error:
            self.current.cancel()
            self._show_idle("No result.")
            show_error(str(error))

    def _keep(self, target: Target, result: Success | Failure) -> str:
        """Put the result into a layer and say so.

        Raises
        ------
        TypeError, ValueError
            If there is no result, or it does not fit the image any more.
        """
        if isinstance(result, Failure):
            raise ValueError(result.message)
        seconds = perf_counter() - target.start
        layer = target.update(self._viewer, result)
        if layer is None:
            request = target.request
            layer = self.current.keep(
                result.seg, request.image, request.at, result.look
            )
        # A preview becomes a result without any change of the layer list.
        self.reset_choices()
        found = pluralize(result.seg.n_classes, "class", "es")
        return f"{layer.name}: {found}, {seconds:.2g} s."

    def _on_active(self) -> None:
        self._boxes.turn_to(self._viewer.layers.selection.active)

    def _on_image(self) -> None:
        layer = self._boxes.image.value
        self._boxes.show_extent()
        if not self.running:
            self.controls.segment.enabled = layer is not None
            if layer is not None and self.controls.status.value == HINT:
                self.controls.status.value = READY

    def _on_removed(self, *_: Any) -> None:
        """Let go of pictures and previews whose layers are gone."""
        self.live.forget()
        if self.current.lost:
            self.cancel()
            self.current.release()
        self.reset_choices()

    def _show_idle(self, status: str) -> None:
        self.controls.show_idle(status, ready=self._boxes.image.value is not None)

    def _dress(self) -> None:
        """Let a long panel scroll, and follow the theme."""
        # On a small screen the rows scroll, and "Segment" stays in sight.
        self.native.layout().insertWidget(0, ScrollArea(self.form.native))
        self.controls.news.native.layout().addWidget(result_button(self._viewer))
        self.native.layout().addStretch()
        order_tabs(self.native.layout())
        self._on_theme()

    def _on_theme(self) -> None:
        self.controls.show_theme(self._viewer.theme)

    def _leave(self) -> None:
        """Stop, and let go of the viewer, when Qt destroys the panel."""
        self._changes.stop()
        self.live.close()
        self.runner.cancel()
        self.current.settle()
        for event, react in self._reactions():
            event.disconnect(react)

    def _reactions(self) -> list[tuple[Any, Callable[..., None]]]:
        """Return the viewer's events that concern the panel, and what they do."""
        layers = self._viewer.layers
        changes = layers.events
        return [
            (changes.inserted, self.reset_choices),
            (changes.removed, self._on_removed),
            (changes.reordered, self.reset_choices),
            (changes.renamed, self.reset_choices),
            (layers.selection.events.active, self._on_active),
            (self._viewer.events.theme, self._on_theme),
        ]
