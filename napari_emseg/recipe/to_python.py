"""Recipes as Python that a person can read, change and run."""

from __future__ import annotations

import json
import re
import textwrap
from itertools import combinations, zip_longest
from typing import TYPE_CHECKING, Any

from napari_emseg import __version__
from napari_emseg.engine.image.axes import CHANNELS, COLORS, without_channels
from napari_emseg.io import files
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.recipe.operation_schema import contains, overlap
from napari_emseg.recipe.packed_array import Packed
from napari_emseg.recipe.script_check import check_script
from napari_emseg.recipe.state import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.recipe.operation_schema import OptionalSlice
    from napari_emseg.recipe.step import Step

_WIDTH = 88
# Edits that may need a wider type of labels, which a plane cannot have alone.
_WIDENING = {"new_class", "split"}


class Code(str):
    """A piece of a script, as opposed to a text in it."""

    __slots__ = ()


_HEAD = '''"""Labels of {image}, made again; written by napari-emseg {version}."""

import numpy as np

import napari_emseg as emseg

{read}
'''


def write(
    steps: Iterable[Step],
    image_path: str,
    output_path: str,
    *,
    as_stored: bool = False,
    to_save: bool = False,
) -> str:
    """Return a script that does steps, and writes the labels.

    Parameters
    ----------
    steps : iterable of Step
        The first makes labels.
    image_path, output_path : str
        As the script shall name them.
    as_stored : bool, optional
        Whether the script leaves an image as it lies in its file, with its colors.
    to_save : bool, optional
        Whether the script begins with the remark that the image has no file yet.

    Returns
    -------
    str
        Python that calls nothing but `script_check.CALLED`, and UTF-8 can hold.

    Raises
    ------
    ValueError
        If no step makes labels.
    """
    steps = tuple(steps)
    writer = Writer(shared=_scopes_overlap(steps))
    lines = [line for step in steps for line in writer.step(step)]
    if not writer.begun:
        raise ValueError(
            "the recipe makes no labels, so a script would write none; begin it with a "
            "step 'segment' or 'blank'"
        )
    # Where a recipe has no channels, those that stand first were slices of a stack.
    minded = {
        "upright": as_stored,
        "converted": as_stored,
        "stack": writer.reader_kwargs.get("rgb") is False,
    }
    keywords = [
        f", {way}={value}"
        for way, value in files.ways_as_stored(image_path).items()
        if minded[way]
    ]
    read = f"emseg.files.read_image({_text(image_path)}{''.join(keywords)})"
    head = _HEAD.format(
        # Python 3.13 takes no docstring with bytes of a path that are no UTF-8.
        image=_text(image_path.encode("utf-8", "backslashreplace").decode()),
        read=f"image, channels = {read}" if writer.moves else f"image = {read}[0]",
        version=__version__,
    )
    body = "\n".join(
        [*lines, f"emseg.files.write_labels({_text(output_path)}, labels)"]
    )
    if "np." not in body:
        head = head.replace("import numpy as np\n\n", "")
    remark = f"# Save the image as {_remarked(image_path)} first: it has no file yet.\n"
    return check_script(f"{remark if to_save else ''}{head}{body}\n")


class Writer:
    """Writes a script step by step, and knows which names it has by then.

    Each scope has a selection by its own name, or all are parts of one.

    Parameters
    ----------
    shared : bool
        Whether scopes overlap, so that they must share it.

    Attributes
    ----------
    begun : bool
        Whether there are labels.
    reader_kwargs : dict
        How the image is read: ``rgb`` or ``channel_axis``.
    moves : bool
        Whether the script asks if channels were moved to the end when it read them.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self.begun = False
        self.shared = shared
        self.reader_kwargs: dict[str, Any] = {}
        self.moves = False
        self._labels_at: SliceIndex = ()
        self._axes: str | None = None
        # Names of variables, and of those that may hold soft selections.
        self._known: set[str] = set()
        self._soft: set[str] = set()
        # The scopes in which something was selected, if they share a selection.
        self._selected_at: set[OptionalSlice] = set()

    def step(self, step: Step) -> Iterator[str]:
        """Yield the lines of a script that do a step."""
        args: Any = step.args
        group, name = step.row.group, f"selection{_suffix(step.at)}"
        if step.op == "segment":
            yield from self._segment(step)
        elif step.op == "blank":
            yield from self._understand(step)
            yield f"labels = np.zeros({args.shape}, {_text(args.dtype)})"
            self._begin(step)
        elif step.op == "none":
            yield from self._give_up(step)
        elif step.op == "save":
            if "saved" not in self._known:
                yield "saved = {}"
            self._known |= {"saved", _kept(step)}
            self._carry(name, _kept(step))
            yield f"{_kept(step)} = {self.selection(step, required=True)}"
        elif step.op == "all":
            yield from self._select(
                step, name, f"np.ones({self.labels(step)}.shape, bool)"
            )
        elif step.op == "load":
            if _kept(step) not in self._known:
                raise ValueError(f"no selection was kept as {args.name!r}")
            yield from self._select(step, name, _kept(step))
        elif group == "select":
            yield from self._prepare(step)
            yield from self._select(step, name, self._call(step))
        elif group == "modify":
            if step.op == "invert" and self.selection(step, required=False) is None:
                yield from self._write(
                    step, f"np.zeros({self.labels(step)}.shape, bool)"
                )
            yield from self._prepare(step)
            yield from self._select(step, name, self._call(step))
        elif group == "picture":
            yield from self._prepare(step)
            yield f"picture = {self._call(step)}"
        else:
            yield from self._prepare(step)
            labels, call = self.labels(step), self._call(step)
            if step.op in _WIDENING and labels != "labels":
                yield f"labels = {call}.apply(labels, at={self._plane(step)})"
                return
            apply = f".apply({labels})" if group == "edit" else ""
            yield f"{labels} = {call}{apply}"

    def _begin(self, step: Step) -> None:
        self.begun = True
        self._labels_at = step.at or ()
        self._known -= {name for name in self._known if name.startswith("selection")}
        self._selected_at.clear()

    def _understand(self, step: Step) -> Iterator[str]:
        """Note how the image is read; yield the lines that put its channels last."""
        args: Any = step.args
        if args.axes is not None and args.rgb is False:  # none of them is moved
            self._axes, self.reader_kwargs = args.axes, {"rgb": False}
        elif args.axes is not None:
            each = step.op == "segment" and args.params.channels == "each"
            yield from self._understand_axes(args.axes, each=each)
        elif args.channel_axis is not None:
            yield from self._move_last(args.channel_axis)
            self.reader_kwargs = {"channel_axis": -1}
        elif args.rgb is not None:
            self.reader_kwargs = {"rgb": args.rgb}

    def _understand_axes(self, axes: str, *, each: bool) -> Iterator[str]:
        """Note the axes of the image; yield the lines that put its channels last."""
        place = max(axes.find(letter) for letter in (CHANNELS, COLORS))
        self._axes = axes
        if place < 0 or each:
            self.reader_kwargs = {"rgb": False}
            if place >= 0 and place != len(axes) - 1:
                self.moves = True
                yield "if channels is not None:  # the file has them elsewhere"
                yield f"    image = np.moveaxis(image, -1, {place})"
            return
        self._axes = without_channels(axes) + axes[place]
        colored = axes[place] == COLORS
        self.reader_kwargs = {"rgb": True} if colored else {"channel_axis": -1}
        if not colored:
            yield from self._move_last(place)

    def _move_last(self, place: int) -> Iterator[str]:
        if place != -1:
            self.moves = True
            yield "if channels is None:  # the file does not tell which axis it is"
            yield f"    image = np.moveaxis(image, {place}, -1)"

    def _segment(self, step: Step) -> Iterator[str]:
        yield from self._understand(step)
        yield from self._prepare(step)
        options = step.row.options(step.args)
        if self._axes is None:
            options |= self.reader_kwargs
        else:
            pairs = zip_longest(self._axes, step.at or ())
            options["axes"] = "".join(axis for axis, i in pairs if i is None)
        args: Any = step.args
        if args.n_channels and (self._axes or CHANNELS)[-1] == CHANNELS:
            yield f'assert image.shape[-1] == {args.n_channels}, "other channels"'
        given = [f"image{_index(step.at)}", *_keywords(options)]
        yield f"seg = {_joined('emseg.segment', given)}"
        across = [axis for axis, index in enumerate(step.at or ()) if index is not None]
        wide = f"np.expand_dims(seg.labels, {tuple(across)})"
        yield f"labels = {wide if across else 'seg.labels'}.copy()"
        self._begin(step)

    def _prepare(self, step: Step) -> Iterator[str]:
        """Yield the lines that must come before a call: arrays, and what tools need."""
        given = [f"image{_index(step.at)}", *_keywords(self.reader_kwargs)]
        made = {
            "colors": _joined("emseg.select.prepare", given),
            "tree": _joined("emseg.hierarchy", given),
        }
        for kind, code in made.items():
            name = f"{kind}{_suffix(step.at)}"
            if kind in step.row.inputs and name not in self._known:
                self._known.add(name)
                yield f"{name} = {code}"
        for name, value in step.row.options(step.args).items():
            if isinstance(value, Packed):
                yield _array(name, value)
            elif isinstance(value, FittedModel):
                yield f"{name} = {value.code()}"

    def _select(self, step: Step, name: str, found: str) -> Iterator[str]:
        """Yield the lines that soften and combine `found` to the selection."""
        args: Any = step.args
        feather, mode = getattr(args, "feather", 0.0), getattr(args, "mode", "new")
        labels = self.labels(step)
        hard = step.op in ("harden", "all")
        soft = feather > 0 or step.op in ("feather", "selection")
        soft |= getattr(args, "soft", False) or getattr(args, "threshold", 0) is None
        soft |= step.op == "load" and _kept(step) in self._soft
        soft |= not hard and step.row.group == "modify" and name in self._soft
        if self.shared:
            yield from self._select_part(step, found)
            return
        target = name if mode == "new" else "found"
        yield f"{target} = {found}"
        if feather > 0:
            yield f"{target} = emseg.select.feather({target}, {feather!r})"
        if mode != "new":
            soft |= name in self._soft
            old = name if name in self._known else f"np.zeros({labels}.shape, bool)"
            combined = _joined("emseg.select.combine", [old, target, _text(mode)])
            yield f"{name} = {combined}"
        if soft:
            yield f"{name} = emseg.select.rounded({name})"
        self._known.add(name)
        (self._soft.add if soft else self._soft.discard)(name)

    def _select_part(self, step: Step, found: str) -> Iterator[str]:
        """Yield the lines that soften and combine `found` in the shared selection."""
        args: Any = step.args
        feather, mode = getattr(args, "feather", 0.0), getattr(args, "mode", "new")
        if feather > 0 or mode != "new":
            yield f"found = {found}"
            found = "found"
        if feather > 0:
            yield f"found = emseg.select.feather(found, {feather!r})"
        if mode != "new":
            old = self.selection(step, required=False)
            none = f"np.zeros({self.labels(step)}.shape, bool)"
            given = [none if old is None else str(old), "found", _text(mode)]
            yield f"found = {_joined('emseg.select.combine', given)}"
        yield from self._write(step, found)

    def _write(self, step: Step, found: str) -> Iterator[str]:
        """Yield the lines that make `found` the selection of a step's scope."""
        if not self.shared:
            name = f"selection{_suffix(step.at)}"
            self._known.add(name)
            yield f"{name} = {found}"
            return
        if "selection" not in self._known:
            self._known.add("selection")
            # Of numbers, as some scopes may be soft.
            yield 'selection = np.zeros(labels.shape, "float32")'
        self._selected_at.add(step.at)
        yield f"selection{self._part(step)} = {found}"

    def _give_up(self, step: Step) -> Iterator[str]:
        """Yield the lines after which nothing is selected in a step's scope."""
        self._known -= set() if self.shared else {f"selection{_suffix(step.at)}"}
        if self.shared and "selection" in self._known:
            yield f"selection{self._part(step)} = 0"
        gone = {one for one in self._selected_at if contains(step.at, one)}
        self._selected_at -= gone

    def _part(self, step: Step) -> str:
        """Return the index of a step's scope in what has the shape of the labels."""
        return _index(self._plane(step)) or "[:]"

    def _call(self, step: Step) -> str:
        """Return the call of a step's function."""
        inputs, options = step.row.arguments(step.args, Names(self, step))
        return _joined(f"emseg.{step.row.code}", [*inputs, *_keywords(options)])

    def labels(self, step: Step) -> str:
        """Return the name of the labels in a step's plane."""
        return f"labels{_index(self._plane(step))}"

    def _plane(self, step: Step) -> tuple[int | None, ...]:
        """Return the plane of a step in the labels."""
        whole = self._labels_at or (None,) * len(step.at or ())
        return tuple(
            0 if fixed is not None and index is not None else index
            for index, fixed in zip(step.at or (), whole, strict=False)
        )

    def selection(self, step: Step, *, required: bool) -> Code | None:
        """Return the name of the selection in a step's plane; None if there is none."""
        name = Code(f"selection{_suffix(step.at)}")
        if self.shared and any(overlap(step.at, one) for one in self._selected_at):
            # Coverage in 255ths; a mask where nothing is soft.
            part = f"selection{_index(self._plane(step))}"
            return Code(f"emseg.select.rounded({part})")
        if not self.shared and name in self._known:
            return name
        if required:
            raise ValueError(NOTHING)
        return None

    def _carry(self, old: str, new: str) -> None:
        """Note that one name may hold a soft selection if another one may."""
        (self._soft.add if old in self._soft else self._soft.discard)(new)


class Names:
    """What a step works on, by its name in a script; an `OperationContext`."""

    def __init__(self, writer: Writer, step: Step) -> None:
        self.reader_kwargs = writer.reader_kwargs
        self.image = Code(f"image{_index(step.at)}")
        self.colors = Code(f"colors{_suffix(step.at)}")
        self.tree = Code(f"tree{_suffix(step.at)}")
        self.seg = Code("seg")
        self.labels = Code(writer.labels(step))
        self.shape = Code(f"{self.labels}.shape")
        self._writer, self._step = writer, step

    @property
    def selection(self) -> Code | None:
        """The selection; an error if there is none."""
        return self._writer.selection(self._step, required=True)

    @property
    def area(self) -> Code | None:
        """The selection; None if nothing is selected."""
        name = self._writer.selection(self._step, required=False)
        return None if name is None else Code(f"{name} if {name}.any() else None")


def _scopes_overlap(steps: Iterable[Step]) -> bool:
    """Return whether different scopes of selections have pixels in common."""
    scopes = {step.at for step in steps if step.selects or step.looks_at_selection}
    return any(overlap(one, other) for one, other in combinations(scopes, 2))


def _keywords(options: dict[str, Any]) -> list[str]:
    """Return keywords of a call; a stored array is a variable of the same name."""
    stored = (Packed, FittedModel)
    return [
        f"{name}={name if isinstance(value, stored) else _value(value)}"
        for name, value in options.items()
    ]


def _suffix(at: SliceIndex | None) -> str:
    """Return the end of the names of a plane: "_7" for slice 7 of a stack."""
    return "".join(f"_{'x' if i is None else i}" for i in _trimmed(at))


def _index(at: SliceIndex | None) -> str:
    """Return the index of a plane: "[7]" for slice 7 of a stack."""
    parts = [":" if i is None else str(i) for i in _trimmed(at)]
    return f"[{', '.join(parts)}]" if parts else ""


def _trimmed(at: SliceIndex | None) -> list[int | None]:
    found = [*(at or ())]
    while found and found[-1] is None:
        found.pop()
    return found


def _kept(step: Step) -> str:
    args: Any = step.args
    place = "" if step.at is None else f", {tuple(step.at)}"
    return f"saved[{_text(args.name)}{place}]"


def _array(name: str, packed: Packed) -> str:
    """Return the lines that make an array."""
    step = _WIDTH - 8
    lines = [packed.data[i : i + step] for i in range(0, len(packed.data), step)]
    text = "\n".join(f"        {_text(line)}" for line in lines or [""])
    about = f"    {packed.shape},\n    {_text(packed.dtype)},\n    {packed.box},\n"
    return f"{name} = emseg.unpack_array(\n{about}    (\n{text}\n    ),\n)"


def _joined(function: str, given: list[str]) -> str:
    """Return a call, on several lines if it is long."""
    line = f"{function}({', '.join(given)})"
    if len(line) <= _WIDTH - 16 and "\n" not in line:
        return line
    wrapped = [
        textwrap.indent(part, "    ") if "\n" in part else _filled(part)
        for part in given
    ]
    return "\n".join([f"{function}(", *(f"{part}," for part in wrapped), ")"])


def _filled(part: str) -> str:
    """Return an argument in lines, not broken within a pair of numbers."""
    whole = re.sub(r"\([^()]*\)", lambda pair: pair[0].replace(" ", "\0"), part)
    lines = textwrap.fill(
        whole,
        _WIDTH - 1,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace("\0", " ")


def _value(value: Any) -> str:
    if isinstance(value, Code):
        return value
    return _text(value) if isinstance(value, str) else repr(value)


def _remarked(name: str) -> str:
    """Return a name for a comment, which it neither ends nor makes one of Python's."""
    plain = name.isprintable() and "coding" not in name
    # The word names the encoding of the script, if it stands in a comment on top.
    return name if plain else _text(name).replace("coding", r"\x63oding")


def _text(text: str) -> str:
    """Return a string as code, with double quotes.

    What cannot be seen is written by its number: ends of lines, signs that turn the
    direction of writing, bytes of a path that are no UTF-8.
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in json.dumps(text, ensure_ascii=False)
    )
