"""How far a segmentation is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_emseg.engine.state import FitState


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a segmentation is.

    Attributes
    ----------
    stage : {"colors", "order", "fit", "label", "smooth"}
        Counting the colors, choosing how many classes, fitting them, labeling, and
        labeling with smoothing.
    done, total : int
        Steps of this stage; a total of 0 is not known beforehand.
    state : FitState or None
        The latest state of the fit.
    """

    stage: str
    done: int
    total: int
    state: FitState | None = None
