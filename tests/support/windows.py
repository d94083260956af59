"""The type of a fixture that makes windows."""

from __future__ import annotations

from collections.abc import Callable

from hrm_studio.main_window import MainWindow

NewWindow = Callable[..., MainWindow]
