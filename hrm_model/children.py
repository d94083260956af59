"""Child processes of this Python find packages where this process does: by PYTHONPATH, in a user's folder, in a notebook's path."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def search_path() -> list[str]:
    """sys.path for a child that may run in another folder, with the folder of this code at its end."""
    return list(dict.fromkeys([*(os.path.abspath(place) for place in sys.path), str(Path(__file__).parents[1])]))


def child_environment() -> dict[str, str]:
    """The environment for a child process that runs this code."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search_path())}
