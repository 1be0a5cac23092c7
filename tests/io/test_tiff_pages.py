"""The picture among the pages of a TIFF, and files that hold less than they declare."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_emseg.io.files import read_image, read_labels

RNG = np.random.default_rng(0)
FULL = RNG.integers(0, 256, (96, 128, 3), np.uint8)
SMALL = FULL[::4, ::4].copy()


def written(path, *pages, **shared):
    """Write pages, each an array and its options."""
    with tifffile.TiffWriter(path) as file:
        for pixels, options in pages:
            file.write(pixels, **{"photometric": "rgb", **shared, **options})
    return path


def quiet(path):
    """Read a file, which must not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(path)[0]


THUMBNAIL, MASK, OLD = {"subfiletype": 1}, {"subfiletype": 4}, [(255, "H", 1, 2, True)]
BESIDE = {
    "thumbnail first": [(SMALL, THUMBNAIL), (FULL, {})],
    "thumbnail last": [(FULL, {}), (SMALL, THUMBNAIL)],
    "thumbnail, old tag": [(SMALL, {"extratags": OLD}), (FULL, {})],
    "in SubIFD": [(SMALL, THUMBNAIL | {"subifds": 1}), (FULL, {"subfiletype": 0})],
    "two in SubIFDs": [(SMALL, THUMBNAIL | {"subifds": 2}), (SMALL, THUMBNAIL),
                       (FULL, {"subfiletype": 0})],
    "pyramid of pages": [(FULL, {}), (FULL[::2, ::2], THUMBNAIL), (SMALL, THUMBNAIL)],
    "pyramid of SubIFDs": [(FULL, {"subifds": 2}), (FULL[::2, ::2], THUMBNAIL),
                           (SMALL, THUMBNAIL)],
}  # fmt: skip


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("pages", BESIDE.values(), ids=BESIDE)
def test_what_is_no_picture_is_passed_over(tmp_path, pages, described):
    shared = {} if described else {"metadata": None}
    path = written(tmp_path / "a.tif", *pages, **shared)
    np.testing.assert_array_equal(quiet(path), FULL)


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("picture", [FULL, FULL[..., 0], FULL.astype(np.float32)])
def test_a_mask_is_told_and_not_applied(tmp_path, described, at, picture):
    shared = {} if described else {"metadata": None}
    kind = {"photometric": "rgb" if picture.ndim == 3 else "minisblack"}
    pages = [(picture, kind)]
    pages.insert(at, (FULL[..., 0] > 127, MASK | {"photometric": "minisblack"}))
    path = written(tmp_path / "a.tif", *pages, **shared)
    with pytest.warns(UserWarning, match=f"page {at + 1} of a.tif is a mask .* mask="):
        found = read_image(path)[0]
    np.testing.assert_array_equal(found, picture)


def test_a_thumbnail_alone_is_read(tmp_path):
    path = written(tmp_path / "a.tif", (SMALL, THUMBNAIL))
    with pytest.warns(UserWarning, match="smaller copies of one that is not there"):
        np.testing.assert_array_equal(read_image(path)[0], SMALL)


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 8}, {"tile": (32, 32)}])
@pytest.mark.parametrize(("tag", "value"), [(277, 1), (257, 33), (256, 60), (258, 4)])
def test_fewer_pixels_declared_than_there_are(tmp_path, described, options, tag, value):
    shared = {} if described else {"metadata": None}
    path = written(tmp_path / "a.tif", (FULL, options), **shared)
    with tifffile.TiffFile(path, mode="r+") as file:
        count = file.pages.first.tags[tag].count
        file.pages.first.tags[tag].overwrite((value,) * count)
    try:
        with pytest.warns(UserWarning, match="may be damaged: "):
            read_image(path)
    except ValueError as error:  # what remains cannot be decoded
        assert "cannot be read: " in str(error)  # noqa: PT017


def test_numbers_without_a_palette(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FULL[..., 0], photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[262].overwrite(3)
    with pytest.warns(UserWarning, match="no palette: they are read as gray"):
        np.testing.assert_array_equal(read_image(path)[0], FULL[..., 0])


def test_a_pyramid_of_ome_is_one_picture(tmp_path):
    path = tmp_path / "a.ome.tif"
    written(path, (FULL, {"subifds": 1}), (SMALL, THUMBNAIL))
    np.testing.assert_array_equal(quiet(path), FULL)


def test_pictures_that_are_left_out_are_named(tmp_path):
    pages = [(FULL, {}), (SMALL, {}), (SMALL[:5], {})]
    path = written(tmp_path / "a.tif", *pages, metadata=None)
    with pytest.warns(UserWarning, match=r"of 3 images .* first .* page 2 of shape "
                      r"\(24, 32, 3\), page 3 of shape \(5, 32, 3\)"):  # fmt: skip
        np.testing.assert_array_equal(read_image(path)[0], FULL)


def test_pages_of_one_shape_are_a_stack(tmp_path):
    path = written(tmp_path / "a.tif", (FULL, {}), (FULL[::-1], {}), metadata=None)
    np.testing.assert_array_equal(quiet(path), [FULL, FULL[::-1]])


@pytest.mark.parametrize("described", [True, False])
def test_very_many_pages_of_different_shapes(tmp_path, described):
    pages = [SMALL[: 2 + number % 2, :3] for number in range(2500)]
    shared = {} if described else {"metadata": None}
    path = written(tmp_path / "a.tif", *((page, shared) for page in pages))
    with pytest.warns(UserWarning, match="2500 pages .* the first is read"):
        np.testing.assert_array_equal(read_image(path)[0], pages[0])
    path = written(tmp_path / "b.tif", *((pages[0], {"metadata": None}),) * 2500)
    assert quiet(path).shape == (2500, 2, 3, 3)


def test_the_orientation_of_a_camera_is_on_its_first_page(tmp_path):
    turned = [(274, "H", 1, 6, True)]
    pages = (SMALL, THUMBNAIL | {"subifds": 1, "extratags": turned}), (FULL, {})
    path = written(tmp_path / "a.tif", *pages, metadata=None)
    np.testing.assert_array_equal(quiet(path), np.rot90(FULL, -1))


def test_raw_pixels_are_told(tmp_path):
    mosaic = FULL[..., 0].astype(np.uint16)
    path = written(tmp_path / "a.dng", (mosaic, {"photometric": "cfa"}))
    with pytest.warns(UserWarning, match="mosaic of color filters"):
        np.testing.assert_array_equal(read_image(path)[0], mosaic)


KINDS = {
    "plain": {},
    "plain strips": {"rowsperstrip": 7},
    "tiles": {"tile": (32, 32)},
    "zlib": {"compression": "zlib", "rowsperstrip": 16},
    "zlib tiles": {"compression": "zlib", "tile": (32, 32)},
    "lzw": {"compression": "lzw", "rowsperstrip": 16},
    "jpeg": {"compression": "jpeg", "rowsperstrip": 96},
    "jpeg tiles": {"compression": "jpeg", "tile": (32, 32)},
    "planar": {"planarconfig": "separate"},
}


def written_as(folder, options):
    pixels = np.moveaxis(FULL, -1, 0) if "planarconfig" in options else FULL
    return written(folder / "a.tif", (pixels.copy(), options), metadata=None)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.34, 0.6])
def test_files_that_end_too_early_are_refused(tmp_path, options, share):
    path = written_as(tmp_path, options)
    whole = path.read_bytes()
    assert quiet(path).shape == FULL.shape
    path.write_bytes(whole[: int(len(whole) * (1 - share))])
    with pytest.raises(ValueError, match=r"cannot be read: .*again") as raised:
        read_image(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("tag", [256, 257])
@pytest.mark.parametrize("size", [500, 40_000, 16_777_253])
def test_more_pixels_declared_than_there_are(tmp_path, options, tag, size):
    path = written_as(tmp_path, options)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[tag].overwrite(size)
    with pytest.raises(ValueError, match="cannot be read: "):
        read_image(path)


def test_tiles_that_are_not_listed(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FULL[:32, :32, 0].copy(), tile=(32, 32), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in (256, 257):
            file.pages.first.tags[tag].overwrite(100)
    for read in (read_image, read_labels):
        with pytest.raises(ValueError, match="declares 16 tiles and lists 1;"):
            read(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tags", [(324, 325), (324,)])
def test_holes_are_filled_and_told(tmp_path, compression, tags):
    """As GDAL writes them: offset and number of bytes are 0; or the offset alone."""
    path = tmp_path / "a.tif"
    full = FULL[..., 0].astype(np.float32) + 1
    options = {"tile": (32, 32), "compression": compression, "metadata": None}
    tifffile.imwrite(path, full, extratags=[(42113, "s", 0, "-7", True)], **options)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in tags:
            values = file.pages.first.tags[tag].value
            file.pages.first.tags[tag].overwrite((*values[:-3], 0, 0, 0))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = read_image(path)[0]
    assert "3 of 12 tiles (25.0%) of a.tif are empty" in str(told[0].message)
    assert "(25.0%) are -7" in str(told[1].message)
    np.testing.assert_array_equal(found[:64], full[:64])
    assert np.isnan(found[64:, 32:]).all()


def test_a_hole_of_one_page_among_unlike_ones_is_told_once(tmp_path):
    path, page = tmp_path / "a.tif", FULL[..., 0].copy()
    with tifffile.TiffWriter(path) as file:
        for shift in range(3):
            colors = np.full((3, 256), shift, np.uint16)
            file.write(page, photometric="palette", colormap=colors, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[2].tags[273].overwrite(0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        read_image(path)
    assert ["1 of 3 strips" in str(one.message) for one in told] == [True]


def test_a_stream_without_its_end_is_told(tmp_path):
    """A strip that is shorter than its stream, inside of a file that is long enough."""
    path = written_as(tmp_path, KINDS["jpeg"])
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages.first.tags[279]
        tag.overwrite(tag.value[0] * 2 // 3)
    with pytest.warns(UserWarning, match=r"1 of 1 strips .* end too early.* is gray"):
        assert read_image(path)[0].shape == FULL.shape


def test_a_description_that_is_cut_off(tmp_path):
    """OME stands in the last bytes: without it, channels look like slices."""
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.moveaxis(FULL, -1, 0).copy(), metadata={"axes": "CYX"})
    whole = path.read_bytes()
    assert read_image(path)[1] == 2
    for lost in (1, 10, 400):
        path.write_bytes(whole[:-lost])
        with pytest.raises(ValueError, match=r"ends too early.* tag 270 "):
            read_image(path)


def test_a_description_that_is_damaged(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.moveaxis(FULL, -1, 0).copy(), metadata={"axes": "CYX"})
    whole = path.read_bytes()
    for was, becomes in ((b"</OME>", b"</OM\0>"), (b"<Pixels", b"<Pi<els")):
        path.write_bytes(whole.replace(was, becomes))
        with pytest.warns(UserWarning, match="OME description of .* is damaged"):
            assert read_image(path)[0].shape[-2:] != (3, 3)


def test_foreign_tags_cost_a_warning(tmp_path):
    """A tag of another program whose value lies outside spoils no pixel."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FULL, photometric="rgb", metadata=None,
                     extratags=[(50000, "s", 0, "x" * 40, True)])  # fmt: skip
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[50000].offset + 8
    whole = bytearray(path.read_bytes())
    whole[at : at + 4] = (10**9).to_bytes(4, "little")
    path.write_bytes(whole)
    with pytest.warns(UserWarning, match="its tag 50000 cannot be read"):
        np.testing.assert_array_equal(read_image(path)[0], FULL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_can_read(tmp_path):
    """It inherits no lock that another thread holds."""
    import multiprocessing
    import threading

    path = tmp_path / "a.png"
    Image.fromarray(FULL).save(path)
    stop = threading.Event()

    def reads():
        while not stop.is_set():
            read_image(path)

    thread = threading.Thread(target=reads)
    thread.start()
    try:
        for _ in range(4):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python 3.12 warns of this very thing
                child = multiprocessing.get_context("fork").Process(
                    target=read_image, args=(path,)
                )
                child.start()
            child.join(60)
            if child.is_alive():
                child.kill()
                child.join()
            assert child.exitcode == 0
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("text", ["Größe 5 µm", "細胞の写真", "\x81\x8d\x9d"])
@pytest.mark.parametrize("letters", ["utf-8", "latin-1", "shift-jis"])
def test_descriptions_in_any_letters(tmp_path, text, letters):
    path = tmp_path / "a.tif"
    about = text.encode(letters, "replace")
    tifffile.imwrite(path, FULL, photometric="rgb", description=about)
    np.testing.assert_array_equal(quiet(path), FULL)


@pytest.mark.parametrize(
    "text",
    [
        '{"shape": ' + "[" * 9999,
        '{"shape": null}',
        '{"shape": [96.0, 128, 3]}',
        '{"shape": [96, 128, 3], "axes": 7}',
        "ImageJ=1.53t\nimages=3\nslices=abc\n",
    ],
)
def test_damaged_descriptions_spoil_no_pixel(tmp_path, text):
    alone = ".0" in text  # with others, it is plain to tifffile
    pages = [(FULL, {"description": text}), (FULL, {})][: 1 if alone else 2]
    path = written(tmp_path / "a.tif", *pages, metadata=None)
    with pytest.warns(UserWarning, match="in the manner of .* is damaged"):
        found = read_image(path)[0]
    np.testing.assert_array_equal(found, FULL if alone else [FULL] * 2)


@pytest.mark.parametrize(
    ("ending", "about", "told", "count"),
    [
        (".tif", {}, "1 of 4 pages", 4),
        (".ome.tif", {"axes": "ZYX"}, "2 of the 6 planes", 6),
    ],
)
def test_pages_that_are_not_there_any_more(tmp_path, ending, about, told, count):
    path = tmp_path / f"a{ending}"
    stack = np.stack([FULL[..., 0]] * 6)
    options = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(path, stack, **options, metadata=about)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        end = tiff.pages[3].offset
    end += 2 + 12 * int.from_bytes(data[end : end + 2], "little")
    data[end : end + 4] = bytes(4)  # the fourth page is the last
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=told):
        found = read_image(path)[0]
    np.testing.assert_array_equal(found[:4], stack[:4])
    assert len(found) == count


def test_each_page_has_its_own_palette(tmp_path):
    pages = [Image.fromarray(SMALL[..., 0] % 4, "P") for _ in range(2)]
    for page, colors in zip(pages, SMALL.reshape(2, -1), strict=True):
        page.putpalette(colors[:12].tolist())
    pages[0].save(path := tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    seen = [page.convert("RGB") for page in pages]
    np.testing.assert_array_equal(quiet(path), np.stack(seen))


def test_each_page_lies_as_it_says(tmp_path):
    ways = [{"extratags": [(274, "H", 1, way, True)]} for way in (1, 3, 6)]
    pages = (FULL, ways[0]), (FULL[::-1, ::-1].copy(), ways[1])
    path = written(tmp_path / "a.tif", *pages, metadata=None)
    np.testing.assert_array_equal(quiet(path), [FULL] * 2)
    np.testing.assert_array_equal(read_image(path, upright=False)[0][0], FULL)
    path = written(tmp_path / "b.tif", *pages, (FULL, ways[2]), metadata=None)
    with pytest.warns(UserWarning, match="of 3 pages .* the first is read"):
        np.testing.assert_array_equal(read_image(path)[0], FULL)


@pytest.mark.parametrize("pages", [2, 3])
@pytest.mark.parametrize("text", ["x", '{"a": [1', '<?xml version="1.0"?><a b='])
@pytest.mark.parametrize(
    ("tag", "maker"), [(34412, "LSM"), (33628, "MetaMorph"), (34362, "FluoView")]
)
def test_damaged_notes_of_microscopes_spoil_no_pixel(tmp_path, tag, maker, text, pages):
    options = {"metadata": None, "extratags": [(tag, "s", 0, text, True)]}
    path = written(tmp_path / "a.tif", *[(FULL, options)] * pages)
    with pytest.warns(UserWarning, match=rf"manner of .*{maker} is damaged"):
        found = read_image(path)[0]
    np.testing.assert_array_equal(found, [FULL] * pages)
