"""Names and colors of the classes in a Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, label_colormap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Labels
    from numpy.typing import NDArray

UNKNOWN = "magenta"
# Labels beyond the classes get napari's own colors, so that a class which is
# painted by hand is seen; any label above all of these is magenta.
SPARE_COLORS = 49
# A layer with napari's random colors gets that many of them as its own.
OWN_COLORS = 255
# What other columns than numbers say of a class that they do not know.
_EMPTY = {"name": ""}


def class_colormap(class_colors: NDArray[np.floating]) -> DirectLabelColormap:
    """Return the classes' colors for labels 1..K and napari's for those beyond."""
    spare = label_colormap(SPARE_COLORS).map(np.arange(1, SPARE_COLORS + 1))
    opaque = np.column_stack([class_colors, np.ones(len(class_colors))])
    colors: Mapping[int | None, Any] = {
        None: UNKNOWN,
        0: "transparent",
        **dict(enumerate(np.vstack([opaque, spare]).astype(np.float32), start=1)),
    }
    return DirectLabelColormap(color_dict=colors)


def class_name(layer: Labels, label: int) -> str:
    """Return the name of a class; "class 3" if it has none."""
    features = layer.features
    if "index" in features and "name" in features:
        found = features.loc[features["index"] == label, "name"]
        if len(found) and isinstance(found.iloc[0], str) and found.iloc[0]:
            return str(found.iloc[0])
    return f"class {label}"


def rename_class(layer: Labels, label: int, name: str) -> None:
    """Name a class; napari shows the name under the pointer.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> rename_class(layer, 3, "sky")
    >>> class_name(layer, 3)
    'sky'
    """
    columns = {key: layer.features[key].tolist() for key in layer.features}
    count = len(layer.features)
    index = columns.setdefault("index", list(range(count)))
    columns.setdefault("name", [""] * count)
    if label not in index:
        for key, column in columns.items():
            column.append(label if key == "index" else _EMPTY.get(key, np.nan))
    columns["name"][index.index(label)] = name
    layer.features = columns


def class_color(layer: Labels, label: int) -> NDArray[np.floating[Any]]:
    """Return the color of a class: red, green, blue, 0 to 1, even if it is hidden."""
    colormap = layer.colormap
    if isinstance(colormap, DirectLabelColormap):
        colors = colormap.color_dict
        return np.array(colors.get(label, colors[None]), float)[:3]
    return np.array(colormap.map(label), float).ravel()[:3]


def class_shown(layer: Labels, label: int) -> bool:
    """Return whether a class is visible."""
    colormap = layer.colormap
    if isinstance(colormap, DirectLabelColormap):
        return bool(colormap.color_dict.get(label, colormap.color_dict[None])[3] > 0)
    return True


def paint_class(
    layer: Labels, label: int, color: Any = None, *, shown: bool | None = None
) -> None:
    """Give a class another color, or show or hide it.

    Parameters
    ----------
    layer : napari.layers.Labels
        With napari's random colors, it gets colors of its own.
    label : int
        The class.
    color : (3,) array_like of float, optional
        Red, green and blue, 0 to 1; as before by default.
    shown : bool, optional
        As before by default.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> paint_class(layer, 3, (1, 0, 0), shown=False)
    >>> class_color(layer, 3).tolist(), class_shown(layer, 3)
    ([1.0, 0.0, 0.0], False)
    """
    rgb = class_color(layer, label) if color is None else np.asarray(color, float)
    shown = class_shown(layer, label) if shown is None else shown
    colors = _own_colors(layer)
    colors[label] = np.array([*rgb, float(shown)], np.float32)
    layer.colormap = DirectLabelColormap(color_dict=colors)


def recolored(layer: Labels, before: Any) -> bool:
    """Return whether a class has another color than in an earlier colormap.

    Those that are hidden, and a layer that is shown in napari's random colors for the
    moment, have not.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> paint_class(layer, 3, (1, 0, 0))
    >>> before = layer.colormap
    >>> paint_class(layer, 3, shown=False)
    >>> recolored(layer, before)
    False
    >>> paint_class(layer, 3, (0, 1, 0))
    >>> recolored(layer, before)
    True
    """
    after = layer.colormap
    kinds = (before, after)
    if after is before or not all(isinstance(c, DirectLabelColormap) for c in kinds):
        return False
    old = before.color_dict
    return any(
        label is not None
        and not np.array_equal(color[:3], old.get(label, old[None])[:3])
        for label, color in after.color_dict.items()
    )


def _own_colors(layer: Labels) -> dict[int | None, Any]:
    colormap = layer.colormap
    if isinstance(colormap, DirectLabelColormap):
        return dict(colormap.color_dict)
    labels = np.arange(1, OWN_COLORS + 1)
    return {
        None: UNKNOWN,
        0: "transparent",
        **dict(enumerate(colormap.map(labels), start=1)),
    }
