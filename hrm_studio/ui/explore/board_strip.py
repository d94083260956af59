"""An overview: small boards in a row, one a segment or a step. A click jumps there."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hrm_model.analysis.cells import short_step_name
from hrm_model.trace.data import Trace
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.board.timeline import step_name
from hrm_studio.ui.widgets.view import View

_GAP, _LABEL = 8, 16
_NARROWEST = 0.5  # width / height of a small board; less would push the labels below into each other
_KEPT = 600  # pictures


class BoardStrip(View):
    """Only what is in sight is drawn, and each small board once. The wheel moves the strip; it follows the cursor by itself."""

    def __init__(self, traces: TraceModel, board: BoardView, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._board, self._theme = traces, board, theme
        self._pictures: OrderedDict[tuple[int, int, float], QPixmap] = OrderedDict()
        self.stops: np.ndarray = np.zeros(0, int)
        self.first_board = 0.0  # index of the leftmost board in sight
        self.every_step = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Overview of the answer, one small board per segment")
        subscriptions = [
            (traces.trace_replaced, self._renew),
            (traces.trace_grew, self._grew),
            (traces.running_changed, self._grew),
            (traces.cursor_moved, self._follow),
            (theme.changed, self._renew),
        ]
        self.follow(subscriptions, self._renew)

    def sizeHint(self) -> QSize:
        return QSize(600, 92)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 92)

    def set_every_step(self, wanted: bool) -> None:
        """Show one board per step, instead of one per segment."""
        self.every_step = wanted
        self._renew()

    # Places ----------------------------------------------------------------------------------------------------------

    def _size(self) -> tuple[float, float]:
        """Width and height of one small board."""
        height = self.height() - _LABEL - 6.0
        found = self._board.drawing
        return height * (1.0 if found is None else min(2.0, max(_NARROWEST, found.small_aspect))), height

    def pitch(self) -> float:
        """Width of a small board and of the gap beside it."""
        return self._size()[0] + _GAP

    def boards_in_view(self) -> int:
        """How many boards are fully in sight."""
        return max(1, int((self.width() - _GAP) / self.pitch()))

    def stop_at(self, x: float) -> int | None:
        """The step of the board at x; None if there is none."""
        k = int((x - _GAP / 2) / self.pitch() + self.first_board)
        return int(self.stops[k]) if 0 <= k < len(self.stops) and x >= 0 else None

    # The boards ------------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        self._pictures.clear()
        self.first_board = 0.0
        self._grew()

    def _grew(self) -> None:
        trace = self._traces.trace
        if trace is None:
            self.stops = np.zeros(0, int)
        elif self.every_step:
            self.stops = np.arange(len(trace))
        else:
            ends = np.flatnonzero(np.diff(trace.segment, append=trace.segment[-1] + 1))
            # The last segment is not complete yet.
            self.stops = ends if not self._traces.running else ends[:-1]
        self._follow()

    def current_board(self) -> int:
        """Index of the board at the cursor, else of the next one."""
        return min(int(np.searchsorted(self.stops, self._traces.cursor)), max(0, len(self.stops) - 1))

    def _follow(self) -> None:
        here, room = self.current_board(), self.boards_in_view()
        if here < self.first_board:
            self.first_board = float(here)
        elif here > self.first_board + room - 1:
            self.first_board = float(here - room + 1)
        self.first_board = min(max(0.0, self.first_board), max(0.0, float(len(self.stops) - room)))
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._follow()

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        trace, colours = self._traces.trace, self._theme.palette
        if trace is None or self._board.drawing is None or not len(self.stops):
            painter.setPen(colours.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "One small board per segment appears here.")
            return
        width, height = self._size()
        small = QFont(self.font())
        small.setPixelSize(11)
        here, first = self.current_board(), int(self.first_board)
        for k in range(first, min(len(self.stops), first + self.boards_in_view() + 2)):
            step = int(self.stops[k])
            place = QRectF(_GAP / 2 + (k - self.first_board) * self.pitch() + 2, 3, width, height)
            painter.drawPixmap(place.topLeft(), self._picture(step, width, height))
            if k == here:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(colours.color("accent"), 2.5))
                painter.drawRoundedRect(place.adjusted(-1.5, -1.5, 1.5, 1.5), 3, 3)
            small.setBold(k == here)
            painter.setFont(small)
            painter.setPen(colours.color("text" if k == here else "muted"))
            painter.drawText(
                QRectF(place.left() - 8, place.bottom() + 2, width + 16, _LABEL), Qt.AlignmentFlag.AlignCenter, self._label(trace, step)
            )

    def _label(self, trace: Trace, step: int) -> str:
        verdict = self._traces.verdict
        mark = " ★" if verdict.solved is not None and step >= verdict.solved else ""
        return (short_step_name(trace, step) if self.every_step else str(trace.segment[step] + 1)) + mark

    def _picture(self, step: int, width: float, height: float) -> QPixmap:
        ratio = self.devicePixelRatioF()
        key = (step, round(height), ratio)
        if key not in self._pictures:
            made = QPixmap(QSize(round(width), round(height)) * ratio)
            made.setDevicePixelRatio(ratio)
            made.fill(Qt.GlobalColor.transparent)
            assert self._board.drawing is not None
            with QPainter(made) as painter:
                self._board.drawing.paint_small(painter, QRectF(0.5, 0.5, width - 1, height - 1), step)
            self._pictures[key] = made
            if len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(key)
        return self._pictures[key]

    # Mouse -----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        step = self.stop_at(event.position().x())
        if step is not None and event.button() == Qt.MouseButton.LeftButton:
            self._traces.set_cursor(step)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        most = max(0.0, float(len(self.stops) - self.boards_in_view()))
        self.first_board = min(max(0.0, self.first_board - round(delta / 40)), most)
        self.update()

    def event(self, event: QEvent) -> bool:
        trace = self._traces.trace
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and trace is not None:
            step = self.stop_at(event.pos().x())
            QToolTip.showText(event.globalPos(), "" if step is None else f"{step_name(trace, step)}\nClick to go there.", self)
            return True
        return super().event(event)
