"""Files are whole or not there, of several writers one wins, and nothing is left."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_emseg.io import safe_write
from napari_emseg.io.files import read_labels, write_labels, write_picture, write_text
from napari_emseg.io.safe_write import check_target, fitting_name, new_file

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)
PICTURE = np.zeros((3, 4, 3), np.uint8)
posix = pytest.mark.skipif(os.name != "posix", reason="files of POSIX")
WRITERS = {
    ".tif": lambda path, **how: write_labels(path, LABELS, **how),
    ".png": lambda path, **how: write_labels(path, LABELS, **how),
    ".jpg": lambda path, **how: write_picture(path, PICTURE, **how),
    ".json": lambda path, **how: write_text(path, "{}", (".json",), **how),
    ".csv": lambda path, **how: write_text(path, "a,b", (".csv",), **how),
}
each_format = pytest.mark.parametrize("ending", WRITERS)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@each_format
@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_one_wins(ending, links, tmp_path, monkeypatch):
    """Also where a file system has no links, as FAT."""
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    for number in range(10):
        path, start = tmp_path / f"{number}{ending}", threading.Barrier(4)

        def write(path=path, start=start):
            start.wait()
            try:
                WRITERS[ending](path)
            except FileExistsError:
                return 0
            return 1

        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(write) for _ in range(4)]
        assert sum(future.result() for future in found) == 1
    assert names(tmp_path) == sorted(f"{number}{ending}" for number in range(10))


def no_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


@posix
@each_format
@pytest.mark.parametrize("stem", ["a", "天", "a b\n"])
@pytest.mark.parametrize("size", [200, 246, 255])
def test_names_as_long_as_can_be(ending, stem, size, tmp_path):
    room = size - len(ending)
    stem = (stem * room).encode()[:room].decode("utf-8", "ignore")
    path = tmp_path / f"{stem}{ending}"
    WRITERS[ending](path)
    WRITERS[ending](path, force=True)
    assert names(tmp_path) == [path.name]


@posix
@each_format
def test_longer_names_are_told_before_the_work(ending, tmp_path):
    for name in ("a" * 256 + ending, "天" * 85 + ending):
        size = len(name.encode())
        with pytest.raises(
            OSError, match=f"{size} bytes, but 255 are possible"
        ) as told:
            check_target(tmp_path / name, (ending,), force=False)
        assert "napari-emseg-" not in str(told.value)


@pytest.mark.parametrize("stem", ["a", "天", "a天", "\udcff", "é" * 3 + "\udce9"])
def test_stems_that_are_cut(stem):
    for count in (1, 60, 80, 300):
        name = fitting_name(stem * count, "_labels.tif")
        assert name.endswith("_labels.tif")
        assert len(os.fsencode(name)) <= 255
        if len(os.fsencode(stem * count)) <= 244:
            assert name == f"{stem * count}_labels.tif"


@posix
class TestWhatIsNoFile:
    """It is refused in words, before the work and when writing, forced or not."""

    @pytest.fixture(params=["pipe", "socket", "device", "loop", "folder", "ring"])
    def place(self, request, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # names of sockets are short
        path = tmp_path / "a.tif"
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind("a.tif")
        elif request.param == "device":
            path.symlink_to("/dev/null")
        elif request.param == "loop":
            path.symlink_to(path)
        elif request.param == "ring":
            path.symlink_to("b.tif")
            (tmp_path / "b.tif").symlink_to("a.tif")
        else:
            path.mkdir()
        return path

    @pytest.mark.parametrize("force", [True, False])
    def test_refused(self, place, force):
        before, mode = names(place.parent), place.lstat().st_mode
        words = (
            "a.tif (is a pipe or|is a folder|cannot be written: symbolic links lead)"
        )
        for act in (check, write, write_anyhow):
            with pytest.raises((OSError, ValueError), match=words) as told:
                act(place, force)
            assert "\n" not in str(told.value)
        assert (names(place.parent), place.lstat().st_mode) == (before, mode)


def check(path, force):
    check_target(path, (".tif",), force=force)


def write(path, force):
    write_labels(path, LABELS, force=force)


def write_anyhow(path, force):
    with new_file(path, force=force) as temporary:
        temporary.write_text("x")


@posix
def test_links_are_followed(tmp_path):
    """To a file, to one that is not there yet, and through a folder."""
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    for name, target in (("a.tif", "real/a.tif"), ("b.tif", "folder/b.tif")):
        link = tmp_path / name
        link.symlink_to(target)
        write_labels(link, LABELS)
        with pytest.raises(FileExistsError):
            write_labels(link, LABELS)
        write_labels(link, LABELS + 1, force=True)
        assert link.is_symlink()
        np.testing.assert_array_equal(read_labels(tmp_path / target), LABELS + 1)
    (tmp_path / "c.tif").symlink_to("missing/c.tif")
    with pytest.raises(FileNotFoundError, match=r"no folder .*missing; make it first"):
        check_target(tmp_path / "c.tif", (".tif",), force=True)
    assert names(tmp_path / "real") == ["a.tif", "b.tif"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_permissions_are_kept(mode, tmp_path):
    path = tmp_path / "a.tif"
    write_labels(path, LABELS)
    path.chmod(mode)
    write_labels(path, LABELS + 1, force=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@each_format
@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "files may not be as large there"),
        (errno.EIO, "choose another place"),
    ],
)
def test_faults_of_the_disk_name_the_file_and_a_remedy(
    ending, number, remedy, tmp_path, monkeypatch
):
    def fail(_):
        raise OSError(number, os.strerror(number))

    path = tmp_path / f"a{ending}"
    WRITERS[ending](path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=remedy) as told:
        WRITERS[ending](path, force=True)
    assert str(told.value).startswith(
        f"{path} cannot be written ({os.strerror(number)}"
    )
    assert path.read_bytes() == before
    assert names(tmp_path) == [path.name]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
import numpy as np
from napari_emseg.io.files import write_labels, write_picture, write_text
noise = np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)
folder, = sys.argv[1:]
for name, write in {
    "a.tif": lambda path: write_labels(path, noise[..., 0]),
    "a.png": lambda path: write_labels(path, noise[..., 0]),
    "b.jpg": lambda path: write_picture(path, noise),
    "a.csv": lambda path: write_text(path, "x" * 9999, (".csv",)),
}.items():
    try:
        write(f"{folder}/{name}")
    except OSError as error:
        print(error)
"""


@posix
def test_files_that_may_not_be_so_large(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()
    assert len(said) == 4
    for line, name in zip(said, ("a.tif", "a.png", "b.jpg", "a.csv"), strict=True):
        assert line.startswith(f"{tmp_path / name} cannot be written (")
    assert names(tmp_path) == []


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    told = []
    sync, rename = os.fsync, safe_write._rename

    def note(file):
        told.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        sync(file)

    def note_name(*args, **how):
        told.append("name")
        rename(*args, **how)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(safe_write, "_rename", note_name)
    write_labels(tmp_path / "a.tif", LABELS)
    assert told == ["file", "name"] + ["folder"] * hasattr(os, "O_DIRECTORY")


WAITING = """
import sys, time
from pathlib import Path
from napari_emseg.io.safe_write import new_file
with new_file(Path(sys.argv[1]), force=False) as temporary:
    temporary.write_text("half a file")
    print("ready", flush=True)
    time.sleep(100)
"""


@posix
class TestLeftovers:
    @pytest.fixture
    def writer(self, tmp_path):
        """Another process that is about to write."""
        with subprocess.Popen(
            [sys.executable, "-c", WAITING, tmp_path / "other.tif"],
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout.readline() == b"ready\n"
            yield process
            process.kill()

    def test_those_of_a_killed_process_are_removed(self, writer, tmp_path):
        assert len(names(tmp_path)) == 1
        write_labels(tmp_path / "a.tif", LABELS)
        assert len(names(tmp_path)) == 2  # the other one lives
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert len(names(tmp_path)) == 2
        write_labels(tmp_path / "b.tif", LABELS)
        assert names(tmp_path) == ["a.tif", "b.tif"]

    def test_those_of_this_process_live(self, tmp_path):
        with new_file(tmp_path / "a.tif", force=False) as temporary:
            write_labels(tmp_path / "b.tif", LABELS)
            temporary.write_text("whole")
        assert (tmp_path / "a.tif").read_text() == "whole"

    def test_without_locks_only_old_ones_are_removed(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(safe_write.fcntl, "flock", refuse)
        old, new = (tmp_path / f".napari-emseg-{c * 16}.tif" for c in "ab")
        for path in (old, new):
            path.touch()
        yesterday = time.time() - 25 * 3600
        os.utime(old, (yesterday, yesterday))
        write_labels(tmp_path / "a.tif", LABELS)
        assert names(tmp_path) == [new.name, "a.tif"]

    @pytest.mark.parametrize(
        "name",
        [
            ".napari-emseg-notes",
            ".napari-emseg-0123456789abcde.tif",
            ".napari-emseg-0123456789ABCDEF.tif",
            "x.napari-emseg-0123456789abcdef.tif",
            ".a.01234567.tif",
        ],
    )
    def test_other_files_are_left_alone(self, name, tmp_path):
        (tmp_path / name).write_text("mine")
        write_labels(tmp_path / "a.tif", LABELS)
        assert (tmp_path / name).read_text() == "mine"

    def test_what_a_link_leads_to_is_left_alone(self, tmp_path):
        (tmp_path / "mine").write_text("mine")
        link = tmp_path / ".napari-emseg-0123456789abcdef.tif"
        link.symlink_to(tmp_path / "mine")
        write_labels(tmp_path / "a.tif", LABELS)
        assert (tmp_path / "mine").read_text() == "mine"
