"""How much memory the reading of a file may take, so that a small one cannot take all.

A file that was made to harm, or whose header is damaged, may declare pixels without
number. What it declares is weighed before anything is allocated.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from napari_emseg.io.damage import UnfitError

VARIABLE = "NAPARI_EMSEG_MAX_BYTES"
# A picture of 150 million RGB pixels, as Pillow decodes it; no decoder takes 10 s for
# it. Photographs unfold to 10 to 50 times the size of their file, so that those of any
# size are read; only a small file that claims to be a large picture is asked about.
_USUAL = 2**30
_UNFOLDING = 64


class ByteBudget(NamedTuple):
    """Bytes of memory for the reading of a file.

    Attributes
    ----------
    file_size : int
        Of the file, in bytes.
    most : int
        Allowed in memory at once.
    """

    file_size: int
    most: int

    @classmethod
    def of(cls, file_size: int, max_bytes: int | None = None) -> ByteBudget:
        """Return the budget for a file.

        Parameters
        ----------
        file_size : int
            In bytes.
        max_bytes : int, optional
            Allowed in memory; that of the environment variable
            ``NAPARI_EMSEG_MAX_BYTES`` if not given. Otherwise 1 GiB, or 64 times the
            size of the file if that is more.

        Raises
        ------
        ValueError
            The number is none, or not positive.

        Examples
        --------
        >>> ByteBudget.of(1000, max_bytes=5000).most
        5000
        """
        given = os.environ.get(VARIABLE) if max_bytes is None else max_bytes
        if not given and given != 0:
            return cls(file_size, max(_USUAL, _UNFOLDING * file_size))
        try:
            most = int(given)
        except ValueError:
            most = 0
        if most <= 0:
            name = VARIABLE if max_bytes is None else "max_bytes"
            raise UnfitError(
                f"{name} is {given!r}, but has to be a whole number of bytes above 0; "
                "change it or leave it out"
            )
        return cls(file_size, most)

    def check(self, need: int, *, stored: int | None = None) -> None:
        """Refuse what takes more memory than allowed.

        Parameters
        ----------
        need : int
            Bytes of memory at the worst moment.
        stored : int, optional
            Bytes of the pixels where they are not compressed: those that a file holds
            in full are never refused.

        Raises
        ------
        UnfitError
            With both numbers, and how to allow more.
        """
        if need <= self.most or (stored is not None and stored <= self.file_size):
            return
        raise UnfitError(
            f"the {bytes_text(self.file_size)} of the file would unfold to "
            f"{bytes_text(need)} in memory, and {bytes_text(self.most)} are allowed; "
            f"if you trust it, allow more (--max-bytes {need}, max_bytes={need}, or "
            f"{VARIABLE}={need} in the environment)"
        )


def bytes_text(number: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> bytes_text(999), bytes_text(3_740_000)
    ('999 B', '3.7 MB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.3g} PB"
