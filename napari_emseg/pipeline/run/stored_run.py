"""What is asked of a run whose labels go to disk, and how its tasks are begun."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg import __version__
from napari_emseg.engine.cells.counting import find_coding
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.io.store.stored_array import identity_of
from napari_emseg.pipeline.parallel import workers_for
from napari_emseg.pipeline.run.tile_work import (
    TileWork,
    iter_tasks,
    shares_memory,
)
from napari_emseg.pipeline.segmentation import (
    Segmentation,
    labeler_of,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.axes import AxisOrder
    from napari_emseg.engine.labels.labeler import Labeler
    from napari_emseg.io.store.label_target import LabelTarget
    from napari_emseg.io.store.run_journal import RunJournal
    from napari_emseg.params import Params
    from napari_emseg.pipeline.axes.working_input import WorkingInput
    from napari_emseg.pipeline.fitting import Fit
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.source import SegmentationInput

    Steps = Generator[Progress, None, Segmentation]


@dataclass(frozen=True, slots=True, eq=False)
class StoredRun:
    """What is to be segmented, and where the labels go.

    Attributes
    ----------
    image : SegmentationInput
        What is labeled.
    working : WorkingInput
        The same as it is worked on.
    coarse : SegmentationInput
        What is fitted; perhaps the same.
    params : Params
        What was asked for.
    target : LabelTarget
        Where the labels go.
    choices : dict
        What else was asked for, as JSON has it.
    model, start : Model or None
        As for `napari_emseg.segment`, in the units that are worked with.
    """

    image: SegmentationInput
    working: WorkingInput
    coarse: SegmentationInput
    params: Params
    target: LabelTarget | None
    choices: Mapping[str, Any]
    model: Model | None = None
    start: Model | None = None

    @property
    def fine(self) -> SegmentationInput:
        """What is labeled, as it is worked on."""
        return self.working.source

    @property
    def order(self) -> AxisOrder | None:
        """Of the axes that are worked on, if it is not that of the image."""
        return self.working.order if self.working.order.changes else None

    def labeler(
        self, fine: SegmentationInput, fit: Fit, table: NDArray[np.uint8] | None
    ) -> Labeler:
        """Return what labels any tile."""
        coding = None if table is None else coding_of(fine)
        return labeler_of(fine, coding, self.params, fit, lambda: table)

    def asked(self) -> dict[str, Any]:
        """Return all that the labels depend on, as JSON has it."""
        picture, target = self.image.picture, self.target
        assert target is not None
        found: dict[str, Any] = {
            "napari-emseg": __version__,
            "params": self.params.model_dump(mode="json"),
            "image": identity_of(picture.source),
            "color": [picture.rgb, picture.channel_axis, picture.given_scale],
            "axes": picture.all_axes,
            "labels": [target.kind, *target.shape],
            **self.choices,
        }
        for name in ("model", "start"):
            given = getattr(self, name)
            if given is not None:
                found[name] = digest_of(
                    FittedModel.of(given).model_dump_json().encode()
                )
        for name, array in (
            ("mask", self.image.mask),
            ("seed_labels", self.image.seed_labels),
        ):
            if isinstance(array, np.ndarray):
                found[name] = digest_of(np.ascontiguousarray(array).data)
        return found


def digest_of(*parts: Any) -> str:
    """Return a digest of bytes, in few letters."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def coding_of(source: SegmentationInput) -> Coding | None:
    """Return how the values of an image are coded, if it has a palette."""
    if not source.space.plain:
        return None
    return find_coding(source.picture, source.space.color)


def start_tasks(
    work: TileWork,
    task: str,
    arguments: list[tuple[Any, ...]],
    journal: RunJournal | None,
    executor: Executor | None,
    *,
    planes: int,
) -> Any:
    """Begin tasks: here, in threads, or in other processes by name."""
    if shares_memory(executor):
        pool = executor or workers_for(len(arguments))
        return iter_tasks(work, task, arguments, pool, planes=planes)
    assert journal is not None
    others = work.for_others()
    if others is not None:
        shared = journal.share(others)
        return iter_tasks(shared, task, arguments, executor, planes=planes)
    if task == "count":
        return iter_tasks(work, task, arguments, None, planes=planes)
    shared = journal.share(replace(work, source=None))
    return iter_tasks(shared, task, arguments, executor, read=work.read, planes=planes)
