"""A recipe done again on other images."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg import files
from napari_emseg.cli.jobs import write_job
from napari_emseg.cli.terminal import counted, follow, tell

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
    pixels, channel_axis = files.read_image(image)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = follow(recipe.iter_replay(pixels, channel_axis=channel_axis))
    seconds = time.perf_counter() - start
    for warning in caught:
        tell(f"{job.name}: {warning.message}")
    about = {"recipe": recipe.model_dump(mode="json")}
    job = write_job(job, result.labels, (), about, force=force)
    classes = int(np.count_nonzero(np.unique(result.labels)))
    return (
        f"{job.name}: {counted(classes, 'class', 'es')} after "
        f"{counted(len(recipe.steps), 'step')}, "
        f"{seconds:.2f} s; labels {job.labels}"
    )
