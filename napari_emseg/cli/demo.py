"""What the demo writes where there is no display."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from napari_emseg.batch import OutputPlan
from napari_emseg.cli.outputs import run_job
from napari_emseg.cli.terminal import shown
from napari_emseg.io import files, samples
from napari_emseg.io.safe_write import make_folder
from napari_emseg.params import Params
from napari_emseg.pipeline.blobs import blobs

if TYPE_CHECKING:
    from pathlib import Path


def segment_sample(folder: Path) -> None:
    """Segment a sample picture; write labels and overlay, and say so."""
    [(pixels, attributes, _)] = samples.coffee()
    name = attributes["name"]
    job = OutputPlan(
        name,
        labels=folder / f"{name}_labels.tif",
        overlay=folder / f"{name}_overlay.png",
        folders=(folder,),
    )
    run_job(pixels, Params(), job, force=True)


def draw_points(folder: Path) -> None:
    """Fit blobs of points from a random start; write the figures, and say so."""
    made = blobs(spread=8, seed=1)
    seg = made.segment(init="random", n_init=1)
    # matplotlib takes a moment to import: only now is it needed.
    from napari_emseg import plot
    from napari_emseg.plot.sheet import render

    make_folder(folder)
    places = []
    for name, figure in (
        ("ellipses", plot.ellipses(seg)),
        ("learning", plot.convergence(seg)),
    ):
        places.append(folder / f"points_{name}.png")
        files.write_picture(places[-1], render(figure), force=True)
    told = (
        f"{len(made.points)} points: {seg.n_classes} classes, log-likelihood "
        f"{seg.objective[-1]:.4f} nats per point after {len(seg.objective)} "
        f"iterations; figures {', '.join(map(str, places))}"
    )
    sys.stdout.write(f"{shown(told)}\n")
