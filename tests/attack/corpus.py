"""Sound files of every format that is read, small, from a seed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image

import napari_emseg as emseg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Y, X = 37, 29


def scene(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a noisy (Y, X, 3) picture of three flat parts, never black."""
    colors = np.array([[40, 60, 120], [200, 70, 50], [230, 220, 200]])
    truth = np.arange(Y)[:, None] * 3 // Y + np.zeros((Y, X), int)
    noisy = colors[truth] + rng.normal(0, 6, (Y, X, 3))
    return noisy.round().clip(1, 255).astype(np.uint8)


def pictures(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yield PNG and JPEG files as (name, bytes)."""
    rgb = scene(rng)
    gray = rgb[..., 1]
    alpha = np.full((Y, X, 1), 200, np.uint8)
    deep = gray.astype(np.uint16) * 257

    def encode(image: Image.Image, kind: str, **how: Any) -> bytes:
        out = io.BytesIO()
        image.save(out, kind, **how)
        return out.getvalue()

    color = Image.fromarray(rgb)
    turned = Image.Exif()
    turned[274] = 6
    yield "gray.png", encode(Image.fromarray(gray), "PNG")
    yield "gray16.png", encode(Image.fromarray(deep), "PNG")
    yield "rgb.png", encode(color, "PNG")
    yield "rgba.png", encode(Image.fromarray(np.dstack([rgb, alpha])), "PNG")
    yield "palette.png", encode(color.quantize(16), "PNG")
    yield "bits.png", encode(Image.fromarray(gray > 99), "PNG")
    yield "two.png", encode(Image.fromarray(np.dstack([gray, alpha])), "PNG")
    more = [Image.fromarray(rgb[::-1]), Image.fromarray(255 - rgb)]
    yield "frames.png", encode(color, "PNG", save_all=True, append_images=more)
    yield "rgb.jpg", encode(color, "JPEG", quality=95)
    yield "gray.jpg", encode(Image.fromarray(gray), "JPEG", quality=95)
    yield "turned.jpg", encode(color, "JPEG", quality=95, exif=turned)
    yield "progressive.jpg", encode(color, "JPEG", quality=90, progressive=True)
    yield "inks.jpg", encode(color.convert("CMYK"), "JPEG", quality=95)
    # As cameras and the web have them: restart markers, a comment, subsampled color.
    yield "restarts.jpg", encode(color, "JPEG", restart_marker_rows=1, comment=b"hello")


def tiffs(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yield TIFF files as (name, bytes)."""
    rgb = scene(rng)
    gray, stack = (
        rgb[..., 0],
        np.stack([rgb[..., 0], rgb[..., 1], rgb[..., 2], rgb[..., 0]]),
    )
    deep = gray.astype(np.uint16) * 257

    def encode(data: NDArray[Any], *, writer: Any = (), **how: Any) -> bytes:
        out = io.BytesIO()
        with tifffile.TiffWriter(out, **dict(writer)) as tiff:
            tiff.write(data, **how)
        return out.getvalue()

    yield "plain.tif", encode(rgb, photometric="rgb")
    yield "gray.tif", encode(gray, photometric="minisblack")
    yield "gray16.tif", encode(deep, photometric="minisblack")
    yield "float.tif", encode(gray / np.float32(255), photometric="minisblack")
    yield "zlib.tif", encode(rgb, photometric="rgb", compression="zlib", predictor=True)
    yield "lzw.tif", encode(rgb, photometric="rgb", compression="lzw", rowsperstrip=5)
    yield "packbits.tif", encode(gray, photometric="minisblack", compression="packbits")
    yield (
        "jpeg.tif",
        encode(rgb, photometric="ycbcr", compression="jpeg", subsampling=(1, 1)),
    )
    yield "tiles.tif", encode(rgb, photometric="rgb", tile=(16, 16), compression="zlib")
    yield (
        "planes.tif",
        encode(
            np.moveaxis(rgb, -1, 0).copy(), photometric="rgb", planarconfig="separate"
        ),
    )
    yield (
        "palette.tif",
        encode(
            gray // 16,
            photometric="palette",
            colormap=(np.arange(3 * 256).reshape(3, 256) * 85).astype(np.uint16),
        ),
    )
    yield "inks.tif", encode(np.dstack([255 - rgb, gray // 4]), photometric="separated")
    yield "bits.tif", encode(gray > 99, photometric="minisblack")
    yield "white.tif", encode(gray, photometric="miniswhite")
    yield "big.tif", encode(rgb, writer={"bigtiff": True}, photometric="rgb")
    yield "motorola.tif", encode(rgb, writer={"byteorder": ">"}, photometric="rgb")
    yield (
        "rgba.tif",
        encode(np.dstack([rgb, gray]), photometric="rgb", extrasamples=["unassalpha"]),
    )
    yield (
        "turned.tif",
        encode(rgb, photometric="rgb", extratags=[(274, "H", 1, 6, True)]),
    )
    yield (
        "ome.tif",
        encode(
            stack[:3],
            writer={"ome": True},
            photometric="minisblack",
            metadata={"axes": "CYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"},
        ),
    )
    yield (
        "imagej.tif",
        encode(
            stack,
            writer={"imagej": True},
            photometric="minisblack",
            metadata={"axes": "ZYX", "unit": "um", "spacing": 2.0},
        ),
    )
    pyramid = io.BytesIO()
    with tifffile.TiffWriter(pyramid) as tiff:
        tiff.write(rgb, photometric="rgb", subifds=1, metadata=None)
        tiff.write(rgb[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    yield "pyramid.tif", pyramid.getvalue()
    yield (
        "nodata.tif",
        encode(
            np.where(gray > 60, gray, -9999).astype(np.float32),
            photometric="minisblack",
            extratags=[(42113, "s", 0, "-9999", True)],
        ),
    )


def labels(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files that this program writes itself: labels, and a recipe."""
    rgb = scene(rng)
    seg = emseg.segment(rgb, n_classes=3)
    recipe = emseg.Recipe(
        steps=(
            emseg.Step.of("segment", params={"n_classes": 3}, rgb=True),
            emseg.Step.of("wand", point=(3, 4), tolerance=20),
            emseg.Step.of("grow", pixels=2),
            emseg.Step.of("fill", label=7),
        )
    )
    made = recipe.replay(rgb).labels
    emseg.files.write_labels(folder / "labels.png", seg.labels)
    metadata = {"recipe": recipe.model_dump(mode="json"), "scale": [1.0, 1.0]}
    emseg.files.write_labels(folder / "made.emseg.tif", made, metadata=metadata)
    recipe.save(folder / "recipe.json")
    for name in ("labels.png", "made.emseg.tif", "recipe.json"):
        yield name, (folder / name).read_bytes()


def corpus(seed: int, folder: Path) -> dict[str, bytes]:
    """Return 39 sound files: name to contents.

    Parameters
    ----------
    seed : int
    folder : Path
        An empty folder, used meanwhile.
    """
    rng = np.random.default_rng(seed)
    return {**dict(pictures(rng)), **dict(tiffs(rng)), **dict(labels(rng, folder))}
