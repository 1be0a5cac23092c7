"""The runs that results came from, for as long as their layers live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.engine.state import FitState
    from napari_emseg.params import Params
    from napari_emseg.posteriors import Posteriors
    from napari_emseg.segment import Segmentation
    from napari_emseg.source import Source

# Not in the layers' metadata, which are copied and written to files. Nothing is lost
# with an entry: a fit is done again from the parameters.
# Bytes of labels that are kept to save a fit.
MOST = 2**26
_RUNS: WeakKeyDictionary[Labels, Run] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What is remembered of a fit.

    Attributes
    ----------
    states : tuple of FitState
        Of all iterations, with their models as far as there was room for these.
    source : Source
        The image that was segmented.
    params : Params
        How.
    colors : (K, 3) ndarray of float64
        Of the classes, in [0, 1].
    posteriors : Posteriors
        What the probabilities of the classes come from.
    step : dict or None
        The step of a recipe that makes the labels, as JSON has it; if it is known.
    labels : (…) ndarray of unsigned int or None
        What it makes, if that is not very large: no edit has changed it.
    """

    states: tuple[FitState, ...]
    source: Source
    params: Params
    colors: NDArray[np.float64]
    posteriors: Posteriors
    step: dict[str, Any] | None = None
    labels: NDArray[np.unsignedinteger] | None = None

    @classmethod
    def of(cls, seg: Segmentation, step: dict[str, Any] | None = None) -> Run:
        """Take what is remembered from a result."""
        posteriors = seg.posteriors.slim()
        labels = seg.labels if step is not None and seg.labels.nbytes <= MOST else None
        about = (seg.states, seg.source, seg.params, seg.class_colors, posteriors)
        return cls(*about, step, labels)


def note_run(layer: Labels, run: Run | None) -> None:
    """Remember the run that a layer came from; None if that is not known."""
    if run is None:
        _RUNS.pop(layer, None)
    else:
        _RUNS[layer] = run


def run_of(layer: Labels) -> Run | None:
    """Return the run that a layer came from, None if that was in another session.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> from napari_emseg.layers import run_of
    >>> seg = emseg.segment(np.arange(16, dtype=np.uint8).reshape(4, 4), n_classes=2)
    >>> layer = emseg.add_to(ViewerModel(), seg)
    >>> run_of(layer).states == seg.states
    True
    """
    return _RUNS.get(layer)
