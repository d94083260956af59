"""A board to edit a puzzle on: type into the cell at the cursor. Clashes are marked at once."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Task
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku.grid import SYMBOLS, conflicts
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.puzzle import PuzzleModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.puzzle_picture import cell_rect, in_the_middle, paint_puzzle, part_with_cells, shown_side
from hrm_studio.ui.board.token_text import digit_text
from hrm_studio.ui.explore.arc_tools import ArcBrush
from hrm_studio.ui.explore.maze_tools import MazeBrush, cursor_over

_LARGEST = 300  # pixels: the largest side of the board
_LARGEST_OF_MANY = 560  # the same of a board with small cells, for those who widen the panel
_MARGIN = 3
_ARROWS = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
_MOVES = (*_ARROWS, Qt.Key.Key_Home, Qt.Key.Key_End)
_ERASERS = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)


def value_typed(task: Task, character: str) -> int | None:
    """The grid value that a key writes; None if it writes nothing. Space plays the trace, here too."""
    if isinstance(task, SudokuTask):
        if character in ("0", ".", "-", "_", "*"):
            return 0
        digit = SYMBOLS.find(character.upper())  # above 9: A is 10
        return digit if 1 <= digit <= task.side else None
    if isinstance(task, MazeTask):
        return {"#": maze.WALL, "w": maze.WALL, ".": maze.OPEN, "s": maze.START, "g": maze.GOAL}.get(character.lower())
    if isinstance(task, ArcTask):
        return arc.FIRST_COLOUR + int(character) if character.isdecimal() and character.isascii() else None
    return None


def empty_value(task: Task) -> int:
    """The grid value of an empty cell."""
    return {MazeTask: maze.OPEN, ArcTask: arc.FIRST_COLOUR}.get(type(task), 0)


class PuzzleEditor(QWidget):
    """Arrow keys move. Digits (in a maze: walls, S and G) write and move on to the next cell. Backspace and Delete erase.

    Signals
    -------
    entered()   Return was pressed
    """

    entered = Signal()

    def __init__(self, puzzle: PuzzleModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._puzzle, self._theme = puzzle, theme
        self.cell = 0
        self.brush = MazeBrush(puzzle)  # draws mazes with the mouse
        self.arc_brush = ArcBrush(puzzle)  # draws ARC grids
        self.setMouseTracking(True)
        # The right button draws too, so it must not open a menu of the window.
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumSize(160, 160)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Puzzle editor")
        puzzle.changed.connect(self._changed)
        for signal in (puzzle.checked, theme.changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(260, 260)

    def heightForWidth(self, width: int) -> int:
        return min(width, _LARGEST if self._puzzle.task.side <= 12 else _LARGEST_OF_MANY)

    def hasHeightForWidth(self) -> bool:
        return True

    # Places ---------------------------------------------------------------------------------------------------------

    def board(self) -> QRectF:
        """The square of the cells. A maze that is a rectangle fills a part of it, which is in the middle."""
        size = min(self.width(), self.height()) - 2 * _MARGIN
        return in_the_middle(QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size), self._puzzle.task)

    def cell_at(self, point: QPointF) -> int | None:
        board, shown = self.board(), shown_side(self._puzzle.task, self._puzzle.grid)
        if not part_with_cells(board, self._puzzle.task).contains(point):
            return None
        row, column = ((at / board.width() * shown) for at in (point.y() - board.top(), point.x() - board.left()))
        return min(int(row), shown - 1) * self._puzzle.task.side + min(int(column), shown - 1)

    def cell_rect(self, cell: int) -> QRectF:
        """Where a cell is drawn."""
        task = self._puzzle.task
        return cell_rect(self.board(), task.side, cell, shown_side(task, self._puzzle.grid))

    def clashes(self) -> np.ndarray:
        """(S,) cells that break a rule. Known at once for a Sudoku; for others the check in the background says so."""
        task = self._puzzle.task
        if isinstance(task, SudokuTask):
            return conflicts(self._puzzle.grid, task.variant)
        check = self._puzzle.check
        if check is not None and check.state == "broken":
            return check.marks
        return np.zeros(task.cells, bool)

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        puzzle, colours, board = self._puzzle, self._theme.palette, self.board()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.color("surface"))
        painter.drawRoundedRect(part_with_cells(board, puzzle.task).adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN), 4, 4)
        check = puzzle.check
        if check is not None and check.state == "several":
            # Cells in which two solutions differ: one of them needs a clue.
            self._fill(painter, check.marks & (puzzle.grid == 0), "warning", 0.16)
        clashes = self.clashes()
        self._fill(painter, clashes, "wrong", 0.22)
        paint_puzzle(painter, board, puzzle.task, puzzle.grid, colours, self.font())
        width = board.width() / puzzle.task.side
        painter.setPen(QPen(colours.color("wrong"), max(1.5, width * 0.07)))
        for cell in np.flatnonzero(clashes).tolist():
            box = self.cell_rect(cell)
            y = box.bottom() - width * 0.13
            painter.drawLine(QPointF(box.left() + width * 0.25, y), QPointF(box.right() - width * 0.25, y))
        if self.hasFocus():
            painter.setBrush(colours.color("accent", 0.12))
            painter.setPen(QPen(colours.color("accent"), 2))
            painter.drawRoundedRect(self.cell_rect(self.cell).adjusted(1.5, 1.5, -1.5, -1.5), 3, 3)

    def _fill(self, painter: QPainter, cells: np.ndarray, colour: str, strength: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.palette.color(colour, strength))
        painter.drawRects([self.cell_rect(cell) for cell in np.flatnonzero(cells).tolist()])

    # Keyboard --------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            # These keys write here; without the focus they are shortcuts that step through the trace.
            assert isinstance(event, QKeyEvent)
            if self._answers(event):
                event.accept()
                return True
        if event.type() == QEvent.Type.ToolTip:
            assert isinstance(event, QHelpEvent)
            cell = self.cell_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), "" if cell is None else self.words(cell), self)
            return True
        return super().event(event)

    def _answers(self, event: QKeyEvent) -> bool:
        plain = not event.modifiers() & (
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
        )
        keys = (*_MOVES, *_ERASERS, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        return plain and (event.key() in keys or self._typed(event) is not None)

    def _typed(self, event: QKeyEvent) -> int | None:
        return value_typed(self._puzzle.task, event.text()) if len(event.text()) == 1 else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._answers(event):
            super().keyPressEvent(event)
            return
        side, key = self._puzzle.task.side, event.key()
        row, column = divmod(self.cell, side)
        value, there = self._typed(event), self._puzzle.task.there(self._puzzle.grid)
        if key in _ARROWS:
            down, right = _ARROWS[Qt.Key(key)]
            wanted = min(max(row + down, 0), side - 1) * side + min(max(column + right, 0), side - 1)
            if there[wanted]:
                self.move_to(wanted)
        elif key == Qt.Key.Key_Home:
            self.move_to(row * side)
        elif key == Qt.Key.Key_End:
            of_row = np.flatnonzero(there[row * side : (row + 1) * side])
            self.move_to(row * side + (int(of_row[-1]) if len(of_row) else side - 1))
        elif key == Qt.Key.Key_Delete:
            self.write(self.cell, empty_value(self._puzzle.task))
        elif key == Qt.Key.Key_Backspace:
            earlier = np.flatnonzero(there[: self.cell])
            if self._puzzle.grid[self.cell] == empty_value(self._puzzle.task) and len(earlier):
                self.move_to(int(earlier[-1]))
            self.write(self.cell, empty_value(self._puzzle.task))
        elif value is not None:
            self.write(self.cell, value)
            later = np.flatnonzero(there[self.cell + 1 :])
            self.move_to(self.cell + 1 + int(later[0]) if len(later) else self.cell)
        else:
            self.entered.emit()

    def write(self, cell: int, value: int) -> None:
        """Write a value into a cell. A maze has one start and one goal: writing them moves them."""
        task, grid = self._puzzle.task, self._puzzle.grid.copy()
        if not task.there(grid)[cell]:
            return  # only the size fields make the grid larger
        if isinstance(task, MazeTask) and value in (maze.START, maze.GOAL):
            grid[grid == value] = maze.OPEN
        grid[cell] = value
        self._puzzle.replace(task, grid)

    def move_to(self, cell: int) -> None:
        self.cell = cell
        self.setAccessibleDescription(self.words(cell))
        self.update()

    def words(self, cell: int) -> str:
        """'Row 3, column 7: 5'."""
        side, value = self._puzzle.task.side, int(self._puzzle.grid[cell])
        if isinstance(self._puzzle.task, MazeTask):
            held = {maze.WALL: "wall", maze.START: "start", maze.GOAL: "goal", maze.OUTSIDE: "outside the maze"}.get(value, "open")
        elif isinstance(self._puzzle.task, ArcTask):
            held = f"colour {value - arc.FIRST_COLOUR}" if value >= arc.FIRST_COLOUR else "outside the grid"
        else:
            held = digit_text(value) if value else "blank"
        return f"Row {cell // side + 1}, column {cell % side + 1}: {held}"

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.move_to(self.cell)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    # Mouse -----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is None:
            event.ignore()  # beside the board: the page takes the focus
            return
        self.move_to(cell)
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            for brush in (self.brush, self.arc_brush):  # the one for the task draws, the other ignores it
                brush.press(cell, erase=event.button() == Qt.MouseButton.RightButton)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        self.setCursor(cursor_over(self.brush, cell))
        if cell is not None and (self.brush.drag(cell) or self.arc_brush.drag(cell)):
            self.move_to(cell)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.brush.release()
        self.arc_brush.release()

    def _changed(self) -> None:
        self.cell = min(self.cell, self._puzzle.task.cells - 1)
        there = self._puzzle.task.there(self._puzzle.grid)
        if not there[self.cell]:
            self.cell = int(there.argmax())
        self.update()
