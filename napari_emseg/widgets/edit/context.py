"""What operations work on in the viewer: a plane, its image, its selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from napari_emseg import select
from napari_emseg.layers import coverage, fingerprint
from napari_emseg.layers.recipe_log import RecordedEdit
from napari_emseg.pipeline.image_hierarchy import hierarchy
from napari_emseg.recipe.execute import find
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.engine.hierarchy.region_tree import RegionTree
    from napari_emseg.layers import Plane
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.regions import Edit


class SelectionResult(NamedTuple):
    """A mask, and the step that finds it; None if no step does."""

    mask: NDArray[Any]
    step: Step | None


# What a tool returns: a step, what it found already, or a mask that no step finds.
Answer: TypeAlias = "Step | SelectionResult | NDArray[Any]"
Find: TypeAlias = "Callable[[], Answer]"


class ImageKey(NamedTuple):
    """What tells whether a plane of an image is still the same."""

    layer: Any
    at: SliceIndex
    fingerprint: int
    data: Any

    @classmethod
    def of(cls, picture: Plane) -> ImageKey:
        """Return the key of a plane of an image."""
        layer = picture.layer
        return cls(layer, picture.at, fingerprint(picture.data()), layer.data)

    def same(self, other: ImageKey | None) -> bool:
        """Return whether two keys are of one image, whose data are the same object."""
        return other is not None and self[:3] == other[:3] and self.data is other.data


class ImageCache:
    """Keeps what tools worked out for the last image; call it in the background."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[ImageKey, Any]] = {}
        self._found: tuple[Step, select.Prepared, NDArray[Any]] | None = None

    def prepared(self, picture: Plane) -> select.Prepared:
        """Return an image plane prepared for color tools."""
        return self._once(select.prepare, picture)

    def tree(self, picture: Plane) -> RegionTree:
        """Return the hierarchy of an image plane."""
        return self._once(hierarchy, picture)

    def _once(self, make: Callable[..., Any], picture: Plane) -> Any:
        key = ImageKey.of(picture)
        if make not in self._kept or not key.same(self._kept[make][0]):
            made = make(np.asarray(picture.data()), rgb=picture.layer.rgb)
            self._kept[make] = key, made
        return self._kept[make][1]

    def find(self, step: Step, context: EditContext) -> NDArray[Any]:
        """Return what a step selects; what a preview found is not worked out again."""
        if step.row.inputs != ("colors",):
            return find(step, context)
        # Prepared colors are the same object as long as the image is the same.
        colors, last = context.colors, self._found
        if last is not None and last[0] == step and last[1] is colors:
            return last[2]
        found = find(step, context)
        self._found = step, colors, found
        return found

    def forget(self) -> None:
        """Read the image again next time."""
        self._kept.clear()
        self._found = None


@dataclass(frozen=True, slots=True, eq=False)
class EditContext:
    """A plane of the viewer, as an `OperationContext` of `napari_emseg.recipe`.

    Attributes
    ----------
    plane : Plane
        Where.
    picture : Plane or str
        The same plane of the image, or why there is none.
    target : Plane or None
        The same plane of the selection, if there is one.
    edited : napari.layers.Labels or None
        The labels that are edited.
    cache : ImageCache
        Keeps what was worked out for the image.
    """

    plane: Plane
    picture: Plane | str
    target: Plane | None
    edited: Labels | None
    cache: ImageCache

    @property
    def image(self) -> NDArray[Any]:
        """The image in this plane."""
        return np.asarray(self._need().data())

    @property
    def colors(self) -> select.Prepared:
        """The image prepared for color tools."""
        return self.cache.prepared(self._need())

    @property
    def tree(self) -> RegionTree:
        """The hierarchy of the image."""
        return self.cache.tree(self._need())

    @property
    def reader_kwargs(self) -> dict[str, Any]:
        """How to read it."""
        return {"rgb": self._need().layer.rgb}

    @property
    def labels(self) -> NDArray[Any]:
        """The labels."""
        return np.asarray(self.plane.data())

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width in pixels."""
        return self.plane.shape

    @property
    def selection(self) -> NDArray[Any]:
        """What is selected."""
        if self.target is None:
            return np.zeros(self.shape, bool)
        return coverage(self.target)

    @property
    def area(self) -> NDArray[Any] | None:
        """What is selected; None if nothing is."""
        found = self.selection
        return found if found.any() else None

    def find(self, answer: Answer) -> SelectionResult:
        """Return the mask and the step that a tool's answer stands for."""
        if isinstance(answer, Step):
            return SelectionResult(self.cache.find(answer, self), answer)
        if isinstance(answer, SelectionResult):
            return answer
        return SelectionResult(answer, None)

    def record(
        self,
        step: Step | None,
        changes: list[tuple[Labels, Edit]],
        found: NDArray[Any] | None = None,
        after: NDArray[np.uint8] | None = None,
    ) -> RecordedEdit:
        """Return edits that a step makes here.

        Parameters
        ----------
        step : Step or None
        changes : list of (napari.layers.Labels, Edit)
        found, after : (Y, X) ndarray, optional
            The mask that it found, and what is selected afterwards in 255ths.
        """
        kept = None
        if step is not None and step.op == "load" and found is not None:
            kept = select.to_bytes(found)
        return RecordedEdit(
            step,
            changes,
            at=self.plane.at,
            labels=self.edited,
            selection=None if self.target is None else self.target.layer,
            image=None if isinstance(self.picture, str) else self.picture.layer,
            before=select.to_bytes(self.selection),
            after=after,
            kept=kept,
        )

    def _need(self) -> Plane:
        if isinstance(self.picture, str):
            raise ValueError(self.picture)
        return self.picture


def what_is_missing(made: RecordedEdit, plans: Sequence[PlannedEdit | None]) -> str:
    """Return what to say of an action that did nothing, or found nothing; empty else.

    Parameters
    ----------
    made : RecordedEdit
        The action.
    plans : sequence of PlannedEdit or None
        Of `plan_edit`, one for each of its changes.
    """
    step, after = made.step, made.after
    if step is None:
        return ""
    name = step.op.replace("_", " ") if step.row.tool is None else step.row.tool.title
    title = name.capitalize()
    if after is not None and not after.any() and step.op != "none":
        if hasattr(step.args, "point"):
            return (
                f"{title} found nothing here, so nothing is selected: the place is "
                "transparent, masked, or without a label or a value"
            )
        return f"{title} left nothing selected"
    if any(plan is not None for plan in plans):
        return ""
    if after is not None:
        return f"{title} changed nothing: the selection is like that already"
    why = "all pixels that it is about have the label already, or are locked"
    if step.op == "split":
        why = "the class is a single piece here, or is locked"
    return f"{title} changed nothing: {why}"
