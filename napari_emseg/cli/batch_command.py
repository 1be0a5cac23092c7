"""Many pictures: what the commands "segment" and "fit" do, and what they say."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_emseg.batch import (
    JointFit,
    Treatment,
    check_plan,
    failed,
    find_pictures,
    iter_apply,
    iter_fit,
    plan_outputs,
    tidy_csv,
)
from napari_emseg.cli.options import params_of_options
from napari_emseg.cli.outputs import print_outcome
from napari_emseg.cli.terminal import (
    DONE,
    FAILED,
    follow,
    follow_batch,
    pluralize,
    shown,
    status_of,
    tell,
    tell_of,
    text_of,
)
from napari_emseg.exchange import ClassScheme
from napari_emseg.io import files
from napari_emseg.io.safe_write import check_access, check_target
from napari_emseg.pipeline.progress import collecting
from napari_emseg.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_emseg.batch import Outcome, OutputPlan, Picture

TABLE = ".csv"
_MODEL = (".json",)
# So many files are named, and others counted.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What the command is asked for besides pictures and parameters."""

    output: Path
    overlay: Path | None = None
    axes: str | None = None
    recipe: Path | None = None
    model: Path | None = None
    joint: bool = False
    scheme: Path | None = None
    jobs: int = 1
    table: Path | None = None
    resume: bool = False
    as_json: bool = False
    force: bool = False
    max_bytes: int | None = None

    def of_batch(self, names: Sequence[Path], pictures: Sequence[Picture]) -> bool:
        """Return whether it is more than a list of files with a result for each."""
        paths = {picture.path for picture in pictures}
        return (
            any(name.is_dir() and name not in paths for name in names)
            or "{" in f"{self.output}{self.overlay}"
            or bool(self.recipe or self.model or self.scheme or self.table)
            or self.joint
            or self.resume
            or self.as_json
            or self.jobs > 1
        )


def make_treatment(options: BatchOptions, given: Mapping[str, Any]) -> Treatment:
    """Return what is done with each picture.

    Parameters
    ----------
    options : BatchOptions
    given : mapping
        Parameters that the user asks for, by name.

    Raises
    ------
    ValueError
        If two things do not go together.
    """
    params = params_of_options(dict(given))
    changes = {name: getattr(params, name) for name in given}
    if options.joint and options.model:
        raise ValueError(
            "--joint fits a model of these pictures, but --model brings one; leave one "
            "of them out"
        )
    if options.resume and options.force:
        raise ValueError(
            "--resume keeps what is done, but --force replaces it; leave one out"
        )
    if options.recipe:
        recipe = Recipe.load(options.recipe)
        treatment, left_out = Treatment.of_recipe(recipe, **changes)
        for one in left_out:
            tell(f"{options.recipe}: left out for other pictures: {one}")
    else:
        treatment = Treatment(params)
    if options.axes:
        treatment = replace(treatment, axes=options.axes, rgb=None, channel_axis=None)
    if options.model:
        treatment = treatment.with_model(JointFit.load(options.model), **changes)
    elif options.joint:
        treatment = replace(treatment, fitted=None, start=None, joint=True)
    if options.scheme:
        treatment = replace(treatment, scheme=ClassScheme.load(options.scheme))
    return treatment


def run_batch(
    names: Sequence[Path], options: BatchOptions, given: Mapping[str, Any]
) -> int:
    """Segment pictures, write their results, and say what came out.

    Returns
    -------
    int
        Exit status: 0; 2 if what was given is wrong; of a batch of which some pictures
        failed 1, otherwise what the last error says.
    """
    if options.jobs < 1:
        raise ValueError(
            f"--jobs {options.jobs} should be 1 or more; see napari-emseg segment "
            "--help"
        )
    treatment = make_treatment(options, given)
    if options.table:
        check_target(options.table, (TABLE,), force=options.force or options.resume)
    labels: list[Path] = []
    found = find_pictures(names, options.output, labels)
    _tell_of_labels(labels)
    found = [replace(one, axes=options.axes) for one in found]
    pictures, plans = plan_outputs(found, options.output, options.overlay)
    if len(pictures) > 1:  # one line, not one for each
        for folder in dict.fromkeys(plan.labels.parent for plan in plans):
            check_access(folder)
    outcomes = _refused(pictures, plans, options)
    for outcome in outcomes.values():
        _report(outcome, options)
    good = [index for index in range(len(pictures)) if index not in outcomes]
    replaced = options.force or options.resume
    steps = iter_apply(
        [pictures[index] for index in good],
        treatment,
        plans=[plans[index] for index in good],
        force=replaced,
        resume=options.resume,
        jobs=options.jobs,
        max_bytes=options.max_bytes,
    )
    # What a joint fit warns of; that of a picture comes with its outcome.
    steps = collecting(steps, tell)
    done = follow_batch(steps, lambda outcome: _report(outcome, options))
    outcomes |= dict(zip(good, done, strict=True))
    every = [outcomes[index] for index in range(len(pictures))]
    if options.table:
        files.write_text(options.table, tidy_csv(every), (TABLE,), force=replaced)
    bad = [one for one in every if one.error is not None]
    if bad and options.of_batch(names, pictures):
        tell(
            f"{len(bad)} of {pluralize(len(every), 'picture')} failed: "
            f"{', '.join(one.name for one in bad)}"
        )
        return FAILED
    errors = [one.error for one in bad if one.error is not None]
    return status_of(errors[-1]) if errors else DONE


def _refused(
    pictures: Sequence[Picture], plans: Sequence[OutputPlan], options: BatchOptions
) -> dict[int, Outcome]:
    """Return the outcomes of pictures that cannot be read, or written of."""
    paths = [picture.path for picture in pictures]
    real = {Path(os.path.realpath(path)) for path in paths if path is not None}
    found = {}
    for index, (picture, plan) in enumerate(zip(pictures, plans, strict=True)):
        assert picture.path is not None
        # What is there already is compared later, picture by picture.
        again = options.resume and plan.labels.exists()
        try:
            check_plan(plan, picture.path, real, force=options.force or again)
        except Exception as error:  # the others are done all the same
            found[index] = failed(picture, error)
    return found


def _report(outcome: Outcome, options: BatchOptions) -> None:
    """Say what became of a picture."""
    for message in outcome.messages:
        tell(f"{outcome.name}: {message}")
    if outcome.error is not None:
        tell_of(outcome.path or Path(outcome.name), outcome.error)
    if options.as_json:
        sys.stdout.write(f"{json.dumps(_as_json(outcome))}\n")
        sys.stdout.flush()
    elif outcome.error is None:
        print_outcome(outcome)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    """Return what became of a picture, as JSON has it."""
    plan = outcome.plan
    found: dict[str, Any] = {"file": outcome.name, "status": outcome.status}
    if outcome.error is not None:
        return found | {"error": text_of(outcome.error)}
    if plan is not None:
        found["labels"] = str(plan.labels)
        if plan.overlay is not None:
            found["overlay"] = str(plan.overlay)
    # JSON knows no NaN: of classes without pixels nothing is known.
    rows = [
        {key: None if value != value else value for key, value in row.items()}
        for row in outcome.rows
    ]
    return found | {"classes": rows, "seconds": round(outcome.seconds, 3)}


def _tell_of_labels(labels: Sequence[Path]) -> None:
    if labels:
        names = ", ".join(path.name for path in labels[:_NAMED])
        more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
        count = pluralize(len(labels), "file")
        tell(
            f"{count} of labels of this program left out: {names}{more}; name a file "
            "itself to take it for a picture"
        )


def run_fit(
    names: Sequence[Path],
    output: Path,
    given: Mapping[str, Any],
    *,
    axes: str | None = None,
    force: bool,
    max_bytes: int | None = None,
) -> None:
    """Fit one model to pictures, write it, and say so."""
    params = params_of_options(dict(given), command="fit")
    check_target(output, _MODEL, force=force)
    labels: list[Path] = []
    found = find_pictures(names, labels=labels)
    _tell_of_labels(labels)
    pictures = [replace(one, axes=axes) for one in found]
    start = time.perf_counter()
    steps = iter_fit(pictures, params, axes=axes, max_bytes=max_bytes)
    messages: list[str] = []
    fitted = follow(collecting(steps, messages.append))
    for message in messages:
        tell(message)
    fitted.save(output, force=force)
    shares = ", ".join(f"{100 * weight:.1f}" for weight in fitted.model.weights)
    model, value = fitted.model, fitted.objective[-1]
    told = (
        f"{pluralize(fitted.n_images, 'picture')} of {fitted.n_pixels} pixels: "
        f"{pluralize(fitted.n_classes, 'class', 'es')} ({shares} %), "
        f"{model.objective_name} {value:.4f} {model.objective_unit}, "
        f"{time.perf_counter() - start:.2f} s; model {output}"
    )
    sys.stdout.write(f"{shown(told)}\n")
