"""The facade: an image and its parameters go in, a segmentation comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from napari_emseg.engine.cluster.fit_state import bounded
from napari_emseg.engine.image.color_space import has_light
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.labels.labeler import check_model
from napari_emseg.params import Params
from napari_emseg.pipeline.axes.plane_series import iter_each, separate_axes
from napari_emseg.pipeline.axes.working_input import WorkingInput, as_start, features_of
from napari_emseg.pipeline.fitting import Fit, check_start, iter_fits
from napari_emseg.pipeline.missing_data import (
    warn_of_marks,
    warn_of_order,
    warn_of_scale,
    without_corners,
)
from napari_emseg.pipeline.parallel import one_thread, one_thread_a_step
from napari_emseg.pipeline.progress import Progress as Progress
from napari_emseg.pipeline.progress import finish, map_steps
from napari_emseg.pipeline.run.large_image import LargeRequest, iter_large
from napari_emseg.pipeline.segmentation import Segmentation as Segmentation
from napari_emseg.pipeline.segmentation import (
    iter_join_small,
    iter_labels,
    make_labeler,
)
from napari_emseg.pipeline.source import (
    SegmentationInput,
    as_source,
    count_source,
    find_space,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Generator
    from concurrent.futures import Executor

    from numpy.typing import ArrayLike

    from napari_emseg.engine._types import FloatArray
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.model import Model


def features(
    image: ArrayLike,
    *,
    color: str = "auto",
    texture: float = 0.0,
    position: float = 0.0,
    stains: str | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
    planes: Literal["volume", "together", "each"] = "volume",
) -> FloatArray:
    """Return the features of an image: what is clustered.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like
        As for `segment`.
    color : str, optional
        Color space, as in `Params`.
    texture, position : float, optional
        Weights of texture and position, as in `Params`.
    stains : str, optional
        Vectors for ``color="stains"``, as in `Params`; those of its default, if none.
    channel_axis : int, optional
        Axis of the channels of images that are not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.
    full_scale : float, optional
        The value that is white in RGB, such as 4095 for 12 bit. By default that of the
        type, or of 16 bit the smallest 2ⁿ - 1 that holds (nearly) all values.
    axes : str, optional
        As for `segment`.
    planes : {"volume", "together", "each"}, optional
        As in `Params`: position is that in a volume, or in each plane.

    Returns
    -------
    (…, Y, X, D) ndarray of float32
        Lab and Luv with L in 0..100; other color spaces in 0..100; without
        conversion the image's own units. RGB whose channels are equal everywhere is
        one plane, D = 1, unless a color space is asked for.

    Raises
    ------
    TypeError, ValueError
        As `segment`.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> red = np.full((2, 2, 3), (255, 0, 0), np.uint8)
    >>> emseg.features(red).round(1)[0, 0]
    array([53.2, 80.1, 67.2], dtype=float32)
    """
    picture = as_lazy_image(
        image, channel_axis=channel_axis, rgb=rgb, full_scale=full_scale, axes=axes
    )
    if rgb is None and axes is None:
        warn_of_order(picture)
    # Which knows the default, and refuses what cannot be.
    params = Params(color=color, planes=planes)
    if stains is not None:
        params = params.replace(stains=stains)
    space = find_space(picture, params.color_space, texture, position)
    return features_of(as_source(picture, None, None, space), params.planes)


def segment(
    image: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    seed_labels: ArrayLike | None = None,
    model: Model | None = None,
    start: Model | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
    executor: Executor | None = None,
    out: str | os.PathLike[str] | Any = None,
    fit_level: int | Literal["auto"] = "auto",
    tissue: bool | Literal["auto"] = "auto",
    resume: bool = False,
    force: bool = False,
    **params: Any,
) -> Segmentation:
    """Find the classes of an image on all its pixels.

    By K-means, or by expectation-maximization (EM) of a Gaussian mixture model,
    with a Markov random field over neighbors. Unsupervised semantic segmentation:
    nothing is trained.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like
        bool, integer or float; numpy, dask, zarr or anything that slices. A last axis
        of 3 or 4 of uint8, uint16, or float in [0, 1] is RGB(A); alpha only
        tells which pixels are fully transparent, and these get 0.
    mask : (…, Y, X) array_like of bool, optional
        Pixels to segment; the others get label 0. Of a soft selection, those of at
        least half coverage.
    seed_labels : (…, Y, X) array_like of int, optional
        Labels 1..K of pixels whose class is known, 0 elsewhere. They keep it, they
        steer the fit, and their numbers stay; classes without any stay free. If all
        classes have some, EM without much noise fits more components than classes,
        which belong to the class whose seeds they explain.
    model : Model, optional
        A fitted model to apply as it is, instead of a fit.
    start : Model, optional
        A model of the same method to start the fit from, instead of seeding.
    channel_axis : int, optional
        Axis of the channels of images that are not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.
    full_scale : float, optional
        The value that is white in RGB, such as 4095 for 12 bit. By default that of the
        type, or of 16 bit the smallest 2ⁿ - 1 that holds (nearly) all values.
    axes : str, optional
        One letter for each axis of the image, such as "TZCYX": Y and X; Z for depth,
        along which planes are neighbors; C for channels or S for RGB; any other letter,
        such as T for time, is an axis along which they are not. By default what
        `channel_axis` and `rgb` leave are "TZYX" from the last on, or what the ``dims``
        of xarray say.
    executor : concurrent.futures.Executor, optional
        Labels tiles of the image in parallel, such as ``Client.get_executor()`` of a
        dask cluster; by default as many threads as OpenCV uses, so that
        ``cv2.setNumThreads(1)`` leaves one. Labels do not depend on it.
    out : path or (…, Y, X) array_like of int, optional
        Where the labels go, tile by tile, so that neither image nor labels are ever
        whole in memory: a file ``.npy`` or ``.btf`` (BigTIFF), a Zarr array ``.zarr``,
        or a store of OME-Zarr ``.ome.zarr``, which may be the image's own, with
        ``labels/NAME`` behind it if the labels have a name; or an array of integers
        that takes parts, such as a memory map.
    fit_level : int or "auto", optional
        Of an image of `napari_emseg.io.store.open_image`, the level that is fitted,
        0 the finest; by default the finest of at most 16 megapixels. The finest is
        labeled.
    tissue : bool or "auto", optional
        Whether glass of a whole slide is left out, and has no label; see
        `napari_emseg.io.store`. By default where it is plain to see.
    resume : bool, optional
        Go on with a run into `out` that was interrupted, even by force. Its labels
        will be those of one that was not.
    force : bool, optional
        Replace what `out` names, and throw away a run that was interrupted.
    **params
        Fields of `Params`.

    Returns
    -------
    Segmentation

    Raises
    ------
    TypeError
        If the image's type cannot be segmented.
    ValueError
        If a parameter, a shape or a value is out of bounds; the message names it.

    Warns
    -----
    UserWarning
        If there are fewer classes than asked for, or if a value seems to mark missing
        data.

    Notes
    -----
    The labels depend on the image and the parameters alone: not on the memory layout,
    on the number of threads, or on how the image is cut into blocks.

    References
    ----------
    A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete
    data via the EM algorithm", J. R. Stat. Soc. B 39(1), 1-38, 1977.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.zeros((8, 8), np.uint8)
    >>> image[2:6, 2:6] = 200
    >>> emseg.segment(image, n_classes=2).table()["pixels"]
    array([48, 16])
    """
    steps = iter_segment(
        image,
        Params(**params),
        mask=mask,
        seed_labels=seed_labels,
        model=model,
        start=start,
        channel_axis=channel_axis,
        rgb=rgb,
        full_scale=full_scale,
        axes=axes,
        executor=executor,
        out=out,
        fit_level=fit_level,
        tissue=tissue,
        resume=resume,
        force=force,
    )
    # Once for all steps: each takes some microseconds to limit its threads.
    with one_thread():
        return finish(steps)


def iter_segment(
    image: ArrayLike,
    params: Params | None = None,
    *,
    mask: ArrayLike | None = None,
    seed_labels: ArrayLike | None = None,
    model: Model | None = None,
    start: Model | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
    executor: Executor | None = None,
    out: str | os.PathLike[str] | Any = None,
    fit_level: int | Literal["auto"] = "auto",
    tissue: bool | Literal["auto"] = "auto",
    resume: bool = False,
    force: bool = False,
) -> Generator[Progress, None, Segmentation]:
    """Segment an image step by step; to cancel, stop iterating.

    A generator of the iterations of EM or K-means.

    Parameters
    ----------
    image, mask, seed_labels, model, start, channel_axis, rgb, full_scale, axes
        As for `segment`. They are checked at once, before the first step.
    executor, out, fit_level, tissue, resume, force
        As for `segment`.
    params : Params, optional
        Everything else.

    Yields
    ------
    Progress
        For every part counted, iteration, and tile.

    Returns
    -------
    Segmentation

    Raises
    ------
    TypeError, ValueError
        As `segment`.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    >>> steps = emseg.iter_segment(image, emseg.Params(n_classes=2, smoothing=0))
    >>> sorted({step.stage for step in steps})
    ['colors', 'fit', 'label']
    """
    params = Params() if params is None else params
    large = LargeRequest(image, out, fit_level, tissue, resume=resume, force=force)
    if axes is None:
        channel_axis, rgb, axes = large.axes(channel_axis, rgb)
    large.check(params, mask)

    finest = large.array

    def read(array: Any, white: float | None) -> SegmentationInput:
        fine = array is finest
        like = start if model is None else model
        given = (mask, seed_labels) if fine else (None, None)
        # Levels are cut as the finest is; who asks for tissue says what counts.
        looked = params if fine and tissue is not True else params.replace(corners=True)
        found = read_input(
            array, looked, *given, channel_axis, rgb, white, axes, like=like
        )
        for one in (model, start):
            if one is not None:
                check_model(one, found.picture, found.space, found.seed_labels)
        return found

    source = read(finest, full_scale)
    if model is not None:
        warn_of_scale(source, model)
    if start is not None:
        check_start(start, params)
    if out is None:
        return iter_input(source, params, model, start, executor)
    told = mask is not None or seed_labels is not None
    return iter_large(large, source, read, params, model, start, executor, told=told)


def read_input(
    image: ArrayLike,
    params: Params,
    mask: ArrayLike | None = None,
    seed_labels: ArrayLike | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
    *,
    like: Model | None = None,
) -> SegmentationInput:
    """Check what is to be segmented; as `iter_segment`.

    `like` is a model that will be applied, or started from.
    """
    picture = as_lazy_image(
        image, channel_axis=channel_axis, rgb=rgb, full_scale=full_scale, axes=axes
    )
    if rgb is None and axes is None:
        warn_of_order(picture)
    if params.channels == "each":
        picture = picture.split()
    space = find_space(
        picture, params.color_space, params.texture, params.position, like=like
    )
    source = as_source(picture, mask, seed_labels, space)
    if not params.corners:
        source = without_corners(source, tell=True)
    if params.bias:
        _check_bias(source, params)
    if params.n_classes != "auto" and like is None:
        _check_seeds(source, params.n_classes)
    return source


def _check_seeds(source: SegmentationInput, n_classes: int) -> None:
    """Refuse labels of classes that are not asked for, inside the mask."""
    if source.seed_labels is None:
        return
    inside = True if source.mask is None else source.mask
    highest = int(source.seed_labels.max(where=inside, initial=0))
    if highest > n_classes:
        raise ValueError(
            f"seed_labels go up to {highest}, but n_classes={n_classes}: a class "
            f"has a number from 1 to {n_classes}; pass n_classes={highest}, "
            "n_classes='auto', or renumber the labels"
        )


def _check_bias(source: SegmentationInput, params: Params) -> None:
    if len(source.picture.shape) > 3:
        raise ValueError(
            f"bias=True needs an image with 2 or 3 spatial axes, but this one has the "
            f"shape {source.picture.shape}; segment its parts one by one"
        )
    if not has_light(source.space.color):
        raise ValueError(
            f"bias=True divides by light, which color={params.color!r} has none of; "
            "leave one of them out"
        )
    if not source.space.plain:
        raise ValueError(
            f"bias=True corrects color alone, but texture={source.space.texture} and "
            f"position={source.space.position}; set both to 0"
        )


@one_thread_a_step
def iter_input(
    source: SegmentationInput,
    params: Params,
    model: Model | None = None,
    start: Model | None = None,
    executor: Executor | None = None,
    census: CellCounts | None = None,
) -> Generator[Progress, None, Segmentation]:
    """Segment what `read_input` checked.

    A census of what `WorkingInput` makes of it may have been taken before.
    """
    if model is None and (apart := separate_axes(source, params)):

        def of_part(
            part: SegmentationInput, params: Params, start: Model | None
        ) -> Generator[Progress, None, Segmentation]:
            return _iter_one(part, params, None, start, executor)

        return (yield from iter_each(source, params, apart, of_part, start))
    return (yield from _iter_one(source, params, model, start, executor, census))


def _iter_one(
    source: SegmentationInput,
    params: Params,
    model: Model | None,
    start: Model | None,
    executor: Executor | None,
    census: CellCounts | None = None,
) -> Generator[Progress, None, Segmentation]:
    """Segment an image with one model."""
    # A model that is applied plane by plane smooths each by itself.
    planes = "together" if params.planes == "each" else params.planes
    working = WorkingInput.of(source, planes)
    seen = working.source
    if census is None:
        yield Progress("colors", 0, 0)
        census = count_source(seen)
    seen = replace(seen, core=census.cells.core)
    if model is not None:
        fit = Fit(working.into(model))
    else:
        warn_of_marks(seen, census)
        begin = as_start(working.into(start))
        steps = iter_fits(seen, census, params, begin)
        fit = yield from map_steps(steps, working.back_step)
    labeler = make_labeler(seen, census, params, fit)
    del census
    bias = None if fit.hidden is None else fit.hidden.bias
    labels = yield from iter_labels(seen, labeler, executor, bias)
    if params.min_size > 1:
        found = yield from iter_join_small(seen, labels, params.min_size)
        labels = found[1]
    states = tuple(working.back_state(state) for state in fit.states)
    return Segmentation(
        labels=working.restore(labels),
        model=working.back(fit.model),
        params=params,
        objective=tuple(state.objective for state in states),
        levels=tuple(state.level for state in states),
        converged=states[-1].converged if states else True,
        source=source if working.changes else seen,
        # Its table of 16 MB for the colors of 8 bit has done its work.
        labeler=replace(labeler, table=None),
        bias=None if bias is None else working.restore(bias),
        states=bounded(states),
        start=start,
        working=replace(working, source=seen) if working.changes else None,
    )
