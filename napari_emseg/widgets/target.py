"""Where the result of a run goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.layers import Whole, add_to, alike, plan_edit
from napari_emseg.widgets.preferences import preferred

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_emseg.layers.edits import Plan
    from napari_emseg.segmentation import Segmentation
    from napari_emseg.widgets.live import Request
    from napari_emseg.widgets.runner import Success


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What the panel said when a run began.

    Attributes
    ----------
    request : Request
        What is segmented.
    replace : napari.layers.Labels or None
        An earlier result that is to be updated.
    start : float
        When the run began, in seconds of `time.perf_counter`.
    """

    request: Request
    replace: Labels | None
    start: float

    def plan(self, seg: Segmentation) -> Plan | None:
        """Work the update of the earlier result out; any thread may do it."""
        layer = self.replace
        if layer is None or not layer.editable or not self._fits(layer, seg):
            return None
        return plan_edit(layer, self._whole(seg))

    def update(self, viewer: ViewerModel, result: Success) -> Labels | None:
        """Update the earlier result, as one step of its undo history.

        Returns
        -------
        napari.layers.Labels or None
            None if there is none, or if it cannot take the labels; nothing has
            changed then.
        """
        layer = self.replace
        if layer is None or layer not in viewer.layers:
            return None
        if not self._fits(layer, result.seg):
            return None
        return add_to(
            viewer,
            result.seg,
            self.request.image,
            replace=layer,
            at=self.request.at,
            look=result.look,
            plan=result.plan,
            max_bytes=preferred().history_bytes,
        )

    def _fits(self, layer: Labels, seg: Segmentation) -> bool:
        return alike(layer, self._whole(seg).labels)

    def _whole(self, seg: Segmentation) -> Whole:
        """Return the labels with the axes of a layer."""
        at = self.request.at or ()
        across = [axis for axis, index in enumerate(at) if index is not None]
        return Whole(np.expand_dims(seg.labels, across))
