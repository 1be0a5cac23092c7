"""What was there before a panel, which collections of garbage need not look at."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from napari.components import ViewerModel
    from napari.layers import Layer


class OldObjects:
    """Objects that were there at `hold`: collections of garbage pass them over.

    Napari collects all garbage whenever a layer is removed, through all objects that
    there are: that takes a tenth to a third of a second, in which the window stands
    still, also for the layers of tools and previews, which come and go. So, at times,
    does Python.

    What is passed over is freed as ever when nothing refers to it any more; only what
    refers to itself in a ring waits for `release`, or until a layer is removed that was
    there, too. Then all is collected, as napari wants it, which takes its time.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose layers are followed.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> old = OldObjects(ViewerModel())
    >>> old.hold()
    >>> gc.get_freeze_count() > 0
    True
    >>> old.release()
    >>> gc.get_freeze_count()
    0
    """

    # Python passes over all or nothing, so one that releases has the others hold again.
    _holding: ClassVar[WeakSet[OldObjects]] = WeakSet()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layers: WeakSet[Layer] = WeakSet()
        self._together = False
        self._held = False
        events = viewer.layers.events
        # After napari, which collects when it hears of the last two.
        self._reactions = [
            (events.removing, self._on_removing, "first"),
            (events.removed, self._on_removed, "last"),
        ]
        if hasattr(events, "end_batch"):  # since 0.9
            self._reactions += [
                (events.begin_batch, self._on_batch, "first"),
                (events.end_batch, self._on_batch_end, "last"),
            ]

    def hold(self) -> None:
        """Pass over what is there now."""
        for event, react, position in self._reactions:
            event.connect(react, position=position)
        self._holding.add(self)
        self.hold_again()

    def release(self) -> None:
        """Collect everything again, unless others hold it."""
        for event, react, _ in self._reactions:
            event.disconnect(react)
        self._holding.discard(self)
        self._unfreeze()
        for other in self._holding:
            other.hold_again()

    def hold_again(self) -> None:
        """Pass over what is there by now, too."""
        gc.freeze()
        self._held = True
        self._layers = WeakSet(self._viewer.layers)

    def _unfreeze(self) -> None:
        gc.unfreeze()
        self._held = False

    def _on_removing(self, event: Any) -> None:
        if self._viewer.layers[event.index] in self._layers:
            self._unfreeze()

    def _on_removed(self, event: Any) -> None:
        if event.value in self._layers and not self._together:
            self.hold_again()

    def _on_batch(self, event: Any) -> None:
        self._together = True

    def _on_batch_end(self, event: Any) -> None:
        self._together = False
        if not self._held:  # an old layer was among them
            self.hold_again()
