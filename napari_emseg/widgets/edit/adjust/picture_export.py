"""Cut-outs and masks as PNG files of 8 bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_emseg import adjust, select
from napari_emseg.adjust.blend import Canvas
from napari_emseg.io.safe_write import new_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

KINDS = {"Cut-out": "cut out", "Mask": "mask"}


def in_eight_bit(picture: NDArray[Any], *, rgb: bool) -> NDArray[np.uint8]:
    """Return a picture with its full range as 0 to 255; alpha stays.

    Parameters
    ----------
    picture : (Y, X) or (Y, X, 3|4) ndarray
    rgb : bool
        Whether the last axis is RGB(A).

    Examples
    --------
    >>> in_eight_bit(np.array([[0.0, 0.5, 2.0]]), rgb=False)
    array([[  0,  64, 255]], dtype=uint8)
    """
    if picture.dtype == np.uint8:
        return picture
    canvas = Canvas.of(picture, None, channel_axis=None, rgb=rgb)
    channels = canvas.picture.channels
    planes = picture.reshape(*picture.shape[:2], -1)
    found = np.clip(np.nan_to_num(canvas.unit(planes[..., :channels])), 0, 1)
    if planes.shape[-1] > channels:
        most = np.iinfo(planes.dtype).max if planes.dtype.kind in "iu" else 1
        found = np.concatenate([found, planes[..., channels:] / most], axis=-1)
    return np.asarray(np.rint(255 * found), np.uint8).reshape(picture.shape)


def cut_out(
    picture: NDArray[Any], selected: NDArray[Any], *, rgb: bool
) -> NDArray[np.uint8]:
    """Return what is selected of a picture as RGBA (Y, X, 4), with a crisp edge."""
    plain = in_eight_bit(picture, rgb=rgb)
    return np.asarray(adjust.cut_out(plain, selected, rgb=rgb), np.uint8)


def write_png(path: Path, pixels: NDArray[np.uint8], *, force: bool) -> None:
    """Write gray (Y, X) or RGBA (Y, X, 4) to a PNG file.

    Raises
    ------
    ValueError
        If the file has another ending.
    FileExistsError
        If there is such a file, and `force` is not given.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path.name} is no name of a PNG file; end it in .png")
    with new_file(path, force=force) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def mask_of(selected: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a selection (Y, X) as gray levels: 255 is all selected."""
    return select.to_bytes(selected)
