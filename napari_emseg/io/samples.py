"""Pictures to try things on, for File > Open Sample and the demo.

The photographs come with scikit-image and are read from its wheel: nothing is
downloaded. The synthetic scene is drawn by ``sample_data/make_scene.py``; where each
picture comes from is written in ``sample_data/README.md``.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.io.files import read_image, read_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    LayerData = tuple[NDArray[Any], dict[str, Any], str]


def coffee() -> list[LayerData]:
    """Return a cup of coffee on a wooden table: few colors, strong shapes.

    Returns
    -------
    list of one (data, attributes, "image") tuple
        Data: (400, 600, 3) uint8 RGB.

    Examples
    --------
    >>> [(data, attributes, kind)] = coffee()
    >>> data.shape, attributes["name"], kind
    ((400, 600, 3), 'coffee', 'image')
    """
    return _photograph("coffee")


def astronaut() -> list[LayerData]:
    """Return the portrait of an astronaut: many colors.

    Returns
    -------
    list of one (data, attributes, "image") tuple
        Data: (512, 512, 3) uint8 RGB.
    """
    return _photograph("astronaut")


def cat() -> list[LayerData]:
    """Return a cat: close colors, told apart by fur.

    Returns
    -------
    list of one (data, attributes, "image") tuple
        Data: (300, 451, 3) uint8 RGB.
    """
    return _photograph("chelsea", name="cat")


def tissue() -> list[LayerData]:
    """Return stained tissue under the microscope: brown, blue and white.

    Returns
    -------
    list of one (data, attributes, "image") tuple
        Data: (512, 512, 3) uint8 RGB.
    """
    return _photograph("immunohistochemistry", name="tissue")


def scene() -> list[LayerData]:
    """Return a synthetic landscape and its exact classes.

    Returns
    -------
    list of two (data, attributes, type) tuples
        An image, (360, 540, 3) uint8 RGB, with shading and noise; and hidden labels,
        (360, 540) uint8 with classes 1 to 6, darkest first.

    Examples
    --------
    >>> image, truth = scene()
    >>> truth[1]["features"]["name"]
    ['background', 'forest', 'mountains', 'lake', 'clay', 'sky', 'sun']
    """
    folder = files("napari_emseg") / "sample_data"
    with as_file(folder / "scene.png") as path:
        image, _ = read_image(path)
    with as_file(folder / "scene_truth.png") as path:
        truth = read_labels(path)
    names = ["background", "forest", "mountains", "lake", "clay", "sky", "sun"]
    features = {"index": list(range(len(names))), "name": names}
    return [
        (image, {"name": "scene"}, "image"),
        (
            truth,
            {"name": "scene truth", "features": features, "visible": False},
            "labels",
        ),
    ]


def _photograph(function: str, *, name: str | None = None) -> list[LayerData]:
    """Read a photograph of scikit-image, as one layer named `name`."""
    # scikit-image takes a moment to import: only when a sample is asked for.
    import skimage.data

    data = np.asarray(getattr(skimage.data, function)())
    return [(data, {"name": name or function}, "image")]
