"""What OME-Zarr says of its arrays: axes, levels, lengths of pixels, labels.

References
----------
J. Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format with international
community support", Histochem. Cell Biol. 160, 223-251, 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

# Versions whose metadata lie in the attributes by themselves, with Zarr 2.
_PLAIN = ("0.4",)
# What is written where there is no image that decides it.
NEWEST = "0.5"
_KINDS = {"t": "time", "c": "channel"}
# Colors of channels that are red, green and blue.
_RGB = ("FF0000", "00FF00", "0000FF")


@dataclass(frozen=True, slots=True)
class Multiscales:
    """The levels of one image, as OME-Zarr describes them.

    Attributes
    ----------
    version : str
        Of the format.
    axes : str
        Letters of the stored axes, such as "tczyx".
    paths : tuple of str
        Of the arrays, the finest first.
    scale : tuple of float
        Length of a pixel of the finest, or of a level, along each axis.
    units : tuple of str or None
        Their units.
    rgb : bool or None
        Whether channels are red, green and blue; None if that is not told.
    """

    version: str
    axes: str
    paths: tuple[str, ...]
    scale: tuple[float, ...]
    units: tuple[str | None, ...]
    rgb: bool | None = None


def ome_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what belongs to OME-Zarr among the attributes of a group."""
    found = attributes.get("ome", attributes)
    return found if isinstance(found, dict) else {}


def multiscales_of(
    attributes: Mapping[str, Any], name: str, path: str | None = None
) -> Multiscales | None:
    """Understand the attributes of a group.

    Parameters
    ----------
    attributes : mapping
        Of the group; of OME-Zarr 0.4, 0.5 or 0.6.
    name : str
        Of the store, for messages.
    path : str, optional
        Of the level whose pixels are measured; the finest by default.

    Returns
    -------
    Multiscales or None
        None if there is no image, or no such level.

    Raises
    ------
    ValueError
        If what is there cannot be an image.
    """
    ome = ome_attributes(attributes)
    listed = ome.get("multiscales")
    if not listed:
        return None
    try:
        first = listed[0]
        version = str(ome.get("version", first.get("version", _PLAIN[0])))
        systems = first.get("coordinateSystems", ())
        axes = [
            one if isinstance(one, dict) else {"name": one}
            for one in first.get("axes") or systems[0]["axes"]
        ]
        letters = "".join(str(one["name"])[:1].lower() for one in axes)
        paths = tuple(str(one["path"]) for one in first["datasets"])
        if path is not None and path not in paths:
            return None
        level = 0 if path is None else paths.index(path)
        scale = np.ones(len(axes))
        for steps in (first["datasets"][level], first):
            for step in steps.get("coordinateTransformations", ()):
                scale *= _scale_of(step, len(axes))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{name} has an image that its metadata do not describe as OME-Zarr does "
            f"({type(error).__name__}: {error}); write it again, or give one of its "
            "arrays, such as image.zarr/0"
        ) from error
    if len(set(letters)) < len(letters) or not {"y", "x"} <= set(letters):
        raise ValueError(
            f"{name} has the axes {letters!r}, but Y and X, and each other once, are "
            "needed; give one of its arrays, such as image.zarr/0"
        )
    units = tuple(one.get("unit") for one in axes)
    return Multiscales(
        version, letters, paths, tuple(scale.tolist()), units, _is_rgb(ome)
    )


def _scale_of(step: Mapping[str, Any], n_axes: int) -> Any:
    """Return what a transformation multiplies lengths by."""
    if step.get("type") == "sequence":
        parts = [_scale_of(one, n_axes) for one in step["transformations"]]
        return np.prod(parts, axis=0)
    scale = step.get("scale")
    return np.ones(n_axes) if scale is None else np.array(scale, float)


def _is_rgb(ome: Mapping[str, Any]) -> bool | None:
    """Tell whether channels are shown in red, green and blue."""
    channels = ome.get("omero", {}).get("channels", ())
    if not channels:
        return None
    return tuple(str(one.get("color", "")).upper() for one in channels) == _RGB


def label_attributes(
    like: Multiscales,
    factors: Sequence[Sequence[float]],
    *,
    name: str,
    colors: ArrayLike,
    names: Mapping[int, str],
    pixels: Sequence[int],
    nested: bool,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the attributes of a group of labels.

    Parameters
    ----------
    like : Multiscales
        Axes, version, lengths and paths of the labels.
    factors : sequence of sequence of float
        How much longer pixels of each level are than those of the finest.
    name : str
        Of the labels.
    colors : (K, 3) array_like
        RGB in [0, 1] of the classes 1..K.
    names : mapping of int to str
        Names of some classes.
    pixels : sequence of int
        How many pixels each class has.
    nested : bool
        Whether the labels lie in the store of their image.
    about : mapping
        What is ours: how the labels were made.
    """
    axes = [
        {"name": letter, "type": _KINDS.get(letter, "space")}
        | ({"unit": unit} if unit else {})
        for letter, unit in zip(like.axes, like.units, strict=True)
    ]
    first: dict[str, Any] = {"name": name, "axes": axes, "type": "nearest"}
    first["datasets"] = [
        {
            "path": path,
            "coordinateTransformations": [
                {"type": "scale", "scale": (np.array(like.scale) * factor).tolist()}
            ],
        }
        for path, factor in zip(like.paths, factors, strict=True)
    ]
    rgba = np.rint(255 * np.asarray(colors, float)).astype(int).tolist()
    label: dict[str, Any] = {
        "colors": [
            {"label-value": number, "rgba": [*color, 255]}
            for number, color in enumerate(rgba, start=1)
        ],
        "properties": [
            {
                "label-value": number,
                "name": names.get(number, f"class {number}"),
                "pixels": int(count),
            }
            for number, count in enumerate(pixels, start=1)
        ],
    }
    if nested:
        label["source"] = {"image": "../../"}
    if is_plain(like.version):
        first["version"] = label["version"] = like.version
        return {"multiscales": [first], "image-label": label, "napari-emseg": about}
    ome = {"version": like.version, "multiscales": [first], "image-label": label}
    return {"ome": ome, "napari-emseg": about}


def list_attributes(names: Sequence[str], version: str) -> dict[str, Any]:
    """Return the attributes of the group that lists labels."""
    listed = {"labels": [*names]}
    return listed if is_plain(version) else {"ome": {"version": version, **listed}}


def is_plain(version: str) -> bool:
    """Tell whether a version has its metadata by themselves, and Zarr 2."""
    return version in _PLAIN or version < _PLAIN[0]
