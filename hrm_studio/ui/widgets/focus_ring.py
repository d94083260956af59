"""A ring around the focused widget. The style sheet removes Qt's own focus marks, and many of our widgets are painted by hand.

It shows if a key moved the focus, and not after a click: a person who clicks knows where.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QApplication,
    QFocusFrame,
    QLineEdit,
    QPlainTextEdit,
    QProxyStyle,
    QStyle,
    QStyleHintReturn,
    QStyleOption,
    QWidget,
)
from shiboken6 import isValid

from hrm_studio.theme import Theme

_TEXTS = (QLineEdit, QPlainTextEdit)
_KEYS = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)


class FocusRing(QObject):
    """Filters the events of the focused widget only: a filter on the application would send every event through Python."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._frame: _Frame | None = None
        self._by_key = False  # a key is down
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)

    @property
    def around(self) -> QWidget | None:
        """The widget inside the ring."""
        return self._frame.widget() if self._frame is not None and isValid(self._frame) else None

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if old is not None:
            old.removeEventFilter(self)
        if new is not None:
            new.installEventFilter(self)
        wanted = new if self._by_key and not QApplication.mouseButtons() else None  # a closed window may swallow the release of a key
        # No ring around a whole page, which has the focus if nothing in it does, nor around a text field, which has a caret.
        if wanted is not None and (not wanted.focusPolicy() & Qt.FocusPolicy.TabFocus or isinstance(wanted, _TEXTS)):
            wanted = None
        if self._frame is None or not isValid(self._frame):  # it is deleted with the window it was last in
            if wanted is None:
                return
            self._frame = _Frame(self._theme, wanted)
        self._frame.setWidget(wanted)  # type: ignore[arg-type]  # None hides it

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _KEYS:
            self._by_key = True
        elif event.type() == QEvent.Type.KeyRelease:
            self._by_key = False
        return False


class _Frame(QFocusFrame):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._style = theme, _Above()
        self.setStyle(self._style)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.palette.color("text"), 2))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)


class _Above(QProxyStyle):
    """Draws the frame above its widget and inside it, so that no neighbour and no edge cuts it off."""

    def styleHint(
        self,
        hint: QStyle.StyleHint,
        option: QStyleOption | None = None,
        widget: QWidget | None = None,
        returned: QStyleHintReturn | None = None,
    ) -> int:
        if hint == QStyle.StyleHint.SH_FocusFrame_AboveWidget:
            return 1
        if hint == QStyle.StyleHint.SH_FocusFrame_Mask:
            return 0
        return super().styleHint(hint, option, widget, returned)

    def pixelMetric(self, metric: QStyle.PixelMetric, option: QStyleOption | None = None, widget: QWidget | None = None) -> int:
        if metric in (QStyle.PixelMetric.PM_FocusFrameHMargin, QStyle.PixelMetric.PM_FocusFrameVMargin):
            return 0
        return super().pixelMetric(metric, option, widget)
