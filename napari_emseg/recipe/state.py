"""What the steps of a recipe have made so far: labels, selections, picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg import select
from napari_emseg.engine.image.axes import CHANNELS, COLORS
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.pipeline.image_hierarchy import hierarchy
from napari_emseg.recipe.operation_schema import contains, overlap
from napari_emseg.regions.edit import holds, wider_type

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.recipe.operation_schema import OptionalSlice


# Stacks may be so narrow that they look like colors.
_NARROW = 30
NOTHING = "nothing is selected here; put a step that selects something before it"


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The result of a recipe; to NumPy it is its labels.

    Attributes
    ----------
    labels : (…) ndarray of int
        One pixel long along the axes of a stack of which only a slice was segmented.
    selection : (…) ndarray of bool or float32, or None
        What is selected in the end; None if nothing is.
    picture : ndarray or None
        The picture that was adjusted last, in its plane; None if none was.
    """

    labels: NDArray[Any]
    selection: NDArray[Any] | None
    picture: NDArray[Any] | None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the labels."""
        found = self.labels if dtype is None else self.labels.astype(dtype)
        return found.copy() if copy else found


@dataclass(slots=True, eq=False)
class State:
    """What steps have made so far; only `do` changes it.

    Attributes
    ----------
    image : array_like
        Its channels, if there are any, come last.
    reader_kwargs : dict
        How to read it: ``rgb`` or ``channel_axis``.
    shape : tuple of int
        Its spatial shape.
    axes : str or None
        Letters of its axes, if they were told.
    labels : (…) ndarray of int or None
        None until they are made.
    labels_at : tuple of int or None
        The slice that the labels are of; only None if they are of everything.
    seg : Segmentation or None
        What the labels come from.
    selected : (…) ndarray of uint8 or None
        What is selected, in 255ths, in the shape of the labels; all scopes share it.
    selected_at : set
        The scopes in which something was selected.
    saved : dict
        Selections by name and scope.
    picture : ndarray or None
        Adjusted last.
    prepared : dict
        What tools need of the image, by kind and scope.
    """

    image: Any
    reader_kwargs: dict[str, Any]
    shape: tuple[int, ...]
    axes: str | None = None
    labels: NDArray[Any] | None = None
    labels_at: SliceIndex = ()
    seg: Segmentation | None = None
    selected: NDArray[np.uint8] | None = None
    selected_at: set[OptionalSlice] = field(default_factory=set)
    saved: dict[tuple[str, OptionalSlice], NDArray[Any]] = field(default_factory=dict)
    picture: NDArray[Any] | None = None
    prepared: dict[tuple[str, OptionalSlice], Any] = field(default_factory=dict)

    def result(self) -> Result:
        """Return what there is now.

        Raises
        ------
        ValueError
            If no step made labels.
        """
        whole = StateView(self, None)
        selection = whole.selection if self.selected_at else None
        return Result(*map(_fixed, (whole.labels, selection, self.picture)))


def _fixed(array: Any) -> Any:
    """Return a view that cannot be written to."""
    if array is None:
        return None
    found = array.view()
    found.flags.writeable = False
    return found


@dataclass(frozen=True, slots=True, eq=False)
class StateView:
    """A plane or a volume of a `State`, or all of it; an `OperationContext`.

    Raises
    ------
    ValueError
        If the image, or what was segmented of it, has no such slice.
    """

    state: State
    at: OptionalSlice

    def __post_init__(self) -> None:
        """Check the plane."""
        shape = self.state.shape
        if self.at is not None and (
            len(self.at) != len(shape)
            or any(
                i is not None and i >= n for i, n in zip(self.at, shape, strict=True)
            )
        ):
            raise ValueError(
                f"at={list(self.at)} is no plane of an image of shape {shape}; give an "
                "index or null for each of its axes"
            )

    @property
    def image(self) -> Any:
        """The image in this plane."""
        if self.at is None:
            return self.state.image
        index = tuple(slice(None) if i is None else i for i in self.at)
        return np.asarray(self.state.image[index])

    @property
    def reader_kwargs(self) -> dict[str, Any]:
        """How to read it."""
        return self.state.reader_kwargs

    @property
    def segment_kwargs(self) -> dict[str, Any]:
        """How to segment it: ``axes`` if they are known."""
        axes = self.state.axes
        if axes is None:
            return self.reader_kwargs
        at = self.at or ()
        return {"axes": "".join(a for a, i in zip_longest(axes, at) if i is None)}

    @property
    def colors(self) -> Any:
        """The image prepared for color tools, once for all steps."""
        key = "colors", self.at
        if key not in self.state.prepared:
            self.state.prepared[key] = select.prepare(self.image, **self.reader_kwargs)
        return self.state.prepared[key]

    @property
    def tree(self) -> Any:
        """The hierarchy of the image's regions."""
        key = "tree", self.at
        if key not in self.state.prepared:
            self.state.prepared[key] = hierarchy(self.image, **self.reader_kwargs)
        return self.state.prepared[key]

    @property
    def seg(self) -> Segmentation:
        """The segmentation; that of all that was segmented."""
        state = self.state
        if state.seg is None or state.labels_at != whole_of(self.at, state):
            raise ValueError(
                "probabilities of classes belong to all that was segmented, which this "
                "plane is not; select by_label instead"
            )
        return state.seg

    @property
    def where(self) -> tuple[Any, ...]:
        """The index of this plane in the labels."""
        found: list[Any] = []
        for index, fixed in zip(self.at or (), self.state.labels_at, strict=False):
            if index is None or fixed is None:
                found.append(slice(None) if index is None else index)
            elif index == fixed:
                found.append(0)
            else:
                raise ValueError(
                    f"at={list(self.at or ())} is not in the labels, which are of "
                    f"{list(self.state.labels_at)} alone; segment the whole stack"
                )
        return tuple(found)

    @property
    def labels(self) -> NDArray[Any]:
        """The labels in this plane."""
        if self.state.labels is None:
            raise ValueError(
                "there are no labels yet; a recipe begins with a step 'segment' or "
                "'blank'"
            )
        return self.state.labels[self.where]

    @property
    def shape(self) -> tuple[int, ...]:
        """Their shape."""
        return self.labels.shape

    @property
    def selection(self) -> NDArray[Any]:
        """The selection here; an error if there is none."""
        found = self.known_selection
        if found is None:
            raise ValueError(NOTHING)
        return found

    @property
    def known_selection(self) -> NDArray[Any] | None:
        """The selection here, which may be empty; None if nothing was selected."""
        state = self.state
        if state.selected is None or not any(
            overlap(self.at, one) for one in state.selected_at
        ):
            return None
        return select.from_bytes(state.selected[self.where])

    @property
    def area(self) -> NDArray[Any] | None:
        """The selection here; None if it is empty or there is none."""
        found = self.known_selection
        return found if found is not None and found.any() else None

    def choose(self, selection: NDArray[Any]) -> None:
        """Replace the selection here."""
        state = self.state
        if state.selected is None:
            state.selected = np.zeros(StateView(state, None).shape, np.uint8)
        state.selected[self.where] = select.to_bytes(selection)
        state.selected_at.add(self.at)

    def give_up(self) -> None:
        """Select nothing here."""
        state = self.state
        if state.selected is not None:
            state.selected[self.where] = 0
        state.selected_at = {
            one for one in state.selected_at if not contains(self.at, one)
        }

    def put(self, labels: NDArray[Any]) -> None:
        """Replace the labels."""
        if self.at is None:
            self.state.labels = labels
            return
        part = self.labels
        most = int(labels.max(initial=0))
        if not holds(part.dtype, most) and labels.dtype == wider_type(part.dtype, most):
            self.state.labels = np.asarray(self.state.labels).astype(labels.dtype)
            part = self.labels
        if labels.dtype != part.dtype:
            raise ValueError(
                f"the labels are {part.dtype}, but a plane of {labels.dtype} shall go "
                "into them; make both of one type"
            )
        part[...] = labels


def whole_of(at: OptionalSlice, state: State) -> SliceIndex:
    """Return a slice with an entry for each axis; None is everything."""
    return (None,) * len(state.shape) if at is None else at


def check_colors(image: ArrayLike, *, rgb: bool) -> None:
    """Reject colors for a recipe of gray values or stacks, and the other way round.

    Raises
    ------
    ValueError
        The labels would have another meaning.
    """
    shape = np.shape(image)
    colored = len(shape) > 2 and shape[-1] in (3, 4)
    if rgb and not colored:
        raise ValueError(
            f"the recipe was made on a picture in RGB, but this one has shape {shape}; "
            "give one with a last axis of 3 or 4"
        )
    if rgb or not colored or min(shape[-3:-1]) <= _NARROW:
        return
    try:
        colored = as_lazy_image(image).rgb
    except (TypeError, ValueError):  # the recipe knows what it is
        return
    if colored:
        raise ValueError(
            f"the recipe was made on gray values or on a stack, but this picture of "
            f"shape {shape} is RGB; give a gray one, or pass rgb=False if its last "
            "axis is X"
        )


def begin(
    image: ArrayLike,
    *,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    axes: str | None = None,
    split: bool = False,
) -> State:
    """Return the state before the first step, with the image read as by `segment`.

    Channels are planes if they are `split`.
    """
    picture = as_lazy_image(image, rgb=rgb, channel_axis=channel_axis, axes=axes)
    if split:
        picture = picture.split()
    told = picture.given_axes is not None
    if picture.channel_axis is None or picture.rgb:
        last = picture.axes + (COLORS if picture.rgb else "")
        kwargs = {"rgb": picture.rgb}
        axes = last if told else None
        return State(picture.source, kwargs, picture.shape, axes=axes)
    last_channels = np.moveaxis(np.asarray(image), picture.channel_axis, -1)
    axes = picture.axes + CHANNELS if told else None
    return State(last_channels, {"channel_axis": -1}, picture.shape, axes=axes)
