"""The panel "Pictures": a folder, one picture after the other, saved as one goes."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QSettings, QTimer
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_emseg.layers import PictureLayers, is_result
from napari_emseg.layers.history import drawing, insert_layer, opened_from
from napari_emseg.layers.metadata import EDITED, KEY, entry_of, image_of
from napari_emseg.layers.old_objects import OldObjects
from napari_emseg.layers.pictures.treated_layers import (
    add_treated,
    content_layer,
    layer_picture,
)
from napari_emseg.layers.recipe_log import recipe_work
from napari_emseg.layers.selection import add_result, find_selection
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, find_panel, share_dock, stop
from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.common.qt import connect, pluralize, show_errors
from napari_emseg.widgets.common.work_strip import WorkStrip
from napari_emseg.widgets.edit.panel import after_edits
from napari_emseg.widgets.segment.panel import SegmentWidget
from napari_emseg.widgets.series.apply_request import AppliedRecipe, ApplyRequest
from napari_emseg.widgets.series.browser_page import MODEL, PANEL, BrowserPage
from napari_emseg.widgets.series.picture_files import (
    BrowsedPicture,
    OpenedPicture,
    caught,
    iter_thumbnails,
    list_pictures,
    read_picture,
    remembered_name,
    save_beside,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components

    from napari_emseg.recipe import Recipe
    from napari_emseg.widgets.series.apply_request import ApplyStep

log = logging.getLogger(__name__)

REST = 1500  # ms without an edit until labels are saved
KEPT = (
    "{}. Nothing is lost, and this picture stays open; to go on, save the labels "
    "elsewhere (Result > Save labels…), and remove their layer."
)


# Qt is untyped here, so a class of it is Any to mypy.
class BrowserWidget(QWidget):  # type: ignore[misc]
    """Panel to go through the pictures of a folder.

    The result on a picture is saved beside it when edits rest, and when another is
    opened: labels (``.emseg.tif``) and recipe (``.emseg.json``). Only files of the same
    picture are replaced.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the picture is shown.

    Attributes
    ----------
    pictures : list of BrowsedPicture
        Of the folder.
    current : int or None
        The one that is open.
    page : BrowserPage
        The contents of the panel.
    background, thumbnails : BackgroundQueue
        Where pictures are read and saved, and where small ones are made.
    strip : WorkStrip
        Cancels what is read.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(
            self._on_error, self._on_busy, on_warning=self.say
        )
        self.thumbnails = BackgroundQueue(log.warning)
        self.pictures: list[BrowsedPicture] = []
        self.current: int | None = None
        self._folder: Path | None = None
        self._broken: set[int] = set()  # pictures that cannot be read
        self._image: Image | None = None
        self._blocked = ""  # why labels of this picture are not saved
        self._applied: AppliedRecipe | None = None
        self._dirty = False
        self._next: Callable[[], Any] | None = None  # when the labels are saved
        self._followed: Labels | None = None
        self._store = QSettings(
            QSettings.Format.IniFormat,
            QSettings.Scope.UserScope,
            "napari-emseg",
            "pictures",
        )
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._on_rest)
        self.page = BrowserPage()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.page)
        line, cancel = self.page.status, self.cancel
        self.strip = WorkStrip(self._viewer, self.background, line, cancel)
        self.page.layout().addWidget(self.strip)
        self.page.picked.connect(self.go)
        for button, call in (
            (self.page.folder, self._ask),
            (self.page.back, self.previous),
            (self.page.ahead, self.next),
        ):
            connect(button.clicked, show_errors(call), button)
        self.keys = Keys(
            self._viewer,
            [
                Key("PageDown", "Next picture of the folder", self.next),
                Key("PageUp", "Previous picture of the folder", self.previous),
            ],
        )
        share_dock(self, "Pictures")
        self._old_objects = OldObjects(self._viewer)
        layers = self._viewer.layers
        reactions = [
            (layers.events.inserted, self._follow),
            (layers.events.removed, self._follow),
            (self._viewer.events.theme, self._on_theme),
        ]
        self._docking = Docking(
            self, self._viewer, reactions, self._on_open, self._on_close
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is read or saved, and nothing waits to be."""
        waits = self._rest.isActive() or not self.background.idle
        return not waits and self.thumbnails.idle

    @property
    def result(self) -> Labels | None:
        """The result on the picture that is saved: the uppermost; None without one."""
        if self._image not in self._viewer.layers:
            return None
        for layer in reversed(self._viewer.layers):
            ours = is_result(layer) or (
                isinstance(layer, Labels) and EDITED in layer.metadata
            )
            if ours and image_of(self._viewer, layer) is self._image:
                return layer
        return None

    def open_folder(self, folder: Path, last: str = "") -> None:
        """List the pictures of a folder, and open one: the last, or the first new."""

        def show(pictures: list[BrowsedPicture]) -> None:
            self._folder, self.pictures, self.current = folder, pictures, None
            self._store.setValue("folder", str(folder))
            self.page.title.setText(folder.name or str(folder))
            self.page.title.setToolTip(str(folder))
            self._fill()
            if not pictures:
                self.page.status.setText(f"There are no pictures in {folder}.")
                return
            names = [one.path.name for one in pictures]
            new = [n for n, one in enumerate(pictures) if one.state == "new"]
            first = names.index(last) if last in names else (new or [0])[0]
            self._open(first)

        read = partial(list_pictures, folder)
        self._leave(partial(self.background.run, read, show))

    def next(self) -> None:
        """Save, and open the next picture; of new ones only if that is checked."""
        self._move(1)

    def previous(self) -> None:
        """Save, and open the picture before."""
        self._move(-1)

    def go(self, place: int) -> None:
        """Save, and open a picture of the folder."""
        if place != self.current:
            self._leave(partial(self._open, place))

    def cancel(self) -> None:
        """Stay with the picture that is open; what is being saved is saved."""
        while self.background.waiting:
            self.background.cancel(last=True)
        if self._next is None:
            self.background.cancel()
        else:
            self._next = _stay
        self.page.list.setCurrentRow(-1 if self.current is None else self.current)
        self.say("Canceled.")

    def _move(self, step: int) -> None:
        places = range(len(self.pictures))
        now = -1 if self.current is None else self.current
        ahead = [*(places[now + 1 :] if step > 0 else places[: max(now, 0)][::-1])]
        ahead = [n for n in ahead if n not in self._broken]
        if self.page.skip.isChecked():
            ahead = [n for n in ahead if self.pictures[n].state == "new"]
        if not ahead:
            what = "new picture" if self.page.skip.isChecked() else "picture"
            where = "after" if step > 0 else "before"
            self.page.status.setText(f"There is no {what} {where} this one.")
            self._leave(_stay)
            return
        self.go(ahead[0])

    def _open(self, place: int) -> None:
        picture = self.pictures[place]
        self.page.status.setText(f"Opening {picture.path.name} …")
        read = caught(partial(read_picture, picture))
        self.background.run(read, partial(self._show, place))

    def _show(self, place: int, opened: OpenedPicture | str) -> None:
        """Show a picture instead of the one before, which stays if it is none."""
        if isinstance(opened, str):
            self._broken.add(place)
            self.page.show_thumbnail(place, opened)
            self._on_error(f"{opened}. Next and previous leave it out.")
            return
        picture, viewer = self.pictures[place], self._viewer
        known = self._open_already(picture.path)
        self._clear(keep=known)
        self.current, self._dirty, self._blocked = place, False, opened.reason
        if known is None:
            layers = content_layer(picture.path, opened.content)
            self._image = layers.lead
            insert_layer(viewer.layers, len(viewer.layers), layers.lead)
            if opened.labels is not None:
                self._add_labels(opened.labels, layers, picture)
            viewer.reset_view()
        else:
            self._image, layers = known, PictureLayers.of([known])
        assert self._folder is not None
        self._store.setValue(remembered_name(self._folder), picture.path.name)
        self.page.list.setCurrentRow(place)
        self._follow()
        self._rest.stop()
        self._dirty = False
        self.say(opened.reason)
        if picture.state == "new" and self.result is None:
            self._begin(layers)

    def _add_labels(
        self, found: Any, picture: PictureLayers, browsed: BrowsedPicture
    ) -> None:
        labels, attributes, _ = found
        for key in (KEY, EDITED):
            if key in attributes["metadata"]:
                entry = attributes["metadata"][key]
                # Napari may have given the layer another name than it had.
                named = entry | {"image": picture.lead.name}
                attributes["metadata"] = attributes["metadata"] | {key: named}
        with opened_from(browsed.labels):
            layer = Labels(labels, **attributes)
        add_result(self._viewer, layer)

    def _begin(self, picture: PictureLayers) -> None:
        """Segment a new picture, if that is asked for."""
        how = self.page.new.currentText()
        if how == PANEL:
            panel = find_panel(self._viewer, SegmentWidget)
            if panel is None:
                _, panel = self._viewer.window.add_plugin_dock_widget(
                    "napari-emseg", "Segment"
                )
            self._viewer.layers.selection.active = picture.lead
            panel.run()
        elif how == MODEL:
            applied = self._applied
            if applied is None or applied.fitted is None:
                self.page.status.setText("Segment this one; the next get its model.")
                return
            steps, _ = applied.edits()
            request = ApplyRequest(
                (layer_picture(picture),), applied.treatment("model", steps)
            )
            add = partial(self._add, picture)
            self.background.run(request.iter_apply, lambda _: None, on_step=add)

    def _add(self, picture: PictureLayers, step: ApplyStep) -> None:
        outcome = step.progress.outcome
        if outcome is None or picture.lead not in self._viewer.layers:
            return
        if outcome.error is not None:
            self._on_error(str(outcome.error))
        elif outcome.treated is not None and step.table is not None:
            layer = add_treated(self._viewer, outcome.treated, picture, step.table)
            self._viewer.layers.selection.active = layer

    def _open_already(self, path: Path) -> Image | None:
        """Return the layer of a picture that is open, as from before the panel."""
        for layer in self._viewer.layers:
            source = layer.source.path
            if isinstance(layer, Image) and source and Path(source) == path:
                return layer
        return None

    def _clear(self, keep: Image | None) -> None:
        """Remove the picture before, its results, and what is selected on it."""
        viewer, image = self._viewer, self._image
        if image is None or image is keep or image not in viewer.layers:
            return
        gone = [
            layer
            for layer in viewer.layers
            if isinstance(layer, Labels)
            and entry_of(layer)
            and image_of(viewer, layer) is image
        ]
        marks = [find_selection(viewer, image)]
        for layer in (*filter(None, marks), *gone, image):
            if layer in viewer.layers:
                viewer.layers.remove(layer)

    def _leave(self, then: Callable[[], Any]) -> None:
        """Save what is open, if it has changed, and then call a function."""
        save = partial(self._save, then)
        after_edits(self._viewer, partial(self.background.do, save))

    def _save(self, then: Callable[[], Any]) -> None:
        """Save the result if it has changed; call a function if that went well."""
        self._rest.stop()
        layer, image = self.result, self._image
        if layer is None or image is None or not self._dirty:
            then()
            return
        place = self.current
        assert place is not None
        work = self._saving(layer, image, place)
        self._dirty, self._next = False, then

        def done(found: tuple[BrowsedPicture, Recipe] | str) -> None:
            assert self._next is not None
            go_on, self._next = self._next, None
            if isinstance(found, str):
                self._dirty = True
                self._on_error(KEPT.format(found))
                return
            picture, recipe = found
            self.pictures[place] = picture
            self.page.tell_state(place, picture)
            self.say(f"Saved {picture.labels.name if picture.labels else ''}.")
            if is_result(layer):
                with suppress(ValueError):  # of a model that is none
                    self._applied = AppliedRecipe.of_layer(layer, recipe)
            if self._dirty:
                self._rest.start()
            go_on()

        self.background.run(caught(work), done)

    def _saving(
        self, layer: Labels, image: Image, place: int
    ) -> Callable[[], tuple[BrowsedPicture, Recipe]]:
        """Return a function that saves a result as it is now, in any thread."""
        labels, look, _ = layer.as_layer_data_tuple()
        labels = labels.copy()
        recipe_of = recipe_work(self._viewer, layer, labels)
        picture, blocked = self.pictures[place], self._blocked

        def work() -> tuple[BrowsedPicture, Recipe]:
            if blocked:
                raise ValueError(blocked)
            recipe = recipe_of()
            return save_beside(picture, labels, look, recipe, image), recipe

        return work

    def _on_rest(self) -> None:
        layer = self.result
        if layer is None or not self._dirty:
            return
        if drawing(layer) or not layer.editable:  # a stroke, or a preview
            self._rest.start()
            return
        self._leave(_stay)

    def _follow(self, event: object = None) -> None:
        """Follow the edits of the result that is there now."""
        layer, before = self.result, self._followed
        if layer is before:
            return
        for one, way in ((before, "disconnect"), (layer, "connect")):
            if one is not None:
                events = one.events
                for emitter in (
                    events.paint,
                    events.data,
                    events.set_data,
                    events.colormap,
                    events.features,
                ):
                    getattr(emitter, way)(self._on_edit)
        self._followed = layer
        if layer is not None:
            self._on_edit()

    def _on_edit(self, event: object = None) -> None:
        self._dirty = True
        self._rest.start()

    def _on_theme(self, event: object = None) -> None:
        self.strip.apply_theme(self._viewer.theme)

    def _on_open(self) -> None:
        self._old_objects.hold()
        self._on_theme()
        self.background.open()
        self.thumbnails.open()
        self.keys.bind()
        folder = self._folder or self._store.value("folder", "")
        if folder and Path(folder).is_dir():
            last = self._store.value(remembered_name(Path(folder)), "")
            # When the window has the panel.
            QTimer.singleShot(0, partial(self._reopen, Path(folder), str(last)))

    def _reopen(self, folder: Path, last: str) -> None:
        if self._docking.opened:
            self.open_folder(folder, last)

    def _on_close(self) -> None:
        self.keys.release()
        stop(self._rest)
        layer, image, place = self.result, self._image, self.current
        if self._dirty and layer is not None and image and place is not None:
            # Python waits for this thread, even if the window is closed.
            pool = ThreadPoolExecutor(1, thread_name_prefix="napari-emseg save")
            pool.submit(_logged, self._saving(layer, image, place))
            pool.shutdown(wait=False)
            self._dirty = False
        self.background.close()
        self.thumbnails.close()
        self._old_objects.release()

    def _on_busy(self, busy: bool) -> None:
        for button in (self.page.back, self.page.ahead):
            button.setEnabled(not busy)

    def _on_error(self, message: str) -> None:
        self.page.status.setText(message)
        show_error(message)

    def say(self, text: str) -> None:
        """Say something in the line of the panel, after how much is done."""
        states = [one.state for one in self.pictures]
        done = sum(state != "new" for state in states)
        told = f"{done} of {pluralize(len(states), 'picture')} done."
        self.page.status.setText(f"{told} {text}".strip())

    def _fill(self) -> None:
        """Show the pictures, and make their thumbnails in the background."""
        self._broken.clear()
        self.page.fill(self.pictures)
        pictures = tuple(self.pictures)
        self.thumbnails.cancel()
        self.thumbnails.run(
            partial(iter_thumbnails, pictures),
            lambda _: None,
            on_step=lambda step: self.page.show_thumbnail(*step),
        )

    def _ask(self) -> None:
        start = "" if self._folder is None else str(self._folder)
        if found := QFileDialog.getExistingDirectory(self, "Folder", start):
            self.open_folder(Path(found))


def _stay() -> None:
    """Open no other picture."""


def _logged(work: Callable[[], Any]) -> None:
    try:
        work()
    except Exception:
        log.exception("the labels could not be saved")
