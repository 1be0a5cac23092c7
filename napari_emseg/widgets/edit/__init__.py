"""The panel "Select and edit": tools, selections and edits."""

from napari_emseg.widgets.edit.panel import EditWidget

__all__ = ["EditWidget"]
