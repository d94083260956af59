"""The table of cells: numbers of the step, order, and the one selection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QItemSelectionModel, Qt
from pytestqt.qtbot import QtBot

from hrm_model.analysis.cells import bits, final_since
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.token_text import token_text
from hrm_studio.ui.explore.cell_table import COLUMNS, CellTable
from tests.support.traces import FOUR, arc_info, cut_short, maze_info, sudoku_info, synthetic


def table_of(qtbot: QtBot) -> tuple[CellTable, TraceModel, Selection]:
    traces, selection = TraceModel(), Selection()
    view = CellTable(traces, selection, Theme("light"))
    traces.setParent(view)
    selection.setParent(view)
    qtbot.addWidget(view)
    view.resize(480, 300)
    view.show()
    return view, traces, selection


def row(view: CellTable, number: int) -> list[str]:
    return [view.model.data(view.model.index(number, k)) for k in range(len(COLUMNS))]


def test_rows_tell_the_step_and_follow_the_cursor(qtbot: QtBot) -> None:
    view, traces, _ = table_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=3)
    traces.open(trace, cursor=2)
    blank = np.flatnonzero(trace.puzzle.given == 1)
    assert view.model.rowCount() == len(blank)
    cell = int(blank[0])
    for step in (2, 17):
        traces.set_cursor(step)
        told = row(view, 0)
        assert told[0] == f"{cell // 4 + 1}, {cell % 4 + 1}"
        assert told[1].startswith(str(trace.prediction[step][cell] - 1))
        assert ("✓" in told[1]) == (trace.prediction[step][cell] == trace.puzzle.solution[cell])
        assert told[3] == f"{bits(trace.probability[step])[cell]:.2f}"
    view.blank_only.setChecked(False)
    assert view.model.rowCount() == 16


def test_it_sorts_by_what_changes_with_the_step(qtbot: QtBot) -> None:
    view, traces, _ = table_of(qtbot)
    trace = synthetic(sudoku_info(), segments=4)
    traces.open(trace, cursor=3)
    view.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    for step in (3, 9):
        traces.set_cursor(step)
        values = bits(trace.probability[step])[view.model.order]
        assert (np.diff(values) <= 1e-9).all()
    view.table.sortByColumn(4, Qt.SortOrder.AscendingOrder)
    assert (np.diff(final_since(trace)[view.model.order]) >= 0).all()


def test_one_selection(qtbot: QtBot) -> None:
    view, traces, selection = table_of(qtbot)
    trace = synthetic(sudoku_info(), segments=4)
    traces.open(trace, cursor=3)
    cells = [int(c) for c in np.flatnonzero(trace.puzzle.given == 1)[[3, 8]]]
    selection.set(cells)
    assert {int(view.model.order[i.row()]) for i in view.table.selectionModel().selectedRows()} == set(cells)
    view.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    traces.set_cursor(9)
    assert {int(view.model.order[i.row()]) for i in view.table.selectionModel().selectedRows()} == set(cells)
    assert selection.cells == set(cells)
    flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
    view.table.selectionModel().select(view.model.index(0, 0), flags)
    assert selection.cells == {int(view.model.order[0])}


def test_a_given_cell_that_is_selected_elsewhere_has_a_row(qtbot: QtBot) -> None:
    view, traces, selection = table_of(qtbot)
    trace = synthetic(sudoku_info(), segments=2)
    traces.open(trace, cursor=3)
    count = view.model.rowCount()
    given, blank = int(np.flatnonzero(trace.puzzle.given != 1)[0]), int(np.flatnonzero(trace.puzzle.given == 1)[0])
    selection.set([given, blank])
    assert view.model.rowCount() == count + 1
    assert {int(view.model.order[i.row()]) for i in view.table.selectionModel().selectedRows()} == {given, blank}
    place = view.table.visualRect(view.model.index(int(np.flatnonzero(view.model.order == blank)[0]), 0)).center()
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place)
    assert selection.cells == {given}  # the others stay
    selection.set([blank])
    assert view.model.rowCount() == count


def test_a_click_means_the_same_in_every_view() -> None:
    selection = Selection()
    selection.pick(3)
    selection.pick(4, adding=True)
    assert selection.cells == {3, 4}
    selection.pick(3, adding=True)
    selection.pick(None, adding=True)
    assert selection.cells == {4}
    selection.pick(4)
    assert not selection.cells
    selection.set([1, 2])
    selection.pick(2)
    assert selection.cells == {2}
    selection.pick(None)
    assert not selection.cells


def test_a_trace_that_grows_and_one_without_a_solution(qtbot: QtBot) -> None:
    view, traces, _ = table_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=3)
    traces.open(cut_short(trace, 7), running=True, cursor=0)
    traces.extend(cut_short(trace, 13))
    traces.set_cursor(12)
    assert row(view, 0)[4] == "…"
    traces.extend(trace)
    traces.finish()
    assert row(view, 0)[4] != "…"
    traces.open(replace(trace, puzzle=replace(trace.puzzle, solution=None)))
    assert row(view, 0)[5] == "?"
    traces.open(None)
    assert view.model.rowCount() == 0


def test_words_of_other_tasks(qtbot: QtBot) -> None:
    view, traces, _ = table_of(qtbot)
    traces.open(synthetic(maze_info(11), segments=2))
    assert row(view, 0)[1].split()[0] in ("floor", "path")
    traces.open(synthetic(arc_info(), segments=2))
    assert view.model.rowCount() > 100
    assert token_text("arc", 3) == "blue (1)"
    assert not view.grab().isNull()


def test_what_was_selected_before_the_table_is_shown_is_in_sight(qtbot: QtBot) -> None:
    view, traces, selection = table_of(qtbot)
    traces.open(synthetic(sudoku_info(), segments=1), cursor=3)
    view.hide()
    selection.set((70, 78))
    view.show()
    place = lambda cell: view.table.visualRect(view.model.index(int(np.flatnonzero(view.model.order == cell)[0]), 0))  # noqa: E731
    room = view.table.viewport().rect()
    qtbot.waitUntil(lambda: room.contains(place(70)))
    selection.set((2,))
    qtbot.waitUntil(lambda: room.contains(place(2)) and not room.contains(place(70)))


def test_undecided_cells_are_neither_right_nor_wrong_and_steps_explain_themselves(qtbot: QtBot) -> None:
    view, traces, _ = table_of(qtbot)
    trace = synthetic(sudoku_info(), segments=4)
    traces.open(trace, cursor=3)
    counts = traces.verdict.counts
    marks = [row(view, k)[1][-1] for k in range(view.model.rowCount())]
    assert (marks.count("✓"), marks.count("✗"), marks.count("?")) == (counts.right[3], counts.wrong[3], counts.undecided[3])
    assert counts.undecided[3] > 0
    late = next(k for k in range(view.model.rowCount()) if "." in row(view, k)[4])
    tips = view.model.data(view.model.index(late, 4), Qt.ItemDataRole.ToolTipRole)
    assert "Segment" in tips
    assert "H-cycle" in tips
