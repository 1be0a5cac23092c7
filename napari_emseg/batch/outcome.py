"""What becomes of one picture of a batch: labels, files, rows, or an error."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_emseg.batch.description import BATCH
from napari_emseg.batch.label_record import (
    JOINT,
    ROWS,
    SETTINGS,
    SOURCE,
    stamp_of,
    write_result,
)
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.pipeline.progress import collecting

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_emseg.batch.label_table import SharedLabels
    from napari_emseg.batch.output_plan import OutputPlan
    from napari_emseg.batch.picture import Content, Picture
    from napari_emseg.batch.treatment import Row, Treated, Treatment
    from napari_emseg.pipeline.progress import Progress


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one picture.

    Attributes
    ----------
    name : str
        Of the picture.
    status : {"done", "skipped", "failed"}
    path : Path or None
        Of the picture, if it is a file.
    treated : Treated or None
        Labels and their classes; None where they only went to files.
    plan : OutputPlan or None
        The files that were written.
    rows : tuple of dict
        Of the table: class, name, pixels, fraction, area, unit, mean colors.
    summary : str
        How well the classes fit, in words; empty if a model was applied.
    colors : dict of int to (R, G, B)
        Of the classes, in [0, 1].
    seconds : float
    messages : tuple of str
        What the user should know of the picture.
    error : Exception or None
        Why it failed.
    content : Content or None
        The picture itself, where labels are.
    """

    name: str
    status: Literal["done", "skipped", "failed"]
    path: Path | None = None
    treated: Treated | None = None
    plan: OutputPlan | None = None
    rows: tuple[Row, ...] = ()
    summary: str = ""
    colors: dict[int, tuple[float, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    messages: tuple[str, ...] = ()
    error: Exception | None = None
    content: Content | None = None


@dataclass(frozen=True)
class WritingOptions:
    """How results are written.

    Attributes
    ----------
    force : bool
        Replace files that exist.
    settings : dict
        What decides the labels, for the files to remember.
    joint : dict or None
        The model that was fitted to all pictures, as JSON has it.
    """

    force: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    joint: dict[str, Any] | None = None


def iter_outcome(
    picture: Picture,
    plan: OutputPlan | None,
    treatment: Treatment,
    writing: WritingOptions,
    shared: SharedLabels | None = None,
    max_bytes: int | None = None,
) -> Generator[Progress, None, Outcome]:
    """Yield the progress of one picture; return what became of it."""
    start = time.perf_counter()
    messages: list[str] = []
    try:
        stack = treatment.rgb is False
        named = treatment.axes if stack else None
        content = picture.read(max_bytes, stack=stack, axes=named)
        messages += content.messages
        steps = treatment.iter_labels(content, shared)
        treated: Treated = yield from collecting(steps, messages.append)
        seconds = time.perf_counter() - start
        if plan is not None:
            plan = write_result(
                plan,
                treated.labels,
                _about(picture, plan, treated, treatment, writing),
                colors=treated.colors,
                names=treated.names,
                spacing=content.spacing,
                axes=treated.seg.label_axes,
                force=writing.force,
            )
    except Exception as error:  # the others are done all the same
        return failed(picture, error, messages)
    return Outcome(
        picture.name,
        "done",
        picture.path,
        treated=treated if plan is None else None,
        plan=plan,
        rows=treated.rows,
        summary=_quality(treated),
        colors=dict(treated.colors),
        seconds=seconds,
        messages=tuple(messages),
        content=content if plan is None else None,
    )


def failed(picture: Picture, error: Exception, messages: Sequence[str] = ()) -> Outcome:
    """Return the outcome of a picture that cannot be treated.

    For the exception that stopped it.
    """
    told = tuple(messages)
    return Outcome(picture.name, "failed", picture.path, error=error, messages=told)


def _quality(treated: Treated) -> str:
    seg = treated.seg
    if not seg.objective:
        return ""
    model, value = seg.model, seg.objective[-1]
    return f"{model.objective_name} {value:.4f} {model.objective_unit}"


def _about(
    picture: Picture,
    plan: OutputPlan,
    treated: Treated,
    treatment: Treatment,
    writing: WritingOptions,
) -> dict[str, Any]:
    """Return what a file of labels remembers, as one that napari wrote."""
    entry: dict[str, Any] = {SETTINGS: writing.settings, ROWS: list(treated.rows)}
    if picture.path is not None:
        entry[SOURCE] = stamp_of(picture.path)
    if writing.joint is not None:
        entry[JOINT] = writing.joint
    model = FittedModel.of(treated.seg.model)
    found = {
        "params": treatment.params.model_dump(),
        "recipe": treated.recipe.model_dump(mode="json"),
        "model": model.model_dump(mode="json", exclude_none=True),
        BATCH: entry,
    }
    if picture.path is None:
        return found
    try:
        # Both files may move together.
        place = os.path.relpath(picture.path.resolve(), plan.labels.resolve().parent)
    except ValueError:  # it lies on another drive
        place = picture.path.name
    path = Path(place).as_posix()
    note = {"name": picture.path.stem, "as_stored": False, "path": path}
    return found | {"image": note}
