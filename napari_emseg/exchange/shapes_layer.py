"""Polygons of a Shapes layer of napari, and labels of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.exchange.polygon_list import PolygonList
from napari_emseg.exchange.polygons import trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.exchange.annotations import Annotations

# What napari makes a layer of: data, attributes, kind.
ShapesData: TypeAlias = "tuple[list[NDArray[np.float32]], dict[str, Any], str]"
# Corners of the polygon that stands for an ellipse.
_CORNERS = 256
# napari has centers of pixels at whole numbers.
_HALF = 0.5


def to_shapes(given: Annotations) -> ShapesData:
    """Return polygons as napari takes them for a Shapes layer.

    Parameters
    ----------
    given : Annotations

    Returns
    -------
    data : list of (n, ndim) ndarray of float32
        One for each connected piece in its plane. An outline leads into its holes and
        back on the same line, as napari wants it.
    attributes : dict
        Colors of the classes, and the features "label" and "class".
    kind : str
        "shapes".

    Examples
    --------
    >>> from napari_emseg.exchange.annotations import annotate
    >>> data, attributes, _ = to_shapes(annotate([[0, 1, 1]]))
    >>> data[0].tolist()
    [[-0.5, 0.5], [-0.5, 2.5], [0.5, 2.5], [0.5, 0.5]]
    """
    polygons = trace(given.labels)
    data = []
    for place, plane in enumerate(polygons.planes):
        rings = polygons.rings_of(place)
        path = rings[0]
        if len(rings) > 1:
            start = path[:1]
            # Each ring is closed, and from a hole it goes back to where it began.
            parts = [path, start]
            for hole in rings[1:]:
                parts += [hole, hole[:1], start]
            path = np.concatenate(parts)
        corners = np.empty((len(path), len(plane) + 2), np.float32)
        corners[:, :-2] = plane
        corners[:, -2:] = path - _HALF
        data.append(corners)
    labels = polygons.labels.tolist()
    of = {label: given.class_of_label(label) for label in dict.fromkeys(labels)}
    found = [of[label] for label in labels]
    attributes = {
        "shape_type": "polygon",
        "features": {
            "label": labels,
            "class": ["" if one is None else one.name for one in found],
        },
        "face_color": ["#ffffff" if one is None else one.color for one in found],
        "edge_width": 0,
        "opacity": 0.5,
    }
    return data, attributes, "shapes"


def from_shapes(
    shapes: Any, shape: tuple[int, ...], *, source: str = "the Shapes layer"
) -> Annotations:
    """Return labels of the shapes of a layer.

    Parameters
    ----------
    shapes : napari.layers.Shapes, or the tuple that `to_shapes` returns
        Polygons, rectangles and ellipses, in pixels of the image.
    shape : (…, Y, X)
        Of the image.
    source : str, optional
        What to call it in messages.

    Returns
    -------
    Annotations
        Objects have the numbers of the feature "label", or if one of them has none, 1,
        2, 3 in their order; classes are those of the feature "class".

    Raises
    ------
    ValueError
        If they are outside the image, or have another number of axes.

    Warns
    -----
    UserWarning
        Lines and paths, which have no area, are left out.

    Examples
    --------
    >>> from napari_emseg.exchange.annotations import annotate
    >>> labels = np.array([[3, 3, 3], [3, 0, 3], [3, 3, 3]])
    >>> from_shapes(to_shapes(annotate(labels)), (3, 3)).labels
    array([[3, 3, 3],
           [3, 0, 3],
           [3, 3, 3]], dtype=uint8)
    """
    if isinstance(shapes, tuple):
        data, attributes, _ = shapes
        kinds, features = attributes["shape_type"], attributes.get("features", {})
    else:
        data, kinds, features = shapes.data, shapes.shape_type, shapes.features
    kinds = [kinds] * len(data) if isinstance(kinds, str) else kinds
    labels, names = (_column(features, name, len(data)) for name in ("label", "class"))
    found = PolygonList(source, shape)
    left = 0
    for corners, kind, label, name in zip(data, kinds, labels, names, strict=True):
        points = np.asarray(corners, np.float64)
        if kind not in ("polygon", "rectangle", "ellipse"):
            left += 1
            continue
        if points.shape[1] != len(shape):
            raise ValueError(
                f"{source} has {points.shape[1]} axes, but the image has {len(shape)}; "
                "draw on the image"
            )
        plane = np.rint(points[:, :-2])
        if (plane != plane[0]).any():
            raise ValueError(
                f"a shape of {source} lies in more than one plane; draw it in one"
            )
        path = points[:, [-1, -2]]
        if kind == "ellipse":
            path = _ellipse(path)
        at = tuple(int(index) for index in plane[0])
        found.add([(path + _HALF).tolist()], at)
        found.end(label, name)
    if left:
        warn_user(f"{source} has {left} lines, which have no area; they are left out")
    return found.annotations()


def _column(features: Mapping[str, Any], name: str, count: int) -> Sequence[Any]:
    if name not in features:
        return [None] * count
    return np.asarray(features[name]).tolist()


def _ellipse(box: ArrayLike) -> NDArray[np.float64]:
    """Return a polygon for the ellipse in a box of four corners."""
    corners = np.asarray(box, np.float64)
    middle = corners.mean(axis=0)
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, np.newaxis]
    one, other = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(middle + np.cos(angle) * one + np.sin(angle) * other)
