"""Two dimensions of a cloud of features, and of the classes in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.plot.feature_cloud import FeatureCloud

# Share of the pixels that may lie outside of the picture, at each of its sides.
_OUTSIDE = 5e-4
# Boxes of a density along each axis.
_BOXES = 192


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A linear map of features to one or two axes.

    Attributes
    ----------
    matrix : (2, D) or (1, D) ndarray of float64
        Its rows have length 1.
    names : tuple of str
        Of the axes.
    """

    matrix: Float64Array
    names: tuple[str, ...]


def find_projection(
    cloud: FeatureCloud, features: str | Sequence[int | str] = "auto"
) -> Projection:
    """Choose two axes.

    Parameters
    ----------
    cloud : FeatureCloud
        Of D features.
    features : "auto" or pair of int or str
        Two features, by number (0..D-1) or name; "auto" is the first two principal
        axes, or both features if there are but two.

    Returns
    -------
    Projection
        With a single axis if there is a single feature.

    Raises
    ------
    ValueError
        If these are not two different features.

    References
    ----------
    K. Pearson, "On lines and planes of closest fit to systems of points in space",
    Philosophical Magazine 2(11), 559-572, 1901.
    """
    dims = cloud.cells.dims
    if dims == 1:
        return Projection(np.ones((1, 1)), cloud.names)
    if isinstance(features, str) and features == "auto":
        if dims == 2:
            return Projection(np.eye(2), cloud.names)
        values, vectors = np.linalg.eigh(cloud.cells.covariance())
        axes = vectors[:, :-3:-1].T
        # An axis has no direction of its own: its largest entry shall be positive.
        top = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[[0, 1], top])[:, np.newaxis]
        total = max(float(values.sum()), 1e-300)
        shares = np.maximum(values[:-3:-1], 0) / total
        first, second = (
            f"{place} principal axis ({share:.0%})"
            for place, share in zip(("first", "second"), shares, strict=True)
        )
        return Projection(axes, (first, second))
    pair = [_find_feature(cloud, feature) for feature in features]
    if isinstance(features, str) or len(set(pair)) != 2:
        raise ValueError(
            f"features={features!r}, but two different features are needed, such as "
            f"(0, 1); there are {', '.join(cloud.names)}"
        )
    return Projection(np.eye(dims)[pair], tuple(cloud.names[i] for i in pair))


def _find_feature(cloud: FeatureCloud, feature: int | str) -> int:
    if isinstance(feature, str) and feature in cloud.names:
        return cloud.names.index(feature)
    if isinstance(feature, int | np.integer) and 0 <= feature < cloud.cells.dims:
        return int(feature)
    raise ValueError(
        f"there is no feature {feature!r}; choose 'auto', two numbers from 0 to "
        f"{cloud.cells.dims - 1}, or two of {', '.join(cloud.names)}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """A cloud in two dimensions.

    Attributes
    ----------
    projection : Projection
        To two axes.
    values : (B, B) ndarray of float64
        Pixels per box, second axis first, lowest first.
    extent : (float, float, float, float)
        Left, right, bottom, top.
    """

    projection: Projection
    values: Float64Array
    extent: tuple[float, float, float, float]


def density_of(cloud: FeatureCloud, projection: Projection) -> Density:
    """Count the pixels of a cloud in boxes of two axes."""
    weights = cloud.cells.weights
    x, y = np.asarray(projection.matrix @ cloud.cells.points, np.float64)
    across, along = find_range(x, weights), find_range(y, weights)
    values = np.histogram2d(x, y, bins=_BOXES, range=(across, along), weights=weights)[
        0
    ]
    # Evenly spaced colors in even boxes would beat.
    smooth = cv2.GaussianBlur(values.T, (0, 0), 1.0)
    return Density(projection, np.asarray(smooth, np.float64), (*across, *along))


def ellipse_axes(covariance: ArrayLike, sd: float) -> tuple[float, float, float]:
    """Width, height and angle in degrees of a (2, 2) covariance's ellipse."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, float))
    height, width = 2 * sd * np.sqrt(np.maximum(values, 0))
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    return float(width), float(height), float(angle)


def find_range(values: ArrayLike, weights: Float64Array) -> tuple[float, float]:
    """Bounds of nearly all values (M,), with some air."""
    values = np.asarray(values, np.float64)
    order = np.argsort(values)
    along = np.cumsum(weights[order])
    ends = np.searchsorted(along, along[-1] * np.array([_OUTSIDE, 1 - _OUTSIDE]))
    low, high = values[order[np.minimum(ends, len(values) - 1)]]
    air = 0.1 * (high - low) or max(1e-3 * abs(low), 0.5)
    return float(low - air), float(high + air)
