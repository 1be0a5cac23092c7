"""Classes that the user's seeds name: components of a free fit, and who owns them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cluster.em import lift
from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.scribbles.component_owners import share_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.mixture import MixtureModel

# Components at least, and for each class. Mean IoU of five sets of pictures with
# strokes is the same within .02 for 6 to 10.
_COMPONENTS, _EACH = 8, 2
# A class gets a component of its own for seeds that others would win, if it would lose
# such a share of them.
_LOST = 0.1
# Points of a class are enough to tell its components, and are asked at each iteration.
_MOST = 2**12


@dataclass(frozen=True, slots=True, eq=False)
class SeededClasses:
    """What seeds tell of all classes.

    A mixture is fitted without them, and they say whose each component is [1]_.

    Attributes
    ----------
    points : (N, D) ndarray of float
        Features under the seeds.
    classes : (N,) ndarray of int
        Their classes, 1..K, each at least once.
    weights : (N,) ndarray of float64
        Pixels that each stands for.
    floor : (D,) ndarray of float64
        Least variances of a component.

    References
    ----------
    .. [1] D. J. Miller, H. S. Uyar, "A mixture of experts classifier with learning
       based on both labelled and unlabelled data", NIPS 9, 571-577, 1996.
    """

    points: Float64Array
    classes: NDArray[np.int64]
    weights: Float64Array
    floor: Float64Array

    @classmethod
    def of(
        cls, cells: Cells, floor: Float64Array, n_classes: int
    ) -> SeededClasses | None:
        """Return what seeds tell, if each of several classes has some, else None."""
        if cells.seed_labels is None or n_classes < 2:
            return None
        # Numbers that are left out would be classes of nothing.
        if cells.highest_seed > n_classes:
            return None
        labels = range(1, n_classes + 1)
        each = [np.flatnonzero(cells.seed_labels == label) for label in labels]
        if not all(own.size for own in each):
            return None
        some = np.concatenate([own[:: 1 + own.size // _MOST] for own in each])
        points = cells.points[:, some].T.astype(np.float64)
        return cls(points, cells.seed_labels[some], cells.weights[some], floor)

    @property
    def n_components(self) -> int:
        """Number of components of a fit that knows nothing of the seeds."""
        return max(_COMPONENTS, _EACH * int(self.classes.max()))

    def group(self, model: MixtureModel) -> GroupedMixture:
        """Give each component to the class whose seeds it explains.

        A class without any, or which would lose too many of its seeds to others, gets
        one more component, made of those seeds.
        """
        share = share_components(model, self.points, self.classes, self.weights)
        owners = share.argmax(axis=1) + 1
        found = model.predict_proba(self.points)
        winner = owners[found.argmax(axis=1)]
        for label in range(1, share.shape[1] + 1):
            own = self.classes == label
            lost = self.weights * (own & (winner != label))
            some = lost.sum() > _LOST * self.weights[own].sum()
            if some or not (owners == label).any():
                seeds = lost / lost.sum()
                taken = (seeds @ found) * share[:, label - 1]
                model = self._add(model, seeds, taken)
                owners = np.append(owners, label)
        return GroupedMixture(model, owners)

    def _add(
        self, model: MixtureModel, seeds: Float64Array, taken: Float64Array
    ) -> MixtureModel:
        """Add a component of some seeds, and take its weight from the first ones."""
        mean = seeds @ self.points
        away = self.points - mean
        scatter = lift(((away.T * seeds) @ away)[np.newaxis], self.floor)
        part = np.zeros(model.n_classes)
        part[: len(taken)] = taken * model.weights[: len(taken)]
        return replace(
            model,
            weights=np.append(model.weights - part, part.sum()),
            means=np.vstack([model.means, mean]),
            covariances=np.concatenate([model.covariances, scatter]),
        )
