"""The puzzle side of Explore without its window."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.tasks.read import parse_any
from hrm_studio.models.explore import ExploreModel
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.puzzle_panel import PuzzlePanel

MAZE = "#######\n#S    #\n##### #\n#   # #\n# # # #\n# #  G#\n#######"


class Rig:
    """The panel around an ExploreModel whose reasoner only notes what it is asked."""

    def __init__(self, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.qtbot = qtbot
        monkeypatch.setattr(Reasoner, "reason", lambda _, path, grid, task, **more: self.asked.append(task.format_line(grid)))
        traces = TraceModel()
        self.reasoner = Reasoner()
        self.settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
        self.explore = ExploreModel(self.settings, ModelChoice(bundled_models()), traces, Selection(), Player(traces), self.reasoner)
        self.puzzle = self.explore.puzzle
        self.panel = PuzzlePanel(self.explore, Theme("light"))
        qtbot.addWidget(self.panel)
        self.panel.resize(300, 720)
        self.panel.show()
        self.panel.edit_on_board()

    def show(self, text: str) -> None:
        self.puzzle.replace(*parse_any(text))
        self.checked()

    def checked(self) -> str:
        self.qtbot.waitUntil(lambda: self.puzzle.check is not None)
        assert self.puzzle.check is not None
        return self.puzzle.check.state
