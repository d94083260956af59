"""Block diagram of a checkpoint: H and L with one bar per tensor, as wide as it has numbers, and arrows for the data flow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QHelpEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hrm_model.checkpoint.inspect import Inspection
from hrm_model.checkpoint.tensors import TensorInfo
from hrm_studio.theme import Theme
from hrm_studio.units import count

_LAYER = re.compile(r"^[HL]_level\.layers\.(\d+)\.(.+)$")
_PARTS = {
    "self_attn.qkv_proj.weight": "q k v", "self_attn.o_proj.weight": "o", "mlp_t.gate_up_proj.weight": "positions ↑",
    "mlp_t.down_proj.weight": "↓",
    "mixer.own.weight": "cell", "mixer.units.0.weight": "line", "mixer.unit_outs.0.weight": "line", "mixer.units.1.weight": "box",
    "mixer.unit_outs.1.weight": "box", "mixer.digits.weight": "digit", "mixer.digits_out.weight": "digit",
    "mixer.above.weight": "↑", "mixer.left.weight": "←", "mixer.right.weight": "→", "mixer.below.weight": "↓", "mixer.out.weight": "out",
    "mlp.gate_up_proj.weight": "gate, up", "mlp.down_proj.weight": "down",
}  # fmt: skip
_ENDS = {
    "embed_tokens.embedding_weight": "tokens", "puzzle_emb.weights": "puzzle vectors", "embed_pos.embedding_weight": "positions",
    "embed_pos.row": "rows", "embed_pos.column": "columns", "embed_pos.box": "boxes", "roles": "roles", "lm_head.weight": "answer", "answer": "answer",
    "answer.weight": "answer", "q_head.weight": "halt?",
}  # fmt: skip
_INPUTS = (
    "embed_tokens.embedding_weight",
    "puzzle_emb.weights",
    "embed_pos.embedding_weight",
    "embed_pos.row",
    "embed_pos.column",
    "embed_pos.box",
    "roles",
)
_OUTPUTS = ("lm_head.weight", "answer", "answer.weight", "q_head.weight")
_STRIP, _TALLEST, _GAP, _HEAD, _FOOT = 26.0, 52.0, 6.0, 58.0, 10.0  # pixels
Side = Literal["left", "right"]


@dataclass(frozen=True)
class _Bar:
    area: QRectF
    tensor: TensorInfo
    label: str
    colour: str  # of the palette
    strength: float


class BlockDiagram(QWidget):
    """Signals
    -------
    tensor_wanted(str)      the name of the tensor whose bar was clicked
    """

    tensor_wanted = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._inspection: Inspection | None = None
        self.bars: list[_Bar] = []
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.setAccessibleName("Block diagram of the model")
        theme.changed.connect(self.update)

    def show_inspection(self, inspection: Inspection | None) -> None:
        self._inspection = inspection
        self._lay_out()
        self.setMinimumHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        layers = max(self._rows("L"), self._rows("H"), 1) if self._inspection is not None else 1
        ends = len([n for n in _INPUTS if self._tensor(n)])
        return QSize(640, int(max(_HEAD + layers * (_STRIP + _GAP) + _FOOT + 80, ends * 54 + 80, 260)))

    def minimumSizeHint(self) -> QSize:
        return QSize(420, self.sizeHint().height())

    # Where everything stands ------------------------------------------------------------------------------------------

    def _tensor(self, name: str) -> TensorInfo | None:
        return next((t for t in self._inspection.tensors if t.name == name), None) if self._inspection is not None else None

    def _layers(self, level: str) -> int:
        if self._inspection is None:
            return 0
        found = {m[1] for t in self._inspection.tensors if t.name.startswith(f"{level}_level.") and (m := _LAYER.match(t.name))}
        return len(found)

    def _rows(self, level: str) -> int:
        """Rows of bars: one for each layer, or two if its mixing is made of many small matrices."""
        assert self._inspection is not None
        return self._layers(level) * (2 if any(".mixer." in t.name for t in self._inspection.tensors) else 1)

    @property
    def _shared(self) -> bool:
        return self._layers("H") == 0

    def _columns(self) -> tuple[QRectF, QRectF, QRectF, QRectF]:
        """Inputs, L, H (the same as L if shared), outputs."""
        width, height = float(self.width()), float(self.height())
        narrow = width < 780
        ends = 98.0 if narrow else 128.0
        between = 36.0 if narrow else 52.0
        top, tall = 12.0, height - 24.0
        left = QRectF(8, top, ends, tall)
        right = QRectF(width - ends - 8, top, ends, tall)
        # As high as the layers need, centred vertically.
        layers = max(self._rows("L"), self._rows("H"), 1)
        high = min(tall - 34, _HEAD + layers * (_TALLEST + _GAP) + _FOOT)
        inner = QRectF(left.right() + between, top + (tall - 34 - high) / 2, right.left() - left.right() - 2 * between, high)
        if self._shared:
            return left, inner, inner, right
        half = (inner.width() - between) / 2
        return (
            left,
            QRectF(inner.left(), inner.top(), half, inner.height()),
            QRectF(inner.right() - half, inner.top(), half, inner.height()),
            right,
        )

    def _lay_out(self) -> None:
        self.bars = []
        if self._inspection is None:
            return
        left, fast, slow, right = self._columns()
        self._module("L", fast, "level_L")
        if not self._shared:
            self._module("H", slow, "level_H")
        for area, names in ((left, _INPUTS), (right, _OUTPUTS)):
            found = [t for n in names if (t := self._tensor(n)) is not None]
            step = min(58.0, (self.height() - 70) / max(len(found), 1))
            begin = fast.center().y() - step * len(found) / 2
            for number, tensor in enumerate(found):
                place = QRectF(area.left(), begin + number * step + 3, area.width(), step - 6)
                self.bars.append(_Bar(place, tensor, _ENDS[tensor.name], "accent" if area is left else "right", 0.16))

    def _module(self, level: str, area: QRectF, colour: str) -> None:
        assert self._inspection is not None
        rows: dict[tuple[int, bool], list[tuple[str, TensorInfo]]] = {}  # by layer; the mixer's many small matrices above the others
        for tensor in self._inspection.tensors:
            match = _LAYER.match(tensor.name)
            if match and tensor.name.startswith(level):
                rows.setdefault((int(match[1]), not match[2].startswith("mixer.")), []).append((match[2], tensor))
        largest = max((sum(t.numel for _, t in row) for row in rows.values()), default=1)
        inside = area.adjusted(12, _HEAD, -12, 4 - _FOOT)
        step = min(_TALLEST + _GAP, inside.height() / max(len(rows), 1))
        order = {part: place for place, part in enumerate(_PARTS)}
        for row, key in enumerate(sorted(rows)):
            x = inside.left()
            for part, tensor in sorted(rows[key], key=lambda found: order.get(found[0], len(order))):
                width = inside.width() * tensor.numel / largest
                strength = 0.55 if part.startswith(("self_attn", "mlp_t", "mixer")) else 0.3
                place = QRectF(x, inside.top() + row * step, max(width - 2, 2), step - _GAP)
                self.bars.append(_Bar(place, tensor, _PARTS.get(part, part), colour, strength))
                x += width

    def resizeEvent(self, event: QEvent) -> None:
        self._lay_out()

    # Drawing ----------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._inspection is None:
            return
        palette, config = self._theme.palette, self._inspection.config
        left, fast, slow, right = self._columns()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            steps = config.L_cycles if config else 0
            cycles = config.H_cycles if config else 0
            if self._shared:
                self._card(painter, fast, "One module for both states", self._module_size("L"), ("level_L", "level_H"))
            else:
                self._card(painter, fast, "L  fast", self._module_size("L"), ("level_L", "level_L"))
                self._card(painter, slow, "H  slow", self._module_size("H"), ("level_H", "level_H"))
            for bar in self.bars:
                self._bar(painter, bar)
            y = fast.center().y()
            self._arrow(painter, [QPointF(left.right() + 4, y), QPointF(fast.left() - 3, y)], "accent", "x")
            self._arrow(painter, [QPointF(slow.right() + 3, y), QPointF(right.left() - 4, y)], "level_H", "z_H")
            below = fast.bottom() + 20
            if self._shared:
                self._loop(painter, fast, below, f"{steps} × z_L, then z_H; {cycles} times per segment" if config else "")
            else:
                self._arrow(painter, [QPointF(fast.right() + 3, y), QPointF(slow.left() - 3, y)], "level_L", "z_L")
                path = [QPointF(slow.center().x(), slow.bottom() + 2), QPointF(slow.center().x(), below), QPointF(fast.center().x(), below)]
                self._arrow(painter, [*path, QPointF(fast.center().x(), fast.bottom() + 3)], "level_H", "")
                words = f"z_H feeds back: {steps} L-steps, then one H step; {cycles} times per segment" if config else "z_H feeds back"
                painter.setPen(palette.color("muted"))
                painter.setFont(self._font(8))
                painter.drawText(QRectF(0, below + 2, fast.left() + slow.right(), 18), Qt.AlignmentFlag.AlignCenter, words)

    def _module_size(self, level: str) -> str:
        assert self._inspection is not None
        numbers = sum(t.numel for t in self._inspection.tensors if t.name.startswith(f"{level}_level."))
        layers = self._layers(level)
        return f"{layers} layer{'s' if layers != 1 else ''}, {count(numbers)}"

    def _font(self, points: float, bold: bool = False) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(points)
        font.setBold(bold)
        return font

    def _card(self, painter: QPainter, area: QRectF, title: str, about: str, colours: tuple[str, str]) -> None:
        palette = self._theme.palette
        painter.setBrush(palette.color("surface"))
        painter.setPen(QPen(palette.color(colours[0]), 1.6))
        painter.drawRoundedRect(area, 10, 10)
        mark = QRectF(area.left() + 12, area.top() + 15, 10, 10)
        painter.setPen(Qt.PenStyle.NoPen)
        for number, colour in enumerate(dict.fromkeys(colours)):
            painter.setBrush(palette.color(colour))
            painter.drawEllipse(mark.translated(number * 7, 0))
        begin = mark.right() + 8 + 7 * (len(set(colours)) - 1)
        painter.setPen(palette.color("text"))
        painter.setFont(self._font(10, True))
        room = area.right() - begin - 8
        painter.drawText(QRectF(begin, area.top() + 8, room, 24), Qt.AlignmentFlag.AlignVCenter, self._fitted(painter, title, room))
        painter.setPen(palette.color("muted"))
        painter.setFont(self._font(8))
        room = area.width() - 24
        painter.drawText(
            QRectF(area.left() + 12, area.top() + 30, room, 20), Qt.AlignmentFlag.AlignVCenter, self._fitted(painter, about, room)
        )

    def _bar(self, painter: QPainter, bar: _Bar) -> None:
        palette = self._theme.palette
        painter.setPen(QPen(palette.color(bar.colour, 0.8), 1))
        painter.setBrush(palette.color(bar.colour, bar.strength))
        painter.drawRoundedRect(bar.area, 4, 4)
        painter.setPen(palette.color("text"))
        painter.setFont(self._font(8))
        if bar.area.height() > 34 and bar.area.width() > 56:
            inside = bar.area.adjusted(8, 4, -6, -4)
            half = inside.height() / 2
            painter.drawText(
                QRectF(inside.left(), inside.top(), inside.width(), half),
                Qt.AlignmentFlag.AlignVCenter,
                self._fitted(painter, bar.label, inside.width()),
            )
            painter.setPen(palette.color("muted"))
            shape = " × ".join(f"{n:,}" for n in bar.tensor.shape)
            painter.drawText(
                QRectF(inside.left(), inside.top() + half, inside.width(), half),
                Qt.AlignmentFlag.AlignVCenter,
                self._fitted(painter, shape, inside.width()),
            )
        elif bar.area.height() > 13 and painter.fontMetrics().horizontalAdvance(bar.label) < bar.area.width() - 6:
            painter.drawText(bar.area, Qt.AlignmentFlag.AlignCenter, bar.label)

    @staticmethod
    def _fitted(painter: QPainter, text: str, width: float) -> str:
        return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))

    def _arrow(self, painter: QPainter, points: Sequence[QPointF], colour: str, label: str) -> None:
        palette = self._theme.palette
        tint = palette.color(colour)
        painter.setPen(QPen(tint, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        painter.drawPath(path)
        self._head(painter, points[-2], points[-1], tint)
        if label:
            middle = (points[0] + points[-1]) / 2
            painter.setPen(tint)
            painter.setFont(self._font(8, True))
            painter.drawText(QRectF(middle.x() - 30, middle.y() - 20, 60, 16), Qt.AlignmentFlag.AlignCenter, label)

    @staticmethod
    def _head(painter: QPainter, before: QPointF, tip: QPointF, tint: QColor) -> None:
        way = tip - before
        length = max((way.x() ** 2 + way.y() ** 2) ** 0.5, 1e-6)
        along = way / length
        across = QPointF(-along.y(), along.x())
        path = QPainterPath(tip)
        path.lineTo(tip - along * 7 + across * 4)
        path.lineTo(tip - along * 7 - across * 4)
        path.closeSubpath()
        painter.fillPath(path, tint)

    def _loop(self, painter: QPainter, area: QRectF, below: float, words: str) -> None:
        x1, x2 = area.center().x() + area.width() * 0.22, area.center().x() - area.width() * 0.22
        points = [QPointF(x1, area.bottom() + 2), QPointF(x1, below), QPointF(x2, below), QPointF(x2, area.bottom() + 3)]
        self._arrow(painter, points, "level_H", "")
        painter.setPen(self._theme.palette.color("muted"))
        painter.setFont(self._font(8))
        painter.drawText(QRectF(area.left(), below + 2, area.width(), 18), Qt.AlignmentFlag.AlignCenter, words)

    # Pointing ---------------------------------------------------------------------------------------------------------

    def _at(self, place: QPointF) -> _Bar | None:
        return next((b for b in self.bars if b.area.adjusted(-1, -2, 1, 2).contains(place)), None)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            bar = self._at(QPointF(event.pos()))
            if bar is not None:
                shape = " × ".join(f"{n:,}" for n in bar.tensor.shape)
                QToolTip.showText(event.globalPos(), f"{bar.tensor.name}\n{shape}, {bar.tensor.dtype}, {bar.tensor.numel:,} numbers", self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.setCursor(Qt.CursorShape.PointingHandCursor if self._at(event.position()) else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        bar = self._at(event.position())
        if bar is not None:
            self.tensor_wanted.emit(bar.tensor.name)
