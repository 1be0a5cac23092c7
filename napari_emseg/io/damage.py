"""Damage of image files: heard from the decoders, told to people in one sentence."""

from __future__ import annotations

import logging
import re
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
_ODD = (
    "does not match page shape",
    "incorrect Strip",
    "incorrect Tile",
    "invalid or corrupted",
    "missing required tags",
    "is not a valid PLANARCONFIG",
    "corrupted tag list",
)
_DROPPED = re.compile(r"raised TiffFileError\('<tifffile\.TiffTag (\d+) ")
# Tags without which pixels have no meaning: sizes, types, places, and descriptions,
# which name the axes.
_NEEDED = {*range(254, 285), 317, 320, *range(322, 331), 338, 339, 347, 530}


class UnfitError(ValueError):
    """A file is whole, but holds what cannot be used here; the message says all."""


def check_exists(path: Path) -> None:
    """Refuse a name that no file has.

    Raises
    ------
    FileNotFoundError
        There is none.
    OSError
        The name itself cannot be, as one that is too long.
    """
    try:  # `exists` says no to these names, too, from Python 3.14 on
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path} does not exist; check the name") from None


class _Listener(logging.Handler):
    """Hears what tifffile writes to its log, where nobody would look for it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is said of our own file."""
        if record.thread == self._thread:
            self.said.append(record.getMessage())


@contextmanager
def losses_told(path: Path) -> Iterator[None]:
    """Refuse TIFF files that end too early; warn of those with parts elsewhere.

    Raises
    ------
    UnfitError
        Pages, or what a page needs, are missing from the file.

    Warns
    -----
    UserWarning
        Other files of an image are missing, what they hold counts as 0; values of tags
        cannot be read; or what they tell does not fit together.
    """
    heard, log = _Listener(), logging.getLogger("tifffile")
    log.addHandler(heard)
    try:
        yield
    finally:
        log.removeHandler(heard)
    lost = set()
    for words in heard.said:
        said = words.partition("> ")[2] or words
        if any(known in words for known in _CUT_OFF):
            raise UnfitError(f"it ends too early ({said}); make or fetch it again")
        if found := _DROPPED.search(words):
            lost.add(int(found[1]))
    if lost & _NEEDED:
        raise UnfitError(
            f"it ends too early, or is damaged: {_tags(lost & _NEEDED)} cannot be "
            "read; make or fetch it again"
        )
    if lost:
        warnings.warn(
            f"{path.name} is damaged: {_tags(lost)} cannot be read and left out",
            stacklevel=2,
        )
    for told, signs in (
        ("parts of {} are missing: {}", _ELSEWHERE),
        ("{} may be damaged: {}", _ODD),
    ):
        for words in heard.said:
            if any(sign in words for sign in signs):
                said = words.partition("> ")[2] or words
                warnings.warn(told.format(path.name, said), stacklevel=2)
                return


def _tags(codes: set[int]) -> str:
    several = "s" if len(codes) > 1 else ""
    return f"its tag{several} {', '.join(map(str, sorted(codes)))}"


@contextmanager
def damage_told(path: Path, remedy: str) -> Iterator[None]:
    """Refuse a file that cannot be read, with the reason and the remedy.

    Raises
    ------
    ValueError
        Whatever happened inside, with the name of the file and the remedy.
    """
    try:
        with losses_told(path):
            yield
    except UnfitError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # decoders of damaged files raise whatever comes
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError):
            reason = f"there is not enough memory for what it declares ({reason})"
        raise ValueError(
            f"{path} cannot be read: {reason}; the file may be damaged or incomplete, "
            f"so {remedy}"
        ) from error
