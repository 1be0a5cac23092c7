"""Segmentations as Labels layers, and the parts of images that they belong to."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari import current_viewer
from napari.layers import Labels

from napari_emseg import __version__
from napari_emseg.engine.image.axes import CHANNELS, COLORS
from napari_emseg.layers.classes import given_names, prepare_style
from napari_emseg.layers.edits import fresh, plan_edit, write_plan
from napari_emseg.layers.fit_records import (
    FitRecord,
    fit_record_of,
    fit_request_of,
    remember_fit,
)
from napari_emseg.layers.history import (
    HISTORY_BYTES,
    Checkpoint,
    end_history,
)
from napari_emseg.layers.instances import add_objects
from napari_emseg.layers.layer_features import features_of, pixel_size
from napari_emseg.layers.metadata import (
    KEY,
    MODEL,
    entry_of,
    is_result,
    model_entry,
)
from napari_emseg.layers.pictures.picture_layers import (
    PictureLayers,
    part_of,
    picture_of,
    placed,
)
from napari_emseg.layers.recipe_log import recipe_of
from napari_emseg.layers.selection import add_result
from napari_emseg.layers.undo.undo_follower import follow_undo
from napari_emseg.pipeline.progress import finish
from napari_emseg.pipeline.segmentation import Segmentation
from napari_emseg.recipe import Recipe, segment_step
from napari_emseg.regions import Edit
from napari_emseg.regions.instances import Objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray, SliceIndex
    from napari_emseg.layers.classes import LayerStyle
    from napari_emseg.layers.edits import PlannedEdit


def replace_labels(
    layer: Labels,
    labels: NDArray[np.integer[Any]],
    attributes: Mapping[str, Any],
    run: FitRecord,
    *,
    undo: bool,
    plan: PlannedEdit | None = None,
    max_bytes: int = HISTORY_BYTES,
) -> None:
    """Put other labels into a layer, and set some of its attributes.

    Parameters
    ----------
    layer : napari.layers.Labels
        What is renewed.
    labels : (*S) ndarray of unsigned int
        Become the layer's own array if they cannot be written into that.
    attributes : mapping of str to Any
        Those that are different are assigned.
    run : FitRecord
        That the labels come from.
    undo : bool
        Whether labels that fit shape and type are one step of the undo history,
        if the layer is editable; attributes and run go and come with it. Otherwise
        the history ends.
    plan : PlannedEdit, optional
        What `plan_edit` gave for these labels, if that was called beforehand.
    max_bytes : int, optional
        As for `apply_edit`.
    """
    before = _read(layer, attributes), fit_record_of(layer)

    def commit(*, turning: bool = False) -> None:
        try:
            remember_fit(layer, run)
            _assign(layer, attributes)
            if turning:
                _turn_with_undo(layer, *before)
        except BaseException:
            remember_fit(layer, before[1])
            # Each of them, even if others still refuse to hear of one.
            with ExitStack() as stack:
                for name, value in before[0].items():
                    stack.callback(_assign, layer, {name: value})
            raise

    if undo and layer.editable and alike(layer, labels):
        # It may have been edited since the plan was made.
        if plan is None or not fresh(layer, plan):
            plan = plan_edit(layer, Edit.whole(labels))
        if plan is None:
            commit()
            return
        turn = partial(commit, turning=True)
        write_plan(layer, plan, max_bytes=max_bytes, commit=turn)
        return
    checkpoint = Checkpoint(layer, tuple(slice(None) for _ in layer.data.shape))
    try:
        _replace(layer, labels)
        commit()
    except BaseException:
        checkpoint.restore()
        raise


def alike(layer: Labels, labels: NDArray[np.integer[Any]]) -> bool:
    """Return whether a layer has this shape, and a type that holds all such labels."""
    data = layer.data
    if layer.multiscale or not isinstance(data, np.ndarray):
        return False
    same = data.shape == labels.shape and np.can_cast(labels.dtype, data.dtype)
    return same and data.flags.writeable


def _replace(layer: Labels, labels: NDArray[np.integer[Any]]) -> None:
    """Put other labels in, and end the history of the old ones."""
    if alike(layer, labels):
        # A texture that is filled again is much faster than a new one.
        np.copyto(layer.data, labels)
        layer.events.data(value=layer.data)
        layer.refresh(extent=False)
    else:
        layer.data = labels
    # Otherwise the old steps would be written into the new labels.
    end_history(layer)


def _read(layer: Labels, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(layer, name) for name in names}
    # Metadata are assigned by changing the one dictionary of the layer.
    return {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in values.items()
    }


def _assign(layer: Labels, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        # Each assignment makes napari draw anew, or more than that.
        if not _same(getattr(layer, name), value):
            setattr(layer, name, value)


def _turn_with_undo(
    layer: Labels, attributes: Mapping[str, Any], run: FitRecord | None
) -> None:
    """Give a layer these attributes and this run while its latest edit is undone."""
    other = attributes, run

    def turn() -> None:
        nonlocal other
        attributes, run = other
        other = _read(layer, attributes), fit_record_of(layer)
        remember_fit(layer, run)
        _assign(layer, attributes)

    follow_undo(layer, turn)


def _same(old: Any, new: Any) -> bool:
    """Return whether two places are equal: vectors, matrices, or tuples of units."""
    old = getattr(old, "affine_matrix", old)
    if isinstance(new, tuple):
        return tuple(old) == new
    if not isinstance(new, np.ndarray):
        return False
    return np.shape(old) == new.shape and bool(np.array_equal(old, new))


def add_to(
    viewer: ViewerModel,
    seg: Segmentation | Objects,
    image_layer: Image | Sequence[Image] | PictureLayers | None = None,
    *,
    replace: Labels | None = None,
    at: SliceIndex | None = None,
    look: LayerStyle | None = None,
    undo: bool = True,
    plan: PlannedEdit | None = None,
    max_bytes: int = HISTORY_BYTES,
) -> Labels:
    """Show a segmentation, or objects, as a Labels layer exactly on its image.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer goes.
    seg : Segmentation or Objects
        The result to show; its labels are copied. Objects become a new layer in
        napari's cycle of colors, which knows the class of each.
    image_layer : napari.layers.Image, or several, optional
        Layer of the segmented image, or the layers that are its channels. The first
        gives the name, scale, translation, rotation, shear, affine, units and axis
        labels.
    replace : napari.layers.Labels, optional
        An earlier result in `viewer`. It takes the new labels, colors, features
        and place; its name stays. All this is one step of its undo history if the
        shape is the same and its type holds the labels; if not, the history ends.
    at : tuple of int or None, optional
        Which part of the image was segmented: for each of its axes the index of
        the slice, or None for the whole axis. A sliced axis is one pixel long in
        the new layer, and lies at its place. By default the whole image if the
        shapes are equal, else the part that the viewer displays.
    look : LayerStyle, optional
        What `prepare_style` returned for `seg`, if that was done beforehand.
    undo : bool, optional
        False ends the undo history of `replace` in any case.
    plan : PlannedEdit, optional
        What `plan_edit` returned for the labels of `replace`, if that was done
        beforehand.
    max_bytes : int, optional
        What the undo history of `replace` may hold, as for `apply_edit`.

    Returns
    -------
    napari.layers.Labels
        The new layer, or `replace`. Its ``features`` have one row for each
        label, 0 included; ``metadata["emseg"]`` holds, as JSON can, the model, the
        parameters, the version, the name of the image, `at`, and the recipe as
        `recipe_of` reads it. `result` gives the segmentation again.

    Raises
    ------
    ValueError
        If the labels do not fit the image, or `replace` is not in `viewer`.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.repeat([0, 255], 8).reshape(4, 4), scale=(2, 2))
    >>> seg = emseg.segment(image.data, n_classes=2)
    >>> layer = emseg.add_to(viewer, seg, image)
    >>> layer.name, layer.scale.tolist(), layer.data[0, 0].item()
    ('Image classes', [2.0, 2.0], 1)
    """
    if isinstance(seg, Objects):
        if replace is not None:
            raise ValueError(
                f"objects cannot replace {replace.name!r}, as they are a layer of "
                "their own; leave out `replace`"
            )
        return add_objects(viewer, seg, image_layer, at=at)
    if replace is not None and replace not in viewer.layers:
        raise ValueError(
            f"layer {replace.name!r} is not in this viewer, so it cannot be updated; "
            "leave out `replace` to get a new layer"
        )
    picture = None if image_layer is None else _picture(seg, image_layer)
    at = part_of(viewer, seg.labels.shape, picture, at)
    labels, place = placed(seg.labels, picture, at)
    look = look or prepare_style(seg)
    features = _features(look, seg, labels.shape, place)
    attributes = place | {"colormap": look.colormap, "features": features}
    axes = None if picture is None else picture.told_axes
    recipe = Recipe(steps=(segment_step(seg, at, axes),)).model_dump(mode="json")
    # Of an edited result, the step alone does not make the labels.
    known = not isinstance(seg, LayerSegmentation)
    run = FitRecord.of(seg, recipe["steps"][0] if known else None)
    entry = {
        "version": __version__,
        "params": seg.params.model_dump(),
        "image": None if picture is None else picture.lead.name,
        "at": at if picture is None else picture.labels_at(at),
        "recipe": recipe,
        MODEL: model_entry(seg.model),
    }
    if picture is not None:
        entry |= picture.record()
    if replace is None:
        name = "classes" if picture is None else f"{picture.name} classes"
        layer = Labels(labels, name=name, metadata={KEY: entry}, **attributes)
        remember_fit(layer, run)
        add_result(viewer, layer)
        return layer
    attributes["metadata"] = replace.metadata | {KEY: entry}
    replace_labels(
        replace, labels, attributes, run, undo=undo, plan=plan, max_bytes=max_bytes
    )
    return replace


def _picture(
    seg: Segmentation, image: Image | Sequence[Image] | PictureLayers
) -> PictureLayers:
    """Return the picture that was segmented, with its axes as far as they are known."""
    found = picture_of(image)
    if isinstance(image, PictureLayers) or found.several:
        return found
    source = seg.source.picture
    axes = source.all_axes.removesuffix(COLORS) if source.rgb else source.all_axes
    told = source.given_axes is not None or CHANNELS in axes
    if told and len(axes) == found.lead.ndim:
        return PictureLayers(found.layers, axes, each=source.channel_axis is None)
    return found


@dataclass(frozen=True, eq=False)
class LayerSegmentation(Segmentation):
    """A `Segmentation` that was read from a layer: its labels are those of the layer.

    Attributes
    ----------
    layer : napari.layers.Labels
        Where it is from.
    viewer : napari.components.ViewerModel or None
        Where the layer is; only `recipe` needs it.
    """

    layer: Labels = field(kw_only=True)
    viewer: ViewerModel | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        """Return a summary, with the name of the layer."""
        return f"{Segmentation.__repr__(self)[:-1]}, of {self.layer.name!r})"

    @property
    def recipe(self) -> Recipe:
        """The recipe that makes the labels of the layer as they are now.

        Raises
        ------
        ValueError
            If it is not known in which viewer the layer is.
        """
        if self.viewer is None or self.layer not in self.viewer.layers:
            raise ValueError(_NOT_THERE.format(name=self.layer.name))
        return recipe_of(self.viewer, self.layer)


_NOT_THERE = (
    "the viewer of {name!r} is not known, or the layer was removed from it; pass the "
    "viewer that shows it: emseg.result(layer, viewer)"
)


def result(layer: Labels, viewer: ViewerModel | None = None) -> LayerSegmentation:
    """Return the segmentation that a layer shows: fit, table, recipe, probabilities.

    Parameters
    ----------
    layer : napari.layers.Labels
        A result of this plugin, whether it was made in this session or opened from a
        file. One that was opened is fitted again, which needs its image and takes its
        time, once.
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        Where the layer is; napari's current viewer by default.

    Returns
    -------
    LayerSegmentation
        A `Segmentation` whose `labels` are a copy of the layer's as they are now, with
        all edits, and whose `names` are those given in the panel; `model`, `objective`
        and `states` are of the fit. Its `recipe` makes the labels again.

    Raises
    ------
    ValueError
        If the layer is no result, or its image is needed and is not in the viewer.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.repeat(np.uint8([3, 90]), 8).reshape(4, 4))
    >>> seg = emseg.segment(image.data, n_classes=2, smoothing=0)
    >>> layer = emseg.add_to(viewer, seg, image)
    >>> layer.brush_size = 1
    >>> layer.paint((0, 0), 2)
    >>> seg = emseg.result(layer, viewer)
    >>> seg.table()["pixels"].tolist(), seg.model.n_classes
    ([7, 9], 2)
    >>> [step.op for step in seg.recipe.steps]
    ['segment', 'patch']
    """
    found = viewer if viewer is not None else current_viewer()
    # Napari passes a proxy to its console.
    viewer = getattr(found, "__wrapped__", found)
    run = fit_record_of(layer)
    if run is None:
        if viewer is None or layer not in viewer.layers:
            raise ValueError(_NOT_THERE.format(name=layer.name))
        request = fit_request_of(viewer, layer)
        seg = finish(request.iterate(request.read()))
        run = FitRecord.of(seg, request.step)
        remember_fit(layer, run)
    at = entry_of(layer).get("at") or ()
    across = tuple(axis for axis, index in enumerate(at) if index is not None)
    return LayerSegmentation(
        labels=np.array(layer.data).squeeze(across),
        model=run.posteriors.labeler.model if run.model is None else run.model,
        params=run.params,
        objective=tuple(state.objective for state in run.states),
        levels=tuple(state.level for state in run.states),
        converged=run.states[-1].converged if run.states else True,
        source=run.source,
        labeler=run.posteriors.labeler,
        bias=_bias_of(run),
        states=run.states,
        start=run.start,
        working=run.posteriors.working,
        parts=run.parts,
        names=given_names(layer),
        layer=layer,
        viewer=viewer,
    )


def _bias_of(run: FitRecord) -> FloatArray | None:
    """Return the illumination that a fit found, with the axes of the image."""
    bias, working = run.posteriors.bias, run.posteriors.working
    if bias is None or working is None:
        return bias
    return np.asarray(working.restore(bias))


def current(viewer: ViewerModel | None = None) -> LayerSegmentation:
    """Return the `result` that is active in the layer list, or else the uppermost one.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        Napari's current viewer by default.

    Returns
    -------
    LayerSegmentation
        As `result` gives it; its `layer` says which one it is.

    Raises
    ------
    ValueError
        If there is no viewer, or no result in it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> viewer = ViewerModel()
    >>> seg = emseg.segment(np.eye(4, dtype=np.uint8), n_classes=2)
    >>> layer = emseg.add_to(viewer, seg)
    >>> emseg.current(viewer).layer is layer
    True
    """
    viewer = viewer if viewer is not None else current_viewer()
    if viewer is None:
        raise ValueError("there is no viewer; open one, or pass the one that is meant")
    active = viewer.layers.selection.active
    for layer in (active, *reversed(viewer.layers)):
        if isinstance(layer, Labels) and is_result(layer):
            return result(layer, viewer)
    raise ValueError(
        "there is no result in this viewer; segment an image, or open labels that were "
        "saved with their recipe"
    )


def _features(
    look: LayerStyle, seg: Segmentation, shape: tuple[int, ...], place: dict[str, Any]
) -> dict[str, list[Any]]:
    """Return what napari shows about each label under the pointer."""
    scale = place.get("scale", (1.0,) * len(shape))
    size, heading = pixel_size(scale, place.get("units"), shape)
    rgb = seg.source.picture.rgb
    return features_of(look.table, seg.labels.size, rgb=rgb, size=size, heading=heading)
