"""The command ``napari-emseg``; it imports napari only when it opens a window."""

from napari_emseg.cli.app import main

__all__ = ["main"]
