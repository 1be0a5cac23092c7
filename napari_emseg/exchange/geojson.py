"""GeoJSON as QuPath reads and writes it: objects in units of pixels."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.exchange.json_files import compact, read_json, write_parts, wrong_form
from napari_emseg.exchange.polygon_list import PolygonList, hex_color
from napari_emseg.exchange.polygons import trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_emseg.exchange.annotations import Annotations

SUFFIXES = (".geojson",)
_AREAS = ("Polygon", "MultiPolygon")
_MOST_AXES = 4
# Name of the member that holds the shape of the labels.
_SHAPE = "imageShape"


def write_geojson(path: Path, given: Annotations, *, force: bool = False) -> None:
    """Write labels as a FeatureCollection of QuPath [1]_.

    One feature for each label of each plane: a polygon, or several. X and Y are in
    pixels from the upper left corner of the image. Objects are detections; classes are
    annotations. The label is among the measurements, which QuPath keeps. The collection
    has the shape of the image as a member of its own, which other programs pass over.

    Parameters
    ----------
    path : Path
        Ends in .geojson.
    given : Annotations
        Two axes, or Z before them, or T and Z.
    force : bool, optional
        Replace a file that exists.

    Raises
    ------
    FileExistsError, ValueError
        The file exists and `force` is not given, the ending does not suit, or there are
        more axes.

    References
    ----------
    .. [1] P. Bankhead et al., "QuPath: Open source software for digital pathology image
       analysis", Scientific Reports 7, 16878, 2017.
    """
    shape = given.labels.shape
    if len(shape) > _MOST_AXES:
        raise ValueError(
            f"labels have {len(shape)} axes, but QuPath knows T, Z, Y and X; write a "
            "part of them"
        )
    write_parts(path, _text(given), SUFFIXES, force=force)


def _text(given: Annotations) -> Iterator[str]:
    polygons = trace(given.labels)
    kind = "annotation" if given.class_of is None else "detection"
    ends: dict[int | None, str] = {}
    shape = compact([*given.labels.shape])
    yield f'{{"type":"FeatureCollection","{_SHAPE}":{shape},"features":['
    comma = ""
    points = polygons.points[:, ::-1]
    rings, starts = polygons.rings.tolist(), polygons.starts.tolist()
    planes, groups = polygons.planes.tolist(), polygons.groups.tolist()
    labels = polygons.labels[groups[:-1]].tolist()
    for label, first, last in zip(labels, groups[:-1], groups[1:], strict=True):
        # Lists of points would keep the garbage collector busy longer than all else.
        parts = [
            ",".join(
                _ring(points[rings[r] : rings[r + 1]])
                for r in range(starts[p], starts[p + 1])
            )
            for p in range(first, last)
        ]
        several = last - first > 1
        text = f"[{'],['.join(parts)}]" if several else parts[0]
        place = ""
        if planes[first]:
            time, depth = [0, *planes[first]][-2:]
            place = f',"plane":{{"c":-1,"z":{depth},"t":{time}}}'
        geometry = f'{{"type":"{_AREAS[several]}","coordinates":[{text}]{place}}}'
        number = label if given.class_of is None else given.class_of.get(label)
        if number not in ends:
            ends[number] = _classification(given, label)
        measurements = {"label": label}
        if given.class_of is not None and number:
            measurements["class"] = number
        yield (
            f'{comma}{{"type":"Feature","geometry":{geometry},"properties":'
            f'{{"objectType":"{kind}"{ends[number]},"measurements":'
            f"{compact(measurements)}}}}}"
        )
        comma = ",\n"
    yield "]}\n"


def _ring(points: NDArray[Any]) -> str:
    """Return a closed ring of whole numbers as JSON."""
    flat = [*points.ravel().tolist(), *points[0].tolist()]
    return f"[{_template(len(points) + 1) % tuple(flat)}]"


@lru_cache(256)
def _template(count: int) -> str:
    return ",".join(["[%d,%d]"] * count)


def _classification(given: Annotations, label: int) -> str:
    """Return the class of a label as a member of JSON; empty if it has none."""
    found = given.class_of_label(label)
    if found is None:
        return ""
    member = {"name": found.name, "color": [*found.rgb]}
    return f',"classification":{compact(member)}'


def read_geojson(path: Path, shape: tuple[int, ...]) -> Annotations:
    """Read polygons as labels.

    Parameters
    ----------
    path : Path
        A FeatureCollection, a list of features, or one feature.
    shape : (…, Y, X)
        Of the image.

    Returns
    -------
    Annotations
        Objects are numbered by their measurement "label"; without one in each, in their
        order. If all of them are annotations whose label is that of their class, labels
        are classes.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        There is no such file, it is no GeoJSON, or not of an image of this shape.

    Warns
    -----
    UserWarning
        Points and lines, which have no area, are left out.
    """
    data = read_json(path, "GeoJSON")
    if isinstance(data, dict) and data.get("type") == "FeatureCollection":
        _check_shape(path, data.get(_SHAPE), shape)
        data = data.get("features")
    elif isinstance(data, dict) and data.get("type") == "Feature":
        data = [data]
    if not isinstance(data, list):
        raise ValueError(
            f"{path} is no GeoJSON of objects: it is neither a FeatureCollection nor a "
            "list of features; export it again"
        )
    found = PolygonList(str(path), shape)
    left, kinds = 0, set()
    for place, feature in enumerate(data, start=1):
        try:
            geometry = feature["geometry"]
            properties = feature.get("properties") or {}
            kind, plane = geometry["type"], geometry.get("plane") or {}
            if kind not in _AREAS:
                left += 1
                continue
            parts = geometry["coordinates"]
            index = tuple(round(plane.get(axis, 0)) for axis in "tz")
            if not any(index[: 4 - len(shape)]):  # axes that the image lacks
                index = index[4 - len(shape) :]
            for rings in [parts] if kind == "Polygon" else parts:
                found.add(rings, index, closed=True)
            measured = _measured(properties)
            name, color = _class_of(properties)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(
                f"{path} has no right feature at place {place}: it has "
                f"{wrong_form(error)}; export it again"
            ) from None
        found.end(measured.get("label"), name, measured.get("class"), color)
        kinds.add(properties.get("objectType"))
    if left:
        warn_user(
            f"{path} holds {left} points or lines, which have no area; they are left "
            "out"
        )
    return found.annotations(as_classes=kinds == {"annotation"})


def _check_shape(path: Path, told: Any, shape: tuple[int, ...]) -> None:
    """Refuse an image of another shape than a file of ours tells."""
    if isinstance(told, list) and tuple(told) != shape:
        raise ValueError(
            f"{path} is not of this image: its objects are in one of shape "
            f"{tuple(told)}, not {shape}; choose the image that it belongs to"
        )


def _measured(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the measurements of a feature; QuPath before 0.4 has them in a list."""
    found = properties.get("measurements") or {}
    if isinstance(found, list):
        return {one["name"]: one["value"] for one in found}
    return found if isinstance(found, dict) else {}


def _class_of(properties: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return name and color of the class of a feature, as far as they are given."""
    found = properties.get("classification") or {}
    name = found.get("name")
    if name is None and found.get("names"):
        name = ": ".join(found["names"])
    color = found.get("color")
    if isinstance(found.get("colorRGB"), int):  # of QuPath before 0.4
        color = [found["colorRGB"] >> shift & 255 for shift in (16, 8, 0)]
    return name, hex_color(color)
