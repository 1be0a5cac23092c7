"""What steps look at in the viewer: a plane, its image, its selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from napari_emseg import select
from napari_emseg.layers import coverage
from napari_emseg.layers.recipe_log import RecordedEdit
from napari_emseg.recipe.execute import find
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.layers import Plane


class SelectionResult(NamedTuple):
    """A mask, and the step that finds it."""

    mask: NDArray[Any]
    step: Step


# What a tool returns: a step, what it found already, or a mask that no step finds.
Answer: TypeAlias = "Step | SelectionResult | NDArray[Any]"
Find: TypeAlias = "Callable[[], Answer]"


@dataclass(frozen=True, slots=True, eq=False)
class EditContext:
    """A plane of the viewer, as a `napari_emseg.recipe.execute.OperationContext`.

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
    prepare : callable
        Makes an image ready for color tools.
    """

    plane: Plane
    picture: Plane | str
    target: Plane | None
    edited: Labels | None
    prepare: Callable[[Plane], select.Prepared]

    @property
    def image(self) -> NDArray[Any]:
        """The image in this plane."""
        return np.asarray(self._need().data())

    @property
    def colors(self) -> select.Prepared:
        """The image prepared for color tools."""
        return self.prepare(self._need())

    @property
    def ways(self) -> dict[str, Any]:
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

    def look(self, answer: Answer) -> tuple[NDArray[Any], Step | None]:
        """Return the mask that a tool's answer stands for, and its step."""
        if isinstance(answer, Step):
            return find(answer, self), answer
        return answer if isinstance(answer, SelectionResult) else (answer, None)

    def deed(
        self,
        step: Step,
        found: NDArray[Any] | None = None,
        after: NDArray[np.uint8] | None = None,
    ) -> RecordedEdit:
        """Say that a step is done here.

        Parameters
        ----------
        step : Step
        found, after : (Y, X) ndarray, optional
            The mask that it found, and what is selected afterwards in 255ths.
        """
        kept = None
        if step.op == "load" and found is not None:
            kept = select.to_bytes(found)
        return RecordedEdit(
            step,
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
