"""The result: labels of one image, and all that is known of its classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_emseg.engine.cluster.grouped_mixture import components_of
from napari_emseg.engine.image.color_space import black, unit_rgb
from napari_emseg.engine.kept_property import kept_property
from napari_emseg.engine.labels.absorption import iter_absorb
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.engine.labels.labeler import Labeler, label_table
from napari_emseg.engine.labels.measures import count_pieces
from napari_emseg.pipeline.class_table import add_features, measure, tabulate
from napari_emseg.pipeline.parallel import iter_filling
from napari_emseg.pipeline.posteriors import Posteriors, PosteriorsPart
from napari_emseg.pipeline.progress import Progress, finish, map_steps
from napari_emseg.pipeline.smoothing import choose_smoother
from napari_emseg.pipeline.tiles import slab, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from concurrent.futures import Executor

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.engine.labels.measures import Measures
    from napari_emseg.params import Params
    from napari_emseg.pipeline.axes.working_input import WorkingInput
    from napari_emseg.pipeline.class_table import Table
    from napari_emseg.pipeline.fitting import Fit
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.pipeline.tiles import Tile

# Pixels whose features are looked at together.
_PART = 2**16

LabelArray = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels of one image and all that is needed to make them again.

    Maps of the posterior probability are made when they are asked for.

    Attributes
    ----------
    labels : (…) ndarray of unsigned int
        1..K, darkest class first; 0 outside the mask and where not finite or
        transparent. Those that were written to a file are read when they are sliced.
    model : Model
        The fitted classes; ``model.predict`` takes `napari_emseg.features`.
    params : Params
        What was asked for.
    objective : tuple of float
        One number per iteration: mean log-likelihood in nats, or inertia per pixel.
    levels : tuple of str
        Level of detail of each iteration; the likelihood is exact on "exact", and a
        lower bound on bins.
    converged : bool
        Whether the fit ended because nothing was left to gain.
    bias : (…) ndarray of float32 or None
        What uneven illumination multiplies the pixels by, of mean 1; if asked for, and
        if all classes show it.
    states : tuple of FitState
        The parameters at each iteration; the model is None in some of them if it is
        very large. Without any, a model was applied that was fitted before.
    start : Model or None
        The model that the fit started from, if one was given.
    names : dict of int to str
        Names of classes, as `named` gives them; empty at first.
    parts : tuple of SegmentationPart
        Planes or channels that were fitted by themselves; model, objective and states
        are then those of the first with the most classes.
    """

    labels: LabelArray
    model: Model
    params: Params
    objective: tuple[float, ...]
    levels: tuple[str, ...]
    converged: bool
    source: SegmentationInput
    labeler: Labeler
    bias: FloatArray | None = None
    states: tuple[FitState, ...] = ()
    start: Model | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    working: WorkingInput | None = None
    parts: tuple[SegmentationPart, ...] = ()

    def __repr__(self) -> str:
        """Return a summary: shape, number of classes, convergence."""
        shape = " x ".join(str(n) for n in self.labels.shape)
        end = "converged" if self.converged else "not converged"
        return f"Segmentation({shape}, {self.n_classes} classes, {end})"

    @property
    def label_axes(self) -> str | None:
        """Letters of the axes of the labels, such as "TYX"; None if nobody told."""
        picture = self.source.picture
        if picture.given_axes is None:
            return None
        each = len(picture.axes) < self.labels.ndim  # channels are planes
        return picture.all_axes if each else picture.axes

    @property
    def n_classes(self) -> int:
        """Number of classes K: fewer than asked for if the image has no more."""
        if self.parts:
            return max(int(part.numbers.max()) for part in self.parts)
        return self.model.n_classes

    @property
    def axes(self) -> str:
        """Letters of the axes of the image, C for channels; guessed if nobody told."""
        return self.source.picture.all_axes

    @property
    def posteriors(self) -> Posteriors:
        """What probabilities and uncertainty come from; it can outlive the labels."""
        if self.parts:
            parts = tuple(
                PosteriorsPart(part.where, part.seg.posteriors, part.numbers)
                for part in self.parts
            )
            return Posteriors(self.source, self.labeler, parts=parts)
        if self.working is None:
            return Posteriors(self.source, self.labeler, self.bias)
        source, bias = self.working.source, self.bias
        if bias is not None and self.working.order.changes:
            bias = self.working.order.arrange(bias)
        return Posteriors(source, self.labeler, bias, self.working)

    def probabilities(self) -> FloatArray:
        """Posterior probabilities of the classes, after smoothing.

        Returns
        -------
        (K, …) ndarray of float32
            Sums to 1 over K; 0 where there is no label.
        """
        return finish(self.posteriors.iter_probabilities())

    def uncertainty(self) -> FloatArray:
        """Entropy of the class probabilities, as a share of the largest possible.

        Returns
        -------
        (…) ndarray of float32
            0: certain, or no label; 1: all classes alike.
        """
        return finish(self.posteriors.iter_uncertainty())

    def named(self, names: Mapping[int, str]) -> Segmentation:
        """Return the same segmentation with names for classes, which `mask` takes.

        Parameters
        ----------
        names : dict of int to str
            Names of some classes 1..K, all different; they replace earlier ones.

        Raises
        ------
        ValueError
            If there is no such class, or two have one name.

        Examples
        --------
        >>> import numpy as np, napari_emseg as emseg
        >>> image = np.repeat(np.uint8([3, 90, 200]), 4).reshape(3, 4)
        >>> seg = emseg.segment(image, n_classes=3).named({3: "sky"})
        >>> seg.mask("sky").sum(axis=1)
        array([0, 0, 4])
        """
        for number, name in names.items():
            self._number(number)
            if not isinstance(name, str) or not name:
                raise ValueError(
                    f"class {number} is named {name!r}, but a name is a text that is "
                    "not empty; pass one, such as 'nuclei'"
                )
        if len(set(names.values())) < len(names):
            raise ValueError(
                f"names={dict(names)!r} has one name for two classes, of which `mask` "
                "could not tell which is meant; pass a name for each"
            )
        return replace(self, names={int(n): name for n, name in names.items()})

    def mask(self, classes: int | str | Iterable[int | str]) -> BoolArray:
        """Return where one class is, or any of several.

        Parameters
        ----------
        classes : int, str, or iterable of these
            Numbers 1..K of classes, or names that `named` gave them.

        Returns
        -------
        (…) ndarray of bool
            Of the shape of the labels.

        Raises
        ------
        ValueError
            If there is no such class.

        Examples
        --------
        >>> import numpy as np, napari_emseg as emseg
        >>> image = np.repeat(np.uint8([3, 90, 200]), 4).reshape(3, 4)
        >>> seg = emseg.segment(image, n_classes=3)
        >>> seg.mask(2).sum(axis=1), seg.mask([1, 3]).sum(axis=1)
        (array([0, 4, 0]), array([4, 0, 4]))
        """
        if isinstance(classes, str) or not isinstance(classes, Iterable):
            return self.mask([classes])
        wanted = np.zeros(len(self._classes) + 1, bool)
        wanted[[self._number(one) for one in classes]] = True
        found: BoolArray = wanted[np.asarray(self.labels)]
        return found

    def _number(self, given: object) -> int:
        """Return the number of a class that is given by number or name."""
        if isinstance(given, str):
            for number, name in self.names.items():
                if name == given:
                    return number
            known = ", ".join(map(repr, self.names.values()))
            raise ValueError(
                f"no class has the name {given!r}; "
                + (f"the names are {known}" if known else "no class has one yet")
                + "; pass a number, or name classes with named({2: 'nuclei'})"
            )
        number = int(given) if isinstance(given, int | np.integer) else 0
        if isinstance(given, bool) or number not in self._classes:
            raise ValueError(
                f"there is no class {given!r}, as this segmentation has the classes 1 "
                f"to {len(self._classes)}; pass one of these numbers"
            )
        return number

    def regions(self, min_size: int = 0) -> NDArray[np.int32]:
        """Connected pieces of the classes.

        Parameters
        ----------
        min_size : int, optional
            Pieces of fewer pixels join the neighbor of similar mean feature and long
            common border, smallest first; those without a neighbor stay.

        Returns
        -------
        (…) ndarray of int32
            1..R; 0 where there is no label.
        """
        labels = np.asarray(self.labels)
        if self.working is None:
            return finish(iter_join_small(self.source, labels, min_size))[0]
        order, source = self.working.order, self.working.source
        labels = order.arrange(labels) if order.changes else labels
        return self.working.restore(
            finish(iter_join_small(source, labels, min_size))[0]
        )

    def table(self, spacing: Sequence[float] | None = None) -> Table:
        """Describe each class.

        Parameters
        ----------
        spacing : sequence of float, optional
            Length of a pixel along each axis of space, two or more; 1 by default.

        Returns
        -------
        dict of str to ndarray
            "label" (K,) int; "pixels" (K,) int; "area" (K,) float, area or volume in
            units of `spacing`; "fraction" (K,) float, of all labeled pixels; "mean"
            and "std" (K, C) float, per channel in the image's own units, NaN for a
            class without pixels; "n_regions" (K,) int, connected pieces.
        """
        pieces, n_axes = self._pieces.copy(), self.labels.ndim
        return tabulate(self._measures, self._classes, pieces, n_axes, spacing)

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Share (K,) of each class in the labeled pixels; 0 if there are none."""
        pixels = np.zeros(len(self._classes) + 1)
        shape = self.labels.shape
        for tile in tiles(shape, slab(shape, _PART)):
            part = np.asarray(self.labels[tile.write])
            pixels += np.bincount(part.ravel(), minlength=len(pixels))
        return pixels[1:] / max(pixels[1:].sum(), 1)

    @kept_property
    def _classes(self) -> range:
        # Of a result that was edited, there may be more than the fit has.
        most = self.n_classes
        if isinstance(self.labels, np.ndarray):
            most = max(most, int(self.labels.max(initial=0)))
        return range(1, most + 1)

    @kept_property
    def _measures(self) -> Measures:
        return measure(self.labels, self.source.picture, self._classes)

    @kept_property
    def _pieces(self) -> NDArray[np.int64]:
        labels: Any = self.labels
        if self.working is not None and self.working.order.changes:
            labels = self.working.order.view(labels, None)
        return count_pieces(labels, self._classes)

    @kept_property
    def class_colors(self) -> NDArray[np.float64]:
        """Colors (K, 3) in [0, 1] to show the classes in.

        The mean color of RGB images; grays in the order of the means for one
        channel, a color scale for several.
        """
        return colors_of(self.source.picture, self._measures.mean())


@dataclass(frozen=True, eq=False)
class SegmentationPart:
    """A plane or a channel that was fitted by itself.

    Attributes
    ----------
    where : tuple of slice or int
        Where it is in the labels of the image.
    seg : Segmentation
        Of it alone, darkest class first.
    numbers : (K + 1,) ndarray of uint8
        For each of its classes the number in the image; 0 for 0.
    """

    where: tuple[Any, ...]
    seg: Segmentation
    numbers: NDArray[np.uint8]


def colors_of(picture: LazyImage, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose colors (K, 3) in [0, 1] for classes with these (K, C) mean channels."""
    if picture.rgb:
        return np.clip(np.nan_to_num(mean) / picture.full_scale, 0, 1)
    return scale_colors(len(mean), picture.channels)


def scale_colors(count: int, channels: int) -> NDArray[np.float64]:
    """Return colors (K, 3) in [0, 1] for classes whose own colors are not known."""
    steps = np.linspace(0.15, 1, count)
    if channels == 1:
        return np.repeat(steps[:, np.newaxis], 3, axis=1)
    scale = cv2.applyColorMap(
        (steps * 255).astype(np.uint8)[:, np.newaxis], cv2.COLORMAP_VIRIDIS
    )
    return unit_rgb(scale[:, 0, ::-1]).astype(np.float64)


def iter_join_small(
    source: SegmentationInput, labels: LabelArray, min_size: int
) -> Generator[Progress, None, tuple[NDArray[np.int32], LabelArray]]:
    """Find the regions of labels, absorb small ones, and relabel what they cover.

    Yields
    ------
    Progress
        After each part; to cancel, stop iterating.

    Returns
    -------
    regions : (…) ndarray of int32
        1..R, 0 where there is no label.
    labels : (…) ndarray of unsigned int
        The class of the region that each pixel now belongs to; what the user fixed
        stays.
    """
    regions = components(labels)
    if min_size <= 1:
        return regions, labels
    count = int(regions.max()) + 1
    sums = np.zeros((count, source.space.dims(source.picture)))
    known = 0
    for tile in source.tiles(0):
        yield Progress("join", 0, 0)
        add_features(sums, source, regions, tile.write, known)
        known = max(known, int(regions[tile.write].max(initial=0)))
    of_region = np.zeros(count, labels.dtype)
    of_region[regions] = labels
    steps = iter_absorb(regions, min_size, sums)
    host = yield from map_steps(steps, lambda _: Progress("join", 0, 0))
    del sums, steps
    labels = of_region[host][regions]
    is_root = host == np.arange(count, dtype=np.int32)
    number = np.cumsum(is_root, dtype=np.int32) - np.int32(1)
    regions = number[host][regions]
    if source.seed_labels is not None:
        seeded = (source.seed_labels > 0) & (labels > 0)
        labels[seeded] = source.seed_labels[seeded]
    return regions, labels


def iter_labels(
    source: SegmentationInput,
    labeler: Labeler,
    executor: Executor | None,
    bias: FloatArray | None = None,
    out: Any = None,
) -> Generator[Progress, None, NDArray[np.uint8]]:
    """Label an image tile by tile; the labels are the return value, or go to `out`."""
    shape = source.picture.shape
    grid = source.tiles(labeler.halo(len(shape)), labeler.planes, labeler.zoom)
    labels = np.zeros(shape, np.uint8) if out is None else out
    raw = labeler.reads_values(labels=True)

    def read(tile: Tile) -> tuple[Any, ...]:
        seed_labels = (
            None if source.seed_labels is None else source.seed_labels[tile.read]
        )
        light = None if bias is None else bias[tile.read]
        return *source.pixels(tile.read, raw=raw), seed_labels, light

    yield from iter_filling(
        labels,
        grid,
        read,
        labeler.labels,
        stage="label" if labeler.smoother is None else "smooth",
        planes=labeler.planes,
        executor=executor,
    )
    return labels


def make_labeler(
    source: SegmentationInput,
    census: CellCounts,
    params: Params,
    fit: Fit,
    step: int = 1,
) -> Labeler:
    """Return the labeler of the image: smooth, or a table of colors.

    Parameters
    ----------
    source, census
        The image, and its cells.
    params : Params
        What was asked for.
    fit : Fit
        What was fitted.
    step : int, optional
        As for `choose_smoother`.
    """
    color, white = source.space.color, source.picture.full_scale
    return labeler_of(
        source,
        census.coding,
        params,
        fit,
        lambda: label_table(fit.model, census, color, white),
        step,
    )


def labeler_of(
    source: SegmentationInput,
    coding: Coding | None,
    params: Params,
    fit: Fit,
    table: Callable[[], NDArray[np.uint8] | None],
    step: int = 1,
) -> Labeler:
    """Return the labeler of an image whose table of colors is made by `table`."""
    labeler = Labeler(fit.model, black(source.space.color), coding)
    if params.smoothing > 0:
        model = components_of(fit.model)
        if model is not fit.model:
            # Seeds have said which components are whose, and are none of these.
            source = replace(source, seed_labels=None)
        smoother = choose_smoother(source, model, params, fit.hidden, step)
        return replace(labeler, smoother=smoother)
    return labeler if coding is None else replace(labeler, table=table())
