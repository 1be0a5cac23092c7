"""The color range tool: several samples of what is wanted, and of what is not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_emseg.widgets.edit.gestures import Picking, Point

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session


class RangeTool(Picking):
    """Selects the colors of all samples that were clicked.

    A click that adds or subtracts, right after another one of this tool, adds its
    sample to those of that, or to what is not wanted; the selection is made anew of all
    of them. After anything else, it is combined with what is selected.

    Parameters
    ----------
    session : Session
    pick : callable
        Returns what finds the colors at points, but not those at others.
    """

    def __init__(self, session: Session, pick: Callable[..., Find]) -> None:
        super().__init__(session, self._one)
        self._find = pick
        self._samples: tuple[tuple[Point, ...], tuple[Point, ...]] = (), ()
        self._goes_on = False

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Take the color at a point."""
        last = self.session.last_pick
        self._goes_on = (
            mode in ("add", "subtract")
            and bool(self._samples[0])
            and last.of(self, self.session.around(plane))
        )
        super().press(plane, point, spot, mode)

    def _joined(
        self, point: Point, mode: str
    ) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
        """Return all samples with one more."""
        plus, minus = self._samples
        if mode == "subtract":
            return plus, (*minus, point)
        return (*plus, point), minus

    def _chosen(self, plane: Plane) -> tuple[Find, Callable[..., Find], str]:
        mode = self._mode
        if self._goes_on:
            self._samples, mode = self._joined(self._point, mode), "new"
        else:
            # Those of a selection that is combined with another stand for themselves.
            self._samples = ((self._point,), ()) if mode == "new" else ((), ())
        plus, minus = self._samples if mode == "new" else ((self._point,), ())
        again = partial(self._find, self.session, plane, plus, minus)
        return again(), again, mode

    def _shown(self, plane: Plane, point: Point) -> Find:
        if self.plane is None or not self._goes_on:
            return self._one(self.session, plane, point, flat=True)
        plus, minus = self._joined(point, self._mode)
        return self._find(self.session, plane, plus, minus, flat=True)

    def _one(
        self, session: Session, plane: Plane, point: Point, *, flat: bool = False
    ) -> Find:
        return self._find(session, plane, (point,), flat=flat)
