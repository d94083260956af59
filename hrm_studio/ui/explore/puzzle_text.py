"""The puzzle as text, to be typed or pasted in any of the usual forms."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from hrm_model.errors import PuzzleError
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.registry import parse_any
from hrm_model.tasks.sudoku.grid import cell_places
from hrm_studio.models.puzzle import PuzzleModel


class PuzzleText(QPlainTextEdit):
    """Shows the puzzle at hand; what is typed becomes it as soon as it can be read.

    Signals
    -------
    fault(str, object)  why the text is no puzzle yet, and the cell at fault or None
    """

    fault = Signal(str, object)

    def __init__(self, puzzle: PuzzleModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._puzzle = puzzle
        self._showing = self._taking = False
        self._pending = False  # typed, and not the puzzle yet
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setPlaceholderText("Paste a puzzle: digits, with 0 . * _ x for blanks, as one line or as a grid; or a maze of # S G")
        self.setTabChangesFocus(True)
        self.setAccessibleName("Puzzle as text")
        self.setAcceptDrops(False)  # the window takes them, and tells what they are
        self.textChanged.connect(self._typed)
        puzzle.changed.connect(self._show)

    def take(self) -> bool:
        """Make the text the puzzle. Where it is none, `fault` is told and False returned."""
        if not self._pending:
            return True
        try:
            task, grid = self._read()
        except PuzzleError as error:
            self.fault.emit(str(error), error.cell)
            return False
        self._pending = False
        self._taking = True
        self._puzzle.replace(task, grid)
        self._taking = False
        return True

    def _read(self) -> tuple[Task, Grid]:
        """Rows of digits are an ARC grid while one is edited, and a Sudoku else. PuzzleError."""
        text, task = self.toPlainText(), self._puzzle.task
        if isinstance(task, ArcTask):
            try:
                return task, task.parse(text)
            except PuzzleError as error:
                try:  # another kind of puzzle, perhaps
                    return parse_any(text)
                except PuzzleError:
                    raise error from None
        return parse_any(text)

    def mark(self, cell: int) -> None:
        """Select a cell's character."""
        places = cell_places(self.toPlainText())
        if cell < len(places):
            cursor = self.textCursor()
            cursor.setPosition(places[cell])
            cursor.setPosition(places[cell] + 1, cursor.MoveMode.KeepAnchor)
            self.setTextCursor(cursor)

    def _typed(self) -> None:
        if self._showing:
            return
        self._pending = True
        try:
            self._read()
        except PuzzleError:
            return  # in the middle of typing; it is told when it is asked for
        self.take()

    def _show(self) -> None:
        if self._taking:
            return  # the text is where the puzzle comes from: leave it as it was written
        self._showing = True
        self.setPlainText(self._puzzle.task.format_grid(self._puzzle.grid))
        self._showing = self._pending = False
