"""What the channels of an image show inside of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.lazy_image import LazyImage, as_lazy_image
from napari_emseg.engine.image.stain_separation import (
    DENSITY,
    STAINS,
    optical_density,
    separate,
    stain_names,
)
from napari_emseg.pipeline.class_table import channel_names
from napari_emseg.pipeline.progress import Progress
from napari_emseg.regions.instances.shape_measures import numbering

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Box

    IntArray = NDArray[np.integer[Any]]

STATISTICS = ("mean", "min", "max", "std")
# Values that are read together.
_PART = 2**21


@dataclass(frozen=True, slots=True)
class Channels:
    """Channels of one or several images of the same shape, read part by part.

    Attributes
    ----------
    pictures : tuple of LazyImage
    names : tuple of str
        Of all channels, stains last; one alone may have none.
    stains : str or None
        Of the first picture, which is RGB then.
    """

    pictures: tuple[LazyImage, ...]
    names: tuple[str, ...]
    stains: str | None = None

    def columns(self) -> list[str]:
        """Return the names of the columns of a table."""
        return [f"{what} {name}".strip() for name in self.names for what in STATISTICS]

    def read(self, where: Box) -> list[NDArray[Any]]:
        """Return a part of each channel."""
        found: list[NDArray[Any]] = []
        for picture in self.pictures:
            values = picture.read(where)
            found += [values[..., c] for c in range(picture.channels)]
        if self.stains is not None:
            rgb = np.stack(found[:3], axis=-1).astype(np.float32)
            rgb /= self.pictures[0].full_scale
            plain = self.stains == DENSITY
            density = optical_density(rgb) if plain else separate(rgb, self.stains)
            found += [*np.moveaxis(density, -1, 0)]
        return found


def channels_of(
    image: Any,
    shape: tuple[int, ...],
    *,
    names: Sequence[str] | None = None,
    stains: str | None = None,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    full_scale: float | None = None,
) -> Channels:
    """Understand the channels that belong to labels, or say why that cannot be.

    Parameters
    ----------
    image : array_like, dict of str to array_like, or sequence of array_like
    shape : tuple of int
        Of the labels.
    names, stains, rgb, channel_axis, full_scale
        As for `napari_emseg.measure`.

    Raises
    ------
    ValueError
        If one has another shape, or names or stains do not fit.
    """
    if isinstance(image, Mapping):
        given = [*image.items()]
    elif isinstance(image, Sequence) and _are_images(image):
        given = [("", one) for one in image]
    else:
        given = [("", image)]
    if not given:
        raise ValueError("there is no channel to measure; pass an image")
    pictures, told = [], []
    for number, (name, one) in enumerate(given, 1):
        picture = as_lazy_image(
            one, rgb=rgb, channel_axis=channel_axis, full_scale=full_scale
        )
        if picture.shape != shape:
            what = f"channel {name or number}" if len(given) > 1 else "the image"
            raise ValueError(
                f"labels have shape {shape}, but {what} {picture.shape}; take the "
                "image that they were made on, or pass channel_axis= or rgb= if some "
                "of its axes are channels"
            )
        own = channel_names(picture.channels, rgb=picture.rgb)
        if len(given) > 1 and own == [""] and not name:
            name = str(number)
        told += [" ".join(filter(None, (str(name), part))) for part in own]
        pictures.append(picture)
    if names is not None:
        if len(names) != len(told) or isinstance(names, str):
            raise ValueError(
                f"channel_names={names!r}, but the image has {len(told)} channel(s); "
                "pass a name for each"
            )
        told = [str(name) for name in names]
    if stains is not None:
        if not pictures[0].rgb:
            raise ValueError(
                f"stains={stains!r}, but stains are told from red, green and blue; "
                "pass the RGB image of the tissue first"
            )
        if stains.isalpha() and stains not in (*STAINS, DENSITY):
            raise ValueError(
                f"stains={stains!r}, but the stains that have a name are "
                f"{', '.join((*STAINS, DENSITY))}; pass one of these, or their vectors"
            )
        told += stain_names(stains)
    if len({*told}) < len(told):
        raise ValueError(f"channels are named {told}; pass different names")
    return Channels(tuple(pictures), tuple(told), stains)


def _are_images(image: Sequence[Any]) -> bool:
    """Return whether these are several images, rather than rows of numbers."""
    return all(getattr(one, "ndim", 0) >= 2 for one in image)


def measure_channels(
    labels: IntArray,
    ids: IntArray,
    channels: Channels,
    at: tuple[int, ...] = (),
    columns: Iterable[str] | None = None,
) -> Generator[Progress, None, dict[str, NDArray[np.float64]]]:
    """Measure channels inside of the objects of one plane, or of one volume.

    Parameters
    ----------
    labels : (Y, X) or (Z, Y, X) ndarray of unsigned int
    ids : (N,) ndarray of int
        Objects that are measured, rising.
    channels : Channels
    at : tuple of int, optional
        Which plane or volume of the channels it is.
    columns : iterable of str, optional
        Some of `Channels.columns`.

    Yields
    ------
    Progress
        After each part.

    Returns
    -------
    dict of str to (N,) ndarray of float64
        Of values that are finite; NaN where there are none.
    """
    wanted = {*(channels.columns() if columns is None else columns)}
    number_of = numbering(labels, ids)
    found_in = [_Statistics(len(ids)) for _ in channels.names]
    ahead = tuple(slice(index, index + 1) for index in at)
    step = max(1, _PART // max(1, int(np.prod(labels.shape[1:]))))
    for start in range(0, len(labels), step):
        stop = min(start + step, len(labels))
        rows = number_of(labels[start:stop]).ravel()
        inside = rows > 0
        if inside.any():
            number = rows[inside]
            begin = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
            values = channels.read((*ahead, slice(start, stop)))
            for image, found in zip(values, found_in, strict=True):
                found.add(image.ravel()[inside], number[begin], begin)
        yield Progress("channels", stop, len(labels))
    measured = {
        f"{what} {name}".strip(): column
        for name, found in zip(channels.names, found_in, strict=True)
        for what, column in zip(STATISTICS, found.columns(), strict=True)
    }
    return {name: column for name, column in measured.items() if name in wanted}


class _Statistics:
    """Sums and bounds of the values of one channel in each object."""

    def __init__(self, count: int) -> None:
        self.sums = np.zeros((3, count + 1))
        self.low = np.full(count + 1, np.inf)
        self.high = np.full(count + 1, -np.inf)
        self.origin: float | None = None

    def add(self, values: NDArray[Any], number: IntArray, begin: IntArray) -> None:
        """Add values (V,) in runs of one object: its number, and where each begins."""
        low = high = values
        some = values.astype(np.float64)
        counts = np.diff(begin, append=len(values))
        if values.dtype.kind == "f" and not (fine := np.isfinite(values)).all():
            low, high = np.where(fine, values, np.inf), np.where(fine, values, -np.inf)
            some[~fine] = some[fine].mean() if fine.any() else 0
            counts = np.add.reduceat(fine, begin, dtype=np.int64)
        np.minimum.at(self.low, number, np.minimum.reduceat(low, begin))
        np.maximum.at(self.high, number, np.maximum.reduceat(high, begin))
        if self.origin is None and counts.any():
            # Sums of squares of large numbers lose digits; of whole ones all are kept.
            mean = float(some.mean())
            self.origin = mean if values.dtype.kind == "f" else round(mean)
        some -= self.origin or 0.0
        if low is not high:
            some[~fine] = 0
        least = int(number.min())
        near, size = number - least, int(number.max()) - least + 1
        part = slice(least, least + size)
        sums = counts, np.add.reduceat(some, begin), np.add.reduceat(some**2, begin)
        for total, added in zip(self.sums, sums, strict=True):
            total[part] += np.bincount(near, added, size)

    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Return `STATISTICS` of each object, (N,); NaN without values."""
        counted, first, second = self.sums[:, 1:]
        none = counted == 0
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = first / counted
            spread = np.sqrt(np.maximum(second / counted - mean**2, 0))
        low, high = self.low[1:], self.high[1:]
        bounds = (np.where(none, np.nan, bound) for bound in (low, high))
        return (mean + (self.origin or 0.0), *bounds, spread)
