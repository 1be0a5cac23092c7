"""A canvas that draws what stands still once, and what moves each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist

# Inches around axes; there is a bottom between two of them too.
LEFT, RIGHT, TOP, BOTTOM = 0.72, 0.1, 0.26, 0.5
# Untyped in matplotlib.
_Base: Any = FigureCanvasQTAgg


class MovingCanvas(_Base):  # type: ignore[misc]
    """Shows a figure of which a few artists move.

    A whole drawing takes tens of milliseconds, that of the moving ones a few.
    """

    def __init__(self) -> None:
        super().__init__(Figure())
        self.setMinimumSize(QSize(200, 160))
        policy = QSizePolicy.Policy.Expanding
        self.setSizePolicy(policy, policy)
        self._moving: list[Artist] = []
        self._still: Any = None
        self.mpl_connect("draw_event", self._on_draw)
        self.mpl_connect("resize_event", self._on_resize)

    def hold(self, moving: Sequence[Artist]) -> None:
        """Draw the figure anew, of which these artists will move."""
        self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        for artist in self._moving:
            artist.set_animated(True)
        self._still = None
        self.lay_out()
        self.draw_idle()

    def lay_out(self) -> None:
        """Put the axes where there is room for their numbers and names.

        Matplotlib's own layouts draw everything to find that out.
        """
        width, height = self.figure.get_size_inches()
        count = len(self.figure.axes)
        if count == 0 or width <= LEFT + RIGHT or height <= TOP + count * BOTTOM:
            return
        free = height - TOP - count * BOTTOM
        self.figure.subplots_adjust(
            left=LEFT / width,
            right=1 - RIGHT / width,
            bottom=BOTTOM / height,
            top=1 - TOP / height,
            hspace=BOTTOM * count / free,
        )

    def move(self) -> None:
        """Show where the artists are now."""
        if self._still is None:
            self.draw_idle()
            return
        self.restore_region(self._still)
        self._draw_moving()
        self.blit(self.figure.bbox)

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
