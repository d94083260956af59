"""One curve in a plot: the smoothed line, the values behind it, dots for rare events, and a confidence band."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from trainer.runs.log import Floats

_FEW = 60  # points that each get a dot


class CurveItem(pg.GraphicsObject):
    """Painted in one go from arrays that are already as short as the plot is wide."""

    def __init__(self, colour: QColor, style: Qt.PenStyle = Qt.PenStyle.SolidLine, dots: bool = False) -> None:
        super().__init__()
        self._line, self._raw, self._fill, self._points = QPolygonF(), QPolygonF(), QPolygonF(), np.zeros((0, 2))
        self._bounds = QRectF()
        self._dots = dots
        self._pen = QPen(colour, 1.6 if not dots else 1.8, style)
        faint, soft = QColor(colour), QColor(colour)
        faint.setAlphaF(0.32)
        soft.setAlphaF(0.16)
        self._faint, self._soft, self._colour = QPen(faint, 1), QBrush(soft), colour
        for pen in (self._pen, self._faint):
            pen.setCosmetic(True)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)

    def show_values(self, x: Floats, line: Floats, low: Floats | None = None, high: Floats | None = None) -> None:
        """The line, and what lies behind it: a band from low to high, or with low alone a thin line. In the plot's own units."""
        self.prepareGeometryChange()
        self._line = _polygon(x, line)
        self._raw, self._fill = QPolygonF(), QPolygonF()
        if low is not None and high is not None:
            self._fill = _polygon(np.append(x, x[::-1]), np.append(high, low[::-1]))
        elif low is not None:
            self._raw = _polygon(x, low)
        # A value alone makes no line.
        dotted = len(x) == 1 or (self._dots and len(x) <= _FEW)
        self._points = np.stack([x, line], axis=1) if dotted else np.zeros((0, 2))
        every = [v for v in (line, low, high) if v is not None and len(v)]
        if every:
            bottom, top = min(float(v.min()) for v in every), max(float(v.max()) for v in every)
            self._bounds = QRectF(float(x[0]), bottom, max(1e-12, float(x[-1] - x[0])), max(1e-12, top - bottom))
        else:
            self._bounds = QRectF()
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._fill.isEmpty():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._soft)
            painter.drawPolygon(self._fill)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if not self._raw.isEmpty():
            painter.setPen(self._faint)
            painter.drawPolyline(self._raw)
        painter.setPen(self._pen)
        painter.drawPolyline(self._line)
        if len(self._points):
            to_pixels = painter.worldTransform()
            painter.save()
            painter.resetTransform()
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._colour)
            for x, y in self._points.tolist():
                painter.drawEllipse(to_pixels.map(QPointF(x, y)), 2.8, 2.8)
            painter.restore()


def _polygon(x: Floats, y: Floats) -> QPolygonF:
    return pg.functions.arrayToQPolygonF(np.ascontiguousarray(x), np.ascontiguousarray(y)) if len(x) else QPolygonF()
