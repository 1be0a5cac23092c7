"""The panel "Compare": a sweep of parameters, side by side."""

from napari_emseg.widgets.compare.panel import CompareWidget

__all__ = ["CompareWidget"]
