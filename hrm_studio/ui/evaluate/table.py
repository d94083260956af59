"""The evaluated puzzles as a table model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from hrm_model.analysis.puzzle_results import PuzzleResult
from hrm_model.tasks.base import Task
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku.rating import LEVELS
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.theme import Theme
from hrm_studio.ui.board.drawing import percent

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

_PLACE = ("Puzzle", "Number of the puzzle")
_HARDNESS: dict[type[Task], tuple[tuple[str, str], ...]] = {
    SudokuTask: (
        ("Clues", "Given digits. Fewer are usually harder"),
        ("Rating", "The hardest technique a person needs"),
    ),
    MazeTask: (("Path moves", "Moves of the shortest path. More are usually harder"),),
}
_OUTCOME = (
    ("Solved", "Whether the answer after the last segment is right. “lost”: it was right before"),
    ("Stable in", "The segment after which the answer no longer changes, right or wrong"),
    (
        "Late drift",
        "How far z_H still moves in a segment (mean ‖Δz_H‖ over the last four). The answer may stay the same while z_H moves on",
    ),
    ("Solved in", "The segment from which the answer stays right"),
    ("Right", "Share of the blank cells whose answer is right at the end, guesses included"),
    ("q_halt", "The model's own judgement at the end. Above 0: it expects its answer to be right"),
    ("Would halt", "The segment after which the model would halt"),
)


def columns_of(task: Task) -> tuple[tuple[str, str], ...]:
    """The columns for a task, each with its tooltip. The difficulty column is named by what it counts: few clues are hard, many moves are."""
    return (_PLACE, *_HARDNESS[type(task)], *_OUTCOME)


def number(row: PuzzleResult, index: int, column: str) -> float:
    """The value to sort and plot by; NaN if there is none."""
    value = {
        "Puzzle": index + 1,
        "Clues": row.difficulty,
        "Path moves": row.difficulty,
        "Rating": row.rating,
        "Solved": 2 if row.solved else 1 if row.ever else 0,
        "Solved in": row.solved_at,
        "Stable in": row.stable_at,
        "Right": row.right,
        "Late drift": row.drift,
        "q_halt": row.q_halt,
        "Would halt": row.halts_at,
    }[column]
    return math.nan if value is None else float(value)


def text(row: PuzzleResult, index: int, column: str) -> str:
    """The text of a table cell."""
    if column == "Rating":
        return LEVELS[row.rating] if row.rating is not None else "–"
    if column == "Solved":
        return "✓" if row.solved else "✗ lost" if row.ever else "✗"
    value = number(row, index, column)
    if math.isnan(value):
        return "–"
    if column == "Right":
        return percent(value)
    if column == "Late drift":
        return f"{value:.2g}"
    return f"{value:.1f}" if column == "q_halt" else f"{value:.0f}"


class ResultTable(QAbstractTableModel):
    """Rows as they arrive, sorted by one column. `rows` keeps the order of arrival."""

    def __init__(self, task: Task, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.columns = columns_of(task)
        self.rows: list[PuzzleResult] = []
        self.order: np.ndarray = np.zeros(0, int)
        self._sort = (0, Qt.SortOrder.AscendingOrder)

    def begin(self, task: Task) -> None:
        """Clear the rows and use the columns of this task."""
        self.beginResetModel()
        self.columns = columns_of(task)
        self.rows, self.order = [], np.zeros(0, int)
        self.endResetModel()

    def add(self, rows: list[PuzzleResult]) -> None:
        if rows:
            self.layoutAboutToBeChanged.emit()
            self.rows.extend(rows)
            self._arrange()
            self.layoutChanged.emit()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort = column, order
        self.layoutAboutToBeChanged.emit()
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, direction = self._sort
        keys = np.array([number(row, k, self.columns[column][0]) for k, row in enumerate(self.rows)])
        # Rows without a value come last in both directions.
        self.order = np.argsort(keys if direction == Qt.SortOrder.AscendingOrder else -keys, kind="stable")

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.columns[section][role == Qt.ItemDataRole.ToolTipRole]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.row() >= len(self.order):
            return None
        place = int(self.order[index.row()])
        row, column = self.rows[place], self.columns[index.column()][0]
        if role == Qt.ItemDataRole.DisplayRole:
            return text(row, place, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignCenter)
        if role == Qt.ItemDataRole.ForegroundRole and column == "Solved":
            return self._theme.palette.color("right" if row.solved else "warning" if row.ever else "wrong")
        return None

    def lines(self) -> str:
        """All rows as CSV, in the order of arrival."""
        head = ",".join(["puzzle_text", *(name.lower().replace(" ", "_") for name, _ in self.columns)])
        body = (",".join([f'"{row.text}"', *(_plain(number(row, k, name)) for name, _ in self.columns)]) for k, row in enumerate(self.rows))
        return "\n".join([head, *body]) + "\n"


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"
