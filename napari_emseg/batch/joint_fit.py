"""One model of many images: its fit, its application, its file."""

from __future__ import annotations

import os
from collections.abc import Sized
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_emseg import __version__
from napari_emseg.batch.description import BATCH, read_about
from napari_emseg.batch.joint_counts import JointCounts
from napari_emseg.batch.label_record import JOINT
from napari_emseg.batch.picture import as_picture
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.params import Params
from napari_emseg.pipeline.fitting import (
    choose_distribution,
    choose_n_classes,
    chosen_options,
    darkest_first,
    report_classes,
)
from napari_emseg.pipeline.parallel import one_thread_a_step
from napari_emseg.pipeline.progress import Progress, finish
from napari_emseg.pipeline.segment import read_input, segment
from napari_emseg.recipe.recipe_file import read_file, write_file
from napari_emseg.recipe.step import explain_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.batch.label_table import TableKey
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.pipeline.segmentation import Segmentation

_Unit = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, eq=False)
class JointFit:
    """Classes that many images share, and what is needed to find them in others.

    To predict the classes of new images.

    Attributes
    ----------
    model : Model
        The classes, the darkest first; what `napari_emseg.segment` takes as ``model=``.
    params : Params
        What was asked for.
    objective : tuple of float
        One number per iteration, of all pixels: mean log-likelihood in nats, or inertia
        per pixel.
    converged : bool
        Whether the fit ended because nothing was left to gain.
    color : str
        Color space of the features; "none" and "plane" are the images' own values.
    n_images, n_pixels : int
        What it was fitted to.
    class_colors : (K, 3) ndarray of float64 or None
        Mean color of each class over all images, in [0, 1]; None if they are not RGB.
    names : dict of int to str
        Names of classes; empty at first.
    full_scale : float or None
        The value that was taken for white in RGB images of 16 bit that do not tell it:
        the largest that any of them has on its own.
    tables : dict
        Labels of all colors of palettes that it was fitted to, which `apply` looks up;
        no file keeps them.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> dark, bright = np.full((4, 4), 20, np.uint8), np.full((4, 4), 200, np.uint8)
    >>> found = emseg.fit([dark, bright], n_classes=2)
    >>> found.segment(bright).labels[0]
    array([2, 2, 2, 2], dtype=uint8)
    """

    model: Model
    params: Params
    objective: tuple[float, ...] = ()
    converged: bool = True
    color: str = "none"
    n_images: int = 0
    n_pixels: int = 0
    class_colors: NDArray[np.float64] | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    full_scale: float | None = None
    tables: Mapping[TableKey, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return self.model.n_classes

    def __repr__(self) -> str:
        """Return a summary: number of classes, images and pixels."""
        return (
            f"JointFit({self.n_classes} classes, {self.n_images} images, "
            f"{self.n_pixels} pixels)"
        )

    def segment(self, image: ArrayLike, **options: Any) -> Segmentation:
        """Return the classes of the model in an image.

        Parameters
        ----------
        image : (…, Y, X) or (…, Y, X, 3|4) array_like
            As for `napari_emseg.segment`.
        **options
            Keywords of `napari_emseg.segment`, such as ``mask``; parameters replace
            those of the fit.

        Returns
        -------
        Segmentation
        """
        given = self.params.model_dump() | options
        if self.full_scale is not None and getattr(image, "dtype", None) == np.uint16:
            given.setdefault("full_scale", self.full_scale)
        found = segment(image, model=self.model, **given)
        return found.named(self.names) if self.names else found

    def named(self, names: Mapping[int, str]) -> Self:
        """Return the same model with names for classes."""
        return replace(self, names=dict(names))

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a JSON file.

        Parameters
        ----------
        path : path
            Ends in .json.
        force : bool, optional
            Replace a file that exists.

        Raises
        ------
        FileExistsError, ValueError
            The file exists and `force` is not given, or the ending does not suit.
        """
        write_file(Path(path), self.as_json(), force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the model of a file that `save` wrote.

        Or of one of labels, of a batch with one model of all its pictures.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            There is no file of this name.
        ValueError
            It holds no model, or one that is wrong.
        """
        path = Path(path)
        joint = read_about(path).get(BATCH, {}).get(JOINT) if path.is_file() else None
        found = read_file(path) if joint is None else joint
        if isinstance(found, dict) and "steps" in found:
            raise ValueError(
                f"{path} is a recipe, not a model; pass it as --recipe, or fit a model "
                "with napari-emseg fit"
            )
        try:
            return cls.of_json(found)
        except ValidationError as error:
            raise ValueError(f"{path}: {explain_error(error, 'the model')}") from None

    def as_json(self) -> dict[str, Any]:
        """Return what `of_json` takes."""
        colors = None
        if self.class_colors is not None:
            known = np.nan_to_num(self.class_colors).round(6)
            colors = [tuple(color) for color in known.tolist()]
        stored = _Stored(
            program=__version__,
            model=FittedModel.of(self.model),
            params=self.params,
            color=self.color,
            images=self.n_images,
            pixels=self.n_pixels,
            objective=self.objective[-1] if self.objective else None,
            converged=self.converged,
            colors=colors,
            names=dict(self.names),
            full_scale=self.full_scale,
        )
        found = stored.model_dump(mode="json", by_alias=True)
        model = found["model"].items()
        return found | {"model": {k: v for k, v in model if v is not None}}

    @classmethod
    def of_json(cls, found: Any) -> Self:
        """Return the model that `as_json` described.

        Raises
        ------
        pydantic.ValidationError
            A `ValueError` that says what is wrong.
        """
        stored = _Stored.model_validate(found)
        return cls(
            model=stored.model.model(),
            params=stored.params,
            objective=() if stored.objective is None else (stored.objective,),
            converged=stored.converged,
            color=stored.color,
            n_images=stored.images,
            n_pixels=stored.pixels,
            class_colors=None if stored.colors is None else np.array(stored.colors),
            names=stored.names,
            full_scale=stored.full_scale,
        )


class _Stored(BaseModel):
    """A model as JSON has it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    program: str = Field(alias="napari-emseg")
    version: Literal[1] = 1
    model: FittedModel
    params: Params
    color: str
    images: int = 0
    pixels: int = 0
    objective: float | None = None
    converged: bool = True
    colors: list[tuple[_Unit, _Unit, _Unit]] | None = None
    names: dict[int, str] = {}
    full_scale: Annotated[float, Field(gt=0)] | None = None


def fit(
    images: Iterable[ArrayLike | str | os.PathLike[str]],
    *,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
    max_bytes: int | None = None,
    **params: Any,
) -> JointFit:
    """Fit one model to all pixels of many images.

    A joint fit: classes have the same numbers in all.

    Parameters
    ----------
    images : iterable of (…, Y, X) or (…, Y, X, 3|4) array_like or path
        As `napari_emseg.segment` takes them, of equal features; or files, as
        `napari_emseg.files.read_image` reads them. One is held at a time.
    channel_axis, rgb, full_scale, axes
        As for `napari_emseg.segment`, of all images.
    max_bytes : int, optional
        As for `napari_emseg.files.read_image`.
    **params
        Fields of `Params`.

    Returns
    -------
    JointFit
        Its ``model`` is what `napari_emseg.segment` takes, so that class numbers are
        equal in all images.

    Raises
    ------
    OSError, TypeError, ValueError
        If an image cannot be read or has other features than the others; the message
        tells which.

    Warns
    -----
    UserWarning
        If there are fewer classes than asked for.

    Notes
    -----
    Palettes merge by adding their counts: of 8-bit images, and gray ones of up to 16
    bit, the model is that of all pixels put together, bit for bit. Pixels of other
    images are kept as they are, up to 2²⁴ together; of more, every second one is left
    out, in all images alike, and the others weigh twice as much, again and again.

    No hidden random field is fitted: what makes noisy images smooth is the labels of
    each, where ``smoothing`` is above 0. To choose ``n_classes="auto"``, and for the
    tails of gray classes, the largest image tells how its pixels depend on each other.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> images = (np.full((3, 3), level, np.uint8) for level in (9, 90, 200))
    >>> found = emseg.fit(images, n_classes=3)
    >>> found.model.means.ravel()
    array([  9.,  90., 200.])
    """
    return finish(
        iter_fit(
            images,
            Params(**params),
            channel_axis=channel_axis,
            rgb=rgb,
            full_scale=full_scale,
            axes=axes,
            max_bytes=max_bytes,
        )
    )


@one_thread_a_step
def iter_fit(
    images: Iterable[Any],
    params: Params | None = None,
    *,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
    max_bytes: int | None = None,
    fail: Callable[[int, Exception], None] | None = None,
) -> Generator[Progress, None, JointFit]:
    """Yield the progress of `fit`; return its result. To cancel, stop iterating.

    One joint model of many images.

    Parameters
    ----------
    images, channel_axis, rgb, full_scale, axes, max_bytes
        As for `fit`.
    params : Params, optional
        Everything else.
    axes : str, optional
        One letter for each axis of images that do not tell it, as for
        `napari_emseg.segment`.
    fail : callable, optional
        Told the number, from 1, of an image that is left out, and why; without it the
        first such image ends the fit.

    Yields
    ------
    Progress
        After each image, and of each iteration.
    """
    params = Params() if params is None else params
    if isinstance(images, str | os.PathLike):
        images = [images]
    if (
        isinstance(images, np.ndarray)
        and images.ndim == 3
        and images.shape[2] in (3, 4)
    ):
        raise ValueError(
            f"images is an array of shape {images.shape}, whose rows would be images; "
            "pass a list, such as [image]"
        )
    total = len(images) if isinstance(images, Sized) else 0
    gray = params.distribution == "auto" and METHODS[params.method].model.has_likelihood
    counts = JointCounts(keep_largest=gray or params.n_classes == "auto")
    yield Progress("images", 0, total)
    number = 0
    for image in images:
        number += 1  # noqa: SIM113  `enumerate` holds the image before
        picture = as_picture(image, number, axes)
        try:
            found = picture.read(max_bytes)
            reading: Mapping[str, Any] = found.reading
            if not reading:
                told = axes
                if channel_axis is None and rgb is None:
                    found, told = found.as_named(axes, each=params.channels == "each")
                reading = {
                    "channel_axis": None if told else found.axis(channel_axis, rgb),
                    "rgb": rgb,
                    "axes": told,
                }
            source = read_input(
                found.pixels,
                params,
                **reading,
                full_scale=found.full_scale if full_scale is None else full_scale,
            )
            counts.add(source)
            del found, source
        except (ImportError, MemoryError, OSError, TypeError, ValueError) as error:
            if fail is not None:
                fail(number, error)
            elif isinstance(error, TypeError | ValueError):
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(picture.told(error)) from error
            else:
                raise
        del image, picture
        yield Progress("images", number, total)
    return (yield from _fitted(counts, params))


def _fitted(counts: JointCounts, asked: Params) -> Generator[Progress, None, JointFit]:
    """Fit the classes of what was counted."""
    census = counts.census()
    n_classes, params = yield from _choices(counts, census, asked)
    census = census.for_classes(n_classes)
    options = chosen_options(asked, params, n_classes, census.floor)
    objective = []
    for state in METHODS[params.method].fit(census.cells, options, None):
        state = darkest_first(state, counts.color, pinned=False)
        objective.append(state.objective)
        yield Progress("fit", len(objective), 0, state)
    model = state.model.reorder(np.flatnonzero(state.model.weights > 0))
    report_classes(model, n_classes)
    tables = counts.tables(model)
    return JointFit(
        model=model,
        params=asked,
        objective=tuple(objective),
        converged=state.converged,
        color=counts.color,
        n_images=counts.images,
        n_pixels=counts.pixels,
        class_colors=counts.class_colors(model, tables),
        full_scale=counts.white,
        tables=tables,
    )


def _choices(
    counts: JointCounts, census: CellCounts, params: Params
) -> Generator[Progress, None, tuple[int, Params]]:
    """Choose what the parameters leave open, as the largest image tells."""
    largest = counts.largest
    if largest is None:
        assert params.n_classes != "auto"
        return params.n_classes, params
    if largest.space.dims(largest.picture) != census.cells.dims:
        largest = replace(largest, space=replace(largest.space, color=counts.color))
    largest = replace(largest, core=census.cells.core)
    n_classes = yield from choose_n_classes(largest, census, params, None)
    return n_classes, choose_distribution(largest, census, params, n_classes, None)
