"""The board: the puzzle, and the model's answer at the cursor's step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hrm_model.trace.curves import sudoku_variant
from hrm_model.trace.data import Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Palette, Theme
from hrm_studio.ui.board.arc import ArcDrawing
from hrm_studio.ui.board.drawing import Drawing, Overlays
from hrm_studio.ui.board.maze import MazeDrawing
from hrm_studio.ui.board.sudoku import SudokuDrawing
from hrm_studio.ui.widgets.view import View

EMPTY = "The board appears here\nonce the model reasons."
_MARGIN = 12
_MOST_ZOOM = 12.0


def drawing(trace: Trace, palette: Palette, font: QFont) -> Drawing | None:
    """The drawing for a trace's task; None for an unknown task."""
    task = trace.puzzle.task
    if sudoku_variant(trace) is not None:
        return SudokuDrawing(trace, palette, font)
    if task.startswith("maze") and trace.side**2 == len(trace.puzzle.given):
        return MazeDrawing(trace, palette, font)
    if task.startswith("arc") and trace.side**2 == len(trace.puzzle.given):
        return ArcDrawing(trace, palette, font)
    return None


class BoardView(View):
    """Draws the trace at the cursor. A click selects a cell, Shift + click and dragging a rectangle of them, and Ctrl adds; hovering shows
    a cell's probabilities, the right button a menu.

    Ctrl + wheel zooms at the mouse, the middle button drags the zoomed board, a double click shows the whole board again.

    Signals
    -------
    hovered(int)                the cell under the mouse, −1 beside the board
    menu_wanted(int, object)    a menu about a cell, at a QPoint of the screen
    """

    hovered = Signal(int)
    menu_wanted = Signal(int, object)

    def __init__(self, traces: TraceModel, selection: Selection, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._selection, self._theme = traces, selection, theme
        self._drawing: Drawing | None = None
        self._drawn_for: tuple[Trace | None, Palette] | None = None
        self._hover = -1
        self._drag: QPointF | None = None
        self._corner: int | None = None  # of the rectangle that is selected by dragging or with Shift
        self._last: int | None = None  # the other corner
        self._kept: frozenset[int] | None = None  # while dragging: what was selected before, and stays
        self.overlays = Overlays()
        self.empty = EMPTY  # what the board says without a trace
        self.zoom, self._offset = 1.0, QPointF(0, 0)
        self.over: Callable[[QPainter, Drawing, QRectF], None] | None = None  # paints on top, for example attention
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(280, 240)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Board")
        self.setAccessibleDescription(
            "The model's answer at the cursor. Alt + arrow keys move the selected cell; with Shift they select a rectangle."
        )
        signals = (traces.trace_replaced, traces.trace_grew, traces.cursor_moved, selection.changed, theme.changed)
        self.follow([(signal, self._refresh) for signal in signals], self._refresh)

    def _refresh(self) -> None:
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(600, 600)

    def show_overlays(self, **switches: bool) -> None:
        """Turn overlays on or off by their name in `Overlays`."""
        self.overlays = replace(self.overlays, **switches)
        self.update()

    @property
    def drawing(self) -> Drawing | None:
        """The drawing of the open trace; None without a trace or for an unknown task."""
        key = (self._traces.trace, self._theme.palette)
        if self._drawn_for is None or self._drawn_for[0] is not key[0] or self._drawn_for[1] is not key[1]:
            trace, old = key[0], self._drawing
            self._drawing = drawing(trace, key[1], self.font()) if trace is not None else None
            self._drawn_for = key
            if old is None or self._drawing is None or old.given is not self._drawing.given:
                self.reset_zoom()
                self._corner = self._last = None
        return self._drawing

    # Places and zoom ------------------------------------------------------------------------------------------------

    def board_rect(self) -> QRectF:
        """The rectangle of the whole drawing, zoomed and moved."""
        aspect = self.drawing.aspect if self.drawing is not None else 1.0
        room_x, room_y = self.width() - 2 * _MARGIN, self.height() - 2 * _MARGIN
        width = max(20.0, min(room_x, room_y * aspect)) * self.zoom
        height = width / aspect
        if self.drawing is not None and self.drawing.fills:
            width, height = room_x * self.zoom, room_y * self.zoom
        place = QRectF(0, 0, width, height)
        place.moveCenter(QRectF(self.rect()).center() + self._offset)
        return place

    def cell_at(self, point: QPointF) -> int | None:
        """Index of the cell under a point of the widget."""
        return self.drawing.cell_at(self.board_rect(), point) if self.drawing is not None else None

    def zoom_at(self, point: QPointF, factor: float) -> None:
        """Zoom by a factor; the point of the widget stays over the same spot of the board."""
        zoom = min(max(self.zoom * factor, 1.0), _MOST_ZOOM)
        centre = QRectF(self.rect()).center()
        self._offset = point - centre - (point - centre - self._offset) * (zoom / self.zoom)
        self.zoom = zoom
        self._keep_in_sight()

    def zoom_step(self, steps: int) -> None:
        """Zoom in (or out, if `steps` is negative) around the selected cells, else around the middle."""
        boxes = [
            box
            for cell in self._selection.cells
            if self.drawing is not None
            for box in self.drawing.cell_rects(self.board_rect(), cell)[:1]
        ]
        centres = [box.center() for box in boxes]
        middle = QRectF(self.rect()).center()
        around = QPointF(sum(c.x() for c in centres), sum(c.y() for c in centres)) / len(centres) if centres else middle
        self.zoom_at(around, 1.5**steps)
        if centres and steps > 0:  # move the selection to the middle, so that it stays in sight
            self._offset += middle - around
            self._keep_in_sight()

    def reset_zoom(self) -> None:
        """Show the whole board."""
        self.zoom, self._offset = 1.0, QPointF(0, 0)
        self.update()

    def _keep_in_sight(self) -> None:
        place = self.board_rect()
        most_x, most_y = max(0.0, (place.width() - self.width()) / 2 + _MARGIN), max(0.0, (place.height() - self.height()) / 2 + _MARGIN)
        self._offset = QPointF(min(max(self._offset.x(), -most_x), most_x), min(max(self._offset.y(), -most_y), most_y))
        self.update()

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, found, place = self._theme.palette, self.drawing, self.board_rect()
        if found is None or self._traces.cursor < 0:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.color("surface"))
            if self.empty != EMPTY:
                place = QRectF(self.rect()).adjusted(6, 6, -6, -6)  # a longer text needs all the room
            painter.drawRoundedRect(place.adjusted(-6, -6, 6, 6), 10, 10)
            painter.setPen(colours.color("muted" if self.empty == EMPTY else "text"))
            trace = self._traces.trace
            words = self.empty if trace is None else f"HRM Studio cannot draw the task {trace.puzzle.task}."
            painter.drawText(place.adjusted(24, 24, -24, -24), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)
            return
        found.paint(painter, place, self._traces.cursor, self.overlays)
        if self.over is not None:
            self.over(painter, found, place)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        cells = [(cell, 3.0, QColor(colour)) for cell, colour in colours.cell_colours(self._selection.cells).items()]
        if self._hover >= 0:
            cells.append((self._hover, 1.5, colours.color("accent", 0.7)))
        for cell, width, colour in cells:
            painter.setPen(QPen(colour, width))
            for box in found.cell_rects(place, cell):
                inset = min(2.0, box.width() * 0.08)
                painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), inset * 2, inset * 2)

    # Mouse and keys --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._drag = event.position()
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        cell = self.cell_at(event.position())
        adding = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        before = self._selection.cells if adding else frozenset()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and cell is not None and self._corner is not None:
            self._selection.set(before | self._rectangle(cell))
            self._last, self._kept = cell, before
            return
        self._selection.pick(cell, adding)
        self._corner = self._last = cell
        self._kept = None if cell is None else before

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None:
            self._offset += event.position() - self._drag
            self._drag = event.position()
            self._keep_in_sight()
            return
        cell = self.cell_at(event.position())
        self._set_hover(-1 if cell is None else cell)
        if self._kept is not None and event.buttons() & Qt.MouseButton.LeftButton and cell is not None and cell != self._last:
            self._last = cell
            self._selection.set(self._kept | self._rectangle(cell))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = self._kept = None

    def _rectangle(self, cell: int) -> frozenset[int]:
        """All cells between the corner and this one."""
        assert self.drawing is not None
        side = self.drawing.side
        (top, left), (bottom, right) = divmod(cell if self._corner is None else self._corner, side), divmod(cell, side)
        rows = range(min(top, bottom), max(top, bottom) + 1)
        columns = range(min(left, right), max(left, right) + 1)
        return frozenset(row * side + column for row in rows for column in columns)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By the mouse about the cell under it, by the menu key about the selected one."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        cell = min(self._selection.cells, default=None) if by_key else self.cell_at(QPointF(event.pos()))
        if cell is not None:
            self.menu_wanted.emit(cell, event.globalPos())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_zoom()

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)

    def _set_hover(self, cell: int) -> None:
        if cell != self._hover:
            self._hover = cell
            self.hovered.emit(cell)
            self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_at(event.position(), 1.2 ** (delta / 120))
        elif delta:
            self._traces.move_steps(-1 if delta > 0 else 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ways = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        way = ways.get(Qt.Key(event.key()))
        if way is None or not event.modifiers() & Qt.KeyboardModifier.AltModifier or self.drawing is None:
            super().keyPressEvent(event)
            return
        side, extends = self.drawing.side, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        at = self._last if extends and self._last is not None else min(self._selection.cells, default=0)
        row, column = divmod(at, side)
        if self._selection.cells:
            row, column = min(max(row + way[0], 0), side - 1), min(max(column + way[1], 0), side - 1)
        self._last = row * side + column
        if extends and self._corner is not None:
            self._selection.set(self._rectangle(self._last))
        else:
            self._corner = self._last
            self._selection.set((self._last,))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip(self.cell_at(QPointF(event.pos()))), self)
            return True
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_at(event.position(), 1 + event.value())
            return True
        return super().event(event)

    def tip(self, cell: int | None) -> str:
        """The tooltip of a cell."""
        if cell is None or self.drawing is None or self._traces.cursor < 0:
            return ""
        return "\n".join(self.drawing.cell_words(cell, self._traces.cursor))
