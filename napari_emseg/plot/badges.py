"""The numbers of classes, in discs of their colors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_emseg.plot.theme import FONT, readable_on

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from napari_emseg.engine.cells import Float64Array
    from napari_emseg.plot.theme import Theme


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
