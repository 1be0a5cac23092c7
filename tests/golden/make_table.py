"""Compare the labels of all recipes with the table; with ``--write``, make it anew.

The names of recipes that differ are printed, one a line, and so are those that only one
of the two has. Exit status: 0 all are equal, 1 some are not.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

import cv2

from recipes import RECIPES, digest, expected

TABLE = Path(__file__).with_name("labels.json")


def main() -> int:
    """Run the command."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the table")
    parser.add_argument("--threads", type=int, help="threads of OpenCV")
    given = parser.parse_args()

    if given.threads is not None:
        cv2.setNumThreads(given.threads)
    old = expected() if TABLE.exists() else {}
    new = {name: digest(recipe()) for name, recipe in RECIPES.items()}
    differ = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    print("\n".join(differ), end="\n" if differ else "")
    if given.write:
        text = json.dumps(new, indent=1, ensure_ascii=False)
        TABLE.write_text(f"{text}\n", "utf-8")
        return 0
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
