"""Warnings for the user, kept with the run that they are of.

Python's filters and `warnings.catch_warnings` are shared by all threads: of two runs at
a time, one would get the messages of both, or none.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import currentframe
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = str(Path(__file__).parents[1])
_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


def warn_user(message: str) -> None:
    """Warn of something in the input, or in what is made of it.

    Parameters
    ----------
    message : str
        What was found, and what to do.

    Notes
    -----
    Inside of `collect_warnings` the message is collected. Otherwise it is a
    `UserWarning` at the line that called this package.

    Examples
    --------
    >>> with collect_warnings() as messages:
    ...     warn_user("2 classes found where 3 were asked for")
    >>> messages
    ['2 classes found where 3 were asked for']
    """
    messages = _collected.get()
    if messages is None:
        warnings.warn(message, stacklevel=_outside())
    elif message not in messages:
        messages.append(message)


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collect what `warn_user` says in this thread, each message once.

    Yields
    ------
    list of str
        The messages so far.
    """
    messages: list[str] = []
    token = _collected.set(messages)
    try:
        yield messages
    finally:
        _collected.reset(token)


def _outside() -> int:
    """Return how many calls away from `warn_user` the caller of the package is."""
    frame, level = currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
