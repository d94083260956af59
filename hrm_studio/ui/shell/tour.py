"""The first-run tour: a bubble beside each of five places of the window, with two sentences. The window stays usable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from hrm_studio.theme import Theme

_GAP = 10  # pixels between a widget and its bubble
_WIDTH = 320
_FOLLOW_MS = 150  # the bubble follows its widget this often


@dataclass(frozen=True)
class TourStop:
    title: str
    text: str
    widget: Callable[[], QWidget]  # what the bubble points at; asked when the tour gets there


class Tour(QFrame):
    """A bubble beside each stop's widget, and a ring around the widget. Esc or Skip ends the tour.

    Signals
    -------
    ended()
    """

    ended = Signal()

    def __init__(self, stops: list[TourStop], theme: Theme, window: QWidget) -> None:
        super().__init__(window, objectName="tour")
        self._stops, self._window, self._at = stops, window, 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.ring = _Ring(theme, window)
        self.title = QLabel(objectName="title")
        self.text = QLabel(wordWrap=True)
        self.count = QLabel(objectName="muted")
        self.skip = QPushButton("Skip")
        self.back = QPushButton("Back")
        self.next = QPushButton("Next", objectName="go")
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        for button in (self.skip, self.back, self.next):
            row.addWidget(button)
            button.setAutoDefault(True)  # Return presses the focused one, as in a dialog
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.skip.clicked.connect(self.end)
        self.back.clicked.connect(lambda: self.go(self._at - 1))
        self.next.clicked.connect(lambda: self.go(self._at + 1))
        window.installEventFilter(self)
        # A widget gets no event if one of its parents moves.
        self._follow_timer = QTimer(self, interval=_FOLLOW_MS)
        self._follow_timer.timeout.connect(self._follow)
        self._follow_timer.start()
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def go(self, number: int) -> None:
        """Show a stop, counted from 0; after the last one the tour ends."""
        if number >= len(self._stops):
            self.end()
            return
        self._at = max(0, number)
        stop = self._stops[self._at]
        self.title.setText(stop.title)
        self.text.setText(stop.text)
        self.setAccessibleName(f"Tour: {stop.title}. {stop.text}")
        self.count.setText(f"{self._at + 1} of {len(self._stops)}")
        self.back.setEnabled(self._at > 0)
        self.next.setText("Done" if self._at == len(self._stops) - 1 else "Next")
        self.show()
        self._place()
        self.next.setFocus()

    def end(self) -> None:
        self._window.removeEventFilter(self)
        self.ring.deleteLater()
        self.deleteLater()
        self.hide()
        self.ring.hide()
        self.ended.emit()

    def _rect(self) -> QRect:
        """Where the stop's widget is in the window."""
        widget = self._stops[self._at].widget()
        if not widget.isVisible() or widget.window() is not self._window:
            widget = self._window  # the panel is closed, or floats
        return QRect(widget.mapTo(self._window, QPoint(0, 0)), widget.size()).intersected(self._window.rect())

    def _follow(self) -> None:
        if self.isVisible() and self.ring.geometry() != self._rect().adjusted(-3, -3, 3, 3):
            self._place()

    def _place(self) -> None:
        place = self._rect()
        self.ring.setGeometry(place.adjusted(-3, -3, 3, 3))
        self.ring.show()
        self.ring.raise_()
        self.setFixedWidth(min(_WIDTH, self._window.width() - 24))
        height = self.heightForWidth(self.width()) if self.hasHeightForWidth() else self.sizeHint().height()
        self.resize(self.width(), height)
        self.move(self._beside(place))
        self.raise_()

    def _beside(self, place: QRect) -> QPoint:
        """Right, left, below or above, whichever has room; else in a corner of the widget itself."""
        room, width, height = self._window.rect(), self.width(), self.height()
        middle = min(max(place.center().y() - height // 2, 12), room.height() - height - 12)
        across = min(max(place.center().x() - width // 2, 12), room.width() - width - 12)
        for spot in (
            QPoint(place.right() + _GAP, middle),
            QPoint(place.left() - _GAP - width, middle),
            QPoint(across, place.bottom() + _GAP),
            QPoint(across, place.top() - _GAP - height),
        ):
            if room.contains(QRect(spot, self.size())):
                return spot
        return QPoint(place.right() - width - 12, min(place.bottom(), room.bottom()) - height - 12)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            assert isinstance(event, QKeyEvent)
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False


class _Ring(QWidget):
    """A frame around the widget. Mouse events pass through it."""

    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window, visible=False)
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.palette.color("accent"), 3))
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 8, 8)
