"""A monkey clicks and types at the window for a while; `python -m tests.benchmarks.monkey 1200` lets it play for twenty minutes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_studio.main_window import MainWindow
from hrm_studio.theme import Theme
from tests.support.monkey import Monkey, keep_in_the_cage, widgets_by_type

ACTIONS, SECONDS = 600, 20  # whichever comes first


def test_a_monkey_breaks_nothing_and_leaves_nothing(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in_the_cage(monkeypatch)
    before = widgets_by_type()
    window = MainWindow(Theme("light"))
    window.show()
    window.begin()
    monkey = Monkey(window, seed=1, folder=tmp_path)
    monkey.play(SECONDS, ACTIONS)
    assert monkey.done.total() > 50
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    del window, monkey
    assert widgets_by_type() - before == Counter()
