"""The labels of an iteration, in a layer over the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.transforms import Affine

from napari_emseg.layers import KEY, add_quietly, displayed_plane, placement, show
from napari_emseg.layers.geometry import expand_slice
from napari_emseg.layers.metadata import MARK
from napari_emseg.plot.iteration_labels import IterationLabels, read_iteration_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.layers import FitRecord, Plane, SliceIndex
    from napari_emseg.widgets.common.background import BackgroundQueue

NAME = "iteration"
KIND = "labels"
# Pixels that are labeled at most: about those of a screen.
PIXELS = 2**20


class IterationLayer:
    """A layer over the displayed plane of a result, which shows another model's labels.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where it is shown.
    background : BackgroundQueue
        Where labels are computed.

    Attributes
    ----------
    layer : napari.layers.Labels or None
        What is shown; None if nothing is.
    """

    def __init__(self, viewer: ViewerModel, background: BackgroundQueue) -> None:
        self._viewer, self._background = viewer, background
        self.layer: Labels | None = None
        self._over: tuple[Labels, SliceIndex] | None = None
        # Of the latest plane; written and read in the background alone.
        self._frame: tuple[Any, IterationLabels] | None = None

    def show(
        self, result: Labels, run: FitRecord, model: Model, then: Callable[[], None]
    ) -> None:
        """Compute the labels of a model, show them, and then call a function.

        Parameters
        ----------
        result : napari.layers.Labels
            Gives place and colors; its labels stay as they are.
        run : FitRecord
            That it came from.
        model : Model
            Of one of its states.
        then : callable
            Called in the thread of Qt, unless another request comes first.

        Raises
        ------
        ValueError
            If the viewer displays no plane of the result.
        """
        plane = displayed_plane(self._viewer, result)
        steps = _find_steps(plane.shape)
        where, strides = find_in_source(plane, run, steps)
        key = run, plane.at

        def work() -> NDArray[np.uint8]:
            if self._frame is None or self._frame[0] != key:
                self._frame = key, read_iteration_labels(run.source, where, strides)
            size = tuple(
                len(range(step // 2, length, step))
                for length, step in zip(plane.shape, steps, strict=True)
            )
            return self._frame[1].labels(model).reshape(size)

        def deliver(labels: NDArray[np.uint8]) -> None:
            if result in self._viewer.layers:
                self._draw(plane, steps, labels)
                then()

        self._background.preview(work, deliver, KIND)

    def hide(self) -> None:
        """Remove the layer, and cancel what is computed for it."""
        self._background.drop(KIND)
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = self._over = None

    def _draw(
        self, plane: Plane, steps: tuple[int, int], labels: NDArray[np.uint8]
    ) -> None:
        whole = expand_slice(labels, plane.at)
        over = plane.layer, plane.at
        if (
            self.layer is None
            or self.layer not in self._viewer.layers
            or self._over != over
        ):
            self.hide()
            self.layer = Labels(
                whole.copy(),
                name=NAME,
                opacity=1.0,
                colormap=plane.layer.colormap,
                metadata={MARK: NAME},
                **_place(plane, steps),
            )
            self.layer.editable = False
            self._over = over
            add_quietly(self._viewer, self.layer)
            return
        self.layer.data[:] = whole
        show(self.layer, tuple(slice(0, n) for n in whole.shape))


def _find_steps(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the step between labeled pixels along both axes of a plane."""
    step = int(np.ceil(np.sqrt(shape[0] * shape[1] / PIXELS)))
    return min(step, shape[0]), min(step, shape[1])


def find_in_source(
    plane: Plane, run: FitRecord, steps: tuple[int, int]
) -> tuple[tuple[slice, ...], tuple[int, ...]]:
    """Return where a plane of a result lies in the image that was segmented.

    Raises
    ------
    ValueError
        If they do not belong together.
    """
    layer = plane.layer
    at = layer.metadata.get(KEY, {}).get("at") or (None,) * layer.ndim
    axes = [axis for axis, index in enumerate(at) if index is None]
    shape = tuple(layer.data.shape[axis] for axis in axes)
    if shape != run.source.picture.shape:
        raise ValueError(
            f"{layer.name!r} has the shape {shape}, but the run that it came from was "
            f"of an image of {run.source.picture.shape}; segment the image again"
        )
    along = dict(zip(plane.axes, steps, strict=True))
    return (
        tuple(plane.where[axis] for axis in axes),
        tuple(along.get(axis, 1) for axis in axes),
    )


def place_in_source(
    viewer: ViewerModel, result: Labels | None, run: FitRecord
) -> tuple[slice, ...]:
    """Return the displayed plane in the run's image, or else the middle one."""
    shape = run.source.picture.shape
    middle = tuple(slice(n // 2, n // 2 + 1) for n in shape[:-2])
    if result is None:
        return middle
    try:
        return find_in_source(displayed_plane(viewer, result), run, (1, 1))[0]
    except ValueError:
        return middle


def _place(plane: Plane, steps: tuple[int, int]) -> dict[str, Any]:
    """Return the attributes that place a layer of every n-th pixel."""
    layer = plane.layer
    found = placement(layer, plane.at)
    scale = np.array(layer.scale, float)
    first = np.array([index or 0 for index in plane.at], float)
    for axis, step in zip(plane.axes, steps, strict=True):
        scale[axis] *= step
        # The middle of the pixels that the first one stands for.
        first[axis] = (step - 1) / 2
    to_physical = Affine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
    )
    return found | {"scale": scale, "translate": to_physical(first)}
