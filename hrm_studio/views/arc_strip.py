"""Above the board while an ARC task is at hand: what the task shows by demonstration, and which of its inputs is thought about."""

from __future__ import annotations

import numpy as np
import qtawesome
from PySide6.QtCore import QLineF, QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_model.tasks.arc import ArcPuzzle, ColourGrid, Pair
from hrm_model.tasks.arc_task import ArcTask
from hrm_studio.models.session import Session
from hrm_studio.theme import Theme
from hrm_studio.views.board_arc import COLOURS
from hrm_studio.views.board_drawing import opaque, picture, rgb
from hrm_studio.views.board_panel import Elided

_HEIGHT = 64  # pixels of the higher grid of a pair, at most
_LARGEST_CELL, _LINED_CELL = 16.0, 5.0
_CAPTION, _MARGIN, _ARROW = 17, 7, 24
_PIXELS = opaque(np.array([rgb(colour) for colour in COLOURS]))


def paint_grid(painter: QPainter, place: QRectF, grid: ColourGrid, theme: Theme) -> None:
    """Colours in the standard palette, with lines between cells that are large enough."""
    painter.drawImage(place, picture(_PIXELS[grid.ravel()], grid.shape[1]))
    rows, columns = grid.shape
    size = place.width() / columns
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.palette.color("muted", 0.5), 1))
    if size >= _LINED_CELL:
        lines = [QLineF(place.left(), place.top() + k * size, place.right(), place.top() + k * size) for k in range(1, rows)]
        lines += [QLineF(place.left() + k * size, place.top(), place.left() + k * size, place.bottom()) for k in range(1, columns)]
        painter.drawLines(lines)
    painter.drawRect(place)


class PairButton(QAbstractButton):
    """A pair as a picture, input → output; of a test pair the output is left for the model to find."""

    def __init__(self, pair: Pair, caption: str, asks: bool, theme: Theme) -> None:
        super().__init__()
        self.pair, self.caption, self._theme = pair, caption, theme
        self.output = None if asks else pair.output
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(self.sizeHint())
        size = _size(pair.input) if self.output is None else f"{_size(pair.input)} → {_size(self.output)}"
        self.setAccessibleName(f"{caption}, {size}")
        self.setToolTip(f"{caption}: {size}. Click: let the model think about this input.")

    @property
    def cell(self) -> float:
        """Pixels of a cell."""
        grids = [self.pair.input] if self.output is None else [self.pair.input, self.output]
        return min(_LARGEST_CELL, _HEIGHT / max(grid.shape[0] for grid in grids))

    def _widths(self) -> tuple[float, float]:
        asked = _HEIGHT * 0.5 if self.output is None else self.output.shape[1] * self.cell
        return self.pair.input.shape[1] * self.cell, asked

    def sizeHint(self) -> QSize:
        caption = self.fontMetrics().horizontalAdvance(self.caption) + 8
        return QSize(max(caption, round(sum(self._widths())) + _ARROW) + 2 * _MARGIN, _HEIGHT + _CAPTION + 2 * _MARGIN)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.palette
        chosen = self.isChecked()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if chosen or self.underMouse() or self.hasFocus():
                painter.setPen(QPen(colours.color("accent" if chosen or self.hasFocus() else "border"), 1.5))
                painter.setBrush(colours.color("accent", 0.12) if chosen else colours.color("raised"))
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
            painter.setPen(colours.color("text" if chosen else "muted"))
            painter.drawText(QRectF(0, 4, self.width(), _CAPTION), Qt.AlignmentFlag.AlignCenter, self.caption)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            left_width, right_width = self._widths()
            left = (self.width() - left_width - _ARROW - right_width) / 2
            middle = _CAPTION + _MARGIN + _HEIGHT / 2
            place = self._centred(left, middle, self.pair.input)
            paint_grid(painter, place, self.pair.input, self._theme)
            painter.setPen(colours.color("muted"))
            arrow = QRectF(place.right(), middle - 10, _ARROW, 20)
            painter.drawText(arrow, Qt.AlignmentFlag.AlignCenter, "→")
            if self.output is not None:
                paint_grid(painter, self._centred(arrow.right(), middle, self.output), self.output, self._theme)
            else:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                asked = QRectF(arrow.right(), middle - right_width / 2, right_width, right_width)
                painter.setPen(QPen(colours.color("muted"), 1, Qt.PenStyle.DashLine))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(asked, 4, 4)
                painter.drawText(asked, Qt.AlignmentFlag.AlignCenter, "?")

    def _centred(self, left: float, middle: float, grid: ColourGrid) -> QRectF:
        width, height = grid.shape[1] * self.cell, grid.shape[0] * self.cell
        return QRectF(QPointF(round(left), round(middle - height / 2)), QPointF(round(left) + round(width), round(middle + height / 2)))


class ArcStrip(QWidget):
    """Hidden where the puzzle is of another kind. Choosing a task or a pair asks the session.

    Signals
    -------
    toggled(bool)   it is shown now, or hidden
    """

    toggled = Signal(bool)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session, self._arc, self._theme = session, session.arc, theme
        self._shown: ArcPuzzle | None = None
        self._listed: tuple[ArcPuzzle, ...] = ()
        self._on = False
        self.title = QLabel("", objectName="heading")
        self.tasks = QComboBox(editable=True, insertPolicy=QComboBox.InsertPolicy.NoInsert, accessibleName="ARC task")
        self.tasks.setToolTip("Which task; type a part of its name")
        self.tasks.setMaxVisibleItems(20)
        self.tasks.setMinimumWidth(150)
        completer = self.tasks.completer()
        assert completer is not None  # an editable box has one
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.before, self.after = self._tool("mdi6.chevron-left", "Task before", -1), self._tool("mdi6.chevron-right", "Next task", 1)
        self.count = QLabel("", objectName="muted")
        self.note = Elided("muted")
        self.note.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.pairs = QWidget()
        self._row = QHBoxLayout(self.pairs)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self.area = QScrollArea(widgetResizable=True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self.pairs)
        self.area.setFixedHeight(_HEIGHT + _CAPTION + 2 * _MARGIN + self.area.horizontalScrollBar().sizeHint().height() + 2)
        self._group = QButtonGroup(self)
        self._lay_out()
        self.tasks.activated.connect(self._choose)
        self._group.buttonClicked.connect(self._take)
        self._arc.changed.connect(self._show)
        self._arc.identified.connect(self._tell)
        session.puzzle.changed.connect(self._show)
        theme.changed.connect(self._colours)
        self._colours()
        self._show()

    def _tool(self, icon: str, tip: str, by: int) -> QToolButton:
        button = QToolButton(objectName="flat", toolTip=tip, accessibleName=tip, focusPolicy=Qt.FocusPolicy.TabFocus)
        button.setProperty("icon_name", icon)
        button.clicked.connect(lambda: self._choose(self._arc.at + by))
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        for widget in (self.title, self.before, self.tasks, self.after, self.count):
            head.addWidget(widget)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 2)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.area)
        layout.addWidget(self.note)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def _colours(self) -> None:
        for button in (self.before, self.after):
            colours = self._theme.palette
            button.setIcon(qtawesome.icon(button.property("icon_name"), color=colours.text, color_disabled=colours.border))
        self._tell()
        self.update()

    @property
    def buttons(self) -> list[PairButton]:
        """The pairs that are shown, in their order."""
        return [button for button in self._group.buttons() if isinstance(button, PairButton)]

    # Showing -----------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        task = self._arc.task
        shown = isinstance(self._session.puzzle.task, ArcTask) and task is not None
        self.setVisible(shown)
        if shown != self._on:
            self._on = shown
            self.toggled.emit(shown)
        if task is None:
            return
        several, at = len(self._arc.tasks) > 1, self._arc.at
        if self._listed is not self._arc.tasks:
            self._listed = self._arc.tasks
            with QSignalBlocker(self.tasks):
                self.tasks.clear()
                self.tasks.addItems([listed.name for listed in self._listed])
        with QSignalBlocker(self.tasks):
            self.tasks.setCurrentIndex(at)
        self.title.setText("ARC task" if several else f"ARC task {task.name}" if task.name else "Pasted ARC task")
        for widget in (self.tasks, self.before, self.after, self.count):
            widget.setVisible(several)
        self.count.setText(f"{at + 1:,} of {len(self._listed):,}" if at >= 0 else f"{task.name or 'pasted'}, not of this list")
        self.before.setEnabled(at > 0)
        self.after.setEnabled(at < len(self._listed) - 1)
        if task is not self._shown:
            self._fill(task)
        self._mark()
        self._tell()

    def _tell(self) -> None:
        """What the model knows the task by; that an answer is a guess stands out."""
        known = self._arc.known
        self.note.setVisible(known is not None and bool(known.words))
        if known is not None:
            self.note.setText(known.words if known.trained else f"▲ {known.words}")
            self.note.setStyleSheet("" if known.trained else f"color: {self._theme.palette.warning}")

    def _fill(self, task: ArcPuzzle) -> None:
        self._shown = task
        while (item := self._row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                if isinstance(widget, QAbstractButton):
                    self._group.removeButton(widget)
                widget.hide()
                widget.deleteLater()
        tests = [("Test" if len(task.test) == 1 else f"Test {k}", pair) for k, pair in enumerate(task.test, 1)]
        for caption, pair in [(f"Example {k}", pair) for k, pair in enumerate(task.train, 1)] + tests:
            button = PairButton(pair, caption, caption.startswith("Test"), self._theme)
            self._group.addButton(button)
            self._row.addWidget(button)
        self._row.addStretch(1)
        self.area.horizontalScrollBar().setValue(0)

    def _mark(self) -> None:
        """The pair whose input is the puzzle; none once that was edited."""
        self._group.setExclusive(False)
        for button in self.buttons:
            button.setChecked(button.pair is self._arc.pair)
        self._group.setExclusive(True)

    # Choosing ----------------------------------------------------------------------------------------------------------

    def _choose(self, at: int) -> None:
        if 0 <= at < len(self._arc.tasks):
            self._session.show_arc(self._arc.tasks[at])

    def _take(self, button: QAbstractButton) -> None:
        assert isinstance(button, PairButton)
        assert self._arc.task is not None
        self._session.show_arc(self._arc.task, button.pair)
        self._mark()  # a click on the one that is chosen leaves it so


def _size(grid: ColourGrid) -> str:
    return f"{grid.shape[0]} × {grid.shape[1]}"
