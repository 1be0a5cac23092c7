"""Fitted models as numbers, from which recipes restore them bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel

if TYPE_CHECKING:
    from napari_emseg.engine.labels.labeler import Model

_Value = Annotated[float, Field(strict=True)]
_Positive = Annotated[float, Field(strict=True, ge=0)]
_Row = tuple[_Value, ...]


class FittedModel(BaseModel):
    """The numbers of a fitted model: floats, which JSON stores exactly.

    Attributes
    ----------
    weights : tuple of K floats
        Share of each class.
    means : tuple of K tuples of D floats
        In the units of the features.
    covariances : tuple of K tuples of D tuples of D floats, or None
        Of a mixture; None for K-means.
    df : tuple of K floats or None
        Degrees of freedom of Student-t classes.
    outliers, log_uniform : float
        As of `MixtureModel`.
    variance : float or None
        As of `KMeansModel`; None for a mixture.

    Raises
    ------
    pydantic.ValidationError
        A `ValueError`, if they make no model.

    Examples
    --------
    >>> model = KMeansModel(np.array([[0.1], [0.7]]), np.array([0.5, 0.5]), 0.01)
    >>> text = FittedModel.of(model).model_dump_json(exclude_none=True)
    >>> bool((FittedModel.model_validate_json(text).model().means == model.means).all())
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weights: Annotated[tuple[_Positive, ...], Field(min_length=1)]
    means: tuple[_Row, ...]
    covariances: tuple[tuple[_Row, ...], ...] | None = None
    df: tuple[_Positive, ...] | None = None
    outliers: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0
    log_uniform: _Value = 0.0
    variance: _Positive | None = None

    @classmethod
    def of(cls, model: Model) -> Self:
        """Return the numbers of a model."""
        found: dict[str, Any] = {"weights": model.weights, "means": model.means}
        if isinstance(model, KMeansModel):
            found["variance"] = model.variance
        else:
            names = ("covariances", "df", "outliers", "log_uniform")
            found |= {name: getattr(model, name) for name in names}
        return cls.model_validate(
            {
                name: value if value is None else np.asarray(value, float).tolist()
                for name, value in found.items()
            }
        )

    def model(self) -> Model:
        """Return the model."""
        weights, means = np.array(self.weights, float), np.array(self.means, float)
        if self.covariances is None:
            assert self.variance is not None
            return KMeansModel(means, weights, self.variance)
        df = None if self.df is None else np.array(self.df, float)
        covariances = np.array(self.covariances, float)
        rest = (df, self.outliers, self.log_uniform)
        return MixtureModel(weights, means, covariances, *rest)

    def code(self) -> str:
        """Return Python that makes the model; ``np`` and ``emseg`` are imported."""
        model = self.model()
        names = {
            KMeansModel: ("centers", "weights", "variance"),
            MixtureModel: (*MixtureModel.__dataclass_fields__,),
        }[type(model)]
        given = []
        for name in names:
            value = getattr(model, name)
            if isinstance(value, np.ndarray):
                rows = ",".join(f"\n        {row!r}" for row in value.tolist())
                value = f"np.array(\n        [{rows},\n        ]\n    )"
            given.append(f"    {name}={value},\n")
        return f"emseg.{type(model).__name__}(\n{''.join(given)})"

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse numbers that do not go together."""
        if (self.covariances is None) == (self.variance is None):
            raise ValueError(
                "a fitted model has either covariances, of a mixture, or a variance, "
                "of K-means; leave one of them out"
            )
        k, d = len(self.weights), len(self.means[0]) if self.means else 0
        shapes = {"means": (k, d), "covariances": (k, d, d), "df": (k,)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and _shape(value) != shape:
                raise ValueError(
                    f"{name} of a fitted model have not the shape {shape}, which the "
                    f"{k} weights and the first mean ask for; make all of one size"
                )
        try:
            np.linalg.cholesky(self.covariances or np.ones((1, 1, 1)))
        except np.linalg.LinAlgError:
            raise ValueError(
                "a covariance of a fitted model is not positive definite; take the "
                "recipe from where it was made"
            ) from None
        return self


def _shape(value: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Return the shape of nested tuples; None if their lengths differ."""
    try:
        return np.array(value).shape
    except ValueError:
        return None
