"""A recipe done again on other images."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg import files
from napari_emseg.cli.jobs import write_job
from napari_emseg.cli.terminal import counted, follow, warnings_told
from napari_emseg.spacing import read_spacing

if TYPE_CHECKING:
    from pathlib import Path

    from napari_emseg.cli.jobs import Job
    from napari_emseg.recipe import Recipe


def run_replay(recipe: Recipe, image: Path, job: Job, *, force: bool) -> str:
    """Do a recipe on one image, and write the labels with the recipe beside them.

    Returns
    -------
    str
        What came out, in one line.
    """
    with warnings_told(job.name):
        # What the recipe knows of its image holds, whatever the file says.
        pixels, channel_axis = files.read_image(image, stack=recipe.rgb is False)
        spacing = read_spacing(image)
        start = time.perf_counter()
        axis = channel_axis if recipe.rgb is None else None
        result = follow(recipe.iter_replay(pixels, channel_axis=axis))
        seconds = time.perf_counter() - start
    about = {"recipe": recipe.model_dump(mode="json")}
    job = write_job(job, result.labels, (), about, spacing, force=force)
    classes = int(np.count_nonzero(np.unique(result.labels)))
    return (
        f"{job.name}: {counted(classes, 'class', 'es')} after "
        f"{counted(len(recipe.steps), 'step')}, "
        f"{seconds:.2f} s; labels {job.labels}"
    )
