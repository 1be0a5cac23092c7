"""Rows of the panel "Segment" for axes: channels, planes, and what the letters are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import QMenu

from napari_emseg.engine.image.axes import CHANNELS, axes_choices, unnamed_axes
from napari_emseg.layers.geometry import spatial_shape
from napari_emseg.layers.metadata import MARK
from napari_emseg.layers.pictures.picture_layers import (
    PictureLayers,
    likely_axes,
    of_one_file,
    told_axes,
    why_apart,
)
from napari_emseg.widgets.common.qt import connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari.components

    from napari_emseg.layers import SliceIndex

SLICE, EACH, TOGETHER, WHOLE = (
    "displayed slice",
    "each plane",
    "all planes",
    "whole volume",
)
# What the choices are in `Params`.
PLANES = {SLICE: "volume", EACH: "each", TOGETHER: "together", WHOLE: "volume"}
_WORDS = {"C": "channel", "T": "time", "Z": "plane"}
_ANY = "How axes are to be read: {axes}. {why}"
_TOLD, _GUESSED = "The layer says so.", "It is guessed by their lengths."


class AxesRows:
    """Rows that say what the axes of an image are, and what is segmented of it.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers may be channels.
    params : mapping of str to Widget
        The rows "channels" and "planes" of the form of parameters.

    Attributes
    ----------
    layers : Container
        Has a button that opens a menu with the layers that are channels of one picture.
    axes, extent : ComboBox
        What the axes are, and which planes are segmented.
    changed : psygnal.Signal
        Another picture is meant.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: napari.components.ViewerModel,
        params: Mapping[str, Any],
    ) -> None:
        self._viewer = viewer
        self._params = params
        self._image: Image | None = None
        self._others: tuple[Image, ...] = ()
        tip = (
            "Image layers of one shape and place that are the channels of one picture. "
            "Several that are selected in the list of layers are, too."
        )
        self._button = PushButton(name="button", tooltip=tip)
        self._menu = QMenu(self._button.native)
        self._menu.aboutToShow.connect(self._fill)
        self._button.native.setMenu(self._menu)
        self._button.native.setStyleSheet(
            "QPushButton { text-align: left; padding-left: 8px }"
        )
        # A button has no label of its own.
        self.layers = Container[Widget](
            name="layers",
            label="Layers",
            tooltip=tip,
            labels=False,
            widgets=[self._button],
        )
        self.layers.margins = (0, 0, 0, 0)
        self.axes = ComboBox(name="axes", label="Axes", choices=[])
        self.extent = ComboBox(
            name="extent",
            label="Planes",
            tooltip="Segment the displayed plane alone; each plane by itself, from the "
            "one before on, so that classes keep their numbers; all planes with one "
            "model, each smoothed by itself; or a volume, smoothed in 3-D.",
            choices=[],
        )
        self.axes.changed.connect(self._on_axes)
        self.extent.changed.connect(self._on_extent)
        params["channels"].changed.connect(lambda: self.changed.emit())

    @property
    def rows(self) -> list[Widget]:
        """The rows, from above."""
        return [self.layers, self.axes]

    @property
    def picture(self) -> PictureLayers | None:
        """The picture that is meant; None if there is no image.

        Raises
        ------
        ValueError
            If the layers do not lie on each other.
        """
        if self._image is None:
            return None
        axes = self.axes.value or likely_axes(self._image)
        each = self._params["channels"].value == "each"
        return PictureLayers.of(self.chosen, axes, each=each)

    @property
    def pictures(self) -> list[PictureLayers]:
        """The pictures that are segmented: of layers each by itself, several.

        Raises
        ------
        ValueError
            As `picture`.
        """
        found = self.picture
        if found is None:
            return []
        if not (found.several and found.each):
            return [found]
        return [PictureLayers.of([one], found.axes) for one in found.layers]

    @property
    def chosen(self) -> list[Image]:
        """The layers that are the picture, in the order of the list of layers."""
        if self._image is None:
            return []
        wanted = (self._image, *self._others)
        return [layer for layer in self._viewer.layers if layer in wanted]

    def part(self, picture: PictureLayers) -> SliceIndex | None:
        """Return the part of a picture that is segmented; None is all.

        Raises
        ------
        ValueError
            If the displayed slice is meant, and lies outside.
        """
        planes = len(picture.letters) > 2 and self.extent.value == SLICE
        return picture.part(self._viewer) if planes else None

    def show(self, image: Image | None) -> None:
        """Show the rows that an image needs."""
        if image is not self._image:
            self._image = image
            self._others = ()
            if image is not None:
                self._others = tuple(
                    one for one in of_one_file(self._viewer, image) if one is not image
                )
            self._params["channels"].value = "together"
            self._offer_axes()
        self._set_others([one for one in self._others if one in self._viewer.layers])

    def select(self, layers: list[Image]) -> None:
        """Take the layers that are selected in the list of layers as channels."""
        if self._image in layers and len(layers) > 1:
            self._set_others([one for one in layers if one is not self._image])
            self.changed.emit()

    def adopt(self, planes: str) -> None:
        """Show the choice of planes that parameters have."""
        now = PLANES.get(self.extent.value)
        wanted = [one for one, value in PLANES.items() if value == planes]
        if now != planes and (fit := [c for c in self.extent.choices if c in wanted]):
            self.extent.value = fit[-1]

    def _fill(self) -> None:
        """Fill the menu with the layers that could be channels."""
        self._menu.clear()
        for layer in self._alike():
            action = self._menu.addAction(layer.name)
            action.setCheckable(True)
            action.setChecked(layer in self._others or layer is self._image)
            action.setEnabled(layer is not self._image)
            connect(action.triggered, partial(self._turn, layer), action)

    def _turn(self, layer: Image, checked: bool) -> None:
        kept = [one for one in self._others if one is not layer]
        self._set_others([*kept, layer] if checked else kept)
        self.changed.emit()

    def _set_others(self, others: Sequence[Image]) -> None:
        """Take layers as channels beside the image."""
        several = bool(self._others)
        self._others = tuple(others)
        if several != bool(others):
            self._offer_axes(self.axes.value)
        self._show_rows()

    def _alike(self) -> list[Image]:
        """Return the layers that lie on the image, and it."""
        image = self._image
        if image is None or image.rgb:
            return []
        return [
            one
            for one in self._viewer.layers
            if one is image
            or (
                isinstance(one, Image)
                and MARK not in one.metadata
                and not why_apart(image, one)
            )
        ]

    def _offer_axes(self, now: str | None = None) -> None:
        """Offer what the axes may be; those of now stay if they may."""
        image = self._image
        choices: list[tuple[str, str]] = []
        if image is not None and image.ndim > 2:
            shape, told, several = spatial_shape(image), told_axes(image), self._others
            # Where layers are the channels, no axis of theirs is taken for some.
            guessed = unnamed_axes(len(shape)) if several else likely_axes(image)
            likely = told or guessed
            letters = axes_choices(likely, channels=not (image.rgb or several))
            choices = [(_title(axes, shape), axes) for axes in letters]
            why = _GUESSED if told is None else _TOLD
            self.axes.tooltip = _ANY.format(axes=likely, why=why)
        with self.axes.changed.blocked():
            self.axes.choices = choices
            if choices:
                self.axes.value = now if now in letters else letters[0]
        self._offer_planes()

    def _offer_planes(self) -> None:
        letters = "" if self._image is None else self._letters()
        choices = []
        if len(letters) > 2:
            choices = [
                ("this plane", SLICE),
                ("each plane by itself", EACH),
                ("all planes in one model", TOGETHER),
            ]
        if "Z" in letters:
            choices.append(("as a volume", WHOLE))
        before = self.extent.value
        with self.extent.changed.blocked():
            self.extent.choices = choices
            if choices:
                known = before in [value for _, value in choices]
                self.extent.value = before if known else choices[-1][1]
        self._write_planes()

    def _letters(self) -> str:
        """Return the letters of axes that labels have, channels left out."""
        image = self._image
        axes = self.axes.value or ("YX" if image is None else likely_axes(image))
        return axes.replace(CHANNELS, "")

    def _write_planes(self) -> None:
        planes = PLANES[self.extent.value] if self.extent.choices else "volume"
        self._params["planes"].value = planes

    def _on_axes(self) -> None:
        self._offer_planes()
        self._show_rows()
        self.changed.emit()

    def _on_extent(self) -> None:
        self._write_planes()
        self.changed.emit()

    def _show_rows(self) -> None:
        image = self._image
        self.layers.visible = len(self._alike()) > 1
        self._button.text = " + ".join(layer.name for layer in self.chosen)
        self.axes.visible = bool(self.axes.choices)
        self.extent.visible = bool(self.extent.choices)
        axes = "" if image is None else self.axes.value or ""
        channels = CHANNELS in axes or len(self.chosen) > 1
        row = self._params["channels"]
        row.visible = channels
        if not channels:
            row.value = "together"


def _title(axes: str, shape: tuple[int, ...]) -> str:
    """Return what axes are in words, such as "9 times, 20 planes, 3 channels"."""
    parts = [
        f"{size} {_WORDS.get(axis, axis)}{'s' if size > 1 else ''}"
        for axis, size in zip(axes, shape, strict=True)
        if axis not in "YX"
    ]
    return f"{', '.join(parts)} ({axes})"
