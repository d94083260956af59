"""States as heat maps: all positions × channels of a module, or one number per cell in the shape of the board."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip

from hrm_model.analysis.core import Floats
from hrm_model.analysis.states import distance_to_end, movement, row_at, states_of
from hrm_model.trace.data import Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Palette, Theme
from hrm_studio.ui.board.drawing import opaque, picture, rgb
from hrm_studio.ui.widgets.view import View

KINDS = {
    "channels": "The whole state: a row for each position, a column for each channel; blue is negative, orange positive",
    "moved": "How far the state of each cell moved in the module's last step",
    "to go": "How far the state of each cell is from its last one",
}
_TOP = 22


def diverging(values: Floats, palette: Palette) -> Floats:
    """−1…1 → (…, 3) 0…255: blue, the surface's colour, orange."""
    strength = np.abs(values)[..., None]
    ends = np.where((values < 0)[..., None], rgb(palette.level_L), rgb(palette.level_H))
    return rgb(palette.surface) * (1 - strength) + ends * strength


class StateHeat(View):
    """The heat map of one module, 'H' or 'L'. A click selects a cell, Ctrl adds one."""

    def __init__(self, level: str, traces: TraceModel, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self.level, self._traces, self._selection, self._theme = level, traces, selection, theme
        self.kind = "moved"
        self._top: tuple[Trace, dict[str, float]] | None = (
            None  # the largest value of each kind in this trace: colours mean the same at every step
        )
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(100, 100)
        self.setAccessibleName(f"Heat map of z_{level}")
        signals = (traces.trace_replaced, traces.trace_grew, traces.cursor_moved, selection.changed, theme.changed)
        self.follow([(signal, self._refresh) for signal in signals], self._refresh)

    def _refresh(self) -> None:
        self.update()

    def set_kind(self, kind: str) -> None:
        self.kind = kind
        self.update()

    def values(self) -> Floats | None:
        """(T, D) for 'channels', else (S,); None if there is nothing to show."""
        trace, step = self._traces.trace, self._traces.cursor
        if trace is None or step < 0 or not trace.has_states:
            return None
        if self.kind == "channels":
            return np.asarray(states_of(trace, self.level)[row_at(trace, step, self.level)], np.float32)
        if trace.pooled:
            return None  # pooled states do not know single cells
        return movement(trace, step, self.level) if self.kind == "moved" else distance_to_end(trace, step, self.level)

    def _highest(self, trace: Trace) -> float:
        """The largest value over about 12 steps: the end of the colour scale."""
        if self._top is None or self._top[0] is not trace:
            self._top = trace, {}
        known = self._top[1]
        if self.kind not in known:
            z = states_of(trace, self.level)
            if self.kind == "channels":
                known[self.kind] = 2.5  # states are normalised to a root mean square of 1
            else:
                measure = movement if self.kind == "moved" else distance_to_end
                steps = range(0, len(trace), max(1, len(trace) // 12))
                known[self.kind] = (
                    max((float(measure(trace, k, self.level).max()) for k in steps), default=0.0) or float(z.shape[-1]) ** 0.5
                )
        return known[self.kind]

    def place(self) -> QRectF:
        area = QRectF(4, _TOP, self.width() - 8, self.height() - _TOP - 4)
        if self.kind == "channels":
            return area
        size = min(area.width(), area.height())
        place = QRectF(0, 0, size, size)
        place.moveCenter(area.center())
        return place

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette, trace, values = self._theme.palette, self._traces.trace, self.values()
        painter.fillRect(self.rect(), palette.color("surface"))
        painter.setPen(palette.color("text"))
        name = "z_H, slow" if self.level == "H" else "z_L, fast"
        painter.drawText(QRectF(8, 2, self.width() - 16, _TOP - 2), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        if values is None or trace is None:
            return
        place, high = self.place(), self._highest(trace)
        self._paint_scale(painter, high)
        if self.kind == "channels":
            image = self._picture(diverging(np.clip(values / high, -1, 1), palette).reshape(-1, 3), values.shape[1])
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, values.size > 40_000)
            slots = values.shape[0] - len(trace.puzzle.given)
            rows = values.shape[0]
        else:
            strength = np.sqrt(np.clip(values / high, 0, 1))  # the root, because the first moves are far larger than all later ones
            image = self._picture(diverging(strength if self.level == "H" else -strength, palette), trace.side)
            slots, rows = 0, trace.side
        painter.drawImage(place, image)
        painter.setPen(QPen(palette.color("muted", 0.7), 1))
        painter.drawRect(place)
        for cell, colour in palette.cell_colours(self._selection.cells).items():
            painter.setPen(QPen(QColor(colour), 2))
            if cell >= len(trace.puzzle.given) or trace.pooled:
                continue
            height = place.height() / rows
            if self.kind == "channels":
                y = place.top() + (slots + cell + 0.5) * height
                painter.drawLine(QPointF(place.left() - 4, y), QPointF(place.left() + 8, y))
            else:
                row, column = divmod(cell, trace.side)
                painter.drawRect(QRectF(place.left() + column * height, place.top() + row * height, height, height))

    def _paint_scale(self, painter: QPainter, high: float) -> None:
        """The colour scale, right of the name."""
        palette, both = self._theme.palette, self.kind == "channels"
        values = np.linspace(-1 if both else 0, 1, 24)
        strength = values if both else np.sqrt(values) * (1 if self.level == "H" else -1)
        low, top = f"−{high:g}" if both else "0", f"{high:.3g}"
        right = painter.fontMetrics().horizontalAdvance(top)
        band = QRectF(self.width() - 10 - right - 44, 7, 40, 8)
        if band.left() < 8 + painter.fontMetrics().horizontalAdvance(f"z_{self.level}, slow  {low} "):
            return
        painter.drawImage(band, self._picture(diverging(strength, palette), len(values)))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(palette.color("muted"))
        painter.drawText(QRectF(band.right() + 4, 2, right + 4, _TOP - 4), middle, top)
        painter.drawText(QRectF(band.left() - 44, 2, 40, _TOP - 4), Qt.AlignmentFlag.AlignRight | middle, low)

    @staticmethod
    def _picture(colours: Floats, columns: int) -> QImage:
        return picture(opaque(colours), columns)

    def cell_at(self, point: QPointF) -> int | None:
        """The cell under a point."""
        trace, place = self._traces.trace, self.place()
        if trace is None or not trace.has_states or trace.pooled or not place.contains(point):
            return None
        down, across = (point.y() - place.top()) / place.height(), (point.x() - place.left()) / place.width()
        cells = len(trace.puzzle.given)
        if self.kind == "channels":
            positions = states_of(trace, self.level).shape[1]
            cell = int(down * positions) - (positions - cells)
            return cell if 0 <= cell < cells else None
        return min(int(down * trace.side), trace.side - 1) * trace.side + min(int(across * trace.side), trace.side - 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._selection.pick(self.cell_at(event.position()), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell, values, trace = self.cell_at(event.position()), self.values(), self._traces.trace
        if cell is None or values is None or trace is None:
            QToolTip.hideText()
            return
        where = f"row {cell // trace.side + 1}, column {cell % trace.side + 1}"
        number = float(np.linalg.norm(values[-len(trace.puzzle.given) + cell])) if self.kind == "channels" else float(values[cell])
        what = {"channels": "length of the state", "moved": "moved by", "to go": "distance to the end"}[self.kind]
        QToolTip.showText(event.globalPosition().toPoint(), f"{where}\n{what} {number:.3g}", self)
