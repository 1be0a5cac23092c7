"""Pictures that lie on their side, set upright by the tag "Orientation"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Values of the tag that exchange axes, and that turn rows or columns.
_SWAPPED, _FROM_BELOW, _FROM_RIGHT = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)


def turned(
    pixels: NDArray[Any], orientation: int, *, y: int = 0, x: int = 1
) -> NDArray[Any]:
    """Return a stored picture upright.

    Parameters
    ----------
    pixels : ndarray
        As stored, with any number of axes.
    orientation : int
        Value of the tag of this name in EXIF [1]_ or TIFF; of any but 2 to 8 nothing
        changes.
    y, x : int, optional
        Its axes of rows and columns.

    Returns
    -------
    ndarray
        A view.

    Notes
    -----
    imageio turns palettes and gray with alpha along the wrong axis, tifffile does not
    turn at all, and OpenCV not where it keeps alpha: hence one function for all.

    References
    ----------
    .. [1] "Exchangeable image file format for digital still cameras: Exif Version
       2.32", CIPA DC-008, 2019, section 4.6.4.

    Examples
    --------
    >>> turned(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    if orientation in _SWAPPED:
        pixels = np.swapaxes(pixels, y, x)
    found = ((y, _FROM_BELOW), (x, _FROM_RIGHT))
    return np.flip(pixels, tuple(axis for axis, those in found if orientation in those))
