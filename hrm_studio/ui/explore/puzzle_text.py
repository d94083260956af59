"""The puzzle as text, to type or paste in any usual form."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Signal
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
    fault(str, object)  why the text is not a puzzle, and the cell at fault or None; '' while it is edited, or is the puzzle
    pasted(str)         a whole puzzle was pasted, or anything over a text that was pasted and is not a puzzle
    """

    fault = Signal(str, object)
    pasted = Signal(str)

    def __init__(self, puzzle: PuzzleModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._puzzle = puzzle
        self._showing = self._taking = False
        self._pending = False  # the text was edited and is not the puzzle yet
        self._refused = False  # the text was pasted, is not a puzzle, and was not edited since
        self._place: int | None = None  # the character at fault, if the text could not be read
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setPlaceholderText("Type or paste a puzzle: digits, with 0 . * _ x for blanks, in one line or as a grid; or a maze of # S G")
        self.setTabChangesFocus(True)
        self.setAccessibleName("Puzzle as text")
        self.setAcceptDrops(False)  # the window handles drops of all kinds
        self.textChanged.connect(self._typed)
        puzzle.changed.connect(self._puzzle_changed)

    def show_refused(self, text: str) -> None:
        """Show a pasted text that is not a puzzle, and emit why. The next paste replaces it."""
        self.setPlainText(text)
        self.take()
        self._refused = True

    def show_puzzle(self) -> None:
        """Show the puzzle again, in place of a text that is not one."""
        if self._pending:
            self._show()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """A pasted puzzle replaces the text. Other text is inserted, unless it replaces one that was refused."""
        text = source.text()
        if self._refused or not self.toPlainText().strip() or _is_puzzle(text):
            self.pasted.emit(text)
        else:
            super().insertFromMimeData(source)

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
        self.fault.emit("", None)  # also if the text is the puzzle that was there before
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
        self._pending, self._refused = True, False
        try:
            self._read()
        except PuzzleError:
            self.fault.emit("", None)  # perhaps in the middle of typing: `take` shows the error of the whole text
            return
        self.take()

    def _puzzle_changed(self) -> None:
        if not self._taking:  # else the puzzle comes from this text: leave it as it was typed
            self._show()

    def _show(self) -> None:
        self._showing = True
        self.setPlainText(self._puzzle.task.format_grid(self._puzzle.grid))
        self._showing = self._pending = self._refused = False


def _is_puzzle(text: str) -> bool:
    try:
        parse_any(text)
    except PuzzleError:
        return False
    return True
