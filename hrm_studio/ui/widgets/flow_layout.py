"""Widgets in a row that wraps to the next line at the end of the width."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMargins, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QWidget


class FlowLayout(QLayout):
    """Left to right, then down; each line may be `centred`. A line is as high as its highest widget. Hidden widgets take no room."""

    def __init__(self, parent: QWidget | None = None, spacing: int = 8, centred: bool = False) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._centred = centred
        self.setContentsMargins(QMargins())
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)
        self.invalidate()

    def insert(self, index: int, widget: QWidget) -> None:
        """Add a widget at an index of the row."""
        self.addWidget(widget)
        self._items.insert(index, self._items.pop())

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        if not 0 <= index < len(self._items):
            return None
        self.invalidate()
        return self._items.pop(index)

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, area: QRect) -> None:
        super().setGeometry(area)
        self._place(area, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        found = QSize()
        for item in self._items:
            found = found.expandedTo(item.minimumSize())
        return found

    def line_height(self) -> int:
        """Of the highest item: a line is never lower than what stands in it."""
        return max((item.sizeHint().height() for item in self._items if not item.isEmpty()), default=0)

    def _place(self, area: QRect, move: bool) -> int:
        x, y, lines = area.x(), area.y(), 0
        line: list[tuple[QLayoutItem, QPoint, QSize]] = []

        def finish() -> None:
            left_over = area.width() - (line[-1][1].x() + line[-1][2].width() - area.x()) if line else 0
            shift = max(0, left_over // 2) if self._centred else 0
            for item, place, size in line if move else ():
                item.setGeometry(QRect(place + QPoint(shift, (lines - size.height()) // 2), size))
            line.clear()

        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            if x + size.width() > area.x() + area.width() and line:
                finish()
                x, y, lines = area.x(), y + lines + self.spacing(), 0
            line.append((item, QPoint(x, y), size))
            x, lines = x + size.width() + self.spacing(), max(lines, size.height())
        finish()
        return y + lines - area.y()


class FlowRow(QWidget):
    """A widget around a FlowLayout (`row`), as high as its lines at the current width. It has no minimum width.

    It reports no height-for-width: Qt would compute a panel's minimum height at its minimum width, where there are many lines.
    """

    def __init__(self, *widgets: QWidget, centred: bool = False) -> None:
        super().__init__()
        self.row = FlowLayout(self, 4, centred)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        for widget in widgets:
            self.row.addWidget(widget)

    def hasHeightForWidth(self) -> bool:
        return False

    def sizeHint(self) -> QSize:
        return QSize(0, self.row.heightForWidth(max(1, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.row.line_height())

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:  # a child has another size, for example with larger text
            self._tell_height()
        return done

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell_height()

    def _tell_height(self) -> None:
        if self.sizeHint().height() != self.height():
            self.updateGeometry()
