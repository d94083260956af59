"""The folders for settings, runs and downloads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_path, user_data_path, user_log_path


def person() -> Path:
    """The person's own folder; one for temporary files where there is none, as in a container that runs under a number without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())


def home() -> Path:
    """$HRM_STUDIO_HOME, else the user's data folder: settings, runs, recent models."""
    return _named() or user_data_path("hrm-studio", appauthor=False)


def cache() -> Path:
    """For what can be made again, such as unpacked archives."""
    named = _named()
    return named / "cache" if named else user_cache_path("hrm-studio", appauthor=False)


def logs() -> Path:
    """Log files of the studio and the command line. A run keeps its own log in its directory."""
    named = _named()
    return named / "logs" if named else user_log_path("hrm-studio", appauthor=False)


def _named() -> Path | None:
    """The folder that the environment names, or one below the temporary files if the person has none; None: the system's usual folders."""
    named = os.environ.get("HRM_STUDIO_HOME")
    if named:
        return Path(named)
    try:
        Path.home()
    except RuntimeError:  # platformdirs would make a folder called ~
        return person() / f"hrm-studio-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    return None
