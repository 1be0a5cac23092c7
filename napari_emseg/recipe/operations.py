"""The table of all that a recipe can hold: names, functions, arguments."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from napari_emseg import adjust, regions, select
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.params import Params
from napari_emseg.recipe.operation_schema import (
    Amount,
    Args,
    Axes,
    Color,
    Coordinate,
    Count,
    Distance,
    Editing,
    Gap,
    Group,
    Inside,
    Name,
    Number,
    Operation,
    Point,
    Points,
    Radius,
    Reach,
    Selecting,
    Share,
    Spacing,
    Switch,
    ToolLabel,
    Whole,
)
from napari_emseg.recipe.packed_array import Kind, Packed, Side
from napari_emseg.regions import refit, splitting
from napari_emseg.select import object_box

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_BASES: dict[str, type[Args]] = {"select": Selecting, "edit": Inside}


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
    tool: ToolLabel | None = None,
    steps: Callable[..., Generator[Any, None, Any]] | None = None,
    **fields: Any,
) -> Operation:
    """Return a row; a field is a type, or a type and a default.

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
    return Operation(
        name, group, function, code, inputs, args, rgb_only, image_method, tool, steps
    )


def _of(module: Any, group: Group) -> Callable[..., Operation]:
    """Return a function that makes rows of the functions of a module."""
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
_params: Any = (Params, Params())
_packed: Any = (Packed | None, None)
_fitted: Any = (FittedModel | None, None)
_reader_kwargs: dict[str, Any] = {
    "rgb": (Switch | None, None),
    "channel_axis": (Whole | None, None),
    "axes": (Axes | None, None),
}

_CLICKS = "Backspace takes the last point back, Enter or a double click closes."
_PRESS = "Press and drag to the right for more tolerance, to the left for less."
_COARSER = (
    "Press and drag to the right for a larger one, to the left for a smaller one."
)

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
        full_scale=(Number | None, None),
        n_channels=(Whole | None, None),
        **_reader_kwargs,
    ),
    _row("own", "blank", shape=tuple[Side, ...], dtype=Kind, **_reader_kwargs),
    # Selections.
    _pick(
        "wand",
        "colors",
        tool=ToolLabel("Magic wand", "W", f"Click a color. {_PRESS}"),
        point=Point,
        tolerance=_Tolerance,
        contiguous=Switch,
        sample_size=Count,
        connectivity=_Joined,
        gap=Gap,
        soft=Switch,
    ),
    _pick(
        "color_range",
        "colors",
        tool=ToolLabel(
            "Color range",
            "Q",
            "Click a color to select it everywhere; with Shift or Add click more of "
            f"what is wanted, with Alt, Ctrl or Subtract what is not. {_PRESS}",
        ),
        points=Points | None,
        colors=tuple[Color, ...] | None,
        minus=Points | None,
        tolerance=_Tolerance,
        sample_size=Count,
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
    _pick(
        "by_label",
        "labels",
        tool=ToolLabel("Class", "J", "Click a class or a piece of it.", "class"),
        point=Point,
        contiguous=Switch,
    ),
    _pick(
        "region_at",
        "tree",
        tool=ToolLabel("Region", "H", f"Click a region. {_COARSER}", "region"),
        point=Point,
        level=Share | None,
    ),
    _pick(
        "brush",
        "colors",
        tool=ToolLabel(
            "Selection brush",
            "Shift+W",
            "Paint on what to select. Erase with Ctrl, Alt or Subtract; [ and ] change "
            "the size.",
        ),
        path=Points,
        radius=Radius,
        tolerance=_Tolerance,
        sample_size=Count,
        connectivity=_Joined,
    ),
    _pick("brush_regions", "tree", path=Points, radius=Radius, level=Share | None),
    _pick(
        "scribble_mask",
        "image",
        called="scribbles",
        tool=ToolLabel(
            "Scribbles",
            "Shift+D",
            "Paint on what is missing, and with Ctrl, Alt or Subtract on what is too "
            "much; with nothing selected, on the object and around it. Escape forgets "
            "the strokes.",
        ),
        strokes=Packed,
        label=Count,
        background=Count | None,
        smoothing=Amount,
        contiguous=Switch,
    ),
    _pick(
        "box",
        "image",
        tool=ToolLabel("Object in a box", "K", "Drag a box around it."),
        steps=object_box.iter_box,
        box=tuple[Coordinate, Coordinate, Coordinate, Coordinate],
        plane=Side | None,
        smoothing=Amount,
    ),
    _pick(
        "lasso",
        "shape",
        tool=ToolLabel("Lasso", "L", "Draw around it."),
        path=Points,
        soft=Switch,
    ),
    _pick(
        "polygon",
        "shape",
        tool=ToolLabel("Polygon", "Shift+L", f"Click corners. {_CLICKS}"),
        points=Points,
        soft=Switch,
    ),
    _pick(
        "scissors",
        "image",
        tool=ToolLabel(
            "Scissors",
            "Shift+S",
            f"Click points along an edge; the path follows it. {_CLICKS}",
        ),
        points=Points,
        soft=Switch,
    ),
    _pick(
        "rectangle",
        "shape",
        tool=ToolLabel("Rectangle", "M", "Drag from corner to corner."),
        corner=Point,
        opposite=Point,
    ),
    _pick(
        "ellipse",
        "shape",
        tool=ToolLabel("Ellipse", "Shift+M", "Drag from corner to corner."),
        corner=Point,
        opposite=Point,
        soft=Switch,
    ),
    _pick("from_bytes", called="selection", values=Packed),
    _row("own", "all", base=Selecting),
    _row("own", "none"),
    _row("own", "save", name=Name),
    _row("own", "load", base=Selecting, name=Name),
    # Changes of the selection.
    _modify("correct", "image", "selection", strokes=Packed, smoothing=Amount),
    _modify(
        "refine_edge",
        "image",
        "selection",
        radius=Reach,
        smooth=Radius,
        feather=Radius,
        contrast=Share,
    ),
    _modify("grow", "selection", pixels=Distance, spacing=Spacing | None),
    _modify("shrink", "selection", pixels=Distance, spacing=Spacing | None),
    _modify("smooth", "selection", radius=Radius),
    _modify("border", "selection", width=Distance, spacing=Spacing | None),
    _modify("feather", "selection", radius=Radius),
    _modify("fill_holes", "selection", max_size=Count | None, connectivity=_Joined),
    _modify("interpolate", "selection"),
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
        steps=splitting.iter_split,
        label=Whole,
        method=Literal["components", "classes", "watershed"],
        n_parts=Count | None,
        min_size=Count,
        depth=(Amount | None, None),
    ),
    _edit(
        "absorb_small",
        "labels",
        steps=splitting.iter_absorb_small,
        min_size=Count,
    ),
    _edit(
        "smooth_boundaries",
        "labels",
        steps=splitting.iter_smooth_boundaries,
        radius=Radius,
    ),
    _edit("interpolate", "labels", called="interpolate_label", label=Whole),
    _edit("renumber", "labels", base=Editing, numbers=dict[int, Whole] | None),
    _edit("swap", "labels", a=Whole, b=Whole),
    _edit("drop_uncertain", "labels", "seg", threshold=Share),
    _relabel("draw", "labels", "image", base=Inside, strokes=Packed, contiguous=Switch),
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
        axes=(Axes | None, None),
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
        color=Color,
        by=Color,
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
    _adjust("curves", "image", "area", points=tuple[Color, ...], channel=Whole | None),
    _adjust("fill", "image", "area", called="fill_color", color=Color | Number),
    _adjust("blur", "image", "area", radius=Radius),
    _adjust("sharpen", "image", "area", amount=Amount, radius=Radius, threshold=Amount),
    _adjust(
        "inpaint",
        "image",
        "selection",
        radius=Radius,
        method=Literal["telea", "navier-stokes"],
    ),
    _adjust(
        "cut_out",
        "image",
        "selection",
        edge=Literal["crisp", "soft", "hair"] | None,
        radius=Annotated[Count, Field(le=1_000)] | None,
        method=Literal["guided", "closed-form"] | None,
        decontaminate=Switch,
    ),
)
OPERATIONS = {row.name: row for row in ROWS}
