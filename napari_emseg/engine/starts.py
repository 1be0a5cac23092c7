"""Several starts of EM side by side: they share each pass over the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.em import Rules, e_step, m_step
from napari_emseg.engine.mixture import MixtureModel
from napari_emseg.engine.state import FitState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_emseg.engine.cells import Cells


def race(
    cells: Cells,
    models: Sequence[MixtureModel],
    rules: Rules,
    *,
    steps: int,
    level: str,
) -> list[list[FitState]]:
    """Run some steps of plain EM from each model.

    On few cells a step costs the calls, not the arithmetic, so that R mixtures side by
    side take little longer than one.

    Parameters
    ----------
    cells : Cells
        Few of them.
    models : sequence of R MixtureModel
        Where to start, with as many classes each, and the same outliers.
    rules : Rules
        Kind of covariance, floor, shrinkage.
    steps : int
        M steps of each.
    level : str
        Name of the level of detail.

    Returns
    -------
    list of list of FitState
        For each model ``steps + 1`` states; the largest likelihood at the end first.
    """
    runs = len(models)
    center = cells.mean()
    data = cells.blocks(center, order=rules.order)
    joined = _join(models)
    stats = e_step(joined, data, runs)
    path = [(stats.objectives, joined)]
    for _ in range(steps):
        joined = m_step(stats, joined, center, rules)
        stats = e_step(joined, data, runs)
        path.append((stats.objectives, joined))
    return [
        [
            FitState(
                iteration,
                float(objectives[run]),
                _part(joined, run, runs),
                converged=False,
                level=level,
                exact=cells.exact,
            )
            for iteration, (objectives, joined) in enumerate(path)
        ]
        for run in np.argsort(-stats.objectives, kind="stable")
    ]


def _join(models: Sequence[MixtureModel]) -> MixtureModel:
    """Lay models side by side: all first classes before all second ones."""
    first = models[0]
    dims = first.means.shape[1]
    df = None
    if first.df is not None:
        each = [model.df for model in models if model.df is not None]
        df = np.stack(each, axis=1).ravel()
    return MixtureModel(
        np.stack([model.weights for model in models], axis=1).ravel(),
        np.stack([model.means for model in models], axis=1).reshape(-1, dims),
        np.stack([model.covariances for model in models], axis=1).reshape(
            -1, dims, dims
        ),
        df,
        first.outliers,
        first.log_uniform,
    )


def _part(joined: MixtureModel, run: int, runs: int) -> MixtureModel:
    """Take one of the models out again."""
    return MixtureModel(
        joined.weights[run::runs],
        joined.means[run::runs],
        joined.covariances[run::runs],
        None if joined.df is None else joined.df[run::runs],
        joined.outliers,
        joined.log_uniform,
    )
