"""What is asked of an image that is larger than memory: levels, tissue, a place."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_emseg.io.store.stored_array import read_here
from napari_emseg.io.store.stored_image import StoredImage
from napari_emseg.io.store.target_plan import plan_target
from napari_emseg.pipeline.axes.plane_series import separate_axes
from napari_emseg.pipeline.axes.working_input import WorkingInput, as_start
from napari_emseg.pipeline.run.coarse_view import CoarseMask, find_tissue
from napari_emseg.pipeline.run.large_fit import LEVEL
from napari_emseg.pipeline.run.stored import iter_into, iter_stored
from napari_emseg.pipeline.run.stored_run import StoredRun

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Executor

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.params import Params
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput

    Read = Callable[[Any, float | None], SegmentationInput]

# Pixels at which tissue is looked for.
_SEEN = 2**22


@dataclass(frozen=True, slots=True)
class LargeRequest:
    """What is asked of an image besides parameters, as `napari_emseg.segment` has it.

    Attributes
    ----------
    image, out, fit_level, tissue, resume, force
        As for `napari_emseg.segment`.
    """

    image: Any
    out: Any
    fit_level: int | Literal["auto"]
    tissue: bool | Literal["auto"]
    resume: bool
    force: bool

    @property
    def array(self) -> Any:
        """What is labeled."""
        if self._stored:
            return self.image.levels[0]
        return self.image if self.out is None else read_here(self.image)

    @property
    def named(self) -> bool:
        """Whether the labels go to a place on disk."""
        return isinstance(self.out, str | os.PathLike)

    @property
    def _stored(self) -> bool:
        return isinstance(self.image, StoredImage)

    def axes(
        self, channel_axis: int | None, rgb: bool | None
    ) -> tuple[int | None, bool | None, str | None]:
        """Return what the axes are: as the caller says, or else the file."""
        if not self._stored or channel_axis is not None or rgb is not None:
            return channel_axis, rgb, None
        if self.image.letters is not None:
            return None, None, self.image.letters
        return self.image.channel_axis, self.image.rgb or None, None

    def check(self, params: Params, mask: Any) -> None:
        """Refuse what cannot be done tile by tile, or says nothing.

        Raises
        ------
        TypeError, ValueError
            With the reason and what to do.
        """
        asked = {
            "fit_level": self.fit_level != "auto",
            "tissue": self.tissue != "auto",
            "resume": self.resume,
            "force": self.force,
        }
        if self.out is None:
            for name in filter(asked.get, asked):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is about labels that go to disk, "
                    "but no place is given; pass out=, or leave it out"
                )
            return
        if self.resume and not self.named:
            raise ValueError(
                "resume=True goes on with labels at a place on disk, but out is an "
                "array; pass a path"
            )
        if not self.named:
            _check_array(self.out, self.image)
        _check_apart(self.out, self.image)
        if params.min_size > 1:
            raise ValueError(
                f"min_size={params.min_size} needs all labels in memory, but out= is "
                "for those that are larger; set it to 0"
            )
        if params.bias:
            raise ValueError(
                "bias=True needs the whole image in memory, but out= is for those that "
                "are larger; leave one of them out"
            )
        if self.tissue is True and mask is not None:
            raise ValueError(
                "tissue=True finds out what is segmented, but a mask says it; pass one "
                "of them"
            )
        levels = len(self.image.levels) if self._stored else 1
        if self.fit_level != "auto" and not 0 <= self.fit_level < levels:
            raise ValueError(
                f"fit_level={self.fit_level}, but the image has the levels 0 to "
                f"{levels - 1}; choose one of them"
            )

    def level(self, params: Params, *, whole: bool) -> int:
        """Return the level that is fitted."""
        if self.fit_level != "auto":
            return self.fit_level
        # Texture and place look different at other sizes.
        if not self._stored or whole or params.texture > 0 or params.position > 0:
            return 0
        sizes = [_pixels(self.image, one.shape) for one in self.image.levels]
        fits = [level for level, size in enumerate(sizes) if size <= LEVEL]
        return fits[0] if fits else len(sizes) - 1


def _pixels(image: StoredImage, shape: tuple[int, ...]) -> int:
    """Return how many pixels a level has, whatever their channels."""
    size = int(np.prod(shape))
    axis = len(shape) - 1 if image.rgb else image.channel_axis
    return size if axis is None else size // shape[axis]


def _check_array(out: Any, image: Any) -> None:
    if not all(hasattr(out, name) for name in ("shape", "dtype", "__setitem__")):
        raise TypeError(
            f"out is of type {type(out).__name__}, but labels go to a path or to an "
            "array that takes parts; pass one"
        )
    if np.dtype(out.dtype).kind not in "ui":
        raise TypeError(
            f"out has values of type {out.dtype}, but labels are whole numbers; make "
            "it uint8"
        )
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError("out is read-only; pass an array that can be written to")
    if out is image or (
        isinstance(out, np.ndarray)
        and isinstance(image, np.ndarray)
        and np.may_share_memory(out, image)
    ):
        raise ValueError("out is the image itself; pass another array")


def _check_apart(out: Any, image: Any) -> None:
    """Refuse to write labels over the file that the image is read from."""
    target = (
        Path(out).resolve() if isinstance(out, str | os.PathLike) else _file_of(out)
    )
    if target is not None and target == _file_of(image):
        raise ValueError(f"{target} is the image itself; choose another name")


def _file_of(array: Any) -> Path | None:
    """Return where an array lies on disk, if it tells."""
    root = getattr(getattr(array, "store", None), "root", None)  # of Zarr
    if isinstance(root, Path):
        return root.joinpath(array.path).resolve()
    name = getattr(array, "filename", None)  # of a memory map
    return Path(name).resolve() if isinstance(name, str | os.PathLike) else None


def iter_large(
    asked: LargeRequest,
    fine: SegmentationInput,
    read: Read,
    params: Params,
    model: Model | None,
    start: Model | None,
    executor: Executor | None,
    *,
    told: bool,
) -> Generator[Progress, None, Segmentation]:
    """Segment an image to a place; it is checked at once, before the first step.

    Parameters
    ----------
    asked : LargeRequest
        What is to be done.
    fine : SegmentationInput
        The image.
    read : callable
        Checks a level of it, and the value that is white there.
    params, model, start, executor
        As for `napari_emseg.segment`.
    told : bool
        Whether a mask or seed labels were given.
    """
    shape = fine.picture.shape
    if not asked.named and tuple(asked.out.shape) != shape:
        raise ValueError(
            f"out has the shape {tuple(asked.out.shape)}, but the image {shape}, one "
            "label for each pixel, without channels; make it of this shape"
        )
    image = asked.image if isinstance(asked.image, StoredImage) else None
    target = None
    if asked.named:
        target = plan_target(
            asked.out, image, shape, force=asked.force, resume=asked.resume
        )
    if model is None and separate_axes(fine, params):
        raise ValueError(
            f"planes={params.planes!r} and channels={params.channels!r} fit parts by "
            "themselves, but out= is for one model of all; leave one of them out, or "
            "segment the parts one by one"
        )
    level = asked.level(params, whole=told)
    coarse = fine
    if image is not None and level > 0:
        if told:
            raise ValueError(
                f"fit_level={level}, but mask and seed_labels are of the finest level; "
                "pass fit_level=0, or leave them out"
            )
        white = fine.picture.full_scale if fine.picture.rgb else None
        coarse = replace(read(image.levels[level], white), space=fine.space)
        if fine.mask is not None:  # without dark corners
            small_mask = CoarseMask(fine.mask, coarse.picture.shape)
            coarse = replace(coarse, mask=np.asarray(small_mask))
    tissue = None
    if asked.tissue and not told and fine.mask is None and image is not None:
        tissue = _tissue(image, fine, doubtful=asked.tissue == "auto")
    if tissue is None and asked.tissue is True:
        raise ValueError(
            "tissue=True, but no glass is found: that takes a level of 8-bit color of "
            f"at most {_SEEN} pixels, with both; pass a mask, or leave it out"
        )
    if tissue is not None:
        same = coarse is fine
        of_fine: Any = CoarseMask(tissue, shape)
        of_coarse: Any = CoarseMask(tissue, coarse.picture.shape)
        fine = replace(fine, mask=of_fine)
        coarse = fine if same else replace(coarse, mask=of_coarse)
    choices = {"fit_level": level, "tissue": tissue is not None}
    # A model that is applied plane by plane smooths each by itself.
    planes = "together" if params.planes == "each" else params.planes
    working = WorkingInput.of(fine, planes)
    small = working if coarse is fine else WorkingInput.of(coarse, planes)
    run = StoredRun(
        fine,
        working,
        small.source,
        params,
        target,
        choices,
        working.into(model),
        as_start(working.into(start)),
    )
    if target is None:
        return iter_into(run, asked.out, executor)
    return iter_stored(run, executor, resume=asked.resume, force=asked.force)


def _tissue(image: StoredImage, fine: SegmentationInput, *, doubtful: bool) -> Any:
    """Return where tissue is, at few pixels; None if there is no glass to be seen."""
    flat = len(fine.picture.shape) == 2 and image.rgb and image.dtype == np.uint8
    if not flat or (doubtful and len(image.levels) == 1):
        return None
    small = [one for one in image.levels if _pixels(image, one.shape) <= _SEEN]
    return find_tissue(small[0][()], doubtful=doubtful) if small else None
