"""What reaches the terminal: one line for each thing, and no sign that it obeys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest

from napari_emseg.batch import treatment
from napari_emseg.cli import app, commands
from napari_emseg.cli.terminal import shown
from napari_emseg.io.files import read_labels
from napari_emseg.recipe import Recipe, Step

posix = pytest.mark.skipif(os.name != "posix", reason="names and signals of POSIX")
COMMAND = [sys.executable, "-m", "napari_emseg"]
NAMES = ("a\x1b[2Jb.png", "\x07.png", "a\x9bb.png", "a\u202eb.png", "a\udcffb.png")
PIXELS = np.repeat(np.array([[9, 200]], np.uint8), [3, 5], axis=1).repeat(6, axis=0)


def run(*tokens):
    return app.main([str(token) for token in tokens])


def make(path):
    path.write_bytes(iio.imwrite("<bytes>", PIXELS, extension=".png"))
    return path


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Öl 雪.png", "Öl 雪.png"),
        ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202e\u2028\ufeff", r"\u202e\u2028\ufeff"),
        ("\udc9b", r"\udc9b"),
        ("a\\b", "a\\b"),
    ],
)
def test_signs_that_are_shown_by_their_numbers(text, seen):
    assert shown(text) == seen


@posix
@pytest.mark.parametrize("name", NAMES)
class TestNames:
    """Of pictures, results, recipes and folders, in each message."""

    def check(self, capsys, name, out, err):
        said = capsys.readouterr()
        for text, lines in ((said.out, out), (said.err, err)):
            assert text.count("\n") == lines
            assert all(line.isprintable() for line in text.splitlines())
            assert not lines or shown(name) in text

    def test_results(self, name, tmp_path, capsys):
        image = make(tmp_path / name)
        target, over = tmp_path / f"of {name}", tmp_path / f"on {name}"
        command = ("segment", image, "-o", target, "--overlay", over, "-n", 2)
        assert run(*command) == 0
        self.check(capsys, name, 1, 0)
        assert run(*command) == 2
        self.check(capsys, name, 0, 1)
        step = Step.of("segment", params={"n_classes": 2, "smoothing": 0})
        recipe = tmp_path / f"{name}.json"
        Recipe(steps=(step,)).save(recipe)
        assert run("replay", recipe, image, "-o", tmp_path / f"{name}.tif") == 0
        self.check(capsys, name, 1, 0)

    def test_what_is_not_there(self, name, tmp_path, capsys):
        for tokens in (
            ("segment", tmp_path / name, "-o", tmp_path / "a.tif"),
            ("replay", tmp_path / name, tmp_path / "a.png", "-o", tmp_path / "a.tif"),
            ("sweep", tmp_path / name, "-o", tmp_path / "a.png"),
            ("open", tmp_path / name),
            ("segment", "a.png", "-o", "a.tif", f"--{name}"),
        ):
            assert run(*tokens) == 2
            self.check(capsys, name, 0, 1)


def test_a_fault_of_the_program_does_not_stop_the_others(tmp_path, capsys, monkeypatch):
    images = [make(tmp_path / f"{name}.png") for name in "abc"]
    segment = treatment.iter_segment
    seen = []

    def fail_once(*args, **options):
        seen.append(args)
        if len(seen) == 2:
            raise ZeroDivisionError("by\nzero")
        return segment(*args, **options)

    monkeypatch.setattr(treatment, "iter_segment", fail_once)
    assert run("segment", *images, "-o", tmp_path / "out", "-n", 2) == 1
    said = capsys.readouterr()
    assert said.out.count("\n") == 2
    assert said.err.count("\n") == 1
    for word in (
        "b.png: this failed by a fault",
        "ZeroDivisionError",
        "by zero",
        ".py:",
    ):
        assert word in said.err
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == ["a_labels.tif", "c_labels.tif"]
    monkeypatch.setattr(commands, "find_places", lambda *_, **__: 1 / 0)
    assert run("sweep", images[0], "-o", tmp_path / "sheet.png") == 1
    assert "fault of the program" in capsys.readouterr().err


# Both wait in short steps: a signal that comes between Python's last look for one and a
# system call is seen at the end of that call only.
LOADING = """
import sys, time
class Wait:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            print("ready", flush=True)
            for _ in range(6000):
                time.sleep(0.01)
sys.meta_path.insert(0, Wait())
from napari_emseg.cli import main
sys.exit(main(["segment", "--help"]))
"""


@posix
@pytest.mark.parametrize(
    "module", ["cyclopts", "cv2", "pydantic", "napari_emseg.recipe"]
)
def test_interrupted_while_it_is_loaded(module):
    """By whoever sees that a name was wrong."""
    with subprocess.Popen(
        [sys.executable, "-c", LOADING, module],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"napari-emseg: interrupted\n")


SLOW = """
import sys, time
import tifffile
from napari_emseg.cli import app, main
def slow(path, *args, **options):
    path.write_bytes(b"half a file")
    print("ready", flush=True)
    for _ in range(6000):
        time.sleep(0.01)
tifffile.imwrite = slow
sys.exit(main(sys.argv[1:]))
"""


@posix
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, b"napari-emseg: interrupted\n"),
        (signal.SIGTERM, 143, b""),
    ],
)
def test_signals_leave_nothing_half_written(number, status, said, tmp_path):
    image = make(tmp_path / "a.png")
    tokens = ["segment", image, "-o", tmp_path / "a.tif", "-n", "2"]
    command = [sys.executable, "-c", SLOW, *tokens]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, said)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@posix
@pytest.mark.parametrize("stem", ["$", "a$b$", r"a$\frac$", "x^{y_"])
def test_names_that_look_like_formulas(stem, tmp_path, capsys):
    """Which matplotlib would set, or refuse when all work is done."""
    image = make(tmp_path / f"{stem}.png")
    tokens = ("-n", 2, "--smoothing", 0, "-o", tmp_path / "sheet.png")
    assert run("sweep", image, *tokens) == 0
    assert f"{stem}.png: 1 setting" in capsys.readouterr().out


@posix
class TestLongNames:
    @pytest.mark.parametrize("stem", ["a" * 251, "天" * 83, "é" * 125])
    def test_results_in_a_folder(self, stem, tmp_path):
        """Their names are cut, so that there can be such files."""
        image = make(tmp_path / f"{stem}.png")
        out = tmp_path / "out"
        assert run("segment", image, "-o", out, "--overlay", out, "-n", 2) == 0
        over, labels = sorted(out.iterdir(), key=lambda path: path.suffix)
        assert over.name.endswith("_overlay.png")
        assert labels.name.endswith("_labels.tif")
        assert read_labels(labels).max() == 2

    def test_names_that_would_be_one(self, tmp_path, capsys):
        images = [make(tmp_path / f"{'a' * 250}{end}.png") for end in "xy"]
        assert run("segment", *images, "-o", tmp_path / "out", "-n", 2) == 2
        assert "so long that all their results" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_too_long_a_name(self, tmp_path, capsys):
        image = make(tmp_path / "a.png")
        for command, ending in (("segment", ".tif"), ("sweep", ".png")):
            target = tmp_path / f"{'天' * 85}{ending}"
            assert run(command, image, "-o", target) == 2
            assert "259 bytes, but 255 are possible" in capsys.readouterr().err
            assert run(command, target, "-o", tmp_path / f"b{ending}") == 2
            said = capsys.readouterr().err
            assert "File name too long; check its name" in said
            assert "Errno" not in said


@posix
@pytest.mark.parametrize("command", ["segment", "sweep"])
def test_links_in_a_circle(command, tmp_path, capsys):
    image, loop = make(tmp_path / "a.png"), tmp_path / "loop.png"
    loop.symlink_to(loop)
    for tokens in ((image, "-o", loop), (image, "-o", loop, "--force")):
        assert run(command, *tokens) == 2
        assert "symbolic links lead in a circle" in capsys.readouterr().err
    assert run(command, loop, "-o", tmp_path / "b.png") == 2
    assert capsys.readouterr().err.count("\n") == 1
