"""The panel "Segment": choose an image, run, watch, keep the result."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from magicgui.widgets import Container, Widget
from napari.layers import Image
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout

from napari_emseg.layers import LiveResult
from napari_emseg.layers.pictures.stored_result import add_stored
from napari_emseg.widgets.common.background import PAUSE, BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, share_dock, stop
from napari_emseg.widgets.common.followed_history import FollowedHistory
from napari_emseg.widgets.common.history_button import HistoryButton
from napari_emseg.widgets.common.keys import REDO, UNDO, Key, Keys
from napari_emseg.widgets.common.pause import collect_in_pauses
from napari_emseg.widgets.common.preferences import preferred
from napari_emseg.widgets.common.qt import ScrollArea, focus_ring, order_tabs
from napari_emseg.widgets.common.run_events import run_events_of
from napari_emseg.widgets.results.dialogs import ask_store
from napari_emseg.widgets.results.menu import result_button
from napari_emseg.widgets.segment.axes_rows import AxesRows
from napari_emseg.widgets.segment.layer_rows import Controls, LayerBoxes
from napari_emseg.widgets.segment.live_preview import LivePreview
from napari_emseg.widgets.segment.params_form import ParamsForm
from napari_emseg.widgets.segment.result_classes import ListedLabels, ResultClasses
from napari_emseg.widgets.segment.run_action import RunTarget
from napari_emseg.widgets.segment.segment_request import (
    HINT,
    LARGE,
    PAUSED,
    READY,
    requests_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    from napari_emseg.layers.live_result import LiveState
    from napari_emseg.params import Params
    from napari_emseg.pipeline.preview import PreviewResult
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.widgets.segment.segment_request import Result, SegmentRequest


class SegmentWidget(Container[Widget]):
    """Panel that segments an image layer by color.

    With "Live", any change of the parameters shows a preview at once, and the exact
    result when they stay the same for a moment. Both go into the latest result of the
    panel. While that has edits, "Live" is paused; "Segment" begins a new result.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where images come from and results go.

    Attributes
    ----------
    form : ParamsForm
        The parameters; read once for each run.
    axes_rows : AxesRows
        Which layers are the picture, and what their axes are.
    controls : Controls
        The buttons, and the status line.
    runner : BackgroundQueue
        Computes the segmentations.
    live : LivePreview
        Makes the previews.
    current : LiveResult
        The layer that results and previews go into.
    classes : ResultClasses
        What is in it.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        # napari hands plugins a proxy, whose layers are proxies and not themselves.
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = viewer
        self.controls = Controls(preferred().live)
        self.runner = BackgroundQueue(
            self._on_error, on_cancel=self.cancel, on_warning=self._on_warning
        )
        self.current = LiveResult(viewer)
        listed = ListedLabels(viewer, self.runner)
        self.classes = ResultClasses(viewer, listed, self._edit)
        self.history = FollowedHistory(
            viewer, self._cancel_last, self.say, self.classes.on_action
        )
        self.history_button = HistoryButton(self._go_to)
        self._events = run_events_of(viewer)
        self._request: SegmentRequest | None = None  # the last one
        self._waiting: list[SegmentRequest] = []  # those that follow it
        self._last_progress = "", 0.0  # stage and time of what is displayed
        self._boxes = LayerBoxes(viewer)
        self.form = ParamsForm()
        self.form.update(preferred().params)
        self._settled = self.form.params  # those that undo goes back to
        self.axes_rows = AxesRows(viewer, self.form.rows)
        # Above the rows of parameters, of which the first are about axes.
        for place, row in enumerate([self._boxes.image, *self.axes_rows.rows]):
            self.form.insert(place, row)
        planes = self.form.index(self.form.rows["planes"])
        self.form.insert(planes, self.axes_rows.extent)
        self.form.append(self._boxes.output)
        parts = [self.form, self.controls.buttons, self.controls.footer]
        super().__init__(labels=False, widgets=parts)
        self._lay_out()
        share_dock(self.native, "Segment")
        self.live = LivePreview(self._on_preview, self._on_rest)
        self._changes = QTimer()  # several rows may change at once
        self._changes.setSingleShot(True)
        self._changes.timeout.connect(self._on_params)
        for row in self.form.rows.values():
            row.changed.connect(lambda: self._changes.start(0))
        self.controls.segment.changed.connect(self.run)
        self.controls.cancel.changed.connect(self.cancel)
        self._boxes.image.changed.connect(self._on_image)
        self.axes_rows.changed.connect(lambda: self._changes.start(0))
        self._old_objects = collect_in_pauses(viewer, self.native)
        self.keys = Keys(
            viewer,
            [
                Key(UNDO, "Undo the last action, on any layer", self.history.undo),
                Key(REDO, "Redo it", self.history.redo),
                Key("Ctrl+Enter", "Segment", self.run),
            ],
        )
        self.cancel_keys = Keys(viewer, [Key("Escape", "Cancel", self.cancel)])
        ends = self._on_open, self._on_close
        self._docking = Docking(self.native, viewer, self._reactions(), *ends)
        self._show_idle(HINT if self._boxes.image.value is None else READY)

    @property
    def running(self) -> bool:
        """Whether a result is being computed, or waits for parameters to stay."""
        waiting = self.live.waiting or self._changes.isActive()
        return self.runner.running or waiting

    def run(self) -> None:
        """Segment the chosen image; a run that is under way is canceled first."""
        self._cancel_all()
        try:
            request, *self._waiting = self._read(self._boxes.replace)
        except ValueError as error:
            self._show_idle(f"No result: {error}")
            show_error(str(error))
            return
        if request.large:
            path = ask_store(self.native, request.image.lead)
            if path is None:
                self._show_idle("No place was chosen for the labels.")
                return
            request = replace(request, out=path)
        unfinished = self.current.fitting(request.image, request.at) is not None
        if request.replace is not None or not (unfinished and self.current.previewing):
            self.current.settle()
        self._start(request)

    def cancel(self) -> None:
        """Stop the run, if there is one; layers are as they were before."""
        if self.running or self.current.previewing:
            self._cancel_all()
            self.current.cancel()
            self._show_idle("Canceled.")

    def adopt(self, params: Params) -> None:
        """Show the parameters of a result; later changes make another layer."""
        self._cancel_all()
        self.current.settle()
        self._show(params)

    def _show(self, params: Params) -> None:
        """Show parameters, and ask for no preview of them."""
        self.form.update(params)
        self.axes_rows.adopt(params.planes)
        self._changes.stop()
        self._settled = params

    def _go_to(self, count: int) -> None:
        """Undo or redo until so many actions are done."""
        self._cancel_last()
        self.history.go_to(count)

    def _cancel_last(self) -> bool:
        """Cancel a run or a preview, and show the parameters from before it."""
        if not (self.running or self.current.previewing):
            return False
        self.cancel()
        self._show(self._settled)
        return True

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list; a chosen layer stays chosen if it is renamed."""
        self._boxes.reset()
        self.classes.refresh()
        self._on_image()

    def _on_open(self) -> None:
        self._old_objects.hold()
        self.runner.open()
        self.live.open()
        self.history.open()
        self.history_button.follow(self.history.actions)
        self.keys.bind()
        self.reset_choices()
        self._on_active()
        self._on_theme()

    def _on_close(self) -> None:
        # Napari connects this when it docks a panel, and leaves it so.
        self._viewer.layers.events.removed.disconnect(self.reset_choices)
        stop(self._changes)
        running = self.runner.running
        self.live.close()
        self.runner.close()
        if running:
            self._events.end()
        self.current.settle()
        self.keys.release()
        self.cancel_keys.release()
        self.history_button.leave()
        self.history.close()
        self._old_objects.release()

    def _read(self, replace: Labels | None = None) -> list[SegmentRequest]:
        """Return what the panel asks for: one request, or one for each layer."""
        over = self.current.settled
        return requests_of(self.axes_rows, self.form.params, replace, over)

    def _start(self, request: SegmentRequest) -> None:
        self._cancel_run()
        self._request = request
        self.controls.show_start()
        self.cancel_keys.bind()
        self._events.started.emit(request.read)
        self.runner.run(
            request.iter_segment,
            partial(self._on_result, request, perf_counter()),
            on_step=self._on_progress,
            title=f"Segment {request.image.name}",
        )

    def _cancel_all(self) -> None:
        """Cancel what is under way; a preview stays on the canvas."""
        self._changes.stop()
        self._waiting = []
        self.live.stop()
        self._cancel_run()

    def _cancel_run(self) -> None:
        if self.runner.cancel():
            self._events.ended.emit()

    def _on_params(self) -> None:
        """Ask for a preview of the changed parameters."""
        if not self.controls.live.value or self._boxes.image.value is None:
            return
        self._cancel_run()
        self._waiting = []
        try:
            request, *others = self._read()
        except ValueError as error:
            self._cancel_all()
            self.current.cancel()
            self._show_idle(f"No preview: {error}")
            return
        if others:
            self._cancel_all()
            self.current.cancel()
            self._show_idle("Live is for one picture: press Segment for each layer.")
            return
        if self._paused(request):
            return
        if self.current.fitting(request.image, request.at) is None:
            self.current.settle()
        self._request = request
        self.controls.show_preview(None)
        self.cancel_keys.bind()
        self.live.follow(request)

    def _paused(self, request: SegmentRequest) -> bool:
        """Return whether the result has edits; then cancel, and say so."""
        layer = self.current.edits(request.image, request.at)
        if layer is None:
            return False
        self._cancel_all()
        self._show_idle(PAUSED.format(name=layer.name))
        return True

    def _on_preview(
        self,
        request: SegmentRequest,
        preview: PreviewResult,
        colormap: DirectLabelColormap,
    ) -> None:
        # It may have been edited since the preview was asked for.
        if self._gone(request) or self._paused(request):
            return
        colors = self.classes.colormap(colormap)
        layer = self.current.draw(request.image, request.at, preview.labels, colors)
        self.classes.follow(layer, settled=False)
        if request.large:
            self.controls.show_idle(LARGE, ready=True)
        elif not self.runner.running:
            self.controls.show_preview(preview.model.n_classes)

    def _on_rest(self, request: SegmentRequest) -> None:
        if self._gone(request) or self._paused(request):
            return
        if request.large:
            self.controls.show_idle(LARGE, ready=True)
            return
        self._start(request)

    def _on_progress(self, progress: Progress) -> None:
        if progress.state is not None:
            self._events.stepped.emit(progress.state)
        # Drawing each of many short steps would take longer than the steps.
        stage, moment = self._last_progress
        if progress.stage != stage or perf_counter() - moment >= PAUSE:
            self.controls.show_progress(progress)
            self._last_progress = progress.stage, perf_counter()

    def _on_result(self, request: SegmentRequest, start: float, result: Result) -> None:
        """Put a result into a layer, and say so."""
        if self._gone(request):
            return
        seg, style, _, found = result
        seconds = perf_counter() - start
        self.live.stop()
        if style is None:
            assert request.out is not None
            self.current.settle()
            place = request.image, request.at
            layer = add_stored(self._viewer, seg, *place, request.out)
        else:
            layer = self._keep(request, result)
        self.form.show_found(request.params, seg.n_classes)
        self.classes.follow(layer)
        self.reset_choices()
        self._show_idle(f"{layer.name}: {found}, {seconds:.2g} s.")
        self._events.ended.emit()
        if self._waiting:
            request, *self._waiting = self._waiting
            self.current.settle()
            self._start(request)

    def _keep(self, request: SegmentRequest, result: Result) -> Labels:
        """Put a result into a layer, as one action."""
        seg, style, plan, found = result
        assert style is not None
        with self.history.actions.as_one() as made:
            target = RunTarget.of(
                self.current, request, self._settled, self._viewer.layers
            )
            layer = self.current.keep(
                seg,
                request.image,
                request.at,
                style,
                replace=request.replace,
                plan=plan,
                max_bytes=preferred().history_bytes,
            )
            text = f"segmented {request.image.name} into {found}"
            self._settled = request.params
            again = WeakMethod(self.show_again)
            made.append(
                target.action(
                    layer,
                    (request.params, self.current.state),
                    lambda *form: (again() or _ignore)(*form),
                    self.history.actions.manual_edits,
                    text,
                )
            )
        return layer

    def show_again(self, params: Params, state: LiveState) -> None:
        """Show the form of an action, and overwrite what was overwritten with it."""
        if self._docking.opened:
            self._show(params)
            self.current.restore(state)

    def say(self, text: str) -> None:
        """Say what was done, in any panel, unless a run is under way."""
        if not self.running:
            self._show_idle(text)

    def _gone(self, request: SegmentRequest) -> bool:
        """Return whether what a request is for is no more; then cancel, and say so."""
        reason = request.reason_to_stop(self._viewer.layers)
        if reason:
            self._cancel_all()
            self.current.cancel()
            self._events.ended.emit()
            self._show_idle(f"Canceled: {reason}.")
        return bool(reason)

    def _on_error(self, message: str) -> None:
        if self._request is not None and self._gone(self._request):
            return
        self.live.stop()
        self.current.cancel()
        self._show_idle(f"No result: {message}")
        self._events.ended.emit()
        show_error(message)

    def _on_warning(self, text: str) -> None:
        # The line has room for it after the result, unless the next run needs it.
        done = self.controls.status.value
        show_warning(text) if self.running else self.say(f"{done} {text}")

    def _on_active(self) -> None:
        self._boxes.turn_to(self._viewer.layers.selection.active)

    def _on_selection(self) -> None:
        chosen = self._viewer.layers.selection
        if all(isinstance(layer, Image) for layer in chosen):
            self.axes_rows.select(
                [layer for layer in self._viewer.layers if layer in chosen]
            )

    def _on_image(self) -> None:
        layer, waiting = self._boxes.image.value, self._changes.isActive()
        self.axes_rows.show(layer)
        if not waiting:  # what suits the axes is no change that the user has made
            self._changes.stop()
        if not self.running:
            self.controls.segment.enabled = layer is not None
            if layer is not None and self.controls.status.value == HINT:
                self.controls.status.value = READY

    def _on_removed(self, *_: Any) -> None:
        """Forget images and previews whose layers were removed."""
        self.live.forget()
        if self.running and self._request is not None:
            self._gone(self._request)
        if self.current.lost:
            self.cancel()
            self.current.release()
        self.reset_choices()

    def _edit(self) -> None:
        import_module("napari_emseg.widgets.manifest_commands").open_edit(self._viewer)

    def _show_idle(self, status: str) -> None:
        self._request = None
        self.classes.refresh(settled=not self.current.previewing)
        self.cancel_keys.release()
        self.controls.show_idle(status, ready=self._boxes.image.value is not None)

    def _lay_out(self) -> None:
        """Let a long panel scroll, and follow the theme."""
        # On a small screen the rows scroll, and "Segment" stays visible.
        self.native.layout().insertWidget(0, ScrollArea(self.form.native))
        footer = self.controls.footer.native.layout()
        row = QHBoxLayout()
        row.addWidget(self.history_button, 1)
        row.addWidget(result_button(self._viewer))
        footer.addLayout(row)
        self.native.layout().addWidget(self.classes, 1)
        self.native.layout().addStretch()
        order_tabs(self.native.layout())

    def _on_theme(self) -> None:
        self.native.setStyleSheet(focus_ring(self._viewer.theme))
        self.controls.show_theme(self._viewer.theme)
        self.classes.apply_theme(self._viewer.theme)

    def _reactions(self) -> list[tuple[Any, Callable[..., None]]]:
        """Return the viewer's events that concern the panel, and what they do."""
        layers = self._viewer.layers
        return [
            (layers.events.inserted, self.reset_choices),
            (layers.events.removed, self._on_removed),
            (layers.events.reordered, self.reset_choices),
            (layers.events.renamed, self.reset_choices),
            (layers.selection.events.active, self._on_active),
            (layers.selection.events.changed, self._on_selection),
            (self._viewer.events.theme, self._on_theme),
        ]


def _ignore(*_: object) -> None:
    """Stand for a panel that is gone."""
