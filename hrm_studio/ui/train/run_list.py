"""The list of runs: state, progress, best accuracy, duration, preset and size of each; with filter and sort order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from hrm_studio.models.runs import RunModel, RunsModel
from hrm_studio.theme import Theme
from hrm_studio.ui.train.run_labels import began, details, short_name, state_colour, state_sign, state_words
from hrm_studio.units import duration, share, size

Index = QModelIndex | QPersistentModelIndex

_ROW = 74  # pixels
_EYE = 34  # pixels on the left of a row that toggle its curves
ORDERS: dict[str, Callable[[RunModel], Any]] = {
    "newest": lambda run: -run.summary.created,
    "best": lambda run: -(run.summary.best if run.summary.best is not None else -1.0),
    "longest": lambda run: -run.summary.seconds,
    "largest": lambda run: -run.summary.size,
    "name": lambda run: run.name,
}


class RunRows(QAbstractListModel):
    """RunsModel as rows, filtered by words and sorted."""

    def __init__(self, runs: RunsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._words: list[str] = []
        self._order = "newest"
        self.rows: list[RunModel] = []
        runs.listed.connect(self._fill)
        runs.changed.connect(self._changed)
        self._fill()

    def set_filter(self, text: str) -> None:
        self._words = text.lower().split()
        self._fill()

    def set_order(self, name: str) -> None:
        self._order = name
        self._fill()

    def _fill(self) -> None:
        def fits(run: RunModel) -> bool:
            text = f"{run.name} {run.summary.preset} {state_words(run.summary)}".lower()
            return all(word in text for word in self._words)

        wanted = sorted(filter(fits, self._runs.by_path.values()), key=lambda run: (ORDERS[self._order](run), run.name))
        if wanted != self.rows:
            self.beginResetModel()
            self.rows = wanted
            self.endResetModel()

    def _changed(self, run: RunModel) -> None:
        if run in self.rows:
            where = self.index(self.rows.index(run))
            self.dataChanged.emit(where, where)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        run = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return run.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return details(run.summary)
        if role == Qt.ItemDataRole.ToolTipRole:
            return details(run.summary) + "\n\nClick the square on the left to overlay its curves."
        return run if role == Qt.ItemDataRole.UserRole else None


class RunRowDelegate(QStyledItemDelegate):
    """Paints a run: colour mark, name, best accuracy, state and progress."""

    def __init__(self, theme: Theme, colour_of: Callable[[RunModel], QColor | None], parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._colour_of = theme, colour_of

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        run: RunModel = index.data(Qt.ItemDataRole.UserRole)
        summary, palette = run.summary, self._theme.palette
        area = QRect(option.rect).adjusted(2, 2, -2, -2)  # type: ignore[attr-defined]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(palette.color("accent"), 1.4) if chosen else Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("surface" if chosen else "raised", 1.0 if chosen or hovered else 0.0))
        painter.drawRoundedRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        colour = self._colour_of(run)
        painter.setPen(QPen(colour or palette.color("muted", 0.6), 1.6))
        painter.setBrush(colour if colour is not None else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(area.left() + 10, area.top() + 12, 12, 12), 3, 3)
        text = area.adjusted(_EYE, 8, -10, -8)
        self._line(painter, text, 0, short_name(summary), share(summary.best), True)
        far = f" · {summary.progress:.0%}" if 0 < summary.progress < 1 else ""
        sign, state = state_sign(summary), palette.color(state_colour(summary))
        self._line(painter, text, 20, f"{sign} {state_words(summary)}{far}", duration(summary.seconds), False, state)
        self._line(painter, text, 38, f"{summary.preset or summary.task or '–'} · {began(summary)}", size(summary.size), False)
        bar = QRectF(text.left(), area.bottom() - 6, text.width(), 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("muted", 0.18))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        painter.setBrush(state)
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(3.0, bar.width() * summary.progress), 3), 1.5, 1.5)
        painter.restore()

    def _line(self, painter: QPainter, area: QRect, top: int, left: str, right: str, bold: bool, colour: QColor | None = None) -> None:
        palette, font = self._theme.palette, QFont(painter.font())
        font.setPixelSize(13 if bold else 12)
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        painter.setFont(font)
        line = QRect(area.left(), area.top() + top, area.width(), 18)
        painter.setPen(palette.color("text" if bold else "muted"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, right)
        room = line.width() - painter.fontMetrics().horizontalAdvance(right) - 10
        painter.setPen(colour or palette.color("text" if bold else "muted"))
        words = painter.fontMetrics().elidedText(left, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)


class RunListView(QListView):
    """Signals
    -------
    overlay_wanted(object)  the mark of a RunModel was clicked
    """

    overlay_wanted = Signal(object)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton and event.position().x() < _EYE:
            self.overlay_wanted.emit(index.data(Qt.ItemDataRole.UserRole))
            return
        super().mousePressEvent(event)


class RunList(QWidget):
    """Signals
    -------
    chosen(object)              a RunModel to look at
    overlay_wanted(object)      overlay a RunModel's curves, or remove them
    menu_wanted(object, object) the menu of a RunModel, at a global position
    """

    chosen = Signal(object)
    overlay_wanted = Signal(object)
    menu_wanted = Signal(object, object)

    def __init__(
        self, runs: RunsModel, theme: Theme, colour_of: Callable[[RunModel], QColor | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.rows = RunRows(runs, self)
        self._current: RunModel | None = None
        self.view = RunListView()
        self.view.setObjectName("runs")
        self.view.setAccessibleName("Runs")
        self.view.setModel(self.rows)
        self.view.setItemDelegate(RunRowDelegate(theme, colour_of, self.view))
        self.view.setMouseTracking(True)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.overlay_wanted.connect(self.overlay_wanted)
        self.filter = QLineEdit(placeholderText="Filter runs", clearButtonEnabled=True, accessibleName="Filter runs")
        self.filter.textChanged.connect(self.rows.set_filter)
        self.order = QComboBox(toolTip="Sort by", accessibleName="Sort runs by")
        for name in ORDERS:
            self.order.addItem(name, name)
        self.order.activated.connect(lambda _: self.rows.set_order(self.order.currentData()))
        self.empty = QLabel("No runs yet.\nChoose a preset and press Start.", objectName="muted", alignment=Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self.order)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.empty)
        selection = self.view.selectionModel()
        selection.currentChanged.connect(self._selected)
        self.rows.modelReset.connect(self._after_reset)
        theme.changed.connect(self.view.viewport().update)
        self._after_reset()

    def choose(self, run: RunModel | None) -> None:
        """Select a run without emitting `chosen`."""
        self._current = run
        selection = self.view.selectionModel()
        blocked = selection.blockSignals(True)
        if run in self.rows.rows:
            self.view.setCurrentIndex(self.rows.index(self.rows.rows.index(run)))
        else:
            self.view.clearSelection()
            self.view.setCurrentIndex(QModelIndex())
        selection.blockSignals(blocked)
        self.view.viewport().update()

    def _selected(self, index: QModelIndex) -> None:
        if index.isValid():
            self._current = index.data(Qt.ItemDataRole.UserRole)
            self.chosen.emit(self._current)

    def _after_reset(self) -> None:
        self.empty.setVisible(not self.rows.rows)
        self.view.setVisible(bool(self.rows.rows))
        self.choose(self._current)

    def _menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if index.isValid():
            self.menu_wanted.emit(index.data(Qt.ItemDataRole.UserRole), self.view.viewport().mapToGlobal(place))
