"""What operations work on in the viewer: a plane or a volume, image, selection."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from napari_emseg import select
from napari_emseg.layers import coverage, find_selection, fingerprint
from napari_emseg.layers.classes import class_name
from napari_emseg.layers.recipe_log import RecordedEdit
from napari_emseg.layers.selection import add_first_class
from napari_emseg.layers.undo.shared_history import note_added
from napari_emseg.pipeline.image_hierarchy import hierarchy
from napari_emseg.pipeline.progress import finish
from napari_emseg.recipe.execute import iter_find
from napari_emseg.recipe.step import Step
from napari_emseg.regions import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, SliceIndex
    from napari_emseg.engine.hierarchy.region_tree import RegionTree
    from napari_emseg.layers import Part
    from napari_emseg.layers.edits import PlannedEdit


# What tools and buttons work on, unless they know of one kind alone.
PLANE, VOLUME = "plane", "volume"
# Classes that a note names.
MOST = 3
# Of the tolerance, for colors that are like one of many.
SIMILAR = 0.25
# What a number of pixels does to a selection: title, help, name of the number.
MODIFY = {
    "grow": ("Grow", "Move the outline out by so many pixels.", "pixels"),
    "shrink": ("Shrink", "Move the outline in by so many pixels.", "pixels"),
    "smooth": ("Smooth", "Round the outline off; so many pixels wide.", "radius"),
    "border": ("Border", "Select a band along the outline.", "width"),
    "feather": ("Feather", "Make the outline soft; so many pixels.", "radius"),
}


class SelectionResult(NamedTuple):
    """A mask, and the step that finds it; None if no step does."""

    mask: NDArray[Any]
    step: Step | None


# What a tool returns: a step, what it found already, or a mask that no step finds.
Answer: TypeAlias = "Step | SelectionResult | NDArray[Any]"
Find: TypeAlias = "Callable[[], Answer]"


@dataclass
class ToolSettings:
    """The settings of the tools.

    Attributes
    ----------
    mode : {"new", "add", "subtract", "intersect"}
        What becomes of the old selection, where no key says otherwise.
    tolerance : float
        ΔE for RGB images, for others percent of the range of their values.
    contiguous : bool
        Whether wand, class tool and scribbles take only what was pointed at.
    level : float
        How coarse regions are, 0 to 1.
    sample_size : int
        Side of the square of pixels whose mean color the wand takes.
    feather : float
        Softness of new selections in pixels; 0 is hard.
    brush : int
        Width of scribbles and of the selection brush in pixels.
    gap : int
        Width in pixels of gaps that the wand does not leak through.
    regions : bool
        Whether the selection brush takes whole regions of the hierarchy.
    classes : bool
        Whether scribbles draw classes into the labels, or select an object.
    scope : {"plane", "volume"}
        Whether what is displayed is selected and edited, or the volume it is a part of.
    """

    mode: str = "new"
    tolerance: float = 12.0
    contiguous: bool = True
    level: float = 0.5
    sample_size: int = 1
    feather: float = 0.0
    brush: int = 9
    gap: int = 0
    regions: bool = False
    classes: bool = False
    scope: str = PLANE


@dataclass(frozen=True, slots=True, eq=False)
class AskedFor:
    """What a command is about: layers, view and settings of when it was given.

    Attributes
    ----------
    image, labels, options, locked
        As of the session.
    layer : napari.layers.Image or napari.layers.Labels or None
        What is selected in.
    view : object
        What was displayed, for `displayed_plane` and its like.
    """

    image: Image | None
    labels: Labels | None
    options: ToolSettings
    locked: set[int]
    layer: Image | Labels | None
    view: Any


def modify_step(name: str, number: str, pixels: float, place: Part) -> Step:
    """Return the step that changes a selection by so many pixels of a place.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> from napari_emseg.layers import Part
    >>> thick = Labels(np.zeros((2, 4, 6), int), scale=(3, 1, 1))
    >>> volume = Part(thick, (None, None, None))
    >>> modify_step("grow", "pixels", 2.0, volume).args.spacing
    (3.0, 1.0, 1.0)
    """
    sided = name in ("grow", "shrink", "border")
    sides = {"spacing": place.spacing} if sided else {}
    return Step.of(name, **{number: pixels}, **sides)


def view_of(viewer: ViewerModel) -> Any:
    """Return what a viewer displays now, for `displayed_plane` and its like."""
    names = ("ndim", "ndisplay", "displayed", "point")
    dims = {name: getattr(viewer.dims, name) for name in names}
    return SimpleNamespace(dims=SimpleNamespace(**dims))


class ImageKey(NamedTuple):
    """What tells whether a part of an image is still the same."""

    layer: Any
    at: SliceIndex
    fingerprint: int
    data: Any
    kind: type

    @classmethod
    def of(cls, picture: Part) -> ImageKey:
        """Return the key of a part of an image."""
        layer = picture.layer
        mark = fingerprint(picture.data())
        return cls(layer, picture.at, mark, layer.data, type(picture))

    def same(self, other: ImageKey | None) -> bool:
        """Return whether two keys are of one image, whose data are the same object."""
        if other is None or self.data is not other.data:
            return False
        return self[:3] == other[:3] and self.kind is other.kind


class ImageCache:
    """Keeps what tools worked out for the last plane, and for the last volume.

    Call it in the background.
    """

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[ImageKey, Any]] = {}
        self._found: tuple[Step, select.Prepared, NDArray[Any]] | None = None

    def prepared(self, picture: Part) -> select.Prepared:
        """Return a part of an image prepared for color tools."""
        return self._once(select.prepare, picture)

    def scaled(self, picture: Part, tolerance: float) -> float:
        """Return a tolerance of the panel in the units of an image's colors."""
        ready = self.prepared(picture)
        return tolerance if ready.picture.rgb else ready.span * tolerance / 100

    def tree(self, picture: Part) -> RegionTree:
        """Return the hierarchy of an image plane."""
        return self._once(hierarchy, picture)

    def _once(self, make: Callable[..., Any], picture: Part) -> Any:
        key, place = ImageKey.of(picture), (make, len(picture.axes))
        if place not in self._kept or not key.same(self._kept[place][0]):
            made = make(np.asarray(picture.data()), **picture.reading)
            self._kept[place] = key, made
        return self._kept[place][1]

    def iter_find(
        self, step: Step, context: EditContext
    ) -> Generator[Any, None, NDArray[Any]]:
        """Return what a step selects, in steps.

        What a preview found is not worked out again.
        """
        if step.row.inputs != ("colors",):
            return (yield from iter_find(step, context))
        # Prepared colors are the same object as long as the image is the same.
        colors, last = context.colors, self._found
        if last is not None and last[0] == step and last[1] is colors:
            return last[2]
        found = yield from iter_find(step, context)
        self._found = step, colors, found
        return found

    def forget(self) -> None:
        """Read the image again next time."""
        self._kept.clear()
        self._found = None


@dataclass(frozen=True, slots=True, eq=False)
class EditContext:
    """A scope in the viewer, as an `OperationContext` of `napari_emseg.recipe`.

    Attributes
    ----------
    place : Part
        Where: a plane or a volume.
    picture : Part or str
        The same part of the image, or why there is none.
    target : Part or None
        The same part of the selection, if there is one.
    edited : napari.layers.Labels or None
        The labels that are edited.
    cache : ImageCache
        Keeps what was worked out for the image.
    known : ([Z,] Y, X) ndarray of bool or float32, optional
        What is taken for selected, instead of that.
    """

    place: Part
    picture: Part | str
    target: Part | None
    edited: Labels | None
    cache: ImageCache
    known: NDArray[Any] | None = None

    @property
    def image(self) -> NDArray[Any]:
        """The image here."""
        return np.asarray(self._need().data())

    @property
    def colors(self) -> select.Prepared:
        """The image prepared for color tools."""
        return self.cache.prepared(self._need())

    @property
    def tree(self) -> RegionTree:
        """The hierarchy of the image."""
        return self.cache.tree(self._need())

    @property
    def reader_kwargs(self) -> dict[str, Any]:
        """How to read it."""
        return self._need().reading

    @property
    def labels(self) -> NDArray[Any]:
        """The labels."""
        return np.asarray(self.place.data())

    @property
    def shape(self) -> tuple[int, ...]:
        """Size in pixels along each axis."""
        return self.place.shape

    @property
    def selection(self) -> NDArray[Any]:
        """What is selected."""
        if self.known is not None:
            return self.known
        if self.target is None:
            return np.zeros(self.shape, bool)
        return coverage(self.target)

    @property
    def area(self) -> NDArray[Any] | None:
        """What is selected; None if nothing is."""
        found = self.selection
        return found if found.any() else None

    def find(self, answer: Answer) -> SelectionResult:
        """Return the mask and the step that a tool's answer stands for."""
        return finish(self.iter_find(answer))

    def iter_find(self, answer: Answer) -> Generator[Any, None, SelectionResult]:
        """Return what `find` returns, in steps; to cancel, stop iterating."""
        if isinstance(answer, Step):
            mask = yield from self.cache.iter_find(answer, self)
            return SelectionResult(mask, answer)
        if isinstance(answer, SelectionResult):
            return answer
        return SelectionResult(answer, None)

    def record(
        self,
        step: Step | None,
        changes: list[tuple[Labels, Edit]],
        found: NDArray[Any] | None = None,
        after: NDArray[np.uint8] | None = None,
    ) -> RecordedEdit:
        """Return edits that a step makes here.

        Parameters
        ----------
        step : Step or None
        changes : list of (napari.layers.Labels, Edit)
        found, after : ([Z,] Y, X) ndarray, optional
            The mask that it found, and what is selected afterwards in 255ths.
        """
        kept = None
        if step is not None and step.op == "load" and found is not None:
            kept = select.to_bytes(found)
        return RecordedEdit(
            step,
            changes,
            at=self.place.at,
            labels=self.edited,
            selection=None if self.target is None else self.target.layer,
            image=None if isinstance(self.picture, str) else self.picture.layer,
            before=self._before,
            after=after,
            kept=kept,
        )

    @property
    def _before(self) -> NDArray[np.uint8]:
        """What is selected, in 255ths: of a layer as it stands there."""
        if self.known is None and self.target is not None:
            return np.array(self.target.data(), np.uint8)
        return select.to_bytes(self.selection)

    def _need(self) -> Part:
        if isinstance(self.picture, str):
            raise ValueError(self.picture)
        return self.picture


def given_up_by(
    viewer: ViewerModel,
    changes: Sequence[tuple[Labels, Edit]],
    edits: Sequence[tuple[Labels, PlannedEdit]],
) -> tuple[Labels, Edit] | None:
    """Return a selection that is about to become empty, for Reselect.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    changes : sequence of (napari.layers.Labels, Edit)
    edits : sequence of (napari.layers.Labels, PlannedEdit)
        Those of the changes that change something.
    """
    plans = dict(edits)
    for layer, edit in changes:
        if layer in plans and find_selection(viewer, layer) is layer:
            plan = plans[layer]
            # What does not change is empty, too, if all is that changes to.
            if not (plan.labels.any() or edit.labels.any()):
                return layer, Edit(plan.where, np.asarray(plan.old).copy())
    return None


def begin_labels(viewer: ViewerModel, place: Part, mask: BoolArray) -> None:
    """Add labels of an image, of which a part is the first class, as an action.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    place : Part
        Of the image; nothing is done if that is not there any more.
    mask : ([Z,] Y, X) ndarray of bool
        What of that part is the class.
    """
    if place.layer in viewer.layers:
        layer = add_first_class(viewer, place, mask)
        note_added(viewer, layer, f"made {layer.name}")


def note_on(
    made: RecordedEdit,
    plans: Sequence[PlannedEdit | None],
    layers: Sequence[Labels],
) -> str:
    """Return what is to be read of an action that was done; empty if it shows itself.

    Parameters
    ----------
    made : RecordedEdit
        The action.
    plans : sequence of PlannedEdit or None
        Of `plan_edit`, one for each of its changes.
    layers : sequence of napari.layers.Labels
        Those that changed.
    """
    notes = (
        what_is_missing(made, plans),
        what_moved(made, plans),
        what_is_hidden(layers),
    )
    return "; ".join(filter(None, notes))


def what_moved(made: RecordedEdit, plans: Sequence[PlannedEdit | None]) -> str:
    """Return which classes a new fit made larger and smaller; empty for other edits."""
    layer, plan = made.labels, plans[0] if plans else None
    if made.step is None or made.step.op != "refit" or plan is None or layer is None:
        return ""
    assert plan.old is not None
    changed = plan.labels != plan.old
    size = int(max(plan.labels.max(), plan.old.max())) + 1
    lost = np.bincount(plan.old[changed], minlength=size)
    gains = np.bincount(plan.labels[changed], minlength=size) - lost
    most = [n for n in np.argsort(-np.abs(gains), kind="stable")[:MOST] if gains[n]]
    said = ", ".join(
        f"{class_name(layer, int(n)) if n else 'no class'} {gains[n]:+,}" for n in most
    )
    pixels = np.count_nonzero(changed)
    share = f"{pixels:,} px ({100 * pixels / layer.data.size:.2g} %)"
    return f"Refit gave {share} another class: {said}".removesuffix(": ")


def what_is_hidden(layers: Sequence[Labels]) -> str:
    """Return what to say of labels that were changed but are not seen; empty else."""
    hidden = next((one for one in layers if not one.visible), None)
    if hidden is None:
        return ""
    return (
        f"{hidden.name!r} is hidden, so what was changed in it is not seen; show it "
        "with the eye in the list of layers"
    )


def what_is_missing(made: RecordedEdit, plans: Sequence[PlannedEdit | None]) -> str:
    """Return what to say of an action that did nothing, or found nothing; empty else.

    Parameters
    ----------
    made : RecordedEdit
        The action.
    plans : sequence of PlannedEdit or None
        Of `plan_edit`, one for each of its changes.
    """
    step, after = made.step, made.after
    if step is None:
        return ""
    name = step.op.replace("_", " ") if step.row.tool is None else step.row.tool.title
    title = name.capitalize()
    if after is not None and not after.any() and step.op != "none":
        if hasattr(step.args, "point"):
            return (
                f"{title} found nothing here, so nothing is selected: the place is "
                "transparent, masked, or without a label or a value"
            )
        return f"{title} left nothing selected"
    if any(plan is not None for plan in plans):
        return ""
    if after is not None:
        return f"{title} changed nothing: the selection is like that already"
    why = "all pixels that it is about have the label already, or are locked"
    if step.op == "interpolate_label":
        title, why = "Interpolation", "what lies between has other labels, which stay"
    if step.op == "refit":
        why = "the classes fit their pixels already"
    if step.op == "split":
        why = "the class is a single piece here, or is locked"
    return f"{title} changed nothing: {why}"
