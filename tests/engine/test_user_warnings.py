"""Warnings that belong to a run."""

from __future__ import annotations

import threading
import warnings

import pytest

from napari_emseg.engine.user_warnings import collect_warnings, warn_user


def test_it_points_to_the_caller_of_the_package() -> None:
    with pytest.warns(UserWarning, match="small") as told:
        warn_user("it is small")
    assert told[0].filename == __file__


def test_messages_are_collected_once_each() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with collect_warnings() as messages:
            for message in ("one", "two", "one"):
                warn_user(message)
            with collect_warnings() as inner:
                warn_user("three")
        assert (messages, inner) == (["one", "two"], ["three"])
        with pytest.raises(UserWarning, match="one"):
            warn_user("one")


def test_those_of_another_thread_are_not() -> None:
    heard = []

    def other() -> None:
        with collect_warnings() as messages:
            warn_user("other")
        heard.extend(messages)

    with collect_warnings() as messages:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        warn_user("own")
    assert (messages, heard) == (["own"], ["other"])
