"""What of a file cannot be had: told by those who read it, not by a log."""

from __future__ import annotations

import logging
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What tifffile notes of files that end too early, and of images in several files.
_CUT_OFF = ("invalid page offset", "incompletely written")
_ELSEWHERE = ("Missing data", "missing files", "is missing")


class UnfitError(ValueError):
    """A file is whole, but holds what cannot be used here; the message says all."""


class _Listener(logging.Handler):
    """Hears what tifffile writes to its log, where nobody would look for it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is said of our own file."""
        if record.thread == self._thread:
            said = record.getMessage()
            self.said.append(said.partition("> ")[2] or said)


@contextmanager
def losses_told(path: Path) -> Iterator[None]:
    """Refuse TIFF files that end too early; warn of those with parts elsewhere.

    Raises
    ------
    UnfitError
        Pages are missing from the file.

    Warns
    -----
    UserWarning
        Other files of an image are missing; what they hold counts as 0.
    """
    heard, log = _Listener(), logging.getLogger("tifffile")
    log.addHandler(heard)
    try:
        yield
    finally:
        log.removeHandler(heard)
    for said in heard.said:
        if any(words in said for words in _CUT_OFF):
            raise UnfitError(f"it ends too early ({said}); make or fetch it again")
    for said in heard.said:
        if any(words in said for words in _ELSEWHERE):
            warnings.warn(f"parts of {path.name} are missing: {said}", stacklevel=2)
            return


@contextmanager
def damage_told(path: Path, remedy: str) -> Iterator[None]:
    """Say in one line why a file cannot be read, and what to do.

    Raises
    ------
    ValueError
        Whatever happened inside, with the name of the file and the remedy.
    """
    try:
        with losses_told(path):
            yield
    except MemoryError:
        raise
    except UnfitError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # decoders of damaged files raise whatever comes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} cannot be read: {reason}; the file may be damaged or incomplete, "
            f"so {remedy}"
        ) from error
