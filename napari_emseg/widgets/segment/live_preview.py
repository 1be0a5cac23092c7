"""Previews while parameters change, and the moment when they come to rest."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_emseg.layers import class_colormap, fingerprint, image_data
from napari_emseg.pipeline.preview import PreviewImage
from napari_emseg.widgets.common.background import Background

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image
    from napari.utils.colormaps import DirectLabelColormap

    from napari_emseg.layers import SliceIndex
    from napari_emseg.params import Params
    from napari_emseg.pipeline.preview import PreviewResult

log = logging.getLogger(__name__)

REST = 300  # ms without a change until parameters are at rest


@dataclass(frozen=True, slots=True, eq=False)
class PreviewRequest:
    """What is to be segmented.

    Attributes
    ----------
    image : napari.layers.Image
        The layer.
    at : tuple of int or None
        Which part of it; None is all.
    params : Params
        How.
    """

    image: Image
    at: SliceIndex | None
    params: Params


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """A picture that is ready for previews, or None if it cannot have any."""

    image: Image
    data: object
    mark: int
    at: SliceIndex | None
    picture: PreviewImage | None

    def serves(self, request: PreviewRequest) -> bool:
        """Tell whether it is the picture of a request, and has not changed."""
        same = self.image is request.image and self.at == request.at
        if not same or self.data is not request.image.data:
            return False
        return self.mark == fingerprint(image_data(request.image, request.at))


class LivePreview:
    """Shows previews of the latest request, and says when requests have come to rest.

    Previews are made beside the window, one at a time; what a later request made
    stale is dropped.

    Parameters
    ----------
    on_preview : callable
        Takes a `PreviewRequest`, its `PreviewResult`, and the colormap for it.
    on_rest : callable
        Takes the latest `PreviewRequest` when there was no other for a moment.
    parent : QObject
        Keeps the timer for as long as itself.
    """

    def __init__(
        self,
        on_preview: Callable[
            [PreviewRequest, PreviewResult, DirectLabelColormap], None
        ],
        on_rest: Callable[[PreviewRequest], None],
        parent: QObject,
    ) -> None:
        self._on_preview = on_preview
        self._on_rest = on_rest
        self._request: PreviewRequest | None = None
        self._counted: _Counted | None = None
        self._background = Background(log.warning, lambda busy: None)
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._rest)

    @property
    def waiting(self) -> bool:
        """Whether there is a request that has not come to rest."""
        return self._request is not None

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and no preview is being made."""
        return not self.waiting and self._background.idle

    def follow(self, request: PreviewRequest) -> None:
        """Show a preview of a request, if it has one, instead of those before."""
        self._request = request
        self._timer.start()
        self._background.preview(
            lambda: self._look(request), lambda found: self._show(request, found)
        )

    def stop(self) -> None:
        """Drop the request, and the preview that is being made."""
        self._request = None
        self._timer.stop()
        self._background.drop()

    def forget(self) -> None:
        """Let go of the picture, so that its memory is free and changes are seen."""
        self._counted = None

    def close(self) -> None:
        """End for good."""
        self.stop()
        self.forget()
        self._background.close()

    def _look(
        self, request: PreviewRequest
    ) -> tuple[PreviewResult, DirectLabelColormap] | None:
        """Make a preview, beside the window; None if there can be none."""
        if not PreviewImage.shows(request.params):
            return None
        counted = self._counted
        if counted is None or not counted.serves(request):
            self._counted = counted = _count(request)
        if counted.picture is None:
            return None
        try:
            glimpse = counted.picture.preview(request.params)
        except ValueError as error:
            # The run that follows says so in its own words.
            log.debug("no preview: %s", error)
            return None
        colormap = class_colormap(glimpse.colors)
        # Fills the map's cache here rather than in the viewer's thread.
        colormap.map(np.zeros(1, np.uint8))
        return glimpse, colormap

    def _show(
        self,
        request: PreviewRequest,
        found: tuple[PreviewResult, DirectLabelColormap] | None,
    ) -> None:
        if found is not None:
            self._on_preview(request, *found)

    def _rest(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._on_rest(request)


def _count(request: PreviewRequest) -> _Counted:
    image, at = request.image, request.at
    data = image_data(image, at)
    mark = fingerprint(data)
    try:
        picture = PreviewImage(data, rgb=image.rgb)
    except (TypeError, ValueError) as error:
        log.debug("no previews of %r: %s", image.name, error)
        picture = None
    return _Counted(image, image.data, mark, at, picture)
