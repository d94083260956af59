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

SECOND = ("B solved in", "The segment from which the second model's answer stays right; – if it does not solve the puzzle")
SHOWN = {"all": "All puzzles", "failures": "Not solved", "differ": "Solved by one model only"}
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


def columns_of(task: Task, *, second: bool = False) -> tuple[tuple[str, str], ...]:
    """The columns for a task, each with its tooltip. The difficulty column is named by what it counts: few clues are hard, many moves are."""
    solved, *rest = _OUTCOME
    return (_PLACE, *_HARDNESS[type(task)], solved, *((SECOND,) if second else ()), *rest)


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
        self.second: list[PuzzleResult] = []  # of a second model on the same puzzles, in the same order
        self.shown = "all"  # a key of SHOWN
        self.order: np.ndarray = np.zeros(0, int)
        self._sort = (0, Qt.SortOrder.AscendingOrder)

    def begin(self, task: Task, *, second: bool = False) -> None:
        """Clear the rows and use the columns of this task. `second`: a second model will run on the same puzzles."""
        self.beginResetModel()
        self.columns = columns_of(task, second=second)
        self.rows, self.second, self.order = [], [], np.zeros(0, int)
        self.endResetModel()

    def show_only(self, shown: str) -> None:
        """List all puzzles, or some: a key of SHOWN. `rows` keeps all of them."""
        self.beginResetModel()
        self.shown = shown
        self._arrange()
        self.endResetModel()

    def add_second(self, rows: list[PuzzleResult]) -> None:
        """More results of the second model."""
        if rows:
            self.layoutAboutToBeChanged.emit()
            self.second.extend(rows)
            self._arrange()
            self.layoutChanged.emit()

    def value(self, place: int, column: str) -> float:
        """The value of a row to sort and plot by; NaN if there is none."""
        if column == SECOND[0]:
            at = self.second[place].solved_at if place < len(self.second) else None
            return math.nan if at is None else float(at)
        return number(self.rows[place], place, column)

    def words(self, place: int, column: str) -> str:
        """The text of a row."""
        if column == SECOND[0]:
            value = self.value(place, column)
            return ("–" if place < len(self.second) else "…") if math.isnan(value) else f"{value:.0f}"
        return text(self.rows[place], place, column)

    def _listed(self) -> np.ndarray:
        """Indices of the rows that are shown."""
        solved = np.array([row.solved for row in self.rows], bool)
        if self.shown == "failures":
            return np.flatnonzero(~solved)
        if self.shown == "differ":
            other = np.array([row.solved for row in self.second], bool)
            return np.flatnonzero(solved[: len(other)] != other[: len(solved)])
        return np.arange(len(self.rows))

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
        listed = self._listed()
        keys = np.array([self.value(k, self.columns[column][0]) for k in listed.tolist()])
        # Rows without a value come last in both directions.
        self.order = listed[np.argsort(keys if direction == Qt.SortOrder.AscendingOrder else -keys, kind="stable")]

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
            return self.words(place, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignCenter)
        if role == Qt.ItemDataRole.ForegroundRole and column == "Solved":
            return self._theme.palette.color("right" if row.solved else "warning" if row.ever else "wrong")
        return None

    def lines(self) -> str:
        """All rows as CSV, in the order of arrival."""
        head = ",".join(["puzzle_text", *(name.lower().replace(" ", "_") for name, _ in self.columns)])
        body = (",".join([f'"{row.text}"', *(_plain(self.value(k, name)) for name, _ in self.columns)]) for k, row in enumerate(self.rows))
        return "\n".join([head, *body]) + "\n"


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"
