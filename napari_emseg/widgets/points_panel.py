"""The panel "Points": Gaussian blobs, segmented by EM or K-means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, FloatSlider, Slider, SpinBox
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget
from scipy.optimize import linear_sum_assignment

from napari_emseg.layers import add_to, prepare_style
from napari_emseg.params import Params
from napari_emseg.pipeline.blobs import SIDE, Blobs, blobs
from napari_emseg.pipeline.segmentation import colors_of
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import SETTLING, Docking, open_panel, share_dock
from napari_emseg.widgets.common.navigation import KeptWhole
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import form_rows, pluralize
from napari_emseg.widgets.common.status_line import tell_error
from napari_emseg.widgets.model.panel import ModelWidget

if TYPE_CHECKING:
    from collections.abc import Callable

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
_FEWEST = 10  # points that are fitted
# Changes of a layer that are over, as napari calls them.
_DONE = ("added", "changed", "removed")
_TIPS = (
    "How many points are drawn.",
    "How many Gaussian blobs they are drawn from.",
    "Standard deviation of a blob, where their means lie in a square of side 100.",
    "How many times as long as wide a blob is, at most.",
    "Another number draws other points.",
)


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
    deviations. While the panel "Model" plays the iterations, both follow. Points that
    are added, moved or removed with napari's tools are fitted as they are; ellipses
    that are moved are what the next step of the fit starts from.

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
    blobs : Blobs or None
        What is fitted; of points that were added by hand, the class is 0.
    result : SegmentedBlobs or None
        What came of it.
    points : napari.layers.Points or None
        The points: first coordinate to the right, second one up.
    ellipses : napari.layers.Shapes or None
        The classes of the iteration that is shown.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(tell_error)
        self.blobs: Blobs | None = None
        self.result: SegmentedBlobs | None = None
        self._drawing = False  # layers are changed here, and not by the user
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
        self.automatic = CheckBox(
            text="find the number of classes",
            tooltip="The number that the integrated completed likelihood (ICL) favors.",
        )
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.timeout.connect(self._fit_view)
        self._whole: KeptWhole | None = None
        self._status = plain_label()
        self._status.setWordWrap(True)
        self._status.setMinimumHeight(3 * self._status.fontMetrics().lineSpacing())
        page = QVBoxLayout(self)
        page.setContentsMargins(6, 6, 6, 6)
        names = ("Points", "Blobs", "Spread", "Elongation", "Seed")
        for row, tip in zip(self.drawn.values(), _TIPS, strict=True):
            row.tooltip = tip
        titles = [fields[name]["title"] for name in self.fit]
        rows = [
            *zip(names, self.drawn.values(), strict=True),
            *zip(titles, self.fit.values(), strict=True),
            ("", self.automatic),
        ]
        page.addLayout(form_rows([(title, row.native) for title, row in rows]))
        page.addWidget(self._status)
        page.addStretch()
        for row in self.drawn.values():
            row.changed.connect(self.renew)
        for row in (*self.fit.values(), self.automatic):
            row.changed.connect(self.fit_again)
        reactions = [(self._viewer.layers.events.removed, self._on_removed)]
        # Beside the figures, which want the room.
        share_dock(self, "Points")
        self._docking = Docking(
            self, self._viewer, reactions, self._on_open, self._on_close
        )

    def _on_open(self) -> None:
        self.background.open()
        self._listen(self.points, self._on_points)
        self._listen(self.ellipses, self._on_ellipses)

    def _on_close(self) -> None:
        self.background.close()
        for layer, react in (
            (self.points, self._on_points),
            (self.ellipses, self._on_ellipses),
        ):
            if layer is not None:
                layer.events.data.disconnect(react)

    def _listen(self, layer: Any, react: Callable[[Any], None]) -> None:
        """Hear of changes of a layer, once."""
        if layer is not None:
            layer.events.data.disconnect(react)
            layer.events.data.connect(react)

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
        """Draw other points, show them, and fit them."""
        self.blobs = blobs(**{name: row.value for name, row in self.drawn.items()})
        self._show_points()
        self.fit_again()

    def fit_again(self, *_: object) -> None:
        """Fit the points that there are, in the background."""
        self.fit["n_classes"].enabled = not self.automatic.value
        if self.blobs is None:
            return
        fit = {name: row.value for name, row in self.fit.items()}
        if self.automatic.value:
            fit["n_classes"] = "auto"
        self._status.setText("Fitting …")
        work = partial(_segment_blobs, self.blobs, fit)
        self.background.preview(work, self._on_result)

    def _show_points(self) -> None:
        """Put the points into their layer; a new one shows them gray until the fit."""
        assert self.blobs is not None
        places = _on_canvas(self.blobs.points)
        self._drawing = True
        if self.points in self._viewer.layers:
            assert self.points is not None
            self.points.data = places
            self.points.features = {"true class": self.blobs.classes}
        else:
            self.points = self._viewer.add_points(
                places,
                features={"true class": self.blobs.classes},
                size=_SIZE,
                border_width=0,
                face_color="gray",
                name="points",
            )
            self._listen(self.points, self._on_points)
            self._viewer.reset_view()
            # The docks of a window that just opened still move.
            self._whole = KeptWhole(self._viewer, whole=True)
            self._settled.start(SETTLING)
        self._drawing = False

    def _fit_view(self) -> None:
        if self._whole is not None:
            self._whole.fit()

    def say(self, text: str) -> None:
        """Say something in the line of the panel."""
        self._status.setText(text)

    def follow(self, panel: ModelWidget) -> None:
        """Show the iterations that a panel "Model" plays."""
        self._followed = panel
        # The labels are a row of pixels that says nothing to the eye.
        panel.on_canvas.setChecked(False)
        panel.transport.moved.connect(self._on_moved)
        panel.hand.changed.connect(self._on_hand)
        panel.followed_fit.changed.connect(self._on_other_fit)

    def _on_result(self, result: SegmentedBlobs) -> None:
        # The user may have moved points meanwhile, which are fitted next.
        if result.blobs is not self.blobs:
            return
        self.result = result
        if self.points not in self._viewer.layers:
            self._show_points()
        if self._labels in self._viewer.layers:
            seg, style = result.seg, result.style
            add_to(self._viewer, seg, replace=self._labels, look=style, undo=False)
        else:
            self._labels = add_to(self._viewer, result.seg, look=result.style)
            self._labels.name = "points classes"
            self._labels.visible = False
        if self.ellipses not in self._viewer.layers:
            self.ellipses = self._viewer.add_shapes(
                name="2 standard deviations", opacity=1.0
            )
            self._listen(self.ellipses, self._on_ellipses)
            self._viewer.layers.selection.active = self.points
        assert self._labels is not None
        # The row of labels is as wide as the plane of the points, if it is shown.
        self._labels.scale = (1, SIDE / len(result.blobs.points))
        self.show_model(result.seg.model)
        self._status.setText(_summary(result))

    def show_model(self, model: Model, labels: Model | None = None) -> None:
        """Draw the classes of a model, and color the points by it or by another one."""
        assert self.result is not None
        assert self.points is not None
        assert self.ellipses is not None
        seg, made = self.result.seg, self.result.blobs
        by = model if labels is None else labels
        label = by.predict(made.points).astype(int) - 1
        colors = colors_of(seg.source.picture, model.means)
        corners = [
            _on_canvas(_box(mean, spread))
            for mean, spread in zip(model.means, model.covariances, strict=True)
        ]
        self._drawing = True
        if len(self.points.data) == len(label):
            self.points.features = {"class": label + 1, "true class": made.classes}
            self.points.face_color = colors[label]
        self.ellipses.data = []
        self.ellipses.add(
            corners,
            shape_type="ellipse",
            edge_width=_LINE,
            edge_color=colors,
            face_color="transparent",
        )
        self.ellipses.selected_data = set()
        self._drawing = False

    def _on_points(self, event: Any) -> None:
        """Fit points that the user has added, moved or removed."""
        points = self.points
        if self._drawing or points is None or str(event.action) not in _DONE:
            return
        if points not in self._viewer.layers or len(points.data) < _FEWEST:
            return
        assert self.blobs is not None
        truth = np.zeros(len(points.data), np.uint8)
        if str(event.action) == "removed":
            gone = [index % len(self.blobs.classes) for index in event.data_indices]
            kept = np.delete(self.blobs.classes, gone)
        else:
            kept = self.blobs.classes
        # Those that are added come last; nobody knows which blob they are of.
        truth[: len(kept)] = kept[: len(truth)]
        down, right = points.data.T
        places = np.stack([right, SIDE - down], axis=1).astype(np.float32)
        self.blobs = replace(self.blobs, points=places, classes=truth)
        self.fit_again()

    def _on_ellipses(self, event: Any) -> None:
        """Let the next step of the fit start from ellipses that the user has moved."""
        panel, shapes = self._followed, self.ellipses
        if self._drawing or panel is None or shapes is None or self.result is None:
            return
        shown = panel.hand.step.model if panel.hand.step else self._shown_model()
        if str(event.action) != "changed" or shown is None:
            return
        if len(shapes.data) == shown.n_classes:
            panel.hand.take(_model_of(shapes.data, shown))

    def _shown_model(self) -> Model | None:
        """Return the model of the iteration that the panel "Model" shows."""
        assert self._followed is not None
        fit, index = self._followed.followed_fit, self._followed.transport.index
        ours = fit.layer is self._labels and not fit.live
        return fit.states[index].model if ours and fit.states else None

    def _on_hand(self) -> None:
        """Follow half steps, and classes that are moved in the cloud."""
        assert self._followed is not None
        step = self._followed.hand.step
        ours = self._followed.followed_fit.layer is self._labels
        if ours and step is not None and self._docking.opened and self._complete:
            self.show_model(step.model, step.labels)

    def _on_other_fit(self) -> None:
        """Show what became of a fit that went on from classes moved by hand."""
        assert self._followed is not None
        fit = self._followed.followed_fit
        if not (self._docking.opened and self._complete) or fit.live:
            return
        if fit.layer is self._labels and fit.states and self.result is not None:
            self.show_model(fit.states[-1].model)

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
    panel.follow(open_panel(viewer, ModelWidget, "Model"))
    panel.renew()
    return panel


def _segment_blobs(made: Blobs, fit: dict[str, Any]) -> SegmentedBlobs:
    seg = made.segment(**fit)
    return SegmentedBlobs(made, seg, prepare_style(seg))


def _summary(result: SegmentedBlobs) -> str:
    """Return the number of classes, the objective, and how many points are right."""
    seg, made = result.seg, result.blobs
    counts = np.zeros((made.n_classes, seg.n_classes))
    known = made.classes > 0
    found = seg.labels[0][known].astype(int)
    np.add.at(counts, (made.classes[known].astype(int) - 1, found - 1), 1)
    # Each blob has the class that makes the most of all, whatever their numbers.
    shared = counts[linear_sum_assignment(counts, maximize=True)].sum()
    shared /= max(counts.sum(), 1)
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


def _model_of(shapes: Any, like: Model) -> Model:
    """Return a model whose classes are where ellipses are, given by corners (4, 2)."""
    means, covariances = [], []
    for shape in shapes:
        corners = np.stack([shape[:, 1], SIDE - shape[:, 0]], axis=1)
        means.append(corners.mean(axis=0))
        axes = np.array([corners[1] - corners[0], corners[3] - corners[0]]) / (2 * SD)
        covariances.append(axes.T @ axes)
    if not like.has_likelihood:
        return replace(like, centers=np.array(means))
    return replace(like, means=np.array(means), covariances=np.array(covariances))
