"""A task for Fractal: classes of color as labels in an OME-Zarr image.

Fractal calls this file with ``--args-json`` and ``--out-json``; people call
`segment_colors`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import napari_emseg as emseg


def segment_colors(
    *,
    zarr_url: str,
    n_classes: int = 4,
    method: str = "em",
    smoothing: float = 1.0,
    label_name: str = "classes",
    fit_level: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Segment an OME-Zarr image by color and write labels into it.

    A task that was interrupted goes on where it was; one that is done does nothing.

    Args:
        zarr_url: Path of the OME-Zarr image.
        n_classes: How many classes to find.
        method: "em" or "kmeans".
        smoothing: How much neighbors agree; 0 takes every pixel for itself.
        label_name: Name of the labels, which will be in ``labels/NAME``.
        fit_level: Level that is fitted; by default the finest of 16 megapixels or less.
        seed: Same seed, same labels.
        overwrite: Replace labels of this name.
    """
    place = Path(zarr_url) / "labels" / label_name
    update = {"image_list_updates": [{"zarr_url": zarr_url}]}
    if place.exists() and not overwrite:
        return update
    emseg.segment(
        emseg.store.open_image(zarr_url),
        out=place,
        fit_level="auto" if fit_level is None else fit_level,
        resume=not overwrite,
        force=overwrite,
        n_classes=n_classes,
        method=method,
        smoothing=smoothing,
        seed=seed,
    )
    return update


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--args-json", type=Path, required=True)
    parser.add_argument("--out-json", type=Path, required=True)
    asked = parser.parse_args()
    found = segment_colors(**json.loads(asked.args_json.read_text("utf-8")))
    asked.out_json.write_text(json.dumps(found), "utf-8")
