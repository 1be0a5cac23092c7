"""Messages in the line of the panel in front, where they are read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari import current_viewer
from napari.utils.notifications import show_error, show_info

from napari_emseg.widgets.common.plain_text import as_it_stands

if TYPE_CHECKING:
    from napari.components import ViewerModel


def tell(viewer: ViewerModel, text: str, *, notify: bool = True) -> None:
    """Say what was done in the line of the panel in front.

    Without one, napari notifies of it: of long texts, it shows the first words.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose panel is meant.
    text : str
        A sentence.
    notify : bool, optional
        False leaves it in napari's own line where there is no panel.
    """
    panel = panel_in_front(viewer)
    viewer.status = as_it_stands(text)
    if panel is not None:
        panel.say(text)
    elif notify:
        show_info(text)


def tell_error(message: str) -> None:
    """Notify of an error, and say it whole in the line of the panel in front."""
    show_error(message)
    viewer = current_viewer()
    panel = None if viewer is None else panel_in_front(viewer)
    if panel is not None:
        panel.say(f"{message[:1].upper()}{message[1:].rstrip('.')}.")


def panel_in_front(viewer: ViewerModel) -> Any:
    """Return a docked panel with a line of its own that is in sight; None without."""
    window = getattr(viewer, "window", None)
    for panel in {} if window is None else window.dock_widgets.values():
        native = getattr(panel, "native", panel)
        # To Qt, a tab behind others is visible.
        if hasattr(panel, "say") and not native.visibleRegion().isEmpty():
            return panel
    return None
