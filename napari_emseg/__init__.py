"""Color segmentation for napari: K-means and EM on all pixels, edited by hand.

Importing this package loads neither napari nor Qt nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from warnings import warn

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
    from napari_emseg.pipeline import sweep
    from napari_emseg.pipeline.blobs import blobs
    from napari_emseg.pipeline.class_table import class_table
    from napari_emseg.pipeline.image_hierarchy import hierarchy
    from napari_emseg.plot import movie
    from napari_emseg.plot import sweep_sheet as sheet
    from napari_emseg.recipe import Recipe, Step
    from napari_emseg.recipe.packed_array import unpack as unpack_array
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
    "blobs",
    "class_table",
    "features",
    "files",
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
    "unpack_array",
]
# Names that are imported when they are first used (PEP 562): napari, and slow ones.
_LATER = {
    "Recipe": ("napari_emseg.recipe", "Recipe"),
    "Step": ("napari_emseg.recipe", "Step"),
    "add_to": ("napari_emseg.layers", "add_to"),
    "adjust": ("napari_emseg.adjust", None),
    "blobs": ("napari_emseg.pipeline.blobs", "blobs"),
    "class_table": ("napari_emseg.pipeline.class_table", "class_table"),
    "files": ("napari_emseg.io.files", None),
    "movie": ("napari_emseg.plot.movie", None),
    "sheet": ("napari_emseg.plot.sweep_sheet", None),
    "hierarchy": ("napari_emseg.pipeline.image_hierarchy", "hierarchy"),
    "plot": ("napari_emseg.plot", None),
    "refit": ("napari_emseg.regions.refit", "refit"),
    "regions": ("napari_emseg.regions", None),
    "select": ("napari_emseg.select", None),
    "sweep": ("napari_emseg.pipeline.sweep", None),
    "uncertain_places": ("napari_emseg.regions.uncertain_places", "uncertain_places"),
    "unpack_array": ("napari_emseg.recipe.packed_array", "unpack"),
}
# Old names, which scripts of earlier versions use, and the names to take instead.
_DEPRECATED = {
    "demo": ("napari_emseg.pipeline.blobs", "emseg.blobs"),
    "hand": (
        "napari_emseg.recipe.hand",
        "emseg.unpack_array, emseg.select.scribble_mask, emseg.regions.draw or "
        "emseg.regions.patch",
    ),
}


def __getattr__(name: str) -> Any:
    """Return a public name that is imported when it is first used."""
    if name in _DEPRECATED:
        module, instead = _DEPRECATED[name]
        warn(
            f"emseg.{name} is deprecated; use {instead}",
            DeprecationWarning,
            stacklevel=2,
        )
        return import_module(module)
    if name not in _LATER:
        raise AttributeError(f"module 'napari_emseg' has no attribute {name!r}")
    module, attribute = _LATER[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return __all__
