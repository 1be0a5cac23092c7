"""What "Apply to" asks for: a recipe, pictures, and where results go."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from napari_emseg.batch import (
    BatchProgress,
    JointFit,
    Outcome,
    OutputPlan,
    Treatment,
    check_plan,
    failed,
    iter_apply,
    plan_outputs,
)
from napari_emseg.batch.description import is_label_file
from napari_emseg.io.files import LABEL_SUFFIXES
from napari_emseg.io.safe_write import check_access, check_target, fitting_name
from napari_emseg.layers.pictures.treated_layers import (
    colors_of_layer,
    fit_of,
    look_of_file,
    table_of,
)
from napari_emseg.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

    from napari.layers import Labels

    from napari_emseg.batch import Picture
    from napari_emseg.layers import PictureLayers
    from napari_emseg.pipeline.class_table import Table
    from napari_emseg.recipe.step import Step
    from napari_emseg.recipe.transfer import LeftOut

# The same model, a fit for each, a fit for all; all steps, on their own picture.
How = Literal["model", "anew", "joint", "exact"]
# Letters that names of files have not everywhere.
_FORBIDDEN = set('\\/:*?"<>|')


@dataclass(frozen=True, eq=False)
class AppliedRecipe:
    """A recipe that is to be applied, and what is known of its classes.

    Attributes
    ----------
    name : str
        Of the layer or the file.
    recipe : Recipe
    fitted : JointFit or None
        The model of its classes; None if nothing tells it.
    colors : dict of int to (R, G, B)
        Of classes, in [0, 1].
    from_file : bool
        Whether it was opened, so that its own picture may be the one that is meant.
    """

    name: str
    recipe: Recipe
    fitted: JointFit | None = None
    colors: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    from_file: bool = False

    @classmethod
    def of_layer(cls, layer: Labels, recipe: Recipe) -> AppliedRecipe:
        """Return that of a result."""
        return cls(layer.name, recipe, fit_of(layer), colors_of_layer(layer))

    @classmethod
    def load(cls, path: Path) -> AppliedRecipe:
        """Return that of a file: a recipe, or labels with their recipe.

        Raises
        ------
        OSError, ValueError
            If there is none; the message says why.
        """
        recipe = Recipe.load(path)
        fitted, colors = None, {}
        look = look_of_file(path)
        if look is not None:
            fitted, colors = fit_of(look), colors_of_layer(look)
        first: Any = recipe.steps[0].args if recipe.steps else None
        model = getattr(first, "model", None)
        if fitted is None and model is not None:
            fitted = JointFit(model.model(), first.params, color="auto")
        return cls(path.name, recipe, fitted, colors, from_file=True)

    def edits(self) -> tuple[tuple[Step, ...], tuple[LeftOut, ...]]:
        """Return the edits for other pictures, and what is left out.

        Raises
        ------
        ValueError
            If the recipe does not begin with a segmentation.
        """
        kept, left_out = self.recipe.transferable()
        return kept.steps[1:], left_out

    def treatment(self, how: How, steps: Sequence[Step]) -> Treatment:
        """Return what is done with each picture.

        Parameters
        ----------
        how : {"model", "anew", "joint", "exact"}
        steps : sequence of Step
            Those of `edits` that are wanted.

        Raises
        ------
        ValueError
            If there is no model, or no segmentation in the recipe.
        """
        if how == "exact":
            made, _ = Treatment.of_recipe(self.recipe)
            return replace(
                made,
                exact=self.recipe,
                fitted=self.fitted,
                start=None,
                colors=self.colors,
            )
        made, _ = Treatment.of_recipe(self.recipe)
        made = replace(made, steps=tuple(steps))
        if how != "model":
            return replace(made, fitted=None, joint=how == "joint")
        if self.fitted is None:
            raise ValueError(
                f"{self.name!r} holds no model, so that it cannot be applied; fit "
                "anew, or one model for all"
            )
        params = made.params
        return replace(
            made.with_model(self.fitted), params=params, colors=dict(self.colors)
        )


class ApplyStep(NamedTuple):
    """A step of "Apply to": how far it is, and the table of a picture that is done."""

    progress: BatchProgress
    table: Table | None = None

    @property
    def done(self) -> int:
        """Pictures that are done."""
        return self.progress.done

    @property
    def total(self) -> int:
        """All pictures."""
        return self.progress.total


@dataclass(frozen=True, eq=False)
class ApplyRequest:
    """Pictures, what is done with each, and where results go.

    Attributes
    ----------
    pictures : tuple of Picture
    treatment : Treatment
    to_files : bool
        Whether results become files; otherwise layers.
    folder : Path or None
        Of the files; None is beside each picture.
    force : bool
        Whether labels that this plugin or its command wrote are replaced.
    layers : tuple of PictureLayers or None
        Those of each picture; None for files.
    """

    pictures: tuple[Picture, ...]
    treatment: Treatment
    to_files: bool = False
    folder: Path | None = None
    force: bool = False
    layers: tuple[PictureLayers | None, ...] = ()

    def iter_apply(self) -> Generator[ApplyStep, None, tuple[Outcome, ...]]:
        """Yield steps, and return what became of each picture; any thread may do so."""
        plans = self._plans() if self.to_files else dict[int, OutputPlan | Outcome]()
        outcomes = {n: one for n, one in plans.items() if isinstance(one, Outcome)}
        total = len(self.pictures)
        for done, outcome in enumerate(outcomes.values(), start=1):
            step = BatchProgress(done, total, outcome.name, outcome=outcome)
            yield ApplyStep(step)
        left = [n for n in range(total) if n not in outcomes]
        wanted = [plan for n in left if isinstance(plan := plans.get(n), OutputPlan)]
        steps = iter_apply(
            [self.pictures[n] for n in left],
            self.treatment,
            plans=wanted if self.to_files else None,
            force=self.force,
        )
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                outcomes |= dict(zip(left, stop.value, strict=True))
                return tuple(outcomes[n] for n in range(total))
            table = None
            if step.outcome is not None and step.outcome.treated is not None:
                table = table_of(step.outcome.treated)
            done = step.done + total - len(left)
            yield ApplyStep(step._replace(done=done, total=total), table)

    def _plans(self) -> dict[int, OutputPlan | Outcome]:
        """Return where the result of each goes, or why it cannot go anywhere."""
        paths = [one.path for one in self.pictures if one.path is not None]
        real = {Path(os.path.realpath(path)) for path in paths}
        found: dict[int, OutputPlan | Outcome] = {}
        for n, picture in enumerate(self.pictures):
            try:
                found[n] = self._plan(picture)
            except (OSError, ValueError) as error:
                found[n] = failed(picture, error)
        plans = {n: plan for n, plan in found.items() if isinstance(plan, OutputPlan)}
        count = Counter(plan.labels for plan in plans.values())
        for n, plan in plans.items():
            try:
                self._check(plan, self.pictures[n], real, count[plan.labels])
            except (OSError, ValueError) as error:
                found[n] = failed(self.pictures[n], error)
        return found

    def _plan(self, picture: Picture) -> OutputPlan:
        if picture.path is not None:
            folder = picture.path.parent if self.folder is None else self.folder
            inner = replace(picture, folder=Path())
            _, [plan] = plan_outputs([inner], folder / "{stem}_labels.tif")
            return plan
        if self.folder is None:
            raise ValueError(
                "it is a layer and no file, so that there is no place beside it; "
                "choose a folder for the results"
            )
        stem = "".join("_" if c in _FORBIDDEN or c < " " else c for c in picture.name)
        name = fitting_name(stem, "_labels.tif")
        return OutputPlan(picture.name, self.folder / name, None, (self.folder,))

    def _check(
        self, plan: OutputPlan, picture: Picture, real: Collection[Path], count: int
    ) -> None:
        labels = plan.labels
        if count > 1:
            raise ValueError(
                f"{count} pictures would write {labels}; rename one, or apply to them "
                "one after the other, with a folder for each"
            )
        if labels.exists() and not self.force:
            raise FileExistsError(
                f"{labels} is there already, and stays as it is; check “Replace "
                "earlier results”, or choose another folder"
            )
        if labels.exists() and not is_label_file(labels):
            raise FileExistsError(
                f"{labels} was not written by this plugin, and stays as it is; choose "
                "another folder"
            )
        if picture.path is not None:
            check_plan(plan, picture.path, real, force=self.force)
        elif labels.parent.exists():
            check_target(labels, LABEL_SUFFIXES, force=self.force)
        else:
            check_access(labels.parent)
