"""What a generated script may hold: a last look at it before it is handed out.

The writer of scripts quotes all that comes from outside. Should it ever miss
something, this refuses the script: whatever is no plain call of what is listed here.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize

from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.recipe.operations import ROWS

# All functions that a script may call, by their full names.
CALLED = frozenset(
    {
        *(f"np.{name}" for name in ("array", "expand_dims", "moveaxis")),
        *(f"np.{name}" for name in ("ones", "result_type", "zeros")),
        *(f"emseg.files.{name}" for name in ("read_image", "write_labels")),
        *(f"emseg.select.{name}" for name in ("combine", "feather", "prepare")),
        *(f"emseg.{name}" for name in ("hierarchy", "segment", "unpack_array")),
        *(f"emseg.{name}" for name in ("measure", "objects")),
        *(f"emseg.{method.model.__name__}" for method in METHODS.values()),
        f"emseg.{GroupedMixture.__name__}",
        *(f"emseg.{row.code}" for row in ROWS if row.group != "own"),
        "emseg.select.rounded",
    }
)
# The modules on the way to them.
_ON_THE_WAY = {
    ".".join(parts[:length])
    for parts in (name.split(".") for name in CALLED)
    for length in range(1, len(parts))
}
# The methods of labels, selections, edits and objects that a script may call.
METHODS_CALLED = frozenset(
    {"any", "apply", "astype", "copy", "merged", "split_by_line", "to_csv", "without"}
)
# What a script gives names to; slices of a stack add their numbers.
_VARIABLE = re.compile(
    r"(channels|erased|found|image|labels|mask|model|objects|picture|plane|saved"
    r"|seed_labels|seg|start|strokes|table|values|where|(colors|selection|tree)(_(x|\d+))*)"
)
_IMPORTS = {"import numpy as np", "import napari_emseg as emseg"}
_PLAIN = (
    *(ast.Assign, ast.Expr, ast.If, ast.Load, ast.Store),
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.keyword),
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.USub),
    *(ast.IfExp, ast.Compare, ast.Is, ast.IsNot, ast.Assert, ast.Eq),
)
_ATTRIBUTES = METHODS_CALLED | {"labels", "shape"}


def check_script(text: str) -> str:
    """Return a script, if it only calls what a script may.

    Parameters
    ----------
    text : str
        Python, as `napari_emseg.recipe.to_python.write` makes it.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        If it is no Python, or holds anything but assignments of numbers, texts and
        calls of `CALLED`.

    Examples
    --------
    >>> check_script("image = emseg.files.read_image('a.png')[0]")
    "image = emseg.files.read_image('a.png')[0]"
    >>> check_script("image = open('a.png')")
    Traceback (most recent call last):
    ...
    ValueError: line 1 of the script would call open, which no script of a recipe \
does; take the recipe from where it was made
    """
    try:
        tree = ast.parse(text)
        # A comment on top may name another encoding, in which it is other Python.
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        if encoding != "utf-8":
            raise ValueError(f"it would be read as {encoding}")
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f"the script would be no Python ({error}); take the recipe from where it "
            "was made"
        ) from None
    for statement in tree.body[bool(ast.get_docstring(tree)) :]:
        if ast.unparse(statement) in _IMPORTS:
            continue
        for node in ast.walk(statement):
            if fault := _fault(node):
                line = getattr(node, "lineno", statement.lineno)
                raise ValueError(
                    f"line {line} of the script would {fault}, which no script of a "
                    "recipe does; take the recipe from where it was made"
                )
    return text


def _fault(node: ast.AST) -> str:
    """Return what is wrong with a node; empty if nothing is."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        own = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS_CALLED
        return "" if own or name in CALLED else f"call {name}"
    if not isinstance(node, _PLAIN):
        return f"hold {type(node).__name__}"
    if isinstance(node, ast.Name):
        modules = {"np", "emseg", "bool"} if isinstance(node.ctx, ast.Load) else ()
        known = node.id in modules or _VARIABLE.fullmatch(node.id)
        return "" if known else f"use the name {node.id}"
    if isinstance(node, ast.Attribute):
        name = ast.unparse(node)
        listed = name in CALLED or name in _ON_THE_WAY or node.attr in _ATTRIBUTES
        read = isinstance(node.ctx, ast.Load)
        return "" if listed and read else f"use {name}"
    return ""
