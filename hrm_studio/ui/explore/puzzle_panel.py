"""The left panel: which puzzle, how hard, how many segments. What it shows of a puzzle comes from the ExploreModel."""

from __future__ import annotations

import numpy as np
import qtawesome
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_model.errors import HRMError
from hrm_model.tasks.arc.puzzle import looks_like_json
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku.rating import LEVELS
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.glossary import tip
from hrm_studio.models.explore import ExploreModel
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.arc_tools import ArcTools, beginning
from hrm_studio.ui.explore.difficulty_slider import DifficultySlider
from hrm_studio.ui.explore.maze_tools import MazeTools
from hrm_studio.ui.explore.maze_tools import words as maze_words
from hrm_studio.ui.explore.puzzle_editor import PuzzleEditor, empty_value
from hrm_studio.ui.explore.puzzle_maker import PuzzleMaker
from hrm_studio.ui.explore.puzzle_text import PuzzleText
from hrm_studio.ui.explore.recent_button import RecentButton

_STATES = {"broken": ("wrong", "✕"), "none": ("wrong", "✕"), "several": ("warning", "▲"), "one": ("right", "●"), "unknown": ("muted", "○")}
_WRONG = ("broken", "none", "several")
_MOST_ERROR = 82  # pixels: five lines; a longer message scrolls
_LEAST_BOARD = 160  # pixels
_LONGEST_SHOWN = 21_000  # characters: more than the largest maze; laying out a longer line would freeze the window


class PuzzlePanel(QWidget):
    """The editor (board or text), what is known about the puzzle, and how to get another one."""

    def __init__(self, explore: ExploreModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explore, self._puzzle, self._theme = explore, explore.puzzle, theme
        self.editor = PuzzleEditor(self._puzzle, theme)
        self.editor.entered.connect(self.submit)
        self.maze_tools = MazeTools(self._puzzle, self.editor.brush)
        self.arc_tools = ArcTools(self._puzzle, self.editor.arc_brush, theme)
        self.text = PuzzleText(self._puzzle)
        self.text.fault.connect(self.show_error)
        self.editors = QStackedWidget()
        self.editors.addWidget(self.editor)
        self.editors.addWidget(self.text)
        self.error = QLabel(wordWrap=True, objectName="error")
        self.stale = QLabel("The board still shows the previous puzzle.", wordWrap=True, visible=False, objectName="muted")
        self.known = QLabel(wordWrap=True, objectName="known")
        self.known.setTextFormat(Qt.TextFormat.RichText)
        self.reason = QPushButton("Reason", objectName="primary")
        self.reason.setToolTip("Let the model reason about this puzzle (Ctrl+Return)")
        self.reason.clicked.connect(self.submit)
        self.difficulty = DifficultySlider(explore.difficulty)
        self.maker = PuzzleMaker(explore)
        self.generate, self.example = self.maker.generate, self.maker.example
        self.segments = QSpinBox(minimum=1, maximum=512, value=explore.segments, suffix=" segments", accessibleName="Segments")
        self.segments.setToolTip("How many segments the model reasons for. A segment is H-cycles × (L-steps + 1 H step).")
        self.segments.valueChanged.connect(lambda value: setattr(explore, "segments", value))
        self.as_board = self._tool("mdi6.grid", "Edit on a board", self.edit_on_board)
        self.as_text = self._tool("mdi6.text-box-outline", "Edit as text", self.edit_as_text)
        for button in (self.as_board, self.as_text):
            button.setCheckable(True)
            button.setAutoExclusive(True)
        self.undo = self._tool("mdi6.undo", "Undo (Ctrl+Z)", self._puzzle.undo)
        self.redo = self._tool("mdi6.redo", "Redo (Ctrl+Shift+Z)", self._puzzle.redo)
        self.pasted = self._tool("mdi6.content-paste", "Paste a puzzle (Ctrl+V)", self.paste)
        self.emptied = self._tool("mdi6.eraser", "Clear the board", self.clear)
        self.recent = RecentButton(explore, theme)
        self._lay_out()
        self.as_board.setChecked(True)
        for any_button in self.findChildren(QAbstractButton):
            # A click leaves the focus where it was; Tab reaches all buttons.
            any_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        explore.failed.connect(lambda message, cell: self.show_error(message, None if cell < 0 else cell))
        self.editors.currentChanged.connect(self._show_tools)
        self._puzzle.changed.connect(self._changed)
        self._puzzle.checked.connect(self._show_check)
        theme.changed.connect(self._colours)
        self._colours()
        self._changed()

    def _tool(self, icon: str, tip: str, act: object) -> QToolButton:
        button = QToolButton(objectName="flat", toolTip=tip, accessibleName=tip)
        button.setProperty("icon_name", icon)
        button.clicked.connect(act)
        return button

    def _lay_out(self) -> None:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(14, 4, 14, 12)
        layout.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(0)
        for button in (self.as_board, self.as_text):
            row.addWidget(button)
        row.addStretch()
        for button in (self.maze_tools.begin, self.undo, self.redo, self.pasted, self.emptied, self.recent):
            row.addWidget(button)
        layout.addLayout(row)
        layout.addWidget(self.maze_tools)
        layout.addWidget(self.arc_tools)
        layout.addWidget(self.editors)
        layout.addWidget(self.known)
        self._error_area = QScrollArea(widgetResizable=True, horizontalScrollBarPolicy=Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._error_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._error_area.setWidget(self.error)
        layout.addWidget(self._error_area)
        layout.addWidget(self.stale)
        row = QHBoxLayout()
        row.addWidget(self.reason, 1)
        row.addWidget(self.segments)
        layout.addLayout(row)
        layout.addWidget(self.difficulty)
        layout.addSpacing(4)
        layout.addWidget(self.maker)
        layout.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(280)
        self._area, self._inside = area, inside

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_height()

    def _share_height(self) -> None:
        """Let the board shrink first if the panel is low; at its least size the panel scrolls."""
        layout = self._inside.layout()
        if layout is None:
            return  # no layout yet
        room, margins = self._area.size(), layout.contentsMargins()
        inner = room.width() - margins.left() - margins.right()
        self._error_area.setFixedHeight(max(0, min(self.error.heightForWidth(inner), _MOST_ERROR)))
        item = layout.itemAt(layout.indexOf(self.editors))
        assert item is not None
        shown = item.heightForWidth(inner) if item.hasHeightForWidth() else item.sizeHint().height()  # as the layout computes it
        others = layout.totalHeightForWidth(room.width()) - shown
        self.editors.setMaximumHeight(max(_LEAST_BOARD, room.height() - others))

    def _colours(self) -> None:
        colours = self._theme.palette
        self.reason.setIcon(qtawesome.icon("mdi6.brain", color=colours.on_accent))
        for button in self.findChildren(QToolButton):
            name = button.property("icon_name")
            if name:
                button.setIcon(qtawesome.icon(name, color=colours.muted, color_on=colours.accent, color_disabled=colours.border))
        self.maker.show_icons(colours)
        self._show_check()

    # Showing ---------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self.undo.setEnabled(self._puzzle.can_undo)
        self.redo.setEnabled(self._puzzle.can_redo)
        self.difficulty.setVisible(self._explore.difficulty.possible)
        self.show_error("")
        self._show_tools()
        self._show_check()

    def _show_tools(self) -> None:
        drawing = isinstance(self._puzzle.task, MazeTask) and self.editors.currentWidget() is self.editor
        for widget in (self.maze_tools, self.maze_tools.begin):
            widget.setVisible(drawing)
        self.arc_tools.setVisible(isinstance(self._puzzle.task, ArcTask) and self.editors.currentWidget() is self.editor)
        self._share_height()

    def _show_faults(self) -> None:
        """Show a fault of the puzzle once: as the error if there is one, else as the result of the check."""
        check, error = self._puzzle.check, bool(self.error.text())
        wrong = check is not None and check.state in _WRONG
        for widget in (self.error, self._error_area):
            widget.setVisible(error)
        self.known.setVisible(not (error and wrong))
        self.stale.setVisible((error or wrong) and self._explore.trace_is_stale)
        self._share_height()

    def _show_check(self) -> None:
        """Show the result of the check. While it runs, a placeholder keeps the height, so that nothing jumps."""
        check, colours = self._puzzle.check, self._theme.palette
        self._show_faults()
        clues = f" · {self._explore.difficulty.clues} clues" if isinstance(self._puzzle.task, SudokuTask) else ""
        rated = check is not None and check.rating is not None
        self.known.setToolTip(tip("rating") if rated else "")
        if check is None:
            self.known.setText(f'<span style="color:{colours.muted}">…{clues}<br>&nbsp;</span>')
            return
        colour, mark = _STATES[check.state]
        words = maze_words(self._puzzle.grid, check) if isinstance(self._puzzle.task, MazeTask) else check.words
        text = f'<span style="color:{getattr(colours, colour)}">{mark}</span> {words}{clues if check.state == "one" else ""}'
        if check.rating is not None:
            level = check.rating.level
            needs = f"needs {check.rating.name}" if level else "no blank cells"
            meter = "●" * level + "○" * (len(LEVELS) - 1 - level)
            text += f'<br><span style="color:{colours.accent}">{meter}</span> <span style="color:{colours.muted}">{needs}</span>'
        self.known.setText(text)

    def show_error(self, message: str, cell: int | None = None) -> None:
        """Show a message below the puzzle; '' hides it. The cursor goes to the cell at fault."""
        self.error.setText(message)
        self.error.setToolTip(message)
        self._show_faults()
        if cell is not None:
            self.editor.move_to(min(cell, self._puzzle.task.cells - 1))
            self.text.mark(cell)

    # Actions ---------------------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Reason about the puzzle in the editor, or show what is wrong with its text."""
        self.show_error("")
        if self.text.take():
            self._explore.reason()

    def edit_on_board(self) -> None:
        self.show_error("")  # the error was about the text
        self.editors.setCurrentWidget(self.editor)
        self.as_board.setChecked(True)
        self.editor.setFocus()

    def edit_as_text(self) -> None:
        self.editors.setCurrentWidget(self.text)
        self.as_text.setChecked(True)
        self.text.setFocus()

    def paste(self) -> None:
        """Reason about the puzzle on the clipboard. Text that is not a puzzle is shown in the editor, with the error."""
        text = QApplication.clipboard().text()
        if not text.strip():
            self.show_error("The clipboard has no text. Copy a puzzle first: digits, with 0 . * _ or x for blanks.")
            return
        try:
            self._explore.open_text(text, "The clipboard")
        except HRMError as error:
            if len(text) > _LONGEST_SHOWN or looks_like_json(text):
                self.show_error(str(error))
                return
            self.edit_as_text()
            self.text.setPlainText(text)
            self.text.take()

    def copy(self) -> None:
        """Copy the puzzle as one line of text."""
        QApplication.clipboard().setText(self._puzzle.line)

    def draw_maze(self) -> None:
        """Edit an open maze, as large as the current one, else as large as a bundled model reads."""
        for task in (self._puzzle.task, *self._explore.tasks()):
            if isinstance(task, MazeTask):
                self.maze_tools.start(task)
                self.edit_on_board()
                return
        self.show_error("No model for mazes is loaded. Open a checkpoint, or train one: hrm-studio train maze-11x11")

    def draw_arc(self) -> None:
        """Edit a black ARC grid."""
        self._explore.arc.follow(beginning(), edited=False)
        self._puzzle.replace(ArcTask(), beginning())
        self.edit_on_board()

    def clear(self) -> None:
        """Clear the board; its size stays."""
        task, grid = self._puzzle.task, self._puzzle.grid
        self._puzzle.replace(task, np.where(task.there(grid), empty_value(task), grid).astype(np.int8))
        self.edit_on_board()
