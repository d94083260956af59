"""The cells as a table: answer, probability, entropy, and since when the answer is final."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QLabel, QTableView, QToolButton, QVBoxLayout, QWidget

from hrm_model.analysis.cells import bits, final_since, short_step_name
from hrm_model.analysis.core import blanks
from hrm_model.trace.counts import sure_cells
from hrm_model.trace.curves import wrong_cells
from hrm_model.trace.data import Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.drawing import percent
from hrm_studio.ui.board.timeline import step_name
from hrm_studio.ui.board.token_text import token_text
from hrm_studio.ui.widgets.view import View

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
COLUMNS = (
    ("Cell", "Row and column, counted from 1"),
    ("Answer", "The model's answer at this step: ✓ right, ✗ wrong, ? undecided (the likeliest candidate)"),
    ("Sure", "The probability of the answer"),
    ("Entropy", "How undecided the model is, in bits: 0 is certain, 1 is a toss-up between two answers"),
    ("Final at", "From this step on the answer never changes again: segment.H-cycle.step"),
    ("Solution", "The right answer, if it is known"),
)
_CELL, _ANSWER, _PROBABILITY, _ENTROPY, _FINAL, _SOLUTION = range(len(COLUMNS))
_BESIDE_NUMBERS = 28  # pixels for margins and the sort arrow


class CellTableModel(QAbstractTableModel):
    """The cells at one step, sorted by a column."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._trace: Trace | None = None
        self._step = 0
        self._cells: np.ndarray = np.zeros(0, int)  # those that are listed, unsorted
        self.order: np.ndarray = np.zeros(0, int)  # cells from top to bottom
        self._sort = (_CELL, Qt.SortOrder.AscendingOrder)
        self._final: np.ndarray = np.zeros(0, int)
        self._values: list[np.ndarray] = []
        self._sure = self._wrong = np.zeros(0, bool)

    def show(self, trace: Trace | None, cells: np.ndarray, step: int) -> None:
        """Show a trace, or more steps or other cells of it."""
        self.beginResetModel()
        self._trace, self._cells, self._values, self.order = trace, cells, [], cells
        if trace is not None and step >= 0:
            self._final = final_since(trace)
            self._compute(trace, step)
        self.endResetModel()

    def grow(self, trace: Trace) -> None:
        """The same trace with more steps. Since when answers are final is known only at its end."""
        if trace is not self._trace:
            self._trace = trace
            self._final = np.full(len(self._final), -1)

    def set_step(self, step: int) -> None:
        """Show another step."""
        if self._trace is None or step < 0:
            return
        self._compute(self._trace, step)
        if len(self.order):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.order) - 1, len(COLUMNS) - 1), [Qt.ItemDataRole.DisplayRole])

    def _compute(self, trace: Trace, step: int) -> None:
        self._step = step
        probability, this = trace.probability[step], slice(step, step + 1)
        self._sure = sure_cells(trace, this)[0] | ~blanks(trace)
        self._wrong = wrong_cells(trace, this)[0]
        self._values = [
            np.arange(len(probability)),
            trace.prediction[step],
            probability.max(axis=1),
            bits(probability),
            self._final,
            np.zeros(len(probability)) if trace.puzzle.solution is None else np.asarray(trace.puzzle.solution),
        ]
        self._arrange()

    def _arrange(self) -> None:
        column, direction = self._sort
        keys = self._values[column][self._cells]
        order = np.argsort(keys, kind="stable")
        self.order = self._cells[order if direction == Qt.SortOrder.AscendingOrder else order[::-1]]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort = column, order
        if self._values:
            self.layoutAboutToBeChanged.emit()
            self._arrange()
            self.layoutChanged.emit()

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() or not self._values else len(self.order)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return COLUMNS[section][role == Qt.ItemDataRole.ToolTipRole]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        trace, column = self._trace, index.column()
        if trace is None or not self._values or index.row() >= len(self.order):
            return None
        cell = int(self.order[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(trace, cell, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._explanation(trace, cell, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignCenter)
        if role == Qt.ItemDataRole.ForegroundRole and column in (_ANSWER, _SOLUTION):
            return self._colour(trace, cell)
        return None

    def _text(self, trace: Trace, cell: int, column: int) -> str:
        value = self._values[column][cell]
        if column == _CELL:
            row, across = divmod(cell, trace.side)
            return f"{row + 1}, {across + 1}"
        if column == _PROBABILITY:
            return percent(float(value))
        if column == _ENTROPY:
            return f"{max(0.0, value):.2f}"
        if column == _FINAL and value < 0:
            return "…"
        if column == _FINAL:
            return "start" if value == 0 else short_step_name(trace, int(value))
        if column == _SOLUTION and trace.puzzle.solution is None:
            return "?"
        mark = ""
        if column == _ANSWER and not self._sure[cell]:
            return token_text(trace.puzzle.task, int(value)) + "  ?"  # the board shows candidates, so nothing is right or wrong yet
        if column == _ANSWER and trace.puzzle.solution is not None:
            mark = "  ✗" if self._wrong[cell] else "  ✓"
        return token_text(trace.puzzle.task, int(value)) + mark

    def _explanation(self, trace: Trace, cell: int, column: int) -> str:
        value = self._values[column][cell]
        if column == _FINAL and value > 0:
            return f"The answer never changes again after {step_name(trace, int(value))}"
        if column == _ANSWER and not self._sure[cell]:
            return "Undecided: the board shows candidates. This is the likeliest one."
        return COLUMNS[column][1]

    def _colour(self, trace: Trace, cell: int) -> QColor | None:
        if trace.puzzle.solution is None:
            return None
        return self._theme.palette.color("muted" if not self._sure[cell] else "wrong" if self._wrong[cell] else "right")


class CellTable(View):
    """The selected rows are the cells that are selected in all views."""

    def __init__(self, traces: TraceModel, selection: Selection, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._selection = traces, selection
        self._refreshing = self._picking = False
        self.model = CellTableModel(theme, self)
        self.table = QTableView(self)
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(_CELL, Qt.SortOrder.AscendingOrder)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setAccessibleName("Cells")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(40)
        for column, widest in ((_CELL, "30, 30"), (_PROBABILITY, "> 99 %"), (_ENTROPY, COLUMNS[_ENTROPY][0]), (_FINAL, COLUMNS[_FINAL][0])):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, self.fontMetrics().horizontalAdvance(widest) + _BESIDE_NUMBERS)
        for column in (_ANSWER, _SOLUTION):  # names may be long, so these share the rest
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.blank_only = QToolButton(text="Blank cells only", checkable=True, checked=True, objectName="chip")
        self.blank_only.setToolTip("Hide given cells, unless they are selected")
        self.blank_only.toggled.connect(self._renew)
        self._count = QLabel("", objectName="muted")
        bar = QHBoxLayout()
        bar.addWidget(self.blank_only)
        bar.addStretch()
        bar.addWidget(self._count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(bar)
        layout.addWidget(self.table, 1)
        self.table.selectionModel().selectionChanged.connect(self._picked)
        self.model.layoutChanged.connect(self._show_selection)
        self.follow(
            [
                (traces.trace_replaced, self._renew),
                (traces.trace_grew, self._grew),
                (traces.running_changed, self._renew),
                (traces.cursor_moved, self._move),
                (selection.changed, self._show_selection),
                (theme.changed, self.table.viewport().update),
            ],
            self._renew,
        )

    def _listed(self) -> np.ndarray:
        """The cells that have a row; selected cells always do, even if they are given."""
        trace = self._traces.trace
        if trace is None:
            return np.zeros(0, int)
        listed = blanks(trace).copy() if self.blank_only.isChecked() else np.ones(len(trace.puzzle.given), bool)
        listed[[cell for cell in self._selection.cells if cell < len(listed)]] = True
        return np.flatnonzero(listed)

    def _renew(self) -> None:
        trace, cells = self._traces.trace, self._listed()
        self._refreshing = True
        self.model.show(trace, cells, self._traces.cursor)
        self._refreshing = False
        self._count.setText(f"{len(cells)} cells" if trace is not None else "The cells appear here once the model reasons.")
        self._show_selection()

    def _grew(self) -> None:
        assert self._traces.trace is not None
        self.model.grow(self._traces.trace)

    def _move(self) -> None:
        before = self.model.order
        trace = self._traces.trace
        if trace is not None:
            self.model.grow(trace)  # the cursor may reach new steps before this view hears of them
        self.model.set_step(self._traces.cursor)
        if not np.array_equal(before, self.model.order):
            self._show_selection()

    def _show_selection(self) -> None:
        """Select the rows of the selected cells."""
        if not self._picking and not np.array_equal(np.sort(self.model.order), self._listed()):
            self._renew()
            return
        self._refreshing = True
        rows = np.flatnonzero(np.isin(self.model.order, list(self._selection.cells)))
        chosen = QItemSelection()
        last = len(COLUMNS) - 1
        for row in rows.tolist():
            chosen.select(self.model.index(row, 0), self.model.index(row, last))
        self.table.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._refreshing = False
        QTimer.singleShot(0, self, self._scroll_to_selection)  # a table that is just being shown has no size yet

    def _scroll_to_selection(self) -> None:
        """Scroll to the first selected row, if none is in sight."""
        rows = [self.model.index(row, 0) for row in np.flatnonzero(np.isin(self.model.order, list(self._selection.cells))).tolist()]
        room = self.table.viewport().rect()
        if rows and not any(room.contains(self.table.visualRect(row)) for row in rows):
            self.table.scrollTo(rows[0])

    def _picked(self) -> None:
        if not self._refreshing:
            self._picking = True  # no row may vanish while it is clicked
            self._selection.set(int(self.model.order[index.row()]) for index in self.table.selectionModel().selectedRows())
            self._picking = False
