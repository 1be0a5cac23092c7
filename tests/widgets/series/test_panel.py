"""A folder, picture after picture, in a real viewer."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from qtpy.QtCore import QSettings

import napari_emseg as emseg
from napari_emseg.cli.app import main
from napari_emseg.io.files import read_labels, write_labels, write_picture
from napari_emseg.layers.classes import class_name, rename_class
from napari_emseg.widgets.series import label_saver, picture_files
from napari_emseg.widgets.series import panel as module
from napari_emseg.widgets.series.browser_page import MODEL
from napari_emseg.widgets.series.panel import BrowserWidget

COLORS = np.uint8([[40, 30, 90], [190, 120, 160], [90, 180, 120]])


def picture(seed):
    rng = np.random.default_rng(seed)
    image = COLORS[rng.permutation(3)].repeat(6, axis=0)[:, None].repeat(20, axis=1)
    return (
        (image.astype(int) - rng.integers(0, 6, image.shape)).clip(0, 255).astype("u1")
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five pictures; what panels remember is forgotten after the test."""
    ini = QSettings.Format.IniFormat
    QSettings.setPath(ini, QSettings.Scope.UserScope, str(tmp_path / "remembered"))
    monkeypatch.setattr(module, "REST", 10)
    found = tmp_path / "pictures"
    found.mkdir()
    for n in range(5):
        write_picture(found / f"p{n}.png", picture(n))
    return found


def wait(qtbot, panel):
    qtbot.waitUntil(lambda: panel.idle, timeout=20_000)


def docked(viewer):
    panel = BrowserWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Pictures")
    return panel


@pytest.fixture
def panel(viewer, folder, qtbot):
    found = docked(viewer)
    found.open_folder(folder)
    wait(qtbot, found)
    return found


def result_of(viewer):
    [found] = [one for one in viewer.layers if isinstance(one, Labels)]
    return found


def segment(viewer):
    [image] = [one for one in viewer.layers if isinstance(one, Image)]
    seg = emseg.segment(image.data, n_classes=3, smoothing=0)
    return emseg.add_to(viewer, seg, image)


def states(panel):
    return [one.state for one in panel.pictures]


@pytest.mark.whole_window
def test_five_pictures_an_edit_in_each_and_on_where_it_was(
    viewer, panel, folder, qtbot, hand
):
    panel.page.new.setCurrentText(MODEL)
    layer = segment(viewer)
    rename_class(layer, 1, "dark")
    kept = []
    for n in range(5):
        layer = result_of(viewer)
        assert layer.name == f"p{n} classes"
        layer.paint((n, n), 3 if layer.data[n, n] != 3 else 2)
        kept.append(layer.data.copy())
        hand.key("PageDown")
        wait(qtbot, panel)
    assert states(panel) == ["edited"] * 5
    for n, labels in enumerate(kept):
        np.testing.assert_array_equal(read_labels(folder / f"p{n}.emseg.tif"), labels)
        recipe = emseg.Recipe.load(folder / f"p{n}.emseg.json")
        np.testing.assert_array_equal(recipe.replay(picture(n)).labels, labels)
    panel.go(2)
    wait(qtbot, panel)
    viewer.window.remove_dock_widget("all")
    viewer.layers.clear()
    again = docked(viewer)
    qtbot.waitUntil(lambda: again.current is not None, timeout=20_000)
    wait(qtbot, again)
    assert again.current == 2
    assert states(again) == ["edited"] * 5
    np.testing.assert_array_equal(result_of(viewer).data, kept[2])
    assert class_name(result_of(viewer), 1) == "dark"
    before = (folder / "p2.emseg.tif").read_bytes()
    again.next()
    wait(qtbot, again)
    assert (folder / "p2.emseg.tif").read_bytes() == before


def test_edits_that_rest_are_saved_and_done_ones_skipped(viewer, panel, folder, qtbot):
    panel.go(1)
    wait(qtbot, panel)
    segment(viewer)
    wait(qtbot, panel)
    assert states(panel) == ["new", "segmented", "new", "new", "new"]
    result_of(viewer).paint((0, 0), 3)
    wait(qtbot, panel)
    assert panel.pictures[1].state == "edited"
    panel.page.skip.setChecked(True)
    panel.go(0)
    wait(qtbot, panel)
    panel.next()
    wait(qtbot, panel)
    assert panel.current == 2
    # A panel that closes saves what no pause has saved before.
    segment(viewer).paint((0, 0), 3)
    wanted = result_of(viewer).data.copy()
    viewer.window.remove_dock_widget("all")
    target = folder / "p2.emseg.json"
    qtbot.waitUntil(target.exists, timeout=20_000)
    np.testing.assert_array_equal(read_labels(folder / "p2.emseg.tif"), wanted)


def test_a_result_that_is_removed_after_an_edit(viewer, panel, folder, qtbot):
    """What was edited is saved, and the panel says that the file stays."""
    layer = segment(viewer)
    wait(qtbot, panel)
    panel._rest.setInterval(60_000)
    layer.paint((0, 0), 1 + layer.data[0, 0] % 3)
    wanted = layer.data.copy()
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
    np.testing.assert_array_equal(read_labels(folder / "p0.emseg.tif"), wanted)
    assert "as its file stays" in panel.page.status.text()
    panel.next()
    wait(qtbot, panel)
    panel.previous()
    wait(qtbot, panel)
    np.testing.assert_array_equal(result_of(viewer).data, wanted)


@pytest.mark.styled
def test_a_long_name_leaves_room_for_the_state(viewer, folder, qtbot):
    long = folder / "a name that is longer than its thumbnail is wide.png"
    write_picture(long, picture(8))
    panel = docked(viewer)
    panel.open_folder(folder)
    wait(qtbot, panel)
    segment(viewer)
    wait(qtbot, panel)
    first, state = panel.page.list.item(0).text().splitlines()
    assert "…" in first
    assert panel.page.list.fontMetrics().horizontalAdvance(first) <= picture_files.SIZE
    assert "segmented" in state


def test_what_is_not_ours_stays(viewer, panel, folder, qtbot):
    other = np.ones((3, 4), np.uint8)
    tifffile.imwrite(folder / "p0.emseg.tif", other)
    tifffile.imwrite(folder / "p1.emseg.tif", other)
    tifffile.imwrite(folder / "p1.png.emseg.tif", other)
    layer = segment(viewer)
    wait(qtbot, panel)
    np.testing.assert_array_equal(tifffile.imread(folder / "p0.emseg.tif"), other)
    np.testing.assert_array_equal(read_labels(folder / "p0.png.emseg.tif"), layer.data)
    panel.next()
    wait(qtbot, panel)
    layer = segment(viewer)
    wait(qtbot, panel)
    assert "are not labels of p1.png" in panel.page.status.text()
    panel.next()
    wait(qtbot, panel)
    assert panel.current == 1
    assert layer in viewer.layers
    np.testing.assert_array_equal(tifffile.imread(folder / "p1.emseg.tif"), other)
    viewer.layers.remove(layer)
    panel.next()
    wait(qtbot, panel)
    assert panel.current == 2


def test_a_folder_without_permission_and_a_file_that_is_none(
    viewer, panel, folder, qtbot, monkeypatch
):
    def refuse(*_, **__):
        raise PermissionError(f"{folder} cannot be written to")

    layer = segment(viewer)
    monkeypatch.setattr(picture_files, "write_with_recipe", refuse)
    panel.next()
    wait(qtbot, panel)
    assert "cannot be written to" in panel.page.status.text()
    assert panel.current == 0
    assert layer in viewer.layers
    monkeypatch.undo()
    (folder / "p1.png").write_bytes(b"no picture")
    panel.next()
    wait(qtbot, panel)
    assert "p1.png" in panel.page.status.text()
    assert (folder / "p0.emseg.tif").exists()
    panel.next()
    wait(qtbot, panel)
    assert panel.current == 2
    assert "unreadable" in panel.page.list.item(1).text()


def test_pictures_of_one_name_have_labels_of_their_own(viewer, qtbot, folder):
    write_picture(folder / "p0.jpg", picture(7))
    panel = docked(viewer)
    panel.open_folder(folder)
    wait(qtbot, panel)
    for name in ("p0.jpg", "p0.png"):
        assert panel.pictures[panel.current].path.name == name
        segment(viewer)
        panel.next()
        wait(qtbot, panel)
        assert (folder / f"{name}.emseg.tif").exists()
    listed = picture_files.list_pictures(folder)
    assert [one.state for one in listed[:3]] == ["segmented", "segmented", "new"]
    assert len(listed) == 6


def test_what_takes_long_is_canceled_and_the_picture_stays(
    viewer, panel, qtbot, monkeypatch, folder
):
    opened, read = Event(), module.read_picture

    def wait_and_read(picture):
        assert opened.wait(20)
        return read(picture)

    monkeypatch.setattr(module, "read_picture", wait_and_read)
    [shown] = viewer.layers
    panel.next()
    qtbot.waitUntil(panel.strip.button.isVisible)
    panel.next()  # which waits
    panel.strip.button.click()
    opened.set()
    wait(qtbot, panel)
    assert (panel.current, [*viewer.layers]) == (0, [shown])
    assert panel.page.list.currentRow() == 0
    assert panel.page.status.text().endswith("Canceled.")
    assert not panel.strip.button.isVisible()
    panel.next()
    wait(qtbot, panel)
    assert panel.current == 1


@pytest.mark.styled
def test_labels_are_saved_though_what_comes_after_is_canceled(
    viewer, panel, qtbot, monkeypatch, folder
):
    saved, save = Event(), label_saver.save_beside

    def wait_and_save(*args):
        assert saved.wait(20)
        return save(*args)

    monkeypatch.setattr(label_saver, "save_beside", wait_and_save)
    segment(viewer)
    panel.next()
    panel.cancel()
    saved.set()
    wait(qtbot, panel)
    assert (panel.current, states(panel)[0]) == (0, "segmented")
    # The state is seen below the name.
    item = panel.page.list.item(0)
    assert item.text().count("\n") == 1
    room = panel.page.list.visualItemRect(item).height() - picture_files.SIZE
    assert room >= 2 * panel.page.list.fontMetrics().lineSpacing()
    assert (folder / "p0.emseg.tif").exists()


def stroke(viewer):
    """Paint one pixel; return the labels that should be saved now."""
    layer = result_of(viewer)
    layer.paint((0, 0), 3 if layer.data[0, 0] != 3 else 2)
    return layer.data.copy()


def in_the_file(path, labels):
    return path.exists() and np.array_equal(read_labels(path), labels)


@pytest.mark.parametrize("way", ["viewer", "layers", "hidden", "end of Python"])
def test_a_stroke_is_saved_whatever_goes_before_it_rests(
    viewer, panel, folder, qtbot, monkeypatch, way
):
    segment(viewer)
    wait(qtbot, panel)
    panel._rest.setInterval(60_000)
    wanted = stroke(viewer)
    if way == "viewer":
        viewer.close()
    elif way == "layers":
        viewer.layers.clear()
    elif way == "hidden":
        panel.parent().close()
    else:
        # Python starts no thread then, and waits for none.
        ended = SimpleNamespace(is_alive=lambda: False)
        monkeypatch.setattr(label_saver, "main_thread", lambda: ended)
        monkeypatch.setattr(label_saver, "Thread", None)
        viewer.window.remove_dock_widget("all")
        assert in_the_file(folder / "p0.emseg.tif", wanted)
    qtbot.waitUntil(lambda: in_the_file(folder / "p0.emseg.tif", wanted), timeout=9000)


def write_other(path, labels):
    """Write labels of a picture as another program of this package does."""
    name = path.name.removesuffix(".emseg.tif")
    about = {"napari-emseg": "1", "image": {"name": name, "path": f"{name}.png"}}
    write_labels(path, labels, force=True, metadata=about)


def test_what_somebody_else_wrote_meanwhile_stays(viewer, panel, folder, qtbot, told):
    segment(viewer)
    wait(qtbot, panel)
    other = np.ones(picture(0).shape[:2], np.uint8)
    write_other(folder / "p0.emseg.tif", other)
    wanted = stroke(viewer)
    panel.next()
    wait(qtbot, panel)
    assert panel.current == 1
    np.testing.assert_array_equal(read_labels(folder / "p0.emseg.tif"), other)
    np.testing.assert_array_equal(read_labels(folder / "p0.edited.emseg.tif"), wanted)
    says = "p0.emseg.tif is not as this panel read or wrote it"
    assert says in panel.page.status.text()
    assert [severity for severity, text in told if says in text] == ["warning"]
    # In this panel it goes on with its own.
    panel.previous()
    wait(qtbot, panel)
    wanted = stroke(viewer)
    wait(qtbot, panel)
    np.testing.assert_array_equal(read_labels(folder / "p0.edited.emseg.tif"), wanted)
    assert says not in panel.page.status.text()
    assert len(picture_files.list_pictures(folder)) == 5
    assert not (folder / "p0.edited2.emseg.tif").exists()
    # The other one is found anew, and it is told that there are two.
    panel.go(1)
    wait(qtbot, panel)
    panel.open_folder(folder, "p0.png")
    wait(qtbot, panel)
    np.testing.assert_array_equal(result_of(viewer).data, other)
    assert "p0.edited.emseg.tif has labels of it, too" in panel.page.status.text()


def test_labels_that_came_meanwhile_are_shown_and_not_replaced_unseen(
    viewer, panel, folder, qtbot
):
    other = np.ones(picture(0).shape[:2], np.uint8)
    for n in range(2):
        write_other(folder / f"p{n}.emseg.tif", other)
    layer = segment(viewer)  # p0 was open as a new one
    wait(qtbot, panel)
    np.testing.assert_array_equal(read_labels(folder / "p0.emseg.tif"), other)
    edited = folder / "p0.edited.emseg.tif"
    np.testing.assert_array_equal(read_labels(edited), layer.data)
    panel.next()
    wait(qtbot, panel)
    [shown] = [one for one in viewer.layers if isinstance(one, Labels)]
    np.testing.assert_array_equal(shown.data, other)


def shades(panel, place):
    """Return the top and the bottom color of a thumbnail."""
    image = panel.page.list.item(place).icon().pixmap(picture_files.SIZE).toImage()
    size = picture_files.SIZE
    return [image.pixelColor(size // 2, y).name() for y in (size - 80, size - 5)]


def test_labels_of_a_picture_that_was_replaced_are_not_taken_for_its_own(
    viewer, panel, folder, qtbot
):
    segment(viewer)
    stroke(viewer)
    wait(qtbot, panel)
    panel.next()
    wait(qtbot, panel)
    before = shades(panel, 0)
    write_picture(folder / "p0.png", picture(0)[::-1], force=True)
    labels = (folder / "p0.emseg.tif").read_bytes()
    panel.previous()
    wait(qtbot, panel)
    says = "p0.png has changed since p0.emseg.tif was made of it"
    assert says in panel.page.status.text()
    assert panel.page.status.text().startswith("0 of 5 pictures done.")
    assert panel.page.list.item(0).text() == "p0.png\n↻ changed since"
    assert shades(panel, 0) == before[::-1] != before
    panel.next()
    wait(qtbot, panel)
    assert (folder / "p0.emseg.tif").read_bytes() == labels
    assert picture_files.list_pictures(folder)[0].state == "changed"
    # Whoever corrects them knows; then they are labels of the new one.
    panel.previous()
    wait(qtbot, panel)
    stroke(viewer)
    wait(qtbot, panel)
    assert states(panel)[0] == "edited"
    assert picture_files.list_pictures(folder)[0].state == "edited"
    # What is open, and replaced, is read anew.
    write_picture(folder / "p0.png", picture(0), force=True)
    panel.open_folder(folder, "p0.png")
    wait(qtbot, panel)
    [image] = [one for one in viewer.layers if isinstance(one, Image)]
    np.testing.assert_array_equal(image.data, picture(0))
    assert says in panel.page.status.text()
    # A copy is the same picture, whenever it was made.
    write_picture(folder / "p0.png", picture(0)[::-1], force=True)
    assert picture_files.list_pictures(folder)[0].state == "edited"


def test_the_record_of_the_command_tells_of_a_picture_that_was_replaced(folder):
    path = folder / "p0.emseg.tif"
    assert main(["segment", str(folder / "p0.png"), "-o", str(path), "-n", "3"]) == 0
    assert picture_files.list_pictures(folder)[0].state == "segmented"
    write_picture(folder / "p0.png", picture(0)[::-1], force=True)
    assert picture_files.list_pictures(folder)[0].state == "changed"


def test_the_last_folder_is_offered_where_something_else_is_open(
    viewer, panel, folder, qtbot
):
    segment(viewer)
    wait(qtbot, panel)
    panel.go(1)
    wait(qtbot, panel)
    panel.go(0)
    wait(qtbot, panel)
    assert result_of(viewer).name == "p0 classes"
    viewer.window.remove_dock_widget("all")
    viewer.layers.clear()
    other = viewer.add_image(picture(0))
    again = docked(viewer)
    offer = "Next opens “pictures” again; the layers that are here stay."
    qtbot.waitUntil(lambda: again.page.status.text() == offer, timeout=5000)
    wait(qtbot, again)
    assert (again.current, [*viewer.layers]) == (None, [other])
    again.next()
    wait(qtbot, again)
    assert again.current == 0
    assert other in viewer.layers
    again.next()
    wait(qtbot, again)
    assert again.current == 1
