"""The preview of an adjustment while its dialog is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.layers import add_quietly, is_selection, placement
from napari_emseg.layers.geometry import expand_slice
from napari_emseg.layers.metadata import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.layers import Part
    from napari_emseg.widgets.edit.session import Session

NAME = "adjusting"
# Of larger planes every other pixel is shown, or every third…, so that it is quick.
PIXELS = 2**20
# Options in pixels.
LENGTHS = {"radius", "smooth", "feather"}


def top_place(viewer: ViewerModel) -> int:
    """Return the place on all layers, but below selections and what tools draw.

    Labels would hide what was done to a picture. A layer that is put there at once
    takes napari less time than one that is moved there.
    """
    below = [
        place
        for place, one in enumerate(viewer.layers)
        if not (is_selection(one) or MARK in one.metadata)
    ]
    return max(below, default=-1) + 1


def tell_of_top(viewer: ViewerModel, image: Image, *, cut: bool) -> str:
    """Return what to say of a picture that was laid on all others.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    image : napari.layers.Image
    cut : bool
        Whether a part of it is transparent, so that what is below is seen there.
    """
    # A part of napari's list is a list of layers with all that goes with it.
    below = list(viewer.layers)[: viewer.layers.index(image)]
    labels = [one for one in below if isinstance(one, Labels) and one.visible]
    text = f"Added {image.name!r} on top: tools and adjustments go on there"
    if labels and not cut:
        return f"{text}; hide it to see {labels[-1].name!r}"
    return f"{text}; hide what is below to see it alone" if cut else text


class AdjustmentPreview:
    """Shows the adjusted image in a layer, until `hide` removes it.

    Parameters
    ----------
    session : Session
        Has the viewer and the background.
    picture : Part
        Of the image that is adjusted.
    selected : (Y, X) ndarray of bool or coverage, optional
        What of it.
    change : callable
        Of `napari_emseg.adjust`.
    """

    def __init__(
        self,
        session: Session,
        picture: Part,
        selected: NDArray[Any] | None,
        change: Callable[..., NDArray[Any]],
    ) -> None:
        self._session, self._picture, self._change = session, picture, change
        height, width = picture.shape
        self._step = step = max(1, int(np.ceil(np.sqrt(height * width / PIXELS))))
        thin = slice(None, None, step), slice(None, None, step)
        self._data = np.ascontiguousarray(np.asarray(picture.data())[thin])
        self.select(selected)
        self._layer: Image | None = None

    def select(self, selected: NDArray[Any] | None) -> None:
        """Take something else for selected."""
        step = self._step
        self._selected = None if selected is None else selected[::step, ::step]

    def show(self, options: Mapping[str, Any]) -> None:
        """Compute the adjusted image in the background, and show it."""
        scaled = dict(options)
        for name in LENGTHS & options.keys():
            value = options[name] / self._step
            whole = isinstance(options[name], int)
            if options[name]:
                scaled[name] = max(round(value), 1) if whole else max(value, 0.1)
        rgb = self._picture.layer.rgb
        self._session.background.preview(
            lambda: self._change(self._data, self._selected, rgb=rgb, **scaled),
            self._display,
            NAME,
        )

    def hide(self) -> None:
        """Remove the layer."""
        self._session.background.drop(NAME)
        if self._layer is not None and self._layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(self._layer)
        self._layer = None

    def _display(self, made: NDArray[Any]) -> None:
        picture, viewer = self._picture, self._session.viewer
        if picture.layer not in viewer.layers:
            return
        data = expand_slice(made, picture.at)
        if self._layer is not None and self._layer in viewer.layers:
            self._layer.data = data
            return
        layer = picture.layer
        place = placement(layer, picture.at)
        place["scale"] = np.array(place["scale"], float)
        place["scale"][picture.axes] *= self._step
        look, rgb = {}, made.ndim == 3
        if not rgb:
            look = {"contrast_limits": layer.contrast_limits, "gamma": layer.gamma}
            look["colormap"] = layer.colormap.name
        self._layer = Image(data, name=NAME, rgb=rgb, **look, **place)
        self._layer.metadata = {MARK: NAME}
        add_quietly(viewer, self._layer, top_place(viewer))
