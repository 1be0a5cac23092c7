"""Many pictures by the command: equal classes, one table, going on, clear refusals."""

from __future__ import annotations

import csv
import json
import os
import signal
import struct
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

import napari_emseg as emseg
from napari_emseg.cli import app as cli
from napari_emseg.io.files import read_labels

COLORS = np.array([[30, 40, 60], [200, 70, 40], [90, 190, 220]])
QUICK = ("-n", 3, "--smoothing", 0)


def make(path, shares, seed=0):
    """Write a noisy picture whose rows have the colors, in these shares of 40."""
    rows = np.repeat(np.arange(3), shares)
    noise = np.random.default_rng(seed).normal(0, 6, (len(rows), 30, 3))
    picture = (COLORS[rows][:, None] + noise).clip(0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, picture)
    return path


@pytest.fixture
def folder(tmp_path):
    """Pictures in a folder and a folder in it; alone, two would have other classes."""
    make(tmp_path / "in" / "a.png", (20, 10, 10))
    make(tmp_path / "in" / "b.png", (5, 30, 5), 1)
    make(tmp_path / "in" / "sub" / "a.png", (0, 20, 20), 2)
    return tmp_path / "in"


def run(*tokens):
    return cli.main([str(token) for token in tokens])


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_in(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def about(path):
    with tifffile.TiffFile(path) as file:
        return file.shaped_metadata[0]


def told(capsys):
    return capsys.readouterr().err.splitlines()


class TestJoint:
    def test_warnings_of_the_fit_are_lines_of_the_command(self, tmp_path, capsys):
        away = np.hypot(*np.ogrid[-40:40, -50:50])
        scope = np.where(away < 48, 200, 5).astype(np.uint8)
        scope[away < 15] = 90
        for name in ("a", "b"):
            iio.imwrite(tmp_path / f"{name}.png", scope)
        command = ("segment", tmp_path, "-o", tmp_path / "out", "--joint", "-n", 2)
        assert run(*command) == 0
        heads = [line.partition(" dark corners")[0] for line in told(capsys)]
        assert heads == [f"napari-emseg:{name}" for name in ("", " a.png:", " b.png:")]

    def test_classes_are_equal_in_all_files(self, folder, tmp_path, capsys):
        out, every = tmp_path / "out", tmp_path / "all.csv"
        places = ("-o", out, "--overlay", out, "--table", every)
        assert run("segment", folder, *places, "--joint", *QUICK) == 0
        assert [
            line.split(":")[0] for line in capsys.readouterr().out.splitlines()
        ] == [
            "a.png",
            "b.png",
            "sub/a.png",
        ]
        names = ["a_labels.tif", "a_overlay.png", "b_labels.tif", "b_overlay.png"]
        assert files_in(out) == [*names, "sub/a_labels.tif", "sub/a_overlay.png"]
        joint = emseg.fit(sorted(folder.rglob("*.png")), n_classes=3, smoothing=0)
        looks = []
        for name in ("a", "b", "sub/a"):
            labels = read_labels(out / f"{name}_labels.tif")
            image = iio.imread(folder / f"{name}.png")
            np.testing.assert_array_equal(labels, joint.segment(image).labels)
            looks.append(about(out / f"{name}_labels.tif")["layer"]["colors"])
        assert looks[0] == looks[1] == looks[2]
        rows = table(every)
        assert [(row["file"], row["class"]) for row in rows] == [
            (name, str(k))
            for name in ("a.png", "b.png", "sub/a.png")
            for k in (1, 2, 3)
        ]
        assert [float(row["fraction"]) for row in rows][::3] == [0.5, 0.125, 0]
        assert [int(row["pixels"]) for row in rows][1::3] == [300, 900, 600]
        assert abs(float(rows[1]["mean R"]) - COLORS[1, 0]) < 2
        assert rows[6]["mean R"] == ""  # of a class without pixels

    def test_channels_are_no_colors(self, tmp_path):
        rng = np.random.default_rng(2)
        (source := tmp_path / "in").mkdir()
        for name in "ab":
            image = rng.integers(0, 50, (2, 20, 30), np.uint16)
            image[0, 4:16, 5:15] += 300
            tifffile.imwrite(source / f"{name}.tif", image, imagej=True,
                             metadata={"axes": "CYX"})  # fmt: skip
        model = tmp_path / "model.json"
        assert run("fit", source, "-o", model, "-n", 2) == 0
        assert run("segment", source, "-o", tmp_path / "one", "--model", model) == 0
        assert run("segment", source, "-o", tmp_path / "two", "--joint", "-n", 2) == 0
        for name in "ab":
            found = [tmp_path / f / f"{name}_labels.tif" for f in ("one", "two")]
            labels = [read_labels(path) for path in found]
            np.testing.assert_array_equal(*labels)
            assert np.bincount(labels[0].flat)[2] == 120
            looks = [about(path)["layer"]["colors"] for path in found]
            assert looks[0] == looks[1]

    def test_a_model_is_fitted_once_and_applied(self, folder, tmp_path, capsys):
        model, out = tmp_path / "model.json", tmp_path / "out"
        assert run("fit", folder, "-o", model, *QUICK) == 0
        assert "3 pictures of 3600 pixels: 3 classes" in capsys.readouterr().out
        one = folder / "sub" / "a.png"
        command = ("segment", one, "-o", out / "{stem}-{name}.tif", "--model", model)
        assert run(*command, "--json") == 0
        (line,) = capsys.readouterr().out.splitlines()
        found = json.loads(line)
        assert found["labels"].endswith("a-a.png.tif")
        assert [row["pixels"] for row in found["classes"]] == [0, 600, 600]
        assert found["classes"][0]["mean R"] is None
        # A file of labels of one model for all has this model.
        assert run("segment", folder, "-o", out, "--joint", *QUICK) == 0
        again = ("-o", tmp_path / "again.tif", "--model", out / "a_labels.tif")
        assert run("segment", one, *again) == 0
        np.testing.assert_array_equal(
            read_labels(tmp_path / "again.tif"), read_labels(out / "a-a.png.tif")
        )

    def test_two_at_a_time(self, folder, tmp_path):
        for jobs in (1, 2):
            place = ("-o", tmp_path / f"{jobs}", "--table", tmp_path / f"{jobs}.csv")
            command = ("segment", folder, *place, "--joint", "--jobs", jobs, *QUICK)
            assert run(*command) == 0
        assert files_in(tmp_path / "1") == files_in(tmp_path / "2")
        for name in files_in(tmp_path / "1"):
            one, two = (read_labels(tmp_path / n / name) for n in "12")
            np.testing.assert_array_equal(one, two)
        assert table(tmp_path / "1.csv") == table(tmp_path / "2.csv")


class TestRecipe:
    def test_edits_of_classes_are_done_and_others_told(self, folder, tmp_path, capsys):
        recipe = emseg.Recipe(
            steps=(
                emseg.Step.of("segment", params={"n_classes": 3, "smoothing": 0}),
                emseg.Step.of("merge", members=(2, 3)),
                emseg.Step.of("lasso", path=((0, 0), (0, 9), (9, 9))),
                emseg.Step.of("fill", label=7),
            )
        )
        recipe.save(tmp_path / "r.json")
        out = tmp_path / "out"
        command = ("segment", folder / "a.png", "-o", out, "--recipe")
        assert run(*command, tmp_path / "r.json") == 0
        lines = told(capsys)
        assert len(lines) == 2
        assert "left out for other pictures: step 3 (lasso): an outline" in lines[0]
        assert "step 4 (fill): it works on a selection" in lines[1]
        labels = read_labels(out / "a_labels.tif")
        assert np.unique(labels).tolist() == [1, 2]
        stored = emseg.Recipe.load(out / "a_labels.tif")
        image = iio.imread(folder / "a.png")
        np.testing.assert_array_equal(stored.replay(image), labels)

    def test_a_scheme_gives_numbers_names_and_colors(self, folder, tmp_path):
        seg = emseg.segment(iio.imread(folder / "a.png"), n_classes=3)
        scheme = emseg.exchange.ClassScheme.from_result(seg.named({1: "ground"}))
        moved = [one.model_copy(update={"number": 10 + one.number, "key": None})
                 for one in scheme.classes]  # fmt: skip
        scheme = scheme.model_copy(update={"classes": tuple(moved)})
        scheme.save(tmp_path / "s.json")
        out = tmp_path / "out"
        command = ("segment", folder, "-o", out, "--scheme", tmp_path / "s.json")
        assert run(*command, "--joint", "--table", tmp_path / "t.csv", *QUICK) == 0
        assert np.unique(read_labels(out / "a_labels.tif")).tolist() == [11, 12, 13]
        look = about(out / "sub" / "a_labels.tif")["layer"]
        assert look["names"]["11"] == "ground"
        names = [row["name"] for row in table(tmp_path / "t.csv")]
        assert names == ["ground", "class 2", "class 3"] * 3

    def test_an_old_recipe_is_told(self, folder, tmp_path, capsys):
        (tmp_path / "r.json").write_text('{"version": 9, "steps": []}')
        command = ("segment", folder, "-o", tmp_path / "out", "--recipe")
        assert run(*command, tmp_path / "r.json") == cli.WRONG_INPUT
        (line,) = told(capsys)
        assert "version 9" in line
        assert not (tmp_path / "out").exists()


class TestResume:
    @pytest.mark.parametrize("ending", [".tif", ".png"])
    def test_goes_on_where_it_was(self, folder, tmp_path, capsys, ending):
        out, every = tmp_path / "out", tmp_path / "all.csv"
        place = out if ending == ".tif" else out / "{stem}_labels.png"
        command = ("segment", folder, "-o", place, "--joint", *QUICK, "--table", every)
        first, second = f"a_labels{ending}", f"b_labels{ending}"
        assert run(*command) == 0
        whole = every.read_text()
        bytes_ = {n: (out / n).read_bytes() for n in files_in(out)}
        (out / second).unlink()
        stamp = (out / first).stat().st_mtime_ns
        capsys.readouterr()
        assert run(*command, "--resume") == 0
        lines = sorted(capsys.readouterr().out.splitlines())
        assert [line.split(";")[0] for line in lines if "before" in line] == [
            "a.png: done before",
            "sub/a.png: done before",
        ]
        assert every.read_text() == whole
        assert (out / first).stat().st_mtime_ns == stamp
        assert (out / second).read_bytes() == bytes_[second]
        assert run(*command, "--resume", "--seed", 4) == cli.WRONG_INPUT
        assert "seed=0, and now 4" in told(capsys)[0]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (("--max-iter", 9), "max_iter=200, and now 9"),
            (("--seed", 4), "seed=0, and now 4"),
            (("--joint",), "how=anew, and now joint"),
        ],
    )
    def test_other_settings_are_refused(self, folder, tmp_path, capsys, change, words):
        command = ("segment", folder, "-o", tmp_path / "out", *QUICK)
        assert run(*command) == 0
        (tmp_path / "out" / "a_labels.tif").unlink()
        before = files_in(tmp_path / "out")
        capsys.readouterr()
        assert run(*command, "--resume", *change) == cli.WRONG_INPUT
        (line,) = told(capsys)
        assert "b_labels.tif was made with other settings" in line
        assert words in line
        assert files_in(tmp_path / "out") == before

    def test_what_changed_or_is_unknown_is_refused(self, folder, tmp_path, capsys):
        out = tmp_path / "out"
        command = ("segment", folder, "-o", out, *QUICK)
        assert run(*command) == 0
        make(folder / "b.png", (9, 9, 22), 5)
        capsys.readouterr()
        assert run(*command, "--resume") == cli.WRONG_INPUT
        assert "b.png has changed since" in told(capsys)[0]
        emseg.files.write_labels(out / "a_labels.tif", np.eye(3, dtype=int), force=True)
        assert run(*command, "--resume") == cli.WRONG_INPUT
        assert "does not tell how it was made" in told(capsys)[0]


class TestRefusals:
    def test_bad_files_among_good_ones(self, folder, tmp_path, capsys):
        (folder / "bad.png").write_text("no image")
        (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:900])
        gray = np.arange(900, dtype=np.uint8).reshape(30, 30)
        iio.imwrite(folder / "gray.png", gray)
        out = tmp_path / "out"
        assert run("segment", folder, "-o", out, "--joint", *QUICK) == 1
        lines = told(capsys)
        assert len(lines) == 4
        for name, line in zip(("bad", "cut", "gray"), lines, strict=False):
            assert f"{name}.png" in line
        assert lines[3].endswith("3 of 6 pictures failed: bad.png, cut.png, gray.png")
        assert files_in(out) == ["a_labels.tif", "b_labels.tif", "sub/a_labels.tif"]

    def test_files_of_another_kind_are_told(self, folder, tmp_path, capsys):
        model, out = tmp_path / "m.json", tmp_path / "out"
        run("fit", folder, "-o", model, *QUICK)
        assert run("segment", folder, "-o", out, "--recipe", model) == 2
        assert "is a model, not a recipe; pass it as --model" in capsys.readouterr().err
        assert run("segment", folder, "-o", out / "{stem}_{foo}.png") == 2
        assert "{foo} in" in capsys.readouterr().err
        run("segment", folder, "-o", out, *QUICK)
        (damaged := out / "a_labels.tif").write_bytes(damaged.read_bytes()[:99])
        assert run("segment", folder, "-o", out, "--resume", *QUICK) == 2
        assert "is damaged, so that --resume" in capsys.readouterr().err
        damaged.unlink()
        assert run("segment", folder, "-o", out, "--resume", *QUICK) == 0

    def test_nothing_is_done_where_two_would_write_one_file(
        self, folder, tmp_path, capsys
    ):
        iio.imwrite(folder / "a.jpg", iio.imread(folder / "a.png"))
        for output, words in (
            (tmp_path / "out", "2 images are named 'a' and would share one result"),
            (tmp_path / "out" / "{folder}.tif", "several images need a folder"),
        ):
            assert run("segment", folder, "-o", output, *QUICK) == cli.WRONG_INPUT
            (line,) = told(capsys)
            assert words in line
        assert not (tmp_path / "out").exists()
        named = ("-o", tmp_path / "out" / "{folder}" / "{name}.tif")
        assert run("segment", folder, *named, *QUICK) == 0
        found = ["a.jpg.tif", "a.png.tif", "b.png.tif", "sub/a.png.tif"]
        assert files_in(tmp_path / "out") == found

    def test_a_model_of_another_color_space(self, folder, tmp_path, capsys):
        model = tmp_path / "m.json"
        assert run("fit", folder, "-o", model, *QUICK) == 0
        gray = tmp_path / "gray.tif"
        tifffile.imwrite(gray, np.arange(900, dtype=np.uint8).reshape(30, 30))
        capsys.readouterr()
        command = ("segment", gray, "-o", tmp_path / "out.tif", "--model", model)
        assert run(*command) == 1
        assert "model is of color='lab', but this picture is 'none'" in told(capsys)[0]
        rgb = ("segment", folder, "-o", tmp_path / "out", "--model", model)
        assert run(*rgb, "--color", "rgb") == cli.WRONG_INPUT
        (line,) = told(capsys)
        assert "fitted with color='auto', but color='rgb'" in line

    def test_what_does_not_go_together(self, folder, tmp_path, capsys):
        out = ("-o", tmp_path / "out")
        for given, words in (
            (("--joint", "--model", "m.json"), "leave one of them out"),
            (("--resume", "--force"), "leave one out"),
            (("--jobs", 0), "--jobs 0 should be 1 or more"),
            (("--table", tmp_path / "t.txt"), "no ending that can be written"),
            (("--table", tmp_path / "no" / "t.csv"), "there is no folder"),
            (("--model", tmp_path / "m.json"), "m.json does not exist"),
        ):
            assert run("segment", folder, *out, *given) == cli.WRONG_INPUT
            (line,) = told(capsys)
            assert words in line
        assert not (tmp_path / "out").exists()

    def test_a_folder_without_access_is_told_once(
        self, folder, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
        assert run("segment", folder, "-o", tmp_path / "out") == cli.WRONG_INPUT
        (line,) = told(capsys)
        assert f"nothing can be written to {tmp_path}; choose another place" in line
        assert not (tmp_path / "out").exists()

    def test_earlier_results_in_the_folder_are_no_pictures(self, folder):
        for _ in range(2):
            assert run("segment", folder, "-o", folder, "--force", *QUICK) == 0
        found = ["a.png", "a_labels.tif", "b.png", "b_labels.tif"]
        assert files_in(folder) == [*found, "sub/a.png", "sub/a_labels.tif"]

    @pytest.mark.parametrize("ending", ["tif", "png"])
    def test_labels_of_this_program_are_no_pictures(
        self, folder, tmp_path, capsys, ending
    ):
        model, again = tmp_path / "m.json", tmp_path / "m2.json"
        assert run("fit", folder, "-o", model, *QUICK) == 0
        run("segment", folder, "-o", folder / f"{{stem}}_{{folder}}.{ending}", *QUICK)
        capsys.readouterr()
        assert run("fit", folder, "-o", again, *QUICK) == 0
        told = capsys.readouterr()
        assert "3 pictures" in told.out
        assert "3 files of labels of this program left out" in told.err
        assert again.read_bytes() == model.read_bytes()
        pattern = folder / f"*.{ending}"
        run("segment", pattern, "-o", tmp_path / "out", "--joint", *QUICK)
        assert "left out" in capsys.readouterr().err
        # Named itself, it is a picture.
        one = next(path for path in folder.glob(f"*_*.{ending}"))
        assert run("segment", one, "-o", tmp_path / "one.tif", "-n", 2) == 0

    def test_what_is_no_whole_file_is_told_among_others(self, folder, tmp_path, capsys):
        data = (folder / "a.png").read_bytes()
        note = b"napari-emseg\0\1\0\0\0" + b"no zlib"  # a text that cannot be unpacked
        chunk = struct.pack(">I", len(note)) + b"iTXt" + note + b"\0\0\0\0"
        (folder / "odd.png").write_bytes(data[:33] + chunk + data[33:])
        pipes = hasattr(os, "mkfifo")
        if pipes:
            os.mkfifo(folder / "pipe.png")
        status = run("segment", folder / "*.png", "-o", tmp_path / "out", *QUICK)
        assert (status != 0) == pipes
        told = capsys.readouterr()
        assert told.out.count(": 3 classes") == 3
        assert ("is a pipe" in told.err) == pipes

    def test_what_would_replace_itself_is_told(self, folder, capsys):
        tifffile.imwrite(folder / "c.tif", iio.imread(folder / "a.png")[..., 0])
        assert run("segment", folder, "-o", folder / "{stem}.tif", *QUICK) == 1
        told = capsys.readouterr()
        assert "c.tif" in told.err
        assert "is the image itself" in told.err


def test_recipes_of_other_axes_are_told(tmp_path, capsys):
    pixels = np.random.default_rng(5).integers(0, 255, (20, 16, 3), np.uint8)
    plain, rgb, out = (tmp_path / f"{name}.tif" for name in ("plain", "rgb", "out"))
    tifffile.imwrite(plain, pixels.transpose(1, 2, 0), photometric="minisblack")
    tifffile.imwrite(rgb, pixels, photometric="rgb")
    run("segment", plain, "-o", out, "-n", 2, "--axes", "XCY")
    again = tmp_path / "again.tif"
    for command in (("replay", out), ("segment", "--recipe", out)):
        capsys.readouterr()
        assert run(*command, rgb, "-o", again) in (1, 2)
        said = capsys.readouterr().err
        assert "whose axes are XCY, but this file says that it has YXS" in said
        assert not again.exists()
        assert run(*command, rgb, "-o", again, "--axes", "YXC") == 0
        assert read_labels(again).shape == (20, 16)
        again.unlink()


# Axes as the file has them, and as the person says.
@pytest.mark.parametrize(
    ("stored", "told", "channels"),
    [
        ("CYX", "CYX", "together"),
        ("CYX", "ZYX", "together"),
        ("TCYX", "CTYX", "together"),
        ("TCYX", "CTYX", "each"),
        ("TCYX", "ZCYX", "each"),
        ("TCYX", "TYXC", "together"),
        ("ZYXS", "CZYX", "together"),
        ("SYX", "ZYX", "each"),
        ("YXS", "YXC", "together"),
    ],
)
def test_axes_are_those_of_the_file(stored, told, channels, tmp_path, capsys):
    lengths = {"T": 3, "C": 2, "S": 3, "Z": 4, "Y": 20, "X": 16}
    shape = tuple(lengths[axis] for axis in stored)
    pixels = np.random.default_rng(3).integers(0, 9, shape, np.uint8)
    pixels += 40 * np.arange(shape[0], dtype=np.uint8).reshape(
        -1, *[1] * (len(shape) - 1)
    )
    path, out, again = (tmp_path / f"{name}.tif" for name in ("image", "a", "b"))
    kind = "minisblack" if "S" not in stored else "rgb"
    extra = {"planarconfig": "separate"} if stored == "SYX" else {}
    about = {"ome": "C" in stored, "photometric": kind, **extra}
    tifffile.imwrite(path, pixels, metadata={"axes": stored}, **about)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].axes == stored
    seg = emseg.segment(pixels, axes=told, n_classes=2, channels=channels)
    asked = ("-n", 2, "--axes", told, "--channels", channels)
    assert run("segment", path, "-o", out, *asked) == 0
    np.testing.assert_array_equal(read_labels(out), seg.labels)
    places = [max(axes.find(name) for name in "SC") for axes in (stored, told)]
    assert ("as asked" in capsys.readouterr().err) == (places[0] != places[1])
    if channels == "together":
        fits = [emseg.fit([one], axes=told, n_classes=2) for one in (path, pixels)]
        assert fits[0].model.means.tolist() == fits[1].model.means.tolist()
    # What repeats it reads the file in the same way.
    for command in (("replay", out), ("segment", "--recipe", out)):
        assert run(*command, path, "-o", again) == 0
        np.testing.assert_array_equal(read_labels(again), seg.labels)
        again.unlink()
    exec(emseg.Recipe.load(out).to_python(path, again), {"__name__": "__main__"})
    np.testing.assert_array_equal(read_labels(again), seg.labels)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_whole_files_alone(tmp_path, jobs):
    for number in range(12):
        make(tmp_path / "in" / f"{number:02}.png", (200, 200, 200), number)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_emseg", "segment", tmp_path / "in"]
    command += ["-o", out, "--jobs", str(jobs), "-n", "4", "--json"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.splitlines() == ["napari-emseg: interrupted"]
    left = files_in(out)
    assert 1 <= len(left) < 12
    for name in left:
        assert name.endswith("_labels.tif")
        assert read_labels(out / name).shape == (600, 30)
