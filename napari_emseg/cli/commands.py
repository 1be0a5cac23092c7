"""The commands that work on pictures: segment, fit, sweep, replay, open and demo.

Every option that decides a segmentation is read from `Params`.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from napari_emseg.batch import check_plan, find_pictures, plan_outputs
from napari_emseg.cli import window
from napari_emseg.cli.batch_command import BatchOptions, run_batch, run_fit
from napari_emseg.cli.demo import draw_points, segment_sample
from napari_emseg.cli.options import options_of_params, params_of_options
from napari_emseg.cli.outputs import find_images, read_told, run_replay
from napari_emseg.cli.store_command import (
    LargeOptions,
    is_large,
    refuse_of_batch,
    run_stores,
)
from napari_emseg.cli.sweep_command import find_places, read_settings, run_sweep
from napari_emseg.cli.terminal import (
    DONE,
    NO_WINDOW,
    shown,
    status_of,
    tell,
    tell_of,
)
from napari_emseg.io import samples
from napari_emseg.io.decoders import kind_of
from napari_emseg.pipeline.sweep import COMPARED
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.transfer import places_in

# A name in brackets is no list in JSON.
Images = Annotated[
    list[Path], Parameter(help="PNG, JPEG or TIFF files.", json_list=False)
]
Pictures = Annotated[
    list[Path],
    Parameter(
        help="PNG, JPEG or TIFF files, patterns such as '**/*.png', or folders.",
        json_list=False,
    ),
]
Output = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"],
        help="File for the labels (.tif or .png), or a folder, as several images "
        "need; a name without an ending is one. Or a pattern of files with {stem}, "
        "{name} or {folder} of the picture.",
    ),
]
Overlay = Annotated[
    Path | None,
    Parameter(help="File or folder for a picture in the classes' mean colors."),
]
Force = Annotated[bool, Parameter(negative="", help="Replace files that exist.")]
MaxBytes = Annotated[
    int | None,
    Parameter(
        help="Bytes of memory that a file may unfold to; by default 1 GiB, or 64 times "
        "the size of the file if that is more.",
    ),
]
Axes = Annotated[
    str | None,
    Parameter(
        help="One letter for each axis of the files, such as TZCYX: C for channels, Z "
        "for depth, any other but Y and X for planes that are no neighbors; by "
        "default what the file says."
    ),
]
Sheet = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"],
        help="Picture file for the sheet; the table goes beside it, as .csv.",
    ),
]
Folder = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"],
        help="Folder for the results if there is no display; those of an earlier demo "
        "are replaced.",
    ),
]

_NOT_LARGE = LargeOptions()


@options_of_params
def segment(
    images: Pictures,
    /,
    *,
    output: Output,
    overlay: Overlay = None,
    axes: Axes = None,
    force: Force = False,
    max_bytes: MaxBytes = None,
    recipe: Annotated[
        Path | None,
        Parameter(
            help="Recipe (.json, or labels that carry one) to apply; edits that make "
            "no sense on other pictures are left out, and named."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        Parameter(help="Model of napari-emseg fit, applied to all pictures as it is."),
    ] = None,
    joint: Annotated[
        bool, Parameter(negative="", help="Fit one model to all pictures together.")
    ] = False,
    scheme: Annotated[
        Path | None,
        Parameter(help="Scheme of classes (.json): numbers, names and colors."),
    ] = None,
    jobs: Annotated[int, Parameter(help="Pictures that are worked on at a time.")] = 1,
    table: Annotated[
        Path | None,
        Parameter(help="Table (.csv) of the classes of all pictures."),
    ] = None,
    resume: Annotated[
        bool,
        Parameter(
            negative="",
            help="Leave out what is done with the same settings, and go on with what "
            "was interrupted.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        Parameter(name="--json", negative="", help="Write a line of JSON a picture."),
    ] = False,
    large: LargeOptions = _NOT_LARGE,
    **options: Any,
) -> int:
    """Segment pictures and write their labels."""
    found = find_images(images)
    if is_large(found, output, large):
        refuse_of_batch(
            found,
            overlay=overlay,
            recipe=recipe,
            joint=joint,
            scheme=scheme,
            jobs=jobs > 1,
            table=table,
            json=as_json,
        )
        params = params_of_options(options)
        how = {"force": force, "resume": resume}
        return run_stores(found, output, large, params, model, axes=axes, **how)
    asked = BatchOptions(
        output=output,
        overlay=overlay,
        axes=axes,
        recipe=recipe,
        model=model,
        joint=joint,
        scheme=scheme,
        jobs=jobs,
        table=table,
        resume=resume,
        as_json=as_json,
        force=force,
        max_bytes=max_bytes,
    )
    return run_batch(images, asked, options)


@options_of_params
def fit(
    images: Pictures,
    /,
    *,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], help="File for the model (.json).")
    ],
    axes: Axes = None,
    force: Force = False,
    max_bytes: MaxBytes = None,
    **options: Any,
) -> None:
    """Fit one model to all pixels of pictures, for segment --model."""
    run_fit(images, output, options, axes=axes, force=force, max_bytes=max_bytes)


# The picture comes first: behind a list it would be one more of its values.
@partial(options_of_params, several=COMPARED)
def sweep(
    image: Annotated[Path, Parameter(help="A PNG, JPEG or TIFF file.")],
    /,
    *,
    output: Sheet,
    axes: Axes = None,
    force: Force = False,
    max_bytes: MaxBytes = None,
    **options: Any,
) -> None:
    """Compare settings of one picture on a sheet: -n 3 5 7 --color rgb lab."""
    chosen = read_settings(options)
    places = find_places(image, output, force=force)
    run_sweep(image, chosen, places, axes=axes, force=force, max_bytes=max_bytes)


def replay(
    recipe: Annotated[
        Path, Parameter(help="A recipe (.json), or labels (.tif) that carry one.")
    ],
    images: Images,
    /,
    *,
    output: Output,
    axes: Axes = None,
    force: Force = False,
    max_bytes: MaxBytes = None,
) -> int:
    """Do what a recipe says again on other pictures, and write their labels."""
    found = Recipe.load(recipe)
    pictures, plans = plan_outputs(find_pictures(images), output)
    paths = [picture.path for picture in pictures if picture.path is not None]
    real = {Path(os.path.realpath(path)) for path in paths}
    if places := places_in(found.steps):
        tell(
            f"{recipe.name}: what is a place fits the picture that it was made on, "
            f"which must be this one: {'; '.join(map(str, places))}. For other "
            "pictures, napari-emseg segment --recipe leaves these steps out"
        )
    status = DONE
    for source, plan in zip(paths, plans, strict=True):
        try:
            check_plan(plan, source, real, force=force)
            told = run_replay(
                found, source, plan, axes=axes, force=force, max_bytes=max_bytes
            )
            sys.stdout.write(f"{shown(told)}\n")
        except Exception as error:  # the others are done all the same
            tell_of(source, error)
            status = status_of(error)
    return status


def open_images(images: Images, /, *, max_bytes: MaxBytes = None) -> int:
    """Open pictures in napari, with the panel docked; labels with their picture."""
    images = find_images(images)
    for path in images:
        kind_of(path)  # whether it is there, before napari is loaded
    if reason := window.why_no_window():
        raise OSError(
            f"napari cannot open a window: {reason}; napari-emseg segment needs none"
        )
    from napari_emseg.batch.description import is_label_file

    read = partial(read_told, max_bytes=max_bytes)
    layers: list[samples.LayerData] = []
    paths: list[Path | None] = []
    for path in images:
        if is_label_file(path):
            added, sources = window.read_saved(path, read, images)
        else:
            content = read(path)
            added = window.picture_layers(content, path.stem, path)
            # One channel is not what its file is; all together are.
            sources = [path if content.channel_axis is None else None]
        layers += added
        paths += sources
    return DONE if window.show(layers, paths) else NO_WINDOW


def demo(
    *,
    points: Annotated[
        bool,
        Parameter(negative="", help="Blobs of points in a plane instead of a picture."),
    ] = False,
    output: Folder = Path("demo-output"),
) -> int:
    """Show a sample in napari; without a display, segment it into files."""
    if reason := window.why_no_window():
        tell(f"no window ({reason}): the sample is segmented into files instead")
        (draw_points if points else segment_sample)(output)
        return DONE
    shown = window.show_points() if points else window.show(samples.coffee())
    return DONE if shown else NO_WINDOW
