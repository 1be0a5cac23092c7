"""Color segmentation for napari: K-means and EM on all pixels, edited by hand.

Importing this package loads neither napari nor Qt nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari_emseg.engine.kmeans import KMeansModel
from napari_emseg.engine.mixture import MixtureModel
from napari_emseg.params import Params
from napari_emseg.segment import (
    Progress,
    Segmentation,
    features,
    iter_segment,
    segment,
)

if TYPE_CHECKING:
    from napari_emseg import adjust, demo, files, plot, regions, select, sweep
    from napari_emseg.layers import add_to
    from napari_emseg.recipe import Recipe, Step, hand
    from napari_emseg.recipe.refits import refit
    from napari_emseg.regions.uncertainty import uncertain_places
    from napari_emseg.table import class_table
    from napari_emseg.trees import hierarchy

__version__ = version("napari-emseg")

__all__ = [
    "KMeansModel",
    "MixtureModel",
    "Params",
    "Progress",
    "Recipe",
    "Segmentation",
    "Step",
    "__version__",
    "add_to",
    "adjust",
    "class_table",
    "demo",
    "features",
    "files",
    "hand",
    "hierarchy",
    "iter_segment",
    "plot",
    "refit",
    "regions",
    "segment",
    "select",
    "sweep",
    "uncertain_places",
]
# What is brought only when it is asked for (PEP 562): napari, and what takes long.
_LATER = {
    "Recipe": ("napari_emseg.recipe", "Recipe"),
    "Step": ("napari_emseg.recipe", "Step"),
    "add_to": ("napari_emseg.layers", "add_to"),
    "adjust": ("napari_emseg.adjust", None),
    "class_table": ("napari_emseg.table", "class_table"),
    "demo": ("napari_emseg.demo", None),
    "files": ("napari_emseg.files", None),
    "hand": ("napari_emseg.recipe.hand", None),
    "hierarchy": ("napari_emseg.trees", "hierarchy"),
    "plot": ("napari_emseg.plot", None),
    "refit": ("napari_emseg.recipe.refits", "refit"),
    "regions": ("napari_emseg.regions", None),
    "select": ("napari_emseg.select", None),
    "sweep": ("napari_emseg.sweep", None),
    "uncertain_places": ("napari_emseg.regions.uncertainty", "uncertain_places"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'napari_emseg' has no attribute {name!r}")
    module, attribute = _LATER[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return __all__
