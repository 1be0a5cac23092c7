"""The figures of the panel "Model": drawn once, then kept up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QTabWidget

from napari_emseg.plot.cloud_view import CloudView, LineView
from napari_emseg.plot.convergence_view import ConvergenceView
from napari_emseg.plot.histogram_view import Histogram, HistogramView, bars
from napari_emseg.plot.projection import Density, density_of, find_projection
from napari_emseg.plot.theme import DARK, LIGHT, Theme
from napari_emseg.widgets.model.canvas import MovingCanvas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.plot.cloud_view import ClusterView
    from napari_emseg.plot.feature_cloud import FeatureCloud

SD = 2.0
CLOUD, HISTOGRAM, LEARNING = "Cloud", "Histogram", "Convergence"
# Histograms that a panel has room for.
_ROOM = 3


@dataclass(frozen=True, slots=True, eq=False)
class FigureData:
    """Histograms and projection of a feature cloud, ready to be drawn.

    Attributes
    ----------
    cloud : FeatureCloud
        The data.
    density : Density or None
        In two dimensions, if there are as many.
    bars : dict of int to Histogram
        By the number of the feature.
    """

    cloud: FeatureCloud
    density: Density | None
    bars: dict[int, Histogram]


def prepare_drawing(cloud: FeatureCloud, pair: tuple[int, int] | None) -> FigureData:
    """Return the histograms and the projection of a cloud; any thread may call it.

    Parameters
    ----------
    cloud : FeatureCloud
        The data.
    pair : (int, int) or None
        Features to look at; None chooses.
    """
    dims = cloud.cells.dims
    chosen = range(dims) if pair is None or dims <= _ROOM else sorted(pair)
    found = {feature: bars(cloud, feature) for feature in list(chosen)[:_ROOM]}
    if dims == 1:
        return FigureData(cloud, None, found)
    density = density_of(
        cloud, find_projection(cloud, "auto" if pair is None else pair)
    )
    return FigureData(cloud, density, found)


def find_colors(name: str) -> Theme:
    """Return the colors of figures that go with a theme of napari."""
    found = get_theme(name)
    light = found.type == "light"
    like = LIGHT if light else DARK
    return Theme(
        page=found.background.as_hex(),
        ink=found.text.as_hex(),
        faint=like.faint if light else found.primary.as_hex(),
        series=like.series,
    )


@dataclass(slots=True, eq=False)
class Page:
    """A figure, and the artists in it that change.

    Attributes
    ----------
    views : list of ClusterView
        What shows the classes.
    learning : ConvergenceView or None
        What shows the objectives.
    shares : tuple of float
        Of the room, for each of the axes; without any, equal.
    count : int
        How many objectives it shows.
    """

    views: list[ClusterView]
    learning: ConvergenceView | None = None
    shares: tuple[float, ...] = ()
    count: int = 0

    @property
    def moving(self) -> list[Artist]:
        """Artists that change from one state to the next."""
        marks = [] if self.learning is None else self.learning.moving
        return [artist for view in self.views for artist in view.moving] + marks

    def show(self, states: Sequence[FitState], index: int, colors: Any) -> bool:
        """Show a state in colors (K, 3); return whether other artists changed too."""
        before, state = self.moving, states[index]
        grown = self.learning is not None and len(states) != self.count
        if self.learning is not None:
            if grown:
                self.learning.show(
                    [s.objective for s in states], [s.level for s in states]
                )
                self.count = len(states)
            self.learning.mark(index + 1, state.objective)
        if state.model is not None:
            for view in self.views:
                view.show(state.model, colors)
        return grown or before != self.moving


def draw_page(
    figure: Figure,
    title: str,
    drawing: FigureData,
    theme: Theme,
    *,
    likelihood: bool,
    strip: bool = False,
) -> Page:
    """Draw one of the figures, without classes as yet.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Whatever it holds goes.
    title : str
        Of the tab.
    drawing : FigureData
        The data.
    theme : Theme
        Colors.
    likelihood : bool
        Whether the objective is a log-likelihood.
    strip : bool, optional
        Draw the objective under the cloud too.
    """
    figure.clear()
    figure.set_facecolor(theme.page)
    if title == HISTOGRAM:
        count = len(drawing.bars)
        return Page(
            [
                HistogramView(
                    figure.add_subplot(count, 1, place), feature, found, theme
                )
                for place, (feature, found) in enumerate(drawing.bars.items(), start=1)
            ]
        )
    if title == LEARNING:
        view = ConvergenceView(figure.add_subplot(), theme, likelihood=likelihood)
        return Page([], view)
    ax = figure.add_subplot(2 if strip else 1, 1, 1)
    cloud: ClusterView
    if drawing.density is None:
        cloud = LineView(ax, drawing.bars[0], theme, SD)
    else:
        cloud = CloudView(ax, drawing.density, theme, SD)
    if not strip:
        return Page([cloud])
    below = figure.add_subplot(2, 1, 2)
    return Page(
        [cloud],
        ConvergenceView(below, theme, likelihood=likelihood, brief=True),
        (2, 1),
    )


# Qt is untyped here, so a class of it is Any to mypy.
class Figures(QTabWidget):  # type: ignore[misc]
    """Tabs of cloud, histograms and objective; only the displayed one is drawn.

    Attributes
    ----------
    canvases : dict of str to MovingCanvas
        By the title of the tab.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.canvases: dict[str, MovingCanvas] = {}
        for title, tip in (
            (CLOUD, "Density of the colors, and each class at 2 standard deviations."),
            (HISTOGRAM, "Density of each feature; dashed, all classes together."),
            (LEARNING, "What the fit makes larger (EM) or smaller (K-means)."),
        ):
            self.canvases[title] = MovingCanvas()
            self.setTabToolTip(self.addTab(self.canvases[title], title), tip)
        self._pages: dict[str, Page] = {}
        self._given: tuple[FigureData, Theme, bool] | None = None
        self._shown: tuple[Sequence[FitState], int, Any] | None = None
        self.currentChanged.connect(self._show)

    @property
    def title(self) -> str:
        """Title of the displayed tab."""
        return str(self.tabText(self.currentIndex()))

    @property
    def loaded(self) -> bool:
        """Whether data are drawn."""
        return self._given is not None

    @property
    def page(self) -> Page:
        """The figure of the displayed tab; it is drawn when it is first displayed.

        Raises
        ------
        ValueError
            If there is no data.
        """
        if self._given is None:
            raise ValueError("there is nothing to draw; load data first")
        if self.title not in self._pages:
            drawing, theme, likelihood = self._given
            self._pages[self.title] = draw_page(
                self.canvases[self.title].figure,
                self.title,
                drawing,
                theme,
                likelihood=likelihood,
                strip=self.title == CLOUD,
            )
        return self._pages[self.title]

    @property
    def cloud(self) -> Any:
        """The `CloudView` or `LineView` that is drawn; None if there is none."""
        page = self._pages.get(CLOUD)
        return page.views[0] if page is not None and page.views else None

    def sizeHint(self) -> QSize:
        """Return a size that is well readable."""
        return QSize(360, 420)

    def load(
        self, drawing: FigureData | None, theme: Theme, *, likelihood: bool
    ) -> None:
        """Draw other data, without classes as yet; None leaves the pages empty."""
        self._pages, self._shown = {}, None
        self._given = None if drawing is None else (drawing, theme, likelihood)
        for canvas in self.canvases.values():
            canvas.figure.clear()
            canvas.figure.set_facecolor(theme.page)
            canvas.hold([])

    def show_state(self, states: Sequence[FitState], index: int, colors: Any) -> None:
        """Show one of some states, in colors (K, 3)."""
        self._shown = states, index, colors
        self._show()

    def _show(self, place: int = 0) -> None:
        if self._shown is None or self._given is None:
            return
        page, canvas = self.page, self.canvases[self.title]
        if page.show(*self._shown):
            canvas.hold(page.moving, page.shares)
        else:
            canvas.move()
