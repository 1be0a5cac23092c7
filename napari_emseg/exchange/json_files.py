"""JSON files of other programs: read with one clear sentence about what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_emseg.io.safe_write import check_target, new_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic import ValidationError

_COMPACT = (",", ":")


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
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name")
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


def wrong_field(error: ValidationError) -> str:
    """Return in one line where the first mistake is, and which."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
