"""Missing data, and axes mistaken: what is left out, and what a person is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.channel_order import looks_channels_first
from napari_emseg.engine.image.color_space import LARGEST, PLANE, native
from napari_emseg.engine.image.field_of_view import find_field
from napari_emseg.engine.image.value_range import find_core
from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.pipeline.tiles import slab, tiles

if TYPE_CHECKING:
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.pipeline.source import SegmentationInput

# Of an image, about so many pixels along each axis tell how far its values spread.
_SEEN = 128
# How much more, or less, than those of a model they may.
_WIDER, _NARROWER = 10, 0.01
# Pixels with one value that are no chance.
_MANY = 10
# Pixels that are read at once.
_SLAB = 2**22


def warn_of_marks(source: SegmentationInput, census: CellCounts) -> None:
    """Tell of values that seem to mark missing data, and of those that are left out.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    census : CellCounts
        Its pixels, counted.

    Warns
    -----
    UserWarning
        If a value that many pixels have, or the least or largest of its type, is apart
        from all others by more than the range of these; or if values are beyond what
        single precision can square.
    """
    for text in (_too_large(source, census), _apart(source, census)):
        if text:
            warn_user(text)


def warn_of_scale(source: SegmentationInput, model: Any) -> None:
    """Tell of a gray image whose values are of another scale than those of a model.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    model : Model
        Fitted to other images.

    Warns
    -----
    UserWarning
        If the values spread more than ten times as far as the classes, or less than a
        hundredth as far, and not about one of them: the type may be another.
    """
    picture, pixels = source.picture, source.picture.source
    means = np.asarray(getattr(model, "means", getattr(model, "centers", ())))
    plain = not picture.rgb and picture.channels == 1 and source.space.plain
    if not plain or means.shape[1:] != (1,) or not isinstance(pixels, np.ndarray):
        return
    values = pixels[tuple(slice(None, None, max(1, n // _SEEN)) for n in pixels.shape)]
    values = values[np.isfinite(values)].astype(np.float64)
    within = np.zeros(len(means))
    if getattr(model, "covariances", None) is not None:
        within = np.asarray(model.covariances)[:, 0, 0]
    centers, shares = means[:, 0], model.weights / model.weights.sum()
    spread = np.sqrt(shares @ (within + (centers - shares @ centers) ** 2))
    if values.size == 0 or spread == 0:
        return
    ratio = values.std() / spread
    about = (np.abs(np.median(values) - centers) <= np.sqrt(within)).any()
    if ratio > _WIDER or (ratio < _NARROWER and not about):
        warn_user(
            f"values of the image, {values.min():.4g} to {values.max():.4g}, spread "
            f"{ratio:.2g} times as far as the classes of the model, about "
            f"{centers.min():.4g} to {centers.max():.4g}: it is of another type or "
            "scale, so that its classes mean little; bring both to one, or fit anew"
        )


def warn_of_order(picture: LazyImage) -> None:
    """Tell of channels that stand first; nothing else follows from it.

    Parameters
    ----------
    picture : LazyImage
        An image of which nobody said what its axes are.

    Warns
    -----
    UserWarning
        If three planes look like red, green and blue.
    """
    if looks_channels_first(picture):
        warn_user(
            f"the image of shape {picture.shape} is segmented as a stack of three "
            "gray planes, but these look like the channels of one picture; pass "
            "channel_axis=0 for channels, np.moveaxis(image, 0, -1) for red, green "
            "and blue, or rgb=False if it is a stack"
        )


def without_corners(
    source: SegmentationInput, *, tell: bool = False
) -> SegmentationInput:
    """Leave out the dark corners outside of a round field of view.

    Parameters
    ----------
    source : SegmentationInput
        The image; where it has a mask, this says what counts.
    tell : bool, optional
        Warn of what is left out.

    Returns
    -------
    SegmentationInput
        With a mask, or as it was: if there is no such field, or if a seed label lies
        outside of it.

    Warns
    -----
    UserWarning
        If pixels are left out, and `tell` is true.
    """
    field = find_field(source.picture) if source.mask is None else None
    if field is None:
        return source
    height, width = source.picture.shape
    inside = field.mask((height, width))
    if source.seed_labels is not None and source.seed_labels[~inside].any():
        return source
    if tell:
        share = 1 - np.count_nonzero(inside) / inside.size
        warn_user(
            f"dark corners outside of a round field of view, {100 * share:.1f} % of "
            "the pixels, have no label; corners=True labels them, too (--corners of "
            "the command; Dark corners under More)"
        )
    return replace(source, mask=inside, cut=True)


def _too_large(source: SegmentationInput, census: CellCounts) -> str:
    picture, mask = source.picture, source.mask
    inside = picture.size if mask is None else np.count_nonzero(mask)
    wide = picture.dtype.kind == "f" or picture.dtype.itemsize == 8
    if not wide or census.cells.total == inside:
        return ""
    count, example = 0, 0.0
    for tile in tiles(picture.shape, slab(picture.shape, _SLAB)):
        values = picture.read(tile.write).astype(np.float64)
        beyond = (np.abs(values) >= LARGEST) & np.isfinite(values)
        if mask is not None:
            beyond &= mask[tile.write][..., np.newaxis]
        if beyond.any():
            count += int(np.count_nonzero(beyond.any(axis=-1)))
            example = float(values[beyond][0])
    if count == 0:
        return ""
    return (
        f"{_pixels(count)} values beyond ±{LARGEST:g}, such as {example:g}, and no "
        "label: such values are taken for missing data; leave them out with mask= or "
        "as NaN, or divide the image if they are none"
    )


def _apart(source: SegmentationInput, census: CellCounts) -> str:
    cells = census.cells
    if not native(source.space.color):
        return ""
    # Without texture and position.
    of_color = 1 if source.space.color == PLANE else source.picture.channels
    points = cells.points[:of_color]
    core = find_core(points, cells.weights, apart=1.0, heavy=1.0)
    if core is None:
        return ""
    dtype = source.picture.dtype
    limits = np.finfo(dtype) if dtype.kind == "f" else None
    if dtype.kind in "iu":
        ends = [np.float32(np.iinfo(dtype).min), np.float32(np.iinfo(dtype).max)]
    else:
        ends = [] if limits is None else [limits.min, limits.max]
    found: dict[float, str] = {}
    for x, low, high in zip(points, core.low, core.high, strict=True):
        away = np.maximum(low - x, x - high) > high - low
        values, place = np.unique(x[away], return_inverse=True)
        counts = np.bincount(place, cells.weights[away], len(values))
        # Values of a thing have others beside them.
        steps = np.diff(np.concatenate([[-np.inf], values, [np.inf]]))
        alone = np.minimum(steps[:-1], steps[1:]) > high - low
        told = alone & ((counts >= _MANY) | np.isin(values, ends))
        for value in values[told].tolist():
            if value not in found:
                same = (points == value).any(axis=0)
                pixels = _pixels(int(cells.weights[same].sum()))
                found[value] = (
                    f"{pixels} the value {value:g}, which is apart from all others, "
                    f"{low:g} to {high:g}, by more than their range"
                )
    if not found:
        return ""
    first = next(iter(found.values()))
    more = f", and {len(found) - 1} more are" if len(found) > 1 else ""
    return (
        f"{first}{more}: if it marks missing data, leave it out with mask=, or as NaN "
        "in an image of floats; as it is, it may take a class of its own"
    )


def _pixels(count: int) -> str:
    return "1 pixel has" if count == 1 else f"{count} pixels have"
