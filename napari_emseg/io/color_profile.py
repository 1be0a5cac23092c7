"""Colors of other spaces, as files declare them, turned into sRGB.

Cameras and phones write Adobe RGB and Display P3; taken for sRGB, their colors are
duller than the photograph shows.
"""

from __future__ import annotations

import io
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from PIL import ImageCms

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLAB = 2**20  # pixels that are converted at once
# Two makers' sRGB differ by rounding; a profile that moves colors no further is one.
_SAME = 2
# Little CMS makes a coarse table of deep colors, off by 5 %, unless it is told not to.
_EXACT = 0x100
# Letters of the color spaces that profiles are of, with their number of channels.
_SPACES = {"RGB": ("rgb", 3), "GRAY": ("gray", 1), "CMYK": ("cmyk", 4)}
# White and primaries of spaces that files name by a number (ITU-T H.273), x y Y.
_D65 = (0.3127, 0.3290, 1.0)
PRIMARIES = {
    1: (0.64, 0.33, 1, 0.30, 0.60, 1, 0.15, 0.06, 1),
    9: (0.708, 0.292, 1, 0.170, 0.797, 1, 0.131, 0.046, 1),
    12: (0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1),
}
ADOBE_RGB = (0.64, 0.33, 1, 0.21, 0.71, 1, 0.15, 0.06, 1)


class ColorProfile:
    """A profile that is not sRGB, and can be converted from.

    Parameters
    ----------
    data : bytes
        An ICC profile.

    Raises
    ------
    ValueError
        It cannot be understood.

    Attributes
    ----------
    name : str
        For people.
    channels : int
        Of the colors that it is of: 1, 3 or 4.
    """

    def __init__(self, data: bytes) -> None:
        try:
            found = ImageCms.ImageCmsProfile(io.BytesIO(data))
            space = found.profile.xcolor_space.strip()
            name = ImageCms.getProfileDescription(found).strip()
        except (OSError, ImageCms.PyCMSError) as error:
            raise ValueError("it cannot be understood") from error
        if space not in _SPACES:
            raise ValueError(f"it is of {space or 'unknown'} colors")
        self._space, self.channels = _SPACES[space]
        self.name = name or f"a {space} profile without a name"
        self._data = data

    @property
    def is_srgb(self) -> bool:
        """Whether its colors are those of sRGB already."""
        if self.channels == 4:
            return False
        steps = np.arange(0, 256, 15, dtype=np.uint8)
        if self.channels == 1:
            grays = steps[None, :, None]
            return bool(_largest_step(self.convert(grays), grays) <= _SAME)
        colors = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        return bool(_largest_step(self.convert(colors), colors) <= _SAME)

    def convert(self, colors: NDArray[Any], *, white: float = 0) -> NDArray[Any]:
        """Return colors in sRGB, of the same type.

        Parameters
        ----------
        colors : (..., C) or (..., C + 1) ndarray
            uint8, uint16, or float in [0, 1]; C is the number of channels of the
            profile. One more is alpha, which stays.
        white : float, optional
            Value of white where it is not the largest of the type.

        Returns
        -------
        (..., 3) or (..., 4) ndarray, or (..., 1) or (..., 2) of grays

        Raises
        ------
        ValueError
            The profile cannot be used.
        """
        if self.channels == 1 and colors.dtype.kind == "u":
            result = look_up(self._grays(colors.dtype, white), colors)
            result[..., 1:] = colors[..., 1:]
            return result
        kept = 1 if self.channels == 1 else 3
        rows = colors.reshape(-1, colors.shape[-1])
        more = rows.shape[-1] - self.channels
        result = np.empty((len(rows), kept + more), colors.dtype)
        for start in range(0, len(rows), _SLAB):
            part = slice(start, start + _SLAB)
            found = self._transform(rows[part, : self.channels], white)
            result[part, :kept] = found[:, :kept]
            result[part, kept:] = rows[part, self.channels :]
        return result.reshape(*colors.shape[:-1], kept + more)

    def convert_picture(
        self, pixels: NDArray[Any], *, rgb: bool, white: float = 0
    ) -> NDArray[Any]:
        """Return a picture in sRGB: gray stays gray, alpha stays.

        Parameters
        ----------
        pixels : (..., Y, X), or (..., Y, X, C) ndarray
            Gray; or RGB, inks or gray in three channels, each perhaps with alpha.
        rgb : bool
            Whether there is an axis of channels.
        white : float, optional
            As for `convert`.
        """
        if self.channels > 1:
            return self.convert(pixels, white=white)
        if not rgb:
            return self.convert(pixels[..., None], white=white)[..., 0]
        return self.convert(pixels[..., 2:], white=white)[..., (0, 0, 0, 1)]

    def _grays(self, dtype: np.dtype[Any], white: float) -> NDArray[Any]:
        """Return the table of all grays of a type."""
        every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        return self._transform(every[:, None], white)[:, 0]

    def _transform(self, rows: NDArray[Any], white: float) -> NDArray[Any]:
        """Return (N, 3) sRGB of (N, C) colors."""
        dtype = rows.dtype
        if white:  # Little CMS knows no white but the largest value
            top = np.iinfo(dtype).max
            rows = np.rint(rows * (top / white)).clip(0, top).astype(dtype)
        if dtype.kind == "f":
            # Inks count to 100 in Little CMS.
            rows = rows.astype(np.float64) * (100 if self.channels == 4 else 1)
        shape = (1, len(rows)) if self.channels == 1 else (1, len(rows), self.channels)
        try:
            found = imagecodecs.cms_transform(
                np.ascontiguousarray(rows.reshape(shape)),
                self._data,
                _srgb(),
                colorspace=self._space,
                outcolorspace="rgb",
                flags=0 if dtype == np.uint8 else _EXACT,
            )
        except RuntimeError as error:  # as all errors of imagecodecs
            raise ValueError("it cannot be used") from error
        found = found.reshape(-1, 3)
        if dtype.kind == "f":
            found = found.clip(0, 1).astype(dtype)
        if white:
            found = np.rint(found * (white / np.iinfo(dtype).max)).astype(dtype)
        return found


def look_up(table: NDArray[Any], numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of a table that numbers name, as `numpy.take`, in little memory.

    Parameters
    ----------
    table : (K, ...) ndarray
    numbers : ndarray of an integer type

    Returns
    -------
    (*numbers.shape, ...) ndarray

    Examples
    --------
    >>> look_up(np.array([9, 5]), np.array([[1, 0]])).tolist()
    [[5, 9]]
    """
    flat = numbers.reshape(-1)
    result = np.empty((flat.size, *table.shape[1:]), table.dtype)
    for start in range(0, flat.size, _SLAB):
        part = slice(start, start + _SLAB)
        result[part] = table[flat[part]]
    return result.reshape(*numbers.shape, *table.shape[1:])


def _largest_step(one: NDArray[Any], two: NDArray[Any]) -> int:
    return int(np.abs(one.astype(int) - two).max())


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    return bytes(imagecodecs.cms_profile("srgb"))


def rgb_profile(
    primaries: tuple[float, ...],
    *,
    white: tuple[float, ...] = _D65,
    gamma: float | None = None,
) -> bytes:
    """Return an ICC profile of primaries, and a gamma or the curve of sRGB.

    Parameters
    ----------
    primaries : (9,) tuple of float
        x, y, Y of red, green and blue.
    white : (3,) tuple of float, optional
        x, y, Y of white.
    gamma : float, optional
        By default the tone curve of sRGB.
    """
    curve = None
    if gamma is None:
        light = np.linspace(0, 1, 1024)
        curve = np.where(
            light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4
        ).astype(np.float32)
    return bytes(
        imagecodecs.cms_profile(
            "rgb",
            whitepoint=list(white),
            primaries=list(primaries),
            transferfunction=curve,
            gamma=gamma,
        )
    )


def gray_profile(gamma: float) -> bytes:
    """Return an ICC profile of grays with a gamma."""
    return bytes(imagecodecs.cms_profile("gray", gamma=gamma))


def find_profile(data: bytes | None, channels: int, name: str) -> ColorProfile | None:
    """Return the profile of a file, if it changes its colors.

    Parameters
    ----------
    data : bytes or None
        As embedded.
    channels : int
        Colors of a pixel.
    name : str
        Of the file, for the warning.

    Returns
    -------
    ColorProfile or None
        None for sRGB, and for what cannot be used.

    Warns
    -----
    UserWarning
        The profile is damaged, or of other colors; pixels stay as they are.
    """
    if not data:
        return None
    try:
        found = ColorProfile(data)
        if found.channels != channels:
            raise ValueError(
                f"it has {found.channels} channels, and the picture {channels}"
            )
        return None if found.is_srgb else found
    except ValueError as error:
        warnings.warn(
            f"the color profile of {name} is left out: {error}; colors are taken for "
            "sRGB",
            stacklevel=2,
        )
        return None
