"""Which of the pages of a TIFF file are the picture, and whether the file holds them.

Scanners, cameras and slide scanners put thumbnails, masks and pyramids beside it.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_emseg.io.damage import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_emseg.io.byte_budget import ByteBudget

ORIENTATION = 274
# Bits of NewSubfileType: a smaller version of another page, a mask of another one.
_REDUCED, _MASK = 1, 4
_OLD_SUBFILE_TYPE, _OLD_REDUCED = 255, 2
# What slide scanners take beside the slide; tifffile gives these names.
_BESIDE = {"thumbnail", "label", "macro", "map", "overview"}
# tifffile compares each page with each: beyond so many, of different shapes, too long.
_MANY = 2000
# Flavors whose pages have their places in a plan, which is quick to read.
_PLANNED = {"ome", "imagej", "lsm", "stk", "mmstack", "fluoview", "scanimage", "nih"}
_MAKERS = {
    "lsm": "Zeiss LSM",
    "stk": "MetaMorph",
    "fluoview": "FluoView",
    "imagej": "ImageJ",
    "shaped": "tifffile",
}
_UNMARKED = ("generic", "shaped", "uniform")  # kinds of files without a plan
# What may tell of each page other than of the first what its values mean: how it lies,
# palette, color profile, and no data.
_OF_EACH = (ORIENTATION, 320, 34675, 42113)
_NOT_COMPRESSED, JPEGS = 1, (6, 7, 34892, 33007)
_JPEG_END = b"\xff\xd9"
# Bytes that a page lists for each that it needs; some programs fill up strips.
_SURPLUS = 1.5
_PADDING = 64  # bytes behind the end of a JPEG stream that some writers leave


@dataclass(frozen=True, slots=True, eq=False)
class TiffPicture:
    """The picture among the pages of an open file.

    Attributes
    ----------
    tiff : tifffile.TiffFile
        The file.
    series : tifffile.TiffPageSeries
        Pages that are the picture.
    others : tuple of tifffile.TiffPageSeries
        Pictures of full size that are left out.
    mask : tifffile.TiffPageSeries or None
        What tells which of the pixels are to be shown.
    """

    tiff: tifffile.TiffFile
    series: tifffile.TiffPageSeries
    others: tuple[tifffile.TiffPageSeries, ...] = ()
    mask: tifffile.TiffPageSeries | None = None

    @property
    def page(self) -> tifffile.TiffPage:
        """The page whose tags hold for all of the picture."""
        page: tifffile.TiffPage = self.series.keyframe
        return page

    @property
    def name(self) -> str:
        """Name of the file, without its folder."""
        return Path(self.tiff.filename).name

    @property
    def orientation(self) -> int:
        """How the picture is turned: 1 is upright, 2 to 8 are not."""
        # Cameras note it on the first page, and keep the picture in another.
        for page in (self.page, self.tiff.pages.first):
            found = page.tags.valueof(ORIENTATION)
            if isinstance(found, int):
                return found
        return 1

    @property
    def has_leading_channels(self) -> bool:
        """Whether samples or channels stand before Y and X, as a stack does."""
        axes = self.series.axes
        return any(0 <= axes.find(name) < axes.find("X") for name in "SC")

    def is_named_otherwise(self, axes: str | None) -> bool:
        """Whether channels stand elsewhere than somebody says; warn if so."""
        if axes is None:
            return False
        here, told = (
            max(letters.find(name) for name in "SC")
            for letters in (self.series.axes, axes.upper())
        )
        if here < 0 or here == told:
            return False
        warnings.warn(
            f"{self.name} says that its axes are {self.series.axes}; they are taken "
            f"for {axes.upper()}, as asked",
            stacklevel=2,
        )
        return True

    @property
    def unlike_pages(self) -> tuple[TiffPicture, ...]:
        """Its pages as pictures if their tags differ in what values mean, or none."""
        series, tiff = self.series, self.tiff
        if not 1 < len(series.pages) <= _MANY or series.kind not in _UNMARKED:
            return ()
        places = [getattr(one, "index", None) for one in series.pages]
        pages = _whole(tiff, [place for place in places if isinstance(place, int)])
        if len(pages) < len(series.pages) or all(
            value is None or np.array_equal(value, pages[0].tags.valueof(code))
            for code in _OF_EACH
            for value in (page.tags.valueof(code) for page in pages[1:])
        ):
            return ()
        return tuple(
            TiffPicture(
                tiff,
                tifffile.TiffPageSeries([page], page.shape, page.dtype, page.axes),
            )
            for page in pages
        )

    def tell_others(self) -> None:
        """Warn of pictures that are left out, and of a mask."""
        if self.mask is not None:
            warnings.warn(
                f"page {_number(self.mask)} of {self.name} is a mask of the picture, "
                "which is not applied; read it with tifffile, and give it as mask= to "
                "leave out what it hides",
                stacklevel=2,
            )
        if not self.others:
            return
        # A hundred pages shall not fill the screen.
        named = [
            f"page {_number(one)} of shape {_lean(one.shape)}"
            for one in self.others[:5]
        ]
        if len(self.others) > len(named):
            named.append(f"{len(self.others) - len(named)} more")
        which = "first" if not self.page.index else f"one of page {self.page.index + 1}"
        warnings.warn(
            f"of {len(self.others) + 1} images in {self.name} the {which} is "
            f"read, which has the shape {_lean(self.series.shape)}; left out are "
            f"{', '.join(named)}: save them as files of their own",
            stacklevel=2,
        )


def _number(series: tifffile.TiffPageSeries) -> str:
    """Return the number of a page, counted from 1, and of a picture within."""
    page = series.keyframe
    inner = f".{page.treeindex[1] + 1}" if len(page.treeindex) > 1 else ""
    return f"{page.treeindex[0] + 1}{inner}"


def _lean(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)


def picture_of(tiff: tifffile.TiffFile) -> TiffPicture:
    """Find the picture among the pages of a file.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        Open.

    Returns
    -------
    TiffPicture
        The first of full size: neither marked as a smaller version of another or as a
        mask ("NewSubfileType"), nor taken beside a slide. If each is marked, the
        largest.

    Raises
    ------
    UnfitError
        There are no pages.

    Warns
    -----
    UserWarning
        The file has so many pages of different shapes that the first alone is read.
    """
    if not tiff.pages:
        raise ValueError("it has no pages")
    if _is_endless(tiff):
        first = tiff.pages.first
        alone = tifffile.TiffPageSeries([first], first.shape, first.dtype, first.axes)
        warnings.warn(
            f"{Path(tiff.filename).name} has {len(tiff.pages)} pages of different "
            "shapes, of which the first is read; save others as files of their own",
            stacklevel=2,
        )
        return TiffPicture(tiff, alone)
    listed = _listed(tiff)
    full = [one for one in listed if _is_full(one)]
    if not full:
        hidden = [*_hidden(listed)]
        full = [one for one in hidden if _is_full(one)]
        listed += hidden
    if not full:
        if not listed:
            raise ValueError("it has no pages with pixels")
        full = [max(listed, key=lambda one: one.size)]
        warnings.warn(
            f"all pictures in {Path(tiff.filename).name} are marked as masks or "
            "smaller copies of one that is not there; the largest is read, which has "
            f"the shape {_lean(full[0].shape)}",
            stacklevel=2,
        )
    # A page that nobody marks as smaller may be another picture, by chance of such a
    # size that tifffile takes it for a level of a pyramid.
    levels = full[0].levels[1:] if full[0].kind in _UNMARKED else ()
    others = [one for one in (*full[1:], *levels) if _is_full(one)]
    others.sort(key=lambda one: one.keyframe.treeindex)
    masks = (one for one in listed if _is_mask_of(full[0].keyframe, one.keyframe))
    return TiffPicture(tiff, full[0], tuple(others), next(masks, None))


def _is_endless(tiff: tifffile.TiffFile) -> bool:
    """Tell whether tifffile would compare so many pages that it takes minutes."""
    pages = tiff.pages
    if len(pages) <= _MANY or any(getattr(tiff, f"is_{one}") for one in _PLANNED):
        return False
    about = pages.first.shaped_description
    if about is None:
        return not tiff.is_uniform
    # Of many images, each of which tells its own shape.
    shape = re.search(r"\[[\d, ]*\]", about)
    sizes = map(int, re.findall(r"\d+", shape[0] if shape else ""))
    return math.prod(sizes) != len(pages) * pages.first.size


def _whole(tiff: tifffile.TiffFile, places: Iterable[int]) -> list[tifffile.TiffPage]:
    """Return pages with their tags, of which tifffile may know where they are alone."""
    pages = [tiff.pages.get(place, aspage=True) for place in places]
    return [page for page in pages if isinstance(page, tifffile.TiffPage)]


def _listed(tiff: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Return the series of a file; plain ones if what its maker notes is damaged."""
    try:
        listed = [*tiff.series]
        for size in (size for one in listed for size in one.shape):
            index(size)  # a TypeError unless it is a whole number
        held = sum(len(level.pages) for one in listed for level in one.levels)
        if held >= len(tiff.pages) or not any(one.kind == "shaped" for one in listed):
            return listed
        reason = f"it tells of {held} of {len(tiff.pages)} pages"
    except Exception as error:  # damaged notes raise whatever comes
        reason = f"{type(error).__name__}: {error}"
        if not any(getattr(tiff, f"is_{one}") for one in _MAKERS):
            raise
    maker = next(name for one, name in _MAKERS.items() if getattr(tiff, f"is_{one}"))
    warnings.warn(
        f"what {Path(tiff.filename).name} notes in the manner of {maker} is damaged "
        f"({reason}), so that pages of one shape are read as a stack",
        stacklevel=2,
    )
    alike: dict[Any, list[Any]] = {}
    for page in _whole(tiff, range(len(tiff.pages))):
        if page.shape and page.dtype:
            key = (page.shape, page.dtype, page.subfiletype, page.axes)
            alike.setdefault(key, []).append(page)
    return [
        tifffile.TiffPageSeries(
            pages,
            (len(pages), *shape) if len(pages) > 1 else shape,
            dtype,
            f"{'Q' if len(pages) > 1 else ''}{axes}",
        )
        for (shape, dtype, _, axes), pages in alike.items()
    ]


def _is_full(series: tifffile.TiffPageSeries) -> bool:
    page = series.keyframe
    old = page.tags.valueof(_OLD_SUBFILE_TYPE)
    kind = page.subfiletype if isinstance(page.subfiletype, int) else 0
    return (
        not kind & (_REDUCED | _MASK)
        and old != _OLD_REDUCED
        and series.name.lower() not in _BESIDE
        and series.size > 0
    )


def _is_mask_of(page: tifffile.TiffPage, other: tifffile.TiffPage) -> bool:
    sizes = (page.imagelength, page.imagewidth), (other.imagelength, other.imagewidth)
    return (
        other is not page
        and other.photometric == tifffile.PHOTOMETRIC.MASK
        and sizes[0] == sizes[1]
    )


def _hidden(
    listed: list[tifffile.TiffPageSeries],
) -> Iterator[tifffile.TiffPageSeries]:
    """Yield the pictures behind thumbnails: in levels and in SubIFDs."""
    for series in listed:
        yield from series.levels[1:]
        for page in series.keyframe.pages or ():
            if page.shape and page.dtype is not None:
                yield tifffile.TiffPageSeries([page], page.shape, page.dtype, page.axes)


def check_pages(picture: TiffPicture, budget: ByteBudget, widened: float = 1) -> None:
    """Compare what a file declares with what it holds, before anything is allocated.

    Parameters
    ----------
    picture : TiffPicture
    budget : ByteBudget
        For the reading.
    widened : float, optional
        How much wider the values of the result are than those stored.

    Raises
    ------
    UnfitError
        Strips or tiles are missing or cut, or there are more pixels than allowed.

    Warns
    -----
    UserWarning
        Streams of JPEG end too early, or parts of the picture are empty.
    """
    series, page = picture.series, picture.page
    if page.dtype is None or not series.size:
        raise UnfitError(
            "its samples are of an unknown type, or it has no pixels; convert it to a "
            "TIFF of whole numbers or floats"
        )
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        name = getattr(page.compression, "name", page.compression)
        raise UnfitError(
            f"its compression {name} is not decoded here; write it with another, or "
            "without"
        )
    decoded = math.prod(series.shape) * page.dtype.itemsize
    plain = page.compression == _NOT_COMPRESSED
    need = int(decoded * (1 + widened))
    # Hyperstacks of ImageJ list their first plane alone.
    at = series.dataoffset
    if plain and at is not None and page.bitspersample in (8, 16, 32, 64):
        _check_held(budget.file_size - at, decoded)
        budget.check(need, stored=decoded)
        if len(series.pages) == 1:
            _tell_surplus(picture, sum(page.databytecounts), decoded)
        return
    total = empty = cut = more = missing = 0
    for one in series.pages:
        if one is None:  # perhaps in another file
            missing += 1
            continue
        declared = math.prod(page.chunked)
        offsets, counts = one.dataoffsets, one.databytecounts
        listed = min(len(offsets), len(counts))
        if listed < declared:
            raise ValueError(
                f"it declares {declared} {_parts(page)} and lists {listed}"
            )
        pairs = [*zip(offsets[:declared], counts[:declared], strict=True)]
        total += declared
        more += listed - declared
        # For tifffile, a part that is nowhere is empty, whatever its size.
        empty += sum(not (at and count) for at, count in pairs)
        if plain:
            stored = _check_plain(page, pairs, budget.file_size)
            _tell_surplus(picture, sum(n for _, n in pairs), stored)
            continue
        if late := sum(at + count > budget.file_size for at, count in pairs):
            raise ValueError(
                f"it ends too early: {late} of {declared} {_parts(page)} are cut"
            )
        if page.compression in JPEGS and page.jpegheader is None:
            cut += _count_cut(picture.tiff, pairs)
    budget.check(need, stored=decoded if plain and not empty else None)
    name, parts = picture.name, _parts(page)
    for number, what in (
        (empty, f"of {name} are empty, as files with holes have them, and are filled"),
        (cut, f"of {name} end too early: it is damaged, and what is missing is gray"),
    ):  # fmt: skip
        if number:
            warnings.warn(
                f"{number} of {total} {parts} ({number / total:.1%}) {what}",
                stacklevel=2,
            )
    if missing:
        warnings.warn(
            f"parts of {name} are missing: {missing} of the {len(series.pages)} planes "
            "that it declares are not in it, and are filled",
            stacklevel=2,
        )
    if more:
        warnings.warn(
            f"{name} may be damaged: it declares {total} {parts}, and lists {more} "
            "more",
            stacklevel=2,
        )


def _parts(page: tifffile.TiffPage) -> str:
    return "tiles" if page.is_tiled else "strips"


def _check_held(held: int, declared: int) -> None:
    if held < declared:
        raise ValueError(
            f"it ends too early: it holds {max(held, 0) / declared:.1%} of the pixels "
            "that it declares"
        )


def _tell_surplus(picture: TiffPicture, held: int, declared: int) -> None:
    """Warn if fewer pixels are declared than a page lists bytes for."""
    if held > _SURPLUS * declared and not picture.page.is_subsampled:
        warnings.warn(
            f"{picture.name} may be damaged: it declares {declared} bytes of pixels, "
            f"and lists {held}",
            stacklevel=3,
        )


def _check_plain(
    page: tifffile.TiffPage, pairs: list[tuple[int, int]], file_size: int
) -> int:
    """Return the bytes of plain pixels, if they are all there."""
    if page.is_subsampled:
        return file_size  # its decoder counts
    bits = page.bitspersample
    sample = sum(bits) / len(bits) if isinstance(bits, tuple) else bits
    planes, depth, length, width, samples = page.shaped
    rows = planes * depth * length
    if page.is_tiled:
        rows, width = len(pairs) * page.tilelength * page.tiledepth, page.tilewidth
    stored = rows * math.ceil(width * samples * sample / 8)
    if page.is_contiguous:
        _check_held(file_size - pairs[0][0], stored)
        return stored
    pairs = [(at, count if at else 0) for at, count in pairs]
    full = [count for _, count in pairs if count]
    held = sum(min(count, max(file_size - at, 0)) for at, count in pairs)
    if page.is_tiled or len(full) == len(pairs):
        _check_held(held, stored * len(full) // len(pairs))
    else:  # strips, of which the last may be lower, and some are empty
        _check_held(held, sum(full))
    return stored


def _count_cut(tiff: tifffile.TiffFile, pairs: list[tuple[int, int]]) -> int:
    """Return how many streams of JPEG have no end."""
    file, number = tiff.filehandle, 0
    for at, count in pairs:
        if not count:
            continue
        tail = min(count, _PADDING)
        file.seek(at + count - tail)
        number += _JPEG_END not in file.read(tail)
    return number
