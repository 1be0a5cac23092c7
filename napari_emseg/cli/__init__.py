"""The command ``napari-emseg``; it imports napari only when it opens a window.

Until it is loaded, which takes seconds, Ctrl-C ends it at once.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED, TERMINATED = 130, 143

__all__ = ["main"]


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command, as a process of its own.

    Parameters
    ----------
    tokens : sequence of str, optional
        Arguments of the command; those of the process if not given.

    Returns
    -------
    int
        Exit status: 130 if it was interrupted, otherwise as
        `napari_emseg.cli.app.main`.
    """
    ours = threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, _leave)
    from napari_emseg.cli.app import load
    from napari_emseg.cli.app import main as run

    load(tokens)  # the long part of the imports
    if ours:
        # Interrupted or terminated, it removes what it has half written.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)
    try:
        return run(tokens)
    except KeyboardInterrupt:
        _tell()
        return INTERRUPTED
    finally:
        if ours:
            signal.signal(signal.SIGINT, _leave)


def _leave(*_: Any) -> NoReturn:
    """End at once, where there is nothing to put in order."""
    _tell()
    os._exit(INTERRUPTED)


def _tell() -> None:
    os.write(2, b"napari-emseg: interrupted\n")


def _terminate(*_: Any) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(TERMINATED)
