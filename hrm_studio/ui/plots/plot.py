"""The plot widget that all pages use, its style, and helpers for titles and axes."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPicture, QPixmap, QPolygonF, QResizeEvent

from hrm_studio.theme import Palette
from hrm_studio.ui.widgets.vector import is_vector

pg.setConfigOptions(antialias=True)

NUMBERS_APART, _HALF_NUMBER = 14, 5  # pixels: least distance of two numbers on the left axis, and half the height of one
_NUMBER_WIDTH = 24  # pixels for the number of a segment
_EVERY = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # segments from one number to the next


def share_axis(plot: Plot, width: int) -> None:
    """A left axis from 0 to 1 with 0 %, 50 % and 100 %, of a fixed width. Call it once: it keeps room for the outer numbers at any height."""
    axis = plot.getPlotItem().getAxis("left")
    axis.setWidth(width)
    axis.setTicks([[(0, "0 %"), (0.5, "50 %"), (1, "100 %")]])
    box = plot.getPlotItem().vb

    def fit(*_: object) -> None:
        box.setYRange(0, 1, padding=(_HALF_NUMBER + 2) / max(30.0, box.height() - NUMBERS_APART))

    box.sigResized.connect(fit)
    fit()


class UprightAxis(pg.AxisItem):
    """A left axis whose numbers never overlap. In a low plot, pyqtgraph draws all those of its first level, however little room there is."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        levels: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
        pixel = (high - low) / max(1.0, size)
        if self.logMode or not levels or levels[0][0] >= NUMBERS_APART * pixel:
            return levels
        kept: list[float] = []
        for value in (value for _, values in levels for value in values):
            whole = low + _HALF_NUMBER * pixel <= value <= high - _HALF_NUMBER * pixel
            if whole and all(abs(value - other) >= NUMBERS_APART * pixel for other in kept):
                kept.append(value)
        return [(min(spacing for spacing, _ in levels), sorted(kept))]


class SegmentAxis(pg.AxisItem):
    """A bottom axis for steps that names the segments: each number stands in the middle of its segment."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._numbers: dict[float, int] = {}  # by the middle, in steps

    def set_segments(self, segment: NDArray[np.integer], steps: int) -> None:
        """`segment`: the number of each step so far, (N,) from 0; `steps`: how many there will be, of segments as long as the first."""
        starts = np.flatnonzero(np.diff(segment, prepend=-1))
        numbers = segment[starts]
        whole = int(starts[1]) if len(starts) > 1 else max(len(segment), 1)
        more = np.arange(starts[-1] + whole, steps, whole)
        starts, numbers = np.append(starts, more), np.append(numbers, numbers[-1] + 1 + np.arange(len(more)))
        middles = (starts + np.append(starts[1:], max(steps, int(starts[-1]) + 1)) - 1) / 2
        numbered = dict(zip(middles.tolist(), (numbers + 1).tolist(), strict=True))
        if numbered != self._numbers:
            self._numbers = numbered
            self.picture = None  # pyqtgraph's cache of the axis
            self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        seen = [x for x in self._numbers if low <= x <= high]
        room = max(1.0, size / _NUMBER_WIDTH)
        every = next((k for k in _EVERY if len(seen) / k <= room), _EVERY[-1])
        return [(1.0, [x for x in seen if self._numbers[x] % every == 0])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [str(self._numbers[x]) for x in values]


class Plot(pg.PlotWidget):
    """A plot whose items are cached as a pixmap; `over` paints on top what moves with the cursor.

    So a cursor move draws no axes, grids or curves. The pixmap is made again when the scene changes.
    """

    def __init__(self, bottom: pg.AxisItem | None = None) -> None:
        self._picture: QPixmap | None = None
        self.styled: tuple[Palette, str, bool] | None = None  # by `style_plot`
        self.over: Callable[[QPainter], None] | None = None
        self.fixed: Callable[[QPainter], None] | None = None  # painted once, into the pixmap
        super().__init__(
            enableMenu=False, axisItems={"left": UprightAxis("left")} | ({"bottom": bottom} if bottom is not None else {})
        )  # making the menus, which nobody opens, takes a quarter of the time
        self.scene().changed.connect(self.redraw)

    def redraw(self) -> None:
        """Draw the items again. The scene signals changes too, but only in the event loop's next turn."""
        self._picture = None
        self.viewport().update()

    def repaint_over(self) -> None:
        """Paint `over` again, on the cached pixmap."""
        self.viewport().update()

    def to_pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points (N, 2) in axis units → pixels of the widget."""
        box = self.getPlotItem().vb
        (left, right), (bottom, top) = box.viewRange()
        place = box.sceneBoundingRect()
        scaled = (np.asarray(points, np.float64).reshape(-1, 2) - (left, top)) / (right - left, bottom - top)
        return scaled * (place.width(), place.height()) + (place.left(), place.top())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._picture = None
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self.viewport()) as painter:
            if is_vector(painter):
                # A view cannot render into a painter that renders it already, but a recorded QPicture can be drawn.
                painter.drawPicture(QPointF(0, 0), self._notes())
            else:
                painter.drawPixmap(0, 0, self._kept_picture())
            if self.over is not None:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setClipRect(self.getPlotItem().vb.sceneBoundingRect())
                self.over(painter)

    def _notes(self) -> QPicture:
        """The items as a recording of lines and text."""
        items = [item for item in self.scene().items() if hasattr(item, "setExportMode")]
        for item in items:
            item.setExportMode(True)  # otherwise dots are drawn from cached pixmaps
        notes = QPicture()
        with QPainter(notes) as painter:
            self._paint_items(painter)
        for item in items:
            item.setExportMode(False)
        return notes

    def _kept_picture(self) -> QPixmap:
        ratio = self.viewport().devicePixelRatioF()
        if self._picture is None or self._picture.devicePixelRatio() != ratio:
            picture = QPixmap(self.viewport().size() * ratio)
            picture.setDevicePixelRatio(ratio)
            picture.fill(Qt.GlobalColor.transparent)  # the background, until `style_plot` gives one
            with QPainter(picture) as painter:
                self._paint_items(painter)
            self._picture = picture
        return self._picture

    def _paint_items(self, painter: QPainter) -> None:
        self.scene().prepareForPaint()
        painter.setRenderHints(self.renderHints())
        self.render(painter, QRectF(self.viewport().rect()), self.viewport().rect())
        if self.fixed is not None:
            painter.setClipRect(self.getPlotItem().vb.sceneBoundingRect())
            self.fixed(painter)


def polygon(pixels: NDArray[np.floating[Any]]) -> QPolygonF:
    """Pixels (N, 2) as a QPolygonF."""
    return QPolygonF([QPointF(x, y) for x, y in pixels.tolist()])


def new_plot(bottom: pg.AxisItem | None = None) -> Plot:
    """An empty plot without menus or buttons. `style_plot` gives it colours. `bottom`: an axis other than pyqtgraph's."""
    plot = Plot(bottom)
    setup_plot(plot)
    return plot


def setup_plot(plot: Plot) -> None:
    """No menus, no buttons, a title in a row of its own."""
    plot.setBackground(None)  # not black until `style_plot`
    plot.setMenuEnabled(False)  # also those of the items
    plot.hideButtons()
    item = plot.getPlotItem()
    item.titleLabel.setMaximumHeight(20)
    item.titleLabel.updateMin = lambda: None  # otherwise a long title makes the plot wider than its widget
    item.layout.setRowFixedHeight(0, 20)
    item.titleLabel.setVisible(True)
    item.setContentsMargins(2, 0, 8, 2)
    plot.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)


def style_plot(plot: Plot, palette: Palette, title: str, left: bool = False) -> None:
    """Set the colours of background and axes, and the title. Quick if only the title changes, or nothing does."""
    before, plot.styled = plot.styled, (palette, title, left)
    if before == plot.styled:
        return
    item = plot.getPlotItem()
    item.setTitle(title, color=palette.text, size="8pt", justify="left" if left else "center")
    plot.setAccessibleName("Plot: " + " ".join(re.sub(r"<[^>]*>|■", "", unescape(title)).split()))
    item.titleLabel.item.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
    if before is not None and before[0] is palette:
        return
    plot.setBackground(palette.surface)
    for name in ("left", "bottom"):
        axis = item.getAxis(name)
        axis.setPen(pg.mkPen(palette.border))
        axis.setTextPen(pg.mkPen(palette.muted))
        axis.setStyle(tickLength=-4, maxTickLevel=1)
        axis.setTickFont(pg.QtGui.QFont(plot.font().family(), 7))
    item.showGrid(x=False, y=True, alpha=0.15)


def show_axes(plot: Plot, shown: bool) -> None:
    """Show or hide both axes; a plot without data has none."""
    for name in ("left", "bottom"):
        plot.getPlotItem().showAxis(name, shown)


def mark_entry(colour: str, mark: str, text: str) -> str:
    """A coloured mark and what it means, as HTML for a plot's title."""
    return f'<span style="color:{colour}">{mark}</span> {text}'


def legend_entry(colour: str, text: str) -> str:
    """A coloured square and a name, as HTML for a plot's title."""
    return mark_entry(colour, "■", text)
