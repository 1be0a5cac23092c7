"""Preferences of the plugin, as set in napari."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from napari_emseg.layers import HISTORY_BYTES
from napari_emseg.layers.metadata import PLUGIN
from napari_emseg.params import Params

log = logging.getLogger(__name__)

# As the manifest has them.
OWN_FILES = ("*.emseg.tif", "*.emseg.tiff")
# The manifest has whole numbers, not "auto", for the classes; 0 stands for it.
AUTO = 0


@dataclass(frozen=True, slots=True)
class Preferences:
    """Start values of the panels, and the size of the undo history.

    Attributes
    ----------
    params : Params
        The parameters that forms show at first.
    live : bool
        Whether a change of the parameters segments again at once.
    history_bytes : int
        What the undo history of a layer may hold.
    """

    params: Params = field(default_factory=Params)
    live: bool = True
    history_bytes: int = HISTORY_BYTES


def preferred() -> Preferences:
    """Return the current preferences, or the defaults.

    There are none where napari knows no preferences of plugins (before 0.9), or where
    this plugin is disabled.
    """
    found = _settings()
    if found is None:
        return Preferences()
    start, undo = found.segment, found.undo
    classes = start.n_classes
    params = Params(
        method=_value("method", start.method),
        n_classes="auto" if classes == AUTO else classes,
        color=_value("color", start.color),
        smoothing=start.smoothing,
    )
    return Preferences(params, start.live, undo.megabytes * 2**20)


def prefer_own_reader() -> None:
    """Let napari open the files of this plugin with it, unless the user chose another.

    Napari asks which reader to use wherever there are two; its own reads all of TIFF.
    What it remembers when it asks is for all files in ``.tif``.
    """
    from napari.settings import get_settings

    plugins = get_settings().plugins
    known = plugins.extension2reader
    new = {pattern: PLUGIN for pattern in OWN_FILES if pattern not in known}
    if new:
        plugins.extension2reader = {**known, **new}


def _settings() -> Any:
    """Return what napari keeps for this plugin; None if it keeps nothing."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        log.debug("napari has no preferences of %s", PLUGIN)
        return None


def _value(name: str, word: str) -> Any:
    """Return the value of a parameter that a form shows as a word."""
    extra: Any = Params.model_fields[name].json_schema_extra
    names = extra["names"]
    return {shown: value for value, shown in names.items()}[word]
