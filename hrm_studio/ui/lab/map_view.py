"""A map of states: an error landscape or a basin map, with the run's own path. A click thinks from there."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip

from hrm_studio.models.lab import LabModel
from hrm_studio.services.lab_maps import MapFound
from hrm_studio.theme import Palette, Theme
from hrm_studio.ui.widgets.view import View

_ENDS = {1: "right", 2: "wrong", 3: "muted"}


class MapView(View):
    """The picture fills a square; the run's path is drawn on it, with a ring where it stood.

    Signals
    -------
    picked(int, int)    a point was clicked: its row and column
    """

    picked = Signal(int, int)

    def __init__(self, lab: LabModel, theme: Theme) -> None:
        super().__init__()
        self._lab, self._theme = lab, theme
        self._kept: tuple[MapFound, Palette, QImage] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 160)
        self.setAccessibleName("Map of states")
        self.follow([(lab.map_changed, self._refresh), (theme.changed, self._refresh)], self._refresh)

    def _refresh(self) -> None:
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 260)

    def square(self) -> QRectF:
        """Where the picture is."""
        side = min(self.width(), self.height()) - 8
        place = QRectF(0, 0, side, side)
        place.moveCenter(QRectF(self.rect()).center())
        return place

    def point_at(self, point: QPointF) -> tuple[int, int] | None:
        """Row and column of the map's point there."""
        found, place = self._lab.map, self.square()
        if found is None or not place.contains(point):
            return None
        row = int((point.y() - place.top()) / place.height() * found.side)
        column = int((point.x() - place.left()) / place.width() * found.side)
        return min(row, found.side - 1), min(column, found.side - 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours, found = QPainter(self), self._theme.palette, self._lab.map
        if found is None:
            painter.setPen(colours.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The map appears here." if self._lab.busy else "")
            return
        if self._kept is None or self._kept[0] is not found or self._kept[1] is not colours:
            self._kept = found, colours, picture_of(found, colours)
        place = self.square()
        painter.drawImage(place, self._kept[2])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(place)
        scale, middle = place.width() / found.side, place.center()
        points = [QPointF(middle.x() + x * scale, middle.y() - y * scale) for x, y in found.path.tolist()]
        painter.setPen(QPen(colours.color("text", 0.6), 1.2))
        painter.drawPolyline(QPolygonF(points))
        painter.setPen(QPen(colours.color("text"), 2))
        painter.drawEllipse(middle, 5, 5)
        painter.setClipping(False)
        painter.setPen(QPen(colours.color("border"), 1))
        painter.drawRect(place)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = self.point_at(event.position())
        if point is not None and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(*point)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._lab.map is not None:
            point = self.point_at(event.pos().toPointF())
            QToolTip.showText(event.globalPos(), "" if point is None else self._lab.map.point_words(*point), self)
            return True
        return super().event(event)


def picture_of(found: MapFound, colours: Palette) -> QImage:
    """A pixel a point. Landscape: darker where more rules are broken. Basin: the colour of the end, stronger the sooner."""
    share = np.nan_to_num(found.value / max(1.0, float(np.nanmax(found.value))))
    strength = 0.15 + 0.85 * (share if found.end is None else 1 - share)
    surface = _rgb(colours.color("surface"))
    picture = np.empty((found.side, found.side, 3), np.float64)
    picture[:] = surface
    for end, name in _ENDS.items() if found.end is not None else ((0, "wrong"),):
        where = np.ones(found.value.shape, bool) if found.end is None else found.end == end
        colour = _rgb(colours.color(name))
        picture[where] = (surface * (1 - strength[..., None]) + colour * strength[..., None])[where]
    pixels = np.ascontiguousarray(picture.round().astype(np.uint8))
    return QImage(pixels.data, found.side, found.side, 3 * found.side, QImage.Format.Format_RGB888).copy()


def _rgb(colour: QColor) -> np.ndarray:
    return np.array([colour.red(), colour.green(), colour.blue()], np.float64)
