"""The list of models in the Library, in sections, with a search here and on the Hub."""

from __future__ import annotations

from functools import cache

import qtawesome
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QIcon, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_studio.models.downloads import Download, Downloads
from hrm_studio.models.library import SECTIONS, LibraryEntry, LibraryModel
from hrm_studio.theme import Theme
from hrm_studio.units import size

_ROW, _HEADING = 54, 34  # pixels
_ENTRY = Qt.ItemDataRole.UserRole
_ICONS = {
    "bundled": "mdi6.package-variant-closed", "local": "mdi6.folder-outline", "cached": "mdi6.check-circle-outline",
    "hub": "mdi6.cloud-outline", "found": "mdi6.cloud-search-outline",
}  # fmt: skip


class ModelList(QWidget):
    """Signals
    -------
    open_wanted()               open a checkpoint from disk
    search_wanted(str)          search the Hub
    hub_settings_wanted()
    menu_wanted(object, object) the menu of a LibraryEntry, at a global position
    """

    open_wanted = Signal()
    search_wanted = Signal(str)
    hub_settings_wanted = Signal()
    menu_wanted = Signal(object, object)

    def __init__(self, library: LibraryModel, downloads: Downloads, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library, self._downloads, self._theme = library, downloads, theme
        self.search = QLineEdit(placeholderText="Search (Enter: the Hub)", clearButtonEnabled=True, accessibleName="Search models")
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(
            lambda: self.search_wanted.emit(self.search.text().strip()) if self.search.text().strip() else None
        )
        self.settings = QToolButton(
            objectName="flat", toolTip="Hub settings: mirror, token, offline mode, cache", accessibleName="Hub settings"
        )
        self.settings.clicked.connect(self.hub_settings_wanted)
        self.open = QPushButton(
            "Open a checkpoint …", toolTip="Open a checkpoint folder or a run. You can also drop a folder, file or zip on the window"
        )
        self.open.clicked.connect(self.open_wanted)
        self.list = QListWidget(objectName="library", accessibleName="Models")
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMouseTracking(True)
        self.list.setItemDelegate(_Rows(downloads, theme, self.list))
        self.list.currentItemChanged.connect(self._chosen)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self.settings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 6, 12)
        layout.setSpacing(8)
        layout.addLayout(row)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.open)
        library.changed.connect(self._fill)
        library.chosen_changed.connect(self._mark)
        downloads.changed.connect(lambda _: self.list.viewport().update())
        theme.changed.connect(self._colours)
        self._colours()

    def _fill(self) -> None:
        words = self.search.text().lower().split()
        self.list.blockSignals(True)
        place = self.list.verticalScrollBar().value()
        self.list.clear()
        for section, title in SECTIONS.items():
            entries = [
                e for e in self._library.entries if e.section == section and (section == "found" or all(w in e.words for w in words))
            ]
            if not entries:
                continue
            total = f"   {size(sum(e.nbytes for e in entries))}" if section == "cached" else ""
            heading = QListWidgetItem(title + total, self.list)
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            for entry in entries:
                item = QListWidgetItem(entry.title, self.list)
                item.setData(_ENTRY, entry)
                item.setToolTip(f"{entry.title}\n{entry.about}\n{entry.path or entry.id}")
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{entry.title}, {entry.about}")
        self.list.verticalScrollBar().setValue(place)
        self.list.blockSignals(False)
        self._mark()

    def _mark(self) -> None:
        chosen = self._library.chosen
        for number in range(self.list.count()):
            item = self.list.item(number)
            entry = item.data(_ENTRY)
            if entry is not None and chosen is not None and entry.key == chosen.key:
                self.list.blockSignals(True)
                self.list.setCurrentItem(item)
                self.list.blockSignals(False)
                return

    def _chosen(self, item: QListWidgetItem | None) -> None:
        entry = item.data(_ENTRY) if item is not None else None
        if isinstance(entry, LibraryEntry):
            self._library.choose(entry)

    def _menu(self, place: QPoint) -> None:
        item = self.list.itemAt(place)
        entry = item.data(_ENTRY) if item is not None else None
        if isinstance(entry, LibraryEntry):
            self.menu_wanted.emit(entry, self.list.viewport().mapToGlobal(place))

    def _colours(self) -> None:
        self.settings.setIcon(qtawesome.icon("mdi6.cloud-cog-outline", color=self._theme.palette.text))
        self.open.setIcon(qtawesome.icon("mdi6.folder-open-outline", color=self._theme.palette.text))
        self.list.viewport().update()


class _Rows(QStyledItemDelegate):
    def __init__(self, downloads: Downloads, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._downloads, self._theme = downloads, theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, _ROW if index.data(_ENTRY) is not None else _HEADING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        palette, area = self._theme.palette, option.rect  # type: ignore[attr-defined]
        entry = index.data(_ENTRY)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(option.font)  # type: ignore[attr-defined]
        if entry is None:
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(palette.color("muted"))
            painter.drawText(area.adjusted(8, 8, -4, 0), Qt.AlignmentFlag.AlignVCenter, index.data())
            painter.restore()
            return
        state = option.state  # type: ignore[attr-defined]
        chosen, hovered = bool(state & QStyle.StateFlag.State_Selected), bool(state & QStyle.StateFlag.State_MouseOver)
        box = QRectF(area).adjusted(1, 1, -3, -2)
        if chosen or hovered:
            painter.setBrush(palette.color("surface" if chosen else "raised"))
            painter.setPen(QPen(palette.color("accent"), 1.4) if chosen else Qt.PenStyle.NoPen)
            painter.drawRoundedRect(box, 8, 8)
        download = self._downloads.by_id.get(entry.id) if entry.id and entry.section != "bundled" else None
        colour = palette.accent if chosen else palette.muted
        icon = _icon(_ICONS[entry.section] if entry.complete else "mdi6.progress-download", colour)
        icon.paint(painter, QRect(area.left() + 10, area.top() + 17, 20, 20))
        right = size(entry.nbytes) if entry.nbytes else ""
        text = QRect(area.left() + 40, area.top() + 8, area.width() - 52, 20)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(palette.color("text"))
        painter.drawText(
            text, Qt.AlignmentFlag.AlignVCenter, painter.fontMetrics().elidedText(entry.title, Qt.TextElideMode.ElideRight, text.width())
        )
        font.setBold(False)
        font.setPixelSize(12)
        painter.setFont(font)
        painter.setPen(palette.color("muted"))
        below = text.translated(0, 20)
        room = below.width()
        if right:
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, right)
            room -= painter.fontMetrics().horizontalAdvance(right) + 10
        about = entry.about if download is None or download.state == "finished" else _state(download)
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, painter.fontMetrics().elidedText(about, Qt.TextElideMode.ElideRight, room))
        if download is not None and download.state != "finished" and download.total:
            line = QRectF(below.left(), box.bottom() - 5, below.width(), 3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("border"))
            painter.drawRoundedRect(line, 1.5, 1.5)
            line.setWidth(line.width() * min(1.0, download.nbytes / download.total))
            painter.setBrush(palette.color("wrong" if download.state == "failed" else "accent"))
            painter.drawRoundedRect(line, 1.5, 1.5)
        painter.restore()


@cache
def _icon(name: str, colour: str) -> QIcon:
    return qtawesome.icon(name, color=colour)


def _state(download: Download) -> str:
    return {
        "starting": "connecting …", "running": f"{size(download.nbytes)} of {size(download.total)}", "waiting": "retrying soon",
        "checking": "checking …", "paused": "paused", "failed": "failed", "finished": "",
    }[download.state]  # fmt: skip
