"""The table of the classes: how large they are, and what they look like."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.axes import AxisOrder
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.labels.measures import Measures, count_pieces
from napari_emseg.pipeline.tiles import slab, tiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Box, Float64Array
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.pipeline.source import SegmentationInput

    Table = dict[str, NDArray[Any]]

# Pixels that are read at once.
_SLAB = 2**20
# Pixels whose features are looked at together.
_PART = 2**16


def class_table(
    labels: ArrayLike,
    image: ArrayLike | None = None,
    *,
    classes: Sequence[int] | None = None,
    spacing: Sequence[float] | None = None,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    axes: str | None = None,
) -> Table:
    """Describe each class of any labels, edited ones too.

    Parameters
    ----------
    labels : (…, Y, X) array_like of int
        0 is no class.
    image : (…, Y, X) or (…, Y, X, C) array_like, optional
        What was segmented; without it there are no colors.
    classes : sequence of int, optional
        The K labels to describe, pixels or not; by default all that occur.
    spacing : sequence of float, optional
        Length of a pixel along each axis of space, two or more; 1 by default.
    rgb, channel_axis, axes
        As for `napari_emseg.segment`; pieces are connected along Z, Y and X.

    Returns
    -------
    dict of str to ndarray
        "label" (K,) int; "pixels" (K,) int; "area" (K,) float, the area or volume in
        units of `spacing`; "fraction" (K,) float, of all pixels of these classes;
        "mean" and "std" (K, C) float, per channel in the image's own units, NaN for a
        class without pixels; "n_regions" (K,) int, connected pieces.

    Raises
    ------
    ValueError
        If these are no labels, or they do not fit the image or the spacing.

    See Also
    --------
    columns : A column for each channel, as ``pandas.DataFrame`` takes them.

    Examples
    --------
    >>> labels = np.array([[1, 1, 3], [0, 3, 1]])
    >>> table = class_table(labels, labels * 10, spacing=(0.5, 0.5))
    >>> table["label"].tolist(), table["area"].tolist(), table["n_regions"].tolist()
    ([1, 3], [0.75, 0.5], [2, 2])
    >>> table["mean"].tolist()
    [[10.0], [30.0]]
    """
    lazy = all(hasattr(labels, name) for name in ("shape", "dtype", "ndim"))
    given: Any = labels if lazy else np.asarray(labels)
    if given.dtype.kind not in "ui" or given.ndim < 2 or 0 in given.shape:
        raise ValueError(
            f"labels have shape {given.shape} and type {given.dtype}, but integers "
            "with at least Y and X, and one pixel, are needed"
        )
    picture = None
    if image is not None:
        picture = as_lazy_image(image, rgb=rgb, channel_axis=channel_axis, axes=axes)
        if picture.shape != given.shape:
            raise ValueError(
                f"labels have shape {given.shape}, but the image {picture.shape}; take "
                "the image that they were made on"
            )
    wanted = labels_of(given) if classes is None else [int(c) for c in classes]
    measures = measure(given, picture, wanted)
    connected = given
    if picture is not None:
        connected = AxisOrder.of(picture.axes, volume=True).view(given, None)
    pieces = count_pieces(connected, wanted)
    return tabulate(measures, wanted, pieces, given.ndim, spacing)


def labels_of(labels: Any) -> list[int]:
    """List the labels that occur, 0 excepted, rising."""
    known: set[int] = set()
    for tile in tiles(labels.shape, slab(labels.shape, _SLAB)):
        part = np.asarray(labels[tile.write])
        if part.dtype == np.uint8:
            found = np.flatnonzero(np.bincount(part.ravel(), minlength=1))
        else:
            found = np.unique(part)
        known.update(found.tolist())
    return sorted(known - {0})


def measure(labels: Any, picture: LazyImage | None, classes: Sequence[int]) -> Measures:
    """Measure classes in one pass over labels and image, in little memory."""
    channels = 0 if picture is None else picture.channels
    found = Measures(classes, channels)
    for tile in tiles(labels.shape, slab(labels.shape, _SLAB)):
        part = np.asarray(labels[tile.write])
        values = (
            np.empty((*part.shape, 0))
            if picture is None
            else picture.read(tile.write)[..., :channels]
        )
        found.add(part, values)
    return found


def tabulate(
    measures: Measures,
    classes: Sequence[int],
    pieces: NDArray[np.int64],
    n_axes: int,
    spacing: Sequence[float] | None = None,
) -> Table:
    """Return the table of what was measured; its columns are those of `class_table`.

    Raises
    ------
    ValueError
        If a spacing is not a positive number, or there is not one for each axis of
        space; axes before those of space, such as time, have none.
    """
    sides = np.array((1.0,) * n_axes if spacing is None else spacing, float)
    if sides.ndim != 1 or not 2 <= sides.size <= n_axes:
        raise ValueError(
            f"spacing={spacing!r}, but the labels have {n_axes} axes; pass a number "
            "for each axis of space, such as (0.5, 0.5) for Y and X"
        )
    if not (np.isfinite(sides).all() and (sides > 0).all()):
        raise ValueError(
            f"spacing={spacing!r}, but the length of a pixel is a positive number"
        )
    pixels = measures.pixels
    return {
        "label": np.array(classes, int),
        "pixels": pixels,
        "area": pixels * float(sides.prod()),
        "fraction": pixels / max(int(pixels.sum()), 1),
        "mean": measures.mean(),
        "std": measures.std(),
        "n_regions": pieces,
    }


def channel_names(channels: int, *, rgb: bool) -> list[str]:
    """Name the channels, as headings need it; one alone has no name.

    Examples
    --------
    >>> channel_names(3, rgb=True), channel_names(2, rgb=False)
    (['R', 'G', 'B'], ['1', '2'])
    """
    if rgb:
        return ["R", "G", "B"]
    return [""] if channels == 1 else [str(c) for c in range(1, channels + 1)]


def columns(
    table: Mapping[str, NDArray[Any]], *, rgb: bool, area: str = "area"
) -> dict[str, list[Any]]:
    """Spread a table to columns of plain numbers, one for each channel.

    Parameters
    ----------
    table : mapping of str to ndarray
        What `class_table` gives.
    rgb : bool
        Whether three channels are red, green and blue.
    area : str, optional
        Heading of the area.

    Returns
    -------
    dict of str to list
        "label", "pixels", area, "fraction", "regions", then "mean" and "std" of each
        channel.

    Examples
    --------
    >>> labels = np.array([[1, 2]])
    >>> list(columns(class_table(labels, labels), rgb=False))
    ['label', 'pixels', 'area', 'fraction', 'regions', 'mean', 'std']
    """
    found = {
        "label": table["label"].tolist(),
        "pixels": table["pixels"].tolist(),
        area: table["area"].tolist(),
        "fraction": table["fraction"].tolist(),
        "regions": table["n_regions"].tolist(),
    }
    names = channel_names(table["mean"].shape[1], rgb=rgb)
    for kind in ("mean", "std"):
        for name, column in zip(names, table[kind].T.tolist(), strict=False):
            found[f"{kind} {name}".strip()] = column
    return found


def csv_text(columns: Mapping[str, Sequence[Any]]) -> str:
    """Write columns as comma-separated values, with a line of headings.

    Numbers keep all their digits; what is not a number stays empty.

    Examples
    --------
    >>> csv_text({"name": ["sky", "a, b"], "mean": [0.1, np.nan]}).splitlines()
    ['name,mean', 'sky,0.1', '"a, b",']
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        rows.writerow("" if _missing(value) else value for value in row)
    return text.getvalue()


def _missing(value: Any) -> bool:
    return isinstance(value, float) and not np.isfinite(value)


def add_features(
    sums: Float64Array,
    source: SegmentationInput,
    regions: NDArray[np.int32],
    box: Box,
    known: int,
) -> None:
    """Add the features of the pixels of a box to the sums (R, D) over their regions.

    Those up to `known` began in boxes before. What each box has of them is added up by
    itself; others need no room for that.
    """
    low = min(int(regions[box].min(initial=0)), known)
    part = np.zeros((known + 1 - low, sums.shape[1]))
    size = slab(tuple(along.stop - along.start for along in box), _PART)
    for piece in tiles(regions.shape, size, box=box):
        flat = regions[piece.write].ravel()
        begins = flat > known
        features = source.features(piece.write)[0].reshape(flat.size, -1).T
        for own, before, found in zip(sums.T, part.T, features, strict=True):
            values = found.astype(np.float64)
            np.add.at(own, flat[begins], values[begins])
            np.add.at(before, flat[~begins] - low, values[~begins])
    sums[low : known + 1] += part
