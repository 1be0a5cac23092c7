"""One treatment for many pictures, one after the other or several at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_emseg.batch.joint_fit import JointFit, iter_fit
from napari_emseg.batch.label_record import JOINT, ROWS, digest_of, find_done, stamp_of
from napari_emseg.batch.label_table import SharedLabels
from napari_emseg.batch.outcome import (
    Outcome,
    WritingOptions,
    failed,
    iter_outcome,
)
from napari_emseg.batch.picture import Picture, as_picture
from napari_emseg.batch.workers import iter_workers
from napari_emseg.pipeline.progress import Progress, map_steps

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from napari_emseg.batch.output_plan import OutputPlan
    from napari_emseg.batch.treatment import Treatment


class BatchProgress(NamedTuple):
    """How far a batch is.

    For a progress bar.

    Attributes
    ----------
    done, total : int
        Pictures.
    name : str
        Of the picture that this is about; empty for all together.
    step : Progress or None
        A step of it.
    outcome : Outcome or None
        What became of it, when it is done.
    """

    done: int
    total: int
    name: str
    step: Progress | None = None
    outcome: Outcome | None = None


def iter_apply(
    images: Iterable[Any],
    treatment: Treatment,
    *,
    plans: Sequence[OutputPlan | None] | None = None,
    force: bool = False,
    resume: bool = False,
    jobs: int = 1,
    max_bytes: int | None = None,
) -> Generator[BatchProgress, None, tuple[Outcome, ...]]:
    """Treat pictures one by one; to cancel, stop iterating.

    Parameters
    ----------
    images : iterable of Picture, path or array_like
        Files are read when their turn comes.
    treatment : Treatment
        What is done with each. If it is joint, a model of all is fitted first, from
        pictures that are read once for that.
    plans : sequence of OutputPlan or None, optional
        Where the results of each go; without it they stay in the outcomes.
    force : bool, optional
        Replace files that exist.
    resume : bool, optional
        Leave out what `plans` tell is done: with the same settings, of the same files.
    jobs : int, optional
        Processes that work at a time; more than one needs `plans`.
    max_bytes : int, optional
        As for `napari_emseg.files.read_image`.

    Yields
    ------
    BatchProgress
        At each step of a picture, and with its outcome.

    Returns
    -------
    tuple of Outcome
        One for each picture, in their order. A picture that fails does not stop the
        others.

    Raises
    ------
    ValueError
        If files were made with other settings and `resume` is given: nothing has been
        done then.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> from napari_emseg.batch import Treatment
    >>> images = [np.uint8([[9, 9], [9, 200]]), np.uint8([[9, 200], [200, 200]])]
    >>> treatment = Treatment(emseg.Params(n_classes=2, smoothing=0), joint=True)
    >>> steps = iter_apply(images, treatment)
    >>> [step.outcome.rows[1]["pixels"] for step in steps if step.outcome]
    [1, 3]
    """
    pictures = [as_picture(image, n) for n, image in enumerate(images, start=1)]
    if jobs > 1 and plans is None:
        raise ValueError(
            f"jobs={jobs} work in processes of their own, which give back files alone; "
            "pass plans, or jobs=1"
        )
    settings = _settings(pictures, treatment)
    outcomes: dict[int, Outcome] = {}
    if resume and plans is not None:
        outcomes, joint = _done_before(pictures, plans, settings)
        if joint is not None and treatment.joint:
            treatment = treatment.with_model(JointFit.of_json(joint))
    total = len(pictures)
    for done, outcome in enumerate(outcomes.values(), start=1):
        yield BatchProgress(done, total, outcome.name, outcome=outcome)
    if treatment.joint and len(outcomes) < total:
        treatment = yield from _fitted(pictures, treatment, outcomes, max_bytes)
    stored = None
    if settings["how"] == "joint" and treatment.fitted is not None:
        stored = treatment.fitted.as_json()
    writing = WritingOptions(force, settings, stored)
    left = [index for index in range(total) if index not in outcomes]
    tasks = [(pictures[i], None if plans is None else plans[i]) for i in left]
    if jobs > 1 and len(tasks) > 1:
        # Tables of colors would be sent to each worker.
        if treatment.fitted is not None:
            treatment = replace(treatment, fitted=replace(treatment.fitted, tables={}))
        steps = iter_workers(tasks, treatment, writing, jobs, max_bytes)
    else:
        steps = iter_alone(tasks, treatment, writing, max_bytes)
    for place, found in steps:
        name = pictures[left[place]].name
        if isinstance(found, Outcome):
            outcomes[left[place]] = found
            yield BatchProgress(len(outcomes), total, name, outcome=found)
        else:
            yield BatchProgress(len(outcomes), total, name, found)
    return tuple(outcomes[index] for index in range(total))


def _fitted(
    pictures: Sequence[Picture],
    treatment: Treatment,
    outcomes: dict[int, Outcome],
    max_bytes: int | None,
) -> Generator[BatchProgress, None, Treatment]:
    """Fit one model to all pictures; those that cannot be read become outcomes."""
    total, known = len(pictures), len(outcomes)

    def fail(number: int, error: Exception) -> None:
        outcomes[number - 1] = failed(pictures[number - 1], error)

    def told(step: Progress) -> BatchProgress:
        return BatchProgress(known, total, "", step)

    steps = iter_fit(
        pictures,
        treatment.params,
        rgb=treatment.rgb,
        channel_axis=treatment.channel_axis,
        full_scale=treatment.full_scale,
        axes=treatment.axes,
        max_bytes=max_bytes,
        fail=fail,
    )
    try:
        fitted = yield from map_steps(steps, told)
    except ValueError:
        if len(outcomes) < total:
            raise
    else:
        treatment = treatment.with_model(fitted)
    bad = [outcome for outcome in outcomes.values() if outcome.status == "failed"]
    for done, outcome in enumerate(bad, start=known + 1):
        yield BatchProgress(done, total, outcome.name, outcome=outcome)
    return treatment


def _at(place: int, step: Progress) -> tuple[int, Progress]:
    return place, step


def iter_alone(
    tasks: Sequence[tuple[Picture, OutputPlan | None]],
    treatment: Treatment,
    writing: WritingOptions,
    max_bytes: int | None = None,
) -> Generator[tuple[int, Progress | Outcome], None, None]:
    """Yield the place of a task with each of its steps, and with its outcome."""
    fitted = treatment.fitted
    shared = None if fitted is None else SharedLabels(fitted.model, fitted.tables)
    for place, (picture, plan) in enumerate(tasks):
        steps = iter_outcome(picture, plan, treatment, writing, shared, max_bytes)
        outcome = yield from map_steps(steps, partial(_at, place))
        yield place, outcome


def _settings(pictures: Sequence[Picture], treatment: Treatment) -> dict[str, Any]:
    """Return what decides the labels; of a joint model, all pictures do."""
    settings = treatment.settings()
    if treatment.joint:
        paths = [picture.path for picture in pictures if picture.path is not None]
        stamps = [stamp_of(path) for path in paths if path.is_file()]
        settings["pictures"] = digest_of(stamps)
    return settings


def _done_before(
    pictures: Sequence[Picture],
    plans: Sequence[OutputPlan | None],
    settings: dict[str, Any],
) -> tuple[dict[int, Outcome], dict[str, Any] | None]:
    """Return outcomes of what is done, and the model of all pictures if there is one.

    Raises
    ------
    ValueError
        If something was made in another way.
    """
    found: dict[int, Outcome] = {}
    joint = None
    for index, (picture, plan) in enumerate(zip(pictures, plans, strict=True)):
        if plan is None or picture.path is None or not picture.path.is_file():
            continue
        entry = find_done(plan.labels, settings, picture.path)
        if entry is None:
            continue
        if plan.overlay is not None and not plan.overlay.exists():
            continue
        rows = tuple(entry.get(ROWS, ()))
        found[index] = Outcome(
            picture.name, "skipped", picture.path, plan=plan, rows=rows
        )
        joint = entry.get(JOINT) if joint is None else joint
    return found, joint
