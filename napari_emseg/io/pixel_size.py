"""How long pixels are, as the TIFF files of microscopes tell it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_emseg.io import decoders
from napari_emseg.io.tiff_pages import picture_of

if TYPE_CHECKING:
    import os

    from napari_emseg.io.tiff_pages import TiffPicture

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
# Of Philips: height and width in millimeters.
_DICOM = re.compile(
    r"DICOM_PIXEL_SPACING\"[^>]*>\s*(?:\"|&quot;)([^\"&<]+)(?:\"|&quot;)"
    r"\s+(?:\"|&quot;)([^\"&<]+)(?:\"|&quot;)"
)
_MPP = re.compile(r"\|\s*MPP\s*=\s*([^|\r\n]+)")  # of Aperio: micrometers per pixel


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
        return spacing_of(picture_of(tiff))


def spacing_of(picture: TiffPicture) -> Spacing | None:
    """Return how long the pixels of an open file are, as `read_spacing`.

    Warns
    -----
    UserWarning
        A size is no number, or cannot be one, and is left out.
    """
    told = {}
    for source in (_of_ome, _of_imagej, _of_aperio, _of_philips, _of_tags):
        if told := source(picture):
            break
    known = {}
    for axis, (text, unit) in told.items():
        size = _number(text)
        if size is None:
            warnings.warn(
                f"the size of pixels along {axis} in {picture.name} is "
                f"{str(text)[:40]!r}, which is no number, and is left out",
                stacklevel=2,
            )
        elif 0 < size * unit < np.inf:
            known[axis] = size * unit
    if not {"X", "Y"} <= {*known}:
        return None
    if picture.orientation in range(5, 9):
        known["X"], known["Y"] = known["Y"], known["X"]
    return Spacing(picture.series.axes, known)


def _number(value: Any) -> float | None:
    """Return what is written where a number should be; None if it is none.

    A fraction is numerator and denominator, of pixels in a unit.
    """
    try:
        if not isinstance(value, tuple):
            return float(value)
        pixels, units = value
        return float(units) / float(pixels) if pixels else 0.0
    except (TypeError, ValueError, OverflowError):
        return None


# What a file tells of each axis: a text, a number or a fraction, and its micrometers.
_Told: TypeAlias = "dict[str, tuple[Any, float]]"


def _of_ome(picture: TiffPicture) -> _Told:
    text = picture.tiff.ome_metadata
    if text is None:
        return {}
    try:
        pixels = ElementTree.fromstring(text).find("{*}Image/{*}Pixels")
    except ElementTree.ParseError:  # of which who reads the pixels warns
        return {}
    found: _Told = {}
    if pixels is None:
        return found
    for axis in "XYZ":
        unit = _UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        size = pixels.get(f"PhysicalSize{axis}")
        if unit is not None and size is not None:
            found[axis] = size, unit
    return found


def _of_imagej(picture: TiffPicture) -> _Told:
    about = picture.tiff.imagej_metadata or {}
    unit = _UNITS.get(str(about.get("unit", "")))
    if unit is None:
        return {}
    found = _per_unit(picture, unit)
    if "spacing" in about:
        found["Z"] = about["spacing"], unit
    return found


def _of_aperio(picture: TiffPicture) -> _Told:
    page = picture.page
    if not page.is_svs and not str(page.description).startswith("Aperio"):
        return {}
    about = _MPP.search(page.description)
    return {axis: (about[1].strip(), 1.0) for axis in "XY"} if about else {}


def _of_philips(picture: TiffPicture) -> _Told:
    about = _DICOM.search(str(picture.tiff.pages.first.description))
    return {"Y": (about[1], 1e3), "X": (about[2], 1e3)} if about else {}


def _of_tags(picture: TiffPicture) -> _Told:
    # Inches are those of prints.
    unit = picture.page.tags.valueof("ResolutionUnit")
    if unit != _CENTIMETER or picture.tiff.is_imagej:
        return {}
    return _per_unit(picture, _UNITS["cm"])


def _per_unit(picture: TiffPicture, unit: float) -> _Told:
    """Return pixels per unit, which the tags hold as fractions."""
    tags = picture.page.tags
    found = {axis: tags.valueof(f"{axis}Resolution") for axis in "XY"}
    return {axis: (value, unit) for axis, value in found.items() if value is not None}
