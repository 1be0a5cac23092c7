"""The table of all that a recipe can hold: names, functions, arguments.

What a row needs of the image, the labels and the selection, it names; where these come
from is the business of a context: that of a replay, of a script or of the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model

from napari_emseg import adjust, regions, select
from napari_emseg.params import Params
from napari_emseg.recipe.fitted_model import FittedModel
from napari_emseg.recipe.packed_array import Kind, Packed, Side
from napari_emseg.regions import refit

if TYPE_CHECKING:
    from collections.abc import Callable

Number = Annotated[float, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Whole = Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
Switch = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Point: TypeAlias = tuple[Number, ...]
# The plane of a step: an index or None for each axis; None is everything.
Place: TypeAlias = tuple[Side | None, ...] | None
Points: TypeAlias = tuple[Point, ...]


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
    feather: Amount = 0.0


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
    """What operations work on, in a plane or in everything; see `Operation.inputs`."""

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

_BASES: dict[str, type[Args]] = {
    "select": Selecting,
    "edit": Inside,
}
# These have a meaning of their own, and are not passed to the function.
OURS = frozenset({*Selecting.model_fields, "inside", "params", "rgb", "channel_axis"})


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A row of the table.

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
    """

    name: str
    group: Group
    function: Callable[..., Any]
    code: str
    inputs: tuple[str, ...]
    args: type[Args]
    rgb_only: bool = False
    image_method: str = ""

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


def _no_function() -> None:
    """Stand for the function of operations that have none."""


def _row(
    group: Group,
    code: str,
    *inputs: str,
    called: str = "",
    function: Callable[..., Any] = _no_function,
    base: type[Args] | None = None,
    rgb_only: bool = False,
    image_method: str = "",
    **fields: Any,
) -> Operation:
    """Make a row; a field is a type, or a type and a default.

    Where no default is given, that of the function holds; without one, the argument
    must be there.
    """
    name = called or code.rpartition(".")[2]
    known = signature(function).parameters
    given: dict[str, Any] = {}
    for key, field in fields.items():
        default = known[key].default if key in known else Parameter.empty
        missing = ... if default is Parameter.empty else default
        given[key] = field if isinstance(field, tuple) else (field, missing)
    make: Any = create_model  # mypy wants to see the fields
    args: type[Args] = make(name, __base__=base or _BASES.get(group, Args), **given)
    return Operation(name, group, function, code, inputs, args, rgb_only, image_method)


def _of(module: Any, group: Group) -> Callable[..., Operation]:
    """Return what makes rows of the functions of a module."""
    where = module.__name__.rpartition(".")[2]

    def row(code: str, *inputs: str, **options: Any) -> Operation:
        function = getattr(module, code)
        return _row(group, f"{where}.{code}", *inputs, function=function, **options)

    return row


_pick, _modify = _of(select, "select"), _of(select, "modify")
_edit, _relabel = _of(regions, "edit"), _of(regions, "labels")
_adjust = _of(adjust, "picture")
_Tolerance: Any = Amount | None
_Joined: Any = Literal[4, 8]
_Labels = Annotated[tuple[Whole, ...], Field(min_length=1)]
_Color: Any = Point | Number
_params: Any = (Params, Params())
_packed: Any = (Packed | None, None)
_fitted: Any = (FittedModel | None, None)
_reader_kwargs: dict[str, Any] = {
    "rgb": (Switch | None, None),
    "channel_axis": (Whole | None, None),
}

ROWS = (
    # What begins a recipe.
    _row(
        "own",
        "segment",
        params=_params,
        mask=_packed,
        seed_labels=_packed,
        model=_fitted,
        start=_fitted,
        **_reader_kwargs,
    ),
    _row("own", "blank", shape=tuple[Side, ...], dtype=Kind, **_reader_kwargs),
    # Selections.
    _pick(
        "wand",
        "colors",
        point=Point,
        tolerance=_Tolerance,
        contiguous=Switch,
        sample_size=Count,
        connectivity=_Joined,
        soft=Switch,
    ),
    _pick(
        "color_range",
        "colors",
        points=Points | None,
        colors=Points | None,
        tolerance=_Tolerance,
        soft=Switch,
    ),
    _pick("similar", "colors", "selection", tolerance=_Tolerance, soft=Switch),
    _pick(
        "grow_similar",
        "colors",
        "selection",
        tolerance=_Tolerance,
        connectivity=_Joined,
    ),
    _pick("by_class", "seg", k=Count, threshold=Share | None),
    _pick("by_label", "labels", point=Point, contiguous=Switch),
    _pick("region_at", "tree", point=Point, level=Share | None),
    _pick("rectangle", "shape", corner=Point, opposite=Point),
    _pick("ellipse", "shape", corner=Point, opposite=Point, soft=Switch),
    _pick("polygon", "shape", points=Points, soft=Switch),
    _pick("lasso", "shape", path=Points, soft=Switch),
    _pick("scissors", "image", points=Points, soft=Switch),
    _pick("box", "image", box=tuple[Number, Number, Number, Number], smoothing=Amount),
    _pick(
        "scribble_mask",
        "image",
        called="scribbles",
        strokes=Packed,
        label=Count,
        background=Count | None,
        smoothing=Amount,
    ),
    _pick("from_bytes", called="selection", values=Packed),
    _row("own", "all", base=Selecting),
    _row("own", "none"),
    _row("own", "save", name=Name),
    _row("own", "load", base=Selecting, name=Name),
    # Changes of the selection.
    _modify("grow", "selection", pixels=Amount),
    _modify("shrink", "selection", pixels=Amount),
    _modify("smooth", "selection", radius=Amount),
    _modify("border", "selection", width=Amount),
    _modify("feather", "selection", radius=Amount),
    _modify("fill_holes", "selection", max_size=Count | None, connectivity=_Joined),
    _modify("invert", "selection"),
    _modify("harden", "selection", threshold=Share),
    _modify("remove_small", "selection", min_size=Count, connectivity=_Joined),
    _modify("largest", "selection", connectivity=_Joined),
    # Edits of the labels.
    _edit("fill", "labels", "selection", base=Editing, label=Whole),
    _edit("new_class", "labels", "selection", base=Editing),
    _edit("merge", "labels", members=_Labels, into=Whole | None),
    _edit(
        "split",
        "labels",
        image_method="classes",
        label=Whole,
        method=Literal["components", "classes", "watershed"],
        n_parts=Count | None,
        min_size=Count,
        depth=(Amount | None, None),
    ),
    _edit("absorb_small", "labels", min_size=Count),
    _edit("smooth_boundaries", "labels", radius=Amount),
    _edit("renumber", "labels", base=Editing, numbers=dict[int, Whole] | None),
    _edit("swap", "labels", a=Whole, b=Whole),
    _edit("drop_uncertain", "labels", "seg", threshold=Share),
    _relabel("draw", "labels", "image", base=Inside, strokes=Packed),
    _row(
        "labels",
        "refit",
        "image",
        "labels",
        function=refit.refit,
        base=Editing,
        seed_labels=Packed,
        erased=Packed | None,
        params=_params,
    ),
    _relabel("patch", "labels", where=Packed, values=Packed),
    # Adjusted pictures.
    _adjust(
        "hue_saturation",
        "image",
        "area",
        rgb_only=True,
        hue=Number,
        saturation=Number,
        lightness=Number,
    ),
    _adjust("desaturate", "image", "area", rgb_only=True, amount=Share),
    _adjust(
        "replace_color",
        "image",
        "area",
        rgb_only=True,
        color=Point,
        by=Point,
        tolerance=Amount,
    ),
    _adjust("brightness_contrast", "image", "area", brightness=Number, contrast=Number),
    _adjust(
        "levels",
        "image",
        "area",
        black=Number | None,
        white=Number | None,
        gamma=Number,
        out_black=Number | None,
        out_white=Number | None,
    ),
    _adjust("curves", "image", "area", points=Points, channel=Whole | None),
    _adjust("fill", "image", "area", called="fill_color", color=_Color),
    _adjust("blur", "image", "area", radius=Amount),
    _adjust("sharpen", "image", "area", amount=Amount, radius=Amount, threshold=Amount),
    _adjust(
        "inpaint",
        "image",
        "selection",
        radius=Amount,
        method=Literal["telea", "navier-stokes"],
    ),
    _adjust(
        "cut_out",
        "image",
        "selection",
        radius=Count,
        method=Literal["guided", "closed-form"],
        decontaminate=Switch,
    ),
)
OPERATIONS = {row.name: row for row in ROWS}
