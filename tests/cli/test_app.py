"""The command line: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from pydantic import Field

import napari_emseg as emseg
from napari_emseg import Step
from napari_emseg.batch import treatment
from napari_emseg.cli import app as cli
from napari_emseg.cli import options, window
from napari_emseg.io.files import (
    paint,
    read_image,
    read_labels,
    write_labels,
    write_picture,
)
from napari_emseg.layers.pictures.picture_layers import OF_ONE_FILE

SCHEMA = emseg.Params.model_json_schema()["properties"]
RED, BLUE = (200, 40, 30), (30, 60, 190)


@pytest.fixture
def picture(tmp_path):
    """Two halves of noisy color, and the folder that they are in."""
    image = np.empty((40, 60, 3))
    image[:, :25], image[:, 25:] = RED, BLUE
    image += np.random.default_rng(0).normal(0, 8, image.shape)
    path = tmp_path / "halves.png"
    iio.imwrite(path, image.clip(0, 255).astype(np.uint8))
    return path


def run(*tokens):
    return cli.main([str(token) for token in tokens])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(capsys, *words):
    """Check that exactly one line was said, and what is in it."""
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    for word in ("napari-emseg: ", *words):
        assert word in said.err


class TestSegment:
    def test_labels_overlay_and_one_line(self, picture, tmp_path, capsys):
        labels, overlay = tmp_path / "a.tif", tmp_path / "b.png"
        command = ("segment", picture, "-o", labels, "--overlay", overlay)
        assert run(*command, "--n-classes", "2") == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert said.out.count("\n") == 1
        for word in (
            "halves.png: 2 classes",
            "58.3",
            "41.7",
            "log-likelihood",
            str(labels),
        ):
            assert word in said.out
        image, _ = read_image(picture)
        expected = emseg.segment(image, n_classes=2)
        np.testing.assert_array_equal(read_labels(labels), expected.labels)
        np.testing.assert_array_equal(
            read_image(overlay)[0], paint(expected.labels, expected.class_colors)
        )

    def test_parameters_and_version_are_in_the_file(self, picture, tmp_path):
        assert run("segment", picture, "-o", tmp_path / "a.tif", "--seed", "5") == 0
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            about = file.shaped_metadata[0]
        assert about["napari-emseg"] == emseg.__version__
        assert emseg.Params(**about["params"]) == emseg.Params(seed=5)

    def test_a_tiff_file_is_opened_once(self, tmp_path, monkeypatch):
        opened = []

        class Counted(tifffile.TiffFile):
            def __init__(self, file, *args, **kwargs):
                opened.append(file)
                super().__init__(file, *args, **kwargs)

        image = np.repeat(np.array([[20, 200]], np.uint8), 16, axis=1).repeat(9, 0)
        tifffile.imwrite(tmp_path / "a.tif", image, resolutionunit="CENTIMETER")
        monkeypatch.setattr(tifffile, "TiffFile", Counted)
        command = ("segment", tmp_path / "a.tif", "-o", tmp_path / "b.tif")
        assert run(*command, "--n-classes", "2") == 0
        assert opened == [tmp_path / "a.tif"]

    def test_kmeans_tells_its_inertia(self, picture, tmp_path, capsys):
        target = tmp_path / "a.png"
        assert run("segment", picture, "-o", target, "--method", "kmeans") == 0
        assert "inertia" in capsys.readouterr().out

    def test_several_images_go_into_a_folder(self, picture, tmp_path):
        other = tmp_path / "flipped.tif"
        tifffile.imwrite(other, read_image(picture)[0][:, ::-1], photometric="rgb")
        results = tmp_path / "new" / "results"
        paths = ("-o", results, "--overlay", results)
        assert run("segment", picture, other, *paths, "--n-classes", "2") == 0
        assert names(results) == [
            "flipped_labels.tif",
            "flipped_overlay.png",
            "halves_labels.tif",
            "halves_overlay.png",
        ]
        np.testing.assert_array_equal(
            read_labels(results / "flipped_labels.tif")[:, ::-1],
            read_labels(results / "halves_labels.tif"),
        )

    def test_patterns_that_a_shell_left(self, picture, tmp_path, monkeypatch, capsys):
        """Those of Windows do; a star is a star where there is a file of that name."""
        starred = picture.rename(tmp_path / "a[1].png")
        (tmp_path / "a1.png").write_bytes(starred.read_bytes())
        (tmp_path / "b.png").write_bytes(starred.read_bytes())
        monkeypatch.chdir(tmp_path)
        quick = ("--smoothing", 0, "-n", 2)
        assert run("segment", "[ab]*.png", "-o", "some", *quick) == 0
        every = ["a1_labels.tif", "a[1]_labels.tif", "b_labels.tif"]
        assert names(tmp_path / "some") == every
        assert run("segment", "a[1].png", "-o", "one", *quick) == 0
        assert names(tmp_path / "one") == ["a[1]_labels.tif"]
        assert run("replay", "one/*.tif", tmp_path / "*.png", "-o", "x") == 2
        assert "one/*.tif does not exist; check the name" in capsys.readouterr().err
        recipe = tmp_path / "one" / "a[1]_labels.tif"
        assert run("replay", recipe, tmp_path / "*.png", "-o", "again") == 0
        assert names(tmp_path / "again") == every
        assert run("segment", "*.jpg", "-o", "x") == cli.WRONG_INPUT
        assert "*.jpg does not exist; check the name" in capsys.readouterr().err

    def test_places_of_a_recipe_are_told(self, picture, tmp_path, capsys):
        steps = (
            Step.of("segment", params={"n_classes": 2, "smoothing": 0}),
            Step.of("rectangle", corner=(1, 1), opposite=(3, 3)),
            Step.of("fill", label=1),
        )
        emseg.Recipe(steps=steps).save(tmp_path / "r.json")
        recipe = tmp_path / "r.json"
        assert run("replay", recipe, picture, "-o", tmp_path / "a.tif") == 0
        told = capsys.readouterr().err
        assert "step 2 (rectangle): an outline is a place in one picture. For" in told

    def test_one_image_into_a_folder_that_exists(self, picture, tmp_path):
        (tmp_path / "out").mkdir()
        assert run("segment", picture, "-o", tmp_path / "out") == 0
        assert names(tmp_path / "out") == ["halves_labels.tif"]

    def test_a_folder_that_is_not_there_is_made(self, picture, tmp_path, capsys):
        """However many pictures a pattern finds."""
        new = f"{tmp_path}/new/"
        assert run("segment", picture, "-o", new, "--overlay", new) == 0
        assert names(Path(new)) == ["halves_labels.tif", "halves_overlay.png"]
        (tmp_path / "file").write_text("precious")
        capsys.readouterr()
        assert run("segment", picture, "-o", tmp_path / "file") == cli.WRONG_INPUT
        refused(capsys, "file is a file; give a file a name with an ending")

    def test_results_never_replace_another_image(self, picture, tmp_path, capsys):
        """The results of an earlier run are images that a pattern finds, too."""
        assert run("segment", picture, "-o", tmp_path) == 0
        labels = tmp_path / "halves_labels.tif"
        before = labels.read_bytes()
        capsys.readouterr()
        status = run("segment", picture, labels, "-o", tmp_path, "--force")
        assert status == cli.WRONG_INPUT
        assert "halves_labels.tif is another of the images" in capsys.readouterr().err
        assert labels.read_bytes() == before

    def test_a_bad_image_does_not_stop_the_others(self, picture, tmp_path, capsys):
        bad = tmp_path / "bad.png"
        bad.write_text("no image")
        out = tmp_path / "out"
        assert run("segment", bad, picture, "-o", out) == cli.WRONG_INPUT
        assert names(out) == ["halves_labels.tif"]
        said = capsys.readouterr()
        assert said.err.count("\n") == said.out.count("\n") == 1

    def test_stacks_and_channels(self, tmp_path):
        rng = np.random.default_rng(0)
        stack = rng.integers(0, 4000, (3, 20, 30)).astype(np.uint16)
        five = rng.random((5, 20, 30)).astype(np.float32)
        tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
        tifffile.imwrite(
            tmp_path / "five.tif", five, imagej=True, metadata={"axes": "CYX"}
        )
        inputs = (tmp_path / "stack.tif", tmp_path / "five.tif")
        out = tmp_path / "out"
        assert run("segment", *inputs, "-o", out, "--overlay", out) == 0
        assert read_labels(out / "stack_labels.tif").shape == (3, 20, 30)
        assert read_labels(out / "five_labels.tif").shape == (20, 30)
        assert read_image(out / "stack_overlay.tif")[0].shape == (3, 20, 30, 3)

    def test_fewer_classes_than_asked_are_told(self, tmp_path, capsys):
        iio.imwrite(tmp_path / "a.png", np.full((9, 9, 3), 70, np.uint8))
        assert run("segment", tmp_path / "a.png", "-o", tmp_path / "b.tif") == 0
        said = capsys.readouterr()
        assert "a.png: 1 class (100.0 %)" in said.out
        assert said.err.count("\n") == 1


class TestOptions:
    @pytest.mark.parametrize("name", emseg.Params.model_fields)
    def test_each_parameter_is_an_option(self, name, picture, tmp_path, monkeypatch):
        schema = SCHEMA[name]
        option = "--" + name.replace("_", "-")
        if schema.get("type") == "boolean":
            value = not schema["default"]
            tokens = [option if value else "--no-" + option[2:]]
        elif "enum" in schema:
            value = next(v for v in schema["enum"] if v != schema["default"])
            tokens = [option, value]
        elif schema.get("type") == "string":
            value = "1 0 0, 0 1 0.5"
            tokens = [option, value]
        else:
            value = schema.get("anyOf", [schema])[0]["maximum"]
            tokens = [option, value]
        seen = []

        def record(image, params, **_):
            seen.append(params)
            raise ValueError("enough")
            yield

        monkeypatch.setattr(treatment, "iter_segment", record)
        run("segment", picture, "-o", tmp_path / "a.tif", *tokens)
        assert seen == [emseg.Params(**{name: value})]

    def test_help_shows_what_params_says(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "500")
        assert run("segment", "--help") == 0
        text = capsys.readouterr().out
        for name, field in emseg.Params.model_fields.items():
            assert "--" + name.replace("_", "-") in text
            assert f"{field.title}. {field.description}" in text
        bounded = [s for s in SCHEMA.values() if "maximum" in str(s)]
        assert text.count("[range: ") == len(bounded) > 5

    @pytest.mark.parametrize("name", cli.COMMANDS)
    def test_the_table_of_commands_says_what_they_say(self, name):
        """Which is not imported for the help of all."""
        place, told, _ = cli.COMMANDS[name]
        module, _, function = place.partition(":")
        command = getattr(import_module(f"napari_emseg.cli.{module}"), function)
        assert told == command.__doc__.strip()

    def test_pictures_come_before_lists_of_values(self, capsys):
        assert run("sweep", "--help") == 0
        usage = capsys.readouterr().out.splitlines()[0]
        assert usage == "Usage: napari-emseg sweep IMAGE --output PATH [OPTIONS]"

    def test_a_new_parameter_becomes_an_option(self, monkeypatch):
        class More(emseg.Params):
            grain: int = Field(3, ge=1, le=9, title="Grain", description="How coarse.")

        def command(**options: int) -> int:
            return options.get("grain", 0)

        monkeypatch.setattr(options, "Params", More)
        app = cli.App(result_action="return_value")
        app.default(options.options_of_params(command))
        assert app(["--grain", "7"]) == 7
        assert app([]) == 0  # Params knows its own default


class TestRefusals:
    @pytest.mark.parametrize(
        ("tokens", "words"),
        [
            (["--n-classes", "0"], ["--n-classes 0 should be", "1 or 'auto'"]),
            (["--n-classes", "1000"], ["--n-classes 1000", "equal to 64"]),
            (["--n-classes", "few"], ["--n-classes", "few"]),
            (["--smoothing", "-1"], ["--smoothing -1", "greater than or equal to 0"]),
            (["--smoothing", "nan"], ["--smoothing nan", "finite"]),
            (["--color", "cmyk"], ["--color", "cmyk", "lab"]),
            (["--frobnicate", "1"], ["--frobnicate"]),
        ],
    )
    def test_wrong_option(self, picture, tmp_path, capsys, tokens, words):
        before = names(tmp_path)
        status = run("segment", picture, "-o", tmp_path / "a.tif", *tokens)
        assert status == cli.WRONG_INPUT
        refused(capsys, *words, "--help")
        assert names(tmp_path) == before

    @pytest.mark.parametrize("kind", ["text", "cut", "missing", "folder", "five"])
    def test_wrong_input(self, picture, tmp_path, capsys, kind):
        source, extra = tmp_path / "wrong.png", []
        if kind == "text":
            source.write_text("no image")
        elif kind == "cut":
            source.write_bytes(picture.read_bytes()[:2000])
        elif kind == "folder":
            source.mkdir()
        elif kind == "five":
            tifffile.imwrite(
                source,
                np.ones((5, 8, 9), np.uint8),
                imagej=True,
                metadata={"axes": "CYX"},
            )
            extra = ["--color", "lab"]
        before = names(tmp_path)
        places = ("-o", tmp_path / "a.tif", "--overlay", tmp_path / "b.png")
        assert run("segment", source, *places, *extra) == cli.WRONG_INPUT
        reason = {
            "text": "does not begin like an image",
            "cut": "truncated",
            "missing": "does not exist",
            "folder": "is a folder",
            "five": "color='lab'",
        }
        refused(capsys, reason[kind], "" if kind == "five" else str(source))
        assert names(tmp_path) == before

    @pytest.mark.parametrize("ending", ["bmp", "gif", "webp", "npy"])
    def test_other_formats_are_known_by_name(self, tmp_path, capsys, ending):
        source = tmp_path / "named.png"
        pixels = np.zeros((9, 9, 3), np.uint8)
        if ending == "npy":
            np.save(tmp_path / "a.npy", pixels)
            (tmp_path / "a.npy").rename(source)
        else:
            iio.imwrite(source, pixels, extension=f".{ending}")
        assert run("segment", source, "-o", tmp_path / "a.tif") == cli.WRONG_INPUT
        name = {"webp": "WebP", "npy": "NumPy"}.get(ending, ending.upper())
        refused(capsys, f"{source} is a {name} file", "convert it to PNG, JPEG or TIFF")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
    @pytest.mark.parametrize("command", ["segment", "sweep"])
    def test_pipes_are_named(self, tmp_path, capsys, command):
        os.mkfifo(tmp_path / "pipe.png")
        done = run(command, tmp_path / "pipe.png", "-o", tmp_path / "a.png")
        assert done == cli.WRONG_INPUT
        refused(capsys, "pipe.png is a pipe", "to a file, and give that")

    def test_what_cannot_be_read_comes_before_what_cannot_be_written(
        self, tmp_path, capsys
    ):
        (tmp_path / "a.tif").write_text("precious")
        assert run("segment", tmp_path, "-o", tmp_path / "a.tif") == cli.WRONG_INPUT
        refused(capsys, "is a folder; give the files in it, such as", "*.png")

    def test_each_message_names_its_image(self, tmp_path, picture, capsys):
        nothing = tmp_path / "nothing.tif"
        tifffile.imwrite(nothing, np.full((9, 9), np.nan, np.float32))
        out = tmp_path / "out"
        assert run("segment", nothing, picture, "-o", out) == cli.WRONG_INPUT
        said = capsys.readouterr().err
        assert said.startswith(
            f"napari-emseg: {nothing}: the image has no usable pixel"
        )
        assert names(out) == [f"{picture.stem}_labels.tif"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("-n", "abc"), "-n abc should be a whole number or 'auto'"),
            (("--smoothing", "much"), "--smoothing much should be a number"),
            (("--seed", "one"), "--seed one should be a whole number"),
            (("--seed", "1.5"), "--seed 1.5 should be a whole number"),
            (("-n", "2.6"), "-n 2.6 should be a whole number or 'auto'"),
            (("--color", "cmyk"), 'Choose from: "auto", "lab"'),
            (("--smothing", "1"), "Did you mean --smoothing?"),
        ],
    )
    def test_wrong_options_are_told_in_words(
        self, tmp_path, picture, capsys, arguments, words
    ):
        done = run("segment", picture, "-o", tmp_path / "a.tif", *arguments)
        assert done == cli.WRONG_INPUT
        refused(capsys, words, "ee napari-emseg segment --help")

    def test_places_without_access_are_named(self, tmp_path, monkeypatch):
        """The message tells nothing of temporary files."""
        target = tmp_path / "a.tif"

        def refuse(temporary, *args, **options):
            raise PermissionError(13, "Permission denied", str(temporary))

        monkeypatch.setattr(tifffile, "imwrite", refuse)
        with pytest.raises(PermissionError) as caught:
            write_labels(target, np.ones((3, 3), np.uint8))
        start = f"{target} cannot be written (Permission denied); choose another place"
        assert str(caught.value).startswith(start)

    @pytest.mark.parametrize("target", ["labels", "overlay"])
    def test_files_are_kept_unless_forced(self, picture, tmp_path, capsys, target):
        places = {"labels": tmp_path / "a.tif", "overlay": tmp_path / "b.png"}
        places[target].write_text("precious")
        before = names(tmp_path)
        command = ("segment", picture, "-o", places["labels"])
        command += ("--overlay", places["overlay"])
        assert run(*command) == cli.WRONG_INPUT
        refused(capsys, str(places[target]), "exists already", "--force")
        assert places[target].read_text() == "precious"
        assert names(tmp_path) == before
        assert run(*command, "--force") == 0
        assert read_labels(places["labels"]).shape == (40, 60)

    def test_places_that_cannot_be(self, picture, tmp_path, capsys):
        before = names(tmp_path)
        other = tmp_path / "other.png"
        for arguments, reason in (
            ([picture, "-o", picture, "--force"], "is the image itself"),
            ([picture, "-o", tmp_path / "a.gif"], "use one of .tif"),
            ([picture, "-o", tmp_path / "no" / "a.tif"], "there is no folder"),
            (
                [picture, "-o", other, "--overlay", other],
                "cannot be labels and overlay",
            ),
            ([picture, other, "-o", picture], "several images need a folder"),
            ([picture, other, "-o", tmp_path / "a.tif"], "several images need a"),
            (
                [picture, "-o", picture / "new"],
                "halves.png/new cannot be made (Not a directory); choose another place",
            ),
            ([picture, picture, "-o", tmp_path / "d"], "2 images are named 'halves'"),
        ):
            assert run("segment", *arguments) == cli.WRONG_INPUT
            refused(capsys, reason)
            assert names(tmp_path) == before

    @pytest.mark.parametrize("place", ["a.tif", "out", "new/out"])
    def test_no_work_is_done_for_a_place_without_access(
        self, picture, tmp_path, capsys, monkeypatch, place
    ):
        monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
        monkeypatch.setattr(treatment, "iter_segment", None)
        before = names(tmp_path)
        assert run("segment", picture, "-o", tmp_path / place) == cli.WRONG_INPUT
        refused(capsys, f"{picture}: nothing can be written to {tmp_path}")
        assert names(tmp_path) == before

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (MemoryError("Unable to allocate 9 GiB"), "not enough memory; take a part"),
            (ImportError("needs the package pymatting"), "needs the package pymatting"),
        ],
    )
    def test_what_the_machine_lacks_is_told_of_its_image(
        self, picture, tmp_path, capsys, monkeypatch, error, words
    ):
        def lacking(*_, **__):
            raise error

        monkeypatch.setattr(treatment, "iter_segment", lacking)
        assert run("segment", picture, "-o", tmp_path / "a.tif") == cli.WRONG_INPUT
        refused(capsys, f"{picture}: ", words)

    def test_what_of_a_file_is_left_out_is_told(self, picture, tmp_path, capsys):
        image = read_image(picture)[0]
        with tifffile.TiffWriter(tmp_path / "two.tif") as file:
            file.write(image, photometric="rgb")
            file.write(image[:9], photometric="rgb")
        assert run("segment", tmp_path / "two.tif", "-o", tmp_path / "out") == 0
        said = capsys.readouterr().err
        assert said.startswith("napari-emseg: two.tif: of 2 images")
        assert said.count("\n") == 1

    def test_a_stack_needs_tiff(self, tmp_path, capsys):
        tifffile.imwrite(
            tmp_path / "s.tif",
            np.eye(9, dtype=np.uint8)[None].repeat(2, 0),
            photometric="minisblack",
        )
        places = ("-o", tmp_path / "a.tif", "--overlay", tmp_path / "b.png")
        status = run("segment", tmp_path / "s.tif", *places, "--n-classes", "2")
        assert status == cli.WRONG_INPUT
        refused(capsys, "stack of 3 axes; use .tif")
        assert names(tmp_path) == ["s.tif"]

    def test_full_disk(self, picture, tmp_path, capsys, monkeypatch):
        def full(target, *_, **__):
            target.write_bytes(b"half a file")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(tifffile, "imwrite", full)
        assert run("segment", picture, "-o", tmp_path / "a.tif") == cli.WRONG_INPUT
        refused(capsys, "No space left")
        assert names(tmp_path) == ["halves.png"]

    def test_interrupted(self, picture, tmp_path, capsys, monkeypatch):
        def interrupted(target, *_, **__):
            target.write_bytes(b"half a file")
            raise KeyboardInterrupt

        monkeypatch.setattr(tifffile, "imwrite", interrupted)
        assert run("segment", picture, "-o", tmp_path / "a.tif") == cli.INTERRUPTED
        refused(capsys, "interrupted")
        assert names(tmp_path) == ["halves.png"]


class TestTerminal:
    @pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
    def test_bars_on_a_terminal_only(self, picture, tmp_path):
        import pty

        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            pytest.skip(f"there is no pseudo terminal: {error}")
        command = [sys.executable, "-m", "napari_emseg", "segment", str(picture), "-o"]
        done = subprocess.run(
            [*command, str(tmp_path / "a.tif")],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            env=os.environ | {"TERM": "xterm"},
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += (part := os.read(ours, 4096))
            except OSError:  # the end of a pseudo terminal, on Linux
                break
            if not part:
                break
        os.close(ours)
        image, _ = read_image(picture)
        for stage in {step.stage for step in emseg.iter_segment(image, emseg.Params())}:
            assert stage.encode() in shown
        assert b"halves.png: 4 classes" in done.stdout
        assert b"\x1b" not in done.stdout
        done = subprocess.run(
            [*command, str(tmp_path / "b.tif")], capture_output=True, check=True
        )
        assert done.stderr == b""

    def test_names_that_a_terminal_cannot_show(self, picture, tmp_path):
        """Are shown as far as it can: a redirected Windows console is no UTF-8."""
        named = picture.rename(tmp_path / "Öl 雪.png")
        command = [sys.executable, "-m", "napari_emseg", "sweep", str(named), "-n", "2"]
        done = subprocess.run(
            [*command, "--smoothing", "0", "-o", str(tmp_path / "sheet.png")],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": "ascii"},
            check=False,
        )
        assert done.returncode == 0
        assert done.stdout.startswith(rb"\xd6l \u96ea.png: 1 setting")
        # The usual font of matplotlib does not have them all.
        (told,) = done.stderr.splitlines()
        words = rb"the font of figures lacks 1 letter of the name \xd6l \u96ea.png"
        assert told.startswith(rb"napari-emseg: \xd6l \u96ea.png: " + words)

    def test_napari_is_not_loaded(self, picture, tmp_path):
        code = (
            "import sys; from napari_emseg.cli import main\n"
            "assert main(sys.argv[1:]) == 0\n"
            "assert not {'napari', 'qtpy', 'PyQt6', 'matplotlib'} & {*sys.modules}"
        )
        command = [sys.executable, "-c", code, "segment", str(picture)]
        subprocess.run(
            [*command, "-o", str(tmp_path / "a.png")], check=True, capture_output=True
        )


class TestWindow:
    def open(self, monkeypatch, *paths):
        """Return the layers that a window would show, and their files."""
        shown = []
        monkeypatch.setattr(window, "why_no_window", lambda: "")
        monkeypatch.setattr(window, "show", lambda *given: shown.extend(given) or True)
        assert run("open", *paths) == 0
        return shown

    def test_open_shows_labels_on_their_picture(
        self, picture, tmp_path, monkeypatch, capsys
    ):
        """What the command wrote, and what the panel saved, knows its picture."""
        out = tmp_path / "out.tif"
        assert run("segment", picture, "-o", out, "-n", "2") == 0
        (_, (labels, _, kind)), paths = self.open(monkeypatch, out)
        assert (kind, paths) == ("labels", [picture, out])
        path = tmp_path / "saved.emseg.tif"
        about = {
            "napari-emseg": "0",
            "layer": {"scale": [2, 3], "names": {"1": "red"}},
            "image": {"name": "mine", "path": picture.name, "as_stored": True},
        }
        write_labels(path, labels, metadata=about)
        (image, again), paths = self.open(monkeypatch, path)
        assert paths == [picture, path]
        np.testing.assert_array_equal(image[0], read_image(picture)[0])
        np.testing.assert_array_equal(again[0], labels)
        assert (image[1]["name"], image[2], again[2]) == ("mine", "image", "labels")
        assert image[1]["scale"] == again[1]["scale"] == [2, 3]
        assert again[1]["features"]["name"] == ["red"]
        # The picture is not opened twice, nor if it is another one by now.
        shown, paths = self.open(monkeypatch, picture, path)
        assert ([one[2] for one in shown], paths) == (
            ["image", "labels"],
            [picture, path],
        )
        capsys.readouterr()
        write_picture(picture, np.zeros((4, 5, 3), np.uint8), force=True)
        assert self.open(monkeypatch, path)[1] == [path]
        refused(capsys, "its picture", "another one")
        picture.unlink()
        assert self.open(monkeypatch, path)[1] == [path]
        refused(capsys, "is not there", "'mine'")

    def test_open_shows_every_image(self, picture, tmp_path, monkeypatch):
        channels = tmp_path / "channels.tif"
        tifffile.imwrite(
            channels,
            np.ones((2, 8, 9), np.uint8),
            imagej=True,
            metadata={"axes": "CYX"},
        )
        shown, paths = self.open(monkeypatch, picture, channels)
        (one, about, _), (two, channels_about, _) = shown
        # One channel is not what its file is.
        assert paths == [picture, None]
        np.testing.assert_array_equal(one, read_image(picture)[0])
        assert about == {"name": "halves", "rgb": one.ndim == 3}
        assert two.shape == (8, 9, 2)
        assert channels_about == {
            "name": "channels",
            "channel_axis": 2,
            "axis_labels": ("y", "x"),
            "metadata": {OF_ONE_FILE: str(tmp_path / "channels.tif")},
        }

    def test_open_refuses_without_a_display_or_an_image(
        self, picture, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr(window, "why_no_window", lambda: "there is no display")
        assert run("open", picture) == cli.WRONG_INPUT
        refused(capsys, "there is no display")
        assert run("open", tmp_path / "none.png") == cli.WRONG_INPUT
        refused(capsys, "does not exist")

    def test_screenshot_of_the_window(self, picture, tmp_path):
        if reason := window.why_no_window():
            pytest.skip(reason)
        target = tmp_path / "window.png"
        done = subprocess.run(
            [sys.executable, "-m", "napari_emseg", "open", str(picture)],
            env=os.environ | {window.SCREENSHOT: str(target)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        shot = read_image(target)[0].astype(int)[..., :3]
        assert shot.shape == (800, 1280, 3)
        for color in (RED, BLUE):  # of the picture, and of the classes upon it
            assert (np.abs(shot - color).max(axis=-1) < 30).sum() > 20_000

    def test_demo_without_a_display(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        for _ in range(2):  # the second time, too
            assert run("demo") == 0
            said = capsys.readouterr()
            if sys.platform.startswith("linux"):
                assert "there is no display" in said.err
            for name in ("coffee_labels.tif", "coffee_overlay.png"):
                path = Path("demo-output", name)
                assert str(path) in said.out
                assert path.stat().st_size > 1000

    def test_demo_with_points(self, tmp_path, capsys, monkeypatch):
        shown = []
        monkeypatch.setattr(window, "show_points", lambda: shown.append(1) or True)
        monkeypatch.setattr(window, "why_no_window", lambda: "")
        assert run("demo", "--points", "-o", tmp_path) == 0
        assert shown == [1]
        assert not (tmp_path / "points_ellipses.png").exists()
        monkeypatch.setattr(window, "why_no_window", lambda: "there is no display")
        for _ in range(2):
            assert run("demo", "--points", "-o", tmp_path / "new") == 0
        said = capsys.readouterr()
        assert "there is no display" in said.err
        assert "1000 points: 4 classes" in said.out
        assert names(tmp_path / "new") == ["points_ellipses.png", "points_learning.png"]
        for path in (tmp_path / "new").iterdir():
            assert read_image(path)[0].std() > 10  # something is drawn

    @pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="for X11 and Wayland"
    )
    def test_a_display_that_does_not_answer(self, monkeypatch):
        monkeypatch.setenv("DISPLAY", ":9999")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
        assert "could not connect to display" in window.why_no_window()
        monkeypatch.delenv("DISPLAY")
        assert window.why_no_window() == "there is no display"


class TestDeclaredWhite:
    """A picture of 12 bits that is dark all over, whose file tells its white."""

    @pytest.fixture
    def dark(self, tmp_path):
        path = tmp_path / "dark.tif"
        means = np.array([[60, 40, 30], [300, 500, 200], [700, 300, 150]])
        rng = np.random.default_rng(0)
        pixels = means[np.arange(60) // 20][:, None] + rng.integers(-9, 9, (60, 50, 3))
        tags = [(341, "H", 3, (4095,) * 3, True)]
        pixels = pixels.astype(np.uint16)
        tifffile.imwrite(path, pixels, photometric="rgb", extratags=tags)
        return path

    def test_it_is_handed_on_and_kept_in_the_recipe(self, tmp_path, dark):
        labels, overlay = tmp_path / "labels.tif", tmp_path / "overlay.png"
        what = [dark, "-o", labels, "--overlay", overlay, "-n", 3]
        assert run("segment", *what) == 0
        image = read_image(dark)[0]
        expected = emseg.segment(image, n_classes=3, full_scale=4095)
        np.testing.assert_array_equal(read_labels(labels), expected.labels)
        drawn = read_image(overlay)[0].reshape(-1, 3).max()
        assert drawn == np.rint(255 * expected.class_colors.max())
        recipe = emseg.Recipe.load(labels)
        np.testing.assert_array_equal(recipe.replay(image), expected.labels)
        assert "full_scale=4095.0" in recipe.to_python("dark.tif", "again.tif")

    def test_an_image_of_fewer_bits_is_not_black(self, tmp_path, dark):
        labels = tmp_path / "labels.tif"
        assert run("segment", dark, "-o", labels, "-n", 3) == 0
        bytes_ = (read_image(dark)[0] // 16).astype(np.uint8)
        found = emseg.Recipe.load(labels).replay(bytes_)
        np.testing.assert_array_equal(found, emseg.segment(bytes_, n_classes=3).labels)
