"""A slider that removes clues, or brings them back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from hrm_model.tasks.sudoku.generator import fewest_clues
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.difficulty import Difficulty

_FEWEST = {4: 4, 6: 8, 9: 17}  # least clues of a puzzle with one solution (9×9: arXiv 1201.0749)


class DifficultySlider(QWidget):
    """Left is harder, right easier. Sliding back brings back the same puzzles."""

    def __init__(self, difficulty: Difficulty, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._difficulty = difficulty
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Difficulty: number of clues")
        self.slider.setToolTip(
            "Removes or adds clues one by one, then lets the model reason again.\n"
            "The puzzle always has one solution. Sliding back brings back the same clues."
        )
        self.count = QLabel("", objectName="muted")
        row = QHBoxLayout()
        row.addWidget(QLabel("Difficulty", objectName="heading"))
        row.addStretch()
        row.addWidget(self.count)
        ends = QHBoxLayout()
        ends.addWidget(QLabel("harder", objectName="muted"))
        ends.addWidget(self.slider, 1)
        ends.addWidget(QLabel("easier", objectName="muted"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addLayout(ends)
        self.slider.valueChanged.connect(self._slid)
        difficulty.changed.connect(self._show)
        self._show()

    def _slid(self, clues: int) -> None:
        self._difficulty.set_clues(clues)

    def _show(self) -> None:
        difficulty = self._difficulty
        if not difficulty.possible:
            return
        task = difficulty.task
        assert isinstance(task, SudokuTask)
        fewest = difficulty.fewest
        self.slider.blockSignals(True)
        self.slider.setRange(
            min(difficulty.clues, _FEWEST.get(task.side, fewest_clues(task.variant)) if fewest is None else fewest), task.cells
        )
        self.slider.setValue(difficulty.clues)
        self.slider.blockSignals(False)
        minimal = "minimal" if task.side <= 9 else "as few as found"  # of large boards not every clue is tried to the end
        at_end = f"  ·  {minimal}" if fewest == difficulty.clues else ""
        self.count.setText(f"{difficulty.clues} clues{at_end}")
