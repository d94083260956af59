"""A row of small widgets that goes on in a next row where there is no more room."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QWidget


class FlowLayout(QLayout):
    """Left to right, or centred, then downwards."""

    def __init__(self, centred: bool = False) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._centred = centred
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(4)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def insert(self, index: int, widget: QWidget) -> None:
        """A widget at a place in the row."""
        self.addWidget(widget)
        self._items.insert(index, self._items.pop())
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        rows = self._rows(width)
        return sum(max(item.sizeHint().height() for item in row) for row in rows) + self.spacing() * max(0, len(rows) - 1)

    def sizeHint(self) -> QSize:
        return QSize(sum(i.sizeHint().width() + self.spacing() for i in self._items), self.heightForWidth(1 << 20))

    def minimumSize(self) -> QSize:
        return QSize(
            max((i.minimumSize().width() for i in self._items), default=0), max((i.sizeHint().height() for i in self._items), default=0)
        )

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        top = rect.top()
        for row in self._rows(rect.width()):
            used = sum(i.sizeHint().width() for i in row) + self.spacing() * (len(row) - 1)
            left = rect.left() + (max(0, (rect.width() - used) // 2) if self._centred else 0)
            height = max(i.sizeHint().height() for i in row)
            for item in row:
                size = item.sizeHint()
                item.setGeometry(
                    QRect(QPoint(left, top + (height - size.height()) // 2), QSize(min(size.width(), rect.width()), size.height()))
                )
                left += size.width() + self.spacing()
            top += height + self.spacing()

    def _rows(self, width: int) -> list[list[QLayoutItem]]:
        rows: list[list[QLayoutItem]] = []
        used = 0
        for item in self._items:
            if item.isEmpty():
                continue
            wanted = item.sizeHint().width()
            if not rows or used + self.spacing() + wanted > width:
                rows.append([])
                used = wanted
            else:
                used += self.spacing() + wanted
            rows[-1].append(item)
        return rows


class FlowRow(QWidget):
    """A FlowLayout as a widget that is as high as its rows need."""

    def __init__(self, *widgets: QWidget, centred: bool = False) -> None:
        super().__init__()
        self.row = FlowLayout(centred)
        self.setLayout(self.row)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        for widget in widgets:
            self.row.addWidget(widget)
