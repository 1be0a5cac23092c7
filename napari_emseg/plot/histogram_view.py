"""Histograms as densities, and the curves of mixtures over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from napari_emseg.plot.projection import find_range
from napari_emseg.plot.theme import Badges, halo, style_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.plot.feature_cloud import FeatureCloud
    from napari_emseg.plot.theme import Theme

# Histogram over the range of nearly all values, and in all.
_BARS, _MOST = 80, 4096
# Histograms that one figure has room for.
_ROOM = 12
# Points of a curve.
_POINTS = 256
# Values are levels if they lie on a grid as exact as this, in parts of its step.
_ON_GRID = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """The histogram of a feature.

    Attributes
    ----------
    name : str
        Of the feature.
    edges : (B + 1,) ndarray of float64
        In the units of the feature, evenly spaced.
    density : (B,) ndarray of float64
        Share of the pixels per unit; integrates to 1.
    shown : (float, float)
        Range of nearly all values.
    """

    name: str
    edges: Float64Array
    density: Float64Array
    shown: tuple[float, float]


def choose_features(cloud: FeatureCloud, features: Sequence[int] | None) -> list[int]:
    """Return the features that histograms are drawn of; all, or the first, if None.

    Raises
    ------
    ValueError
        If there is no such feature, or no room for so many.
    """
    dims = cloud.cells.dims
    chosen = list(range(min(dims, _ROOM))) if features is None else list(features)
    for feature in chosen:
        if not 0 <= feature < dims:
            raise ValueError(
                f"there is no feature {feature}; choose numbers from 0 to {dims - 1}"
            )
    if not 1 <= len(chosen) <= _ROOM:
        raise ValueError(
            f"{len(chosen)} features were chosen, but one figure has room for 1 to "
            f"{_ROOM} histograms; choose fewer"
        )
    return chosen


def bars(cloud: FeatureCloud, feature: int) -> Histogram:
    """Count all pixels of a cloud along one of its features.

    Histogram of levels, such as gray levels, hold equally many of them each, so that no
    bar is higher than its neighbor for a reason that lies in the bars.
    """
    values, weights = cloud.cells.points[feature], cloud.cells.weights
    low, high = find_range(values, weights)
    first, last = float(values.min()), float(values.max())
    step = _level_step(values)
    width = max((high - low) / _BARS, (last - first) / _MOST)
    if step > 0:
        width = step * np.ceil(width / step)
        first -= step / 2
    count = max(1, int(np.ceil((last - first) / width + 1e-9)))
    if first + count * width <= last:
        count += 1
    edges = np.asarray(first + width * np.arange(count + 1), np.float64)
    mass = np.histogram(values, edges, weights=weights)[0]
    return Histogram(
        cloud.names[feature], edges, mass / mass.sum() / width, (low, high)
    )


def _level_step(values: NDArray[np.floating]) -> float:
    """Return the step of values that are levels; 0 if they are not."""
    levels = np.unique(values)
    if not 1 < levels.size <= 2**16:
        return 0.0
    steps = np.diff(levels.astype(np.float64))
    step = float(steps.min())
    off = steps / step
    # Levels that few pixels have may be missing, but not most of them.
    even = bool((np.abs(off - np.rint(off)) < _ON_GRID * off).all())
    return step if even and off.mean() < _MOST else 0.0


def marginals(model: Model, feature: int, x: ArrayLike) -> Float64Array:
    """Weighted densities (K, N) of the classes along one feature, at x (N,).

    Of K-means the round classes of equal size that `predict_proba` takes. Outliers are
    none of them.
    """
    at = np.asarray(x, float)
    variance = np.maximum(model.covariances[:, feature, feature], 1e-300)
    away = (at - model.means[:, feature, np.newaxis]) ** 2 / variance[:, np.newaxis]
    weights = model.weights / np.sqrt(variance)
    if model.df is None:
        shape = np.exp(-away / 2) / np.sqrt(2 * np.pi)
    else:
        # Marginals of a multivariate t have its degrees of freedom.
        df = model.df[:, np.newaxis]
        peak = np.exp(gammaln((df + 1) / 2) - gammaln(df / 2)) / np.sqrt(np.pi * df)
        shape = peak * (1 + away / df) ** (-(df + 1) / 2)
    return (1 - model.outliers) * weights[:, np.newaxis] * shape


def fill(ax: Axes, found: Histogram, theme: Theme) -> None:
    """Draw a histogram as one area."""
    ax.stairs(found.density, found.edges, fill=True, color=theme.faint, zorder=1)
    ax.set_xlim(*found.shown)


class HistogramView:
    """The histogram of one feature, with the densities of the classes over it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Drawn into; whatever it holds goes.
    feature : int
        Its number.
    found : Histogram
        The data.
    theme : Theme
        Colors.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
        As given.
    bars : Histogram
        The histogram.
    curves : list of matplotlib.lines.Line2D
        One for each class.
    """

    def __init__(self, ax: Axes, feature: int, found: Histogram, theme: Theme) -> None:
        ax.clear()
        self.curves: list[Line2D] = []
        self.ax, self._feature, self._theme = ax, feature, theme
        self.bars = found
        fill(ax, found, theme)
        self._x = np.linspace(*self.bars.shown, _POINTS)
        self._badges = Badges(ax, theme)
        (self._sum,) = ax.plot([], [], lw=1.4, ls="--", color=theme.ink, zorder=4)
        ax.set_ylim(0, 1.12 * float(self.bars.density.max()))
        ax.set_xlabel(found.name)
        ax.set_ylabel("density")
        style_axes(ax, theme)

    def show(self, model: Model, colors: ArrayLike) -> None:
        """Move the curves to a model's classes, in colors (K, 3) in [0, 1]."""
        if len(self.curves) != model.n_classes:
            self._make(model.n_classes)
        # A narrow class must not be missed between two points of the grid.
        x = np.sort(np.concatenate([self._x, model.means[:, self._feature]]))
        density = marginals(model, self._feature, x)
        rgb = np.asarray(colors, float)
        for curve, y, color in zip(self.curves, density, rgb, strict=True):
            curve.set(data=(x, y), color=color)
        peaks = np.column_stack([model.means[:, self._feature], density.max(axis=1)])
        self._badges.show(peaks, rgb)
        self._sum.set_data(x, density.sum(axis=0) + self._outliers(model))

    @property
    def moving(self) -> list[Artist]:
        """What `show` moves."""
        return [*self.curves, self._sum, *self._badges.artists]

    def _outliers(self, model: Model) -> float:
        """Density of the outliers, which lie anywhere in the range of the data."""
        return model.outliers / (self.bars.edges[-1] - self.bars.edges[0])

    def _make(self, count: int) -> None:
        for curve in self.curves:
            curve.remove()
        self._badges.count(count)
        around = halo(self._theme, 3.4)
        self.curves = [
            self.ax.plot([], [], lw=2, path_effects=around, zorder=3)[0]
            for _ in range(count)
        ]
