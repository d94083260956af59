"""A slider that takes clues away, or gives them back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.difficulty import Difficulty

_FEWEST = {4: 4, 6: 8, 9: 17}  # clues that a puzzle with one solution needs (9×9: arXiv 1201.0749)


class DifficultySlider(QWidget):
    """Left is harder, right easier; the same way back gives the same puzzles."""

    def __init__(self, difficulty: Difficulty, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._difficulty = difficulty
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Difficulty: number of clues")
        self.slider.setToolTip(
            "Takes clues away or fills blanks in, one at a time, and thinks about the puzzle again.\n"
            "The puzzle keeps its one solution; sliding back gives back the same clues."
        )
        self.told = QLabel("", objectName="muted")
        row = QHBoxLayout()
        row.addWidget(QLabel("Difficulty", objectName="heading"))
        row.addStretch()
        row.addWidget(self.told)
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
        self.slider.setRange(min(difficulty.clues, _FEWEST[task.side] if fewest is None else fewest), task.cells)
        self.slider.setValue(difficulty.clues)
        self.slider.blockSignals(False)
        at_end = "  ·  none can go" if fewest == difficulty.clues else ""
        self.told.setText(f"{difficulty.clues} clues{at_end}")
