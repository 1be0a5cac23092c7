"""The file that a script reads the picture of a result from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_emseg.layers.metadata import PLUGIN
from napari_emseg.layers.pictures.picture_layers import OF_ONE_FILE, file_of_all

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_emseg.layers.pictures.picture_layers import PictureLayers

_LONGEST = 60  # letters of a layer's name in that of a file


class ScriptSource(NamedTuple):
    """The file of a picture, or the one that it is to be saved to.

    Attributes
    ----------
    path : Path
    exists : bool
        Whether the picture has this file.
    as_stored : bool
        Whether napari's own reader opened it, rather than that of this plugin.
    what : str
        What is to be saved, if there is no file.
    """

    path: Path
    exists: bool
    as_stored: bool
    what: str = "the image"

    @classmethod
    def of(
        cls, viewer: ViewerModel, image: Image | None, picture: PictureLayers | None
    ) -> ScriptSource:
        """Return the file of a result's picture; `image` is its first layer."""
        file = None if image is None else image.source.path
        stored = image is not None and image.source.reader_plugin != PLUGIN
        name = "image" if image is None else image.name
        what, plain = "the image", image is None or image.ndim == 2
        if picture is not None and picture.several:
            # Of one channel alone it would be another picture.
            file, stored = file_of_all(viewer, picture), False
            name = " + ".join(layer.name for layer in picture.layers)
            what, plain = f"{name}, as the channels of one picture,", False
        elif image is not None and OF_ONE_FILE in image.metadata:
            file = None  # which has other channels, too
        # A layer may have any name, a file not.
        name = re.sub(r'[\\/:*?"<>|\0-\37]', "_", name)[:_LONGEST]
        path = Path(file or f"{name}{'.png' if plain else '.tif'}")
        return cls(path, bool(file), bool(file) and stored, what)
