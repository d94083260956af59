"""Scatter plot of the evaluated puzzles: two columns of the table against each other."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QComboBox, QLabel, QToolTip, QVBoxLayout

from hrm_studio.theme import Theme
from hrm_studio.ui.evaluate.table import ResultTable
from hrm_studio.ui.plots.plot import new_plot, show_axes, style_plot
from hrm_studio.ui.widgets.flow_layout import FlowRow
from hrm_studio.ui.widgets.view import View

_NO_AXIS = ("Puzzle", "Solved")
_NEAR = 12  # pixels


class PuzzleScatter(View):
    """One point per row of the table.

    Signals
    -------
    picked(int)     the row whose point was clicked
    """

    picked = Signal(int)

    def __init__(self, table: ResultTable, theme: Theme) -> None:
        super().__init__()
        self._table, self._theme = table, theme
        self._marked = -1
        self.across, self.up = QComboBox(accessibleName="Across"), QComboBox(accessibleName="Up")
        for box in (self.across, self.up):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.currentIndexChanged.connect(lambda _, box=box: self._explain(box))
            box.activated.connect(self.draw)
        self._fill_axes()
        self.up.setCurrentText("Late drift")
        table.modelReset.connect(self._fill_axes)
        self.plot = new_plot()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.over = self._paint
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.viewport().installEventFilter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(FlowRow(QLabel("across", objectName="muted"), self.across, QLabel("up", objectName="muted"), self.up))
        column.addWidget(self.plot, 1)
        self.follow([(theme.changed, self.draw)], self.draw)

    def _fill_axes(self) -> None:
        """Fill the axes with the columns of the table. An axis keeps its column, or falls back to the first."""
        axes = [column for column in self._table.columns if column[0] not in _NO_AXIS]
        for box in (self.across, self.up):
            chosen = box.currentText()
            box.clear()
            for name, tip in axes:
                box.addItem(name)
                box.setItemData(box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            box.setCurrentIndex(max(0, box.findText(chosen)))
            self._explain(box)

    @staticmethod
    def _explain(box: QComboBox) -> None:
        box.setToolTip(box.currentData(Qt.ItemDataRole.ToolTipRole) or "")

    def mark(self, line: int) -> None:
        """Draw a ring around the point of this row; −1 for none."""
        self._marked = line
        self.plot.repaint_over()

    def _points(self) -> np.ndarray:
        """(N, 2) values of the chosen columns; NaN if a row has none. Drift is logarithmic."""
        names = (self.across.currentText(), self.up.currentText())
        rows = self._table.rows
        found = np.array([[self._table.value(k, name) for name in names] for k in range(len(rows))]).reshape(-1, 2)
        for axis, name in enumerate(names):
            if name == "Late drift":
                found[:, axis] = np.log10(np.maximum(found[:, axis], 1e-6))
        return found

    def draw(self) -> None:
        """Draw the points of the current table."""
        palette, plot = self._theme.palette, self.plot
        plot.clear()
        style_plot(plot, palette, "● solved &nbsp; ▲ not solved")
        points = self._points()
        there = points[np.isfinite(points).all(axis=1)]
        show_axes(plot, len(there) > 0)
        if len(there):
            for axis, box, k in (("bottom", self.across, 0), ("left", self.up, 1)):
                name = box.currentText()
                plot.getPlotItem().getAxis(axis).setTicks(_powers(there[:, k]) if name == "Late drift" else None)
                plot.setLabel(axis, name, color=palette.muted, **{"font-size": "8pt"})
                low, high = float(there[:, k].min()), float(there[:, k].max())
                room = max(0.5, (high - low) * 0.06)
                (plot.setXRange if k == 0 else plot.setYRange)(low - room, high + room, padding=0)
        plot.redraw()

    def pixels(self) -> np.ndarray:
        """(N, 2) pixels of the points; points at the same place are spread out."""
        pixels = self.plot.to_pixels(self._points())
        # A small fixed offset by row number, so that points with equal values do not hide each other.
        index = np.arange(len(pixels))
        return pixels + np.stack([np.cos(index * 2.4), np.sin(index * 2.4)], axis=1) * (np.sqrt(index % 12) * 1.2)[:, None]

    def _paint(self, painter: QPainter) -> None:
        palette, pixels = self._theme.palette, self.pixels()
        for solved, name in ((True, "right"), (False, "wrong")):
            chosen = [k for k, row in enumerate(self._table.rows) if row.solved == solved and np.isfinite(pixels[k]).all()]
            colour = palette.color(name, 0.75)
            if solved:
                painter.setPen(QPen(colour, 7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawPoints(QPolygonF([QPointF(*pixels[k].tolist()) for k in chosen]))
            else:
                self._triangles(painter, pixels[chosen], colour)
        if 0 <= self._marked < len(pixels) and np.isfinite(pixels[self._marked]).all():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pg.mkPen(palette.accent, width=2.5))
            painter.drawEllipse(QPointF(*pixels[self._marked].tolist()), 9, 9)

    @staticmethod
    def _triangles(painter: QPainter, pixels: np.ndarray, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for x, y in pixels.tolist():
            painter.drawPolygon(QPolygonF([QPointF(x, y - 4.5), QPointF(x + 4.5, y + 3.5), QPointF(x - 4.5, y + 3.5)]))

    def line_at(self, place: QPointF) -> int | None:
        """The row of the nearest point, or None if none is near."""
        pixels = self.pixels()
        if not len(pixels):
            return None
        apart = np.nan_to_num(np.hypot(pixels[:, 0] - place.x(), pixels[:, 1] - place.y()), nan=np.inf)
        return int(apart.argmin()) if apart.min() <= _NEAR else None

    def _clicked(self, event: object) -> None:
        line = self.line_at(event.scenePos())  # type: ignore[attr-defined]
        if line is not None:
            self.picked.emit(line)

    def tip(self, line: int | None) -> str:
        """The tooltip of a point: all columns of its row. Without a point, what the points mean."""
        if line is None:
            return "Each point is a puzzle: discs are solved, triangles are not. Click one to open it in Explore."
        return "\n".join(f"{name}: {self._table.words(line, name)}" for name, _ in self._table.columns)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip(self.line_at(QPointF(event.pos()))), self.plot)
            return True
        return super().eventFilter(watched, event)


def _powers(logarithms: np.ndarray) -> list[list[tuple[float, str]]]:
    """Ticks at whole powers of ten, with their values as text."""
    low, high = int(np.floor(logarithms.min())), int(np.ceil(logarithms.max()))
    return [[(float(k), f"{10.0**k:g}") for k in range(low, high + 1)]]
