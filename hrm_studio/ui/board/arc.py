"""The board of an ARC task: input, the model's answer and the expected output side by side, in the standard colours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPixmap

from hrm_model.tasks.arc.puzzle import PALETTE
from hrm_model.trace.data import Array, Trace
from hrm_studio.theme import Palette
from hrm_studio.ui.board.drawing import (
    CHANGED,
    Drawing,
    Overlay,
    Overlays,
    _cell,
    _row_column,
    corner,
    opaque,
    percent,
    picture,
    rgb,
)

PAD, END = 0, 1  # tokens; then colour + 2
COLOURS = PALETTE
_COLOUR_NAMES = ("black", "blue", "red", "green", "yellow", "grey", "magenta", "orange", "light blue", "maroon")
_CAPTION = 22.0  # pixels above each grid
_GAP = 0.07  # between two grids, in widths of one
_SMALLEST_NUMERAL = 11  # pixels of a cell that still shows its number


def token_name(token: int) -> str:
    """'blue (1)', 'end of grid', 'nothing'."""
    if token <= END:
        return "end of grid" if token == END else "nothing"
    return f"{_COLOUR_NAMES[token - 2]} ({token - 2})"


class ArcDrawing(Drawing):
    """Grids of up to 30×30. Draws the part of the canvas that input or expected output use, and counts answered cells outside it.

    If that makes the answer larger, input and expected output stand at half its size on its left.
    """

    fills = True
    offers = (
        Overlay("candidates", "Confidence", "The less sure the model is of a colour, the paler its cell."),
        CHANGED,
        Overlay("wrong", "Wrong", "A filled corner marks a cell that differs from the expected output."),
        Overlay("numerals", "Numbers", "The number of each colour, in case some colours look alike to you."),
    )

    def __init__(self, trace: Trace, palette: Palette, font: QFont) -> None:
        super().__init__(trace, palette, font)
        self.boards: list[tuple[str, Array | None]] = [("Input", self.given), ("Answer", None)]
        if self.solution is not None:
            self.boards.append(("Expected", self.solution))
        used = self.given > END
        target = self.solution if self.solution is not None else trace.prediction[-1]
        rows, columns = np.nonzero((used | (target > END)).reshape(self.side, self.side))
        if not len(rows):
            rows = columns = np.array([0, self.side - 1])
        self.top, self.left = int(rows.min()), int(columns.min())
        self.rows, self.columns = int(rows.max()) - self.top + 1, int(columns.max()) - self.left + 1
        shown = np.zeros((self.side, self.side), bool)
        shown[self.top : self.top + self.rows, self.left : self.left + self.columns] = True
        self.shown = shown.ravel()
        self.small_aspect = self.columns / self.rows
        self._tokens = np.array([rgb(palette.surface), rgb(palette.border), *(rgb(c) for c in COLOURS)])
        self._still: dict[tuple[float, ...], QPixmap] = {}

    # Places ---------------------------------------------------------------------------------------------------------

    def grids(self, place: QRectF) -> list[QRectF]:
        count = len(self.boards)
        side_by_side = count + (count - 1) * _GAP
        cell = min(place.width() / side_by_side / self.columns, max(1.0, place.height() - _CAPTION) / self.rows)
        large = min(place.width() / (1.5 + _GAP) / self.columns, max(1.0, place.height() - 2 * _CAPTION) / self.rows)
        if large <= 1.2 * cell:
            width, height = cell * self.columns, cell * self.rows
            left, top = place.center().x() - width * side_by_side / 2, place.center().y() - height / 2 + _CAPTION / 2
            return [QRectF(left + k * width * (1 + _GAP), top, width, height) for k in range(count)]
        width, height = large * self.columns, large * self.rows + _CAPTION
        left, top = place.center().x() - width * (1.5 + _GAP) / 2, place.center().y() - height / 2 + _CAPTION / 2
        answer = QRectF(left + width * (0.5 + _GAP), top, width, height - _CAPTION)
        small_top = (top, top + answer.height() - answer.height() / 2)
        small = [QRectF(left, y, width / 2, answer.height() / 2 - _CAPTION / 2) for y in (top, small_top[1] + _CAPTION / 2)]
        for grid in small:
            # Take as much from the width as the caption takes from the height: cells stay square.
            grid.setWidth(grid.height() * self.columns / self.rows)
        return [small[0], answer, small[1]][:count]

    def cell_rects(self, place: QRectF, cell: int) -> list[QRectF]:
        row, column = divmod(cell, self.side)
        if not self.shown[cell]:
            return []
        return [_cell(grid, row - self.top, column - self.left, self.rows, self.columns) for grid in self.grids(place)]

    def cell_at(self, place: QRectF, point: QPointF) -> int | None:
        for grid in self.grids(place):
            if grid.contains(point):
                row, column = _row_column(grid, point, self.rows, self.columns)
                return (row + self.top) * self.side + column + self.left
        return None

    # Painting -------------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, place: QRectF, step: int, overlays: Overlays) -> None:
        answer = self.trace.prediction[step]
        grids = self.grids(place)
        self._paint_still(painter, grids, overlays)
        grid = grids[1]
        sure = self.trace.probability[step].max(axis=1) if overlays.candidates else np.ones(len(answer))
        self._paint_grid(painter, grid, answer, sure, overlays)
        colours, wrong = self.palette, self.wrong(step) & self.shown
        changed = (answer != self.trace.prediction[max(0, step - 1)]) & self.shown
        for flags, mark in ((changed & overlays.changed, self._ring), (wrong & overlays.wrong, corner)):
            colour = colours.color("warning" if mark is self._ring else "wrong")
            for cell in np.flatnonzero(flags).tolist():
                mark(painter, self.cell_rects(place, cell)[1], colour)
        outside = int(((answer > END) & ~self.shown).sum())
        words = f"Answer · {outside} cells outside" if outside else "Answer"
        if self.solution is not None and not outside:
            words += f" · {int(wrong.sum())} wrong" if wrong.any() else " · ✓ right"
        self._caption(painter, grid, words)

    @staticmethod
    def _ring(painter: QPainter, place: QRectF, colour: QColor) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, max(1.5, place.width() * 0.08)))
        painter.drawRect(place.adjusted(1.5, 1.5, -1.5, -1.5))

    def _paint_still(self, painter: QPainter, grids: list[QRectF], overlays: Overlays) -> None:
        """Input and expected output, from a cache: they never change."""
        ratio = painter.device().devicePixelRatio()
        for k, (name, tokens) in enumerate(self.boards):
            if tokens is None:
                continue
            grid = grids[k]
            key = (k, grid.width(), grid.height(), ratio, overlays.numerals)
            if key not in self._still:
                if len(self._still) > 8:
                    self._still.clear()
                kept = QPixmap((grid.size() * ratio).toSize())
                kept.setDevicePixelRatio(ratio)
                kept.fill(Qt.GlobalColor.transparent)
                with QPainter(kept) as inner:
                    self._paint_grid(inner, QRectF(QPointF(0, 0), grid.size()), tokens, np.ones(len(tokens)), overlays)
                self._still[key] = kept
            painter.drawPixmap(grid.topLeft(), self._still[key])
            self._caption(painter, grid, name)

    def _caption(self, painter: QPainter, grid: QRectF, words: str) -> None:
        painter.setFont(self.sized(13, QFont.Weight.DemiBold))
        painter.setPen(self.palette.color("text"))
        place = QRectF(grid.left(), grid.top() - _CAPTION, grid.width() * (1 + _GAP), _CAPTION - 4)
        if painter.fontMetrics().horizontalAdvance(words) > place.width():
            words = words.partition(" · ")[0]  # a small grid has room for its name only
            if painter.fontMetrics().horizontalAdvance(words) > place.width():
                painter.setFont(self.sized(10))
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_grid(self, painter: QPainter, grid: QRectF, tokens: Array, sure: np.ndarray, overlays: Overlays) -> None:
        shown = np.asarray(tokens)[self.shown].astype(int)
        strength = np.where(shown > END, 0.25 + 0.75 * sure[self.shown], 1.0)[:, None]
        mixed_colours = self._tokens[shown] * strength + self._tokens[PAD] * (1 - strength)
        painter.drawImage(grid, picture(opaque(mixed_colours), self.columns))
        size = grid.width() / self.columns
        painter.setPen(QPen(self.palette.color("muted", 0.45), 1))
        lines = [QLineF(grid.left(), grid.top() + k * size, grid.right(), grid.top() + k * size) for k in range(self.rows + 1)]
        lines += [QLineF(grid.left() + k * size, grid.top(), grid.left() + k * size, grid.bottom()) for k in range(self.columns + 1)]
        painter.drawLines(lines)
        if overlays.numerals and size >= _SMALLEST_NUMERAL:
            font = self.sized(min(size * 0.5, 15))
            light = mixed_colours @ (0.299, 0.587, 0.114) > 110
            for k in np.flatnonzero(shown > END).tolist():
                row, column = divmod(k, self.columns)
                ink = QColor(20, 20, 20, 190) if light[k] else QColor(255, 255, 255, 170)
                self.put_glyph(painter, _cell(grid, row, column, self.rows, self.columns), str(shown[k] - 2), font, ink)

    def paint_small(self, painter: QPainter, place: QRectF, step: int) -> None:
        size = min(place.width() / self.columns, place.height() / self.rows)
        grid = QRectF(0, 0, size * self.columns, size * self.rows)
        grid.moveCenter(place.center())
        colours = self._tokens[self.trace.prediction[step][self.shown].astype(int)]
        painter.drawImage(grid, picture(opaque(colours), self.columns))
        painter.setPen(QPen(self.palette.color("muted", 0.6), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(grid)

    def paint_canvas(self, painter: QPainter, place: QRectF, step: int) -> None:
        """The answer on the whole canvas, pale, as a ground for overlays."""
        tokens = self._tokens[self.trace.prediction[step].astype(int)] * 0.4 + self._tokens[PAD] * 0.6
        painter.drawImage(place, picture(opaque(tokens), self.side))

    def cell_words(self, cell: int, step: int) -> list[str]:
        row, column = divmod(cell, self.side)
        probability = self.trace.probability[step][cell]
        lines = [f"Row {row - self.top + 1}, column {column - self.left + 1}", f"input: {token_name(int(self.given[cell]))}"]
        likely = [t for t in np.argsort(-probability) if probability[t] >= 0.01][:4]
        lines += [f"{token_name(int(t))}:  {percent(float(probability[t]))}" for t in likely]
        if self.solution is not None:
            lines.append(f"expected: {token_name(int(self.solution[cell]))}")
        return lines
