"""The tree of runs on one timeline: the base on top, below it each branch from the step at which it left its parent."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy

from hrm_model.trace.data import Trace
from hrm_studio.models.lab import BASE, LabModel
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.widgets.view import View

_ROW, _TOP, _NAMES, _END = 22, 18, 0.42, 18  # pixels; share of the width for names; room for the mark at a run's end


class RunTree(View):
    """A click chooses a run, and in the lines also moves the cursor there; a double click opens the run in Explore.

    Signals
    -------
    menu_wanted(int, object)    a right click on a run, and where
    """

    menu_wanted = Signal(int, object)

    def __init__(self, lab: LabModel, traces: TraceModel, theme: Theme) -> None:
        super().__init__()
        self._lab, self._traces, self._theme = lab, traces, theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Branches")
        self.setAccessibleDescription("Up and down choose a run, Return opens it, Delete deletes it.")
        self.setToolTip("The base and its branches on one timeline.\nClick to choose a run, double-click to open it, right-click for more.")
        signals = (lab.changed, traces.cursor_moved, traces.trace_replaced, theme.changed)
        self.follow([(s, self._refresh) for s in signals], self._refresh)

    def _refresh(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, _TOP + _ROW * (1 + len(self._lab.runs)) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    # Places ----------------------------------------------------------------------------------------------------------

    def _left(self) -> float:
        return self.width() * _NAMES

    def _steps(self) -> int:
        traces = [self._lab.trace_of(k) for k in range(BASE, len(self._lab.runs))]
        return max((len(t) for t in traces if t is not None), default=1)

    def x_of(self, step: float) -> float:
        """Where a step begins."""
        return self._left() + (self.width() - self._left() - _END) * step / self._steps()

    def y_of(self, number: int) -> float:
        """The middle of a run's row."""
        return _TOP + _ROW * (number - BASE + 0.5)

    def run_at(self, y: float) -> int | None:
        """The run whose row is there."""
        number = int((y - _TOP) // _ROW) + BASE
        return number if BASE <= number < len(self._lab.runs) else None

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours, lab = QPainter(self), self._theme.palette, self._lab
        if lab.base is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        self._paint_segments(painter)
        for number in range(BASE, len(lab.runs)):
            self._paint_run(painter, number)
        x = self.x_of(self._traces.cursor + 0.5)
        painter.setPen(QPen(colours.color("text"), 1.5))
        painter.drawLine(QPointF(x, _TOP - 2), QPointF(x, self.height()))

    def _paint_segments(self, painter: QPainter) -> None:
        longest = max((t for k in range(BASE, len(self._lab.runs)) if (t := self._lab.trace_of(k)) is not None), key=len)
        colours, last = self._theme.palette, -40.0
        for segment in range(longest.segments):
            step = 0 if segment == 0 else longest.segment_end(segment - 1) + 1
            x = self.x_of(step)
            if x - last < 26:
                continue
            last = x
            painter.setPen(QPen(colours.color("border"), 1))
            painter.drawLine(QPointF(x, _TOP - 4), QPointF(x, self.height()))
            painter.setPen(colours.color("muted"))
            painter.drawText(QRectF(x + 2, 0, 40, _TOP - 2), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, str(segment + 1))

    def _paint_run(self, painter: QPainter, number: int) -> None:
        lab, colours, y = self._lab, self._theme.palette, self.y_of(number)
        trace = lab.trace_of(number)
        assert trace is not None
        row = QRectF(0, y - _ROW / 2, self.width(), _ROW)
        if number == lab.chosen:
            painter.fillRect(row, colours.color("accent", 0.14))
        open_now = trace is self._traces.trace
        font = painter.font()
        font.setBold(open_now)
        painter.setFont(font)
        painter.setPen(colours.color("text"))
        name = "Base" if number == BASE else lab.runs[number].name
        words = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, self._left() - 12)
        painter.drawText(QRectF(6, row.top(), self._left() - 8, _ROW), Qt.AlignmentFlag.AlignVCenter, words)
        outcome = (lab.verdict[1] if lab.verdict else None) if number == BASE else lab.runs[number].found.outcome
        solved = None if outcome is None else outcome.solved
        colour = colours.color({True: "right", False: "wrong", None: "muted"}[solved])
        begin = 0 if number == BASE else lab.runs[number].found.at + 1
        if number != BASE:
            painter.setPen(QPen(colours.color("muted"), 1.5))
            x, up = self.x_of(begin), self.y_of(lab.runs[number].parent)
            painter.drawLine(QPointF(x, up), QPointF(x, y))
        painter.setPen(QPen(colour, 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(self.x_of(begin), y), QPointF(max(self.x_of(begin) + 1, self.x_of(len(trace)) - 2), y))
        if solved is not None:
            painter.drawText(QRectF(self.x_of(len(trace)), row.top(), _END, _ROW), Qt.AlignmentFlag.AlignCenter, "✓" if solved else "✗")
        font.setBold(False)
        painter.setFont(font)

    # Mouse and keys --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        number = self.run_at(event.position().y())
        if number is None:
            return
        self._lab.choose(number)
        if event.button() == Qt.MouseButton.RightButton:
            self.menu_wanted.emit(number, event.globalPosition().toPoint())
        elif event.position().x() > self._left():
            self._move(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and event.position().x() > self._left():
            self._move(event)

    def _move(self, event: QMouseEvent) -> None:
        step = int((event.position().x() - self._left()) / max(1.0, self.width() - self._left() - _END) * self._steps())
        self._traces.set_cursor(step)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        number = self.run_at(event.position().y())
        if number is not None:
            self._lab.open(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        lab, by = self._lab, {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if by is not None:
            lab.choose(min(max(lab.chosen + by, BASE), len(lab.runs) - 1))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            lab.open(lab.chosen)
        elif event.key() == Qt.Key.Key_Delete and lab.chosen != BASE:
            lab.delete(lab.chosen)
        else:
            super().keyPressEvent(event)


def answer_at(trace: Trace, step: int) -> int:
    """The step of a trace that is shown at the shared cursor: a shorter run stays at its end."""
    return min(max(step, 0), len(trace) - 1)
