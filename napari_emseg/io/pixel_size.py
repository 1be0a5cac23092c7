"""How long pixels are, as the TIFF files of microscopes tell it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_emseg.io import decoders

if TYPE_CHECKING:
    import os

# Units as OME and ImageJ write them, in micrometers; some know no μ, and there are two.
_UNITS = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "μm": 1.0,
    r"\u00B5m": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "inch": 25400.0,
}
_CENTIMETER = 3  # value of the tag ResolutionUnit


@dataclass(frozen=True, slots=True)
class Spacing:
    """Lengths of the pixels of an image.

    Attributes
    ----------
    axes : str
        Letters of the image's axes, as tifffile has them; S and C are channels.
    micrometers : dict of str to float
        Length of a pixel along X, Y and perhaps Z.
    """

    axes: str
    micrometers: dict[str, float]

    def place(self, ndim: int) -> dict[str, list[Any]]:
        """Return ``scale`` and ``units`` of a napari layer with so many axes.

        Examples
        --------
        >>> Spacing("ZCYX", {"Y": 0.5, "X": 0.25}).place(3)
        {'scale': [1.0, 0.5, 0.25], 'units': ['pixel', 'µm', 'µm']}
        """
        axes = self.axes
        if len(axes) != ndim:
            axes = "".join(axis for axis in axes if axis not in "SC")
        if len(axes) != ndim:
            return {}
        scale = [float(self.micrometers.get(axis, 1)) for axis in axes]
        known = [axis in self.micrometers for axis in axes]
        return {"scale": scale, "units": ["µm" if some else "pixel" for some in known]}

    @property
    def resolution(self) -> tuple[float, float]:
        """Pixels per centimeter along X and Y."""
        return 1e4 / self.micrometers["X"], 1e4 / self.micrometers["Y"]


def read_spacing(path: str | os.PathLike[str]) -> Spacing | None:
    """Read how long the pixels of a file are, as `files.read_image` reads them.

    Parameters
    ----------
    path : path
        A PNG, JPEG or TIFF file.

    Returns
    -------
    Spacing or None
        None where nothing tells it: in PNG and JPEG, which know the size of prints
        alone, and in TIFF without OME, ImageJ or a resolution per centimeter.

    References
    ----------
    I. G. Goldberg et al., "The Open Microscopy Environment (OME) data model and XML
    file", Genome Biology 6, R47, 2005.
    """
    path = Path(path)
    if decoders.kind_of(path) != "tiff":
        return None
    with tifffile.TiffFile(path) as tiff:
        return spacing_of(tiff)


def spacing_of(tiff: tifffile.TiffFile) -> Spacing | None:
    """Return how long the pixels of an open file are, as `read_spacing`."""
    axes = tiff.series[0].axes
    found = _of_ome(tiff) or _of_imagej(tiff) or _of_tags(tiff)
    known = {axis: size for axis, size in found.items() if 0 < size < np.inf}
    if not {"X", "Y"} <= {*known}:
        return None
    if decoders.orientation_of_tiff(tiff) in range(5, 9):
        known["X"], known["Y"] = known["Y"], known["X"]
    return Spacing(axes, known)


def _of_ome(tiff: tifffile.TiffFile) -> dict[str, float]:
    if tiff.ome_metadata is None:
        return {}
    try:
        pixels = ElementTree.fromstring(tiff.ome_metadata).find("{*}Image/{*}Pixels")
    except ElementTree.ParseError:  # which tells nothing, but spoils no pixel
        return {}
    found: dict[str, float] = {}
    if pixels is None:
        return found
    for axis in "XYZ":
        unit = _UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        size = pixels.get(f"PhysicalSize{axis}")
        if unit is not None and size is not None:
            found[axis] = float(size) * unit
    return found


def _of_imagej(tiff: tifffile.TiffFile) -> dict[str, float]:
    about = tiff.imagej_metadata or {}
    unit = _UNITS.get(about.get("unit", ""))
    if unit is None:
        return {}
    found = _per_pixel(tiff, unit)
    if "spacing" in about:
        found["Z"] = float(about["spacing"]) * unit
    return found


def _of_tags(tiff: tifffile.TiffFile) -> dict[str, float]:
    tags = tiff.series[0].keyframe.tags
    # Inches are those of prints.
    if tags.valueof("ResolutionUnit") != _CENTIMETER or tiff.is_imagej:
        return {}
    return _per_pixel(tiff, _UNITS["cm"])


def _per_pixel(tiff: tifffile.TiffFile, unit: float) -> dict[str, float]:
    """Turn pixels per unit, which the tags hold as fractions, around."""
    tags = tiff.series[0].keyframe.tags
    found = {}
    for axis in "XY":
        pixels, units = tags.valueof(f"{axis}Resolution", default=(0, 1))
        if pixels:
            found[axis] = unit * units / pixels
    return found
