"""Small pictures of an ARC task: a pair, and an attempt."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from hrm_model.tasks.arc.puzzle import ColourGrid, Pair
from hrm_studio.theme import Theme
from hrm_studio.ui.board.arc import COLOURS
from hrm_studio.ui.board.drawing import opaque, picture, rgb

HEIGHT = 64  # pixels: the largest height of a grid
_LARGEST_CELL, _LINED_CELL = 16.0, 5.0
CAPTION, MARGIN, _ARROW = 17, 7, 24
_PIXELS = opaque(np.array([rgb(colour) for colour in COLOURS]))


def paint_grid(painter: QPainter, place: QRectF, grid: ColourGrid, theme: Theme) -> None:
    """A grid in the standard colours; lines between the cells if they are large enough."""
    painter.drawImage(place, picture(_PIXELS[grid.ravel()], grid.shape[1]))
    rows, columns = grid.shape
    size = place.width() / columns
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.palette.color("muted", 0.5), 1))
    if size >= _LINED_CELL:
        lines = [QLineF(place.left(), place.top() + k * size, place.right(), place.top() + k * size) for k in range(1, rows)]
        lines += [QLineF(place.left() + k * size, place.top(), place.left() + k * size, place.bottom()) for k in range(1, columns)]
        painter.drawLines(lines)
    painter.drawRect(place)


class PairButton(QAbstractButton):
    """A pair as a picture, input → output. The output of a test pair is not shown: the model is to find it."""

    def __init__(self, pair: Pair, caption: str, asks: bool, theme: Theme) -> None:
        super().__init__()
        self.pair, self.caption, self._theme = pair, caption, theme
        self.output = None if asks else pair.output
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(self.sizeHint())
        size = _size(pair.input) if self.output is None else f"{_size(pair.input)} → {_size(self.output)}"
        self.setAccessibleName(f"{caption}, {size}")
        self.setToolTip(f"{caption}: {size}. Click to reason about this input.")

    @property
    def cell(self) -> float:
        """The size of a cell, in pixels."""
        grids = [self.pair.input] if self.output is None else [self.pair.input, self.output]
        return min(_LARGEST_CELL, HEIGHT / max(grid.shape[0] for grid in grids))

    def _widths(self) -> tuple[float, float]:
        asked = HEIGHT * 0.5 if self.output is None else self.output.shape[1] * self.cell
        return self.pair.input.shape[1] * self.cell, asked

    def sizeHint(self) -> QSize:
        caption = self.fontMetrics().horizontalAdvance(self.caption) + 8
        return QSize(max(caption, round(sum(self._widths())) + _ARROW) + 2 * MARGIN, HEIGHT + CAPTION + 2 * MARGIN)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.palette
        chosen = self.isChecked()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if chosen or self.underMouse() or self.hasFocus():
                painter.setPen(QPen(colours.color("accent" if chosen or self.hasFocus() else "border"), 1.5))
                painter.setBrush(colours.color("accent", 0.12) if chosen else colours.color("raised"))
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
            painter.setPen(colours.color("text" if chosen else "muted"))
            painter.drawText(QRectF(0, 4, self.width(), CAPTION), Qt.AlignmentFlag.AlignCenter, self.caption)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            left_width, right_width = self._widths()
            left = (self.width() - left_width - _ARROW - right_width) / 2
            middle = CAPTION + MARGIN + HEIGHT / 2
            place = self._centred(left, middle, self.pair.input)
            paint_grid(painter, place, self.pair.input, self._theme)
            painter.setPen(colours.color("muted"))
            arrow = QRectF(place.right(), middle - 10, _ARROW, 20)
            painter.drawText(arrow, Qt.AlignmentFlag.AlignCenter, "→")
            if self.output is not None:
                paint_grid(painter, self._centred(arrow.right(), middle, self.output), self.output, self._theme)
            else:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                asked = QRectF(arrow.right(), middle - right_width / 2, right_width, right_width)
                painter.setPen(QPen(colours.color("muted"), 1, Qt.PenStyle.DashLine))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(asked, 4, 4)
                painter.drawText(asked, Qt.AlignmentFlag.AlignCenter, "?")

    def _centred(self, left: float, middle: float, grid: ColourGrid) -> QRectF:
        width, height = grid.shape[1] * self.cell, grid.shape[0] * self.cell
        return QRectF(QPointF(round(left), round(middle - height / 2)), QPointF(round(left) + round(width), round(middle + height / 2)))


class AttemptPicture(QWidget):
    """An answer of the model, and whether it is right if that is known."""

    def __init__(self, grid: ColourGrid, caption: str, right: bool | None, theme: Theme) -> None:
        super().__init__()
        self.grid, self.right, self._theme = grid, right, theme
        self.caption = caption + ("" if right is None else " ✓" if right else " ✕")
        self.setFixedSize(self.sizeHint())
        outcome = "" if right is None else ", right" if right else ", wrong"
        self.setAccessibleName(f"{caption}{outcome}: {_size(grid)}")
        self.setToolTip(f"{caption}{outcome}: {_size(grid)}" if grid.size else f"{caption}: the answer has no grid")

    @property
    def cell(self) -> float:
        return min(_LARGEST_CELL, HEIGHT / max(1, self.grid.shape[0]))

    def sizeHint(self) -> QSize:
        caption = self.fontMetrics().horizontalAdvance(self.caption) + 8
        return QSize(max(caption, round(self.grid.shape[1] * self.cell)) + MARGIN, HEIGHT + CAPTION + 2 * MARGIN)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.palette
        with QPainter(self) as painter:
            painter.setPen(colours.color("muted" if self.right is None else "right" if self.right else "wrong"))
            painter.drawText(QRectF(0, 4, self.width(), CAPTION), Qt.AlignmentFlag.AlignCenter, self.caption)
            width, height = self.grid.shape[1] * self.cell, self.grid.shape[0] * self.cell
            middle = CAPTION + MARGIN + HEIGHT / 2
            if self.grid.size:
                place = QRectF(round((self.width() - width) / 2), round(middle - height / 2), round(width), round(height))
                paint_grid(painter, place, self.grid, self._theme)
            else:
                painter.drawText(QRectF(0, CAPTION, self.width(), HEIGHT), Qt.AlignmentFlag.AlignCenter, "no grid")


def _size(grid: ColourGrid) -> str:
    return f"{grid.shape[0]} × {grid.shape[1]}"
