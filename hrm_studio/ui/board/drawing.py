"""The base class of the boards' drawings, and helpers. A drawing has one trace and one palette; it paints any step at any place and size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPixmap, QPolygonF

from hrm_model.trace.curves import wrong_cells
from hrm_model.trace.data import Trace
from hrm_studio.theme import Palette
from hrm_studio.ui.widgets.vector import is_vector

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlays:
    """What a board shows in addition to the answer."""

    candidates: bool = True  # the probability of each answer: pencil marks, glow, faded colours
    changed: bool = True  # cells whose answer differs from the step before
    wrong: bool = True  # cells that differ from the solution, if it is known
    rules: bool = True  # cells that break a rule
    confidence: bool = False  # a tint, stronger if the model is surer
    numerals: bool = True  # the number of each ARC colour


@dataclass(frozen=True)
class Overlay:
    """One field of `Overlays`, as a switch with a label and a tooltip."""

    name: str
    label: str
    tip: str


CHANGED = Overlay("changed", "Changed", "A tint marks the cells whose answer differs from the step before.")
CONFIDENCE = Overlay("confidence", "Confidence", "A purple tint: the stronger, the surer the model is of its answer.")


class Drawing(ABC):
    """The board of a task for one trace. Cells are counted row by row, as in the trace."""

    aspect = 1.0  # width / height of the whole drawing
    small_aspect = 1.0  # the same for `paint_small`
    fills = False  # takes the whole widget and centres itself, with its captions
    offers: tuple[Overlay, ...] = ()  # those that make sense for the task

    def __init__(self, trace: Trace, palette: Palette, font: QFont) -> None:
        self.trace, self.palette, self.font = trace, palette, font
        self.side = trace.side
        self.rows = self.columns = self.side  # of the part that is drawn: its upper left
        self.given = np.asarray(trace.puzzle.given)
        self.solution = trace.puzzle.solution
        self._glyphs: dict[tuple[str, int, int, int, float], QPixmap] = {}
        self._boxes: tuple[QRectF, list[QRectF]] | None = None
        self._fonts: dict[tuple[int, QFont.Weight], QFont] = {}

    @abstractmethod
    def paint(self, painter: QPainter, place: QRectF, step: int, overlays: Overlays) -> None:
        """The board after `step`, filling `place`."""

    @abstractmethod
    def paint_small(self, painter: QPainter, place: QRectF, step: int) -> None:
        """The same as a picture of about 60 pixels."""

    @abstractmethod
    def cell_words(self, cell: int, step: int) -> list[str]:
        """The lines of a cell's tooltip."""

    def grids(self, place: QRectF) -> list[QRectF]:
        """Where the grids are. Most boards have one; ARC has up to three with the same cells."""
        return [place]

    def cell_rects(self, place: QRectF, cell: int) -> list[QRectF]:
        """Where a cell is drawn, once for each grid."""
        row, column = divmod(cell, self.side)
        return [_cell(grid, row, column, self.rows, self.columns) for grid in self.grids(place)]

    def cell_at(self, place: QRectF, point: QPointF) -> int | None:
        """The cell under a point; None outside the board."""
        for grid in self.grids(place):
            if grid.contains(point):
                row, column = _row_column(grid, point, self.rows, self.columns)
                return row * self.side + column
        return None

    def boxes(self, place: QRectF) -> list[QRectF]:
        """The rectangles of all cells in the first grid; cached for a place."""
        if self._boxes is None or self._boxes[0] != place:
            grid = self.grids(place)[0]
            self._boxes = QRectF(place), [_cell(grid, *divmod(k, self.side), self.side, self.side) for k in range(len(self.given))]
        return self._boxes[1]

    # For subclasses ------------------------------------------------------------------------------------------------

    def wrong(self, step: int) -> Flags:
        """(S,) answers that are not right, as `wrong_cells` counts them."""
        return wrong_cells(self.trace, slice(step, step + 1))[0]

    def glyph(self, text: str, font: QFont, colour: QColor, ratio: float) -> QPixmap:
        """A short text as a pixmap. A board may show hundreds, and drawing pixmaps is several times quicker than drawing text."""
        key = (text, font.pixelSize(), int(font.bold()), colour.rgba(), ratio)
        if key not in self._glyphs:
            size = QFontMetricsF(font).boundingRect(text).size().toSize() + QSize(2, 2)
            picture = QPixmap(size * ratio)
            picture.setDevicePixelRatio(ratio)
            picture.fill(Qt.GlobalColor.transparent)
            with QPainter(picture) as painter:
                painter.setFont(font)
                painter.setPen(colour)
                painter.drawText(QRectF(0, 0, size.width(), size.height()), Qt.AlignmentFlag.AlignCenter, text)
            self._glyphs[key] = picture
        return self._glyphs[key]

    def put_glyph(self, painter: QPainter, place: QRectF, text: str, font: QFont, colour: QColor) -> None:
        """Draw a short text in the middle of a place."""
        if is_vector(painter):
            painter.setFont(font)
            painter.setPen(colour)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
            return
        picture = self.glyph(text, font, colour, painter.device().devicePixelRatio())
        size = picture.deviceIndependentSize()
        painter.drawPixmap(QPointF(place.center().x() - size.width() / 2, place.center().y() - size.height() / 2), picture)

    def sized(self, pixels: float, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        """The font in another size."""
        size = max(5, int(pixels))
        if (size, weight) not in self._fonts:
            font = QFont(self.font)
            font.setPixelSize(size)
            font.setWeight(weight)
            self._fonts[size, weight] = font
        return self._fonts[size, weight]

    def tint(self, step: int) -> NDArray[np.uint8]:
        """(S, 4) the tint of confidence as premultiplied RGBA: transparent at chance level, strongest at probability 1."""
        probability = self.trace.probability[step]
        chance = 1 / probability.shape[1]
        sureness = np.clip((probability.max(axis=1) - chance) / (1 - chance), 0, 1)
        return premultiplied(self.palette.series[3], 0.4 * sureness)


def _cell(grid: QRectF, row: float, column: float, rows: int, columns: int) -> QRectF:
    width, height = grid.width() / columns, grid.height() / rows
    return QRectF(grid.left() + column * width, grid.top() + row * height, width, height)


def _row_column(grid: QRectF, point: QPointF, rows: int, columns: int) -> tuple[int, int]:
    row = int((point.y() - grid.top()) / grid.height() * rows)
    column = int((point.x() - grid.left()) / grid.width() * columns)
    return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)


def rgb(name: str) -> NDArray[np.float64]:
    """'#rrggbb' → (3,) 0…255."""
    return np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)], float)


def mixed(first: str, second: str, share: float) -> str:
    """A colour between two: `share` of the second."""
    red, green, blue = np.round(rgb(first) * (1 - share) + rgb(second) * share).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def premultiplied(colour: str, alpha: NDArray[np.floating]) -> NDArray[np.uint8]:
    """One colour at opacities (N,) 0…1 → (N, 4) RGBA, premultiplied."""
    return np.round(np.append(rgb(colour), 255) * alpha[:, None]).astype(np.uint8)


def picture(pixels: NDArray[np.uint8], columns: int) -> QImage:
    """(N, 4) premultiplied RGBA, row by row → an image `columns` pixels wide."""
    data = np.ascontiguousarray(pixels)
    image = QImage(data.data, columns, len(data) // columns, 4 * columns, QImage.Format.Format_RGBA8888_Premultiplied)
    return image.copy()  # owns its bytes


def opaque(colours: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(N, 3) 0…255 → (N, 4)."""
    return np.concatenate([np.round(colours), np.full((len(colours), 1), 255)], axis=1).astype(np.uint8)


def corner(painter: QPainter, place: QRectF, colour: QColor) -> None:
    """A filled corner: marks a wrong cell by shape and not by colour alone."""
    size = place.width() * 0.2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    top_right = place.topRight() + QPointF(-1, 1)
    painter.drawPolygon(QPolygonF([top_right, top_right + QPointF(-size, 0), top_right + QPointF(0, size)]))


def percent(probability: float) -> str:
    """'97 %'. Rounds neither up to '100 %' nor down to '0 %': '> 99 %', '< 1 %'."""
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{probability:.0%}".replace("%", " %")
