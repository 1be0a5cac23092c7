"""Planes or channels that are fitted by themselves, with one numbering of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.image.axes import CHANNELS
from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.pipeline.progress import Progress, collecting
from napari_emseg.pipeline.segmentation import Segmentation, SegmentationPart

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.params import Params
    from napari_emseg.pipeline.source import SegmentationInput

    Steps = Generator[Progress, None, Segmentation]
    # Segments a part, from a model if there is one.
    SegmentPart = Callable[[SegmentationInput, Params, Model | None], Steps]


# How many squared spreads of color it outweighs to lie in the same place.
_PLACE = 4.0


def separate_axes(source: SegmentationInput, params: Params) -> tuple[int, ...]:
    """Return the axes of the labels along which everything is fitted by itself."""
    axes = source.picture.axes
    apart = "" if params.planes != "each" else set(axes) - {"Y", "X", CHANNELS}
    if params.channels == "each":
        apart = {*apart, CHANNELS}
    return tuple(place for place, axis in enumerate(axes) if axis in apart)


def iter_each(
    source: SegmentationInput,
    params: Params,
    apart: tuple[int, ...],
    segment: SegmentPart,
    start: Model | None,
) -> Steps:
    """Segment each plane by itself; classes keep their numbers from plane to plane.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    params : Params
        Of each plane.
    apart : tuple of int
        The axes that planes are apart along.
    segment : callable
        Takes a plane, its parameters, and a model to start from or None; yields its
        progress, and returns its `Segmentation`.
    start : Model or None
        What the first plane starts from.

    Notes
    -----
    A plane starts from the one before, if that has as many classes as are asked for,
    and anew if it loses classes so.
    Its classes get the numbers of those that they are most like together, in color and
    in place [1]_, and new numbers if there are more. Channels show different things,
    and share no numbers.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research
       Logistics Quarterly 2, 83-97, 1955.
    """
    places = list(_places(source, apart))
    labels = np.zeros(source.picture.shape, np.uint8)
    parts: list[SegmentationPart] = []
    known, channel, begin = _Numbers(), None, start
    for done, (index, where) in enumerate(places):
        yield Progress("plane", done, len(places))
        if channel != _channel_of(source, apart, index):
            channel, begin = _channel_of(source, apart, index), start
            known = _Numbers()
        part = _part(source, apart, index, where)
        # If nothing counts anywhere, the last part says so.
        if _is_empty(part) and (parts or done < len(places) - 1):
            continue
        seeded = part.seed_labels is not None
        seg = yield from _fitted(segment, part, params, None if seeded else begin)
        numbers = known.of(seg.model, seg.labels, seeded=seeded)
        labels[where] = numbers[seg.labels]
        parts.append(SegmentationPart(where, seg, numbers))
        plain = not isinstance(seg.model, GroupedMixture)
        fits = params.n_classes in ("auto", seg.n_classes)
        begin = seg.model if plain and fits else begin
    main = max(parts, key=lambda part: part.seg.n_classes).seg
    return replace(
        main,
        labels=labels,
        params=params,
        converged=all(part.seg.converged for part in parts),
        source=source,
        bias=None,
        start=start,
        working=None,
        parts=tuple(parts),
    )


def _fitted(
    segment: SegmentPart,
    part: SegmentationInput,
    params: Params,
    start: Model | None,
) -> Steps:
    """Segment a plane, anew if classes are lost on the way from another one."""
    if start is not None:
        lost: list[str] = []
        steps = segment(part, params, start)
        seg: Segmentation = yield from collecting(steps, lost.append)
        if seg.n_classes == start.n_classes:
            for message in lost:
                warn_user(message)
            return seg
    return (yield from segment(part, params, None))


def _places(
    source: SegmentationInput, apart: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """Yield the index of each plane along the axes apart, and where it is."""
    shape, axes = source.picture.shape, source.picture.axes
    by_channel = sorted(apart, key=lambda axis: axes[axis] != CHANNELS)
    for found in np.ndindex(*(shape[axis] for axis in by_channel)):
        at = dict(zip(by_channel, found, strict=True))
        where = tuple(at.get(axis, slice(None)) for axis in range(len(shape)))
        yield tuple(at[axis] for axis in apart), where


def _channel_of(
    source: SegmentationInput, apart: tuple[int, ...], index: tuple[int, ...]
) -> int | None:
    axes = source.picture.axes
    return next(
        (i for axis, i in zip(apart, index, strict=True) if axes[axis] == CHANNELS),
        None,
    )


def _part(
    source: SegmentationInput,
    apart: tuple[int, ...],
    index: tuple[int, ...],
    where: tuple[Any, ...],
) -> SegmentationInput:
    mask, seeds = (
        None if array is None else array[where]
        for array in (source.mask, source.seed_labels)
    )
    picture = source.picture.part(dict(zip(apart, index, strict=True)))
    some = seeds is not None and bool(seeds.any())
    return replace(
        source, picture=picture, mask=mask, seed_labels=seeds if some else None
    )


def _is_empty(source: SegmentationInput) -> bool:
    """Tell whether no pixel of a plane counts."""
    picture = source.picture
    if source.mask is None and picture.dtype.kind != "f" and not picture.rgb:
        return False
    return next(source.parts(raw=True), None) is None


class _Numbers:
    """The numbers of the classes of a series, and what they were like at last."""

    def __init__(self) -> None:
        self._means: dict[int, Float64Array] = {}
        self._variances: dict[int, Float64Array] = {}
        self._labels: NDArray[np.uint8] | None = None

    def of(
        self, model: Model, labels: NDArray[Any], *, seeded: bool
    ) -> NDArray[np.uint8]:
        """Return the number of each class of a plane, (K + 1,), 0 for 0."""
        means = model.means
        variances = np.einsum("kdd->kd", model.covariances)
        found = np.zeros(len(means) + 1, np.uint8)
        if seeded:  # by the person who fixed them
            found[:] = np.arange(len(means) + 1)
        elif self._means:
            from scipy.optimize import linear_sum_assignment  # takes a while

            numbers = [*self._means]
            before = np.array([self._means[n] for n in numbers])
            within = np.array([self._variances[n] for n in numbers])
            scale = before.var(axis=0) + within.mean(axis=0)
            scale = np.where(scale > 0, scale, 1)
            away = (means[:, np.newaxis] - before) ** 2 / scale
            cost = away.sum(axis=2) - _PLACE * self._overlap(
                labels, len(means), numbers
            )
            for new, old in zip(*linear_sum_assignment(cost), strict=True):
                found[new + 1] = numbers[old]
        last = max(self._means, default=0)
        for k in np.flatnonzero(found[1:] == 0).tolist():
            last += 1
            found[k + 1] = last
        for k, number in enumerate(found[1:].tolist()):
            self._means[number], self._variances[number] = means[k], variances[k]
        self._labels = found[labels]
        return found

    def _overlap(
        self, labels: NDArray[Any], n_classes: int, numbers: list[int]
    ) -> Float64Array:
        """Return how much classes cover those of the last plane, (K, N): 0 to 1."""
        last = np.zeros_like(labels) if self._labels is None else self._labels
        size = max(numbers) + 1
        pairs = labels.ravel().astype(np.intp) * size + last.ravel()
        both = np.bincount(pairs, minlength=(n_classes + 1) * size)
        both = both.reshape(n_classes + 1, size)
        either = both.sum(axis=1)[:, np.newaxis] + both.sum(axis=0) - both
        share: Float64Array = both / np.maximum(either, 1)
        return share[1:][:, numbers]
