"""The fit that the panel "Model" shows: of the chosen result, or one under way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_emseg.layers import (
    FitRecord,
    add_to,
    fit_record_of,
    image_of,
    is_result,
    prepare_style,
    remember_fit,
)
from napari_emseg.layers.fit_records import fit_request_of
from napari_emseg.layers.metadata import entry_of
from napari_emseg.pipeline.fitting import check_start
from napari_emseg.pipeline.segment import iter_input
from napari_emseg.widgets.common.run_events import run_events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.layers import LayerStyle
    from napari_emseg.layers.fit_records import FitRequest
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.widgets.common.background import BackgroundQueue


# Qt is untyped here, so a class of it is Any to mypy.
class FollowedFit(QObject):  # type: ignore[misc]
    """Follows the results of a viewer, and its runs while they are under way.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the results are.
    background : BackgroundQueue
        Where a fit is done again.

    Attributes
    ----------
    changed : Signal
        Another run is to be shown, or none.
    grown : Signal
        The run that is under way has another state.
    edited : Signal
        The labels of the result were changed by hand or by an action.
    layer : napari.layers.Labels or None
        The result.
    run : FitRecord or None
        Of the result; None if it is not known, or still under way.
    states : list of FitState
        Its iterations.
    live : bool
        Whether the run is under way.
    find : callable or None
        Gives the `SegmentationInput` of the image.
    """

    changed = Signal()
    grown = Signal()
    edited = Signal()

    def __init__(self, viewer: ViewerModel, background: BackgroundQueue) -> None:
        super().__init__()
        self._viewer, self._background = viewer, background
        self.layer: Labels | None = None
        self.run: FitRecord | None = None
        self.states: list[FitState] = []
        self.live = False
        self.find: Callable[[], SegmentationInput] | None = None
        self._fitting = False
        # Whether what is shown is of a run that is over, and not of the layer.
        self._stale = False
        self._events = run_events_of(viewer)

    @property
    def likelihood(self) -> bool:
        """Whether the objective is a log-likelihood, and not an inertia."""
        return bool(self.states) and self.states[-1].model.has_likelihood

    def follow(self, event: object = None) -> None:
        """Follow the result that is active in the layer list, or else the last one."""
        active = self._viewer.layers.selection.active
        kept = self.layer if self.layer in self._viewer.layers else None
        layer = active if is_result(active) else kept
        run = None if layer is None else fit_record_of(layer)
        run = run if run is not None and run.states else None
        same = layer is self.layer and run is self.run and not self._stale
        if not self.live and not same:
            self._listen(layer)
            self._show(layer, run)

    def fit_again(self) -> None:
        """Fit the image of the result as it was, to see the iterations.

        Raises
        ------
        ValueError
            If there is no image, or no fit.
        """
        layer = self.layer
        if layer is None:
            raise ValueError("there is no result; choose one in the layer list")
        fit = fit_request_of(self._viewer, layer)
        if fit.args.model is not None:
            raise ValueError(
                f"{layer.name!r} was labeled by a model that was given, so nothing was "
                "fitted; look at the result of the fit that the model is from"
            )
        self._fitting = True
        self._events.started.emit(fit.read)
        self._background.run(
            lambda: fit.iterate(fit.read()),
            partial(self._on_fitted, layer, fit),
            on_step=self._on_progress,
        )

    def fit_from(self, model: Model) -> None:
        """Fit the image of the result from a model, and put the labels into its layer.

        Parameters
        ----------
        model : Model
            Such as one whose classes were moved.

        Raises
        ------
        ValueError
            If a fit cannot start from it.
        """
        layer, run = self.layer, self.run
        if layer is None or run is None:
            return
        params = run.params.replace(n_classes=model.n_classes)
        check_start(model, params)

        def steps() -> Generator[Progress, None, tuple[Segmentation, LayerStyle]]:
            seg = yield from iter_input(run.source, params, start=model)
            return seg, prepare_style(seg)

        self._fitting = True
        self._events.started.emit(partial(_source_of, run))
        self._background.run(
            steps, partial(self._on_fitted_from, layer), on_step=self._on_progress
        )

    def _on_fitted_from(
        self, layer: Labels, made: tuple[Segmentation, LayerStyle]
    ) -> None:
        if layer in self._viewer.layers:
            at = entry_of(layer).get("at")
            image = image_of(self._viewer, layer)
            at = None if at is None else tuple(at)
            seg, look = made
            add_to(self._viewer, seg, image, replace=layer, at=at, look=look)

    def end(self) -> None:
        """Stop following a run that is under way."""
        self.live, self._stale = False, True
        # By then the result, if there is one, is in its layer.
        QTimer.singleShot(0, self.follow)

    def on_idle(self) -> None:
        """End a fit of this object, which may have failed or been canceled."""
        if self._fitting:
            self._fitting = False
            self._events.end()

    def open(self) -> None:
        """Connect to the events of the viewer and of its runs."""
        for event, react in self._reactions():
            event.connect(react)
        self.follow()

    def close(self) -> None:
        """Disconnect from all events."""
        self.on_idle()
        for event, react in self._reactions():
            event.disconnect(react)
        self._listen(None)
        self.live, self.layer, self.run, self.states = False, None, None, []
        self._stale = True

    def _show(self, layer: Labels | None, run: FitRecord | None) -> None:
        self.layer, self.run, self._stale = layer, run, False
        self.states = [] if run is None else list(run.states)
        self.find = None if run is None else partial(_source_of, run)
        self.changed.emit()

    def _listen(self, new: Labels | None) -> None:
        """Connect to the events of a result: edits, and updates of its features."""
        if self.layer is new:
            return
        if self.layer is not None:
            self.layer.events.features.disconnect(self.follow)
            self.layer.events.paint.disconnect(self._on_paint)
        if new is not None:
            new.events.features.connect(self.follow)
            new.events.paint.connect(self._on_paint)

    def _on_removed(self, event: object = None) -> None:
        """End a fit of this object if its result is not there any more."""
        if self._fitting and self.layer not in self._viewer.layers:
            self._background.cancel()
        self.follow()

    def _on_paint(self, event: object = None) -> None:
        self.edited.emit()

    def _on_started(self, find: Callable[[], SegmentationInput]) -> None:
        self.live, self.run, self.states, self.find = True, None, [], find
        self.changed.emit()

    def _on_stepped(self, state: FitState) -> None:
        if self.live:
            self.states.append(state)
            self.grown.emit()

    def _on_progress(self, progress: Progress) -> None:
        if progress.state is not None:
            self._events.stepped.emit(progress.state)

    def _on_fitted(self, layer: Labels, fit: FitRequest, seg: Segmentation) -> None:
        remember_fit(layer, FitRecord.of(seg, fit.step))

    def _reactions(self) -> list[tuple[Any, Callable[..., None]]]:
        layers, runs = self._viewer.layers, self._events
        of_layers = [
            (layers.events.removed, self._on_removed),
            (layers.selection.events.active, self.follow),
        ]
        if not (isalive(runs) and isalive(self)):  # Qt has disconnected them
            return of_layers
        return [
            (runs.started, self._on_started),
            (runs.stepped, self._on_stepped),
            (runs.ended, self.end),
            *of_layers,
        ]


def _source_of(run: FitRecord) -> SegmentationInput:
    return run.source
