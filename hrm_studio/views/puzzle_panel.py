"""The left panel: which puzzle, how long to think. It only collects and asks; errors stand under the puzzle."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hrm_model.tasks.sudoku import VARIANTS, Grid, PuzzleError, Variant, cell_places, check_puzzle, format_grid, parse, variant_of_cells
from hrm_model.tasks.sudoku_generator import default_clues
from hrm_studio.theme import Theme

_FEWEST_CLUES = {4: 4, 6: 9, 9: 24}  # below, a puzzle may take long to find


class PuzzlePanel(QWidget):
    """Signals
    -------
    reason_wanted(object)           a Grid that keeps the rules
    generate_wanted(object, int)    a Variant and a number of clues
    example_wanted(object)          a Variant
    """

    reason_wanted = Signal(object)
    generate_wanted = Signal(object, int)
    example_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.text = QPlainTextEdit()
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlaceholderText("Paste a puzzle: digits, with 0 . * _ x for blanks, as one line or as a grid")
        self.text.setMinimumHeight(96)
        self.text.setMaximumHeight(232)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Puzzle")
        self.error = QLabel(wordWrap=True, visible=False, objectName="error")
        self.reason = QPushButton("Reason", objectName="primary")
        self.reason.setToolTip("Let the model think about this puzzle (Ctrl+Return)")
        self.reason.clicked.connect(self.submit)
        self.board_size = QComboBox()
        for variant in reversed(VARIANTS):
            self.board_size.addItem(f"{variant.side}×{variant.side}", variant)
        self.clues = QSpinBox()
        self.clues.setToolTip("Given digits: fewer is harder")
        self.board_size.currentIndexChanged.connect(self._size_changed)
        self.generate = QPushButton("Generate")
        self.generate.setToolTip("Make a new puzzle with one solution and let the model solve it")
        self.generate.clicked.connect(lambda: self.generate_wanted.emit(self.board_size.currentData(), self.clues.value()))
        self.example = QPushButton("Next example")
        self.example.clicked.connect(lambda: self.example_wanted.emit(self.board_size.currentData()))
        self.segments = QSpinBox(minimum=1, maximum=512, value=16)
        self.segments.setToolTip("Segments to think for. One segment is H-cycles × (L-steps + 1 H step).")
        self._lay_out()
        self._size_changed()
        theme.changed.connect(self._icons)
        self._icons()

    def _lay_out(self) -> None:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(_heading("Puzzle"))
        layout.addWidget(self.text, 1)
        layout.addWidget(self.error)
        layout.addWidget(self.reason)
        layout.addSpacing(8)
        layout.addWidget(_heading("Another puzzle"))
        row = QHBoxLayout()
        row.addWidget(self.board_size, 1)
        row.addWidget(self.clues, 1)
        row.addWidget(QLabel("clues"))
        layout.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(self.generate)
        row.addWidget(self.example)
        layout.addLayout(row)
        layout.addSpacing(8)
        layout.addWidget(_heading("Thinking"))
        form = QFormLayout()
        form.setSpacing(8)
        form.addRow("Segments", self.segments)
        layout.addLayout(form)
        layout.addStretch(0)
        area = QScrollArea(widgetResizable=True)
        area.setWidget(inside)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(280)

    def _icons(self) -> None:
        colours = self._theme.palette
        self.reason.setIcon(qtawesome.icon("mdi6.brain", color=colours.on_accent))
        self.generate.setIcon(qtawesome.icon("mdi6.dice-5-outline", color=colours.text))
        self.example.setIcon(qtawesome.icon("mdi6.book-open-page-variant-outline", color=colours.text))

    def _size_changed(self) -> None:
        variant: Variant = self.board_size.currentData()
        self.clues.setRange(_FEWEST_CLUES[variant.side], variant.cells - 1)
        self.clues.setValue(default_clues(variant))

    def show_grid(self, grid: Grid) -> None:
        """Put a puzzle into the box."""
        self.text.setPlainText(format_grid(grid, variant_of_cells(len(grid))))
        self.show_error("")

    def show_error(self, message: str, cell: int | None = None) -> None:
        """A sentence under the puzzle; '' takes it away. The cell at fault is selected in the text."""
        self.error.setText(message)
        self.error.setVisible(bool(message))
        if cell is not None:
            places = cell_places(self.text.toPlainText())
            if cell < len(places):
                cursor = self.text.textCursor()
                cursor.setPosition(places[cell])
                cursor.setPosition(places[cell] + 1, cursor.MoveMode.KeepAnchor)
                self.text.setTextCursor(cursor)

    def submit(self) -> None:
        """Read the box; a puzzle that keeps the rules is asked for, anything else is explained."""
        self.show_error("")
        try:
            grid = parse(self.text.toPlainText())
            check_puzzle(grid, variant_of_cells(len(grid)))
        except PuzzleError as error:
            self.show_error(str(error), error.cell)
        else:
            self.reason_wanted.emit(grid)


def _heading(text: str) -> QLabel:
    return QLabel(text, objectName="heading")
