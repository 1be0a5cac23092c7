"""Reading and writing: every kind of file right, every bad one refused in words."""

from __future__ import annotations

import os
import stat
import warnings
import zlib

import cv2
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from napari_emseg import segment
from napari_emseg.io.files import (
    paint,
    read_image,
    read_labels,
    ways_as_stored,
    write_labels,
    write_picture,
)


@pytest.fixture
def rgb():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def labels():
    return np.random.default_rng(2).integers(0, 6, (20, 30), np.uint8)


def check(path, expected, channel_axis=None):
    pixels, axis = read_image(path)
    assert axis == channel_axis
    assert pixels.dtype == expected.dtype
    assert pixels.dtype.isnative
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, expected)


class TestPng:
    def test_rgb_rgba_grey_and_bits(self, tmp_path, rgb):
        rgba = np.dstack([rgb, rgb[..., 0]])
        for image in (rgb, rgba, rgb[..., 1], rgb[..., 1] > 99):
            path = tmp_path / "a.png"
            iio.imwrite(path, image)
            check(path, image)

    def test_sixteen_bits(self, tmp_path, rgb):
        path = tmp_path / "a.png"
        deep = rgb.astype(np.uint16) * 250 + 3
        alpha = np.dstack([deep, deep[..., 2]])
        cv2.imwrite(str(path), deep[..., 0])
        check(path, deep[..., 0])
        cv2.imwrite(str(path), cv2.cvtColor(deep, cv2.COLOR_RGB2BGR))
        check(path, deep)
        cv2.imwrite(str(path), cv2.cvtColor(alpha, cv2.COLOR_RGBA2BGRA))
        check(path, alpha)

    def test_palette_with_and_without_a_transparent_color(self, tmp_path, rgb):
        path = tmp_path / "a.png"
        image = Image.fromarray(rgb).quantize(16)
        image.save(path)
        check(path, np.asarray(image.convert("RGB")))
        image.save(path, transparency=3)
        pixels, _ = read_image(path)
        np.testing.assert_array_equal(pixels[..., :3], np.asarray(image.convert("RGB")))
        np.testing.assert_array_equal(pixels[..., 3] == 0, np.asarray(image) == 3)

    def test_grey_with_alpha(self, tmp_path, rgb):
        path = tmp_path / "a.png"
        Image.fromarray(np.ascontiguousarray(rgb[..., :2]), "LA").save(path)
        check(path, rgb[..., (0, 0, 0, 1)])

    def test_pictures_can_be_larger_than_pillow_allows(
        self, tmp_path, rgb, monkeypatch
    ):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        path = tmp_path / "a.png"
        cv2.imwrite(str(path), rgb[..., 0])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check(path, rgb[..., 0])
        assert Image.MAX_IMAGE_PIXELS == 100

    def test_the_name_does_not_matter(self, tmp_path, rgb):
        path = tmp_path / "picture.jpg"
        iio.imwrite(path, rgb, extension=".png")
        check(path, rgb)


class TestJpeg:
    def test_color_and_grey(self, tmp_path, rgb):
        path = tmp_path / "a.jpg"
        smooth = cv2.GaussianBlur(rgb, (0, 0), 5)
        iio.imwrite(path, smooth, quality=98)
        pixels, axis = read_image(path)
        assert axis is None
        assert pixels.shape == rgb.shape
        assert np.abs(pixels.astype(int) - smooth).max() < 12
        iio.imwrite(path, smooth[..., 0])
        assert read_image(path)[0].shape == (20, 30)

    def test_inks_become_light(self, tmp_path):
        path = tmp_path / "a.jpg"
        red = np.full((16, 16, 3), (200, 30, 40), np.uint8)
        Image.fromarray(red).convert("CMYK").save(path, quality=98)
        pixels, _ = read_image(path)
        assert pixels.shape == red.shape
        assert np.abs(pixels.astype(int) - red).max() < 12


class TestOrientation:
    """Phones store what their sensor sees, and note how they were held."""

    @staticmethod
    def meant(image, orientation):
        """Let Pillow turn an array, whose channels are few."""
        exif = Image.Exif()
        exif[274] = orientation

        def turned(plane):
            picture = Image.fromarray(plane)
            picture.info["exif"] = exif.tobytes()
            return np.asarray(ImageOps.exif_transpose(picture))

        if image.ndim == 2:
            return turned(image)
        return np.stack([turned(c) for c in np.moveaxis(image, -1, 0)], axis=-1)

    @pytest.mark.parametrize("orientation", range(10))
    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "I;16"])
    def test_png(self, tmp_path, rgb, mode, orientation):
        path = tmp_path / "a.png"
        if mode == "I;16":
            image = Image.fromarray(rgb[..., 0].astype(np.uint16) * 200)
        elif mode == "P":
            image = Image.fromarray(rgb).quantize(16)
        else:
            image = Image.fromarray(rgb).convert(mode)
        exif = Image.Exif()
        exif[274] = orientation
        image.save(path)
        stored = read_image(path)[0]
        image.save(path, exif=exif)
        check(path, self.meant(stored, orientation))
        np.testing.assert_array_equal(read_image(path, upright=False)[0], stored)
        lies = orientation not in (0, 1, 9)
        assert ways_as_stored(path) == ({"upright": False} if lies else {})
        if mode in ("L", "P", "I;16"):
            numbers = self.meant(np.asarray(image), orientation)
            np.testing.assert_array_equal(read_labels(path), numbers)

    def test_png_of_sixteen_bits_and_colors(self, tmp_path, rgb):
        path = tmp_path / "a.png"
        deep = np.dstack([rgb, rgb[..., 0]]).astype(np.uint16) * 250
        cv2.imwrite(str(path), cv2.cvtColor(deep, cv2.COLOR_RGBA2BGRA))
        raw = path.read_bytes()
        exif = (
            b"eXIf" + b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        )
        length, check_sum = len(exif) - 4, zlib.crc32(exif)
        chunk = length.to_bytes(4) + exif + check_sum.to_bytes(4)
        path.write_bytes(raw[:33] + chunk + raw[33:])  # behind the header
        check(path, np.rot90(deep, -1))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_jpeg(self, tmp_path, rgb, orientation):
        path = tmp_path / "a.jpg"
        image = Image.fromarray(cv2.GaussianBlur(rgb, (0, 0), 5))
        image.save(path, quality=98)
        stored = read_image(path)[0]
        exif = Image.Exif()
        exif[274] = orientation
        image.save(path, quality=98, exif=exif)
        check(path, self.meant(stored, orientation))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_tiff(self, tmp_path, rgb, orientation):
        path = tmp_path / "a.tif"
        tag = [(274, "H", 1, orientation, True)]
        for image in (rgb, rgb[..., 0]):
            tifffile.imwrite(path, image, extratags=tag)
            check(path, self.meant(image, orientation))
        np.testing.assert_array_equal(
            read_labels(path), self.meant(rgb[..., 0], orientation)
        )
        np.testing.assert_array_equal(read_image(path, upright=False)[0], rgb[..., 0])
        lies = orientation != 1
        assert ways_as_stored(path) == ({"upright": False} if lies else {})
        stack = np.stack([rgb[..., c] for c in range(3)])
        tifffile.imwrite(path, stack, photometric="minisblack", extratags=tag)
        each = [self.meant(plane, orientation) for plane in stack]
        check(path, np.stack(each))
        planar = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
        tifffile.imwrite(
            path, planar, photometric="rgb", planarconfig="separate", extratags=tag
        )
        check(path, self.meant(rgb, orientation))

    def test_labels_fit_the_picture_as_it_is_seen(self, tmp_path, rgb):
        """Written labels are upright themselves: no program turns them again."""
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(rgb).save(tmp_path / "phone.jpg", exif=exif)
        pixels, _ = read_image(tmp_path / "phone.jpg")
        assert pixels.shape == (30, 20, 3)
        bright = (pixels[..., 1] > 99).astype(np.uint8)
        for ending in (".tif", ".png"):
            path = tmp_path / f"labels{ending}"
            write_labels(path, bright)
            np.testing.assert_array_equal(read_labels(path), bright)
            with Image.open(path) as shown:
                assert shown.getexif().get(274, 1) == 1
                np.testing.assert_array_equal(np.asarray(shown), bright)


class TestTiff:
    @pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_grey_of_every_type(self, tmp_path, compression, order):
        path = tmp_path / "a.tif"
        values = np.random.default_rng(0).uniform(0, 200, (20, 30))
        for kind in ("u1", "u2", "i4", "f4", "f8"):
            image = values.astype(kind)
            tifffile.imwrite(path, image, compression=compression, byteorder=order)
            check(path, image)

    def test_colors_interleaved_and_planar(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, rgb, photometric="rgb")
        check(path, rgb)
        first = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
        tifffile.imwrite(path, first, photometric="rgb", planarconfig="separate")
        check(path, rgb)
        tifffile.imwrite(path, rgb.astype(">u2"), photometric="rgb", byteorder=">")
        check(path, rgb.astype(np.uint16))

    def test_alpha_is_told_from_other_extra_samples(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        four = np.dstack([rgb, rgb[..., 0]])
        tifffile.imwrite(path, four, photometric="rgb", extrasamples=["unassalpha"])
        check(path, four)
        tifffile.imwrite(path, four, photometric="rgb", extrasamples=["unspecified"])
        with pytest.warns(UserWarning, match="fourth sample .* is left out"):
            check(path, rgb)

    def test_pages_are_a_stack(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        stack = np.moveaxis(rgb, -1, 0).copy()
        tifffile.imwrite(path, stack, photometric="minisblack")
        check(path, stack)
        colors = np.stack([rgb, rgb[::-1]])
        tifffile.imwrite(path, colors, photometric="rgb")
        check(path, colors)

    def test_channels_move_to_the_end(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        channels = np.moveaxis(np.dstack([rgb, rgb[..., :2]]), -1, 0).astype(np.uint16)
        tifffile.imwrite(path, channels, imagej=True, metadata={"axes": "CYX"})
        check(path, np.moveaxis(channels, 0, -1), channel_axis=2)

    @pytest.mark.parametrize("kind", ["float32", "int16", "uint32"])
    def test_colors_beyond_white_are_channels(self, tmp_path, rgb, kind):
        path = tmp_path / "a.tif"
        light = (rgb * 20.0).astype(kind)
        tifffile.imwrite(path, light, photometric="rgb")
        check(path, light, channel_axis=2)
        assert segment(light, channel_axis=2, n_classes=2).n_classes == 2

    def test_channels_can_stay_slices_of_a_stack(self, tmp_path, rgb):
        path = tmp_path / "a.ome.tif"
        channels = np.moveaxis(np.dstack([rgb, rgb]), -1, 0).astype(np.uint16)
        tifffile.imwrite(path, channels, metadata={"axes": "CYX"})
        assert ways_as_stored(path) == {"stack": True}
        found, axis = read_image(path, stack=True)
        assert axis is None
        np.testing.assert_array_equal(found, channels)
        planar = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
        tifffile.imwrite(path, planar, photometric="rgb", planarconfig="separate")
        np.testing.assert_array_equal(read_image(path, stack=True)[0], planar)
        tifffile.imwrite(path, rgb, photometric="rgb")
        assert ways_as_stored(path) == {}
        np.testing.assert_array_equal(read_image(path, stack=True)[0], rgb)

    def test_what_is_left_out_is_told(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as file:
            file.write(rgb[:9], photometric="rgb")
            file.write(rgb, photometric="rgb")
        with pytest.warns(
            UserWarning, match=r"of 2 images in a\.tif the first is read"
        ):
            check(path, rgb[:9])

    def test_a_whole_file_is_not_called_damaged(self, tmp_path, rgb):
        path = tmp_path / "lab.tif"
        Image.fromarray(rgb).convert("LAB").save(path)
        with pytest.raises(ValueError, match=r"its colors are Lab; convert it to RGB$"):
            read_image(path)

    def test_palette_and_inverted_grey(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        colors = np.random.default_rng(3).integers(0, 256, (3, 256)).astype(np.uint16)
        tifffile.imwrite(
            path, rgb[..., 0], photometric="palette", colormap=colors * 257
        )
        check(path, colors.T[rgb[..., 0]].astype(np.uint8))
        tifffile.imwrite(path, rgb[..., 0], photometric="miniswhite")
        check(path, 255 - rgb[..., 0])

    def test_inks_become_light(self, tmp_path):
        path = tmp_path / "a.tif"
        inks = np.zeros((8, 8, 4), np.uint8)
        inks[..., 1] = 255
        tifffile.imwrite(path, inks, photometric="separated")
        check(path, np.broadcast_to(np.array([255, 0, 255], np.uint8), (8, 8, 3)))


class TestBadInput:
    def test_missing_and_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist; check the name"):
            read_image(tmp_path / "none.png")
        with pytest.raises(IsADirectoryError, match="is a folder; give the files"):
            read_image(tmp_path)

    @pytest.mark.parametrize("version", [2, 3])
    def test_zarr(self, tmp_path, rgb, version):
        path = tmp_path / "a.zarr"
        zarr.create_array(str(path), shape=(8, 8), dtype="u1", zarr_format=version)
        with pytest.raises(IsADirectoryError, match="is a Zarr folder, which is not"):
            read_image(path)

    @pytest.mark.parametrize("read", [read_image, read_labels])
    def test_not_an_image(self, tmp_path, read):
        path = tmp_path / "a.png"
        path.write_text("hello\nworld")
        with pytest.raises(
            ValueError, match="does not begin like an image; give a PNG"
        ):
            read(path)
        path.write_text("")
        with pytest.raises(ValueError, match="is empty; give a PNG"):
            read(path)

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("a.png", {}),
            ("a.jpg", {}),
            ("a.tif", {"compression": "zlib"}),
            ("b.tif", {"compression": None}),
        ],
    )
    @pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
    def test_truncated(self, tmp_path, capfd, name, options, share):
        path = tmp_path / name
        image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
        if name.endswith("tif"):
            tifffile.imwrite(path, image, photometric="rgb", **options)
        else:
            iio.imwrite(path, image)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match="may be damaged or incomplete") as raised:
            read_image(path)
        assert "\n" not in str(raised.value)
        assert capfd.readouterr() == ("", "")


class TestLosses:
    """What tifffile writes to a log is told: refused, or warned of."""

    def test_a_stack_that_ends_too_early(self, tmp_path, labels):
        path = tmp_path / "a.tif"
        stack = np.stack([labels] * 9)
        tifffile.imwrite(path, stack, metadata=None, photometric="minisblack")
        path.write_bytes(path.read_bytes()[:2000])
        for read in (read_image, read_labels):
            with pytest.raises(ValueError, match=r"it ends too early .*fetch it again"):
                read(path)

    def test_an_image_in_several_files(self, tmp_path, labels):
        """One of them by itself, as a person copies it."""
        planes = [
            f'<TiffData FirstT="{t}"><UUID FileName="{t}.ome.tif">{t}</UUID></TiffData>'
            for t in range(2)
        ]
        about = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="0">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
            'Type="uint8" SizeX="30" SizeY="20" SizeC="1" SizeZ="1" SizeT="2">'
            f'<Channel ID="Channel:0:0"/>{"".join(planes)}</Pixels></Image></OME>'
        )
        path = tmp_path / "0.ome.tif"
        tifffile.imwrite(path, labels, description=about, metadata=None)
        with (
            pytest.warns(UserWarning, match=r"parts of 0\.ome\.tif .*: .*1\.ome"),
            pytest.warns(UserWarning, match="1 of the 2 planes that it declares"),
        ):
            found, _ = read_image(path)
        np.testing.assert_array_equal(found, [labels, np.zeros_like(labels)])


class TestLabels:
    @pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".png"])
    @pytest.mark.parametrize(
        ("largest", "stored"), [(5, np.uint8), (255, np.uint8), (256, np.uint16)]
    )
    def test_round_trip_in_the_smallest_type(self, tmp_path, suffix, largest, stored):
        path = tmp_path / f"labels{suffix}"
        labels = np.random.default_rng(0).integers(0, largest + 1, (40, 50))
        labels[0, 0] = largest
        write_labels(path, labels)
        again = read_labels(path)
        assert again.dtype == stored
        np.testing.assert_array_equal(again, labels)

    def test_large_labels_and_stacks_need_tiff(self, tmp_path):
        large = np.full((4, 5), 70_000)
        stack = np.ones((3, 8, 9), np.uint8)
        for labels, reason in ((large, "16 bits of a PNG"), (stack, "stack of 3 axes")):
            with pytest.raises(ValueError, match=reason):
                write_labels(tmp_path / "a.png", labels)
            write_labels(tmp_path / "a.tif", labels, force=True)
            np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]

    def test_metadata_is_kept(self, tmp_path, labels):
        path = tmp_path / "a.tif"
        write_labels(path, labels, metadata={"params": {"seed": 3}})
        with tifffile.TiffFile(path) as file:
            assert file.shaped_metadata[0]["params"] == {"seed": 3}

    def test_a_palette_is_not_looked_up(self, tmp_path, labels):
        path = tmp_path / "a.png"
        image = Image.fromarray(labels)
        image.putpalette(list(range(255, -1, -1)) * 3)
        image.save(path)
        np.testing.assert_array_equal(read_labels(path), labels)

    def test_what_holds_no_labels_is_refused(self, tmp_path, rgb):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, rgb[..., 0].astype(np.float32))
        with pytest.raises(ValueError, match=r"float32 data .* not labels"):
            read_labels(path)
        tifffile.imwrite(path, rgb, photometric="rgb")
        with pytest.raises(ValueError, match="not labels"):
            read_labels(path)
        iio.imwrite(tmp_path / "a.jpg", rgb)
        with pytest.raises(ValueError, match="JPEG file, which does not keep numbers"):
            read_labels(tmp_path / "a.jpg")

    def test_what_cannot_be_labels_is_not_written(self, tmp_path):
        with pytest.raises(TypeError, match="whole numbers, got float64"):
            write_labels(tmp_path / "a.tif", np.ones((3, 4)))
        with pytest.raises(ValueError, match="smallest is -1; renumber"):
            write_labels(tmp_path / "a.tif", np.array([[-1, 2]]))
        with pytest.raises(ValueError, match="there are none"):
            write_labels(tmp_path / "a.tif", np.zeros((0, 4), np.uint8))
        with pytest.raises(ValueError, match=r"shape \(4,\) need axes Y and X"):
            write_labels(tmp_path / "a.tif", np.zeros(4, np.uint8))
        assert not list(tmp_path.iterdir())


class TestWriting:
    def test_nothing_is_replaced_unless_forced(self, tmp_path, labels, rgb):
        for write, value, name in (
            (write_labels, labels, "a.tif"),
            (write_picture, rgb, "b.png"),
        ):
            path = tmp_path / name
            path.write_text("precious")
            with pytest.raises(FileExistsError, match="choose another name or allow"):
                write(path, value)
            assert path.read_text() == "precious"
            write(path, value, force=True)
            np.testing.assert_array_equal(read_image(path)[0], value)

    def test_places_that_cannot_be(self, tmp_path, labels):
        with pytest.raises(IsADirectoryError, match="give the name of a file in it"):
            write_labels(tmp_path, labels)
        with pytest.raises(FileNotFoundError, match=r"no folder .*missing; make it"):
            write_labels(tmp_path / "missing" / "a.tif", labels)
        with pytest.raises(ValueError, match=r"use one of \.tif, \.tiff, \.png"):
            write_labels(tmp_path / "a.jpg", labels)

    @pytest.mark.parametrize("name", ["a.tif", "a.png"])
    def test_a_failure_leaves_the_old_file_and_nothing_else(
        self, tmp_path, labels, name, monkeypatch
    ):
        path = tmp_path / name
        write_labels(path, labels)
        before = path.read_bytes()

        def half(target, *_, **__):
            target.write_bytes(b"half a file")
            raise OSError("No space left on device")

        monkeypatch.setattr(tifffile, "imwrite", half)
        monkeypatch.setattr(iio, "imwrite", half)
        with pytest.raises(OSError, match="No space left"):
            write_labels(path, labels + 1, force=True)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_someone_was_faster(self, tmp_path, labels, monkeypatch):
        path = tmp_path / "a.tif"
        write = tifffile.imwrite

        def slow(target, *args, **options):
            path.write_text("precious")
            write(target, *args, **options)

        monkeypatch.setattr(tifffile, "imwrite", slow)
        with pytest.raises(FileExistsError, match="in the meantime"):
            write_labels(path, labels)
        assert path.read_text() == "precious"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
    def test_a_new_file_has_the_usual_mode_and_a_link_stays_one(self, tmp_path, labels):
        usual = tmp_path / "usual"
        usual.touch()
        real, link = tmp_path / "real.tif", tmp_path / "link.tif"
        write_labels(real, labels)
        assert stat.S_IMODE(real.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
        link.symlink_to(real)
        write_labels(link, labels + 1, force=True)
        assert link.is_symlink()
        real.chmod(0o640)
        write_labels(link, labels + 1, force=True)
        assert stat.S_IMODE(real.stat().st_mode) == 0o640
        np.testing.assert_array_equal(read_labels(real), labels + 1)


KINDS = [f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)]


@given(data=st.data())
@settings(deadline=None)
def test_labels_of_every_kind_come_back(data, tmp_path_factory):
    """In every format that takes them: the same numbers, in the fewest bits."""
    kind = np.dtype(data.draw(st.sampled_from(KINDS)))
    top = data.draw(st.sampled_from([1, 255, 256, 65535, 2**31 - 1, 2**63 - 1]))
    values = st.integers(0, min(top, np.iinfo(kind).max))
    sides = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6)
    shape = data.draw(sides)
    labels = data.draw(hnp.arrays(kind, shape, elements=values))
    if data.draw(st.booleans()):
        labels = labels.astype(kind.newbyteorder())
    name = data.draw(st.sampled_from(["a.tif", "a.TIFF", "a.png"]))
    path = tmp_path_factory.mktemp("labels") / name
    if name == "a.png" and (labels.ndim > 2 or labels.max() > 65535):
        with pytest.raises(ValueError, match=r"\.tif"):
            write_labels(path, labels)
        assert not path.exists()
        return
    write_labels(path, labels, metadata={"about": "é"})
    found = read_labels(path)
    np.testing.assert_array_equal(found, labels)
    assert found.shape == labels.shape
    assert found.dtype.isnative
    least = np.min_scalar_type(int(labels.max()))
    assert found.dtype == least


class TestPictures:
    def test_each_class_has_its_color(self, labels):
        colors = np.random.default_rng(0).random((5, 3))
        picture = paint(labels, colors)
        assert picture.shape == (20, 30, 4)
        for k, color in enumerate(colors, start=1):
            assert (picture[labels == k][:, :3] == np.rint(color * 255)).all()
        np.testing.assert_array_equal(picture[..., 3], np.where(labels, 255, 0))

    def test_no_alpha_without_holes(self, labels):
        picture = paint(labels + 1, np.random.default_rng(0).random((6, 3)))
        assert picture.shape == (20, 30, 3)

    @pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff"])
    def test_round_trip(self, tmp_path, rgb, name):
        for picture in (rgb, np.dstack([rgb, rgb[..., 0]])):
            write_picture(tmp_path / name, picture, force=True)
            check(tmp_path / name, picture)

    def test_jpeg_has_no_alpha_and_only_tiff_takes_stacks(self, tmp_path, rgb):
        write_picture(tmp_path / "a.jpg", np.dstack([rgb, rgb[..., 0]]))
        assert read_image(tmp_path / "a.jpg")[0].shape == rgb.shape
        with pytest.raises(ValueError, match="stack of 3 axes"):
            write_picture(tmp_path / "a.png", np.stack([rgb, rgb]))
        write_picture(tmp_path / "a.tif", np.stack([rgb, rgb]))
        check(tmp_path / "a.tif", np.stack([rgb, rgb]))

    def test_what_a_format_cannot_hold_is_refused(self, tmp_path, rgb):
        """Pillow would take the rows of a gray picture for pixels."""
        deep, light = rgb.astype(np.uint16) * 257, (rgb / 255).astype(np.float32)
        for name in ("a.png", "a.jpg", "a.tif"):
            path = tmp_path / name
            for picture in (rgb[..., 0], rgb[..., :2], np.dstack([rgb, rgb])):
                with pytest.raises(ValueError, match=r"no colors; .* write_labels"):
                    write_picture(path, picture)
            wrong = [rgb.astype(int), rgb > 9, 2 * light]
            for picture in wrong if name == "a.tif" else [*wrong, deep, light]:
                with pytest.raises(ValueError, match="convert it to uint8"):
                    write_picture(path, picture)
            with pytest.raises(ValueError, match=r"has no pixels; give one"):
                write_picture(path, rgb[:0])
        with pytest.raises(ValueError, match=r"2 x 65501 .* than JPEG .* a\.png or"):
            write_picture(tmp_path / "a.jpg", np.zeros((65501, 2, 3), np.uint8))
        assert not any(tmp_path.iterdir())
        for picture in (deep, light):
            write_picture(tmp_path / "a.tif", picture, force=True)
            check(tmp_path / "a.tif", picture)
