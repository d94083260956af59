"""Twenty seconds of a monkey at the window. `python -m tests.benchmarks.monkey 1200` for twenty minutes."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from hrm_studio.main_window import MainWindow
from hrm_studio.theme import Theme
from tests.support.monkey import Monkey, keep_in_the_cage

SECONDS = 20


def widgets() -> Counter[str]:
    """How many there are of each type, once nothing is left to be cleared away."""
    gc.unfreeze()  # importing torch freezes what there is then, windows among it
    for _ in range(3):  # what Qt deletes frees what Python held, and the other way round
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
    tops = QApplication.topLevelWidgets()
    return Counter(type(widget).__name__ for top in tops for widget in [top, *top.findChildren(QWidget)])


def test_a_monkey_breaks_nothing_and_leaves_nothing(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in_the_cage(monkeypatch)
    before = widgets()
    window = MainWindow(Theme("light"))
    window.show()
    window.begin()
    monkey = Monkey(window, seed=1, folder=tmp_path)
    monkey.play(SECONDS)
    assert monkey.done.total() > 50
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    del window, monkey
    assert widgets() - before == Counter()
