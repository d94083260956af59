"""A widget whose cells fill a square in its middle: where each is, and what the mouse does with it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from hrm_studio.models.selection import Selection

_MARGIN = 3.0  # pixels around the square


class SquareBoard(QWidget):
    """Cells of a square board; a click chooses the one under the mouse, with Ctrl one more.

    Signals
    -------
    hovered(int)    the cell under the mouse, −1 outside the board
    """

    hovered = Signal(int)

    def __init__(self, selection: Selection) -> None:
        super().__init__()
        self._selection = selection
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def side(self) -> int:
        """Cells in a row; 0 while there is no board."""
        raise NotImplementedError

    def place(self) -> QRectF:
        """Where the board is."""
        size = min(self.width(), self.height()) - 2 * _MARGIN
        place = QRectF(0, 0, size, size)
        place.moveCenter(QRectF(self.rect()).center())
        return place

    def cell_at(self, point: QPointF) -> int:
        """The cell there; −1 outside the board."""
        place, side = self.place(), self.side()
        if not side or not place.contains(point):
            return -1
        row, column = ((at / place.width() * side) for at in (point.y() - place.top(), point.x() - place.left()))
        return min(int(row), side - 1) * side + min(int(column), side - 1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.hovered.emit(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        self._selection.pick(None if cell < 0 else cell, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
