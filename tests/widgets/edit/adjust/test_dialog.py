"""Adjustments: what their dialogs ask for, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QSlider, QWidget

from napari_emseg import adjust
from napari_emseg.widgets.edit.adjust import adjusted_picture, fields
from napari_emseg.widgets.edit.adjust import dialog as adjustments
from napari_emseg.widgets.edit.adjust.adjusted_picture import NAME
from napari_emseg.widgets.edit.adjust.curve_editor import APART, CurveBox
from napari_emseg.widgets.edit.adjust.dialog import ADJUSTMENTS, Dialog, sample_pixels
from napari_emseg.widgets.edit.adjust.fields import ColorButton, CurvePart

LEFT = Qt.MouseButton.LeftButton
OPTIONS = {
    "Hue and saturation": {"hue": 40.0, "saturation": 0.3, "lightness": -0.2},
    "Brightness and contrast": {"brightness": 0.2, "contrast": 0.3},
    "Curves": {"points": [[0, 20], [100, 180], [255, 255]], "channel": 1},
    "Gamma": {"gamma": 2.0},
    "Replace color": {"color": (200, 30, 30), "by": (0, 0, 255), "tolerance": 40.0},
    "Desaturate": {"amount": 0.7},
    "Blur": {"radius": 4.0},
    "Sharpen": {"amount": 2.0, "radius": 2.0},
    "Inpaint": {"radius": 3.0},
    "Cut out with a soft edge": {"radius": 4},
    "Cut out with hair": {"radius": 16},
}


@pytest.fixture
def parent(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)


@pytest.mark.parametrize("title", ADJUSTMENTS)
def test_dialog_offers_what_the_function_takes(title, parent, picture):
    """As it opens, its options are accepted; each field is one of the parameters."""
    change = ADJUSTMENTS[title].change
    mask = np.arange(40) < np.full((30, 1), 20)
    dialog = Dialog(title, parent, sample_pixels(picture, mask, rgb=True))
    found = change(picture, mask, rgb=True, **dialog.options())
    assert found.shape[:2] == picture.shape[:2]
    assert set(dialog.options()) == set(OPTIONS[title]) - {"channel"}


def test_every_adjustment_through_the_panel(qtbot, viewer, panel, picture):
    """A new layer over the image, changed only where something is selected."""
    image = viewer.add_image(picture, name="noise", rgb=True)
    mask = np.zeros(picture.shape[:2], bool)
    mask[5:20, 8:30] = True
    idle = lambda: panel.background.idle  # noqa: E731
    panel.session.choose(panel.session.plane(), lambda: mask)
    qtbot.waitUntil(idle, timeout=20_000)
    for title, options in OPTIONS.items():
        panel.commands._actions.adjust(title, options)
        qtbot.waitUntil(idle, timeout=20_000)
        (made,) = (x for x in viewer.layers if title.lower() in x.name)
        assert isinstance(made, Image)
        row = ADJUSTMENTS[title]
        expected = row.change(picture, mask, rgb=True, **row.given, **options)
        np.testing.assert_array_equal(made.data, expected)
        if not row.edge:
            np.testing.assert_array_equal(made.data[~mask], picture[~mask])
            assert (made.data[mask] != picture[mask]).any()
        assert viewer.layers.index(made) == viewer.layers.index(image) + 1
        # The next one would go on from there.
        panel.session.undo()
        assert made not in viewer.layers
    np.testing.assert_array_equal(image.data, picture)


class TestAsk:
    """The dialog as it is opened from the panel, while a user works in it."""

    @pytest.fixture
    def open_dialog(self, qtbot, viewer, panel):
        """Return what opens a dialog and lets `use` work in it; its answer is OK."""

        def run(title, use, *, ok=True):
            dialog = panel.commands.forms.ask(title)
            qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
            use(dialog)
            (dialog.accept if ok else dialog.reject)()
            qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)

        return run

    def test_preview_of_a_cut_out_lies_on_a_checkerboard(
        self, qtbot, viewer, panel, picture, open_dialog
    ):
        viewer.add_image(picture, rgb=True, name="noise")
        mask = np.zeros(picture.shape[:2], bool)
        mask[5:20, 8:30] = True
        panel.session.choose(panel.session.plane(), lambda: mask)
        qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)

        def use(dialog):
            seen = viewer.layers[NAME].data
            assert seen.shape == picture.shape
            np.testing.assert_array_equal(seen[12, 18], picture[12, 18])
            assert set(np.unique(seen[22:])) == {90, 140}

        open_dialog("Cut out with a soft edge", use)
        made = viewer.layers["noise cut out with a soft edge"].data
        expected = adjust.cut_out(picture, mask, edge="soft", radius=4)
        np.testing.assert_array_equal(made, expected)

    def test_live_preview(self, qtbot, viewer, panel, picture, open_dialog):
        image = viewer.add_image(
            picture, rgb=True, name="noise", scale=(2, 3), rotate=20
        )
        seen = []

        def use(dialog):
            (slider,) = dialog.fields["Amount"].widget.findChildren(QSlider)
            for key in (Qt.Key.Key_Home, Qt.Key.Key_PageUp):
                QTest.keyClick(slider, key)
                qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
                layer = viewer.layers[NAME]
                seen.append(layer.data.copy())
                np.testing.assert_allclose(
                    layer.data_to_world((9, 30)), image.data_to_world((9, 30))
                )
                options = dialog.options()
                expected = adjust.desaturate(picture, rgb=True, **options)
                np.testing.assert_array_equal(seen[-1], expected)
            assert panel.image.count() == 1
            dialog.preview.setChecked(False)
            assert NAME not in viewer.layers

        open_dialog("Desaturate", use)
        assert abs(seen[0].astype(int) - picture).max() <= 1
        assert (seen[0] != seen[1]).any()
        assert NAME not in viewer.layers
        np.testing.assert_array_equal(viewer.layers["noise desaturate"].data, seen[1])

    def test_cancel_leaves_nothing(self, viewer, picture, open_dialog):
        viewer.add_image(picture, rgb=True, name="noise")
        open_dialog("Gamma", lambda _: None, ok=False)
        assert [layer.name for layer in viewer.layers] == ["noise"]

    def test_of_large_images_fewer_pixels(self, viewer, open_dialog, monkeypatch):
        monkeypatch.setattr(adjusted_picture, "PIXELS", 500)
        ramp = np.linspace(0, 255, 60 * 80).reshape(60, 80).astype(np.uint8)
        stack = viewer.add_image(np.stack([ramp] * 3), name="ramp", scale=(5, 1, 1))
        viewer.dims.set_current_step(0, 2)

        def use(dialog):
            shown = viewer.layers[NAME]
            assert shown.data.shape == (1, 15, 20)
            expected = adjust.blur(ramp[::4, ::4], radius=3 / 4)
            np.testing.assert_array_equal(shown.data[0], expected)
            np.testing.assert_allclose(
                shown.data_to_world((0, 5, 7)), stack.data_to_world((2, 20, 28))
            )

        open_dialog("Blur", use)
        assert viewer.layers["ramp blur"].data.shape == (1, 60, 80)


class TestSubject:
    def test_mean_is_that_of_the_selection(self, picture):
        mask = np.zeros(picture.shape[:2], bool)
        mask[3, 7] = mask[29, 39] = True
        found = sample_pixels(picture, mask, rgb=True)
        np.testing.assert_allclose(found.mean, picture[mask].mean(axis=0) / 255)
        assert found.restore(found.mean) == np.rint(picture[mask].mean(axis=0)).tolist()

    def test_of_a_large_selection_some_pixels_do(self, rng):
        large = np.repeat(rng.integers(0, 256, (1500, 1, 4)), 2000, axis=1)
        found = sample_pixels(large.astype(np.uint8), None, rgb=True)
        assert found.pixels.shape[1] == 3
        assert len(found.pixels) < 4 * adjustments.SAMPLE
        np.testing.assert_allclose(
            found.mean, large[..., :3].mean(axis=(0, 1)) / 255, atol=0.03
        )

    def test_units_are_those_of_the_image(self):
        gray = np.linspace(-2, 6, 90, dtype=np.float32).reshape(9, 10)
        found = sample_pixels(gray, gray > 2, rgb=False)
        assert (found.low, found.high) == (-2, 6)
        assert found.restore([0, 0.5, 1]) == [-2, 2, 6]
        assert len(found.mean) == 3
        assert found.histogram()[: fields.BINS // 2].sum() == 0
        assert found.histogram().sum() == (gray > 2).sum()


class TestReplaceColor:
    def test_from_the_mean_of_the_selection_to_a_chosen_color(
        self, parent, monkeypatch
    ):
        picture = np.full((6, 8, 3), (200, 30, 30), np.uint8)
        picture[:, 4:] = (20, 160, 40)
        mask = np.zeros((6, 8), bool)
        mask[:3, :4] = True
        dialog = Dialog("Replace color", parent, sample_pixels(picture, mask, rgb=True))
        blue = QColor(0, 0, 255)
        monkeypatch.setattr(fields.QColorDialog, "getColor", lambda *_: blue)
        button = dialog.fields["By"].widget
        assert isinstance(button, ColorButton)
        assert button.text() == "#c81e1e"
        QTest.mouseClick(button, LEFT)
        options = dialog.options()
        assert (options["color"], options["by"]) == ([200, 30, 30], [0, 0, 255])
        changed = adjust.replace_color(picture, None, rgb=True, **options)
        np.testing.assert_array_equal(
            changed[:, :4], np.broadcast_to(255 * np.eye(3)[2], (6, 4, 3))
        )
        np.testing.assert_array_equal(changed[:, 4:], picture[:, 4:])

    def test_no_color_chosen(self, qtbot, monkeypatch):
        button = ColorButton([0.5, 0.2, 0.1])
        qtbot.addWidget(button)
        monkeypatch.setattr(fields.QColorDialog, "getColor", lambda *_: QColor())
        QTest.mouseClick(button, LEFT)
        assert button.color == [0.5, 0.2, 0.1]


class TestCurve:
    @pytest.fixture
    def box(self, qtbot):
        box = CurveBox([1, 4, 2])
        qtbot.addWidget(box)
        box.resize(256, 256)
        box.show()
        return box

    def press(self, box, point):
        QTest.mousePress(box, LEFT, pos=box.spot(point).toPoint())

    def drag(self, box, start, stop):
        self.press(box, start)
        QTest.mouseMove(box, box.spot(stop).toPoint())
        QTest.mouseRelease(box, LEFT, pos=box.spot(stop).toPoint())

    def test_a_click_makes_a_point_that_can_be_dragged(self, box):
        told = []
        box.changed.connect(lambda: told.append(box.points))
        self.drag(box, (0.5, 0.5), (0.3, 0.8))
        assert len(box.points) == 3
        assert len(told) == 2
        np.testing.assert_allclose(box.points[1], (0.3, 0.8), atol=0.01)

    def test_points_keep_their_order_and_stay_inside(self, box):
        self.drag(box, (0.3, 0.3), (0.3, 0.4))
        self.drag(box, (0.6, 0.6), (-1, 2))
        x, y = np.array(box.points).T
        assert (np.diff(x) >= APART * 0.99).all()
        assert y.min() >= 0
        assert y.max() == 1

    def test_ends_go_up_and_down(self, box):
        self.drag(box, (0, 0), (0.5, 0.4))
        np.testing.assert_allclose(box.points, [(0, 0.4), (1, 1)], atol=0.01)

    def test_double_click_and_delete_remove_points_but_the_ends(self, box):
        for x in (0.3, 0.6):
            QTest.mouseClick(box, LEFT, pos=box.spot((x, x)).toPoint())
        QTest.mouseDClick(box, LEFT, pos=box.spot((0.3, 0.3)).toPoint())
        assert len(box.points) == 3
        QTest.mouseClick(box, LEFT, pos=box.spot((0.6, 0.6)).toPoint())
        QTest.keyClick(box, Qt.Key.Key_Delete)
        assert len(box.points) == 2
        QTest.keyClick(box, Qt.Key.Key_Delete)
        assert len(box.points) == 2

    def test_arrow_keys(self, box):
        QTest.mouseClick(box, LEFT, pos=box.spot((0.5, 0.5)).toPoint())
        x, y = box.current
        for key in ("Up", "Up", "Right"):
            QTest.keyClick(box, getattr(Qt.Key, f"Key_{key}"))
        np.testing.assert_allclose(box.current, (x + 0.01, y + 0.02))
        QTest.keyClick(box, Qt.Key.Key_Space)
        assert box.current == (1, 1)

    def test_options_are_in_the_units_of_the_image(self, qtbot, picture):
        part = CurvePart(sample_pixels(picture, None, rgb=True))
        qtbot.addWidget(part)
        assert part.options() == {"points": [[0, 0], [255, 255]]}
        part.channel.setCurrentText("Green")
        assert part.options()["channel"] == 1
        gray = CurvePart(sample_pixels(picture[..., 0], None, rgb=False))
        qtbot.addWidget(gray)
        assert not gray.channel.isVisibleTo(gray)
        found = adjust.curves(picture, None, rgb=True, **part.options())
        np.testing.assert_array_equal(found, picture)
