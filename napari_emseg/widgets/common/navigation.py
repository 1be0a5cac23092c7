"""Moving the camera: to a class or a point, marked with a ring; or back to all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QEvent, QObject, QRectF, Qt, QVariantAnimation
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_emseg.widgets.common.canvas_widget import find_canvas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

# What is shown fills the canvas with so many pixels at least, and this often its size.
MIN_EXTENT, MARGIN_FACTOR = 64.0, 3.0
DURATION = 1600  # ms of the ring
# Parts of that time in which the ring closes in, and in which it fades.
CLOSING, FADING = 0.2, 0.4
# Screen pixels: how small the ring may be, and how much wider it begins.
MIN_DIAMETER, START = 28, 60
MAX_FRACTION = 0.9  # of the canvas's shorter side
RIM = 6  # pixels for the line
_AWAY = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.Wheel,
    QEvent.Type.KeyPress,
    QEvent.Type.Resize,
    QEvent.Type.Hide,
}


# Qt is untyped here, so a class of it is Any to mypy.
class Marker(QWidget):  # type: ignore[misc]
    """Ring around the middle of a canvas, shown for a moment.

    It is no layer, lets the mouse through, and goes at once when the user does
    something on the canvas.

    Parameters
    ----------
    canvas : QWidget
        What it lies on.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._diameter = MIN_DIAMETER
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()
        self._time = QVariantAnimation(self)
        self._time.setDuration(DURATION)
        self._time.setStartValue(0.0)
        self._time.setEndValue(1.0)
        self._time.valueChanged.connect(self._on_time)
        self._time.finished.connect(self.hide)
        canvas.installEventFilter(self)

    def flash(self, diameter: float) -> None:
        """Show the ring for a moment.

        Parameters
        ----------
        diameter : float
            Of what it goes around, in pixels of the screen.
        """
        canvas = self.parentWidget()
        most = MAX_FRACTION * min(canvas.width(), canvas.height()) - START
        self._diameter = int(max(min(diameter, most), MIN_DIAMETER))
        side = self._diameter + START + 2 * RIM
        left, top = (canvas.width() - side) // 2, (canvas.height() - side) // 2
        self.setGeometry(left, top, side, side)
        self._time.stop()
        self.show()
        self.raise_()
        self._time.start()

    def _on_time(self, _: object) -> None:
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hide the ring when the canvas is used."""
        if self.isVisible() and event.type() in _AWAY:
            self._time.stop()
            self.hide()
        return False

    def paintEvent(self, event: Any) -> None:
        """Draw the ring: light, with a dark outline."""
        time = self._time.currentValue() or 0.0
        closing = max(1 - time / CLOSING, 0.0) ** 2
        opacity = min((1 - time) / FADING, 1.0)
        inset = RIM + START / 2 * (1 - closing)
        ring = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(opacity)
        for color, width in ((QColor(0, 0, 0, 160), 5.0), (QColor("white"), 2.0)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(ring)
        painter.end()


_MARKERS: WeakKeyDictionary[ViewerModel, Marker] = WeakKeyDictionary()


def marker_of(viewer: ViewerModel) -> Marker | None:
    """Return the one marker of a viewer; None without a window."""
    if viewer not in _MARKERS:
        canvas = find_canvas(viewer)
        if canvas is None:
            return None
        _MARKERS[viewer] = Marker(canvas)
    return _MARKERS[viewer]


def jump_to(viewer: ViewerModel, layer: Labels, label: int) -> None:
    """Center the view on the pixel of a class that is nearest to their mean.

    Raises
    ------
    ValueError
        If there are no such pixels.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> labels = np.zeros((5, 8, 8), np.uint8)
    >>> labels[3, 2:5, 4:7] = 9
    >>> jump_to(viewer, viewer.add_labels(labels), 9)
    >>> viewer.dims.current_step[0]
    3
    """
    found = np.asarray(layer.data) == label
    if not found.any():
        raise ValueError(f"class {label} has no pixels in {layer.name!r}")
    show_point(viewer, layer, find_middle(found))


def find_middle(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the pixel of a mask that is nearest to the mean of all its pixels.

    Parameters
    ----------
    mask : (…) ndarray of bool
        At least one pixel is True.

    Returns
    -------
    (N,) ndarray of int
        Its index along each axis; the distance is the sum of those along the axes.

    Examples
    --------
    >>> find_middle(np.array([[1, 0, 0, 0, 1], [1, 0, 0, 1, 1]], bool)).tolist()
    [1, 3]
    """
    axes = range(mask.ndim)
    counts = [
        np.count_nonzero(mask, axis=tuple(other for other in axes if other != axis))
        for axis in axes
    ]
    mean = np.array([count @ np.arange(len(count)) / count.sum() for count in counts])
    # Millions of pixels are not listed to find the one: it is sought around the mean.
    reach = 1.0
    while True:
        low = np.maximum(np.ceil(mean - reach), 0).astype(int)
        high = np.floor(mean + reach).astype(int) + 1
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        near = np.argwhere(mask[box]) + low
        away = np.abs(near - mean).sum(axis=1)
        if len(near) and away.min() <= reach:
            return np.asarray(near[away.argmin()])
        reach *= 2


def show_point(
    viewer: ViewerModel,
    layer: Labels,
    point: Sequence[float] | NDArray[Any],
    size: float | None = None,
) -> None:
    """Move sliders and camera to a point of a layer, and mark it for a moment.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    layer : napari.layers.Labels
    point : sequence of float
        In the pixels of the layer.
    size : float, optional
        Of what is there, in pixels; it becomes visible with its surroundings. By
        default, and if it is seen larger already, the zoom stays.
    """
    world = np.asarray(layer.data_to_world(point))
    ahead = viewer.dims.ndim - len(world)
    for axis, value in enumerate(world):
        if axis + ahead not in viewer.dims.displayed:
            viewer.dims.set_point(axis + ahead, value)
    camera = getattr(viewer, "scene", viewer).camera
    shown = [world[axis - ahead] for axis in viewer.dims.displayed]
    camera.center = (*camera.center[: 3 - len(shown)], *map(float, shown))
    canvas = getattr(viewer, "canvas", None)
    side = max(abs(float(layer.scale[-1])), abs(float(layer.scale[-2])))
    if size is not None and canvas is not None:
        extent = max(MIN_EXTENT, MARGIN_FACTOR * size) * side
        camera.zoom = max(camera.zoom, min(canvas.size) / extent)
    marker = marker_of(viewer)
    if marker is not None:
        marker.flash((size or 0.0) * side * camera.zoom)


def sees_all(viewer: ViewerModel, slack: float = 0.0) -> bool:
    """Return whether all layers are seen whole, in the 2D view of a window.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    slack : float, optional
        How much of the canvas may be missing, as a part of it.
    """
    canvas = find_canvas(viewer)
    if canvas is None or not len(viewer.layers) or viewer.dims.ndisplay != 2:
        return False
    low, high = viewer.layers.extent.world[:, list(viewer.dims.displayed)]
    camera = getattr(viewer, "scene", viewer).camera
    half = np.array([canvas.height(), canvas.width()]) / 2 / camera.zoom * (1 + slack)
    middle = np.array(camera.center[-2:])
    return bool((middle - half <= low).all() and (middle + half >= high).all())


# Napari fits the first picture before the controls of its layer take their room.
SLACK = 0.03


class KeptWhole:
    """Shows all layers whole again after a panel took room from the canvas.

    A view that the user moves meanwhile, or that showed only a part, stays.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Before the panel is docked.
    whole : bool, optional
        Whether the view was just fitted to the layers, in a window whose canvas is not
        yet as large as it will be.
    """

    def __init__(self, viewer: ViewerModel, *, whole: bool = False) -> None:
        self._viewer = viewer
        self._before = self._view() if whole or sees_all(viewer, SLACK) else None

    def fit(self) -> None:
        """Fit the view, if it was whole and is no more."""
        if self._before == self._view() and not sees_all(self._viewer):
            self._viewer.reset_view()

    def _view(self) -> tuple[float, ...]:
        camera = getattr(self._viewer, "scene", self._viewer).camera
        return (camera.zoom, *camera.center)
