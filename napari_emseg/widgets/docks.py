"""The panels that are docked in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari.components


def find_panel(viewer: napari.components.ViewerModel, kind: type[Any]) -> Any:
    """Return the docked panel of a class, None if there is none."""
    window = getattr(viewer, "window", None)
    docked = {} if window is None else window.dock_widgets
    return next((found for found in docked.values() if isinstance(found, kind)), None)
