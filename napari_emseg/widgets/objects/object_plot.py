"""Objects as points: a histogram, or two measures; what is circled is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.path import Path
from matplotlib.widgets import LassoSelector, SpanSelector
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_emseg.plot.theme import style_axes
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.model.canvas import MovingCanvas
from napari_emseg.widgets.model.panel_figures import find_colors
from napari_emseg.widgets.objects.filter_rows import USUAL, measures_of
from napari_emseg.widgets.objects.range_slider import find_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtGui import QShowEvent

    from napari_emseg.widgets.objects.object_session import ObjectSession

COUNT = "how many"
BARS = 40
# Points in which objects are drawn, and those that are chosen.
POINT, CHOSEN = 3.0, 4.5
# Objects that are drawn of many, evenly; a lasso is around all of them.
MOST = 4000
PAUSE = 80  # ms between two drawings


class _Lasso(LassoSelector):
    """A lasso that is drawn with what moves on the canvas."""

    canvas: Any

    def update(self) -> None:
        """Draw it."""
        self.canvas.move()


class _Span(SpanSelector):
    """A range that is drawn with what moves on the canvas."""

    canvas: Any

    def update(self) -> None:
        """Draw it."""
        self.canvas.move()


# Qt is untyped here, so a class of it is Any to mypy.
class ObjectPlot(QWidget):  # type: ignore[misc]
    """A histogram of one measure, or a scatter plot of two.

    Parameters
    ----------
    session : ObjectSession

    Attributes
    ----------
    across, up : QComboBox
        The measures; without one that goes up, it is a histogram.
    canvas : MovingCanvas
    """

    def __init__(self, session: ObjectSession) -> None:
        super().__init__()
        self._session = session
        self.across, self.up = QComboBox(), QComboBox()
        self.canvas = MovingCanvas()
        self.canvas.setMinimumSize(160, 110)
        self.canvas.setToolTip("Draw around points, or drag over bars, to choose them.")
        side = QVBoxLayout()
        side.setSpacing(3)
        for title, box in (("Across", self.across), ("Up", self.up)):
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            side.addWidget(plain_label(title))
            side.addWidget(box)
            box.currentIndexChanged.connect(self.draw)
        side.addStretch(1)
        page = QHBoxLayout(self)
        page.setContentsMargins(4, 4, 4, 4)
        page.setSpacing(4)
        page.addWidget(self.canvas, 1)
        page.addLayout(side)
        self._selector: Any = None
        self._dots: Any = None
        self._bars: Any = None
        self._parts: list[Any] = []  # objects that are left out, or all, and the others
        self._edges = np.zeros(0)
        self._late = False  # whether it was not drawn, as nobody saw it
        # Sliders move, and rows are chosen, more often than this is drawn.
        self._drawing, self._marking = QTimer(self), QTimer(self)
        for timer, call in ((self._drawing, self._draw), (self._marking, self._move)):
            timer.setSingleShot(True)
            timer.setInterval(PAUSE)
            timer.timeout.connect(call)
        session.table_changed.connect(self.reload)
        session.filter_changed.connect(self._on_filter)
        session.chosen_changed.connect(self._on_chosen)
        self.reload()

    def reload(self) -> None:
        """Offer the measures of the table, and draw it."""
        table = self._session.table
        known = [] if table is None else measures_of(table)
        for row, box in enumerate((self.across, self.up)):
            names = [COUNT, *known] if box is self.up and known else known
            before = box.currentText()
            if before not in names:
                before = next((name for name in USUAL[row] if name in names), "")
            box.blockSignals(True)
            box.clear()
            box.addItems(names)
            box.setCurrentText(before)
            box.blockSignals(False)
        self.draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what has changed meanwhile, once the window stands."""
        super().showEvent(event)
        if self._late:
            self._drawing.start()

    def draw(self, *_: object) -> None:
        """Draw all objects, once they are seen: those that are filtered out in gray."""
        self._parts = []
        self._selector = self._dots = self._bars = None
        self._late = not self.isVisible()
        if self._late:
            return
        theme = find_colors(self._session.viewer.theme)
        figure = self.canvas.figure
        figure.clear()
        figure.set_facecolor(theme.page)
        table, inside = self._session.table, self._session.inside()
        x = self.across.currentText()
        if table is None or inside is None or x not in table or not len(table):
            self.canvas.hold([])
            return
        ax = figure.add_subplot()
        y = self.up.currentText()
        ink, faint, accent = theme.series[0], theme.faint, theme.series[1]
        moving: list[Any]
        if y in table:
            for some, color in ((~inside, faint), (inside, ink)):
                rows = self._drawn(some)
                places = table[x][rows], table[y][rows]
                self._parts += ax.plot(*places, "o", ms=POINT, mew=0, color=color)
            ax.relim()
            ax.autoscale_view()
            ax.autoscale(False)
            (self._dots,) = ax.plot([], [], "o", ms=CHOSEN, mew=0, color=accent)
            moving = [self._dots]
            ax.set_ylabel(_heading(table, y))
            self._selector = _Lasso(
                ax,
                self._on_lasso,
                useblit=False,
                props={"color": theme.ink, "linewidth": 1},
            )
        else:
            values = table[x][np.isfinite(np.asarray(table[x], float))]
            self._edges = np.linspace(*find_ends(values), BARS + 1)
            for part, color in ((slice(None), faint), (inside, ink)):
                counts = self._count(part)
                stairs = ax.stairs(counts, self._edges, fill=True, color=color)
                self._parts.append(stairs)
            self._bars = ax.stairs(
                np.zeros(BARS), self._edges, fill=True, color=accent, zorder=3
            )
            moving = [self._bars]
            ax.set_ylabel(COUNT)
            self._selector = _Span(
                ax, self._on_span, "horizontal", props={"facecolor": theme.faint}
            )
        ax.set_xlabel(_heading(table, x))
        style_axes(ax, theme)
        self._mark()
        # What is being drawn around moves, too: matplotlib would draw all of it twice.
        self.canvas.hold([*moving, *self._selector.artists])

    def _count(self, rows: Any) -> NDArray[np.int64]:
        table = self._session.table
        assert table is not None
        values = np.asarray(table[self.across.currentText()][rows], float)
        counts, _ = np.histogram(values[np.isfinite(values)], self._edges)
        return counts

    @staticmethod
    def _drawn(some: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the rows that are drawn of those that could be."""
        rows = np.flatnonzero(some)
        return rows[:: max(1, -(-len(rows) // MOST))]

    def _draw(self) -> None:
        """Draw what another filter leaves in the axes that are there."""
        table, inside = self._session.table, self._session.inside()
        x, y = self.across.currentText(), self.up.currentText()
        if self._late or not self._parts or table is None or inside is None:
            self.draw()
        elif self._bars is not None:
            self._parts[1].set_data(self._count(inside))
            self.canvas.renew()
        else:
            for part, some in zip(self._parts, (~inside, inside), strict=True):
                rows = self._drawn(some)
                part.set_data(table[x][rows], table[y][rows])
            self.canvas.renew()

    def _on_filter(self) -> None:
        self._drawing.start()  # anew: a slider that moves is not waited for

    def _on_chosen(self) -> None:
        if not self._marking.isActive():
            self._marking.start()

    def _move(self) -> None:
        marks = self._dots if self._bars is None else self._bars
        if marks is not None and self._session.table is not None:
            self._mark()
            self.canvas.move()

    def _mark(self) -> None:
        table = self._session.table
        assert table is not None
        rows = np.isin(table["label"], self._session.chosen)
        if self._dots is not None:
            names = (self.across.currentText(), self.up.currentText())
            drawn = self._drawn(rows)
            self._dots.set_data(*(table[name][drawn] for name in names))
        elif self._bars is not None:
            self._bars.set_data(self._count(rows))

    def _on_lasso(self, corners: Sequence[tuple[float, float]]) -> None:
        table, inside = self._session.table, self._session.inside()
        if table is None or inside is None or len(corners) < 3:
            self._session.choose([])
            return
        names = (self.across.currentText(), self.up.currentText())
        points = np.stack([np.asarray(table[n], float) for n in names], axis=1)
        rows = Path(corners).contains_points(points) & inside
        self._session.choose(table["label"][rows].tolist())

    def _on_span(self, low: float, high: float) -> None:
        table, inside = self._session.table, self._session.inside()
        if table is None or inside is None:
            return
        values = table[self.across.currentText()]
        rows = (values >= low) & (values <= high) & inside & (high > low)
        self._session.choose(table["label"][rows].tolist())


def _heading(table: Any, name: str) -> str:
    unit = table.units.get(name, "")
    return f"{name.replace('_', ' ')} ({unit})" if unit else name.replace("_", " ")
