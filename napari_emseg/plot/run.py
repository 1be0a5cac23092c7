"""A run in one figure: its cloud, its labels, and its objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_emseg.plot.bars import Bars
from napari_emseg.plot.cloudview import CloudView, LineView
from napari_emseg.plot.learning import LearningView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine.state import FitState
    from napari_emseg.plot.projection import Density
    from napari_emseg.plot.theme import Theme

# Inches at 100 pixels each: multiples of 16 pixels, which video formats need.
_WIDE, _HIGH = 9.6, 6.4


class RunFigure:
    """The classes of one iteration after the other, as pixels.

    Parameters
    ----------
    states : sequence of FitState
        All iterations.
    cloud : Density or Bars
        The data.
    theme : Theme
        Colors.
    likelihood : bool
        Whether the objective is a log-likelihood.
    """

    def __init__(
        self,
        states: Sequence[FitState],
        cloud: Density | Bars,
        theme: Theme,
        *,
        likelihood: bool,
    ) -> None:
        figure = Figure(
            (_WIDE, _HIGH), dpi=100, facecolor=theme.page, layout="constrained"
        )
        # Matplotlib's canvases are untyped.
        self._canvas: Any = FigureCanvasAgg(figure)
        grid = figure.add_gridspec(2, 2, height_ratios=(2, 1))
        ax = figure.add_subplot(grid[0, 0])
        self._cloud: CloudView | LineView
        if isinstance(cloud, Bars):
            self._cloud = LineView(ax, cloud, theme, 2.0)
        else:
            self._cloud = CloudView(ax, cloud, theme, 2.0)
        self._picture = figure.add_subplot(grid[0, 1])
        self._picture.set_axis_off()
        self._image = self._picture.imshow(np.zeros((1, 1, 3)), interpolation="nearest")
        ax = figure.add_subplot(grid[1, :])
        self._learning = LearningView(ax, theme, likelihood=likelihood)
        self._learning.show([s.objective for s in states], [s.level for s in states])
        self._states = states

    def draw(
        self, index: int, colors: ArrayLike, labels: NDArray[np.integer]
    ) -> NDArray[np.uint8]:
        """Draw an iteration.

        Parameters
        ----------
        index : int
            Which, from 0.
        colors : (K, 3) array_like
            Of the classes, in [0, 1].
        labels : (Y, X) ndarray of int
            0..K.

        Returns
        -------
        (640, 960, 3) ndarray of uint8
            RGB.
        """
        state, rgb = self._states[index], np.asarray(colors, float)
        self._cloud.show(state.model, rgb)
        self._learning.mark(index + 1, state.objective)
        palette = np.vstack([np.full(3, 0.5), rgb])
        self._image.set_data(palette[labels])
        height, width = labels.shape
        self._image.set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
        self._canvas.draw()
        # From now on axes keep their places: nothing jumps, and frames take half.
        self._canvas.figure.set_layout_engine("none")
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
