"""Previews while parameters change, and a call when they stay the same."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_emseg.layers import class_colormap, fingerprint, warm_up
from napari_emseg.pipeline.preview import PreviewImage
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import stop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.utils.colormaps import DirectLabelColormap

    from napari_emseg.layers import PictureLayers, SliceIndex
    from napari_emseg.pipeline.preview import PreviewResult
    from napari_emseg.widgets.segment.segment_request import SegmentRequest

log = logging.getLogger(__name__)

REST = 300  # ms without a change until parameters are at rest


@dataclass(frozen=True, slots=True, eq=False)
class _PreparedImage:
    """A picture whose colors are counted; `picture` is None without previews."""

    image: PictureLayers
    data: tuple[object, ...]
    mark: int
    at: SliceIndex | None
    picture: PreviewImage | None

    def serves(self, request: SegmentRequest) -> bool:
        """Return whether it is the image of a request, and has not changed."""
        if self.image != request.image or self.at != request.at:
            return False
        if any(a is not b for a, b in zip(self.data, request.data, strict=True)):
            return False
        return self.mark == fingerprint(request.seen())


class LivePreview:
    """Shows previews of the latest request, and calls `on_rest` when it stays the last.

    Previews are made in the background, one at a time; a later request cancels those
    before.

    Parameters
    ----------
    on_preview : callable
        Takes a `SegmentRequest`, its `PreviewResult`, and the colormap for it.
    on_rest : callable
        Takes the latest `SegmentRequest` when there was no other for a moment.
    """

    def __init__(
        self,
        on_preview: Callable[
            [SegmentRequest, PreviewResult, DirectLabelColormap], None
        ],
        on_rest: Callable[[SegmentRequest], None],
    ) -> None:
        self._on_preview = on_preview
        self._on_rest = on_rest
        self._request: SegmentRequest | None = None
        self._prepared: _PreparedImage | None = None
        self._background = BackgroundQueue(log.warning)
        # Now rather than for the first result, which would have to wait.
        self._background.preview(warm_up, lambda _: None, "warm up")
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._rest)

    @property
    def waiting(self) -> bool:
        """Whether there is a request for which `on_rest` was not called."""
        return self._request is not None

    @property
    def idle(self) -> bool:
        """Whether no request waits, and no preview is being made."""
        return not self.waiting and self._background.idle

    def follow(self, request: SegmentRequest) -> None:
        """Show a preview of a request, if it has one."""
        self._request = request
        self._timer.start()
        self._background.preview(
            partial(self._make_preview, request), partial(self._show, request)
        )

    def stop(self) -> None:
        """Cancel the request, and the preview that is being made."""
        self._request = None
        stop(self._timer)
        self._background.drop()

    def forget(self) -> None:
        """Forget the image, to free its memory and to see its changes."""
        self._prepared = None

    def open(self) -> None:
        """Work again, after `close`."""
        self._background.open()

    def close(self) -> None:
        """Stop, until `open`."""
        self.stop()
        self.forget()
        self._background.close()

    def _make_preview(
        self, request: SegmentRequest
    ) -> Generator[Any, None, tuple[PreviewResult, DirectLabelColormap] | None]:
        """Return a preview and its colors; None if there can be none."""
        if not PreviewImage.shows(request.params):
            return None
        prepared = self._prepared
        if prepared is None or not prepared.serves(request):
            self._prepared = prepared = _prepare(request)
        if prepared.picture is None:
            return None
        try:
            preview = yield from prepared.picture.iter_preview(request.params)
        except ValueError as error:
            # The run that follows says so in its own words.
            log.debug("no preview: %s", error)
            return None
        colormap = class_colormap(preview.colors)
        # Fills the map's cache here rather than in the viewer's thread.
        colormap.map(np.zeros(1, np.uint8))
        return preview, colormap

    def _show(
        self,
        request: SegmentRequest,
        found: tuple[PreviewResult, DirectLabelColormap] | None,
    ) -> None:
        if found is not None:
            self._on_preview(request, *found)

    def _rest(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._on_rest(request)


def _prepare(request: SegmentRequest) -> _PreparedImage:
    image, at = request.image, request.at
    data = request.seen()
    mark = fingerprint(data)
    try:
        picture = PreviewImage(data, **image.reading(at))
    except (TypeError, ValueError) as error:
        log.debug("no previews of %r: %s", image.name, error)
        picture = None
    return _PreparedImage(image, request.data, mark, at, picture)
