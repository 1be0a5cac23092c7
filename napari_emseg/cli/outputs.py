"""Where the results of one image go, and how they get there."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.text import Text

from napari_emseg import __version__
from napari_emseg.cli.terminal import follow, pluralize, shown, tell, warnings_told
from napari_emseg.io import decoders, files
from napari_emseg.io.safe_write import (
    check_access,
    check_target,
    fitting_name,
    make_folder,
    real_place,
)
from napari_emseg.pipeline.segment import iter_segment
from napari_emseg.recipe import Recipe, segment_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.io.files import ImageContent
    from napari_emseg.io.pixel_size import Spacing
    from napari_emseg.params import Params
    from napari_emseg.pipeline.segmentation import Segmentation


class OutputPlan(NamedTuple):
    """Where the results of one image go; `folders` are made when needed."""

    name: str
    labels: Path
    overlay: Path | None
    folders: tuple[Path, ...] = ()

    def targets(self) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """Yield each file and the endings that it may have."""
        yield self.labels, files.LABEL_SUFFIXES
        if self.overlay:
            yield self.overlay, files.PICTURE_SUFFIXES


def find_images(names: list[Path]) -> list[Path]:
    """Find the files of patterns such as ``*.png``, which shells of Windows leave."""
    found = []
    for name in names:
        root = Path(name.anchor)
        # What exists is no pattern, whatever its name.
        some = [] if name.exists() else sorted(root.glob(str(name.relative_to(root))))
        found += some or [name]
    return found


def plan_jobs(
    images: list[Path], output: Path, overlay: Path | None
) -> list[OutputPlan]:
    """Decide which files come of which image."""
    several = len(images) > 1
    for target in filter(None, (output, overlay)):
        real_place(target)  # refuses what can be neither a file nor a folder

    def is_folder(target: Path) -> bool:
        return several or target.is_dir() or not target.suffix

    for name, count in Counter(path.stem for path in images).items():
        if count > 1:
            raise ValueError(
                f"{count} images are named {name!r} and would share one result; "
                "segment them separately"
            )
    folders = tuple(place for place in (output, overlay) if place and is_folder(place))
    for folder in folders:
        if folder.is_dir():
            continue
        if folder.exists() or folder.suffix.lower() in files.PICTURE_SUFFIXES:
            need = "several images need a folder for their results"
            if not several:
                need = "give a file a name with an ending, such as .tif"
            raise NotADirectoryError(f"{folder} is a file; {need}")

    def place(target: Path, path: Path, ending: str) -> Path:
        name = fitting_name(path.stem, ending)
        return target / name if is_folder(target) else target

    jobs = [
        OutputPlan(
            path.name,
            labels=place(output, path, "_labels.tif"),
            overlay=overlay and place(overlay, path, "_overlay.png"),
            folders=folders,
        )
        for path in images
    ]
    for name, count in Counter(job.labels.name for job in jobs).items():
        if count > 1:
            raise ValueError(
                f"the names of {count} images are so long that all their results would "
                f"be {name}; segment them separately"
            )
    return jobs


def check_job(
    job: OutputPlan, source: Path, images: list[Path], *, force: bool
) -> None:
    """Refuse what cannot be read or written to, before any work is done."""
    decoders.kind_of(source)
    if job.labels == job.overlay:
        raise ValueError(f"{job.labels} cannot be labels and overlay; use two names")
    for target, suffixes in job.targets():
        place = real_place(target)
        if place.exists() and place.samefile(source):
            raise ValueError(f"{target} is the image itself; choose another name")
        if place in {Path(os.path.realpath(path)) for path in images}:
            raise ValueError(
                f"{target} is another of the images; choose another folder, or leave "
                "it out"
            )
        if target.parent.exists() or target.parent not in job.folders:
            check_target(target, suffixes, force=force)
        else:
            check_access(target.parent)


def run_job(
    image: ImageContent, params: Params, job: OutputPlan, *, force: bool
) -> None:
    """Segment one image, write the files of `job`, and say what came out."""
    start = time.perf_counter()
    with warnings_told(job.name):
        result = follow(
            iter_segment(
                image.pixels,
                params,
                channel_axis=image.channel_axis,
                full_scale=image.full_scale,
            )
        )
    seconds = time.perf_counter() - start
    recipe = Recipe(steps=(segment_step(result),)).model_dump(mode="json")
    about = {"params": params.model_dump(), "recipe": recipe}
    # Colors cost a pass over the image.
    colors = result.class_colors if job.overlay else ()
    job = write_job(job, result.labels, colors, about, image.spacing, force=force)
    console = Console(soft_wrap=True, highlight=False)
    console.print(_summary(result, job, seconds, swatches=console.is_terminal))


def write_job(
    job: OutputPlan,
    labels: NDArray[Any],
    colors: ArrayLike,
    about: Mapping[str, Any],
    spacing: Spacing | None,
    *,
    force: bool,
) -> OutputPlan:
    """Write labels and overlay to their files.

    Parameters
    ----------
    job : OutputPlan
        Where to.
    labels : (..., Y, X) ndarray of an integer type
        Values 0 to K.
    colors : (K, 3) array of float
        RGB in [0, 1] of the classes, for the overlay.
    about : mapping
        What a TIFF file remembers of how the labels were made.
    spacing : Spacing or None
        Of the image, and so of its labels.
    force : bool
        Replace files that exist.

    Returns
    -------
    OutputPlan
        Where they went: stacks whose name is ours to choose become TIFF files.
    """
    for folder in job.folders:
        make_folder(folder)
    ndim = labels.ndim
    if ndim > 2 and job.overlay and job.folders:
        job = job._replace(overlay=job.overlay.with_suffix(".tif"))
    for target, suffixes in job.targets():
        check_target(target, suffixes, force=force, ndim=ndim)
    metadata = {"napari-emseg": __version__, **about}
    if spacing is not None:
        # As in files of labels that napari wrote.
        metadata["layer"] = spacing.place(ndim)
    files.write_labels(
        job.labels,
        labels,
        force=force,
        metadata=metadata,
        resolution=None if spacing is None else spacing.resolution,
    )
    if job.overlay:
        files.write_picture(job.overlay, files.paint(labels, colors), force=force)
    return job


def _summary(
    result: Segmentation, job: OutputPlan, seconds: float, *, swatches: bool
) -> Text:
    """Return what came out, in one line."""
    shares = [Text(f" {100 * fraction:.1f}") for fraction in result.fractions]
    if swatches:
        rgb = np.rint(255 * result.class_colors).astype(int).tolist()
        shares = [
            Text(" ■", style=f"rgb({red},{green},{blue})") + share
            for (red, green, blue), share in zip(rgb, shares, strict=True)
        ]
    model, value = result.model, result.objective[-1]
    quality = f"{model.objective_name} {value:.4f} {model.objective_unit}"
    places = f"labels {shown(job.labels)}"
    if job.overlay:
        places += f", overlay {shown(job.overlay)}"
    return (
        Text(f"{shown(job.name)}: {pluralize(result.n_classes, 'class', 'es')} (")
        + Text().join(shares)[1:]
        + Text(f" %), {quality}, {seconds:.2f} s; {places}")
    )


def read_told(
    path: Path, max_bytes: int | None, *, stack: bool = False
) -> ImageContent:
    """Read an image, and tell what is not as its file has it."""
    with warnings_told(path.name):
        image = files.read_with_spacing(path, stack=stack, max_bytes=max_bytes)
    if image.profile:
        tell(f"{path.name}: colors are converted from {image.profile} to sRGB")
    return image


def run_replay(
    recipe: Recipe,
    image: Path,
    job: OutputPlan,
    *,
    force: bool,
    max_bytes: int | None = None,
) -> str:
    """Do a recipe on one image, and write the labels with the recipe beside them.

    Returns
    -------
    str
        What came out, in one line.
    """
    # What the recipe knows of its image holds, whatever the file says.
    found = read_told(image, max_bytes, stack=recipe.rgb is False)
    with warnings_told(job.name):
        start = time.perf_counter()
        axis = found.channel_axis if recipe.rgb is None else None
        result = follow(recipe.iter_replay(found.pixels, channel_axis=axis))
        seconds = time.perf_counter() - start
    about = {"recipe": recipe.model_dump(mode="json")}
    job = write_job(job, result.labels, (), about, found.spacing, force=force)
    classes = int(np.count_nonzero(np.unique(result.labels)))
    return (
        f"{job.name}: {pluralize(classes, 'class', 'es')} after "
        f"{pluralize(len(recipe.steps), 'step')}, "
        f"{seconds:.2f} s; labels {job.labels}"
    )
