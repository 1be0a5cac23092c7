"""Forms about pictures and edges: what they ask, what they show, what follows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.widgets.common.qt import ask_path
from napari_emseg.widgets.edit.adjust.adjusted_picture import AdjustmentPreview
from napari_emseg.widgets.edit.adjust.dialog import (
    ADJUSTMENTS,
    EDGE,
    Dialog,
    ask,
    refined,
    sample_pixels,
)
from napari_emseg.widgets.edit.adjust.picture_export import KINDS
from napari_emseg.widgets.edit.context import PLANE
from napari_emseg.widgets.edit.scope import NOT_IN_VOLUMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_emseg.layers import Part, Plane
    from napari_emseg.widgets.edit.actions import Actions
    from napari_emseg.widgets.edit.adjust.fields import AdjustedImage


class PictureForms:
    """Asks for what adjustments, refined edges and exports need, one at a time.

    Parameters
    ----------
    actions : Actions
        What follows.
    panel : QWidget
        Whose place a form takes.
    """

    def __init__(self, actions: Actions, panel: QWidget) -> None:
        self._actions, self._panel = actions, panel
        self._dialog: Dialog | None = None

    def ask(self, title: str) -> Dialog:
        """Ask for the options of an adjustment."""
        session, row = self._actions.session, ADJUSTMENTS[title]
        plane = session.plane()
        if row.edge:
            self._actions.need()
        picture, selected = session.picture(plane).plain, session.selected(plane)
        dialog = Dialog(title, self._panel, _sample(picture, selected))
        preview = AdjustmentPreview(session, picture, selected, row.show)
        self._follow(dialog, preview, plane)
        then = partial(self._do, self._actions.adjust, title)
        return self._show(dialog, preview, then)

    def change(self, image: Image) -> Dialog:
        """Ask for other options of a picture that was adjusted."""
        session = self._actions.session
        made = session.adjusted.of(image)
        if made is None or made.picture.layer not in session.viewer.layers:
            raise ValueError(
                f"what {image.name!r} was made from is not there any more, so it "
                "cannot be made anew"
            )
        title, picture, selected = made.title, made.picture, made.selected
        dialog = Dialog(title, self._panel, _sample(picture, selected))
        dialog.put(made.step.args.model_dump())
        preview = AdjustmentPreview(session, picture, selected, ADJUSTMENTS[title].show)
        then = partial(self._do, self._actions.change_adjustment, image)
        return self._show(dialog, preview, then)

    def refine(self) -> Dialog:
        """Ask how to refine the edge of the selection."""
        session = self._actions.session
        if session.options.scope != PLANE:
            raise ValueError(NOT_IN_VOLUMES)
        self._actions.need()
        plane = session.plane()
        picture, selected = session.picture(plane).plain, session.selected(plane)
        dialog = Dialog("Refine edge", self._panel, _sample(picture, selected), EDGE)
        preview = AdjustmentPreview(session, picture, selected, refined)
        self._follow(dialog, preview, plane)
        then = partial(self._do, self._actions.refine_edge)
        return self._show(dialog, preview, then)

    def _show(
        self,
        dialog: Dialog,
        preview: AdjustmentPreview,
        then: Callable[[dict[str, Any]], None],
    ) -> Dialog:
        if self._dialog is not None:
            self._dialog.reject()
        self._dialog = dialog
        dialog.finished.connect(self._on_answer)
        ask(dialog, self._panel, preview, then)
        return dialog

    def _on_answer(self, *_: object) -> None:
        self._dialog = None

    def _follow(self, dialog: Dialog, preview: AdjustmentPreview, plane: Plane) -> None:
        """Show what would come of what is selected meanwhile."""
        session = self._actions.session

        def follow() -> None:
            preview.select(session.selected(plane))
            dialog.changed.emit()

        session.selection_changed.connect(follow)
        dialog.finished.connect(lambda *_: session.selection_changed.disconnect(follow))

    def export(self, kind: str) -> None:
        """Ask for a file, and write the selection to it; a key of `KINDS` says how."""
        self._actions.need()
        image = self._actions.session.image
        name = f"{'selection' if image is None else image.name} {KINDS[kind]}.png"
        found = ask_path(
            self._panel, f"Export {kind.lower()}", name, "PNG (*.png)", ".png"
        )
        if found is not None:
            path, force = found
            if path.exists() and not force:
                raise ValueError(
                    f"{path.name} exists already, and nobody agreed to replace it; "
                    "choose it in the dialog, or another name"
                )
            self._actions.export(kind, path, force=force)

    def _do(self, action: Callable[..., Any], *args: Any) -> None:
        """Call an action when what the user did before it is done."""
        self._actions.session.do(partial(action, *args))


def _sample(picture: Part, selected: NDArray[Any] | None) -> AdjustedImage:
    pixels = np.asarray(picture.data())
    return sample_pixels(pixels, selected, rgb=picture.layer.rgb)
