"""A small board that shows the attention of one cell: as heat, and as arrows."""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, sin

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF

from hrm_model.analysis.core import Floats
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.arc import ArcDrawing
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.board.drawing import picture, premultiplied
from hrm_studio.ui.board.puzzle_picture import cell_rect
from hrm_studio.ui.board.square import SquareBoard

_MOST_ARROWS = 12
_LEAST_SHARE = 0.02  # of the attention, for an arrow


BoxOf = Callable[[int], QRectF | None]  # where a cell is drawn


def paint_arrows(painter: QPainter, box_of: BoxOf, weights: Floats, cell: int, colour: QColor) -> None:
    """Arrows from a cell to those it looks at most; thicker for more. weights (S,)."""
    own = box_of(cell)
    if own is None:
        return
    start, size = own.center(), own.width()
    for target in np.argsort(-weights)[:_MOST_ARROWS].tolist():
        share, box = float(weights[target]), box_of(target)
        if share < _LEAST_SHARE or target == cell or box is None:
            continue
        end = box.center()
        angle = atan2(end.y() - start.y(), end.x() - start.x())
        tip = QPointF(end.x() - cos(angle) * size * 0.28, end.y() - sin(angle) * size * 0.28)
        width = 1.2 + min(6.0, 14 * share)
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(start, tip)
        head = max(6.0, 2.2 * width)
        wings = [QPointF(tip.x() - head * cos(angle + turn), tip.y() - head * sin(angle + turn)) for turn in (0.45, -0.45)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([tip, *wings]))


class AttentionBoard(SquareBoard):
    """The board of one module, 'L' or 'H'. Without a cell (−1), it shows what all cells together look at."""

    def __init__(self, level: str, traces: TraceModel, selection: Selection, board: BoardView, theme: Theme) -> None:
        super().__init__(selection)
        self.level, self._traces, self._board, self._theme = level, traces, board, theme
        self.weights: Floats | None = None  # (S, S)
        self.looked_at: Floats | None = None  # (S,) by all cells together
        self.cell = -1
        self.stale = False  # the weights belong to another step than the cursor's
        self.arrows = True
        self.setMinimumSize(120, 120)
        self.setAccessibleName(f"Attention of module {level}")

    def sizeHint(self) -> QSize:
        return QSize(240, 240)

    def side(self) -> int:
        trace = self._traces.trace
        return trace.side if trace is not None and self._board.drawing is not None else 0

    def _box(self, cell: int) -> QRectF:
        return cell_rect(self.place(), self.side(), cell)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        drawing, place, step, palette = self._board.drawing, self.place(), self._traces.cursor, self._theme.palette
        if drawing is None or step < 0:
            return
        if isinstance(drawing, ArcDrawing):
            drawing.paint_canvas(painter, place, step)  # the other boards crop the canvas, but attention covers all of it
        else:
            drawing.paint_small(painter, place, step)
        if self.weights is None or self.looked_at is None or len(self.weights) != len(drawing.given):
            return
        painter.setOpacity(0.35 if self.stale else 1.0)
        colour = palette.color("level_H" if self.level == "H" else "level_L")
        row = self.weights[self.cell] if self.cell >= 0 else self.looked_at
        strength = np.sqrt(np.clip(row / max(float(row.max()), 1e-9), 0, 1))
        painter.drawImage(place, picture(premultiplied(colour.name(), 0.75 * strength), self.side()))
        if self.cell >= 0:
            if self.arrows:
                paint_arrows(painter, self._box, row, self.cell, palette.color("text", 0.8))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color("accent"), 2.5))
            painter.drawRect(self._box(self.cell))
