"""A result of the panel "Segment" as an action, with the form that it was made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_emseg.layers import Action, Change, is_result
from napari_emseg.layers.history import latest_step
from napari_emseg.layers.metadata import entry_of
from napari_emseg.layers.undo.layer_look import LayerLook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels

    from napari_emseg.layers import LiveResult
    from napari_emseg.layers.live_result import LiveState
    from napari_emseg.layers.undo.manual_edits import ManualEdits
    from napari_emseg.params import Params
    from napari_emseg.widgets.segment.segment_request import SegmentRequest

    # Shows parameters again, and overwrites what was overwritten with them.
    ShowAgain = Callable[[Params, LiveState], None]


@dataclass(frozen=True, slots=True, eq=False)
class RunTarget:
    """What a result is written over, as it is before that.

    Attributes
    ----------
    state : LiveState
        Which layer is live.
    params : Params
        What the form showed then.
    layer : napari.layers.Labels or None
        Gets the result, if it can; None if that becomes a layer of its own.
    step : int
        The key of its latest step; 0 if there is none.
    data : array_like
        Its labels.
    looks : list of LayerLook
        How it looks without a preview.
    earlier : list of napari.layers.Labels
        Visible results, of which those of the same image are not mixed with it.
    """

    state: LiveState
    params: Params
    layer: Labels | None = None
    step: int = 0
    data: Any = None
    looks: list[LayerLook] = field(default_factory=list)
    earlier: list[Labels] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        current: LiveResult,
        request: SegmentRequest,
        params: Params,
        layers: Sequence[Any],
    ) -> RunTarget:
        """Return what is there before the result of a request is written."""
        state, written = current.state, current.state.written
        layer = request.replace if request.replace in layers else None
        colormap = None
        if layer is None and written is not None and current.layer is not None:
            layer, colormap = current.layer, written.colormap
        if layer is None:
            earlier = [one for one in layers if is_result(one) and one.visible]
            return cls(state, params, earlier=earlier)
        looks = [LayerLook.of(layer, colormap)]
        return cls(state, params, layer, _key(layer), layer.data, looks)

    def action(
        self,
        layer: Labels,
        after: tuple[Params, LiveState],
        show_again: ShowAgain,
        fits: ManualEdits,
        text: str,
    ) -> Action:
        """Return the action that a result is, without its step; hide earlier results.

        Parameters
        ----------
        layer : napari.layers.Labels
            Where it was written.
        after : (Params, LiveState)
            What the form shows now, and which layer is live.
        show_again : callable
            Takes such a pair, when it is undone and redone.
        fits : ManualEdits
            Gets to know the step.
        text : str
            What was done.
        """
        form = Change(
            partial(show_again, self.params, self.state),
            partial(show_again, *after),
            layer,
        )
        if self.layer is None or self.layer is not layer:
            hidden = [
                Change(partial(_show, one, True), partial(_show, one, False), one)
                for one in self.earlier
                if _about(one) == _about(layer)
            ]
            for change in hidden:
                change.redo()
            return Action(made=layer, changes=(form, *hidden), text=text)
        if _key(layer) != self.step:
            fits.add_fit(layer)
            return Action(changes=(form,), text=text)
        if layer.data is not self.data or not layer.editable:
            # The labels are others, and nothing knows those from before.
            return Action(text=text)
        now = LayerLook.of(layer).restore
        looks = (Change(look.restore, now, layer) for look in self.looks)
        return Action(changes=(form, *looks), text=text)


def _about(layer: Labels) -> tuple[Any, Any]:
    """Return which image, and which part of it, a result is of."""
    entry = entry_of(layer)
    return entry.get("image"), entry.get("at")


def _show(layer: Labels, visible: bool) -> None:
    layer.visible = visible


def _key(layer: Labels) -> int:
    step = latest_step(layer)
    return 0 if step is None else step.key
