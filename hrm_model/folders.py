"""The folders for settings, runs and downloads."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path, user_log_path


def home() -> Path:
    """$HRM_STUDIO_HOME, else the user's data folder: settings, runs, recent models."""
    named = os.environ.get("HRM_STUDIO_HOME")
    return Path(named) if named else user_data_path("hrm-studio", appauthor=False)


def cache() -> Path:
    """For what can be made again, such as unpacked archives."""
    named = os.environ.get("HRM_STUDIO_HOME")
    return Path(named) / "cache" if named else user_cache_path("hrm-studio", appauthor=False)


def logs() -> Path:
    """Log files of the studio and the command line. A run keeps its own log in its directory."""
    named = os.environ.get("HRM_STUDIO_HOME")
    return Path(named) / "logs" if named else user_log_path("hrm-studio", appauthor=False)
