"""The choice of the number of classes: how well each number explains an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_emseg.engine.em import Rules
from napari_emseg.engine.order import MOST, Order, iter_orders
from napari_emseg.fits import count_source

if TYPE_CHECKING:
    from napari_emseg.source import Source


@dataclass(frozen=True, slots=True)
class Choice:
    """What tells how many classes there are.

    Attributes
    ----------
    orders : tuple of Order
        Fits of 1, 2, … classes.
    n : float
        Number of independent pixels.
    """

    orders: tuple[Order, ...]
    n: float

    @property
    def best(self) -> int:
        """The number of classes with the largest integrated completed likelihood."""
        return max(self.orders, key=lambda order: order.icl(self.n)).n_classes


def try_orders(source: Source, *, seed: int = 0, most: int = MOST) -> Choice:
    """Fit mixtures of 1 to `most` classes, as ``n_classes="auto"`` does.

    Parameters
    ----------
    source : Source
        As `Segmentation.source`.
    seed : int, optional
        As in `Params`.
    most : int, optional
        Most classes that are tried.

    Returns
    -------
    Choice

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, (40, 40))
    >>> image = (60 + 120 * truth + rng.normal(0, 9, truth.shape)).astype(np.uint8)
    >>> seg = emseg.segment(image, n_classes="auto", smoothing=0)
    >>> try_orders(seg.source).best == seg.n_classes == 2
    True
    """
    census = count_source(source)
    rules = Rules("full", census.floor)
    tried = list(iter_orders(census.cells, rules=rules, seed=seed, most=most))
    n = source.effective_size(tried[-1][1])
    return Choice(tuple(order for order, _ in tried), n)
