"""A canvas that redraws only the artists that change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# Inches around axes; there is a bottom between two of them too.
LEFT, RIGHT, TOP, BOTTOM = 0.72, 0.1, 0.26, 0.5
# Inches of height for axes, below which they stand side by side; and of any axes.
FLAT, MIN_SIDE = 1.3, 0.2
TICK = 0.45  # inches that a number beside an axis takes
# Untyped in matplotlib.
_Base: Any = FigureCanvasQTAgg


class MovingCanvas(_Base):  # type: ignore[misc]
    """Canvas of a figure in which a few artists change.

    A whole drawing takes tens of milliseconds, that of the moving ones a few.
    """

    def __init__(self) -> None:
        super().__init__(Figure())
        self.setMinimumSize(QSize(200, 160))
        policy = QSizePolicy.Policy.Expanding
        self.setSizePolicy(policy, policy)
        self._moving: list[Artist] = []
        self._shares: tuple[float, ...] = ()
        self._still: Any = None
        self.mpl_connect("draw_event", self._on_draw)
        self.mpl_connect("resize_event", self._on_resize)

    def hold(self, moving: Sequence[Artist], shares: Sequence[float] = ()) -> None:
        """Draw the whole figure; these artists change afterwards.

        Parameters
        ----------
        moving : sequence of Artist
            Of the figure.
        shares : sequence of float, optional
            Of the room, for each of the axes; equal by default.
        """
        self._shares = tuple(shares) or (1.0,) * len(self.figure.axes)
        self.lay_out()
        self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        for artist in self._moving:
            artist.set_animated(True)
        self._still = None
        self.lay_out()
        self.draw_idle()

    def lay_out(self) -> None:
        """Place the axes so that their ticks and labels have room.

        One under the other, or side by side where that would be too flat.
        Matplotlib's own layouts draw everything to find that out.
        """
        width, height = self.figure.get_size_inches()
        axes = self.figure.axes
        if not axes:
            return
        shares = np.array(self._shares[: len(axes)]) / sum(self._shares[: len(axes)])
        side = LEFT + RIGHT
        if height >= FLAT * len(axes):
            sizes = (height - TOP - len(axes) * BOTTOM) * shares
            top = height - TOP
            for ax, size in zip(axes, sizes, strict=True):
                box = (LEFT, top - size, width - side, size)
                self._place(ax, box)
                top -= size + BOTTOM
            return
        sizes = (width - len(axes) * side) * shares
        left = LEFT
        for ax, size in zip(axes, sizes, strict=True):
            self._place(ax, (left, BOTTOM, size, height - TOP - BOTTOM))
            left += size + side

    def _place(self, ax: Axes, box: tuple[float, float, float, float]) -> None:
        """Place axes in a box in inches; hide them if the box is too small."""
        width, height = self.figure.get_size_inches()
        ax.set_visible(min(box[2:]) > MIN_SIDE)
        if ax.get_visible():
            x, y, across, up = box
            ax.set_position((x / width, y / height, across / width, up / height))
            for axis, size in ((ax.xaxis, across), (ax.yaxis, up)):
                # As many numbers as have room: they take longest to draw, too.
                locator = axis.get_major_locator()
                if isinstance(locator, MaxNLocator):
                    locator.set_params(nbins=int(np.clip(size / TICK, 1, 5)))

    def move(self) -> None:
        """Redraw the artists that change."""
        if self._still is None:
            self.draw_idle()
            return
        self.restore_region(self._still)
        self._draw_moving()
        self.blit(self.figure.bbox)

    def renew(self) -> None:
        """Draw the whole figure again, of which other artists have changed."""
        self._still = None
        self.draw_idle()

    def _draw_moving(self) -> None:
        for artist in self._moving:
            if artist.axes is not None:
                artist.axes.draw_artist(artist)

    def _on_draw(self, event: object) -> None:
        self._still = self.copy_from_bbox(self.figure.bbox)
        self._draw_moving()

    def _on_resize(self, event: object) -> None:
        self._still = None
        self.lay_out()
