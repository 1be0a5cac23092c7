"""Color segmentation for napari: K-means and EM on all pixels, edited by hand.

Importing this package loads neither napari nor Qt nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.params import Params
from napari_emseg.pipeline.progress import Progress
from napari_emseg.pipeline.segment import features, iter_segment, segment
from napari_emseg.pipeline.segmentation import Segmentation

if TYPE_CHECKING:
    from napari_emseg import adjust, plot, regions, select
    from napari_emseg.io import files
    from napari_emseg.layers import add_to
    from napari_emseg.pipeline import blobs as demo
    from napari_emseg.pipeline import sweep
    from napari_emseg.pipeline.class_table import class_table
    from napari_emseg.pipeline.image_hierarchy import hierarchy
    from napari_emseg.plot import movie
    from napari_emseg.plot import sweep_sheet as sheet
    from napari_emseg.recipe import Recipe, Step
    from napari_emseg.recipe import packed_array as hand
    from napari_emseg.regions.refit import refit
    from napari_emseg.regions.uncertain_places import uncertain_places

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
    "movie",
    "plot",
    "refit",
    "regions",
    "segment",
    "select",
    "sheet",
    "sweep",
    "uncertain_places",
]
# What is brought only when it is asked for (PEP 562): napari, and what takes long.
_LATER = {
    "Recipe": ("napari_emseg.recipe", "Recipe"),
    "Step": ("napari_emseg.recipe", "Step"),
    "add_to": ("napari_emseg.layers", "add_to"),
    "adjust": ("napari_emseg.adjust", None),
    "class_table": ("napari_emseg.pipeline.class_table", "class_table"),
    "demo": ("napari_emseg.pipeline.blobs", None),
    "files": ("napari_emseg.io.files", None),
    "hand": ("napari_emseg.recipe.packed_array", None),
    "movie": ("napari_emseg.plot.movie", None),
    "sheet": ("napari_emseg.plot.sweep_sheet", None),
    "hierarchy": ("napari_emseg.pipeline.image_hierarchy", "hierarchy"),
    "plot": ("napari_emseg.plot", None),
    "refit": ("napari_emseg.regions.refit", "refit"),
    "regions": ("napari_emseg.regions", None),
    "select": ("napari_emseg.select", None),
    "sweep": ("napari_emseg.pipeline.sweep", None),
    "uncertain_places": ("napari_emseg.regions.uncertain_places", "uncertain_places"),
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
