"""The results of one image in the words of the command, and recipes done again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.text import Text

from napari_emseg.batch import Outcome, OutputPlan, Picture, Treatment
from napari_emseg.batch.label_record import write_result
from napari_emseg.batch.outcome import WritingOptions, iter_outcome
from napari_emseg.batch.picture import Content
from napari_emseg.cli.terminal import follow, pluralize, shown, tell, warnings_told
from napari_emseg.engine.image.axes import without_channels
from napari_emseg.io import files

if TYPE_CHECKING:
    from napari_emseg.io.image_content import ImageContent
    from napari_emseg.params import Params
    from napari_emseg.recipe import Recipe


def find_images(names: list[Path]) -> list[Path]:
    """Find the files of patterns such as ``*.png``, which shells of Windows leave."""
    found = []
    for name in names:
        root = Path(name.anchor)
        # What exists is no pattern, whatever its name.
        some = [] if name.exists() else sorted(root.glob(str(name.relative_to(root))))
        found += some or [name]
    return found


def run_job(pixels: Any, params: Params, job: OutputPlan, *, force: bool) -> None:
    """Segment one image, write the files of `job`, and say what came out."""
    picture = Picture(job.name, array=pixels)
    treatment = Treatment(params)
    outcome = follow(iter_outcome(picture, job, treatment, WritingOptions(force)))
    if outcome.error is not None:
        raise outcome.error
    print_outcome(outcome)


def print_outcome(outcome: Outcome) -> None:
    """Write what became of a picture that did not fail, in one line."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(_summary(outcome, swatches=console.is_terminal))


def _summary(outcome: Outcome, *, swatches: bool) -> Text:
    """Return what came out, in one line."""
    plan = outcome.plan
    assert plan is not None
    if outcome.status == "skipped":
        return Text(f"{shown(outcome.name)}: done before; labels {shown(plan.labels)}")
    shares = []
    for row in outcome.rows:
        share = Text(f" {100 * row['fraction']:.1f}")
        if swatches:
            rgb = np.rint(255 * np.array(outcome.colors[row["class"]])).astype(int)
            red, green, blue = rgb.tolist()
            share = Text(" ■", style=f"rgb({red},{green},{blue})") + share
        shares.append(share)
    quality = f"{outcome.summary}, " if outcome.summary else ""
    places = f"labels {shown(plan.labels)}"
    if plan.overlay:
        places += f", overlay {shown(plan.overlay)}"
    classes = pluralize(len(outcome.rows), "class", "es")
    return (
        Text(f"{shown(outcome.name)}: {classes} (")
        + Text().join(shares)[1:]
        + Text(f" %), {quality}{outcome.seconds:.2f} s; {places}")
    )


def read_told(
    path: Path, max_bytes: int | None, *, stack: bool = False, axes: str | None = None
) -> ImageContent:
    """Read an image, and tell what is not as its file has it."""
    with warnings_told(path.name):
        image = files.read_with_spacing(
            path, stack=stack, axes=axes, max_bytes=max_bytes
        )
    if image.profile:
        tell(f"{path.name}: colors are converted from {image.profile} to sRGB")
    return image


def run_replay(
    recipe: Recipe,
    image: Path,
    job: OutputPlan,
    *,
    axes: str | None = None,
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
    stack = recipe.rgb is False and axes is None
    found = read_told(
        image, max_bytes, stack=stack, axes=axes or (recipe.axes if stack else None)
    )
    with warnings_told(job.name):
        start = time.perf_counter()
        axis = found.channel_axis if recipe.rgb is None else None
        content = Content.of(
            found,
            channel_axis=axis,
            as_stored=found.as_stored or stack,
            told=axes is not None,
        )
        reading: dict[str, Any] = {"channel_axis": axis}
        each = recipe.splits_channels
        named = axes or recipe.axes
        if named is not None:  # those of the file alone are for no recipe
            content, named = content.as_named(named, each=each)
        letters = named if each or named is None else without_channels(named)
        if named is not None:
            reading = {"axes": named}
        result = follow(recipe.iter_replay(content.pixels, **reading))
        seconds = time.perf_counter() - start
    about = {"recipe": recipe.model_dump(mode="json")}
    job = write_result(
        job,
        result.labels,
        about,
        colors={},
        names={},
        spacing=found.spacing,
        axes=letters,
        force=force,
    )
    classes = int(np.count_nonzero(np.unique(result.labels)))
    return (
        f"{job.name}: {pluralize(classes, 'class', 'es')} after "
        f"{pluralize(len(recipe.steps), 'step')}, "
        f"{seconds:.2f} s; labels {job.labels}"
    )
