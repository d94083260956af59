"""One pane of a comparison: model, budget, puzzle, board, and the cells that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QToolButton, QVBoxLayout

from hrm_model.analysis.compare import Differences
from hrm_model.analysis.story import count_words, plural, story
from hrm_studio.models.comparison import LETTERS, Comparison
from hrm_studio.models.selection import Selection
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.board.drawing import Drawing
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.view import View

_PUZZLES = ("Same puzzle", "Relabelled", "Own puzzle …")
_ERROR_LINES = 3
_TIP = (
    "Same puzzle: the one above.\nRelabelled: a symmetric copy with digits, rows and columns permuted; its answers are mapped back."
    "\nOwn puzzle: another puzzle, pasted below."
)


def checkpoint_title(path: Path) -> str:
    """'step 400 · sudoku-4x4': the step first, which tells the panes apart where there is little room."""
    if path.parent.name != "checkpoints":
        return path.name
    step = path.name.removeprefix("step_")
    return f"{f'step {int(step):,}' if step.isdecimal() else path.name} · {path.parent.parent.name}"


class PaneMessage(Elided):
    """One elided line, or several wrapped lines for an error.

    A wrapping QLabel would make the pane taller, and the page would scroll.
    """

    def __init__(self) -> None:
        super().__init__("position")
        self._lines = 1

    def show_text(self, words: str, lines: int) -> None:
        self._lines = lines
        self.setFixedHeight(self.fontMetrics().lineSpacing() * lines + 2)
        self.setText(words)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._lines == 1:
            super().paintEvent(event)
        else:
            QPainter(self).drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.text())


class ComparePane(View):
    """Letter, model, budget and puzzle; the outcome; the board; and how many cells differ.

    Signals
    -------
    closed()    the person closed this pane
    entered()   Return was pressed in the field of its own puzzle
    """

    closed = Signal()
    entered = Signal()

    def __init__(self, comparison: Comparison, index: int, models: list[tuple[str, Path]], selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._comparison, self._index, self._theme = comparison, index, theme
        self.pane = comparison.panes[index]
        self.setMinimumWidth(200)
        self.letter = QLabel(LETTERS[index], objectName="title")
        self.model = QComboBox(toolTip="The model of this pane", accessibleName=f"Model of pane {LETTERS[index]}")
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.model.setMinimumContentsLength(8)
        self._fill(models)
        self.segments = QSpinBox(minimum=1, maximum=1024, value=self.pane.setting.segments, suffix=" segments")
        self.segments.setToolTip("The budget: how many segments the model may use")
        self.segments.setAccessibleName(f"Segments of pane {LETTERS[index]}")
        self.puzzle = QComboBox(toolTip=_TIP, accessibleName=f"Puzzle of pane {LETTERS[index]}")
        self.puzzle.addItems(_PUZZLES)
        self.puzzle.setCurrentIndex(2 if self.pane.setting.puzzle else 1 if self.pane.setting.relabelled else 0)
        self.own = QLineEdit(
            self.pane.setting.puzzle, placeholderText="Paste a puzzle on one line", accessibleName=f"Own puzzle of pane {LETTERS[index]}"
        )
        self.own.setVisible(self.puzzle.currentIndex() == 2)
        close = QToolButton(text="✕", toolTip="Close this pane", objectName="flat", accessibleName=f"Close pane {LETTERS[index]}")
        close.setVisible(len(comparison.panes) > 2)
        close.clicked.connect(self.closed)
        top = QHBoxLayout()
        under = (
            QHBoxLayout() if len(comparison.panes) > 2 else top
        )  # two panes are wide enough for one row, which leaves more room for the boards
        for row, parts in ((top, (self.letter, self.model)), (under, (self.segments, self.puzzle))):
            row.setSpacing(6)
            for part in parts:
                row.addWidget(part, 1 if part in (self.model, self.puzzle) else 0)
        top.addWidget(close)
        self.board = BoardView(self.pane.traces, selection, theme)
        self.board.setMinimumSize(160, 160)
        self.board.setAccessibleName(f"Board of pane {LETTERS[index]}")
        self.board.over = self._mark
        self.message, self.apart = PaneMessage(), Elided("muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        if under is not top:
            layout.addLayout(under)
        layout.addWidget(self.own)
        layout.addWidget(self.message)
        layout.addWidget(self.board, 1)
        layout.addWidget(self.apart)
        self.model.activated.connect(self._model_picked)
        self.segments.valueChanged.connect(lambda value: comparison.change(index, segments=value))
        self.puzzle.activated.connect(self._puzzle_picked)
        self.own.returnPressed.connect(self._own_entered)
        self.own.editingFinished.connect(self._own_written)
        self.follow(
            [
                (comparison.moved, self._refresh),
                (comparison.grew, self._refresh),
                (self.pane.changed, self._refresh),
                (theme.changed, self._refresh),
            ],
            self._refresh,
        )

    def _fill(self, models: list[tuple[str, Path]]) -> None:
        self.model.clear()
        for title, path in models:
            self.model.addItem(title, path)
            self.model.setItemData(self.model.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        if self._place_of(self.pane.setting.model) < 0:
            path = self.pane.setting.model
            self.model.addItem(checkpoint_title(path), path)
            self.model.setItemData(self.model.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.model.addItem("Open a checkpoint …", None)
        self.model.setCurrentIndex(self._place_of(self.pane.setting.model))

    def _place_of(self, path: Path) -> int:
        """The index of a model in the list, or −1. Qt's findData does not compare Paths by value."""
        return next((k for k in range(self.model.count()) if self.model.itemData(k) == path), -1)

    def _model_picked(self) -> None:
        path = self.model.currentData()
        if path is None:
            chosen = QFileDialog.getExistingDirectory(self, "Open a checkpoint folder")
            path = Path(chosen) if chosen else self.pane.setting.model
            if self._place_of(path) < 0:
                self.model.insertItem(self.model.count() - 1, path.name, path)
            self.model.setCurrentIndex(self._place_of(path))
        self._comparison.change(self._index, model=path)

    def _puzzle_picked(self, kind: int) -> None:
        self.own.setVisible(kind == 2)
        if kind == 2:
            self.own.setFocus()
        self._comparison.change(self._index, relabelled=self._index + 1 if kind == 1 else 0, puzzle=self.own.text() if kind == 2 else "")

    def _own_entered(self) -> None:
        self._own_written()
        self.entered.emit()

    def _own_written(self) -> None:
        if self.puzzle.currentIndex() == 2 and self.own.text() != self.pane.setting.puzzle:
            self._comparison.change(self._index, puzzle=self.own.text())

    def _refresh(self) -> None:
        self.letter.setStyleSheet(f"color: {self._theme.palette.series[self._index]}")
        traces = self.pane.traces
        trace, step = traces.trace, traces.cursor
        self.message.show_text(self.pane.error or self._words(), lines=_ERROR_LINES if self.pane.error else 1)
        self.message.setStyleSheet(f"color: {self._theme.palette.wrong}" if self.pane.error else "")
        self.message.setToolTip(self.pane.error or (str(story(trace, traces.verdict, running=traces.running)) if trace is not None else ""))
        apart = self._comparison.differences(self._index)
        if self._index == 0:
            self.apart.setText("The other panes are compared with this one.")
        elif apart is None:
            self.apart.setText("" if trace is None or step < 0 else "A different puzzle: answers are not compared.")
        else:
            self.apart.setText(_apart_words(apart))
        self.board.update()

    def _words(self) -> str:
        traces = self.pane.traces
        if traces.trace is None or traces.cursor < 0:
            return "Waiting …" if self.pane.waiting else "Press Reason to start"
        found, step = traces.verdict, traces.cursor
        solved = ["★ solved"] if found.solved is not None and step >= found.solved and not traces.running else []
        end = "" if step < len(traces.trace) - 1 or traces.running else ", the end"
        return " · ".join([f"Segment {int(traces.trace.segment[step]) + 1}{end}", *solved, *count_words(found.counts, step)])

    def _mark(self, painter: QPainter, drawing: Drawing, place: QRectF) -> None:
        """Frame the cells whose drawn answers differ from the first pane's."""
        apart = self._comparison.differences(self._index)
        if apart is None:
            return
        at = 1 if drawing.fills else 0
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for cell in np.flatnonzero(apart.decided).tolist():
            boxes = drawing.cell_rects(place, cell)
            if len(boxes) > at:
                box = boxes[at]
                painter.setPen(QPen(self._theme.palette.color("warning"), max(1.5, box.width() * 0.06)))
                inset = box.width() * 0.07
                painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), box.width() * 0.18, box.width() * 0.18)


def _apart_words(apart: Differences) -> str:
    decided, one_open = int(apart.decided.sum()), int(apart.one_open.sum())
    words = [f"{plural(decided, 'digit' if apart.digits else 'cell')} {'differs' if decided == 1 else 'differ'} from A"] if decided else []
    if one_open:
        words.append(f"{plural(one_open, 'cell')} undecided in only one of the two")
    both_open = int(apart.both_open.sum())
    if not words:
        words = ["Same answer as A"]
    if both_open:
        words.append(f"{both_open} undecided in both")
    return " · ".join(words)
