"""The panel "Points": Gaussian blobs, segmented by EM or K-means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, FloatSlider, Slider, SpinBox
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget
from scipy.optimize import linear_sum_assignment

from napari_emseg.layers import add_to, prepare_style
from napari_emseg.params import Params
from napari_emseg.pipeline.blobs import SIDE, Blobs, blobs
from napari_emseg.pipeline.segmentation import colors_of
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, find_panel
from napari_emseg.widgets.common.qt import form_rows, pluralize
from napari_emseg.widgets.model.panel import ModelWidget

if TYPE_CHECKING:
    import napari.components
    from magicgui.widgets.bases import ValueWidget
    from napari.layers import Labels, Points, Shapes
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.layers import LayerStyle
    from napari_emseg.pipeline.segmentation import Segmentation

SD = 2.0  # standard deviations that ellipses reach
_SIZE = 1.2  # diameter of a point, where the means lie in a square of side 100
_LINE = 0.5  # width of an ellipse's line


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedBlobs:
    """Blobs, their segmentation, and how its layer looks."""

    blobs: Blobs
    seg: Segmentation
    style: LayerStyle


# Qt is untyped here, so a class of it is Any to mypy.
class PointsWidget(QWidget):  # type: ignore[misc]
    """Panel that draws Gaussian blobs and segments them, again at every change.

    Points have the colors of their classes, and each class its ellipse at 2 standard
    deviations. While the panel "Model" plays the iterations, both follow.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the points go.

    Attributes
    ----------
    drawn, fit : dict of str to widget
        Arguments of `blobs`, and parameters.
    automatic : CheckBox
        Whether the number of classes is found.
    result : SegmentedBlobs or None
        What is shown.
    points : napari.layers.Points or None
        The points: first coordinate to the right, second one up.
    ellipses : napari.layers.Shapes or None
        The classes of the iteration that is shown.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(show_error)
        self.result: SegmentedBlobs | None = None
        self.points: Points | None = None
        self.ellipses: Shapes | None = None
        self._labels: Labels | None = None
        self._followed: ModelWidget | None = None
        self.drawn: dict[str, ValueWidget[Any]] = {
            "n_points": SpinBox(value=1000, min=10, max=20_000, step=100),
            "n_classes": Slider(value=4, min=1, max=12),
            "spread": FloatSlider(value=8, min=1, max=20, step=0.5),
            "anisotropy": FloatSlider(value=3, min=1, max=8, step=0.5),
            "seed": SpinBox(value=1, max=9999),
        }
        fields = Params.model_json_schema()["properties"]
        self.fit: dict[str, ValueWidget[Any]] = {
            "method": _choice(fields["method"], "em"),
            "n_classes": Slider(value=4, min=1, max=12),
            # K-means finds such blobs at once, and nothing would be left to see.
            "init": _choice(fields["init"], "random"),
            "n_init": SpinBox(value=1, min=1, max=20),
        }
        self.automatic = CheckBox(text="as many as ICL supports")
        self._status = QLabel()
        self._status.setWordWrap(True)
        self._status.setMinimumHeight(3 * self._status.fontMetrics().lineSpacing())
        page = QVBoxLayout(self)
        page.setContentsMargins(6, 6, 6, 6)
        names = ("Points", "Blobs", "Spread", "Longest : shortest", "Draw")
        titles = [fields[name]["title"] for name in self.fit]
        rows = [
            *zip(names, self.drawn.values(), strict=True),
            *zip(titles, self.fit.values(), strict=True),
            ("", self.automatic),
        ]
        page.addLayout(form_rows([(title, row.native) for title, row in rows]))
        page.addWidget(self._status)
        page.addStretch()
        for _, row in rows:
            row.changed.connect(self.renew)
        reactions = [(self._viewer.layers.events.removed, self._on_removed)]
        queue = self.background
        self._docking = Docking(self, self._viewer, reactions, queue.open, queue.close)

    @property
    def running(self) -> bool:
        """Whether points are being segmented, or their figures drawn."""
        panel = self._followed
        waiting = panel is not None and not panel.figures.loaded
        return waiting or not self.background.idle

    @property
    def _complete(self) -> bool:
        """Whether all layers are there; the user may have removed some."""
        ours = (self._labels, self.points, self.ellipses)
        return all(layer in self._viewer.layers for layer in ours)

    def renew(self, *_: object) -> None:
        """Draw the points and fit them, in the background."""
        self.fit["n_classes"].enabled = not self.automatic.value
        drawn = {name: row.value for name, row in self.drawn.items()}
        fit = {name: row.value for name, row in self.fit.items()}
        if self.automatic.value:
            fit["n_classes"] = "auto"
        self.background.preview(partial(_segment_blobs, drawn, fit), self._on_result)

    def follow(self, panel: ModelWidget) -> None:
        """Show the iterations that a panel "Model" plays."""
        self._followed = panel
        # The labels are a row of pixels that says nothing to the eye.
        panel.on_canvas.setChecked(False)
        panel.transport.moved.connect(self._on_moved)

    def _on_result(self, result: SegmentedBlobs) -> None:
        self.result = result
        new = not self._complete
        if new:
            self._open(result)
        else:
            assert self.points is not None
            self.points.data = _on_canvas(result.blobs.points)
            seg, style = result.seg, result.style
            add_to(self._viewer, seg, replace=self._labels, look=style, undo=False)
        assert self._labels is not None
        # The row of labels is as wide as the plane of the points, if it is shown.
        self._labels.scale = (1, SIDE / len(result.blobs.points))
        self.show_model(result.seg.model)
        self._status.setText(_summary(result))
        if new:
            self._viewer.reset_view()

    def show_model(self, model: Model) -> None:
        """Color the points by a model, and draw its classes."""
        assert self.result is not None
        assert self.points is not None
        assert self.ellipses is not None
        label = model.predict(self.result.blobs.points).astype(int) - 1
        colors = colors_of(self.result.seg.source.picture, model.means)
        truth = self.result.blobs.classes
        self.points.features = {"class": label + 1, "true class": truth}
        self.points.face_color = colors[label]
        self.ellipses.data = []
        corners = [
            _on_canvas(_box(mean, spread))
            for mean, spread in zip(model.means, model.covariances, strict=True)
        ]
        self.ellipses.add(
            corners,
            shape_type="ellipse",
            edge_width=_LINE,
            edge_color=colors,
            face_color="transparent",
        )
        self.ellipses.selected_data = set()

    def _open(self, result: SegmentedBlobs) -> None:
        """Add the layers, and remove what is left of earlier ones."""
        for old in (self._labels, self.points, self.ellipses):
            if old in self._viewer.layers:
                self._viewer.layers.remove(old)
        self._labels = add_to(self._viewer, result.seg, look=result.style)
        self._labels.name = "points classes"
        self._labels.visible = False
        self.points = self._viewer.add_points(
            _on_canvas(result.blobs.points), size=_SIZE, border_width=0, name="points"
        )
        self.ellipses = self._viewer.add_shapes(
            name="2 standard deviations", opacity=1.0
        )
        self._viewer.layers.selection.active = self.points

    def _on_removed(self, event: Any) -> None:
        """Do not bring layers back that the user removes while they are renewed."""
        if event.value in (self._labels, self.points, self.ellipses):
            self.background.drop()

    def _on_moved(self, index: int) -> None:
        assert self._followed is not None
        fit = self._followed.followed_fit
        shown = self._docking.opened and self._complete
        if not shown or fit.layer is not self._labels:
            return
        model = fit.states[index].model
        if model is not None:
            self.show_model(model)


def open_points(viewer: napari.Viewer) -> PointsWidget:
    """Dock the panels "Points" and "Model", which shows what the first one fits.

    Parameters
    ----------
    viewer : napari.Viewer
        With a window.

    Returns
    -------
    PointsWidget
    """
    panel = PointsWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Points", area="right")
    panel.setMaximumHeight(panel.sizeHint().height())  # the figures want the room
    model = find_panel(viewer, ModelWidget)
    if model is None:
        _, model = viewer.window.add_plugin_dock_widget("napari-emseg", "Model")
    panel.follow(model)
    panel.renew()
    return panel


def _segment_blobs(drawn: dict[str, Any], fit: dict[str, Any]) -> SegmentedBlobs:
    made = blobs(**drawn)
    seg = made.segment(**fit)
    return SegmentedBlobs(made, seg, prepare_style(seg))


def _summary(result: SegmentedBlobs) -> str:
    """Return the number of classes, the objective, and how many points are right."""
    seg, made = result.seg, result.blobs
    counts = np.zeros((made.n_classes, seg.n_classes))
    np.add.at(counts, (made.classes - 1, seg.labels[0].astype(int) - 1), 1)
    # Each blob has the class that makes the most of all, whatever their numbers.
    shared = counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum()
    return (
        f"{pluralize(seg.n_classes, 'class', 'es')}, {seg.model.objective_name} "
        f"{seg.objective[-1]:.4f} "
        f"per point. {100 * shared:.1f} % of the points are in the class of their blob."
    )


def _choice(field: dict[str, Any], value: str) -> ComboBox:
    return ComboBox(
        choices=[(field["names"][choice], choice) for choice in field["enum"]],
        value=value,
        tooltip=field["description"],
    )


def _on_canvas(points: NDArray[Any]) -> NDArray[Any]:
    """Return points (N, 2), right and up, as rows and columns."""
    return np.stack([SIDE - points[:, 1], points[:, 0]], axis=1)


def _box(mean: NDArray[Any], covariance: NDArray[Any]) -> NDArray[Any]:
    """Return the corners (4, 2) of the rectangle around an ellipse."""
    values, vectors = np.linalg.eigh(covariance)
    one, two = (SD * np.sqrt(np.maximum(values, 0)) * vectors).T
    return np.array(
        [mean - one - two, mean - one + two, mean + one + two, mean + one - two]
    )
