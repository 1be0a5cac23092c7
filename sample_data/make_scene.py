"""Draw the synthetic scene and the exact truth that goes with it.

Six flat colors make a landscape; the light falls off towards one corner and the
camera adds noise. Every pixel's class is known, so a segmentation of
``scene.png`` can be compared with ``scene_truth.png``. Run without arguments: both
files are written next to this script, the same bytes of pixels each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH = 360, 540
HORIZON = 225
NOISE = 7.0  # standard deviation, in grey levels
SEED = 20

# Darkest first, as napari-emseg numbers its classes: label 1 is the first row.
COLORS = {
    "forest": (24, 52, 48),
    "mountains": (88, 70, 112),
    "lake": (44, 122, 142),
    "clay": (196, 98, 66),
    "sky": (240, 186, 150),
    "sun": (255, 238, 196),
}
LABELS = {name: label for label, name in enumerate(COLORS, start=1)}


def ridge(
    x: NDArray[np.float64], *waves: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return the height of a skyline at `x`: a sum of (height, length, phase)."""
    height, length, phase = np.array(waves).T[..., None, None]
    swell = height * np.sin(2 * np.pi * x / length + phase)
    line: NDArray[np.float64] = swell.sum(axis=0)
    return line


def truth() -> NDArray[np.uint8]:
    """Return the class of each pixel, (360, 540) uint8, values 1 to 6."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    labels = np.full((HEIGHT, WIDTH), LABELS["sky"], np.uint8)

    labels[(y - 128) ** 2 + (x - 372) ** 2 < 62**2] = LABELS["sun"]
    peaks = 152 + ridge(x, (34, 300, 0.6), (17, 118, 2.1), (6, 47, 0.3))
    labels[y > peaks] = LABELS["mountains"]
    hills = 206 + ridge(x, (15, 420, 3.9), (6, 130, 1.0))
    labels[y > hills] = LABELS["clay"]
    labels[y > HORIZON] = LABELS["lake"]

    # The sun's glitter on the water: bars that get shorter towards the viewer.
    for row, half in zip(
        range(232, 312, 11), (52, 44, 49, 33, 38, 24, 17, 9), strict=True
    ):
        bar = (abs(y - row) < 2.6) & (abs(x - 372 + 5 * np.sin(row)) < half)
        labels[bar] = LABELS["sun"]

    shore = 318 + ridge(x, (15, 500, 2.4), (5, 90, 0.0))
    labels[y > shore] = LABELS["forest"]
    for trunk, top in ((46, 128), (92, 176), (136, 218), (494, 196), (452, 240)):
        crown = (y > top) & (
            abs(x - trunk) < (0.16 + 0.1 * ((y - top) % 34) / 34) * (y - top)
        )
        labels[crown & (y < HEIGHT)] = LABELS["forest"]
    return labels


def scene(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture of `labels`, (360, 540, 3) uint8 RGB, shaded and noisy."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    colors = np.array([*COLORS.values()], np.float64)[labels - 1]
    distance = np.hypot((y - 128) / HEIGHT, (x - 372) / WIDTH)
    light = 1.04 - 0.16 * np.clip(distance, 0, 1)
    grain = np.random.default_rng(SEED).normal(0, NOISE, colors.shape)
    picture: NDArray[np.float64] = np.rint(colors * light[..., None] + grain)
    return picture.clip(0, 255).astype(np.uint8)


def main() -> None:
    """Write ``scene.png`` and ``scene_truth.png`` next to this script."""
    folder = Path(__file__).parent
    labels = truth()
    iio.imwrite(folder / "scene.png", scene(labels))
    iio.imwrite(folder / "scene_truth.png", labels)


if __name__ == "__main__":
    main()
