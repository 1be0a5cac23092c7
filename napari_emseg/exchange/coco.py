"""COCO: masks and boxes of objects in JSON, for training."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.exchange.json_files import compact, read_json, write_parts, wrong_form
from napari_emseg.exchange.polygon_list import PolygonList, hex_color
from napari_emseg.exchange.polygons import trace
from napari_emseg.exchange.run_lengths import fill_runs, read_counts, run_lengths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_emseg.exchange.annotations import Annotations
    from napari_emseg.exchange.polygons import Polygons

SUFFIXES = (".json",)
# Of objects without a class, for which COCO has no word.
_NO_CLASS = {"id": 1, "name": "object"}


def write_coco(
    path: Path,
    given: Annotations,
    *,
    rle: bool = False,
    image_name: str = "",
    force: bool = False,
) -> None:
    """Write labels as annotations of COCO [1]_.

    One annotation for each label of each plane; each plane is an image.

    Parameters
    ----------
    path : Path
        Ends in .json.
    given : Annotations
    rle : bool, optional
        Write run lengths for all objects. By default polygons, and run lengths only
        where an object has holes, which polygons of COCO cannot have.
    image_name : str, optional
        File of the image.
    force : bool, optional
        Replace a file that exists.

    Raises
    ------
    FileExistsError, ValueError
        The file exists and `force` is not given, or the ending does not suit.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV, 2014.
    """
    write_parts(path, _text(given, rle, image_name), SUFFIXES, force=force)


def _text(given: Annotations, rle: bool, image_name: str) -> Iterator[str]:
    labels = given.labels
    *before, height, width = labels.shape
    planes = [*np.ndindex(*before)]
    images = [
        {"id": place, "width": width, "height": height, "file_name": image_name}
        for place in range(1, len(planes) + 1)
    ]
    categories: dict[int, dict[str, Any]] = {}
    yield f'{{"images":{compact(images)},"annotations":['
    number = 0
    for image, at in enumerate(planes, start=1):
        polygons = trace(labels[at])
        lengths = run_lengths(labels[at]) if rle else _with_holes(labels[at], polygons)
        for label, part in _measured(polygons, lengths, (height, width)):
            found = given.class_of_label(label)
            category = found.number if found else 0
            if category not in categories:
                categories[category] = (
                    {"id": category, "name": found.name, "color": [*found.rgb]}
                    if found
                    else _NO_CLASS
                )
            number += 1
            start = ",\n" if number > 1 else ""
            yield (
                f'{start}{{"id":{number},"image_id":{image},"category_id":'
                f'{category or _NO_CLASS["id"]},"label":{label},{part},"iscrowd":0}}'
            )
    if 0 in categories and len(categories) > 1:
        raise ValueError(
            "some objects have a class, others none, which COCO has no word for; give "
            "all of them one"
        )
    yield f'],"categories":{compact([*categories.values()])}}}\n'


def _with_holes(plane: NDArray[Any], polygons: Polygons) -> dict[int, list[int]]:
    """Return the run lengths of labels that have holes."""
    holes = np.diff(polygons.starts) > 1
    some = np.unique(polygons.labels[holes])
    return run_lengths(np.where(np.isin(plane, some), plane, 0)) if len(some) else {}


def _measured(
    polygons: Polygons, lengths: dict[int, list[int]], size: tuple[int, int]
) -> Iterator[tuple[int, str]]:
    """Yield each label of a plane, and its mask, area and box as members of JSON."""
    if not len(polygons):
        return
    groups = polygons.groups
    firsts = groups[:-1]
    corner = polygons.rings[polygons.starts[firsts]]
    low = np.minimum.reduceat(polygons.points, corner)
    boxes = np.hstack([low, np.maximum.reduceat(polygons.points, corner) - low])
    areas = np.add.reduceat(polygons.areas, firsts).astype(np.int64)
    # The outer rings, as there are no polygons of labels with holes.
    bounds = (2 * polygons.rings[polygons.starts]).tolist()
    corners = polygons.points[:, ::-1].ravel()
    parts = zip(
        polygons.labels[firsts].tolist(),
        pairwise(groups.tolist()),
        areas.tolist(),
        boxes[:, [1, 0, 3, 2]].tolist(),
        strict=True,
    )
    for label, (first, last), area, box in parts:
        if label in lengths:
            mask = f'{{"counts":{compact(lengths[label])},"size":{compact(size)}}}'
        else:
            rings = range(first, last)
            mask = compact([corners[bounds[p] : bounds[p + 1]].tolist() for p in rings])
        yield label, f'"segmentation":{mask},"area":{area},"bbox":{compact(box)}'


def read_coco(
    path: Path, shape: tuple[int, ...], *, image: str | int | None = None
) -> Annotations:
    """Read annotations as labels.

    Parameters
    ----------
    path : Path
        Polygons and run lengths, compressed or not.
    shape : (…, Y, X)
        Of the image.
    image : str or int, optional
        Name or "id" of the image in a file of several; by default they are the planes.

    Returns
    -------
    Annotations
        Objects are numbered as in the file that was written here, else in their order.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        There is no such file, it is not COCO, or not of an image of this shape.
    """
    data = read_json(path, "COCO annotations")
    try:
        planes = _planes(path, data, shape, image)
        names = {one["id"]: one for one in data.get("categories", ())}
        found = PolygonList(str(path), shape)
        masks: dict[tuple[int, ...], tuple[list[list[int]], list[int]]] = {}
        numbers: list[bool] = []
        for one in data["annotations"]:
            at = planes.get(one["image_id"])
            if at is None:
                continue
            segmentation = one["segmentation"]
            category = names.get(one["category_id"], {})
            if isinstance(segmentation, dict):
                counts, values = masks.setdefault(at, ([], []))
                with _damage_told(path):
                    counts.append(read_counts(segmentation["counts"]))
                values.append(len(numbers) + 1)
            else:
                for flat in segmentation:
                    with _damage_told(path):
                        corners = np.asarray(flat, float).reshape(-1, 2).tolist()
                    found.add([corners], at)
            own = one.get("label")
            numbers.append(own == one["category_id"])
            nameless = category == _NO_CLASS
            found.end(
                own,
                None if nameless else category.get("name"),
                None if nameless else one["category_id"],
                hex_color(category.get("color")),
            )
        filled = None
        if masks:
            filled = np.zeros(shape, np.int64)
            for at, (counts, values) in masks.items():
                with _damage_told(path):
                    filled[at] = fill_runs((shape[-2], shape[-1]), counts, values)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{path} holds no right COCO annotations: there is {wrong_form(error)}; "
            "export it again"
        ) from None
    return found.annotations(as_classes=all(numbers), masks=filled)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Say of which file a segmentation is wrong."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{path} holds a wrong segmentation ({error}); export it again"
        ) from None


def _planes(
    path: Path, data: Any, shape: tuple[int, ...], image: str | int | None
) -> dict[int, tuple[int, ...]]:
    """Return the plane of each image that is meant, by its "id"."""
    if not isinstance(data, dict) or not {"images", "annotations"} <= {*data}:
        raise ValueError(
            f"{path} is not COCO: it needs 'images' and 'annotations'; export it again"
        )
    images = data["images"]
    if image is not None:
        images = [one for one in images if image in (one["id"], one.get("file_name"))]
    planes = [*np.ndindex(*shape[:-2])]
    if len(images) != len(planes):
        known = ", ".join(str(one.get("file_name") or one["id"]) for one in images[:5])
        raise ValueError(
            f"{path} has {len(images)} images ({known}), but this one has "
            f"{len(planes)} planes; pass image= with the name of the one that is meant"
        )
    for one in images:
        if (one["height"], one["width"]) != tuple(shape[-2:]):
            raise ValueError(
                f"{path} is not of this image: it is of {one['width']} x "
                f"{one['height']} pixels, but the image is {shape[-1]} x {shape[-2]}; "
                "choose the image that it belongs to"
            )
    return {one["id"]: at for one, at in zip(images, planes, strict=True)}
