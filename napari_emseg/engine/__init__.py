"""The mathematics: numpy, scipy and OpenCV only, plain keyword arguments."""

from __future__ import annotations

import os

import cv2

# The plain OpenCV wheel brings a Qt 5 and points every Qt of the process at its
# plugins, where Qt 6 may fail to start. No window of OpenCV is used here.
for _name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
    if os.environ.get(_name, "").startswith(os.path.dirname(cv2.__file__)):  # noqa: PTH120
        del os.environ[_name]
