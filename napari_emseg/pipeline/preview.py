"""A picture that is segmented while a slider moves: fast, and nearly right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.cells.cells import Cells, group_keys
from napari_emseg.engine.cells.counting import find_coding, least_variances
from napari_emseg.engine.cells.palette import Coding, count_codes, count_values
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.engine.cluster.multilevel import levels
from napari_emseg.engine.image.color_space import convert, resolve_color, usable
from napari_emseg.engine.image.lazy_image import LazyImage, as_lazy_image
from napari_emseg.engine.image.value_range import find_core, usual_range
from napari_emseg.params import params_affecting
from napari_emseg.pipeline.fitting import darkest_first, fit_options
from napari_emseg.pipeline.parallel import one_thread
from napari_emseg.pipeline.segmentation import colors_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.params import Params

# Pixels beyond which a preview would no longer be one.
LARGEST = 2**25
# Pixels that are read, and coded, at once.
_COUNT, _CODE = 2**24, 2**17
# Bits of red, green and blue that are told apart, until the codes fit into 16 bits.
_GRIDS = ((8, 8, 8), (7, 8, 7), (7, 7, 7), (7, 7, 6), (6, 7, 6), (6, 6, 6), (5, 6, 5))
_CODES = 2**16
# Cells of a level on which the fit is finished, and its steps there.
_CELLS, _STEPS = 12_000, 20
# Strength of smoothing from which labels are filtered, and the filter's width.
_FIRM, _WIDTH = 0.5, 3
# Features beside color, which a preview does not have, and what turns them off.
_OFF = {
    name: off for name, off in params_affecting("features").items() if name != "color"
}
# Models that are kept, so that a slider that goes back finds them.
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

    Its pixels are kept as codes of at most 16 bits: gray levels as they are, colors
    as the boxes of the finest grid with no more than 65,536 occupied boxes, which for
    a small photograph are its very colors. Fits start where those of `iter_segment`
    start and stop on the coarse levels; a look-up labels the codes.

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

    Raises
    ------
    TypeError, ValueError
        As `segment`; and if the picture is too large for a preview, has several
        channels that are not RGB, or no usable pixel.

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
    ) -> None:
        picture = as_lazy_image(
            image, channel_axis=channel_axis, rgb=rgb, full_scale=full_scale
        )
        if picture.size > LARGEST or (picture.channels > 1 and not picture.rgb):
            raise ValueError(
                f"image of shape {picture.shape} with {picture.channels} channel(s) "
                f"has no preview: it needs RGB or one channel, and at most {LARGEST} "
                "pixels; use segment"
            )
        values = picture.read()
        inside = usable(values, rgb=picture.rgb)
        if inside is not None and not inside.any():
            raise ValueError("the image has no usable pixel, so there is no preview")
        self._picture, self._usable = picture, inside
        scale = _scale(picture, values, inside)
        self._colors = _count(scale, values, inside)
        self._codes, self._boxes = _encode(scale, values, self._colors)
        self._spaces: dict[str, _Space] = {}
        self._fits: dict[Params, tuple[Model, NDArray[np.uint8]]] = {}

    @staticmethod
    def shows(params: Params) -> bool:
        """Return whether parameters have a preview: those of color alone have one."""
        plain = all(getattr(params, name) == off for name, off in _OFF.items())
        return plain and params.n_classes != "auto"

    def preview(self, params: Params) -> PreviewResult:
        """Segment the picture, nearly as `segment` would.

        Parameters
        ----------
        params : Params
            Of which `shows` is true. Instead of a random field a median filter
            smooths, as wide for all strengths, and a mixture is not fitted again to
            what is smooth; small regions stay.

        Returns
        -------
        PreviewResult

        Raises
        ------
        ValueError
            If the parameters have no preview, or do not go with the picture.
        """
        if not self.shows(params):
            raise ValueError(
                f"{params!r} has no preview: it needs a number of classes, and neither "
                f"{' nor '.join(_OFF)}; use segment"
            )
        model, labels = self._fit(params)
        bits = 8 * self._codes.itemsize
        table = np.zeros(2**bits, np.uint8)
        table[self._boxes.codes] = labels
        out = Coding(bits, 0, self._codes.dtype).lookup(self._codes, table)
        if self._usable is not None:
            out[~self._usable] = 0
        if params.smoothing >= _FIRM:
            out = _smooth(out)
        return PreviewResult(out, self._class_colors(labels, model.n_classes), model)

    def _fit(self, params: Params) -> tuple[Model, NDArray[np.uint8]]:
        """Return the model, and the label of each box."""
        key = params.replace(**params_affecting("labels"))
        if key not in self._fits:
            color = resolve_color(self._picture, params.color)
            if color not in self._spaces:
                self._spaces[color] = _space(self._picture, self._colors, color)
            values = _features(self._picture, self._boxes.values, color)
            with one_thread():
                model = self._spaces[color].fit(key)
                labels = model.predict(values)
            if len(self._fits) == _KEPT:
                del self._fits[next(iter(self._fits))]
            self._fits[key] = model, labels
        return self._fits[key]

    def _class_colors(self, labels: NDArray[np.uint8], k: int) -> Float64Array:
        counts = self._boxes.counts
        pixels = np.bincount(labels, counts, k + 1)[1:, np.newaxis]
        sums = [np.bincount(labels, counts * v, k + 1) for v in self._boxes.values.T]
        with np.errstate(invalid="ignore"):
            return colors_of(self._picture, np.stack(sums, axis=-1)[1:] / pixels)


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """How values become codes: as they are, or rounded to so many steps."""

    coding: Coding
    low: float = 0.0
    step: float = 0.0

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Turn (…, C) values into (…) codes; those not finite become any code."""
        if self.step:
            steps = (values - values.dtype.type(self.low)) / self.step
            most = np.iinfo(self.coding.dtype).max
            steps = np.clip(np.nan_to_num(steps), 0, most)
            values = np.rint(steps).astype(self.coding.dtype)
        return self.coding.encode(values)

    def decode(self, codes: NDArray[np.uint32]) -> Float64Array:
        """Turn (M,) codes back into (M, C) values."""
        values = self.coding.decode(codes).astype(np.float64)
        return self.low + self.step * values if self.step else values


def _scale(
    picture: LazyImage, values: NDArray[Any], inside: BoolArray | None
) -> _Scale:
    coding = find_coding(picture)
    if coding is not None:
        return _Scale(coding)
    if picture.rgb:
        return _Scale(Coding(24, 0, np.dtype(np.uint8)), 0.0, picture.full_scale / 255)
    some = values if inside is None else values[inside]
    (low,), (high,) = (ends.tolist() for ends in usual_range(some.reshape(1, -1)))
    # Extremes are told apart from the others, but not from each other.
    low, high = (
        max(float(some.min()), low - (high - low)),
        min(float(some.max()), high + (high - low)),
    )
    step = (high - low) / (_CODES - 1)
    return _Scale(Coding(16, 0, np.dtype(np.uint16)), low, step or 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Colors:
    """Distinct values (M, C) with their codes (M,) and numbers of pixels (M,)."""

    codes: NDArray[np.integer[Any]]
    counts: Float64Array
    values: Float64Array


def _count(scale: _Scale, values: NDArray[Any], inside: BoolArray | None) -> _Colors:
    """Count the usable pixels by color."""
    flat = values.reshape(-1, values.shape[-1])
    keep = None if inside is None else inside.ravel()
    coding, size = scale.coding, len(flat)

    def parts(step: int) -> Iterator[NDArray[Any]]:
        for start in range(0, size, step):
            part = flat[start : start + step]
            yield part if keep is None else part[keep[start : start + step]]

    if scale.step:
        coded = (scale.encode(part) for part in parts(_CODE))
        codes, counts = count_codes(coded, bits=coding.bits, size=size)
    else:
        codes, counts = count_values(parts(_COUNT), coding, size=size)
    return _Colors(codes, counts.astype(np.float64), scale.decode(codes))


def _encode(
    scale: _Scale, values: NDArray[Any], colors: _Colors
) -> tuple[NDArray[Any], _Colors]:
    """Return codes of 8 or 16 bits for the pixels, and the colors of the codes."""
    if scale.coding.bits < 24:
        return scale.encode(values), colors
    group, boxes = _group(colors.codes)
    counts: Float64Array = np.bincount(group, colors.counts, boxes)  # type: ignore[assignment]
    sums = [np.bincount(group, colors.counts * v, boxes) for v in colors.values.T]
    number = np.zeros(2**24, np.uint16)
    number[colors.codes] = group
    flat = values.reshape(-1, values.shape[-1])
    codes = np.empty(len(flat), np.uint16)
    for start in range(0, len(flat), _CODE):
        part = slice(start, start + _CODE)
        codes[part] = number[scale.encode(flat[part])]
    mean = np.stack(sums, axis=-1) / counts[:, np.newaxis]
    return codes.reshape(values.shape[:-1]), _Colors(np.arange(boxes), counts, mean)


def _group(codes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], int]:
    """Number the boxes of the finest grid with few enough of them."""
    for bits in _GRIDS[len(codes) > _CODES :]:
        key = np.zeros(len(codes), np.uint32)
        for width, shift in zip(bits, (16, 8, 0), strict=True):
            key <<= np.uint32(width)
            key |= (codes >> shift & 255).astype(np.uint32) >> np.uint32(8 - width)
        boxes, group = group_keys(key)
        if boxes <= _CODES:
            break
    return group, boxes


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    """Coarse cells of one color space, coarsest first."""

    cells: list[Cells]
    floor: Float64Array

    def fit(self, params: Params) -> Model:
        """Fit as `iter_segment` does, but end on the coarse levels."""
        method = METHODS[params.method]
        options = fit_options(params, int(params.n_classes), self.floor)
        *_, state = method.fit(self.cells[0], options, None)
        options = replace(options, max_iter=min(params.max_iter, _STEPS))
        for cells in self.cells[1:]:
            *_, state = method.iterate(cells, state.model, options)
        model = darkest_first(state).model
        found: Model = model.reorder(np.flatnonzero(model.weights > 0))
        return found


def _space(picture: LazyImage, colors: _Colors, color: str) -> _Space:
    points = np.ascontiguousarray(_features(picture, colors.values, color).T)
    core = find_core(points, colors.counts) if color == "none" else None
    cells = Cells(colors.counts, points, core=core)
    codes = colors.codes if find_coding(picture) else colors.codes[:0]
    floor = least_variances(picture, cells, codes.astype(np.uint32), color)
    coarsest, *finer = [level for _, level in levels(cells)]
    return _Space([coarsest, *(c for c in finer if c.count <= _CELLS)], floor)


def _features(picture: LazyImage, values: Float64Array, color: str) -> FloatArray:
    """Convert (M, C) values, means of pixels perhaps, to features (M, D)."""
    if color == "none":
        return values.astype(np.float32)
    return convert((values / picture.full_scale).astype(np.float32), color)


def _smooth(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Filter each plane; between two classes a median is the majority."""
    out = np.empty_like(labels)
    for at in np.ndindex(labels.shape[:-2]):
        out[at] = cv2.medianBlur(labels[at], _WIDTH)
    if labels.all():
        return out
    # Pixels without a label neither get one nor take those of others away.
    return np.where((labels == 0) | (out == 0), labels, out)
