"""Let the tests import the recipes beside them, and leave scripts to the recipes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore = ["colors.py", "script.py", "stack.py"]
