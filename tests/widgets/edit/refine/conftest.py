"""A picture and its labels in a viewer without a window, and a panel's session."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emseg.layers import coverage, find_selection
from napari_emseg.layers.geometry import Plane
from napari_emseg.layers.recipe_log import recipe_of
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.edit.actions import Actions
from napari_emseg.widgets.edit.session import Session

COLORS = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]], np.uint8)


def truth():
    """Return (40, 60) labels: a dark ground, a red block, two bright ones."""
    labels = np.ones((40, 60), np.uint8)
    labels[8:20, 10:30] = 2
    labels[26:36, 6:16] = 3
    labels[26:36, 40:54] = 3
    return labels


class Desk(SimpleNamespace):
    """Session, actions and layers; gestures are given points."""

    @property
    def plane(self):
        return self.session.plane()

    @property
    def layer(self):
        return find_selection(self.viewer, self.labels)

    @property
    def selected(self):
        if self.layer is None:
            return np.zeros(self.labels.data.shape[-2:], bool)
        return coverage(Plane(self.layer, self.plane.at))

    @property
    def done(self):
        return [action.text for action in self.session.action_history.done]

    def wait(self):
        self.qtbot.waitUntil(lambda: self.background.idle, timeout=20_000)

    def drag(self, gesture, points, mode="new"):
        gesture.press(self.plane, points[0], (0.0, 0.0), mode)
        for point in points[1:]:
            gesture.drag(point, (0.0, 0.0))
        gesture.release()
        self.wait()

    def replayed(self):
        """Replay the recipe, after filling what is selected; return what was filled."""
        Actions(self.session).fill(9)
        self.wait()
        recipe = recipe_of(self.viewer, self.labels)
        assert (recipe.replay(self.image.data).labels == self.labels.data).all()
        return recipe


@pytest.fixture
def desk(qtbot):
    viewer, classes = ViewerModel(), truth()
    noise = np.random.default_rng(1).integers(0, 4, (*classes.shape, 1))
    image = viewer.add_image((COLORS[classes - 1] + noise).astype(np.uint8), rgb=True)
    labels = viewer.add_labels(classes.copy())
    errors = []
    background = BackgroundQueue(errors.append)
    session = Session(viewer, background)
    session.image, session.labels = image, labels
    yield Desk(
        qtbot=qtbot,
        viewer=viewer,
        truth=classes,
        image=image,
        labels=labels,
        errors=errors,
        background=background,
        session=session,
    )
    assert errors == []
    session.close()
