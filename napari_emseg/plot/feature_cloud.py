"""The cloud of an image's features: small enough to keep and to draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import Cells, coarsen
from napari_emseg.engine.cells.counting import find_coding
from napari_emseg.engine.image.color_space import PLANE, convert, native, unit_rgb
from napari_emseg.engine.image.lazy_image import LazyImage
from napari_emseg.engine.image.stain_separation import STAINS
from napari_emseg.pipeline.segmentation import colors_of
from napari_emseg.pipeline.source import count_source

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.pipeline.source import SegmentationInput

# Cells of a palette, and sampled pixels, that are kept: more would not be seen.
_PALETTE, _PIXELS = 2**21, 2**18
# Numbers in all that sampled pixels of many features may have.
_NUMBERS = 2**24
# Pixels whose colors tell those of classes while a fit is under way.
_SWATCHES = 2**12
_NAMES = {
    "lab": ("L*", "a*", "b*"),
    "luv": ("L*", "u*", "v*"),
    "rgb": ("red", "green", "blue"),
    "hsv": ("value", "saturation · cos hue", "saturation · sin hue"),
    "hls": ("lightness", "saturation · cos hue", "saturation · sin hue"),
    "ycrcb": ("Y", "Cr", "Cb"),
    "xyz": ("X", "Y", "Z"),
    "ab": ("a*", "b*"),
    "hs": ("saturation · cos hue", "saturation · sin hue"),
    "chromaticity": ("share of red", "share of green"),
    **{name: names for name, (_, names) in STAINS.items()},
    "od": ("density of red", "density of green", "density of blue"),
    "gray": ("gray",),
}


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCloud:
    """What a fit saw of an image.

    Attributes
    ----------
    cells : Cells
        The palette of the image, exact or in fine bins; else a sample of its pixels.
    names : tuple of str
        One for each of the D features.
    picture : LazyImage
        Of which only the kind counts: whether it is RGB, and its channels.
    swatches : ((S, D) ndarray of float32, (S, 3) ndarray of float32) or None
        Features and colors in [0, 1] of some pixels of an RGB image.
    """

    cells: Cells
    names: tuple[str, ...]
    picture: LazyImage
    swatches: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def class_colors(self, model: Model) -> Float64Array:
        """Colors (K, 3) in [0, 1] of the classes of any model of these features.

        The mean colors of the swatches that it gives each class; without any, a scale
        from dark to bright.
        """
        k = model.n_classes
        if self.swatches is None:
            return colors_of(replace(self.picture, rgb=False), np.zeros((k, 1)))
        features, rgb = self.swatches
        label = model.predict(features).astype(np.intp) - 1
        count = np.maximum(np.bincount(label, minlength=k), 1)
        total = np.stack([np.bincount(label, part, k) for part in rgb.T], axis=1)
        return np.asarray(total / count[:, np.newaxis])


def as_cloud(points: Cells | FeatureCloud | ArrayLike, dims: int) -> FeatureCloud:
    """Return a cloud of cells, or of points (N, D) that stand for one pixel each.

    Raises
    ------
    ValueError
        If they have not `dims` features.
    """
    if isinstance(points, FeatureCloud):
        cloud = points
    else:
        cells = points
        if not isinstance(cells, Cells):
            array = np.asarray(points, np.float64)
            if array.ndim != 2:
                raise ValueError(
                    f"points have the shape {array.shape}, but (N, D) is needed: one "
                    "row for each point"
                )
            cells = Cells(np.ones(len(array)), np.ascontiguousarray(array.T))
        names = tuple(f"feature {i + 1}" for i in range(cells.dims))
        picture = LazyImage(cells.points, (cells.count,), channel_axis=0, rgb=False)
        cloud = FeatureCloud(cells, names, picture)
    if cloud.cells.dims != dims:
        raise ValueError(
            f"the points have {cloud.cells.dims} features, but the model has {dims}; "
            "take the points that it was fitted to"
        )
    return cloud


def read_feature_cloud(source: SegmentationInput) -> FeatureCloud:
    """Read an image once, and keep what there is to draw.

    Parameters
    ----------
    source : SegmentationInput
        As `Segmentation.source`.

    Returns
    -------
    FeatureCloud
        At most 64 megabytes, whatever the size of the image.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> seg = emseg.segment(np.arange(16, dtype=np.uint8).reshape(4, 4), n_classes=2)
    >>> cloud = read_feature_cloud(seg.source)
    >>> cloud.cells.total, cloud.names
    (16.0, ('intensity',))
    """
    picture = source.picture
    names = feature_names(source)
    coding = find_coding(picture, source.space.color) if source.space.plain else None
    if coding is None:
        cells, swatches = _sample(source)
        return FeatureCloud(cells, names, picture, swatches)
    census = count_source(source)
    cells = census.cells
    colored = picture.rgb and source.space.color != PLANE
    swatches = None
    if colored and cells.seed_labels is None:
        few = _draw(cells.weights)
        rgb = unit_rgb(coding.decode(census.codes[few]), picture.full_scale)
        swatches = np.ascontiguousarray(cells.points[:, few].T, np.float32), rgb
    if cells.count > _PALETTE:
        cells = coarsen(cells, 21 // cells.dims)
    return FeatureCloud(cells, names, picture, swatches)


def _draw(weights: Float64Array) -> NDArray[np.intp]:
    """Draw cells as often as their weight says, evenly."""
    along = np.cumsum(weights)
    at = (np.arange(_SWATCHES) + 0.5) / _SWATCHES * along[-1]
    return np.minimum(np.searchsorted(along, at), weights.size - 1)


def _sample(
    source: SegmentationInput,
) -> tuple[Cells, tuple[NDArray[np.float32], NDArray[np.float32]] | None]:
    """Read some pixels of each part, and the colors of a few of them."""
    space, picture = source.space, source.picture
    limit = min(_PIXELS, _NUMBERS // space.dims(picture))
    share = min(1.0, limit / picture.size)
    weights, points, colors = [], [], []
    for values, _ in source.parts(raw=space.plain):
        some = max(1, round(share * len(values)))
        kept = Cells(np.ones(len(values)), values.T).sample(some)
        weights.append(kept.weights)
        if picture.rgb and space.plain:
            raw = kept.points.T.astype(picture.dtype)
            colors.append(unit_rgb(raw, picture.full_scale))
            points.append(convert(raw, space.color, picture.full_scale).T)
        else:
            points.append(np.asarray(kept.points, np.float32))
    cells = Cells(
        np.concatenate(weights), np.ascontiguousarray(np.concatenate(points, axis=1))
    )
    if not colors:
        return cells, None
    few = _draw(cells.weights)
    return cells, (cells.points[:, few].T, np.concatenate(colors)[few])


def feature_names(source: SegmentationInput) -> tuple[str, ...]:
    """Return the names of the features of a source."""
    space, picture = source.space, source.picture
    dims = space.dims(picture)
    extra = []
    if space.texture > 0:
        extra += ["fine texture", "coarse texture"]
    if space.position > 0:
        extra += ["position z", "position y", "position x"][-len(picture.shape) :]
    of_color = dims - len(extra)
    if of_color == 1 and native(space.color):
        color: tuple[str, ...] = ("intensity",)
    else:
        plain = tuple(f"channel {i + 1}" for i in range(of_color))
        color = _NAMES.get(space.color.partition(":")[0], plain)
    return (*color, *extra)
