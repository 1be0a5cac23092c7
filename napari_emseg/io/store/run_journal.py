"""The journal of a run: what was asked for, what was fitted, which tiles are done.

It lies in a folder beside the place of the labels, together with what is written of
them, until they are whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path
from pickle import loads
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_emseg.io.safe_write import new_file
from napari_emseg.io.store.stored_array import pickler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

fcntl: Any = None
if sys.platform != "win32":
    import fcntl

_ASKED, _FITTED, _DONE, _WORK = "run.json", "fit.json", "tiles.log", "work"


class RunJournal:
    """What is known of a run, so that another one can go on with it.

    Parameters
    ----------
    folder : Path
        Where it lies; made if it is not there.
    asked : mapping
        What decides the labels, as JSON has it.
    resume : bool
        Whether to go on with what is there.
    force : bool
        Whether to throw away what is there.

    Attributes
    ----------
    done : dict of int to (K + 1,) ndarray of int64
        Numbers of the tiles that are done, and how many pixels have each label.

    Raises
    ------
    BlockingIOError
        Another run writes to it now.
    FileExistsError
        There is an unfinished run, and nobody said what to do with it.
    ValueError
        To go on is asked for, but with something else.
    """

    def __init__(
        self, folder: Path, asked: Mapping[str, Any], *, resume: bool, force: bool
    ) -> None:
        self.folder = folder
        self.done: dict[int, NDArray[np.int64]] = {}
        # As JSON gives it back.
        wanted = json.loads(json.dumps(asked))
        before = _read_json(folder / _ASKED)
        if before is not None and not resume and not force:
            raise FileExistsError(
                f"{folder} holds a run that was not finished; go on with it "
                "(--resume, resume=True), or begin anew (--force, force=True)"
            )
        if before is not None and resume:
            changes = differences(before, wanted)
            if changes:
                raise ValueError(
                    f"{folder} holds a run that was asked for something else: "
                    f"{'; '.join(changes)}; ask for the same, or begin anew (--force, "
                    "force=True)"
                )
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        if before is None or not resume:
            for path in folder.iterdir():
                if path.name != _LOCK:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            _write_json(folder / _ASKED, wanted)
        self._log = (folder / _DONE).open("a+b")

    def fitted(self) -> dict[str, Any] | None:
        """Return what was fitted, if that is known; and read which tiles are done."""
        found = _read_json(self.folder / _FITTED)
        if found is None:
            return None
        self._log.seek(0)
        for line in self._log.read().split(b"\n"):
            try:
                tile, pixels = json.loads(line)
            except ValueError:  # the line that was being written
                continue
            self.done[tile] = np.array(pixels, np.int64)
        return found

    def note_fit(self, found: Mapping[str, Any]) -> None:
        """Write what was fitted; all tiles are to be done after this."""
        _write_json(self.folder / _FITTED, found)

    def note_tile(self, tile: int, pixels: NDArray[np.int64]) -> None:
        """Write that a tile is done."""
        self.done[tile] = pixels
        # A line of its own, whatever was left of one that was not finished.
        self._log.write(f"\n{json.dumps([tile, pixels.tolist()])}\n".encode())
        self._log.flush()

    def share(self, work: Any) -> SharedWork:
        """Write what workers need to know, and return its name."""
        path = self.folder / _WORK
        with path.open("wb") as file:
            pickler()(file, protocol=5).dump(work)
        return SharedWork(os.fspath(path.resolve()), _digest(path))

    def close(self) -> None:
        """Let go of the folder."""
        self._log.close()
        self._lock.close()


class SharedWork:
    """What workers do, by the name of the file that tells it.

    Parameters
    ----------
    path : str
        Of the file.
    digest : str
        Of its contents, so that nothing else is done.
    """

    def __init__(self, path: str, digest: str) -> None:
        self._path, self._digest = path, digest

    def __call__(self, *arguments: Any) -> Any:
        """Do the work."""
        return _loaded(self._path, self._digest)(*arguments)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the work."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(_loaded(self._path, self._digest), name)


@lru_cache(maxsize=4)
def _loaded(path: str, digest: str) -> Any:
    """Load the work once in each process."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"a worker does not find {path}; give it the same disks as the process "
            "that it works for, under the same names"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(
            f"{path} was changed by someone else while it was worked on; begin anew"
        )
    return loads(content)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], within: str = ""
) -> list[str]:
    """List in words what differs between two nested mappings.

    Examples
    --------
    >>> differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})
    ['b c is 3, but was 2']
    """
    found = []
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        name = f"{within} {key}".strip()
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, name)
        elif old != new:
            found.append(f"{name} is {new}, but was {old}")
    return found


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with new_file(path, force=True) as temporary:
        temporary.write_text(json.dumps(content), "utf-8")


_LOCK = "lock"


def _locked(folder: Path) -> BinaryIO:
    """Lock a folder as long as this process lives, if it knows locks."""
    file = (folder / _LOCK).open("ab")
    if fcntl is None:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise BlockingIOError(
            f"{folder} is written to by another run; wait until it is done, or choose "
            "another name"
        ) from error
    except OSError:  # some file systems of networks know no locks
        return file
    return file
