"""Formats of image files, known by how they begin and not by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_emseg.io.damage import check_exists

if TYPE_CHECKING:
    from pathlib import Path

# A format is known by how its files begin.
MAGIC = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
# What others begin with, and where: to tell people what they gave.
OTHERS = {
    "BMP": (0, b"BM"),
    "GIF": (0, b"GIF8"),
    "ICO": (0, b"\0\0\1\0"),
    "WebP": (8, b"WEBP"),
    "HEIC, AVIF or MP4": (4, b"ftyp"),
    "JPEG 2000": (4, b"jP  "),
    "JPEG-LS": (0, b"\xff\xd8\xff\xf7"),
    "SPIFF": (0, b"\xff\xd8\xff\xe8\0 SPIFF"),
    "JPEG XL": (0, b"\xff\x0a"),
    "boxed JPEG XL": (4, b"JXL "),
    "Photoshop": (0, b"8BPS"),
    "OpenEXR": (0, b"v/1\1"),
    "DICOM": (128, b"DICM"),
    "FITS": (0, b"SIMPLE  ="),
    "NIfTI": (344, b"n+1\0"),
    "Zeiss CZI": (0, b"ZISSRAWFILE"),
    "Nikon ND2": (0, b"\xda\xce\xbe\n"),
    "Fujifilm RAF": (0, b"FUJIFILM"),
    "Olympus ORF": (0, b"IIRO"),
    "Panasonic RW2": (0, b"IIU\0"),
    "PDF": (0, b"%PDF"),
    "HDF5": (0, b"\x89HDF"),
    "NumPy": (0, b"\x93NUMPY"),
    "Zip": (0, b"PK"),
    "gzip": (0, b"\x1f\x8b\x08"),
    **{f"PNM (P{n})": (0, f"P{n}".encode()) for n in range(1, 8)},
}
_LONGEST = max(at + len(magic) for at, magic in OTHERS.values())
_VOWELS = ("IC", "HD", "Op", "Ol")  # of names that sound as if they began with one
_ZARR = ("zarr.json", ".zgroup", ".zarray")  # what a folder of arrays has in it


def kind_of(path: Path) -> str:
    """Return the format of an image file from its first bytes.

    Parameters
    ----------
    path : Path
        A file that can be read again and again, so no pipe.

    Returns
    -------
    {"png", "jpeg", "tiff"}

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no file of this name.
    ValueError
        It is none that is read here.
    """
    if path.is_dir():
        if any((path / name).exists() for name in _ZARR):
            raise IsADirectoryError(
                f"{path} is a Zarr folder, which is not read here; open it in napari, "
                "or with zarr in Python and give napari_emseg.segment one of its arrays"
            )
        raise IsADirectoryError(
            f"{path} is a folder; give the files in it, such as {path / '*.png'}"
        )
    check_exists(path)
    if not path.is_file():
        raise ValueError(
            f"{path} is a pipe or a device, which cannot be read twice; write what "
            "comes out of it to a file, and give that"
        )
    with path.open("rb") as file:
        start = file.read(_LONGEST)
    for name, (at, magic) in OTHERS.items():
        if start[at:].startswith(magic):
            article = "an" if name[:2] in _VOWELS else "a"
            what = f"is {article} {name} file, which is not read here"
            raise ValueError(f"{path} {what}; convert it to PNG, JPEG or TIFF")
    for kind, magics in MAGIC.items():
        if start.startswith(magics):
            return kind
    what = "does not begin like an image" if start else "is empty"
    raise ValueError(f"{path} {what}; give a PNG, JPEG or TIFF file")
