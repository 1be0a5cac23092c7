"""The panel "Model": a fit, iteration by iteration."""

from napari_emseg.widgets.model.panel import ModelWidget

__all__ = ["ModelWidget"]
