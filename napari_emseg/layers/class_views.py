"""Views of classes: in their own colors, in vivid ones, or as outlines."""

from __future__ import annotations

from colorsys import hsv_to_rgb
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_emseg.layers.classes import (
    UNKNOWN,
    VividColormap,
    own_colormap,
)

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

OWN, VIVID, OUTLINES = "own", "vivid", "outlines"
VIEWS = (OWN, VIVID, OUTLINES)
# Hues go round by the golden ratio, so that neighbors in number differ most.
_TURN, _COLORS = 0.618034, 24
_LEVELS = ((0.85, 1.0), (0.5, 1.0), (1.0, 0.85))  # saturation and value, by turns


def vivid_colors() -> NDArray[np.float32]:
    """Return colors that differ much, (N, 4), red to alpha.

    Examples
    --------
    >>> vivid_colors().shape
    (24, 4)
    """
    colors = [
        (*hsv_to_rgb(0.58 + _TURN * n, *_LEVELS[n % len(_LEVELS)]), 1.0)
        for n in range(_COLORS)
    ]
    return np.array(colors, np.float32)


def vivid_colormap(own: Any) -> VividColormap:
    """Return vivid colors for a while instead of others; what is hidden stays so."""
    cycle = vivid_colors()
    colors: dict[int | None, Any] = {None: UNKNOWN, 0: "transparent"}
    if isinstance(own, DirectLabelColormap):
        for label, color in own.color_dict.items():
            if label is not None and label > 0:
                rgb = cycle[(label - 1) % len(cycle), :3]
                colors[label] = np.array([*rgb, color[3]], np.float32)
    return VividColormap(color_dict=colors, cycle=cycle, own=own)


def view_of(layer: Labels) -> str:
    """Return which of `VIEWS` a layer is shown in.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> before = layer.colormap
    >>> show_view(layer, "outlines")
    >>> view_of(layer)
    'outlines'
    >>> show_view(layer, "own")
    >>> view_of(layer), layer.colormap is before
    ('own', True)
    """
    if not isinstance(layer.colormap, VividColormap):
        return OWN
    return OUTLINES if layer.contour else VIVID


def colormap_in(view: str, colormap: Any) -> Any:
    """Return the colormap that a layer has in a view, of the one it has or another."""
    vivid = isinstance(colormap, VividColormap)
    if view == OWN:
        return own_colormap(colormap)
    return colormap if vivid else vivid_colormap(colormap)


def show_view(layer: Labels, view: str, width: int = 1) -> None:
    """Show a layer in a view.

    Parameters
    ----------
    layer : napari.layers.Labels
    view : str
        One of `VIEWS`.
    width : int, optional
        Of outlines, in pixels.
    """
    if view == view_of(layer):
        return
    contour = width if view == OUTLINES else 0
    if layer.contour != contour and (contour or view_of(layer) == OUTLINES):
        layer.contour = contour
    colormap = colormap_in(view, layer.colormap)
    if colormap is not layer.colormap:
        layer.colormap = colormap
