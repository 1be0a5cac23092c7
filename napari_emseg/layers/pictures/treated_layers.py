"""Layers as pictures of a batch, and what comes of them as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pint
from napari.layers import Image, Labels

from napari_emseg import __version__
from napari_emseg.batch import JointFit, Picture
from napari_emseg.batch.description import read_about
from napari_emseg.engine.image.axes import CHANNELS, COLORS, unnamed_axes
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.io.pixel_size import Spacing
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.layers.classes import (
    class_color,
    class_colormap,
    colormap_with,
    given_names,
)
from napari_emseg.layers.fit_records import FitRecord, fit_record_of, remember_fit
from napari_emseg.layers.history import opened_from
from napari_emseg.layers.label_look import attributes_of
from napari_emseg.layers.layer_features import features_of, pixel_size
from napari_emseg.layers.metadata import (
    KEY,
    MODEL,
    entry_of,
    image_of,
    model_entry,
    picture_in,
    picture_of_result,
)
from napari_emseg.layers.pictures.picture_layers import (
    PictureLayers,
    labels_in,
    of_one_file,
    why_apart,
)
from napari_emseg.layers.selection import add_quietly
from napari_emseg.params import Params
from napari_emseg.pipeline.class_table import class_table

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_emseg.batch import Outcome, Treated
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.pipeline.class_table import Table

_LENGTH = pint.Unit("m").dimensionality


def layer_picture(picture: PictureLayers) -> Picture:
    """Return layers as a picture of a batch; nothing is read.

    Parameters
    ----------
    picture : PictureLayers
        An image layer, or several.
    """
    return Picture(
        picture.name,
        array=picture.data(),
        reading=picture.reading(),
        spacing=_spacing(picture),
    )


def pictures_like(
    viewer: ViewerModel, source: Labels | None, axes: str | None, *, each: bool = False
) -> list[PictureLayers]:
    """Return the pictures of a viewer that a recipe can be applied to.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose image layers they are.
    source : napari.layers.Labels or None
        The result that the recipe is of; its own layers are left out. If these are the
        channels of one picture, as many others are: those of one file, or else those
        that lie on each other, in the order of the list.
    axes : str or None
        Letters of the axes of a picture, as its recipe tells them.
    each : bool, optional
        Whether channels are segmented each by itself.
    """
    own: list[Any] = []
    count = 1
    if source is not None:
        count = max(1, len(entry_of(source).get("layers", [])))
        picture = picture_of_result(viewer, source)
        own = [image_of(viewer, source)] if picture is None else [*picture.layers]
    entry: dict[str, Any] = {"channels": "each" if each else "together"}
    if axes is not None:
        entry["axes"] = axes.removesuffix(COLORS)
        if count > 1:
            entry["axes"] = entry["axes"].replace(CHANNELS, "")
    left = [one for one in viewer.layers if isinstance(one, Image) and one not in own]
    found = []
    while left:
        first = left[0]
        some = [one for one in of_one_file(viewer, first) if one in left]
        if len(some) != count:
            alike = [one for one in left[1:] if not why_apart(first, one)]
            some = [first, *alike][:count]
        if len(some) != count:
            some = [first]
        found.append(picture_in(entry, some) or PictureLayers.of(some))
        left = [one for one in left if one not in some]
    return found


def _spacing(picture: PictureLayers) -> Spacing | None:
    """Return the lengths of the pixels, where they have a unit of length."""
    layer, known = picture.lead, {}
    for axis, side, unit in zip(
        picture.axes, layer.scale, layer.units or (), strict=False
    ):
        if unit.dimensionality == _LENGTH:
            known[axis] = abs(float(side)) * float((1 * unit).to("um").magnitude)
    return Spacing(picture.axes, known) if {"X", "Y"} <= {*known} else None


def fit_of(layer: Labels) -> JointFit | None:
    """Return the model of a result as one for other pictures; None if there is none.

    Parameters
    ----------
    layer : napari.layers.Labels
        The names of its classes are those of the model.
    """
    run, entry = fit_record_of(layer), entry_of(layer)
    if run is not None and run.model is not None:
        rgb = run.source.picture.rgb
        fitted = JointFit(
            run.model,
            run.params,
            color=run.source.space.color,
            class_colors=run.colors if rgb else None,
        )
    elif entry.get(MODEL) is not None:
        params = Params.model_validate(entry["params"])
        fitted = JointFit(stored_model(entry), params, color="auto")
    else:
        return None
    return fitted.named(given_names(layer))


def stored_model(entry: dict[str, Any]) -> Model:
    """Return the model of an entry of metadata, or of a file."""
    return FittedModel.model_validate(entry[MODEL]).model()


def look_of_file(path: Path) -> Labels | None:
    """Return a file of labels as a layer without labels; None if it is none of ours.

    Its names, its colors and its model are those of the file.
    """
    about = read_about(path)
    if "napari-emseg" not in about:
        return None
    look = attributes_of(about, 2, path.name)
    known = {name: look[name] for name in ("colormap", "features") if name in look}
    metadata = look["metadata"] if KEY in look["metadata"] else {}
    return Labels(np.zeros((1, 1), np.uint8), metadata=metadata, **known)


def colors_of_layer(layer: Labels) -> dict[int, tuple[float, ...]]:
    """Return the color of each class that the table of a layer knows."""
    numbers = [int(n) for n in layer.features.get("index", ()) if n > 0]
    return {n: tuple(class_color(layer, n).tolist()) for n in numbers}


def image_layer(outcome: Outcome) -> PictureLayers:
    """Return a new image layer of the file that an outcome is of.

    Parameters
    ----------
    outcome : Outcome
        With its picture.
    """
    content, path = outcome.content, outcome.path
    assert content is not None
    assert path is not None
    return content_layer(path, content)


def content_layer(path: Path, content: Any) -> PictureLayers:
    """Return a new image layer of what was read of a file.

    Parameters
    ----------
    path : Path
    content : Content or ImageContent
    """
    pixels, place = content.pixels, content.channel_axis
    rgb = place is None and _is_rgb(content)
    ndim = np.ndim(pixels) - rgb
    axes = unnamed_axes(ndim)
    if place is not None:
        axes = unnamed_axes(ndim - 1)
        place %= ndim
        axes = f"{axes[:place]}{CHANNELS}{axes[place:]}"
    where = {} if content.spacing is None else content.spacing.place(ndim)
    with opened_from(path):
        layer = Image(pixels, name=path.stem, rgb=rgb, **where)
    return PictureLayers((layer,), axes)


def _is_rgb(content: Any) -> bool:
    known = content.full_scale
    return bool(as_lazy_image(content.pixels, full_scale=known).rgb)


def table_of(treated: Treated) -> Table:
    """Return the table of labels after their edits; any thread may call it."""
    picture = treated.seg.source.picture
    classes = [int(row["class"]) for row in treated.rows]
    kind: dict[str, Any] = {"rgb": picture.rgb}
    if not picture.rgb and picture.channel_axis is not None:
        kind = {"channel_axis": picture.channel_axis}
    source: Any = picture.source
    return class_table(treated.labels, source, classes=classes, **kind)


def add_treated(
    viewer: ViewerModel, treated: Treated, picture: PictureLayers, table: Table
) -> Labels:
    """Show what a batch made of a picture as a Labels layer exactly on it.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the picture is.
    treated : Treated
    picture : PictureLayers
        Its layers.
    table : dict of str to ndarray
        What `table_of` returned.

    Returns
    -------
    napari.layers.Labels
        A result like those of `add_to`; the active layer stays so.
    """
    seg, recipe = treated.seg, treated.recipe.model_dump(mode="json")
    at = treated.recipe.steps[0].at
    part = at or (None,) * len(picture.letters)
    # A copy, as the record of the fit keeps what it gave.
    labels = labels_in(picture, treated.labels, part).copy()
    own = {n: (*color, 1.0) for n, color in treated.colors.items()}
    colormap = colormap_with(class_colormap(np.zeros((0, 3))), own)
    place = picture.place(part)
    size, heading = pixel_size(place["scale"], place["units"], labels.shape)
    features = features_of(
        table,
        labels.size,
        rgb=seg.source.picture.rgb,
        size=size,
        heading=heading,
    )
    named = dict(treated.names)
    features["name"] = [
        named.get(number) or name
        for number, name in zip(features["index"], features["name"], strict=True)
    ]
    entry = {
        "version": __version__,
        "params": seg.params.model_dump(),
        "image": picture.lead.name,
        "at": picture.labels_at(part),
        "recipe": recipe,
        MODEL: model_entry(seg.model),
    }
    layer = Labels(
        labels,
        name=f"{picture.name} classes",
        metadata={KEY: entry | picture.record()},
        colormap=colormap,
        features=features,
        visible=picture.lead.visible,
        **place,
    )
    remember_fit(layer, FitRecord.of(seg, recipe["steps"][0]))
    add_quietly(viewer, layer)
    return layer
