"""Color segmentation for napari: K-means and EM on all pixels, edited by hand.

Importing this package loads neither napari nor Qt nor matplotlib: each public name is
imported when it is first used. ``__init__.pyi`` lists them.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import Any

import lazy_loader

if "cv2" in sys.modules:
    # Takes back what the plain wheel of OpenCV does to Qt. Otherwise this waits until
    # OpenCV is needed: the command has to be there before that, to hear Ctrl-C.
    import_module("napari_emseg.engine")

# The one place that says so: the distribution reads it, and it is true without one.
__version__ = "0.1.0"
# Names of earlier versions, which scripts still use, and what to use instead.
_DEPRECATED = {
    "hand": (
        "napari_emseg.recipe.hand",
        "regions.patch, regions.draw, select.scribble_mask and unpack_array",
    ),
    "demo": ("napari_emseg.pipeline.blobs", "blobs"),
}
_public, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in __all__:
        import_module("napari_emseg.engine")  # before all that uses OpenCV
        return _public(name)
    if name in _DEPRECATED:
        module, instead = _DEPRECATED[name]
        message = f"emseg.{name} is deprecated; use {instead} of emseg instead"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return import_module(module)
    if name.endswith("Model"):  # scripts name those of all methods
        methods = import_module("napari_emseg.engine.cluster.methods").METHODS
        for method in methods.values():
            if method.model.__name__ == name:
                return method.model
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message, name=name, obj=sys.modules[__name__])
