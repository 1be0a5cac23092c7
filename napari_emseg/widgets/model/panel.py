"""The panel "Model": a fit, iteration by iteration, in figures and on the canvas."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_emseg.plot.convergence_view import objective_kind
from napari_emseg.plot.feature_cloud import read_feature_cloud
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, share_dock, stop
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import order_tabs, push_button
from napari_emseg.widgets.common.status_line import tell_error
from napari_emseg.widgets.common.work_strip import WorkStrip
from napari_emseg.widgets.model.figure_files import ExportedView, FigureFiles
from napari_emseg.widgets.model.followed_fit import FollowedFit
from napari_emseg.widgets.model.hand_steps import HandSteps
from napari_emseg.widgets.model.iteration_layer import IterationLayer, place_in_source
from napari_emseg.widgets.model.panel_figures import (
    CLOUD,
    FigureData,
    Figures,
    find_colors,
    prepare_drawing,
)
from napari_emseg.widgets.model.view_controls import FeatureAxes, Transport

if TYPE_CHECKING:
    import napari.components

    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.layers import FitRecord
    from napari_emseg.plot.theme import Theme

DRAWING = "drawing"
# Milliseconds between two drawings of a run that is under way, at least.
FRAME = 40
EMPTY = "Segment an image, or choose a result in the layer list."
UNKNOWN = (
    "{name}: its iterations are not known here. The same fit gives them again, if the "
    "image is still there."
)
# What an objective is of, by its kind.
_KINDS = {
    "exact": "all colors",
    "bound": "colors in groups",
    "sample": "a sample of the pixels",
    "smooth": "all pixels, with smoothing",
}
LEVELS = (
    "A fit goes from coarse to fine, level by level.\n"
    "Colors in groups: similar colors count as one, with the spread that they have. "
    "There are 2 to the power of so many bits of groups along each feature. The "
    "log-likelihood of groups is a lower bound of the true one (inertia: an upper "
    "one), so that it may jump between levels.\n"
    "All colors: the objective is exact.\n"
    "With smoothing: neighbors count, too, so that it is that of another model."
)


# Qt is untyped here, so a class of it is Any to mypy.
class ModelWidget(QWidget):  # type: ignore[misc]
    """Panel that shows how a result was fitted.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the results are.

    Attributes
    ----------
    followed_fit : FollowedFit
        The run that is shown.
    drawing : FigureData or None
        What the figures show besides; None until that is counted.
    figures : Figures
        Cloud, histograms and objective.
    transport : Transport
        Play and slider.
    axes : FeatureAxes
        The features that are drawn.
    iteration : IterationLayer
        The labels of the iteration on the canvas.
    on_canvas : QCheckBox
        Whether they are shown.
    again : QPushButton
        Fits a result again whose iterations are not known.
    hand : HandSteps
        Half steps, and classes that are moved by hand.
    saver : FigureFiles
        Writes figures and movies.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        viewer = self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(
            tell_error, self._on_busy, on_warning=self.say
        )
        self.iteration = IterationLayer(viewer, self.background)
        self.followed_fit = FollowedFit(viewer, self.background)
        self.drawing: FigureData | None = None
        self._waiting = False  # for labels
        self._watched: list[FitState] = []  # while the run was under way
        self._make()
        self._lay_out()
        share_dock(self, "Model")
        self._redraw = QTimer()
        self._redraw.setInterval(FRAME)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._on_redraw)
        self.followed_fit.changed.connect(self._on_followed_fit)
        self.followed_fit.grown.connect(self._on_grown)
        self.followed_fit.edited.connect(self._on_edited)
        self._load()
        reactions = [
            (viewer.events.theme, self._on_theme),
            (viewer.dims.events.current_step, self._on_dims),
        ]
        self._docking = Docking(self, viewer, reactions, self._on_open, self._on_close)

    @property
    def theme(self) -> Theme:
        """Colors of figures."""
        return find_colors(self._viewer.theme)

    def colors_of(self, model: Model) -> Any:
        """Colors (K, 3) in [0, 1] of the classes of a state's model."""
        run = self.followed_fit.run
        # A class that ends without pixels is in the states, but not in the result.
        if run is not None and len(run.colors) == model.n_classes:
            return run.colors
        assert self.drawing is not None
        return self.drawing.cloud.class_colors(model)

    def say(self, text: str) -> None:
        """Set the status line, until another iteration is shown."""
        self._status.setText(text)

    def _get_view(self) -> ExportedView | None:
        run = self.followed_fit.run
        if self.drawing is None or run is None:
            return None
        layer = self.followed_fit.layer
        return ExportedView(
            "run" if layer is None else layer.name,
            self.figures.title,
            self.drawing,
            run,
            self._index,
            self.colors_of,
            self.theme,
            self.followed_fit.likelihood,
            place_in_source(self._viewer, self.followed_fit.layer, run),
            self.axes.pair or "auto",
        )

    def _make(self) -> None:
        self._title = plain_label()
        self._title.setWordWrap(True)
        self.again = push_button(
            "Fit again",
            "Same image and parameters, same result.",
            self.followed_fit.fit_again,
        )
        self.axes = FeatureAxes()
        self.axes.changed.connect(self._on_axes)
        self.figures = Figures()
        self.transport = Transport(lambda: not self._waiting)
        self.transport.moved.connect(self._on_slider)
        self._status = plain_label()
        self._status.setWordWrap(True)
        self._status.setToolTip(LEVELS)
        self.hand = HandSteps(
            self.background, self._get_shown, self.followed_fit.fit_from
        )
        self.hand.changed.connect(self._on_hand)
        self.hand.watch(self.figures.canvases[CLOUD], lambda: self.figures.cloud)
        self.on_canvas = QCheckBox("Show labels on the canvas")
        self.on_canvas.setToolTip(
            "While you move through the iterations, show what each would label, "
            "without smoothing. Your labels stay as they are."
        )
        self.on_canvas.setChecked(True)
        self.on_canvas.toggled.connect(self._on_moved)
        self.saver = FigureFiles(self.background, self._get_view, self.say)

    def _lay_out(self) -> None:
        page = QVBoxLayout(self)
        page.setContentsMargins(6, 6, 6, 6)
        page.setSpacing(6)
        for widget in (self._title, self.again):
            page.addWidget(widget)
        page.addWidget(self.figures, 1)
        self.strip = WorkStrip(self._viewer, self.background, self._status)
        for widget in (self.axes, self.transport, self.strip):
            page.addWidget(widget)
        page.addLayout(self.hand.layout)
        page.addWidget(self.on_canvas)
        page.addLayout(self.saver.row)
        order_tabs(page)

    def _on_followed_fit(self) -> None:
        """Show another run: count its colors, and then draw them."""
        self._leave_canvas()
        states, watched = self.followed_fit.states, self._watched
        self._watched = states if self.followed_fit.live else []
        if self.drawing is not None and states and states == watched:
            # The run that was watched is over: its image is the same.
            self._load()
            return
        self.background.drop(DRAWING)
        self.drawing = None
        find = self.followed_fit.find
        if find is None:
            self._load()
        else:
            self.background.preview(
                lambda: prepare_drawing(read_feature_cloud(find()), None),
                self._on_drawing,
                DRAWING,
            )

    def _on_drawing(self, drawing: FigureData) -> None:
        self.drawing = drawing
        self.axes.offer(drawing.cloud.names)
        self._load()
        if self.axes.pair is not None:
            self._on_axes()

    def _on_axes(self) -> None:
        """Draw other features of the iteration that is shown."""
        if self.drawing is not None:
            cloud, pair = self.drawing.cloud, self.axes.pair
            self.background.preview(
                lambda: prepare_drawing(cloud, pair), self._on_other_axes, DRAWING
            )

    def _on_other_axes(self, drawing: FigureData) -> None:
        self.drawing = drawing
        self._on_theme()

    def _on_theme(self, event: object = None) -> None:
        self.strip.apply_theme(self._viewer.theme)
        self._draw()
        self._show(self._index)

    @property
    def _index(self) -> int:
        """The state that is shown."""
        last = len(self.followed_fit.states) - 1
        return last if self.followed_fit.live else min(self.transport.index, last)

    def _draw(self) -> None:
        self.hand.clear()
        fit = self.followed_fit
        known = self.drawing if fit.states else None
        self.figures.load(known, self.theme, likelihood=fit.likelihood)

    def _load(self) -> None:
        """Draw other data, and offer other iterations."""
        self._draw()
        fit = self.followed_fit
        known = self.figures.loaded
        playable = known and not fit.live
        self.transport.set_length(len(fit.states) if playable else 0)
        name = "" if fit.layer is None else fit.layer.name
        unknown = bool(name) and fit.run is None and not fit.live
        title = name or EMPTY
        if fit.live:
            title = "A run is under way …"
        self._title.setText(UNKNOWN.format(name=name) if unknown else title)
        self.again.setVisible(unknown)
        self.figures.setVisible(known)
        self.axes.setVisible(known and self.axes.count > 1)
        self.transport.setVisible(known)
        self.on_canvas.setVisible(known)
        self.hand.setVisible(playable)
        self.saver.enable(playable)
        self._show(self._index)

    def _show(self, index: int) -> None:
        """Show a state in the figures, and say what it is."""
        states = self.followed_fit.states
        if self.drawing is None or not states:
            self.say("")
            return
        state = states[index]
        colors = None if state.model is None else self.colors_of(state.model)
        self.figures.show_state(states, index, colors)
        what = "Log-likelihood" if self.followed_fit.likelihood else "Inertia"
        kind = objective_kind(state.level)
        fine = f", {state.level} each" if kind == "bound" else ""
        self.say(f"{what} {state.objective:.6g} per pixel ({_KINDS[kind]}{fine})")

    def _on_slider(self, *_: object) -> None:
        """Show another iteration instead of what was moved by hand."""
        self.hand.clear()
        self._on_moved()

    def _on_moved(self, *_: object) -> None:
        """Show what is to be shown, in the figures and on the canvas."""
        fit, index, step = self.followed_fit, self._index, self.hand.step
        if self.drawing is None or not fit.states:
            return
        if step is None:
            self._show(index)
            model = fit.states[index].model
        else:
            states = [*fit.states]
            states[index] = replace(states[index], model=step.model)
            self.figures.show_state(states, index, self.colors_of(step.model))
            self.say(f"By hand, from iteration {index + 1}.")
            model = step.labels
        # At the end the result itself is what there is to see.
        ended = self.transport.at_end and step is None
        wanted = self.on_canvas.isChecked() and not ended
        if fit.run is None or fit.layer is None or not wanted:
            self._waiting = False
            self.iteration.hide()
        elif model is not None:
            try:
                self.iteration.show(fit.layer, fit.run, model, self._on_seen)
                self._waiting = True
            except ValueError as error:
                self.on_canvas.setChecked(False)
                tell_error(str(error))

    def _on_hand(self) -> None:
        self.transport.pause()
        self._on_moved()

    def _on_edited(self) -> None:
        self._leave_canvas()
        self._show(self._index)

    def _get_shown(self) -> tuple[FitRecord, Model, Cells] | None:
        """Return the run, the model of the iteration that is shown, and its cells."""
        fit = self.followed_fit
        if self.drawing is None or fit.run is None or fit.live or not fit.states:
            return None
        model = fit.states[self._index].model
        return None if model is None else (fit.run, model, self.drawing.cloud.cells)

    def _on_seen(self) -> None:
        self._waiting = False

    def _on_dims(self, event: object = None) -> None:
        if self.iteration.layer is not None:
            self._on_moved()

    def _on_grown(self) -> None:
        if not self._redraw.isActive():
            self._redraw.start()

    def _on_redraw(self) -> None:
        if self.followed_fit.live and self.drawing is not None:
            if self.figures.loaded:
                self._show(self._index)
            else:
                self._load()

    def _on_busy(self, busy: bool) -> None:
        if not busy:
            self.followed_fit.on_idle()
        self.again.setEnabled(not busy)
        self.hand.enable(not busy)
        self.saver.show_busy(busy)

    def _leave_canvas(self) -> None:
        """Pause, and show the result instead of an iteration."""
        self.transport.pause()
        self.hand.clear()
        self.iteration.hide()
        self._waiting = False

    def hideEvent(self, event: Any) -> None:
        """Remove the iteration from the canvas when the panel is closed."""
        self._leave_canvas()
        super().hideEvent(event)

    def _on_open(self) -> None:
        self.background.open()
        self.followed_fit.open()

    def _on_close(self) -> None:
        stop(self._redraw)
        self.iteration.hide()
        self.followed_fit.close()
        self.background.close()
