"""The command ``napari-emseg``: segment files, or open them in napari.

What a command needs is imported when it is asked for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from cyclopts import App, CycloptsError

from napari_emseg import __version__
from napari_emseg.cli.terminal import (
    DONE,
    INTERRUPTED,
    WRONG_INPUT,
    escape_unknown,
    explain_error,
    status_of,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOGUE = """\
Files that exist are kept unless --force is given. Exit status: 0 done, 1 no picture
of the window, or a picture of a batch or the program failed, 2 wrong input, 130
interrupted."""


class Command(NamedTuple):
    """A command that is imported when it is asked for.

    Attributes
    ----------
    place : str
        Its module in this folder, and its function.
    help : str
        What it does: the docstring of the function.
    arguments : str
        What its usage shows; all that the function takes by default.
    """

    place: str
    help: str
    arguments: str = ""


COMMANDS = {
    "segment": Command(
        "commands:segment",
        "Segment pictures and write their labels.",
        "IMAGES --output PATH",
    ),
    "fit": Command(
        "commands:fit",
        "Fit one model to all pixels of pictures, for segment --model.",
        "IMAGES --output PATH",
    ),
    # The picture comes first: behind a list it would be one more of its values.
    "sweep": Command(
        "commands:sweep",
        "Compare settings of one picture on a sheet: -n 3 5 7 --color rgb lab.",
        "IMAGE --output PATH",
    ),
    "replay": Command(
        "commands:replay",
        "Do what a recipe says again on other pictures, and write their labels.",
        "RECIPE IMAGES --output PATH",
    ),
    "measure": Command(
        "measure_command:measure",
        "Write a table of objects: shapes, and means of channels.",
        "LABELS [IMAGE] -o TABLE",
    ),
    "export": Command(
        "export_command:export",
        "Write labels for QuPath, COCO or ImageJ, or as a mask.",
        "LABELS --output PATH",
    ),
    "open": Command(
        "commands:open_images",
        "Open pictures in napari, with the panel docked; labels with their picture.",
    ),
    "demo": Command(
        "commands:demo",
        "Show a sample in napari; without a display, segment it into files.",
    ),
}

app = App(
    name="napari-emseg",
    help="Color segmentation by K-means and EM, from the command line and in napari.",
    version=__version__,
    help_epilogue=EPILOGUE,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for _name, _command in COMMANDS.items():
    _usage = f"Usage: {app.name[0]} {_name} {_command.arguments} [OPTIONS]"
    app.command(
        f"{__package__}.{_command.place}",
        name=_name,
        help=_command.help,
        usage=_usage if _command.arguments else None,
    )


def load(tokens: Sequence[str] | None = None) -> None:
    """Import what the command needs that is asked for; takes about a second."""
    for token in sys.argv[1:] if tokens is None else tokens:
        if token in COMMANDS:
            app[token]
            return


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    tokens : sequence of str, optional
        Arguments of the command; those of the process if not given.

    Returns
    -------
    int
        Exit status: 0 done, 1 no picture of the window, or the program failed, 2 wrong
        input, 130 interrupted.
    """
    escape_unknown(sys.stdout)
    try:
        status = app(tokens, exit_on_error=False, print_error=False, verbose=False)
    except CycloptsError as error:
        tell(explain_error(error))
        return WRONG_INPUT
    except Exception as error:  # all ends in a line and a status, not in a traceback
        tell(error)
        return status_of(error)
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    return DONE if status is None else int(status)
