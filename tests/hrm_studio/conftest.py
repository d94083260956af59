"""The studio's window, for all tests of the studio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pytestqt.qtbot import QtBot

from hrm_studio.main_window import MainWindow
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from tests.support.runs import kill_trainers
from tests.support.windows import NewWindow


class PatientBot(QtBot):
    """Gives up after four minutes instead of five seconds: on a busy machine everything may take twenty times as long."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 240_000) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = 240_000, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **more)


@pytest.fixture(autouse=True)
def _no_trainer_is_left(tmp_path: Path) -> Iterator[None]:
    """A trainer outlives the studio, and would outlive a test that fails."""
    yield
    if next(tmp_path.rglob("log.txt"), None) is not None:
        kill_trainers(tmp_path)


@pytest.fixture
def qtbot(qapp: object, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


@pytest.fixture
def new_window(qtbot: QtBot) -> Iterator[NewWindow]:
    """Makes windows that are closed after the test: `new_window(mode="light", size=None, show=True)`."""
    windows: list[MainWindow] = []

    def make(mode: Literal["light", "dark"] = "light", size: tuple[int, int] | None = None, show: bool = True) -> MainWindow:
        window = MainWindow(Theme(mode))
        qtbot.addWidget(window)
        windows.append(window)
        if size:
            window.resize(*size)
        if show:
            window.show()
        return window

    yield make
    for window in windows:
        window.close()


@pytest.fixture
def window(new_window: NewWindow) -> MainWindow:
    return new_window()


@pytest.fixture
def traces(qtbot: QtBot) -> TraceModel:
    return TraceModel()


@pytest.fixture
def selection(qtbot: QtBot) -> Selection:
    return Selection()
