"""The training timeline: one bar per evaluation, as high as the share of unseen puzzles solved, with a star if this puzzle was solved."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip

from hrm_studio.models.watch import Moment, WatchModel
from hrm_studio.theme import Theme
from hrm_studio.ui.train.metric_plot import short
from hrm_studio.ui.widgets.view import View
from hrm_studio.units import duration, share

_TOP, _BOTTOM = 20, 18  # pixels above and below the bars
_WIDEST = 56.0  # pixels of a moment


class TrainingTimeline(View):
    """Click or drag to a moment; the wheel and the arrow keys move by one."""

    def __init__(self, watch: WatchModel, theme: Theme) -> None:
        super().__init__()
        self._watch, self._theme = watch, theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Training steps")
        self.follow([(watch.changed, self.update), (theme.changed, self.update)], self.update)

    def sizeHint(self) -> QSize:
        return QSize(600, 84)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 84)

    # Where -----------------------------------------------------------------------------------------------------------

    def _width(self) -> float:
        return min(_WIDEST, self.width() / max(1, len(self._watch.moments)))

    def index_at(self, x: float) -> int:
        return min(max(int(x / self._width()), 0), len(self._watch.moments) - 1)

    def exact(self, moment: Moment) -> float:
        """Share of unseen puzzles solved at that step; NaN if it was not evaluated."""
        run = self._watch.run
        if run is None or not len(run.log.evaluations):
            return float("nan")
        steps = run.log.evaluations["step"]
        at = np.flatnonzero(steps == moment.step)
        return float(run.log.evaluations["exact_accuracy"][at[0]]) if len(at) else float("nan")

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, moments = self._theme.palette, self._watch.moments
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        if not moments:
            painter.setPen(palette.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Each evaluation adds a moment here.")
            return
        width, height = self._width(), self.height() - _TOP - _BOTTOM
        every = max(1, round(64 / width))
        gap = 1.5 if width > 5 else 0.0
        painter.setPen(Qt.PenStyle.NoPen)
        for k, moment in enumerate(moments):
            value, here = self.exact(moment), k == self._watch.at
            column = QRectF(k * width + gap, _TOP, width - 2 * gap, height)
            painter.setBrush(palette.color("accent" if here else "muted", 0.18 if here else 0.1))
            painter.drawRoundedRect(column, 2, 2)
            if value == value:
                bar = column.adjusted(0, height * (1 - value), 0, 0)
                painter.setBrush(palette.color("accent" if here else "answer", 1.0 if here else 0.55))
                painter.drawRoundedRect(bar, 2, 2)
        for k, moment in enumerate(moments):
            if self._watch.solved(moment):
                painter.setPen(palette.color("right"))
                painter.drawText(QRectF((k + 0.5) * width - 10, 2, 20, 16), Qt.AlignmentFlag.AlignCenter, "★")
            if k % every == 0 and k * width + 50 < self.width() or k == self._watch.at:
                painter.setPen(palette.color("text" if k == self._watch.at else "muted"))
                place = QRectF((k + 0.5) * width - 30, self.height() - _BOTTOM + 2, 60, 14)
                place.moveLeft(min(max(0.0, place.left()), self.width() - 60.0))
                if k == self._watch.at or abs(k - self._watch.at) * width > 44:
                    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, short(moment.step))
        x = (self._watch.at + 0.5) * width
        painter.setPen(QPen(palette.color("text"), 2))
        painter.drawLine(QPointF(x, _TOP - 2), QPointF(x, self.height() - _BOTTOM + 2))
        if self.hasFocus():
            painter.setPen(QPen(palette.color("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    # Mouse and keys --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._watch.stop_through()
        self._watch.go(self.index_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._watch.go(self.index_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        self._watch.go(self._watch.at + (-1 if delta > 0 else 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        if event.key() in moves:
            self._watch.go(self._watch.at + moves[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._watch.go(0 if event.key() == Qt.Key.Key_Home else len(self._watch.moments) - 1)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and self._watch.moments:
            assert isinstance(event, QHelpEvent)
            QToolTip.showText(event.globalPos(), self.tip(self._watch.moments[self.index_at(event.pos().x())]), self)
            return True
        return super().event(event)

    def tip(self, moment: Moment) -> str:
        """The tooltip of a moment."""
        run, lines = self._watch.run, [f"After step {moment.step:,} of training"]
        if run is not None and len(run.log.evaluations):
            at = np.flatnonzero(run.log.evaluations["step"] == moment.step)
            if len(at):
                lines.append(f"{duration(float(run.log.evaluations['seconds'][at[0]]))} of computing")
                lines.append(f"{share(self.exact(moment))} of unseen puzzles solved")
        solved = self._watch.solved(moment)
        if solved is not None:
            lines.append("★ This puzzle was solved" if solved else "This puzzle was not solved")
        return "\n".join(lines)
