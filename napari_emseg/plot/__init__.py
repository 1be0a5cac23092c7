"""Figures of fits, for papers and lectures: no window, no state of pyplot.

Every function draws into the axes or figure that it is given, or makes a figure; so
``emseg.plot.ellipses(seg).savefig("ellipses.svg")`` is all that is needed.
"""

from napari_emseg.plot import movie as movie
from napari_emseg.plot import sheet as sheet
from napari_emseg.plot.figures import convergence, criteria, ellipses, histogram
from napari_emseg.plot.theme import DARK, LIGHT, Theme

__all__ = ["DARK", "LIGHT", "Theme", "convergence", "criteria", "ellipses", "histogram"]
