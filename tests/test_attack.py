"""A small part of the attack, which `make attack` does at length."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "attack" / "run.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("part", "count"),
    [("files", 507), ("actions", 1000), ("recipes", 400), ("faults", 5), ("kills", 3)],
)
def test_it_finds_nothing(part, count):
    done = subprocess.run(
        [sys.executable, str(RUN), "--part", part, "--count", str(count)],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
