"""``python -m napari_emseg`` is the command ``napari-emseg``."""

from __future__ import annotations

import sys

from napari_emseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
