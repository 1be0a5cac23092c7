"""How operations are called, in the viewer and in a replay alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_emseg import select
from napari_emseg.recipe.hand import Packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.recipe.steps import Step


class Scene(Protocol):
    """What operations look at, in one plane or in everything; see `Operation.takes`."""

    @property
    def image(self) -> Any:
        """The image."""

    @property
    def colors(self) -> Any:
        """The image prepared for color tools."""

    @property
    def ways(self) -> dict[str, Any]:
        """How to read the image: ``rgb`` and ``channel_axis``."""

    @property
    def labels(self) -> NDArray[Any]:
        """The labels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Their shape."""

    @property
    def selection(self) -> NDArray[Any]:
        """The selection; an error if there is none."""

    @property
    def area(self) -> NDArray[Any] | None:
        """The selection; None if nothing is selected."""


def call(step: Step, scene: Scene) -> Any:
    """Call the function of a step.

    Raises
    ------
    TypeError, ValueError
        As the function.
    """
    row = step.row
    options = {
        name: value.array() if isinstance(value, Packed) else value
        for name, value in row.options(step.args).items()
    }
    if getattr(step.args, "inside", False):
        options["selection"] = scene.selection
    if needs_image(step):
        options["image"] = scene.image
    if "image" in row.takes or needs_image(step):
        ways = dict(scene.ways)
        if row.rgb_only:
            ways.pop("channel_axis", None)
        options |= ways
    return row.function(*(getattr(scene, name) for name in row.takes), **options)


def needs_image(step: Step) -> bool:
    """Whether the image is a keyword of its function."""
    return getattr(step.args, "method", None) == "classes"


def find(step: Step, scene: Scene) -> NDArray[Any]:
    """Find what a step selects, before it is combined with the old selection.

    Parameters
    ----------
    step : Step
        Of the group "select" or "modify", or "all" or "none".
    scene : Scene
        Where.

    Returns
    -------
    (…) ndarray of bool or float32
    """
    if step.op in ("all", "none"):
        return np.full(scene.shape, step.op == "all")
    return np.asarray(call(step, scene))


def settle(
    found: NDArray[Any],
    old: NDArray[Any] | None = None,
    *,
    mode: str = "new",
    feather: float = 0.0,
) -> NDArray[Any]:
    """Make what was found the selection: soften, combine with the old one, round.

    Parameters
    ----------
    found : (…) ndarray of bool or float
    old : (…) ndarray of bool or float, optional
        The old selection; None if there is none.
    mode : str, optional
        As for `napari_emseg.select.combine`.
    feather : float, optional
        In pixels.

    Returns
    -------
    (…) ndarray of bool or float32
        In 255ths.
    """
    if feather > 0:
        found = select.feather(found, feather)
    if mode != "new":
        before = np.zeros(found.shape, bool) if old is None else old
        found = select.combine(before, found, mode)
    return np.asarray(select.rounded(found))


def ways_of(step: Step) -> dict[str, Any]:
    """Return how a step wants its selection to be settled."""
    return {
        name: getattr(step.args, name)
        for name in ("mode", "feather")
        if hasattr(step.args, name)
    }
