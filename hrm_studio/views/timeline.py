"""The nested timeline: segment › H-cycle › L-step, and the cursor on it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hrm_model.trace import LEVEL_H, Trace
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme

_SIDE = 28  # pixels left and right of the lanes; holds their letters


def step_name(trace: Trace, step: int) -> str:
    """'Segment 3 · H-cycle 1 · L-step 2', counted from 1."""
    place = f"Segment {trace.segment[step] + 1} · H-cycle {trace.h_cycle[step] + 1} · "
    return place + ("H step" if trace.level[step] == LEVEL_H else f"L-step {trace.l_step[step] + 1}")


class TimelineView(QWidget):
    """Three lanes: segments, H steps, L steps. Click or drag moves the cursor, the wheel scrubs."""

    def __init__(self, traces: TraceModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._theme = traces, theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Timeline")
        for signal in (traces.trace_replaced, traces.trace_grew, traces.running_changed, traces.cursor_moved, theme.changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(800, 76)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 76)

    def _x(self, step: float, total: int) -> float:
        return _SIDE + (self.width() - 2 * _SIDE) * step / total

    def step_at(self, x: float) -> int:
        trace = self._traces.trace
        if trace is None:
            return -1
        step = int((x - _SIDE) / max(1, self.width() - 2 * _SIDE) * self._traces.steps)
        return min(max(step, 0), len(trace) - 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = self._theme.palette
        trace = self._traces.trace
        small = QFont(self.font())
        small.setPixelSize(11)
        painter.setFont(small)
        if trace is None:
            painter.setPen(colours.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No trace yet")
            return
        total, cursor = self._traces.steps, self._traces.cursor
        unit = (self.width() - 2 * _SIDE) / total
        gap = 1.0 if unit > 4 else 0.0
        painter.setPen(colours.color("muted"))
        for name, top in (("H", 30), ("L", 50)):
            painter.drawText(QRectF(0, top, _SIDE - 6, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
        starts = np.flatnonzero(np.diff(trace.segment, prepend=-1))
        ends = np.append(starts[1:], len(trace))
        every = max(1, round(46 / max(1.0, unit * total / max(1, len(starts)))))
        for segment, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            left, right = self._x(start, total), self._x(end, total)
            here = trace.segment[cursor] == segment
            painter.fillRect(
                QRectF(left, 24, right - left - 1, 46),
                colours.color("accent" if here else "muted", 0.12 if here else 0.06 + 0.04 * (segment % 2)),
            )
            self._paint_segment_name(painter, segment, left, right, segment % every == 0, here)
        lefts, width, high = _SIDE + unit * np.arange(len(trace)), max(1.0, unit - gap), trace.level == LEVEL_H
        for name, lane, top in (("level_H", high, 31), ("level_L", ~high, 51)):
            for steps, strength in ((lane[: cursor + 1], 1.0), (np.append(np.zeros(cursor + 1, bool), lane[cursor + 1 :]), 0.35)):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colours.color(name, strength))
                painter.drawRects([QRectF(left, top, width, 14) for left in lefts[np.flatnonzero(steps)].tolist()])
        x = self._x(cursor + 0.5, total)
        painter.setPen(QPen(colours.color("text"), 2))
        painter.drawLine(QPointF(x, 22), QPointF(x, 72))

    def _paint_segment_name(self, painter: QPainter, segment: int, left: float, right: float, numbered: bool, here: bool) -> None:
        colours, trace = self._theme.palette, self._traces.trace
        assert trace is not None
        verdict, marks = self._traces.verdict, ""
        if verdict.solved is not None and trace.segment[verdict.solved] == segment:
            marks += "★"
        if verdict.halting == segment:
            marks += "◆"
        text = (str(segment + 1) if numbered or here or marks else "") + (f" {marks}" if marks else "")
        painter.setPen(colours.color("right" if marks else "text" if here else "muted"))
        painter.drawText(QRectF((left + right) / 2 - 30, 4, 60, 18), Qt.AlignmentFlag.AlignCenter, text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._traces.set_cursor(self.step_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._traces.set_cursor(self.step_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        self._traces.move_steps(-1 if delta > 0 else 1)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and self._traces.trace is not None:
            assert isinstance(event, QHelpEvent)
            QToolTip.showText(event.globalPos(), self.tip(self.step_at(event.pos().x())), self)
            return True
        return super().event(event)

    def tip(self, step: int) -> str:
        trace = self._traces.trace
        assert trace is not None
        high = trace.level[step] == LEVEL_H
        what = (
            "The slow module H moves; the answer is what it holds."
            if high
            else "The fast module L moves; the answer is a preview: what H would say next."
        )
        lines = [step_name(trace, step), what]
        if step == self._traces.verdict.solved:
            lines.append("★ From here on the answer is the solution.")
        if trace.segment[step] == self._traces.verdict.halting:
            lines.append("◆ After this segment the model would halt.")
        return "\n".join(lines)
