"""What a fit is given and what it yields: options and states."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


# Bytes that the models of all states of a fit may take together.
_LIMIT = 2**26


@dataclass(frozen=True, slots=True)
class FitState:
    """One iteration of a fit: K x D numbers, never an image.

    Attributes
    ----------
    iteration : int
        Counts from 0 at each level.
    objective : float
        Of this state's `model`: mean log-likelihood per pixel in nats (EM, never
        falls), or inertia per pixel (K-means, never rises).
    model : Model
        The parameters.
    converged : bool
        Whether the fit stops here because nothing more is to be gained.
    level : str
        Level of detail: "5 bit" bins, …, "exact".
    exact : bool
        Whether the objective is the truth; on bins the log-likelihood is a lower bound.
    """

    iteration: int
    objective: float
    model: Any
    converged: bool
    level: str = "exact"
    exact: bool = True


def bounded(states: Sequence[FitState], limit: int = _LIMIT) -> tuple[FitState, ...]:
    """Keep all states, and as many of their models as there is room for.

    Parameters
    ----------
    states : sequence of FitState
        Of one fit.
    limit : int, optional
        Bytes that the models may take.

    Returns
    -------
    tuple of FitState
        Where the models take more, only those of each second, fourth, … state remain,
        counted from the last, and None stands for the others.
    """
    step, size = 1, sum(_bytes(state.model) for state in states)
    while size > limit * step and step < len(states):
        step *= 2
    last = len(states) - 1
    return tuple(
        state if (last - i) % step == 0 else replace(state, model=None)
        for i, state in enumerate(states)
    )


def _bytes(model: Any) -> int:
    values = (getattr(model, field.name) for field in fields(model))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))
