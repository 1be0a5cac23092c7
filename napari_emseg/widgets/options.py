"""How tools work, as the panel says."""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("new", "add", "subtract", "intersect")


@dataclass
class Options:
    """How tools work, as the panel says.

    Attributes
    ----------
    mode : {"new", "add", "subtract", "intersect"}
        What becomes of the old selection, where no key says otherwise.
    tolerance : float
        ΔE for RGB images, for others percent of the range of their values.
    contiguous : bool
        Whether wand and class tool take only the piece that was pointed at.
    level : float
        How coarse regions are, 0 to 1.
    sample_size : int
        Side of the square of pixels whose mean color the wand takes.
    feather : float
        Softness of new selections in pixels; 0 is hard.
    brush : int
        Width of scribbles in pixels.
    classes : bool
        Whether scribbles draw classes into the labels, or select an object.
    """

    mode: str = "new"
    tolerance: float = 12.0
    contiguous: bool = True
    level: float = 0.5
    sample_size: int = 1
    feather: float = 0.0
    brush: int = 9
    classes: bool = False
