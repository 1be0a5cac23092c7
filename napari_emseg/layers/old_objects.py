"""Collections of garbage, put off until the user pauses."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from napari.components import ViewerModel


# Removed layers that may wait for a pause, and bytes of their data.
_MOST_LAYERS, _MOST_BYTES = 100, 2**28


class OldObjects:
    """Objects that were there at `hold`, and when a layer is removed.

    Collections of garbage pass them over. Napari collects all garbage whenever a layer
    is removed, through all objects that there are: that takes a tenth to a third of a
    second, in which the window stands still, also for the layers of tools and previews,
    which come and go. So, at times, does Python.

    What is passed over is freed as ever when nothing refers to it any more; only what
    refers to itself in a ring, as a removed layer does, waits for a pause, or for
    `release`. Then all is collected; and at once where a script, which never pauses,
    removes many layers or large ones.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose layers are followed.
    in_pause : callable
        Is given what it calls, without arguments, when the user does nothing.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> old = OldObjects(ViewerModel(), lambda act: act())
    >>> old.hold()
    >>> gc.get_freeze_count() > 0
    True
    >>> old.release()
    >>> gc.get_freeze_count()
    0
    """

    # Python passes over all or nothing, so one that releases has the others hold again.
    _holding: ClassVar[WeakSet[OldObjects]] = WeakSet()

    def __init__(
        self, viewer: ViewerModel, in_pause: Callable[[Callable[[], None]], object]
    ) -> None:
        self._in_pause = in_pause
        events = viewer.layers.events
        # Before napari and after it, which collects when it hears of the second.
        self._reactions = [
            (events.removing, self._on_removing, "first"),
            (events.removed, self._on_removed, "last"),
        ]
        if hasattr(events, "begin_batch"):  # since 0.9, which collects at its end
            self._reactions.append((events.begin_batch, self._on_removing, "first"))
        self.waiting = self.size = 0

    def hold(self) -> None:
        """Pass over what is there now."""
        for event, react, position in self._reactions:
            event.connect(react, position=position)
        self._holding.add(self)
        gc.freeze()

    def release(self) -> None:
        """Collect everything again, unless others hold it."""
        for event, react, _ in self._reactions:
            event.disconnect(react)
        self._holding.discard(self)
        self.waiting = self.size = 0
        gc.unfreeze()
        if self._holding:
            gc.freeze()

    def collect(self) -> None:
        """Collect all garbage, unless that was done since a layer was removed."""
        if not self.waiting:
            return
        for one in self._holding:
            one.waiting = one.size = 0
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _on_removing(self) -> None:
        gc.freeze()

    def _on_removed(self, event: Any) -> None:
        self.waiting += 1
        self.size += getattr(event.value.data, "nbytes", 0)
        if self.waiting > _MOST_LAYERS or self.size > _MOST_BYTES:
            self.collect()
        else:
            self._in_pause(self.collect)
