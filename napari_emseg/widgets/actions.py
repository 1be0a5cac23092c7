"""What the buttons do with selection and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_emseg import adjust, regions, select
from napari_emseg.layers import (
    add_quietly,
    add_selection,
    as_labels,
    coverage,
    placement,
    saved_selections,
    spatial_shape,
)
from napari_emseg.layers.plane import Plane
from napari_emseg.layers.results import KEY, image_data
from napari_emseg.widgets.adjustments import ADJUSTMENTS
from napari_emseg.widgets.refit import fit_again

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.layers.edits import LabelEdit
    from napari_emseg.layers.seeds import Fits
    from napari_emseg.widgets.session import Changes, Session, Steps

# What a number of pixels does to a selection.
MODIFY: dict[str, tuple[str, str, Callable[[Any, float], Any]]] = {
    "grow": ("Grow", "Move the outline out by so many pixels.", select.grow),
    "shrink": ("Shrink", "Move the outline in by so many pixels.", select.shrink),
    "smooth": ("Smooth", "Round the outline off; so many pixels wide.", select.smooth),
    "border": ("Border", "Select a band along the outline.", select.border),
    "feather": ("Feather", "Make the outline soft; so many pixels.", select.feather),
}


@dataclass(frozen=True, slots=True, eq=False)
class Actions:
    """All that buttons do; each is one undo step.

    Attributes
    ----------
    session : Session
        Image, labels and selection.
    fits : Fits
        Which steps were not made by hand.
    """

    session: Session
    fits: Fits

    def modify(self, name: str, pixels: float) -> None:
        """Change the selection by a number of pixels; a row of `MODIFY`."""
        change = MODIFY[name][2]
        self._reshape(lambda mask: change(mask, pixels))

    def fill_holes(self) -> None:
        """Select what the selection goes around."""
        self._reshape(select.fill_holes)

    def invert(self) -> None:
        """Select what is not selected."""
        plane = self.session.plane()
        target = self.session.on_selection(plane)
        find = lambda: select.invert(coverage(target))  # noqa: E731
        self.session.choose(plane, find, "new", feather=False)

    def everything(self) -> None:
        """Select all pixels of the plane."""
        plane = self.session.plane()
        find = lambda: np.ones(plane.shape, bool)  # noqa: E731
        self.session.choose(plane, find, "new", feather=False)

    def nothing(self) -> None:
        """Select nothing."""
        plane = self.session.plane()
        if self.session.selected(plane) is not None:
            find = lambda: np.zeros(plane.shape, bool)  # noqa: E731
            self.session.choose(plane, find, "new", feather=False)

    def reselect(self) -> None:
        """Bring the last selection back that became nothing."""
        if self.session.previous is None:
            raise ValueError("no selection was given up yet, so none can come back")
        plane, labels = self.session.previous
        self.session.apply([(plane.layer, plane.edit(labels))])

    def similar(self) -> None:
        """Select all pixels whose color is near to a selected one."""
        self._by_color(select.similar)

    def grow_similar(self) -> None:
        """Select adjacent pixels whose color is near to a selected one."""
        self._by_color(select.grow_similar)

    def save(self, name: str) -> None:
        """Keep the selection for later, as a layer."""
        plane = self.session.plane()
        selected = self._need(plane)
        layer = add_selection(self.session.viewer, plane.layer, name=name, kind="saved")
        layer.visible = False
        layer.data[plane.where] = plane.edit(as_labels(selected)).labels

    def load(self, name: str) -> None:
        """Select what was kept."""
        plane = self.session.plane()
        kept = {
            layer.name: Plane(layer, plane.at)
            for layer in saved_selections(self.session.viewer, plane.layer)
        }
        if name not in kept:
            raise ValueError(f"there is no selection {name!r} that lies on this layer")
        self.session.choose(plane, lambda: coverage(kept[name]), feather=False)

    def fill(self, label: int) -> None:
        """Give the selected pixels a label."""
        self._recolor(regions.fill, label)

    def new_class(self) -> None:
        """Make the selected pixels a class of their own."""
        self._recolor(regions.new_class)

    def merge(self, members: Sequence[int]) -> None:
        """Join classes to the first of them, in the whole layer."""
        if len(members) < 2:
            raise ValueError(
                "merging joins two classes or more; choose them in the list, with "
                "Ctrl or Shift"
            )
        labels = self._labels()
        locked = self.session.locked
        self.session.change(
            lambda: [(labels, regions.merge(labels.data, members, locked=locked))]
        )

    def split(self, label: int, method: str) -> None:
        """Take a class apart in the displayed plane.

        Parameters
        ----------
        label : int
            The class.
        method : {"components", "classes", "watershed"}
            Into pieces, by color, or where it is narrow.
        """
        plane, labels = self._plane(), self._labels()
        picture = self.session.picture(plane) if method == "classes" else None
        locked = self.session.locked

        def make() -> Changes:
            options: dict[str, Any] = {}
            if picture is not None:
                options["image"] = np.asarray(picture.data())
                options["rgb"] = picture.layer.rgb
                options["n_parts"] = 2
            data = np.asarray(plane.data())
            edit = regions.split(data, label, method, locked=locked, **options)
            return [(labels, _on(plane, edit))]

        self.session.change(make)

    def refit(self) -> None:
        """Fit all classes anew, with all that was edited by hand as it is."""
        labels, image, locked = self._labels(), self.session.image, self.session.locked
        plane = None
        if image is None or spatial_shape(image) != labels.data.shape:
            plane = self._plane()
            picture = self.session.picture(plane)
            data, rgb = picture.data(), picture.layer.rgb
        else:
            data, rgb = image_data(image), image.rgb
        note = labels.metadata.get(KEY, {}).get("params", {})

        def make() -> Steps:
            edited = self.fits.edited(labels) | np.isin(labels.data, list(locked))
            old = labels.data if plane is None else np.asarray(plane.data())
            if plane is not None:
                edited = edited[plane.where].reshape(plane.shape)
            seeds = np.where(edited, old, 0)
            found = yield from fit_again(np.asarray(data), old, seeds, note, rgb=rgb)
            # A locked class neither loses pixels nor gains some.
            fixed = np.isin(old, list(locked)) | np.isin(found, list(locked))
            new = np.where(fixed | edited, old, found)
            if plane is not None:
                return [(labels, plane.edit(new))]
            where = tuple(slice(0, size) for size in new.shape)
            return [(labels, Whole(where, new))]

        self.session.change(make, after=lambda: self.fits.note(labels))

    def adjust(self, title: str, options: dict[str, float]) -> None:
        """Adjust what is selected, or everything, in a new image layer."""
        change = ADJUSTMENTS[title][0]
        plane = self.session.plane()
        picture, selected = self.session.picture(plane), self.session.selected(plane)
        self._add_image(
            picture,
            title.lower(),
            lambda data: change(data, selected, rgb=picture.layer.rgb, **options),
        )

    def cut_out(self) -> None:
        """Copy what is selected to a new image layer, with soft edges."""
        plane = self.session.plane()
        picture, selected = self.session.picture(plane), self._need(plane)
        self._add_image(
            picture,
            "cut out",
            lambda data: adjust.cut_out(data, selected, rgb=picture.layer.rgb),
        )

    def need(self) -> None:
        """Raise ValueError if nothing is selected."""
        self._need(self.session.plane())

    def _add_image(
        self, picture: Plane, what: str, make: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> None:
        """Make a picture in the background, and add it over the one it was made of."""
        layer, viewer = picture.layer, self.session.viewer

        def then(made: NDArray[Any]) -> None:
            rgb = made.ndim == 3 and made.shape[-1] in (3, 4)
            across = [axis for axis, at in enumerate(picture.at) if at is not None]
            look = {} if rgb else {"contrast_limits": layer.contrast_limits}
            image = Image(
                np.expand_dims(made, across),
                name=f"{layer.name} {what}",
                rgb=rgb,
                **look,
                **placement(layer, picture.at),
            )
            add_quietly(viewer, image)
            viewer.layers.move(len(viewer.layers) - 1, viewer.layers.index(layer) + 1)

        self.session.background.run(lambda: make(np.asarray(picture.data())), then)

    def _reshape(self, change: Callable[[Any], Any]) -> None:
        plane = self.session.plane()
        self._need(plane)
        target = self.session.on_selection(plane)
        find = lambda: change(coverage(target))  # noqa: E731
        self.session.choose(plane, find, "new", feather=False)

    def _by_color(self, find: Callable[..., Any]) -> None:
        session, plane = self.session, self.session.plane()
        self._need(plane)
        target, picture = session.on_selection(plane), session.picture(plane)
        session.choose(
            plane, lambda: find(session.prepared(picture), coverage(target)), "new"
        )

    def _recolor(self, change: Callable[..., Any], *args: int) -> None:
        plane, labels = self._plane(), self._labels()
        selected, locked = self._need(plane), self.session.locked

        def make() -> Changes:
            data = np.asarray(plane.data())
            return [(labels, _on(plane, change(data, selected, *args, locked=locked)))]

        self.session.change(make)

    def _labels(self) -> Labels:
        labels = self.session.labels
        if labels is None or labels not in self.session.viewer.layers:
            raise ValueError(
                "there are no labels to edit; segment the image, or choose a Labels "
                "layer in the panel"
            )
        return labels

    def _plane(self) -> Plane:
        self._labels()
        return self.session.plane()

    def _need(self, plane: Plane) -> NDArray[Any]:
        selected = self.session.selected(plane)
        if selected is None:
            raise ValueError(
                "nothing is selected here; take a tool and select something first"
            )
        return selected


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Other labels for all of a layer."""

    where: tuple[slice, ...]
    labels: NDArray[Any]


def _on(plane: Plane, edit: LabelEdit) -> LabelEdit:
    """Return the edit of a plane as one of its layer."""
    return plane.edit(edit.labels, edit.where)
