"""The state of an iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    model : MixtureModel or KMeansModel
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
