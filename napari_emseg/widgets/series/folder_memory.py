"""What is remembered of folders from one session to the next."""

from __future__ import annotations

import hashlib
from pathlib import Path

from qtpy.QtCore import QSettings


class FolderMemory:
    """The folder that was open last, and of each folder the last picture."""

    def __init__(self) -> None:
        self._store = QSettings(
            QSettings.Format.IniFormat,
            QSettings.Scope.UserScope,
            "napari-emseg",
            "pictures",
        )

    @property
    def folder(self) -> Path | None:
        """The folder that was open last; None without one, or if it is gone."""
        found = str(self._store.value("folder", ""))
        return Path(found) if found and Path(found).is_dir() else None

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._store.setValue("folder", str(folder))

    def picture_in(self, folder: Path) -> str:
        """Return the name of the picture that was open last; "" without one."""
        return str(self._store.value(_key(folder), ""))

    def note_picture(self, path: Path, folder: Path) -> None:
        """Remember that a picture of a folder is open."""
        self._store.setValue(_key(folder), path.name)


def _key(folder: Path) -> str:
    return f"last/{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
