"""Labels of a file for another program."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tifffile
from cyclopts import Parameter

from napari_emseg.cli.outputs import read_told
from napari_emseg.cli.terminal import pluralize, shown, warnings_told
from napari_emseg.exchange import ClassScheme, annotate
from napari_emseg.exchange import export as export_labels
from napari_emseg.exchange.formats import SUFFIXES, chosen
from napari_emseg.io import decoders, files
from napari_emseg.io.damage import damage_told
from napari_emseg.io.safe_write import check_target, real_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LabelFile = Annotated[Path, Parameter(help="A TIFF or PNG file of labels.")]


def export(
    labels: LabelFile,
    /,
    *,
    output: Annotated[
        Path,
        Parameter(
            name=["--output", "-o"],
            help="File to write: .geojson for QuPath, .json for COCO, .zip for ROIs of "
            "ImageJ, .png or .tif for a mask.",
        ),
    ],
    scheme: Annotated[
        Path | None,
        Parameter(help="Scheme of the classes (.json), for their names and colors."),
    ] = None,
    table: Annotated[
        Path | None,
        Parameter(
            help="Table (.csv) with the columns label and class: labels are objects "
            "then.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        Parameter(
            help="Names or numbers of the classes to write; all by default.",
            negative="",
            consume_multiple=True,
            json_list=False,
        ),
    ] = None,
    image: Annotated[
        Path | None,
        Parameter(help="Picture to write instead of a mask, transparent outside."),
    ] = None,
    rle: Annotated[
        bool, Parameter(negative="", help="Write run lengths to COCO, no polygons.")
    ] = False,
    force: Annotated[
        bool, Parameter(negative="", help="Replace a file that exists.")
    ] = False,
    max_bytes: Annotated[
        int | None,
        Parameter(
            help="Bytes of memory that a file may unfold to, as for segment.",
        ),
    ] = None,
) -> None:
    """Write labels for QuPath, COCO or ImageJ, or as a mask."""
    for source in filter(None, (labels, scheme, table, image)):
        if real_place(source) == real_place(output):
            raise ValueError(f"{output} is what is read; choose another name")
    check_target(output, SUFFIXES, force=force, ndim=2)
    values = files.read_labels(labels, max_bytes=max_bytes)
    known = ClassScheme.load(scheme) if scheme else scheme_of_file(labels)
    classes: dict[int, int] | None = None
    if table is not None:
        classes, known = _classes_of_table(table, known, values)
    picture = None
    if image is not None:
        with warnings_told(image.name):
            picture = read_told(image, max_bytes).pixels
    given = annotate(values, classes, known)
    if only is not None:
        given = chosen(given, only)
    export_labels(given, output, image=picture, rle=rle, force=force)
    count = len(np.unique(given.labels)) - bool((given.labels == 0).any())
    what = "class" if given.class_of is None else "object"
    ending = "es" if what == "class" else "s"
    sys.stdout.write(
        f"{shown(labels.name)}: {pluralize(count, what, ending)} → {shown(output)}\n"
    )


def scheme_of_file(path: Path) -> ClassScheme | None:
    """Return names and colors that napari-emseg wrote into a file of labels.

    None, if there are none, or none that can be right.
    """
    if decoders.kind_of(path) != "tiff":
        return None
    with damage_told(path, "write the labels again"), tifffile.TiffFile(path) as file:
        about = (file.shaped_metadata or ({},))[0]
    look = about.get("layer") if isinstance(about, dict) else None
    if not isinstance(look, dict):
        return None
    colors, names = look.get("colors"), look.get("names")
    if not isinstance(colors, dict) or not isinstance(names, dict):
        return None
    numbers = [int(n) for n in names if n.isdecimal() and n in colors and int(n) > 0]
    try:
        rgb = np.array([colors[str(n)][:3] for n in numbers], float).reshape(-1, 3)
        return ClassScheme.of(numbers, {n: names[str(n)] for n in numbers}, rgb)
    except (ValueError, TypeError, KeyError):  # of another program
        return None


def _classes_of_table(
    path: Path, scheme: ClassScheme | None, labels: NDArray[Any]
) -> tuple[dict[int, int], ClassScheme]:
    """Return the class of each object, and a scheme that knows all of them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"label", "class"} <= {*(rows.fieldnames or ())}:
                raise KeyError("label, class")
            sizes: Counter[int] = Counter()
            pairs = []
            for row in rows:
                label = int(float(row["label"]))
                pairs.append((label, row["class"]))
                if row.get("pixels"):
                    sizes[label] += int(row["pixels"])
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ValueError(
            f"{path} is no table with the columns label and class "
            f"({type(error).__name__}: {error}); give one that napari-emseg wrote"
        ) from None
    _check_sizes(path, sizes, labels)
    numbers = {one.name: one.number for one in scheme.classes} if scheme else {}
    taken = {*numbers.values()}
    of: dict[int, int] = {}
    for label, name in pairs:
        if name not in numbers:
            number = int(name) if name.isdecimal() and int(name) > 0 else 1
            while number in taken:
                number += 1
            numbers[name] = number
            taken.add(number)
        of[label] = numbers[name]
    missing = {n: name for name, n in numbers.items()}
    made = ClassScheme.of(sorted(missing), missing)
    if scheme is None:
        return of, made
    old = {one.number for one in scheme.classes}
    new = tuple(one for one in made.classes if one.number not in old)
    return of, ClassScheme(classes=(*scheme.classes, *new))


def _check_sizes(path: Path, sizes: Mapping[int, int], labels: NDArray[Any]) -> None:
    """Refuse a table of other objects: one lacks, or has another number of pixels."""
    values, counts = np.unique(labels, return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    for label, size in sizes.items():
        if (here := found.get(label, 0)) != size:
            raise ValueError(
                f"{path} has an object {label} of {size} pixels, but {here} pixels of "
                "the labels have this number; give the labels that were measured: of "
                "objects in classes, those that napari-emseg measure --objects writes"
            )
