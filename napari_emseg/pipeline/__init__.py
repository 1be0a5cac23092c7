"""The facade: from an image and its parameters to a segmentation."""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    # Who shows how far a run is needs nothing of what runs.
    if name == "sweep":
        return import_module(f"{__name__}.sweep")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
