"""The panel "Pictures": a folder, one picture after the other, saved as one goes."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_emseg.layers import PictureLayers, is_result
from napari_emseg.layers.history import drawing, insert_layer
from napari_emseg.layers.pictures.treated_layers import (
    add_treated,
    content_layer,
    layer_picture,
)
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, share_dock, stop
from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.common.pause import collect_in_pauses
from napari_emseg.widgets.common.plain_text import as_it_stands
from napari_emseg.widgets.common.qt import connect, pluralize, show_errors
from napari_emseg.widgets.common.work_strip import WorkStrip
from napari_emseg.widgets.edit.panel import after_edits
from napari_emseg.widgets.series.apply_request import AppliedRecipe, ApplyRequest
from napari_emseg.widgets.series.browser_page import MODEL, PANEL, BrowserPage
from napari_emseg.widgets.series.folder_memory import FolderMemory
from napari_emseg.widgets.series.label_saver import LabelSaver, python_ends
from napari_emseg.widgets.series.opened_layers import (
    add_labels,
    alike,
    clear_picture,
    open_already,
    result_on,
    segment_panel,
)
from napari_emseg.widgets.series.picture_files import (
    BrowsedPicture,
    OpenedPicture,
    caught,
    iter_thumbnails,
    list_pictures,
    read_picture,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components
    from napari.layers import Image, Labels
    from qtpy.QtGui import QHideEvent

    from napari_emseg.widgets.series.apply_request import ApplyStep
    from napari_emseg.widgets.series.label_saver import LabelSave, SavedPicture

log = logging.getLogger(__name__)

OFFER = "Next opens “{}” again; the layers that are here stay."
REMOVED = "Saved {} as it was; the picture opens with it again, as its file stays."
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
        self._shown: BrowsedPicture | None = None  # that the image is of
        self._blocked = ""  # why labels of this picture are not saved
        self._refused = False  # they could not be saved, and the user knows
        self._saver = LabelSaver()
        self._told = ""  # by a save, until another picture is open
        self._offered: Callable[[], Any] | None = None  # opens the last folder
        self._applied: AppliedRecipe | None = None
        self._dirty = False
        self._next: Callable[[], Any] | None = None  # when the labels are saved
        self._followed: Labels | None = None
        self._memory = FolderMemory()
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
        self._old_objects = collect_in_pauses(self._viewer, self)
        layers = self._viewer.layers
        reactions = [
            (layers.events.inserted, self._follow),
            (layers.events.removing, self._on_removing),
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
        return result_on(self._viewer, self._image)

    def open_folder(self, folder: Path, last: str = "") -> None:
        """List the pictures of a folder, and open one: the last, or the first new."""
        self._offered = None

        def show(pictures: list[BrowsedPicture]) -> None:
            self._folder, self.pictures, self.current = folder, pictures, None
            self._memory.folder = folder
            self.page.title.setText(folder.name or str(folder))
            self.page.title.setToolTip(as_it_stands(str(folder)))
            self._fill()
            if not pictures:
                self.page.status.setText(f"There are no pictures in {folder}.")
                return
            names = [one.path.name for one in pictures]
            new = [n for n, one in enumerate(pictures) if not one.done]
            first = names.index(last) if last in names else (new or [0])[0]
            self._open(first)

        self._leave(partial(self.background.run, partial(list_pictures, folder), show))

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
            self._saver.finish()
        else:
            self._next = _stay
        self.page.list.setCurrentRow(-1 if self.current is None else self.current)
        self.say("Canceled.")

    def hideEvent(self, event: QHideEvent) -> None:
        """Save what rests: nobody may come back to a panel out of sight."""
        super().hideEvent(event)
        # When Python ends, threads do before Qt hides the panel, and then closes it.
        if not python_ends() and self._docking.opened and self._unsaved:
            self._on_rest()

    def _move(self, step: int) -> None:
        if self._offered is not None:
            self._offered()
            return
        places = range(len(self.pictures))
        now = -1 if self.current is None else self.current
        ahead = [*(places[now + 1 :] if step > 0 else places[: max(now, 0)][::-1])]
        ahead = [n for n in ahead if n not in self._broken]
        if self.page.skip.isChecked():
            ahead = [n for n in ahead if not self.pictures[n].done]
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
        picture, viewer = opened.picture, self._viewer
        known = open_already(viewer, picture.path)
        if self._saver.take_source(picture, opened.source) and known is self._image:
            known = None  # what is shown is the file before
        clear_picture(viewer, self._image, keep=known)
        self.current, self._shown, self.pictures[place] = place, picture, picture
        self.page.tell_state(place, picture)
        if opened.thumbnail is not None:
            self.page.show_thumbnail(place, opened.thumbnail)
        self._blocked, self._refused = opened.reason, False
        if known is None:
            layers = content_layer(picture.path, opened.content)
            self._image = layers.lead
            insert_layer(viewer.layers, len(viewer.layers), layers.lead)
            if opened.labels is not None:
                add_labels(viewer, opened.labels, layers.lead, picture.labels)
            viewer.reset_view()
        else:
            self._image, layers = known, PictureLayers.of([known])
        if known is None or alike(self.result, opened.labels):
            self._saver.take(picture, opened.stamps)
        assert self._folder is not None
        self._memory.note_picture(picture.path, self._folder)
        self.page.list.setCurrentRow(place)
        self._follow()
        self._rest.stop()
        self._dirty = False
        # What the save before told would be gone by now.
        self.say(f"{self._told} {opened.reason or opened.told}".strip())
        self._told = ""
        if picture.state == "new" and self.result is None:
            self._begin(layers)

    def _begin(self, picture: PictureLayers) -> None:
        """Segment a new picture, if that is asked for."""
        how = self.page.new.currentText()
        if how == PANEL:
            panel = segment_panel(self._viewer)
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

    def _leave(self, then: Callable[[], Any]) -> None:
        """Save what is open, if it has changed, and then call a function."""
        save = partial(self._save, then)
        after_edits(self._viewer, partial(self.background.do, save))

    def _save(self, then: Callable[[], Any]) -> None:
        """Save the result if it has changed; call a function if that went well."""
        self._rest.stop()
        if not self._unsaved:
            then()
            return
        self._next = then

        def go_on(wrong: str) -> None:
            assert self._next is not None
            call, self._next = self._next, None
            if wrong:
                self._dirty = self._refused = True
                self._on_error(KEPT.format(wrong))
                return
            if self._dirty:
                self._rest.start()
            call()

        self._begin_save(go_on)

    @property
    def _unsaved(self) -> bool:
        return self._dirty and self._shown is not None and self.result is not None

    def _begin_save(self, then: Callable[[str], Any]) -> None:
        """Save the result as it is now; call a function with what is wrong, or ""."""
        save, layer = self._prepare_save(), self.result
        assert layer is not None

        def done(found: SavedPicture | str) -> None:
            self._saver.forget(save)
            if isinstance(found, str):
                then(found)
                return
            self._refused = False
            self._on_saved(found)
            if is_result(layer):
                with suppress(ValueError):  # of a model that is none
                    self._applied = AppliedRecipe.of_layer(layer, found.recipe)
            then("")

        self.background.run(save, done)

    def _prepare_save(self) -> LabelSave:
        layer, image, picture = self.result, self._image, self._shown
        assert layer is not None
        assert image is not None
        assert picture is not None
        self._dirty = False
        return self._saver.prepare(self._viewer, layer, image, picture, self._blocked)

    def _on_saved(self, saved: SavedPicture) -> None:
        """Show that a picture has labels now, if it is of this folder still."""
        picture = saved.picture
        if self._shown is not None and self._shown.path == picture.path:
            self._shown = picture
        for place, one in enumerate(self.pictures):
            if one.path == picture.path:
                self.pictures[place] = picture
                self.page.tell_state(place, picture)
        self._told = saved.told or self._told
        self.say(saved.line)
        if saved.told:
            show_warning(saved.told)

    def _on_removing(self, event: Any) -> None:
        """Save what rests when its layer goes, as all do when a viewer closes."""
        layer = self._viewer.layers[event.index]
        going = layer is self._image or layer is self.result
        if going and self._unsaved and not self._refused:
            stop(self._rest)
            told = partial(self.say, REMOVED.format(layer.name))
            self._begin_save(lambda wrong: self._on_error(wrong) if wrong else told())

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
        folder = self._folder or self._memory.folder
        if folder is not None and folder.is_dir():
            # When the window has the panel.
            QTimer.singleShot(0, partial(self._reopen, folder))

    def _reopen(self, folder: Path) -> None:
        """Open the last folder again, or offer it where something else is open."""
        if not self._docking.opened:
            return
        last = self._memory.picture_in(folder)
        open_again = partial(self.open_folder, folder, last)
        if self._viewer.layers and not open_already(self._viewer, folder / last):
            self._offered = open_again
            self.page.status.setText(OFFER.format(folder.name))
        else:
            open_again()

    def _on_close(self) -> None:
        self.keys.release()
        stop(self._rest)
        if self._unsaved:
            self._prepare_save()
        self._saver.finish()
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
        done = sum(one.done for one in self.pictures)
        told = f"{done} of {pluralize(len(self.pictures), 'picture')} done."
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
