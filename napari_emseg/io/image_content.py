"""What an image file holds: its pixels, and what it says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.io.pixel_size import Spacing


class ImageContent(NamedTuple):
    """What an image file holds: as `read_image` and `pixel_size.read_spacing`.

    The array, the axis of its channels, and what the file says of it.

    Attributes
    ----------
    pixels : ndarray
    channel_axis : int or None
    spacing : Spacing or None
        Lengths of the pixels.
    full_scale : float or None
        The value of white, where the file declares another than the largest of the
        type.
    profile : str or None
        Name of the color profile that colors were converted from.
    axes : str or None
        Letters of the axes of the pixels, if the file tells them.
    as_stored : bool
        Whether all axes stand as in the file, because somebody names them otherwise.
    channel_names : tuple of str
        Names of the channels, if the file has one for each.
    """

    pixels: NDArray[Any]
    channel_axis: int | None
    spacing: Spacing | None
    full_scale: float | None = None
    profile: str | None = None
    axes: str | None = None
    as_stored: bool = False
    channel_names: tuple[str, ...] = ()
