"""The menu of the right button on the board: what can be looked at, and copied, about a cell."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QApplication, QMenu, QWidget

from hrm_model.analysis.core import task_of
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel


def cell_menu(cell: int, tip: str, traces: TraceModel, selection: Selection, show: Callable[[str], object], parent: QWidget) -> QMenu:
    """`tip`: the cell's probabilities in words. `show` brings the dock of that title to the front."""
    trace = traces.trace
    assert trace is not None
    row, column = divmod(cell, trace.side)
    menu = QMenu(parent)

    def look(title: str) -> None:
        if cell not in selection.cells:
            selection.set((cell,))
        show(title)

    def copy(text: str) -> None:
        QApplication.clipboard().setText(text)

    menu.addSection(f"Row {row + 1}, column {column + 1}")
    menu.addAction("Show where it attends", lambda: look("Attention"))
    menu.addAction("Pin it in the table of cells", lambda: look("Cells"))
    menu.addAction("Pin it in the curves", lambda: look("Curves"))
    menu.addSeparator()
    menu.addAction("Copy its probabilities", lambda: copy(tip))
    task = task_of(trace)
    if task is not None:
        answer = task.from_tokens(trace.prediction[traces.cursor])
        menu.addAction("Copy the answer at this step", lambda: copy(task.format_line(answer)))
    menu.addSeparator()
    clear = menu.addAction("Clear the selection", selection.clear)
    clear.setEnabled(bool(selection.cells))
    return menu
