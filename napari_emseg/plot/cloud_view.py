"""Clouds of features with the classes in them, drawn once and kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator

from napari_emseg.plot.histogram_view import fill
from napari_emseg.plot.projection import Projection, ellipse_axes
from napari_emseg.plot.theme import Badges, halo, style_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.plot.histogram_view import Histogram
    from napari_emseg.plot.projection import Density
    from napari_emseg.plot.theme import Theme

# Pixels within which the mouse takes hold of a center, or of an outline.
_NEAR = 10.0
# Axes whose ranges differ by more than this cannot have the same scale.
_UNLIKE = 8.0


class ClusterView(Protocol):
    """A drawing whose classes can be moved."""

    @property
    def moving(self) -> list[Artist]:
        """What `show` moves; other artists if there is another number of classes."""

    def show(self, model: Model, colors: ArrayLike) -> None:
        """Move the classes to those of a model, in colors (K, 3) in [0, 1]."""


class CloudView:
    """The density of a projected cloud, and the ellipse of each class.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Drawn into; whatever it holds goes.
    density : Density
        The data.
    theme : Theme
        Colors.
    sd : float
        Standard deviations that the ellipses reach.

    Attributes
    ----------
    ellipses : list of matplotlib.patches.Ellipse
        One for each class.
    axes : matplotlib.axes.Axes
        What is drawn into.
    projection : Projection
        Of the features.
    """

    def __init__(self, ax: Axes, density: Density, theme: Theme, sd: float) -> None:
        ax.clear()
        self.ellipses: list[Ellipse] = []
        self.axes = self._ax = ax
        self.projection = self._projection = density.projection
        self._theme, self._sd = theme, sd
        left, right, low, high = density.extent
        ax.imshow(
            density.values,
            extent=density.extent,
            origin="lower",
            cmap=theme.density,
            norm=PowerNorm(0.35, vmin=0, vmax=max(float(density.values.max()), 1e-300)),
            aspect="auto",
            interpolation="bilinear",
        )
        if 1 / _UNLIKE < (right - left) / (high - low) < _UNLIKE:
            ax.set_aspect("equal", adjustable="datalim")
        ax.set_xlabel(density.projection.names[0])
        ax.set_ylabel(density.projection.names[1])
        style_axes(ax, theme)
        self._badges = Badges(ax, theme)

    def show(self, model: Model, colors: ArrayLike) -> None:
        """Move the ellipses to a model's classes, in colors (K, 3) in [0, 1]."""
        matrix, rgb = self._projection.matrix, np.asarray(colors, float)
        means = model.means @ matrix.T
        within = matrix @ model.covariances @ matrix.T
        if len(self.ellipses) != model.n_classes:
            self._make(model.n_classes)
        for i, ellipse in enumerate(self.ellipses):
            width, height, angle = ellipse_axes(within[i], self._sd)
            ellipse.set(center=means[i], width=width, height=height, angle=angle)
            ellipse.set_edgecolor(rgb[i])
        self._badges.show(means, rgb)

    def projected(self, x: float, y: float) -> Float64Array:
        """Return a point of the drawing as the projection has it, (2,)."""
        return np.array([x, y])

    def grip(self, x: float, y: float) -> tuple[int, str] | None:
        """Return the class at a place on the screen, in pixels, and what of it.

        Returns
        -------
        (int, {"center", "outline"}) or None
            Index 0..K-1; None if there is none.
        """
        centers = [ellipse.get_center() for ellipse in self.ellipses]
        outlines = [
            self._ax.transData.inverted().transform(
                ellipse.get_transform().transform(_CIRCLE)
            )
            for ellipse in self.ellipses
        ]
        return _grip(self._ax, centers, outlines, (x, y))

    @property
    def moving(self) -> list[Artist]:
        """What `show` moves."""
        return [*self.ellipses, *self._badges.artists]

    def _make(self, count: int) -> None:
        for ellipse in self.ellipses:
            ellipse.remove()
        around = halo(self._theme, 3.8)
        self.ellipses = [
            Ellipse((0, 0), 0, 0, fill=False, lw=2.2, zorder=3, path_effects=around)
            for _ in range(count)
        ]
        for ellipse in self.ellipses:
            # Not `add_patch`: a class that runs away must not stretch the axes.
            self._ax.add_artist(ellipse)
        self._badges.count(count)


class LineView:
    """The density of a single feature, and the interval of each class under it.

    Parameters
    ----------
    ax, theme, sd
        As for `CloudView`.
    found : Histogram
        The data.

    Attributes
    ----------
    intervals : list of matplotlib.lines.Line2D
        One for each class.
    axes : matplotlib.axes.Axes
        What is drawn into.
    projection : Projection
        Of the feature, which it leaves as it is.
    """

    def __init__(self, ax: Axes, found: Histogram, theme: Theme, sd: float) -> None:
        ax.clear()
        self.intervals: list[Line2D] = []
        self.axes = self._ax = ax
        self.projection = Projection(np.ones((1, 1)), (found.name,))
        self._theme, self._sd = theme, sd
        fill(ax, found, theme)
        self._top = float(found.density.max())
        ax.set_xlabel(found.name)
        ax.set_ylabel("density")
        style_axes(ax, theme)
        self._badges = Badges(ax, theme)

    def show(self, model: Model, colors: ArrayLike) -> None:
        """Move the intervals to a model's classes, in colors (K, 3) in [0, 1]."""
        rgb = np.asarray(colors, float)
        if len(self.intervals) != model.n_classes:
            self._make(model.n_classes)
        means = model.means[:, 0]
        reach = self._sd * np.sqrt(model.covariances[:, 0, 0])
        rows = self._rows(model.n_classes)
        for i, line in enumerate(self.intervals):
            ends = [means[i] - reach[i], means[i] + reach[i]]
            line.set(data=(ends, [rows[i], rows[i]]), color=rgb[i])
        self._badges.show(np.column_stack([means, rows]), rgb)

    def projected(self, x: float, y: float) -> Float64Array:
        """Return a point of the drawing as a value of the feature, (1,)."""
        return np.array([x])

    def grip(self, x: float, y: float) -> tuple[int, str] | None:
        """Return the class at a place on the screen, as `CloudView.grip`."""
        ends = [np.asarray(line.get_xydata(), float) for line in self.intervals]
        return _grip(self._ax, [pair.mean(axis=0) for pair in ends], ends, (x, y))

    @property
    def moving(self) -> list[Artist]:
        """What `show` moves."""
        return [*self.intervals, *self._badges.artists]

    def _rows(self, count: int) -> Float64Array:
        return np.linspace(-0.1, -0.1 * count, count) * self._top

    def _make(self, count: int) -> None:
        for line in self.intervals:
            line.remove()
        around = halo(self._theme, 6.6)
        self.intervals = [
            self._ax.plot(
                [], [], lw=5, solid_capstyle="butt", path_effects=around, scalex=False
            )[0]
            for _ in range(count)
        ]
        self._badges.count(count)
        ticks = np.asarray(MaxNLocator(5).tick_values(0, self._top))
        self._ax.set_yticks(ticks[ticks <= self._top])
        self._ax.set_ylim(self._rows(count + 1)[-1], 1.05 * self._top)


# Points all around an ellipse, before it is placed.
_CIRCLE = np.column_stack(
    [np.cos(np.linspace(0, 2 * np.pi, 90)), np.sin(np.linspace(0, 2 * np.pi, 90))]
)


def _grip(
    ax: Axes,
    centers: Sequence[ArrayLike],
    outlines: Sequence[ArrayLike],
    place: tuple[float, float],
) -> tuple[int, str] | None:
    """Return which class is next to a place in pixels, and what of it, if one is."""
    found: tuple[float, int, str] = (_NEAR, -1, "")
    for kind, spots in (("center", centers), ("outline", outlines)):
        for index, points in enumerate(spots):
            seen = ax.transData.transform(np.atleast_2d(np.asarray(points, float)))
            away = float(np.linalg.norm(seen - np.asarray(place), axis=1).min())
            if away <= found[0]:
                found = away, index, kind
    return None if found[1] < 0 else found[1:]
