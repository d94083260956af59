"""How the window looks: light or dark, and the size of its text. Both are kept in the settings."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSettings, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from hrm_studio.style import qt_palette, style_sheet
from hrm_studio.theme import Mode, Theme

TEXT_SIZES = (100, 115, 130)  # percent
_PAINT_AFTER_MS = 10  # a new theme


class Appearance(QObject):
    """Sets the style of a window. `pages`: its large part, which is painted later than it is styled."""

    def __init__(self, theme: Theme, settings: QSettings, window: QWidget, pages: QWidget) -> None:
        super().__init__(window)
        self._theme, self._settings, self._window, self._pages = theme, settings, window, pages

    def begin(self) -> None:
        """Style the window, and again at each change. Called when all of its views listen to the theme."""
        self._theme.changed.connect(self._apply)
        self._apply()

    def set_mode(self, mode: Mode) -> None:
        self._theme.set_mode(mode)
        self._settings.setValue("theme", mode)

    def toggle_theme(self) -> None:
        """From light to dark, or back."""
        self.set_mode("light" if self._theme.palette.name == "dark" else "dark")

    @property
    def text_size(self) -> int:
        """In percent of the normal size."""
        stored = self._settings.value("text_size", 100, int)
        return stored if stored in TEXT_SIZES else 100

    def set_text_size(self, percent: int) -> None:
        """One of TEXT_SIZES."""
        self._settings.setValue("text_size", percent)
        self._apply()

    def larger_text(self, by: int) -> None:
        """So many sizes larger, as far as there are."""
        at = TEXT_SIZES.index(self.text_size) + by
        self.set_text_size(TEXT_SIZES[min(max(at, 0), len(TEXT_SIZES) - 1)])

    def _apply(self) -> None:
        if self._window.isVisible():
            # Styled in one turn of the event loop and painted in a later one: both together would block the window for too long.
            # Only the pages: Qt forgets a pending paint of the window itself.
            self._pages.setUpdatesEnabled(False)
            QTimer.singleShot(_PAINT_AFTER_MS, self, lambda: self._pages.setUpdatesEnabled(True))
        QApplication.setPalette(qt_palette(self._theme.palette))
        self._window.setStyleSheet(style_sheet(self._theme.palette, self.text_size))
