"""The command palette: type a few letters of an action and press Return."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from hrm_studio.actions import Actions
from hrm_studio.fuzzy import score
from hrm_studio.theme import Theme

_KEYS = Qt.ItemDataRole.UserRole + 1
_MENU = Qt.ItemDataRole.UserRole + 2
_IN_TEXT = 4.0  # a match in the action's own text ranks above one that needs the name of its menu
_MOVES = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)


class CommandPalette(QDialog):
    """Lists the available actions, best match first. Return runs one, Escape closes. Created each time it is opened."""

    def __init__(self, actions: Actions, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("palette")
        self.setAccessibleName("Command palette")
        self._actions = actions
        self.field = QLineEdit(placeholderText="Search actions", clearButtonEnabled=True)
        self.field.setAccessibleName("Search actions")
        self.list = QListWidget(frameShape=QListWidget.Shape.NoFrame)
        self.list.setAccessibleName("Actions")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setItemDelegate(_Row(theme, self.list))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.field.textChanged.connect(self._fill)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(self._do)
        self._fill("")

    def show_over(self, window: QWidget) -> None:
        """Open below the top bar of a window, centred."""
        width = min(620, window.width() - 40)
        self.resize(width, min(420, window.height() - 80))
        self.move(window.mapToGlobal(QPoint((window.width() - width) // 2, 48)))
        self.show()
        self.field.setFocus()

    def _fill(self, wanted: str) -> None:
        ranked = []
        for name in self._actions.available():
            entry = self._actions.entries[name]
            menu = entry.menu.replace("&", "")
            in_text, anywhere = score(wanted, entry.text), score(wanted, f"{entry.text} {menu}")
            if anywhere is not None:
                ranked.append((anywhere if in_text is None else in_text + _IN_TEXT, name, menu))
        if wanted.strip():
            ranked.sort(key=lambda found: -found[0])
        self.list.clear()
        for _, name, menu in ranked:
            item = QListWidgetItem(self._actions.by_name[name].text().replace("&", ""))
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setData(_KEYS, QKeySequence(self._actions.shortcut(name)).toString(QKeySequence.SequenceFormat.NativeText))
            item.setData(_MENU, menu)
            item.setToolTip(self._actions.entries[name].about)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() in _MOVES:
                self.list.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if self.list.currentItem() is not None:
                    self._do(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _do(self, item: QListWidgetItem) -> None:
        name = item.data(Qt.ItemDataRole.UserRole)
        action = self._actions.by_name[name]
        self.close()
        action.trigger()


class _Row(QStyledItemDelegate):
    """The text of an action, its menu in grey, its shortcut on the right."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: object) -> QSize:
        return QSize(200, 34)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: object) -> None:
        colours = self._theme.palette
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRect(option.rect)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.color("accent", 1.0 if chosen else 0.12))
            painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), 6, 6)
        place = place.adjusted(12, 0, -12, 0)
        muted = colours.color("on_accent", 0.8) if chosen else colours.color("muted")
        painter.setPen(colours.color("on_accent") if chosen else colours.color("text"))
        text = index.data()  # type: ignore[attr-defined]
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.setPen(muted)
        after = painter.fontMetrics().horizontalAdvance(text) + 12
        painter.drawText(place.adjusted(after, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, index.data(_MENU))  # type: ignore[attr-defined]
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, index.data(_KEYS))  # type: ignore[attr-defined]
        painter.restore()
