"""An operation of recipes: its function, its inputs and its arguments.

What it needs of the image, the labels and the selection, it names; where these come
from is the business of a context: that of a replay, of a script or of the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
)

from pydantic import BaseModel, ConfigDict, Field

from napari_emseg.params import Params
from napari_emseg.recipe.packed_array import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

# Bounds are declared here alone: panels, replay and scripts refuse the same numbers,
# before any work. They are those beyond which nothing useful can come out.
Number = Annotated[float, Field(strict=True, ge=-1e18, le=1e18)]
Amount = Annotated[float, Field(strict=True, ge=0, le=1e18)]
Coordinate = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
# In pixels. A filter of a radius needs room and time in proportion to it.
Spacing = tuple[Annotated[float, Field(gt=0, le=1e9)], ...]
Distance = Annotated[float, Field(strict=True, ge=0, le=10_000)]
Radius = Annotated[float, Field(strict=True, ge=0, le=1_000)]
# In whole pixels.
Gap = Annotated[int, Field(strict=True, ge=0, le=1_000)]
Reach = Annotated[int, Field(strict=True, ge=0, le=1_000)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
Switch = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
# One letter for each axis of an image.
Axes = Annotated[str, Field(strict=True, pattern="^[A-Z]{2,24}$")]
Point: TypeAlias = tuple[Coordinate, ...]
Color: TypeAlias = tuple[Number, ...]
# The scope of a step, a plane or a volume: an index or None for each axis; None is
# everything.
OptionalSlice: TypeAlias = tuple[Side | None, ...] | None
Points: TypeAlias = tuple[Point, ...]


def overlap(one: OptionalSlice, other: OptionalSlice) -> bool:
    """Return whether two scopes have pixels in common.

    Examples
    --------
    >>> overlap((7, None, None), (None, 3, None)), overlap((7, None), (8, None))
    (True, False)
    """
    pairs = zip(one or (), other or (), strict=False)
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def contains(outer: OptionalSlice, inner: OptionalSlice) -> bool:
    """Return whether a scope has all pixels of another.

    Examples
    --------
    >>> contains(None, (7, None, None)), contains((7, None, None), None)
    (True, False)
    """
    if outer is None or inner is None:
        return outer is None
    return all(a is None or a == b for a, b in zip(outer, inner, strict=False))


def matters(
    at: OptionalSlice, needed: Mapping[OptionalSlice, bool], *, otherwise: bool
) -> bool:
    """Return whether it matters what is selected in a scope, or in a part of it.

    Parameters
    ----------
    at : tuple of int or None, or None
        The scope.
    needed : mapping of scope to bool
        Where it matters and where not; a later entry comes before an earlier one.
    otherwise : bool
        Where there is no entry.
    """
    for known, needs in reversed([*needed.items()]):
        if needs and overlap(known, at):
            return True
        if not needs and contains(known, at):
            return False
    return otherwise


class Args(BaseModel):
    """The arguments of a step."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Selecting(Args):
    """The arguments of all selections.

    Attributes
    ----------
    mode : {"new", "add", "subtract", "intersect", "xor"}
        How the new selection is combined with the old one.
    feather : float
        How soft it is made before that, in pixels.
    """

    mode: Literal["new", "add", "subtract", "intersect", "xor"] = "new"
    feather: Radius = 0.0


class Editing(Args):
    """The arguments of all edits of labels.

    Attributes
    ----------
    locked : tuple of int
        Labels that neither lose nor gain a pixel.
    """

    locked: tuple[Whole, ...] = ()


class Inside(Editing):
    """The arguments of edits that need no selection.

    Attributes
    ----------
    inside : bool
        Whether only selected pixels change.
    """

    inside: Switch = False


class OperationContext(Protocol):
    """What operations work on, in a scope; see `Operation.inputs`."""

    @property
    def image(self) -> Any:
        """The image."""

    @property
    def colors(self) -> Any:
        """The image prepared for color tools."""

    @property
    def reader_kwargs(self) -> dict[str, Any]:
        """How to read the image: ``rgb`` or ``channel_axis``."""

    @property
    def labels(self) -> Any:
        """The labels."""

    @property
    def shape(self) -> Any:
        """Their shape."""

    @property
    def selection(self) -> Any:
        """The selection; an error if there is none."""

    @property
    def area(self) -> Any:
        """The selection; None if nothing is selected."""


Group = Literal["select", "modify", "edit", "labels", "picture", "own"]

# These have a meaning of their own, and are not passed to the function.
OURS = frozenset(
    {"inside", "params", "rgb", "channel_axis", "axes", "n_channels"}
    | {*Selecting.model_fields}
)


class ToolLabel(NamedTuple):
    """What the panel says about a selection that is a tool.

    Attributes
    ----------
    title, key, help : str
        Title, the key that takes the tool, and what the user does.
    icon : str
        Name of the tool and of its icon; that of the operation by default.
    """

    title: str
    key: str
    help: str
    icon: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A row of the table of operations.

    Attributes
    ----------
    name : str
        What a recipe calls it.
    group : str
        What the function gives. "select": a selection, combined with the old one;
        "modify": one that replaces the old one; "edit": an `Edit`; "labels": new
        labels; "picture": a picture. "own": there is no function.
    function : callable
        Of the public interface.
    code : str
        Its name in ``napari_emseg``.
    inputs : tuple of str
        Its first arguments, taken from the context: "image", "colors" (the image
        prepared for color tools), "labels", "selection" (there must be one), "area"
        (the selection, or None if there is none), "shape", "tree", "seg".
    args : type of Args
        Its other arguments, as keywords.
    rgb_only : bool
        Whether it knows no ``channel_axis``.
    image_method : str
        Value of its argument ``method`` for which the image is a keyword.
    tool : ToolLabel or None
        How a panel offers it as a tool, which derives from its arguments what the
        mouse does: ``point`` is a click, ``points`` are clicks, ``path`` is drawn,
        ``corner`` and ``opposite`` are dragged.
    steps : callable or None
        Of a function that takes its time, a generator that returns the same, so that
        it can be canceled.
    """

    name: str
    group: Group
    function: Callable[..., Any]
    code: str
    inputs: tuple[str, ...]
    args: type[Args]
    rgb_only: bool = False
    image_method: str = ""
    tool: ToolLabel | None = None
    steps: Callable[..., Generator[Any, None, Any]] | None = None

    @property
    def begins(self) -> bool:
        """Whether it makes labels out of nothing."""
        return self.name in ("segment", "blank")

    def needs_image(self, args: Args) -> bool:
        """Whether the image matters."""
        by_input = not {"image", "colors", "tree", "seg"}.isdisjoint(self.inputs)
        return by_input or self._image_keyword(args)

    def _image_keyword(self, args: Args) -> bool:
        return self.image_method == getattr(args, "method", None)

    def arguments(
        self, args: Args, context: OperationContext
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and the keyword arguments of a call of the function.

        Parameters
        ----------
        args : Args
            Those of a step.
        context : OperationContext
            Holds the inputs, or their names in a script.
        """
        inputs = [getattr(context, name) for name in self.inputs]
        if inputs and inputs[-1] is None:  # an area is optional
            inputs.pop()
        options = self.options(args)
        if getattr(args, "inside", False):
            options["selection"] = context.selection
        image_keyword = self._image_keyword(args)
        if image_keyword:
            options["image"] = context.image
        if image_keyword or "image" in self.inputs:
            options |= {
                name: value
                for name, value in context.reader_kwargs.items()
                if name == "rgb" or not self.rgb_only
            }
        return inputs, options

    def options(self, args: Args) -> dict[str, Any]:
        """Return the keywords of the function that are not as by default."""
        given = {name: getattr(args, name) for name in type(args).model_fields}
        defaults = {name: f.default for name, f in type(args).model_fields.items()}
        options = {
            name: value
            for name, value in given.items()
            if name not in OURS and value != defaults[name]
        }
        if isinstance(given.get("params"), Params):
            options |= dict(given["params"].__repr_args__())
        return options
