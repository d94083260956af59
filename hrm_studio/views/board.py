"""The board: what the puzzle gives, and what the model would answer at the cursor's step."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hrm_model.analysis import changed_cells, sudoku_variant
from hrm_model.tasks.sudoku import Variant, cell_name, conflicts, from_tokens
from hrm_model.trace import Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme

_SURE = 0.75  # probability from which an answer is written as a digit; below, pencil marks
_PENCIL = 0.06  # least probability of a pencil mark


class BoardView(QWidget):
    """Draws the trace at the cursor. Click selects a cell (Ctrl adds); hovering tells its distribution."""

    def __init__(self, traces: TraceModel, selection: Selection, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._selection, self._theme = traces, selection, theme
        self._glyphs: dict[tuple[int, int, str, float, int], QPixmap] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(280, 280)
        self.setAccessibleName("Board")
        for signal in (traces.trace_replaced, traces.cursor_moved, selection.changed, theme.changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(600, 600)

    # Where things are ------------------------------------------------------------------------------------------------

    def _board(self) -> QRectF:
        size = min(self.width(), self.height()) - 24
        return QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size)

    def cell_at(self, point: QPointF) -> int | None:
        """Index of the cell under a point of the widget."""
        trace = self._traces.trace
        board = self._board()
        if trace is None or not board.contains(point):
            return None
        side = trace.side
        row = int((point.y() - board.top()) / board.height() * side)
        column = int((point.x() - board.left()) / board.width() * side)
        return min(row, side - 1) * side + min(column, side - 1)

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        trace = self._traces.trace
        variant = sudoku_variant(trace) if trace is not None else None
        board = self._board()
        colours = self._theme.palette
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.color("surface"))
        painter.drawRoundedRect(board.adjusted(-6, -6, 6, 6), 10, 10)
        if trace is None or variant is None:
            painter.setPen(colours.color("muted"))
            painter.drawText(board, Qt.AlignmentFlag.AlignCenter, "Loading the model …\nThe puzzle appears here as it is being solved.")
            return
        self._paint_cells(painter, board, trace, variant)
        self._paint_lines(painter, board, variant)

    def _paint_cells(self, painter: QPainter, board: QRectF, trace: Trace, variant: Variant) -> None:
        step, colours, width = self._traces.cursor, self._theme.palette, board.width() / variant.side
        given = np.asarray(trace.puzzle.given) > 1
        digits = from_tokens(trace.prediction[step])
        probability = trace.probability[step]
        sure = probability.max(axis=1) >= _SURE
        changed = changed_cells(trace, step)
        solution = trace.puzzle.solution
        wrong = trace.prediction[step] != solution if solution is not None else np.zeros(len(digits), bool)
        clash = conflicts(np.where(sure | given, digits, 0), variant)
        big, small = QFont(self.font()), QFont(self.font())
        big.setPixelSize(max(9, int(width * 0.56)))
        small.setPixelSize(max(6, int(width / variant.box_width * 0.6)))
        bold = QFont(big)
        bold.setWeight(QFont.Weight.Bold)
        for cell in range(variant.cells):
            row, column = divmod(cell, variant.side)
            place = QRectF(board.left() + column * width, board.top() + row * width, width, width)
            if changed[cell]:
                painter.fillRect(place, colours.color("changed"))
            elif given[cell]:
                painter.fillRect(place, colours.color("muted", 0.10))
            if given[cell]:
                # What was given stands, whatever the model says; its contradiction is marked as wrong.
                painter.setFont(bold)
                painter.setPen(colours.color("given"))
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(int(trace.puzzle.given[cell]) - 1))
            elif sure[cell]:
                painter.setFont(big)
                painter.setPen(colours.color("wrong" if wrong[cell] else "answer"))
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(digits[cell]) if digits[cell] else "·")
            else:
                self._paint_pencil(painter, place, probability[cell], variant, small)
            if wrong[cell] and (sure[cell] or given[cell]):
                self._corner(painter, place, colours.color("wrong"))
            if clash[cell]:
                painter.setPen(QPen(colours.color("wrong"), max(1.5, width * 0.035)))
                painter.drawLine(
                    QPointF(place.left() + width * 0.28, place.bottom() - width * 0.12),
                    QPointF(place.right() - width * 0.28, place.bottom() - width * 0.12),
                )
        for cell in self._selection.cells:
            row, column = divmod(cell, variant.side)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colours.color("accent"), 3))
            painter.drawRoundedRect(
                QRectF(board.left() + column * width, board.top() + row * width, width, width).adjusted(2, 2, -2, -2), 5, 5
            )

    def _paint_pencil(self, painter: QPainter, place: QRectF, probability: np.ndarray, variant: Variant, font: QFont) -> None:
        """The likely digits, the stronger the likelier."""
        rows = -(-variant.side // variant.box_width)
        width, height = place.width() / variant.box_width, place.height() / rows
        for digit in (np.flatnonzero(probability[2:] >= _PENCIL) + 1).tolist():
            row, column = divmod(digit - 1, variant.box_width)
            glyph = self._glyph(digit, font)
            painter.setOpacity(min(1.0, 0.3 + 0.9 * float(probability[digit + 1])))
            left = place.left() + (column + 0.5) * width - glyph.deviceIndependentSize().width() / 2
            top = place.top() + (row + 0.5) * height - glyph.deviceIndependentSize().height() / 2
            painter.drawPixmap(QPoint(round(left), round(top)), glyph)
        painter.setOpacity(1.0)

    def _glyph(self, digit: int, font: QFont) -> QPixmap:
        """A pencil mark's picture. Hundreds may stand on a board; drawing pictures is several times quicker than drawing text."""
        ratio, colour = self.devicePixelRatioF(), self._theme.palette.color("answer")
        key = (digit, font.pixelSize(), font.family(), ratio, colour.rgba())
        if key not in self._glyphs:
            size = QFontMetricsF(font).boundingRect(str(digit)).size().toSize() + QSize(2, 2)
            picture = QPixmap(size * ratio)
            picture.setDevicePixelRatio(ratio)
            picture.fill(Qt.GlobalColor.transparent)
            with QPainter(picture) as painter:
                painter.setFont(font)
                painter.setPen(colour)
                painter.drawText(QRectF(0, 0, size.width(), size.height()), Qt.AlignmentFlag.AlignCenter, str(digit))
            self._glyphs[key] = picture
        return self._glyphs[key]

    @staticmethod
    def _corner(painter: QPainter, place: QRectF, colour: QColor) -> None:
        """A filled corner: wrong is told by shape too."""
        size = place.width() * 0.2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        top_right = place.topRight() + QPointF(-1, 1)
        painter.drawPolygon(QPolygonF([top_right, top_right + QPointF(-size, 0), top_right + QPointF(0, size)]))

    def _paint_lines(self, painter: QPainter, board: QRectF, variant: Variant) -> None:
        colours, width = self._theme.palette, board.width() / variant.side
        for k in range(variant.side + 1):
            for across, size in ((True, variant.box_height), (False, variant.box_width)):
                strong = k % size == 0
                painter.setPen(QPen(colours.color("text", 0.85) if strong else colours.color("border"), 2 if strong else 1))
                at = k * width
                if across:
                    painter.drawLine(QPointF(board.left(), board.top() + at), QPointF(board.right(), board.top() + at))
                else:
                    painter.drawLine(QPointF(board.left() + at, board.top()), QPointF(board.left() + at, board.bottom()))

    # Mouse -----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is None:
            self._selection.clear()
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._selection.toggle(cell)
        else:
            self._selection.set(() if self._selection.cells == {cell} else (cell,))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            assert isinstance(event, QHelpEvent)
            QToolTip.showText(event.globalPos(), self.tip(self.cell_at(QPointF(event.pos()))), self)
            return True
        return super().event(event)

    def tip(self, cell: int | None) -> str:
        """What hovering over a cell tells."""
        trace = self._traces.trace
        variant = sudoku_variant(trace) if trace is not None else None
        if cell is None or trace is None or variant is None:
            return ""
        probability = trace.probability[self._traces.cursor][cell]
        likely = [d for d in np.argsort(-probability) if probability[d] >= 0.01][:4]
        lines = [cell_name(cell, variant).capitalize()]
        if trace.puzzle.given[cell] > 1:
            lines.append(f"given: {int(trace.puzzle.given[cell]) - 1}")
        lines += [f"{(d - 1) if d > 1 else 'blank'}:  {probability[d]:.0%}" for d in likely]
        if trace.puzzle.solution is not None:
            lines.append(f"solution: {int(trace.puzzle.solution[cell]) - 1}")
        return "\n".join(lines)
