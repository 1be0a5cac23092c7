"""Half steps of a fit, and classes that are moved by hand in the cloud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout

from napari_emseg.pipeline.fitting import iterate_once, start_at
from napari_emseg.pipeline.source import count_source
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import pluralize, push_button

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.layers import FitRecord
    from napari_emseg.plot.cloud_view import CloudView, LineView
    from napari_emseg.plot.projection import Projection
    from napari_emseg.widgets.common.background import BackgroundQueue
    from napari_emseg.widgets.model.canvas import MovingCanvas

HINT = "In the cloud, drag a number to move a class, and its outline to make it wider."
E_STEP, M_STEP = "E step", "M step"
WORDS = {
    E_STEP: "Expectation: give every pixel to the classes as they are now.",
    M_STEP: "Maximization: fit each class to the pixels that it was given.",
}


@dataclass(frozen=True, slots=True)
class HalfStep:
    """Classes, and the earlier ones that the pixels are still labeled by.

    Attributes
    ----------
    model : Model
        The classes.
    labels : Model
        Those of the latest E step; the same when nothing has moved since.
    """

    model: Model
    labels: Model

    @property
    def next(self) -> str:
        """What comes next: `E_STEP` if classes have moved since the last one."""
        return M_STEP if self.model is self.labels else E_STEP


def moved(model: Model, index: int, by: NDArray[np.float64]) -> Model:
    """Return a model whose class `index` has its mean elsewhere by (D,)."""
    means = model.means.copy()
    means[index] += by
    name = "means" if model.has_likelihood else "centers"
    return replace(model, **{name: means})


def widened(model: Model, index: int, factor: float) -> Model:
    """Return a model whose class `index` is as many times as wide; not of K-means."""
    if not model.has_likelihood:
        return model
    covariances = model.covariances.copy()
    covariances[index] *= factor**2
    return replace(model, covariances=covariances)


# Qt is untyped here, so a class of it is Any to mypy.
class HandSteps(QObject):  # type: ignore[misc]
    """Buttons for half steps, and the mouse in the cloud, which moves classes.

    Parameters
    ----------
    background : BackgroundQueue
        Where steps are computed.
    get_state : callable
        Tells the run and the model that is shown; None if there is none.
    go_on : callable
        Takes a model; fits from there.

    Attributes
    ----------
    changed : Signal
        There is another `step`.
    step : HalfStep or None
        What is shown instead of an iteration of the run.
    layout : QVBoxLayout
        Buttons, and what they did.
    half, go, place : QPushButton
        The next half step; fit from here; set start points.
    """

    changed = Signal()

    def __init__(
        self,
        background: BackgroundQueue,
        get_state: Callable[[], tuple[FitRecord, Model, Cells] | None],
        go_on: Callable[[Model], None],
    ) -> None:
        super().__init__()
        self._background, self._get_state, self._go_on = background, get_state, go_on
        self.step: HalfStep | None = None
        self._census: tuple[FitRecord, CellCounts] | None = None
        self._grip: tuple[int, str, NDArray[np.float64]] | None = None
        self._starts: list[NDArray[np.float64]] | None = None
        self.half = push_button(M_STEP, WORDS[M_STEP], self.take_half)
        self.go = push_button(
            "Go on from here", "Fit from these classes; one step of undo.", self.finish
        )
        self.place = push_button(
            "Set start points", "Click in the cloud, once for each class.", self.begin
        )
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in (self.half, self.go, self.place):
            row.addWidget(button)
        self._said = plain_label(HINT)
        self._said.setWordWrap(True)
        self.layout = QVBoxLayout()
        self.layout.setSpacing(4)
        self.layout.addLayout(row)
        self.layout.addWidget(self._said)

    def setVisible(self, shown: bool) -> None:
        """Show or hide the row."""
        for widget in (self.half, self.go, self.place, self._said):
            widget.setVisible(shown)

    def enable(self, on: bool) -> None:
        """Enable or disable the buttons."""
        for button in (self.half, self.go, self.place):
            button.setEnabled(on)

    def clear(self) -> None:
        """Forget what was moved; whoever calls this shows an iteration again."""
        self._starts = self._grip = self.step = None
        self._say(M_STEP, HINT)

    def take(self, model: Model, said: str = "The classes were moved by hand.") -> None:
        """Show classes that were moved; the pixels keep their labels until an E step.

        Parameters
        ----------
        model : Model
            Of as many classes as that of the run.
        said : str, optional
            What was done.
        """
        current = self._current()
        if current is not None:
            self._set(HalfStep(model, current.labels), said)

    def take_half(self) -> None:
        """Take the next half step, and say what it changes."""
        current, state = self._current(), self._get_state()
        if current is None or state is None:
            return
        run, _, cells = state
        if current.next == E_STEP:
            new = HalfStep(current.model, current.model)
            work = partial(_count_changes, cells, current)
            self._background.run(work, partial(self._set, new))
            return
        self._background.run(
            lambda: iterate_once(
                run.source, self._count(run), run.params, current.model
            ),
            partial(self._on_moved, current),
        )

    def finish(self) -> None:
        """Fit from the classes that are shown."""
        current = self._current()
        if current is not None:
            self._go_on(current.model)

    def begin(self) -> None:
        """Take the next clicks in the cloud as centers of the classes."""
        state = self._get_state()
        if state is not None:
            self._starts = []
            self._said.setText(f"Click in the cloud: center 1 of {state[1].n_classes}.")

    def watch(self, canvas: MovingCanvas, view: Callable[[], Any]) -> None:
        """Let the mouse move classes in a canvas.

        Parameters
        ----------
        canvas : MovingCanvas
            Of the cloud.
        view : callable
            Gives the `CloudView` or `LineView` in it; None if there is none.
        """

        def react(call: Callable[[Any, Any], None], event: Any) -> None:
            found = view()
            if found is not None and event.inaxes is found.axes:
                call(found, event)

        for name, call in (
            ("button_press_event", self._on_press),
            ("motion_notify_event", self._on_drag),
            ("button_release_event", self._on_release),
        ):
            canvas.mpl_connect(name, partial(react, call))

    def _current(self) -> HalfStep | None:
        state = self._get_state()
        if self.step is not None or state is None:
            return self.step
        return HalfStep(state[1], state[1])

    def _set(self, step: HalfStep, said: str) -> None:
        self.step = step
        self._say(step.next, said)
        self.changed.emit()

    def _say(self, title: str, said: str) -> None:
        self.half.setText(title)
        self.half.setToolTip(WORDS[title])
        self._said.setText(said)

    def _count(self, run: FitRecord) -> CellCounts:
        """Return the cells of the image of a run; this is called in the thread."""
        if self._census is None or self._census[0] is not run:
            self._census = run, count_source(run.source)
        return self._census[1]

    def _on_moved(self, old: HalfStep, states: tuple[FitState, FitState]) -> None:
        before, after = states
        away = np.linalg.norm(after.model.means - old.model.means, axis=1)
        name = after.model.objective_name
        self._set(
            HalfStep(after.model, old.labels),
            f"M step: the centers move by {away.mean():.3g} on average, at most "
            f"{away.max():.3g}; {name} from {before.objective:.6g} to "
            f"{after.objective:.6g}.",
        )

    def _on_press(self, view: CloudView | LineView, event: Any) -> None:
        if event.button != 1:
            return
        place = view.projected(event.xdata, event.ydata)
        if self._starts is not None:
            self._starts.append(place)
            self._place_next(view)
            return
        found = view.grip(event.x, event.y)
        if found is not None and self._current() is not None:
            self._grip = *found, place

    def _on_drag(self, view: CloudView | LineView, event: Any) -> None:
        current = self._current()
        if self._grip is None or current is None:
            return
        index, kind, before = self._grip
        place = view.projected(event.xdata, event.ydata)
        if kind == "center":
            by = view.projection.matrix.T @ (place - before)
            self.take(moved(current.model, index, by), f"Class {index + 1} was moved.")
        else:
            middle = view.projection.matrix @ current.model.means[index]
            factor = float(np.linalg.norm(place - middle))
            factor /= max(float(np.linalg.norm(before - middle)), 1e-12)
            model = widened(current.model, index, float(np.clip(factor, 0.2, 5)))
            self.take(model, f"Class {index + 1} was made wider or narrower.")
        self._grip = index, kind, place

    def _on_release(self, view: CloudView | LineView, event: Any) -> None:
        self._grip = None

    def _place_next(self, view: CloudView | LineView) -> None:
        """Ask for the next center, or start from them when all are there."""
        state = self._get_state()
        if self._starts is None or state is None:
            return
        run, model, cells = state
        placed, count = len(self._starts), model.n_classes
        if placed < count:
            self._said.setText(f"Click in the cloud: center {placed + 1} of {count}.")
            return
        centers = lifted(np.array(self._starts), view.projection, cells)
        self._starts = None

        def work() -> Model:
            return start_at(run.source, self._count(run), run.params, model, centers)

        said = f"{pluralize(count, 'start point')} set; the E step comes first."
        self._background.run(work, lambda start: self.take(start, said))


def lifted(
    places: NDArray[np.float64], projection: Projection, cells: Cells
) -> NDArray[np.float64]:
    """Return points (K, D) that project to places (K, 1 or 2).

    Along all other axes, each is the mean of the pixels around its place.
    """
    flat = projection.matrix @ cells.points
    spread = np.maximum(flat.std(axis=1, keepdims=True), 1e-12)
    found = []
    for place in places:
        away = (((flat - place[:, np.newaxis]) / spread) ** 2).sum(axis=0)
        near = cells.weights * np.exp(-away / (2 * 0.2**2))
        if near.sum() < 1e-12:  # nothing is there: as the nearest is
            near = (away == away.min()).astype(float)
        mean = cells.points @ near / near.sum()
        found.append(mean + projection.matrix.T @ (place - projection.matrix @ mean))
    return np.array(found)


def _count_changes(cells: Cells, step: HalfStep) -> str:
    """Return in words how many pixels an E step gives to another class."""
    features = np.asarray(cells.points.T)
    changed = step.labels.predict(features) != step.model.predict(features)
    share = float(cells.weights[changed].sum() / cells.weights.sum())
    return f"E step: {share:.2%} of the pixels change their class."
