"""How much of the attention stays in row, column and box."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from hrm_studio.theme import Theme
from hrm_studio.views.board_drawing import percent

_PARTS = ("itself", "row", "column", "box", "elsewhere")


class ShareBars(QWidget):
    """How much of the attention stays where: a bar for L, one for H, and L minus H in numbers."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shares: dict[str, dict[str, float]] = {}
        self._of = ""
        self.setFixedHeight(92)
        self.setAccessibleName("Share of attention in row, column and box")

    def show_shares(self, found: dict[str, dict[str, float]], of: str) -> None:
        self._shares, self._of = found, of
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._shares:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._theme.palette
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        parts = [p for p in _PARTS if p in self._shares["L"]]
        colours = dict(zip(_PARTS, (palette.muted, *palette.series[:3], palette.border), strict=True))
        left, width = 24.0, self.width() - 30.0
        painter.setPen(palette.color("muted"))
        painter.drawText(
            QRectF(0, 0, self.width(), 16), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"Attention of {self._of} goes to"
        )
        for k, level in enumerate("LH"):
            top, x = 18.0 + 22 * k, left
            painter.setPen(palette.color("text"))
            painter.drawText(QRectF(0, top, 20, 18), Qt.AlignmentFlag.AlignCenter, level)
            for part in parts:
                share = self._shares[level][part]
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
            apart = round(100 * (self._shares["L"][part] - self._shares["H"][part]))
            painter.fillRect(QRectF(x, 69, 8, 8), QColor(colours[part]))
            words = f"{part} {apart:+d}".replace("-", "−") if apart else f"{part} 0"
            painter.drawText(QRectF(x + 12, 64, 120, 18), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
            x += painter.fontMetrics().horizontalAdvance(words) + 20
