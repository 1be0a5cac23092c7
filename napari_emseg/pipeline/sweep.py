"""Several settings over one image, to be compared side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product
from time import perf_counter
from typing import TYPE_CHECKING, Any

from napari_emseg.engine.cluster.criteria import criteria_of
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.engine.image.color_space import PLANE
from napari_emseg.params import Params, params_affecting
from napari_emseg.pipeline.axes.working_input import WorkingInput
from napari_emseg.pipeline.model_selection import independent_pixels
from napari_emseg.pipeline.progress import finish
from napari_emseg.pipeline.segment import iter_input, read_input
from napari_emseg.pipeline.source import count_source

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import ArrayLike

    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.criteria import Criteria
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput

# Settings that one comparison has room for, on a sheet and in the memory.
MOST = 24
# What is compared by the command and in the panel; the last varies fastest, and has a
# column of the sheet for each of its values.
COMPARED = ("color", "method", "init", "n_classes")


def settings(base: Params | None = None, **values: Any) -> tuple[Params, ...]:
    """Combine all values of some parameters.

    A parameter grid.

    Parameters
    ----------
    base : Params, optional
        All other parameters.
    **values : iterable, or a single value
        Values of fields of `Params`; a field without any stays as in `base`.

    Returns
    -------
    tuple of Params
        Each setting once; the last field varies fastest.

    Raises
    ------
    ValueError
        If a value is out of bounds, or there are more than 24 settings.

    Examples
    --------
    >>> settings(method=["em", "kmeans"], n_classes=[3, 5])[2]
    Params(method='kmeans', n_classes=3)
    """
    base = Params() if base is None else base
    lists = {
        name: list(found)
        if isinstance(found, Iterable) and not isinstance(found, str)
        else [found]
        for name, found in values.items()
    }
    lists = {name: found for name, found in lists.items() if found}
    found = [
        base.replace(**dict(zip(lists, chosen, strict=True)))
        for chosen in product(*lists.values())
    ]
    unique = tuple(dict.fromkeys(found))
    if len(unique) > MOST:
        raise ValueError(
            f"{len(unique)} settings are too many to compare at once; choose fewer "
            f"values, so that there are {MOST} at most"
        )
    return unique


def titles(
    chosen: Sequence[Params], *, always: Sequence[str] = ("method", "n_classes")
) -> list[str]:
    """Return a short title for each setting: what differs from the others.

    For a legend.

    Parameters
    ----------
    chosen : sequence of Params
        The settings.
    always : sequence of str, optional
        Fields that are told even if all settings have the same.

    Returns
    -------
    list of str
        One for each setting.

    Examples
    --------
    >>> titles(settings(n_classes=[3, 5], init=["kmeans", "random"]))[1]
    'EM · 3 classes · start: random'
    """
    fields = _fields()
    varied = [
        name for name in fields if len({getattr(params, name) for params in chosen}) > 1
    ]

    def word(params: Params, name: str) -> str:
        value, field = getattr(params, name), fields[name]
        shown = field.get("names", {}).get(value, value)
        if name == "n_classes":
            return f"{shown} classes" if value != 1 else "1 class"
        if name in ("method", "color"):
            return f"color {shown}" if value == "none" else shown
        return f"{field['title'].lower()}: {shown}"

    told = [name for name in fields if name in varied or name in always]
    return [" · ".join(word(params, name) for name in told) for params in chosen]


@cache
def _fields() -> dict[str, Any]:
    """Return the schema of each parameter, which takes milliseconds to make."""
    properties: dict[str, Any] = Params.model_json_schema()["properties"]
    return properties


@dataclass(frozen=True, slots=True, eq=False)
class SweepRow:
    """One setting, and what came of it.

    Attributes
    ----------
    title : str
        What tells this setting from the others, for people.
    params : Params
        The setting.
    seg : Segmentation
        The result.
    order : Criteria or None
        Likelihood and free parameters of the mixture; None for K-means, which has no
        likelihood.
    n : float
        Independent pixels of the image, as the criteria count them.
    seconds : float
        Time of this setting, without the counting of colors that settings share.
    """

    title: str
    params: Params
    seg: Segmentation
    order: Criteria | None
    n: float
    seconds: float

    @property
    def objective(self) -> float:
        """Log-likelihood per pixel in nats, or inertia per pixel for K-means.

        The likelihood is that of the mixture, as in the criteria, also where the fit
        ended with that of a random field, which no other setting compares with.
        """
        if self.order is None:
            return self.seg.objective[-1]
        return self.order.log_likelihood

    @property
    def bic(self) -> float | None:
        """Bayesian information criterion; larger is better."""
        return None if self.order is None else self.order.bic(self.n)

    @property
    def icl(self) -> float | None:
        """Integrated completed likelihood; larger is better."""
        return None if self.order is None else self.order.icl(self.n)


@dataclass(frozen=True, slots=True, eq=False)
class SweepStep:
    """How far a comparison is.

    Attributes
    ----------
    place : int
        Which of the settings is under way, from 0.
    done, total : int
        Settings.
    progress : Progress or None
        Of the setting that is under way.
    seg : Segmentation or None
        Its result, when it is there.
    """

    place: int
    done: int
    total: int
    progress: Progress | None = None
    seg: Segmentation | None = None


def iter_sweep(
    image: ArrayLike,
    chosen: Sequence[Params],
    *,
    mask: ArrayLike | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
) -> Generator[SweepStep, None, tuple[SweepRow, ...]]:
    """Segment an image with several settings; to cancel, stop iterating.

    A grid search, with its progress.

    Parameters
    ----------
    image, mask, channel_axis, rgb, full_scale, axes
        As for `segment`. They are checked with every setting before the first step.
    chosen : sequence of Params
        The settings. Those that see the same features share the counting of them.

    Yields
    ------
    SweepStep
        For every step of every setting, and with the result of each.

    Returns
    -------
    tuple of SweepRow
        In the order of the settings.

    Raises
    ------
    TypeError, ValueError
        As `segment`.

    Notes
    -----
    The criteria are those that ``n_classes="auto"`` decides by. They, and likelihoods,
    compare settings of the same features only: a likelihood is a density, whose unit
    depends on the color space.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> [row.seg.n_classes for row in sweep(image, settings(n_classes=[2, 3]))]
    [2, 3]
    """
    if not chosen:
        raise ValueError("there are no settings to compare; give one at least")
    groups: dict[tuple[Any, ...], list[int]] = {}
    seen = params_affecting("features")
    for place, params in enumerate(chosen):
        key = tuple(getattr(params, name) for name in seen)
        groups.setdefault(key, []).append(place)
    sources = [
        read_input(
            image, chosen[places[0]], mask, None, channel_axis, rgb, full_scale, axes
        )
        for places in groups.values()
    ]
    return _steps(chosen, list(zip(sources, groups.values(), strict=True)))


def sweep(
    image: ArrayLike, chosen: Sequence[Params], **options: Any
) -> tuple[SweepRow, ...]:
    """Segment an image with several settings.

    A grid search, to compare settings.

    Parameters
    ----------
    image, chosen, **options
        As for `iter_sweep`.

    Returns
    -------
    tuple of SweepRow
        In the order of the settings.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> [row.title for row in sweep(image, settings(n_classes=[2, 3]))]
    ['EM · 2 classes', 'EM · 3 classes']
    """
    return finish(iter_sweep(image, chosen, **options))


def space_name(row: SweepRow) -> str:
    """Return the title of the color space and other features of a setting.

    Parameters
    ----------
    row : SweepRow
        Of `sweep`.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((8, 8, 3), np.uint8)
    >>> image[:4] = 200
    >>> chosen = settings(n_classes=[2], color=["rgb", "lab"])
    >>> [space_name(row) for row in sweep(image, chosen)]
    ['RGB', 'Lab']
    """
    names = _fields()["color"]["names"]
    space = row.seg.source.space
    extra = [name for name in ("texture", "position") if getattr(space, name) > 0]
    color = "gray" if space.color == PLANE else space.color
    return " + ".join([names[color.partition(":")[0]], *extra])


def best(rows: Sequence[SweepRow], criterion: str) -> dict[str, int]:
    """Return the best setting of each color space.

    Parameters
    ----------
    rows : sequence of SweepRow
        What `sweep` returned.
    criterion : {"bic", "icl"}
        What decides.

    Returns
    -------
    dict of str to int
        Place in `rows`, by `space_name`; only spaces with several mixtures.

    Raises
    ------
    ValueError
        If the criterion is another one.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.repeat(np.array([[10, 90], [12, 91]], np.uint8), 8, axis=1)
    >>> best(sweep(image, settings(n_classes=[1, 2])), "bic")
    {'as it is': 1}
    """
    if criterion not in ("bic", "icl"):
        raise ValueError(f"criterion={criterion!r} is unknown; pass 'bic' or 'icl'")
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row.order is not None:
            groups.setdefault(space_name(row), []).append(place)
    return {
        space: max(places, key=lambda place: getattr(rows[place], criterion))
        for space, places in groups.items()
        if len(places) > 1
    }


def as_csv(rows: Sequence[SweepRow]) -> str:
    """Return the table of a comparison as comma-separated values.

    A CSV file, for pandas, R or a spreadsheet.

    Parameters
    ----------
    rows : sequence of SweepRow
        What `sweep` returned.

    Returns
    -------
    str
        A line of names, and one line for each setting: what came of it, and then all
        of its parameters. What K-means does not have is empty.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> as_csv(sweep(image, settings(n_classes=[2])))[:29]
    'setting,colors,found classes,'
    """
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    kinds = [method.model for method in METHODS.values()]
    objectives = dict.fromkeys((k.objective_name, k.objective_unit) for k in kinds)
    for row in rows:
        own = row.seg.model.objective_name
        entries = {
            "setting": row.title,
            "colors": space_name(row),
            "found classes": row.seg.n_classes,
            **{
                f"{name} ({unit})": row.objective if name == own else None
                for name, unit in objectives
            },
            "iterations": len(row.seg.objective),
            "converged": row.seg.converged,
            "seconds": round(row.seconds, 4),
            "BIC": row.bic,
            "ICL": row.icl,
            "independent pixels": None if row.order is None else row.n,
            **row.params.model_dump(),
        }
        if row is rows[0]:
            out.writerow(entries)
        out.writerow(entries.values())
    return text.getvalue()


def _steps(
    chosen: Sequence[Params], groups: list[tuple[Any, list[int]]]
) -> Generator[SweepStep, None, tuple[SweepRow, ...]]:
    names, rows = titles(chosen), {}
    done, total = 0, len(chosen)
    for source, places in groups:
        yield SweepStep(places[0], done, total)
        censuses: dict[str, tuple[SegmentationInput, CellCounts]] = {}
        found: dict[int, tuple[Segmentation, Criteria | None, float]] = {}
        for place in places:
            params, spent = chosen[place], 0.0
            if params.planes not in censuses:
                seen = WorkingInput.of(source, params.planes).source
                censuses[params.planes] = seen, count_source(seen)
            census = censuses[params.planes][1]
            steps = iter_input(source, params, census=census)
            while True:
                # Only our own time counts, not that of whoever looks on.
                start = perf_counter()
                try:
                    progress = next(steps)
                except StopIteration as stop:
                    seg: Segmentation = stop.value
                    break
                finally:
                    spent += perf_counter() - start
                yield SweepStep(place, done, total, progress)
            order = None
            if seg.model.has_likelihood and not seg.parts:
                rules = CovarianceSpec(params.covariance, census.floor)
                order = criteria_of(seg.labeler.model, census.cells, rules)
            found[place] = seg, order, spent
            done += 1
            yield SweepStep(place, done, total, seg=seg)
        # As for "auto": what the most classes leave unexplained tells how far pixels
        # depend on each other.
        mixtures = [seg for seg, order, _ in found.values() if order is not None]
        most = max(mixtures, key=lambda seg: seg.n_classes, default=None)
        n = float("nan")
        if most is not None:
            seen, census = censuses[most.params.planes]
            n = independent_pixels(seen, most.labeler.model, census.cells.total)
        for place, (seg, order, spent) in found.items():
            rows[place] = SweepRow(names[place], chosen[place], seg, order, n, spent)
    return tuple(rows[place] for place in range(total))


# Public names of earlier versions.
Row, Trial = SweepRow, SweepStep
