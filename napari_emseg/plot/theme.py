"""Colors of figures: the page, the ink, and what tells series apart."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure, FigureBase
from matplotlib.patheffects import withStroke

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array

SIZE = (6.0, 4.5)  # inches
FONT = 10.0  # points


@dataclass(frozen=True, slots=True)
class Theme:
    """Colors of a figure, as matplotlib takes them.

    Light or dark.

    Attributes
    ----------
    page : str
        Background.
    ink : str
        Text, axes, and what matters most.
    faint : str
        Grid, and what matters least.
    series : tuple of str
        What tells lines apart, also for the color-blind [1]_.

    References
    ----------
    .. [1] M. Okabe, K. Ito, "Color universal design", 2008.
    """

    page: str
    ink: str
    faint: str
    series: tuple[str, ...]

    @property
    def density(self) -> LinearSegmentedColormap:
        """From the page to most of the ink."""
        page, ink = np.array(to_rgb(self.page)), np.array(to_rgb(self.ink))
        steps = [page + share * (ink - page) for share in (0, 0.35, 0.8)]
        return LinearSegmentedColormap.from_list("density", steps)


LIGHT = Theme(
    "#ffffff", "#222222", "#c8c8c8", ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
)
DARK = Theme(
    "#262930", "#f0f1f2", "#565b66", ("#56b4e9", "#e69f00", "#2fc79a", "#e79ac6")
)
THEMES = {"light": LIGHT, "dark": DARK}


def find_theme(theme: str | Theme) -> Theme:
    """Return a theme by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(theme, Theme):
        return theme
    if theme not in THEMES:
        raise ValueError(f"theme={theme!r} is unknown; choose 'light' or 'dark'")
    return THEMES[theme]


class NotebookFigure(Figure):
    """A figure that notebooks and napari's console show, without pyplot."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def make_figure(theme: Theme, figure: FigureBase | None = None) -> FigureBase:
    """Paint a figure's page; make the figure if there is none."""
    if figure is None:
        figure = NotebookFigure(figsize=SIZE, layout="constrained")
    figure.set_facecolor(theme.page)
    return figure


def canvas_of(theme: Theme, ax: Axes | None) -> tuple[Figure, Axes]:
    """Return where to draw: the axes that are given, or those of a new figure."""
    if ax is None:
        ax = make_figure(theme).add_subplot()
    return root_of(ax.figure), ax


def root_of(figure: FigureBase) -> Figure:
    """Return the figure that a part of it belongs to."""
    root = figure.figure
    assert isinstance(root, Figure)
    return root


def style_axes(ax: Axes, theme: Theme) -> None:
    """Apply the theme to axes: a frame of two lines, readable text."""
    ax.set_facecolor(theme.page)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.ink)
    ax.tick_params(colors=theme.ink, labelsize=FONT - 1)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_color(theme.ink)
        text.set_fontsize(FONT)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_offset_text().set_color(theme.ink)
    legend = ax.get_legend()
    if legend is not None:
        for text in legend.get_texts():
            text.set_color(theme.ink)


def halo(theme: Theme, width: float) -> list[Any]:
    """Surround what is drawn with ink, so that every color is seen on the page."""
    return [withStroke(linewidth=width, foreground=theme.ink)]


def readable_on(color: Sequence[float] | NDArray[np.floating]) -> str:
    """Black or white, whichever is easier to read on a color (r, g, b) in [0, 1]."""
    red, green, blue = color[:3]
    return "#000000" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "#ffffff"


class Badges:
    """A disc for each class with its number, so that color is not all that tells.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Drawn into.
    theme : Theme
        Colors.
    """

    def __init__(self, ax: Axes, theme: Theme) -> None:
        self._ax = ax
        self._texts: list[Text] = []
        self._discs = ax.scatter([], [], s=140, zorder=6, edgecolors=theme.ink)

    @property
    def artists(self) -> list[Artist]:
        """What moves."""
        return [self._discs, *self._texts]

    def count(self, count: int) -> None:
        """Make so many."""
        for text in self._texts:
            text.remove()
        self._texts = [
            self._ax.text(
                0,
                0,
                str(label),
                ha="center",
                va="center_baseline",
                fontsize=FONT - 2,
                fontweight="bold",
                zorder=7,
                clip_on=True,
            )
            for label in range(1, count + 1)
        ]

    def show(self, places: Float64Array, colors: Float64Array) -> None:
        """Move them to places (K, 2), in colors (K, 3) in [0, 1]."""
        self._discs.set_offsets(places)
        self._discs.set(facecolors=colors)
        for text, place, color in zip(self._texts, places, colors, strict=True):
            text.set(position=place, color=readable_on(color))
