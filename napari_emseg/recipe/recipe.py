"""A recipe: its steps and their replay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from napari_emseg.pipeline.progress import Progress, finish
from napari_emseg.recipe import to_python, transfer
from napari_emseg.recipe.execute import do, start
from napari_emseg.recipe.operation_schema import matters
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.recipe_file import read_file, write_file
from napari_emseg.recipe.state import Result, State, StateView, begin, check_colors
from napari_emseg.recipe.step import Step, explain_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.recipe.operation_schema import OptionalSlice

VERSION = 1
# Wrong steps that are explained, and those that are counted.
_TOLD, _COUNTED = 3, 100


class Recipe(BaseModel):
    """Steps that make labels, from the image on.

    Frozen, equal by value; JSON and back without loss. A reproducible workflow.

    Attributes
    ----------
    version : int
        Of the format; this program knows 1.
    steps : tuple of Step
        In order. The first is "segment", or "blank" for labels from elsewhere.

    Raises
    ------
    pydantic.ValidationError
        A `ValueError` that says which step is wrong, and why.

    Examples
    --------
    >>> image = np.repeat(np.array([[10, 12, 90, 91]], np.uint8), 4, axis=0)
    >>> recipe = Recipe(
    ...     steps=(
    ...         Step.of("segment", params={"n_classes": 2, "smoothing": 0}),
    ...         Step.of("wand", point=(0, 1), tolerance=1),
    ...         Step.of("fill", label=5),
    ...     )
    ... )
    >>> recipe.replay(image).labels[0]
    array([1, 5, 2, 2], dtype=uint8)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = VERSION
    steps: Annotated[tuple[Step, ...], FailFast()] = ()

    @property
    def rgb(self) -> bool | None:
        """Whether it was made on RGB; None if it does not tell, or on channels."""
        return getattr(self.steps[0].args, "rgb", None) if self.steps else None

    @property
    def axes(self) -> str | None:
        """Letters of the axes of the image that it was made on, if they were told."""
        return getattr(self.steps[0].args, "axes", None) if self.steps else None

    @property
    def splits_channels(self) -> bool:
        """Whether each channel is segmented by itself."""
        args: Any = self.steps[0].args if self.steps else None
        params = getattr(args, "params", None)
        return params is not None and params.channels == "each"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the recipe of a JSON file, or of a TIFF file of labels that holds one.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            There is no file of this name.
        ValueError
            It holds no recipe, or one that is wrong.
        """
        found = read_file(Path(path))
        if isinstance(found, dict) and "model" in found and "steps" not in found:
            raise ValueError(
                f"{path} is a model, not a recipe; pass it as --model, or read it with "
                "napari_emseg.batch.JointFit.load"
            )
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            raise ValueError(f"{path}: {explain_error(error, 'the recipe')}") from None

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a JSON file.

        Parameters
        ----------
        path : path
            Ends in .json.
        force : bool
            Replace a file that exists.

        Raises
        ------
        FileExistsError
            The file exists and `force` is not given.
        ValueError
            The ending does not suit.
        """
        write_file(Path(path), self.model_dump(mode="json"), force=force)

    def replay(
        self,
        image: ArrayLike,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
        axes: str | None = None,
    ) -> Result:
        """Return the result of the steps on an image.

        Parameters
        ----------
        image : (…, Y, X) or (…, Y, X, 3|4) array_like
            As for `napari_emseg.segment`.
        rgb : bool, optional
            Whether the last axis is RGB(A); by default as in the recipe.
        channel_axis : int, optional
            Axis of the channels of an image that is not RGB; as in the recipe.
        axes : str, optional
            One letter for each axis, as for `napari_emseg.segment`; as in the recipe.

        Returns
        -------
        Result
            Its ``labels`` are those that were recorded, bit for bit, if the image is.

        Raises
        ------
        TypeError, ValueError
            If a step cannot be done on this image; the message tells which and why.
        """
        return finish(
            self.iter_replay(image, rgb=rgb, channel_axis=channel_axis, axes=axes)
        )

    def iter_replay(
        self,
        image: ArrayLike,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
        axes: str | None = None,
    ) -> Generator[Progress, None, Result]:
        """Yield the progress of `replay`; return its result. To cancel, stop iterating.

        Yields
        ------
        Progress
            Before each step.

        Returns
        -------
        Result
        """
        known: dict[str, Any] = {"rgb": rgb, "channel_axis": channel_axis, "axes": axes}
        return (yield from self.iter_state(image, **known)).result()

    def iter_state(
        self,
        image: ArrayLike,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
        axes: str | None = None,
    ) -> Generator[Progress, None, State]:
        """Yield the progress of `replay`; return the state after the last step."""
        told = rgb is not None or channel_axis is not None or axes is not None
        if not told and self.rgb is not None:
            check_colors(image, rgb=self.rgb)
        state = self._begin(image, rgb=rgb, channel_axis=channel_axis, axes=axes)
        for number, step in enumerate(self.steps, start=1):
            yield Progress("replay", number - 1, len(self.steps))
            try:
                do(step, state)
            except (TypeError, ValueError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"step {number} ({step.op}): {error}") from error
        return state

    def to_python(
        self,
        image_path: str | os.PathLike[str],
        output_path: str | os.PathLike[str],
        *,
        as_stored: bool = False,
        to_save: bool = False,
    ) -> str:
        """Return a script that does the steps, and writes the labels.

        Parameters
        ----------
        image_path, output_path : path
            The image, and the file for the labels; the script keeps a file that
            exists.
        as_stored : bool, optional
            The image was read as its file has it, as napari's own reader does: if it
            lies on its side there, the script does not turn it, nor convert its colors.
        to_save : bool, optional
            The image has no file yet: the script begins with this remark.

        Returns
        -------
        str
            Python, which needs this package alone. It calls nothing that a recipe
            cannot hold, whatever the paths, names and numbers are.

        Raises
        ------
        ValueError
            If no step makes labels.
        """
        return to_python.write(
            self.steps,
            os.fsdecode(image_path),
            os.fsdecode(output_path),
            as_stored=as_stored,
            to_save=to_save,
        )

    def ending_in(
        self, labels: ArrayLike, image: ArrayLike, *, first: ArrayLike | None = None
    ) -> Self:
        """Return a recipe that gives these labels on this image, whatever came before.

        Steps that cannot be done on it are left out; what the others do not explain
        becomes one last step, "patch".

        Parameters
        ----------
        labels : (…) array_like of int
            What the recipe shall give.
        image : array_like
            As for `replay`.
        first : (…) array_like of int, optional
            The labels that the first step gives, if they are known: a fit takes long.

        Returns
        -------
        Recipe
        """
        wanted = np.asarray(labels)
        state = self._begin(image)
        steps: list[Step] = []
        if first is not None and not any("seg" in s.row.inputs for s in self.steps):
            steps.append(self.steps[0])
            start(StateView(state, steps[0].at), np.asarray(first))
        steps += [step for step in self.steps[len(steps) :] if _done(step, state)]
        found = state.labels
        if found is None or found.shape != wanted.shape:
            steps = [Step.of("blank", shape=wanted.shape, dtype=wanted.dtype.name)]
            found = np.zeros_like(wanted)
        return type(self)(steps=(*steps, *_patch(found, wanted)))

    def transferable(self) -> tuple[Self, tuple[transfer.LeftOut, ...]]:
        """Return the recipe for other pictures, and what is left out; see `divide`."""
        kept, left_out = transfer.divide(self.steps)
        return type(self)(version=self.version, steps=kept), left_out

    def without_detours(self, *, keep_selection: bool = True) -> Self:
        """Return a recipe without selections that nothing was done with.

        Parameters
        ----------
        keep_selection : bool, optional
            Whether what is selected in the end counts as used. Selections that were
            saved under a name always do.

        Returns
        -------
        Recipe
            Of the same labels, the same saved selections and the same picture.

        Examples
        --------
        >>> wands = [Step.of("wand", point=(0, x)) for x in range(9)]
        >>> recipe = Recipe(steps=(*wands, Step.of("grow", pixels=2)))
        >>> [step.op for step in recipe.without_detours().steps]
        ['wand', 'grow']
        >>> recipe.without_detours(keep_selection=False).steps
        ()
        """
        # From the end on: the scopes in which it matters what is selected, or does
        # not, the latest last; in all others it is as in the end.
        needed: dict[OptionalSlice, bool] = {}
        kept, otherwise = [], keep_selection
        for step in reversed(self.steps):
            if step.selects and not matters(step.at, needed, otherwise=otherwise):
                continue
            kept.append(step)
            if step.row.begins:  # which leaves nothing selected anywhere
                needed, otherwise = {}, False
            elif step.selects:
                needed.pop(step.at, None)
                needed[step.at] = False
            if step.looks_at_selection:
                needed.pop(step.at, None)
                needed[step.at] = True
        return type(self)(version=self.version, steps=tuple(reversed(kept)))

    @field_validator("version")
    @classmethod
    def _check_version(cls, version: int) -> int:
        if version != VERSION:
            raise ValueError(
                f"the recipe has version {version}, but this program reads version "
                f"{VERSION}; update napari-emseg, or write the recipe again"
            )
        return version

    @field_validator("steps", mode="wrap")
    @classmethod
    def _check_steps(cls, steps: Any, check: ValidatorFunctionWrapHandler) -> Any:
        """Tell the first steps that are wrong, and how many are; not all at length."""
        try:
            return check(steps)
        except ValidationError:
            if not isinstance(steps, list | tuple):
                raise
        faults: list[str] = []
        for number, step in enumerate(steps, start=1):
            try:
                Step.model_validate(step)
            except ValidationError as error:
                faults.append(f"step {number}: {explain_error(error, 'it')}")
            if len(faults) > _COUNTED:
                break
        more = len(faults) - _TOLD
        if more > 0:
            least = "" if number == len(steps) else "at least "
            rest = f"{least}{more} more of {len(steps)} steps are wrong"
            faults[_TOLD:] = [rest]
        raise ValueError("; ".join(faults))

    def _begin(
        self,
        image: ArrayLike,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
        axes: str | None = None,
    ) -> State:
        args: Any = self.steps[0].args if self.steps else None
        if rgb is None and channel_axis is None and axes is None:
            rgb = self.rgb
            channel_axis = getattr(args, "channel_axis", None)
            axes = self.axes
        split = self.splits_channels
        return begin(image, rgb=rgb, channel_axis=channel_axis, axes=axes, split=split)


def _done(step: Step, state: State) -> bool:
    """Do a step; return whether that was possible."""
    try:
        do(step, state)
    except (TypeError, ValueError):
        return False
    return True


def _patch(found: NDArray[Any], wanted: NDArray[Any]) -> Iterator[Step]:
    """Yield the step that makes one of the other, if there is a difference."""
    where = found != wanted
    if where.any() or found.dtype != wanted.dtype:
        values = np.where(where, wanted, 0).astype(wanted.dtype)
        yield Step.of("patch", where=pack(where), values=pack(values))
