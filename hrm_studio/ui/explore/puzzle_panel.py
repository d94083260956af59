"""The left panel: which puzzle, how hard, how many segments. What it shows of a puzzle comes from the ExploreModel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import qtawesome
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
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
from hrm_model.tasks.puzzle_files import count_puzzles
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
from hrm_studio.ui.widgets.error_label import ErrorLabel

_STATES = {"broken": ("wrong", "✕"), "none": ("wrong", "✕"), "several": ("warning", "▲"), "one": ("right", "●"), "unknown": ("muted", "○")}
_WRONG = ("broken", "none", "several")
_LEAST_BOARD = 160  # pixels
_LEAST_WIDTH = 280
_MANY = 1000  # puzzles are counted up to here
_LONGEST_SHOWN = 21_000  # characters: more than the largest maze; laying out a longer line would freeze the window


class PuzzlePanel(QWidget):
    """What is known about the puzzle, how to get another one, and an editor (board or text).

    The editor is hidden while the board shows the puzzle anyway, unless one wants to edit. It comes last, so that nothing moves with it.
    """

    def __init__(self, explore: ExploreModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explore, self._puzzle, self._theme = explore, explore.puzzle, theme
        self._editing = self._for_paste = False  # the editor was asked for; it shows a paste that failed
        self._waiting = True  # for the trace of this puzzle
        self.editor = PuzzleEditor(self._puzzle, theme)
        self.editor.entered.connect(lambda: self.submit())
        self.maze_tools = MazeTools(self._puzzle, self.editor.brush)
        self.arc_tools = ArcTools(self._puzzle, self.editor.arc_brush, theme)
        self.text = PuzzleText(self._puzzle)
        self.text.fault.connect(self.show_error)
        self.text.pasted.connect(self.open_pasted)
        self.editors = QStackedWidget()
        self.editors.addWidget(self.editor)
        self.editors.addWidget(self.text)
        self._many = ""  # a pasted text of several puzzles
        self.error = ErrorLabel()
        self.evaluate = QPushButton(
            "Evaluate on all of them", visible=False, toolTip="Let the model reason about all these puzzles, on the page Evaluate"
        )
        self.evaluate.clicked.connect(lambda: explore.many_wanted.emit(self._many))
        self.error.closed.connect(self.evaluate.hide)
        self.stale = QLabel("The board still shows the previous puzzle.", wordWrap=True, visible=False, objectName="muted")
        self.known = QLabel(wordWrap=True, objectName="known")
        self.known.setTextFormat(Qt.TextFormat.RichText)
        self.reason = QPushButton("Reason", objectName="primary")
        self.reason.setToolTip("Let the model reason about this puzzle (Ctrl+Return)")
        self.reason.clicked.connect(lambda: self.submit())
        self.anyway = QPushButton("Reason anyway", visible=False)
        self.anyway.setToolTip("See what the model makes of a puzzle with several solutions. Each of them counts as right.")
        self.anyway.clicked.connect(lambda: self.submit(any_solution=True))
        self.difficulty = DifficultySlider(explore.difficulty)
        self.maker = PuzzleMaker(explore)
        self.generate, self.example = self.maker.generate, self.maker.example
        self.segments = QSpinBox(minimum=1, maximum=512, value=explore.segments, suffix=" segments", accessibleName="Segments")
        self.segments.setToolTip("How many segments the model reasons for. A segment is H-cycles × (L-steps + 1 H step).")
        self.segments.lineEdit().returnPressed.connect(lambda: self.submit())
        self.segments.valueChanged.connect(lambda value: setattr(explore, "segments", value))
        explore.segments_changed.connect(lambda: self.segments.setValue(explore.segments))
        self.until_halt = QCheckBox("until it halts")
        self.until_halt.setToolTip(
            "Stop after the first segment after which the model would stop, at the latest after the number beside it."
        )
        self.until_halt.toggled.connect(self._set_until_halt)
        self.as_board = self._tool("mdi6.grid", "Edit the puzzle on a board (Ctrl+B)", partial(self._toggle, self.edit_on_board))
        self.as_text = self._tool("mdi6.text-box-outline", "Edit the puzzle as text", partial(self._toggle, self.edit_as_text))
        self.as_board.setText("Edit")
        self.as_board.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for button in (self.as_board, self.as_text):
            button.setCheckable(True)
        self.undo = self._tool("mdi6.undo", "Undo (Ctrl+Z)", self._puzzle.undo)
        self.redo = self._tool("mdi6.redo", "Redo (Ctrl+Shift+Z)", self._puzzle.redo)
        self.pasted = self._tool("mdi6.content-paste", "Paste a puzzle (Ctrl+V)", self.paste)
        self.emptied = self._tool("mdi6.eraser", "Clear the board", self.clear)
        self.recent = RecentButton(explore, theme)
        self._lay_out()
        explore.failed.connect(lambda message, cell: self.show_error(message, None if cell < 0 else cell))
        self.editors.currentChanged.connect(self._show_tools)
        explore.asked.connect(self._asked)
        explore.shown.connect(self._shown)
        explore.blocked.connect(lambda why: self._shown() if why else None)
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
        layout.setContentsMargins(12, 4, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.known)
        layout.addWidget(self.reason)
        layout.addWidget(self.anyway)
        row = QHBoxLayout()
        row.addWidget(self.until_halt)
        row.addWidget(self.segments, 1)
        layout.addLayout(row)
        layout.addWidget(self.difficulty)
        layout.addSpacing(4)
        layout.addWidget(self.maker)
        layout.addSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(0)
        for button in (self.as_board, self.as_text):
            row.addWidget(button)
        row.addStretch()
        for button in (self.maze_tools.begin, self.undo, self.redo, self.pasted, self.emptied, self.recent):
            row.addWidget(button)
        layout.addLayout(row)
        layout.addWidget(self.error)
        layout.addWidget(self.evaluate)
        layout.addWidget(self.stale)
        layout.addWidget(self.maze_tools)
        layout.addWidget(self.arc_tools)
        layout.addWidget(self.editors)
        layout.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._area, self._inside = area, inside

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_height()

    def _share_height(self) -> None:
        """Let the board shrink first if the panel is low; at its least size the panel scrolls. It is as wide as its rows need."""
        layout, bar = self._inside.layout(), self._area.verticalScrollBar()
        self.setMinimumWidth(max(_LEAST_WIDTH, self._inside.minimumSizeHint().width() + (bar.width() if bar.isVisible() else 0)))
        if layout is None or self.editors.isHidden():
            return  # no layout yet, or nothing to share
        room, margins = self._area.size(), layout.contentsMargins()
        inner = room.width() - margins.left() - margins.right()
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
        shown = self._editing or not (self._waiting or self._explore.on_board)
        on_board = shown and self.editors.currentWidget() is self.editor
        self.editors.setVisible(shown)
        self.as_board.setChecked(on_board)
        self.as_text.setChecked(shown and not on_board)
        for widget in (self.maze_tools, self.maze_tools.begin):
            widget.setVisible(on_board and isinstance(self._puzzle.task, MazeTask))
        self.arc_tools.setVisible(on_board and isinstance(self._puzzle.task, ArcTask))
        self._share_height()

    def _asked(self) -> None:
        self._waiting = True
        self.text.show_puzzle()
        if self._for_paste:
            self._editing = self._for_paste = False
        self._show_tools()

    def _shown(self) -> None:
        self._waiting = False
        self._show_tools()
        self._show_faults()

    def _show_faults(self) -> None:
        """Show a fault of the puzzle once: as the error if there is one, else as the result of the check."""
        check, error = self._puzzle.check, bool(self.error.text())
        wrong = check is not None and check.state in _WRONG
        self.known.setVisible(not (error and wrong))
        self.anyway.setVisible(check is not None and check.state == "several")
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
            needs = f"level {level} of {len(LEVELS) - 1}: needs {check.rating.name}" if level else "no blank cells"
            meter = "●" * level + "○" * (len(LEVELS) - 1 - level)
            text += f'<br><span style="color:{colours.accent}">{meter}</span> <span style="color:{colours.muted}">{needs}</span>'
        self.known.setText(text)

    def show_error(self, message: str, cell: int | None = None) -> None:
        """Show a message below the puzzle; '' hides it. The cursor goes to the cell at fault."""
        self.error.show_message(message)
        self.evaluate.hide()
        if message:
            self._waiting = False
            self._show_tools()
        self._show_faults()
        if message:
            self._area.ensureWidgetVisible(self.error)
        if cell is not None:
            self.editor.move_to(min(cell, self._puzzle.task.cells - 1))
            self.text.mark(cell)

    # Actions ---------------------------------------------------------------------------------------------------------

    def submit(self, any_solution: bool = False) -> None:
        """Reason about the puzzle in the editor, or show what is wrong with its text. `any_solution`: although it has several solutions."""
        self.show_error("")
        if self.editors.currentWidget() is not self.text or self.text.take():
            self._explore.reason(any_solution)

    def _set_until_halt(self, on: bool) -> None:
        self._explore.until_halt = on
        self.segments.setPrefix("at most " if on else "")

    @property
    def typing(self) -> bool:
        """Whether the puzzle or the number of segments has the keyboard focus."""
        return any(widget.hasFocus() for widget in (self.editor, self.text, self.segments))

    def edit_on_board(self) -> None:
        self.show_error("")  # the error was about the text
        self.text.show_puzzle()  # what is on the board is the puzzle; a text that could not be read is dropped
        self._edit(self.editor)

    def edit_as_text(self) -> None:
        self._edit(self.text)

    def stop_editing(self) -> None:
        """Hide the editor, unless the board shows another puzzle."""
        self.show_error("")
        self.text.show_puzzle()
        self._editing = self._for_paste = False
        self._show_tools()

    def _edit(self, editor: QWidget) -> None:
        self._editing, self._for_paste = True, False
        self.editors.setCurrentWidget(editor)
        self._show_tools()
        editor.setFocus()
        self._area.ensureWidgetVisible(self.editors)

    def _toggle(self, edit: Callable[[], None]) -> None:
        """A click on Edit or Text: on, or off if it is on."""
        editor = self.editor if edit == self.edit_on_board else self.text
        if self._editing and self.editors.currentWidget() is editor:
            self.stop_editing()
        else:
            edit()

    def paste(self) -> None:
        """Reason about the puzzle on the clipboard. Text that is not a puzzle is shown in the editor, with the error."""
        self.open_pasted(QApplication.clipboard().text())

    def open_pasted(self, text: str) -> None:
        """Reason about a pasted puzzle, or show the text with what is wrong with it."""
        if not text.strip():
            self.show_error("The clipboard has no text. Copy a puzzle first: digits, with 0 . * _ or x for blanks.")
            return
        try:
            self._explore.open_text(text, "The clipboard")
        except HRMError as error:
            count = count_puzzles(text, _MANY)
            if count > 1:
                self.show_error(f"This text holds {'more than ' if count == _MANY else ''}{count:,} puzzles. One can be shown here.")
                self._many = text
                self.evaluate.show()
                return
            if len(text) > _LONGEST_SHOWN or looks_like_json(text):
                self.show_error(str(error))
                return
            self.edit_as_text()
            self._for_paste = True
            self.text.show_refused(text)

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
