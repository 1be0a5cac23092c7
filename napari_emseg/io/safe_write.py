"""Places for new files: refused before the work, and never seen half written.

A file is written under a temporary name in its own folder and renamed when it is
complete.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TIFF = (".tif", ".tiff")


def check_target(
    path: Path, suffixes: tuple[str, ...], *, force: bool, ndim: int = 2
) -> None:
    """Refuse, before any work is done, a place that cannot be written to.

    Parameters
    ----------
    path : Path
        File to be written.
    suffixes : tuple of str
        The endings that there is a format for.
    force : bool
        Whether a file that exists may be replaced.
    ndim : int
        Number of axes in space: only TIFF takes more than 2.

    Raises
    ------
    FileExistsError, FileNotFoundError, IsADirectoryError, PermissionError, ValueError
        With the reason and what to do.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        known = ", ".join(suffixes)
        raise ValueError(
            f"{path} has no ending that can be written; use one of {known}"
        )
    if ndim > 2 and suffix not in TIFF:
        raise ValueError(f"{path} cannot hold a stack of {ndim} axes; use .tif")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}; make it first")
    if path.exists() and not force:
        raise FileExistsError(
            f"{path} exists already; choose another name or allow it to be replaced "
            "(--force, force=True)"
        )
    check_access(path.parent)


def check_access(folder: Path) -> None:
    """Refuse a folder that nothing can be written to; if it is not there, its parent.

    Parameters
    ----------
    folder : Path
        Where a file shall be.

    Raises
    ------
    PermissionError
        With what to do.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"nothing can be written to {folder.resolve()}; choose another place, or "
            "ask for access to this one"
        )


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it, unless it is there.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OSError
        With the reason and what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"the folder {folder} cannot be made ({error.strerror}); choose another "
            "place, or ask for access to this one"
        ) from error


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a name next to `path` to write to; rename it when all went well."""
    target = path.resolve()  # a link stays one; the file that it names is replaced
    temporary = target.with_name(
        f".{target.stem}.{secrets.token_hex(4)}{target.suffix}"
    )
    try:
        yield temporary
    except OSError as error:
        if error.filename is None or Path(error.filename) != temporary:
            raise
        raise type(error)(
            f"{path} cannot be written ({error.strerror}); choose another place, or "
            "ask for access to this one"
        ) from error
    else:
        if target.exists() and not force:
            raise FileExistsError(f"{path} was made by someone else in the meantime")
        if target.exists():
            shutil.copymode(target, temporary)  # whoever may read it still may
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
