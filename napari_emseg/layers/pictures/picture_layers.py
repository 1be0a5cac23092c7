"""A picture in the viewer: one image layer, or several that are its channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.axes import (
    CHANNELS,
    COLORS,
    ChannelStack,
    guess_axes,
    letters_of,
    unnamed_axes,
)
from napari_emseg.layers.geometry import (
    Part,
    displayed,
    image_data,
    placement,
    same_place,
    spatial_shape,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex

# Key in the metadata of layers that are the channels of one file.
OF_ONE_FILE = "emseg channels of"


@dataclass(frozen=True, slots=True)
class PictureLayers:
    """An image layer whose axes have letters, or several as channels of one picture.

    Slices have an index, or None, for each axis but that of the channels.

    Attributes
    ----------
    layers : tuple of napari.layers.Image
        The first gives the name and the place.
    axes : str
        Letters of the axes of each layer; C is one of them if they are channels. That
        of red, green and blue is none of a layer's.
    each : bool
        Whether channels are planes, as where each is segmented by itself.
    """

    layers: tuple[Image, ...]
    axes: str
    each: bool = False

    @classmethod
    def of(
        cls, layers: Sequence[Image], axes: str | None = None, *, each: bool = False
    ) -> PictureLayers:
        """Return the picture of some layers.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            Of one shape and one place.
        axes : str, optional
            Letters of their axes; without names, as those of any stack.
        each : bool, optional
            Whether channels are planes.

        Raises
        ------
        ValueError
            If they do not lie on each other pixel by pixel, or are RGB.
        """
        first = layers[0]
        for layer in layers[1:]:
            if why := why_apart(first, layer):
                raise ValueError(why)
        return cls(tuple(layers), axes or unnamed_axes(first.ndim), each)

    @property
    def lead(self) -> Image:
        """The layer that gives the name and the place."""
        return self.layers[0]

    @property
    def name(self) -> str:
        """The names of all layers, or that of the file whose channels they are."""
        marks = {one.metadata.get(OF_ONE_FILE) for one in self.layers}
        if self.several and len(marks) == 1 and isinstance(mark := marks.pop(), str):
            return Path(mark).stem.removesuffix(".ome")
        return " + ".join(layer.name for layer in self.layers)

    @property
    def several(self) -> bool:
        """Whether layers are channels."""
        return len(self.layers) > 1

    @property
    def has_channels(self) -> bool:
        """Whether there are channels that are no colors."""
        return self.several or CHANNELS in self.axes

    @property
    def channel_axis(self) -> int | None:
        """The axis of the layer that holds channels; None if there is none."""
        place = self.axes.find(CHANNELS)
        return None if place < 0 or self.each else place

    @property
    def letters(self) -> str:
        """Letters of the axes that labels have."""
        return "".join(
            axis for place, axis in enumerate(self.axes) if place != self.channel_axis
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the picture without its channels."""
        return self._spatial(spatial_shape(self.lead))

    def data(self, at: SliceIndex | None = None) -> Any:
        """Return the pixels of the picture, or of a slice; nothing is read.

        Parameters
        ----------
        at : tuple of int or None, optional
            The slice; None is all.
        """
        if at is not None and self.channel_axis is not None:
            at = (*at[: self.channel_axis], None, *at[self.channel_axis :])
        found = tuple(image_data(layer, at) for layer in self.layers)
        return ChannelStack(found) if self.several else found[0]

    def data_axes(self, at: SliceIndex | None = None) -> str:
        """Return the letters of all axes of `data`."""
        fixed = iter(at or (None,) * len(self.letters))
        kept = [
            axis
            for place, axis in enumerate(self.axes)
            if place == self.channel_axis or next(fixed) is None
        ]
        last = CHANNELS if self.several else COLORS if self.lead.rgb else ""
        return "".join(kept) + last

    def reading(self, at: SliceIndex | None = None) -> dict[str, Any]:
        """Return the keywords with which `data` are segmented."""
        axes = self.data_axes(at)
        if axes.removesuffix(COLORS) == unnamed_axes(len(axes.removesuffix(COLORS))):
            return {"rgb": self.lead.rgb}
        return {"axes": axes}

    @property
    def told_axes(self) -> str | None:
        """The letters that a recipe has to tell; None if there is nothing to tell."""
        return self.reading().get("axes")

    @property
    def last_axes(self) -> str | None:
        """As `told_axes`, where channels come last, as in `ChannelPart.data`."""
        if self.told_axes is None or self.channel_axis is None:
            return self.told_axes
        return self.letters + CHANNELS

    def record(self) -> dict[str, Any]:
        """Return what the metadata of a result tell of its picture."""
        found: dict[str, Any] = {}
        if self.told_axes is not None:
            found["axes"] = self.axes
            found["channels"] = "each" if self.each else "together"
        if self.several:
            found["layers"] = [layer.name for layer in self.layers]
        return found

    def part(self, viewer: ViewerModel) -> SliceIndex:
        """Return the slice that the viewer displays.

        Raises
        ------
        ValueError
            If the sliders stand outside.
        """
        return self._spatial(displayed(viewer, self.lead))

    def labels_at(self, at: SliceIndex | None) -> SliceIndex | None:
        """Return a slice with an entry for each axis of a layer of labels.

        Labels have no axis for channels that stand first. Elsewhere they have one of
        length 1, as layers are aligned by their last axes.
        """
        place = self.channel_axis
        if not place:
            return at
        whole = at or (None,) * len(self.letters)
        return (*whole[:place], 0, *whole[place:])

    def labels_shape(self, at: SliceIndex | None) -> tuple[int, ...]:
        """Return the shape of a layer of labels for a slice."""
        shape = self.shape if not self.channel_axis else spatial_shape(self.lead)
        wanted = self.labels_at(at) or (None,) * len(shape)
        return tuple(n if i is None else 1 for n, i in zip(shape, wanted, strict=True))

    def place(self, at: SliceIndex | None) -> dict[str, Any]:
        """Return the attributes of a layer of labels that lies on a slice."""
        full = at or (None,) * len(self.letters)
        place = self.channel_axis
        if place is None:
            return placement(self.lead, full)
        if place == 0:
            return _without_first(placement(self.lead, (0, *full)))
        # One pixel along the channels, which is as long as all of them.
        count = spatial_shape(self.lead)[place]
        middle = (*full[:place], (count - 1) / 2, *full[place:])
        found = placement(self.lead, middle)
        scale = np.array(found["scale"], float)
        scale[place] *= count
        return found | {"scale": scale}

    def _spatial(self, along: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what there is for each axis of the layer but that of channels."""
        place = self.channel_axis
        return along if place is None else along[:place] + along[place + 1 :]


def _without_first(place: dict[str, Any]) -> dict[str, Any]:
    """Return a place without its first axis."""
    ndim = len(place["scale"])
    rows, _ = np.triu_indices(ndim, 1)
    affine = np.delete(np.delete(place["affine"], 0, axis=0), 0, axis=1)
    rest = {name: place[name][1:] for name in ("scale", "translate", "units")}
    return rest | {
        "rotate": np.asarray(place["rotate"])[1:, 1:],
        "shear": np.asarray(place["shear"])[rows > 0],
        "affine": affine,
        "axis_labels": place["axis_labels"][1:],
    }


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPart(Part):
    """A plane or a volume of a picture with channels, which are its colors.

    Attributes
    ----------
    picture : PictureLayers
        Of which the layer is one.
    """

    picture: PictureLayers

    def data(self) -> Any:
        """The picture here, channels last."""
        axis = self.picture.channel_axis
        at = self.at if axis is None else self.at[:axis] + self.at[axis + 1 :]
        found = self.picture.data(at)
        place = self.picture.data_axes(at).index(CHANNELS)
        last = place == len(found.shape) - 1
        return found if last else np.moveaxis(np.asarray(found), place, -1)

    @property
    def reading(self) -> dict[str, Any]:
        """How `data` are read."""
        return {"channel_axis": -1}

    @property
    def plain(self) -> Part:
        """The same part of the layer alone."""
        return Part(self.layer, self.at)


def picture_of(image: Image | Sequence[Image] | PictureLayers) -> PictureLayers:
    """Return a picture as it is, and the one of a layer or of several."""
    if isinstance(image, PictureLayers):
        return image
    return PictureLayers.of(image if isinstance(image, list | tuple) else [image])


def why_apart(one: Image, other: Image) -> str:
    """Return why two image layers are no channels of one picture; empty if they are.

    Parameters
    ----------
    one, other : napari.layers.Image
        The layers.
    """
    for layer in (one, other):
        if layer.rgb:
            return (
                f"“{layer.name}” is RGB, which is a picture of its own; choose layers "
                "of one channel each, or this one alone"
            )
    if spatial_shape(one) != spatial_shape(other):
        return (
            f"“{other.name}” has the shape {spatial_shape(other)}, but “{one.name}” "
            f"{spatial_shape(one)}; channels of one picture have one shape: choose "
            "others, or one layer alone"
        )
    if not same_place(one, other):
        return (
            f"“{other.name}” does not lie on “{one.name}” pixel by pixel: scale, "
            "translation or rotation differ; give both one place, or choose one alone"
        )
    return ""


def told_axes(layer: Image) -> str | None:
    """Return the letters that a layer tells of its axes; None if it does not.

    They come from its ``axis_labels``, or from the ``dims`` of xarray.
    """
    for names in (layer.axis_labels, getattr(image_data(layer), "dims", ())):
        found = letters_of(names) if isinstance(names, tuple) else None
        if found is not None and layer.rgb:
            found = found.removesuffix(COLORS).replace(CHANNELS, "")
        if found is not None and len(found) == layer.ndim and COLORS not in found:
            return found
    return None


def likely_axes(layer: Image) -> str:
    """Return the letters of a layer's axes: what it tells, or what is most likely."""
    shape = spatial_shape(layer)
    told = told_axes(layer)
    return told or (unnamed_axes(len(shape)) if layer.rgb else guess_axes(shape))


def of_one_file(viewer: ViewerModel, layer: Image) -> list[Image]:
    """Return the layers that are channels of one file with a layer, itself among them.

    Those that were moved or changed since are left out.
    """
    mark = layer.metadata.get(OF_ONE_FILE)
    if mark is None:
        return [layer]
    return [
        one
        for one in viewer.layers
        if one is layer
        or (one.metadata.get(OF_ONE_FILE) == mark and not why_apart(layer, one))
    ]


def file_of_all(viewer: ViewerModel, picture: PictureLayers) -> str | None:
    """Return the file whose channels the layers of a picture are, all of them."""
    mark = picture.lead.metadata.get(OF_ONE_FILE)
    alike = [one for one in viewer.layers if one.metadata.get(OF_ONE_FILE) == mark]
    whole = isinstance(mark, str) and alike == [*picture.layers]
    return mark if whole and Path(mark).is_file() else None


def labels_in(
    picture: PictureLayers, labels: NDArray[Any], at: SliceIndex | None
) -> NDArray[Any]:
    """Return the labels of a slice of a picture with all axes of a layer, a view."""
    return labels.reshape(picture.labels_shape(at))


def part_of(
    viewer: ViewerModel,
    wanted: tuple[int, ...],
    picture: PictureLayers | None,
    at: SliceIndex | None,
) -> SliceIndex | None:
    """Return the part of a picture that a result of some shape is of.

    It is `at` if that is given, the whole if the shapes are equal, or else the part
    that the viewer displays; None without a picture.
    """
    if picture is None or at is not None:
        return None if picture is None else at
    if wanted == picture.shape:
        return (None,) * len(wanted)
    return picture.part(viewer)


def placed(
    labels: NDArray[Any], picture: PictureLayers | None, at: SliceIndex | None
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return an own copy of labels, and the layer attributes that place it.

    Raises
    ------
    ValueError
        If they do not fit that part of the picture.
    """
    if picture is None or at is None:
        return labels.copy(), {}
    shape = picture.shape
    part = tuple(n for n, index in zip(shape, at, strict=True) if index is None)
    if labels.shape != part:
        raise ValueError(
            f"labels of shape {labels.shape} do not fit image {picture.name!r} of "
            f"shape {shape}, nor its displayed part; give the layer of the segmented "
            "image, and `at` if only a slice of it was segmented"
        )
    return labels_in(picture, labels, at).copy(), picture.place(at)
