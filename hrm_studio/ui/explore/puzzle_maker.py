"""Get another puzzle: generate one by clues, rating or length of path, or take the next example."""

from __future__ import annotations

import qtawesome
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QStackedWidget, QVBoxLayout, QWidget

from hrm_model.tasks.base import Task
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.generator import default_clues, fewest_clues
from hrm_model.tasks.sudoku.ladder import levels_there
from hrm_model.tasks.sudoku.rating import LEVELS
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.explore import ExploreModel
from hrm_studio.theme import Palette


def task_title(task: Task) -> str:
    """'9×9', '9×9 jigsaw', 'Maze 11×11'."""
    if isinstance(task, MazeTask):
        return f"Maze {task.rows}×{task.columns}"
    return task.variant.title if isinstance(task, SudokuTask) else task.name.upper()


class PuzzleMaker(QWidget):
    """Choose a task and a difficulty; buttons reason about a new puzzle or the next example."""

    def __init__(self, explore: ExploreModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explore = explore
        self.task = QComboBox(toolTip="Kind and size of the puzzle", accessibleName="Kind and size of the puzzle")
        self.task.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.kind = QComboBox(toolTip="How the difficulty is set", accessibleName="How the difficulty is set")
        self.clues = QSpinBox(toolTip="Number of clues: fewer is usually harder", accessibleName="Clues", suffix=" clues")
        self.rating = QComboBox(toolTip="The hardest technique that a person needs for the puzzle", accessibleName="Rating")
        self.path = QSpinBox(
            toolTip="The least number of moves from start to goal", accessibleName="Shortest path", prefix="≥ ", suffix=" moves"
        )
        self.nothing = QWidget()
        self.values = QStackedWidget()
        for widget in (self.clues, self.rating, self.path, self.nothing):
            self.values.addWidget(widget)
        self.generate = QPushButton("Generate", toolTip="Make a new puzzle with one solution and reason about it (Ctrl+G)")
        self.example = QPushButton(
            "Next example", toolTip="Reason about the next bundled puzzle, or the next one of the opened file (Ctrl+E)"
        )
        self.position = QLabel(wordWrap=True, objectName="muted", visible=False)
        top, middle, bottom = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        top.addWidget(QLabel("Another puzzle", objectName="heading"), 1)
        top.addWidget(self.task)
        middle.addWidget(self.kind, 1)
        middle.addWidget(self.values, 1)
        bottom.addWidget(self.generate)
        bottom.addWidget(self.example)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for row in (top, middle, bottom):
            layout.addLayout(row)
        layout.addWidget(self.position)
        self.generate.clicked.connect(self._generate)
        self.example.clicked.connect(lambda: explore.show_example(self.chosen()))
        self.task.currentIndexChanged.connect(self._task_chosen)
        self.kind.currentIndexChanged.connect(self._kind_chosen)
        explore.puzzle.changed.connect(self._puzzle_changed)
        explore.example_shown.connect(self._show_position)
        self._fill_tasks()

    def chosen(self) -> Task:
        return task_named(self.task.currentData())

    def show_icons(self, colours: Palette) -> None:
        self.generate.setIcon(qtawesome.icon("mdi6.dice-5-outline", color=colours.text))
        self.example.setIcon(qtawesome.icon("mdi6.book-open-page-variant-outline", color=colours.text))

    def _fill_tasks(self) -> None:
        wanted = self._explore.puzzle.task.name
        names = [task.name for task in self._explore.tasks()]
        if names != [self.task.itemData(i) for i in range(self.task.count())]:
            self.task.blockSignals(True)
            self.task.clear()
            for task in self._explore.tasks():
                self.task.addItem(task_title(task), task.name)
            self.task.blockSignals(False)
        self.task.blockSignals(True)
        self.task.setCurrentIndex(self.task.findData(wanted))
        self.task.blockSignals(False)
        self._task_chosen()

    def _puzzle_changed(self) -> None:
        if self._explore.puzzle.task.name != self.task.currentData():
            self._fill_tasks()
        self._show_position()

    def _show_position(self) -> None:
        position = self._explore.position
        self.position.setText(f"Puzzle {position} in the file")
        self.position.setVisible(bool(position))

    def _task_chosen(self) -> None:
        task = self.chosen()
        self.generate.setEnabled(task.known_rules)
        self.example.setEnabled(task.known_rules or bool(self._explore.arc.tasks))
        self.kind.setVisible(task.known_rules)
        self.kind.clear()
        if isinstance(task, SudokuTask):
            self.clues.setRange(fewest_clues(task.variant), task.cells - 1)
            self.clues.setValue(default_clues(task.variant))
            self.rating.clear()
            for level in levels_there(task.variant):
                self.rating.addItem(LEVELS[level].capitalize(), level)
            for title, name in (("by clues", "clues"), ("by rating", "rating"), ("minimal", "minimal")):
                self.kind.addItem(title, name)
        elif isinstance(task, MazeTask):
            self.path.setRange(1, task.rows * task.columns // 2)
            self.path.setValue(task.side)
            for title, name in (("any", "minimal"), ("by path", "path")):
                self.kind.addItem(title, name)
        else:
            self.kind.addItem("any", "minimal")

    def _kind_chosen(self) -> None:
        shown = {"clues": self.clues, "rating": self.rating, "path": self.path}.get(self.kind.currentData())
        self.values.setVisible(shown is not None)
        if shown is not None:
            self.values.setCurrentWidget(shown)

    def _generate(self) -> None:
        kind, task = self.kind.currentData(), self.chosen()
        if kind == "clues":
            self._explore.make(task, clues=self.clues.value())
        elif kind == "rating":
            self._explore.make(task, rating=self.rating.currentData())
        elif kind == "path":
            self._explore.make(task, min_path=self.path.value())
        else:
            self._explore.make(task)
