"""The objective of a fit, iteration by iteration."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from napari_emseg.plot.theme import FONT, style_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.plot.theme import Theme

T = TypeVar("T")

LIKELIHOOD, INERTIA = "log-likelihood per pixel (nats)", "inertia per pixel"
SMOOTH = "smooth"

# How objectives of a kind are marked: symbol, and whether it is filled.
_MARKS = {
    "exact": ("o", True),
    "bound": ("o", False),
    "sample": ("s", False),
    SMOOTH: ("D", True),
}


def objective_kind(level: str) -> str:
    """Return the kind of objectives of a level.

    Returns
    -------
    {"exact", "bound", "sample", "smooth"}
        Of all pixels; bounds, computed on bins; estimates, computed on a sample; or of
        another model, that of a smoothed image or of a random field.
    """
    if level.endswith("bit"):
        return "bound"
    return level if level in ("exact", "sample") else SMOOTH


class ConvergenceView:
    """The objective over the iterations of a fit, level by level.

    Filled dots are exact; hollow ones are bounds, computed on bins of colors, or
    estimates, computed on a sample.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Drawn into; whatever it holds goes.
    theme : Theme
        Colors.
    likelihood : bool
        Whether the objective is a log-likelihood, and not an inertia.
    brief : bool, optional
        Leave out what there is no room for in a strip.
    """

    def __init__(
        self, ax: Axes, theme: Theme, *, likelihood: bool, brief: bool = False
    ) -> None:
        ax.clear()
        self._ax, self._theme, self._likelihood = ax, theme, likelihood
        self._brief, self._color = brief, theme.series[0]
        self._runs: list[tuple[str, Line2D, Line2D, Text]] = []
        self._here = ax.axvline(0, color=theme.series[1], lw=1.2, visible=False)
        (self._dot,) = ax.plot([], [], "o", ms=9, color=theme.series[1], zorder=5)
        ax.set_xlabel("iteration")
        label = LIKELIHOOD if likelihood else INERTIA
        ax.set_ylabel(label.split(" ")[0] if brief else label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        style_axes(ax, theme)

    def show(self, objective: Sequence[float], levels: Sequence[str]) -> None:
        """Draw objectives, one for each iteration, and the level of each."""
        runs = runs_of(levels)
        names = [name for name, _ in runs]
        if names != [run[0] for run in self._runs[: len(names)]] or len(names) < len(
            self._runs
        ):
            self._clear()
        for name, _ in runs[len(self._runs) :]:
            self._runs.append((name, *self._make(name, first=not self._runs)))
        y = np.asarray(objective, float)
        for (_, part), (_, line, rule, text) in zip(runs, self._runs, strict=True):
            x = np.arange(part.start, part.stop) + 1
            line.set_data(x, y[part])
            rule.set_xdata([x[0] - 0.5] * 2)
            text.set(x=(x[0] + x[-1]) / 2, visible=len(runs) > 1)
        self._frame(y)
        self._legend({objective_kind(name) for name in names})

    @property
    def moving(self) -> list[Artist]:
        """What `mark` moves."""
        return [self._here, self._dot]

    def mark(self, iteration: int, value: float) -> None:
        """Mark an iteration, counted from 1, and its objective."""
        self._here.set(xdata=[iteration] * 2, visible=True)
        self._dot.set_data([iteration], [value])

    def _clear(self) -> None:
        for _, *artists in self._runs:
            for artist in artists:
                artist.remove()
        self._runs = []

    def _make(self, name: str, *, first: bool) -> tuple[Line2D, Line2D, Text]:
        ax, theme = self._ax, self._theme
        (line,) = ax.plot(
            [], [], "-", lw=1.4, zorder=3, **self._mark_of(objective_kind(name))
        )
        rule = ax.axvline(0, color=theme.faint, lw=1, zorder=1, visible=not first)
        # Upright, and away from the curve: levels of few iterations are narrow.
        text = ax.text(
            0,
            0.03 if self._likelihood else 0.97,
            name,
            transform=ax.get_xaxis_transform(),
            rotation=90,
            ha="center",
            va="bottom" if self._likelihood else "top",
            fontsize=FONT - 2,
            color=theme.ink,
        )
        return line, rule, text

    def _frame(self, y: Float64Array) -> None:
        if y.size == 0:
            return
        low, high = float(y.min()), float(y.max())
        air = 0.06 * (high - low) or max(1e-3 * abs(low), 1e-3)
        self._ax.set_ylim(low - air, high + air)
        self._ax.set_xlim(0.5, y.size + 0.5)

    def _mark_of(self, kind: str) -> dict[str, Any]:
        symbol, filled = _MARKS[kind]
        face = self._color if filled else self._theme.page
        return {"color": self._color, "marker": symbol, "mfc": face, "ms": 4.5}

    def _legend(self, kinds: set[str]) -> None:
        """Explain the marks, unless all are exact."""
        old = self._ax.get_legend()
        if old is not None:
            old.remove()
        if kinds <= {"exact"} or self._brief:
            return
        words = {
            "bound": f"{'lower' if self._likelihood else 'upper'} bound",
            "sample": "estimate",
            "exact": "exact",
            SMOOTH: "with smoothing",
        }
        self._ax.legend(
            handles=[
                Line2D([], [], ls="", label=words[kind], **self._mark_of(kind))
                for kind in words
                if kind in kinds
            ],
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(kinds),
            borderaxespad=0.2,
            handlelength=1.2,
            handletextpad=0.2,
            columnspacing=1.0,
            frameon=False,
            fontsize=FONT - 1,
            labelcolor=self._theme.ink,
        )


def runs_of(levels: Sequence[T]) -> list[tuple[T, slice]]:
    """Group successive iterations of the same level."""
    out: list[tuple[T, slice]] = []
    start = 0
    for name, group in groupby(levels):
        stop = start + len(list(group))
        out.append((name, slice(start, stop)))
        start = stop
    return out
