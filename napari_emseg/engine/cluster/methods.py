"""The methods of clustering: one row each, from which all else follows.

A new method is a module of this folder with its `Model` and its two functions, and a
row here: forms, options, sweeps, recipes and figures read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.model import Model
from napari_emseg.engine.cluster.multilevel import (
    continue_kmeans,
    continue_mixture,
    iter_fit_kmeans,
    iter_fit_mixture,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.multilevel import FitOptions

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Method(Generic[M]):
    """One method of clustering.

    Attributes
    ----------
    title : str
        Name for people.
    about : str
        What it does, as the end of a sentence that begins with the title.
    model : type
        Class of its models.
    fit : callable
        Takes cells, options and a model to start from, or None; yields the states of
        a fit from coarse to fine.
    iterate : callable
        Takes cells, a model and options; yields the states of a fit that goes on from
        the model on these cells.
    """

    title: str
    about: str
    model: type[M]
    fit: Callable[[Cells, FitOptions, M | None], Iterator[FitState]]
    iterate: Callable[[Cells, M, FitOptions], Iterator[FitState]]


MethodName = Literal["em", "kmeans"]
METHODS: dict[MethodName, Method[Any]] = {
    "em": Method(
        "EM",
        "fits a Gaussian mixture",
        MixtureModel,
        iter_fit_mixture,
        continue_mixture,
    ),
    "kmeans": Method(
        "K-means",
        "finds nearest centers",
        KMeansModel,
        iter_fit_kmeans,
        continue_kmeans,
    ),
}
