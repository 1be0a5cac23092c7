"""What saves the labels of pictures, in order, also when the window goes."""

from __future__ import annotations

import logging
from threading import Lock, Thread, main_thread
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_emseg.layers.recipe_log import recipe_work
from napari_emseg.widgets.series.picture_files import caught, save_beside, stamps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_emseg.recipe import Recipe
    from napari_emseg.widgets.series.picture_files import BrowsedPicture

log = logging.getLogger(__name__)


class SavedPicture(NamedTuple):
    """A picture whose labels were saved.

    Attributes
    ----------
    picture : BrowsedPicture
    recipe : Recipe
    told : str
        What the user should know.
    """

    picture: BrowsedPicture
    recipe: Recipe
    told: str

    @property
    def line(self) -> str:
        """What the panel says."""
        labels = self.picture.labels
        return self.told or f"Saved {labels.name if labels else ''}."


class LabelSave:
    """Labels as they were at a moment, which are saved once, whoever asks for it.

    Parameters
    ----------
    work : callable
        Saves them; returns a `SavedPicture`, or what is wrong.
    turn : Lock
        Of all that may write the same files.
    """

    def __init__(self, work: Callable[[], Any], turn: Lock) -> None:
        self._work: Callable[[], Any] | None = work
        self._turn = turn
        self._found: Any = None

    def __call__(self) -> SavedPicture | str:
        """Save the labels, or wait until another thread has, and tell the same."""
        with self._turn:
            if self._work is not None:
                self._found = self._work()
                self._work = None
            found: SavedPicture | str = self._found
            return found


class LabelSaver:
    """Saves of a panel that are not done yet.

    They are called in a thread of the panel; `finish` sees to those that it did not
    come to.
    """

    def __init__(self) -> None:
        self._turn = Lock()
        self._left: list[LabelSave] = []
        # Files as they were read or written, and pictures with the labels they got.
        self._known: dict[Path, Any] = {}
        self._latest: dict[Path, BrowsedPicture] = {}
        self._sources: dict[Path, Any] = {}  # pictures as they were read

    def take_source(self, picture: BrowsedPicture, source: Mapping[str, Any]) -> bool:
        """Take note of the stamp of a picture; return whether it had another before."""
        before = self._sources.get(picture.path, source)
        self._sources[picture.path] = source
        return before != source

    def take(self, picture: BrowsedPicture, stamps: Mapping[Path, Any]) -> None:
        """Take note that the labels of a picture are shown as they are on the disk.

        Parameters
        ----------
        picture : BrowsedPicture
        stamps : mapping of Path to dict
            Of the files that may be replaced from now on, as long as they stay so.
        """
        self._known.update(stamps)
        self._latest[picture.path] = picture

    def prepare(
        self,
        viewer: ViewerModel,
        layer: Labels,
        image: Image,
        picture: BrowsedPicture,
        blocked: str,
    ) -> LabelSave:
        """Return what saves a result as it is now, in any thread.

        Parameters
        ----------
        viewer : napari.components.ViewerModel
        layer : napari.layers.Labels
        image : napari.layers.Image
            The picture.
        picture : BrowsedPicture
            Its file.
        blocked : str
            Why it must not be saved; empty if it may.
        """
        labels, look, _ = layer.as_layer_data_tuple()
        labels = labels.copy()
        recipe_of = recipe_work(viewer, layer, labels)
        source = self._sources.get(picture.path)

        def work() -> SavedPicture:
            if blocked:
                raise ValueError(blocked)
            recipe = recipe_of()
            latest = self._latest.get(picture.path, picture)
            saved, told = save_beside(
                latest, labels, look, recipe, image, self._known, source
            )
            assert saved.labels is not None
            self.take(saved, stamps_of(saved.labels))
            return SavedPicture(saved, recipe, told)

        save = LabelSave(caught(work), self._turn)
        self._left.append(save)
        return save

    def forget(self, save: LabelSave) -> None:
        """Take note that a save is done."""
        if save in self._left:
            self._left.remove(save)

    def finish(self) -> None:
        """Save what is left, though nobody waits for it any more."""
        left, self._left = self._left, []
        if not left:
            return
        if python_ends():
            _save_all(left)
        else:  # Python waits for this thread, even if the window is closed
            Thread(target=_save_all, args=(left,), name="napari-emseg save").start()


def python_ends() -> bool:
    """Return whether Python ends, and starts no thread any more, or waits for none."""
    return not main_thread().is_alive()


def _save_all(saves: list[LabelSave]) -> None:
    """Save labels one after the other; nobody is there to hear of errors."""
    for save in saves:
        try:
            found = save()
        except Exception:
            log.exception("the labels could not be saved")
        else:
            if isinstance(found, str):
                log.error("the labels could not be saved: %s", found)
            elif found.told:
                log.warning(found.told)
