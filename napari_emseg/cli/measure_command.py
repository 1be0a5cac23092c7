"""Objects of a file measured: labels in, a table out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tifffile
from cyclopts import Parameter

from napari_emseg.cli.outputs import read_told
from napari_emseg.cli.terminal import follow, pluralize, shown, warnings_told
from napari_emseg.engine.image.axes import count_space, letters_of, without_channels
from napari_emseg.io import decoders, files
from napari_emseg.io.pixel_size import read_spacing
from napari_emseg.io.safe_write import check_target, real_place
from napari_emseg.io.tiff_picture import NAMELESS
from napari_emseg.regions.instances import Objects, iter_measure, iter_objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = (".csv",)

LabelFile = Annotated[Path, Parameter(help="A TIFF or PNG file of labels.")]


def measure(
    labels: LabelFile,
    image: Annotated[
        Path | None, Parameter(help="Picture to measure inside of the objects.")
    ] = None,
    /,
    *,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], help="Table to write (.csv).")
    ],
    classes: Annotated[
        list[int] | None,
        Parameter(
            help="Labels are classes, of which these are objects, as of nuclei: they "
            "are found first. Without it, labels are the numbers of objects.",
            negative="",
            consume_multiple=True,
        ),
    ] = None,
    split: Annotated[
        Literal["distance", "none"],
        Parameter(help="How objects of classes that touch are told apart."),
    ] = "distance",
    min_size: Annotated[
        int | None,
        Parameter(
            help="Pixels of the smallest object of classes; by default, a twentieth "
            "of a typical one."
        ),
    ] = None,
    planes: Annotated[
        bool | None,
        Parameter(
            negative="--volume",
            help="Take each plane of a stack by itself, or the stack for a volume; by "
            "default as its axes tell, as the file of labels or the picture has them: "
            "planes along Z are a volume, and so are those of which nothing is known.",
        ),
    ] = None,
    stains: Annotated[
        str | None,
        Parameter(
            help="Measure stains of tissue, too: he, hed, hdab, or their vectors; od "
            "are the optical densities."
        ),
    ] = None,
    summary: Annotated[
        Path | None,
        Parameter(help="Table to write with a line for each class (.csv)."),
    ] = None,
    objects: Annotated[
        Path | None,
        Parameter(
            help="File to write with the objects (.tif or .png): each pixel has the "
            "label that the table has, 0 outside. It is what export --table needs."
        ),
    ] = None,
    force: Annotated[
        bool, Parameter(negative="", help="Replace files that exist.")
    ] = False,
    max_bytes: Annotated[
        int | None,
        Parameter(help="Bytes of memory that a file may unfold to, as for segment."),
    ] = None,
) -> None:
    """Write a table of objects: shapes, and means of channels."""
    tables = [place for place in (output, summary) if place is not None]
    for target in tables:
        check_target(target, TABLE, force=force)
    if len({real_place(target) for target in tables}) < len(tables):
        raise ValueError(f"{output} cannot be both tables; use two names")
    if objects is not None:
        if real_place(objects) == real_place(labels):
            raise ValueError(f"{objects} is what is read; choose another name")
        check_target(objects, files.LABEL_SUFFIXES, force=force)
    start = time.perf_counter()
    values = files.read_labels(labels, max_bytes=max_bytes)
    place, axes = place_of_labels(labels, values.ndim)
    found: Any = None
    if image is not None:
        found = read_told(image, max_bytes)
        if found.spacing is not None:
            place = found.spacing.place(values.ndim) or place
    if axes is None and found is not None and found.axes is not None:
        axes = without_channels(found.axes)
    if planes is None:
        planes = axes is not None and count_space(axes) == 2
    n_space = 2 if planes else min(values.ndim, 3)
    lengths = scale_and_units(place, n_space)
    with warnings_told(labels.name):
        measured = _objects(
            values, classes, split, min_size, planes, lengths.get("scale")
        )
        steps = iter_measure(
            measured,
            None if found is None else found.pixels,
            stains=stains,
            channel_names=None if found is None else found.channel_names or None,
            channel_axis=None if found is None else found.channel_axis,
            full_scale=None if found is None else found.full_scale,
            **lengths,
        )
        table = follow(steps)
    if objects is not None:
        look = place | ({} if axes is None else {"axis_labels": [*axes.lower()]})
        about = {"layer": look} if look else None
        files.write_labels(objects, measured.labels, force=force, metadata=about)
    table.to_csv(output, force=force)
    if summary is not None:
        table.summary().to_csv(summary, force=force)
    seconds = time.perf_counter() - start
    parts = [
        f"{count} of {measured.name_of(number)}"
        for number, count in measured.counts().items()
    ]
    which = f" ({', '.join(parts)})" if classes is not None and parts else ""
    told = (
        f"{labels.name}: {pluralize(measured.n_objects, 'object')}{which}, "
        f"{seconds:.2f} s; table {output}"
    )
    told += "" if summary is None else f", summary {summary}"
    told += "" if objects is None else f", objects {objects}"
    sys.stdout.write(f"{shown(told)}\n")


def _objects(
    values: NDArray[Any],
    classes: list[int] | None,
    split: Literal["distance", "none"],
    min_size: int | None,
    planes: bool,
    scale: Any,
) -> Objects:
    """Return what the labels of a file are, or what is found in its classes."""
    if classes is None:
        if min_size is not None:
            raise ValueError(
                "--min-size is for objects that are found in classes; pass --classes, "
                "too, or leave it out"
            )
        return Objects.of(values, per_plane=planes)
    least: Any = "auto" if min_size is None else min_size
    steps = iter_objects(
        values,
        classes,
        split=split,
        min_size=least,
        per_plane=planes,
        scale=scale,
    )
    return follow(steps)


def place_of_labels(path: Path, ndim: int) -> tuple[dict[str, Any], str | None]:
    """Return ``scale`` and ``units`` of a file of labels, and letters of its axes.

    They are what napari-emseg wrote there, or what the file itself tells; without any,
    the first is empty, and the second None.
    """
    if decoders.kind_of(path) != "tiff":
        return {}, None
    with tifffile.TiffFile(path) as file:
        about = (file.shaped_metadata or ({},))[0]
        stored = file.series[0].axes
    layer = about.get("layer") if isinstance(about, dict) else None
    look = layer if isinstance(layer, dict) else {}
    names = look.get("axis_labels")
    known = (letters_of(names) or "" if isinstance(names, list) else "", stored)
    axes = next((one for one in known if _names_all(one, ndim)), None)
    scale, units = look.get("scale"), look.get("units")
    if (
        isinstance(scale, list)
        and isinstance(units, list)
        and len(scale) == len(units) == ndim
        and all(isinstance(side, int | float) and side > 0 for side in scale)
    ):
        return {"scale": scale, "units": [str(unit) for unit in units]}, axes
    spacing = read_spacing(path)
    return {} if spacing is None else spacing.place(ndim), axes


def _names_all(axes: str, ndim: int) -> bool:
    return len(axes) == ndim and {"Y", "X"} <= {*axes} and not {*axes} & {*NAMELESS}


def scale_and_units(place: dict[str, Any], n_space: int) -> dict[str, Any]:
    """Return the arguments of `measure` for the place of a layer.

    Axes of space that are not measured in the same unit are measured in pixels.

    Examples
    --------
    >>> scale_and_units({"scale": [1, 2.0, 2.0], "units": ["pixel", "µm", "µm"]}, 2)
    {'scale': [2.0, 2.0], 'units': 'µm'}
    >>> scale_and_units({"scale": [1, 2.0, 2.0], "units": ["pixel", "µm", "µm"]}, 3)
    {}
    """
    units = place.get("units", [])[-n_space:]
    if not units or len({*units}) > 1:
        return {}
    return {"scale": place["scale"][-n_space:], "units": units[0]}
