"""The panel "Objects": what of a class counts as one each, and its measures."""

from napari_emseg.widgets.objects.panel import ObjectsWidget

__all__ = ["ObjectsWidget"]
