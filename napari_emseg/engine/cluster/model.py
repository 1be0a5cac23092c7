"""The protocol of fitted models: what all methods have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array


# How far from 1 weights may sum to, which files with few digits have rounded.
WEIGHTS_OFF = 1e-4


class Model(Protocol):
    """K classes of D features, as a frozen dataclass of arrays and numbers.

    Attributes
    ----------
    has_likelihood : bool
        Whether it is a mixture: a density with the weights, means and covariances of
        its classes as parameters. Its objective is the log-likelihood, and rises; that
        of other models falls.
    objective_name, objective_unit : str
        What a fit improves, and in what.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    has_likelihood: ClassVar[bool]
    objective_name: ClassVar[str]
    objective_unit: ClassVar[str]

    @property
    def n_classes(self) -> int:
        """Number of classes K."""

    @property
    def weights(self) -> Float64Array:
        """Share of each class (K,); sums to 1."""

    @property
    def means(self) -> Float64Array:
        """Centers (K, D) of the classes, in the units of the features."""

    @property
    def covariances(self) -> Float64Array:
        """Covariances (K, D, D) of the classes; scale matrices of Student-t classes."""

    @property
    def df(self) -> Float64Array | None:
        """Degrees of freedom (K,) of Student-t classes; None for Gaussian ones."""

    @property
    def outliers(self) -> float:
        """Share of the pixels that no class explains."""

    @property
    def log_uniform(self) -> float:
        """Log-density of the outliers, which lie anywhere in the features' range."""

    @property
    def within_variance(self) -> float:
        """Mean variance within classes, summed over the features."""

    @property
    def log_prior(self) -> Float64Array:
        """What `log_joint` knows of the classes (K,) before it sees a pixel."""

    def log_joint(self, features: ArrayLike) -> Float64Array:
        """Return log-probabilities (K, …) of (…, D) features, up to a constant."""

    def predict(self, features: ArrayLike) -> NDArray[np.uint8]:
        """Return labels 1..K (…) of (…, D) features."""

    def predict_proba(self, features: ArrayLike) -> Float64Array:
        """Return probabilities (…, K) of the classes, which sum to 1."""

    def score(self, features: ArrayLike) -> float:
        """Return how well the model explains (…, D) features; larger is better."""

    def reorder(self, order: NDArray[np.intp]) -> Self:
        """Renumber or drop classes: the new class k is the old ``order[k - 1] + 1``."""
