"""The puzzle as text, to type or paste in any usual form."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from hrm_model.errors import PuzzleError
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.sudoku.layout import place_of_cell
from hrm_studio.models.puzzle import PuzzleModel


class PuzzleText(QPlainTextEdit):
    """Shows the current puzzle. Typed text becomes the puzzle as soon as it can be read.

    Signals
    -------
    fault(str, object)  why the text is not a puzzle, and the cell at fault or None
    """

    fault = Signal(str, object)

    def __init__(self, puzzle: PuzzleModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._puzzle = puzzle
        self._showing = self._taking = False
        self._pending = False  # the text was edited and is not the puzzle yet
        self._place: int | None = None  # the character at fault, if the text could not be read
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setPlaceholderText("Type or paste a puzzle: digits, with 0 . * _ x for blanks, in one line or as a grid; or a maze of # S G")
        self.setTabChangesFocus(True)
        self.setAccessibleName("Puzzle as text")
        self.setAcceptDrops(False)  # the window handles drops of all kinds
        self.textChanged.connect(self._typed)
        puzzle.changed.connect(self._show)

    def take(self) -> bool:
        """Make the text the puzzle. If it cannot be read, emit `fault` and return False."""
        if not self._pending:
            return True
        self._place = None
        try:
            task, grid = self._read()
        except PuzzleError as error:
            self._place = error.place
            self.fault.emit(str(error), error.cell if error.place is None else 0)
            return False
        self._pending = False
        self._taking = True
        self._puzzle.replace(task, grid)
        self._taking = False
        return True

    def _read(self) -> tuple[Task, Grid]:
        """Read the text. Rows of digits are an ARC grid while one is edited, else a Sudoku. Raises PuzzleError."""
        text, task = self.toPlainText(), self._puzzle.task
        if isinstance(task, ArcTask):
            try:
                return task, task.parse(text)
            except PuzzleError as error:
                try:  # perhaps another task
                    return parse_any(text)
                except PuzzleError:
                    raise error from None
        return parse_any(text)

    def mark(self, cell: int) -> None:
        """Select a cell's character."""
        place = self._place if self._place is not None else place_of_cell(self.toPlainText(), cell)
        if place is not None:
            cursor = self.textCursor()
            cursor.setPosition(min(place, len(self.toPlainText())))
            cursor.movePosition(cursor.MoveOperation.Right, cursor.MoveMode.KeepAnchor)
            self.setTextCursor(cursor)

    def _typed(self) -> None:
        if self._showing:
            return
        self._pending = True
        try:
            self._read()
        except PuzzleError:
            return  # perhaps in the middle of typing: `take` shows the error
        self.take()

    def _show(self) -> None:
        if self._taking:
            return  # the puzzle comes from this text: leave it as it was typed
        self._showing = True
        self.setPlainText(self._puzzle.task.format_grid(self._puzzle.grid))
        self._showing = self._pending = False
