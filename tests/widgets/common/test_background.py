"""The queue of a panel: order, errors, cancellation, previews."""

from __future__ import annotations

import threading
import warnings
from functools import partial

import pytest
from qtpy.QtTest import QTest

from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.widgets.common.background import BackgroundQueue


class Log:
    """A queue, and what it called."""

    def __init__(self, qtbot):
        self.qtbot = qtbot
        self.errors, self.busy, self.done = [], [], []
        self.queue = BackgroundQueue(self.errors.append, self.busy.append)
        self.gate = threading.Event()

    def wait(self):
        self.gate.set()
        self.qtbot.waitUntil(lambda: self.queue.idle, timeout=20_000)

    def hold(self, name):
        """Start a job that ends when the gate is opened."""
        self.queue.run(lambda: self.gate.wait(20) and name, self.done.append)


@pytest.fixture
def log(qtbot):
    log = Log(qtbot)
    yield log
    log.gate.set()
    log.queue.close()


def test_commands_find_what_was_before_them_done(log):
    seen = []
    log.hold("one")
    for name in ("two", "three"):

        def command(name=name):
            seen.append(list(log.done))
            log.hold(name)

        log.queue.do(command)
    assert log.queue.waiting == 2
    assert not seen
    log.wait()
    assert seen == [["one"], ["one", "two"]]
    assert log.done == ["one", "two", "three"]
    assert log.busy[0] is True
    assert log.busy[-1] is False


def test_errors_are_raised_at_once_or_reported_later(log):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        log.queue.do(fail)
    log.hold("one")
    log.queue.do(fail)
    log.queue.do(lambda: log.hold("two"))
    log.wait()
    assert log.errors == ["no"]
    assert log.done == ["one", "two"]


def test_cancel_leaves_nothing_behind(log):
    calls = []
    log.hold("one")
    log.queue.do(lambda: calls.append("command"))
    assert log.queue.cancel()
    assert not log.queue.running
    log.wait()
    assert (log.done, calls, log.errors) == ([], [], [])
    assert not log.queue.cancel()


def test_cancel_of_the_last_command(log):
    calls = []
    log.hold("one")
    log.queue.do(lambda: calls.append("two"))
    log.queue.do(lambda: calls.append("three"))
    assert log.queue.cancel(last=True)
    log.wait()
    assert (log.done, calls) == (["one"], ["two"])


def test_a_canceled_generator_is_closed_at_its_next_step(log):
    closed = threading.Event()

    def steps():
        try:
            while True:
                yield log.gate.wait(20)
        finally:
            closed.set()

    log.queue.run(steps, log.done.append, on_step=log.done.append)
    log.queue.cancel()
    log.wait()
    assert log.done == []
    log.queue.run(steps, log.done.append, on_step=log.done.append)
    log.qtbot.waitUntil(lambda: len(log.done) > 3, timeout=20_000)
    log.queue.cancel()
    log.wait()
    assert closed.is_set()
    assert set(log.done) == {True}


def test_a_step_that_fails_ends_its_job(log):
    def fail(value):
        raise RuntimeError(f"no place for {value}")

    log.queue.run(lambda: iter_once("a", "b"), log.done.append, on_step=fail)
    log.queue.do(lambda: log.hold("next"))
    log.wait()
    assert log.errors == ["RuntimeError: no place for a"]
    assert log.done == ["next"]


def iter_once(*steps):
    """Yield steps, and return what is no result if a step failed."""
    yield from steps
    return "result"


def test_the_latest_preview_replaces_those_of_its_kind(log):
    log.hold("job")
    for name in ("a", "b"):
        log.queue.preview(lambda name=name: name, log.done.append)
        log.queue.preview(lambda name=name: name * 2, log.done.append, "double")
    log.wait()
    assert log.done == ["job", "b", "bb"]


def test_a_command_waits_while_another_shows_a_dialog(log):
    def dialog():
        log.queue.preview(lambda: "preview", log.done.append)
        QTest.qWait(200)
        log.done.append("closed")

    log.hold("job")
    log.queue.do(dialog)
    log.queue.do(lambda: log.done.append("next"))
    log.wait()
    assert log.done == ["job", "preview", "closed", "next"]


def test_nothing_is_called_after_the_end(log):
    log.hold("one")
    log.queue.do(lambda: log.done.append("two"))
    log.queue.close()
    log.gate.set()
    QTest.qWait(100)
    assert log.done == []


class TestWarnings:
    """They belong to the job, whatever other threads do with Python's filters."""

    def test_two_jobs_at_the_same_time(self, qtbot):
        both = threading.Barrier(2, timeout=20)
        said = {"one": [], "two": []}

        def work(name):
            for _ in range(3):
                both.wait()
                warn_user(f"{name} is small")
            warn_user(f"{name} is dark")

        queues = []
        for name, messages in said.items():
            queue = BackgroundQueue(messages.append, on_warning=messages.append)
            queue.run(partial(work, name), lambda _: None)
            queues.append(queue)
        qtbot.waitUntil(lambda: all(q.idle for q in queues), timeout=20_000)
        for queue in queues:
            queue.close()
        for name, messages in said.items():
            assert messages == [f"{name} is small", f"{name} is dark"]

    @pytest.mark.parametrize("action", ["ignore", "error"])
    def test_beside_a_worker_that_diverts_them(self, qtbot, action):
        """As workers of napari do."""
        messages, diverted = [], threading.Event()
        done = threading.Event()

        def other():
            with warnings.catch_warnings(record=True):
                warnings.simplefilter(action)
                diverted.set()
                done.wait(20)

        thread = threading.Thread(target=other)
        thread.start()
        queue = BackgroundQueue(messages.append, on_warning=messages.append)

        def work():
            diverted.wait(20)
            warn_user("it is small")
            yield
            warn_user("it is small")

        queue.run(work, lambda _: done.set())
        qtbot.waitUntil(lambda: queue.idle, timeout=20_000)
        done.set()
        thread.join()
        queue.close()
        assert messages == ["it is small"]

    def test_of_canceled_jobs_and_previews_are_not_shown(self, log):
        messages = []
        queue = BackgroundQueue(messages.append, on_warning=messages.append)
        queue.preview(lambda: warn_user("preview"), lambda _: None)
        queue.run(lambda: log.gate.wait(20) and warn_user("job"), log.done.append)
        queue.cancel()
        log.gate.set()
        log.qtbot.waitUntil(lambda: queue.idle, timeout=20_000)
        queue.close()
        assert not messages


def test_closed_it_calls_nothing_and_opened_again_it_works(log):
    calls = []
    log.hold("one")
    log.queue.do(lambda: calls.append("command"))
    log.queue.preview(lambda: 1, calls.append)
    log.queue.close()
    assert log.queue.idle
    log.queue.do(lambda: calls.append("late"))
    log.queue.run(lambda: 1, calls.append)
    log.queue.preview(lambda: 1, calls.append)
    log.wait()
    QTest.qWait(50)
    assert (log.done, calls, log.errors) == ([], [], [])
    log.queue.open()
    log.hold("two")
    log.wait()
    assert log.done == ["two"]
