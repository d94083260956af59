"""The shares of attention on row, column and box, as bars or numbers."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from hrm_studio.theme import Theme
from hrm_studio.ui.board.drawing import percent

_BARS, _TABLE, _ANY = 92, QSize(150, 132), 16_777_215  # pixels
_PARTS = ("itself", "row", "column", "box", "elsewhere")


class ShareBars(QWidget):
    """A bar for L, a bar for H, and L minus H in numbers."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.shares: dict[str, dict[str, float]] = {}
        self._of = ""
        self._table = True
        self.show_table(False)
        self.setAccessibleName("Share of attention in row, column and box")

    def show_table(self, on: bool) -> None:
        """Show a narrow table of numbers instead of bars, to stand beside the boards."""
        if on == self._table:
            return
        self._table = on
        self.setMinimumSize(_TABLE if on else QSize(0, _BARS))
        self.setMaximumSize(_TABLE.width() if on else _ANY, _ANY if on else _BARS)
        self.update()

    def show_shares(self, found: dict[str, dict[str, float]], of: str) -> None:
        self.shares, self._of = found, of
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.shares:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._theme.palette
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        parts = [p for p in _PARTS if p in self.shares["L"]]
        colours = dict(zip(_PARTS, (palette.muted, *palette.series[:3], palette.border), strict=True))
        painter.setPen(palette.color("muted"))
        if self._table:
            self._paint_table(painter, parts, colours)
            return
        left, width = 24.0, self.width() - 30.0
        painter.drawText(
            QRectF(0, 0, self.width(), 16), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"Attention of {self._of} goes to"
        )
        for k, level in enumerate("LH"):
            top, x = 18.0 + 22 * k, left
            painter.setPen(palette.color("text"))
            painter.drawText(QRectF(0, top, 20, 18), Qt.AlignmentFlag.AlignCenter, level)
            for part in parts:
                share = self.shares[level][part]
                place = QRectF(x, top, share * width, 18)
                painter.fillRect(place, QColor(colours[part]))
                words = f"{part} {percent(share)}"
                if painter.fontMetrics().horizontalAdvance(words) < place.width() - 4:
                    painter.setPen(palette.color("surface" if part != "elsewhere" else "text"))
                    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
                x += place.width()
        x = left
        painter.setPen(palette.color("muted"))
        painter.drawText(QRectF(0, 64, 60, 18), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "L − H, %")
        x = left + 38
        for part in parts:
            apart = round(100 * (self.shares["L"][part] - self.shares["H"][part]))
            painter.fillRect(QRectF(x, 69, 8, 8), QColor(colours[part]))
            words = f"{part} {apart:+d}".replace("-", "−") if apart else f"{part} 0"
            painter.drawText(QRectF(x + 12, 64, 120, 18), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
            x += painter.fontMetrics().horizontalAdvance(words) + 20

    def _paint_table(self, painter: QPainter, parts: list[str], colours: dict[str, str]) -> None:
        """A line for each part: its colour, its name, the shares of L and H."""
        palette, width, middle = self._theme.palette, self.width(), Qt.AlignmentFlag.AlignVCenter
        columns = {"L": width - 46.0, "H": float(width)}  # their right edges

        def write(top: float, end: float, words: str) -> None:
            painter.drawText(QRectF(end - 46, top, 46, 18), Qt.AlignmentFlag.AlignRight | middle, words)

        painter.drawText(QRectF(0, 0, width, 18), Qt.AlignmentFlag.AlignLeft | middle, f"From {self._of}")
        painter.setPen(palette.color("text"))
        for level, end in columns.items():
            write(20, end, level)
        for k, part in enumerate(parts):
            top = 40 + 18.0 * k
            painter.fillRect(QRectF(0, top + 5, 8, 8), QColor(colours[part]))
            painter.drawText(QRectF(12, top, width, 18), Qt.AlignmentFlag.AlignLeft | middle, part)
            for level, end in columns.items():
                write(top, end, percent(self.shares[level][part]))
