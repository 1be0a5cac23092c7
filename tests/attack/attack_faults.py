"""Raise an error at each line of an action: layers are as before it, or as after.

The session of the panel is the real one, with its queue and its thread. What is called
on layers alone has the same check in tests/layers, which is run with each line, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from napari.components import ViewerModel
from psygnal import EmitLoopError
from qtpy.QtWidgets import QApplication

import napari_emseg as emseg
from napari_emseg import regions
from napari_emseg.layers import ActionHistory, find_selection
from napari_emseg.layers.fit_records import fit_record_of
from napari_emseg.recipe import Step
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.edit.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(emseg.__file__).parent
PLACES = (str(ROOT / "layers"), str(ROOT / "widgets" / "edit" / "session.py"))
SHAPE = (14, 18)
IMAGE = np.random.default_rng(0).integers(0, 99, (*SHAPE, 3), np.uint8)
SEG = emseg.segment(IMAGE, n_classes=3, smoothing=0)
MASK = np.zeros(SHAPE, bool)
MASK[3:9, 4:12] = True


_PYTEST = (sys.executable, "-m", "pytest", "-q", "--no-xvfb")


class LineFault(RuntimeError):
    """Raised where no code expects it."""


class Scene:
    """A viewer with a result, something selected, and a session of the panel."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        image = self.viewer.add_image(IMAGE, rgb=True)
        self.layer = emseg.add_to(self.viewer, SEG, image)
        self.told: list[str] = []
        self.queue = BackgroundQueue(self.told.append)
        self.session = Session(self.viewer, self.queue)
        self.session.image, self.session.labels = image, self.layer
        self.layer.paint((1, 1), 3)
        self.session.choose(
            self.session.plane(), lambda: MASK.T[:14, :14].any() * MASK, "new"
        )
        self.settle()

    def settle(self) -> None:
        """Wait for the queue."""
        end = time.monotonic() + 20
        while not self.queue.idle:
            QApplication.processEvents()
            if time.monotonic() > end:
                raise TimeoutError("the queue does not come to its end")
            time.sleep(0.0005)

    @property
    def state(self) -> Any:
        """All that an action may change."""
        history: ActionHistory = self.session.action_history
        history._sync()
        layers = (self.layer, find_selection(self.viewer, self.layer))
        found = [
            (
                layer.data.dtype.name,
                layer.data.tobytes(),
                [repr(step) for step in layer._undo_history],
                [repr(step) for step in layer._redo_history],
                repr(layer._staged_history),
                repr({**layer.metadata}),
                fit_record_of(layer) is None,
            )
            for layer in layers
            if layer is not None
        ]
        return found, len(history._record.done), len(history._record.undone)

    def close(self) -> None:
        self.session.close()


def choose(scene: Scene) -> None:
    """Select something else."""
    scene.session.choose(scene.session.plane(), lambda: ~MASK, "new")


def choose_step(scene: Scene) -> None:
    """Select by a tool."""
    scene.session.choose(
        scene.session.plane(), lambda: Step.of("wand", point=(2, 2)), "add"
    )


def change(scene: Scene) -> None:
    """Fill what is selected, as the button does."""
    context = scene.session.context(scene.session.plane())
    scene.session.change(lambda: context.record(Step.of("fill", label=2), _fill(scene)))


def _fill(scene: Scene) -> Any:
    return [(scene.layer, regions.fill(scene.layer.data, MASK, 2))]


def apply(scene: Scene) -> None:
    """Apply edits of two layers at once."""
    selection = find_selection(scene.viewer, scene.layer)
    assert selection is not None
    scene.session.apply(
        [
            (scene.layer, regions.merge(scene.layer.data, [1, 2], 2)),
            (selection, regions.Edit.whole(np.zeros(SHAPE, np.uint8))),
        ]
    )


ACTS: tuple[Callable[[Scene], None], ...] = (choose, choose_step, change, apply)


class _Tracer:
    """Counts lines in all threads, and raises at one of them."""

    def __init__(self, line: int) -> None:
        self.line, self.count = line, 0
        self.where = ""

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PLACES):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.line:
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                raise LineFault(self.where)
        return self


def _act(scene: Scene, act: Callable[[Scene], None], line: int) -> _Tracer:
    tracer = _Tracer(line)
    # The thread of the queue exists already: it is made anew, so that it is traced.
    scene.queue._pool.shutdown() if scene.queue._pool is not None else None
    scene.queue._pool = None
    threading.settrace(tracer)
    sys.settrace(tracer)
    try:
        act(scene)
        scene.settle()
    except LineFault:
        pass
    except EmitLoopError as error:
        # A listener of ours met it.
        if not isinstance(error.__cause__, LineFault):
            raise
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    scene.settle()
    return tracer


def _tell(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if not issubclass(kind, LineFault) and not isinstance(error.__cause__, LineFault):
        sys.__excepthook__(kind, error, trace)


def main(most: int, seed: int) -> int:
    """Raise at each line, at most `most` of each act; return the number of faults."""
    app = QApplication.instance() or QApplication([])
    sys.excepthook = _tell  # Qt's own way to tell of what was raised in a slot
    rng = np.random.default_rng(seed)
    faults = cases = 0
    for act in ACTS:
        scene = Scene()
        before = scene.state
        lines = _act(scene, act, 0).count
        after = scene.state
        scene.close()
        if before == after:
            print(f"{act.__name__} does nothing")
            faults += 1
        places = np.arange(1, lines + 1)
        if lines > most:
            places = np.sort(rng.choice(places, most, replace=False))
        stood = 0
        for line in places.tolist():
            scene = Scene()
            tracer = _act(scene, act, line)
            end = scene.state
            if end not in (before, after):
                faults += 1
                print(f"{act.__name__}: {tracer.where}: neither before nor after")
            stood += end == after
            cases += 1
            scene.close()
        print(
            f"{act.__name__}: {len(places)} of {lines} lines, {stood} times it stands"
        )
    del app
    return faults + _layers(most) if most > 15 else faults


def _layers(most: int) -> int:
    """Run the tests of layers alone with more lines than they usually have."""
    more = os.environ | {"FAULT_LINES": str(most)}
    tests = ROOT.parent / "tests" / "layers" / "undo" / "test_action_history.py"
    found = subprocess.run(
        [*_PYTEST, "-k", "fault", "--timeout", "0", str(tests)],
        env=more,
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        check=False,
    )
    print(found.stdout.strip().splitlines()[-1])
    return bool(found.returncode)
