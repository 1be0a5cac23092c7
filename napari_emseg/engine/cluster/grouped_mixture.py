"""Grouped mixtures: classes of several components each, as strokes demand them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_emseg.engine.cluster.mixture import MixtureModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model

# Points that are looked at together.
_CHUNK = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class GroupedMixture:
    """A mixture of M components, of which each of K classes owns some.

    Weights, means and covariances are those of the classes, whatever their shape.
    Several components make a class.

    Attributes
    ----------
    components : MixtureModel
        The M components, Gaussian.
    owners : (M,) ndarray of int
        The class 1..K of each component; every class owns at least one.

    Raises
    ------
    TypeError
        If the components are no Gaussian mixture.
    ValueError
        If the owners are not as above.
    """

    has_likelihood: ClassVar[bool] = True
    objective_name: ClassVar[str] = "log-likelihood"
    objective_unit: ClassVar[str] = "nats per pixel"

    components: MixtureModel
    owners: NDArray[np.intp]

    def __post_init__(self) -> None:
        """Check that components and owners go together."""
        parts = self.components
        if not isinstance(parts, MixtureModel) or parts.df is not None:
            kind = "Student-t" if isinstance(parts, MixtureModel) else "no mixture"
            raise TypeError(
                f"components are {kind} ({type(parts).__name__}), but a Gaussian "
                "MixtureModel is needed; fit one with distribution='gaussian'"
            )
        owners = np.asarray(self.owners)
        found = np.unique(owners)
        whole = owners.dtype.kind in "iu" and owners.shape == (parts.n_classes,)
        if not (whole and np.array_equal(found, np.arange(1, found.size + 1))):
            raise ValueError(
                f"owners are {owners.tolist()}, but they are the classes 1 to K of "
                f"the {parts.n_classes} components, each class at least once; pass "
                "one integer for each component"
            )
        object.__setattr__(self, "owners", owners.astype(np.intp))

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return int(self.owners.max())

    @property
    def weights(self) -> Float64Array:
        """Share of each class (K,); sums to 1."""
        return self.sum_up(self.components.weights)

    @property
    def means(self) -> Float64Array:
        """Mean of each class (K, D)."""
        return self._shares() @ self.components.means

    @property
    def covariances(self) -> Float64Array:
        """Covariance of each class (K, D, D), about its mean."""
        means = self.means
        away = self.components.means - means[self.owners - 1]
        each = self.components.covariances + away[:, :, np.newaxis] * away[:, None]
        return np.einsum("km,mij->kij", self._shares(), each)

    @property
    def df(self) -> None:
        """Degrees of freedom: none, the components are Gaussian."""

    @property
    def outliers(self) -> float:
        """Share of the pixels that no class explains."""
        return self.components.outliers

    @property
    def log_uniform(self) -> float:
        """Log-density of the outliers."""
        return self.components.log_uniform

    @property
    def within_variance(self) -> float:
        """Mean variance within components, summed over the features."""
        return self.components.within_variance

    @property
    def log_prior(self) -> Float64Array:
        """Logs of the weights (K,), finite also for classes without any."""
        return np.log(np.maximum(self.weights, np.finfo(float).tiny))

    def sum_up(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum values (M, …) of the components over those of each class, (K, …)."""
        out = np.zeros((self.n_classes, *values.shape[1:]), values.dtype)
        for owner, row in zip(self.owners, values, strict=True):
            out[owner - 1] += row
        return out

    def log_joint(self, features: ArrayLike) -> Float64Array:
        """Return logs (K, …) of weight times density of each class at features (…, D).

        Natural logs, as of `MixtureModel.log_joint`.
        """
        log = self.components.log_joint(features)
        out = np.full((self.n_classes, *log.shape[1:]), -np.inf)
        for owner, row in zip(self.owners, log, strict=True):
            np.logaddexp(out[owner - 1], row, out=out[owner - 1])
        return out

    def predict(self, features: ArrayLike) -> NDArray[np.uint8]:
        """Label (…, D) features 1..K by the most probable class, (…)."""
        x = np.asarray(features)
        found = [log.argmax(axis=0) + 1 for log in self._parts(x)]
        labels = np.concatenate(found) if found else np.empty(0)
        return labels.astype(np.uint8).reshape(x.shape[:-1])

    def predict_proba(self, features: ArrayLike) -> Float64Array:
        """Return the posterior probabilities (…, K) of the classes, which sum to 1."""
        each = self.components.predict_proba(features)
        return np.moveaxis(self.sum_up(np.moveaxis(each, -1, 0)), 0, -1)

    def score_samples(self, features: ArrayLike) -> Float64Array:
        """Return the log-likelihood (…) of each of the (…, D) features, in nats."""
        return self.components.score_samples(features)

    def score(self, features: ArrayLike) -> float:
        """Return the mean log-likelihood per pixel, in nats; larger is better."""
        return self.components.score(features)

    def reorder(self, order: NDArray[np.intp]) -> GroupedMixture:
        """Renumber or drop classes: the new class k is the old ``order[k - 1] + 1``."""
        kept = np.concatenate([np.flatnonzero(self.owners == k + 1) for k in order])
        number = {int(k) + 1: i + 1 for i, k in enumerate(order)}
        owners = np.array([number[int(k)] for k in self.owners[kept]])
        return replace(self, components=self.components.reorder(kept), owners=owners)

    def _shares(self) -> Float64Array:
        """Return what share each component has of its class, (K, M)."""
        own = np.arange(1, self.n_classes + 1)[:, np.newaxis] == self.owners
        mass = np.maximum(own * self.components.weights, own * np.finfo(float).tiny)
        found: Float64Array = mass / mass.sum(axis=1, keepdims=True)
        return found

    def _parts(self, features: NDArray[Any]) -> Iterator[Float64Array]:
        flat = features.reshape(-1, features.shape[-1])
        for start in range(0, len(flat), _CHUNK):
            yield self.log_joint(flat[start : start + _CHUNK])


def components_of(model: Model) -> Model:
    """Return the components of a grouped mixture; other models as they are."""
    return model.components if isinstance(model, GroupedMixture) else model
