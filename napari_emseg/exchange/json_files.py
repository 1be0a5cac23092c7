"""JSON files of other programs: read with one clear sentence about what is wrong."""

from __future__ import annotations

import json
import reprlib
from typing import TYPE_CHECKING, Any

from napari_emseg.io.damage import check_exists
from napari_emseg.io.safe_write import check_target, new_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic import ValidationError

_COMPACT = (",", ":")
# What pydantic asks for, in words of JSON, by the beginning of the type of its error.
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string_pattern": "a color such as #d55e00",
    "string_too": "a name of 1 to 200 letters",
    "string": "text in quotes",
    "tuple": "a list",
    "model": "an object in braces",
    "dict": "an object in braces",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "less_than": "a number below {lt}",
}


def read_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds.

    Parameters
    ----------
    path : Path
    what : str
        What is expected there, for messages.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no file of this name.
    ValueError
        It is no JSON.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the file of {what}")
    check_exists(path)
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except RecursionError:
        reason = "it is nested too deeply"
    except UnicodeDecodeError:
        reason = "it is no text"
    except ValueError as error:
        reason = str(error)
    raise ValueError(
        f"{path} is no JSON ({reason}); give the file of {what}, or write it again"
    ) from None


def write_json(
    path: Path,
    data: Any,
    suffixes: tuple[str, ...],
    *,
    indent: int | None = None,
    force: bool = False,
) -> None:
    """Write a JSON file.

    Parameters
    ----------
    path : Path
        Has one of the endings.
    data : object
        What JSON can hold.
    suffixes : tuple of str
    indent : int, optional
        Spaces for each level; all in one line by default.
    force : bool, optional
        Replace a file that exists.
    """
    text = json.dumps(
        data,
        indent=indent,
        separators=_COMPACT if indent is None else None,
        ensure_ascii=False,
        allow_nan=False,
    )
    write_parts(path, (text, "\n"), suffixes, force=force)


def write_parts(
    path: Path, parts: Iterable[str], suffixes: tuple[str, ...], *, force: bool
) -> None:
    """Write a text file, in UTF-8, part by part.

    Raises
    ------
    FileExistsError, ValueError
        The file exists and `force` is not given, or the ending does not suit.
    """
    check_target(path, suffixes, force=force)
    with (
        new_file(path, force=force) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(parts)


def compact(data: Any) -> str:
    """Return JSON without spaces."""
    return json.dumps(data, separators=_COMPACT, ensure_ascii=False, allow_nan=False)


def wrong_form(error: Exception) -> str:
    """Return what an error tells of the form of data that were read by their format.

    Examples
    --------
    >>> wrong_form(KeyError("geometry")), wrong_form(TypeError("int has no len()"))
    ("no 'geometry'", 'a value of another kind than the format has there')
    """
    if isinstance(error, KeyError):
        return f"no {error}"
    return "a value of another kind than the format has there"


def wrong_field(error: ValidationError) -> str:
    """Return in one line where the first mistake is, and which.

    Examples
    --------
    >>> from napari_emseg.exchange import ClassScheme
    >>> try:
    ...     ClassScheme.model_validate({"classes": [{"number": "one"}]})
    ... except ValueError as error:
    ...     wrong_field(error)
    "number of classes, place 1, is 'one', but a whole number is needed"
    """
    first = error.errors(include_url=False)[0]
    path = [
        f"place {part + 1}" if isinstance(part, int) else part for part in first["loc"]
    ]
    *above, last = path or ["it"]
    place = f"{last} of {', '.join(above)}," if above else last
    kind, context = first["type"], first.get("ctx", {})
    if kind == "value_error":
        return str(first["msg"].removeprefix("Value error, "))
    if kind == "missing":
        return f"{place} is missing"
    if kind == "extra_forbidden":
        return f"{place} is not known"
    wanted = next(
        (words for name, words in _WANTED.items() if kind.startswith(name)), ""
    )
    wanted = wanted.format(**context) or first["msg"].removeprefix("Input should be ")
    return f"{place} is {reprlib.repr(first['input'])}, but {wanted} is needed"
