"""Labels from files of ours, as they were when they were written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tifffile
from napari.utils.colormaps import DirectLabelColormap

from napari_emseg import files
from napari_emseg.layers.classes import UNKNOWN
from napari_emseg.layers.entries import EDITED, RECIPE
from napari_emseg.layers.results import KEY
from napari_emseg.layers.writer import COLORS, LOOK, NAMES, PLACE, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    # What napari makes a layer of: data, attributes, kind.
    LayerData = tuple[Any, dict[str, Any], str]


def labels_reader(
    path: str | list[str],
) -> Callable[[str], list[LayerData]] | None:
    """Return what reads a file of labels; called by napari.

    Parameters
    ----------
    path : str or list of str
        That ends in .emseg.tif, as `write_labels` wants it.

    Returns
    -------
    callable or None
        None for files that shall be one layer together.
    """
    return None if isinstance(path, list) else _read


def _read(path: str) -> list[LayerData]:
    labels = files.read_labels(path)
    with tifffile.TiffFile(path) as file:
        about = (file.shaped_metadata or ({},))[0]
    look = about.get(LOOK, {})
    attributes = {name: look[name] for name in (*PLACE, *WORDS) if name in look}
    attributes["name"] = Path(path).name.split(".emseg.")[0]
    attributes["metadata"] = _entry(about.get(RECIPE))
    if COLORS in look:
        colors: dict[int | None, Any] = {None: UNKNOWN}
        colors |= {int(label): color for label, color in look[COLORS].items()}
        attributes["colormap"] = DirectLabelColormap(color_dict=colors)
    if NAMES in look:
        index = [int(label) for label in look[NAMES]]
        names = list(look[NAMES].values())
        attributes["features"] = {"index": index, "name": names}
    return [(labels, attributes, "labels")]


def _entry(recipe: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata with which a layer is what it was: a result, or edited labels."""
    if recipe is None or not recipe["steps"]:
        return {}
    first = recipe["steps"][0]
    key = KEY if first["op"] == "segment" else EDITED
    return {key: {RECIPE: recipe, "at": first.get("at")}}
