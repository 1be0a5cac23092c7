"""Objects as a Labels layer of their own, which knows the class of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.transforms import Affine

from napari_emseg import __version__
from napari_emseg.layers.layer_features import unit_text
from napari_emseg.layers.metadata import OBJECTS
from napari_emseg.layers.pictures.picture_layers import part_of, picture_of, placed
from napari_emseg.layers.selection import add_result
from napari_emseg.regions.instances import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex

CLASSES, NAMES, PER_PLANE = "classes", "names", "per_plane"
# The share of a volume that shear may change before its pixels have no sides.
_SHEAR = 0.01


def add_objects(
    viewer: ViewerModel,
    objects: Objects,
    image_layer: Image | Labels | None = None,
    *,
    at: SliceIndex | None = None,
    name: str | None = None,
) -> Labels:
    """Show objects as a Labels layer, in napari's cycle of colors.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer goes.
    objects : Objects
        Its labels are copied.
    image_layer : napari.layers.Image or napari.layers.Labels, optional
        What they were found in. It gives the name and the place.
    at : tuple of int or None, optional
        Which part of the image they are of, as for `napari_emseg.add_to`.
    name : str, optional
        Of the layer; by default that of the image, and of the only class.

    Returns
    -------
    napari.layers.Labels
        Its ``features`` tell the class of each object, and so does its metadata, as
        `objects_of` reads it.

    Raises
    ------
    ValueError
        If the objects do not fit the image.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.eye(4), name="cells", scale=(2, 2))
    >>> layer = add_objects(viewer, emseg.objects(image.data > 0, min_size=0), image)
    >>> layer.name, len(objects_of(layer)), layer.scale.tolist()
    ('cells objects', 4, [2.0, 2.0])
    """
    picture = None if image_layer is None else picture_of(image_layer)
    at = part_of(viewer, objects.labels.shape, picture, at)
    labels, place = placed(objects.labels, picture, at)
    if name is None:
        known = [*objects.counts()]
        what = objects.class_names.get(known[0], "") if len(known) == 1 else ""
        name = f"{image_layer.name if image_layer else ''} {what or 'objects'}".strip()
    entry = {
        "version": __version__,
        "image": None if image_layer is None else image_layer.name,
        "at": at,
        **_entry(objects),
    }
    features = object_features(objects)
    layer = Labels(
        labels, name=name, metadata={OBJECTS: entry}, features=features, **place
    )
    add_result(viewer, layer)
    return layer


def object_features(objects: Objects) -> dict[str, NDArray[Any]]:
    """Return what napari shows about each object under the pointer."""
    ids = np.append(0, objects.ids)
    known, which = np.unique(objects.classes[ids], return_inverse=True)
    names = ["no object" if n == 0 else objects.name_of(int(n)) for n in known]
    return {"index": ids, "class": np.array(names, object)[which]}


def _entry(objects: Objects) -> dict[str, Any]:
    return {
        CLASSES: objects.classes.copy(),
        NAMES: {int(number): str(name) for number, name in objects.class_names.items()},
        PER_PLANE: bool(objects.per_plane),
    }


def is_objects(layer: object) -> bool:
    """Return whether the labels of a layer are objects, as `add_objects` made them."""
    return isinstance(layer, Labels) and isinstance(layer.metadata.get(OBJECTS), dict)


def objects_of(layer: Labels) -> Objects:
    """Return what a layer shows now as objects, whoever edited it.

    Objects that were painted by hand are of the most frequent class. Any thread may
    call it.

    Parameters
    ----------
    layer : napari.layers.Labels
        One of `add_objects`; of another one, all objects are of class 1.

    Raises
    ------
    ValueError
        If its labels cannot be objects.
    """
    labels = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    entry = layer.metadata.get(OBJECTS)
    if not isinstance(entry, dict):
        return Objects.of(labels)
    known = known_classes(entry)
    most = int(labels.max(initial=0))
    usual = int(np.bincount(known[known > 0]).argmax()) if (known > 0).any() else 1
    classes = np.full(max(most + 1, len(known)), usual)
    classes[: len(known)] = np.where(known > 0, known, usual)
    names = entry.get(NAMES)
    return Objects.of(
        labels,
        classes,
        class_names=names if isinstance(names, dict) else None,
        per_plane=bool(entry.get(PER_PLANE)),
    )


def known_classes(entry: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the classes in an entry; anybody can write there, so none if wrong."""
    found = np.asarray(entry.get(CLASSES, ()))
    if found.ndim != 1 or found.dtype.kind not in "ui":
        return np.zeros(0, np.int64)
    return np.maximum(found.astype(np.int64), 0)


def objects_as_json(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a layer knows of its objects as JSON has it; None if nothing.

    Classes are runs, as neighbors in number are mostly of one class.

    Examples
    --------
    >>> objects_as_json({OBJECTS: {"classes": [0, 2, 2, 2], "names": {2: "nuclei"}}})
    {'classes': [[0, 1], [2, 3]], 'names': {'2': 'nuclei'}, 'per_plane': False}
    """
    entry = metadata.get(OBJECTS)
    if not isinstance(entry, dict):
        return None
    known = known_classes(entry)
    begin = np.flatnonzero(np.append(True, known[1:] != known[:-1])[: len(known)])
    lengths = np.diff(begin, append=len(known))
    names = entry.get(NAMES)
    return {
        CLASSES: np.stack([known[begin], lengths], axis=1).tolist(),
        NAMES: {str(n): str(name) for n, name in dict(names or {}).items()},
        PER_PLANE: bool(entry.get(PER_PLANE)),
    }


def objects_from_json(about: Any, most: int) -> dict[str, Any]:
    """Return the metadata of a layer from what `objects_as_json` gave.

    Parameters
    ----------
    about : dict
        From a file; another program may have written it.
    most : int
        The largest label of the layer; classes of larger ones are left out.

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError, OverflowError
        If it cannot be right.
    """
    runs = np.array(about[CLASSES], np.int64).reshape(-1, 2)
    if (runs < 0).any():
        raise ValueError("a class, or the length of a run, is negative")
    lengths = np.minimum(runs[:, 1], most + 1)
    lengths = np.diff(np.minimum(np.cumsum(lengths), most + 1), prepend=0)
    names = {int(number): str(name) for number, name in about[NAMES].items()}
    entry = {
        CLASSES: np.repeat(runs[:, 0], lengths),
        NAMES: names,
        PER_PLANE: bool(about[PER_PLANE]),
    }
    return {OBJECTS: entry}


def remember_objects(layer: Labels, objects: Objects) -> None:
    """Note the classes of objects that a layer shows now.

    Those of objects that are gone stay known, as undo may bring them back.
    """
    entry = layer.metadata.get(OBJECTS)
    entry = dict(entry) if isinstance(entry, dict) else {}
    known, new = known_classes(entry), objects.classes
    classes = np.zeros(max(len(known), len(new)), np.int64)
    classes[: len(known)] = known
    classes[: len(new)] = np.where(new > 0, new, classes[: len(new)])
    entry |= _entry(objects) | {CLASSES: classes}
    layer.metadata = layer.metadata | {OBJECTS: entry}


def place_scale(layer: Layer, n_space: int) -> dict[str, Any]:
    """Return the lengths of a layer's pixels, as `napari_emseg.measure` takes them.

    Rotation changes none, and an affine matrix may change them, too.

    Parameters
    ----------
    layer : napari.layers.Layer
    n_space : {2, 3}
        Number of axes of space, the last ones.

    Returns
    -------
    dict
        ``scale``, a length for each axis of space, and ``units``, which is that of the
        last axis.

    Raises
    ------
    ValueError
        If the layer is sheared, so that its pixels are no boxes, or the axes of space
        are measured in what cannot be converted.

    Examples
    --------
    >>> layer = Labels(np.zeros((2, 3, 3), int), scale=(2, 0.5, 0.5), units="um")
    >>> place_scale(layer, 3)
    {'scale': (2.0, 0.5, 0.5), 'units': 'µm'}
    """
    own = Affine(
        scale=layer.scale, rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim
    )
    matrix = layer.affine.linear_matrix @ own.linear_matrix
    steps = matrix[:, -n_space:]
    sides = np.linalg.norm(steps, axis=0)
    whole = np.sqrt(np.linalg.det(steps.T @ steps))
    if abs(whole - sides.prod()) > _SHEAR * sides.prod():
        raise ValueError(
            f"layer {layer.name!r} is sheared, so that its pixels have no lengths; set "
            "layer.shear, or the affine matrix, to one without shear"
        )
    units: Sequence[Any] = layer.units[-n_space:]
    last = units[-1]
    if any(unit.dimensionality != last.dimensionality for unit in units):
        raise ValueError(
            f"the axes of {layer.name!r} are measured in {', '.join(map(str, units))}, "
            "which are no lengths of one kind; set layer.units"
        )
    factors = [float((1 * unit).to(last).magnitude) for unit in units]
    scale = tuple((sides * factors).round(12).tolist())
    return {"scale": scale, "units": unit_text(last)}
