"""Very tall, very wide and tiny images: nothing dies, and nothing stops on the way.

All runs in one process of its own, as a fault of this kind ends the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skimage.segmentation import flood

import napari_emseg as emseg
from napari_emseg import adjust, regions, select

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 66_000
SHAPES = [(LONG, 1), (2, LONG), (1, 1)]


class Case:
    """An image whose first quarter along its longer side is dark, with a mask of it."""

    def __init__(self, shape: tuple[int, int]) -> None:
        axis = int(np.argmax(shape))
        place = np.indices(shape)[axis] * 4 // shape[axis]
        rng = np.random.default_rng(0)
        self.gray = (place * 60 + rng.integers(0, 9, shape)).astype(np.uint8)
        self.rgb = np.stack([self.gray, self.gray // 2, 255 - self.gray], axis=-1)
        self.labels = place + 1
        self.mask = place == 0
        self.first, self.last = (0, 0), tuple(n - 1 for n in shape)
        self.strokes = np.where(rng.random(shape) < 1e-3, self.labels, 0)
        self.strokes[self.first], self.strokes[self.last] = 1, 4
        self.box = (0, 0, *(max(n // 2, 1) for n in shape))
        corner = [(0, 0), (0, shape[1] - 1), self.last, (shape[0] - 1, 0)]
        self.corners = np.array(corner, float)

    def segment(self, image: Any, **params: Any) -> Any:
        return emseg.segment(image, n_classes=2, **params)

    @cached_property
    def result(self) -> Any:
        return self.segment(self.rgb)

    @cached_property
    def hierarchy(self) -> Any:
        return emseg.hierarchy(self.rgb)


SELECT: dict[str, Callable[[Case], Any]] = {
    "wand": lambda c: select.wand(c.rgb, c.last, tolerance=20),
    "wand soft": lambda c: select.wand(c.gray, c.first, tolerance=20, soft=True),
    "wand prepared": lambda c: select.wand(select.prepare(c.rgb), c.last),
    "wand not contiguous": lambda c: select.wand(c.rgb, c.first, contiguous=False),
    "color_range": lambda c: select.color_range(c.rgb, [c.first]),
    "grow_similar": lambda c: select.grow_similar(c.rgb, c.mask),
    "by_class": lambda c: select.by_class(c.result, 1),
    "scissors_path": lambda c: select.scissors_path(c.rgb, c.corners),
    "scribble_mask": lambda c: select.scribble_mask(c.rgb, c.strokes),
    "rounded": lambda c: select.rounded(select.to_bytes(c.mask * 0.3)),
    "from_bytes": lambda c: select.from_bytes(select.to_bytes(c.mask)),
    "similar": lambda c: select.similar(c.rgb, c.mask),
    "by_label": lambda c: select.by_label(c.labels, c.last),
    "region_at": lambda c: select.region_at(c.hierarchy, c.last),
    "box": lambda c: select.box(c.rgb, c.box),
    "scribbles": lambda c: select.scribbles(c.rgb, c.strokes, background=None),
    "scribbles gray": lambda c: select.scribbles(c.gray, c.strokes, background=None),
    "interpolate": lambda c: select.interpolate(
        np.stack([c.mask, np.zeros_like(c.mask), c.mask])
    ),
    "brush": lambda c: select.brush(c.rgb, [c.last], 3),
    "brush_regions": lambda c: select.brush_regions(c.hierarchy, [c.first, c.last], 3),
    "correct": lambda c: select.correct(c.rgb, c.mask, np.minimum(c.strokes, 2)),
    "refine_edge": lambda c: select.refine_edge(c.rgb, c.mask, radius=4),
    "lasso": lambda c: select.lasso(c.gray.shape, c.corners),
    "polygon soft": lambda c: select.polygon(c.gray.shape, c.corners, soft=True),
    "scissors": lambda c: select.scissors(c.rgb, c.corners),
    "rectangle": lambda c: select.rectangle(c.gray.shape, c.first, c.last),
    "ellipse": lambda c: select.ellipse(c.gray.shape, c.first, c.last, soft=True),
    "grow": lambda c: select.grow(c.mask, 12),
    "grow soft": lambda c: select.grow(c.mask * 0.5, 12),
    "shrink": lambda c: select.shrink(c.mask, 12),
    "border": lambda c: select.border(c.mask, 4),
    "smooth": lambda c: select.smooth(c.mask, 3),
    "feather": lambda c: select.feather(c.mask, 20),
    "fill_holes": lambda c: select.fill_holes(c.mask),
    "remove_small": lambda c: select.remove_small(c.mask, 9, connectivity=8),
    "largest": lambda c: select.largest(c.mask),
    "combine": lambda c: select.combine(c.mask, ~c.mask, "xor"),
    "invert": lambda c: select.invert(c.mask),
    "harden": lambda c: select.harden(c.mask * 0.7),
}
REGIONS: dict[str, Callable[[Case], Any]] = {
    "fill": lambda c: regions.fill(c.labels, c.mask, 9),
    "new_class": lambda c: regions.new_class(c.labels, c.mask),
    "merge": lambda c: regions.merge(c.labels, [1, 3]),
    "split": lambda c: regions.split(c.labels, 1),
    "split watershed": lambda c: regions.split(c.labels, 1, "watershed"),
    "split classes": lambda c: regions.split(c.labels, 1, "classes", image=c.rgb),
    "absorb_small": lambda c: regions.absorb_small(c.labels, LONG),
    "smooth_boundaries": lambda c: regions.smooth_boundaries(c.labels, 3),
    "renumber": lambda c: regions.renumber(c.labels, {1: 9}),
    "swap": lambda c: regions.swap(c.labels, 1, 2),
    "draw": lambda c: regions.draw(c.labels, c.rgb, c.strokes),
}
ADJUST: dict[str, Callable[[Case], Any]] = {
    "blur": lambda c: adjust.blur(c.rgb, c.mask, radius=20),
    "sharpen": lambda c: adjust.sharpen(c.rgb),
    "inpaint": lambda c: adjust.inpaint(c.rgb, c.labels == 2),
    "inpaint fluid": lambda c: adjust.inpaint(
        c.gray, c.labels == 2, method="navier-stokes"
    ),
    "cut_out": lambda c: adjust.cut_out(c.rgb, c.mask, radius=3),
    "desaturate": lambda c: adjust.desaturate(c.rgb),
    "hue_saturation": lambda c: adjust.hue_saturation(c.rgb, hue=30),
    "replace_color": lambda c: adjust.replace_color(
        c.rgb, color=(0, 0, 255), by=(9,) * 3
    ),
    "levels": lambda c: adjust.levels(c.rgb, gamma=2),
    "curves": lambda c: adjust.curves(c.rgb, points=[(0, 0), (100, 150), (255, 255)]),
    "brightness_contrast": lambda c: adjust.brightness_contrast(c.rgb, contrast=0.2),
    "fill_color": lambda c: adjust.fill(c.rgb, c.mask, color=(1, 2, 3)),
}
SEGMENT: dict[str, Callable[[Case], Any]] = {
    "segment": lambda c: c.result,
    "segment gray": lambda c: c.segment(c.gray),
    "segment float": lambda c: c.segment(c.gray.astype(np.float32)),
    "segment plain": lambda c: c.segment(c.rgb, smoothing=0),
    "segment texture": lambda c: c.segment(c.rgb, texture=1),
    "segment position": lambda c: c.segment(c.rgb, position=1),
    "segment bias": lambda c: c.segment(c.gray, bias=True),
    "segment min_size": lambda c: c.segment(c.rgb, smoothing=0, min_size=50),
    "segment without edges": lambda c: c.segment(c.rgb, edges=False),
    "segment k-means": lambda c: c.segment(c.rgb, method="kmeans"),
    "segment student": lambda c: c.segment(c.rgb, covariance="spherical"),
    "uncertainty": lambda c: c.result.uncertainty(),
    "drop_uncertain": lambda c: regions.drop_uncertain(c.result.labels, c.result),
    "hierarchy gray": lambda c: emseg.hierarchy(c.gray),
}
CALLS = SELECT | REGIONS | ADJUST | SEGMENT


def tell(name: str, shape: tuple[int, ...], said: str) -> None:
    """Write a line that outlives the process."""
    sys.stdout.write(json.dumps([name, shape, said]) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Try everything, and print a line before and after each call."""
    warnings.simplefilter("ignore")
    for shape in SHAPES:
        case = Case(shape)
        for name, call in CALLS.items():
            tell(name, shape, "the process died")
            said = ""
            try:
                call(case)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            tell(name, shape, said)


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, tuple[int, ...]], str]:
    """What became of each call: nothing, or what went wrong."""
    done = subprocess.run(
        [sys.executable, __file__],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(emseg.__file__).parents[1])},
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(name, tuple(shape)): said for name, shape, said in lines}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_everything_works_on_images_of_any_shape(
    name: str, shape: tuple[int, int], outcomes: dict[Any, str]
) -> None:
    said = outcomes.get((name, shape), "the process died before")
    if shape == (1, 1) and name in (
        "scribbles",
        "scribbles gray",
        "scribble_mask",
        "draw",
    ):
        # One pixel holds one stroke.
        assert "strokes of at least two" in said
    else:
        assert said == ""


def test_all_public_functions_are_tried() -> None:
    tried = {name.split()[0] for name in CALLS}
    others = {"Edit", "Prepared", "free_labels", "patch", "prepare", "to_bytes"}
    for module in (select, regions, adjust):
        assert set(module.__all__) - tried - others == set(), module.__name__


@pytest.mark.parametrize("shape", [(LONG, 3), (3, LONG), (LONG, 1), (1, LONG)])
@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("soft", [False, True])
def test_the_wand_goes_to_the_end(
    shape: tuple[int, int], connectivity: int, soft: bool
) -> None:
    long = int(np.argmax(shape))
    image = np.zeros(shape, np.uint8)
    # Holes that leave a way, which is diagonal at places, and one wall near the end.
    rng = np.random.default_rng(1)
    image[rng.random(shape) < (0.002 if min(shape) > 1 else 0)] = 255
    image[(slice(None),) * long + (LONG - 50,)] = 255
    start = tuple(int(n) - 100 if n == LONG else 0 for n in shape)
    image[start] = 0
    found = select.wand(image, start, tolerance=9, connectivity=connectivity, soft=soft)
    expected = flood(image, start, connectivity=connectivity // 4)
    np.testing.assert_array_equal(found >= 0.5, expected)
    assert expected[(slice(None),) * long + (slice(0, 100),)].any()


if __name__ == "__main__":
    main()
