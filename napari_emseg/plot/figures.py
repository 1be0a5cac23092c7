"""The figures: each in one call, from a segmentation or from what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from matplotlib.ticker import MaxNLocator

from napari_emseg.pipeline.model_selection import Choice, criteria_by_n_classes
from napari_emseg.pipeline.segmentation import Segmentation
from napari_emseg.plot.cloud_view import CloudView, ClusterView, LineView
from napari_emseg.plot.convergence_view import (
    INERTIA,
    LIKELIHOOD,
    SMOOTH,
    ConvergenceView,
    objective_kind,
    runs_of,
)
from napari_emseg.plot.feature_cloud import FeatureCloud, as_cloud, read_feature_cloud
from napari_emseg.plot.histogram_view import HistogramView, bars, choose_features
from napari_emseg.plot.projection import density_of, find_projection
from napari_emseg.plot.theme import (
    FONT,
    Theme,
    canvas_of,
    find_theme,
    make_figure,
    root_of,
    style_axes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from numpy.typing import ArrayLike

    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.model import Model

# A segmentation, or cells (or points (N, D)) and a model of their features.
Data: TypeAlias = "Segmentation | tuple[Cells | FeatureCloud | ArrayLike, Model]"
# Histograms side by side.
_ACROSS = 3


def ellipses(
    data: Data,
    *,
    features: str | Sequence[int | str] = "auto",
    sd: float = 2.0,
    colors: ArrayLike | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the cloud of features in two dimensions, and each class as an ellipse.

    A scatter plot with the covariance of each class.

    Parameters
    ----------
    data : Segmentation or (cells, model)
        What was fitted; instead of cells also points (N, D) or a `FeatureCloud`.
    features : "auto" or pair of int or str, optional
        Two features, by number (0..D-1) or name; "auto" is the first two principal
        axes, or both features if there are but two. A single feature is drawn as a
        density with an interval for each class.
    sd : float, optional
        Standard deviations that ellipses reach: 2 holds 86 % of a Gaussian class in
        two dimensions, 95 % in one. Classes of K-means are balls of their common
        variance; of Student-t the scale matrix is shown.
    colors : (K, 3) array_like, optional
        Colors of the classes, 0..1; by default those of the segmentation.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    theme : {"light", "dark"} or Theme, optional
        Colors of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If features, colors or theme are none that there are.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.random.default_rng(0).integers(0, 255, (30, 30, 3), np.uint8)
    >>> figure = emseg.plot.ellipses(emseg.segment(image, n_classes=2))
    >>> figure.axes[0].get_xlabel().split(" (")[0]
    'first principal axis'
    """
    look = find_theme(theme)
    cloud, model, rgb = _read(data, colors)
    figure, ax = canvas_of(look, ax)
    projection = find_projection(cloud, features)
    view: ClusterView
    if cloud.cells.dims == 1:
        view = LineView(ax, bars(cloud, 0), look, sd)
    else:
        view = CloudView(ax, density_of(cloud, projection), look, sd)
    view.show(model, rgb)
    return figure


def histogram(
    data: Data,
    *,
    features: Sequence[int] | None = None,
    colors: ArrayLike | None = None,
    figure: FigureBase | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the histogram of each feature, with the densities of the classes over it.

    Parameters
    ----------
    data, colors, theme
        As for `ellipses`.
    features : sequence of int, optional
        Which features; by default all, or the first twelve.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Histograms integrate to 1, and so do the classes together: their sum, dashed, is
    the mixture. K-means has no densities; drawn are the round classes of equal size
    that its memberships come from.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> len(emseg.plot.histogram(emseg.segment(image, n_classes=2)).axes)
    1
    """
    look = find_theme(theme)
    cloud, model, rgb = _read(data, colors)
    page = make_figure(look, figure)
    chosen = choose_features(cloud, features)
    across = min(_ACROSS, len(chosen))
    down = -(-len(chosen) // across)
    if figure is None and len(chosen) > 1:
        root_of(page).set_size_inches(3.2 * across, 0.4 + 2.6 * down)
        root_of(page).set_layout_engine("constrained", w_pad=0.1)
    for place, feature in enumerate(chosen):
        ax = page.add_subplot(down, across, place + 1)
        view = HistogramView(ax, feature, bars(cloud, feature), look)
        view.show(model, rgb)
        if place % across:
            ax.set_ylabel("")
    return root_of(page)


def convergence(
    data: Segmentation | Mapping[str, Segmentation],
    *,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the log-likelihood, or the inertia of K-means, over the iterations.

    Parameters
    ----------
    data : Segmentation or mapping of str to Segmentation
        One run, level by level: filled dots are exact, hollow ones bounds. Or several
        runs by name, to compare, with one line each; where noise demands another
        model, that of a random field, a second one that ends in a diamond, since its
        likelihood is not to be compared with the first.
    ax, theme
        As for `ellipses`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a model was applied and not fitted, so that there are no iterations, or if
        runs of EM and of K-means are compared.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> seg = emseg.segment(image, method="kmeans", n_classes=2)
    >>> emseg.plot.convergence(seg).axes[0].get_ylabel()
    'inertia per pixel'
    """
    look = find_theme(theme)
    runs = data if isinstance(data, Mapping) else {"": data}
    for run in runs.values():
        if not isinstance(run, Segmentation):
            raise _misfit(run)
    kinds = {seg.model.has_likelihood for seg in runs.values()}
    if not runs or not all(seg.objective for seg in runs.values()):
        raise ValueError(
            "there are no iterations to draw: the model was given, not fitted; draw "
            "the segmentation that it was fitted in"
        )
    if len(kinds) > 1:
        raise ValueError(
            "these are runs of EM and of K-means, whose objectives cannot be compared; "
            "draw them apart"
        )
    figure, ax = canvas_of(look, ax)
    likelihood = kinds.pop()
    if isinstance(data, Segmentation):
        view = ConvergenceView(ax, look, likelihood=likelihood)
        view.show(data.objective, data.levels)
    else:
        _compare(ax, runs, look, likelihood=likelihood)
    return figure


def _compare(
    ax: Axes, runs: Mapping[str, Segmentation], theme: Theme, *, likelihood: bool
) -> None:
    styles = product(("-", "--", ":", "-."), theme.series)
    for (name, seg), (style, color) in zip(runs.items(), styles, strict=False):
        y = np.asarray(seg.objective)
        for smooth, part in runs_of(
            [objective_kind(at) == SMOOTH for at in seg.levels]
        ):
            # Objectives of another kind make a curve of their own, and no step.
            x = np.arange(part.start, part.stop) + 1
            label = None if part.start else name
            ax.plot(x, y[part], style, color=color, lw=1.6, label=label)
            mark = "D" if smooth else "o"
            ax.plot(x[-1:], y[part][-1:], mark, ms=5, color=color)
    if any(objective_kind(at) == SMOOTH for seg in runs.values() for at in seg.levels):
        ax.plot([], [], "D", ms=5, color=theme.ink, label="with smoothing")
    ax.set_xlabel("iteration")
    ax.set_ylabel(LIKELIHOOD if likelihood else INERTIA)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=FONT - 1)
    style_axes(ax, theme)


def criteria(
    data: Segmentation | Choice, *, ax: Axes | None = None, theme: str | Theme = "light"
) -> Figure:
    """Draw what tells how many classes there are: BIC and ICL for 1, 2, … classes.

    Criteria of model selection, for the number of clusters.

    Parameters
    ----------
    data : Segmentation or Choice
        An image whose classes are counted now, which takes as long as "auto" does; or
        what `napari_emseg.pipeline.model_selection.criteria_by_n_classes` found.
    ax, theme
        As for `ellipses`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If it is neither of them.

    Notes
    -----
    Per independent pixel, in nats, so that the axis can be read; larger is better. The
    full marks are what "auto" takes: the maximum of BIC (where noise dominates, of ICL)
    among those whose classes are more than outlines.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> figure = emseg.plot.criteria(emseg.segment(image, n_classes=2))
    >>> [line.get_label() for line in figure.axes[0].lines[:2]]
    ['BIC', 'ICL']
    """
    look = find_theme(theme)
    choice = data
    if isinstance(data, Segmentation):
        choice = criteria_by_n_classes(data.source, seed=data.params.seed)
    if not isinstance(choice, Choice):
        raise _misfit(choice)
    figure, ax = canvas_of(look, ax)
    k = [order.n_classes for order in choice.orders]
    found: dict[str, list[float]] = {
        "BIC": [order.bic(choice.n) for order in choice.orders],
        "ICL": [order.icl(choice.n) for order in choice.orders],
    }
    for (name, values), color, mark in zip(
        found.items(), look.series, "os", strict=False
    ):
        y = np.array(values) / (2 * choice.n)
        ax.plot(k, y, color=color, marker=mark, ms=5, lw=1.6, mfc=look.page, label=name)
    best = k.index(choice.best)
    for line, mark in zip(ax.lines[:2], "os", strict=True):
        y = np.asarray(line.get_ydata())
        ax.plot(k[best], y[best], mark, ms=10, color=line.get_color())
    ax.set_xlabel("number of classes")
    ax.set_ylabel("nats per independent pixel, larger is better")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=FONT - 1, loc="lower right")
    style_axes(ax, look)
    return figure


def _read(data: Data, colors: ArrayLike | None) -> tuple[FeatureCloud, Model, Any]:
    """Return cloud, model, and colors (K, 3) of what is to be drawn."""
    if isinstance(data, Segmentation):
        cloud, model = read_feature_cloud(data.source), data.model
        rgb = data.class_colors if colors is None else np.asarray(colors, float)
    else:
        if not (isinstance(data, tuple) and len(data) == 2):
            raise _misfit(data)
        points, model = data
        cloud = as_cloud(points, model.means.shape[1])
        rgb = cloud.class_colors(model) if colors is None else np.asarray(colors, float)
    if rgb.shape != (model.n_classes, 3) or rgb.min() < 0 or rgb.max() > 1:
        raise ValueError(
            f"colors have the shape {rgb.shape}, but {model.n_classes} rows of red, "
            "green and blue from 0 to 1 are needed"
        )
    return cloud, model, rgb


def _misfit(data: Any) -> TypeError:
    """Return the error that nothing can be drawn."""
    return TypeError(
        f"data is of type {type(data).__name__}, but a Segmentation is needed, which "
        "napari_emseg.segment gives"
    )
