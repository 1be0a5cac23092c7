"""A picture that is segmented while a slider moves: the result as a canvas shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.image.color_space import usable
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.labels.measures import Measures
from napari_emseg.engine.user_warnings import collect_warnings
from napari_emseg.params import params_affecting
from napari_emseg.pipeline.axes.plane_series import separate_axes
from napari_emseg.pipeline.axes.working_input import WorkingInput
from napari_emseg.pipeline.fitting import Fit, iter_fits
from napari_emseg.pipeline.missing_data import without_corners
from napari_emseg.pipeline.parallel import one_thread, one_thread_a_step
from napari_emseg.pipeline.progress import Progress, finish
from napari_emseg.pipeline.segment import iter_input
from napari_emseg.pipeline.segmentation import (
    colors_of,
    iter_join_small,
    iter_labels,
    make_labeler,
)
from napari_emseg.pipeline.source import (
    SegmentationInput,
    as_source,
    count_source,
    find_space,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.axes import AxisOrder
    from napari_emseg.engine.image.feature_space import FeatureSpace
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.engine.labels.labeler import Labeler
    from napari_emseg.params import Params

# Pixels beyond which a preview would no longer be one.
LARGEST = 2**25
# Pixels of pictures, and of volumes, that are smoothed at most. A canvas has fewer.
PICTURE, VOLUME = 2**22, 2**20
# Pixels that tell the colors of classes.
_SHOWN = 2**20
# Features beside color, which a preview does not have, and what turns them off.
_OFF = {
    name: off
    for name, off in params_affecting("features").items()
    if name not in ("color", "stains", "channels", "corners")
}
# Fits, and smoothers, that are kept, so that a slider that goes back finds them.
_KEPT = 32


@dataclass(frozen=True, slots=True, eq=False)
class PreviewResult:
    """What a preview shows.

    Attributes
    ----------
    labels : (*S) ndarray of uint8
        Classes 1..K, darkest first; 0 where a pixel is not usable.
    colors : (K, 3) ndarray of float64
        Colors in [0, 1] to show the classes in.
    model : Model
        The classes.
    """

    labels: NDArray[np.uint8]
    colors: Float64Array
    model: Model


class PreviewImage:
    """A picture whose colors are counted once, to be segmented many times.

    Fits are those of `iter_segment`, and so are labels, unless a picture has more than
    four million pixels: then means of two by two of them are smoothed, as cells of the
    result are, or of four by four, which is still more than a canvas shows. What is
    left out is that borders are refined.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like
        As for `segment`.
    channel_axis : int, optional
        Axis of the channels of images that are not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.
    full_scale : float, optional
        The value that is white in RGB, as for `segment`.
    axes : str, optional
        One letter for each axis, as for `segment`.

    Raises
    ------
    TypeError, ValueError
        As `segment`; and if the picture is too large for a preview, or has no usable
        pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import Params
    >>> picture = PreviewImage(np.repeat(np.uint8([3, 90, 200]), 4).reshape(3, 4))
    >>> picture.preview(Params(n_classes=3)).labels[:, 0].tolist()
    [1, 2, 3]
    """

    def __init__(
        self,
        image: ArrayLike,
        *,
        channel_axis: int | None = None,
        rgb: bool | None = None,
        full_scale: float | None = None,
        axes: str | None = None,
    ) -> None:
        picture = as_lazy_image(
            image, channel_axis=channel_axis, rgb=rgb, full_scale=full_scale, axes=axes
        )
        most = LARGEST if picture.rgb else LARGEST // picture.channels
        if picture.size > most:
            raise ValueError(
                f"image of shape {picture.shape} with {picture.channels} channel(s) "
                f"has no preview: it needs at most {LARGEST} values; use segment"
            )
        inside = usable(picture.read(), rgb=picture.rgb)
        if inside is not None and not inside.any():
            raise ValueError("the image has no usable pixel, so there is no preview")
        self._picture = picture
        self._sights: dict[tuple[str, bool], _Sight] = {}
        self._counted: dict[
            tuple[str, str, bool], tuple[SegmentationInput, CellCounts, AxisOrder]
        ] = {}
        self._fits: dict[Params, Fit] = {}
        self._labelers: dict[Params, Labeler] = {}

    @staticmethod
    def shows(params: Params) -> bool:
        """Return whether parameters have a preview: those of color alone have one."""
        plain = all(getattr(params, name) == off for name, off in _OFF.items())
        return plain and params.n_classes != "auto"

    def preview(self, params: Params) -> PreviewResult:
        """Segment the picture, as `iter_preview`; `segment` tells what it warns of."""
        steps = self.iter_preview(params)
        with one_thread(), collect_warnings():
            return finish(steps)

    def iter_preview(self, params: Params) -> Generator[Progress, None, PreviewResult]:
        """Segment the picture as `segment` would, step by step.

        Parameters
        ----------
        params : Params
            Of which `shows` is true.

        Yields
        ------
        Progress
            To cancel, stop iterating; what was fitted stays.

        Returns
        -------
        PreviewResult

        Raises
        ------
        ValueError
            If the parameters have no preview, or do not go with the picture; if planes
            or channels that are fitted by themselves have more pixels than one picture.
        """
        if not self.shows(params):
            raise ValueError(
                f"{params!r} has no preview: it needs a number of classes, and neither "
                f"{' nor '.join(_OFF)}; use segment"
            )
        space = find_space(self._picture, params.color_space, 0, 0)
        if "each" in (params.planes, params.channels):
            source = self._source(self._picture, space, params)
            if params.channels == "each":
                picture = self._picture.split()
                space = find_space(picture, params.color_space, 0, 0)
                source = self._source(picture, space, params)
            if separate_axes(source, params):
                return self._each(source, params)
            params = params.replace(planes="together", channels="together")
        return self._steps(params, space)

    @staticmethod
    def _source(
        picture: LazyImage, space: FeatureSpace, params: Params
    ) -> SegmentationInput:
        source = as_source(picture, None, None, space)
        return source if params.corners else without_corners(source)

    @one_thread_a_step
    def _each(
        self, source: SegmentationInput, params: Params
    ) -> Generator[Progress, None, PreviewResult]:
        """Segment planes or channels by themselves, each as it will be."""
        picture = source.picture
        if picture.size > PICTURE:
            raise ValueError(
                f"image of shape {picture.shape} has no preview of planes or channels "
                f"by themselves: they have more than {PICTURE} pixels; use segment"
            )
        seg = yield from iter_input(source, params)
        sight = _Sight.of(picture, source.mask)
        colors = sight.colors(seg.labels, int(seg.labels.max(initial=1)))
        return PreviewResult(seg.labels, colors, seg.model)

    @one_thread_a_step
    def _steps(
        self, params: Params, space: FeatureSpace
    ) -> Generator[Progress, None, PreviewResult]:
        key = space.color, params.planes, params.corners
        if key not in self._counted:
            yield Progress("colors", 0, 0)
            whole = self._source(self._picture, space, params)
            working = WorkingInput.of(whole, params.planes)
            census = count_source(working.source)
            source = replace(working.source, core=census.cells.core)
            self._counted[key] = source, census, working.order
        source, census, order = self._counted[key]
        view = params.planes, params.corners
        if view not in self._sights:
            self._sights[view] = _Sight.of(source.picture, source.mask)
        sight = self._sights[view]
        fit = yield from self._fit(source, census, params)
        smooth = params.smoothing > 0
        step = sight.step if smooth else 1
        labeler = self._labelers.get(params)
        if labeler is None:
            labeler = make_labeler(source, census, params, fit, step)
            # Tables of colors are large, and soon made.
            if smooth:
                _keep(self._labelers, params, labeler)
        if step > 1:
            source = replace(source, picture=sight.small, mask=sight.mask)
        labels = yield from iter_labels(source, labeler, None)
        least = round(params.min_size / step**2)
        if least > 1:
            labels = (yield from iter_join_small(source, labels, least))[1]
        if step > 1:
            labels = _repeat(labels, step, sight.picture.shape)
        if sight.inside is not None:
            labels[~sight.inside] = 0
        colors = sight.colors(labels, fit.model.n_classes)
        shown = order.restore(labels) if order.changes else labels
        return PreviewResult(shown, colors, fit.model)

    def _fit(
        self, source: SegmentationInput, census: CellCounts, params: Params
    ) -> Generator[Progress, None, Fit]:
        """Return the classes; how much is smoothed does not matter to them."""
        key = params.replace(smoothing=float(params.smoothing > 0), min_size=0)
        if key not in self._fits:
            fit = yield from iter_fits(source, census, key)
            _keep(self._fits, key, replace(fit, states=()))
        return self._fits[key]


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """A picture as it is worked on, and what a preview of it needs.

    Attributes
    ----------
    picture : LazyImage
        Its axes in the order that is worked on.
    inside : (*S) ndarray of bool or None
        Its pixels that count.
    step : int
        How many of them along rows and columns become one when it is smoothed.
    small : LazyImage
        Means of these.
    mask : (*S) ndarray of bool or None
        Of the small one.
    some : (N, C) ndarray
        Each so many pixels, `every`, which tell the colors of classes.
    """

    picture: LazyImage
    inside: BoolArray | None
    step: int
    small: LazyImage
    mask: BoolArray | None
    every: int
    some: NDArray[Any]

    @classmethod
    def of(cls, picture: LazyImage, mask: BoolArray | None) -> _Sight:
        """Return what a preview needs of a picture, of which a mask counts."""
        values = picture.read()
        inside = usable(values, rgb=picture.rgb)
        if mask is not None:
            inside = mask if inside is None else inside & mask
        step, small, mask = _step(picture.shape), picture, None
        if step > 1:
            small, mask = _shrink(picture, values, inside, step)
        every = -(-picture.size // _SHOWN)
        flat = values.reshape(-1, values.shape[-1])[:, : picture.channels]
        return cls(picture, inside, step, small, mask, every, flat[::every].copy())

    def colors(self, labels: NDArray[np.uint8], count: int) -> Float64Array:
        """Return the colors (K, 3) of so many classes."""
        found = Measures(range(1, count + 1), self.some.shape[1])
        found.add(labels.reshape(-1)[:: self.every], self.some)
        return colors_of(self.picture, found.mean())


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep a value, and forget the oldest of too many."""
    if len(kept) == _KEPT:
        del kept[next(iter(kept))]
    kept[key] = value


def _step(shape: tuple[int, ...]) -> int:
    """Return how many pixels along rows and columns become one."""
    flat = len(shape) == 2 or shape[-3] == 1
    step, size = 1, int(np.prod(shape))
    while size > step**2 * (PICTURE if flat else VOLUME):
        step *= 2
    return step


def _shrink(
    picture: LazyImage, values: NDArray[Any], inside: BoolArray | None, step: int
) -> tuple[LazyImage, BoolArray | None]:
    """Return means of the pixels (*S, C) that count in each block, and where any does.

    RGB stays of its type, as in `TilePicture`; alpha has done its work.
    """
    shape = (*picture.shape[:-2], *(-(-n // step) for n in picture.shape[-2:]))
    channels = picture.channels
    dtype = picture.dtype if picture.rgb else np.dtype(np.float32)
    small = np.empty((*shape, channels), dtype)
    share = np.ones(shape, np.float32)
    for at in np.ndindex(shape[:-2]):
        plane = np.ascontiguousarray(values[at][..., :channels])
        if inside is not None:
            count = inside[at].astype(np.float32)
            share[at] = _means(count, step)
            plane = np.where(inside[at][..., np.newaxis], plane, 0)
        if plane.dtype not in (np.uint8, np.uint16) or inside is not None:
            plane = plane.astype(np.float32)
        mean = _means(plane, step).reshape(small[at].shape)
        if inside is not None:
            mean = mean / np.maximum(share[at], np.float32(1e-6))[..., np.newaxis]
        small[at] = np.rint(mean) if dtype.kind == "u" else mean
    if picture.rgb:
        found = as_lazy_image(small, rgb=True, full_scale=picture.full_scale)
    else:
        found = as_lazy_image(small, channel_axis=-1)
    return found, None if inside is None else share > 0


def _means(plane: NDArray[Any], step: int) -> NDArray[Any]:
    """Return the means of the blocks of a plane (Y, X[, C])."""
    rows, columns = plane.shape[:2]
    below, right = -rows % step, -columns % step
    whole = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = whole.shape[1] // step, whole.shape[0] // step
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def _repeat(
    labels: NDArray[np.uint8], step: int, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Repeat labels for the pixels of each block of an image of a shape."""
    out = np.empty(shape, np.uint8)
    rows, columns = shape[-2:]
    for at in np.ndindex(shape[:-2]):
        plane = labels[at]
        size = step * plane.shape[1], step * plane.shape[0]
        wide = cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST_EXACT)
        out[at] = wide[:rows, :columns]
    return out
