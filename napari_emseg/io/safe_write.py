"""Places for new files: refused before the work, and never seen half written.

A file is written under a temporary name in its own folder and renamed when it is
complete.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

fcntl: Any = None
if sys.platform != "win32":
    import fcntl

TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")
_LONGEST_JPEG = 65500  # pixels along a side that libjpeg writes
LONGEST = 255  # bytes of a name
# Names of files that are being written.
_PREFIX = ".napari-emseg-"
_OURS = re.compile(rf"{re.escape(_PREFIX)}[0-9a-f]{{16}}(\.\w+)?")
# Where there are no locks, seconds after which nobody writes to a file any more.
_OLD = 24 * 3600.0
_REMEDY = "choose another place, or ask for access to this one"
_SPACE = "free some space, or choose another place"
_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "files may not be as large there, so choose another place, or write "
    "less of it",
}


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
    target = real_place(path)
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        known = ", ".join(suffixes)
        raise ValueError(
            f"{path} has no ending that can be written; use one of {known}"
        )
    if ndim > 2 and suffix not in TIFF:
        raise ValueError(f"{path} cannot hold a stack of {ndim} axes; use .tif")
    for place in (path, target):
        if not place.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {place.parent}; make it first")
    if target.exists() and not force:
        raise FileExistsError(
            f"{path} exists already; choose another name or allow it to be replaced "
            "(--force, force=True)"
        )
    check_access(target.parent)


def check_sides(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse a picture that has no pixels, or is longer than JPEG can be.

    Parameters
    ----------
    path : Path
        File to be written.
    shape : tuple of int
        Of the picture: (..., Y, X, C).

    Raises
    ------
    ValueError
        With both sizes and what to do.
    """
    if not all(shape):
        raise ValueError(
            f"a picture of shape {shape} has no pixels; give one with some"
        )
    rows, columns = shape[-3:-1]
    if path.suffix.lower() in JPEG and max(rows, columns) > _LONGEST_JPEG:
        raise ValueError(
            f"a picture of {columns} x {rows} pixels is more than JPEG can hold, "
            f"{_LONGEST_JPEG} along a side; write {path.with_suffix('.png').name} or "
            f"{path.with_suffix('.tif').name} instead"
        )


def check_access(folder: Path) -> None:
    """Refuse a folder that nothing can be written to; if it is not there, its parent.

    Parameters
    ----------
    folder : Path
        Where a file shall be.

    Raises
    ------
    NotADirectoryError, PermissionError
        With what to do.
    """
    wanted = folder
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(
            f"the folder {wanted} cannot be made (Not a directory); choose another "
            "place"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
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


def fitting_name(stem: str, ending: str) -> str:
    """Return the name of a file, its stem cut where names may not be so long.

    Parameters
    ----------
    stem, ending : str
        Of the name.

    Returns
    -------
    str
        Of at most 255 bytes, as most file systems want it.

    Examples
    --------
    >>> fitting_name("tree", "_labels.tif")
    'tree_labels.tif'
    >>> len(fitting_name("天" * 85, "_labels.tif").encode())
    254
    """
    room = LONGEST - len(os.fsencode(ending))
    # A letter that the cut goes through is left out.
    cut = os.fsencode(stem)[:room].decode(sys.getfilesystemencoding(), "ignore")
    return f"{stem if len(os.fsencode(stem)) <= room else cut}{ending}"


def real_place(path: Path) -> Path:
    """Return what a path names in the end: links are followed, as all programs do.

    Parameters
    ----------
    path : Path
        Of a file to be written; it need not be there.

    Returns
    -------
    Path

    Raises
    ------
    OSError, ValueError
        There cannot be such a file: the name is too long, links lead in a circle, or
        what is there is a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Path(os.path.realpath(path))
    except OSError as error:
        if error.errno == errno.ELOOP:
            reason = "symbolic links lead in a circle; remove them"
        elif error.errno == errno.ENAMETOOLONG:
            size = max(len(os.fsencode(part)) for part in path.parts)
            reason = f"it has a name of {size} bytes, but {LONGEST} are possible"
            reason = f"{reason if size > LONGEST else 'it is too long'}; shorten it"
        else:
            reason = f"{_reason(error)}; check the name"
        raise type(error)(
            f"{path} cannot be written: {reason}, or choose another place"
        ) from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(
            f"{path} is a pipe or a device, which is not replaced by a file; choose "
            "another name"
        )
    return Path(os.path.realpath(path))


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield the name of an empty file to write to; `path` names it when all went well.

    Parameters
    ----------
    path : Path
        A link stays one: the file that it leads to is written.
    force : bool
        Whether a file that exists is replaced, with its permissions kept. If not, of
        several who write one name at once, one succeeds.

    Yields
    ------
    Path
        In the same folder, with the same ending.

    Raises
    ------
    FileExistsError
        The file exists and `force` is not given.
    OSError, ValueError
        It cannot be written; the message says why, and what to do.

    Notes
    -----
    The file is locked as long as this process lives. What processes that were killed
    have left in this folder is removed.
    """
    target = real_place(path)
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    temporary: Path | None = None
    try:
        _remove_leftovers(target.parent)
        with _locked_file(target) as (file, temporary):
            yield temporary
            if force and target.exists():
                shutil.copymode(target, temporary)  # whoever may read it still may
            os.fsync(file.fileno())
            if fcntl is None:  # Windows renames no file that is open
                file.close()
            _rename(temporary, target, force=force)
        _sync_folder(target.parent)
    except FileExistsError:
        raise FileExistsError(
            f"{path} was made by someone else in the meantime; choose another name, or "
            "allow it to be replaced (--force, force=True)"
        ) from None
    except OSError as error:
        name = Path(os.fsdecode(error.filename or target))
        if name != target and not name.name.startswith(_PREFIX):
            raise  # of what was read while this was written
        raise type(error)(
            f"{path} cannot be written ({_reason(error)}); "
            f"{_REMEDIES.get(error.errno or 0, _REMEDY)}"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


@contextmanager
def _locked_file(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a new file beside another one, and its name."""
    while True:
        path = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{target.suffix}")
        with path.open("x+b") as file:
            # Someone may have taken it for a leftover before it was locked.
            if _lock(file, otherwise=True) and path.exists():
                yield file, path
                return


def _lock(file: BinaryIO, *, otherwise: bool) -> bool:
    """Lock a file if nobody else has; return whether it is ours.

    Where there are no locks, return `otherwise`.
    """
    if fcntl is None:
        return otherwise
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some file systems of networks
        return otherwise
    return True


def _remove_leftovers(folder: Path) -> None:
    """Remove the files of processes that were killed while they wrote."""
    for path in folder.glob(f"{_PREFIX}*"):
        if not _OURS.fullmatch(path.name):
            continue
        # Gone by now, or of someone else: nothing of ours to remove.
        with suppress(OSError):
            old = time.time() - path.lstat().st_mtime > _OLD
            flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
            with os.fdopen(os.open(path, flags), "r+b") as file:
                dead = _lock(file, otherwise=old)
                if dead and fcntl is not None:
                    path.unlink()
            if dead and fcntl is None:  # Windows removes no file that is open
                path.unlink()


def _rename(temporary: Path, target: Path, *, force: bool) -> None:
    """Give a file its name; if not forced, only if there is none of that name."""
    if force:
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: take the name with an empty file
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    """Have the new name written to the disk, too, where that is possible."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):  # not every file system can
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
