"""Colour segmentation for napari: K-means and EM on all pixels, edited by hand.

Importing this package loads neither napari nor Qt nor matplotlib.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari_emseg.params import Params
from napari_emseg.segment import (
    Progress,
    Segmentation,
    features,
    iter_segment,
    segment,
)

if TYPE_CHECKING:
    from napari_emseg.layers import add_to

__version__ = version("napari-emseg")

__all__ = [
    "Params",
    "Progress",
    "Segmentation",
    "__version__",
    "add_to",
    "features",
    "iter_segment",
    "segment",
]


def __getattr__(name: str) -> Any:
    """Bring what needs napari only when it is asked for (PEP 562)."""
    if name == "add_to":
        from napari_emseg.layers import add_to

        return add_to
    raise AttributeError(f"module 'napari_emseg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
