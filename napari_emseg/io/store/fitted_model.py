"""Fitted models as numbers, from which recipes restore them bit for bit."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.cluster.methods import METHODS, MethodName
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.model import WEIGHTS_OFF

if TYPE_CHECKING:
    from napari_emseg.engine.cluster.model import Model

# The squares of larger numbers are none.
_Value = Annotated[float, Field(strict=True, ge=-1e100, le=1e100)]
_Positive = Annotated[float, Field(strict=True, ge=0, le=1e100)]
_Row = tuple[_Value, ...]


class FittedModel(BaseModel):
    """The numbers of a fitted model: floats, which JSON stores exactly.

    Attributes
    ----------
    weights : tuple of K floats
        Share of each class; they sum to 1.
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
    units : tuple of D floats or None
        As of `KMeansModel`.
    owners : tuple of K ints or None
        Of a grouped mixture, the class of each component, which are then the classes
        above.
    method : str or None
        Of which method it is, as in `Params`; None where the numbers tell: a mixture
        has covariances, K-means has a variance.

    Raises
    ------
    pydantic.ValidationError
        A `ValueError`, if they make no model.

    Examples
    --------
    >>> import napari_emseg as emseg
    >>> model = emseg.KMeansModel(np.array([[0.1], [0.7]]), np.array([0.5, 0.5]), 0.01)
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
    units: tuple[Annotated[_Positive, Field(gt=0)], ...] | None = None
    owners: tuple[Annotated[int, Field(strict=True, ge=1)], ...] | None = None
    method: MethodName | None = None

    @classmethod
    def of(cls, model: Model) -> Self:
        """Return the numbers of a model."""
        if isinstance(model, GroupedMixture):
            owners = tuple(model.owners.tolist())
            return cls.of(model.components).model_copy(update={"owners": owners})
        names = {_key(field.name) for field in fields(model)}
        found: dict[str, Any] = {}
        for name in names:
            value = getattr(model, name)
            found[name] = None if value is None else np.asarray(value, float).tolist()
        made = cls.model_validate(found)
        if _kind(made) is type(model):
            return made
        kinds = {row.model: name for name, row in METHODS.items()}
        return made.model_copy(update={"method": kinds[type(model)]})

    def model(self) -> Model:
        """Return the model."""
        if self.owners is not None:
            parts = self.model_copy(update={"owners": None}).model()
            assert isinstance(parts, MixtureModel)
            return GroupedMixture(parts, np.array(self.owners))
        kind = _kind(self)
        found = {}
        for field in fields(kind):
            value = getattr(self, _key(field.name))
            found[field.name] = (
                np.array(value, float) if isinstance(value, tuple) else value
            )
        return kind(**found)

    def code(self) -> str:
        """Return Python that makes the model; ``np`` and ``emseg`` are imported."""
        if self.owners is not None:
            parts = self.model_copy(update={"owners": None}).code()
            owners = f"np.array({list(self.owners)})"
            return f"emseg.GroupedMixture(\n{parts},\n    {owners},\n)"
        model = self.model()
        given = []
        for field in fields(model):
            value = getattr(model, field.name)
            if field.name == "units" and value is None:
                continue
            if isinstance(value, np.ndarray):
                rows = ",".join(f"\n        {row!r}" for row in value.tolist())
                value = f"np.array(\n        [{rows},\n        ]\n    )"
            given.append(f"    {field.name}={value},\n")
        return f"emseg.{type(model).__name__}(\n{''.join(given)})"

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse numbers that do not go together."""
        if (self.covariances is None) == (self.variance is None):
            raise ValueError(
                "a fitted model has either covariances, of a mixture, or a variance, "
                "of K-means; leave one of them out"
            )
        total = sum(self.weights)
        if not abs(total - 1) <= WEIGHTS_OFF:
            raise ValueError(
                f"weights of a fitted model sum to {total:g}, but they are the shares "
                "of its classes; divide them by their sum"
            )
        k, d = len(self.weights), len(self.means[0]) if self.means else 0
        shapes = {"means": (k, d), "covariances": (k, d, d), "df": (k,), "units": (d,)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and _shape(value) != shape:
                raise ValueError(
                    f"{name} of a fitted model have not the shape {shape}, which the "
                    f"{k} weights and the first mean ask for; make all of one size"
                )
        if self.owners is not None:
            self._check_owners(self.owners)
        try:
            roots = np.linalg.cholesky(self.covariances or np.ones((1, 1, 1)))
        except np.linalg.LinAlgError:
            raise ValueError(
                "a covariance of a fitted model is not positive definite; take the "
                "recipe from where it was made"
            ) from None
        # Of a subnormal width, the inverse is infinite.
        if (np.einsum("kii->ki", roots) ** 2 < np.finfo(float).tiny).any():
            raise ValueError(
                "a covariance of a fitted model is too narrow to be divided by; take "
                "the recipe from where it was made"
            )
        return self

    def _check_owners(self, owners: tuple[int, ...]) -> None:
        wanted = set(range(1, max(owners, default=0) + 1))
        if self.covariances is None or len(owners) != len(self.weights):
            raise ValueError(
                f"owners of a fitted model are {len(owners)}, but they are one for "
                f"each of the {len(self.weights)} components of a mixture; take the "
                "recipe from where it was made"
            )
        if wanted != set(owners):
            raise ValueError(
                f"owners of a fitted model are {sorted(set(owners))}, but classes have "
                "the numbers from 1 on, and each a component; renumber them"
            )


def _kind(fitted: FittedModel) -> type[Model]:
    """Return the class of a model."""
    numbers: MethodName = "kmeans" if fitted.covariances is None else "em"
    return METHODS[fitted.method or numbers].model


def _key(field: str) -> str:
    """Return the name in JSON of a field of a model."""
    return "means" if field == "centers" else field


def _shape(value: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Return the shape of nested tuples; None if their lengths differ."""
    try:
        return np.array(value).shape
    except ValueError:
        return None
